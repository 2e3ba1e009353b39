"""Disks that refuse: told once and clearly, nothing half kept, and back to work by itself."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import Connection, func, select

from ampacity.clock import WallClock
from ampacity.store import Store, StoreTrouble, StoreUnavailable, StoreUrlError, journal, sqlite
from ampacity.store.tables import journal as journal_table

from .rows import record


def test_a_file_that_can_not_grow_stops_writing_and_room_lets_it_go_on(tmp_path: Path) -> None:
    program = Path(__file__).with_name("disk_trouble.py")
    done = subprocess.run(
        [sys.executable, program, tmp_path / "a.db"], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert len(told["acknowledged"]) > 20
    assert len(told["refused"]) == 5
    assert told["kept"] == [*told["acknowledged"][:-1], "5000", "9999"]
    assert told["readable"] == len(told["acknowledged"]) - 1
    assert told["troubled"]
    assert told["failed_before"] >= 6  # the five refused, and attempts at the post
    assert told["kinds"] == ["io", "recovered"]
    assert "check the disk" in told["error"]
    assert told["failed_posts"] == 0


async def test_a_full_disk_is_called_so(sqlite_store: Store) -> None:
    events: list[StoreTrouble] = []
    sqlite_store.on_trouble(events.append)

    def no_room(connection: Connection) -> None:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")

    await sqlite_store.write(no_room)
    message = record("k")
    kept = 0

    async def fill() -> None:
        nonlocal kept
        while True:
            large = msgspec.structs.replace(
                message, id=message.id + 1 + kept, retry_key=str(kept), payload=b"x" * 8000
            )
            await sqlite_store.write(partial(journal.add, entry=large))
            kept += 1

    with pytest.raises(StoreUnavailable, match=r"the disk is full .*: free space or move the data") as caught:
        await asyncio.wait_for(fill(), 60)
    assert caught.value.kind == "full"
    rows = select(func.count()).select_from(journal_table)
    assert await sqlite_store.read(lambda connection: connection.scalar(rows)) == kept
    await sqlite_store.write(lambda connection: connection.exec_driver_sql("PRAGMA max_page_count=1000000"))
    await sqlite_store.write(lambda connection: journal.add(connection, message))
    assert [event.kind for event in events] == ["full", "recovered"]


async def test_closing_does_not_wait_for_a_disk_that_refuses(sqlite_store: Store) -> None:
    def no_room(connection: Connection) -> None:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")

    await sqlite_store.write(no_room)
    large = msgspec.structs.replace(record("k"), payload=b"x" * 1_000_000)
    sqlite_store.post(partial(journal.add, entry=large))
    await asyncio.wait_for(sqlite_store.close(), 30)
    await asyncio.sleep(0)
    assert sqlite_store.figures.failed_posts == 1


async def test_a_database_that_another_program_holds_for_long_is_told_and_taken_up_again(
    sqlite_store: Store,
) -> None:
    events: list[StoreTrouble] = []
    sqlite_store.on_trouble(events.append)
    await sqlite_store.write(lambda connection: connection.exec_driver_sql("PRAGMA busy_timeout=50"))
    assert isinstance(sqlite_store.backend, sqlite.SqliteBackend)
    other = sqlite3.connect(sqlite_store.backend.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    writes = [sqlite_store.write(partial(journal.add, entry=record(str(number)))) for number in range(3)]
    results = await asyncio.wait_for(asyncio.gather(*writes, return_exceptions=True), 30)
    assert {type(result) for result in results} == {StoreUnavailable}
    assert sqlite_store.troubled
    other.execute("ROLLBACK")
    other.close()
    await sqlite_store.write(partial(journal.add, entry=record("0")))
    assert [event.kind for event in events] == ["locked", "recovered"]


async def test_a_database_held_by_another_program_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.db"
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT_MS", 100)
    with pytest.raises(StoreUnavailable, match=r"it is locked .* another program holds the database"):
        await Store.open(path, WallClock())
    other.execute("ROLLBACK")
    other.close()
    await (await Store.open(path, WallClock())).close()


async def test_something_else_than_a_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    path.write_bytes(b"holiday pictures " * 1000)
    with pytest.raises(StoreUnavailable, match=r"it is damaged or no database .* restore the last backup"):
        await Store.open(path, WallClock())


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("mysql://db/ampacity", "kept in SQLite or PostgreSQL"),
        ("postgresql://db:many/ampacity", "invalid literal|port"),
        ("sqlite://relative.db", "three slashes|a relative path follows three"),
        ("sqlite:///:memory:", "forget"),
        ("", "forget"),
    ],
)
async def test_an_address_that_can_not_be_is_explained(url: str, why: str) -> None:
    with pytest.raises(StoreUrlError, match=why):
        await Store.open(url, WallClock())


def test_addresses_name_files() -> None:
    assert sqlite.database_path("sqlite:///data/a.db") == Path("data/a.db")
    assert sqlite.database_path("sqlite:////var/lib/a%20b.db") == Path("/var/lib/a b.db")
    assert sqlite.database_path("data/a.db") == Path("data/a.db")


async def test_a_folder_is_no_database(tmp_path: Path) -> None:
    with pytest.raises(StoreUrlError, match=r"it is a folder"):
        await Store.open(tmp_path, WallClock())


async def test_a_folder_below_a_file_can_not_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreUnavailable, match="its folder can't be made"):
        await Store.open(tmp_path / "file" / "a.db", WallClock())


OPEN_AS_NOBODY = """
import asyncio, os, sys, tempfile
from ampacity.clock import WallClock
from ampacity.store import Store, StoreUnavailable
async def main():
    # One that may be opened, before the rights go: it loads everything, and the program's own files may not
    # be readable without them.
    with tempfile.TemporaryDirectory() as folder:
        await (await Store.open(folder + "/first.db", WallClock())).close()
    if os.geteuid() == 0:
        os.setegid(65534)
        os.seteuid(65534)
    try:
        await Store.open(sys.argv[1], WallClock())
    except StoreUnavailable as error:
        print(error.kind, error)
asyncio.run(main())
"""


def open_as_nobody(path: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", OPEN_AS_NOBODY, path], capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize("existing", [True, False])
async def test_a_file_or_folder_without_the_right_to_write_is_named(existing: bool) -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        path = Path(folder) / "a.db"
        if existing:
            await (await Store.open(path, WallClock())).close()
            path.chmod(0o444)
        os.chmod(folder, 0o555)
        done = await asyncio.to_thread(open_as_nobody, path)
        os.chmod(folder, 0o755)
    assert done.stdout.startswith("read-only "), done.stdout + done.stderr
    assert "right to write" in done.stdout
