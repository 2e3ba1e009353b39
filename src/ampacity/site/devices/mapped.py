"""Devices by a map of registers, as a TOML file: what they tell (as maps of meters do) and what is written.

```toml
name = "Example heat pump"
source = "Example, Modbus manual, edition 2"
power_is = "drawn"              # or fed, where the device counts that positive
watchdog = false                # whether it forgets a command that it doesn't hear again

[[registers]]
name = "power"                  # power, soc, draw_most, feed_most or state; units as in maps of meters
address = 100
type = "int16"
unit = "W"

[[writes]]
address = 200
type = "uint16"
value = "level"                 # what is written: see `Write`
levels = [1, 2, 4]              # raw, one for each of the device's levels
```

Every register that is written is read back, and the command counts only when all of them say it. A register
that becomes 0 is written before one that becomes more, so that a device with one register for charging and
one for feeding in never has both.
"""

from __future__ import annotations

import struct
import tomllib
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import msgspec
from msgspec import Meta, Struct

from ...model.devices import Device
from ..modbus import ModbusAddress, ModbusLink, Register, RegisterMap
from ..modbus.registers import MapTrouble, RegisterType, decode
from ..units import factor
from .told import DeviceTold

WriteValue: TypeAlias = Literal[
    "command", "charge", "discharge", "feed_most", "level", "watchdog", "constant"
]
TELLS = ("power", "soc", "draw_most", "feed_most", "state")
_FORMATS = {
    "int16": "h", "uint16": "H", "int32": "i", "uint32": "I",
    "int64": "q", "uint64": "Q", "float32": "f", "float64": "d",
}  # fmt: skip


