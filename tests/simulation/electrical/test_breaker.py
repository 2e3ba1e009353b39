"""Breakers: the conventional points of their standards hold, more current never opens later."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ampacity.simulation.compiled import compiled
from ampacity.simulation.electrical.breaker import CURVES, Breaker, Curve, heat_step

HOUR = 3600.0

currents = st.lists(st.tuples(st.floats(0.5, 1200.0), st.floats(0.0, 2.8)), min_size=1, max_size=15)


def opens_after(curve: Curve, multiple: float, rated_a: float = 32.0) -> float:
    return Breaker(rated_a, curve).seconds_to_trip(multiple * rated_a)


@pytest.mark.parametrize("curve", ["B", "C", "D"])
def test_a_miniature_breaker_keeps_the_points_of_iec_60898(curve: Curve) -> None:
    assert opens_after(curve, 1.13) == math.inf
    assert opens_after(curve, 1.45) < HOUR
    assert 1.0 < opens_after(curve, 2.55) < 60.0


@pytest.mark.parametrize(("curve", "least", "most"), [("B", 3, 5), ("C", 5, 10), ("D", 10, 20)])
def test_the_magnetic_trip_lies_in_its_class(curve: Curve, least: float, most: float) -> None:
    assert opens_after(curve, 0.99 * least) > 0.1
    assert opens_after(curve, most) == 0.0
    breaker = Breaker(32.0, curve)
    breaker.step(0.0, 0.0)
    assert breaker.step(0.01, 32.0 * most)


def test_a_moulded_case_breaker_keeps_the_points_of_iec_60947() -> None:
    assert opens_after("MCCB", 1.05, 160.0) == math.inf
    assert opens_after("MCCB", 1.30, 160.0) < 2 * HOUR


def test_a_fuse_keeps_the_points_of_iec_60269() -> None:
    assert opens_after("gG", 1.25, 100.0) == math.inf
    assert opens_after("gG", 1.6, 100.0) < 2 * HOUR
    assert opens_after("gG", 2.9, 100.0) > 10.0
    assert opens_after("gG", 5.8, 100.0) < 5.0


@pytest.mark.parametrize("rated_a", [30.0, 100.0])
def test_a_north_american_breaker_keeps_the_points_of_ul_489(rated_a: float) -> None:
    assert opens_after("UL489", 1.0, rated_a) == math.inf
    assert opens_after("UL489", 1.35, rated_a) < HOUR
    assert opens_after("UL489", 2.0, rated_a) < 120.0


def test_a_class_j_fuse_keeps_the_points_of_ul_248() -> None:
    assert opens_after("J", 1.10) == math.inf
    assert opens_after("J", 1.35) < HOUR
    assert 10.0 < opens_after("J", 5.0) < 20.0


@pytest.mark.parametrize("curve", list(CURVES))
def test_stepping_and_foretelling_agree(curve: Curve) -> None:
    breaker = Breaker(63.0, curve, preload_a=50.0)
    expected = breaker.seconds_to_trip(63.0 * 1.7)
    breaker.step(0.0, 0.0)
    second = 0
    while not breaker.step(second + 1.0, 63.0 * 1.7):
        second += 1
    assert second < expected <= second + 1.0
    assert breaker.tripped_at_s == second + 1.0
    assert breaker.seconds_to_trip(0.0) == 0.0


@pytest.mark.parametrize("curve", list(CURVES))
@given(plan=st.lists(st.tuples(st.floats(0.1, 5000.0), st.floats(-1.05, 1.05)), max_size=30))
@settings(max_examples=40, deadline=None)
def test_up_to_1_05_times_its_rating_it_never_opens(curve: Curve, plan: list[tuple[float, float]]) -> None:
    breaker = Breaker(100.0, curve, preload_a=105.0)
    at_s = 0.0
    breaker.step(at_s, 0.0)
    for seconds, multiple in plan:
        at_s += seconds
        assert not breaker.step(at_s, 100.0 * multiple)
    assert breaker.heat < 1.0


@pytest.mark.parametrize("curve", list(CURVES))
@given(plan=currents, more=st.lists(st.floats(0.0, 1.0), min_size=15, max_size=15))
@settings(max_examples=40, deadline=None)
def test_more_current_never_opens_later(
    curve: Curve, plan: list[tuple[float, float]], more: list[float]
) -> None:
    one, other = Breaker(100.0, curve), Breaker(100.0, curve)
    at_s = 0.0
    one.step(at_s, 0.0)
    other.step(at_s, 0.0)
    for (seconds, multiple), extra in zip(plan, more, strict=False):
        at_s += seconds
        opened = one.step(at_s, 100.0 * multiple)
        assert other.step(at_s, 100.0 * (multiple + extra)) or not opened
        assert other.heat >= one.heat - 1e-9


@given(plan=currents, parts=st.integers(2, 20))
@settings(max_examples=60, deadline=None)
def test_the_size_of_the_steps_does_not_matter(plan: list[tuple[float, float]], parts: int) -> None:
    coarse, fine = Breaker(100.0, "C"), Breaker(100.0, "C")
    at_s = 0.0
    coarse.step(at_s, 0.0)
    fine.step(at_s, 0.0)
    for seconds, multiple in plan:
        for k in range(1, parts):
            fine.step(at_s + seconds * k / parts, 100.0 * multiple)
        at_s += seconds
        fine.step(at_s, 100.0 * multiple)
        coarse.step(at_s, 100.0 * multiple)
        # A hair's breadth from the threshold either may be first.
        if coarse.tripped != fine.tripped:
            assert min(coarse.heat, fine.heat) > 1.0 - 1e-6
            return
    assert coarse.heat == pytest.approx(fine.heat, abs=1e-9)


compiled_step = compiled(heat_step)
"""As the batch engine's kernels have it."""


