"""Who comes to a scenario's site: visits of all its arrivals, each at an EVSE or in a pool's queue."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
from msgspec import structs

from ..arrivals import Visit, read_sessions, visits_from_sessions
from ..arrivals.archetypes import archetype
from ..arrivals.model import ArrivalModel, draw_count
from ..arrivals.model_file import load_arrivals
from ..batch.world import F
from ..fleet import draw_car
from .arrays import voltage_of
from .coming import Coming, Place, Work
from .fleets import fleet, hub
from .spec import (
    ArchetypeArrivals,
    CarsSpec,
    FleetArrivals,
    HubArrivals,
    ModelArrivals,
    Scenario,
    SessionArrivals,
)
from .surroundings import Times

QUEUE_STAY_S: Final = 4.0 * 3600.0
"""A driver of a queue leaves when the energy is in, and at the latest so long after the arrival."""


def comings(
    scenario: Scenario, places: Sequence[Place], times: Times, air_c: F, seed: int, folder: Path
) -> list[Coming]:
    """All visits that begin within the run, in order of arrival; the same seed gives the same."""
    found: list[Coming] = []
    streams = np.random.default_rng([seed, 7]).spawn(len(scenario.arrivals))
    for number, (arrivals, rng) in enumerate(zip(scenario.arrivals, streams, strict=True)):
        chosen = [
            place
            for place in places
            if not arrivals.evses or place.group in arrivals.evses or place.pool in arrivals.evses
        ]
        work = Work(scenario=scenario, places=chosen, times=times, air_c=air_c, rng=rng, folder=folder)
        match arrivals:
            case FleetArrivals():
                come = fleet(work, arrivals)
            case HubArrivals():
                come = hub(work, arrivals)
            case SessionArrivals():
                come = _replayed(work, arrivals)
            case _:
                come = _drawn(work, arrivals)
        # Two groups of arrivals may name their visits and vehicles alike.
        found += [
            structs.replace(one, name=f"{number}-{one.name}", chain=one.chain and f"{number}-{one.chain}")
            for one in come
        ]
    end_s = times.steps * times.step_s
    inside = [coming for coming in found if 0.0 <= coming.arrive_s < end_s]
    return sorted(inside, key=lambda coming: (coming.arrive_s, coming.evse, coming.name))


def _drawn(work: Work, arrivals: ArchetypeArrivals | ModelArrivals) -> list[Coming]:
    """Visits of a kind of site or of a fitted model: at EVSEs of their own, and in queues."""
    told = False
    if isinstance(arrivals, ArchetypeArrivals):
        model = archetype(arrivals.archetype)
        # Only the workplace is fitted with what its drivers declared.
        told = arrivals.archetype != "workplace"
    else:
        model = load_arrivals(work.folder / arrivals.file)
    pools = list(dict.fromkeys(place.pool for place in work.places if place.pool is not None))
    owned = [place for place in work.places if place.pool is None]
    found: list[Coming] = []
    if owned:
        days = work.days
        visits = model.generate(
            work.rng,
            days[0],
            [place.plan for place in owned],
            days=len(days),
            tz=work.times.zone,
            sessions_per_evse=arrivals.sessions_per_evse,
        )
        by_station = {place.plan.station_id: place for place in owned}
        for visit in visits:
            visit = _as_told(work.rng, visit, work.scenario.cars) if told else visit
            found.append(_at(work, visit, by_station[visit.station_id or ""]))
    for pool in pools:
        queued = [place for place in work.places if place.pool == pool]
        found += _queue(work, arrivals.sessions_per_evse, model, pool, queued)
    return found


def _at(work: Work, visit: Visit, place: Place) -> Coming:
    start_s = work.times.starts_at.timestamp()
    dc = place.plan.dc_power_w is not None
    told = visit.user_estimate_departure
    return Coming(
        name=visit.session_id,
        evse=place.number,
        car=work.giving(visit.car, dc),
        dc=dc,
        arrive_s=visit.arrival_s - start_s,
        depart_s=visit.departure_s - start_s,
        energy_wh=visit.requested_wh,
        declared_wh=visit.declared_wh,
        declared_depart_s=None if told is None else told.timestamp() - start_s,
    )


def _as_told(rng: np.random.Generator, visit: Visit, cars: CarsSpec) -> Visit:
    """What this driver tells, where the arrivals don't say it: the truth, give or take."""
    if rng.random() >= cars.declared_share:
        return structs.replace(visit, user_estimate_departure=None, declared_wh=None)
    error_h = cars.declared_error_h * float(rng.standard_normal())
    least = visit.arrival + timedelta(minutes=15)
    return structs.replace(
        visit,
        user_estimate_departure=max(visit.departure + timedelta(hours=error_h), least),
        declared_wh=visit.requested_wh,
    )


