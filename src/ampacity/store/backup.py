"""Backup and restore.

`backup` copies the database while it is being written: the copy is the state of one moment, checked, and
appears under its name only when it is whole. It is a file of SQLite whatever the database is, so that it can
be looked into and be restored to either: that is also the way from a file to a server and back.

To restore: stop Ampacity, call `restore`, start again. A file that is replaced stays beside the new one; on a
server only an empty database is filled. `restore` also skips a million 1.6 transaction ids, so that none that
was given after the backup is given again.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import tempfile
import time
from datetime import datetime
from pathlib import Path

from msgspec import Struct
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from . import copying, sqlite
from .backend import Backend, backend_for
from .database import Store
from .errors import StoreError, StoreUnavailable
from .file_lock import FileLock

WIRE_IDS_SKIPPED = 1_000_000


class BackupFailed(StoreError):
    """A backup could not be made or used; nothing was changed."""

    def __init__(self, place: Path, why: str, remedy: str) -> None:
        self.place = place
        super().__init__(f"backup {place}: {why}: {remedy}")


class BackupReport(Struct, frozen=True, kw_only=True):
    """A finished backup."""

    path: Path
    bytes: int
    seconds: float


async def backup(store: Store, target: Path) -> BackupReport:
    """Copy the database to the file `target` (replaced if it exists), or into the folder `target` under a
    name of the time. Raises BackupFailed."""
    now = store.clock.now()
    if isinstance(store.backend, sqlite.SqliteBackend):
        source = store.backend.path
        return await asyncio.to_thread(_copy_live, source, target, now)
    return await store.read(lambda connection: _copy_rows(connection, target, now))


def restore(saved: Path, database: str | Path) -> None:
    """Put the backup `saved` in the place of `database`, which nobody may have open. Raises StoreError.

    A former file stays beside it as `<name>.before-restore`; a server's database must be empty. Blocks.
    """
    if not saved.is_file():
        raise BackupFailed(saved, "there is no such file", "name a file that the backup command wrote")
    backend = backend_for(database)
    if isinstance(backend, sqlite.SqliteBackend):
        _restore_file(saved, backend.path)
    else:
        _restore_rows(saved, backend)


def _restore_rows(saved: Path, backend: Backend) -> None:
    """All of the backup's rows, or none of them."""
    with tempfile.TemporaryDirectory(prefix="ampacity-restore-") as folder:
        # A copy, because an older backup is brought up to date first.
        part = Path(folder) / "saved.db"
        try:
            shutil.copyfile(saved, part)
            with _connected(part) as copy:
                _check(copy, saved)
                copy.execute(f"UPDATE wire_id SET last = last + {WIRE_IDS_SKIPPED}")
                copy.commit()
        except (OSError, sqlite3.Error) as error:
            raise BackupFailed(saved, str(error), "check the disk and the file") from error
        source = sqlite.SqliteBackend(part)
        source.open(1)
        backend.open(1)
        try:
            target = backend.writer()
            with target.begin():
                if not copying.is_empty(target):
                    raise BackupFailed(
                        saved,
                        f"the database {backend.place} holds data already",
                        "make an empty database, restore into that one, and name it in the settings",
                    )
                source.read(lambda connection: copying.copy_all(connection, target))
        except Exception as error:
            unavailable = backend.unavailable(error)
            if unavailable is None:
                raise
            raise unavailable from error
        finally:
            backend.close_writer()
            backend.close()
            source.close()


