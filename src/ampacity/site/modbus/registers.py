"""Maps of registers: what a device tells where, as a TOML file.

```toml
name = "Example 3000"
source = "Example 3000, communication manual, edition 4, table 7"
table = "holding"            # or input
word_order = "high_first"    # of values in several registers, or low_first
gap = 0                      # so many registers that nobody needs may be read along

[[registers]]
name = "current_l1"
address = 3000               # as on the wire, counted from 0
type = "float32"
unit = "A"
```

Maps that are shipped lie beside this file; a site may have its own in a folder. Bytes within a register are
big-endian (Modbus Application Protocol V1.1b3, 4.2).
"""

from __future__ import annotations

import re
import struct
import tomllib
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Annotated, Final, Literal, TypeAlias

import msgspec
from msgspec import Meta, Struct

from ..units import factor
from .link import MOST_REGISTERS, ModbusLink, Table

RegisterType: TypeAlias = Literal[
    "int16", "uint16", "int32", "uint32", "int64", "uint64", "float32", "float64"
]
_FORMATS: Final[dict[str, str]] = {
    "int16": ">h",
    "uint16": ">H",
    "int32": ">i",
    "uint32": ">I",
    "int64": ">q",
    "uint64": ">Q",
    "float32": ">f",
    "float64": ">d",
}
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")

Block: TypeAlias = tuple[Table, int, int]
"""What is asked for at once: table, first register, how many."""


class MapTrouble(ValueError):
    """A register map can't be used; the message names the file, the field and what would be right."""


class Register(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One value. `absent`: a raw number that means "not there" (of a float it is NaN in any case)."""

    name: str
    address: Annotated[int, Meta(ge=0, le=65535)]
    type: RegisterType
    unit: str = ""
    scale: float = 1.0
    absent: int | None = None
    table: Table | None = None

    @property
    def size(self) -> int:
        """How many registers it takes."""
        return struct.calcsize(_FORMATS[self.type]) // 2


class RegisterMap(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one kind of device tells. `most` registers come with one answer."""

    name: str
    source: str
    registers: tuple[Register, ...]
    table: Table = "holding"
    word_order: Literal["high_first", "low_first"] = "high_first"
    gap: Annotated[int, Meta(ge=0, le=100)] = 0
    most: Annotated[int, Meta(ge=4, le=MOST_REGISTERS)] = MOST_REGISTERS

    def blocks(self) -> tuple[Block, ...]:
        """The fewest questions that bring every register."""
        found: list[Block] = []
        for register in sorted(self.registers, key=lambda item: (item.table or self.table, item.address)):
            table, end = register.table or self.table, register.address + register.size
            if found:
                last, start, count = found[-1]
                near = register.address <= start + count + self.gap
                if last == table and near and end - start <= self.most:
                    found[-1] = (table, start, max(count, end - start))
                    continue
            found.append((table, register.address, register.size))
        return tuple(found)

    def values(self, words: Mapping[Block, Sequence[int]]) -> dict[str, float | None]:
        """Every value by its name, in base units; None where the device says that it has none."""
        told: dict[str, float | None] = {}
        for register in self.registers:
            table = register.table or self.table
            for (there, start, count), found in words.items():
                at = register.address - start
                if there == table and at >= 0 and at + register.size <= count:
                    raw = decode(register, found[at : at + register.size], self.word_order)
                    told[register.name] = (
                        None if raw is None else raw * register.scale * factor(register.unit)
                    )
        return told

    async def read(self, link: ModbusLink) -> dict[str, float | None]:
        """Ask the device for all of it. Raises ModbusTrouble."""
        return self.values({block: await link.read(*block) for block in self.blocks()})


def decode(register: Register, words: Sequence[int], word_order: str = "high_first") -> float | None:
    """The number in `words`; None where it means that there is none."""
    ordered = words if word_order == "high_first" else words[::-1]
    (value,) = struct.unpack(_FORMATS[register.type], struct.pack(f">{len(ordered)}H", *ordered))
    if value != value or value == register.absent:
        return None
    return float(value)


def map_names(folder: Path | None = None) -> tuple[str, ...]:
    """The maps that there are, those of `folder` included."""
    shipped = [item.name for item in resources.files(__package__).joinpath("maps").iterdir()]
    own = [path.name for path in folder.glob("*.toml")] if folder is not None and folder.is_dir() else []
    names = {name.removesuffix(".toml") for name in (*shipped, *own) if name.endswith(".toml")}
    return tuple(sorted(name for name in names if _NAME.fullmatch(name)))


def load_map(name: str, folder: Path | None = None) -> RegisterMap:
    """A map by its name; one in `folder` counts before one of ours. Raises MapTrouble."""
    if name not in map_names(folder):
        known = ", ".join(map_names(folder))
        raise MapTrouble(f"register map {name!r} is not there: {known} are; others go into {folder}")
    own = folder / f"{name}.toml" if folder is not None else None
    if own is not None and own.is_file():
        return read_map(own.read_text(), str(own))
    return read_map(resources.files(__package__).joinpath("maps", f"{name}.toml").read_text(), name)


def read_map(text: str, where: str) -> RegisterMap:
    """A map from its TOML. Raises MapTrouble that names `where`."""
    try:
        found = msgspec.convert(tomllib.loads(text), RegisterMap)
        for register in found.registers:
            factor(register.unit)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError, ValueError) as problem:
        raise MapTrouble(f"register map {where}: {problem}") from None
    names = [register.name for register in found.registers]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice or not names:
        what = f"{', '.join(twice)} stands there twice" if twice else "it has no registers"
        raise MapTrouble(f"register map {where}: {what}")
    return found
