"""Kinds of site whose sessions are *assumed*, not fitted: home, public, DC hub, depot.

Home and public follow the published ElaadNL curves for the Netherlands in coarse steps (share of arrivals by
hour, quantiles of connection time and energy; through EV2Gym, MIT). DC hub and depot are our assumptions: no
open data of single sessions was at hand. Stay and energy hang together by a rank correlation that is assumed
everywhere. Whoever has sessions of the own site should fit those instead.
"""

from __future__ import annotations

import math
from typing import Final, TypeAlias

import numpy as np
from msgspec import Struct

from .mixture import Array

Knots: TypeAlias = tuple[tuple[float, float], ...]
"""A distribution by its quantiles: (probability, value), linear in between."""

_erf = np.vectorize(math.erf, otypes=[float])


class Assumption(Struct, frozen=True, kw_only=True):
    """How sessions of one kind of site look.

    `hours` and `hours_off` weigh the 24 hours of arrival on working days and days off (any scale). `dwell_h`
    and `energy_kwh` are quantiles; `together` is the correlation of their normal scores. `sessions_per_evse`
    is the mean of a working day; without `random_count` it isn't a mean but the number (a depot's vans).
    `until_hour` makes stays end then, on the next day, give or take the spread of `dwell_h` around 0.
    """

    name: str
    source: str
    sessions_per_evse: float
    hours: tuple[float, ...]
    hours_off: tuple[float, ...]
    dwell_h: Knots
    energy_kwh: Knots
    together: float = 0.5
    day_off_factor: float = 1.0
    random_count: bool = True
    until_hour: float | None = None

    def draw(self, rng: np.random.Generator, n: int, *, day_off: bool) -> tuple[Array, Array, Array]:
        """Arrival (local hour), stay (h) and energy (kWh) of `n` sessions."""
        weights = np.array(self.hours_off if day_off else self.hours)
        hours = rng.choice(24, size=n, p=weights / weights.sum()) + rng.random(n)
        first = rng.standard_normal(n)
        second = self.together * first + math.sqrt(1.0 - self.together**2) * rng.standard_normal(n)
        dwell = _at(self.dwell_h, first)
        if self.until_hour is not None:
            dwell = np.maximum(24.0 + self.until_hour - hours + dwell, 0.25)
        return hours, dwell, _at(self.energy_kwh, second)


def _at(knots: Knots, score: Array) -> Array:
    probability = 0.5 * (1.0 + _erf(score / math.sqrt(2.0)))
    at, value = zip(*knots, strict=True)
    values: Array = np.interp(probability, at, value)
    return values


HOME: Final = Assumption(
    name="home",
    source="ElaadNL private charging, coarse",
    sessions_per_evse=0.6,
    hours=(2, 0.5, 0.2, 0.1, 0.1, 0.1, 0.2, 0.6, 1.4, 1, 1, 1.5, 2, 2, 3, 4, 6, 12, 17, 11.5, 9, 9, 9, 6.5),
    hours_off=(4, 2, 1, 0.3, 0.2, 0.1, 0.1, 0.4, 1, 2, 3, 5, 6, 6, 6, 7, 9, 10, 8, 6.5, 7, 6, 6, 4),
    dwell_h=(
        (0.0, 0.25),
        (0.1, 1.5),
        (0.2, 3.0),
        (0.4, 9.5),
        (0.6, 12.5),
        (0.8, 15.5),
        (0.95, 24.0),
        (1.0, 36.0),
    ),
    energy_kwh=((0.0, 0.8), (0.1, 3.3), (0.3, 10.0), (0.5, 19.5), (0.7, 32.0), (0.9, 51.0), (1.0, 70.0)),
)

PUBLIC: Final = Assumption(
    name="public",
    source="ElaadNL public charging, coarse",
    sessions_per_evse=1.4,
    hours=(1, 0.5, 0.2, 0.2, 0.2, 0.2, 0.7, 3, 8, 8, 5, 5, 5, 5, 5, 5, 6, 8, 11, 8, 5, 4, 3, 2),
    hours_off=(2, 1, 0.6, 0.4, 0.3, 0.3, 0.3, 0.6, 2, 4, 6, 7, 8, 8, 8.5, 8, 8, 8, 7, 6, 5, 4, 3, 2),
    dwell_h=((0.0, 0.15), (0.1, 0.6), (0.3, 2.1), (0.5, 4.4), (0.7, 10.4), (0.9, 17.0), (1.0, 26.0)),
    energy_kwh=((0.0, 0.5), (0.1, 1.6), (0.3, 4.9), (0.5, 7.2), (0.7, 11.3), (0.9, 29.0), (1.0, 60.0)),
)

DC_HUB: Final = Assumption(
    name="dc_hub",
    source="assumed: stops of a quarter to three quarters of an hour, through the day",
    sessions_per_evse=9.0,
    hours=(0.5, 0.3, 0.2, 0.2, 0.4, 1, 3, 5, 6, 6, 6, 6.5, 7, 7, 7, 7, 7.5, 7.5, 7, 5.5, 4, 2.5, 1.5, 1),
    hours_off=(0.6, 0.4, 0.3, 0.2, 0.3, 0.5, 1, 2, 4, 6, 8, 9, 9, 8, 8, 8, 8, 8, 7, 5, 4, 3, 1.5, 1),
    dwell_h=((0.0, 0.12), (0.1, 0.22), (0.5, 0.42), (0.9, 0.80), (1.0, 1.3)),
    energy_kwh=((0.0, 4.0), (0.1, 10.0), (0.5, 22.0), (0.9, 40.0), (1.0, 55.0)),
    together=0.7,
)

DEPOT: Final = Assumption(
    name="depot",
    source="assumed: delivery vans, back towards six in the evening, off towards seven in the morning",
    sessions_per_evse=1.0,
    hours=(0,) * 16 + (1, 5, 3, 1) + (0,) * 4,
    hours_off=(0,) * 16 + (1, 5, 3, 1) + (0,) * 4,
    dwell_h=((0.0, -0.75), (0.5, 0.0), (1.0, 0.75)),
    energy_kwh=((0.0, 8.0), (0.2, 20.0), (0.5, 32.0), (0.8, 44.0), (1.0, 58.0)),
    together=0.0,
    day_off_factor=0.2,
    random_count=False,
    until_hour=7.0,
)

ASSUMPTIONS: Final = {kind.name: kind for kind in (HOME, PUBLIC, DC_HUB, DEPOT)}
