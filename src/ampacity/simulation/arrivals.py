"""Who comes when, stays how long and wants how much: replayed from a file, or generated for a workplace.

The workplace generator is fitted (`workplace_fit`, made by tools/fit_arrivals.py): the number of sessions is
Poisson, arrival and stay come from one mixture, the energy from another given the stay, and what the driver
declares from two more. Other kinds of site are in `archetypes`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Final

import numpy as np
from msgspec import Struct, structs

from ..model.site import EvseKey
from . import workplace_fit
from .archetypes import DC_HUB, Assumption
from .cars import Car
from .evses import EvsePlan
from .fleet import CarPlan, draw_car
from .mixture import NormalMixture
from .sessions import SessionFile, SessionFileError, SessionRow, read_sessions, write_sessions

__all__ = (
    "SessionFile",
    "SessionFileError",
    "SessionRow",
    "Visit",
    "generate",
    "generate_workplace",
    "read_sessions",
    "session_rows",
    "visits_from_sessions",
    "write_sessions",
)

#: Power of the fitted sites' EVSEs (208 V, 32 A): no fitted energy is above it times the stay.
_FITTED_EVSE_KW: Final = 6.656

#: A stay shorter than this isn't a session, in hours.
_SHORTEST_H: Final = 0.1

#: The next car needs this long to find that an EVSE is free, in seconds.
_CHANGEOVER_S: Final = 120.0


class Visit(Struct, frozen=True, kw_only=True):
    """One car's stay. Times are UTC and aware, energies at the EVSE's meter.

    `requested_wh` is what the car will take if it gets it (it stops there); what the driver *declared* is
    `declared_wh` and `user_estimate_departure`, None where nothing was declared, and it may be wrong: a
    controller may know the declared values only. `station_id` is None until an EVSE was found.
    """

    arrival: datetime
    departure: datetime
    requested_wh: float
    station_id: str | None
    car: CarPlan
    user_estimate_departure: datetime | None = None
    declared_wh: float | None = None
    evse_id: int = 1
    session_id: str = ""

    @property
    def arrival_s(self) -> float:
        """Epoch seconds."""
        return self.arrival.timestamp()

    @property
    def departure_s(self) -> float:
        """Epoch seconds."""
        return self.departure.timestamp()

    @property
    def dwell_s(self) -> float:
        """Seconds from plug to unplug."""
        return (self.departure - self.arrival).total_seconds()

    def plug_in(self, at_s: float | None = None) -> Car:
        """The car at its EVSE from `at_s` (epoch seconds; default: its arrival)."""
        return Car(
            self.car.archetype,
            soc=self.car.soc,
            at_s=self.arrival_s if at_s is None else at_s,
            requested_wh=self.requested_wh,
            departure_s=self.departure_s,
        )


class _Stay(Struct, frozen=True):
    """A visit before it has an EVSE: local hours after midnight, hours, kWh."""

    hour: float
    dwell_h: float
    energy_kwh: float
    declared_dwell_h: float | None = None
    declared_kwh: float | None = None


def generate_workplace(
    rng: np.random.Generator,
    day: date,
    evses: Sequence[EvsePlan],
    *,
    tz: tzinfo = UTC,
    sessions_per_evse: float | None = None,
) -> tuple[Visit, ...]:
    """The visits of one local day at a workplace, in order of arrival.

    `sessions_per_evse` is the mean on a usual weekday (fitted sites: 0.71 and 1.38; default their mean); the
    day of the week scales it. A visit that finds no EVSE free is drawn anew, up to 20 times, then turned
    away. DC EVSEs get short visits of the `dc_hub` assumption, four a day each.
    """
    usual = (
        float(np.mean(workplace_fit.SESSIONS_PER_EVSE)) if sessions_per_evse is None else sessions_per_evse
    )
    weekday = day.weekday()
    factor = workplace_fit.WEEKDAY_FACTORS[weekday] if weekday < 5 else workplace_fit.WEEKEND_FACTOR
    slow = [evse for evse in evses if evse.dc_power_w is None]
    fast = [evse for evse in evses if evse.dc_power_w is not None]
    visits = _settle(rng, day, tz, slow, int(rng.poisson(usual * factor * len(slow))), _draw_workplace_stays)
    hub = _AssumedStays(DC_HUB, day_off=weekday >= 5)
    quick = _settle(rng, day, tz, fast, int(rng.poisson(4.0 * min(factor, 1.0) * len(fast))), hub)
    return _numbered(day, visits + quick)


def generate(
    assumption: Assumption,
    rng: np.random.Generator,
    day: date,
    evses: Sequence[EvsePlan],
    *,
    tz: tzinfo = UTC,
    sessions_per_evse: float | None = None,
) -> tuple[Visit, ...]:
    """The visits that begin on one local day at a site of an assumed kind, in order of arrival."""
    day_off = day.weekday() >= 5
    usual = assumption.sessions_per_evse if sessions_per_evse is None else sessions_per_evse
    mean = usual * len(evses) * (assumption.day_off_factor if day_off else 1.0)
    count = int(rng.poisson(mean)) if assumption.random_count else round(mean)
    return _numbered(day, _settle(rng, day, tz, evses, count, _AssumedStays(assumption, day_off=day_off)))


def visits_from_sessions(
    rng: np.random.Generator,
    rows: Sequence[SessionRow],
    evses: Sequence[EvsePlan],
    *,
    voltage_v: float = 230.0,
) -> tuple[Visit, ...]:
    """Replay: arrivals, departures, stations and delivered energies as the file has them; cars are drawn to
    fit.

    A car is one that could take that energy in that time; where none can (the EVSE is weaker than the one in
    the file), the strongest comes and the rest stays owed. Raises KeyError for a station without an EVSE.
    """
    by_station = {evse.station_id: evse for evse in evses}
    visits = []
    for row in rows:
        evse = by_station[row.station_id]
        visits.append(
            Visit(
                arrival=row.arrival.astimezone(UTC),
                departure=row.departure.astimezone(UTC),
                requested_wh=row.delivered_wh,
                station_id=row.station_id,
                evse_id=evse.evse_id,
                car=draw_car(
                    rng,
                    energy_wh=row.delivered_wh,
                    dwell_s=row.dwell_s,
                    phases=evse.phases,
                    max_a=evse.max_a,
                    dc_power_w=evse.dc_power_w,
                    voltage_v=voltage_v,
                ),
                user_estimate_departure=_utc(row.estimated_departure) if row.claimed else None,
                declared_wh=row.requested_wh if row.claimed else None,
                session_id=row.session_id,
            )
        )
    return tuple(visits)


def session_rows(visits: Sequence[Visit], tz: tzinfo = UTC) -> tuple[SessionRow, ...]:
    """Visits as rows of a session file, times in `tz` to the second, energies to the watt-hour."""
    rows = []
    for visit in visits:
        declared = visit.user_estimate_departure
        rows.append(
            SessionRow(
                arrival=visit.arrival.astimezone(tz).replace(microsecond=0),
                departure=visit.departure.astimezone(tz).replace(microsecond=0),
                delivered_wh=float(round(visit.requested_wh)),
                station_id=visit.station_id or "",
                session_id=visit.session_id,
                requested_wh=None if visit.declared_wh is None else float(round(visit.declared_wh)),
                estimated_departure=None
                if declared is None
                else declared.astimezone(tz).replace(microsecond=0),
                claimed=declared is not None,
            )
        )
    return tuple(rows)


def _utc(moment: datetime | None) -> datetime | None:
    return None if moment is None else moment.astimezone(UTC)


def _mixture(rows: Sequence[tuple[float, float, float, float, float, float]]) -> NormalMixture:
    table = np.array(rows)
    covariances = np.stack([table[:, 3:5], table[:, 4:6]], axis=1)
    return NormalMixture(table[:, 0] / table[:, 0].sum(), table[:, 1:3], covariances)


_ARRIVAL_DWELL: Final = _mixture(workplace_fit.ARRIVAL_DWELL)
_DWELL_ENERGY: Final = _mixture(workplace_fit.DWELL_ENERGY)
_DWELL_DECLARED: Final = _mixture(workplace_fit.DWELL_DECLARED)
_ENERGY_DECLARED: Final = _mixture(workplace_fit.ENERGY_DECLARED)


def _draw_workplace_stays(rng: np.random.Generator, n: int) -> list[_Stay]:
    hours, log_dwell = np.empty(0), np.empty(0)
    while len(hours) < n:
        drawn = _ARRIVAL_DWELL.draw(rng, 2 * n)
        inside = (drawn[:, 0] >= 0.0) & (drawn[:, 0] < 24.0)
        inside &= (drawn[:, 1] >= math.log(_SHORTEST_H)) & (drawn[:, 1] <= math.log(24.0))
        hours = np.concatenate([hours, drawn[inside, 0]])
        log_dwell = np.concatenate([log_dwell, drawn[inside, 1]])
    hours, log_dwell = hours[:n], log_dwell[:n]
    most = log_dwell + math.log(_FITTED_EVSE_KW)
    log_energy = _DWELL_ENERGY.draw_second_given_first(rng, log_dwell)
    for _ in range(10):
        above = log_energy > most
        log_energy[above] = _DWELL_ENERGY.draw_second_given_first(rng, log_dwell[above])
    energy = np.exp(np.minimum(log_energy, most + math.log(0.97)))
    declared_dwell = np.exp(_DWELL_DECLARED.draw_second_given_first(rng, log_dwell))
    declared_kwh = np.exp(_ENERGY_DECLARED.draw_second_given_first(rng, np.log(energy)))
    says = rng.random(n) < workplace_fit.DECLARED_SHARE
    return [
        _Stay(
            float(hours[i]),
            float(np.exp(log_dwell[i])),
            float(energy[i]),
            float(np.clip(declared_dwell[i], 0.25, 24.0)) if says[i] else None,
            float(np.clip(declared_kwh[i], 0.5, 150.0)) if says[i] else None,
        )
        for i in range(n)
    ]


class _AssumedStays:
    """Draws stays of an assumed kind of site."""

    def __init__(self, assumption: Assumption, *, day_off: bool) -> None:
        self._assumption, self._day_off = assumption, day_off

    def __call__(self, rng: np.random.Generator, n: int) -> list[_Stay]:
        hours, dwell, energy = self._assumption.draw(rng, n, day_off=self._day_off)
        return [
            _Stay(float(hour), float(stay), float(kwh), float(stay), float(kwh))
            for hour, stay, kwh in zip(hours, dwell, energy, strict=True)
        ]


def _settle(
    rng: np.random.Generator,
    day: date,
    tz: tzinfo,
    evses: Sequence[EvsePlan],
    count: int,
    draw: Callable[[np.random.Generator, int], list[_Stay]],
) -> list[Visit]:
    """Give each stay an EVSE that is free for all of it, at random among those; see `generate_workplace`."""
    taken: dict[EvseKey, list[tuple[float, float]]] = {evse.key: [] for evse in evses}
    midnight = datetime(day.year, day.month, day.day, tzinfo=tz)
    waiting = draw(rng, count) if evses and count else []
    visits: list[Visit] = []
    for _ in range(20):
        turned_away = 0
        for stay in waiting:
            # Whole seconds, so that a file of visits holds them exactly.
            start = float(round(stay.hour * 3600.0))
            end = float(round(start + stay.dwell_h * 3600.0))
            free = [
                evse
                for evse in evses
                if all(end + _CHANGEOVER_S <= a or start >= b + _CHANGEOVER_S for a, b in taken[evse.key])
            ]
            if not free:
                turned_away += 1
                continue
            evse = free[int(rng.integers(len(free)))]
            taken[evse.key].append((start, end))
            visits.append(_visit(rng, midnight, start, end, stay, evse))
        if not turned_away:
            break
        waiting = draw(rng, turned_away)
    return visits


def _visit(
    rng: np.random.Generator, midnight: datetime, start: float, end: float, stay: _Stay, evse: EvsePlan
) -> Visit:
    # Wall-clock hours of the local day, also on the day of a change of the clock.
    arrival = (midnight + timedelta(seconds=start)).astimezone(UTC)
    departure = arrival + timedelta(seconds=end - start)
    energy_wh = float(round(stay.energy_kwh * 1000.0))
    if evse.dc_power_w is not None:
        # Whoever waits beside a DC station stays until the energy is in.
        energy_wh = min(energy_wh, float(round(0.5 * evse.dc_power_w * (end - start) / 3600.0)))
    car = draw_car(
        rng,
        energy_wh=energy_wh,
        dwell_s=end - start,
        phases=evse.phases,
        max_a=evse.max_a,
        dc_power_w=evse.dc_power_w,
    )
    declared = stay.declared_dwell_h
    return Visit(
        arrival=arrival,
        departure=departure,
        requested_wh=energy_wh,
        station_id=evse.station_id,
        evse_id=evse.evse_id,
        car=car,
        user_estimate_departure=None
        if declared is None
        else arrival + timedelta(seconds=round(declared * 3600.0)),
        declared_wh=None if stay.declared_kwh is None else float(round(stay.declared_kwh * 1000.0)),
    )


def _numbered(day: date, visits: Sequence[Visit]) -> tuple[Visit, ...]:
    ordered = sorted(visits, key=lambda visit: (visit.arrival, visit.station_id or "", visit.evse_id))
    return tuple(
        structs.replace(visit, session_id=f"{day:%Y%m%d}-{number:04d}")
        for number, visit in enumerate(ordered, start=1)
    )
