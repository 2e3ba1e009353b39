"""A car's stay at an EVSE: replayed from the rows of a session file, and written back as such."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime, tzinfo
from typing import Final

import numpy as np
from msgspec import Struct, structs

from ..cars import Car
from ..evses import RECTIFIER_EFFICIENCY, EvsePlan, replay_evses
from ..fleet import CarPlan, draw_car
from ..sessions import SessionFile, SessionRow


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


#: Ratings of AC EVSEs, in amperes a phase.
_USUAL_A: Final = (16.0, 20.0, 32.0, 40.0, 63.0, 80.0)


def evses_of_sessions(file: SessionFile, station_ids: tuple[str, ...] | None = None) -> tuple[EvsePlan, ...]:
    """The EVSEs of a session file: as `replay_evses` has them, where the file doesn't say more of them.

    What it says: phases, a power (rounded up to the next usual current), DC. A DC EVSE without a power is one
    of 50 kW, an assumption. `station_ids` names the stations of a file that was cut to a part.
    """
    told: dict[str, list[SessionRow]] = {}
    for row in file.rows:
        if row.dc or row.phases is not None or row.max_kw is not None:
            told.setdefault(row.station_id, []).append(row)
    plans = []
    for plan in replay_evses(file.station_ids if station_ids is None else station_ids):
        rows = told.get(plan.station_id, [])
        most_kw = max((row.max_kw for row in rows if row.max_kw is not None), default=None)
        phases = max((row.phases for row in rows if row.phases is not None), default=None)
        if any(row.dc for row in rows):
            dc_power_w = 1000.0 * (most_kw or 50.0)
            supply_a = float(math.ceil(dc_power_w / RECTIFIER_EFFICIENCY / 690.0))
            plan = structs.replace(
                plan, phases=3, max_a=supply_a, dc_power_w=dc_power_w, connector_type="cCCS2"
            )  # fmt: skip
        elif rows:
            # An EVSE has one phase or three; who says neither has three where one couldn't carry the power.
            wired = 3 if (phases or 0) > 1 or (phases is None and (most_kw or 0.0) > 7.4) else 1
            needed_a = 1000.0 * (most_kw or 0.0) / (230.0 * wired)
            max_a = next((a for a in _USUAL_A if a >= needed_a - 0.5), float(math.ceil(needed_a)))
            plan = structs.replace(plan, phases=wired, max_a=max_a if most_kw else plan.max_a)
        plans.append(plan)
    return tuple(plans)


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
