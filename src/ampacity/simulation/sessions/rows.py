"""What every form of session file becomes: rows, checked, one car at a time on a station."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final, Literal, TypeAlias

import msgspec

#: No charger gives more than a megawatt charger does; above it the file is in another unit.
MOST_POWER_KW: Final = 3750.0

Form: TypeAlias = Literal["acn", "plain", "ocpi"]


class SessionRow(msgspec.Struct, frozen=True, kw_only=True):
    """One session as the file has it. Times keep the offset of the file; energies are at the meter.

    `requested_wh` and `estimated_departure` are what the driver declared, if `claimed`. `phases`, `max_kw`
    and `dc` describe the EVSE where the file does.
    """

    arrival: datetime
    departure: datetime
    delivered_wh: float
    station_id: str
    session_id: str = ""
    requested_wh: float | None = None
    estimated_departure: datetime | None = None
    claimed: bool = False
    phases: int | None = None
    max_kw: float | None = None
    dc: bool = False

    @property
    def dwell_s(self) -> float:
        """Seconds from plug to unplug."""
        return (self.departure - self.arrival).total_seconds()


class SessionFile(msgspec.Struct, frozen=True, kw_only=True):
    """The rows of a file in order of arrival, and what had to be mended to make them possible.

    A station holds one car at a time, so a row that still stood when the next car came was `shortened` to
    that arrival; one that arrived at the same instant as the next was `dropped`. Of OCPI: `credited` counts
    the CDRs that a credit CDR took back, and those credits; `merged` those that were parts of another
    session.
    """

    path: str
    rows: tuple[SessionRow, ...]
    shortened: int = 0
    dropped: int = 0
    credited: int = 0
    merged: int = 0
    form: Form = "acn"

    @property
    def station_ids(self) -> tuple[str, ...]:
        """The stations that the file names, sorted."""
        return tuple(sorted({row.station_id for row in self.rows}))

    def between(self, start: datetime, end: datetime) -> SessionFile:
        """The sessions that arrive at or after `start` and before `end`, both aware."""
        rows = tuple(row for row in self.rows if start <= row.arrival < end)
        return msgspec.structs.replace(self, rows=rows)


class SessionFileError(ValueError):
    """A session file that can't be read: names the file, and where it can the place, field and value.

    `line` is the line of a CSV file, `element` the number of a CDR in a JSON file, both from 1; 0 where the
    error is of the whole file.
    """

    def __init__(
        self,
        path: str,
        problem: str,
        remedy: str,
        *,
        line: int = 0,
        element: int = 0,
        column: str = "",
        value: str = "",
    ) -> None:
        self.path, self.line, self.element, self.column, self.value = path, line, element, column, value
        self.problem, self.remedy = problem, remedy
        where = path + (f", line {line}" if line else "") + (f", CDR {element}" if element else "")
        where += f", {'field' if element else 'column'} {column!r}" if column else ""
        what = f"{problem}: {value!r}" if column else problem
        super().__init__(f"{where}: {what}. {remedy}")


def one_car_at_a_time(path: str, rows: Sequence[SessionRow], form: Form = "acn") -> SessionFile:
    """The rows of a file in order of arrival, with what two cars on one station make impossible mended."""
    ordered = sorted(rows, key=lambda row: (row.arrival.astimezone(UTC), row.station_id, row.session_id))
    kept: list[SessionRow] = []
    shortened = dropped = 0
    next_arrival: dict[str, datetime] = {}
    for row in reversed(ordered):
        limit = next_arrival.get(row.station_id)
        if limit is not None and row.departure > limit:
            if limit <= row.arrival:
                dropped += 1
                continue
            row = msgspec.structs.replace(row, departure=limit)
            shortened += 1
        next_arrival[row.station_id] = row.arrival
        kept.append(row)
    kept.reverse()
    return SessionFile(path=path, rows=tuple(kept), shortened=shortened, dropped=dropped, form=form)
