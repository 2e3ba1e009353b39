"""A backup made while writing is whole and of one moment; a restore brings it back and skips wire ids."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import Connection, insert, select

from ampacity.clock import WallClock
from ampacity.store import Store, StoreError, copying, findings, journal, postgres, sqlite
from ampacity.store.backup import WIRE_IDS_SKIPPED, BackupFailed, backup, restore
from ampacity.store.samples import ReadingWriter, Told
from ampacity.store.sites import save_site
from ampacity.store.stations import register_station
from ampacity.store.tables import message_log, metadata
from ampacity.store.transactions import next_wire_ids, save_transactions

from .conftest import NOON, OPERATOR, open_store
from .rows import finding, reading, record, transaction_row
from .test_sites import DEPOT


async def test_a_backup_under_load_is_of_one_moment(store: Store, tmp_path: Path) -> None:
    stop = False
    written = 0

    async def write(task: int) -> None:
        nonlocal written
        while not stop:
            number = written = written + 1

            def unit(connection, number=number):
                journal.add(connection, record(f"k{number}"))
                save_transactions(connection, [transaction_row(number)])

            await store.write(unit)

    writers = [asyncio.ensure_future(write(task)) for task in range(8)]
    target = tmp_path / "copy.db"
    for _ in range(5):
        seen = written - len(writers)
        report = await backup(store, target)
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


async def fill(store: Store) -> int:
    """Rows of many tables; returns the first wire id given."""

    def write(connection: Connection) -> int:
        save_site(connection, DEPOT, NOON, "user:ada")
        register_station(connection, OPERATOR, "CP1", NOON, site_id=DEPOT.site_id, auto_registered=True)
        for number in range(30):
            journal.add(connection, record(f"k{number}"))
            save_transactions(connection, [transaction_row(number)])
        told = Told((OPERATOR, "CP1", 1), None, (reading(NOON, 1.0),))
        ReadingWriter().write(connection, [told])
        findings.write(connection, [finding("f1", path="/\u00e9", station_id=None)])
        connection.execute(insert(message_log), frames())
        return int(next_wire_ids(connection, OPERATOR)[0])

    return await store.write(write)


def frames() -> dict[str, object]:
    """A row of the raw message log, whose key is counted."""
    known = {"operator_id": OPERATOR, "station_id": "CP1", "at": NOON, "last_at": NOON, "actions": ""}
    return known | {"frames": b"\x90"}


def all_rows(connection: Connection) -> dict[str, list[tuple[object, ...]]]:
    return {
        table.name: [tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key))]
        for table in metadata.sorted_tables
    }


@pytest.mark.parametrize("ways", ["sqlite->postgresql", "postgresql->sqlite", "postgresql->postgresql"])
async def test_a_backup_of_either_database_is_restored_to_either(
    ways: str, tmp_path: Path, pg_database: str, pg_empty_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copying, "ROWS_AT_ONCE", 7)
    source, target = ways.split("->")
    store = await open_store(pg_database if source == "postgresql" else f"sqlite:///{tmp_path / 'a.db'}")
    given = await fill(store)
    saved = (await backup(store, tmp_path / "saved.db")).path
    before = await store.read(all_rows)
    assert sum(len(rows) > 0 for rows in before.values()) >= 10
    await store.write(lambda connection: journal.add(connection, record("after")))
    await store.close()
    address = pg_empty_database if target == "postgresql" else f"sqlite:///{tmp_path / 'b.db'}"

    await asyncio.to_thread(restore, saved, address)

    store = await Store.open(address, WallClock())
    after = await store.read(all_rows)
    (operator_id, last), *_ = after.pop("wire_id")
    assert (operator_id, last) == (OPERATOR, given + WIRE_IDS_SKIPPED)
    del before["wire_id"]
    assert after == before
    await store.write(lambda connection: connection.execute(insert(message_log), frames()))  # counts on
    await store.close()
    files = {name for name in os.listdir(tmp_path) if not name.endswith("-lock")}
    assert files == {"saved.db"} | {
        name for name, kind in (("a.db", source), ("b.db", target)) if kind == "sqlite"
    }


async def test_a_server_that_holds_data_is_not_overwritten(tmp_path: Path, pg_database: str) -> None:
    store = await open_store(pg_database)
    saved = (await backup(store, tmp_path / "saved.db")).path
    await store.close()
    with pytest.raises(BackupFailed, match=r"holds data already: make an empty database"):
        await asyncio.to_thread(restore, saved, pg_database)


async def test_a_restore_waits_for_no_node(
    tmp_path: Path, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "LOCKED_WITHIN_S", 0.1)
    monkeypatch.setattr(sqlite, "LOCKED_WITHIN_S", 0.1)
    store = await open_store(address)
    saved = (await backup(store, tmp_path / "saved.db")).path
    with pytest.raises(StoreError, match=r"runs on .*: stop it"):
        await asyncio.to_thread(restore, saved, address)
    await store.close()


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
    assert os.listdir(target.parent) == ["a.db-lock"]
