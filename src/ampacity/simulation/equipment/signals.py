"""Prices, CO2 and clouds that nobody measured: random courses fitted on real ones (`signals_fit`).

One model for all three. A hidden course z(t) is the sum of a slow and a fast autoregression (weather and the
hour's chance), normal with variance 1; what is seen is mean + deviation * q(z): mean and deviation by season,
kind of day and local hour, q the quantiles of what was left over (for CO2 by the hour). So it has the daily
shape, the spells, the spikes and the negative prices of its model, not its forecasts and not the link between
price and sun.

`day_ahead_prices` is fitted on Dutch day-ahead prices of 2023 and 2024 (ENTSO-E), `marginal_co2` on
California's of May 2019 (WattTime, CAISO), `clear_share` on Dutch output of panels in 2019
(Renewables.ninja). Clouds smaller than the data's hour are an assumption: where the sky is half clear, it
moves within minutes.
"""

from __future__ import annotations

from datetime import tzinfo
from typing import Final

import numpy as np
from msgspec import Struct

from ..batch.world import F, Series
from . import signals_fit
from .local_time import local_time

Z: Final = np.linspace(-3.0, 3.0, 13)
"""Where the quantiles of a `Shape` stand, in standard deviations of the hidden course."""

_FLICKER: Final = 0.35
_FLICKER_KNOT_S: Final = 120.0


class Shape(Struct, frozen=True, kw_only=True):
    """A fitted course. `mean` and `deviation` are (seasons, kinds of day, 24): seasons 1 or 4 (December to
    February first), kinds of day 1 or 2 (Monday to Friday first). `quantiles`: what is left, (1 or 24, `Z`).
    `slow_share` of the hidden variance has the memory `slow_s`, the rest `fast_s`; one draw each `knot_s`."""

    mean: F
    deviation: F
    quantiles: F
    slow_share: float
    slow_s: float
    fast_s: float
    knot_s: float
    lowest: float = -np.inf
    highest: float = np.inf


def hidden(rng: np.random.Generator, shape: Shape, knots: int) -> F:
    """The hidden course at `knots` times, `knot_s` apart."""
    total = np.zeros(knots)
    # One line a knot, so that a longer course begins as a shorter one does.
    drawn = rng.standard_normal((knots, 2))
    parts = ((shape.slow_share, shape.slow_s), (1.0 - shape.slow_share, shape.fast_s))
    for column, (share, memory_s) in enumerate(parts):
        keep = float(np.exp(-shape.knot_s / memory_s))
        fresh = np.sqrt(1.0 - keep * keep)
        course = drawn[:, column].copy()
        for n in range(1, knots):
            course[n] = keep * course[n - 1] + fresh * course[n]
        total += np.sqrt(share) * course
    return total


def course(rng: np.random.Generator, shape: Shape, at_s: F, zone: tzinfo, *, joined: bool = False) -> F:
    """A course of this shape at these epoch seconds (UTC, rising), held from knot to knot or `joined` by
    lines. The same seed and first knot give the same course at any step."""
    at = np.asarray(at_s, float)
    if not len(at):
        return np.zeros(0)
    first = np.floor(at[0] / shape.knot_s)
    knots = int(np.floor(at[-1] / shape.knot_s) - first) + 2
    knot_s = (first + np.arange(knots)) * shape.knot_s
    clock = local_time(knot_s, zone)
    seasons, kinds, _ = shape.mean.shape
    where = (
        clock.month % 12 // 3 if seasons == 4 else np.zeros(knots, np.int64),
        (clock.weekday >= 5).astype(np.int64) if kinds == 2 else np.zeros(knots, np.int64),
        clock.hour.astype(np.int64),
    )
    place = np.clip((hidden(rng, shape, knots) - Z[0]) / (Z[1] - Z[0]), 0.0, len(Z) - 1.001)
    below = place.astype(np.int64)
    of = where[2] if len(shape.quantiles) == 24 else np.zeros(knots, np.int64)
    lower, upper = shape.quantiles[of, below], shape.quantiles[of, below + 1]
    left = lower + (upper - lower) * (place - below)
    values = np.clip(shape.mean[where] + shape.deviation[where] * left, shape.lowest, shape.highest)
    if joined:
        return np.asarray(np.interp(at, knot_s, values))
    return np.asarray(values[(np.floor(at / shape.knot_s) - first).astype(np.int64)])


