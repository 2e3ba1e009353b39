"""Fleets: chains of stops that fit their trips, and trucks at a hub."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ampacity.simulation.batch.world import Visits
from ampacity.simulation.equipment.local_time import local_time
from ampacity.simulation.equipment.routes import (
    VEHICLES,
    Air,
    HubDay,
    Route,
    Stops,
    depot_stops,
    hub_stops,
)

DUTCH = ZoneInfo("Europe/Amsterdam")
MONDAY = date(2026, 3, 2)
START = datetime(2026, 3, 2, tzinfo=DUTCH).timestamp()


def vans(
    seed: int = 1, *, route: Route | None = None, days: int = 7, count: int = 10, air: float = 15.0
) -> Stops:
    return depot_stops(
        np.random.default_rng(seed), VEHICLES["van"], route or Route(), count=count, first_day=MONDAY,
        days=days, zone=DUTCH, air=Air(np.array([air]), 3600.0),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "air", "kwh_per_km"),
    [
        ("van", 21.5, 0.230),
        ("van", -15.0, 0.490),
        ("car", 10.0, 0.1725),
        ("bus", 17.0, 1.15),
        ("bus", 5.0, 1.311),
        ("truck", 17.0, 1.1),
    ],
)
def test_what_a_kilometre_takes(kind: str, air: float, kwh_per_km: float) -> None:
    assert float(VEHICLES[kind].trip_wh(1.0, air)) / 1000.0 == pytest.approx(kwh_per_km, abs=0.001)


def test_fields_are_those_of_visits() -> None:
    assert set(Stops._fields) - {"vehicle", "battery_c"} <= set(Visits._fields)


@given(
    seed=st.integers(0, 2**32),
    leave=st.floats(0.0, 23.9),
    back=st.floats(0.0, 23.9),
    spread=st.floats(0.0, 120.0),
    km=st.floats(5.0, 600.0),
    off=st.booleans(),
    kind=st.sampled_from(sorted(VEHICLES)),
)
@settings(max_examples=40, deadline=None)
def test_every_chain_fits_together(
    seed: int, leave: float, back: float, spread: float, km: float, off: bool, kind: str
) -> None:
    route = Route(leave_hour=leave, back_hour=back, spread_min=spread, trip_km=km, days_off=off)
    vehicle = VEHICLES[kind]
    stops = depot_stops(
        np.random.default_rng(seed), vehicle, route, count=3, first_day=MONDAY, days=5, zone=DUTCH
    )
    capacity = vehicle.archetype.battery_wh
    assert np.all(np.diff(stops.arrive_s) >= 0.0)
    assert np.all(stops.depart_s > stops.arrive_s)
    assert np.all((stops.soc_needed > 0.0) & (stops.soc_needed <= 1.0 + 1e-12))
    for vehicle_number in range(3):
        mine = np.flatnonzero(stops.vehicle == vehicle_number)
        assert stops.before[mine[0]] == -1
        assert stops.before[mine[1:]].tolist() == mine[:-1].tolist()
        assert np.all(stops.arrive_s[mine[1:]] > stops.depart_s[mine[:-1]])
        # What it must leave with is what the next trip takes, and the reserve.
        np.testing.assert_allclose(
            stops.soc_needed[mine[:-1]] * capacity,
            np.minimum(stops.trip_wh[mine[1:]] + route.reserve * capacity, capacity),
        )


def test_vans_are_out_by_day_and_rest_at_the_weekend() -> None:
    stops = vans()
    first = stops.before == -1
    assert stops.arrive_s[first].tolist() == [0.0] * 10
    assert stops.soc[first].tolist() == [1.0] * 10
    hours = local_time(START + stops.arrive_s[~first], DUTCH)
    assert np.all(np.abs(hours.hour - 18.0) < 1.5)
    long = stops.depart_s - stops.arrive_s > 48 * 3600.0
    assert set(local_time(START + stops.arrive_s[long], DUTCH).weekday.tolist()) == {4}
    assert long.sum() == 10
    assert (stops.vehicle == 0).sum() == 6


def test_cold_days_take_more() -> None:
    assert vans(air=-10.0).trip_wh.sum() > 1.5 * vans(air=20.0).trip_wh.sum()
    assert vans(air=-10.0).battery_c[-1] < 0.0 < 20.0 < vans(air=20.0).battery_c[-1]


def test_a_night_shift_comes_back_in_the_morning() -> None:
    stops = vans(route=Route(leave_hour=21.0, back_hour=5.0, spread_min=0.0, days_off=False), days=2, count=1)
    hours = [
        (a / 3600.0, d / 3600.0)
        for a, d in zip(stops.arrive_s.tolist(), stops.depart_s.tolist(), strict=True)
    ]
    assert hours == [(0.0, 21.0), (29.0, 45.0), (53.0, 69.0)]


def test_a_run_that_starts_at_noon_sees_the_vans_come_home() -> None:
    stops = depot_stops(
        np.random.default_rng(3), VEHICLES["van"], Route(), count=10, first_day=MONDAY, days=2, zone=DUTCH,
        starts_at=datetime(2026, 3, 2, 12, tzinfo=DUTCH),
    )  # fmt: skip
    first = stops.before == -1
    assert np.all(np.abs(stops.arrive_s[first] / 3600.0 - 6.0) < 1.5)
    assert np.all(stops.soc[first] < 0.95)
    np.testing.assert_allclose(stops.soc[first], 1.0 - stops.declared_wh[first] * 0.9 / 75_000.0)


def test_the_clock_goes_forward_and_the_vans_with_it() -> None:
    # On 29 March 2026 the night has an hour less.
    stops = depot_stops(
        np.random.default_rng(1), VEHICLES["van"], Route(spread_min=0.0, days_off=False), count=1,
        first_day=date(2026, 3, 28), days=2, zone=DUTCH,
    )  # fmt: skip
    assert (stops.depart_s - stops.arrive_s)[1] == 12 * 3600.0


def test_the_same_seed_is_the_same_fleet() -> None:
    for one, other in zip(vans(5), vans(5), strict=True):
        np.testing.assert_array_equal(one, other)
    assert vans(5).arrive_s.tolist() != vans(6).arrive_s.tolist()


def test_trucks_at_a_hub_need_the_next_leg() -> None:
    hub = HubDay()
    stops = hub_stops(
        np.random.default_rng(2), VEHICLES["truck"], hub, first_day=MONDAY, days=14, zone=UTC,
        air=Air(np.array([17.0]), 3600.0),
    )  # fmt: skip
    assert set(stops.before.tolist()) == {-1}
    assert len(stops.before) / 14 == pytest.approx(40 * 12.2 / 14, abs=6.0)
    stay_min = (stops.depart_s - stops.arrive_s) / 60.0
    assert stay_min.min() >= 45.0
    assert (stay_min > 500.0).mean() == pytest.approx(0.1, abs=0.04)
    # 4.5 h at 70 km/h and 1.1 kWh/km of 600 kWh, and a tenth in reserve.
    assert stops.soc_needed.tolist() == [pytest.approx(346.5 / 600 + 0.1)] * len(stops.soc)
    assert np.all((stops.soc >= 0.12) & (stops.soc <= 0.35))
    assert np.all(stops.battery_c > 17.0)


def test_a_route_that_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="above 0"):
        vans(route=Route(trip_km=0.0))
