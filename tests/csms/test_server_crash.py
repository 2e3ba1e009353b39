"""PostgreSQL killed under load, while the node runs on: stations get no answer and keep their messages, the
operator is told once, and when the server is back all goes on by itself; nothing acknowledged is lost or
counted twice.

The server's own default answers before the disk has anything (`synchronous_commit=off`): that the store asks
for more is what this test proves. With that one setting left out it fails.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter

import pytest
from sqlalchemy import select

from ampacity.clock import WallClock
from ampacity.model.events import TransactionChanged
from ampacity.store import Store, StoreTrouble, postgres
from ampacity.store.tables import journal
from tests.fixtures.postgres import PostgresServer, postgres_server

from .test_crash import SEED, VERSIONS, Charger, compare, end
from .world import OPERATOR, world

ROUNDS = 3


async def acknowledge(chargers: list[Charger], more: int) -> None:
    before = sum(len(charger.acknowledged) for charger in chargers)
    async with asyncio.timeout(60):
        while sum(len(charger.acknowledged) for charger in chargers) < before + more:  # noqa: ASYNC110
            await asyncio.sleep(0.005)


async def test_a_server_killed_under_load_loses_nothing_and_counts_nothing_twice() -> None:
    rng = random.Random(SEED)
    troubles: list[StoreTrouble] = []
    with postgres_server(synchronous_commit="off", fsync="on", full_page_writes="on") as server:
        async with world(server.dsn) as node:
            node.store.on_trouble(troubles.append)
            chargers = [Charger(node, name, random.Random(rng.random()), limit_s=0.5) for name in VERSIONS]
            running = [asyncio.ensure_future(charger.run()) for charger in chargers]
            try:
                for _ in range(ROUNDS):
                    await acknowledge(chargers, 40)
                    await asyncio.sleep(rng.random() * 0.2)
                    await asyncio.to_thread(server.kill)
                    await node.until(lambda: node.store.troubled, 60)
                    await asyncio.sleep(0.3)  # answers that were on their way arrive
                    counted = [len(charger.acknowledged) for charger in chargers]
                    await asyncio.sleep(rng.random() * 0.5)
                    assert counted == [len(charger.acknowledged) for charger in chargers]
                    assert all(state.online for state in node.csms.stations.values())
                    await asyncio.to_thread(server.start)
                await acknowledge(chargers, 40)
                for charger in chargers:
                    charger.may_end.set()
                await asyncio.wait_for(asyncio.gather(*running), 60)
            finally:
                await end(running)
            assert [trouble.kind for trouble in troubles] == ["unreachable", "recovered"] * ROUNDS
            assert all("see that the server runs" in trouble.text for trouble in troubles[::2])
            # Who listens was told of each transaction what the database holds now.
            told = Counter(event.phase for event in node.of(TransactionChanged))
            assert told["Started"] == sum(charger.begun for charger in chargers)
        await compare(server.dsn, chargers)


async def test_a_server_that_may_answer_before_the_disk_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test above can fail: what is acknowledged without waiting is lost with the server."""
    monkeypatch.setitem(postgres.SETTINGS, "synchronous_commit", "off")
    with postgres_server(wal_writer_delay="10s") as server:
        async with world(server.dsn) as node:
            charger = Charger(node, "A16", random.Random(SEED), limit_s=0.5)
            running = asyncio.ensure_future(charger.run())
            try:
                await acknowledge([charger], 40)
                await asyncio.to_thread(server.kill)
                acknowledged = {at for _, at in charger.acknowledged}
            finally:
                await end([running])
            await asyncio.to_thread(server.start)
            assert len(await kept(server)) < len(acknowledged)


async def kept(server: PostgresServer) -> set[str]:
    """The times of the messages in the journal."""
    store = await Store.open(server.dsn, WallClock(), guest=True)
    try:
        query = select(journal.c.at).where(journal.c.operator_id == OPERATOR)
        return {str(at) for at in await store.read(lambda c: c.execute(query).scalars().all())}
    finally:
        await store.close()
