"""A charging station as an OCPP client: 1.6, 2.0.1 and 2.1, AC and DC, with the faults of real ones."""

from .config import EvseConfig, LimitBehaviour, MeterFlaw, Quirk, StationConfig
from .evse import Draw, EvseHardware, Vehicle
from .notes import Acknowledgement, FinishedSession
from .station import ChargingStation

__all__ = [
    "Acknowledgement",
    "ChargingStation",
    "Draw",
    "EvseConfig",
    "EvseHardware",
    "FinishedSession",
    "LimitBehaviour",
    "MeterFlaw",
    "Quirk",
    "StationConfig",
    "Vehicle",
]
