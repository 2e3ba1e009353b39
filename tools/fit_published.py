"""Fit home and public charging on published distributions and write the models that the product ships.

    python tools/fit_published.py [--data FOLDER] [--write FOLDER]

FOLDER (default: data/profiles in the folder of AMPACITY_REFERENCE) holds ElaadNL's curves for the Netherlands
as EV2Gym carries them (MIT): arrivals by quarter of an hour on weekdays and at weekends, the distributions of
connection time and of energy, and by half hour of arrival a connection time and an energy. The connection
times by hour are multiples of 0.05 h that jump where more than half of the cars begin to stay overnight: they
are read as medians. The energies by hour are means; their level differs from that of the energy distribution
(public: 15.7 against 11.9 kWh), so only their shape is used.

Two steps. (1) The likeliest joint table of hour, stay and energy that has these margins, by iterative
proportional fitting (Deming and Stephan 1940): the maximum-likelihood estimate of a log-linear model from its
published margins. What margins can't say is assumed: a rank correlation of stay and energy, no more energy
than the EVSE's power allows, few departures at night. (2) A mixture of normals on that table, as for real
sessions; it is judged against the published curves.
"""

from __future__ import annotations

import argparse
import csv
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ampacity.simulation.arrivals import mixture
from ampacity.simulation.arrivals.mixture import Array, NormalMixture
from ampacity.simulation.arrivals.model import ArrivalModel
from ampacity.simulation.arrivals.model_file import arrivals_text
from ampacity.simulation.arrivals.stays import Declared, MixtureStays

SOURCE = "ElaadNL, distributions of {} charging in the Netherlands, through EV2Gym (MIT)"
#: (name, column, power of the EVSEs in kW, sessions per EVSE and day, share of drivers that declare): the
#: last three are assumptions.
KINDS = (("home", "private", 11.0, 0.6, 0.9), ("public", "public", 22.0, 1.4, 0.5))
#: Rank correlation of stay and energy, and how much rarer departures from 23 to 5 h are: assumed.
TOGETHER, AT_NIGHT = 0.5, 0.2
COMPONENTS, DRAWN, STARTS, SEED = 16, 20_000, 4, 11

HOURS = np.arange(48) / 2.0 + 0.25
DWELL = np.geomspace(0.1, 72.0, 61)
ENERGY = np.geomspace(0.3, 100.0, 51)


