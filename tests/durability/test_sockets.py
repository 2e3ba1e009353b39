"""The disk refuses, lags or lies beneath a node that serves stations at real sockets: they charge on, nothing
acknowledged is lost or there twice, the operator is told what helps, and all goes on by itself afterwards."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from pathlib import Path

import pytest

from ampacity.bench.durability import sqlite as c
from ampacity.bench.durability.disk import Deed, Fault, RecordingDisk
from ampacity.csms.vocabulary import Reset
from ampacity.store import StoreTrouble, journal
from tests.conformance.double import Double, station
from tests.conformance.speech import speech
from tests.csms.world import OPERATOR, World, world

VERSIONS = {"CP16": "1.6", "CP201": "2.0.1", "CP21": "2.1"}


def failing(code: int, *deeds: Deed) -> Fault:
    return lambda deed, name: code if deed in deeds else c.OK


FAULTS = {
    "full": ("full", failing(c.FULL, "write")),
    "read-only": ("read-only", failing(c.READONLY, "write")),
    "failing syncs": ("io", failing(c.IOERR_FSYNC, "sync")),
    "failing writes": ("io", failing(c.IOERR_WRITE, "write")),
    "corrupt pages": ("corrupt", failing(c.CORRUPT, "read", "write")),
}


async def kinds_kept(node: World) -> dict[str, list[str]]:
    entries = await node.store.read(lambda connection: journal.entries(connection, OPERATOR))
    kept: dict[str, list[str]] = {name: [] for name in VERSIONS}
    for entry in entries:
        kept[entry.station_id].append(entry.kind)
    return kept


async def goes_on(node: World, double: Double, name: str) -> None:
    """What needs no disk: the station stays connected, is heard, and can be told things."""
    began = time.monotonic()
    assert "currentTime" in await double.call("Heartbeat", {})
    double.reactions["Reset"] = {"status": "Accepted"}
    assert (await node.csms.command(OPERATOR, name, Reset(), "controller hq")).accepted
    assert time.monotonic() - began < 20
    assert not double.reader.done()


@pytest.mark.parametrize("what", list(FAULTS))
async def test_stations_charge_on_while_the_disk_fails(fast_folder: Path, what: str) -> None:
    kind, fault = FAULTS[what]
    told: list[StoreTrouble] = []
    disk = RecordingDisk(fast_folder, watch_reads=True)
    with disk.installed():
        async with contextlib.AsyncExitStack() as stack:
            node = await stack.enter_async_context(world(fast_folder))
            node.store.on_trouble(told.append)
            works = {}
            for name, version in VERSIONS.items():
                double = await stack.enter_async_context(station(node.port, name, version))
                words = speech(version, name)
                await double.call(*words.boot("Amp Works", "Duo"))
                words.started(await double.call(*words.start(1, "CAFE01", 100, "2026-03-02T12:00:00Z")))
                works[name] = (double, words, words.meter(600, 7_000, "2026-03-02T12:10:00Z"))
            disk.fault = fault
            for name, (double, _, value) in works.items():
                with pytest.raises(TimeoutError):
                    await double.call(*value, limit_s=0.4)
                await goes_on(node, double, name)
            await node.until(lambda: node.store.troubled)
            assert [trouble.kind for trouble in told] == [kind]
            assert told[0].remedy in told[0].text
            disk.fault = None
            for double, words, value in works.values():
                await double.call(*value)
                await double.call(*words.stop(1_100, "2026-03-02T13:00:00Z"))
            assert not node.store.troubled
            assert [trouble.kind for trouble in told] == [kind, "recovered"]
            assert await kinds_kept(node) == {name: ["Started", "Updated", "Ended"] for name in VERSIONS}
    assert disk.errors == []


async def test_a_slow_disk_makes_answers_late_and_nothing_else(fast_folder: Path) -> None:
    on_disk = threading.Event()

    def slow(deed: Deed, name: str) -> int:
        if deed == "sync":
            assert on_disk.wait(30)
        return c.OK

    disk = RecordingDisk(fast_folder)
    with disk.installed():
        async with world(fast_folder) as node, station(node.port, "CP16", "1.6") as double:
            words = speech("1.6", "CP16")
            await double.call(*words.boot("Amp Works", "Duo"))
            disk.fault = slow
            start = asyncio.create_task(double.call(*words.start(1, "CAFE01", 100, "2026-03-02T12:00:00Z")))
            assert "currentTime" in await double.call("Heartbeat", {})
            # The loop is not held up by the disk, and nothing is acknowledged before it is on it.
            await asyncio.wait([start], timeout=0.5)
            assert not start.done()
            on_disk.set()
            words.started(await start)
            await double.call(*words.stop(1_100, "2026-03-02T13:00:00Z"))
            disk.fault = None
            assert not node.store.troubled
            assert (await kinds_kept(node))["CP16"] == ["Started", "Ended"]
    assert disk.errors == []
