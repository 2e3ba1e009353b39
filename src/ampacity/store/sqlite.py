"""SQLite: how its file is opened, and what its errors mean.

Write-ahead log with `synchronous=FULL`: a commit returns after the log is on the disk, so what was
acknowledged survives a crash of the program and of the machine. One connection writes (`BEGIN IMMEDIATE`), a
few read; readers see the last commit and never wait for the writer.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

from sqlalchemy import Connection, Engine, Table, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import QueuePool, StaticPool

from . import migrations
from .errors import StoreUnavailable, StoreUrlError, TroubleKind
from .file_lock import FileLock
from .statements import dbapi

T = TypeVar("T")

BUSY_TIMEOUT_MS = 5_000
LOCKED_WITHIN_S = 5.0
"""How long `open` waits for a node that is about to end."""
PAGE_BYTES = 8_192
"""Twice the usual: a group of messages is written in half the number of pieces (a quarter less processor time
for a commit of 200 messages; 16 kB gain nothing more and make a single write dearer).
"""
CHECKPOINT_PAGES = 1_000
"""Pages in the log before its content is copied into the database: 8 MB."""

_KINDS: dict[int, TroubleKind] = {
    sqlite3.SQLITE_FULL: "full",
    sqlite3.SQLITE_READONLY: "read-only",
    sqlite3.SQLITE_CANTOPEN: "read-only",
    sqlite3.SQLITE_PERM: "read-only",
    sqlite3.SQLITE_BUSY: "locked",
    sqlite3.SQLITE_LOCKED: "locked",
    sqlite3.SQLITE_CORRUPT: "corrupt",
    sqlite3.SQLITE_NOTADB: "corrupt",
    sqlite3.SQLITE_IOERR: "io",
}
_FULL_BELOW_BYTES = 1_000_000


def database_path(url: str | Path) -> Path:
    """The file that `sqlite:///relative`, `sqlite:////absolute` or a plain path names."""
    if isinstance(url, Path):
        return url
    if not url.startswith("sqlite:"):
        if "://" in url:
            raise StoreUrlError(url, "data is kept in SQLite or PostgreSQL")
        path = url
    else:
        parts = urlsplit(url)
        if parts.netloc or not parts.path.startswith("/"):
            raise StoreUrlError(
                url, "three slashes are needed before a relative path, four before an absolute one"
            )
        path = unquote(parts.path[1:])
    if not path or ":memory:" in path:
        raise StoreUrlError(url, "a database in memory would forget what was acknowledged")
    return Path(path)


class SqliteBackend:
    """A file, one connection that writes, a few that read (see `backend.Backend`)."""

    def __init__(self, url: str | Path) -> None:
        self.path = database_path(url)
        self.place = str(self.path)
        self.beside = False
        self._lock = FileLock(self.path)
        self._writing: Engine | None = None
        self._reading: Engine | None = None
        self._writer: Connection | None = None

    def open(self, readers: int, guest: bool = False) -> None:
        prepare_folder(self.path)
        if not self._lock.take(0.0 if guest else LOCKED_WITHIN_S):
            if not guest:
                raise StoreUnavailable(
                    "locked",
                    self.place,
                    "another Ampacity runs on it",
                    "stop that one, or point this one at another data folder",
                )
            self.beside = True
        writing = _engine(self.path, begin="BEGIN IMMEDIATE", read_only=False, poolclass=StaticPool)
        try:
            with writing.connect() as connection, connection.begin():
                if self.beside:
                    migrations.check(connection, self.place)
                else:
                    migrations.upgrade(connection, self.place)
        except Exception as error:
            writing.dispose()
            self._lock.leave()
            unavailable = self.unavailable(error)
            if unavailable is None:
                raise
            raise unavailable from error
        self._writing = writing
        self._reading = _engine(
            self.path,
            begin="BEGIN",
            read_only=True,
            poolclass=QueuePool,
            pool_size=readers,
            max_overflow=0,
        )

    def writer(self) -> Connection:
        assert self._writing is not None, "open() comes first"
        if self._writer is None:
            self._writer = self._writing.connect()
        return self._writer

    def begin_unit(self, connection: Connection) -> None:
        dbapi(connection).execute("SAVEPOINT unit")

    def keep_unit(self, connection: Connection) -> None:
        dbapi(connection).execute("RELEASE unit")

    def undo_unit(self, connection: Connection) -> None:
        driver = dbapi(connection)
        driver.execute("ROLLBACK TO unit")
        driver.execute("RELEASE unit")

    def rows_changed(self, connection: Connection) -> int | None:
        changed: int = dbapi(connection).total_changes
        return changed

    def read(self, fn: Callable[[Connection], T]) -> T:
        assert self._reading is not None, "open() comes first"
        with self._reading.connect() as connection, connection.begin():
            return fn(connection)

    def make_room(self, now: datetime) -> None:
        """A file has room as long as its disk has."""

    def drop_before(self, table: Table, before: datetime) -> int | None:
        return None

    def trouble_kind(self, error: BaseException) -> TroubleKind | None:
        return trouble_kind(error, self.path)

    def unavailable(self, error: BaseException) -> StoreUnavailable | None:
        return unavailable(error, self.path)

    def kept(self, error: BaseException) -> bool | None:
        return False  # a commit that raises has been undone

    def drop_writer(self) -> None:
        self.close_writer()

    def close_writer(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def close(self) -> None:
        for engine in (self._reading, self._writing):
            if engine is not None:
                engine.dispose()
        self._lock.leave()


def _engine(path: Path, *, begin: str, read_only: bool, **pool: Any) -> Engine:
    engine = create_engine(
        f"sqlite:///{path}",
        connect_args={
            "timeout": BUSY_TIMEOUT_MS / 1000,
            "check_same_thread": False,
            "cached_statements": 512,
        },
        **pool,
    )

    def configure(connection: sqlite3.Connection, _record: object) -> None:
        # The driver's own idea of when to begin is switched off: `begin` below decides.
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA page_size={PAGE_BYTES}")  # counts for a new file only
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
        cursor.execute("PRAGMA cache_size=-16000")
        cursor.execute("PRAGMA temp_store=MEMORY")
        if read_only:
            cursor.execute("PRAGMA query_only=ON")
        else:
            cursor.execute("PRAGMA journal_mode=WAL")
            cursor.execute("PRAGMA synchronous=FULL")
            cursor.execute(f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES}")
        cursor.close()

    event.listen(engine, "connect", configure)
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(begin))
    return engine


def trouble_kind(error: BaseException, path: Path) -> TroubleKind | None:
    """What an error says about the disk or the file; None when it is about the statement.

    A full disk often shows as a plain I/O error, so the free space is looked at too.
    """
    cause = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(cause, OSError):
        return "full" if cause.errno == 28 else "io"
    code = getattr(cause, "sqlite_errorcode", None)
    if not isinstance(cause, sqlite3.Error) or code is None:
        return None
    kind = _KINDS.get(code & 0xFF)
    if kind in ("io", "read-only") and _free_bytes(path) < _FULL_BELOW_BYTES:
        return "full"
    return kind


def unavailable(error: BaseException, path: Path) -> StoreUnavailable | None:
    """The error to raise for `error`, or None where it is not the disk's or the file's."""
    kind = trouble_kind(error, path)
    if kind is None:
        return None
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    name = getattr(cause, "sqlite_errorname", type(cause).__name__)
    return StoreUnavailable(kind, str(path), f"{name}: {cause}")


def prepare_folder(path: Path) -> None:
    """Make the database's folder; raises StoreUnavailable where that can't be."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        kind: TroubleKind = "full" if error.errno == 28 else "read-only"
        raise StoreUnavailable(kind, str(path), f"its folder can't be made: {error.strerror}") from error
    if path.is_dir():
        raise StoreUrlError(str(path), "it is a folder")
    if path.exists() and not os.access(path, os.W_OK):
        raise StoreUnavailable("read-only", str(path), "the file may not be written by this user")


def _free_bytes(path: Path) -> int:
    try:
        return shutil.disk_usage(path.parent).free
    except OSError:
        return _FULL_BELOW_BYTES
