"""Which raises go out now.

A cut is a right, a raise a favour: it uses only what is free *already*, counting everybody at the most they
may still draw, and it comes in steps, so that what it does to the meter is seen before the next one.

Where a circuit has a meter, at most half of what is free goes out at once. Until the cars' own meters report,
the law can't tell their rise from a rising base and counts it twice; with half, counting twice still fits,
and no raise is followed by a cut. The rest follows: what is free halves with each step.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from msgspec import Struct

from .allocate import fill
from .settings import ControlSettings
from .topology import Entries

_EPSILON_A = 1e-6


class Candidate(Struct, frozen=True, kw_only=True, gc=False):
    """An EVSE below its target. `held_a` is already counted for it; `start` rises from nothing to its
    minimum, which is `target_a` then. `deadband_a` is the least raise worth a message, `raised_at` the last
    one (-inf: never)."""

    number: int
    entries: Entries
    from_a: float
    held_a: float
    target_a: float
    step_a: float
    weight: float
    start: bool
    deadband_a: float
    raised_at: float


def deadband(in_force_a: float, step_a: float, lagging_s: float, settings: ControlSettings) -> float:
    """The least raise for an EVSE that has been below its target for `lagging_s`; one step once that is
    long."""
    if lagging_s >= settings.deadband_waived_after_s:
        return step_a
    least = max(settings.deadband_a, settings.deadband_share * in_force_a)
    return round(math.ceil(least / step_a - _EPSILON_A) * step_a, 9)


def release(
    candidates: Sequence[Candidate],
    free_a: list[float],
    allowance_a: Sequence[float],
) -> dict[int, float]:
    """New limits by EVSE number, for those who rise now.

    `candidates` come in the order of admission. `free_a` (rows) is what nobody holds; it is used up by those
    who start. `allowance_a` (rows) is how much all raises together may add, at most; starting is not rationed
    by it.
    """
    risen: dict[int, float] = {}
    rising: list[Candidate] = []
    for candidate in candidates:
        if not fits(candidate.entries, 0.0, free_a):
            # Somebody there has to come down first. What is counted for this one (a limit whose answer never
            # came) may be nowhere: rising into it would be a rise above the limit.
            continue
        if not candidate.start:
            rising.append(candidate)
            continue
        more = max(0.0, candidate.target_a - candidate.held_a)
        if fits(candidate.entries, more, free_a):
            risen[candidate.number] = candidate.target_a
            for row, coefficient in candidate.entries.pairs():
                free_a[row] -= coefficient * more
    room = [max(0.0, min(allowed, free)) for allowed, free in zip(allowance_a, free_a, strict=True)]
    while rising:
        limits = _share(rising, room)
        served = [
            limit - c.from_a + _EPSILON_A >= c.deadband_a for limit, c in zip(limits, rising, strict=True)
        ]
        if all(served):
            for candidate, limit in zip(rising, limits, strict=True):
                risen[candidate.number] = limit
            break
        if len(rising) == 1:
            break
        # Too little for everybody: those who can't get their deadband step back, but no more than half of all
        # at a time and those first who were raised last, because each that steps back leaves more for the
        # others.
        weak = sorted((c for c, ok in zip(rising, served, strict=True) if not ok), key=lambda c: -c.raised_at)
        out = {c.number for c in weak[: max(1, len(rising) // 2)]}
        rising = [c for c in rising if c.number not in out]
    return risen


def fits(entries: Entries, more_a: float, free_a: Sequence[float]) -> bool:
    """Whether an EVSE may have that many amperes more on all its rows."""
    return all(free_a[row] + _EPSILON_A >= coefficient * more_a for row, coefficient in entries.pairs())


def allowances(
    free_a: Sequence[float],
    rising_a: Sequence[float],
    metered: Sequence[bool],
    ceilings_a: Mapping[int, float],
    settings: ControlSettings,
) -> list[float]:
    """How much all raises together may add to each row: a quarter of what is free or `rising_a` (an ampere,
    or the deadband if that is more, for each EVSE that rises there), whichever is more, never above what is
    free (half of it under a meter) nor above `ceilings_a`."""
    allowed = []
    for row, free in enumerate(free_a):
        most = free * settings.metered_raise_share if metered[row] else free
        wish = max(settings.raise_share * free, rising_a[row])
        allowed.append(max(0.0, min(most, wish, ceilings_a.get(row, wish))))
    return allowed


def _share(rising: Sequence[Candidate], room: Sequence[float]) -> list[float]:
    """Lift the lowest first: fill from the limits in force up to the targets, within `room`."""
    lengths = [len(c.entries.rows) for c in rising]
    load = np.repeat(np.arange(len(rising)), lengths)
    row = np.array([r for c in rising for r in c.entries.rows], np.intp)
    coefficient = np.array([x for c in rising for x in c.entries.coefficients])
    weight = np.array([c.weight for c in rising])
    low = np.array([max(c.from_a, min(c.held_a, c.target_a)) for c in rising])
    high = np.array([c.target_a for c in rising])
    everybody = np.ones(len(rising), np.bool_)
    level, _ = fill(np.asarray(room), load, row, coefficient, low, high, weight, everybody)
    limits = np.clip(weight * level, low, high)
    step = np.array([c.step_a for c in rising])
    return [float(x) for x in np.round(np.floor(limits / step + 1e-6) * step, 9)]
