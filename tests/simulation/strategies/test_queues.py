"""The bound for cars that queue and leave when done: no strategy is below it, whoever stands where."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ampacity.simulation.batch.deciding import CODES
from ampacity.simulation.batch.episode import run
from ampacity.simulation.metrics.measure import measure
from ampacity.simulation.scenarios.building import build
from ampacity.simulation.scenarios.reading import load
from ampacity.simulation.strategies.coarser import coarser, fitting
from ampacity.simulation.strategies.optimum import optimum
from tests.simulation.worlds import evses, rows, scene, series, visits, world


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 2**32), places=st.integers(1, 3), cars=st.integers(1, 9))
def test_no_order_of_a_queue_costs_less(seed: int, places: int, cars: int) -> None:
    rng = np.random.default_rng(seed)
    steps = 36
    arrive_s = np.sort(rng.uniform(0.0, steps * 200.0, cars))
    who = visits(
        arrive_s.tolist(),
        (arrive_s + 7200.0).tolist(),
        rng.uniform(500.0, 9_000.0, cars).tolist(),
        evse=np.full(cars, -1),
        pool=np.zeros(cars, np.int64),
        leaves_done=np.ones(cars, np.bool_),
        balk_at=rng.integers(1, 4, cars),
        patience_s=rng.uniform(300.0, 3_000.0, cars),
    )
    where = scene(
        world(
            evses(
                [(k % 3,) for k in range(places)], min_a=np.full(places, 6.0), pool=np.zeros(places, np.int64)
            ),
            who,
            steps=steps,
            conductors=rows(limit_a=float(rng.uniform(8.0, 60.0))),
            signals=series(steps, buy=rng.uniform(0.05, 0.5, steps)),
        ),
        demand_price=float(rng.choice([0.0, 3.0])),
    )
    best = optimum(where)
    mine = measure(best.run)
    assert best.queueing == cars
    assert best.bound <= best.planned + 1e-3 * (abs(best.planned) + 1.0)
    for name in CODES:
        other = measure(run(where, name))
        if other.over_limit_s == 0.0:
            # Limits are lowered by a ten-thousandth for the plan.
            assert best.bound <= other.total_cost + 1e-3 * (abs(other.total_cost) + 1.0)
            assert mine.total_cost <= other.total_cost + 1e-9


def test_the_hub_has_a_bound_and_the_best_that_was_found() -> None:
    scenario, folder = load("highway-hub")
    where = build(scenario, scenario.run.seed, folder)
    best = optimum(where)
    got = measure(best.run).total_cost
    others = [measure(run(where, name)) for name in CODES]
    kept = [one.total_cost for one in others if one.longest_over_limit_s <= where.world.step_s]
    assert best.bound <= min(one.total_cost for one in others)
    assert got <= min(kept)
    assert 0.5 * got < best.bound


def test_longer_steps_are_a_bound_of_the_short_ones() -> None:
    """The costs of the same vans in steps of 5 min, and that they stand in whole windows."""
    scenario, folder = load("ten-vans-at-six")
    where = build(scenario, scenario.run.seed, folder)
    count = fitting(where, 300.0)
    assert count == 5
    long = coarser(where, count)
    assert long.world.step_s * long.world.steps == where.world.step_s * where.world.steps
    assert optimum(long).bound == pytest.approx(optimum(where).bound, rel=2e-3)
