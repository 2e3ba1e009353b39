"""The air's temperature: seasons, days, spells, seeds."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from ampacity.simulation.equipment.weather import DAY_S, DE_BILT, PASADENA, PLACES, ambient_c

START = datetime(2019, 1, 1, tzinfo=UTC).timestamp()
YEAR = START + 1800.0 * np.arange(365 * 48)


@pytest.mark.parametrize(("month", "mean"), [(1, 3.6), (4, 9.9), (7, 18.3), (10, 10.9)])
def test_the_months_of_de_bilt_are_near_its_normals(month: int, mean: float) -> None:
    months = np.array([datetime.fromtimestamp(at, UTC).month for at in YEAR[::48]])
    drawn = [
        ambient_c(np.random.default_rng(seed), DE_BILT, YEAR)[::1]
        .reshape(365, 48)
        .mean(axis=1)[months == month]
        for seed in range(12)
    ]
    assert float(np.mean(drawn)) == pytest.approx(mean, abs=1.3)


def test_the_afternoon_is_the_warmest_by_the_sun_of_the_place() -> None:
    day = ambient_c(np.random.default_rng(1), PASADENA, YEAR).reshape(365, 48).mean(axis=0)
    # 15 h by the sun at 118 degrees west is 22:53 UTC.
    assert abs(int(np.argmax(day)) - 45.8) <= 1.0


def test_the_step_changes_nothing() -> None:
    fine = ambient_c(np.random.default_rng(7), DE_BILT, START + 60.0 * np.arange(4 * 1440))
    coarse = ambient_c(np.random.default_rng(7), DE_BILT, START + 900.0 * np.arange(4 * 96))
    np.testing.assert_allclose(fine[::15], coarse)


def test_another_seed_is_another_year() -> None:
    one, other = (ambient_c(np.random.default_rng(seed), DE_BILT, YEAR) for seed in (1, 2))
    assert np.abs(one - other).max() > 5.0
    assert np.abs(np.diff(one)).max() < 2.0


def test_no_time_is_no_temperature() -> None:
    assert ambient_c(np.random.default_rng(1), DE_BILT, np.zeros(0)).shape == (0,)


def test_a_run_within_one_day_has_its_temperature() -> None:
    for place in PLACES.values():
        assert np.isfinite(
            ambient_c(np.random.default_rng(1), place, START + np.array([0.0, DAY_S / 2]))
        ).all()
