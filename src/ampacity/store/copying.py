"""All rows of one database into another, of either kind: the way of a PostgreSQL server into a backup's file,
and of such a file into a server.

Rows travel as they are stored (see `columns`), which is the same on both, some thousand at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any

from sqlalchemy import Boolean, Connection, Table, func, select

from . import partitions
from .rows import Rows
from .statements import dbapi
from .tables import metadata

ROWS_AT_ONCE = 10_000


def copy_all(source: Connection, target: Connection) -> int:
    """Copy each table of `source`, in a transaction that sees one moment, into the empty `target`; returns
    the number of rows."""
    copied = 0
    _make_partitions(source, target)
    for table in metadata.sorted_tables:
        rows = Rows(table)
        for page in _pages(source, table):
            copied += rows.write(target, page)
        _count_on(target, table)
    return copied


def is_empty(connection: Connection) -> bool:
    """Whether no table holds a row."""
    return not any(
        connection.execute(select(1).select_from(table).limit(1)).first() for table in metadata.sorted_tables
    )


def _make_partitions(source: Connection, target: Connection) -> None:
    """Old rows shall be dropped some day as those are that were written there."""
    if target.dialect.name != "postgresql" or source.dialect.name != "sqlite":
        return
    for table in partitions.PARTITIONED:
        with closing(dbapi(source).cursor()) as cursor:
            days = partitions.times_in(lambda query: cursor.execute(query).fetchall(), table)
        for start in partitions.of_rows(dbapi(target), table, days):
            partitions.make(dbapi(target), table, start)


def _pages(source: Connection, table: Table) -> Iterator[Sequence[tuple[Any, ...]]]:
    quoted = source.dialect.identifier_preparer.quote
    names = ", ".join(quoted(column.name) for column in table.c)
    query = f"SELECT {names} FROM {quoted(table.name)}"
    flags = [place for place, column in enumerate(table.c) if isinstance(column.type, Boolean)]
    if source.dialect.name == "postgresql":
        driver = dbapi(source)
        cursor = f"copy_{table.name}"
        driver.execute(f"DECLARE {cursor} NO SCROLL CURSOR FOR {query}")
        while page := driver.run(f"FETCH {ROWS_AT_ONCE} FROM {cursor}", ())[0]:
            yield page
        driver.execute(f"CLOSE {cursor}")
        return
    with closing(dbapi(source).cursor()) as rows:
        rows.execute(query)
        while page := rows.fetchmany(ROWS_AT_ONCE):
            yield [_with_flags(row, flags) for row in page] if flags else page


def _with_flags(row: tuple[Any, ...], flags: list[int]) -> tuple[Any, ...]:
    """SQLite keeps truth as 0 and 1."""
    values = list(row)
    for place in flags:
        if values[place] is not None:
            values[place] = bool(values[place])
    return tuple(values)


def _count_on(target: Connection, table: Table) -> None:
    """Let a counted key go on after the last one copied."""
    counted = table.autoincrement_column
    if target.dialect.name != "postgresql" or counted is None or counted.autoincrement is not True:
        return
    last = target.execute(select(func.max(counted))).scalar()
    if last is not None:
        sequence = func.pg_get_serial_sequence(table.name, counted.name)
        target.execute(select(func.setval(sequence, last)))
