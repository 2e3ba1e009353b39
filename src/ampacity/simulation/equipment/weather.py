"""The air: degrees Celsius at any time, from a place's normals and a seed.

A yearly and a daily wave, and spells of warmer and colder days (an autoregression from day to day, drawn
once for each day and joined by lines). The normals are those of the national weather services for 1991 to
2020, rounded; the size and the memory of the spells are an assumption (3.4 K, 0.75 from one day to the next).
"""

from __future__ import annotations

from typing import Final

import numpy as np
from msgspec import Struct

from ..batch.world import F

DAY_S: Final = 86_400.0
YEAR_S: Final = 365.2425 * DAY_S

_WARMEST_DAY_S: Final = 200.0 * DAY_S  # 20 July, north of the equator
_WARMEST_HOUR_S: Final = 15.0 * 3600.0  # by the sun
_MEMORY: Final = 0.75
_NEW_YEAR_2000_S: Final = 946_684_800.0


class Place(Struct, frozen=True, kw_only=True):
    """A place and its climate: degrees north and east, the year's mean, half the way from the coldest to the
    warmest month (below 0 south of the equator), half of a usual day's way, and how far spells go."""

    name: str
    latitude: float
    longitude: float
    mean_c: float
    season_k: float
    day_k: float
    spell_k: float = 3.4


DE_BILT: Final = Place(name="De Bilt", latitude=52.1, longitude=5.18, mean_c=10.5, season_k=7.4, day_k=4.2)
"""Normals of KNMI."""

PASADENA: Final = Place(
    name="Pasadena", latitude=34.15, longitude=-118.14, mean_c=18.6, season_k=5.6, day_k=6.5, spell_k=2.6
)
"""Normals of NOAA."""

OSLO: Final = Place(name="Oslo", latitude=59.94, longitude=10.72, mean_c=7.0, season_k=11.0, day_k=4.0)
"""Normals of MET Norway."""

MADRID: Final = Place(name="Madrid", latitude=40.41, longitude=-3.68, mean_c=15.4, season_k=10.0, day_k=5.5)
"""Normals of AEMET."""

PLACES: Final = {place.name: place for place in (DE_BILT, PASADENA, OSLO, MADRID)}


def ambient_c(rng: np.random.Generator, place: Place, at_s: F) -> F:
    """Degrees Celsius at these epoch seconds (UTC, rising). One draw a day: the length of a step changes
    nothing in the course of the day."""
    at = np.asarray(at_s, float)
    if not len(at):
        return np.zeros(0)
    year = np.cos(2.0 * np.pi * (at - _NEW_YEAR_2000_S - _WARMEST_DAY_S) / YEAR_S)
    solar_s = at + place.longitude / 360.0 * DAY_S
    day = np.cos(2.0 * np.pi * (solar_s - _WARMEST_HOUR_S) / DAY_S)
    first = int(np.floor(at[0] / DAY_S))
    days = int(np.floor(at[-1] / DAY_S)) - first + 2
    spells = np.empty(days)
    spells[0] = rng.standard_normal()
    for number in range(1, days):
        spells[number] = _MEMORY * spells[number - 1] + np.sqrt(1.0 - _MEMORY**2) * rng.standard_normal()
    spell = np.interp(at / DAY_S - first, np.arange(days), spells)
    return np.asarray(place.mean_c + place.season_k * year + place.day_k * day + place.spell_k * spell)
