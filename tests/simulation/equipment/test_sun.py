"""Where the sun stands, and what panels make of it."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ampacity.simulation.equipment.local_time import step_times
from ampacity.simulation.equipment.sun import (
    Panels,
    clear_sky_w_m2,
    diffuse_share,
    plane_w_m2,
    pv_power_w,
    sky,
)
from ampacity.simulation.equipment.weather import DE_BILT, PASADENA, PLACES, Place

YEAR = step_times(datetime(2019, 1, 1, tzinfo=UTC), 365 * 24, 3600.0, middle=True)


def at(*when: int) -> np.ndarray:
    return np.array([datetime(*when, tzinfo=UTC).timestamp()])  # type: ignore[misc]


@pytest.mark.parametrize(
    ("place", "when", "elevation"),
    [
        # 90 - latitude + declination at the noon of the sun (11:41 UTC at 5.18 degrees east, plus the
        # equation of time).
        (DE_BILT, (2019, 6, 21, 11, 41), 90 - 52.1 + 23.44),
        (DE_BILT, (2019, 12, 21, 11, 37), 90 - 52.1 - 23.44),
        (DE_BILT, (2019, 3, 20, 11, 47), 90 - 52.1 - 0.2),
        (PASADENA, (2019, 6, 21, 19, 54), 90 - 34.15 + 23.44),
    ],
)
def test_the_noon_of_the_solstices(place: Place, when: tuple[int, ...], elevation: float) -> None:
    sun = sky(place, at(*when))
    assert np.degrees(np.arcsin(sun.up[0])) == pytest.approx(elevation, abs=0.3)
    assert sun.north[0] < 0.0
    assert abs(sun.east[0]) < 0.02


@pytest.mark.parametrize(
    ("place", "when", "elevation", "azimuth", "level", "tilted"),
    [
        # pvlib 0.16.1: solar position of NREL, Haurwitz, seven tenths of it by Erbs on 35 degrees, isotropic.
        (DE_BILT, (2026, 1, 15, 12, 0), 16.79, 182.76, 258.5, 243.5),
        (DE_BILT, (2026, 4, 10, 8, 0), 27.21, 113.96, 441.4, 323.9),
        (DE_BILT, (2026, 6, 21, 17, 0), 24.49, 277.26, 394.7, 232.2),
        (DE_BILT, (2026, 9, 5, 14, 30), 32.52, 233.47, 528.9, 404.0),
        (PASADENA, (2026, 2, 20, 18, 0), 36.04, 140.51, 584.4, 450.6),
        (PASADENA, (2026, 5, 30, 15, 0), 26.06, 80.30, 421.8, 243.8),
        (PASADENA, (2026, 8, 8, 22, 0), 57.14, 243.96, 859.8, 576.8),
        (PASADENA, (2026, 11, 25, 20, 0), 34.77, 185.79, 564.6, 461.6),
    ],
)
def test_it_agrees_with_pvlib(
    place: Place, when: tuple[int, ...], elevation: float, azimuth: float, level: float, tilted: float
) -> None:
    sun = sky(place, at(*when))
    assert np.degrees(np.arcsin(sun.up[0])) == pytest.approx(elevation, abs=0.3)
    assert np.degrees(np.arctan2(sun.east[0], sun.north[0])) % 360.0 == pytest.approx(azimuth, abs=0.5)
    assert clear_sky_w_m2(sun.up)[0] == pytest.approx(level, rel=0.01)
    assert plane_w_m2(Panels(peak_w=1.0), sun, np.array([0.7]))[0] == pytest.approx(tilted, rel=0.01)


@given(st.sampled_from(sorted(PLACES)), st.floats(0.0, 4e9))
@settings(max_examples=60, deadline=None)
def test_the_direction_is_a_unit_vector(place: str, when: float) -> None:
    sun = sky(PLACES[place], np.array([when]))
    assert float(sun.east[0] ** 2 + sun.north[0] ** 2 + sun.up[0] ** 2) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("cosine", "power"), [(-0.5, 0.0), (0.0, 0.0), (0.1, 60.9), (0.5, 487.9), (1.0, 1035.1)]
)
def test_the_clear_sky_of_haurwitz(cosine: float, power: float) -> None:
    assert float(clear_sky_w_m2(np.array([cosine]))[0]) == pytest.approx(power, abs=0.1)


@pytest.mark.parametrize(("clearness", "share"), [(0.0, 1.0), (0.22, 0.98), (0.5, 0.66), (0.9, 0.165)])
def test_the_diffuse_share_of_erbs(clearness: float, share: float) -> None:
    assert float(diffuse_share(np.array([clearness]))[0]) == pytest.approx(share, abs=0.005)


@given(st.floats(0.0, 90.0), st.floats(0.0, 360.0), st.floats(0.0, 1.2), st.floats(-20.0, 40.0))
@settings(max_examples=40, deadline=None)
def test_power_is_within_0_and_the_inverter(tilt: float, azimuth: float, clear: float, air: float) -> None:
    panels = Panels(peak_w=10_000.0, tilt_deg=tilt, azimuth_deg=azimuth, inverter_w=8_000.0)
    power = pv_power_w(panels, DE_BILT, YEAR[::7], clear_share=clear, ambient_c=air)
    assert power.min() >= 0.0
    assert power.max() <= 8_000.0
    assert not power[sky(DE_BILT, YEAR[::7]).up <= 0.0].any()


def test_more_sky_is_more_power_and_cold_panels_give_more() -> None:
    # Level: behind a tilted panel, the sun gives less than a cloudy sky does.
    flat = Panels(peak_w=10_000.0, tilt_deg=0.0)
    dim, clear, hot = (
        pv_power_w(flat, DE_BILT, YEAR, clear_share=share, ambient_c=air)
        for share, air in ((0.5, 10.0), (1.0, 10.0), (1.0, 35.0))
    )
    assert np.all(dim <= clear + 1e-9)
    assert hot.sum() < clear.sum()


def test_a_roof_to_the_east_gives_in_the_morning() -> None:
    day = step_times(datetime(2019, 6, 21, tzinfo=UTC), 24, 3600.0, middle=True)
    east, west = (
        pv_power_w(Panels(peak_w=1000.0, azimuth_deg=azimuth), DE_BILT, day) for azimuth in (90.0, 270.0)
    )
    assert np.argmax(east) < 11 < np.argmax(west)
    assert east.sum() == pytest.approx(west.sum(), rel=0.05)


def test_a_tilt_that_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="between 0 and 90"):
        pv_power_w(Panels(peak_w=1.0, tilt_deg=120.0), DE_BILT, YEAR)
