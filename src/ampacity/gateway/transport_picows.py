"""WebSockets by picows: frames arrive as calls from its C loop, so a message costs no task switch.

picows hands over single frames; this file joins fragments, undoes permessage-deflate and keeps to the rules
for reserved bits, which picows does not look at. Pings are sent from one timer for all connections: a task
for each costs memory, and would take a station for dead whose pong *we* leave unread.
"""

from __future__ import annotations

import asyncio
import logging
import math
import socket
import ssl
import zlib
from http import HTTPStatus
from typing import Final

import aiofastnet
import picows
from picows import WSCloseCode, WSFrame, WSMsgType, WSTransport
from picows.picows import WSProtocol  # type: ignore[attr-defined]

from ..csms.link import PLAIN
from .accepting import Acceptor
from .compression import COMPRESS_FROM_BYTES, Agreed, TooLarge, agree, unpack
from .rates import Bucket
from .settings import GatewaySettings
from .tls import line_of
from .transport import GOING_AWAY, LOST, NO_PONG, Door, Ending, Entry, Handshake, Peer

log = logging.getLogger(__name__)

_TEXT: Final = WSMsgType.TEXT


class _Socket(picows.WSListener):
    """One connection: picows' listener and our `Socket` in one."""

    __slots__ = (
        "_deflate",
        "_ending",
        "_parts",
        "_parts_bytes",
        "_parts_deflated",
        "_parts_type",
        "_peer",
        "_settings",
        "_slot",
        "_stalled",
        "_transport",
        "_unread",
        "_waits_for_pong",
        "pings",
    )

    def __init__(self, peer: Peer, settings: GatewaySettings, deflate: Agreed | None, pings: _Pings) -> None:
        super().__init__()
        self.pings = pings
        self._peer = peer
        self._settings = settings
        self._deflate = deflate
        self._transport: WSTransport | None = None
        self._parts: list[bytes] = _NOTHING
        self._parts_bytes = 0
        self._parts_type: WSMsgType | None = None
        self._parts_deflated = False
        self._ending: Ending | None = None
        self._unread = False
        self._stalled = False
        self._waits_for_pong = False
        self._slot = 0

    # ------------------------------------------------------------ picows calls these

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._transport = transport
        # Told of the first byte that the kernel does not take, not of the 64,000th.
        transport.underlying_transport.set_write_buffer_limits(0)
        self._slot = self.pings.add(self)
        self._peer.opened(self)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        kind = frame.msg_type
        if frame.rsv2 or frame.rsv3:
            self._fail(WSCloseCode.PROTOCOL_ERROR, "a reserved bit without a meaning")
        elif kind == _TEXT and frame.fin and not frame.rsv1 and self._parts_type is None:
            if transport.is_close_frame_sent:
                return  # what comes after our close is not answered any more
            try:
                text = frame.get_payload_as_utf8_text()
            except UnicodeDecodeError:
                self._fail(WSCloseCode.INVALID_TEXT, "a text message that is not UTF-8")
                return
            self._peer.received(text)
        else:
            self._seldom(transport, frame, kind)

    def _seldom(self, transport: WSTransport, frame: WSFrame, kind: WSMsgType) -> None:
        """All frames but a message in one uncompressed piece."""
        if kind == WSMsgType.CLOSE:
            self._closed_by_station(transport, frame)
        elif transport.is_close_frame_sent:
            return
        elif kind == WSMsgType.PONG:
            self._waits_for_pong = False
        elif kind == WSMsgType.PING:
            transport.send_pong(frame.get_payload_as_bytes())
        elif kind == WSMsgType.CONTINUATION:
            if self._parts_type is None:
                self._fail(WSCloseCode.PROTOCOL_ERROR, "a continuation without a beginning")
            elif frame.rsv1:
                self._fail(WSCloseCode.PROTOCOL_ERROR, "a continuation marked as compressed")
            else:
                self._collect(frame)
        elif self._parts_type is not None:
            self._fail(WSCloseCode.PROTOCOL_ERROR, "a new message inside a fragmented one")
        elif frame.rsv1 and self._deflate is None:
            self._fail(WSCloseCode.PROTOCOL_ERROR, "a compressed message where no compression was agreed")
        elif frame.fin and kind == _TEXT:
            self._deliver(frame.get_payload_as_bytes(), frame.rsv1)
        else:
            self._parts, self._parts_type, self._parts_deflated = [], kind, bool(frame.rsv1)
            self._collect(frame)

    def _closed_by_station(self, transport: WSTransport, frame: WSFrame) -> None:
        code = frame.get_close_code()
        number = code.value if isinstance(code, WSCloseCode) else int(code)
        if self._ending is None:
            words = f"{number} {frame.get_close_reason() or ''}".rstrip()
            self._ending = Ending("closed", f"closed by the station ({words})")
        if not transport.is_close_frame_sent:
            transport.send_close(code if number else WSCloseCode.OK)
        transport.disconnect()

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self.pings.remove(self, self._slot)
        handshake = transport.close_handshake
        if self._ending is None and handshake is not None and handshake.sent is not None:
            # picows closed it: a frame was against the rules. Its words name what was.
            self._ending = Ending("protocol", handshake.sent.reason or "a frame against the rules")
        self._parts = _NOTHING
        self._peer.closed(self._ending or LOST)

    def pause_writing(self) -> None:
        self._stalled = True
        self._tell_unsent()

    def resume_writing(self) -> None:
        self._stalled = False
        self._peer.unsent(0)

    # ------------------------------------------------------------ Socket

    def send(self, text: str) -> None:
        transport = self._transport
        if transport is None or transport.is_disconnected or transport.is_close_frame_sent:
            return
        if self._deflate is not None and len(text) >= COMPRESS_FROM_BYTES:
            transport.send(_TEXT, self._deflate.pack(text), True, True)
        else:
            transport.send(_TEXT, text)
        if self._stalled:
            self._tell_unsent()

    def close(self, code: int, ending: Ending) -> None:
        transport = self._transport
        if transport is None or transport.is_disconnected:
            return
        self._ending = self._ending or ending
        if not transport.is_close_frame_sent:
            transport.send_close(code, ending.reason.encode()[:120])  # type: ignore[arg-type]
        self.resume_reading()  # the other end's close must be seen
        asyncio.get_running_loop().call_later(self._settings.close_timeout_s, transport.disconnect, False)

    def abort(self, ending: Ending) -> None:
        self._ending = self._ending or ending
        if self._transport is not None:
            self._transport.disconnect(False)

    def pause_reading(self) -> None:
        transport = self._transport
        if not self._unread and transport is not None and not transport.is_disconnected:
            self._unread = True
            transport.underlying_transport.pause_reading()

    def resume_reading(self) -> None:
        transport = self._transport
        if self._unread and transport is not None and not transport.is_disconnected:
            self._unread = False
            transport.underlying_transport.resume_reading()

    # ------------------------------------------------------------ pings (see `_Pings`)

    def ping(self) -> None:
        """Ask for a pong, unless the last one is still to be read."""
        transport = self._transport
        if transport is not None and not self._waits_for_pong and not transport.is_close_frame_sent:
            self._waits_for_pong = True
            transport.send_ping()

    def check(self) -> None:
        """The pong must be here by now; but it can't be seen while we don't read."""
        if self._waits_for_pong and not self._unread:
            self.close(GOING_AWAY, NO_PONG)

    # ------------------------------------------------------------ messages from frames

    def _collect(self, frame: WSFrame) -> None:
        self._parts_bytes += frame.payload_size
        if self._parts_bytes > self._settings.max_frame_bytes:
            self._too_large()
            return
        self._parts.append(frame.get_payload_as_bytes())
        if frame.fin:
            whole, deflated, kind = b"".join(self._parts), self._parts_deflated, self._parts_type
            self._parts, self._parts_bytes, self._parts_type = _NOTHING, 0, None
            if kind == _TEXT:
                self._deliver(whole, deflated)
            # OCPP is text: binary messages are dropped without harm.

    def _deliver(self, body: bytes, deflated: bool) -> None:
        if deflated:
            try:
                body = unpack(body, self._settings.max_frame_bytes)
            except zlib.error:
                self._fail(WSCloseCode.PROTOCOL_ERROR, "a compressed message that can't be unpacked")
                return
            except TooLarge:
                self._too_large()
                return
        try:
            text = body.decode()
        except UnicodeDecodeError:
            self._fail(WSCloseCode.INVALID_TEXT, "a text message that is not UTF-8")
            return
        self._peer.received(text)

    def _too_large(self) -> None:
        limit = self._settings.max_frame_bytes
        self._fail(WSCloseCode.MESSAGE_TOO_BIG, f"a message above {limit} bytes")

    def _fail(self, code: WSCloseCode, reason: str) -> None:
        self.close(code.value, Ending("protocol", f"the station sent {reason}"))

    def _tell_unsent(self) -> None:
        transport = self._transport
        if transport is not None and not transport.is_disconnected:
            self._peer.unsent(transport.underlying_transport.get_write_buffer_size())


