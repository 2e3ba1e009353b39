"""The simulator's sharing is that of the law, wherever the law's own sharing can be asked."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ampacity.control.allocate import allocate, problem
from ampacity.simulation.strategies.room import Room
from ampacity.simulation.strategies.sharing import Load, share
from ampacity.simulation.strategies.stepping import coefficients, site_plan
from tests.simulation.worlds import evses, rows, scene, visits, world


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_on_wye_sites_it_is_the_laws(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 13))
    wirings = [(0,), (1,), (2,), (0, 1, 2), (2, 0, 1), (1, 2)]
    places = evses([wirings[k] for k in rng.integers(0, 6, n)], [bool(x) for x in rng.integers(0, 2, n)])
    conductors = rows(limit_a=float(rng.uniform(5, 150)), panel_a=float(rng.uniform(5, 100)))
    plan = site_plan(scene(world(places, visits([], [], []), conductors=conductors)))
    base = rng.uniform(0.0, 20.0, 6)
    priority, order = rng.integers(0, 3, n), rng.permutation(n)
    weight, high = rng.choice([1.0, 2.0, 3.0], n), rng.choice([6.0, 10.0, 16.0, 32.0], n)
    loads = [
        Load(
            evse=int(i),
            slots=int(places.slots[i]),
            low_a=6.0,
            high_a=float(high[i]),
            step_a=0.1,
            weight=float(weight[i]),
            priority=int(priority[i]),
        )
        for i in order
    ]
    room = Room(plan, base.astype(np.complex128), conductors.limit_a[0])
    mine = share(loads, room, n)
    dense = np.abs(coefficients(scene(world(places, visits([], [], []))).world)).sum(axis=2)
    rank = np.argsort(order)
    law = allocate(
        problem(
            (conductors.limit_a[0] - base).tolist(),
            [np.flatnonzero(dense[:, i]).tolist() for i in range(n)],
            [6.0] * n,
            high.tolist(),
            weight=weight.tolist(),
            priority=priority.tolist(),
            order=rank.tolist(),
        )
    ).grant_a
    assert mine == pytest.approx(law, abs=1e-6)
