"""The workplace of B1 to B3: 52 EVSEs of 6.656 kW, sessions, a tariff with a demand charge.

Step: 15 minutes, that of the demand charge; arrivals and departures are rounded down to it, and what takes no
whole step is left out (counted).
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
from msgspec import Struct

from ...simulation.arrivals import archetype, session_rows
from ...simulation.batch.outcome import Scene
from ...simulation.batch.world import I, Visits
from ...simulation.equipment.tariffs import Season, Tariff, buy_prices, demand_price
from ...simulation.evses import replay_evses
from ...simulation.scenarios.caltech import MeteredSite, ac_evses, unloaded_rows
from ...simulation.scenarios.recorded import recorded_world, stay
from ...simulation.sessions import SessionFileError, SessionRow, read_sessions
from ..report import BenchFailed

STEP_S: Final = 900.0
CALIFORNIA: Final = ZoneInfo("America/Los_Angeles")
LINE_V: Final = 208.0
MAX_A: Final = 32.0
OWN_EVSES: Final = 52
OWN_FIRST_DAY: Final = date(2019, 9, 1)
OWN_DAYS: Final = 122
OWN_SESSIONS_PER_EVSE: Final = 1.36
"""Of the JPL months (docs/simulation.md)."""

UNMET_PRICE: Final = 1.0
"""Per kWh that was asked for, could have been charged, and was not."""


def _season(name: str, first: str, last: str, days: str, prices: tuple[float, ...]) -> Season:
    times = (0.0, 8.0, 12.0, 18.0, 23.0) if len(prices) > 1 else (0.0,)
    return Season(
        id=name,
        effective_start=first,
        effective_end=last,
        dow_mask="WEEKDAYS" if days == "WEEKDAYS" else "WEEKENDS",
        times=times,
        tariffs=prices,
        demand_charge=15.51,
    )


TOU_EV_4: Final = Tariff(
    name="SCE TOU-EV-4",
    effective="2019-03-01",
    currency="USD",
    schedule=(
        _season("summer weekday", "06-01", "09-30", "WEEKDAYS", (0.05623, 0.0925, 0.26668, 0.0925, 0.05623)),
        _season("summer weekend", "06-01", "09-30", "WEEKENDS", (0.05623,)),
        _season("winter weekday", "10-01", "05-31", "WEEKDAYS", (0.06087, 0.07492, 0.0869, 0.07492, 0.06087)),
        _season("winter weekend", "10-01", "05-31", "WEEKENDS", (0.06087,)),
    ),
)
"""Southern California Edison's published prices of March 2019, per kWh, and 15.51 per kW of the month's
highest quarter of an hour."""


class Sessions(Struct, frozen=True, kw_only=True):
    """Sessions in order of arrival, local months complete; `source` names where they are from."""

    rows: tuple[SessionRow, ...]
    stations: tuple[str, ...]
    source: str
    left_out: int


def recorded(path: Path) -> Sessions:
    """Of a file. Raises BenchFailed."""
    try:
        rows = read_sessions(path).rows
    except (OSError, SessionFileError) as problem:
        raise BenchFailed(f"sessions: {problem}") from None
    return _whole(rows, path.name)


def generated(seed: int, days: int = OWN_DAYS) -> Sessions:
    """By the generator that was fitted on May to August 2019."""
    stations = tuple(f"GA-{number:02}" for number in range(1, OWN_EVSES + 1))
    visits = archetype("workplace").generate(
        np.random.default_rng(seed),
        OWN_FIRST_DAY,
        replay_evses(stations),
        days=days,
        tz=CALIFORNIA,
        sessions_per_evse=OWN_SESSIONS_PER_EVSE,
    )
    rows = sorted(session_rows(visits, CALIFORNIA), key=lambda row: row.arrival)
    return _whole(tuple(rows), f"generated, seed {seed}")


def _whole(rows: tuple[SessionRow, ...], source: str) -> Sessions:
    """Without sessions that take no whole step, or whose EVSE is still taken in the step they come in."""
    origin = datetime(2019, 1, 1, tzinfo=CALIFORNIA)
    kept: list[SessionRow] = []
    free: dict[str, int] = {}
    for row in sorted(rows, key=lambda each: each.arrival):
        first, last, _ = stay(row, origin, STEP_S)
        if last > first >= free.get(row.station_id, -(1 << 40)) and row.delivered_wh > 0.0:
            kept.append(row)
            free[row.station_id] = last
    stations = tuple(sorted({row.station_id for row in kept}))
    return Sessions(rows=tuple(kept), stations=stations, source=source, left_out=len(rows) - len(kept))


def months(sessions: Sessions) -> list[datetime]:
    """Local midnights of the first days of all months that hold sessions."""
    firsts = {
        row.arrival.astimezone(CALIFORNIA).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        for row in sessions.rows
    }
    return sorted(firsts)


def month_scene(sessions: Sessions, begins: datetime, limit_w: float, *, declared: bool) -> Scene:
    """A month behind one conductor of `limit_w`. `declared`: the controller knows what drivers said, else
    the true departure and energy."""
    ends = (begins + timedelta(days=32)).replace(day=1)
    rows = tuple(row for row in sessions.rows if begins <= row.arrival < ends and row.departure <= ends)
    n = len(sessions.stations)
    site = MeteredSite(
        evses=ac_evses(n, [(i, 0, 0, 1 + 0j) for i in range(n)], volt_v=LINE_V, max_a=MAX_A, slots=1),
        rows=unloaded_rows(np.array([limit_w / LINE_V])),
        stations=sessions.stations,
        row_names=("supply",),
        root_rows=(0,),
    )
    world = recorded_world(site, rows, begins, STEP_S)
    ordered = [row for _, _, row in sorted((stay(r, begins, STEP_S) for r in rows), key=lambda e: e[0])]
    if declared:
        world = world._replace(visits=_as_declared(world.visits, ordered, begins))
    at_s = begins.timestamp() + STEP_S * np.arange(world.steps, dtype=np.float64)
    return Scene(
        name=f"{begins:%B %Y}",
        starts_at=begins,
        time_zone="America/Los_Angeles",
        world=world._replace(series=world.series._replace(buy=buy_prices(TOU_EV_4, at_s, CALIFORNIA))),
        evses=sessions.stations,
        rows=("supply",),
        visits=tuple(row.session_id for row in ordered),
        root_rows=(0,),
        demand_price=demand_price(TOU_EV_4, begins.date()),
        unmet_price=UNMET_PRICE,
        currency="USD",
    )


def _as_declared(visits: Visits, rows: list[SessionRow], begins: datetime) -> Visits:
    said_wh = np.array([np.nan if row.requested_wh is None else row.requested_wh for row in rows])
    said_s = np.array(
        [
            np.nan
            if row.estimated_departure is None
            else row.estimated_departure.timestamp() - begins.timestamp()
            for row in rows
        ]
    )
    return visits._replace(declared_wh=said_wh, declared_depart_s=said_s)


def week_of(scene: Scene) -> tuple[I, I, int]:
    """(week of each step, week of each visit by its arrival, number of weeks) of a month; a last part of a
    week belongs to the week before."""
    per_week = 7 * 86_400.0
    count = max(int(scene.world.steps * STEP_S // per_week), 1)
    steps = np.minimum((np.arange(scene.world.steps) * STEP_S // per_week).astype(np.int64), count - 1)
    visits = np.minimum((scene.world.visits.arrive_s // per_week).astype(np.int64), count - 1)
    return steps, visits, count
