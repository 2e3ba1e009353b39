"""WebSockets by picows: frames arrive as calls from its C loop, so a message costs no task switch.

picows hands over single frames; this file joins fragments and undoes permessage-deflate (RFC 7692).
Compression is agreed without context takeover on both sides: a context costs about 300 kB a connection, and
station messages are small.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import zlib
from http import HTTPStatus

import aiofastnet
import picows
from picows import WSCloseCode, WSFrame, WSMsgType, WSTransport
from picows.picows import WSProtocol  # type: ignore[attr-defined]

from .settings import GatewaySettings
from .transport import PING_FAILED, Door, Entry, Handshake, Peer

log = logging.getLogger(__name__)

DEFLATE_ANSWER = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
_DEFLATE_TAIL = b"\x00\x00\xff\xff"
_COMPRESS_FROM_BYTES = 256
"""Below this a deflated message is seldom smaller, and never by enough to pay for its CPU."""


class _Socket(picows.WSListener):
    """One connection: picows' listener and our `Socket` in one."""

    def __init__(self, peer: Peer, settings: GatewaySettings, deflate: bool) -> None:
        super().__init__()
        self._peer = peer
        self._max_bytes = settings.max_frame_bytes
        self._close_timeout_s = settings.close_timeout_s
        self._deflate = deflate
        self._transport: WSTransport | None = None
        self._parts: list[bytes] = []
        self._parts_bytes = 0
        self._parts_type: WSMsgType | None = None
        self._parts_deflated = False
        self._reason = ""
        self._held: set[str] = set()
        """Why the socket is not read."""

    # ------------------------------------------------------------ picows calls these

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._transport = transport
        self._peer.opened(self)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        kind = frame.msg_type
        if transport.is_close_frame_sent and kind != WSMsgType.CLOSE:
            return  # what comes after our close is not answered any more
        if kind == WSMsgType.TEXT and frame.fin:
            if self._parts_type is not None:
                self._fail(WSCloseCode.PROTOCOL_ERROR, "a new message inside a fragmented one")
                return
            self._deliver(frame.get_payload_as_bytes(), frame.rsv1)
        elif kind in (WSMsgType.TEXT, WSMsgType.BINARY):
            if self._parts_type is not None:
                self._fail(WSCloseCode.PROTOCOL_ERROR, "a new message inside a fragmented one")
                return
            self._parts_type, self._parts_deflated = kind, frame.rsv1
            self._collect(frame)
        elif kind == WSMsgType.CONTINUATION:
            if self._parts_type is None:
                self._fail(WSCloseCode.PROTOCOL_ERROR, "a continuation without a beginning")
                return
            self._collect(frame)
        elif kind == WSMsgType.CLOSE:
            code = frame.get_close_code()
            number = code.value if isinstance(code, WSCloseCode) else int(code)
            self._reason = (
                self._reason
                or f"closed by the station ({number} {frame.get_close_reason() or ''})".replace(" )", ")")
            )
            if not transport.is_close_frame_sent:
                transport.send_close(code if number else WSCloseCode.OK)
            transport.disconnect()

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        handshake = transport.close_handshake
        if not self._reason and handshake is not None and handshake.sent is not None:
            sent = handshake.sent.reason or ""
            self._reason = PING_FAILED if "ping" in sent else sent
        self._parts.clear()
        self._peer.closed(self._reason or "connection lost")

    # ------------------------------------------------------------ Socket

    def send(self, text: str) -> None:
        transport = self._transport
        if transport is None or transport.is_disconnected or transport.is_close_frame_sent:
            return
        if self._deflate and len(text) >= _COMPRESS_FROM_BYTES:
            squeeze = zlib.compressobj(wbits=-15, level=1)
            body = squeeze.compress(text.encode()) + squeeze.flush(zlib.Z_SYNC_FLUSH)
            transport.send(WSMsgType.TEXT, body[:-4], True, True)
        else:
            transport.send(WSMsgType.TEXT, text)

    def close(self, code: int, reason: str) -> None:
        transport = self._transport
        if transport is None or transport.is_disconnected:
            return
        self._reason = self._reason or reason
        if not transport.is_close_frame_sent:
            transport.send_close(code, reason.encode()[:120])  # type: ignore[arg-type]
        self._held.clear()
        transport.underlying_transport.resume_reading()  # the other end's close must be seen
        asyncio.get_running_loop().call_later(self._close_timeout_s, transport.disconnect, False)

    def pause_reading(self) -> None:
        self._hold("peer")

    def resume_reading(self) -> None:
        self._release("peer")

    # ------------------------------------------------------------ a peer that does not read

    def pause_writing(self) -> None:
        """The other end takes nothing: what it sends is not read either, so that answers can't pile up."""
        self._hold("write")

    def resume_writing(self) -> None:
        self._release("write")

    def _hold(self, why: str) -> None:
        transport = self._transport
        if transport is not None and not transport.is_disconnected and not self._held:
            transport.underlying_transport.pause_reading()
        self._held.add(why)

    def _release(self, why: str) -> None:
        self._held.discard(why)
        transport = self._transport
        if transport is not None and not transport.is_disconnected and not self._held:
            transport.underlying_transport.resume_reading()

    # ------------------------------------------------------------ messages from frames

    def _collect(self, frame: WSFrame) -> None:
        self._parts_bytes += frame.payload_size
        if self._parts_bytes > self._max_bytes:
            self._fail(WSCloseCode.MESSAGE_TOO_BIG, f"a message above {self._max_bytes} bytes")
            return
        self._parts.append(frame.get_payload_as_bytes())
        if frame.fin:
            whole, deflated, kind = b"".join(self._parts), self._parts_deflated, self._parts_type
            self._parts, self._parts_bytes, self._parts_type = [], 0, None
            if kind == WSMsgType.TEXT:
                self._deliver(whole, deflated)
            # OCPP is text: binary messages are dropped without harm.

    def _deliver(self, body: bytes, deflated: bool) -> None:
        if deflated:
            if not self._deflate:
                self._fail(WSCloseCode.PROTOCOL_ERROR, "a compressed message where no compression was agreed")
                return
            inflate = zlib.decompressobj(wbits=-15)
            try:
                body = inflate.decompress(body + _DEFLATE_TAIL, self._max_bytes)
            except zlib.error:
                self._fail(WSCloseCode.PROTOCOL_ERROR, "a compressed message that can't be unpacked")
                return
            if inflate.unconsumed_tail:
                self._fail(WSCloseCode.MESSAGE_TOO_BIG, f"a message above {self._max_bytes} bytes")
                return
        try:
            text = body.decode()
        except UnicodeDecodeError:
            self._fail(WSCloseCode.INVALID_TEXT, "a text message that is not UTF-8")
            return
        self._peer.received(text)

    def _fail(self, code: WSCloseCode, reason: str) -> None:
        self.close(code.value, f"the station sent {reason}")


