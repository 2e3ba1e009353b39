"""A whole world for the demo: EVSEs, cars, building load and limit, all from one seed.

A plan is data: the same arguments give the same plan on any machine. `building` and `breakers` make the two
things that run beside the stations.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, tzinfo

import numpy as np
from msgspec import Struct

from .arrivals import SessionFile, Visit, archetype, evses_of_sessions, visits_from_sessions
from .building import BuildingLoad
from .electrical.breaker import Breaker, Curve
from .evses import EvsePlan, workplace_evses


class WorldPlan(Struct, frozen=True, kw_only=True):
    """What a simulated site is made of.

    `limit_a` is the grid connection per phase and the rating of its breaker; `building_scale` multiplies the
    building load. `starts_at` is when the story should begin, UTC; `visits` are in order of arrival.
    """

    seed: int
    name: str
    starts_at: datetime
    evses: tuple[EvsePlan, ...]
    visits: tuple[Visit, ...]
    limit_a: float = 150.0
    breaker_curve: Curve = "MCCB"
    building_scale: float = 1.0
    utc_offset_s: float = 0.0
    voltage_v: float = 230.0

    def building(self) -> BuildingLoad:
        """The building load beside the cars."""
        return BuildingLoad(self.seed, scale=self.building_scale, utc_offset_s=self.utc_offset_s)

    def breakers(self) -> tuple[Breaker, Breaker, Breaker]:
        """A breaker for each phase of the connection, warm from the building's load before the start."""
        warm = self.building().current_a(self.starts_at.timestamp())
        one, two, three = (Breaker(self.limit_a, self.breaker_curve, preload_a=amperes) for amperes in warm)
        return one, two, three

    @property
    def stations(self) -> tuple[tuple[EvsePlan, ...], ...]:
        """The EVSEs, station by station in the order of the plan."""
        grouped: dict[str, list[EvsePlan]] = {}
        for evse in self.evses:
            grouped.setdefault(evse.station_id, []).append(evse)
        return tuple(tuple(group) for group in grouped.values())


def workplace_plan(
    seed: int,
    day: date,
    evse_count: int = 24,
    *,
    tz: tzinfo = UTC,
    start_hour: float = 7.5,
    sessions_per_evse: float | None = 1.4,
    limit_a: float = 150.0,
    building_scale: float = 1.0,
) -> WorldPlan:
    """The demo's workplace: 24 EVSEs of mixed makes behind 150 A a phase.

    `sessions_per_evse` is near the busier of the two fitted sites. The story begins at `start_hour` of the
    local day.
    """
    evses = workplace_evses(evse_count)
    rng = np.random.default_rng([seed, day.toordinal()])
    minute = round(start_hour * 60)
    starts_at = datetime(day.year, day.month, day.day, minute // 60, minute % 60, tzinfo=tz)
    return WorldPlan(
        seed=seed,
        name="Workplace",
        starts_at=starts_at.astimezone(UTC),
        evses=evses,
        visits=archetype("workplace").generate(rng, day, evses, tz=tz, sessions_per_evse=sessions_per_evse),
        limit_a=limit_a,
        building_scale=building_scale,
        utc_offset_s=_offset_s(starts_at),
    )


def replay_plan(
    sessions: SessionFile,
    seed: int = 1,
    *,
    station_ids: tuple[str, ...] | None = None,
    limit_a: float = 250.0,
    building_scale: float = 0.8,
) -> WorldPlan:
    """The site of a session file: every station that it names (or `station_ids`, where the file was cut to a
    part), its sessions as they were, cars drawn to fit.

    Stations are 32 A on one phase of 230 V, rotated, unless the file says more of them; a site of 208 V
    between phases isn't modelled here.
    The default limit carries about 18 of 54 cars a phase at once beside the building.
    """
    evses = evses_of_sessions(sessions, station_ids)
    rng = np.random.default_rng(seed)
    first = sessions.rows[0].arrival
    return WorldPlan(
        seed=seed,
        name=f"Replay of {sessions.path.rsplit('/', 1)[-1]}",
        starts_at=first.astimezone(UTC),
        evses=evses,
        visits=visits_from_sessions(rng, sessions.rows, evses),
        limit_a=limit_a,
        building_scale=building_scale,
        utc_offset_s=_offset_s(first),
    )


def _offset_s(moment: datetime) -> float:
    offset = moment.utcoffset()
    return offset.total_seconds() if offset is not None else 0.0