_NOTHING: list[bytes] = []


class _Pings:
    """Pings each socket once an interval, from one timer: the interval has slots, a socket stays in its."""

    def __init__(self, settings: GatewaySettings) -> None:
        slots = min(max(math.ceil(settings.ping_interval_s * 4), 2), 120)
        self._tick_s = settings.ping_interval_s / slots
        timeout_s = min(settings.pong_timeout_s, settings.ping_interval_s)
        self._late = min(max(math.ceil(timeout_s / self._tick_s), 1), slots - 1)
        self._slots: list[set[_Socket]] = [set() for _ in range(slots)]
        self._now = 0
        self._timer: asyncio.TimerHandle | None = None

    def add(self, socket: _Socket) -> int:
        """The slot that it got: its first ping is an interval away."""
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._tick_s, self._tick)
        self._slots[self._now].add(socket)
        return self._now

    @property
    def sockets(self) -> int:
        """How many there are."""
        return sum(map(len, self._slots))

    def remove(self, socket: _Socket, slot: int) -> None:
        """It needs no pings any more."""
        self._slots[slot].discard(socket)

    def _tick(self) -> None:
        self._timer = None
        slots = self._slots
        self._now = (self._now + 1) % len(slots)
        for late in tuple(slots[self._now - self._late]):
            late.check()
        for due in tuple(slots[self._now]):
            due.ping()
        if any(slots):
            self._timer = asyncio.get_running_loop().call_later(self._tick_s, self._tick)


