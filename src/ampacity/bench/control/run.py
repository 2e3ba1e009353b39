"""`ampacity bench control`: five laws on one plant (`loop`), and the product's on many sites (`fleet`)."""

from __future__ import annotations

import os
from collections.abc import Callable

from .. import Outcome
from ..report import BenchFailed, Figures
from .fleet.run import measure
from .laws import LAWS, Law
from .plant import COUNT, LIMIT_A, Plant

SEEDS = (1, 2, 3, 4, 5)
HOURS = 3.0
QUICK_HOURS = 0.5
PARTS = ("loop", "fleet")
SETTLE_S = 300
"""Before anything counts: everybody starts from nothing."""


def run(
    quick: bool,
    part: str | None = None,
    count: int | None = None,
    minutes: float | None = None,
    jobs: int | None = None,
) -> Outcome:
    """Both parts, or the one that is named. `count` sites in `jobs` processes (one for each core),
    `minutes` of each."""
    if part not in (None, *PARTS):
        raise BenchFailed(f"bench control has no part {part!r}: {' or '.join(PARTS)}")
    figures: Figures = {}
    notes: tuple[str, ...] = ()
    if part != "fleet":
        figures |= _loop(quick)
        notes += (
            "without a prefix: the product's law, each second; renewals of leases are not counted as writes.",
            "plain laws: each 5 s, nothing written for less than 0.5 A; the same 2 A margin; the oracle 3 A.",
        )
    if part != "loop":
        figures |= measure(quick, count, minutes, jobs or (1 if quick else os.cpu_count() or 1))
        notes += ("fleet: the product's law on random sites with slow meters and lines that lose messages.",)
    return Outcome(figures=figures, seed=SEEDS[0], notes=notes, failed=_failed(figures))


def _failed(figures: Figures) -> str:
    if figures.get("breaker_trips") or figures.get("fleet_breaker_trips"):
        return "a breaker tripped under the law"
    return "more was promised than a circuit carries" if figures.get("fleet_reservations_over") else ""


def _loop(quick: bool) -> Figures:
    """Five seeds of three hours each (quick: two of half an hour)."""
    seeds, hours = (SEEDS[:2], QUICK_HOURS) if quick else (SEEDS, HOURS)
    figures: Figures = {}
    for prefix, law in LAWS.items():
        done = [closed_loop(law, seed, hours) for seed in seeds]
        total_h = hours * len(seeds)
        figures[f"{prefix}seconds_over_limit_per_h"] = sum(plant.over_s for plant in done) / total_h
        figures[f"{prefix}longest_over_limit_s"] = float(max(plant.longest_over_s for plant in done))
        figures[f"{prefix}writes_per_charger_h"] = sum(p.writes for p in done) / total_h / COUNT
        figures[f"{prefix}utilisation"] = sum(p.flowed_as for p in done) / (total_h * 3600 * LIMIT_A)
        if not prefix:
            figures["breaker_trips"] = float(sum(plant.breaker.tripped for plant in done))
    return figures


def closed_loop(law: Callable[[], Law], seed: int, hours: float) -> Plant:
    """A plant under one law, as it is after `hours`."""
    plant, control = Plant(seed), law()
    for _ in range(SETTLE_S):
        plant.step()
        control(plant)
    plant.over_s = plant.longest_over_s = plant.writes = 0
    plant.flowed_as = 0.0
    for _ in range(round(hours * 3600)):
        plant.step()
        control(plant)
    return plant
