"""SunSpec: a device says itself what it tells where.

A map begins with `SunS` at 40000, 50000 or 0 and is a chain of models, each an id, a length and so many
registers, until the id is 65535 (SunSpec Information Model Specification 1.9, 3 and 6.3). Integers have their
exponent of ten in a register of their own; a value that a device has not got is a fixed number for each type,
and here None.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from typing import Final, Literal, TypeAlias

from msgspec import Struct

from .link import ModbusLink, ModbusRefusal, ModbusTrouble

BASES: Final = (40000, 50000, 0)
MARK: Final = (0x5375, 0x6E53)
END: Final = 0xFFFF
MOST_MODELS: Final = 200

PointType: TypeAlias = Literal[
    "int16", "uint16", "int32", "uint32", "acc32", "acc64", "float32", "sunssf", "enum16"
]
_FORMATS: Final[dict[str, tuple[str, float | None]]] = {
    # type: (format, the number that means "not there")
    "int16": (">h", -0x8000),
    "uint16": (">H", 0xFFFF),
    "enum16": (">H", 0xFFFF),
    "sunssf": (">h", -0x8000),
    "int32": (">i", -0x8000_0000),
    "uint32": (">I", 0xFFFF_FFFF),
    "acc32": (">I", 0),
    "acc64": (">Q", 0),
    "float32": (">f", None),
}


class Model(Struct, frozen=True):
    """One model of a device: `address` is of its id, `length` counts what follows the length."""

    number: int
    address: int
    length: int


class Point(Struct, frozen=True):
    """A value of a model. `offset` counts from behind the length; `exponent` is where its power of ten is."""

    offset: int
    type: PointType
    exponent: int | None = None


async def walk(link: ModbusLink, bases: Sequence[int] = BASES) -> tuple[Model, ...]:
    """The models of a device, in their order. Raises ModbusTrouble where it has no SunSpec map."""
    for base in bases:
        try:
            mark = await link.read("holding", base, 2)
        except ModbusRefusal:
            continue
        if mark == MARK:
            return await _chain(link, base + 2)
    places = ", ".join(map(str, bases))
    raise ModbusTrouble(
        "missing", f"no SunSpec map at {places}: name a register map instead, or another unit"
    )


async def _chain(link: ModbusLink, address: int) -> tuple[Model, ...]:
    models: list[Model] = []
    while len(models) < MOST_MODELS and address < 0xFFFE:
        number, length = await link.read("holding", address, 2)
        if number == END or (number, length) == (0, 0):
            return tuple(models)
        models.append(Model(number, address, length))
        address += 2 + length
    raise ModbusTrouble("garbled", f"the SunSpec map does not end: {len(models)} models up to {address}")


async def read_model(link: ModbusLink, model: Model, length: int | None = None) -> tuple[int, ...]:
    """The registers of a model behind its length (the first `length` of them). A device whose map has changed
    since the walk is garbled: walk again.
    """
    count = model.length if length is None else min(length, model.length)
    words = await link.read("holding", model.address, count + 2)
    if words[:2] != (model.number, model.length):
        raise ModbusTrouble("garbled", f"model {words[0]} is where {model.number} was: its map has changed")
    return words[2:]


def value(words: Sequence[int], point: Point) -> float | None:
    """A point's value; None where the device has not got it, or not its exponent."""
    kind, absent = _FORMATS[point.type]
    size = struct.calcsize(kind) // 2
    part = words[point.offset : point.offset + size]
    if len(part) < size:
        return None
    (raw,) = struct.unpack(kind, struct.pack(f">{size}H", *part))
    if raw == absent or (isinstance(raw, float) and not math.isfinite(raw)):
        return None
    if point.exponent is None:
        return float(raw)
    power = value(words, Point(point.exponent, "sunssf"))
    if power is None or not -10 <= power <= 10:
        return None
    return float(raw * 10 ** int(power)) if power >= 0 else float(raw) / 10 ** int(-power)


# ---------------------------------------------------------------- meters (models 201..204 and 211..214)

METER_MODELS: Final = (203, 213, 201, 211, 202, 212, 204, 214)

_WHOLE: Final[dict[str, Point]] = {
    "current_l1": Point(1, "int16", 4),
    "current_l2": Point(2, "int16", 4),
    "current_l3": Point(3, "int16", 4),
    "voltage_l1": Point(6, "int16", 13),
    "voltage_l2": Point(7, "int16", 13),
    "voltage_l3": Point(8, "int16", 13),
    "power": Point(16, "int16", 20),
    "power_l1": Point(17, "int16", 20),
    "power_l2": Point(18, "int16", 20),
    "power_l3": Point(19, "int16", 20),
    "energy_export": Point(36, "acc32", 52),
    "energy_import": Point(44, "acc32", 52),
}
_FLOAT: Final[dict[str, Point]] = {
    "current_l1": Point(2, "float32"),
    "current_l2": Point(4, "float32"),
    "current_l3": Point(6, "float32"),
    "voltage_l1": Point(10, "float32"),
    "voltage_l2": Point(12, "float32"),
    "voltage_l3": Point(14, "float32"),
    "power": Point(26, "float32"),
    "power_l1": Point(28, "float32"),
    "power_l2": Point(30, "float32"),
    "power_l3": Point(32, "float32"),
    "energy_export": Point(58, "float32"),
    "energy_import": Point(66, "float32"),
}
_TOTAL_CURRENT: Final = {201: Point(0, "int16", 4), 211: Point(0, "float32")}
METER_LENGTH: Final = {True: 53, False: 68}


async def read_meter(link: ModbusLink, model: Model) -> dict[str, float | None]:
    """What a meter's model tells, by quantity, in base units. Raises ModbusTrouble."""
    whole = model.number < 210
    words = await read_model(link, model, METER_LENGTH[whole])
    told = {name: value(words, point) for name, point in (_WHOLE if whole else _FLOAT).items()}
    if model.number in _TOTAL_CURRENT and told["current_l1"] is None:
        told["current_l1"] = value(words, _TOTAL_CURRENT[model.number])  # of one phase they are the same
    return told
