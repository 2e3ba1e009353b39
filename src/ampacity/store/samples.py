"""Meter readings and 15-minute rollups: what was measured, quick to ask for. Derived from the journal; can be
thrown away and derived again.

A reading is a row: an EVSE, an instant, and what was told of it. A value that two messages tell (a periodic
sample, and the same one in a stop's transaction data) is one value: the first one told counts, and only
values that are new go into the rollups. Whether they are new is known without asking while an EVSE's readings
come in order of time; else the row is looked up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from operator import itemgetter
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, Table, and_, case, delete, func, select, tuple_, update

from ..model.station import MeterReading, OfShape, Shape
from .columns import EPOCH, from_micros, to_micros
from .errors import StoreError
from .rows import Rows
from .tables import charging_transaction, meter_reading, rollup_15min

REGISTER = "Energy.Active.Import.Register"
ROLLUP = timedelta(minutes=15)
_QUARTER_US = 900_000_000

_SERIES: tuple[tuple[str, str, int, str], ...] = (
    ("register_wh", REGISTER, 0, "Wh"),
    ("power_w", "Power.Active.Import", 0, "W"),
    ("current_1_a", "Current.Import", 1, "A"),
    ("current_2_a", "Current.Import", 2, "A"),
    ("current_3_a", "Current.Import", 3, "A"),
    ("voltage_1_v", "Voltage", 1, "V"),
    ("voltage_2_v", "Voltage", 2, "V"),
    ("voltage_3_v", "Voltage", 3, "V"),
    ("soc_percent", "SoC", 0, "Percent"),
)
"""The series that have a column: (column, measurand, phase, unit), at the outlet."""

_OUTLET = "Outlet"
_WIDTH = len(_SERIES)
_PLACE = {(measurand, phase, unit): n for n, (_, measurand, phase, unit) in enumerate(_SERIES)}
_NAMES = tuple(name for name, _, _, _ in _SERIES)

EvseOf = tuple[str, str, int]
"""(operator, station, EVSE)."""

SeriesOf = tuple[str, int, str, str]
"""(measurand, phase, location, unit)."""


class SamplePoint(Struct, frozen=True, kw_only=True):
    """One measured value; `phase` 0 is the sum (or DC)."""

    at: datetime
    measurand: str
    phase: int
    location: str
    value: float
    unit: str
    transaction_id: str | None


class RollupPoint(Struct, frozen=True, kw_only=True):
    """A quarter of an hour from `start` on. A register's advance is `last - first`."""

    start: datetime
    measurand: str
    phase: int
    location: str
    unit: str
    count: int
    mean: float
    lowest: float
    highest: float
    first_at: datetime
    first: float
    last_at: datetime
    last: float


class Told(Struct, frozen=True, gc=False):
    """What one message told of an EVSE's meter."""

    evse: EvseOf
    transaction_id: str | None
    readings: tuple[MeterReading, ...]


class _Measured(Struct, gc=False):
    """One instant of an EVSE, as it is gathered: `values` in the order of `_SERIES`."""

    transaction_id: str | None
    values: tuple[float | None, ...]
    more: dict[SeriesOf, float] | None = None

    def series(self) -> Iterator[tuple[SeriesOf, float]]:
        for (_, measurand, phase, unit), value in zip(_SERIES, self.values, strict=True):
            if value is not None:
                yield (measurand, phase, _OUTLET, unit), value
        if self.more:
            yield from self.more.items()

    def add(self, other: _Measured) -> None:
        """Take in what another message tells of the same instant: what was told first stays."""
        self.values = tuple(
            [new if old is None else old for old, new in zip(self.values, other.values, strict=True)]
        )
        if other.more:
            self.more = other.more | (self.more or {})


class _Columns(Struct, frozen=True, gc=False):
    """How readings of a shape become rows: `pick` takes the columns' values out of (*values, None)."""

    pick: Callable[[tuple[float | None, ...]], tuple[float | None, ...]]
    more: tuple[tuple[SeriesOf, int], ...]

    def measured(self, transaction_id: str | None, reading: MeterReading) -> _Measured:
        values = reading.values
        more = {series: values[place] for series, place in self.more} if self.more else None
        return _Measured(transaction_id, self.pick((*values, None)), more)


