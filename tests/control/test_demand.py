"""Demand windows: the energy that the window ends with is steered, not an average that looks back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from ampacity.control.demand import DemandMemory, follow, permitted_w, projected_w
from ampacity.model.protection import DemandWindow

from .scene import EPOCH_S, GRID, PANEL, A, Scene, codes, limit, site

WINDOW = DemandWindow(limit_w=30_000.0)
START_S = EPOCH_S - EPOCH_S % 900


def after(seconds: float, power_w: float, memory: DemandMemory | None = None) -> DemandMemory:
    """The window's memory when that power flowed since its start."""
    memory = follow(WINDOW, memory, power_w, 0.0, START_S)
    return follow(WINDOW, memory, power_w, seconds, START_S + seconds)


@pytest.mark.parametrize(
    ("seconds", "power_w", "permitted"),
    [
        (0, 30_000, 30_000),
        (450, 30_000, 30_000),
        (450, 10_000, 50_000),  # what was not used is there still
        (450, 50_000, 10_000),  # what was too much is made up for
        (450, 70_000, 0),
        (890, 30_000, 30_000),  # who keeps to it is not cut short at the end
    ],
)
def test_what_may_flow_for_the_rest_of_the_window(seconds: float, power_w: float, permitted: float) -> None:
    assert permitted_w(WINDOW, after(seconds, power_w)) == pytest.approx(permitted)


@pytest.mark.parametrize(("power_w", "permitted"), [(30_000, 50_000), (50_000, 50_000), (65_000, 20_000)])
def test_in_its_last_minute_what_may_flow_rises_no_more(power_w: float, permitted: float) -> None:
    """Half a window at 10 kW leaves 50 kW: 3 MWs for the last minute. 40 s of 30 kW leave 1.8 MWs for 20 s,
    90 kW; 40 s of 65 kW leave 0.4 MWs, 20 kW."""
    memory = after(450, 10_000)
    memory = follow(WINDOW, memory, 50_000.0, 840.0, START_S + 840.0)
    memory = follow(WINDOW, memory, power_w, 880.0, START_S + 880.0)
    assert permitted_w(WINDOW, memory) == pytest.approx(permitted)


def test_windows_begin_at_the_clock_s_quarters_and_what_flows_out_is_no_credit() -> None:
    memory = after(890, -50_000.0)
    assert memory.energy_wh == 0.0
    memory = follow(WINDOW, memory, 36_000.0, 910.0, START_S + 910.0)
    assert (memory.start_s, memory.energy_wh) == (START_S + 900.0, pytest.approx(100.0))


@pytest.mark.parametrize("jump_s", [-700.0, 500.0, 86_400.0 * 3 + 77])
def test_what_nobody_saw_of_a_window_ran_at_its_limit(jump_s: float) -> None:
    started = follow(WINDOW, None, 0.0, 0.0, START_S + 450.0)
    assert permitted_w(WINDOW, started) == pytest.approx(30_000.0)
    memory = follow(WINDOW, after(400, 0.0), 0.0, 401.0, START_S + 800.0 + jump_s)
    assert permitted_w(WINDOW, memory) <= 30_000.0 + 1.0
    above = follow(WINDOW, None, 45_000.0, 0.0, START_S + 450.0)
    assert permitted_w(WINDOW, above) == pytest.approx(15_000.0)


@given(st.lists(st.floats(0.0, 60_000.0), min_size=88, max_size=88))
def test_who_follows_it_ends_the_window_within_its_limit(wishes: list[float]) -> None:
    memory = follow(WINDOW, None, 0.0, 0.0, START_S)
    power_w = 0.0
    for n, wish_w in enumerate(wishes):
        memory = follow(WINDOW, memory, power_w, n * 10.0, START_S + n * 10.0)
        power_w = min(wish_w, permitted_w(WINDOW, memory))
    assert projected_w(WINDOW, memory, power_w) <= 30_000.0 + 1e-6


def test_the_law_takes_it_as_a_limit_of_power() -> None:
    demand = DemandWindow(limit_w=20_000.0)
    scene = Scene(site(circuits=(structs.replace(GRID, demand=demand), PANEL)))
    scene.metered = (20.0, 20.0, 20.0)
    scene.charge(A, 16.0)
    decision = scene.tick()
    assert 6.0 < limit(decision, A) < 30.0
    assert "demand" in codes(decision, A)
