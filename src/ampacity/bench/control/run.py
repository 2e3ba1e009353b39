"""`ampacity bench control`: seconds above the limit, writes and utilisation of five laws on one plant."""

from __future__ import annotations

from collections.abc import Callable

from .. import Outcome
from .laws import LAWS, Law
from .plant import COUNT, LIMIT_A, Plant

SEEDS = (1, 2, 3, 4, 5)
HOURS = 3.0
QUICK_HOURS = 0.5
SETTLE_S = 300
"""Before anything counts: everybody starts from nothing."""


def run(quick: bool) -> Outcome:
    """Five seeds of three hours each (quick: two of half an hour)."""
    seeds, hours = (SEEDS[:2], QUICK_HOURS) if quick else (SEEDS, HOURS)
    figures: dict[str, float] = {}
    trips = 0
    for prefix, law in LAWS.items():
        done = [closed_loop(law, seed, hours) for seed in seeds]
        total_h = hours * len(seeds)
        figures[f"{prefix}seconds_over_limit_per_h"] = sum(plant.over_s for plant in done) / total_h
        figures[f"{prefix}longest_over_limit_s"] = float(max(plant.longest_over_s for plant in done))
        figures[f"{prefix}writes_per_charger_h"] = sum(p.writes for p in done) / total_h / COUNT
        figures[f"{prefix}utilisation"] = sum(p.flowed_as for p in done) / (total_h * 3600 * LIMIT_A)
        if not prefix:
            trips = sum(plant.breaker.tripped for plant in done)
            figures["breaker_trips"] = float(trips)
    return Outcome(
        figures=figures,
        seed=seeds[0],
        notes=(
            "without a prefix: the product's law, each second; renewals of leases are not counted as writes.",
            "plain laws: each 5 s, nothing written for less than 0.5 A; the same 2 A margin; the oracle 3 A.",
        ),
        failed="a breaker tripped under the law" if trips else "",
    )


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
