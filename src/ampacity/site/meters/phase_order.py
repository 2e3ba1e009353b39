"""Whether a meter's phases and direction are what its circuit says: a report, never a change.

Cars tell what they draw on which phase of the circuit. When one of them steps, the meter should step by as
much on the same phase. Both are compared as differences over half a minute, in which a car's sample and the
meter's reading have both arrived; what all three phases do together says nothing of their order and is taken
off. Of the six orders the one wins whose steps belong together best (correlation of the steps).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from itertools import permutations

from msgspec import Struct

from ...model.phases import STRAIGHT, PerPhase, Rotation

SPAN_S = 30.0
KEPT = 240
"""Steps that count: two hours of one each half minute."""

ENOUGH_A2 = 300.0
"""Sum of squared steps of cars before anything is said: three of 10 A."""

CLEAR = 0.6
UNCLEAR = 0.3
SMALLEST_STEP_A = 2.0


class PhaseReport(Struct, frozen=True, kw_only=True):
    """What the cars' steps say of the meter. `order` is where its L1..L3 seem to be, None while unclear.

    `seen` is the share of the cars' steps that the meter shows: near 1 it sees them, near 0 it stands beside
    them, near -1 its sign is the wrong one; None while too little has happened. `text` says it in words.
    """

    steps: int
    order: Rotation | None
    seen: float | None
    text: str


class PhaseOrder:
    """Watches one meter of a circuit. `phases` are where its L1.. are said to be."""

    def __init__(self, phases: tuple[int, ...], measures: str) -> None:
        self._phases, self._measures = phases, measures
        self._mark: tuple[float, PerPhase, PerPhase] | None = None
        self._steps: deque[tuple[PerPhase, PerPhase]] = deque(maxlen=KEPT)

    def watch(self, at: float, metered_a: PerPhase, cars_a: Callable[[], PerPhase | None]) -> None:
        """A reading at `at` seconds, on the circuit's phases; `cars_a()` is what the cars draw now."""
        mark = self._mark
        if mark is not None and at - mark[0] < SPAN_S:
            return
        cars = cars_a()
        self._mark = None if cars is None else (at, metered_a, cars)
        if mark is None or cars is None or at - mark[0] > 2 * SPAN_S:
            return  # what happens in a gap belongs to nobody
        step = _less(cars, mark[2])
        if max(map(abs, step)) >= SMALLEST_STEP_A:
            self._steps.append((step, _less(metered_a, mark[1])))

    def report(self) -> PhaseReport:
        """What is known so far."""
        cars = [step for step, _ in self._steps]
        metered = [step for _, step in self._steps]
        energy = sum(value * value for step in cars for value in step)
        if energy < ENOUGH_A2:
            return PhaseReport(
                steps=len(cars),
                order=None,
                seen=None,
                text="Too few steps of cars yet to tell phases and direction.",
            )
        shown = {order: _shown(cars, metered, order) for order in permutations(range(3))}
        order, agrees = self._order(cars, metered)
        # Where the order is not known, the phases have moved alike and any order shows the same.
        best = STRAIGHT if order is None else order
        seen = shown[best] if agrees is False else shown[STRAIGHT]
        told = None if order is None else self._wired(order)
        return PhaseReport(
            steps=len(cars), order=told, seen=round(seen, 2), text=self._words(told, agrees, seen)
        )

    def _order(self, cars: list[PerPhase], metered: list[PerPhase]) -> tuple[Rotation | None, bool | None]:
        """The order that fits best, whichever way round the meter is, and whether it is the configured one;
        None where phases moved alike.
        """
        apart, moved = [_apart(step) for step in cars], [_apart(step) for step in metered]
        if len(self._phases) < 3 or sum(_dot(step, step) for step in apart) < ENOUGH_A2 / 3:
            return None, None
        fits = {order: abs(_shown(apart, moved, order)) for order in permutations(range(3))}
        best = max(fits, key=lambda order: fits[order])
        if fits[best] < CLEAR:
            return None, None
        if fits[STRAIGHT] >= UNCLEAR and fits[best] - fits[STRAIGHT] < UNCLEAR:
            best = STRAIGHT
        return (best[0], best[1], best[2]), best == STRAIGHT

    def _wired(self, order: Rotation) -> Rotation:
        """Where the meter's L1..L3 are, when what cars draw on phase p shows on phase `order[p]`."""
        where = {order[phase]: phase for phase in range(3)}
        l1, l2, l3 = (where[phase] for phase in self._phases)
        return l1, l2, l3

    def _words(self, order: Rotation | None, agrees: bool | None, seen: float) -> str:
        if seen < -UNCLEAR:
            text = "The meter falls when cars rise: import_is_positive is the wrong way round."
        elif abs(seen) <= UNCLEAR and order is None and self._measures == "everything":
            text = (
                "The meter does not show what cars draw: it may stand beside them (measures = without_evs)."
            )
        elif seen > CLEAR and self._measures == "without_evs":
            text = "The meter shows what cars draw: measures should be everything."
        else:
            text = "Direction and place of the meter agree with the cars."
        if agrees is False and order is not None:
            told = ", ".join(f"its L{i + 1} on L{phase + 1}" for i, phase in enumerate(order))
            text += f" Its phases seem to be {told}: set phases to {list(order)}, or change the wires."
        elif agrees is None:
            text += " No car has loaded one phase more than another: the order of phases is not shown yet."
        else:
            text += " So does the order of its phases."
        return text


def _shown(cars: list[PerPhase], metered: list[PerPhase], order: tuple[int, ...]) -> float:
    """The share of the cars' steps that the meter shows, if it is wired in this order."""
    energy = sum(_dot(step, step) for step in cars)
    turned = ((step[order[0]], step[order[1]], step[order[2]]) for step in metered)
    return sum(_dot(c, m) for c, m in zip(cars, turned, strict=True)) / energy


def _less(a: PerPhase, b: PerPhase) -> PerPhase:
    return a[0] - b[0], a[1] - b[1], a[2] - b[2]


def _apart(step: PerPhase) -> PerPhase:
    mean = sum(step) / 3.0
    return step[0] - mean, step[1] - mean, step[2] - mean


def _dot(a: PerPhase, b: PerPhase) -> float:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
