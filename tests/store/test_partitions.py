"""PostgreSQL's partitions: made ahead, filled by the day, dropped as a whole, and never in the way of
writing."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection, func, insert, select, text

from ampacity.clock import ScaledClock
from ampacity.store import Store, journal, migrations, partitions, postgres
from ampacity.store.retention import RetentionPolicy, enforce
from ampacity.store.samples import ReadingWriter, Told
from ampacity.store.tables import message_log, meter_reading

from .conftest import NOON, OPERATOR, open_store
from .rows import reading, record

DAY = timedelta(days=1)


async def at_noon(address: str, now: datetime = NOON) -> Store:
    """A store whose clock stands at `now`."""
    return await Store.open(address, ScaledClock(now, 1.0))


def told(at: datetime):
    def write(connection: Connection) -> None:
        ReadingWriter().write(connection, [Told((OPERATOR, "CP1", 1), None, (reading(at, 1.0),))])

    return write


def logged(at: datetime):
    row = {
        "operator_id": OPERATOR,
        "station_id": "CP1",
        "at": at,
        "last_at": at,
        "actions": "",
        "frames": b"\x90",
    }
    return lambda connection: connection.execute(insert(message_log), row)


async def where(store: Store, table: str) -> Counter[str]:
    """Rows by partition."""
    query = text(f"SELECT tableoid::regclass::text FROM {table}")
    return Counter(await store.read(lambda connection: list(connection.execute(query).scalars())))


def test_periods_follow_each_other() -> None:
    by_day = partitions.Partitioned("meter_reading", "at", "day")
    by_month = partitions.Partitioned("journal", "received_at", "month")
    for table, days in ((by_day, {1}), (by_month, {28, 29, 30, 31})):
        start = table.start_of(datetime(2027, 12, 30, 23, 59, 59, 999_999, tzinfo=UTC))
        for _ in range(500):
            end = table.end_of(start)
            assert (end - start).days in days
            assert table.start_of(end) == end
            assert table.start_of(end - timedelta(microseconds=1)) == start
            assert table.start_by_name(table.name(start)) == start
            start = end


async def test_what_comes_lies_in_the_partition_of_its_time(pg_database: str) -> None:
    store = await at_noon(pg_database)
    for at in (NOON - DAY, NOON, NOON + 3 * DAY, NOON - 30 * DAY, NOON + 30 * DAY):
        await store.write(told(at))
        await store.write(logged(at))
    await store.write(lambda connection: journal.add(connection, record("k")))
    days = ("20260301", "20260302", "20260305")
    for table in ("meter_reading", "message_log"):
        assert await where(store, table) == {f"{table}_rest": 2} | {f"{table}_{day}": 1 for day in days}
    assert await where(store, "journal") == {"journal_202603": 1}
    rollups = await where(store, "rollup_15min")
    assert set(rollups) == {"rollup_15min_202603", "rollup_15min_rest"}
    await store.close()


async def test_a_partition_takes_what_waited_for_it(pg_database: str) -> None:
    store = await at_noon(pg_database)
    await store.write(told(NOON + 10 * DAY))  # a clock that is ahead
    await store.close()
    store = await at_noon(pg_database, NOON + 9 * DAY)
    assert await where(store, "meter_reading") == {"meter_reading_20260312": 1}
    await store.close()


async def test_too_much_to_move_stays(pg_database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partitions, "MOVED_AT_ONCE", 2)
    store = await at_noon(pg_database)
    for minute in range(3):
        await store.write(told(NOON + 10 * DAY + timedelta(minutes=minute)))
    await store.close()
    store = await at_noon(pg_database, NOON + 9 * DAY)
    assert await where(store, "meter_reading") == {"meter_reading_rest": 3}
    await store.close()


async def test_old_partitions_are_dropped_and_the_rest_is_cleared(pg_database: str) -> None:
    store = await at_noon(pg_database)
    for at in (NOON - 30 * DAY, NOON - DAY, NOON, NOON + 2 * DAY):
        await store.write(told(at))
        await store.write(logged(at))
    policy = RetentionPolicy(message_log_days=1.0, sample_days=1.0)
    await enforce(store, policy, NOON + 2 * DAY)  # all of 2 March is more than a day old at noon of the 4th
    for table in ("meter_reading", "message_log"):
        assert await where(store, table) == {f"{table}_20260304": 1}
    names = await store.read(
        lambda connection: (
            connection.execute(
                text("SELECT relname FROM pg_class WHERE relname LIKE 'meter_reading_2%' AND relkind = 'r'")
            )
            .scalars()
            .all()
        )
    )
    assert min(names) == "meter_reading_20260303"
    await store.close()


async def test_a_long_read_holds_up_neither_writing_nor_the_next_try(
    pg_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(partitions, "LOCK_WAIT_MS", 50)
    monkeypatch.setattr(postgres, "LOCK_ATTEMPTS", 2)
    store = await at_noon(pg_database)
    await store.write(told(NOON - DAY))
    reads, may_end = threading.Event(), threading.Event()

    def slowly(connection: Connection) -> int:
        """A backup, say: its snapshot keeps each table that it has looked at."""
        count = connection.execute(select(func.count()).select_from(meter_reading)).scalar()
        reads.set()
        may_end.wait(20)
        return int(count or 0)

    reading_ = asyncio.ensure_future(store.read(slowly))
    await asyncio.to_thread(reads.wait, 10)
    later = NOON + 5 * DAY
    trying = asyncio.ensure_future(enforce(store, RetentionPolicy(sample_days=1.0), later))
    written = 0
    while not trying.done():
        async with asyncio.timeout(30):
            await store.write(told(NOON + timedelta(seconds=written)))
        written += 1
    await trying
    assert written > 1
    assert not store.troubled
    assert (await where(store, "meter_reading"))["meter_reading_20260301"] == 1
    may_end.set()
    assert await reading_ == 1
    await enforce(store, RetentionPolicy(sample_days=1.0), later)
    assert await where(store, "meter_reading") == {}
    await store.close()


async def test_a_database_of_before_keeps_its_rows(
    pg_empty_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrations, "HEAD", "0001")
    monkeypatch.setattr(postgres.PostgresBackend, "make_room", lambda self, now: None)
    store = await open_store(pg_empty_database)
    await store.write(logged(NOON))
    await store.write(told(NOON))
    await store.write(lambda connection: journal.add(connection, record("k")))
    await store.close()
    monkeypatch.undo()
    store = await at_noon(pg_empty_database)
    await store.write(logged(NOON))
    assert await where(store, "message_log") == {"message_log_20260302": 2}
    assert await where(store, "meter_reading") == {"meter_reading_20260302": 1}
    ids = await store.read(lambda connection: connection.execute(select(message_log.c.id)).scalars().all())
    assert sorted(ids) == [1, 2]
    assert len(await store.read(lambda connection: journal.entries(connection, OPERATOR))) == 1
    await store.close()