def _queue(
    work: Work, sessions_per_evse: float | None, model: ArrivalModel, pool: str, places: Sequence[Place]
) -> list[Coming]:
    """Drivers who take any free EVSE of a pool, and what they do when there is none."""
    plan = max((place.plan for place in places), key=lambda plan: plan.dc_power_w or 0.0)
    dc = plan.dc_power_w is not None
    model = model.dc if dc and model.dc is not None else model
    rate = model.sessions_per_evse if sessions_per_evse is None else sessions_per_evse
    queue, rng, start_s = work.scenario.queue, work.rng, work.times.starts_at.timestamp()
    found: list[Coming] = []
    for day in work.days:
        midnight = datetime(day.year, day.month, day.day, tzinfo=work.times.zone)
        count = draw_count(rng, rate * len(places) * model.day_factors[day.weekday()], model.dispersion)
        for stay in model.law_of(day).draw(rng, count) if count else []:
            seconds = min(round(stay.hour * 3600.0), 86_399)
            arrive_s = (midnight + timedelta(seconds=seconds)).timestamp() - start_s
            dwell_s = float(round(stay.dwell_h * 3600.0))
            energy_wh = float(round(stay.energy_kwh * 1000.0))
            if plan.dc_power_w is not None:
                energy_wh = min(energy_wh, float(round(0.5 * plan.dc_power_w * dwell_s / 3600.0)))
            car = draw_car(
                rng,
                energy_wh=energy_wh,
                dwell_s=dwell_s,
                phases=plan.phases,
                max_a=plan.max_a,
                dc_power_w=plan.dc_power_w,
                voltage_v=voltage_of(work.scenario.supply),
            )
            patience_s = 60.0 * queue.patience_min * float(rng.exponential())
            reserved = rng.random() < queue.reserved_share
            around_s = 60.0 * queue.reserve_min
            found.append(
                Coming(
                    name=f"{day:%Y%m%d}-{pool}-{len(found) + 1:04d}",
                    evse=-1,
                    pool=pool,
                    car=work.giving(car, dc),
                    dc=dc,
                    arrive_s=arrive_s,
                    depart_s=arrive_s + QUEUE_STAY_S,
                    energy_wh=energy_wh,
                    declared_wh=energy_wh,
                    leaves_done=True,
                    balk_at=1 << 30 if reserved else queue.balk_at,
                    patience_s=patience_s,
                    reserve_s=arrive_s - around_s if reserved else math.inf,
                    reserve_until_s=arrive_s + around_s if reserved else math.inf,
                )
            )
    return found


def _replayed(work: Work, arrivals: SessionArrivals) -> list[Coming]:
    """Sessions of a file, its first used day moved to the run's first day; its stations are the chosen EVSEs
    in order of their names."""
    file = read_sessions(work.folder / arrivals.file)
    zone, starts = work.times.zone, work.scenario.run.starts
    first = arrivals.from_day or starts
    moved = timedelta(days=(starts - first).days)
    owned = [place for place in work.places if place.pool is None]
    named = dict(zip(sorted(file.station_ids), owned, strict=False))
    rows = [
        structs.replace(
            row,
            arrival=_moved(row.arrival, moved, zone),
            departure=_moved(row.arrival, moved, zone) + (row.departure - row.arrival),
            station_id=named[row.station_id].plan.station_id,
            estimated_departure=None
            if row.estimated_departure is None
            else _moved(row.arrival, moved, zone) + (row.estimated_departure - row.arrival),
        )
        for row in file.rows
        if row.station_id in named and row.arrival.astimezone(zone).date() >= first
    ]
    by_station = {place.plan.station_id: place for place in owned}
    volts = voltage_of(work.scenario.supply)
    visits = visits_from_sessions(work.rng, rows, [place.plan for place in owned], voltage_v=volts)
    return [_at(work, visit, by_station[visit.station_id or ""]) for visit in visits]


def _moved(moment: datetime, by: timedelta, zone: ZoneInfo) -> datetime:
    """The same local time so many days later."""
    return (moment.astimezone(zone) + by).astimezone(UTC)
