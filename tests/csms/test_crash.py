"""The whole way from socket to disk, killed at random points under load: nothing acknowledged is lost or
counted twice.

Stations do what real ones do: a message is at the head of the queue until it is answered, and is sent again,
with another message id, when the connection comes back. What the database holds in the end is compared with
what they were told. An answer before its commit, a repetition counted as new, an id given twice: each fails
this test.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import signal
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from ampacity.bus import LocalBus
from ampacity.clock import WallClock
from ampacity.csms.service import Csms
from ampacity.csms.settings import CsmsSettings
from ampacity.store import Store, journal, transactions
from tests.conformance.double import Lost, station
from tests.conformance.judge import BadFrame
from tests.conformance.speech import Message, speech
from tests.fixtures.ports import lasting_port

OPERATOR = "stadtwerke"
ROUNDS = 10
SEED = 20261121
NOON = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=3)
VERSIONS = {"A16": "1.6", "B16": "1.6", "C201": "2.0.1", "D201": "2.0.1", "E21": "2.1", "F21": "2.1"}


class Server:
    """The node in a process of its own, always on the same port and database."""

    def __init__(self, database: str) -> None:
        self.database = database
        self.port = lasting_port()
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            str(Path(__file__).with_name("crash_server.py")),
            self.database,
            str(self.port),
            stdout=asyncio.subprocess.PIPE,
        )
        assert self._process.stdout is not None
        line = await asyncio.wait_for(self._process.stdout.readline(), 30)
        self.port = int(line)

    async def kill(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(signal.SIGKILL)
            await self._process.communicate()  # to the pipe's end: else it is closed after its event loop


class Served(Protocol):
    """Where stations connect to."""

    port: int


class Charger:
    """One station with one EVSE that charges car after car, and remembers what it was told."""

    def __init__(self, server: Served, name: str, rng: random.Random, limit_s: float = 10.0) -> None:
        self.server = server
        self.limit_s = limit_s
        self.name = name
        self.rng = rng
        self.acknowledged: list[tuple[str, str]] = []
        """(phase, timestamp) of each message that was answered; timestamps are never used twice."""
        self.charges: list[tuple[str, int]] = []
        """(id on the wire, Wh) of each transaction that was ended and answered."""
        self.begun = 0
        self.sent = 0
        self.may_end = asyncio.Event()
        self._seconds = 0

    def _at(self) -> str:
        self._seconds += 1
        return (NOON + timedelta(seconds=self._seconds)).isoformat().replace("+00:00", "Z")

    async def run(self) -> None:
        """Charge until told to end, then finish the transaction."""
        connected = self._connections()
        register_wh = 0
        words = speech(VERSIONS[self.name], self.name)
        while not self.may_end.is_set():
            start_wh, at = register_wh, self._at()
            self.begun += 1
            words.started(
                await self._deliver(connected, "Started", at, words.start(1, self.name, register_wh, at))
            )
            for _ in range(self.rng.randint(1, 12)):
                register_wh += self.rng.randint(0, 500)
                at = self._at()
                await self._deliver(connected, "Updated", at, words.meter(register_wh, 7_000, at))
            register_wh += 1
            at = self._at()
            await self._deliver(connected, "Ended", at, words.stop(register_wh, at))
            self.charges.append((words.wire_id, register_wh - start_wh))
        await connected.aclose()

    async def _deliver(self, connected: Any, phase: str, at: str, message: Message) -> dict[str, Any]:
        """Send until answered, over as many connections as it takes."""
        while True:
            double = await anext(connected)
            with contextlib.suppress(Lost, OSError):
                self.sent += 1
                answer: dict[str, Any] = await double.call(*message, limit_s=self.limit_s)
                self.acknowledged.append((phase, at))
                return answer
            # A closed connection refuses without a turn of the loop, and its reader needs one to see the end.
            await asyncio.sleep(0.005)

    async def _connections(self) -> Any:
        """The open connection, again and again; a new one when it is gone."""
        while True:
            try:
                async with station(
                    self.server.port, self.name, VERSIONS[self.name], open_timeout=2
                ) as double:
                    while not double.reader.done():
                        yield double
            except BadFrame:  # of the server: it would come again and again
                raise
            except Exception:  # refused, reset, half a handshake: what a killed server leaves
                await asyncio.sleep(0.05)


async def test_ten_kills_lose_nothing_and_count_nothing_twice(address: str) -> None:
    rng = random.Random(SEED)
    server = Server(address)
    await server.start()
    chargers = [Charger(server, name, random.Random(rng.random())) for name in VERSIONS]
    running = [asyncio.ensure_future(charger.run()) for charger in chargers]
    try:
        for _ in range(ROUNDS):
            before = sum(len(charger.acknowledged) for charger in chargers)
            # A kill hits at a random moment of full traffic: first let some messages through, then wait a
            # little.
            async with asyncio.timeout(60):
                while sum(len(charger.acknowledged) for charger in chargers) < before + 20:  # noqa: ASYNC110
                    await asyncio.sleep(0.005)
            await asyncio.sleep(rng.random() * 0.3)
            await server.kill()
            await server.start()
        for charger in chargers:
            charger.may_end.set()
        await asyncio.wait_for(asyncio.gather(*running), 60)
    finally:
        await end(running)
        await server.kill()
    await compare(address, chargers)
    assert sum(len(charger.acknowledged) for charger in chargers) > ROUNDS * 20


async def end(running: list[asyncio.Task[None]]) -> None:
    """Cancel, and see that it ends: a station that goes on would keep its test from ending."""
    for task in running:
        task.cancel()
    _, left = await asyncio.wait(running, timeout=10)
    assert not left, left


async def compare(database: str, chargers: list[Charger]) -> None:
    """What the database holds is what the stations were told."""
    clock = WallClock()
    store = await Store.open(database, clock)
    csms = Csms(store, LocalBus(), clock, CsmsSettings(operator_id=OPERATOR))
    await csms.start()  # applies what the last kill left in the journal
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
    assert told <= kept.keys(), sorted(told - kept.keys())
    assert len(told) == sum(len(charger.acknowledged) for charger in chargers)

    energies = {(row.station_id, row.station_transaction_id): row.energy_wh for row in rows}
    assert len(energies) == len(rows) == sum(charger.begun for charger in chargers)
    assert {row.state for row in rows} == {"ended"}
    expected = {
        (charger.name, wire_id): float(energy_wh)
        for charger in chargers
        for wire_id, energy_wh in charger.charges
    }
    assert energies == expected
    numbers = [row.station_transaction_id for row in rows if VERSIONS[row.station_id] == "1.6"]
    assert len(numbers) == len(set(numbers))  # ids of 1.6 are the operator's, over all its stations

    # The test has tested something: messages were really repeated.
    assert sum(charger.sent for charger in chargers) > len(told)
