"""The optimum against hand-made answers, against trying everything, and against every other strategy."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ampacity.simulation.batch.deciding import CODES
from ampacity.simulation.batch.episode import run
from ampacity.simulation.batch.outcome import Scene
from ampacity.simulation.batch.world import TAPER_LINEAR, TAPER_NONE, Storage
from ampacity.simulation.metrics.balance import balance
from ampacity.simulation.metrics.measure import measure
from ampacity.simulation.strategies.model import Terms
from ampacity.simulation.strategies.optimum import optimum
from ampacity.simulation.strategies.program import SolverError
from tests.simulation.strategies.test_compiled import any_world
from tests.simulation.worlds import evses, rows, scene, series, visits, world

KW = 32 * 230 / 1e3


def hours(buy: list[float], *asked_kwh: float, **changes: Any) -> Scene:
    """Cars on one phase each (7.36 kW), plugged in for all the hours, at these prices an hour."""
    steps, n = len(buy), len(asked_kwh)
    places = evses([(k % 3,) for k in range(n)], min_a=np.full(n, changes.pop("min_a", 0.0)))
    cars = visits([0.0] * n, [steps * 3600.0] * n, [kwh * 1e3 for kwh in asked_kwh])
    cars = cars._replace(**changes.pop("cars", {}))
    fields = {key: changes.pop(key) for key in ("storage", "conductors") if key in changes}
    signals = series(steps, buy=np.array(buy), sell=np.array(buy), **changes.pop("signals", {}))
    return scene(world(places, cars, step_s=3600.0, steps=steps, signals=signals, **fields), **changes)


def test_energy_goes_to_the_cheapest_hours() -> None:
    best = optimum(hours([0.4, 0.1, 0.3, 0.2], 1.5 * KW))
    cost = KW * 0.1 + 0.5 * KW * 0.2
    assert best.planned == pytest.approx(cost)
    assert best.bound == pytest.approx(cost, abs=1e-3)
    assert best.bound <= cost
    assert measure(best.run).total_cost == pytest.approx(cost)


def test_a_high_price_of_demand_makes_it_flat() -> None:
    best = measure(optimum(hours([0.4, 0.1, 0.3, 0.2], 8.0, demand_price=100.0, unmet_price=1e4)).run)
    assert best.peak_kw == pytest.approx(2.0)
    assert best.unmet_kwh == pytest.approx(0.0, abs=1e-6)


def test_what_costs_more_than_it_is_worth_is_not_charged() -> None:
    best = measure(optimum(hours([0.4, 1.2], 2 * KW, unmet_price=1.0)).run)
    assert best.delivered_kwh == pytest.approx(KW)
    assert best.total_cost == pytest.approx(0.4 * KW + 1.0 * KW)


def test_a_car_gives_back_where_that_pays_for_its_losses() -> None:
    """6 kWh are in the car, which asks for nothing more: out at 0.5, in at 0.1, 0.9 each way."""
    cars = {
        "soc": np.array([0.2]),
        "soc_floor": np.array([0.1]),
        "efficiency": np.array([0.9]),
        "discharge_w": np.array([5000.0]),
    }
    best = optimum(hours([0.5, 0.1, 0.1], 0.0, cars=cars, unmet_price=1.0))
    found = measure(best.run)
    assert found.given_back_kwh == pytest.approx(5.0)
    # It asked for nothing net, so it takes back what it gave, and no more.
    assert found.delivered_kwh == pytest.approx(5.0)
    assert found.total_cost == pytest.approx(best.planned) == pytest.approx(-5.0 * 0.5 + 5.0 * 0.1)
    dear = measure(optimum(hours([0.11, 0.1, 0.1], 0.0, cars=cars), Terms(wear_per_kwh=0.2)).run)
    assert dear.given_back_kwh == pytest.approx(0.0, abs=1e-6)


def test_the_stationary_battery_moves_energy_and_keeps_the_sun() -> None:
    store = Storage(10_000.0, 4_000.0, 4_000.0, 0.9, 0.8, 0.1, 0.1, 0.9, 0.0)
    sunny = np.array([4_000.0, 4_000.0, 0.0, 0.0])
    where = hours(
        [0.3, 0.3, 0.3, 0.3],
        0.0,
        storage=store,
        signals={"pv_w": sunny, "base_w": np.array([0.0, 0.0, 3_000.0, 3_000.0])},
    )
    flat = where.world.series._replace(sell=np.zeros(4))
    best = measure(optimum(scene(where.world._replace(series=flat))).run)
    # 7.2 kWh of the sun in the battery come out as 5.76 of the 6 kWh that the building wants.
    assert best.grid_import_kwh == pytest.approx(6.0 - 7.2 * 0.8)
    assert best.storage_losses_kwh == pytest.approx(8.0 - 5.76, abs=1e-6)


def test_a_falling_curve_is_foreseen() -> None:
    """Full power falls from half full on: what waits for the cheap third hour alone would miss half a kWh,
    which is dear; so it charges before."""
    cars = visits(
        [0.0],
        [10_800.0],
        [7_000.0],
        taper=np.array([TAPER_LINEAR]),
        taper_from=np.array([0.5]),
        capacity_wh=np.array([14_000.0]),
        accept_w=np.array([7_360.0]),
        soc=np.array([0.4]),
    )
    signals = series(36, buy=np.repeat([0.3, 0.2, 0.1], 12))
    where = scene(world(evses([(0,)], min_a=np.zeros(1)), cars, steps=36, signals=signals), unmet_price=10.0)
    best, full = optimum(where), measure(run(where, "uncontrolled"))
    found = measure(best.run)
    assert full.unmet_kwh < 0.05
    assert found.unmet_kwh < 0.05
    assert best.bound <= best.planned <= found.total_cost < full.total_cost - 0.1


@pytest.mark.parametrize("limit_a", [100.0, 20.0])
def test_trying_everything_finds_nothing_better(limit_a: float) -> None:
    """Two cars on one phase that take 16 A or nothing, for six hours: all 4,096 plans."""
    buy, asked = [0.31, 0.12, 0.25, 0.12, 0.40, 0.18], (3, 4)
    kw = 16 * 230 / 1e3
    places = evses([(0,), (0,)], min_a=np.full(2, 16.0), max_a=np.full(2, 16.0))
    cars = visits([0.0, 3600.0], [18_000.0, 21_600.0], [1e3 * kw * k for k in asked])
    where = scene(
        world(
            places,
            cars,
            step_s=3600.0,
            steps=6,
            conductors=rows(limit_a=limit_a),
            signals=series(6, buy=np.array(buy)),
        ),
        demand_price=0.05,
        unmet_price=0.35,
    )
    cheapest = np.inf
    for choice in product((0, 1), repeat=12):
        on = np.array(choice).reshape(2, 6)
        inside = not on[0, 5] and not on[1, 0] and on[0].sum() <= asked[0] and on[1].sum() <= asked[1]
        load = on.sum(axis=0)
        if inside and (load * 16 <= limit_a).all():
            missing = sum(asked) - load.sum()
            cheapest = min(cheapest, kw * (load @ np.array(buy) + 0.05 * load.max() + 0.35 * missing))
    best = optimum(where, Terms(exact=True))
    assert best.planned == pytest.approx(cheapest)
    assert measure(best.run).total_cost == pytest.approx(cheapest)
    assert optimum(where).bound <= cheapest + 1e-9


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    phasors=st.booleans(),
    demand_price=st.sampled_from([0.0, 2.0]),
    stored=st.booleans(),
)
def test_no_strategy_that_keeps_the_limits_costs_less(
    seed: int, phasors: bool, demand_price: float, stored: bool
) -> None:
    rng = np.random.default_rng(seed)
    what = any_world(seed, phasors=phasors)
    n, v = len(what.evses.min_a), len(what.visits.arrive_s)
    cars = what.visits._replace(
        up_s=np.zeros(v),
        down_s=np.zeros(v),
        min_a=np.zeros(v),
        taper=np.full(v, TAPER_NONE),
        discharge_w=rng.choice([0.0, 4_000.0], v),
    )
    signals = what.series._replace(
        buy=rng.uniform(0.05, 0.5, what.steps),
        sell=np.full(what.steps, 0.04),
        pv_w=np.abs(rng.normal(0.0, 5_000.0, what.steps)),
    )
    what = what._replace(
        evses=what.evses._replace(min_a=np.zeros(n), step_a=np.zeros(n)), visits=cars, series=signals
    )
    if stored:
        what = what._replace(storage=Storage(8_000.0, 3_000.0, 3_000.0, 0.95, 0.95, 0.5, 0.1, 1.0, 10.0))
    where = scene(what, demand_price=demand_price)
    best = optimum(where)
    mine = measure(best.run)
    assert mine.total_cost == pytest.approx(best.planned, rel=2e-3, abs=2e-3)
    assert best.planned >= best.bound - 1e-9
    base_only = (np.hypot(what.rows.base_re, what.rows.base_im) > what.rows.limit_a).any(axis=1)
    over = (best.run.trace.row_a > what.rows.limit_a * (1 + 1e-9)).any(axis=1)
    assert not (over & ~base_only).any()
    assert balance(best.run).residual_wh == pytest.approx(0.0, abs=1e-3)
    for name in CODES:
        other = measure(run(where, name))
        if other.over_limit_s == 0.0:
            # Limits are lowered by a ten-thousandth for the plan.
            near = 1e-3 * (abs(other.total_cost) + 1.0)
            assert best.bound <= other.total_cost + near
            assert mine.total_cost <= other.total_cost + 2 * near


def test_without_time_it_says_so() -> None:
    with pytest.raises(SolverError, match="'Time limit reached': give it more time"):
        optimum(hours([0.3] * 48, *[9.0] * 6, demand_price=1.0), Terms(time_limit_s=0.0))
