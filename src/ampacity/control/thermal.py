"""What may flow at a temperature: less at once, more only when it has been cooler for a while.

A sensor that is silent, or tells what can't be, is not cool: its fallback holds, or what it allowed last,
whichever is less.
"""

from __future__ import annotations

import math
from itertools import pairwise

from msgspec import Struct

from ampacity.model.protection import TemperatureSensor

PLAUSIBLE_C = (-60.0, 250.0)
FUTURE_S = 2.0

Reading = tuple[float, float]
"""Degrees C, and the monotonic second when they were measured."""


class ThermalMemory(Struct, frozen=True, gc=False):
    """`share` holds. `cooler` is the least of the shares that would have held since `cooler_since`, all of
    them higher."""

    share: float
    cooler: float = 0.0
    cooler_since: float | None = None


def share_at(sensor: TemperatureSensor, celsius: float) -> float:
    """The share of the rating by the sensor's points, from 0 to 1."""
    points = sensor.points
    if not points or celsius <= points[0][0]:
        found = points[0][1] if points else 1.0
    elif celsius >= points[-1][0]:
        found = points[-1][1]
    else:
        found = points[-1][1]
        for (low_c, low), (high_c, high) in pairwise(points):
            if low_c <= celsius < high_c:
                found = low + (high - low) * (celsius - low_c) / (high_c - low_c)
                break
    return min(1.0, max(0.0, found))


def is_fresh(sensor: TemperatureSensor, reading: Reading | None, at: float) -> bool:
    """Whether a reading can be believed now."""
    if reading is None or not all(math.isfinite(value) for value in reading):
        return False
    celsius, taken_at = reading
    return (
        PLAUSIBLE_C[0] <= celsius <= PLAUSIBLE_C[1]
        and taken_at <= at + FUTURE_S
        and at - taken_at <= sensor.stale_s
    )


def follow(
    sensor: TemperatureSensor, reading: Reading | None, memory: ThermalMemory | None, at: float
) -> ThermalMemory:
    """What holds now."""
    if reading is not None and is_fresh(sensor, reading, at):
        share = share_at(sensor, reading[0])
    else:
        share = sensor.fallback_share if memory is None else min(sensor.fallback_share, memory.share)
    if memory is None or share <= memory.share:
        return ThermalMemory(share)
    if memory.cooler_since is None:
        return ThermalMemory(memory.share, share, at)
    cooler = min(memory.cooler, share)
    if at - memory.cooler_since >= sensor.recover_s:
        return ThermalMemory(cooler)
    return ThermalMemory(memory.share, cooler, memory.cooler_since)
