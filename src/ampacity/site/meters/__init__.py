"""Meters of circuits, read by the site itself. A meter that doesn't answer publishes nothing: silence is
never a value.
"""

from .checks import Checks, Reading
from .config import MeterConfigError, check_config, check_meter
from .meter import CircuitMeter, event_of
from .told import MeterTrouble, Told, told_of

__all__ = [
    "Checks",
    "CircuitMeter",
    "MeterConfigError",
    "MeterTrouble",
    "Reading",
    "Told",
    "check_config",
    "check_meter",
    "event_of",
    "told_of",
]
