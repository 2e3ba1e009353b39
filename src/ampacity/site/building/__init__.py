"""Building management reads a site and limits it: Modbus TCP and MQTT (docs/building-management.md)."""

from .limits import BuildingLimits
from .modbus import BuildingServer
from .mqtt import BuildingMqtt
from .settings import BuildingSettings

__all__ = ["BuildingLimits", "BuildingMqtt", "BuildingServer", "BuildingSettings"]
