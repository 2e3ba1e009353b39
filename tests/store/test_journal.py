"""The journal keeps what is appended, in order, in groups, and tells when it is on the disk."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection

from ampacity.clock import WallClock
from ampacity.store import Store, journal
from ampacity.store.journal import Journal, stored

from .conftest import NOON, OPERATOR
from .rows import record


async def test_what_was_appended_is_on_the_disk_when_it_is_told(store: Store) -> None:
    kept: list[str] = []
    done = asyncio.Event()
    book = await Journal.open(store)

    def told(key: str) -> None:
        kept.append(key)
        if len(kept) == 300:
            done.set()

    def refused(key: str, error: Exception) -> None:
        raise AssertionError(f"{key}: {error}")

    before = store.figures.commits
    for number in range(300):
        row = (book.next_id(), *stored(record(str(number)))[1:])
        book.append(row, str(number), told, refused)
    await asyncio.wait_for(done.wait(), 30)
    assert kept == [str(number) for number in range(300)]
    assert store.figures.commits - before <= 3  # groups, not rows
    entries = await store.read(lambda connection: journal.entries(connection, OPERATOR))
    assert [entry.retry_key for entry in entries] == kept
    assert (await Journal.open(store)).next_id() == entries[-1].id + 1


async def test_a_disk_that_refuses_is_told_to_each_message(tmp_path: Path) -> None:
    store = await Store.open(tmp_path / "a.db", WallClock())
    book = await Journal.open(store)
    await store.close()
    told: list[Any] = []
    done = asyncio.Event()

    def refused(key: str, error: Exception) -> None:
        told.append((key, type(error).__name__))
        if len(told) == 2:
            done.set()

    for key in ("a", "b"):
        book.append((book.next_id(), *stored(record(key))[1:]), key, told.append, refused)
    await asyncio.wait_for(done.wait(), 30)
    assert told == [("a", "StoreClosed"), ("b", "StoreClosed")]


async def test_a_message_whose_unit_fails_is_not_kept(store: Store) -> None:
    def fails(connection: Connection) -> None:
        journal.add(connection, record("k"))
        raise LookupError("something else of the unit failed")

    with pytest.raises(LookupError):
        await store.write(fails)
    assert await store.read(lambda connection: journal.entries(connection, OPERATOR)) == []


async def test_a_message_is_found_by_its_time_and_key(store: Store) -> None:
    found = await store.read(lambda connection: journal.find(connection, OPERATOR, "CP1", NOON, "k"))
    assert found is None


async def test_entries_come_in_the_order_of_arrival_and_by_page(store: Store) -> None:
    for number in range(5):
        await store.write(lambda connection, key=str(number): journal.add(connection, record(key)))
    first = await store.read(lambda connection: journal.entries(connection, OPERATOR, limit=3))
    rest = await store.read(lambda connection: journal.entries(connection, OPERATOR, after=first[-1].id))
    assert [entry.retry_key for entry in first + rest] == ["0", "1", "2", "3", "4"]
    others = await store.read(lambda connection: journal.entries(connection, "other"))
    assert others == []
