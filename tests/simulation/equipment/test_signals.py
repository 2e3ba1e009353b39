"""Generated prices, CO2 and clouds, and the tool that fitted them."""

from __future__ import annotations

import runpy
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from ampacity.simulation.equipment.local_time import local_time, step_times
from ampacity.simulation.equipment.signals import (
    CLEAR_SHARE,
    DAY_AHEAD,
    MARGINAL_CO2,
    Shape,
    clear_share,
    course,
    day_ahead_prices,
    hidden,
    marginal_co2,
    series,
)
from ampacity.simulation.equipment.sun import Panels, pv_power_w
from ampacity.simulation.equipment.weather import DE_BILT

ROOT = Path(__file__).resolve().parents[3]
DUTCH, PACIFIC = ZoneInfo("Europe/Amsterdam"), ZoneInfo("America/Los_Angeles")
YEAR = step_times(datetime(2026, 1, 1, tzinfo=DUTCH), 365 * 24, 3600.0)


def years(seeds: int = 4) -> np.ndarray:
    return np.array([day_ahead_prices(np.random.default_rng(seed), YEAR, DUTCH) for seed in range(seeds)])


def test_prices_look_like_the_years_that_they_were_fitted_on() -> None:
    # 2023 and 2024: mean 0.0865, deviation 0.050 EUR/kWh, spread in a day 0.110.
    prices = years()
    assert prices.mean() == pytest.approx(0.0865, abs=0.006)
    assert prices.std() == pytest.approx(0.050, abs=0.006)
    days = prices[:, : 364 * 24].reshape(-1, 24)
    assert (days.max(axis=1) - days.min(axis=1)).mean() == pytest.approx(0.12, abs=0.02)
    assert 0.01 < (prices < 0.0).mean() < 0.10


def test_noon_is_cheap_and_the_evening_dear_by_the_local_clock() -> None:
    prices, hours = years(), local_time(YEAR, DUTCH).hour.astype(int)
    by_hour = [prices[:, hours == hour].mean() for hour in range(24)]
    assert int(np.argmax(by_hour)) in (18, 19, 20)
    assert int(np.argmin(by_hour[6:18])) + 6 in (12, 13, 14)
    weekend = local_time(YEAR, DUTCH).weekday >= 5
    assert prices[:, weekend].mean() < prices[:, ~weekend].mean()


def test_a_mean_can_be_asked_for() -> None:
    one, other = (
        day_ahead_prices(np.random.default_rng(3), YEAR, DUTCH, mean=mean) for mean in (None, 0.0430)
    )
    np.testing.assert_allclose(other / one, other[0] / one[0])
    assert other.mean() == pytest.approx(0.043, abs=0.006)


def test_the_step_changes_nothing() -> None:
    for at_once in (DAY_AHEAD, MARGINAL_CO2, CLEAR_SHARE):
        fine = course(np.random.default_rng(1), at_once, YEAR[0] + 60.0 * np.arange(5000), DUTCH)
        coarse = course(np.random.default_rng(1), at_once, YEAR[0] + 3600.0 * np.arange(84), DUTCH)
        np.testing.assert_array_equal(fine[::60][:84], coarse)


def test_co2_is_low_at_noon_and_never_below_0() -> None:
    month = step_times(datetime(2026, 5, 1, tzinfo=PACIFIC), 31 * 288, 300.0)
    grams = np.array([marginal_co2(np.random.default_rng(seed), month, PACIFIC) for seed in range(4)])
    hours = local_time(month, PACIFIC).hour
    assert grams.min() >= 0.0
    # May 2019: mean 162 g/kWh.
    assert grams.mean() == pytest.approx(162.0, abs=25.0)
    assert grams[:, (hours > 10) & (hours < 14)].mean() < 0.6 * grams[:, (hours > 19) & (hours < 22)].mean()


