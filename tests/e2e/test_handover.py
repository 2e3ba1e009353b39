"""A node is replaced by another while stations charge: two real processes share the port and the database one
after the other, and every message is acknowledged, once in the journal, and counted once.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import re
import signal
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ampacity.bus import LocalBus
from ampacity.clock import WallClock
from ampacity.csms.service import Csms
from ampacity.csms.settings import CsmsSettings
from ampacity.store import Store, journal, transactions
from tests.conformance.double import Lost, station
from tests.conformance.speech import Message
from tests.csms.test_crash import VERSIONS, Charger, end
from tests.fixtures.ports import lasting_port

OPERATOR = "default"
HANDOVERS = 2
PAUSE_S = 0.03
"""Between two messages of a station: the nodes that start need the processor too."""
STOPS_WITHIN_S = 20.0


class Van(Charger):
    """A charger that doesn't talk all the time."""

    async def _deliver(self, connected: Any, phase: str, at: str, message: Message) -> dict[str, Any]:
        await asyncio.sleep(PAUSE_S)
        return await super()._deliver(connected, phase, at, message)


class Node:
    """`ampacity serve` in a process of its own."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.said = ""

    async def until(self, words: str) -> str:
        """Read on until it has said something that matches."""
        assert self.process.stdout is not None
        async with asyncio.timeout(30):
            while not (found := re.search(words, self.said)):
                line = await self.process.stdout.readline()
                assert line, f"it ended and said: {self.said}"
                self.said += line.decode()
        return found[1]

    async def end(self) -> None:
        """As a service manager does."""
        self.process.send_signal(signal.SIGTERM)
        said, _ = await asyncio.wait_for(self.process.communicate(), STOPS_WITHIN_S)
        assert self.process.returncode == 0, self.said + said.decode()


class Place:
    """Where nodes follow each other: a folder and a port. `port` is what `Charger` connects to."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = lasting_port()

    async def node(self) -> Node:
        settings = {
            "AMPACITY_DATA": str(self.folder),
            "AMPACITY_API__PORT": "0",
            "AMPACITY_GATEWAY__HOST": "127.0.0.1",
            "AMPACITY_GATEWAY__OCPP_PORT": str(self.port),
            "AMPACITY_GATEWAY__SHARE_PORT": "true",
            "AMPACITY_CSMS__ADMIT_UNKNOWN": "true",
            "AMPACITY_CSMS__UNKNOWN_TOKENS": "accept",
            "AMPACITY_CSMS__ONBOARD": "false",
        }
        return Node(
            await asyncio.create_subprocess_exec(
                sys.executable, "-m", "ampacity", "serve",
                env=os.environ | settings,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
        )  # fmt: skip


async def test_a_node_that_is_replaced_under_load_loses_nothing(tmp_path: Path) -> None:
    place, rng = Place(tmp_path), random.Random(7)
    node = await place.node()
    place.port = int(await node.until(r"OCPP +port (\d+)"))
    chargers = [Van(place, name, random.Random(rng.random())) for name in VERSIONS]  # type: ignore[arg-type]
    running = [asyncio.ensure_future(charger.run()) for charger in chargers]
    try:
        for _ in range(HANDOVERS):
            before = sum(len(charger.acknowledged) for charger in chargers)
            following = await place.node()
            await following.until(r"(Shares port)")
            async with asyncio.timeout(60):
                while sum(len(charger.acknowledged) for charger in chargers) < before + 20:  # noqa: ASYNC110
                    await asyncio.sleep(0.005)
            await node.end()
            node = following
            assert int(await node.until(r"OCPP +port (\d+)")) == place.port
        for charger in chargers:
            charger.may_end.set()
        await asyncio.wait_for(asyncio.gather(*running), 60)
        await node.end()
    finally:
        await end(running)
        if node.process.returncode is None:
            node.process.kill()
            await node.process.communicate()
    await _compare(tmp_path, chargers)


async def _compare(folder: Path, chargers: Sequence[Charger]) -> None:
    """What the stations were told and what is kept."""
    store = await Store.open(folder / "ampacity.db", WallClock())
    csms = Csms(store, LocalBus(), WallClock(), CsmsSettings(operator_id=OPERATOR))
    await csms.start()
    await csms.stop()
    try:
        entries = await store.read(lambda c: journal.entries(c, OPERATOR, limit=1_000_000))
        rows = await store.read(lambda c: transactions.list_transactions(c, OPERATOR, limit=100_000))
    finally:
        await store.close()
    kept = Counter(
        (entry.station_id, entry.kind, entry.at.isoformat().replace("+00:00", "Z")) for entry in entries
    )
    assert max(kept.values()) == 1, [key for key, count in kept.items() if count > 1]
    told = {(charger.name, phase, at) for charger in chargers for phase, at in charger.acknowledged}
    assert told == kept.keys()
    energies = {(row.station_id, row.station_transaction_id): row.energy_wh for row in rows}
    assert len(energies) == len(rows) == sum(charger.begun for charger in chargers)
    assert {row.state for row in rows} == {"ended"}
    assert energies == {
        (charger.name, wire_id): float(energy_wh)
        for charger in chargers
        for wire_id, energy_wh in charger.charges
    }


async def test_a_station_is_told_when_to_come_back(tmp_path: Path) -> None:
    place = Place(tmp_path)
    node = await place.node()
    place.port = int(await node.until(r"OCPP +port (\d+)"))
    async with station(place.port, "A16") as double:
        await double.call("Heartbeat", {})
        await node.end()
        with contextlib.suppress(Lost):
            await double.call("Heartbeat", {})
        assert double.connection.close_code == 1001
        assert re.fullmatch(r"restarting, come back in \d+ s", double.connection.close_reason or "")
