"""Charging curves: their means, what cold does to them, and the table that a world takes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ampacity.simulation.batch.world import CURVE_POINTS
from ampacity.simulation.equipment.charging_curves import (
    HELD_800V,
    LFP,
    TRUCK,
    CurveTable,
    battery_temperature_c,
    curve_at,
    mean_share,
    shaped,
    temperature_factor,
)
from ampacity.simulation.fleet import FALLING, FLAT, Chemistry, Curve

CURVES = (FALLING, FLAT, HELD_800V, LFP, TRUCK)
CHEMISTRIES: tuple[Chemistry, ...] = ("NMC", "LFP")


@pytest.mark.parametrize(
    ("curve", "mean"), [(FALLING, 0.65), (FLAT, 0.90), (HELD_800V, 0.81), (LFP, 0.70), (TRUCK, 0.97)]
)
def test_the_archetypes_have_the_means_that_the_page_says(curve: Curve, mean: float) -> None:
    assert mean_share(curve) == pytest.approx(mean, abs=0.02)


@given(st.floats(0.2, 0.97))
@settings(max_examples=25, deadline=None)
def test_a_shape_has_the_mean_that_was_asked_for(mean: float) -> None:
    curve = shaped(mean)
    assert mean_share(curve) == pytest.approx(mean, abs=1e-6)
    assert all(0.0 < share <= 1.0 for _, share in curve)
    assert max(share for _, share in curve) == 1.0


@pytest.mark.parametrize("mean", [0.0, 1.0, -0.5, float("nan")])
def test_a_mean_outside_0_to_1_is_refused(mean: float) -> None:
    with pytest.raises(ValueError, match="mean share"):
        shaped(mean)


@given(
    st.sampled_from(CURVES),
    st.sampled_from(CHEMISTRIES),
    st.floats(-40.0, 25.0),
    st.floats(0.0, 30.0),
)
@settings(max_examples=60, deadline=None)
def test_a_colder_battery_takes_more_at_no_state_of_charge(
    curve: Curve, chemistry: Chemistry, cold: float, warmer_by: float
) -> None:
    cold_share, cold_factor = curve_at(curve, cold, chemistry=chemistry)
    warm_share, warm_factor = curve_at(curve, min(cold + warmer_by, 25.0), chemistry=chemistry)
    assert np.all(cold_share * cold_factor <= warm_share * warm_factor + 1e-12)


def charged(curve: Curve, battery_c: float, *, soc: float, capacity_wh: float, power_w: float) -> float:
    """State of charge that half an hour adds."""
    share, factor = curve_at(curve, battery_c)
    at = soc
    for _ in range(360):
        at += (
            power_w * factor * np.interp(at, np.linspace(0, 1, CURVE_POINTS), share) * 5 / 3600 / capacity_wh
        )
    return at - soc


def test_a_small_car_takes_a_third_less_at_the_freezing_point_as_the_taxis_did() -> None:
    # Motoaki, Yi and Salisbury 2018: 36 % less at 0 than at 25 degrees, 24 kWh at 50 kW.
    cold, warm = (charged(FALLING, at, soc=0.2, capacity_wh=24_000, power_w=50_000) for at in (0.0, 25.0))
    assert 1.0 - cold / warm == pytest.approx(0.36, abs=0.02)


def test_preconditioning_gives_a_cold_car_its_full_curve() -> None:
    share, factor = curve_at(FALLING, -15.0, preconditioned=True)
    warm, one = curve_at(FALLING, 25.0)
    assert factor == one == 1.0
    np.testing.assert_array_equal(share, warm)


def test_heat_limits_too() -> None:
    assert temperature_factor("NMC", 50.0) < temperature_factor("NMC", 42.0) == 1.0


@pytest.mark.parametrize(
    ("ambient", "trip_wh", "drive_s", "expected"),
    [
        (-10.0, 0.0, 0.0, -10.0),
        (0.0, 10_000.0, 3000.0, 4.7),  # 720 W of losses into 440 kJ/K for 50 minutes, less the leak
        (80.0, 0.0, 10.0, 60.0),
    ],
)
def test_the_battery_warms_while_it_drives(
    ambient: float, trip_wh: float, drive_s: float, expected: float
) -> None:
    at = battery_temperature_c(ambient, trip_wh=trip_wh, drive_s=drive_s, capacity_wh=58_000.0)
    assert float(at) == pytest.approx(expected, abs=0.05)


@given(st.lists(st.tuples(st.sampled_from(CURVES), st.floats(-50, 70)), min_size=1, max_size=40))
@settings(max_examples=20, deadline=None)
def test_the_table_holds_each_curve_and_band_once(asked: list[tuple[Curve, float]]) -> None:
    table = CurveTable()
    lines = [table.line(curve, degrees) for curve, degrees in asked]
    again = [table.line(curve, degrees) for curve, degrees in asked]
    shares = table.array()
    assert lines == again
    assert shares.shape == (max(line for line, _ in lines) + 1, CURVE_POINTS)
    assert shares.min() > 0.0
    assert shares.max() <= 1.0
    assert all(0.0 < factor <= 1.0 for _, factor in lines)


def test_all_mild_temperatures_share_one_line() -> None:
    table = CurveTable()
    assert len({table.line(FLAT, degrees) for degrees in (24.0, 25.0, 31.0, 40.0)}) == 1


def test_an_empty_table_is_one_line_of_ones() -> None:
    assert CurveTable().array().tolist() == [[1.0] * CURVE_POINTS]