def column(path: Path, *names: str) -> list[tuple[str, float]]:
    """(first column, the named one) of a table, without empty cells."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.reader(file))
    at = next(rows[0].index(name) for name in names if name in rows[0])
    return [(row[0], float(row[at])) for row in rows[1:] if len(row) > at and row[at]]


def by_half_hour(rows: Sequence[tuple[str, float]]) -> Array:
    """Values at 00:00, 00:30, ..: means of what lies in each half hour."""
    total, count = np.zeros(48), np.zeros(48)
    for clock, value in rows:
        hour, minute = clock.split(":")
        total[int(hour) * 2 + int(minute) // 30] += value
        count[int(hour) * 2 + int(minute) // 30] += 1
    return total / np.maximum(count, 1)


class Published:
    """The curves of one kind of site."""

    def __init__(self, folder: Path, kind: str, name: str) -> None:
        self.weekday = by_half_hour(column(folder / "distribution-of-arrival.csv", name))
        self.weekend = by_half_hour(column(folder / "distribution-of-arrival-weekend.csv", name))
        self.weekday /= self.weekday.sum()
        self.weekend /= self.weekend.sum()
        self.dwell = self.quantiles(folder / "distribution-of-connection-time.csv", name)
        self.energy = self.quantiles(folder / "distribution-of-energy-demand.csv", name)
        self.median_h = by_half_hour(column(folder / "mean-session-length-per.csv", kind))
        self.mean_kwh = by_half_hour(column(folder / "mean-demand-per-arrival.csv", kind))

    @staticmethod
    def quantiles(path: Path, name: str) -> Array:
        """101 rising quantiles; the file gives which value a percentage of the events reaches."""
        return np.array([value for _, value in column(path, name)])[::-1]

    @property
    def days(self) -> Array:
        """Arrivals over a week of five weekdays and two days of the weekend, as many on each (assumed)."""
        pooled: Array = (5.0 * self.weekday + 2.0 * self.weekend) / 7.0
        return pooled

    def shares(self, quantiles: Array, edges: Array) -> Array:
        """The published share of each bin; what lies outside the edges counts in the outermost bins."""
        at = np.interp(edges[1:-1], quantiles, np.linspace(0.0, 1.0, len(quantiles)))
        return np.diff(np.concatenate([[0.0], at, [1.0]]))


def middles(edges: Array) -> Array:
    """The geometric middle of each bin."""
    between: Array = np.sqrt(edges[1:] * edges[:-1])
    return between


def scores(shares: Array) -> Array:
    """Normal scores of the bins of a distribution."""
    at = np.cumsum(shares) - 0.5 * shares
    grid = np.linspace(-4.0, 4.0, 2001)
    below = np.cumsum(np.exp(-0.5 * grid**2))
    return np.interp(at, below / below[-1], grid)


def joint(curves: Published, power_kw: float, rounds: int = 200) -> Array:
    """The table (hour, stay, energy) with the published margins, shape (48, stays, energies), sum 1."""
    dwell, energy = middles(DWELL), middles(ENERGY)
    p_dwell, p_energy = curves.shares(curves.dwell, DWELL), curves.shares(curves.energy, ENERGY)
    leaves = (HOURS[:, None] + dwell) % 24.0
    night = np.where((leaves >= 23.0) | (leaves < 5.0), AT_NIGHT, 1.0)
    tied = np.exp(TOGETHER / (1.0 - TOGETHER**2) * np.outer(scores(p_dwell), scores(p_energy)))
    can = energy <= power_kw * dwell[:, None] + ENERGY[1]
    table: Array = night[:, :, None] * (tied * can)[None] * p_energy[None, None] * p_dwell[None, :, None]
    # The share of each stay's bin that lies below the median of the hour.
    width = np.log(DWELL[1:] / DWELL[:-1])
    below = np.clip(np.log(curves.median_h[:, None] / DWELL[:-1]) / width, 0.0, 1.0)
    level = float((p_energy * energy).sum() / (curves.days * curves.mean_kwh).sum())
    for _ in range(rounds):
        table /= table.sum()
        by_stay = table.sum(axis=2)
        low = (by_stay * below).sum(axis=1) / by_stay.sum(axis=1)
        table *= (0.5 / low[:, None] * below + 0.5 / (1.0 - low[:, None]) * (1.0 - below))[:, :, None]
        by_energy = table.sum(axis=1)
        by_energy /= by_energy.sum(axis=1, keepdims=True)
        mean = by_energy @ energy
        spread = by_energy @ energy**2 - mean**2
        tilt = np.clip((level * curves.mean_kwh - mean) / spread, -0.02, 0.02)
        table *= np.exp(tilt[:, None] * (energy - mean[:, None]))[:, None, :]
        table *= (p_dwell / np.maximum(table.sum(axis=(0, 2)), 1e-300))[None, :, None]
        table *= (p_energy / np.maximum(table.sum(axis=(0, 1)), 1e-300))[None, None, :]
        table *= (curves.days / table.sum(axis=(1, 2)))[:, None, None]
    whole: Array = table / table.sum()
    return whole


def drawn_from(table: Array, rng: np.random.Generator, day_starts_h: float) -> Array:
    """Points (hour, log h, log kWh) from a table, even within each cell, evenly spread over the table."""
    flat = np.cumsum(table.ravel()) / table.sum()
    cells = np.searchsorted(flat, (np.arange(DRAWN) + rng.random()) / DRAWN)
    hour, stay, energy = np.unravel_index(np.minimum(cells, table.size - 1), table.shape)
    inside = rng.random((3, DRAWN))
    hours = (hour / 2.0 + 0.5 * inside[0] - day_starts_h) % 24.0 + day_starts_h
    stays = np.log(DWELL[stay]) + inside[1] * np.log(DWELL[stay + 1] / DWELL[stay])
    energies = np.log(ENERGY[energy]) + inside[2] * np.log(ENERGY[energy + 1] / ENERGY[energy])
    return np.column_stack([hours, stays, energies])


def to_published(values: Array, quantiles: Array) -> float:
    """Kolmogorov-Smirnov distance of drawn values to a published distribution."""
    grid = np.sort(values)
    theirs = np.interp(grid, quantiles, np.linspace(0.0, 1.0, len(quantiles)))
    mine = np.arange(1, len(grid) + 1) / len(grid)
    return float(np.abs(mine - theirs).max())


def give_or_take(spread: float, centre: float) -> NormalMixture:
    """Declared is true times a log-normal error of this spread."""
    return NormalMixture(
        np.ones(1), np.full((1, 2), centre), np.array([[[1.0, 1.0], [1.0, 1.0 + spread**2]]])
    )  # fmt: skip


def fit(curves: Published, kind: str, name: str, power_kw: float, usual: float, says: float) -> ArrivalModel:
    """The model of one kind of site."""
    rng = np.random.default_rng(SEED)
    table = joint(curves, power_kw)
    starts_h = float(np.argmin(curves.days)) / 2.0
    laws = []
    for shares in (curves.weekday, curves.weekend):
        of_days = table * (shares / table.sum(axis=(1, 2)))[:, None, None]
        together = mixture.likeliest(drawn_from(of_days, rng, starts_h), COMPONENTS, rng, starts=STARTS)
        laws.append(
            MixtureStays(
                together=together,
                most_kw=power_kw,
                day_starts_h=starts_h,
                longest_h=72.0,
                declared=Declared(
                    share=says, dwell=give_or_take(0.2, 1.5), energy=give_or_take(0.2, 2.5)
                ),
            )
        )  # fmt: skip
    return ArrivalModel(
        name=kind, source=SOURCE.format(name), sessions_per_evse=usual, working=laws[0], off=laws[1]
    )


def judge(model: ArrivalModel, curves: Published) -> dict[str, float]:
    """Distances of generated sessions to the published curves."""
    rng = np.random.default_rng(SEED)
    assert model.off is not None
    days = [
        np.array([(s.hour, s.dwell_h, s.energy_kwh) for s in law.draw(rng, n)])
        for law, n in ((model.working, 50_000), (model.off, 20_000))
    ]
    both = np.concatenate(days)
    figures = {}
    for what, drawn, published in (
        ("weekday", days[0], curves.weekday),
        ("weekend", days[1], curves.weekend),
    ):
        shares, _ = np.histogram(drawn[:, 0], bins=48, range=(0.0, 24.0))
        away = shares / shares.sum() - published
        figures[f"arrival_{what}_total_variation"] = float(np.abs(away).sum()) / 2.0
        figures[f"arrival_{what}_ks"] = float(np.abs(np.cumsum(away)).max())
    figures["stay_ks"] = to_published(both[:, 1], curves.dwell)
    figures["energy_ks"] = to_published(both[:, 2], curves.energy)
    half_hour = (both[:, 0] * 2.0).astype(int) % 48
    level = float(both[:, 2].mean()) / float((curves.days * curves.mean_kwh).sum())
    below, energies = np.zeros(48), np.zeros(48)
    for at in range(48):
        there = half_hour == at
        below[at] = float((both[there, 1] <= curves.median_h[at]).mean()) if there.any() else 0.5
        energies[at] = float(both[there, 2].mean()) if there.any() else 0.0
    figures["stay_by_hour_share_beside_median"] = float((curves.days * np.abs(below - 0.5)).sum())
    figures["energy_by_hour_relative_error"] = float(
        (curves.days * np.abs(energies / (level * curves.mean_kwh) - 1.0)).sum()
    )
    return figures


def main(argv: Sequence[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--data", type=Path, help="the folder of the published curves")
    parser.add_argument("--write", type=Path, help="the folder to write home.toml and public.toml to")
    options = parser.parse_args(argv)
    folder = options.data
    if folder is None:
        reference = os.environ.get("AMPACITY_REFERENCE")
        if not reference:
            parser.error("give --data, or set AMPACITY_REFERENCE to the reference folder")
        folder = Path(reference) / "data" / "profiles"
    for kind, name, power_kw, usual, says in KINDS:
        curves = Published(folder, kind, name)
        model = fit(curves, kind, name, power_kw, usual, says)
        figures = judge(model, curves)
        print(kind)
        for figure, value in figures.items():
            print(f"  {figure:36} {value:.4f}")
        if options.write:
            remarks = (
                "Written by tools/fit_published.py; run it to make these numbers again.",
                "Assumed: sessions per EVSE, as many on each day, most_kw, what drivers declare, how stay",
                "and energy hang together. Goodness: distances of generated sessions to published curves.",
            )
            target = options.write / f"{kind}.toml"
            target.write_text(arrivals_text(model, figures, remarks))
            print(f"wrote {target}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
