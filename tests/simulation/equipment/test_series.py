"""Files of prices, CO2 and sun; tariffs; the local calendar."""

from __future__ import annotations

import gzip
import json
import os
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ampacity.simulation.equipment.local_time import local_time, step_times
from ampacity.simulation.equipment.series import Series, SeriesFileError, SeriesRangeError, read_series
from ampacity.simulation.equipment.tariffs import TariffError, buy_prices, demand_price, read_tariff

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
PACIFIC = ZoneInfo("America/Los_Angeles")


@given(
    st.sampled_from(["Europe/Amsterdam", "America/Los_Angeles", "Australia/Lord_Howe", "UTC"]),
    st.lists(st.floats(0.0, 4e9), min_size=1, max_size=30),
)
@settings(max_examples=40, deadline=None)
def test_the_calendar_is_that_of_datetime(zone: str, moments: list[float]) -> None:
    tz = ZoneInfo(zone)
    clock = local_time(np.array(moments), tz)
    for n, moment in enumerate(moments):
        local = datetime.fromtimestamp(moment // 1, UTC).astimezone(tz)
        assert (clock.weekday[n], clock.month[n], clock.day[n]) == (local.weekday(), local.month, local.day)
        assert clock.hour[n] == pytest.approx(
            local.hour + local.minute / 60 + (local.second + moment % 1) / 3600, abs=1e-6
        )


def test_a_run_starts_in_a_zone() -> None:
    start = datetime(2026, 3, 29, tzinfo=AMSTERDAM)
    assert step_times(start, 2, 900.0, middle=True).tolist() == [
        start.timestamp() + 450.0, start.timestamp() + 1350.0,
    ]  # fmt: skip
    with pytest.raises(ValueError, match="time zone"):
        step_times(datetime(2026, 3, 29), 1, 60.0)  # noqa: DTZ001


FORMS = {
    "price": ("time,price_per_kwh\n2026-01-01T00:00:00Z,0.25\n2026-01-01T01:00:00Z,-0.01\n", [0.25, -0.01]),
    "ember": (
        "Country,Datetime (UTC),Datetime (Local),Price (EUR/MWhe)\n"
        "X,2026-01-01 00:00:00,2026-01-01 01:00:00,80\nX,01/01/2026 01:00,01/01/2026 02:00,90\n",
        [0.08, 0.09],
    ),
    "moer": ("time,moer,f1\n2026-01-01 00:00:00+00:00,0.25,1\n2026-01-01 01:00:00+00:00,0,1\n", [250, 0]),
    "ninja": ("time,local_time,electricity\n2026-01-01 00:00,x,0\n2026-01-01 01:00,x,0.5\n", [0, 0.5]),
}


@pytest.mark.parametrize("form", sorted(FORMS))
@pytest.mark.parametrize("packed", [False, True])
def test_every_form_is_read(form: str, packed: bool, tmp_path: Path) -> None:
    text, values = FORMS[form]
    (tmp_path / "a.csv").write_bytes(gzip.compress(text.encode()) if packed else text.encode())
    series = read_series(tmp_path / "a.csv")
    start = datetime(2026, 1, 1, tzinfo=UTC).timestamp()
    assert series.on(start + np.array([0.0, 3599.0, 3600.0, 7199.0])).tolist() == pytest.approx(
        [values[0], values[0], values[1], values[1]]
    )
    with pytest.raises(SeriesRangeError, match="2026-01-01 02:00 UTC; it has values from 2026-01-01 00:00"):
        series.on(np.array([start + 7200.0]))
    with pytest.raises(SeriesRangeError):
        series.on(np.array([start - 1.0]))


def test_lines_that_come_twice_or_have_no_time_are_counted(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(
        "time,price_per_kwh\n2026-01-01 01:00,2\n,0\n2026-01-01 00:00,1\n2026-01-01 01:00,3\n"
    )
    series = read_series(tmp_path / "a.csv", "price")
    assert (series.values.tolist(), series.dropped) == ([1.0, 3.0], 2)


@given(st.lists(st.floats(-1.0, 1.0), min_size=2, max_size=30), st.integers(1, 7))
@settings(max_examples=40, deadline=None)
def test_the_mean_over_a_step_is_that_of_its_moments(values: list[float], quarters: int) -> None:
    at_s = 3600.0 * np.arange(len(values))
    series = Series(name="x", quantity="price", at_s=at_s, values=np.array(values))
    step_s = 900.0 * quarters
    begins = np.arange(0.0, at_s[-1] + 3600.0 - step_s + 1.0, step_s)
    moments = begins[:, None] + 900.0 * (np.arange(quarters) + 0.5)
    np.testing.assert_allclose(series.over(begins, step_s), series.on(moments).mean(axis=1), atol=1e-9)
    with pytest.raises(SeriesRangeError):
        series.over(np.array([at_s[-1] + 1800.0]), 3600.0)


def test_an_hour_that_lacks_keeps_the_last_value_and_a_day_does_not(tmp_path: Path) -> None:
    hours = [hour for hour in range(48) if hour != 5 and not 20 <= hour < 30]
    lines = [f"2026-01-{1 + hour // 24:02} {hour % 24:02}:00,{hour}" for hour in hours]
    (tmp_path / "a.csv").write_text("time,co2_g_per_kwh\n" + "\n".join(lines))
    series = read_series(tmp_path / "a.csv")
    start = datetime(2026, 1, 1, tzinfo=UTC).timestamp()
    assert series.on(np.array([start + 5.5 * 3600])).tolist() == [4.0]
    with pytest.raises(SeriesRangeError, match="without the gap"):
        series.on(np.array([start + 24 * 3600]))


@pytest.mark.parametrize(
    ("text", "line", "column", "remedy"),
    [
        ("when,cost\n", 1, "", "time, price_per_kwh"),
        ("time,price_per_kwh\n", 0, "", "at least one line"),
        ("time,price_per_kwh\nsoon,1\n", 2, "time", "2026-01-31T13:00:00Z"),
        ("time,price_per_kwh\n2026-01-01,1\n2026-01-02,nan\n", 3, "price_per_kwh", "finite"),
        ("time,price_per_kwh\n2026-01-01\n", 2, "", "2 columns"),
    ],
)
def test_an_error_says_where_and_what_is_right(
    text: str, line: int, column: str, remedy: str, tmp_path: Path
) -> None:
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(SeriesFileError, match=remedy) as error:
        read_series(tmp_path / "a.csv", "price")
    assert (error.value.line, error.value.column) == (line, column)


def tariff(**changes: Any) -> dict[str, Any]:
    season = {
        "id": "summer", "effective_start": "05-01", "effective_end": "09-30", "dow_mask": "WEEKDAYS",
        "times": [0, 8, 16.5], "tariffs": [0.1, 0.2, 0.3], "demand_charge": 15.0, **changes,
    }  # fmt: skip
    flat = {"times": [0], "tariffs": [0.05], "demand_charge": 10.0}
    return {
        "name": "example",
        "schedule": [
            season,
            {**season, **flat, "id": "summer weekend", "dow_mask": "WEEKENDS"},
            {"id": "winter", "effective_start": "10-01", "effective_end": "04-30", "dow_mask": "ALL", **flat},
        ],
    }


def test_a_tariff_by_season_day_and_hour(tmp_path: Path) -> None:
    (tmp_path / "t.json").write_text(json.dumps(tariff()))
    read = read_tariff(tmp_path / "t.json")
    starts = [
        (datetime(2026, 7, 1, 7, 59, tzinfo=PACIFIC), 0.1),
        (datetime(2026, 7, 1, 8, 0, tzinfo=PACIFIC), 0.2),
        (datetime(2026, 7, 1, 16, 30, tzinfo=PACIFIC), 0.3),
        (datetime(2026, 7, 4, 17, 0, tzinfo=PACIFIC), 0.05),
        (datetime(2026, 12, 31, 17, 0, tzinfo=PACIFIC), 0.05),
    ]
    prices = buy_prices(read, np.array([moment.timestamp() for moment, _ in starts]), PACIFIC)
    assert prices.tolist() == [price for _, price in starts]
    assert demand_price(read, date(2026, 7, 4)) == 15.0
    assert demand_price(read, date(2026, 1, 4)) == 10.0


def test_the_clock_changes_and_the_prices_with_it(tmp_path: Path) -> None:
    shifted = tariff(effective_start="03-01")
    shifted["schedule"][2]["effective_end"] = "02-29"
    (tmp_path / "t.json").write_text(json.dumps(shifted))
    read = read_tariff(tmp_path / "t.json")
    # On Monday 9 March 2026 eight o'clock comes an hour of UTC earlier than on Friday the 6th.
    days = [datetime(2026, 3, day, tzinfo=UTC).timestamp() for day in (6, 9)]
    eight = [
        int(np.argmax(buy_prices(read, day + 900.0 * np.arange(48, 96), PACIFIC) == 0.2)) / 4 + 12
        for day in days
    ]
    assert eight == [16.0, 15.0]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"times": [1, 8, 16]}, "must rise from 0"),
        ({"times": [0, 8]}, "3 tariffs for 2 times"),
        ({"effective_start": "06-31"}, "must be a month and a day"),
        ({"effective_start": "06-01"}, r"05-01 \(weekday\) is in the seasons \[\]"),
        ({"dow_mask": "MONDAYS"}, "Invalid enum value"),
    ],
)
def test_a_tariff_that_cannot_be_is_refused(changes: dict[str, Any], message: str, tmp_path: Path) -> None:
    (tmp_path / "t.json").write_text(json.dumps(tariff(**changes)))
    with pytest.raises(TariffError, match=message):
        read_tariff(tmp_path / "t.json")


