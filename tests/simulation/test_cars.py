"""Cars: energy is the integral of the draw, more offered is never less drawn, and steps don't matter."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ampacity.simulation.cars import Car
from ampacity.simulation.fleet import FLEET, Archetype

KINDS = {kind.name: kind for kind in FLEET}
SALOON = KINDS["saloon 57 kWh"]
ONE_PHASE = KINDS["small car 46 kWh, one phase"]

offers = st.one_of(st.just(0.0), st.floats(4.0, 40.0))
steps = st.lists(st.tuples(st.floats(0.1, 900.0), offers), min_size=1, max_size=12)
cars = st.tuples(st.sampled_from(FLEET), st.floats(0.0, 1.0), st.integers(1, 3))


def test_a_three_phase_car_draws_16_a_on_each_phase_however_much_is_offered() -> None:
    car = Car(SALOON, soc=0.2, at_s=0.0)
    car.step(0.0, 32.0, 3)
    draw = car.step(300.0, 32.0, 3)
    assert draw.current_a == (16.0, 16.0, 16.0)
    assert draw.power_w == 3 * 230.0 * 16.0


def test_a_one_phase_car_uses_the_first_phase_of_the_evse() -> None:
    car = Car(ONE_PHASE, soc=0.2, at_s=0.0)
    car.step(0.0, 20.0, 3)
    assert car.step(300.0, 20.0, 3).current_a == (20.0, 0.0, 0.0)


def test_a_two_phase_car_leaves_the_third_phase_alone() -> None:
    car = Car(KINDS["older hatchback 36 kWh, two phases"], soc=0.2, at_s=0.0)
    car.step(0.0, 16.0, 3)
    assert car.step(300.0, 16.0, 3).current_a == (16.0, 16.0, 0.0)


def test_a_three_phase_car_on_one_phase_draws_what_its_charger_gives_on_one() -> None:
    car = Car(KINDS["SUV 77 kWh"], soc=0.2, at_s=0.0)
    car.step(0.0, 32.0, 1)
    assert car.step(300.0, 32.0, 1).current_a == (32.0, 0.0, 0.0)


def test_less_than_6_a_means_pause_and_6_a_means_go() -> None:
    car = Car(SALOON, soc=0.2, at_s=0.0)
    car.step(0.0, 5.9, 3)
    assert car.step(600.0, 5.9, 3).power_w == 0.0
    assert car.energy_wh == 0.0
    car.step(600.0, 6.0, 3)
    assert car.step(1200.0, 6.0, 3).current_a == (6.0, 6.0, 6.0)


@pytest.mark.parametrize("offered", [math.nan, -5.0, -math.inf])
def test_what_is_no_current_is_a_pause(offered: float) -> None:
    car = Car(SALOON, soc=0.2, at_s=0.0)
    car.step(0.0, 16.0, 3)
    car.step(100.0, offered, 3)
    assert car.step(300.0, offered, 3).power_w == 0.0


def test_the_lag_is_two_seconds_dead_then_eight_up_and_two_down() -> None:
    car = Car(SALOON, soc=0.2, at_s=0.0)
    car.step(0.0, 16.0, 3)
    assert car.step(2.0, 16.0, 3).power_w == 0.0
    assert car.step(10.0, 16.0, 3).current_a[0] == pytest.approx(16.0 * (1 - math.exp(-1)))
    car.step(200.0, 16.0, 3)
    car.step(200.0, 6.0, 3)
    assert car.step(202.0, 6.0, 3).current_a[0] == 16.0
    assert car.step(204.0, 6.0, 3).current_a[0] == pytest.approx(6.0 + 10.0 * math.exp(-1))


def test_each_of_two_quick_changes_arrives_after_its_own_dead_time() -> None:
    car = Car(SALOON, soc=0.2, at_s=0.0)
    car.step(0.0, 16.0, 3)
    car.step(100.0, 16.0, 3)
    car.step(100.0, 6.0, 3)
    car.step(101.0, 16.0, 3)
    lowest = min(car.step(101.0 + k * 0.05, 16.0, 3).current_a[0] for k in range(200))
    # One second of falling towards 6 A, then up again.
    assert lowest == pytest.approx(6.0 + 10.0 * math.exp(-0.5), abs=0.02)


def test_an_offer_without_a_limit_is_what_the_charger_can() -> None:
    car = Car(ONE_PHASE, soc=0.2, at_s=0.0)
    car.step(0.0, 6.0, 1)
    car.offer(None, 0.0)
    assert car.offer(None, 300.0).current_a == (32.0, 0.0, 0.0)


def test_it_stops_at_the_requested_energy_to_the_watt_hour_and_beyond() -> None:
    car = Car(SALOON, soc=0.2, at_s=0.0, requested_wh=4321.0)
    car.step(0.0, 16.0, 3)
    draw = car.step(7200.0, 16.0, 3)
    assert car.energy_wh == 4321.0
    assert car.full
    assert draw.power_w == 0.0
    assert draw.current_a == (0.0, 0.0, 0.0)


def test_a_full_battery_stops_it_before_the_request() -> None:
    car = Car(SALOON, soc=0.9, at_s=0.0, requested_wh=60_000.0)
    car.step(0.0, 16.0, 3)
    car.step(40_000.0, 16.0, 3)
    assert car.full
    assert car.soc == 1.0
    assert car.energy_wh == pytest.approx(0.1 * 57_500.0 / 0.9)


def test_a_car_that_asks_for_nothing_draws_nothing() -> None:
    car = Car(SALOON, soc=0.5, at_s=0.0, requested_wh=0.0)
    car.step(0.0, 16.0, 3)
    assert car.step(60.0, 16.0, 3).power_w == 0.0


def test_the_current_tapers_near_full_on_a_small_battery() -> None:
    car = Car(KINDS["plug-in hybrid 12 kWh"], soc=0.85, at_s=0.0)
    car.step(0.0, 16.0, 1)
    currents = [car.step(60.0 * minute, 16.0, 1).current_a[0] for minute in range(2, 60)]
    assert currents[0] == 16.0
    assert all(later <= before for before, later in pairwise(currents))
    assert 0.0 < currents[-1] < 4.0


def test_switching_phases_starts_the_charger_anew() -> None:
    car = Car(SALOON, soc=0.2, at_s=0.0)
    car.step(0.0, 16.0, 3)
    car.step(100.0, 16.0, 3)
    assert car.step(100.0, 16.0, 1).power_w == 0.0
    assert car.step(300.0, 16.0, 1).current_a == (16.0, 0.0, 0.0)


@pytest.mark.parametrize("dc", [False, True])
def test_an_open_contactor_cuts_at_once_and_closing_it_starts_anew(dc: bool) -> None:
    def go(car: Car, at_s: float) -> float:
        draw = car.dc_step(at_s, 50_000.0) if dc else car.step(at_s, 16.0, 3)
        return draw.power_w

    car = Car(SALOON, soc=0.2, at_s=0.0)
    go(car, 0.0)
    full_power_w = go(car, 300.0)
    before_wh = car.energy_wh
    car.cut(310.0)
    assert car.energy_wh - before_wh == pytest.approx(full_power_w * 10.0 / 3600.0)
    cut_wh = car.energy_wh
    assert go(car, 400.0) == 0.0
    assert car.energy_wh == cut_wh
    assert go(car, 700.0) == full_power_w


def test_voltage_changes_power_not_current() -> None:
    car = Car(SALOON, soc=0.2, at_s=0.0)
    car.step(0.0, 16.0, 3, 230.0)
    car.step(100.0, 16.0, 3, 240.0)
    draw = car.step(200.0, 16.0, 3, 240.0)
    assert draw.current_a == (16.0, 16.0, 16.0)
    assert draw.power_w == 3 * 240.0 * 16.0


@pytest.mark.parametrize("kind", FLEET, ids=lambda kind: kind.name)
def test_no_archetype_exceeds_its_charger_or_its_battery(kind: Archetype) -> None:
    for phases in (1, 2, 3):
        car = Car(kind, soc=0.0, at_s=0.0)
        car.step(0.0, 40.0, phases)
        for minute in range(1, 1500, 7):
            draw = car.step(60.0 * minute, 40.0, phases)
            used = [amperes for amperes in draw.current_a if amperes > 0.0]
            assert len(used) <= min(phases, len(kind.ac_max_a))
            assert all(amperes <= max(kind.ac_max_a) for amperes in used)
            assert draw.power_w <= kind.accept_w / kind.ac_efficiency + 1e-6
        assert car.energy_wh * kind.ac_efficiency <= kind.battery_wh + 1e-6


def test_a_dc_car_follows_its_curve_and_the_station() -> None:
    car = Car(SALOON, soc=0.1, at_s=0.0)
    car.dc_step(0.0, 50_000.0)
    assert car.dc_step(60.0, 50_000.0).power_w == 50_000.0
    car.dc_step(60.0, 300_000.0)
    peak = car.dc_step(120.0, 300_000.0).power_w
    assert 0.85 * 170_000.0 / 0.98 < peak <= 170_000.0 / 0.98
    car.dc_step(1800.0, 300_000.0)
    assert car.dc_step(1800.0, 300_000.0).power_w < 0.5 * peak
    assert car.dc_step(1801.0, 300_000.0).current_a == (0.0, 0.0, 0.0)


def test_only_dc_tells_the_state_of_charge() -> None:
    slow, fast = Car(SALOON, soc=0.5, at_s=0.0), Car(SALOON, soc=0.5, at_s=0.0)
    slow.step(0.0, 16.0, 3)
    fast.dc_step(0.0, 50_000.0)
    assert slow.soc_percent is None
    assert fast.soc_percent == 50.0


def test_a_car_without_a_dc_inlet_takes_no_dc() -> None:
    car = Car(KINDS["plug-in hybrid 12 kWh"], soc=0.2, at_s=0.0)
    car.dc_step(0.0, 50_000.0)
    assert car.dc_step(600.0, 50_000.0).power_w == 0.0


@pytest.mark.parametrize(
    ("name", "peak_kw", "mean_kw"),
    [
        ("saloon 57 kWh", 170.0, 100.0),
        ("hatchback 58 kWh", 122.0, 81.0),
        ("crossover 65 kWh", 80.0, 70.0),
        ("crossover 64 kWh", 77.0, 64.0),
        ("SUV 77 kWh", 135.0, 120.0),
    ],
)
def test_the_mean_dc_power_from_10_to_80_percent_is_the_published_one(
    name: str, peak_kw: float, mean_kw: float
) -> None:
    kind = KINDS[name]
    assert kind.dc_max_w == peak_kw * 1000.0
    car = Car(kind, soc=0.1, at_s=0.0)
    car.dc_step(0.0, 1e6)
    seconds = 0.0
    while car.soc < 0.8:
        seconds += 5.0
        car.dc_step(seconds, 1e6)
    mean_w = 0.7 * kind.battery_wh * 3600.0 / seconds
    assert mean_w / 1000.0 == pytest.approx(mean_kw, rel=0.12)


def test_ac_and_dc_in_one_plug_is_refused() -> None:
    car = Car(SALOON, soc=0.2, at_s=0.0)
    car.step(0.0, 16.0, 3)
    car.step(60.0, 16.0, 3)
    with pytest.raises(ValueError, match="between AC and DC"):
        car.dc_step(61.0, 50_000.0)


def test_time_does_not_go_back() -> None:
    car = Car(SALOON, soc=0.2, at_s=100.0)
    with pytest.raises(ValueError, match="time went back"):
        car.step(99.0, 16.0, 3)


@pytest.mark.parametrize(("soc", "wh"), [(-0.1, 1.0), (1.1, 1.0), (0.5, -1.0), (0.5, math.nan)])
def test_an_impossible_car_is_refused(soc: float, wh: float) -> None:
    with pytest.raises(ValueError, match="must"):
        Car(SALOON, soc=soc, at_s=0.0, requested_wh=wh)


@given(cars, steps)
@settings(max_examples=25, deadline=None)
def test_energy_is_the_integral_of_the_power(
    car_of: tuple[Archetype, float, int], plan: list[tuple[float, float]]
) -> None:
    kind, soc, phases = car_of
    car = Car(kind, soc=soc, at_s=0.0)
    tenths, integral, power = 0, 0.0, 0.0
    for seconds, offered in plan:
        for _ in range(math.ceil(min(seconds, 60.0) / 0.1)):
            car.step(tenths / 10.0, offered, phases)
            tenths += 1
            before, power = power, car.step(tenths / 10.0, offered, phases).power_w
            integral += 0.5 * (before + power) * 0.1 / 3600.0
    # The trapezoids miss the instant at which it stops by at most half a piece.
    assert car.energy_wh == pytest.approx(integral, rel=2e-3, abs=0.5)


@given(cars, steps, st.floats(0.0, 2e9))
@settings(max_examples=100, deadline=None)
def test_the_size_of_the_steps_does_not_matter(
    car_of: tuple[Archetype, float, int], plan: list[tuple[float, float]], origin: float
) -> None:
    kind, soc, phases = car_of
    coarse, fine = (Car(kind, soc=soc, at_s=origin) for _ in range(2))
    at_s = origin
    for seconds, offered in plan:
        coarse.step(at_s, offered, phases)
        fine.step(at_s, offered, phases)
        for k in range(1, 30):
            fine.step(at_s + seconds * k / 30, offered, phases)
        at_s += seconds
    assert coarse.step(at_s, 0.0, phases).power_w == pytest.approx(
        fine.step(at_s, 0.0, phases).power_w, rel=1e-6, abs=0.5
    )
    assert coarse.energy_wh == pytest.approx(fine.energy_wh, rel=1e-9, abs=1e-3)


@given(cars, steps, st.lists(st.floats(0.0, 20.0), min_size=12, max_size=12))
@settings(max_examples=100, deadline=None)
def test_who_is_offered_more_never_has_less(
    car_of: tuple[Archetype, float, int], plan: list[tuple[float, float]], more: list[float]
) -> None:
    kind, soc, phases = car_of
    modest, generous = (Car(kind, soc=soc, at_s=0.0) for _ in range(2))
    at_s = 0.0
    for (seconds, offered), extra in zip(plan, more, strict=False):
        modest.step(at_s, offered, phases)
        generous.step(at_s, offered + extra, phases)
        at_s += seconds
        modest.step(at_s, offered, phases)
        generous.step(at_s, offered + extra, phases)
        # 1e-4 A is where the lag counts as arrived.
        assert generous.energy_wh >= modest.energy_wh - 1e-3


def test_the_fleet_weighs_one() -> None:
    assert sum(kind.weight for kind in FLEET) == pytest.approx(1.0)
    assert len({kind.name for kind in FLEET}) == len(FLEET)