def _columns(shape: Shape) -> _Columns:
    nothing = len(shape.series)
    places = [nothing] * _WIDTH
    more: dict[SeriesOf, int] = {}
    for place, item in enumerate(shape.series):
        column = _PLACE.get((item.measurand, item.phase, item.unit)) if item.location == _OUTLET else None
        if column is None:
            more.setdefault((item.measurand, item.phase, item.location, item.unit), place)
        elif places[column] == nothing:  # of several contexts the first one counts
            places[column] = place
    return _Columns(itemgetter(*places), tuple(more.items()))


_COLUMNS = OfShape(_columns)

# ---------------------------------------------------------------- writing


class ReadingWriter:
    """Writes readings and rollups. It belongs to the writer thread; what it remembers only saves lookups."""

    def __init__(self) -> None:
        self._newest: dict[EvseOf, int] = {}

    def forget(self) -> None:
        """What was written may be gone."""
        self._newest = {}

    def write(self, connection: Connection, told: Iterable[Told]) -> None:
        """Add what messages told, in any order."""
        gathered: dict[EvseOf, dict[int, _Measured]] = {}
        for message in told:
            instants = gathered.get(message.evse)
            if instants is None:
                instants = gathered[message.evse] = {}
            for reading in message.readings:
                measured = _COLUMNS[reading.shape].measured(message.transaction_id, reading)
                at = to_micros(reading.at)
                known = instants.setdefault(at, measured)
                if known is not measured:
                    known.add(measured)
        rows: list[tuple[Any, ...]] = []
        rollups: list[tuple[Any, ...]] = []
        for evse, instants in gathered.items():
            newest = self._newest.get(evse)
            if newest is None:
                newest = _newest(connection, evse)
            fresh: dict[int, _Measured] = {}
            for at in sorted(instants):
                measured = instants[at]
                if at > newest:
                    rows.append((*evse, at, measured.transaction_id, *measured.values, _lines(measured.more)))
                    fresh[at] = measured
                else:
                    left = _complete(connection, evse, at, measured)
                    if left is not None:
                        fresh[at] = left
            self._newest[evse] = max(newest, *instants)
            _roll_up(evse, fresh, rollups)
        _READINGS.write(connection, rows)
        _ROLLUPS.write(connection, rollups)


def _newest(connection: Connection, evse: EvseOf) -> int:
    """The time of an EVSE's last reading, as it is stored; below all times where there is none."""
    last = connection.execute(
        select(func.max(meter_reading.c.at)).where(*_of_evse(meter_reading, *evse))
    ).scalar()
    return -(1 << 62) if last is None else to_micros(last)


def _complete(connection: Connection, evse: EvseOf, at: int, measured: _Measured) -> _Measured | None:
    """Write an instant that may be there already; returns what of it was new."""
    column = meter_reading.c
    of_row = and_(
        column.operator_id == evse[0],
        column.station_id == evse[1],
        column.evse_id == evse[2],
        column.at == from_micros(at),
    )
    row = connection.execute(select(meter_reading).where(of_row)).one_or_none()
    if row is None:
        _READINGS.write(
            connection, [(*evse, at, measured.transaction_id, *measured.values, _lines(measured.more))]
        )
        return measured
    known = row._mapping
    new_values = tuple(
        value if known[name] is None else None for name, value in zip(_NAMES, measured.values, strict=True)
    )
    left = _Measured(measured.transaction_id, new_values)
    changes: dict[str, Any] = {
        name: value for name, value in zip(_NAMES, new_values, strict=True) if value is not None
    }
    if measured.more:
        there = _read_lines(known["more"])
        new = {series: value for series, value in measured.more.items() if series not in there}
        if new:
            left.more = new
            changes["more"] = (known["more"] or "") + (_lines(new) or "")
    if known["transaction_id"] is None and measured.transaction_id is not None:
        changes["transaction_id"] = measured.transaction_id
    if changes:
        connection.execute(update(meter_reading).where(of_row).values(changes))
    return left


def _lines(more: dict[SeriesOf, float] | None) -> str | None:
    if not more:
        return None
    return "".join(
        msgspec.json.encode((measurand, phase, location, value, unit)).decode() + "\n"
        for (measurand, phase, location, unit), value in more.items()
    )


_line = msgspec.json.Decoder(tuple[str, int, str, float, str])


