"""Which phases an EVSE really loads, and how right its meter is, found out from steps: when its own meter
tells that its current has changed, the meter of a circuit above it must show the same change on the same
phases.

No pulse is needed: cars come, start, taper and follow limits all day. Each pair of samples with a clear step
is one witness. Every way of joining the EVSE's phases to the circuit's is a hypothesis; its error in one step
is the squared difference between what it predicts and what the circuit showed. Two hypotheses are compared
step by step (a paired t-test): what other loads did in that second is in both errors and falls out. A
hypothesis that predicts the same as another one (a car that loads all phases alike tells nothing about their
order) is not told apart from it, and counts as found together with it.

Assumed: steps of other loads are not in step with this EVSE's; where many EVSEs move together the known steps
of the others are taken off before (`site.steps`). The bound of 4 standard errors and 8 steps is ours.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import permutations
from typing import Literal, TypeAlias

from msgspec import Struct

from ampacity.model.phases import PerPhase

STEP_A = 3.0
"""A step is a change by so much on a phase."""

ENOUGH_STEPS = 8
CERTAIN = 4.0
"""Standard errors that two hypotheses lie apart."""

MOST_STEPS = 64
"""The newest steps count: wires and meters may be changed."""

WRONG_GAIN, CERTAIN_GAIN = 0.25, 0.20
"""A meter that is off by more than that share is wrong; a gain that is not known so well is not known."""

Joined: TypeAlias = tuple[int, int, int]
"""For each phase as configured, the one on which it really lands."""

AS_DRAWN: Joined = (0, 1, 2)
WAYS: tuple[Joined, ...] = tuple((a, b, c) for a, b, c in permutations(range(3)))
FLOOR_A2 = 0.01
"""Squared amperes below which two errors are the same: meters tell tenths."""


class Step(Struct, frozen=True, gc=False):
    """One witness: how the EVSE's currents changed by its own meter, on the circuit's phases as drawn, and
    how the circuit's did in the same time."""

    own_a: PerPhase
    circuit_a: PerPhase


class Joint(Struct, frozen=True, kw_only=True, gc=False):
    """What the steps say. `agrees`: the phases are as drawn; `contradicts`: they are not, `lands` is how they
    are; `unknown`: too few steps, or steps that tell nothing. `gain` is what the circuit shows for each
    ampere that the EVSE tells, None while that is not certain to a fifth.
    """

    verdict: Literal["unknown", "agrees", "contradicts"]
    steps: int
    lands: Joined = AS_DRAWN
    gain: float | None = None

    @property
    def measures_wrong(self) -> bool:
        """Whether the EVSE's meter tells clearly more or less than flows."""
        return self.gain is not None and abs(self.gain - 1.0) > WRONG_GAIN


def is_step(own_a: PerPhase) -> bool:
    """Whether a change is clear enough to count."""
    return max(abs(change) for change in own_a) >= STEP_A


def joint(steps: Sequence[Step]) -> Joint:
    """What these steps say together."""
    steps = steps[-MOST_STEPS:]
    if len(steps) < ENOUGH_STEPS:
        return Joint(verdict="unknown", steps=len(steps))
    gain, gain_error = _gain(steps)
    errors = {way: [_error(step, way, gain) for step in steps] for way in WAYS}
    best = min(WAYS, key=lambda way: (round(sum(errors[way]) / len(steps), 6), way != AS_DRAWN))
    alike = [way for way in WAYS if _the_same(errors[way], errors[best])]
    others = [way for way in WAYS if way not in alike]
    known_gain = round(gain, 2) if CERTAIN * gain_error < CERTAIN_GAIN * gain else None
    if any(_apart(errors[way], errors[best]) < CERTAIN for way in others):
        return Joint(verdict="unknown", steps=len(steps), gain=known_gain)
    if AS_DRAWN in alike:
        # Where no other way was ruled out, the order of the phases is as unknown as before.
        verdict: Literal["unknown", "agrees"] = "agrees" if others else "unknown"
        return Joint(verdict=verdict, steps=len(steps), gain=known_gain)
    return Joint(verdict="contradicts", steps=len(steps), lands=best, gain=known_gain)


def _moved(own_a: PerPhase, way: Joined) -> list[float]:
    moved = [0.0, 0.0, 0.0]
    for phase, change in enumerate(own_a):
        moved[way[phase]] = change
    return moved


def _error(step: Step, way: Joined, gain: float) -> float:
    moved = _moved(step.own_a, way)
    return sum((seen - gain * told) ** 2 for seen, told in zip(step.circuit_a, moved, strict=True))


def _the_same(one: Sequence[float], other: Sequence[float]) -> bool:
    return all(abs(a - b) <= FLOOR_A2 for a, b in zip(one, other, strict=True))


def _apart(worse: Sequence[float], better: Sequence[float]) -> float:
    """By how many standard errors the first is worse, step by step."""
    gaps = [a - b for a, b in zip(worse, better, strict=True)]
    count = len(gaps)
    mean = sum(gaps) / count
    spread = sum((gap - mean) ** 2 for gap in gaps) / (count - 1)
    return mean / math.sqrt(spread / count) if spread > 0 else math.inf if mean > 0 else 0.0


def _gain(steps: Sequence[Step]) -> tuple[float, float]:
    """Amperes of the circuit for one of the EVSE's, of all phases together (so that their order does not
    matter), and its standard error."""
    pairs = [(sum(step.own_a), sum(step.circuit_a)) for step in steps]
    squares = sum(told * told for told, _ in pairs)
    if squares <= 0:
        return 1.0, math.inf
    gain = sum(told * seen for told, seen in pairs) / squares
    rest = sum((seen - gain * told) ** 2 for told, seen in pairs) / (len(pairs) - 1)
    if gain <= 0.05:
        return 1.0, math.inf
    return gain, math.sqrt(rest / squares)
