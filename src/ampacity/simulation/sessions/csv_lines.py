"""One line of a CSV file of sessions on its way to a row; every error knows where it is."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Sequence
from datetime import datetime

from .rows import MOST_POWER_KW, SessionFileError


class CsvLine:
    """One line, read column by column."""

    def __init__(self, path: str, number: int, record: dict[str, str | None]) -> None:
        self._path, self._number, self._record = path, number, record

    def text(self, column: str) -> str:
        """The value without spaces around, empty where there is none."""
        return (self._record.get(column) or "").strip()

    def stay(self, start: str, end: str) -> tuple[datetime, datetime]:
        """Arrival and departure."""
        arrival, departure = self.time(start), self.time(end)
        if arrival is None:
            raise self.wrong(start, "an arrival is needed", "Write it as 2019-05-02 08:00:00-07:00.")
        if departure is None or departure <= arrival:
            raise self.wrong(end, "not after the arrival", "Correct it or remove the line.")
        return arrival, departure

    def delivered_wh(self, column: str, stay: tuple[datetime, datetime]) -> float:
        """The energy, which no charger's power forbids."""
        energy_wh = self.energy_wh(column)
        if energy_wh is None:
            raise self.wrong(column, "an energy is needed", "Write kWh, 0 for none.")
        hours = (stay[1] - stay[0]).total_seconds() / 3600.0
        if energy_wh > MOST_POWER_KW * 1000.0 * hours:
            raise self.wrong(
                column,
                f"more than {MOST_POWER_KW:g} kW throughout the stay",
                "Energies are in kWh, not Wh.",
            )
        return energy_wh

    def station(self, column: str) -> str:
        """The name of the station or EVSE."""
        station_id = self.text(column)
        if not station_id:
            raise self.wrong(column, "a station is needed", "Name the station that the car stood at.")
        return station_id

    def time(self, column: str) -> datetime | None:
        """An aware time, None for an empty field."""
        text = self.text(column)
        if not text:
            return None
        remedy = "Write it as 2019-05-02 08:00:00-07:00, with the offset from UTC."
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            raise self.wrong(column, "not a time", remedy) from None
        if moment.tzinfo is None:
            raise self.wrong(column, "a time without its offset", remedy)
        return moment

    def energy_wh(self, column: str) -> float | None:
        """Watt-hours of a field in kWh, None for an empty one."""
        kwh = self.number(column, "an energy", "Write kWh as a number such as 11.39, not below 0.")
        # Watt-hours of a meter are whole or have a few decimals; 44.069 kWh must not become 44068.99999.
        return None if kwh is None else round(kwh * 1000.0, 6)

    def number(self, column: str, what: str, remedy: str) -> float | None:
        """A finite number of at least 0, None for an empty field."""
        text = self.text(column)
        if not text:
            return None
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not (math.isfinite(value) and value >= 0.0):
            raise self.wrong(column, f"not {what}", remedy)
        return value

    def wrong(self, column: str, problem: str, remedy: str) -> SessionFileError:
        """The error that names this line and its column."""
        return SessionFileError(
            self._path, problem, remedy, line=self._number, column=column, value=self.text(column)
        )


def header_of(text: str) -> tuple[str, ...]:
    """The names of the columns."""
    first = next(csv.reader(io.StringIO(text, newline="")), [])
    return tuple(name.strip() for name in first)


def lines_of(path: str, text: str, required: Sequence[str], known: Sequence[str]) -> Iterator[CsvLine]:
    """The lines below the header that hold anything."""
    header = header_of(text)
    missing = [column for column in required if column not in header]
    if missing:
        raise SessionFileError(
            path,
            f"the header lacks {', '.join(map(repr, missing))}",
            f"The first line must be: {','.join(known)}",
            line=1,
        )
    reader = csv.DictReader(io.StringIO(text, newline=""), fieldnames=header)
    try:
        next(reader)
        for record in reader:
            if any(value for key, value in record.items() if key is not None):
                yield CsvLine(path, reader.line_num, record)
    except csv.Error as error:
        raise SessionFileError(
            path, f"not CSV ({error})", "Check quotes and separators.", line=reader.line_num
        ) from None
