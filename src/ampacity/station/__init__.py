"""A charging station as an OCPP client: 1.6, 2.0.1 and 2.1, AC and DC, with the faults that real ones have."""

from .config import EvseConfig, LimitBehaviour, StationConfig
from .evse import Draw, EvseHardware, Vehicle
from .station import Acknowledgement, ChargingStation

__all__ = [
    "Acknowledgement",
    "ChargingStation",
    "Draw",
    "EvseConfig",
    "EvseHardware",
    "LimitBehaviour",
    "StationConfig",
    "Vehicle",
]
