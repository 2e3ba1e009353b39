"""Batteries, inverters and heat loads: read, and commanded where that is wanted (docs/devices.md)."""

from .duty import Duty
from .running import SiteDevices
from .told import DeviceDriver, DeviceTold

__all__ = ["DeviceDriver", "DeviceTold", "Duty", "SiteDevices"]
