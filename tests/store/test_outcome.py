"""A commit that is cut off: the caller learns what became of it, however long the server is away."""

from __future__ import annotations

import asyncio
import contextlib

import asyncpg
import pytest

from ampacity.store import StoreTrouble, StoreUnavailable
from ampacity.store.operators import get_setting, put_setting
from tests.fixtures.relay import CutAt, Relay, relay

from .conftest import NOON, OPERATOR, open_store


def put(key: str):
    return lambda connection: put_setting(connection, OPERATOR, key, True, NOON)


async def has(store, key: str) -> bool:
    return bool(await store.read(lambda connection: get_setting(connection, OPERATOR, key)))


async def refused(store, wire: Relay) -> None:
    """While the outcome is open, others don't wait for it."""
    async with asyncio.timeout(60):
        await wire.is_cut.wait()
        with pytest.raises(StoreUnavailable, match="can't be reached"):
            await store.write(put("meanwhile"))


@pytest.mark.parametrize("cut", ["before", "after"])
async def test_a_commit_that_was_cut_off_is_looked_up(pg_database: str, cut: CutAt) -> None:
    troubles: list[StoreTrouble] = []
    async with relay(pg_database) as wire:
        store = await open_store(wire.address)
        store.on_trouble(troubles.append)
        wire.cut = cut
        written = asyncio.ensure_future(store.write(put("cut off")))
        for _ in range(3):
            await refused(store, wire)
        assert not written.done()
        assert store.troubled
        wire.mend()
        async with asyncio.timeout(60):
            if cut == "after":
                await written
            else:
                with pytest.raises(StoreUnavailable):
                    await written
            await store.write(put("afterwards"))
        assert await has(store, "cut off") is (cut == "after")
        assert not await has(store, "meanwhile")
        assert await has(store, "afterwards")
        assert [trouble.kind for trouble in troubles] == ["unreachable", "recovered"]
        await store.close()


async def test_its_own_lost_session_does_not_lock_it_out(pg_database: str) -> None:
    """The server may hold the writer's lock for a session that is gone until it has noticed."""
    store = await open_store(pg_database)
    ghost = await asyncpg.connect(pg_database)
    await ghost.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND database = "
        "(SELECT oid FROM pg_database WHERE datname = current_database())"
    )
    await ghost.execute("SELECT pg_advisory_lock(hashtext('ampacity writer'), hashtext(current_schema()))")
    with contextlib.suppress(StoreUnavailable):  # what finds the session gone
        await store.write(put("first"))
    writing = asyncio.ensure_future(store.write(put("second")))
    await asyncio.wait([writing], timeout=0.3)
    assert not writing.done()  # it waits for the lock
    await ghost.close()
    await writing
    assert await has(store, "second")
    await store.close()


async def test_closing_does_not_wait_for_an_outcome(pg_database: str) -> None:
    async with relay(pg_database) as wire:
        store = await open_store(wire.address)
        wire.cut = "after"
        written = asyncio.ensure_future(store.write(put("cut off")))
        await wire.is_cut.wait()
        async with asyncio.timeout(60):
            await store.close()
            with pytest.raises(StoreUnavailable, match="is not known"):
                await written
