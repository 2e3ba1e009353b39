"""The seam between the store and a database: what differs between SQLite's file and a PostgreSQL server."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Protocol, TypeVar

from sqlalchemy import Connection, Table

from .errors import StoreUnavailable, TroubleKind
from .sqlite import SqliteBackend

T = TypeVar("T")

POSTGRES_SCHEMES = ("postgresql://", "postgres://")


class Backend(Protocol):
    """One database. `open`, `writer`, the units, `unavailable` and `kept` belong to the writer's thread;
    `read` may run in several threads at once.
    """

    place: str
    """What messages call the database; never holds a password."""

    beside: bool
    """Whether another program is the database's writer and this one its guest: known after `open`."""

    def open(self, readers: int, guest: bool = False) -> None:
        """Create and migrate what is missing. Raises StoreError.

        A `guest` (a command that changes a few rows) may work beside the writer, where there is one.
        """

    def writer(self) -> Connection:
        """The one connection that writes, opened again where it was lost."""

    def begin_unit(self, connection: Connection) -> None:
        """What follows can be undone alone."""

    def keep_unit(self, connection: Connection) -> None:
        """Keep what was done since `begin_unit`. Raises where that can't be, and the unit is to be undone."""

    def undo_unit(self, connection: Connection) -> None:
        """Undo what was done since `begin_unit`."""

    def rows_changed(self, connection: Connection) -> int | None:
        """Rows changed by the writer since it was opened; None where any commit shows that writing works."""

    def read(self, fn: Callable[[Connection], T]) -> T:
        """Run `fn` on a snapshot of the last commit; writing there raises."""

    def make_room(self, now: datetime) -> None:
        """Make the place of what will be written soon (partitions). Beside the writer; blocks."""

    def drop_before(self, table: Table, before: datetime) -> int | None:
        """Drop what lies before that time as a whole, which may leave some; returns about how many rows went.
        None where rows of this table are to be deleted one by one. Beside the writer; blocks.
        """

    def trouble_kind(self, error: BaseException) -> TroubleKind | None:
        """What an error says about the database as a whole; None when it is about the statement."""

    def unavailable(self, error: BaseException) -> StoreUnavailable | None:
        """The error to tell callers, where `trouble_kind` is not None."""

    def kept(self, error: BaseException) -> bool | None:
        """Whether a group whose commit ended with `error` was committed all the same; None while the database
        can't tell."""

    def drop_writer(self) -> None:
        """Forget the writing connection, which is broken: `writer` opens another. For the writer's thread."""

    def close_writer(self) -> None:
        """Close the writing connection (from the writer's thread)."""

    def close(self) -> None:
        """Close all the rest. Blocks."""


def backend_for(url: str | Path) -> Backend:
    """The database that `url` names: `postgresql://...`, `sqlite:///path` or a path. Raises StoreUrlError."""
    if isinstance(url, str) and url.startswith(POSTGRES_SCHEMES):
        from .postgres import PostgresBackend  # its driver is not loaded where nobody wants it

        return PostgresBackend(url)
    return SqliteBackend(url)