def _restore_file(saved: Path, database: Path) -> None:
    sqlite.prepare_folder(database)
    lock = FileLock(database)
    if not lock.take(sqlite.LOCKED_WITHIN_S):
        raise BackupFailed(saved, f"a node runs on {database}", "stop it first")
    part = _beside(database)
    try:
        shutil.copyfile(saved, part)
        with _connected(part) as copy:
            _check(copy, saved)
            copy.execute(f"UPDATE wire_id SET last = last + {WIRE_IDS_SKIPPED}")
            copy.commit()
        _sync(part)
        if database.exists():
            # Rename with its log, so that the former state stays whole.
            former = database.with_name(database.name + ".before-restore")
            for suffix in ("", "-wal", "-shm"):
                piece = database.with_name(database.name + suffix)
                if piece.exists():
                    os.replace(piece, former.with_name(former.name + suffix))
        os.replace(part, database)
        _sync(database.parent)
    except (OSError, sqlite3.Error) as error:
        raise BackupFailed(saved, str(error), "check the disk and the file") from error
    finally:
        part.unlink(missing_ok=True)
        lock.leave()


def _copy_rows(source: Connection, target: Path, at: datetime) -> BackupReport:
    """From a server, in the one read that sees one moment."""
    started = time.perf_counter()
    target = _file_in(target, at)
    sqlite.prepare_folder(target)
    part = _beside(target)
    file = sqlite.SqliteBackend(part)
    try:
        file.open(1)
        try:
            connection = file.writer()
            with connection.begin():
                copying.copy_all(source, connection)
        finally:
            file.close_writer()
            file.close()
        with _connected(part) as copy:
            copy.execute("PRAGMA journal_mode=DELETE")
            _check(copy, part)
        _sync(part)
        os.replace(part, target)
        _sync(target.parent)
    except StoreUnavailable as error:
        raise BackupFailed(target, error.detail, error.remedy) from error
    except (OSError, sqlite3.Error, DBAPIError) as error:
        unavailable = file.unavailable(error)
        if unavailable is None:
            raise  # the server's
        raise BackupFailed(target, unavailable.detail, "free space or choose another disk") from error
    finally:
        for suffix in ("", "-wal", "-shm", "-lock"):
            part.with_name(part.name + suffix).unlink(missing_ok=True)
    return BackupReport(path=target, bytes=target.stat().st_size, seconds=time.perf_counter() - started)


def _file_in(target: Path, at: datetime) -> Path:
    return target / f"ampacity-{at:%Y%m%dT%H%M%SZ}.db" if target.is_dir() else target


def _copy_live(source: Path, target: Path, at: datetime) -> BackupReport:
    started = time.perf_counter()
    target = _file_in(target, at)
    if target.resolve() == source.resolve():
        raise BackupFailed(target, "it is the database itself", "name another file")
    sqlite.prepare_folder(target)
    part = _beside(target)
    try:
        with _connected(source) as live, _connected(part) as copy:
            # All pages in one step: a snapshot that writers neither wait for nor disturb.
            live.backup(copy, pages=-1)
            copy.execute("PRAGMA journal_mode=DELETE")
            _check(copy, part)
        _sync(part)
        os.replace(part, target)
        _sync(target.parent)
    except (OSError, sqlite3.Error) as error:
        unavailable: StoreUnavailable | None = sqlite.unavailable(error, part)
        raise BackupFailed(
            target,
            str(error),
            "see the reason" if unavailable is None else "free space or choose another disk",
        ) from error
    finally:
        part.unlink(missing_ok=True)
    return BackupReport(path=target, bytes=target.stat().st_size, seconds=time.perf_counter() - started)


class _connected:
    """A plain connection that is closed at the end (the driver's own context manager only commits)."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> sqlite3.Connection:
        self._connection = sqlite3.connect(self._path, timeout=sqlite.BUSY_TIMEOUT_MS / 1000)
        return self._connection

    def __exit__(self, *_: object) -> None:
        self._connection.close()


def _check(connection: sqlite3.Connection, place: Path) -> None:
    found = connection.execute("PRAGMA integrity_check(3)").fetchall()
    if found != [("ok",)]:
        raise BackupFailed(place, f"it is damaged ({found[0][0]})", "use an older backup")
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'").fetchone():
        raise BackupFailed(
            place, "it is no database of Ampacity", "name a file that the backup command wrote"
        )


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}.part")


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
