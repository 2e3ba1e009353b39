"""WebSockets by the `websockets` library: the fallback, slower but everywhere.

Its API is coroutines, ours plain calls: one task a connection reads, another writes what was queued.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections import deque

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from .settings import GatewaySettings
from .transport import PING_FAILED, Door, Entry, Handshake, Peer

log = logging.getLogger(__name__)
_UNSENT_LIMIT = 64
_QUIET = logging.getLogger("ampacity.gateway.websockets")
_QUIET.setLevel(logging.CRITICAL)


class _Socket:
    """Our `Socket` over a `ServerConnection`."""

    def __init__(self, connection: ServerConnection, close_timeout_s: float) -> None:
        self._connection = connection
        self._close_timeout_s = close_timeout_s
        self._unsent: deque[str] = deque()
        self._writer: asyncio.Task[None] | None = None
        self._closer: asyncio.Task[None] | None = None
        self._may_read = asyncio.Event()
        self._may_read.set()
        self.reason = ""

    def send(self, text: str) -> None:
        if self._closer is not None:
            return
        self._unsent.append(text)
        if self._writer is None or self._writer.done():
            self._writer = asyncio.ensure_future(self._write())

    async def _write(self) -> None:
        try:
            while self._unsent:
                await self._connection.send(self._unsent.popleft())
        except ConnectionClosed:
            self._unsent.clear()

    def close(self, code: int, reason: str) -> None:
        self.reason = self.reason or reason
        if self._closer is None:
            self._may_read.set()
            self._closer = asyncio.ensure_future(self._close(code, reason))

    async def _close(self, code: int, reason: str) -> None:
        if self._writer is not None and not self._writer.done():
            # What was queued before the close goes out first, unless the other end does not take it.
            await asyncio.wait({self._writer}, timeout=self._close_timeout_s)
        await self._connection.close(code, reason[:120])

    def pause_reading(self) -> None:
        self._may_read.clear()

    def resume_reading(self) -> None:
        self._may_read.set()

    async def read(self, peer: Peer) -> None:
        peer.opened(self)
        try:
            async for message in self._connection:
                await self._may_read.wait()
                if isinstance(message, str) and self._closer is None:
                    peer.received(message)
                if len(self._unsent) > _UNSENT_LIMIT and self._writer is not None:
                    # The other end takes nothing: what it sends is not read either.
                    await asyncio.wait({self._writer})
        except ConnectionClosed:
            pass
        finally:
            peer.closed(self.reason or self._reason())

    def _reason(self) -> str:
        error = self._connection.protocol.close_exc
        if error.sent is not None and (not error.rcvd_then_sent or error.rcvd is None):
            return PING_FAILED if "ping" in error.sent.reason else error.sent.reason or "connection lost"
        if error.rcvd is not None:
            return f"closed by the station ({f'{error.rcvd.code} {error.rcvd.reason}'.strip()})"
        return "connection lost"


class _WebsocketsListener:
    def __init__(self, server: Server) -> None:
        self._server = server

    @property
    def port(self) -> int:
        return int(next(iter(self._server.sockets)).getsockname()[1])

    async def close(self) -> None:
        self._server.close(close_connections=False)
        await asyncio.sleep(0)


async def listen_websockets(
    settings: GatewaySettings, door: Door, context: ssl.SSLContext | None
) -> _WebsocketsListener:
    """Listen with `websockets`; see `transport.listen`."""
    entries: dict[ServerConnection, Entry] = {}

    def process_request(connection: ServerConnection, request: Request) -> Response | None:
        headers: dict[str, str] = {}
        for name, value in request.headers.raw_items():
            lower = name.lower()
            headers[lower] = f"{headers[lower]}, {value}" if lower in headers else value
        address = connection.remote_address
        peer = f"{address[0]}:{address[1]}" if isinstance(address, tuple) else str(address or "")
        verdict = door(Handshake(request.path, headers, peer))
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

    async def handler(connection: ServerConnection) -> None:
        entry = entries.pop(connection)
        await _Socket(connection, settings.close_timeout_s).read(entry.make_peer())

    compression = ServerPerMessageDeflateFactory(
        server_no_context_takeover=True, client_no_context_takeover=True
    )
    server = await serve(
        handler,
        settings.host,
        settings.ocpp_port,
        ssl=context,
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
        logger=_QUIET,
        backlog=2048,
    )
    return _WebsocketsListener(server)
