"""A backup made while writing is whole and of one moment; a restore brings it back and skips wire ids."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from pathlib import Path

import pytest

from ampacity.clock import WallClock
from ampacity.store import Store, journal
from ampacity.store.backup import WIRE_IDS_SKIPPED, BackupFailed, backup, restore
from ampacity.store.transactions import next_wire_ids, save_transactions

from .conftest import OPERATOR
from .rows import record, transaction_row


async def test_a_backup_under_load_is_of_one_moment(sqlite_store: Store, tmp_path: Path) -> None:
    stop = False
    written = 0

    async def write(task: int) -> None:
        nonlocal written
        while not stop:
            number = written = written + 1

            def unit(connection, number=number):
                journal.add(connection, record(f"k{number}"))
                save_transactions(connection, [transaction_row(number)])

            await sqlite_store.write(unit)

    writers = [asyncio.ensure_future(write(task)) for task in range(8)]
    target = tmp_path / "copy.db"
    for _ in range(5):
        seen = written - len(writers)
        report = await backup(sqlite_store, target)
        assert report.path == target
        assert report.bytes == target.stat().st_size
        copy = sqlite3.connect(f"file:{target}?mode=ro", uri=True)
        assert copy.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        keys = {key for (key,) in copy.execute("SELECT retry_key FROM journal")}
        rows = {
            f"k{number[1:]}" for (number,) in copy.execute("SELECT transaction_id FROM charging_transaction")
        }
        copy.close()
        assert keys == rows  # both halves of each unit, or none
        assert len(keys) >= seen
    stop = True
    await asyncio.gather(*writers)
    assert [name for name in sorted(os.listdir(tmp_path)) if "copy" in name] == ["copy.db"]


async def test_a_backup_into_a_folder_is_named_by_the_time(sqlite_store: Store, tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    folder.mkdir()
    report = await backup(sqlite_store, folder)
    assert [report.path] == list(folder.glob("ampacity-2*Z.db"))


async def test_a_restore_brings_back_what_was_and_keeps_what_it_replaces(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    store = await Store.open(path, WallClock())
    await store.write(lambda connection: journal.add(connection, record("before")))
    given = await store.write(lambda connection: next_wire_ids(connection, OPERATOR)[0])
    saved = (await backup(store, tmp_path / "saved.db")).path
    await store.write(lambda connection: journal.add(connection, record("after")))
    await store.close()

    await asyncio.to_thread(restore, saved, path)

    store = await Store.open(path, WallClock())
    kept = await store.read(lambda connection: journal.entries(connection, OPERATOR))
    assert [entry.retry_key for entry in kept] == ["before"]
    following = await store.write(lambda connection: next_wire_ids(connection, OPERATOR)[0])
    assert following == given + WIRE_IDS_SKIPPED + 1
    await store.close()
    former = await Store.open(tmp_path / "a.db.before-restore", WallClock())
    assert len(await former.read(lambda connection: journal.entries(connection, OPERATOR))) == 2
    await former.close()


async def test_what_can_not_be_backed_up_or_restored_is_explained(
    sqlite_store: Store, tmp_path: Path
) -> None:
    with pytest.raises(BackupFailed, match="it is the database itself: name another file"):
        await backup(sqlite_store, sqlite_store.backend.path)
    saved = (await backup(sqlite_store, tmp_path / "saved.db")).path
    damaged = tmp_path / "damaged.db"
    content = bytearray(saved.read_bytes())
    content[8192:12288] = b"\xff" * 4096
    damaged.write_bytes(content)
    target = tmp_path / "new" / "a.db"
    for bad, why in ((damaged, "it is damaged|malformed"), (tmp_path / "none.db", "no such file")):
        with pytest.raises(BackupFailed, match=why):
            await asyncio.to_thread(restore, bad, target)
    stranger = tmp_path / "stranger.db"
    other = sqlite3.connect(stranger)
    other.execute("CREATE TABLE contacts (name TEXT)")
    other.close()
    with pytest.raises(BackupFailed, match="it is no database of Ampacity"):
        await asyncio.to_thread(restore, stranger, target)
    assert list(target.parent.iterdir()) == []
