"""The compiled strategies give the setpoints of those in plain Python, on any site."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ampacity.simulation.batch.deciding import CODES, Tuning
from ampacity.simulation.batch.episode import run
from ampacity.simulation.batch.world import World
from ampacity.simulation.metrics.balance import balance
from ampacity.simulation.strategies.loading import BUILT_IN, load
from ampacity.simulation.strategies.stepping import step_through
from tests.simulation.worlds import evses, rows, scene, series, visits, world


def any_world(seed: int, *, phasors: bool) -> World:
    """Up to ten EVSEs below a tight connection, cars that come and go, some of which declared nothing."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 11))
    steps, step_s = 24, float(rng.choice([60.0, 300.0, 900.0]))
    wirings = [(0,), (1,), (2,), (0, 1, 2), (1, 2, 0), (0, 1)]
    places = evses(
        [wirings[k] for k in rng.integers(0, len(wirings), n)],
        [bool(x) for x in rng.integers(0, 2, n)],
        weight=rng.choice([1.0, 2.0], n),
        priority=rng.integers(0, 2, n),
        step_a=rng.choice([0.0, 0.1, 1.0], n),
        max_a=rng.choice([16.0, 32.0], n),
    )
    if phasors:
        turned = np.exp(1j * rng.choice([0.0, np.pi / 6, -np.pi / 6], len(places.entry_re)))
        places = places._replace(entry_re=turned.real, entry_im=turned.imag)
    v = int(rng.integers(1, 25))
    arrive = np.sort(rng.uniform(-step_s, 20 * step_s, v))
    stay = rng.uniform(step_s, 12 * step_s, v)
    wanted = rng.uniform(500.0, 20_000.0, v)
    declared = rng.random(v) < 0.8
    cars = visits(
        arrive.tolist(),
        (arrive + stay).tolist(),
        wanted.tolist(),
        evse=rng.integers(0, n, v),
        declared_wh=np.where(declared, wanted * rng.uniform(0.5, 1.5, v), np.nan),
        declared_depart_s=np.where(declared, arrive + stay * rng.uniform(0.5, 1.5, v), np.nan),
        slots=rng.integers(1, 4, v),
        max_a=rng.choice([16.0, 20.0, 32.0], (v, 1)) * np.ones((1, 3)),
        efficiency=rng.uniform(0.85, 1.0, v),
        up_s=np.full(v, 10.0),
        down_s=np.full(v, 4.0),
        taper=np.full(v, 1),
        taper_from=np.full(v, 0.8),
        soc=rng.uniform(0.1, 0.9, v),
        priority=rng.integers(0, 2, v),
    )
    base = np.abs(rng.normal(10.0, 5.0, (steps, 6)))
    return world(
        places,
        cars,
        step_s=step_s,
        steps=steps,
        conductors=rows(
            limit_a=float(rng.uniform(20.0, 120.0)),
            panel_a=float(rng.choice([rng.uniform(16.0, 80.0), np.inf])),
            base_re=base,
            base_im=np.abs(rng.normal(0.0, 2.0, (steps, 6))) if phasors else np.zeros((1, 6)),
        ),
        signals=series(steps, base_w=base[:, :3].sum(axis=1) * 230.0),
    )


@pytest.mark.parametrize("name", sorted(CODES))
@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    margin_a=st.sampled_from([0.0, 2.0]),
    margin_share=st.sampled_from([0.0, 0.1]),
    cap_w=st.sampled_from([math.inf, 15_000.0]),
    by_need=st.booleans(),
    phasors=st.booleans(),
)
def test_compiled_and_plain_give_the_same(
    name: str, seed: int, margin_a: float, margin_share: float, cap_w: float, by_need: bool, phasors: bool
) -> None:
    where = scene(any_world(seed, phasors=phasors))
    tuning = Tuning(margin_a=margin_a, margin_share=margin_share, cap_w=cap_w, by_need=by_need)
    margins = ("margin_a", "margin_share")
    given_settings = {
        "margin_a": margin_a,
        "margin_share": margin_share,
        "cap_w": cap_w,
        "by_need": by_need,
    }
    takes: dict[str, tuple[str, ...]] = {"uncontrolled": (), "static": margins, "dynamic": margins}
    mine = {key: given_settings[key] for key in takes.get(name, tuple(given_settings))}
    fast = run(where, name, tuning, each_evse=True)
    plain = step_through(where, load(name, mine), each_evse=True)
    assert plain.clipped == 0
    assert plain.run.trace.evse_w == pytest.approx(fast.trace.evse_w, abs=1e-6)
    assert plain.run.trace.row_a == pytest.approx(fast.trace.row_a, abs=1e-6)
    assert plain.run.state.energy_wh == pytest.approx(fast.state.energy_wh, abs=1e-6)
    assert (plain.run.state.writes == fast.state.writes).all()
    accounts = balance(fast)
    assert accounts.residual_wh == pytest.approx(0.0, abs=1e-3)
    assert accounts.at_the_grid_wh == pytest.approx(0.0, abs=1e-3)
    assert accounts.at_the_cars_wh == pytest.approx(0.0, abs=1e-3)


def test_the_engine_and_the_readable_strategies_have_the_same_names() -> None:
    assert set(BUILT_IN) == set(CODES)
