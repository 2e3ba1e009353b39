"""Intervals over weeks: a week is resampled whole, because its days resemble each other.

Both sides of a comparison are resampled together (paired), 2,000 times, from one seed; the interval is the
middle 95 % of what comes out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Weeks: TypeAlias = NDArray[np.int64]

RESAMPLES: Final = 2000


class Between(Struct, frozen=True, kw_only=True):
    """A figure and its 95 % interval."""

    value: float
    low: float
    high: float


def between(groups: list[int], figure: Callable[[list[Weeks]], float], seed: int) -> Between:
    """`figure` of all weeks, and its interval: `groups` are numbers of weeks that are resampled each within
    itself (months, whose demand charge is their own); `figure` takes a list of week numbers a group."""
    rng = np.random.default_rng(seed)
    whole = [np.arange(count) for count in groups]
    drawn = [figure([rng.integers(0, count, count) for count in groups]) for _ in range(RESAMPLES)]
    low, high = np.percentile(drawn, [2.5, 97.5])
    return Between(value=figure(whole), low=float(low), high=float(high))
