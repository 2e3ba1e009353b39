"""Where PostgreSQL keeps what only grows: in a table for each day or month, so that retention drops tables
instead of deleting rows, and indexes stay as small as their period.

Meter readings and the raw message log have a partition a day: they are kept for days, and a day is dropped at
once. The journal, its keys and the rollups have one a month: they are kept for years, and a query that can't
tell its time locks every partition (in ten years 3,650 of a day with their indexes are more locks than a
server of default settings has).

Partitions are made ahead. What has no partition goes into `<table>_rest`: readings told late or by a wrong
clock, and all rows should a node ever fail to make partitions. Nothing is refused. Making a partition moves
the rows of its period out of there.

Making and dropping lock the whole table for a moment. They run in a session of their own, wait for locks for
a fraction of a second only, and are tried again later: a long read, a backup say, must not hold up writing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, TypeAlias

from msgspec import Struct

from .columns import from_micros, to_micros

log = logging.getLogger(__name__)

DAYS_AHEAD = 3
"""Partitions reach so far; they are looked after each hour."""
LOCK_WAIT_MS = 300
MOVED_AT_ONCE = 100_000
"""A period with more rows in `_rest` than these is left there: moving it would hold up writing too long."""

Width: TypeAlias = Literal["day", "month"]


class Partitioned(Struct, frozen=True):
    """A table with a partition for each `width` of its `column`, a time in microseconds."""

    table: str
    column: str
    width: Width

    def start_of(self, at: datetime) -> datetime:
        """When the period begins in which `at` lies."""
        day = at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        return day if self.width == "day" else day.replace(day=1)

    def end_of(self, start: datetime) -> datetime:
        """When the next period begins."""
        return (
            start + timedelta(days=1) if self.width == "day" else (start + timedelta(days=31)).replace(day=1)
        )

    def name(self, start: datetime) -> str:
        """The name of the partition that begins then."""
        return f"{self.table}_{start:%Y%m%d}" if self.width == "day" else f"{self.table}_{start:%Y%m}"

    def start_by_name(self, name: str) -> datetime | None:
        """When the partition of this name begins; None for `_rest`."""
        digits = name.removeprefix(f"{self.table}_")
        if not digits.isdigit():
            return None
        return datetime.strptime(digits, "%Y%m%d" if self.width == "day" else "%Y%m").replace(tzinfo=UTC)

    @property
    def rest(self) -> str:
        """The partition of what has no other."""
        return f"{self.table}_rest"


PARTITIONED = (
    Partitioned("journal", "received_at", "month"),
    Partitioned("message_key", "at", "month"),
    Partitioned("message_log", "at", "day"),
    Partitioned("meter_reading", "at", "day"),
    Partitioned("rollup_15min", "start", "month"),
)

Driver: TypeAlias = Any
"""A `postgres_driver.Connection`, in a transaction."""


def ahead(driver: Driver, table: Partitioned, now: datetime) -> list[datetime]:
    """The periods from yesterday to some days ahead that have no partition yet."""
    there = _there(driver, table)
    start, last = table.start_of(now - timedelta(days=1)), now + timedelta(days=DAYS_AHEAD)
    missing = []
    while start <= last:
        if start not in there:
            missing.append(start)
        start = table.end_of(start)
    return missing


def of_rows(driver: Driver, table: Partitioned, times: list[datetime]) -> list[datetime]:
    """The periods of `times` that have no partition yet, the newest five hundred of them."""
    periods = {table.start_of(at) for at in times} - _there(driver, table).keys()
    return sorted(periods)[-500:]


def make(driver: Driver, table: Partitioned, start: datetime) -> bool:
    """Make one partition and move into it what waited in `_rest`; False where that is too much to move."""
    first, end = to_micros(start), to_micros(table.end_of(start))
    within = f"{table.column} >= {first} AND {table.column} < {end}"
    name = table.name(start)
    driver.execute(f"SET LOCAL lock_timeout = '{LOCK_WAIT_MS}ms'; LOCK TABLE {table.rest}")
    waiting = driver.value(
        f"SELECT count(*) FROM (SELECT FROM {table.rest} WHERE {within} LIMIT {MOVED_AT_ONCE + 1}) AS waiting"
    )
    if waiting > MOVED_AT_ONCE:
        log.warning("%s holds more than %d rows of %s: they stay", table.rest, MOVED_AT_ONCE, name)
        return False
    driver.execute(f"CREATE TABLE {name} (LIKE {table.table} INCLUDING ALL)")
    if waiting:
        driver.execute(
            f"WITH moved AS (DELETE FROM {table.rest} WHERE {within} RETURNING *) "
            f"INSERT INTO {name} SELECT * FROM moved"
        )
    driver.execute(f"ALTER TABLE {table.table} ATTACH PARTITION {name} FOR VALUES FROM ({first}) TO ({end})")
    return True


def past(driver: Driver, table: Partitioned, before: datetime) -> list[str]:
    """The partitions that lie wholly before that time, the oldest first."""
    there = _there(driver, table)
    return [there[start] for start in sorted(there) if table.end_of(start) <= before]


def drop(driver: Driver, name: str) -> int:
    """Drop a partition; returns about how many rows it held."""
    held = driver.value(f"SELECT pg_stat_get_live_tuples('{name}'::regclass)")
    driver.execute(f"SET LOCAL lock_timeout = '{LOCK_WAIT_MS}ms'; DROP TABLE {name}")
    return int(held or 0)


def delete_rest(driver: Driver, table: Partitioned, before: datetime, limit: int) -> int:
    """Delete some of the rows in `_rest` of before that time; returns how many."""
    doomed = f"SELECT ctid FROM {table.rest} WHERE {table.column} < {to_micros(before)} LIMIT {limit}"
    return int(
        driver.value(
            f"WITH gone AS (DELETE FROM {table.rest} WHERE ctid = ANY (ARRAY({doomed})) RETURNING 1) "
            "SELECT count(*) FROM gone"
        )
    )


def _there(driver: Driver, table: Partitioned) -> dict[datetime, str]:
    """The partitions of a table by when they begin."""
    rows, *_ = driver.run(
        "SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid "
        f"WHERE inhparent = '{table.table}'::regclass",
        (),
    )
    found = {table.start_by_name(name): name for (name,) in rows}
    return {start: name for start, name in found.items() if start is not None}


def times_in(rows: Callable[[str], list[tuple[Any, ...]]], table: Partitioned) -> list[datetime]:
    """A time in each of the days in which a (SQLite) table has rows; `rows` runs a query."""
    day = 86_400_000_000
    query = f'SELECT DISTINCT "{table.column}" / {day} FROM "{table.table}"'
    return [from_micros(number * day) for (number,) in rows(query)]
