"""A commit that is cut off: the caller learns what became of it, however long the server is away."""

from __future__ import annotations

import asyncio

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
    async with asyncio.timeout(20):
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
        async with asyncio.timeout(20):
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


async def test_closing_does_not_wait_for_an_outcome(pg_database: str) -> None:
    async with relay(pg_database) as wire:
        store = await open_store(wire.address)
        wire.cut = "after"
        written = asyncio.ensure_future(store.write(put("cut off")))
        await wire.is_cut.wait()
        async with asyncio.timeout(20):
            await store.close()
            with pytest.raises(StoreUnavailable, match="is not known"):
                await written