def test_a_tariff_in_toml(tmp_path: Path) -> None:
    (tmp_path / "t.toml").write_text(
        'name = "flat"\n[[schedule]]\nid = "all"\neffective_start = "01-01"\neffective_end = "12-31"\n'
        'dow_mask = "ALL"\ntimes = [0]\ntariffs = [0.3]\n'
    )
    assert buy_prices(read_tariff(tmp_path / "t.toml"), np.zeros(2), AMSTERDAM).tolist() == [0.3, 0.3]


if "AMPACITY_REFERENCE" in os.environ:
    DATA = Path(os.environ["AMPACITY_REFERENCE"]) / "data"

    @pytest.mark.parametrize(
        ("name", "values", "dropped", "mean"),
        [
            ("prices/nl_day_ahead_2015_2024.csv.gz", 87_838, 6_554, 0.0757),
            ("prices/caiso_sce_marginal_emissions_2019-05.csv.gz", 9_504, 0, 161.9),
            ("profiles/pv_nl_2019_hourly.csv.gz", 8_760, 0, 0.1426),
        ],
    )
    def test_the_published_files_are_read(name: str, values: int, dropped: int, mean: float) -> None:
        series = read_series(DATA / name)
        assert (len(series.values), series.dropped) == (values, dropped)
        assert float(series.values.mean()) == pytest.approx(mean, rel=0.01)
        # The file lacks single hours where it changes its form; they keep the price before.
        hours = np.arange(series.at_s[0], series.at_s[-1], 3600.0)
        assert np.isfinite(series.on(hours)).all()

    def test_the_published_tariff_is_read() -> None:
        tariff = read_tariff(DATA / "prices" / "sce_tou_ev_4_march_2019.json")
        noon = datetime(2019, 7, 1, 13, tzinfo=PACIFIC).timestamp()
        assert buy_prices(tariff, np.array([noon]), PACIFIC).tolist() == [0.26668]
        assert demand_price(tariff, date(2019, 7, 1)) == 15.51
