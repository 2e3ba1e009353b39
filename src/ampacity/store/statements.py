"""Statements: the inserts that each database spells its own way, and the hot ones, compiled once.

SQLAlchemy takes about 50 us to run a statement and 100 us to build one; a message costs several of them. What
runs for each message is therefore `Prepared`: compiled once for a database, its values converted by the
columns' types, and handed to the driver itself (about 5 us).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import closing
from functools import cache
from typing import Any

from sqlalchemy import BindParameter, Connection, Table, bindparam
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator


def dbapi(connection: Connection) -> Any:
    """The driver's connection, for what is below SQLAlchemy."""
    return connection.connection.dbapi_connection


def insert_or_ignore(connection: Connection, table: Table, row: dict[str, Any]) -> bool:
    """Insert `row`, or leave what has its key already; returns whether it was inserted."""
    statement = _insert_or_ignore(connection.dialect.name, table)
    return connection.execute(statement, row).rowcount > 0


def upsert(connection: Connection, table: Table, rows: dict[str, Any] | list[dict[str, Any]]) -> None:
    """Insert rows; where the primary key exists, the other columns named in the (first) row replace the old
    ones.
    """
    if not rows:
        return
    first = rows[0] if isinstance(rows, list) else rows
    connection.execute(_upsert(connection.dialect.name, table, tuple(first)), rows)


def insert_for(dialect: str, table: Table) -> Any:
    """An insert that knows ON CONFLICT."""
    return postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)


@cache
def _insert_or_ignore(dialect: str, table: Table) -> Any:
    return insert_for(dialect, table).on_conflict_do_nothing()


@cache
def _upsert(dialect: str, table: Table, names: tuple[str, ...]) -> Any:
    insert = insert_for(dialect, table)
    key = [column.name for column in table.primary_key]
    changed = {name: insert.excluded[name] for name in names if name not in key}
    if not changed:
        return insert.on_conflict_do_nothing()
    return insert.on_conflict_do_update(index_elements=key, set_=changed)


class Prepared:
    """A statement for the hot path. `build` makes it for a dialect's name; each of its values is a bound
    parameter.

    What it returns are the driver's rows: columns of a converted type (Instant, WattHours) come as they are
    stored.
    """

    def __init__(self, build: Callable[[str], Any]) -> None:
        self._build = build
        self._compiled: dict[str, tuple[str, list[tuple[str, Callable[[Any], Any] | None]]]] = {}

    def run(self, connection: Connection, values: dict[str, Any]) -> int:
        """Run it with one set of values, by parameter; returns the number of rows changed."""
        text, names = self._for(connection.dialect)
        with closing(connection.connection.cursor()) as cursor:
            cursor.execute(text, _bound(names, values))
            return int(cursor.rowcount)

    def one(self, connection: Connection, values: dict[str, Any]) -> tuple[Any, ...] | None:
        """Run it with one set of values; returns the first row that it gives, None if it gives none."""
        text, names = self._for(connection.dialect)
        with closing(connection.connection.cursor()) as cursor:
            cursor.execute(text, _bound(names, values))
            row: tuple[Any, ...] | None = cursor.fetchone()
            return row

    def all(self, connection: Connection, values: dict[str, Any]) -> list[tuple[Any, ...]]:
        """Run it with one set of values; returns all rows that it gives."""
        text, names = self._for(connection.dialect)
        with closing(connection.connection.cursor()) as cursor:
            cursor.execute(text, _bound(names, values))
            return list(cursor.fetchall())

    def run_many(self, connection: Connection, rows: Iterable[dict[str, Any]]) -> int:
        """Run it for each row; returns the number of rows changed."""
        text, names = self._for(connection.dialect)
        bound = [_bound(names, values) for values in rows]
        if not bound:
            return 0
        with closing(connection.connection.cursor()) as cursor:
            cursor.executemany(text, bound)
            return int(cursor.rowcount)

    def _for(self, dialect: Dialect) -> tuple[str, list[tuple[str, Callable[[Any], Any] | None]]]:
        found = self._compiled.get(dialect.name)
        if found is None:
            compiled = self._build(dialect.name).compile(dialect=dialect)
            parameters = [
                (name, _converter(compiled.binds[name].type, dialect)) for name in compiled.positiontup
            ]
            found = self._compiled[dialect.name] = (str(compiled), parameters)
        return found


def parameters(table: Table, without: tuple[str, ...] = ()) -> dict[str, BindParameter[Any]]:
    """The values of an insert or update: a parameter for each column, named as it is."""
    return {
        column.name: bindparam(column.name, type_=column.type)
        for column in table.c
        if column.name not in without
    }


def _converter(type_: Any, dialect: Dialect) -> Callable[[Any], Any] | None:
    if isinstance(type_, TypeDecorator):
        return lambda value: type_.process_bind_param(value, dialect)
    return None


def _bound(names: list[tuple[str, Callable[[Any], Any] | None]], values: dict[str, Any]) -> tuple[Any, ...]:
    return tuple([values[name] if convert is None else convert(values[name]) for name, convert in names])
