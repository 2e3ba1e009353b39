"""Where people set up batteries, inverters and heat loads, and see how they stand."""

from __future__ import annotations

from pathlib import Path

from msgspec import structs

from ..model.devices import Device, trouble
from ..model.live import DeviceView
from .devices import SiteDevices
from .devices.running import driver_of
from .devices.trial import DeviceTrial, try_device
from .devices.view import device_views
from .live_site import LiveSite
from .records import SiteRecords


class DeviceDesk:
    """The part of the site's desk that has to do with devices."""

    def __init__(
        self, live_site: LiveSite, records: SiteRecords, devices: SiteDevices, maps: Path | None
    ) -> None:
        self._live = live_site
        self._records = records
        self.devices = devices
        self._maps = maps

    async def set_device(self, device_id: str, device: Device | None, actor: str) -> None:
        """Use a device from now on, as it is configured here, or no longer (None). LookupError for a device
        or circuit that is not there, ValueError where it can't be.
        """
        async with self._live.changing:
            await self._set_device(device_id, device, actor)

    async def _set_device(self, device_id: str, device: Device | None, actor: str) -> None:
        known = {found.device_id: found for found in self._live.site.devices}
        if device is None:
            if device_id not in known:
                raise LookupError(f"site {self._live.site.site_id!r} has no device {device_id!r}")
            del known[device_id]
        else:
            self._live.check_circuit(device.circuit_id)
            wrong = trouble(device)
            if wrong is not None:
                raise ValueError(f"device {device_id}: {wrong}")
            if device.protocol != "none":
                driver_of(device, self._maps)
            known[device_id] = device
        await self._records.set_device(device_id, device, actor)
        await self.devices.replace(device_id, device)
        self._live.site = structs.replace(self._live.site, devices=tuple(known.values()))
        self._live.wake()

    async def try_device(self, device: Device) -> DeviceTrial:
        """Read a device once as it is configured here. ValueError where it can't be like that."""
        self._live.check_circuit(device.circuit_id)
        wrong = trouble(device)
        if wrong is not None:
            raise ValueError(f"device {device.device_id}: {wrong}")
        return await try_device(device, self._live.clock, self._maps)

    def device_views(self) -> tuple[DeviceView, ...]:
        """The site's devices now."""
        return device_views(self._live.site, self.devices, self._live.clock.monotonic())

    async def take_over_device(self, device_id: str, actor: str) -> None:
        """Command a device again that another master was found at. LookupError for an unknown one."""
        runner = self.devices.runners.get(device_id)
        if runner is None:
            raise LookupError(f"site {self._live.site.site_id!r} commands no device {device_id!r}")
        await self._records.note(actor, "take_over_device", f"device/{self._live.site.site_id}/{device_id}")
        runner.duty.take_over()
