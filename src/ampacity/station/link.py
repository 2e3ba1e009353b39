"""One socket of a station to its CSMS: an OCPP engine in the station's role over a WebSocket.

Call time-outs count in site time; the socket's own deadlines in wall time.
"""

from __future__ import annotations

import asyncio
import base64
import itertools
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import quote

from picows import websockets
from picows.websockets.exceptions import ConnectionClosed, WebSocketException

from ..clock import Clock
from ..ocpp.codec import Codec
from ..ocpp.engine import Engine
from ..ocpp.errors import ErrorCode
from ..ocpp.events import CallLost, CallReceived, CallTimedOut, ErrorReceived, ResultReceived
from ..ocpp.version import Role, Version
from .config import StationConfig
from .wire import NotSupported

log = logging.getLogger(__name__)

OPEN_TIMEOUT_S = 10.0
CODECS = {version: Codec(version, Role.STATION) for version in Version}
_COUNTER = itertools.count(int(time.time() * 1000) % 10**9 * 1000)

Answerer = Callable[[str, Any], Awaitable[Any]]


class Unreachable(Exception):
    """No socket: not open, refused, or the handshake failed. The message says why."""


class CallFailed(Exception):
    """A call without a result: `kind` is `timeout`, `lost` or `error` (the CSMS sent a CALLERROR)."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(f"{kind}: {text}")
        self.kind = kind


class Link:
    """See the module's text. Made by `open`."""

    def __init__(
        self, socket: websockets.ClientConnection, config: StationConfig, clock: Clock, answerer: Answerer
    ) -> None:
        self._socket = socket
        self._clock = clock
        self._answerer = answerer
        self._engine = Engine(CODECS[config.version], new_id=lambda: f"{next(_COUNTER):x}")
        self._waiting: dict[str, asyncio.Future[Any]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._timer: asyncio.Task[None] | None = None
        self._reader = asyncio.ensure_future(self._read())
        self.silent = False
        self.messages_in = 0
        self.messages_out = 0

    @classmethod
    async def open(cls, config: StationConfig, clock: Clock, answerer: Answerer) -> Link:
        """Connect and shake hands. Raises Unreachable."""
        headers = {}
        if config.password is not None:
            secret = base64.b64encode(f"{config.station_id}:{config.password}".encode()).decode()
            headers["Authorization"] = f"Basic {secret}"
        try:
            socket = await asyncio.wait_for(
                websockets.connect(
                    f"{config.url}/{quote(config.station_id, safe='')}",
                    subprotocols=[config.version.subprotocol],
                    additional_headers=headers,
                    compression=None,
                    ping_interval=None,
                    max_size=1 << 20,
                ),
                OPEN_TIMEOUT_S,
            )
        except (OSError, TimeoutError, WebSocketException) as problem:
            raise Unreachable(f"{config.url}: {problem or type(problem).__name__}") from None
        if socket.subprotocol != config.version.subprotocol:
            await socket.close()
            raise Unreachable(f"{config.url}: the CSMS does not speak {config.version.subprotocol}")
        return cls(socket, config, clock, answerer)

    async def call(self, action: str, payload: Any) -> tuple[Any, float]:
        """Call and wait: the answer's payload, and the wall seconds that it took. Raises CallFailed."""
        if self._engine.closed:
            raise CallFailed("lost", "the socket is closed")
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        message_id = self._engine.call(action, payload, self._clock.monotonic())
        self._waiting[message_id] = future
        started = time.perf_counter()
        await self._flush()
        result = await future
        return result, time.perf_counter() - started

    async def closed(self) -> None:
        """Return when the socket is gone."""
        await asyncio.wait({self._reader})

    async def close(self) -> None:
        """Say goodbye."""
        await self._socket.close()

    async def abort(self) -> None:
        """Drop the connection without a closing handshake."""
        self.silent = False
        transport = self._socket.transport
        if transport is not None:
            transport.underlying_transport.abort()
        self._reader.cancel()

    def go_silent(self) -> None:
        """From now on nothing is read or written, and the peer isn't told: a cable pulled behind a switch."""
        self.silent = True
        transport = self._socket.transport
        if transport is not None:
            transport.underlying_transport.pause_reading()

    async def _read(self) -> None:
        try:
            async for text in self._socket:
                self.messages_in += 1
                for event in self._engine.receive(text, self._clock.monotonic()):
                    self._happened(event)
                await self._flush()
        except ConnectionClosed:
            pass
        finally:
            for event in self._engine.close(self._clock.monotonic()):
                self._happened(event)
            for task in (*self._tasks, *((self._timer,) if self._timer is not None else ())):
                task.cancel()
            for future in self._waiting.values():
                if not future.done():
                    future.set_exception(CallFailed("lost", "the socket closed"))
            self._waiting.clear()

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
                task = asyncio.ensure_future(self._answer(message_id, action, payload))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    def _settle(self, message_id: str, result: object) -> None:
        waiting = self._waiting.pop(message_id, None)
        if waiting is None or waiting.done():
            return
        if isinstance(result, Exception):
            waiting.set_exception(result)
        else:
            waiting.set_result(result)

    async def _answer(self, message_id: str, action: str, payload: Any) -> None:
        try:
            answer = await self._answerer(action, payload)
        except NotSupported:
            self._engine.refuse(message_id, ErrorCode.NOT_SUPPORTED, f"{action} is not offered here")
        except Exception:
            log.exception("a station failed at %s", action)
            self._engine.refuse(message_id, ErrorCode.INTERNAL_ERROR, f"{action} failed")
        else:
            self._engine.answer(message_id, answer)
        await self._flush()

    async def _flush(self) -> None:
        if self.silent:
            return
        try:
            for text in self._engine.frames_to_send():
                self.messages_out += 1
                await self._socket.send(text)
        except ConnectionClosed:
            return
        if self._engine.next_timeout() is not None and self._timer is None:
            self._timer = asyncio.ensure_future(self._watch())

    async def _watch(self) -> None:
        """Let calls time out, for as long as any waits."""
        while True:
            due = self._engine.next_timeout()
            if due is None:
                self._timer = None
                return
            now = self._clock.monotonic()
            if now < due:
                await self._clock.sleep(due - now)
            for event in self._engine.handle_timeout(self._clock.monotonic()):
                self._happened(event)
            await self._flush()
