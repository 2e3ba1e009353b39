"""Fleets with routes: vehicles that leave their depot, drive, come back and must be ready again.

A depot's vehicle is one battery in a chain of stops: it comes with what the last stop left less what the trip
took (`Visits.before`, `trip_wh`), and must leave with enough for the next trip and a reserve (`soc_needed`).
A hub's truck comes once: it breaks its journey and needs enough for the next leg.

What a kilometre takes:

- cars and vans by the air's temperature: range against the best (21.5 degrees) from 4,200 cars (Geotab 2020:
  54 % of the rated range at -15 degrees, 100 % at 10 and 30, 115 % at 21.5);
- a city bus of 12 m 1.15 kWh/km, 14 % more on cold and 9 % more on hot days (ViriCiti 2020, 106 Dutch
  buses);
- a truck of 40 t 1.1 kWh/km (Volvo FH Electric on the Green Truck Route, 2022), half as sensitive as a bus
  (assumed).

Assumed: the consumption of van and car at their best, mean speeds, the log-normal length of a day's trip, the
spread of times, and the hub's hours. The breaks of 45 minutes are those of Regulation (EC) 561/2006.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Final, NamedTuple

import numpy as np
from msgspec import Struct

from ..batch.world import F, I
from ..fleet import Archetype
from .cars import BUS, CAR_800V, CAR_LFP, TRUCK_MCS, VAN
from .charging_curves import battery_temperature_c

Climate = tuple[tuple[float, float], ...]

GEOTAB: Final[Climate] = ((-15.0, 2.13), (10.0, 1.15), (21.5, 1.0), (30.0, 1.15), (40.0, 1.4))
"""Consumption by degrees Celsius, against the best; the last point is an assumption."""

VIRICITI: Final[Climate] = ((-10.0, 1.22), (5.0, 1.14), (17.0, 1.0), (25.0, 1.09), (35.0, 1.18))
"""Means of its three classes at their middles; the ends are continued (assumed)."""

_TRUCK: Final[Climate] = tuple((degrees, 1.0 + 0.5 * (factor - 1.0)) for degrees, factor in VIRICITI)


class Vehicle(Struct, frozen=True, kw_only=True):
    """A vehicle of a fleet: its battery and charger, what a kilometre takes at the best temperature, how that
    changes with the air, and its mean speed."""

    archetype: Archetype
    wh_per_km: float
    climate: Climate
    speed_kmh: float

    def trip_wh(self, km: F | float, air_c: F | float) -> F:
        """What a trip takes from the battery."""
        points = np.array(self.climate)
        factor = np.interp(np.asarray(air_c, float), points[:, 0], points[:, 1])
        return np.asarray(np.asarray(km, float) * self.wh_per_km * factor)


VEHICLES: Final[dict[str, Vehicle]] = {
    "van": Vehicle(archetype=VAN, wh_per_km=230.0, climate=GEOTAB, speed_kmh=35.0),
    "bus": Vehicle(archetype=BUS, wh_per_km=1150.0, climate=VIRICITI, speed_kmh=20.0),
    "truck": Vehicle(archetype=TRUCK_MCS, wh_per_km=1100.0, climate=_TRUCK, speed_kmh=70.0),
    "car": Vehicle(archetype=CAR_LFP, wh_per_km=150.0, climate=GEOTAB, speed_kmh=45.0),
    "taxi": Vehicle(archetype=CAR_800V, wh_per_km=190.0, climate=GEOTAB, speed_kmh=30.0),
}


class Route(Struct, frozen=True, kw_only=True):
    """The day of a depot's vehicle: mean local hours of leaving and coming back (before leaving: the next
    day), their standard deviation, the median trip and the spread of its logarithm, whether Saturday and
    Sunday are off, and the share of the battery that must be left at the end of a trip."""

    leave_hour: float = 7.0
    back_hour: float = 18.0
    spread_min: float = 20.0
    trip_km: float = 100.0
    trip_spread: float = 0.25
    days_off: bool = True
    reserve: float = 0.1


class Stops(NamedTuple):
    """Visits of a fleet (v), by arrival: fields of `batch.world.Visits`, the `vehicle` (0 ..) and the
    temperature of its battery on arrival. `soc` counts where `before` is -1. They charge until full (leave
    `energy_wh` infinite); `declared_wh` is what the trip before took (at a hub: what the next leg lacks), at
    the meter."""

    vehicle: I
    arrive_s: F
    depart_s: F
    declared_wh: F
    soc: F
    soc_needed: F
    before: I
    trip_wh: F
    battery_c: F


class Air(NamedTuple):
    """Degrees Celsius from the start of the run on, one value each `step_s`; the ends are held."""

    celsius: F
    step_s: float

    def at(self, seconds: F | float) -> F:
        """At these seconds from the start."""
        place = np.floor(np.asarray(seconds, float) / self.step_s).astype(np.int64)
        return np.asarray(self.celsius[np.clip(place, 0, len(self.celsius) - 1)])


MILD: Final = Air(np.array([15.0]), 3600.0)


def depot_stops(
    rng: np.random.Generator,
    vehicle: Vehicle,
    route: Route,
    *,
    count: int,
    dc: bool = False,
    first_day: date,
    days: int,
    zone: tzinfo,
    starts_at: datetime | None = None,
    air: Air = MILD,
) -> Stops:
    """The stops of `count` equal vehicles, on AC or `dc`, over these local days. Seconds count from
    `starts_at` (default: local midnight of the first day). Who stands at the depot then is there from 0 s,
    full.

    A trip is never longer than a full battery less the reserve allows (whoever plans it knows that). A
    vehicle's last stop ends with its departure after the last day.
    """
    if route.trip_km <= 0.0 or not 0.0 <= route.reserve < 1.0:
        raise ValueError(
            f"a route of {route.trip_km!r} km with a reserve of {route.reserve!r}: the way must be above 0, "
            "the reserve at least 0 and below 1"
        )
    origin = _wall(first_day, 0.0, zone) if starts_at is None else starts_at.timestamp()
    rows: list[_Row] = []
    for number in range(count):
        trips = _trips(rng, vehicle, route, first_day, days, zone, origin, air)
        rows += _stops_between(number, trips, vehicle, route, air, _efficiency(vehicle, dc))
    return _sorted(rows)


class HubDay(Struct, frozen=True, kw_only=True):
    """Trucks that stop at a hub: how many a day, at which hours (mean, standard deviation, weight), how long
    they break (the rest stays over night), how full they come (from, to), and the leg that follows."""

    trucks: float = 40.0
    peaks: tuple[tuple[float, float, float], ...] = ((11.5, 1.5, 0.5), (17.0, 2.0, 0.35), (3.0, 2.0, 0.15))
    break_min: float = 45.0
    night_share: float = 0.1
    night_h: float = 9.0
    soc: tuple[float, float] = (0.12, 0.35)
    leg_h: float = 4.5
    reserve: float = 0.1


def hub_stops(
    rng: np.random.Generator,
    vehicle: Vehicle,
    hub: HubDay,
    *,
    dc: bool = True,
    first_day: date,
    days: int,
    zone: tzinfo,
    starts_at: datetime | None = None,
    air: Air = MILD,
) -> Stops:
    """Trucks that stop at a hub on their way, a Poisson number a day (a tenth of it on Sundays, when most
    must stand still). Each is another one (`before` -1); it needs what the next leg of `leg_h` hours takes
    and the reserve, or as much as fits."""
    origin = _wall(first_day, 0.0, zone) if starts_at is None else starts_at.timestamp()
    weights = np.array([weight for _, _, weight in hub.peaks])
    rows: list[_Row] = []
    capacity = vehicle.archetype.battery_wh
    for offset in range(days):
        day = first_day + timedelta(days=offset)
        for _ in range(int(rng.poisson(hub.trucks * (0.1 if day.weekday() == 6 else 1.0)))):
            mean, spread, _ = hub.peaks[int(rng.choice(len(weights), p=weights / weights.sum()))]
            at = _wall(day, float(rng.normal(mean, spread)) % 24.0, zone) - origin
            over_night = rng.random() < hub.night_share
            stay_s = hub.night_h * 3600.0 if over_night else hub.break_min * 60.0
            stay_s += 60.0 * float(rng.exponential(5.0))
            leg_km = hub.leg_h * vehicle.speed_kmh
            leg_wh = float(vehicle.trip_wh(leg_km, air.at(at + stay_s)))
            soc, needed = float(rng.uniform(*hub.soc)), min(leg_wh / capacity + hub.reserve, 0.98)
            rows.append(
                _Row(
                    vehicle=len(rows),
                    arrive_s=at,
                    depart_s=at + stay_s,
                    soc=soc,
                    soc_needed=needed,
                    trip_wh=0.0,
                    declared_wh=max(needed - soc, 0.0) * capacity / _efficiency(vehicle, dc),
                    battery_c=float(
                        battery_temperature_c(
                            air.at(at),
                            trip_wh=leg_km * vehicle.wh_per_km,
                            drive_s=3600.0 * hub.leg_h,
                            capacity_wh=capacity,
                        )
                    ),
                    chained=False,
                )
            )
    return _sorted(rows)


class _Trip(NamedTuple):
    leave_s: float
    back_s: float
    wh: float
    moving_wh: float  # what drove the wheels: heating warms the cabin, not the battery


class _Row(NamedTuple):
    vehicle: int
    arrive_s: float
    depart_s: float
    soc: float
    soc_needed: float
    trip_wh: float
    declared_wh: float
    battery_c: float
    chained: bool


def _efficiency(vehicle: Vehicle, dc: bool) -> float:
    return vehicle.archetype.dc_efficiency if dc else vehicle.archetype.ac_efficiency


def _trips(
    rng: np.random.Generator,
    vehicle: Vehicle,
    route: Route,
    first_day: date,
    days: int,
    zone: tzinfo,
    origin: float,
    air: Air,
) -> list[_Trip]:
    """One vehicle's trips of the days, and the one after them; each begins a quarter of an hour after the
    last one ended, or later."""
    trips: list[_Trip] = []
    longest = (1.0 - route.reserve) * vehicle.archetype.battery_wh
    offset = 0
    free_s = -np.inf
    while offset < days or not trips or trips[-1].leave_s < 86_400.0 * days:
        day = first_day + timedelta(days=offset)
        offset += 1
        if route.days_off and day.weekday() >= 5:
            continue
        early, late = 60.0 * route.spread_min * rng.standard_normal(2)
        km = route.trip_km * float(np.exp(route.trip_spread * rng.standard_normal()))
        next_day = day + timedelta(days=1 if route.back_hour <= route.leave_hour else 0)
        leave_s = max(_wall(day, route.leave_hour, zone) - origin + float(early), free_s)
        wh = min(float(vehicle.trip_wh(km, air.at(leave_s))), longest)
        drive_s = 3600.0 * km / vehicle.speed_kmh
        back_s = max(_wall(next_day, route.back_hour, zone) - origin + float(late), leave_s + drive_s)
        free_s = back_s + 900.0
        trips.append(_Trip(leave_s, back_s, wh, min(km * vehicle.wh_per_km, wh)))
    return trips


def _stops_between(
    number: int, trips: list[_Trip], vehicle: Vehicle, route: Route, air: Air, efficiency: float
) -> list[_Row]:
    """The stops of one vehicle: before its first trip, and between its trips."""
    capacity = vehicle.archetype.battery_wh
    rows: list[_Row] = []
    before: _Trip | None = None
    for trip in trips:
        arrive_s = 0.0 if before is None else before.back_s
        if arrive_s >= 0.0 and trip.leave_s > arrive_s:
            # A trip that ended before the start isn't seen: then the vehicle is the first stop's, and full.
            took = before.wh if before is not None and rows else 0.0
            away_s = 0.0 if before is None else before.back_s - before.leave_s
            rows.append(
                _Row(
                    vehicle=number,
                    arrive_s=arrive_s,
                    depart_s=trip.leave_s,
                    soc=1.0 if before is None else 1.0 - before.wh / capacity,
                    soc_needed=min(trip.wh / capacity + route.reserve, 1.0),
                    trip_wh=took,
                    declared_wh=0.0 if before is None else before.wh / efficiency,
                    battery_c=float(
                        battery_temperature_c(
                            air.at(arrive_s),
                            trip_wh=0.0 if before is None else before.moving_wh,
                            drive_s=away_s,
                            capacity_wh=capacity,
                        )
                    ),
                    chained=bool(rows),
                )
            )
        before = trip
    return rows


def _sorted(rows: list[_Row]) -> Stops:
    """By arrival; each stop of a chain is linked to its vehicle's last one."""
    rows = sorted(rows, key=lambda row: (row.arrive_s, row.vehicle))
    last: dict[int, int] = {}
    before = np.full(len(rows), -1, np.int64)
    for at, row in enumerate(rows):
        if row.chained:
            before[at] = last[row.vehicle]
        last[row.vehicle] = at

    def column(name: str) -> F:
        return np.array([getattr(row, name) for row in rows], float)

    return Stops(
        vehicle=np.array([row.vehicle for row in rows], np.int64),
        arrive_s=column("arrive_s"),
        depart_s=column("depart_s"),
        declared_wh=column("declared_wh"),
        soc=column("soc"),
        soc_needed=column("soc_needed"),
        before=before,
        trip_wh=column("trip_wh"),
        battery_c=column("battery_c"),
    )


def _wall(day: date, hour: float, zone: tzinfo) -> float:
    """Epoch seconds of a local day's hour on the wall clock."""
    midnight = datetime(day.year, day.month, day.day, tzinfo=zone)
    return (midnight + timedelta(hours=hour)).astimezone(UTC).timestamp()