class _PicowsListener:
    def __init__(self, server: asyncio.Server) -> None:
        self._server = server

    @property
    def port(self) -> int:
        return int(self._server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        self._server.close()
        await asyncio.sleep(0)


async def listen_picows(
    settings: GatewaySettings, door: Door, context: ssl.SSLContext | None
) -> _PicowsListener:
    """Listen with picows; see `transport.listen`."""

    def protocol() -> WSProtocol:
        # picows.ws_create_server makes the same object, but its factory is not told whose request it answers;
        # a rejected handshake without an address helps nobody. The cycle ends with the handshake: picows
        # drops the factory then.
        made: WSProtocol = None

        def answer(request: picows.WSUpgradeRequest) -> picows.WSUpgradeResponseWithListener:
            return _answer(request, _address(made.transport.underlying_transport), settings, door)

        made = WSProtocol(
            None,
            None,
            False,
            answer,
            _QUIET,
            True,
            settings.handshake_timeout_s,
            True,
            settings.ping_interval_s,
            min(settings.pong_timeout_s, settings.ping_interval_s),
            picows.WSAutoPingStrategy.PING_PERIODICALLY,
            True,
            settings.max_frame_bytes,
            None,
            _READ_BUFFER_BYTES,
        )
        return made

    server = await aiofastnet.create_server(
        asyncio.get_running_loop(),
        protocol,
        host=settings.host,
        port=settings.ocpp_port,
        ssl=context,
        backlog=2048,
    )
    return _PicowsListener(server)


def _answer(
    request: picows.WSUpgradeRequest, peer: str, settings: GatewaySettings, door: Door
) -> picows.WSUpgradeResponseWithListener:
    headers: dict[str, str] = {}
    for name, value in request.headers.items():
        lower = name.lower()
        headers[lower] = f"{headers[lower]}, {value}" if lower in headers else value
    verdict = door(Handshake(request.path.decode("ascii", "surrogateescape"), headers, peer))
    if not isinstance(verdict, Entry):
        refusal = picows.WSUpgradeResponse.create_error_response(
            HTTPStatus(verdict.status), verdict.body.encode(), verdict.headers
        )
        return picows.WSUpgradeResponseWithListener(refusal, None)
    deflate = settings.compression and "permessage-deflate" in headers.get("sec-websocket-extensions", "")
    extra = {}
    if verdict.subprotocol is not None:
        extra["Sec-WebSocket-Protocol"] = verdict.subprotocol
    if deflate:
        extra["Sec-WebSocket-Extensions"] = DEFLATE_ANSWER
    return picows.WSUpgradeResponseWithListener(
        picows.WSUpgradeResponse.create_101_response(extra), _Socket(verdict.make_peer(), settings, deflate)
    )


def _address(transport: asyncio.BaseTransport) -> str:
    peer = transport.get_extra_info("peername")
    return f"{peer[0]}:{peer[1]}" if isinstance(peer, tuple) else str(peer or "")


_READ_BUFFER_BYTES = 8 * 1024
"""Half of picows' default: station messages are small, and ten thousand stations are 80 MB less."""

# picows writes each connect, disconnect and bad frame to its logger; the gateway tells that itself, in our
# words.
_QUIET = logging.getLogger("ampacity.gateway.picows")
_QUIET.setLevel(logging.CRITICAL)
