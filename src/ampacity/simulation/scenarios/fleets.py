"""Vehicles of a fleet and trucks at a hub, as visits of a scenario."""

from __future__ import annotations

import math

from ..equipment.routes import VEHICLES, Air, HubDay, Route, Stops, Vehicle, depot_stops, hub_stops
from ..fleet import CarPlan
from .coming import Coming, Work
from .spec import FleetArrivals, HubArrivals


def fleet(work: Work, arrivals: FleetArrivals) -> list[Coming]:
    """The stops of a depot's vehicles, each at its own EVSE."""
    vehicle = VEHICLES[arrivals.vehicle]
    places = [place for place in work.places if place.pool is None]
    count = min(arrivals.count or len(places), len(places))
    found: list[Coming] = []
    for dc in (False, True):
        # AC and DC differ in efficiency, so each is drawn by itself.
        chosen = [place for place in places[:count] if (place.plan.dc_power_w is not None) == dc]
        if not chosen:
            continue
        stops = depot_stops(
            work.rng,
            vehicle,
            Route(
                leave_hour=arrivals.leave_hour,
                back_hour=arrivals.back_hour,
                spread_min=arrivals.spread_min,
                trip_km=arrivals.trip_km,
                trip_spread=arrivals.trip_spread,
                days_off=arrivals.days_off,
                reserve=arrivals.reserve,
            ),
            count=len(chosen),
            dc=dc,
            first_day=work.days[0],
            days=len(work.days),
            zone=work.times.zone,
            starts_at=work.times.starts_at,
            air=Air(work.air_c, work.times.step_s),
        )
        for k in range(len(stops.vehicle)):
            number = int(stops.vehicle[k])
            found.append(
                _stop(
                    work,
                    stops,
                    k,
                    vehicle,
                    name=f"{chosen[number].plan.station_id}-{k}",
                    evse=chosen[number].number,
                    dc=dc,
                    chain=chosen[number].plan.station_id,
                )
            )
    return found


def hub(work: Work, arrivals: HubArrivals) -> list[Coming]:
    """Trucks that break their journey at a pool's EVSEs."""
    places = [place for place in work.places if place.pool is not None]
    dc = places[0].plan.dc_power_w is not None
    stops = hub_stops(
        work.rng,
        VEHICLES["truck"],
        HubDay(
            trucks=arrivals.trucks,
            break_min=arrivals.break_min,
            night_share=arrivals.night_share,
            leg_h=arrivals.leg_h,
        ),
        dc=dc,
        first_day=work.days[0],
        days=len(work.days),
        zone=work.times.zone,
        starts_at=work.times.starts_at,
        air=Air(work.air_c, work.times.step_s),
    )
    return [
        _stop(work, stops, k, VEHICLES["truck"], name=f"truck-{k}", evse=-1, dc=dc, pool=places[0].pool)
        for k in range(len(stops.vehicle))
    ]


def _stop(
    work: Work,
    stops: Stops,
    k: int,
    vehicle: Vehicle,
    *,
    name: str,
    evse: int,
    dc: bool,
    chain: str = "",
    pool: str | None = None,
) -> Coming:
    """One stop: it charges until full, and its operator knows when it leaves and what it lacks."""
    car = CarPlan(archetype=vehicle.archetype, soc=float(stops.soc[k]))
    return Coming(
        name=name,
        evse=evse,
        pool=pool,
        car=work.giving(car, dc),
        dc=dc,
        arrive_s=float(stops.arrive_s[k]),
        depart_s=float(stops.depart_s[k]),
        energy_wh=math.inf,
        declared_wh=float(stops.declared_wh[k]),
        declared_depart_s=float(stops.depart_s[k]),
        soc_needed=float(stops.soc_needed[k]),
        trip_wh=float(stops.trip_wh[k]),
        chain=chain,
        again=bool(stops.before[k] >= 0),
        battery_c=float(stops.battery_c[k]),
    )
