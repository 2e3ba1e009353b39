"""A street by seconds: the slopes are the feeder's, cars and batteries keep their limits and their accounts,
and each lever does what it is for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ampacity.simulation.electrical.feeder import FeederModel, consumer_loads
from ampacity.simulation.flatness.levers import (
    BUFFER_WH,
    FULL_RATE,
    IEEE_1547_B,
    IEEE_1547_B_MOVING,
    LEAST_A,
    MAX_A,
    NO_REACTIVE,
    NO_STORES,
    VDE_AR_N_4105,
    VOLT_V,
    ChargingLaw,
    HomeStores,
    Reactive,
    Stays,
)
from ampacity.simulation.flatness.linear import linearised
from ampacity.simulation.flatness.seconds import Minutes, _on, day
from tests.simulation.electrical.wired import radial_feeder

FEEDER = radial_feeder(6)
MODEL = FeederModel(FEEDER)
HOUSES = len(FEEDER.consumers)
LINEAR = linearised(MODEL, np.full(HOUSES, 500.0), 0.97)
FOLLOW = ChargingLaw(16.0, 16.0, 0.0, 900.0, 3.0, 900.0, 10.0, 0.05, 1)
HOUR = 60


def cars(count: int, energy_wh: float, back_a: float = 0.0, converter: float = 0.0) -> Stays:
    """At the last houses, plugged in after five minutes, until the end."""
    return Stays(
        node=np.arange(HOUSES - count, HOUSES),
        arrive_s=np.full(count, 300.0),
        depart_s=np.full(count, np.inf),
        energy_wh=np.full(count, energy_wh),
        declared_wh=np.full(count, np.nan),
        declared_depart_s=np.full(count, np.nan),
        back_a=np.full(count, back_a),
        converter=np.full(count, converter),
    )


def houses(minutes: int, seed: int = 1) -> np.ndarray:
    """Appliances that come and go at any second."""
    rng = np.random.default_rng(seed)
    kettles = rng.integers(0, 2, (minutes * 4, HOUSES)).repeat(15, axis=0) * 1_800.0
    return np.asarray(300.0 + np.roll(kettles, 7, axis=0))


def stores(gain: float = 4.0) -> HomeStores:
    """A battery in every second house."""
    node = np.arange(0, HOUSES, 2)
    full = np.ones(len(node))
    return HomeStores(node, 5_000.0 * full, 2_500.0 * full, 0.92, 0.0, 900.0, gain, 900.0, 10.0)


def fluctuation(done: Minutes) -> float:
    """Of the worst house, the ramps of the first half an hour left out."""
    return float(np.diff(done.volt_v[30:], axis=0).std(axis=0).max())


def test_slopes_are_the_feeders_and_minutes_may_be_solved_by_their_means() -> None:
    load = houses(10)
    done = day(load, LINEAR, cars(3, 9_000.0), FULL_RATE, NO_REACTIVE, NO_STORES)
    buses = [c.bus for c in FEEDER.consumers]
    phases = [c.phase for c in FEEDER.consumers]
    # The minute in which the cars come, by seconds: their ramp is not flat in it.
    active, reactive = consumer_loads(FEEDER, load, 0.97)
    by_seconds = MODEL.solve(active, reactive, branches=False).voltage_v[:, buses, phases]
    means = consumer_loads(FEEDER, load.reshape(10, 60, HOUSES).mean(axis=1), 0.97)
    by_means = MODEL.solve(*means, branches=False).voltage_v[:, buses, phases]
    assert np.abs(by_seconds.reshape(10, 60, HOUSES).mean(axis=1) - by_means).max() < 0.05
    assert np.abs(by_means[:5] - done.volt_v[:5]).max() < 0.5
    assert (done.volt_v[6:].min(axis=0) < done.volt_v[:5].min(axis=0) - 1.0)[-3:].all()


def test_full_rate_is_all_at_once_and_stops_at_what_was_asked() -> None:
    done = day(houses(HOUR), LINEAR, cars(2, 4_000.0), FULL_RATE, NO_REACTIVE, NO_STORES)
    assert done.energy_wh == pytest.approx(4_000.0)
    assert done.active_w[8, -1] == pytest.approx(MAX_A * VOLT_V, rel=1e-3)
    assert done.active_w[-1].max() == 0.0
    assert done.given_wh.sum() == done.loss_wh.sum() == 0.0


def test_cars_that_follow_the_voltage_hold_it_within_their_own_limits() -> None:
    load = houses(2 * HOUR)
    still = FOLLOW._replace(volt_gain=0.0)
    calm = day(load, LINEAR, cars(3, 1e6), FOLLOW, NO_REACTIVE, NO_STORES)
    deaf = day(load, LINEAR, cars(3, 1e6), still, NO_REACTIVE, NO_STORES)
    assert fluctuation(calm) < 0.85 * fluctuation(deaf)
    drawn = calm.active_w[7:, -3:]
    assert drawn.min() >= LEAST_A * VOLT_V - 1.0
    assert drawn.max() <= MAX_A * VOLT_V + 1.0
    # What it does not take now it takes later.
    assert calm.energy_wh.sum() == pytest.approx(deaf.energy_wh.sum(), rel=0.15)
    assert calm.writes.sum() > deaf.writes.sum() > 0.0


def test_too_quick_an_answer_swings_within_the_minute() -> None:
    load = houses(HOUR)
    wild = FOLLOW._replace(volt_gain=40.0, filter_s=1.0)
    calm, swings = (
        day(load, LINEAR, cars(4, 1e6), law, NO_REACTIVE, NO_STORES).second_square_v2.max()
        for law in (FOLLOW, wild)
    )
    assert swings > 2.0 * calm


def test_a_car_follows_its_own_houses_meter() -> None:
    load = np.full((HOUR * 60, HOUSES), 300.0)
    load[2_400:2_700, -1] += 1_800.0
    law = FOLLOW._replace(volt_gain=0.0, house_gain=1.0, filter_s=1.0)
    done = day(load, LINEAR, cars(2, 1e6), law, NO_REACTIVE, NO_STORES)
    before, after = done.active_w[38], done.active_w[42]
    assert before[-1] - after[-1] == pytest.approx(1_800.0, rel=0.25)
    assert before[-2] == pytest.approx(after[-2], abs=1.0)


@pytest.mark.parametrize("curve", [VDE_AR_N_4105, IEEE_1547_B, IEEE_1547_B_MOVING])
def test_reactive_power_lifts_a_low_voltage_along_its_characteristic(curve: Reactive) -> None:
    assert _on(curve.at_pu, curve.share, 0.5) == curve.share[0] > 0.43
    assert _on(curve.at_pu, curve.share, 1.0) == 0.0
    assert _on(curve.at_pu, curve.share, 1.5) == curve.share[3]
    half = 0.5 * (curve.at_pu[0] + curve.at_pu[1])
    assert _on(curve.at_pu, curve.share, half) == pytest.approx(0.5 * curve.share[0])
    load = np.full((20 * 60, HOUSES), 300.0)
    load[900:] += 5_000.0
    plugged = cars(4, 0.0, converter=1.0)
    with_it = day(load, LINEAR, plugged, FULL_RATE, curve, NO_STORES)
    without = day(load, LINEAR, plugged, FULL_RATE, NO_REACTIVE, NO_STORES)
    # A load lowers its own phase and lifts the others a little: the mean tells.
    assert with_it.volt_v[15].mean() > without.volt_v[15].mean() + 0.03
    assert with_it.reactive_var.min() >= -0.45 * MAX_A * VOLT_V
    assert with_it.loss_wh.sum() > 0.0


@given(seed=st.integers(0, 1000), gain=st.floats(0.0, 8.0))
@settings(max_examples=8, deadline=None)
def test_what_a_home_battery_takes_is_stored_lost_or_given_back(seed: int, gain: float) -> None:
    used = stores(gain)
    done = day(houses(20, seed), LINEAR, cars(1, 0.0), FULL_RATE, NO_REACTIVE, used)
    taken_wh = done.active_w[:, used.node].sum(axis=0) / 60.0
    stored_wh = (done.soc[-1] - done.soc[0]) * used.capacity_wh
    np.testing.assert_allclose(taken_wh, stored_wh + done.store_loss_wh, atol=1e-6)
    assert (done.store_loss_wh > 0.0).all()
    assert (np.abs(done.active_w[:, used.node]) <= used.power_w * 1.002).all()


def test_home_batteries_smooth() -> None:
    load = houses(2 * HOUR)
    plain = day(load, LINEAR, cars(1, 0.0), FULL_RATE, NO_REACTIVE, NO_STORES)
    smooth = day(load, LINEAR, cars(1, 0.0), FULL_RATE, NO_REACTIVE, stores())
    assert fluctuation(smooth) < 0.85 * fluctuation(plain)


@given(seed=st.integers(0, 1000))
@settings(max_examples=5, deadline=None)
def test_a_car_that_gives_back_pays_for_it_and_stays_near_what_was_asked(seed: int) -> None:
    load = houses(3 * HOUR, seed)
    done = day(load, LINEAR, cars(3, 2_000.0, back_a=16.0), FOLLOW, NO_REACTIVE, NO_STORES)
    assert done.given_wh.sum() > 0.0
    assert done.loss_wh.sum() > 0.19 * done.given_wh.sum()
    assert (np.abs(done.energy_wh - 2_000.0) < BUFFER_WH + 200.0).all()
    # Its meter: net energy, and what giving back and waiting lost.
    through_wh = done.active_w[:, -3:].sum(axis=0) / 60.0
    np.testing.assert_allclose(through_wh, done.energy_wh + done.loss_wh, rtol=1e-6)
