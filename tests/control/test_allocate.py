"""Sharing by hand: small cases whose answer is known, and the plain filling of the bench as an independent
second opinion."""

from __future__ import annotations

import numpy as np
import pytest
from msgspec import structs

from ampacity.bench.allocation import plain_filling, site_of, task_of
from ampacity.control.allocate import allocate, problem


@pytest.mark.parametrize("count", [3, 40, 300])
def test_without_minima_and_classes_it_is_plain_max_min(count: int) -> None:
    task = task_of(site_of(count, seed=count))
    task = structs.replace(
        task,
        minimum_a=np.zeros(count),
        step_a=np.full(count, 1e-3),
        priority=np.zeros(count, np.intp),
    )
    assert allocate(task).grant_a == pytest.approx(plain_filling(task), abs=2e-3)


def test_the_minimum_or_nothing_in_order() -> None:
    task = problem([20.0], [(0,)] * 4, [6.0] * 4, [32.0] * 4, order=[3, 2, 1, 0])
    result = allocate(task)
    assert result.grant_a.tolist() == [0.0, 6.6, 6.6, 6.6]
    assert result.admitted.tolist() == [False, True, True, True]
    assert result.binding.all()


def test_one_that_does_not_fit_does_not_keep_out_the_next() -> None:
    """Three phases where L2 is full: the three-phase car waits, the single-phase one behind it charges."""
    task = problem([10.0, 3.0, 10.0], [(0, 1, 2), (0,)], [6.0] * 2, [16.0] * 2)
    result = allocate(task)
    assert result.grant_a.tolist() == [0.0, 10.0]
    assert result.binding.tolist() == [False, True, False, True]


def test_weights_share_in_proportion_above_the_minimum() -> None:
    task = problem([30.0], [(0,)] * 2, [6.0] * 2, [32.0] * 2, weight=[1.0, 2.0])
    assert allocate(task).grant_a.tolist() == [10.0, 20.0]
    low = problem([16.0], [(0,)] * 2, [6.0] * 2, [32.0] * 2, weight=[1.0, 2.0])
    assert allocate(low).grant_a == pytest.approx([6.0, 10.0])


def test_the_higher_class_fills_first_above_everybodys_minimum() -> None:
    task = problem([30.0], [(0,)] * 3, [6.0] * 3, [16.0] * 3, priority=[0, 1, 0], order=[1, 0, 2])
    assert allocate(task).grant_a.tolist() == [7.0, 16.0, 7.0]


def test_what_one_can_not_take_goes_to_the_others() -> None:
    task = problem([30.0], [(0,)] * 3, [6.0] * 3, [7.0, 32.0, 32.0])
    assert allocate(task).grant_a.tolist() == [7.0, 11.5, 11.5]


def test_a_feeder_below_a_panel_leaves_the_rest_to_the_panels_others() -> None:
    task = problem([40.0, 14.0], [(0, 1), (0, 1), (0,)], [6.0] * 3, [32.0] * 3)
    result = allocate(task)
    assert result.grant_a.tolist() == [7.0, 7.0, 26.0]
    assert [task.entry_row[e] for e in np.flatnonzero(result.binding)] == [1, 1, 0]


def test_rounding_goes_down_and_leaves_the_rest_free() -> None:
    task = problem([20.0], [(0,)] * 3, [6.0] * 3, [32.0] * 3, step_a=[1.0, 0.1, 0.1])
    result = allocate(task)
    assert result.grant_a.tolist() == [6.0, 6.6, 6.6]
    assert result.slack_a.tolist() == pytest.approx([0.8])


def test_an_ampere_takes_its_coefficient_of_a_row() -> None:
    """Under 69 A (three phases times 23 A, in watts) two three-phase cars and one single-phase car."""
    task = problem(
        [69.0], [(0,)] * 3, [6.0] * 3, [32.0] * 3, coefficients=[[3.0], [3.0], [1.0]], order=[0, 1, 2]
    )
    result = allocate(task)
    assert result.grant_a.tolist() == [9.8, 9.8, 9.8]
    assert result.slack_a.tolist() == pytest.approx([0.4])
    tight = allocate(structs.replace(task, capacity_a=np.array([25.0])))
    assert tight.grant_a.tolist() == [6.2, 0.0, 6.2]


def test_nothing_to_share_and_nobody_to_share_it() -> None:
    assert allocate(problem([-5.0], [(0,)], [6.0], [32.0])).grant_a.tolist() == [0.0]
    assert allocate(problem([5.0], [], [], [])).grant_a.tolist() == []
