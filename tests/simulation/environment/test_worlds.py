"""Many worlds at once: the same as one alone, the same as the engine's own runs, and every part adds up."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ampacity.simulation.batch import episode
from ampacity.simulation.batch.outcome import Scene
from ampacity.simulation.batch.world import TAPER_LINEAR, F, Storage
from ampacity.simulation.environment.beside import UnlikeError
from ampacity.simulation.environment.seen import EVSE_COLUMNS, SITE_COLUMNS, Seen
from ampacity.simulation.environment.worlds import BadActionError, Environment, NotBegunError
from ampacity.simulation.equipment.ageing import cycle_price
from ampacity.simulation.metrics.measure import measure
from ampacity.simulation.strategies.interface import API, Decision, Observation, SitePlan
from ampacity.simulation.strategies.loading import load
from ampacity.simulation.strategies.stepping import step_through
from tests.simulation.worlds import evses, rows, scene, series, visits, world

PORTS, STEPS = 4, 36
SEEDS = st.integers(0, 2**32 - 1)


def hub(seed: int) -> Scene:
    """Four ports with a queue, sun, a stationary battery; some cars say nothing, some give back."""
    rng = np.random.default_rng(seed)
    v = int(rng.integers(3, 14))
    arrive = np.sort(rng.uniform(0.0, 8000.0, v))
    depart = arrive + rng.uniform(600.0, 9000.0, v)
    energy = rng.uniform(1e3, 3e4, v)
    silent = rng.random(v) < 0.3
    cars = visits(
        arrive.tolist(),
        depart.tolist(),
        energy.tolist(),
        evse=np.full(v, -1, np.int64),
        pool=np.zeros(v, np.int64),
        declared_wh=np.where(silent, np.nan, energy * rng.uniform(0.7, 1.2, v)),
        declared_depart_s=np.where(silent, np.nan, depart + rng.normal(0.0, 600.0, v)),
        soc=rng.uniform(0.1, 0.7, v),
        efficiency=rng.uniform(0.85, 1.0, v),
        taper=np.full(v, TAPER_LINEAR, np.int64),
        taper_from=np.full(v, 0.8),
        discharge_w=np.where(rng.random(v) < 0.4, 7000.0, 0.0),
        soc_floor=np.full(v, 0.2),
        up_s=np.full(v, 10.0),
        down_s=np.full(v, 4.0),
        balk_at=np.full(v, 2, np.int64),
        patience_s=rng.exponential(1200.0, v),
    )
    base = rng.uniform(0.0, 20.0, (STEPS, 6))
    signals = series(
        STEPS,
        buy=rng.uniform(0.05, 0.5, STEPS),
        sell=rng.uniform(-0.05, 0.2, STEPS),
        pv_w=rng.uniform(0.0, 30e3, STEPS),
        base_w=base[:, :3].sum(axis=1) * 230.0,
    )
    store = Storage(50e3, 20e3, 20e3, 0.95, 0.95, 0.5, 0.1, 0.9, 20.0)
    made = world(
        evses([(0, 1, 2)] * PORTS, pool=np.zeros(PORTS, np.int64), standby_w=np.full(PORTS, 6.0)),
        cars,
        steps=STEPS,
        conductors=rows(60.0, base_re=base, base_im=np.zeros_like(base)),
        signals=signals,
        storage=store,
    )
    return scene(made)


def actions(seed: int) -> tuple[F, F]:
    rng = np.random.default_rng([seed, 1])
    return rng.uniform(-20.0, 40.0, (STEPS, PORTS)), rng.uniform(-2e4, 2e4, STEPS)


def played(seeds: list[int]) -> list[list[np.ndarray]]:
    """Every array that worlds show, under random orders of each world's own."""
    where = Environment(hub, prices_ahead=3)
    seen = where.reset(seeds)
    orders = [actions(seed) for seed in seeds]
    told: list[list[np.ndarray]] = [[] for _ in seeds]
    for t in range(STEPS):
        stepped = where.step(np.array([a[t] for a, _ in orders]), np.array([w[t] for _, w in orders]))
        for k, story in enumerate(told):
            story += [array[k] for array in seen[1:]]
            story += [part[k] for part in stepped.rewards] + [stepped.clipped[k], stepped.done[k]]
        seen = stepped.seen
    for k, story in enumerate(told):
        story += [array[k] for array in seen[1:]]
    return told


