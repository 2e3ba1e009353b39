"""The month that ACN-Sim and we both simulate: recorded sessions of a file, or a month of our own."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
from msgspec import Struct

from ...simulation.arrivals import archetype, session_rows
from ...simulation.evses import replay_evses
from ...simulation.scenarios.caltech import STATIONS
from ...simulation.scenarios.recorded import stay
from ...simulation.sessions import SessionFileError, SessionRow, read_sessions
from ..report import BenchFailed

STEP_S: Final = 300.0
CALIFORNIA: Final = ZoneInfo("America/Los_Angeles")
OWN_MONTH: Final = date(2019, 9, 1)
OWN_SESSIONS_PER_EVSE: Final = 0.71
"""Of the fitted Caltech months (docs/simulation.md)."""


class Month(Struct, frozen=True, kw_only=True):
    """Sessions of the 54 stations in order of arrival, from local midnight of the first day on."""

    starts_at: datetime
    rows: tuple[SessionRow, ...]
    source: str
    recorded: bool

    def first_days(self, days: int) -> Month:
        """Only the sessions that arrive in the first `days`."""
        end = self.starts_at + timedelta(days=days)
        rows = tuple(row for row in self.rows if row.arrival < end)
        return msgspec.structs.replace(self, rows=rows, source=f"{self.source}, first {days} days")

    def task(self, transformer_kva: float) -> dict[str, Any]:
        """What the peer is told: the same steps that `recorded_world` makes, in the same order."""
        stays = sorted((stay(row, self.starts_at, STEP_S) for row in self.rows), key=lambda each: each[0])
        return {
            "start": self.starts_at.isoformat(),
            "transformer_kva": transformer_kva,
            "visits": [
                [row.station_id, first, last, row.delivered_wh / 1000.0] for first, last, row in stays
            ],
        }


def recorded_month(path: Path) -> Month:
    """The first calendar month of a session file, in California's time. Raises BenchFailed."""
    try:
        rows = read_sessions(path).rows
    except (OSError, SessionFileError) as problem:
        raise BenchFailed(f"sessions: {problem}") from None
    known = tuple(row for row in rows if row.station_id in STATIONS)
    if not known:
        raise BenchFailed(f"{path} has no session at a station of the Caltech garage (CA-148 .. CA-513)")
    first = known[0].arrival.astimezone(CALIFORNIA)
    starts_at = first.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    ends_at = (starts_at + timedelta(days=32)).replace(day=1)
    return Month(
        starts_at=starts_at,
        rows=_whole_steps(starts_at, tuple(row for row in known if row.arrival < ends_at)),
        source=path.name,
        recorded=True,
    )


def own_month(seed: int) -> Month:
    """Thirty days at the same stations by the generator that was fitted on May to August 2019."""
    starts_at = datetime.combine(OWN_MONTH, datetime.min.time(), CALIFORNIA)
    evses = replay_evses(STATIONS)
    rng = np.random.default_rng(seed)
    visits = archetype("workplace").generate(
        rng, OWN_MONTH, evses, days=30, tz=CALIFORNIA, sessions_per_evse=OWN_SESSIONS_PER_EVSE
    )
    rows = sorted(session_rows(visits, CALIFORNIA), key=lambda row: row.arrival)
    return Month(
        starts_at=starts_at,
        rows=_whole_steps(starts_at, tuple(rows)),
        source=f"generated, seed {seed}",
        recorded=False,
    )


def _whole_steps(starts_at: datetime, rows: tuple[SessionRow, ...]) -> tuple[SessionRow, ...]:
    """Without what neither engine takes: less than one step, and a car at a station that is still taken."""
    at_station: dict[str, list[SessionRow]] = {}
    for row in rows:
        first, last, _ = stay(row, starts_at, STEP_S)
        if last > first >= 0:
            at_station.setdefault(row.station_id, []).append(row)
    kept = set()
    for each in at_station.values():
        ends = -1
        for row in each:
            first, last, _ = stay(row, starts_at, STEP_S)
            if first >= ends:
                kept.add(id(row))
                ends = last
    return tuple(row for row in rows if id(row) in kept)
