"""Write a small session file of our own: a slice of a day that the fitted workplace generator made.

    python tools/synthetic_sessions.py --out tests/data/sessions_54evse_2h.csv

The slice begins at --hour; cars that stand there already arrive within its first minute, with what they still
lack. Nothing of real sessions is in it but the fitted parameters.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

import numpy as np
from msgspec import structs

from ampacity.simulation.arrivals import Visit, archetype, session_rows
from ampacity.simulation.evses import replay_evses
from ampacity.simulation.sessions import write_sessions

#: Of the fitted sites' EVSEs, in watts; a car that arrives late can't lack more than this times its stay.
POWER_W = 6_656.0


def slice_of(visits: Sequence[Visit], start: datetime, end: datetime) -> list[Visit]:
    """The visits that stand at `start` or arrive before `end`, none shorter than ten minutes."""
    cut: list[Visit] = []
    for visit in visits:
        arrival = visit.arrival
        if arrival < start:
            arrival = start + timedelta(seconds=len(cut) * 2 % 60)
        stay_s = (visit.departure - arrival).total_seconds()
        if arrival >= end or stay_s < 600.0:
            continue
        most_wh = float(round(0.95 * POWER_W * stay_s / 3600.0))
        declared = visit.user_estimate_departure
        cut.append(
            structs.replace(
                visit,
                arrival=arrival,
                requested_wh=min(visit.requested_wh, most_wh),
                user_estimate_departure=None
                if declared is None
                else max(declared, arrival + timedelta(minutes=15)),
            )
        )
    return sorted(cut, key=lambda visit: (visit.arrival, visit.station_id or ""))


def main(argv: Sequence[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=57)
    parser.add_argument("--evses", type=int, default=54)
    parser.add_argument("--sessions-per-evse", type=float, default=3.5)
    parser.add_argument("--day", type=date.fromisoformat, default=date(2026, 9, 15))
    parser.add_argument("--hour", type=float, default=8.0)
    parser.add_argument("--hours", type=float, default=2.0)
    parser.add_argument("--utc-offset-hours", type=float, default=-7.0)
    options = parser.parse_args(argv)
    tz = timezone(timedelta(hours=options.utc_offset_hours))
    evses = replay_evses(tuple(f"EV-{number:02d}" for number in range(1, options.evses + 1)))
    rng = np.random.default_rng(options.seed)
    visits = archetype("workplace").generate(
        rng, options.day, evses, tz=tz, sessions_per_evse=options.sessions_per_evse
    )
    midnight = datetime(options.day.year, options.day.month, options.day.day, tzinfo=tz)
    start = (midnight + timedelta(hours=options.hour)).astimezone(UTC)
    cut = slice_of(visits, start, start + timedelta(hours=options.hours))
    write_sessions(options.out, session_rows(cut, tz))
    inside = sum(visit.departure < start + timedelta(hours=options.hours) for visit in cut)
    late = sum(visit.arrival >= start + timedelta(minutes=1) for visit in cut)
    stations = len({visit.station_id for visit in cut})
    print(f"{len(cut)} sessions on {stations} stations; {late} arrive later, {inside} leave inside the slice")
    return 0


if __name__ == "__main__":
    sys.exit(main())