@settings(max_examples=10, deadline=None)
@given(seeds=st.lists(SEEDS, min_size=1, max_size=5))
def test_a_world_is_the_same_alone_and_beside_others(seeds: list[int]) -> None:
    for seed, beside in zip(seeds, played(seeds), strict=True):
        for one, other in zip(played([seed])[0], beside, strict=True):
            assert np.array_equal(one, other, equal_nan=True)


class Heard:
    """A built-in strategy whose setpoints are written down."""

    api = API

    def __init__(self, name: str) -> None:
        self.name, self._inner = name, load(name, {})
        self.orders: list[F] = []

    def begin(self, site: SitePlan, rng: np.random.Generator) -> None:
        self._inner.begin(site, rng)

    def decide(self, observation: Observation) -> Decision:
        decision = self._inner.decide(observation)
        self.orders.append(np.array(decision.setpoint_a, float))
        return decision


@pytest.mark.parametrize("name", ["uncontrolled", "least-laxity", "dynamic"])
def test_setpoints_of_a_built_in_strategy_make_its_run(name: str) -> None:
    seeds = [3, 14, 15]
    heard = [Heard(name) for _ in seeds]
    runs = [
        step_through(hub(seed), strategy, each_evse=True).run
        for seed, strategy in zip(seeds, heard, strict=True)
    ]
    where = Environment(hub, traces=True)
    where.reset(seeds)
    for t in range(STEPS):
        where.step(np.array([strategy.orders[t] for strategy in heard]))
    for k, seed in enumerate(seeds):
        stepped, beside, compiled = runs[k], where.run(k), episode.run(hub(seed), name)
        for one, other in zip([*stepped.state, *stepped.trace], [*beside.state, *beside.trace], strict=True):
            assert np.array_equal(one, other, equal_nan=True)
        np.testing.assert_allclose(compiled.state.energy_wh, beside.state.energy_wh, atol=1e-4)
        np.testing.assert_allclose(compiled.trace.site_w, beside.trace.site_w, atol=1e-3)


@settings(max_examples=15, deadline=None)
@given(seed=SEEDS)
def test_parts_add_up_to_what_is_measured(seed: int) -> None:
    where = Environment(hub, traces=True)
    where.reset([seed])
    orders, store_w = actions(seed)
    steps = [where.step(orders[t][None], store_w[t : t + 1]) for t in range(STEPS)]
    run = where.run(0)
    figures = measure(run)
    total = {
        name: sum(float(getattr(s.rewards, name)[0]) for s in steps) for name in steps[0].rewards._fields
    }
    assert total["energy_cost"] == pytest.approx(figures.energy_cost, abs=1e-9)
    assert total["unmet_wh"] == pytest.approx(1000.0 * figures.unmet_kwh, abs=1e-6)
    assert total["trips"] == figures.trips
    out_kwh = figures.given_back_kwh * cycle_price("NMC") + run.state.store[3] / 1e3 * cycle_price("LFP")
    assert total["wear_cost"] == pytest.approx(2.0 * out_kwh)
    over = [float(s.rewards.over_limit_a[0]) for s in steps]
    expected = np.maximum(run.trace.row_a - run.scene.world.rows.limit_a, 0.0).max(axis=1)
    np.testing.assert_allclose(over, expected, atol=1e-9)
    assert [bool(s.done[0]) for s in steps] == [False] * (STEPS - 1) + [True]


