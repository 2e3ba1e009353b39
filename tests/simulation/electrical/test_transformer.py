"""Transformers: the standard's worked example, closed forms, and that more load is never cooler."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ampacity.simulation.electrical.transformer import (
    EU_TIER_2,
    ONAN_DISTRIBUTION,
    ONAN_POWER,
    State,
    Thermal,
    Transformer,
    ageing_rate,
    eu_distribution,
    load_factor,
    loss_of_life_h,
    loss_w,
    steady_state,
    temperatures,
)

MINUTE = 60.0


def test_the_worked_example_of_iec_60076_7() -> None:
    """The 250 MVA transformer of the annex on the exponential equations: load steps, then top oil and hot
    spot at their ends. Five of the table's six rows agree to its rounding. The third (1.5 for 135 min)
    prints 0.6 K and 1.1 K less than the equations give; another implementation gives our figures there."""
    transformer = Transformer(
        rated_va=250e6,
        no_load_loss_w=1.0,
        load_loss_w=1000.0,
        thermal=Thermal(
            oil_rise_k=38.3, gradient_k=1.4 * 14.5, oil_s=150 * MINUTE, winding_s=7 * MINUTE, x=0.8, y=1.3,
            k11=0.5, k21=2.0, k22=2.0,
        ),
    )  # fmt: skip
    ends = [190, 365, 500, 705, 730, 745]
    load = np.repeat([1.0, 0.6, 1.5, 0.3, 2.1, 0.0], np.diff([0, *ends]))
    start = State(np.array(25.6 + 12.7), np.array(0.0), np.array(0.0))
    result = temperatures(transformer, load, 25.6, MINUTE, start)
    at = np.array(ends) - 1
    rounding = np.array([0.1, 0.1, 1.1, 0.1, 0.1, 0.1])
    assert (np.abs(result.top_oil_c[at] - [61.9, 44.4, 89.2, 35.0, 67.9, 60.3]) < rounding).all()
    assert (np.abs(result.hot_spot_c[at] - [83.8, 54.0, 127.0, 37.5, 138.6, 75.3]) < rounding).all()


@pytest.mark.parametrize("thermal", [ONAN_DISTRIBUTION, ONAN_POWER], ids=["distribution", "power"])
def test_at_rated_load_it_settles_at_the_rated_rises(thermal: Thermal) -> None:
    transformer = Transformer(rated_va=400e3, no_load_loss_w=600.0, load_loss_w=3600.0, thermal=thermal)
    settled = temperatures(
        transformer, np.ones(400), 20.0, 3600.0, State(np.array(20.0), np.array(0.0), np.array(0.0))
    )
    assert settled.top_oil_c[-1] == pytest.approx(20.0 + thermal.oil_rise_k)
    assert settled.hot_spot_c[-1] == pytest.approx(20.0 + thermal.oil_rise_k + thermal.gradient_k)
    assert settled.top_oil_c[0] == pytest.approx(
        20.0 + thermal.oil_rise_k * (1 - math.exp(-3600.0 / (thermal.k11 * thermal.oil_s)))
    )


loads = st.lists(st.floats(0.0, 2.0), min_size=1, max_size=12)


@given(load=loads, ambient=st.floats(-20.0, 40.0), parts=st.integers(2, 30))
@settings(max_examples=40, deadline=None)
def test_the_size_of_the_steps_does_not_matter(load: list[float], ambient: float, parts: int) -> None:
    transformer = eu_distribution(400)
    coarse = temperatures(transformer, np.array(load), ambient, 900.0)
    fine = temperatures(transformer, np.repeat(load, parts), ambient, 900.0 / parts)
    np.testing.assert_allclose(fine.hot_spot_c[parts - 1 :: parts], coarse.hot_spot_c, atol=1e-8)


@given(load=loads, more=st.lists(st.floats(0.0, 1.0), min_size=12, max_size=12))
@settings(max_examples=40, deadline=None)
def test_more_load_is_never_cooler_nor_younger(load: list[float], more: list[float]) -> None:
    transformer = eu_distribution(250)
    both = np.array([load, np.array(load) + more[: len(load)]])
    result = temperatures(transformer, both, 20.0, 900.0)
    assert (result.hot_spot_c[1] >= result.hot_spot_c[0] - 1e-9).all()
    life = loss_of_life_h(transformer, result.hot_spot_c, 900.0)
    assert life[1] >= life[0]
    assert (loss_w(transformer, both[1]) >= loss_w(transformer, both[0])).all()


def test_it_goes_on_from_where_it_stopped() -> None:
    transformer = eu_distribution(630)
    rng = np.random.default_rng(5)
    load, ambient = rng.uniform(0.2, 1.6, (3, 96)), rng.uniform(0.0, 30.0, (3, 96))
    whole = temperatures(transformer, load, ambient, 900.0)
    first = temperatures(transformer, load[:, :40], ambient[:, :40], 900.0)
    second = temperatures(transformer, load[:, 40:], ambient[:, 40:], 900.0, first.last)
    np.testing.assert_allclose(np.hstack([first.hot_spot_c, second.hot_spot_c]), whole.hot_spot_c)


def test_a_steady_state_stays() -> None:
    transformer = eu_distribution(100)
    start = steady_state(transformer, np.array(0.7), np.array(15.0))
    result = temperatures(transformer, np.full(20, 0.7), 15.0, 600.0, start)
    np.testing.assert_allclose(result.top_oil_c, start.top_oil_c)


@pytest.mark.parametrize(
    ("hot_spot_c", "normal", "upgraded"),
    [(80, 0.125, 0.036), (86, 0.25, 0.073), (98, 1.0, 0.282), (104, 2.0, 0.536), (110, 4.0, 1.0),
     (122, 16.0, 3.29), (140, 128.0, 17.2)],
)  # fmt: skip
def test_ageing_has_the_rates_of_the_standard(hot_spot_c: float, normal: float, upgraded: float) -> None:
    assert ageing_rate(np.array(hot_spot_c)) == pytest.approx(normal)
    assert ageing_rate(np.array(hot_spot_c), upgraded_paper=True) == pytest.approx(upgraded, rel=0.02)


def test_a_day_at_98_degrees_is_a_day() -> None:
    assert loss_of_life_h(eu_distribution(400), np.full(96, 98.0), 900.0) == pytest.approx(24.0)


def test_losses_and_load_factors() -> None:
    transformer = eu_distribution(400)
    np.testing.assert_allclose(loss_w(transformer, np.array([0.0, 0.5, 1.0])), [387.0, 1199.5, 3637.0])
    assert transformer.loss_ratio == pytest.approx(8.398, abs=1e-3)
    phases = np.array([[100.0, 100.0, 100.0], [300.0, 0.0, 0.0]])
    np.testing.assert_allclose(load_factor(phases, 200.0), [0.5, 0.75**0.5])
    assert eu_distribution(200).no_load_loss_w == pytest.approx(189 + 81 * 40 / 90)
    assert all(eu_distribution(kva).rated_va == kva * 1000.0 for kva in EU_TIER_2)


def test_what_has_no_meaning_is_refused() -> None:
    transformer = eu_distribution(400)
    with pytest.raises(ValueError, match="finite and not negative"):
        temperatures(transformer, np.array([-0.1]), 20.0, 900.0)
    with pytest.raises(ValueError, match="must be above 0"):
        temperatures(transformer, np.array([0.5]), 20.0, 0.0)
    with pytest.raises(ValueError, match="at least one is needed"):
        temperatures(transformer, np.zeros(0), 20.0, 900.0)
    with pytest.raises(ValueError, match=r"10 kVA isn't a distribution rating: give 25\.\.1250"):
        eu_distribution(10)