class _PicowsListener:
    """Takes connections as the door's pace allows, and makes them WebSockets."""

    def __init__(
        self,
        listening: list[socket.socket],
        settings: GatewaySettings,
        door: Door,
        context: ssl.SSLContext | None,
    ) -> None:
        self._settings = settings
        self._door = door
        self._context = context
        self._pings = _Pings(settings)
        self._acceptor = Acceptor(
            listening, Bucket(settings.handshakes_per_s, settings.handshake_burst), door, self._welcome
        )

    @property
    def port(self) -> int:
        return self._acceptor.port

    @property
    def open(self) -> int:
        return self._pings.sockets

    def accept(self) -> None:
        self._acceptor.start()

    async def close(self) -> None:
        self._acceptor.close()
        await asyncio.sleep(0)

    async def _welcome(self, connection: socket.socket, peer: str) -> None:
        """Agree on TLS. Everything after that is picows'."""
        asked: list[bool] = []
        try:
            await aiofastnet.connect_accepted_socket(
                asyncio.get_running_loop(),
                lambda: self._protocol(peer, asked),
                connection,
                ssl=self._context,
                ssl_handshake_timeout=self._settings.handshake_timeout_s if self._context else None,
            )
        except (OSError, TimeoutError) as error:  # an SSLError is an OSError
            connection.close()
            self._door.failed(peer, _tls_trouble(error))
            return
        if not asked:
            # picows keeps to itself whom it closed before they had asked for anything; by then it has.
            patience_s = self._settings.handshake_timeout_s + 0.1
            asyncio.get_running_loop().call_later(patience_s, self._unasked, peer, asked)

    def _protocol(self, peer: str, asked: list[bool]) -> WSProtocol:
        # picows.ws_create_server makes the same object, but its factory is not told whose request it answers;
        # a rejected handshake without an address helps nobody.
        made: WSProtocol = WSProtocol(
            None,
            None,
            False,
            lambda request: self._answer(request, peer, asked, made),
            _QUIET,
            True,
            self._settings.handshake_timeout_s,
            False,
            1.0,
            1.0,
            picows.WSAutoPingStrategy.PING_PERIODICALLY,
            True,
            self._settings.max_frame_bytes,
            None,
            _READ_BUFFER_BYTES,
        )
        return made

    def _unasked(self, peer: str, asked: list[bool]) -> None:
        if not asked:
            self._door.failed(peer, None)

    def _answer(
        self, request: picows.WSUpgradeRequest, peer: str, asked: list[bool], protocol: WSProtocol
    ) -> picows.WSUpgradeResponseWithListener:
        asked.append(True)
        headers: dict[str, str] = {}
        for name, value in request.headers.items():
            lower = name.lower()
            headers[lower] = f"{headers[lower]}, {value}" if lower in headers else value
        line = PLAIN
        if self._context is not None:
            line = line_of(protocol.transport.underlying_transport.get_extra_info("ssl_object"))
        path = request.path.decode("ascii", "surrogateescape")
        verdict = self._door.judge(Handshake(path, headers, peer, line))
        if not isinstance(verdict, Entry):
            refusal = picows.WSUpgradeResponse.create_error_response(
                HTTPStatus(verdict.status), verdict.body.encode(), verdict.headers
            )
            return picows.WSUpgradeResponseWithListener(refusal, None)
        deflate = None
        if self._settings.compression and "sec-websocket-extensions" in headers:
            deflate = agree(headers["sec-websocket-extensions"])
        extra = {}
        if verdict.subprotocol is not None:
            extra["Sec-WebSocket-Protocol"] = verdict.subprotocol
        if deflate is not None:
            extra["Sec-WebSocket-Extensions"] = deflate.answer
        return picows.WSUpgradeResponseWithListener(
            picows.WSUpgradeResponse.create_101_response(extra),
            _Socket(verdict.make_peer(), self._settings, deflate, self._pings),
        )


def _tls_trouble(error: Exception) -> str:
    """What went wrong, as far as OpenSSL tells."""
    if isinstance(error, TimeoutError):
        return "it was silent until the time for it was over"
    return getattr(error, "reason", None) or str(error) or type(error).__name__


def listen_picows(
    listening: list[socket.socket],
    settings: GatewaySettings,
    door: Door,
    context: ssl.SSLContext | None,
) -> _PicowsListener:
    """Listen with picows; see `listening.listen`."""
    return _PicowsListener(listening, settings, door, context)


_READ_BUFFER_BYTES = 8 * 1024
"""Half of picows' default: station messages are small, and ten thousand stations are 80 MB less."""

# picows writes each connect, disconnect and bad frame to its logger; the gateway tells that itself, in our
# words. It is an adapter, because picows makes a child of a plain logger for each connection.
_quiet = logging.getLogger("ampacity.gateway.picows")
_quiet.setLevel(logging.CRITICAL)
_QUIET: logging.LoggerAdapter[logging.Logger] = logging.LoggerAdapter(_quiet, {})
