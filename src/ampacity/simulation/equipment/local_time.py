"""Steps of a run on a local calendar, with the changes of the clock right."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from typing import Final, NamedTuple

import numpy as np

from ..batch.world import F, I

_LOOK_S: Final = 900.0
"""Clocks change at a quarter of an hour of UTC everywhere; so often the offset is looked up."""


class LocalTime(NamedTuple):
    """Local calendar of each time: hour of the day (0 up to 24, with its fraction), weekday (0 Monday), month
    (1..12), day of the month, and the seconds of the local clock (as if it were UTC)."""

    hour: F
    weekday: I
    month: I
    day: I
    clock_s: F


def step_times(starts_at: datetime, steps: int, step_s: float, *, middle: bool = False) -> F:
    """Epoch seconds of the begin (or the middle) of each step."""
    if starts_at.tzinfo is None:
        raise ValueError(f"start {starts_at!r} must have a time zone")
    return np.asarray(starts_at.timestamp() + step_s * (np.arange(steps) + (0.5 if middle else 0.0)), float)


def local_time(at_s: F, zone: tzinfo) -> LocalTime:
    """The local calendar at these epoch seconds (UTC)."""
    at = np.asarray(at_s, float)
    looks, of = np.unique(np.floor(at / _LOOK_S), return_inverse=True)
    offsets = np.array([_offset_s(float(look) * _LOOK_S, zone) for look in looks])
    clock = at + (offsets[of] if len(offsets) else 0.0)
    days = np.floor(clock / 86_400.0)
    dates = days.astype(np.int64).astype("datetime64[D]")
    months = dates.astype("datetime64[M]")
    return LocalTime(
        hour=(clock - 86_400.0 * days) / 3600.0,
        # 1970-01-01 was a Thursday.
        weekday=(days.astype(np.int64) + 3) % 7,
        month=months.astype(np.int64) % 12 + 1,
        day=(dates - months.astype("datetime64[D]")).astype(np.int64) + 1,
        clock_s=clock,
    )


def _offset_s(at_s: float, zone: tzinfo) -> float:
    offset = datetime.fromtimestamp(at_s, UTC).astimezone(zone).utcoffset()
    return offset.total_seconds() if offset is not None else 0.0
