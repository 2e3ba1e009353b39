"""What steps of cars say of a meter: order, direction, place. A report only."""

from __future__ import annotations

import random
from itertools import permutations

import pytest

from ampacity.model.phases import PerPhase
from ampacity.site.meters.phase_order import PhaseOrder, PhaseReport

WORDS = "set phases to"


def watched(
    wired: tuple[int, int, int] = (0, 1, 2),
    *,
    said: tuple[int, int, int] = (0, 1, 2),
    sees: float = 1.0,
    measures: str = "everything",
    single: bool = True,
    steps: int = 40,
) -> PhaseReport:
    """Cars come and go on single phases (or all three) above a noisy building; the meter's L1..L3 are clamped
    on `wired` and configured as `said`.
    """
    dice = random.Random(7)
    order = PhaseOrder(said, measures)
    cars = [0.0, 0.0, 0.0]
    for number in range(steps):
        if single:
            cars[dice.randrange(3)] = dice.choice((0.0, 8.0, 16.0, 32.0))
        else:
            cars = [dice.choice((0.0, 8.0, 16.0))] * 3
        copper = [sees * cars[phase] + 20.0 + dice.gauss(0.0, 1.5) for phase in range(3)]
        shown = [0.0, 0.0, 0.0]
        for line in range(3):
            shown[said[line]] = copper[wired[line]]
        metered: PerPhase = (shown[0], shown[1], shown[2])
        now: PerPhase = (cars[0], cars[1], cars[2])
        order.watch(31.0 * number, metered, lambda now=now: now)
    return order.report()


@pytest.mark.parametrize("wired", list(permutations(range(3))))
def test_the_order_of_the_wires_is_found_whatever_was_said(wired: tuple[int, int, int]) -> None:
    report = watched(wired)
    assert report.order == wired
    assert (WORDS in report.text) == (wired != (0, 1, 2))
    assert watched(wired, said=(1, 2, 0)).order == wired
    assert WORDS not in watched(wired, said=wired).text


def test_a_meter_the_wrong_way_round() -> None:
    report = watched((1, 0, 2), sees=-1.0)
    assert report.seen == pytest.approx(-1.0, abs=0.2)
    assert "import_is_positive" in report.text
    assert report.order == (1, 0, 2)


def test_a_meter_beside_the_cars_and_one_that_is_said_to_be() -> None:
    assert "without_evs" in watched(sees=0.0).text
    assert "should be everything" in watched(measures="without_evs").text


def test_cars_on_all_phases_alike_say_nothing_of_their_order() -> None:
    report = watched((2, 0, 1), single=False)
    assert report.order is None
    assert "not shown yet" in report.text


def test_too_little_has_happened() -> None:
    report = watched(steps=2)
    assert (report.order, report.seen) == (None, None)


def test_unknown_cars_and_gaps_are_no_steps() -> None:
    order = PhaseOrder((0, 1, 2), "everything")
    for number in range(20):
        cars: PerPhase | None = None if number % 2 else (32.0 * number, 0.0, 0.0)
        order.watch(31.0 * number, (0.0, 0.0, 0.0), lambda cars=cars: cars)
    for number in range(20):
        order.watch(
            10_000.0 + 100.0 * number, (0.0, 0.0, 0.0), lambda number=number: (30.0 * number, 0.0, 0.0)
        )
    assert order.report().steps == 0
