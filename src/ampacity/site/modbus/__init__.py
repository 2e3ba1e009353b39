"""Modbus TCP as the site speaks it: a link that can be cancelled, maps of registers, SunSpec."""

from .address import ModbusAddress
from .link import ModbusLink, ModbusRefusal, ModbusTrouble
from .registers import Register, RegisterMap, load_map, map_names

__all__ = [
    "ModbusAddress",
    "ModbusLink",
    "ModbusRefusal",
    "ModbusTrouble",
    "Register",
    "RegisterMap",
    "load_map",
    "map_names",
]
