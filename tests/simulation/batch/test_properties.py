"""What holds in any world: energy adds up, limits hold, a seed is a trace, more copper never means less."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ampacity.simulation.batch.episode import run, strategies
from ampacity.simulation.batch.outcome import Run
from ampacity.simulation.metrics.balance import balance
from tests.simulation.strategies.test_compiled import any_world
from tests.simulation.worlds import evses, rows, scene, visits, world

GOLDEN = Path(__file__).parent / "golden.json"
SEEDS = st.integers(0, 2**32 - 1)
CONTROLLED = [name for name in strategies() if name != "uncontrolled"]


@settings(max_examples=40, deadline=None)
@given(seed=SEEDS, phasors=st.booleans(), name=st.sampled_from(strategies()))
def test_energy_in_is_energy_out_lost_and_stored(seed: int, phasors: bool, name: str) -> None:
    done = run(scene(any_world(seed, phasors=phasors)), name)
    sums = balance(done)
    scale = max(abs(sums.grid_wh), 1.0)
    assert abs(sums.residual_wh) < 1e-9 * scale + 1e-6
    assert abs(sums.at_the_grid_wh) < 1e-9 * scale + 1e-6
    assert abs(sums.at_the_cars_wh) < 1e-9 * scale + 1e-6


@settings(max_examples=40, deadline=None)
@given(seed=SEEDS, phasors=st.booleans(), name=st.sampled_from(CONTROLLED))
def test_a_controlled_site_stays_within_every_row(seed: int, phasors: bool, name: str) -> None:
    made = any_world(seed, phasors=phasors)
    # A charger that takes seconds to follow is above its order for that long: not the strategy's matter.
    prompt = made.visits._replace(up_s=0.0 * made.visits.up_s, down_s=0.0 * made.visits.down_s)
    done = run(scene(made._replace(visits=prompt)), name)
    built = done.scene.world.rows
    base = np.hypot(built.base_re, built.base_im)
    # Where the base alone is above the limit nobody is to blame.
    over = done.trace.row_a - np.maximum(built.limit_a, base) - 1e-6
    if name == "static":
        # It knows the worst base of each row, not which way its phasor points.
        over = over[:, ~np.any(np.abs(built.base_im) > 0, axis=0)]
    assert (over <= 0).all()


@settings(max_examples=15, deadline=None)
@given(seed=SEEDS, name=st.sampled_from(strategies()))
def test_the_same_world_gives_the_same_bits(seed: int, name: str) -> None:
    first, second = (run(scene(any_world(seed, phasors=True)), name) for _ in range(2))
    for one, other in zip([*first.state, *first.trace], [*second.state, *second.trace], strict=True):
        assert np.array_equal(one, other, equal_nan=True)


@settings(max_examples=30, deadline=None)
@given(seed=SEEDS, limit_a=st.floats(5.0, 60.0), more_a=st.floats(0.5, 40.0))
def test_a_higher_limit_never_delivers_less(seed: int, limit_a: float, more_a: float) -> None:
    """Of strategies that leave no current unused: one phase, any current, nobody needs a minimum. (With a
    minimum of 6 A more copper may admit one more car and so lose what the step leaves.)"""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 6))
    arrive = np.sort(rng.uniform(0.0, 3600.0, n))
    cars = visits(
        arrive.tolist(),
        (arrive + 7200.0).tolist(),
        rng.uniform(500.0, 8000.0, n).tolist(),
        min_a=np.zeros(n),
    )
    places = evses([(0,)] * n, min_a=np.zeros(n), step_a=np.zeros(n))

    def delivered(limit: float) -> float:
        made = world(places, cars, steps=40, conductors=rows(limit))
        return float(run(scene(made), "earliest-deadline").state.energy_wh.sum())

    # Who leaves first is served first: that order delivers the most there is.
    assert delivered(limit_a + more_a) >= delivered(limit_a) - 1e-6


def told(done: Run) -> dict[str, list[float]]:
    """What a golden trace keeps, to a milliwatt-hour and a milliampere."""
    return {
        "energy_wh": np.round(done.state.energy_wh, 3).tolist(),
        "left_s": np.round(done.state.left_s, 3).tolist(),
        "peak_a": np.round(done.trace.row_a.max(axis=0), 3).tolist(),
        "ev_w": np.round(done.trace.ev_w, 2).tolist(),
    }


@pytest.mark.parametrize("name", strategies())
def test_golden_traces(name: str) -> None:
    """A change of these figures is a change of the law or of the physics: say so in the commit. Write them
    anew by `python -m tests.simulation.batch.test_properties`."""
    golden = json.loads(GOLDEN.read_text())[name]
    now = told(run(scene(any_world(20261122, phasors=True)), name))
    for key, values in golden.items():
        assert now[key] == pytest.approx(values, abs=2e-3), key


if __name__ == "__main__":
    made = {name: told(run(scene(any_world(20261122, phasors=True)), name)) for name in strategies()}
    GOLDEN.write_text(json.dumps(made, indent=1) + "\n")
