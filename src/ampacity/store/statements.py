"""The two kinds of insert that each database spells its own way."""

from __future__ import annotations

from functools import cache
from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite


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
