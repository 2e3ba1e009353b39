"""`ampacity bench gateway`: what a station's message costs us, beside the usual Python stack.

Three processes on one machine, over loopback: our server (`server`), the peer's (`ocpp` +
`websockets`, in an environment of its own), and this one, which plays the stations for both alike. TLS 1.3
and schema validation of requests and answers on both sides; ours answers a value message after its durable
commit, the peer keeps nothing. The workload is `frames`.

- Throughput: 200 stations, each with one call outstanding, call after call. Rounds of ours and the peer's
  alternate; each gives messages for one CPU second of *all* threads of the server. Ours includes what it put
  off: it settles (message log, samples, rollups) before its CPU is read. The ratio is the median's.
- Latency: calls come at a fixed rate, whatever the answers do, and count from when they were due.
- Stations: so many hold a connection and tell their values each 10 s.
- Memory: resident bytes that a connected station adds, with its TLS state and all that is known of it.
- Stages: what each step of a message costs, measured without sockets (`stages`).
- Reconnects: full TLS handshake, upgrade, one Heartbeat answered, dropped; for one CPU second.
"""

from __future__ import annotations

import asyncio
import logging
import os
import ssl
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from msgspec import Struct

from ...node import calm_garbage_collector
from .. import Outcome
from .frames import VALUES_EVERY_S, Script, scripts
from .load import Client, Latencies, LoadFailed, client_context, closed_loop, connect, open_loop
from .servers import Server, make_certificate, peer_programs
from .stages import stages

log = logging.getLogger(__name__)

OPEN_LOOP_PER_S = 5_000
BEARABLE_PER_S = 500
"""A rate that every server here can carry, so that their latencies can be compared."""
CALL_LIMIT_S = 60.0


class Plan(Struct, frozen=True, kw_only=True):
    """How much is measured. `held` and `peer_held` are stations with 10-s values."""

    connections: int = 200
    rounds: int = 5
    round_s: float
    held: int
    peer_held: int
    held_s: float
    open_s: float
    drain_s: float
    reconnects: int
    stage_rounds: int = 200


FULL = Plan(round_s=3.0, held=10_000, peer_held=1_000, held_s=20.0, open_s=3.0, drain_s=5.0, reconnects=1_000)
QUICK = Plan(
    round_s=0.8, held=300, peer_held=100, held_s=2.0, open_s=1.0, drain_s=1.0, reconnects=100, stage_rounds=20
)


class Side:
    """One of the two servers with its stations and what was measured of it."""

    def __init__(self, server: Server, context: ssl.SSLContext) -> None:
        self.server = server
        self.figures: dict[str, float] = {}
        self.rates: list[float] = []
        self._context = context
        self._clients: list[Client] = []
        self._told: list[Script] = []
        self._unanswered = 0

    async def hold(self, number: int, seconds: float) -> None:
        """Stations with 10-s values: the memory that each takes, and how fast they are answered."""
        warm = await self._connected(scripts(20, "warm"))
        await self.server.settle()
        before = self.server.resident_bytes
        held = await self._connected(scripts(number, "held"))
        await self.server.settle()
        self.figures["bytes_per_connection"] = (self.server.resident_bytes - before) / number
        await _started(held)
        seen = await open_loop(held, number / VALUES_EVERY_S, seconds, CALL_LIMIT_S)
        self._unanswered += seen.unanswered
        self.figures["stations"] = max(number - seen.unanswered, 0)
        self.figures["stations_p99_ms"] = seen.quantile_ms(0.99)
        for client in (*warm, *held):
            client.abort()
        await self.server.settle()

    async def prepare(self, number: int) -> None:
        """Connect the stations of the workload and let each go through a part of its cycle, unmeasured."""
        self._clients = await self._connected(scripts(number, "load"))
        await _started(self._clients)
        await closed_loop(self._clients, 0.5, CALL_LIMIT_S)
        await self._settle_exactly()

    async def round(self, seconds: float) -> None:
        """Calls as fast as they are answered."""
        before = self.server.cpu_s
        answered = await closed_loop(self._clients, seconds, CALL_LIMIT_S)
        await self._settle_exactly()
        self.rates.append(answered / self.server.cpu_since(before))

    async def latency(self, rate_per_s: float, seconds: float, drain_s: float) -> Latencies:
        """Calls at a rate. What is not answered in time closes its station's connection."""
        seen = await open_loop(self._clients, rate_per_s, seconds, drain_s)
        self._unanswered += seen.unanswered
        if seen.unanswered:
            for client in self._clients:
                client.abort()
            await self.server.settle()
        return seen

    async def reconnect(self, number: int) -> None:
        """Known stations come back again and again."""
        group = scripts(min(number, 100), "back")
        for client in await self._connected(group):
            client.abort()
        await self.server.settle()
        before, done = self.server.cpu_s, 0
        while done < number:
            for client in await self._connected(group):
                client.abort()
            done += len(group)
        await self.server.settle()
        self.figures["reconnects_per_s"] = done / self.server.cpu_since(before)

    async def _connected(self, group: Sequence[Script]) -> list[Client]:
        self._told += group
        return await connect(group, self.server.port, self._context)

    async def _settle_exactly(self) -> None:
        """Settle, and count: each value message that was answered is kept, once."""
        kept = await self.server.settle()
        told = sum(script.kept_expected for script in set(self._told))
        if kept and not told - self._unanswered <= kept <= told:
            raise LoadFailed(
                f"{self.server.name} keeps {kept} messages of {told}, {self._unanswered} of them unanswered"
            )