class Write(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One register that is written with each command, divided by `scale` and by its unit.

    `value`: `command` (power, positive where it draws; `negate` for the other way), `charge` and `discharge`
    (the part of it above and below 0), `feed_most` (an inverter's limit), `level` (the raw number of a heat
    load's level), `watchdog` (seconds), `constant` (`raw`).
    """

    address: Annotated[int, Meta(ge=0, le=65535)]
    type: RegisterType
    value: WriteValue
    unit: str = ""
    scale: float = 1.0
    negate: bool = False
    raw: int = 0
    levels: tuple[int, ...] = ()


class DeviceMap(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one kind of device tells and takes."""

    name: str
    source: str
    registers: tuple[Register, ...]
    writes: tuple[Write, ...] = ()
    table: Literal["input", "holding"] = "holding"
    word_order: Literal["high_first", "low_first"] = "high_first"
    gap: Annotated[int, Meta(ge=0, le=100)] = 0
    power_is: Literal["drawn", "fed"] = "drawn"
    watchdog: bool = False
    fault_states: tuple[int, ...] = ()


def read_device_map(text: str, where: str) -> DeviceMap:
    """A map from its TOML. Raises MapTrouble that names `where`."""
    try:
        found = msgspec.convert(tomllib.loads(text), DeviceMap)
        for unit in [item.unit for item in found.registers] + [item.unit for item in found.writes]:
            factor(unit)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError, ValueError) as problem:
        raise MapTrouble(f"device map {where}: {problem}") from None
    strange = [register.name for register in found.registers if register.name not in TELLS]
    if strange:
        raise MapTrouble(f"device map {where}: {', '.join(strange)} can't be told: {', '.join(TELLS)} can")
    places = [write.address for write in found.writes]
    if len(set(places)) != len(places):
        raise MapTrouble(f"device map {where}: a register is written twice with one command")
    values = {write.value for write in found.writes}
    if len(values & {"charge", "discharge"}) == 1 or ("command" in values and "charge" in values):
        raise MapTrouble(
            f"device map {where}: write `command`, or both `charge` and `discharge`, and nothing between"
        )
    return found


def load_device_map(name: str, folder: Path | None) -> DeviceMap:
    """A map of the site's folder of maps. Raises MapTrouble."""
    path = None if folder is None else folder / f"{name}.toml"
    if path is None or "/" in name or not path.is_file():
        raise MapTrouble(f"device map {name!r} is not there: put {name}.toml into {folder or 'meter_maps'}")
    return read_device_map(path.read_text(), str(path))


class MappedDevice:
    """One device that is read and written by a map."""

    def __init__(self, device: Device, found: DeviceMap) -> None:
        self._device, self._map = device, found
        self._link = ModbusLink(ModbusAddress.parse(device.address))
        self._reading = RegisterMap(
            name=found.name,
            source=found.source,
            registers=found.registers,
            table=found.table,
            word_order=found.word_order,
            gap=found.gap,
        )
        self.has_watchdog = found.watchdog
        self._asked_w: float | None = None
        if device.commanded:
            self._check()

    def _check(self) -> None:
        levels = [write for write in self._map.writes if write.value == "level"]
        if not self._map.writes:
            raise MapTrouble(f"device map {self._map.name}: nothing is written: it can only be read")
        for write in levels:
            if len(write.levels) != len(self._device.levels_w):
                raise MapTrouble(
                    f"device map {self._map.name}: {len(write.levels)} levels, and the device has "
                    f"{len(self._device.levels_w)} levels_w"
                )

    async def open(self) -> None:
        await self._link.open()

    async def read(self) -> DeviceTold:
        words = {block: await self._link.read(*block) for block in self._reading.blocks()}
        told = self._reading.values(words)
        power_w = told.get("power")
        if power_w is not None and self._map.power_is == "fed":
            power_w = -power_w
        state = told.get("state")
        return DeviceTold(
            power_w=power_w,
            soc_percent=told.get("soc"),
            draw_w=told.get("draw_most"),
            feed_w=told.get("feed_most"),
            command_w=await self._stated(),
            step_w=max([1.0, *(abs(w.scale) * factor(w.unit) for w in self._map.writes if _is_power(w))]),
            state="" if state is None else f"{state:g}",
            fault=state is not None and int(state) in self._map.fault_states,
            raw=tuple(word for block in words.values() for word in block),
        )

    async def write(self, command_w: float) -> None:
        self._asked_w = command_w
        ordered = sorted(self._map.writes, key=lambda write: any(self._words(write, command_w)))
        for write in ordered:
            await self._link.write(write.address, self._words(write, command_w))

    async def close(self) -> None:
        self._link.close()

    async def _stated(self) -> float | None:
        """The command, where every register that was written holds it still; else what they add up to, and
        None where that can't be told."""
        if not self._map.writes or not self._device.commanded:
            return None
        there = {
            write.address: await self._link.read("holding", write.address, _size(write))
            for write in self._map.writes
        }
        asked = self._asked_w
        if asked is not None and all(
            there[write.address] == self._words(write, asked)
            for write in self._map.writes
            if write.value != "watchdog"  # some count it down
        ):
            return asked
        total, known = 0.0, False
        for write in self._map.writes:
            if write.value == "level" and list(there[write.address])[-1] in write.levels:
                return self._device.levels_w[write.levels.index(list(there[write.address])[-1])]
            if not _is_power(write):
                continue
            raw = decode(
                Register(name="", address=write.address, type=write.type),
                there[write.address],
                self._map.word_order,
            )
            if raw is None:
                return None
            sign = -1.0 if write.negate else 1.0
            sign *= -1.0 if write.value in ("discharge", "feed_most") else 1.0
            total, known = total + sign * raw * write.scale * factor(write.unit), True
        constant = all(
            there[write.address] == self._words(write, 0.0)
            for write in self._map.writes
            if write.value == "constant"
        )
        return total if known and constant else None

    def _words(self, write: Write, command_w: float) -> tuple[int, ...]:
        """The registers of one write."""
        match write.value:
            case "command":
                number = command_w
            case "charge":
                number = max(0.0, command_w)
            case "discharge" | "feed_most":
                number = max(0.0, -command_w)
            case "watchdog":
                number = self._device.watchdog_s
            case "level":
                fitting = [i for i, w in enumerate(self._device.levels_w) if w <= command_w + 1e-6]
                return _packed(write, write.levels[fitting[-1] if fitting else 0], self._map.word_order)
            case _:
                return _packed(write, write.raw, self._map.word_order)
        number = (-number if write.negate else number) / (write.scale * factor(write.unit))
        return _packed(write, number, self._map.word_order)


def _is_power(write: Write) -> bool:
    return write.value in ("command", "charge", "discharge", "feed_most")


def _size(write: Write) -> int:
    return struct.calcsize(">" + _FORMATS[write.type]) // 2


def _packed(write: Write, number: float, word_order: str) -> tuple[int, ...]:
    whole = number if write.type.startswith("float") else int(number)
    try:
        packed = struct.pack(">" + _FORMATS[write.type], whole)
    except (struct.error, OverflowError):
        raise MapTrouble(f"{number:g} does not fit into register {write.address} ({write.type})") from None
    words = struct.unpack(f">{len(packed) // 2}H", packed)
    return words if word_order == "high_first" else words[::-1]
