"""Real processes that are killed: the node by SIGKILL under stations at real sockets, and the PostgreSQL
server beneath a node that goes on.

Nothing is lost here that the kernel was given; what is tried is the way from socket to disk as a whole: an
answer that was too early, a repetition that counts, a commit whose outcome nobody heard.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import signal
import statistics
import sys
import time
from collections import Counter
from pathlib import Path

import msgspec
from msgspec import Struct
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from ...ocpp.version import Version
from ...store import StoreSettings
from ..report import BenchFailed
from .drive import ANSWER_LIMIT_S, DATABASE, drive, opened, plant
from .history import Finding, check, kept_messages, named
from .ports import lasting_port
from .postgres import Server
from .stations import Answered, Station, fleet

START_LIMIT_S = 60.0


class KillReport(Struct, kw_only=True):
    """What became of it."""

    kills: int = 0
    acknowledged: int = 0
    checked: int = 0
    repeated_sends: int = 0
    """Messages sent again because their answer did not come."""
    found: Counter[str] = Counter()
    examples: list[str] = []
    back_s: list[float] = []
    """From each kill to the next acknowledgement."""

    def take(self, findings: tuple[Finding, ...], where: str) -> None:
        """Keep what was found."""
        self.found.update(finding.kind for finding in findings)
        if findings and len(self.examples) < 5:
            self.examples.append(f"{where}: {findings[0].kind}: {findings[0].text}")

    @property
    def median_back_s(self) -> float:
        """Median of `back_s`, 0 without kills."""
        return statistics.median(self.back_s) if self.back_s else 0.0


def now() -> int:
    """A position in time: later is larger."""
    return time.monotonic_ns()


# ---------------------------------------------------------------- the node


class _Node:
    def __init__(self, folder: Path) -> None:
        self.database = folder / DATABASE
        self.port = lasting_port()
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        words = ("-m", "ampacity.bench.durability.node", str(self.database), str(self.port))
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, *words, stdout=asyncio.subprocess.PIPE
        )
        assert self._process.stdout is not None
        async with asyncio.timeout(START_LIMIT_S):
            line = await self._process.stdout.readline()
        if not line:
            raise BenchFailed(f"the node ended at its start with {await self._process.wait()}")
        self.port = int(line)

    async def kill(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(signal.SIGKILL)
            await self._process.communicate()


class _Count:
    """Acknowledgements of all stations, to wait for."""

    def __init__(self) -> None:
        self.count = 0
        self.changed = asyncio.Condition()

    async def add(self) -> None:
        async with self.changed:
            self.count += 1
            self.changed.notify_all()

    async def reaches(self, wanted: int) -> None:
        async with asyncio.timeout(START_LIMIT_S), self.changed:
            await self.changed.wait_for(lambda: self.count >= wanted)


async def _station(node: _Node, station: Station, count: _Count, report: KillReport) -> None:
    """Tell the story over as many connections as it takes, without end."""
    subprotocol = Version(station.version).subprotocol
    while True:
        try:
            url = f"ws://127.0.0.1:{node.port}/ocpp/{station.name}"
            async with connect(url, subprotocols=[subprotocol], proxy=None, open_timeout=5) as socket:  # type: ignore[list-item]
                while True:
                    await _say(socket, station, report)
                    await count.add()
        except (OSError, WebSocketException, EOFError, TimeoutError):
            await asyncio.sleep(0.02)  # refused, reset, half a handshake: what a killed node leaves


async def _say(socket: ClientConnection, station: Station, report: KillReport) -> None:
    index = len(station.answered)
    if len(station.sent) <= index:
        station.sent.append(now())
    else:
        report.repeated_sends += 1
    action, payload = station.words(index)
    message_id = f"{station.name}-{index}-{now()}"
    # A repetition is the same text, whoever says it: a message without a number is known again by that.
    await socket.send(msgspec.json.encode([2, message_id, action, payload]).decode())
    async with asyncio.timeout(ANSWER_LIMIT_S):
        while True:
            frame = json.loads(await socket.recv())
            if frame[0] == 2:
                await socket.send(json.dumps([4, frame[1], "NotImplemented", "", {}]))
            elif frame[0] == 4 and frame[1] == message_id:
                raise BenchFailed(f"a faultless message was refused: {frame}")
            elif frame[1] == message_id:
                break
    station.answered.append(Answered(now(), str(frame[2].get("transactionId", ""))))
    report.acknowledged += 1


async def kill_nodes(folder: Path, kills: int, seed: int, stations: int = 6) -> KillReport:
    """SIGKILL a real node `kills` times under traffic; after each kill its database in `folder` is checked,
    at the end all that derives from it as well."""
    rng = random.Random(seed)
    report = KillReport(found=Counter(), examples=[], back_s=[])
    told, node, count = fleet(seed, stations), _Node(folder), _Count()

    await node.start()
    works = [asyncio.create_task(_station(node, station, count, report)) for station in told]
    try:
        for _ in range(kills):
            await count.reaches(count.count + rng.randint(5, 60))
            await asyncio.sleep(rng.random() * 0.02)
            await node.kill()
            killed = time.monotonic()
            report.kills += 1
            checked = await check(folder, told, now(), rng, "kept")
            report.checked += checked.acknowledged
            report.take(checked.findings, f"kill {report.kills} of the node")
            await node.start()
            await count.reaches(count.count + 1)
            report.back_s.append(time.monotonic() - killed)
            for work in works:
                if work.done():
                    work.result()
    finally:
        await _end(works)
        await node.kill()
    checked = await check(folder, told, now(), rng, "derived")
    report.checked += checked.acknowledged
    report.take(checked.findings, "after all kills of the node")
    return report


async def _end(works: list[asyncio.Task[None]]) -> None:
    for work in works:
        work.cancel()
    await asyncio.gather(*works, return_exceptions=True)


# ---------------------------------------------------------------- the database server


async def kill_servers(server: Server, kills: int, seed: int, stations: int = 6) -> KillReport:
    """SIGKILL the database server `kills` times under a node that goes on; after each, what was acknowledged
    before must be there; at the end all that derives from it is checked as well."""
    rng = random.Random(seed)
    report = KillReport(found=Counter(), examples=[], back_s=[])
    told = fleet(seed, stations)
    settings = StoreSettings(retry_s=0.02)
    async with opened(server.address, settings) as store, plant(store) as built:
        work = asyncio.ensure_future(drive(built, told, now, 10**9, rng, limit_s=3_600))
        try:
            for _ in range(kills):
                await _answers(told, _count(told) + rng.randint(5, 60), work)
                await asyncio.sleep(rng.random() * 0.02)
                acknowledged = [station.answered[:] for station in told]
                server.kill()
                killed = time.monotonic()
                report.kills += 1
                await server.start()
                await _answers(told, _count(told) + 1, work)
                report.back_s.append(time.monotonic() - killed)
                kept = set(await store.read(kept_messages))
                for station, answers in zip(told, acknowledged, strict=True):
                    report.checked += len(answers)
                    gone = [
                        Finding("lost", f"acknowledged, but gone: {named(station, station.message(index))}")
                        for index in range(len(answers))
                        if named(station, station.message(index)) not in kept
                    ]
                    report.take(tuple(gone), f"kill {report.kills} of the database server")
        finally:
            work.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await work
    report.acknowledged = _count(told)
    checked = await check(server.address, told, now(), rng, "derived")
    report.checked += checked.acknowledged
    report.take(checked.findings, "after all kills of the database server")
    return report


def _count(stations: list[Station]) -> int:
    return sum(len(station.answered) for station in stations)


async def _answers(stations: list[Station], wanted: int, work: asyncio.Future[int]) -> None:
    """Until so many were acknowledged in all; raises what ended the stations."""
    async with asyncio.timeout(START_LIMIT_S):
        while _count(stations) < wanted:
            if work.done():
                work.result()
            await asyncio.sleep(0.002)
