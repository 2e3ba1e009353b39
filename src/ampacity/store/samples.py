"""Meter samples and 15-minute rollups, derived from the journal.

The journal is the truth; what is here answers questions quickly and can be thrown away. Each 200 ms the rows
past an operator's watermark are turned into samples, and the samples that are new into rollups, in one
transaction with the watermark: a crash repeats or continues, it never counts twice. A value that two messages
tell (a periodic sample and the same one in a stop's transaction data) is one sample: its key is what, where
and when.

A rebuild sets the watermark to REBUILDING. The deriver then deletes what was derived, a little at a time, and
starts again from the first message; a crash in between continues where it was, and the live site never waits.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from operator import itemgetter
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, Table, bindparam, case, delete, func, select, tuple_

from ..model.station import MeterReading, Sample
from .columns import EPOCH
from .database import Store
from .errors import StoreError, StoreUnavailable
from .statements import Prepared, insert_for, parameters, upsert
from .tables import charging_transaction, journal, meter_sample, operator, rollup_15min, watermark

log = logging.getLogger(__name__)

DERIVE_EVERY_S = 0.2
MESSAGES_AT_ONCE = 100
ROWS_DELETED_AT_ONCE = 5_000
REBUILDING = -1
ROLLUP = timedelta(minutes=15)
REGISTER = "Energy.Active.Import.Register"

SERIES = ("operator_id", "station_id", "evse_id", "measurand", "phase", "location")
"""What names one series; with the time it is the key of both tables (there the time comes after the EVSE)."""

_series_of = itemgetter(*SERIES)


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


class _Payload(Struct):
    """What of a journal's payload carries values."""

    at: datetime | None = None
    evse_id: int | None = None
    register_wh: float | None = None
    readings: tuple[MeterReading, ...] = ()


_decoder = msgspec.json.Decoder(_Payload)

# ---------------------------------------------------------------- deriving


async def run(store: Store) -> None:
    """Derive each 200 ms (wall time) until cancelled."""
    while True:
        try:
            await catch_up(store)
            await asyncio.sleep(DERIVE_EVERY_S)
        except StoreUnavailable:
            await asyncio.sleep(store.settings.retry_s)


async def catch_up(store: Store) -> int:
    """Derive until nothing is left; returns the number of messages derived. Others' writes go in between."""
    total = 0
    while True:
        done, more = await store.write(derive)
        total += done
        if not more:
            return total


async def rebuild(store: Store, operator_id: str) -> int:
    """Throw an operator's samples and rollups away and derive them again; returns the number of messages."""
    await store.write(lambda connection: begin_rebuild(connection, operator_id))
    return await catch_up(store)


def begin_rebuild(connection: Connection, operator_id: str) -> None:
    """Order a rebuild; whoever derives, now or after a restart, carries it out."""
    upsert(connection, watermark, {"operator_id": operator_id, "journal_id": REBUILDING})


def derive(connection: Connection, limit: int = MESSAGES_AT_ONCE) -> tuple[int, bool]:
    """Derive at most `limit` messages of each operator. Returns how many, and whether there may be more."""
    marks = connection.execute(
        select(operator.c.operator_id, func.coalesce(watermark.c.journal_id, 0)).outerjoin(
            watermark, watermark.c.operator_id == operator.c.operator_id
        )
    ).all()
    total, more = 0, False
    for operator_id, mark in marks:
        if mark == REBUILDING:
            more = True
            if _delete_some(connection, operator_id):
                continue
            mark = 0
            upsert(connection, watermark, {"operator_id": operator_id, "journal_id": 0})
        done = _derive_operator(connection, operator_id, mark, limit)
        total += done
        more = more or done >= limit
    return total, more


def _derive_operator(connection: Connection, operator_id: str, mark: int, limit: int) -> int:
    messages = connection.execute(_PENDING, {"operator_id": operator_id, "mark": mark, "limit": limit}).all()
    if not messages:
        return 0
    rows: dict[tuple[Any, ...], dict[str, Any]] = {}
    for message in messages:
        try:
            payload = _decoder.decode(message.payload)
        except msgspec.DecodeError as error:
            log.error("journal row %d of operator %r can't be read: %s", message.id, operator_id, error)
            continue
        evse_id = payload.evse_id
        if evse_id is None:
            evse_id = _evse_of(connection, operator_id, message.transaction_id)
        for at, sample in _samples(payload, message.received_at):
            key = (message.station_id, evse_id, sample.measurand, sample.phase, sample.location, at)
            if key not in rows:
                rows[key] = {
                    "operator_id": operator_id,
                    "station_id": message.station_id,
                    "evse_id": evse_id,
                    "measurand": sample.measurand,
                    "phase": sample.phase,
                    "location": sample.location,
                    "at": at,
                    "value": sample.value,
                    "unit": sample.unit,
                    "transaction_id": message.transaction_id,
                }
    _roll_up(connection, _insert_new(connection, list(rows.values())))
    upsert(connection, watermark, {"operator_id": operator_id, "journal_id": messages[-1].id})
    return len(messages)


