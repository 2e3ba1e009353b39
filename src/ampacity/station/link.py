"""One socket of a station to its CSMS: an OCPP engine in the station's role over a WebSocket.

Call time-outs count in site time; pings, which notice a line that is dead without a word, in wall time.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import itertools
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import quote

from ..clock import Clock
from ..ocpp.codec import Codec
from ..ocpp.engine import Engine, EngineClosed, QueueFull, UnknownCall
from ..ocpp.errors import ErrorCode, PayloadError
from ..ocpp.events import CallLost, CallReceived, CallTimedOut, ErrorReceived, ResultReceived
from ..ocpp.history import History
from ..ocpp.version import Role, Version
from .config import StationConfig
from .websocket import HandshakeFailed, Socket, connect
from .wire import NoReply, NotSupported, Refused

log = logging.getLogger(__name__)

CLOSE_TIMEOUT_WALL_S = 5.0
CODECS = {version: Codec(version, Role.STATION) for version in Version}
_COUNTER = itertools.count(int(time.time() * 1000) % 10**9 * 1000)

Answerer = Callable[[str, Any], Awaitable[Any]]


class Unreachable(Exception):
    """No socket: not open, refused, or the handshake failed. The message says why."""


class CallFailed(Exception):
    """A call without a result: `kind` is `timeout`, `lost`, `error` (the CSMS sent a CALLERROR) or `unsent`
    (the payload breaks its schema, or too many wait).
    """

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(f"{kind}: {text}")
        self.kind = kind


class Link:
    """See the module's text. Made by `open`; `answerer` answers the CSMS's calls."""

    def __init__(
        self, socket: Socket, config: StationConfig, clock: Clock, answerer: Answerer, history: History
    ) -> None:
        self._socket = socket
        self._clock = clock
        self._answerer = answerer
        self._call_timeout_s = config.call_timeout_s
        self._engine = Engine(CODECS[config.version], new_id=lambda: f"{next(_COUNTER):x}", history=history)
        self._waiting: dict[str, asyncio.Future[Any]] = {}
        self._answering: set[asyncio.Task[None]] = set()
        self._timer: asyncio.Task[None] | None = None
        self._pings = asyncio.create_task(
            self._keep_alive(config.ping_interval_wall_s, config.ping_timeout_wall_s)
        )
        self._life = asyncio.create_task(socket.closed())
        self._life.add_done_callback(self._ended)
        self.messages_in = 0
        self.messages_out = 0
        socket.attach(self._received)

    @classmethod
    async def open(cls, config: StationConfig, clock: Clock, answerer: Answerer, history: History) -> Link:
        """Connect and shake hands. `history` is handed from link to link. Raises Unreachable."""
        headers = []
        if config.password is not None:
            secret = base64.b64encode(f"{config.station_id}:{config.password}".encode()).decode()
            headers.append(("Authorization", f"Basic {secret}"))
        subprotocol = config.version.subprotocol
        try:
            socket = await connect(f"{config.url}/{quote(config.station_id, safe='')}", subprotocol, headers)
        except HandshakeFailed as problem:
            raise Unreachable(f"{config.url}: {problem}") from None
        if socket.subprotocol != subprotocol:
            socket.abort()
            raise Unreachable(f"{config.url}: the CSMS does not speak {subprotocol}")
        return cls(socket, config, clock, answerer, history)

    @property
    def silent(self) -> bool:
        """Whether the line is dead without either end having been told."""
        return self._socket.silent

    async def call(self, action: str, payload: Any) -> tuple[Any, float]:
        """Call and wait: the answer's payload, and the wall seconds that it took. Raises CallFailed."""
        try:
            message_id = self._engine.call(
                action, payload, self._clock.monotonic(), timeout_s=self._call_timeout_s
            )
        except EngineClosed:
            raise CallFailed("lost", f"{action}: the socket is closed") from None
        except (PayloadError, QueueFull) as problem:
            raise CallFailed("unsent", f"{action}: {problem}") from None
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting[message_id] = future
        started = time.perf_counter()
        try:
            self._flush()
            return await future, time.perf_counter() - started
        finally:
            # Whoever gave up while it was queued takes it back.
            if self._waiting.pop(message_id, None) is not None:
                self._engine.withdraw(message_id)

    async def closed(self) -> None:
        """Return when the socket is gone and every call has its outcome."""
        await asyncio.wait({self._life})

    async def close(self) -> None:
        """Say goodbye; over a dead line nobody waits for the answer."""
        await self._socket.close(CLOSE_TIMEOUT_WALL_S)

    def abort(self) -> None:
        """Drop the connection without a closing handshake."""
        self._socket.abort()

    def bury(self) -> None:
        """A silent line that was dropped: let the peer hear of it."""
        self._socket.bury()

    def go_silent(self) -> None:
        """From now on nothing is read or written, and the peer isn't told: a cable pulled behind a switch."""
        self._socket.go_silent()

    # ------------------------------------------------------------ inbound

    def _received(self, text: str) -> None:
        self.messages_in += 1
        for event in self._engine.receive(text, self._clock.monotonic()):
            self._happened(event)
        self._flush()

    def _ended(self, _: object) -> None:
        for event in self._engine.close(self._clock.monotonic()):
            self._happened(event)
        for task in (*self._answering, self._pings, self._timer):
            if task is not None:
                task.cancel()

    def _happened(self, event: object) -> None:
        match event:
            case ResultReceived(message_id=message_id, payload=payload):
                self._settle(message_id, payload)
            case ErrorReceived(message_id=message_id, action=action, code=code, description=description):
                self._settle(message_id, CallFailed("error", f"{action}: {code} {description}"))
            case CallTimedOut(message_id=message_id, action=action):
                self._settle(message_id, CallFailed("timeout", action))
            case CallLost(message_id=message_id, action=action):
                self._settle(message_id, CallFailed("lost", action))
            case CallReceived(message_id=message_id, action=action, payload=payload):
                task = asyncio.create_task(self._answer(message_id, action, payload))
                self._answering.add(task)
                task.add_done_callback(self._answering.discard)

    def _settle(self, message_id: str, result: object) -> None:
        waiting = self._waiting.pop(message_id, None)
        if waiting is None or waiting.done():
            return
        if isinstance(result, Exception):
            waiting.set_exception(result)
        else:
            waiting.set_result(result)

    async def _answer(self, message_id: str, action: str, payload: Any) -> None:
        engine = self._engine
        try:
            engine.answer(message_id, await self._answerer(action, payload))
        except NoReply:
            engine.abandon(message_id)
        except NotSupported:
            engine.refuse(message_id, ErrorCode.NOT_SUPPORTED, f"{action} is not offered here")
        except Refused as refusal:
            engine.refuse(message_id, refusal.code, str(refusal))
        except asyncio.CancelledError:
            engine.abandon(message_id)
            raise
        except Exception:
            log.exception("a station failed at %s", action)
            with contextlib.suppress(UnknownCall):
                engine.refuse(message_id, ErrorCode.INTERNAL_ERROR, f"{action} failed")
        self._flush()

    # ------------------------------------------------------------ outbound

    def _flush(self) -> None:
        if self._engine.next_timeout() is not None and self._timer is None:
            self._timer = asyncio.create_task(self._watch())
        for text in self._engine.frames_to_send():
            self.messages_out += self._socket.send(text)

    async def _watch(self) -> None:
        """Let calls time out, for as long as any waits."""
        while (due := self._engine.next_timeout()) is not None:
            await self._clock.sleep(due - self._clock.monotonic())
            for event in self._engine.handle_timeout(self._clock.monotonic()):
                self._happened(event)
            self._flush()
        self._timer = None

    async def _keep_alive(self, interval_wall_s: float, timeout_wall_s: float) -> None:
        """Ping; drop a line on which no pong comes."""
        while True:
            await asyncio.sleep(interval_wall_s)
            if not await self._socket.ping(timeout_wall_s):
                log.debug("no pong within %g s: the line is dead", timeout_wall_s)
                self.abort()
                return
