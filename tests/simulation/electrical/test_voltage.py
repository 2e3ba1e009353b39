"""Voltage figures: known series give known numbers, the worst bus is found, the band is judged by ten
minutes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ampacity.simulation.electrical.voltage import UNBALANCE_LIMIT, means_over, unbalance_p95, voltage_quality


def flat(steps: int, buses: int = 3) -> np.ndarray:
    return np.full((steps, buses, 3), 230.0)


def test_a_bus_that_swings_is_the_worst() -> None:
    """Minutes of 230 and 226 V in turn: changes of -4 and +4 V."""
    voltage = flat(61)
    voltage[1::2, 2, 1] = 226.0
    figures = voltage_quality(voltage, 60.0, 230.0)
    assert (figures.worst_bus, figures.worst_phase) == (2, 1)
    assert figures.change_max_v == pytest.approx(4.0)
    assert figures.change_std_v == pytest.approx(4.0)
    assert (figures.lowest_v, figures.highest_v) == (226.0, 230.0)
    assert figures.keeps_en_50160
    assert figures.outside_share == 0.0


def test_within_a_minute_nothing_is_seen() -> None:
    voltage = flat(600)
    voltage[::2] = 220.0
    assert voltage_quality(voltage, 1.0, 230.0).change_max_v == 0.0


@pytest.mark.parametrize(
    ("volts", "tens", "keeps"),
    [(206.0, 5, True), (206.0, 6, False), (195.0, 1, False), (254.0, 1, False), (207.5, 100, True)],
)
def test_the_band_of_en_50160(volts: float, tens: int, keeps: bool) -> None:
    """95 of 100 ten-minute means within 10 %; none below 85 % (195.5 V) or above 110 % (253 V)."""
    voltage = flat(1000)
    voltage[: 10 * tens, 0, 0] = volts
    figures = voltage_quality(voltage, 60.0, 230.0)
    assert figures.keeps_en_50160 is keeps
    assert figures.outside_share == pytest.approx(0.0 if volts == 207.5 else tens / 100)


@given(seed=st.integers(0, 2**32 - 1), shift=st.floats(-20.0, 20.0), scale=st.floats(0.1, 3.0))
@settings(max_examples=30, deadline=None)
def test_a_shift_changes_nothing_and_a_scale_scales(seed: int, shift: float, scale: float) -> None:
    noise = np.random.default_rng(seed).normal(0.0, 2.0, (40, 2, 3))
    one = voltage_quality(flat(40, 2) + noise, 60.0, 230.0)
    other = voltage_quality(flat(40, 2) + shift + scale * noise, 60.0, 230.0)
    assert other.change_std_v == pytest.approx(scale * one.change_std_v)
    assert other.change_max_v == pytest.approx(scale * one.change_max_v)
    assert (other.worst_bus, other.worst_phase) == (one.worst_bus, one.worst_phase)


def test_unbalance_is_judged_by_ten_minutes_at_the_worst_bus() -> None:
    unbalance = np.full((2000, 2), 0.01)
    unbalance[:50, 1] = 0.03
    assert unbalance_p95(unbalance, 60.0) == pytest.approx(0.01)
    unbalance[:200, 1] = 0.03
    assert unbalance_p95(unbalance, 60.0) == pytest.approx(1.5 * UNBALANCE_LIMIT)
    assert unbalance_p95(unbalance[198:202], 60.0) == pytest.approx(0.02)


def test_windows_are_whole_steps() -> None:
    np.testing.assert_allclose(means_over(np.arange(7.0), 20.0, 60.0), [1.0, 4.0])
    with pytest.raises(ValueError, match="whole number of steps"):
        means_over(np.arange(7.0), 25.0, 60.0)
    with pytest.raises(ValueError, match="whole number of steps"):
        voltage_quality(flat(10), 300.0, 230.0)
    with pytest.raises(ValueError, match="at least two minutes"):
        voltage_quality(flat(1), 60.0, 230.0)
    with pytest.raises(ValueError, match="give \\[steps, buses, phases\\]"):
        voltage_quality(np.zeros((10, 3)), 60.0, 230.0)