def column(seen: Seen, name: str) -> F:
    values: F = seen.evses[:, :, EVSE_COLUMNS.index(name)]
    return values


def test_what_is_seen_is_what_a_running_system_would_know() -> None:
    cars = visits(
        [0.0, 0.0], [3000.0, 3000.0], [9e3, 9e3], declared_wh=np.array([5e3, np.nan]),
        declared_depart_s=np.array([1800.0, np.nan]),
    )  # fmt: skip
    where = Environment(lambda seed: scene(world(evses([(0, 1, 2)] * 2), cars, steps=4)), prices_ahead=9)
    seen = where.reset([7])
    assert column(seen, "plugged").tolist() == [[1.0, 1.0]]
    assert column(seen, "declared_left_s")[0, 0] == 1800.0
    assert np.isnan(column(seen, "declared_left_wh")[0]).tolist() == [False, True]
    assert seen.buy.shape == (1, 9)
    stepped = where.step(np.array([[16.0, 3.0]]))
    # Three amperes are below the least: nothing, and counted.
    assert stepped.clipped.tolist() == [1.0]
    taken_w = 16.0 * 690.0
    assert column(stepped.seen, "power_w").tolist() == [[pytest.approx(taken_w), 0.0]]
    assert column(stepped.seen, "declared_left_wh")[0, 0] == pytest.approx(5e3 - taken_w / 12)
    assert column(stepped.seen, "declared_left_s")[0, 0] == 1500.0
    assert stepped.seen.site[0, SITE_COLUMNS.index("site_w")] == pytest.approx(taken_w)


def test_the_same_seeds_again_are_the_same_worlds_unbuilt() -> None:
    built: list[int] = []

    def make(seed: int) -> Scene:
        built.append(seed)
        return hub(seed)

    where = Environment(make)
    first = where.reset([1, 2])
    after = where.step(np.full((2, PORTS), 10.0)).seen
    again = where.reset([1, 2])
    assert built == [1, 2]
    for one, other in zip(first[1:], again[1:], strict=True):
        assert np.array_equal(one, other, equal_nan=True)
    assert np.array_equal(where.step(np.full((2, PORTS), 10.0)).seen.evses, after.evses, equal_nan=True)


def test_wrong_use_is_told() -> None:
    where = Environment(hub)
    with pytest.raises(NotBegunError, match="reset"):
        where.step(np.zeros((1, PORTS)))
    where.reset([1, 2])
    with pytest.raises(BadActionError, match=r"shape \(1, 4\)"):
        where.step(np.zeros((1, PORTS)))
    with pytest.raises(BadActionError, match="world 1, EVSE 3 is no number"):
        where.step(np.array([[0.0] * PORTS, [0.0] * 3 + [np.nan]]))
    with pytest.raises(BadActionError, match="2 numbers"):
        where.step(np.zeros((2, PORTS)), np.zeros(3))
    with pytest.raises(NotBegunError, match="traces=True"):
        where.run(0)
    for _ in range(STEPS):
        where.step(np.zeros((2, PORTS)))
    with pytest.raises(NotBegunError, match="all 36 steps are over"):
        where.step(np.zeros((2, PORTS)))
    with pytest.raises(ValueError, match="at least one"):
        where.reset([])
    with pytest.raises(ValueError, match="1 or more"):
        Environment(hub, prices_ahead=0)
    unlike = Environment(lambda seed: scene(world(evses([(0,)] * (1 + seed)), visits([0.0], [1.0], [1.0]))))
    with pytest.raises(UnlikeError, match="same number of EVSEs"):
        unlike.reset([0, 1])


def test_the_example_of_the_docs_runs() -> None:
    page = Path(__file__).parents[3] / "docs/simulation.md"
    (example,) = re.findall(r"^```python\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)
    names: dict[str, Any] = {}
    exec(example, names)
    assert names["worth"].shape == (8,)
    assert len(set(names["worth"].tolist())) > 1
    assert (names["worth"] < 0.0).all()
