"""Weighted max-min sharing on phasor rows: the law's `allocate` (docs/control.md), where currents are
complex.

On a wye site this gives what `ampacity.control.allocate` gives; a property test holds them together.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from msgspec import Struct

from ampacity.simulation.batch.world import F

from .interface import C
from .room import Room, down_to_step, reach

FULL_A = 1e-9


class Load(Struct, frozen=True, kw_only=True, gc=False):
    """Somebody who wants a share: between `low_a` and `high_a`, in steps, in proportion to its weight within
    its class (higher priority first)."""

    evse: int
    slots: int
    low_a: float
    high_a: float
    step_a: float
    weight: float
    priority: int


def share(loads: Sequence[Load], room: Room, count: int) -> F:
    """Setpoints for `count` EVSEs. In the order given everybody gets the least current or nothing; then
    class by class all rise together, each until one of its rows is full or it has its most; then down to
    the step."""
    admitted: list[tuple[Load, float, float]] = []
    for load in loads:
        low, high = _steps(load)
        if high < low or high <= 0.0 or not room.fits(load.evse, load.slots, low):
            continue
        room.add(load.evse, load.slots, low)
        admitted.append((load, low, high))
    setpoint_a: F = np.zeros(count)
    for priority in sorted({load.priority for load, _, _ in admitted}, reverse=True):
        members = [one for one in admitted if one[0].priority == priority]
        for (load, _, _), amperes in zip(members, _rise(members, room), strict=True):
            setpoint_a[load.evse] = down_to_step(amperes, load.step_a)
    return setpoint_a


def _steps(load: Load) -> tuple[float, float]:
    """The least and the most as multiples of the step."""
    if load.step_a <= 0.0:
        return load.low_a, load.high_a
    low = math.ceil(load.low_a / load.step_a - 1e-7) * load.step_a
    return low, math.floor(load.high_a / load.step_a + 1e-7) * load.step_a


def _rise(members: Sequence[tuple[Load, float, float]], room: Room) -> list[float]:
    """Everybody's current is weight times a common level, clipped to its least and most. From corner to
    corner (somebody leaves its least or reaches its most, a row fills) the level rises; who is on a full
    row stays."""
    given = [low for _, low, _ in members]
    active = {k for k, (_, low, high) in enumerate(members) if high > low}
    direction = [room.per_ampere(load.evse, load.slots) for load, _, _ in members]
    rows = [room.loads(load.evse, load.slots) for load, _, _ in members]
    level = 0.0
    while active:
        corners, rising = [], []
        for k in sorted(active):
            load, low, high = members[k]
            if level < low / load.weight - 1e-12:
                corners.append(low / load.weight)
            elif level < high / load.weight - 1e-12:
                corners.append(high / load.weight)
                rising.append(k)
            else:
                active.discard(k)
        if not corners:
            break
        step = min(corners) - level
        if rising:
            slope: C = np.sum([members[k][0].weight * direction[k] for k in rising], axis=0)
            for r in np.flatnonzero(slope):
                free = reach(room.used[r], slope[r], float(room.capacity_a[r]))
                step = max(min(step, free), 0.0)
            room.used += step * slope
            for k in rising:
                given[k] = min(given[k] + step * members[k][0].weight, members[k][2])
        level += step
        full = np.abs(room.used) >= room.capacity_a - FULL_A
        for k in sorted(active):
            started = level >= members[k][1] / members[k][0].weight
            if any(full[r] and (started or _fills(room, direction[k], r)) for r in rows[k]):
                active.discard(k)
    return given


def _fills(room: Room, direction: C, r: int) -> bool:
    """Whether a little more of this load makes a row carry more."""
    return bool(abs(room.used[r] + 1e-3 * direction[r]) > abs(room.used[r]))