@pytest.mark.parametrize("curve", list(CURVES))
@given(plan=currents)
@settings(max_examples=20, deadline=None)
def test_the_kernels_step_agrees_with_the_breaker(curve: Curve, plan: list[tuple[float, float]]) -> None:
    breaker, built = Breaker(100.0, curve), CURVES[curve]
    quick = slow = at_s = 0.0
    breaker.step(at_s, 0.0)
    for seconds, multiple in [*plan, (1.0, 21.0), (1.0, math.nan)]:
        at_s += seconds
        quick, slow, opened = compiled_step(
            quick, slow, multiple, seconds, built.trip_heat, built.quick_s, built.slow_s, built.magnetic
        )
        foretold = breaker.seconds_to_trip(100.0 * multiple)
        assert opened == breaker.step(at_s, 100.0 * multiple)
        # Within a hair's breadth of the threshold either may be first.
        assert opened == (not foretold > seconds) or abs(foretold - seconds) < 1e-3
        if opened:
            return
        assert 0.5 * (quick + slow) / built.trip_heat == pytest.approx(breaker.heat, rel=1e-9)


def test_it_cools() -> None:
    breaker = Breaker(100.0, "C", preload_a=110.0)
    breaker.step(0.0, 0.0)
    warm = breaker.seconds_to_trip(200.0)
    breaker.step(7200.0, 0.0)
    assert breaker.seconds_to_trip(200.0) > 3 * warm


def test_once_open_it_stays_open_until_somebody_closes_it() -> None:
    breaker = Breaker(16.0, "B")
    breaker.step(0.0, 0.0)
    assert breaker.step(1.0, 100.0)
    assert breaker.step(10_000.0, 0.0)
    breaker.close()
    assert not breaker.step(10_001.0, 10.0)


@pytest.mark.parametrize("current", [math.nan, math.inf, -math.inf])
def test_what_is_no_current_counts_as_a_short_circuit(current: float) -> None:
    assert Breaker(100.0, "gG").step(0.0, current)


def test_impossible_breakers_are_refused() -> None:
    with pytest.raises(ValueError, match="must be above 0"):
        Breaker(0.0)
    with pytest.raises(ValueError, match="known are B, C, D, MCCB, gG, UL489, J"):
        Breaker(16.0, "K")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="more than a 16 A C carries for ever"):
        Breaker(16.0, preload_a=20.0)
    breaker = Breaker(16.0)
    breaker.step(5.0, 0.0)
    with pytest.raises(ValueError, match="time went back"):
        breaker.step(4.0, 0.0)
