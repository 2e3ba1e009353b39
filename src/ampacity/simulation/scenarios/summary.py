"""What many runs say together: means over seeds with their intervals, and differences to a baseline.

The same seed is the same arrivals, weather and building under every strategy (common random numbers), so
differences are taken seed by seed: their interval is much narrower than those of the two means. Intervals
are Student's t at 95 %; with one seed there is none.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from .outcomes import Outcome

# Student's t, 97.5 %, for 1, 2 .. degrees of freedom (any statistics book).
_T: Final = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
    2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
)  # fmt: skip


class Interval(Struct, frozen=True, kw_only=True):
    """A mean and the 95 % interval of it (None with one value)."""

    mean: float
    low: float | None = None
    high: float | None = None


class Figure(Struct, frozen=True, kw_only=True):
    """One metric of one strategy over all seeds, and its difference to the baseline's (None for that)."""

    value: Interval
    difference: Interval | None = None


def interval(values: Sequence[float]) -> Interval:
    """Mean and interval of some values."""
    count = len(values)
    mean = math.fsum(values) / count
    if count < 2:
        return Interval(mean=mean)
    deviation = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (count - 1))
    # Beyond the table by the first terms of Cornish and Fisher's expansion.
    z = 1.959964
    t = _T[count - 2] if count - 1 <= len(_T) else z + (z**3 + z) / (4.0 * (count - 1))
    half = t * deviation / math.sqrt(count)
    return Interval(mean=mean, low=mean - half, high=mean + half)


def summarise(outcomes: Sequence[Outcome], baseline: str) -> dict[str, dict[str, Figure]]:
    """By strategy and metric. A metric that means nothing in any of a strategy's runs is left out; one that
    means nothing in some is taken over the others."""
    by_strategy: dict[str, dict[int, Outcome]] = {}
    for outcome in outcomes:
        by_strategy.setdefault(outcome.strategy, {})[outcome.seed] = outcome
    compared = by_strategy[baseline]
    found: dict[str, dict[str, Figure]] = {}
    for strategy, runs in by_strategy.items():
        figures: dict[str, Figure] = {}
        for name in next(iter(runs.values())).metrics:
            values = [value for run in runs.values() if (value := run.metrics[name]) is not None]
            if not values:
                continue
            pairs = [
                value - other
                for seed, run in runs.items()
                if (value := run.metrics[name]) is not None
                and seed in compared
                and (other := compared[seed].metrics[name]) is not None
            ]
            apart = interval(pairs) if pairs and strategy != baseline else None
            figures[name] = Figure(value=interval(values), difference=apart)
        found[strategy] = figures
    return found
