"""The bench of strategies: intervals, bills by week, the garage's sessions, the hub's cars."""

from __future__ import annotations

import numpy as np
import pytest

from ampacity.bench.strategies.costs import FREE_W, bill
from ampacity.bench.strategies.delivery import delivery
from ampacity.bench.strategies.garage import (
    STEP_S,
    Sessions,
    generated,
    month_scene,
    months,
    week_of,
)
from ampacity.bench.strategies.street import CARS, stays_of, street_scene
from ampacity.bench.strategies.voltage import FULL, Case, Street, _law
from ampacity.bench.strategies.waiting import hub, mean_wait_s
from ampacity.bench.strategies.weeks import between
from ampacity.simulation.batch.episode import run
from ampacity.simulation.metrics.measure import measure


@pytest.fixture(scope="module")
def sessions() -> Sessions:
    """Two months of our own."""
    return generated(7, days=61)


def test_intervals_hold_the_figure_and_widen_with_what_differs() -> None:
    alike, unlike = np.full(8, 3.0), np.array([1.0, 5.0] * 4)
    narrow = between([8], lambda weeks: float(alike[weeks[0]].mean()), 1)
    assert (narrow.low, narrow.value, narrow.high) == (3.0, 3.0, 3.0)
    wide = between([8], lambda weeks: float(unlike[weeks[0]].mean()), 1)
    assert wide.low < wide.value == 3.0 < wide.high
    assert wide == between([8], lambda weeks: float(unlike[weeks[0]].mean()), 1)


def test_months_are_whole_and_an_evse_holds_one_car(sessions: Sessions) -> None:
    assert [begins.month for begins in months(sessions)] == [9, 10]
    scene = month_scene(sessions, months(sessions)[0], FREE_W, declared=True)
    visits = scene.world.visits
    for i in range(len(scene.evses)):
        mine = np.flatnonzero(visits.evse == i)
        assert (visits.depart_s[mine][:-1] <= visits.arrive_s[mine][1:]).all()
    # What drivers said is not what happened, and some said nothing.
    said = np.isfinite(visits.declared_wh)
    assert 0.8 < said.mean() < 1.0
    assert not np.allclose(visits.declared_wh[said], visits.energy_wh[said])
    known = month_scene(sessions, months(sessions)[0], FREE_W, declared=False).world.visits
    assert np.array_equal(known.declared_depart_s, known.depart_s)


def test_bills_by_week_are_the_months(sessions: Sessions) -> None:
    scene = month_scene(sessions, months(sessions)[1], FREE_W, declared=True)
    done = run(scene, "uncontrolled")
    told = bill(done, done.state.energy_wh)
    whole = np.arange(week_of(scene)[2])
    whole_month = measure(done)
    assert told.cost(whole) == pytest.approx(whole_month.operating_cost)
    assert told.demand(whole) == pytest.approx(whole_month.demand_cost)
    assert told.delivered_kwh.sum() == pytest.approx(whole_month.delivered_kwh)
    assert told.unmet_kwh.sum() == 0.0
    assert scene.world.steps * STEP_S > 27 * 86_400


def test_sharing_delivers_more_than_fixed_shares_the_tighter_the_more(sessions: Sessions) -> None:
    figures = delivery(sessions, 1, most_months=1)
    gains = [figures[f"delivered_gain_pct_at_{share}_pct"] for share in (60, 80, 100)]
    assert gains[0] > gains[1] > gains[2] > 0.0
    assert figures["delivered_gain_pct"] == gains[2]


def test_the_same_cars_wait_less_where_current_is_shared() -> None:
    scene = hub(8, 1)
    again = hub(8, 1)
    assert np.array_equal(scene.world.visits.arrive_s, again.world.visits.arrive_s)
    fixed, shared = mean_wait_s(run(scene, "static")), mean_wait_s(run(scene, "dynamic"))
    assert 0.0 < shared < fixed


def test_ordinary_cars_that_follow_the_voltage_calm_a_street() -> None:
    street = Street()
    day = street.day(101)
    plain = street.told(day, FULL)
    calm = street.told(day, Case(_law(16.0, 24.0, 8.0, 20.0)))
    assert calm.std_v < 0.8 * plain.std_v
    assert calm.max_v < plain.max_v
    assert calm.second_v < 1.1 * plain.second_v
    assert calm.delivered_wh > 0.97 * plain.delivered_wh
    assert abs(calm.linear_std_v / calm.std_v - 1.0) < 0.05
    assert plain.wear == plain.given_kwh == 0.0


def test_the_streets_cars_are_the_same_by_seconds_and_by_minutes() -> None:
    street = Street()
    day = street.day(102)
    stays = stays_of(day, both_ways=0.25, converters=1.0)
    assert len(set(day.houses)) == CARS
    assert 0 < (stays.back_a > 0.0).sum() < len(stays.back_a)
    assert (stays.converter == 1.0).all()
    visits = street_scene(street.feeder, day, 160.0).world.visits
    assert np.array_equal(visits.energy_wh, stays.energy_wh)
    assert np.array_equal(np.array(day.houses)[visits.evse], stays.node)
