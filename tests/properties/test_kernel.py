"""The two forms of sharing give the same: over arrays in numpy, and the loop that is compiled where numba is
there."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec import structs

from ampacity.bench.allocation import site_of, task_of
from ampacity.control import allocate as sharing
from ampacity.control.allocate import Allocation, Problem, allocate, by_arrays, prepare, problem
from ampacity.control.kernel import share
from ampacity.model.site import Site
from tests.properties.test_rows import task_of as rows_of_every_kind
from tests.properties.trees import sites


def same(one: Allocation, other: Allocation) -> None:
    assert one.grant_a == pytest.approx(other.grant_a, abs=1e-9)
    assert (one.admitted == other.admitted).all()
    assert (one.binding == other.binding).all()
    assert one.slack_a == pytest.approx(other.slack_a, abs=1e-6)


def random_task(r: random.Random) -> Problem:
    """Loads on any rows, many of them equal, so that ties are common."""
    rows, loads = r.randint(1, 12), r.randint(0, 14)
    on = [r.sample(range(rows), r.randint(1, min(rows, 6))) for _ in range(loads)]
    order = list(range(loads))
    r.shuffle(order)
    plain = r.random() < 0.5
    return problem(
        [r.choice((-3.0, 0.0, 6.0, 20.0, 32.0, r.uniform(0, 120), np.inf)) for _ in range(rows)],
        on,
        [r.choice((0.0, 6.0, 6.0, r.uniform(0, 20))) for _ in on],
        [r.choice((0.0, 6.0, 16.0, 32.0, r.uniform(0, 40))) for _ in on],
        weight=[1.0 if plain else r.choice((0.5, 1.0, 2.0, r.uniform(0.1, 9))) for _ in on],
        step_a=[r.choice((0.1, 0.1, 1.0, 1e-3)) for _ in on],
        priority=[r.randint(-1, 2) for _ in on],
        order=order,
        coefficients=[[1.0 if plain else r.choice((0.02, 0.7320508, 1.0, 3.0)) for _ in own] for own in on],
    )


@settings(max_examples=200, deadline=None)
@example(6461667)  # a row is full just where a load on it is at its maximum
@given(st.integers(0, 2**32))
def test_the_loop_gives_what_the_arrays_give(seed: int) -> None:
    task = random_task(random.Random(seed))
    same(sharing._by_kernel(task, share), by_arrays(task))


@settings(max_examples=60, deadline=None)
@given(sites(meters=False, kinds=True))
def test_they_are_the_same_on_sites_of_every_kind(site: Site) -> None:
    task = rows_of_every_kind(site)
    same(sharing._by_kernel(task, share), by_arrays(task))


def test_compiled_it_is_still_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sharing._Chosen, "kernel", None)
    task = task_of(site_of(400))
    before = allocate(task)
    assert prepare()
    assert sharing._Chosen.kernel is not None
    same(allocate(task), before)
    for seed in range(300):
        task = random_task(random.Random(seed))
        same(allocate(task), by_arrays(task))


def test_without_numba_the_arrays_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sharing._Chosen, "kernel", None)
    monkeypatch.setattr(sharing, "is_installed", lambda: False)
    assert not prepare()
    task = structs.replace(random_task(random.Random(1)))
    same(allocate(task), by_arrays(task))
