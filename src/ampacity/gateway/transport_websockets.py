"""WebSockets by the `websockets` library: the fallback, slower but everywhere.

Its API is coroutines, ours plain calls: one task a connection reads, another writes what was queued. It takes
connections itself, so the pace of handshakes is kept by telling who is too early to come back.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections import deque
from typing import Any

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from .rates import Bucket
from .settings import GatewaySettings
from .tls import line_of
from .transport import LOST, NO_PONG, Door, Ending, Entry, Handshake, Peer

log = logging.getLogger(__name__)
_QUIET = logging.getLogger("ampacity.gateway.websockets")
_QUIET.setLevel(logging.CRITICAL)


class _Connection(ServerConnection):
    """Tells its socket when the kernel takes nothing more."""

    ours: _Socket | None = None

    def pause_writing(self) -> None:
        super().pause_writing()
        if self.ours is not None:
            self.ours.stalled(True)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self.ours is not None:
            self.ours.stalled(False)


class _Socket:
    """Our `Socket` over a `ServerConnection`."""

    def __init__(self, connection: _Connection, peer: Peer, close_timeout_s: float) -> None:
        self._connection = connection
        self._peer = peer
        self._close_timeout_s = close_timeout_s
        self._unsent: deque[str] = deque()
        self._stalled = False
        self._writer: asyncio.Task[None] | None = None
        self._closer: asyncio.Task[None] | None = None
        self._may_read = asyncio.Event()
        self._may_read.set()
        self.ending: Ending | None = None

    def stalled(self, stalled: bool) -> None:
        self._stalled = stalled
        if stalled:
            self._tell_unsent()
        else:
            self._peer.unsent(0)

    def send(self, text: str) -> None:
        if self._closer is not None:
            return
        self._unsent.append(text)
        if self._stalled:
            self._tell_unsent()
        if self._writer is None or self._writer.done():
            self._writer = asyncio.ensure_future(self._write())

    async def _write(self) -> None:
        try:
            while self._unsent:
                await self._connection.send(self._unsent.popleft())
        except ConnectionClosed:
            self._unsent.clear()

    def _tell_unsent(self) -> None:
        waiting = sum(len(text) for text in self._unsent)
        self._peer.unsent(self._connection.transport.get_write_buffer_size() + waiting)

    def close(self, code: int, ending: Ending) -> None:
        self.ending = self.ending or ending
        if self._closer is None:
            self._may_read.set()
            self._closer = asyncio.ensure_future(self._close(code, ending.reason))

    async def _close(self, code: int, reason: str) -> None:
        if self._writer is not None and not self._writer.done():
            # What was queued before the close goes out first, unless the other end does not take it.
            await asyncio.wait({self._writer}, timeout=self._close_timeout_s)
        await self._connection.close(code, reason.encode()[:120].decode(errors="ignore"))

    def abort(self, ending: Ending) -> None:
        self.ending = self.ending or ending
        self._unsent.clear()
        self._may_read.set()
        self._connection.transport.abort()

    def pause_reading(self) -> None:
        self._may_read.clear()

    def resume_reading(self) -> None:
        self._may_read.set()

    async def read(self) -> None:
        self._connection.ours = self
        self._peer.opened(self)
        try:
            async for message in self._connection:
                await self._may_read.wait()
                if isinstance(message, str) and self._closer is None:
                    self._peer.received(message)
        except ConnectionClosed:
            pass
        finally:
            self._peer.closed(self.ending or self._found())

    def _found(self) -> Ending:
        """Why the library says that it ended."""
        error = self._connection.protocol.close_exc
        if error.sent is not None and (not error.rcvd_then_sent or error.rcvd is None):
            if "ping" in error.sent.reason:
                return NO_PONG
            return Ending("protocol", error.sent.reason or "a frame against the rules")
        if error.rcvd is not None:
            words = f"{error.rcvd.code} {error.rcvd.reason}".strip()
            return Ending("closed", f"closed by the station ({words})")
        return LOST


class _WebsocketsListener:
    def __init__(self, servers: list[Server], listening: list[socket.socket]) -> None:
        self._servers = servers
        self._starting: list[asyncio.Task[None]] = []
        self.port = int(listening[0].getsockname()[1])

    @property
    def open(self) -> int:
        return sum(len(server.connections) for server in self._servers)

    def accept(self) -> None:
        self._starting = [asyncio.ensure_future(server.start_serving()) for server in self._servers]

    async def close(self) -> None:
        for server in self._servers:
            server.close(close_connections=False)
        await asyncio.sleep(0)


async def listen_websockets(
    listening: list[socket.socket],
    settings: GatewaySettings,
    door: Door,
    context: ssl.SSLContext | None,
) -> _WebsocketsListener:
    """Listen with `websockets`; see `listening.listen`."""
    entries: dict[ServerConnection, Entry] = {}
    pace = Bucket(settings.handshakes_per_s, settings.handshake_burst)

    def process_request(connection: ServerConnection, request: Request) -> Response | None:
        headers: dict[str, str] = {}
        for name, value in request.headers.raw_items():
            lower = name.lower()
            headers[lower] = f"{headers[lower]}, {value}" if lower in headers else value
        address = connection.remote_address
        peer = f"{address[0]}:{address[1]}" if isinstance(address, tuple) else str(address or "")
        late_s = pace.take(asyncio.get_running_loop().time())
        line = line_of(connection.transport.get_extra_info("ssl_object"))
        verdict = door.judge(Handshake(request.path, headers, peer, line), late_s)
        if isinstance(verdict, Entry):
            entries[connection] = verdict
            return None
        response = connection.respond(verdict.status, verdict.body)
        for name, value in verdict.headers:
            response.headers[name] = value
        return response

    def select(connection: ServerConnection, offered: object) -> Subprotocol | None:
        agreed = entries[connection].subprotocol
        return Subprotocol(agreed) if agreed is not None else None

    async def handler(connection: Any) -> None:
        entry = entries.pop(connection)
        await _Socket(connection, entry.make_peer(), settings.close_timeout_s).read()

    compression = ServerPerMessageDeflateFactory(
        server_no_context_takeover=True, client_no_context_takeover=True
    )

    async def listen_on(made: socket.socket) -> Server:
        return await serve(
            handler,
            sock=made,
            ssl=context,
            start_serving=False,
            create_connection=_Connection,
            process_request=process_request,
            select_subprotocol=select,
            compression=None,
            extensions=[compression] if settings.compression else None,
            open_timeout=settings.handshake_timeout_s,
            ping_interval=settings.ping_interval_s,
            ping_timeout=settings.pong_timeout_s,
            close_timeout=settings.close_timeout_s,
            max_size=settings.max_frame_bytes,
            max_queue=4,
            # Told of the first byte that the kernel does not take. asyncio's TLS takes 0 for "always full".
            write_limit=0 if context is None else 1,
            logger=_QUIET,
        )

    servers = [await listen_on(made) for made in listening]
    return _WebsocketsListener(servers, listening)
