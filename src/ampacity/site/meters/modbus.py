"""Meters over Modbus TCP: SunSpec's models, a register map, or three float32 in a row."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import get_args

from ...model.site import MeterConfig, MeterQuantity
from ..modbus import ModbusAddress, ModbusLink, ModbusTrouble, RegisterMap, load_map, sunspec
from .source import Around
from .told import MeterTrouble, Told, told_of

SUNSPEC = "sunspec"


class ModbusSource:
    """Reads each interval; the map of a SunSpec device is walked once a connection."""

    paced = True

    def __init__(self, config: MeterConfig, around: Around, maps: Path | None = None) -> None:
        self._link = ModbusLink(ModbusAddress.parse(config.address))
        self._number = sunspec_number(config.map)
        self._map = None if self._number or not config.map else meter_map(config.map, maps)
        self._model: sunspec.Model | None = None

    async def open(self) -> None:
        try:
            await self._link.open()
            if self._number:
                self._model = await self._find()
        except ModbusTrouble as trouble:
            raise MeterTrouble(trouble.fault, str(trouble), reopen=True) from None

    async def read(self) -> Told:
        try:
            if self._model is not None:
                return told_of(await sunspec.read_meter(self._link, self._model))
            if self._map is not None:
                return told_of(await self._map.read(self._link))
            words = await self._link.read("input", self._link.address.register, 6)
        except ModbusTrouble as trouble:
            raise MeterTrouble(trouble.fault, str(trouble), reopen=True) from None
        l1, l2, l3 = struct.unpack(">3f", struct.pack(">6H", *words))
        return Told(current_a=(l1, l2, l3))

    async def close(self) -> None:
        self._link.close()

    async def _find(self) -> sunspec.Model:
        models = await sunspec.walk(self._link)
        meters = [model for model in models if model.number in sunspec.METER_MODELS]
        if len(meters) < self._number:
            there = ", ".join(str(model.number) for model in models) or "none"
            raise MeterTrouble(
                "missing",
                f"meter {self._number} of SunSpec models 201..214 is not there; its models: {there}",
            )
        return meters[self._number - 1]


def sunspec_number(name: str) -> int:
    """Which meter of a SunSpec device a map's name asks for (`sunspec`: the first, `sunspec:2`: the second);
    0 where the name is of another kind. ValueError for a number that is none.
    """
    kind, _, number = name.partition(":")
    if kind != SUNSPEC:
        return 0
    if number and not (number.isdigit() and 0 < int(number) < 10):
        raise ValueError(f"map {name!r} can't be read: write sunspec, or sunspec:2 for its second meter")
    return int(number or 1)


def meter_map(name: str, folder: Path | None) -> RegisterMap:
    """A register map whose names are a meter's quantities. ValueError says what is wrong."""
    found = load_map(name, folder)
    known = get_args(MeterQuantity)
    strange = [register.name for register in found.registers if register.name not in known]
    if strange:
        raise ValueError(
            f"register map {name}: {', '.join(strange)} are no quantities of a meter: {', '.join(known)}"
        )
    return found