def _insert_new(connection: Connection, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Insert samples that are not there yet; returns those."""
    together = connection.begin_nested()
    if _INSERT_SAMPLE.run_many(connection, rows) == len(rows):
        together.commit()
        return rows
    # Some were told before: find out which, one by one.
    together.rollback()
    return [row for row in rows if _INSERT_SAMPLE.run(connection, row) > 0]


def _samples(payload: _Payload, received_at: datetime) -> Iterator[tuple[datetime, Sample]]:
    for reading in payload.readings:
        for sample in reading.samples:
            yield reading.at, sample
    # The registers of 1.6's start and stop come without readings.
    if payload.register_wh is not None:
        yield payload.at or received_at, Sample(REGISTER, payload.register_wh, "Wh")


def _evse_of(connection: Connection, operator_id: str, transaction_id: str | None) -> int:
    """1.6's stop doesn't name its connector: the transaction knows it."""
    evse_id = connection.execute(
        select(charging_transaction.c.evse_id).where(
            charging_transaction.c.operator_id == operator_id,
            charging_transaction.c.transaction_id == transaction_id,
        )
    ).scalar()
    return evse_id or 0


def _roll_up(connection: Connection, fresh: list[dict[str, Any]]) -> None:
    """Add new samples to their quarters of an hour."""
    quarters: dict[tuple[Any, ...], dict[str, Any]] = {}
    starts: dict[datetime, datetime] = {}
    for sample in fresh:
        at, value = sample["at"], sample["value"]
        start = starts.get(at)
        if start is None:
            start = starts[at] = at - (at - EPOCH) % ROLLUP
        key = (_series_of(sample), start)
        quarter = quarters.get(key)
        if quarter is None:
            quarters[key] = {name: sample[name] for name in SERIES} | {
                "start": start,
                "unit": sample["unit"],
                "count": 1,
                "total_milli": round(value * 1000),
                "lowest": value,
                "highest": value,
                "first_at": at,
                "first": value,
                "last_at": at,
                "last": value,
            }
            continue
        quarter["count"] += 1
        quarter["total_milli"] += round(value * 1000)
        quarter["lowest"] = min(quarter["lowest"], value)
        quarter["highest"] = max(quarter["highest"], value)
        if at < quarter["first_at"]:
            quarter["first_at"], quarter["first"] = at, value
        if at > quarter["last_at"]:
            quarter["last_at"], quarter["last"] = at, value
    _MERGE_ROLLUP.run_many(connection, quarters.values())


_PENDING = (
    select(
        journal.c.id, journal.c.station_id, journal.c.received_at, journal.c.transaction_id, journal.c.payload
    )
    .where(journal.c.operator_id == bindparam("operator_id"), journal.c.id > bindparam("mark"))
    .order_by(journal.c.id)
    .limit(bindparam("limit"))
)


_INSERT_SAMPLE = Prepared(
    lambda dialect: (
        insert_for(dialect, meter_sample).values(parameters(meter_sample)).on_conflict_do_nothing()
    )
)


def _merge_rollup(dialect: str) -> Any:
    insert = insert_for(dialect, rollup_15min).values(parameters(rollup_15min))
    old, new = rollup_15min.c, insert.excluded
    earlier, later = new.first_at < old.first_at, new.last_at > old.last_at
    return insert.on_conflict_do_update(
        index_elements=[*SERIES, "start"],
        set_={
            "count": old["count"] + new["count"],
            "total_milli": old.total_milli + new.total_milli,
            "lowest": case((new.lowest < old.lowest, new.lowest), else_=old.lowest),
            "highest": case((new.highest > old.highest, new.highest), else_=old.highest),
            "first_at": case((earlier, new.first_at), else_=old.first_at),
            "first": case((earlier, new.first), else_=old.first),
            "last_at": case((later, new.last_at), else_=old.last_at),
            "last": case((later, new.last), else_=old["last"]),
        },
    )


_MERGE_ROLLUP = Prepared(_merge_rollup)

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
    time = table.c.at if table is meter_sample else table.c.start
    station_id, evse_id = evse
    doomed = _of_evse(table, operator_id, station_id, evse_id, None)
    if before is not None:
        doomed.append(time < before)
    last = connection.execute(select(time).where(*doomed).order_by(time).offset(limit - 1).limit(1)).scalar()
    if last is not None:
        doomed.append(time <= last)
    return connection.execute(delete(table).where(*doomed)).rowcount


def _delete_some(connection: Connection, operator_id: str) -> bool:
    """Delete some derived rows; returns False when none are left."""
    for table in (meter_sample, rollup_15min):
        evse = evse_after(connection, table, operator_id, None)
        if evse is not None:
            delete_oldest(connection, table, operator_id, evse, None, ROWS_DELETED_AT_ONCE)
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
    column = meter_sample.c
    query = select(
        column.at,
        column.measurand,
        column.phase,
        column.location,
        column.value,
        column.unit,
        column.transaction_id,
    ).where(*_of_evse(meter_sample, operator_id, station_id, evse_id, measurand))
    query = query.where(column.at >= start, column.at < end)
    if transaction_id is not None:
        query = query.where(column.transaction_id == transaction_id)
    query = query.order_by(column.measurand, column.phase, column.location, column.at).limit(limit + 1)
    points = [SamplePoint(**row._mapping) for row in connection.execute(query)]
    if len(points) > limit:
        raise SeriesTooLong(limit)
    return points


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
        .where(*_of_evse(rollup_15min, operator_id, station_id, evse_id, measurand))
        .where(column.start >= start, column.start < end)
        .order_by(column.measurand, column.phase, column.location, column.start)
        .limit(limit + 1)
    )
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


def _of_evse(
    table: Table, operator_id: str, station_id: str, evse_id: int, measurand: str | None
) -> list[Any]:
    conditions = [
        table.c.operator_id == operator_id,
        table.c.station_id == station_id,
        table.c.evse_id == evse_id,
    ]
    if measurand is not None:
        conditions.append(table.c.measurand == measurand)
    return conditions
