"""The building's load: a function of time, within its range, moving and unbalanced."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ampacity.simulation.building import BuildingLoad

MONDAY = datetime(2026, 11, 23, tzinfo=UTC).timestamp()
DAY = 86_400


def curve(load: BuildingLoad, start: float, seconds: int, every: int) -> np.ndarray:
    return np.array([load.current_a(start + k) for k in range(0, seconds, every)])


@given(st.integers(0, 2**31), st.lists(st.floats(0, 2e9), min_size=1, max_size=20))
@settings(max_examples=30, deadline=None)
def test_the_order_of_asking_does_not_matter(seed: int, moments: list[float]) -> None:
    one, other = BuildingLoad(seed), BuildingLoad(seed)
    forwards = [one.current_a(at) for at in moments]
    backwards = [other.current_a(at) for at in reversed(moments)]
    assert forwards == backwards[::-1]


@given(
    st.integers(0, 2**63),
    st.lists(st.floats(-1e9, 4e9), min_size=1, max_size=40),
    st.sampled_from([0.0, 7200.0, -28_800.0]),
)
@settings(max_examples=60, deadline=None)
def test_all_at_once_is_each_for_itself(seed: int, moments: list[float], offset_s: float) -> None:
    load = BuildingLoad(seed, scale=1.3, utc_offset_s=offset_s)
    at_once = load.currents_a(np.array(moments))
    np.testing.assert_allclose(at_once, [load.current_a(at) for at in moments], rtol=0.0, atol=1e-9)
    elsewhere = BuildingLoad(seed, scale=1.3).currents_a(np.array(moments), utc_offset_s=offset_s)
    np.testing.assert_array_equal(at_once, elsewhere)


def test_another_seed_is_another_building() -> None:
    assert BuildingLoad(1).current_a(MONDAY + 36_000) != BuildingLoad(2).current_a(MONDAY + 36_000)


@pytest.mark.parametrize("seed", range(3))
def test_a_working_day_moves_between_20_and_90_a(seed: int) -> None:
    day = curve(BuildingLoad(seed), MONDAY, DAY, 30)
    assert day.min() > 20.0
    assert 70.0 < day.max() < 92.0
    noon, night = day[11 * 120 : 13 * 120].mean(), day[2 * 120 : 4 * 120].mean()
    assert noon > 2.0 * night


def test_a_day_off_is_quiet() -> None:
    assert curve(BuildingLoad(4), MONDAY + 5 * DAY, DAY, 60).max() < 45.0


def test_phases_differ_and_steps_happen() -> None:
    minutes = curve(BuildingLoad(5), MONDAY + 10 * 3600, 7200, 1)
    assert np.abs(minutes[:, 0] - minutes[:, 1]).mean() > 2.0
    assert np.abs(np.diff(minutes, axis=0)).max() > 3.0
    assert np.median(np.abs(np.diff(minutes, axis=0))) < 0.2


def test_the_local_day_moves_with_the_offset() -> None:
    here, west = BuildingLoad(6), BuildingLoad(6, utc_offset_s=-7 * 3600.0)
    assert west.current_a(MONDAY + 7 * 3600.0 + 40_000.0) == here.current_a(MONDAY + 40_000.0)


def test_scale_scales_and_power_is_the_sum_of_the_phases() -> None:
    at = MONDAY + 40_000.0
    whole, half = BuildingLoad(7), BuildingLoad(7, scale=0.5)
    assert half.current_a(at) == pytest.approx([amperes / 2 for amperes in whole.current_a(at)])
    assert whole.power_w(at) == pytest.approx(230.0 * sum(whole.current_a(at)))


def test_a_load_below_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="can't be below 0 A"):
        BuildingLoad(1, base_a=-1.0)
