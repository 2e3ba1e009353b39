"""The ledger: what was kept counts once, over restarts, repetitions and a rebuild of what is derived."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, delete, select

from ampacity.csms import deriving, lifecycle
from ampacity.store import transactions
from ampacity.store.tables import (
    charging_transaction,
    journal,
    message_key,
    meter_reading,
    rollup_15min,
    watermark,
)
from tests.conformance.double import station
from tests.conformance.speech import speech

from .world import OPERATOR, World, world

NOON = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=3)


def at(minutes: float) -> str:
    return (NOON + timedelta(minutes=minutes)).isoformat().replace("+00:00", "Z")


def derived(connection: Connection) -> list[Any]:
    """All that comes from the journal."""
    tables = (charging_transaction, meter_reading, rollup_15min, message_key)
    return [
        [tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key))]
        for table in tables
    ]


async def charge(node: World, version: str, name: str, values: int = 5) -> None:
    words = speech(version, name)
    async with station(node.port, name, version) as double:
        words.started(await double.call(*words.start(1, "CAFE", 1_000, at(0))))
        for number in range(1, values + 1):
            await double.call(*words.meter(1_000 + 100 * number, 7_000, at(number)))


async def test_what_was_not_derived_before_a_crash_is_applied_again(address: str) -> None:
    async with world(address) as node:
        for version in ("1.6", "2.0.1", "2.1"):
            await charge(node, version, f"CP{version}")
        await node.csms.written()
        before = await node.store.read(derived)
        assert len(before[0]) == 3
        assert len(before[1]) == 3 * 6

        def forget(connection: Connection) -> None:
            """As if it had crashed before anything was derived."""
            for table in (charging_transaction, meter_reading, rollup_15min, message_key, watermark):
                connection.execute(delete(table))

        await node.store.write(forget)
    async with world(address) as node:
        assert await node.store.read(derived) == before
        assert all(len(state.transactions) == 1 for state in node.csms.stations.values())


async def test_a_rebuild_gives_the_same_while_the_site_runs(address: str, monkeypatch: Any) -> None:
    monkeypatch.setattr(deriving, "ROWS_DELETED_AT_ONCE", 3)
    async with world(address) as node:
        await charge(node, "1.6", "CP1")
        await charge(node, "2.0.1", "CP2")
        await node.csms.written()
        before = await node.store.read(derived)
        rebuilding = asyncio.ensure_future(node.csms.ledger.samples.rebuild(OPERATOR, 2))
        await charge(node, "2.1", "CP3", values=20)
        assert await rebuilding > 0
        await node.csms.written()
        while await node.csms.ledger.samples.catch_up(100):
            pass
        after = await node.store.read(derived)
        assert [row for row in after[1] if row[1] != "CP3"] == before[1]
        assert [row for row in after[2] if row[1] != "CP3"] == before[2]
        assert len([row for row in after[1] if row[1] == "CP3"]) == 21


async def test_a_repetition_counts_once_on_its_way_lately_and_after_a_restart(address: str) -> None:
    words = speech("1.6", "CP1")
    start = words.start(1, "CAFE", 1_000, at(0))
    async with world(address) as node:
        async with station(node.port, "CP1", "1.6") as double:
            first = await double.call(*start)
            words.started(first)
            meter = words.meter(1_100, 7_000, at(1))
            for _ in range(3):  # the last ones meet the first in memory
                assert await double.call(*start) == first
                assert await double.call(*meter) == {}
        await node.csms.written()
        async with station(node.port, "CP1", "1.6") as double:
            assert await double.call(*start) == first
            assert await double.call(*meter) == {}
    async with world(address) as node, station(node.port, "CP1", "1.6") as double:
        assert await double.call(*meter) == {}
        assert await double.call(*start) == first
        await double.call(*words.meter(1_200, 7_000, at(2)))
        assert await double.call(*meter) == {}
        kept = await node.store.read(lambda c: c.execute(select(journal.c.kind).order_by(journal.c.id)).all())
        assert [kind for (kind,) in kept] == ["Started", "Updated", "Updated"]
        await node.csms.written()
        (row,) = await node.store.read(lambda c: transactions.list_transactions(c, OPERATOR))
        assert row.energy_wh == 200.0


async def test_a_stop_while_something_is_written_loses_nothing(address: str, monkeypatch: Any) -> None:
    begun, go = asyncio.Event(), asyncio.Event()
    words = speech("2.0.1", "CP1")
    async with world(address) as node:
        ledger, write, stop = node.csms.ledger, node.store.write, node.csms.ledger.stop

        async def slow(unit: Any) -> Any:
            if unit.__qualname__.startswith("Ledger."):
                begun.set()
                await go.wait()
            return await write(unit)

        async def stop_and_let_go() -> None:
            go.set()
            await stop()

        async with station(node.port, "CP1", "2.0.1") as double:
            await double.call("Heartbeat", {})
            monkeypatch.setattr(node.store, "write", slow)
            monkeypatch.setattr(ledger, "stop", stop_and_let_go)
            words.started(await double.call(*words.start(1, "CAFE", 1_000, at(0))))
            await begun.wait()
            await double.call(*words.meter(1_100, 7_000, at(1)))
    async with world(address) as node:
        (row,) = await node.store.read(lambda c: transactions.list_transactions(c, OPERATOR))
        assert row.energy_wh == 100.0
        keys = await node.store.read(lambda c: c.execute(select(message_key.c.retry_key)).all())
        assert len(keys) == 2


async def test_a_message_that_can_not_be_followed_up_is_kept_once(address: str, monkeypatch: Any) -> None:
    def fails(*_: object, **__: object) -> None:
        raise ArithmeticError("nobody foresaw this")

    async with world(address) as node:
        words = speech("1.6", "CP1")
        async with station(node.port, "CP1", "1.6") as double:
            words.started(await double.call(*words.start(1, "CAFE", 1_000, at(0))))
            message = words.meter(1_100, 7_000, at(1))
            with monkeypatch.context() as broken:
                broken.setattr(lifecycle, "follow", fails)
                assert await double.call(*message) == {}
            assert await double.call(*message) == {}
            await node.csms.written()
            assert await double.call(*message) == {}
        await node.csms.written()
        rows = await node.store.read(lambda c: c.execute(select(journal.c.kind)).scalars().all())
        assert sorted(rows) == ["Started", "Updated"]
