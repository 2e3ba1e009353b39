"""How many charging profiles an hour a station's flash stands, by make, model and firmware.

An open list, like that of the quirks: what is not in it gets the default of its OCPP version
(`csms.dialects`). Budgets are ours and cautious: 100,000 cycles at 12 writes an hour of charging last about
eight years of three hours' charging a day; makers seldom say what their flash stands.
"""

from __future__ import annotations

from fnmatch import fnmatchcase

from msgspec import Struct

PERSISTED_PER_H = 60
"""For a station that keeps every profile and of which nothing else is known: twice the law's own goal of
writes, so that only one that is written without end is held back (assumed)."""


class Wear(Struct, frozen=True, kw_only=True, gc=False):
    """One row. The patterns are those of file names, without regard to case; `per_hour` None is no budget."""

    vendor: str
    model: str = "*"
    firmware: str = "*"
    per_hour: int | None
    why: str
    sources: tuple[str, ...]


WEAR: tuple[Wear, ...] = (
    Wear(
        vendor="*go-e*",
        model="*v2*",
        per_hour=12,
        why="hardware before V3 writes the current to one place of an EEPROM of about 100,000 cycles",
        sources=("syssi/homeassistant-goecharger-mqtt#157", "goecharger/go-eCharger-API-v2#23"),
    ),
    Wear(
        vendor="*go-e*",
        per_hour=None,
        why="from V3 on values are spread like a log over the memory: more than a billion writes",
        sources=("syssi/homeassistant-goecharger-mqtt#157", "goecharger/go-eCharger-API-v2#23"),
    ),
    Wear(
        vendor="*alfen*",
        per_hour=12,
        why="the limit is there again after a power cut, and nobody says what the memory stands",
        sources=("evcc-io/evcc#21968",),
    ),
    Wear(
        vendor="*everest*",
        per_hour=12,
        why="libocpp keeps every profile in its database; one write in five minutes may wear NOR flash out",
        sources=("EVerest/libocpp#543",),
    ),
)


def known_wear(vendor: str, model: str, firmware: str) -> Wear | None:
    """The first row that fits."""
    told = [text.casefold() for text in (vendor, model, firmware)]
    for row in WEAR:
        if all(map(fnmatchcase, told, (row.vendor, row.model, row.firmware))):
            return row
    return None
