"""The checks: which reading is none, by which name, and what the others mean on the circuit's phases."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ampacity.model.phases import PerPhase
from ampacity.model.site import MeterConfig
from ampacity.site.meters import Checks, MeterTrouble, Reading, Told, told_of

NOW = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)


def config(**changes: Any) -> MeterConfig:
    return MeterConfig(**{"protocol": "http", "address": "http://meter", "interval_s": 1.0} | changes)


def judged(told: Told, now: datetime = NOW, **changes: Any) -> Reading:
    return Checks(config(**changes), 100.0, 230.0).judge(told, now)


def fault(told: Told, now: datetime = NOW, **changes: Any) -> str:
    with pytest.raises(MeterTrouble) as trouble:
        judged(told, now, **changes)
    return trouble.value.fault


@pytest.mark.parametrize(
    ("current_a", "power_w", "positive", "expected"),
    [
        # amperes alone: the meter's own sign
        ((10.0, -5.0, 0.0), (None, None, None), True, (10.0, -5.0, 0.0)),
        ((10.0, -5.0, 0.0), (None, None, None), False, (-10.0, 5.0, 0.0)),
        # unsigned amperes: the phase's power tells the direction
        ((10.0, 5.0, 2.0), (2300.0, -1150.0, 460.0), True, (10.0, -5.0, 2.0)),
        ((10.0, 5.0, 2.0), (2300.0, -1150.0, 460.0), False, (-10.0, 5.0, -2.0)),
        # signed amperes that contradict the power: power is right, a current has no sign of its own
        ((-10.0, -5.0, 2.0), (2300.0, -1150.0, 460.0), True, (10.0, -5.0, 2.0)),
        # reactive current tells no direction and counts as load
        ((4.0, 0.0, 0.0), (5.0, 0.0, 0.0), True, (4.0, 0.0, 0.0)),
        # while a phase feeds in, only its active current does
        ((10.0, 0.0, 0.0), (-1150.0, 0.0, 0.0), True, (-5.0, 0.0, 0.0)),
    ],
)
def test_signs(current_a: PerPhase, power_w: PerPhase, positive: bool, expected: PerPhase) -> None:
    told = Told(current_a=current_a, power_w=power_w)
    assert judged(told, import_is_positive=positive).current_a == pytest.approx(expected)


@pytest.mark.parametrize(
    ("phases", "expected"),
    [
        ((0, 1, 2), (1.0, 2.0, 3.0)),
        ((1, 2, 0), (3.0, 1.0, 2.0)),
        ((2, 1, 0), (3.0, 2.0, 1.0)),
        ((1,), (0.0, 1.0, 0.0)),
    ],
)
def test_order_of_phases(phases: tuple[int, ...], expected: PerPhase) -> None:
    assert judged(Told(current_a=(1.0, 2.0, 3.0)), phases=phases).current_a == expected


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (Told(current_a=(1.0, None, 3.0)), "missing"),
        (Told(), "missing"),
        (Told(current_a=(1.0, math.nan, 3.0)), "not_a_number"),
        (Told(current_a=(1.0, math.inf, 3.0)), "not_a_number"),
        (Told(current_a=(1.0, 301.0, 3.0)), "implausible"),
        (Told(current_a=(1.0, -301.0, 3.0)), "implausible"),
        (Told(current_a=(5.0, 5.0, 5.0), total_w=-3000.0), "unsigned"),
        # a tenth of the amperes that the power takes: a transducer's ratio is wrong
        (Told(current_a=(1.0, 1.0, 1.0), power_w=(2300.0, 230.0, 230.0)), "inconsistent"),
        (Told(current_a=(1.0, 1.0, 1.0), total_w=6900.0), "inconsistent"),
        (Told(current_a=(1.0, 1.0, 1.0), at=NOW + timedelta(seconds=61)), "future"),
    ],
)
def test_what_cannot_be_used_has_a_name(told: Told, expected: str) -> None:
    assert fault(told) == expected


@pytest.mark.parametrize(
    "told",
    [
        Told(current_a=(300.0, 0.0, -300.0)),
        Told(current_a=(5.0, -20.0, 5.0), total_w=-3000.0),
        Told(current_a=(5.0, 5.0, 5.0), total_w=-200.0),
        Told(current_a=(10.0, 10.0, 10.0), power_w=(2600.0, 2300.0, 100.0)),
        Told(current_a=(1.0, 1.0, 1.0), at=NOW + timedelta(seconds=59)),
    ],
)
def test_what_is_odd_and_right_is_used(told: Told) -> None:
    assert judged(told).at <= NOW


@pytest.mark.parametrize(
    ("power_w", "total_w", "expected"),
    [
        ((230.0, 460.0, -230.0), 9.0, 460.0),
        ((230.0, None, 230.0), 700.0, 700.0),
        ((None, None, None), -100.0, -100.0),
        ((230.0, None, 230.0), None, None),
    ],
)
def test_the_phases_own_power_counts_before_their_sum(
    power_w: Any, total_w: float | None, expected: float | None
) -> None:
    told = Told(current_a=(2.0, 2.0, 2.0), power_w=power_w, total_w=total_w)
    assert judged(told).power_w == expected


def test_a_phase_that_the_meter_does_not_have_needs_no_value() -> None:
    assert judged(Told(current_a=(7.0, None, None)), phases=(2,)).current_a == (0.0, 0.0, 7.0)


def test_its_own_time_counts_where_it_is_trusted() -> None:
    told = Told(current_a=(1.0, 1.0, 1.0), at=NOW - timedelta(seconds=40))
    assert judged(told).at == NOW - timedelta(seconds=40)
    assert judged(told, meter_time=False).at == NOW
    ahead = Told(current_a=(1.0, 1.0, 1.0), at=NOW + timedelta(hours=1))
    assert judged(ahead, meter_time=False).at == NOW


def test_the_same_time_again_and_an_older_one_are_no_news() -> None:
    checks = Checks(config(), 100.0, 230.0)
    told = Told(current_a=(1.0, 1.0, 1.0), at=NOW)
    checks.judge(told, NOW)
    for at, expected in ((NOW, "duplicate"), (NOW - timedelta(seconds=1), "older")):
        with pytest.raises(MeterTrouble) as trouble:
            checks.judge(Told(current_a=(2.0, 2.0, 2.0), at=at), NOW)
        assert trouble.value.fault == expected
    assert checks.judge(Told(current_a=(2.0, 2.0, 2.0), at=NOW + timedelta(seconds=1)), NOW).at == NOW


class Frozen:
    """A meter that tells the same for ever, and cars."""

    def __init__(self, **changes: Any) -> None:
        self.cars: PerPhase | None = (0.0, 0.0, 0.0)
        self.checks = Checks(config(**changes), 100.0, 230.0, lambda: self.cars)
        self.at = NOW

    def passes(self, seconds: int, current_a: float = 20.0) -> str | None:
        """The first fault within so many seconds."""
        for _ in range(seconds):
            self.at += timedelta(seconds=1)
            try:
                self.checks.judge(Told(current_a=(current_a,) * 3), self.at)
            except MeterTrouble as trouble:
                return trouble.fault
        return None


def test_a_frozen_meter_is_found_when_cars_change() -> None:
    meter = Frozen()
    assert meter.passes(120) is None, "as long as nothing changes it may be right"
    meter.cars = (16.0, 16.0, 16.0)
    assert meter.passes(29) is None, "a car's sample and the meter's reading come at different times"
    assert meter.passes(10) == "frozen"
    assert meter.passes(1, current_a=21.0) is None


@pytest.mark.parametrize(
    "case", ["small", "unknown", "beside", "back"], ids=["a small change", "unknown", "beside", "back again"]
)
def test_a_still_meter_is_not_taken_for_frozen(case: str) -> None:
    meter = Frozen(measures="without_evs" if case == "beside" else "everything")
    meter.passes(60)
    meter.cars = {"small": (2.9, 0.0, 0.0), "unknown": None}.get(case, (16.0, 0.0, 0.0))
    assert meter.passes(20) is None
    if case == "back":
        meter.cars = (0.0, 0.0, 0.0)
    assert meter.passes(100) is None


NUMBER = st.one_of(st.none(), st.floats(allow_nan=True, allow_infinity=True, width=32))
THREE = st.tuples(NUMBER, NUMBER, NUMBER)


@given(THREE, THREE, THREE, NUMBER, st.permutations([0, 1, 2]), st.booleans())
def test_whatever_it_tells_a_reading_is_finite_and_plausible_or_has_a_fault(
    current_a: Any, power_w: Any, voltage_v: Any, total_w: Any, phases: list[int], positive: bool
) -> None:
    told = Told(current_a=current_a, power_w=power_w, voltage_v=voltage_v, total_w=total_w)
    try:
        reading = judged(told, phases=tuple(phases), import_is_positive=positive)
    except MeterTrouble:
        return
    assert all(math.isfinite(amperes) and abs(amperes) <= 300.0 for amperes in reading.current_a)
    assert all(amperes is not None for amperes in current_a)


@given(st.tuples(*(st.floats(-200, 200),) * 3), st.booleans())
def test_a_meter_the_other_way_round_reads_the_same(amperes: PerPhase, positive: bool) -> None:
    """Turning the meter and its sign together changes nothing, with power told or without."""
    watts = tuple(230.0 * value for value in amperes)
    sign = 1.0 if positive else -1.0
    told = Told(
        current_a=tuple(map(abs, amperes)),
        power_w=tuple(sign * value for value in watts),
    )
    read = judged(told, import_is_positive=positive).current_a
    assert all(r == pytest.approx(a) or abs(a) <= 10 / 230 + 1e-9 for r, a in zip(read, amperes, strict=True))


def test_power_told_apart_by_direction_is_netted() -> None:
    told = told_of(
        {"power_l1": 0.0, "power_export_l1": 500.0, "power": 100.0, "power_export_l2": 7.0, "power_l3": 3.0}
    )
    assert told.power_w == (-500.0, -7.0, 3.0)
    assert told.total_w == 100.0
