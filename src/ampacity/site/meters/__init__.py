"""Meters of circuits, read by the site itself. A meter that doesn't answer publishes nothing: silence is
never a value.
"""

from .modbus import MeterAddress, ModbusMeter

__all__ = ["MeterAddress", "ModbusMeter"]
