"""Many rows into a table at once, each database by its quickest way.

The driver of SQLite gives the interpreter up at each step of a statement, and behind a busy event loop it
waits up to the switch interval to get it back: row by row that is 46,000 rows/s of eight columns, whatever
the disk does. One statement of 256 rows is one step: 420,000 rows/s in the same trial (620,000 and 730,000
where nothing else runs).

PostgreSQL gets COPY, and where a key may exist (COPY knows no conflicts) one statement whose values are
arrays, a column each: one round trip and one plan for any number of rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from itertools import chain
from typing import Any, Literal, TypeAlias

from sqlalchemy import ColumnElement, Connection, Table, literal_column
from sqlalchemy.engine import Dialect

from .statements import dbapi, insert_for

Merge: TypeAlias = Callable[[Any, Any], Mapping[str, ColumnElement[Any]]]
"""From the columns of the row that is there and of the one that was offered: new values by column."""

Conflict: TypeAlias = Literal["error", "ignore", "replace"] | Merge
"""What happens where the key exists: the database's error, nothing, the offered values (those beside the
key) instead of the old ones, or what the function makes of both.
"""

SQLITE_CHUNKS = (256, 128, 64, 32, 16, 8, 4, 2, 1)
"""Rows of one statement. Each size is compiled once by the driver and kept in its cache."""


class Rows:
    """An insert of any number of rows into `columns` of `table`, compiled once for each database.

    Values are given by position and *as they are stored*: whole microseconds for Instant, milliwatt-hours for
    WattHours, text for Document (see `columns`), and bool, int, float, str, bytes or None for the rest.
    """

    def __init__(
        self,
        table: Table,
        columns: Sequence[str] | None = None,
        conflict: Conflict = "error",
        key: Sequence[str] | None = None,
    ) -> None:
        """`columns` is all of the table's if not given, `key` (for what is not "error") the primary key."""
        self.table = table
        self.columns = tuple(columns or (column.name for column in table.c))
        self.key = tuple(key or (column.name for column in table.primary_key))
        self.conflict = conflict
        self._sqlite: dict[int, str] = {}
        self._postgres: tuple[str, str] | None = None

    def write(self, connection: Connection, rows: Sequence[tuple[Any, ...]]) -> int:
        """Insert `rows`; returns how many were inserted, replaced or merged.

        With "replace" and a merge no key may occur twice in `rows`: the databases differ in what they make
        of it.
        """
        if not rows:
            return 0
        if connection.dialect.name == "postgresql":
            return self._write_postgres(connection, rows)
        return self._write_sqlite(connection, rows)

    def _write_postgres(self, connection: Connection, rows: Sequence[tuple[Any, ...]]) -> int:
        single, several = self._postgres or self._compile_postgres(connection.dialect)
        if len(rows) > 1 and self.conflict == "error":
            copied: int = dbapi(connection).copy(self.table.name, self.columns, rows)
            return copied
        with closing(connection.connection.cursor()) as cursor:
            if len(rows) == 1:
                cursor.execute(single, rows[0])
            else:
                cursor.execute(several, tuple(zip(*rows, strict=True)))
            return int(cursor.rowcount)

    def _compile_postgres(self, dialect: Dialect) -> tuple[str, str]:
        """The statements for one row and for arrays of values."""
        head, tail = self._around_values(dialect)
        types = [self.table.c[name].type.compile(dialect=dialect) for name in self.columns]
        values = ", ".join(f"${place}::{type_}" for place, type_ in enumerate(types, 1))
        arrays = ", ".join(f"${place}::{type_}[]" for place, type_ in enumerate(types, 1))
        self._postgres = f"{head} VALUES ({values}){tail}", f"{head} SELECT * FROM unnest({arrays}){tail}"
        return self._postgres

    def _write_sqlite(self, connection: Connection, rows: Sequence[tuple[Any, ...]]) -> int:
        statements = self._sqlite or self._compile_sqlite(connection.dialect)
        written = first = 0
        with closing(connection.connection.cursor()) as cursor:
            for size, statement in statements.items():
                while len(rows) - first >= size:
                    if size == 1:
                        cursor.execute(statement, rows[first])
                    else:
                        cursor.execute(statement, tuple(chain.from_iterable(rows[first : first + size])))
                    written += cursor.rowcount
                    first += size
        return written

    def _compile_sqlite(self, dialect: Dialect) -> dict[int, str]:
        head, tail = self._around_values(dialect)
        row = f"({', '.join('?' * len(self.columns))})"
        self._sqlite = {size: f"{head} VALUES {', '.join([row] * size)}{tail}" for size in SQLITE_CHUNKS}
        return self._sqlite

    def _around_values(self, dialect: Dialect) -> tuple[str, str]:
        """The statement's text before and after what gives the rows."""
        marks: dict[str, ColumnElement[Any]] = {name: literal_column("?") for name in self.columns}
        # Inline: nobody asks for the keys that the database gives.
        statement: Any = insert_for(dialect.name, self.table).values(marks).inline()
        if self.conflict == "ignore":
            statement = statement.on_conflict_do_nothing(index_elements=self.key)
        elif self.conflict == "replace":
            offered = {name: statement.excluded[name] for name in self.columns if name not in self.key}
            statement = statement.on_conflict_do_update(index_elements=self.key, set_=offered)
        elif callable(self.conflict):
            merged = dict(self.conflict(self.table.c, statement.excluded))
            statement = statement.on_conflict_do_update(index_elements=self.key, set_=merged)
        text = str(statement.compile(dialect=dialect, compile_kwargs={"literal_binds": True}))
        head, tail = text.split(f" VALUES ({', '.join('?' * len(self.columns))})")
        # SQLAlchemy writes the columns in the table's order, whatever order they were named in.
        opening = head.index("(")
        names = ", ".join(dialect.identifier_preparer.quote(name) for name in self.columns)
        return f"{head[:opening]}({names})", tail
