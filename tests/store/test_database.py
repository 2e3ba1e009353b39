"""The writer: grouping, isolation, order, posts, and what callers may rely on."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest
from sqlalchemy import Connection, func, insert, select
from sqlalchemy.exc import IntegrityError, OperationalError

from ampacity.clock import ScaledClock, WallClock
from ampacity.store import PostRank, Store, StoreClosed, StoreSettings
from ampacity.store.errors import TransactionMisused
from ampacity.store.operators import get_setting, put_setting
from ampacity.store.tables import audit, setting, site

from .conftest import NOON, OPERATOR, open_store


def put(key: str, value: object = True):
    return lambda connection: put_setting(connection, OPERATOR, key, value, NOON)


def keys(connection: Connection) -> set[str]:
    return set(connection.execute(select(setting.c.key)).scalars())


async def test_a_write_is_seen_by_reads_once_it_returns(store: Store) -> None:
    await store.write(put("limit", {"amps": 12.5}))
    assert await store.read(lambda connection: get_setting(connection, OPERATOR, "limit")) == {"amps": 12.5}


async def test_a_simulated_site_waits_for_a_disk_that_stands_still(tmp_path: Path) -> None:
    """At speed 60 a flush of 0.3 s would be 18 s without answers."""
    clock = ScaledClock(NOON, 60.0)
    running = asyncio.create_task(clock.run())
    store = await Store.open(tmp_path / "slow.db", clock)
    gate = threading.Event()
    began = clock.monotonic()
    slow = asyncio.ensure_future(store.write(lambda connection: gate.wait(10)))
    asyncio.get_running_loop().call_later(0.3, gate.set)
    assert await slow
    assert clock.monotonic() - began < 8.0
    await clock.sleep(1.0)  # and goes on afterwards
    await store.close()
    running.cancel()


async def test_the_log_is_flushed_at_each_commit(sqlite_store: Store) -> None:
    def pragmas(connection: Connection) -> list[object]:
        names = ("journal_mode", "synchronous", "foreign_keys")
        return [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in names]

    assert await sqlite_store.write(pragmas) == ["wal", 2, 1]


async def test_a_failing_unit_hurts_no_other_of_its_group(address: str) -> None:
    store = await open_store(address, StoreSettings(group_s=10.0))  # a slow machine splits no group
    gate = threading.Event()
    first = asyncio.ensure_future(store.write(lambda connection: gate.wait(10)))
    await asyncio.sleep(0)

    def half(connection: Connection) -> None:
        put("half")(connection)
        connection.execute(insert(site), {"operator_id": "nobody", "site_id": "x"})

    before = store.figures.commits
    writes = [store.write(put("a")), store.write(half), store.write(put("b"))]
    gathered = asyncio.gather(*writes, return_exceptions=True)
    await asyncio.sleep(0)
    gate.set()
    results = await gathered
    assert await first
    assert results[0] is None
    assert results[2] is None
    assert isinstance(results[1], IntegrityError)
    assert await store.read(keys) == {"a", "b"}
    assert store.figures.commits <= before + 2  # the held one, and one for the three behind it
    assert store.figures.failed_units == 1
    await store.close()


async def test_writes_that_queue_up_share_commits(address: str) -> None:
    store = await open_store(address, StoreSettings(group_s=10.0))  # a slow machine splits no group
    gate, begun = threading.Event(), threading.Event()

    def hold(connection: Connection) -> bool:
        begun.set()
        return gate.wait(10)

    held = asyncio.ensure_future(store.write(hold))
    await asyncio.to_thread(begun.wait, 10)
    before = store.figures.commits
    writes = [asyncio.ensure_future(store.write(put(f"k{number}"))) for number in range(500)]
    await asyncio.sleep(0)  # all are in the queue
    gate.set()
    assert await held
    await asyncio.gather(*writes)
    assert len(await store.read(keys)) == 500
    assert store.figures.commits - before < 100
    await store.close()


async def test_units_run_in_the_order_of_their_calls(store: Store) -> None:
    seen: list[int] = []
    await asyncio.gather(
        *(store.write(lambda connection, number=number: seen.append(number)) for number in range(300))
    )
    assert seen == list(range(300))


async def test_a_unit_that_commits_is_refused_and_the_store_goes_on(store: Store) -> None:
    def commits(connection: Connection) -> None:
        connection.commit()

    with pytest.raises(TransactionMisused):
        await store.write(commits)
    await store.write(put("after"))
    assert await store.read(keys) == {"after"}


async def test_whatever_a_unit_raises_the_writer_lives_on(store: Store) -> None:
    class Odd(BaseException):
        pass

    def odd(connection: Connection) -> None:
        put("odd")(connection)
        raise Odd

    with pytest.raises(Odd):
        await store.write(odd)
    await store.write(put("after"))
    assert await store.read(keys) == {"after"}


async def test_a_caller_that_gives_up_before_its_turn_leaves_nothing(store: Store) -> None:
    gate = threading.Event()
    held = asyncio.ensure_future(store.write(lambda connection: gate.wait(10)))
    given_up = asyncio.ensure_future(store.write(put("given up")))
    await asyncio.sleep(0.01)
    given_up.cancel()
    await asyncio.sleep(0)
    gate.set()
    assert await held
    await store.flush()
    assert await store.read(keys) == set()


async def test_a_reader_can_not_write(store: Store) -> None:
    with pytest.raises(OperationalError, match=r"readonly|read-only"):
        await store.read(put("sneaked in"))


async def test_posts_are_written_without_anybody_waiting(tmp_path: Path) -> None:
    store = await Store.open(tmp_path / "a.db", WallClock(), StoreSettings(post_s=0.02))
    done = asyncio.Event()
    loop = asyncio.get_running_loop()
    store.post(lambda connection: loop.call_soon_threadsafe(done.set))
    await asyncio.wait_for(done.wait(), 30)
    await store.close()


async def test_a_post_comes_before_a_later_write(store: Store) -> None:
    store.post(put("posted"))
    await store.flush()
    assert await store.read(keys) == {"posted"}


async def test_a_failing_post_is_counted_and_told_to_nobody(store: Store) -> None:
    store.post(lambda connection: connection.execute(insert(site), {"operator_id": "nobody", "site_id": "x"}))
    await store.write(put("after"))
    assert store.figures.failed_posts == 1
    assert await store.read(keys) == {"after"}


async def test_posts_give_way_by_rank(tmp_path: Path) -> None:
    store = await Store.open(tmp_path / "a.db", WallClock(), StoreSettings(post_limit=100))
    gate, begun = threading.Event(), threading.Event()

    def hold(connection: Connection) -> bool:
        begun.set()
        return gate.wait(10)

    held = asyncio.ensure_future(store.write(hold))
    await asyncio.to_thread(begun.wait, 10)  # the writer has it, so that the queue below is only posts
    kept: list[PostRank] = []
    for rank in (PostRank.MESSAGES, PostRank.TELEMETRY, PostRank.AUDIT):
        for _ in range(100):
            store.post(lambda connection, rank=rank: kept.append(rank), rank)
    gate.set()
    await held
    await store.close()
    counts = {rank: kept.count(rank) for rank in PostRank}
    assert counts == {PostRank.MESSAGES: 50, PostRank.TELEMETRY: 25, PostRank.AUDIT: 25}
    assert store.figures.shed_posts == 200


async def test_closing_writes_what_was_posted(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    store = await Store.open(path, WallClock())
    for number in range(1000):
        store.post(
            lambda connection, number=number: connection.execute(
                insert(audit),
                {
                    "operator_id": OPERATOR,
                    "audit_id": str(number),
                    "at": NOON,
                    "actor": "a",
                    "action": "b",
                    "target": "c",
                },
            )
        )
    await store.close()
    with pytest.raises(StoreClosed):
        await store.write(put("late"))
    with pytest.raises(StoreClosed):
        store.post(put("late"))
    with pytest.raises(StoreClosed):
        await store.read(keys)
    again = await Store.open(path, WallClock())
    assert (
        await again.read(lambda connection: connection.scalar(select(func.count()).select_from(audit)))
        == 1000
    )
    await again.close()


async def test_a_long_unit_does_not_hold_up_readers(store: Store) -> None:
    await store.write(put("before"))
    gate, begun = threading.Event(), threading.Event()

    def long(connection: Connection) -> None:
        put("meanwhile")(connection)
        begun.set()
        gate.wait(20)

    running = asyncio.ensure_future(store.write(long))
    await asyncio.to_thread(begun.wait, 10)
    assert await asyncio.wait_for(store.read(keys), 10) == {"before"}
    gate.set()
    await running
    assert await store.read(keys) == {"before", "meanwhile"}
