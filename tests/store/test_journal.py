"""The journal keeps each message once and tells a repetition what the first one was told."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import Connection

from ampacity.store import Store, journal

from .conftest import OPERATOR
from .rows import record


async def test_a_repetition_is_told_the_first_answer(store: Store) -> None:
    def first(connection: Connection) -> journal.JournalResult:
        result = journal.append(connection, record("start-1"))
        journal.set_answer(connection, OPERATOR, result.journal_id, b'{"id":7}', "t7")
        return result

    fresh = await store.write(first)
    again = await store.write(lambda connection: journal.append(connection, record("start-1")))
    assert fresh.fresh
    assert not again.fresh
    assert (again.journal_id, again.answer, again.transaction_id) == (fresh.journal_id, b'{"id":7}', "t7")
    assert len(await store.read(lambda connection: journal.entries(connection, OPERATOR))) == 1


async def test_the_same_key_of_another_station_or_operator_is_another_message(store: Store) -> None:
    def all_three(connection: Connection) -> list[bool]:
        return [
            journal.append(connection, message).fresh
            for message in (record("k"), record("k", station_id="CP2"), record("k", operator_id="other"))
        ]

    assert await store.write(all_three) == [True, True, True]
    kept = await store.read(lambda connection: journal.entries(connection, "other"))
    assert [entry.operator_id for entry in kept] == ["other"]


async def test_a_message_whose_unit_fails_is_not_kept(store: Store) -> None:
    def fails(connection: Connection) -> None:
        journal.append(connection, record("k"))
        raise LookupError("the transaction's row could not be written")

    with pytest.raises(LookupError):
        await store.write(fails)
    assert (await store.write(lambda connection: journal.append(connection, record("k")))).fresh


async def test_a_storm_of_repetitions_keeps_one(store: Store) -> None:
    results = await asyncio.gather(
        *(store.write(lambda connection: journal.append(connection, record("k"))) for _ in range(100))
    )
    assert sum(result.fresh for result in results) == 1
    assert len({result.journal_id for result in results}) == 1


async def test_entries_come_in_the_order_of_arrival_and_by_page(store: Store) -> None:
    for number in range(5):
        await store.write(lambda connection, key=str(number): journal.append(connection, record(key)))
    first = await store.read(lambda connection: journal.entries(connection, OPERATOR, limit=3))
    rest = await store.read(lambda connection: journal.entries(connection, OPERATOR, after=first[-1].id))
    assert [entry.retry_key for entry in first + rest] == ["0", "1", "2", "3", "4"]
