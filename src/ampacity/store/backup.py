"""Backup and restore.

`backup` copies the database while it is being written: the copy is the state of one moment, checked, and
appears under its name only when it is whole. To restore: stop Ampacity, call `restore` (or copy the file to
the database's place and delete the files beside it that end in `-wal` and `-shm`), start again. `restore`
also skips a million 1.6 transaction ids, so that none that was given after the backup is given again.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import time
from datetime import datetime
from pathlib import Path

from msgspec import Struct

from . import sqlite
from .database import Store
from .errors import StoreError, StoreUnavailable

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
    assert isinstance(store.backend, sqlite.SqliteBackend)
    return await asyncio.to_thread(_copy_live, store.backend.path, target, store.clock.now())


def restore(saved: Path, database: Path) -> None:
    """Put the backup `saved` in the place of `database`, which nobody may have open. Raises BackupFailed.

    The former database stays beside it as `<name>.before-restore`.
    """
    if not saved.is_file():
        raise BackupFailed(saved, "there is no such file", "name a file that the backup command wrote")
    sqlite.prepare_folder(database)
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


def _copy_live(source: Path, target: Path, at: datetime) -> BackupReport:
    started = time.perf_counter()
    if target.is_dir():
        target = target / f"ampacity-{at:%Y%m%dT%H%M%SZ}.db"
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