def test_a_dutch_roof_makes_about_a_thousand_full_hours() -> None:
    at = step_times(datetime(2026, 1, 1, tzinfo=UTC), 365 * 24, 3600.0, middle=True)
    kwh = [
        pv_power_w(
            Panels(peak_w=1.0), DE_BILT, at,
            clear_share=clear_share(np.random.default_rng(seed), at, DUTCH), ambient_c=DE_BILT.mean_c,
        ).sum()
        for seed in range(4)
    ]  # fmt: skip
    assert 950.0 < float(np.mean(kwh)) < 1250.0


def test_clouds_move_within_minutes_only_where_the_sky_is_half_clear() -> None:
    minutes = step_times(datetime(2026, 6, 1, tzinfo=DUTCH), 20 * 1440, 60.0)
    share = clear_share(np.random.default_rng(5), minutes, DUTCH)
    assert share.min() >= 0.02
    assert share.max() <= 1.1
    moves = np.abs(np.diff(share))
    level = share[:-1]
    half = moves[(level > 0.4) & (level < 0.6)].mean()
    assert half > 3.0 * moves[level > 1.0].mean()
    assert half > 2.0 * moves[level < 0.1].mean()


def test_the_hidden_course_is_normal_and_remembers() -> None:
    shape = Shape(
        mean=np.zeros((1, 1, 24)), deviation=np.ones((1, 1, 24)), quantiles=np.zeros((1, 13)),
        slow_share=0.5, slow_s=36_000.0, fast_s=3600.0, knot_s=3600.0,
    )  # fmt: skip
    z = hidden(np.random.default_rng(2), shape, 40_000)
    assert z.mean() == pytest.approx(0.0, abs=0.05)
    assert z.std() == pytest.approx(1.0, abs=0.03)
    seen = float(np.mean(z[:-1] * z[1:]))
    assert seen == pytest.approx(0.5 * np.exp(-0.1) + 0.5 * np.exp(-1.0), abs=0.03)


def test_no_time_is_no_course() -> None:
    assert clear_share(np.random.default_rng(1), np.zeros(0), DUTCH).shape == (0,)


def test_series_are_of_one_value_or_one_a_step() -> None:
    made = series(3, buy=0.2, pv_w=np.array([1.0, 2.0, 3.0]))
    assert made.buy.tolist() == [0.2] * 3
    assert made.derate.tolist() == [1.0] * 3
    with pytest.raises(ValueError, match="co2 has the shape"):
        series(3, buy=0.2, co2=np.zeros(2))


def test_the_fit_finds_its_own_generator_again(tmp_path: Path) -> None:
    rng = np.random.default_rng(9)
    hours = step_times(datetime(2026, 1, 1, tzinfo=UTC), 120 * 24, 3600.0)
    columns = {
        "prices": ("price_per_kwh", day_ahead_prices(rng, hours, DUTCH)),
        "co2": ("co2_g_per_kwh", marginal_co2(rng, hours, PACIFIC)),
        "sun": (
            "kw_per_kwp",
            pv_power_w(
                Panels(peak_w=1.0, losses=0.1), DE_BILT, hours + 1800.0,
                clear_share=course(rng, CLEAR_SHARE, hours, DUTCH),
            ),
        ),
    }  # fmt: skip
    arguments = []
    for name, (column, values) in columns.items():
        lines = [
            f"{datetime.fromtimestamp(at, UTC).isoformat()},{value}"
            for at, value in zip(hours.tolist(), values.tolist(), strict=True)
        ]
        (tmp_path / f"{name}.csv").write_text(f"time,{column}\n" + "\n".join(lines))
        arguments += [f"--{name}", str(tmp_path / f"{name}.csv")]
    out = tmp_path / "fitted.py"
    done = subprocess.run(
        [sys.executable, str(ROOT / "tools" / "fit_signals.py"), *arguments, "--write", str(out)],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = runpy.run_path(str(out))
    winter = np.array(found["DAY_AHEAD"].mean)[0]
    np.testing.assert_allclose(winter.mean(), DAY_AHEAD.mean[0].mean(), atol=0.02)
    assert found["CLEAR_SHARE"].quantiles[0][6] == pytest.approx(CLEAR_SHARE.quantiles[0][6], abs=0.15)
    assert found["MARGINAL_CO2"].knot_s == 300.0
