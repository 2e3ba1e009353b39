"""The station's end of a WebSocket, by picows: frames come as calls, and the line under it can be cut.

The `websockets`-like face of picows hides its transport; a station must be able to drop its line without a
word, so this file uses the frames themselves. Fragments are joined; compression isn't offered.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import picows
from picows import WSCloseCode, WSFrame, WSMsgType, WSTransport

OPEN_TIMEOUT_WALL_S = 10.0
MAX_FRAME_BYTES = 1 << 20


class HandshakeFailed(Exception):
    """No WebSocket; the message says why."""


class Socket(picows.WSListener):
    """An open WebSocket. `attach` says who takes what comes; until then it is kept."""

    def __init__(self, subprotocol: str | None) -> None:
        super().__init__()
        self.subprotocol = subprotocol
        self.silent = False
        self._transport: WSTransport | None = None
        self._received: Callable[[str], None] | None = None
        self._early: list[str] = []
        self._parts: list[bytes] = []
        self._pong = asyncio.Event()
        self._gone = asyncio.Event()

    def attach(self, received: Callable[[str], None]) -> None:
        """From now on `received` gets each text, first those that came already."""
        self._received = received
        early, self._early = self._early, []
        for text in early:
            received(text)

    @property
    def is_open(self) -> bool:
        transport = self._transport
        return transport is not None and not (transport.is_disconnected or transport.is_close_frame_sent)

    async def closed(self) -> None:
        """Return when it is gone."""
        await self._gone.wait()

    def send(self, text: str) -> bool:
        """Write a text; False where it can't be written. A silent line swallows it."""
        if not self.is_open:
            return False
        if not self.silent:
            assert self._transport is not None
            self._transport.send(WSMsgType.TEXT, text)
        return True

    async def ping(self, timeout_wall_s: float) -> bool:
        """Whether the other end answers in time."""
        self._pong.clear()
        if self.is_open and not self.silent:
            assert self._transport is not None
            self._transport.send_ping(b"?")
        try:
            async with asyncio.timeout(timeout_wall_s):
                await self._pong.wait()
        except TimeoutError:
            return False
        return True

    async def close(self, timeout_wall_s: float) -> None:
        """Close in order; where the other end doesn't play along, or can't be reached, abort."""
        if self.is_open and not self.silent:
            assert self._transport is not None
            self._transport.send_close(WSCloseCode.OK)
            try:
                async with asyncio.timeout(timeout_wall_s):
                    await self._gone.wait()
            except TimeoutError:
                pass
        self.abort()

    def abort(self) -> None:
        """Drop the connection without a closing handshake. Over a silent line the other end can't hear even
        that: it stays as it is until `bury`.
        """
        if self.silent:
            self._gone.set()
        else:
            self.bury()

    def bury(self) -> None:
        """Give the connection's socket back; the other end hears of it now."""
        if self._transport is not None and not self._transport.is_disconnected:
            self._transport.underlying_transport.abort()

    def go_silent(self) -> None:
        """From now on nothing is read or written, and the other end isn't told."""
        self.silent = True
        if self._transport is not None:
            self._transport.underlying_transport.pause_reading()

    # ------------------------------------------------------------ picows calls these

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._transport = transport

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        kind = frame.msg_type
        if kind == WSMsgType.PONG:
            self._pong.set()
        elif kind == WSMsgType.CLOSE:
            if not transport.is_close_frame_sent:
                transport.send_close(WSCloseCode.OK)
            transport.disconnect()
        elif kind in (WSMsgType.TEXT, WSMsgType.CONTINUATION):
            self._parts.append(frame.get_payload_as_bytes())
            if frame.fin:
                text, self._parts = b"".join(self._parts).decode("utf-8", "replace"), []
                if self._received is None:
                    self._early.append(text)
                else:
                    self._received(text)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self._gone.set()


async def connect(url: str, subprotocol: str, headers: Sequence[tuple[str, str]]) -> Socket:
    """Connect and shake hands. Raises HandshakeFailed."""

    def listen(_: picows.WSUpgradeRequest, response: picows.WSUpgradeResponse) -> Socket:
        return Socket(response.headers.get("Sec-WebSocket-Protocol"))

    try:
        async with asyncio.timeout(OPEN_TIMEOUT_WALL_S):
            _, socket = await picows.ws_connect(
                listen,
                url,
                websocket_handshake_timeout=OPEN_TIMEOUT_WALL_S,
                max_frame_size=MAX_FRAME_BYTES,
                extra_headers=[("Sec-WebSocket-Protocol", subprotocol), *headers],
            )
    except (OSError, TimeoutError, picows.WSError) as problem:
        raise HandshakeFailed(str(problem) or type(problem).__name__) from None
    assert isinstance(socket, Socket)
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        # A wait_for on the way may have lost a cancellation that came together with the answer (Python 3.11).
        socket.abort()
        raise asyncio.CancelledError
    return socket