def _read_lines(text: str | None) -> dict[SeriesOf, float]:
    found: dict[SeriesOf, float] = {}
    for line in (text or "").splitlines():
        measurand, phase, location, value, unit = _line.decode(line)
        found.setdefault((measurand, phase, location, unit), value)
    return found


def _roll_up(evse: EvseOf, fresh: dict[int, _Measured], rollups: list[tuple[Any, ...]]) -> None:
    """Add the quarters of an hour of new values, which come in order of time."""
    quarters: dict[int, list[int]] = {}
    for at in fresh:
        quarters.setdefault(at - at % _QUARTER_US, []).append(at)
    for start, times in quarters.items():
        told = [fresh[at] for at in times]
        columns = zip(*[measured.values for measured in told], strict=True)
        for (_, measurand, phase, unit), column in zip(_SERIES, columns, strict=True):
            _quarter(rollups, (*evse, start, measurand, phase, _OUTLET, unit), times, column)
        more: dict[SeriesOf, None] = {}
        for measured in told:
            if measured.more:
                more.update(dict.fromkeys(measured.more))
        # One unit for each: those with a column first.
        units = {(measurand, phase, _OUTLET): unit for _, measurand, phase, unit in _SERIES} if more else {}
        for series in more:
            measurand, phase, location, unit = series
            if units.setdefault((measurand, phase, location), unit) == unit:
                values = [(measured.more or {}).get(series) for measured in told]
                _quarter(rollups, (*evse, start, *series), times, values)


def _quarter(
    rollups: list[tuple[Any, ...]],
    key: tuple[Any, ...],
    times: Sequence[int],
    column: Sequence[float | None],
) -> None:
    """Add the quarter of one series, if it has values. Its first and last are its row's, too."""
    if None in column:
        points = [(at, value) for at, value in zip(times, column, strict=True) if value is not None]
        if not points:
            return
        times, column = [at for at, _ in points], [value for _, value in points]
    values: Sequence[float] = column  # type: ignore[assignment]
    total = sum([round(value * 1000) for value in values])
    rollups.append(
        (*key, len(values), total, min(values), max(values), times[0], values[0], times[-1], values[-1])
    )


_READINGS = Rows(
    meter_reading, ("operator_id", "station_id", "evse_id", "at", "transaction_id", *_NAMES, "more")
)


def _merge(old: Any, new: Any) -> dict[str, Any]:
    """How a quarter takes more values in."""
    earlier, later = new.first_at < old.first_at, new.last_at > old.last_at
    return {
        "count": old["count"] + new["count"],
        "total_milli": old.total_milli + new.total_milli,
        "lowest": case((new.lowest < old.lowest, new.lowest), else_=old.lowest),
        "highest": case((new.highest > old.highest, new.highest), else_=old.highest),
        "first_at": case((earlier, new.first_at), else_=old.first_at),
        "first": case((earlier, new.first), else_=old.first),
        "last_at": case((later, new.last_at), else_=old.last_at),
        "last": case((later, new.last), else_=old["last"]),
    }


_ROLLUPS = Rows(
    rollup_15min,
    (
        "operator_id",
        "station_id",
        "evse_id",
        "start",
        "measurand",
        "phase",
        "location",
        "unit",
        "count",
        "total_milli",
        "lowest",
        "highest",
        "first_at",
        "first",
        "last_at",
        "last",
    ),
    conflict=_merge,
)

# ---------------------------------------------------------------- deleting


def evse_after(
    connection: Connection, table: Table, operator_id: str, evse: tuple[str, int] | None
) -> tuple[str, int] | None:
    """The EVSE (station, EVSE id) with rows in `table` that follows `evse` (None: the first one)."""
    columns = (table.c.station_id, table.c.evse_id)
    query = select(*columns).where(table.c.operator_id == operator_id)
    if evse is not None:
        query = query.where(tuple_(*columns) > tuple_(*evse))
    row = connection.execute(query.order_by(*columns).limit(1)).one_or_none()
    return None if row is None else (row.station_id, row.evse_id)


def delete_oldest(
    connection: Connection,
    table: Table,
    operator_id: str,
    evse: tuple[str, int],
    before: datetime | None,
    limit: int,
) -> int:
    """Delete about `limit` of an EVSE's oldest rows, those before `before`; returns how many went."""
    time = table.c.at if table is meter_reading else table.c.start
    station_id, evse_id = evse
    doomed = _of_evse(table, operator_id, station_id, evse_id)
    if before is not None:
        doomed.append(time < before)
    last = connection.execute(select(time).where(*doomed).order_by(time).offset(limit - 1).limit(1)).scalar()
    if last is not None:
        doomed.append(time <= last)
    return connection.execute(delete(table).where(*doomed)).rowcount


