"""The load of the gateway benchmark: stations as bare sockets, the same for every server.

Frames come ready from `frames`; of an answer only its head is looked at. So the generator costs a
fraction of the servers, and one process drives thousands of stations. Each station has one call outstanding.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import ssl
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path

import picows
from msgspec import Struct
from picows import WSFrame, WSMsgType, WSTransport

from ..report import BenchFailed
from .frames import SUBPROTOCOLS, Script

TICK_S = 0.001
CONNECTING_AT_ONCE = 32
ANSWER_LIMIT_S = 30.0

_QUIET = logging.getLogger("ampacity.bench.picows")
_QUIET.setLevel(logging.CRITICAL)


class LoadFailed(BenchFailed):
    """A server did not do what every station may expect: the figures would mean nothing."""


class Latencies(Struct, frozen=True, kw_only=True):
    """Times from when a call was due to its answer. `unanswered` calls count with the time they waited."""

    seconds: list[float]
    unanswered: int
    answered_per_s: float

    def quantile_ms(self, share: float) -> float:
        """The time below which `share` of the answers came, in ms."""
        ordered = sorted(self.seconds)
        return ordered[min(int(share * len(ordered)), len(ordered) - 1)] * 1000


class Tally:
    """Collects the times of `wanted` answers; `full` is set with the last one."""

    def __init__(self, wanted: int) -> None:
        self.seconds: list[float] = []
        self.full = asyncio.Event()
        self._wanted = wanted

    def add(self, seconds: float) -> None:
        """One answer came."""
        self.seconds.append(seconds)
        if len(self.seconds) == self._wanted:
            self.full.set()


class Client(picows.WSListener):
    """One station's socket."""

    def __init__(self, script: Script) -> None:
        super().__init__()
        self.script = script
        self._transport: WSTransport | None = None
        self._head = b""
        self._answer: asyncio.Future[bytes] | None = None
        self._until = 0.0
        self._answered = 0
        self._due: deque[float] = deque()
        self._tally: Tally | None = None

    # ------------------------------------------------------------ picows calls these

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._transport = transport

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type != WSMsgType.TEXT:
            if frame.msg_type == WSMsgType.CLOSE:
                transport.disconnect()
            return
        body = frame.get_payload_as_bytes()
        if not body.startswith(self._head):
            self._fail(f"station {self.script.identity} got {body[:300]!r}, wanted {self._head!r}")
            return
        if self._tally is not None:
            self._tally.add(time.perf_counter() - self._due.popleft())
            if self._due:
                self._ask()
            return
        self._answered += 1
        if time.perf_counter() < self._until:
            self._ask()
        elif self._answer is not None and not self._answer.done():
            self._answer.set_result(body)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self._transport = None
        self._fail(f"station {self.script.identity} lost its connection")

    # ------------------------------------------------------------ what it can do

    async def call(self, call: tuple[str, str]) -> bytes:
        """Send one call; returns the answer's frame."""
        self._answer = asyncio.get_running_loop().create_future()
        self._until = 0.0
        self._send(call)
        async with asyncio.timeout(ANSWER_LIMIT_S):
            return await self._answer

    async def start(self) -> None:
        """Begin a transaction, which the cycle's values belong to."""
        answer = json.loads(await self.call(self.script.start()))
        if self.script.version == "1.6":
            self.script.started(answer[2]["transactionId"])

    async def cycle(self, until: float) -> int:
        """Send calls of the cycle, each when the one before was answered; returns how many were answered."""
        self._answer = asyncio.get_running_loop().create_future()
        self._until, self._answered = until, 0
        self._ask()
        await self._answer
        return self._answered

    def due(self, at: float, tally: Tally) -> None:
        """A call is due: send it, or when the call before is answered. Its time goes into `tally`."""
        self._tally = tally
        self._due.append(at)
        if len(self._due) == 1:
            self._ask()

    def still_due(self) -> list[float]:
        """When the calls were due that have no answer; they are given up."""
        waiting, self._due, self._tally = list(self._due), deque(), None
        return waiting

    def abort(self) -> None:
        """Drop the connection, as a station does that loses its power."""
        if self._transport is not None:
            self._answer = None
            self._transport.disconnect(False)

    def _ask(self) -> None:
        self._send(self.script.next())

    def _send(self, call: tuple[str, str]) -> None:
        name, frame = call
        # Some servers write a space after the comma; none writes the id first.
        self._head = b'[3,"' + name.encode() + b'"'
        if self._transport is None:
            self._fail(f"station {self.script.identity} has no connection")
        else:
            self._transport.send(WSMsgType.TEXT, frame)

    def _fail(self, reason: str) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(LoadFailed(reason))


def client_context(certificate: Path) -> ssl.SSLContext:
    """TLS 1.3, trusting the benchmark's own certificate and no other."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_verify_locations(certificate)
    return context


async def connect(scripts: Sequence[Script], port: int, context: ssl.SSLContext) -> list[Client]:
    """Open a socket for each script, some at a time; each has had its first Heartbeat answered."""
    turn = asyncio.Semaphore(CONNECTING_AT_ONCE)

    async def open_one(script: Script) -> Client:
        async with turn:
            _, client = await picows.ws_connect(
                lambda: Client(script),
                f"wss://127.0.0.1:{port}/ocpp/{script.identity}",
                ssl_context=context,
                extra_headers={"Sec-WebSocket-Protocol": SUBPROTOCOLS[script.version]},
                websocket_handshake_timeout=ANSWER_LIMIT_S,
                read_buffer_init_size=2048,
                logger_name=_QUIET,
            )
            assert isinstance(client, Client)
            await client.call(script.heartbeat())
            return client

    async with asyncio.TaskGroup() as opening:
        tasks = [opening.create_task(open_one(script)) for script in scripts]
    return [task.result() for task in tasks]


async def closed_loop(clients: Sequence[Client], duration_s: float, limit_s: float) -> int:
    """Each station sends call after call for `duration_s`; returns how many were answered: all of them.

    Raises LoadFailed when one is still unanswered `limit_s` after the end.
    """
    until = time.perf_counter() + duration_s
    try:
        async with asyncio.timeout(duration_s + limit_s):
            return sum(await asyncio.gather(*(client.cycle(until) for client in clients)))
    except TimeoutError:
        raise LoadFailed(f"a call was not answered within {limit_s:g} s") from None


async def open_loop(
    clients: Sequence[Client], rate_per_s: float, duration_s: float, drain_s: float
) -> Latencies:
    """Calls at a fixed rate whatever the answers do, in turns over all stations.

    A call whose station still waits for an answer is late from when it was due: a slow server can't hide
    behind its own slowness. What is unanswered `drain_s` after the end is given up.
    """
    total, sent = max(int(rate_per_s * duration_s), 1), 0
    tally = Tally(total)
    began = time.perf_counter()
    while sent < total:
        now = time.perf_counter()
        while sent < total and began + sent / rate_per_s <= now:
            clients[sent % len(clients)].due(began + sent / rate_per_s, tally)
            sent += 1
        await asyncio.sleep(TICK_S)
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(tally.full.wait(), drain_s)
    finished = time.perf_counter()
    late = [finished - due for client in clients for due in client.still_due()]
    return Latencies(
        seconds=tally.seconds + late,
        unanswered=len(late),
        answered_per_s=len(tally.seconds) / (finished - began),
    )