def _shape(fit: signals_fit.Fit, *, lowest: float = -np.inf, highest: float = np.inf) -> Shape:
    return Shape(
        mean=np.array(fit.mean),
        deviation=np.array(fit.deviation),
        quantiles=np.array(fit.quantiles),
        slow_share=fit.slow_share,
        slow_s=fit.slow_s,
        fast_s=fit.fast_s,
        knot_s=fit.knot_s,
        lowest=lowest,
        highest=highest,
    )


DAY_AHEAD: Final = _shape(signals_fit.DAY_AHEAD, lowest=-0.5, highest=4.0)
"""EUR per kWh, one price an hour, within the limits of the European day-ahead auction."""

MARGINAL_CO2: Final = _shape(signals_fit.MARGINAL_CO2, lowest=0.0)
"""g per kWh, one value each five minutes."""

CLEAR_SHARE: Final = _shape(signals_fit.CLEAR_SHARE, lowest=0.02, highest=1.1)
"""Share of the clear sky's power."""


def day_ahead_prices(rng: np.random.Generator, at_s: F, zone: tzinfo, *, mean: float | None = None) -> F:
    """Day-ahead prices per kWh at these times; with `mean` the whole shape is scaled to that yearly mean."""
    usual = float(np.average(DAY_AHEAD.mean.mean(axis=(0, 2)), weights=[5, 2]))
    return course(rng, DAY_AHEAD, at_s, zone) * (1.0 if mean is None else mean / usual)


def marginal_co2(rng: np.random.Generator, at_s: F, zone: tzinfo) -> F:
    """The grid's marginal emissions in g per kWh at these times."""
    return course(rng, MARGINAL_CO2, at_s, zone)


def clear_share(rng: np.random.Generator, at_s: F, zone: tzinfo) -> F:
    """What clouds leave of the clear sky's power (0.02 .. 1.1) at these times."""
    at = np.asarray(at_s, float)
    small = np.random.default_rng(int(rng.integers(2**63)))
    slow = course(rng, CLEAR_SHARE, at, zone, joined=True)
    if not len(at):
        return slow
    first = np.floor(at[0] / _FLICKER_KNOT_S)
    knots = int(np.floor(at[-1] / _FLICKER_KNOT_S) - first) + 2
    flicker = np.interp(at, (first + np.arange(knots)) * _FLICKER_KNOT_S, small.uniform(-1.0, 1.0, knots))
    # Nothing moves under a closed or a clear sky.
    restless = 4.0 * slow * np.maximum(1.0 - slow, 0.0)
    return np.asarray(np.clip(slow * (1.0 + _FLICKER * restless * flicker), 0.02, 1.1))


def series(
    steps: int,
    *,
    buy: F | float,
    sell: F | float = 0.0,
    co2: F | float = 0.0,
    pv_w: F | float = 0.0,
    base_w: F | float = 0.0,
    derate: F | float = 1.0,
) -> Series:
    """The arrays of `World.series`, each of one value or one a step."""

    def each(name: str, values: F | float) -> F:
        array = np.asarray(values, float)
        if array.shape not in ((), (steps,)):
            raise ValueError(f"{name} has the shape {array.shape}; give one value or {steps}, one a step")
        return np.array(np.broadcast_to(array, steps))

    return Series(
        buy=each("buy", buy),
        sell=each("sell", sell),
        co2=each("co2", co2),
        pv_w=each("pv_w", pv_w),
        base_w=each("base_w", base_w),
        derate=each("derate", derate),
    )