def delete_some(connection: Connection, operator_id: str, limit: int) -> bool:
    """Delete some of an operator's readings or rollups; returns False when none are left."""
    for table in (meter_reading, rollup_15min):
        evse = evse_after(connection, table, operator_id, None)
        if evse is not None:
            delete_oldest(connection, table, operator_id, evse, None, limit)
            return True
    return False


# ---------------------------------------------------------------- asking


class SeriesTooLong(StoreError):
    """More values were asked for than are given at once."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        super().__init__(
            f"more than {limit} values in this period: ask for a shorter one, or for 15-minute values"
        )


def list_samples(
    connection: Connection,
    operator_id: str,
    station_id: str,
    evse_id: int,
    start: datetime,
    end: datetime,
    *,
    measurand: str | None = None,
    transaction_id: str | None = None,
    limit: int = 100_000,
) -> list[SamplePoint]:
    """An EVSE's samples with start <= at < end, by measurand, phase and time. Raises SeriesTooLong."""
    column = meter_reading.c
    query = select(meter_reading).where(*_of_evse(meter_reading, operator_id, station_id, evse_id))
    query = query.where(column.at >= start, column.at < end)
    if transaction_id is not None:
        query = query.where(column.transaction_id == transaction_id)
    points = []
    for row in connection.execute(query.order_by(column.at).limit(limit + 1)):
        known = row._mapping
        measured = _Measured(None, tuple(known[name] for name in _NAMES), _read_lines(known["more"]))
        points += [
            SamplePoint(
                at=known["at"],
                measurand=name,
                phase=phase,
                location=location,
                value=value,
                unit=unit,
                transaction_id=known["transaction_id"],
            )
            for (name, phase, location, unit), value in measured.series()
            if measurand is None or name == measurand
        ]
        if len(points) > limit:
            raise SeriesTooLong(limit)
    return sorted(points, key=lambda point: (point.measurand, point.phase, point.location, point.at))


def list_rollups(
    connection: Connection,
    operator_id: str,
    station_id: str,
    evse_id: int,
    start: datetime,
    end: datetime,
    *,
    measurand: str | None = None,
    limit: int = 100_000,
) -> list[RollupPoint]:
    """An EVSE's quarters of an hour with start <= quarter < end, by measurand, phase and time. Raises
    SeriesTooLong.
    """
    column = rollup_15min.c
    query = (
        select(rollup_15min)
        .where(*_of_evse(rollup_15min, operator_id, station_id, evse_id))
        .where(column.start >= start, column.start < end)
        .order_by(column.measurand, column.phase, column.location, column.start)
        .limit(limit + 1)
    )
    if measurand is not None:
        query = query.where(column.measurand == measurand)
    points = []
    for row in connection.execute(query):
        values = dict(row._mapping)
        for name in ("operator_id", "station_id", "evse_id"):
            del values[name]
        values["mean"] = values.pop("total_milli") / 1000 / values["count"]
        points.append(RollupPoint(**values))
    if len(points) > limit:
        raise SeriesTooLong(limit)
    return points


def transaction_samples(
    connection: Connection, operator_id: str, transaction_id: str, *, measurand: str | None = None
) -> list[SamplePoint]:
    """All samples of a transaction; none for one that is unknown. Raises SeriesTooLong."""
    found = connection.execute(
        select(charging_transaction.c.station_id, charging_transaction.c.evse_id).where(
            charging_transaction.c.operator_id == operator_id,
            charging_transaction.c.transaction_id == transaction_id,
        )
    ).one_or_none()
    if found is None:
        return []
    return list_samples(
        connection,
        operator_id,
        found.station_id,
        found.evse_id,
        EPOCH,
        datetime.max.replace(tzinfo=EPOCH.tzinfo),
        measurand=measurand,
        transaction_id=transaction_id,
    )


def _of_evse(table: Table, operator_id: str, station_id: str, evse_id: int) -> list[Any]:
    return [
        table.c.operator_id == operator_id,
        table.c.station_id == station_id,
        table.c.evse_id == evse_id,
    ]