async def measure(plan: Plan, ours: Side, peer: Side) -> tuple[dict[str, float], dict[str, float]]:
    """(our figures, the peer's) of the workload. The ratio is among ours."""
    for side in (ours, peer):
        await side.prepare(plan.connections)
    for _ in range(plan.rounds):
        await ours.round(plan.round_s)
        await peer.round(plan.round_s)
        log.info("messages for a CPU second: %.0f, the peer %.0f", ours.rates[-1], peer.rates[-1])
    for side in (ours, peer):
        side.figures["messages_per_cpu_s"] = statistics.median(side.rates)
        calm = await side.latency(BEARABLE_PER_S, plan.open_s, plan.drain_s)
        side.figures[f"answer_p99_ms_at_{BEARABLE_PER_S}"] = calm.quantile_ms(0.99)
        if calm.unanswered:
            await side.prepare(plan.connections)
        seen = await side.latency(OPEN_LOOP_PER_S, plan.open_s, plan.drain_s)
        side.figures["answer_p50_ms"] = seen.quantile_ms(0.5)
        side.figures["answer_p99_ms"] = seen.quantile_ms(0.99)
        side.figures["answered_per_s"] = seen.answered_per_s
        log.info("%s: latencies were measured", side.server.name)
        await side.reconnect(plan.reconnects)
        log.info("%s: stations have reconnected", side.server.name)
    ratios = [mine / theirs for mine, theirs in zip(ours.rates, peer.rates, strict=True)]
    return {"ratio_to_ocpp_websockets": statistics.median(ratios), **ours.figures}, peer.figures


def run(quick: bool) -> Outcome:
    """Measure; see the module's text. Raises ServerFailed and LoadFailed."""
    with asyncio.Runner() as runner:
        figures, peer_figures = runner.run(_run(QUICK if quick else FULL))
    return Outcome(figures=figures, seed=0, peer_figures=peer_figures, notes=NOTES)


NOTES = (
    "messages_per_cpu_s, reconnects_per_s: for one CPU second of all threads of the server.",
    "Ours pays for the durable journal, the raw message log, samples and rollups; the peer keeps nothing.",
    f"answer_*: calls come at {OPEN_LOOP_PER_S:,} a second (or {BEARABLE_PER_S}), late from when due;",
    "  where answered_per_s is less than what came, they queue, and the p99 is a lower bound.",
    "stage_*_us: CPU time a message, without TLS and sockets; keep: session and ledger up to the journal.",
    f"stations: each with a connection over TLS and values each {VALUES_EVERY_S} s.",
)


async def _run(plan: Plan) -> tuple[dict[str, float], dict[str, float]]:
    python, script = peer_programs()
    calm_garbage_collector()
    with tempfile.TemporaryDirectory(prefix="ampacity-bench-") as name:
        folder = Path(name)
        certificate, key = await make_certificate(python, script, folder)
        context = client_context(certificate)
        flush_ms = disk_flush_ms(folder)
        # What a connection takes is seen best where nothing was freed before: servers of their own for that.
        async with both(python, script, folder / "hold", certificate, key) as (ours, peer):
            first, second = Side(ours, context), Side(peer, context)
            await first.hold(plan.held, plan.held_s)
            await second.hold(plan.peer_held, plan.held_s)
            log.info("stations were held")
        async with both(python, script, folder / "load", certificate, key) as (ours, peer):
            figures, peers = await measure(plan, Side(ours, context), Side(peer, context))
        log.info("the stages of a message are measured")
        parts = await stages(folder, plan.stage_rounds)
    return {**figures, **first.figures, **parts, "disk_flush_ms": flush_ms}, {**peers, **second.figures}


@asynccontextmanager
async def both(
    python: Path, script: Path, folder: Path, certificate: Path, key: Path
) -> AsyncIterator[tuple[Server, Server]]:
    """Our server and the peer's, running."""
    await asyncio.to_thread(folder.mkdir)
    async with AsyncExitStack() as running:
        ours = await Server.start(
            "Ampacity", sys.executable, "-m", "ampacity.bench.gateway.server", folder, certificate, key
        )
        running.push_async_callback(ours.stop)
        peer = await Server.start("ocpp + websockets", python, script, folder, certificate, key)
        running.push_async_callback(peer.stop)
        yield ours, peer


async def _started(clients: Sequence[Client]) -> None:
    """Let each begin its transaction, some at a time."""
    for first in range(0, len(clients), 100):
        await asyncio.gather(*(client.start() for client in clients[first : first + 100]))


def disk_flush_ms(folder: Path) -> float:
    """Median time of a 4-kB write with fsync: what a durable answer waits for at least."""
    took = []
    with (folder / "flush").open("wb", buffering=0) as file:
        for _ in range(31):
            began = time.perf_counter()
            file.write(bytes(4096))
            os.fsync(file.fileno())
            took.append(time.perf_counter() - began)
    return statistics.median(took) * 1000
