"""Stations and copper: shared modules, hot stations, breakers, giving back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ampacity.simulation.batch.episode import run
from ampacity.simulation.batch.world import Cabinets
from ampacity.simulation.electrical.breaker import CURVES, Breaker
from ampacity.simulation.metrics.balance import balance
from tests.simulation.worlds import evses, rows, scene, series, visits, world


def test_modules_of_a_cabinet_go_whole_to_one_car_at_a_time() -> None:
    places = evses(
        [(0, 1, 2)] * 2,
        dc=np.ones(2, np.bool_),
        rating_w=np.full(2, 150_000.0),
        max_a=np.full(2, 250.0),
        cabinet=np.zeros(2, np.int64),
    )
    cars = visits([0.0, 300.0], [7200.0] * 2, [1e6] * 2, capacity_wh=np.full(2, 1e6))
    cars = cars._replace(dc_max_w=np.full(2, 100e3), accept_w=np.full(2, 200e3))
    made = world(places, cars, step_s=300.0, steps=3, conductors=rows(2000.0))
    made = made._replace(cabinets=Cabinets(np.array([5]), np.array([30_000.0])))
    done = run(scene(made), "uncontrolled", each_evse=True)
    assert done.trace.evse_w[0] == pytest.approx([100_000.0, 0.0])
    # The first keeps the four modules that it needs; the second has the one that is left.
    assert done.trace.evse_w[1] == pytest.approx([100_000.0, 30_000.0])
    assert done.trace.evse_w[2] == pytest.approx([100_000.0, 30_000.0])


def test_hot_stations_give_less() -> None:
    places = evses([(0, 1, 2)], derates=np.ones(1, np.bool_))
    made = world(
        places,
        visits([0.0], [7200.0], [1e6]),
        steps=2,
        signals=series(2, derate=np.array([1.0, 0.5])),
    )
    done = run(scene(made), "dynamic")
    assert done.trace.ev_w.tolist() == [3 * 230 * 32.0, 3 * 230 * 16.0]


@settings(max_examples=20, deadline=None)
@given(load=st.floats(0.9, 2.0), minutes=st.integers(1, 180))
def test_a_breaker_opens_when_the_live_one_does(load: float, minutes: int) -> None:
    constants = CURVES["C"]
    guarded = rows(
        1e3,
        rated_a=np.array([20.0] + [np.inf] * 5),
        trip_heat=np.full(6, constants.trip_heat),
        quick_s=np.full(6, constants.quick_s),
        slow_s=np.full(6, constants.slow_s),
        magnetic=np.full(6, constants.magnetic),
    )
    # A car alone draws `load` times the rating of the breaker in front of it.
    cars = visits([0.0], [1e6], [1e9], max_a=np.full((1, 3), 20.0 * load), capacity_wh=np.array([1e9]))
    places = evses([(0,)], max_a=np.full(1, 64.0))
    made = world(places, cars, step_s=60.0, steps=minutes, conductors=guarded)
    done = run(scene(made._replace(repair_s=1e9)), "uncontrolled")
    live = Breaker(20.0, "C")
    live.step(0.0, 0.0)
    opened = [k for k in range(1, minutes + 1) if live.step(60.0 * k, 20.0 * load)]
    assert done.state.trips[0] == (1 if opened else 0)
    if opened:
        # Nothing flows behind it from the next step on.
        assert not done.trace.ev_w[opened[0] :].any()
        assert done.trace.ev_w[: opened[0]].all()


def test_a_car_gives_back_down_to_its_floor_and_nothing_is_lost_on_the_way() -> None:
    from ampacity.simulation.strategies.interface import API, Decision, Observation, SitePlan
    from ampacity.simulation.strategies.stepping import step_through

    class GiveAll:
        name, api = "give all", API

        def begin(self, site: SitePlan, rng: np.random.Generator) -> None:
            self.n = len(site.evses)

        def decide(self, seen: Observation) -> Decision:
            return Decision(setpoint_a=np.full(self.n, -16.0))

    cars = visits(
        [0.0], [36_000.0], [1e9], soc=np.array([0.5]), discharge_w=np.array([11_000.0]),
        soc_floor=np.array([0.3]), efficiency=np.array([0.9]),
    )  # fmt: skip
    places = evses([(0, 1, 2)], min_a=np.full(1, -32.0))
    done = step_through(scene(world(places, cars, steps=24)), GiveAll()).run
    assert done.state.soc[0] == pytest.approx(0.3)
    assert done.state.given_wh[0] == pytest.approx(0.2 * 60_000 * 0.9)
    assert done.trace.ev_w.min() == -11_000.0
    assert abs(balance(done).residual_wh) < 1e-6
