"""One station's connection: its engine between a socket and the handler.

Inbound, calls of one station are handled one after another in the order they came, each station on its own;
answers to *our* calls never wait behind them, because they settle as the frame is read. Outbound, a call
waits in the engine's queue. Neither direction waits for the other, so calls may cross.

Backpressure: while more than `max_waiting_inbound` calls wait, or the station is above its token bucket, its
socket is not read; the kernel's window then slows the station down. Nothing is dropped.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable

from msgspec import Struct

from ..bus import Bus
from ..clock import Clock
from ..csms.link import CallFailed, NoAnswer, OutboundCall, StationHandler, StationRef
from ..model.events import MessagePassed
from ..ocpp.engine import (
    CallLost,
    CallReceived,
    CallTimedOut,
    Engine,
    EngineClosed,
    ErrorReceived,
    Event,
    ProtocolViolation,
    QueueFull,
    ResultReceived,
    SendReceived,
)
from ..ocpp.errors import ErrorCode, PayloadError
from .settings import GatewaySettings
from .transport import PROTOCOL_ERROR, Socket

log = logging.getLogger(__name__)


class Surroundings(Struct, frozen=True):
    """What all sessions of a gateway share. `left` is told when a session has closed, `moved` when its
    deadline may have changed, `answered` when work of a session that is closed already was finished."""

    settings: GatewaySettings
    bus: Bus
    clock: Clock
    handler: StationHandler
    entered: Callable[[Session], None]
    left: Callable[[Session, str], None]
    moved: Callable[[Session], None]
    answered: Callable[[StationRef], None]


class Session:
    """The peer behind a station's socket (see `transport.Peer`)."""

    def __init__(self, station: StationRef, engine: Engine, surroundings: Surroundings) -> None:
        self.station = station
        self.engine = engine
        self._around = surroundings
        self._socket: Socket | None = None
        self._calls: dict[str, asyncio.Future[Struct]] = {}
        self._waiting: deque[CallReceived | SendReceived] = deque()
        self._worker: asyncio.Task[None] | None = None
        self._paused = False
        self._tokens = float(surroundings.settings.inbound_burst)
        self._tokens_at = surroundings.clock.monotonic()

    # ------------------------------------------------------------ the socket calls these

    def opened(self, socket: Socket) -> None:
        self._socket = socket
        self._around.entered(self)

    def received(self, text: str) -> None:
        around = self._around
        self._passed("in", text)
        for event in self.engine.receive(text, around.clock.monotonic()):
            if isinstance(event, CallReceived | SendReceived):
                self._waiting.append(event)
            else:
                self._settle(event)
        self.flush()
        if self._waiting:
            if self._worker is None:
                self._worker = asyncio.ensure_future(self._work())
            if not self._paused and len(self._waiting) >= around.settings.max_waiting_inbound:
                self._pause()

    def closed(self, reason: str) -> None:
        if self.engine.closed:
            return
        for event in self.engine.close(self._around.clock.monotonic()):
            self._settle(event)
        # What nobody has begun to work on is forgotten: the station has no answer and will send it again.
        for waiting in self._waiting:
            if isinstance(waiting, CallReceived):
                self.engine.abandon(waiting.message_id)
        self._waiting.clear()
        self._around.left(self, reason)

    def close(self, code: int, reason: str) -> None:
        """Close the socket; calls in flight are lost at once."""
        socket = self._socket
        self.closed(reason)
        if socket is not None:
            socket.close(code, reason)

    async def finish(self) -> None:
        """Stop reading, and return when what was read has been handled and answered."""
        if self._socket is not None:
            self._paused = True
            self._socket.pause_reading()
        if self._worker is not None:
            await self._worker

    # ------------------------------------------------------------ outbound

    async def call(self, wanted: OutboundCall) -> Struct:
        """Carry out an outbound call and return the station's payload. Raises CallFailed."""
        try:
            message_id = self.engine.call(
                wanted.action,
                wanted.payload,  # type: ignore[arg-type]
                self._around.clock.monotonic(),
                wanted.timeout_s,
                front=wanted.front,
            )
        except PayloadError as error:
            raise CallFailed("error", error.code, f"not sent: {error}") from error
        except QueueFull as error:
            raise CallFailed("lost", "QueueFull", str(error)) from error
        except EngineClosed as error:
            raise CallFailed("lost", "Closed", str(error)) from error
        future: asyncio.Future[Struct] = asyncio.get_running_loop().create_future()
        self._calls[message_id] = future
        self.flush()
        try:
            return await future
        finally:
            if self._calls.pop(message_id, None) is not None:
                self.engine.withdraw(message_id)  # the caller gave up before it was sent

    def handle_timeout(self, now: float) -> None:
        """Let the call in flight fail when its time is over (site time)."""
        for event in self.engine.handle_timeout(now):
            self._settle(event)
        self.flush()

    def flush(self) -> None:
        """Write what the engine has to send."""
        for frame in self.engine.frames_to_send():
            self._passed("out", frame)
            if self._socket is not None:
                self._socket.send(frame)
        self._around.moved(self)

    def _settle(self, event: Event) -> None:
        if isinstance(event, ProtocolViolation):
            log.info("station %s: %s (%s)", self.station.station_id, event.reason, event.kind)
            return
        future = self._calls.pop(event.message_id, None)
        if future is None or future.done():
            return
        match event:
            case ResultReceived():
                future.set_result(event.payload)
            case ErrorReceived():
                future.set_exception(CallFailed("error", event.code, event.description, sent=True))
            case CallTimedOut():
                future.set_exception(
                    CallFailed("timeout", "", f"no answer to {event.action} in time", sent=True)
                )
            case CallLost():
                sent = "sent, its effect is unknown" if event.sent else "it was not sent"
                future.set_exception(
                    CallFailed("lost", "Closed", f"connection lost: {sent}", sent=event.sent)
                )

    # ------------------------------------------------------------ inbound

    async def _work(self) -> None:
        """Handle what waits, in order."""
        try:
            while self._waiting and not self.engine.closed:
                await self._token()
                if not self._waiting:
                    break  # the session closed meanwhile
                event = self._waiting.popleft()
                if self._paused and len(self._waiting) <= self._around.settings.max_waiting_inbound // 2:
                    self._resume()
                if isinstance(event, SendReceived):
                    await self._hear(event)
                else:
                    await self._handle(event)
        finally:
            self._worker = None

    async def _handle(self, event: CallReceived) -> None:
        engine = self.engine
        try:
            response = await self._around.handler.handle(self.station, event.action, event.payload)
            engine.answer(event.message_id, response)  # type: ignore[arg-type]
        except asyncio.CancelledError:
            engine.abandon(event.message_id)
            raise
        except NoAnswer as reason:
            log.warning("station %s: %s is not answered: %s", self.station.station_id, event.action, reason)
            engine.abandon(event.message_id)
        except Exception as error:
            log.exception("station %s: %s could not be handled", self.station.station_id, event.action)
            engine.refuse(event.message_id, ErrorCode.INTERNAL_ERROR, f"{type(error).__name__}"[:255])
        if engine.closed:
            self._around.answered(self.station)
        else:
            self.flush()

    async def _hear(self, event: SendReceived) -> None:
        try:
            await self._around.handler.hear(self.station, event.action, event.payload)
        except Exception:
            log.exception("station %s: %s could not be handled", self.station.station_id, event.action)

    async def _token(self) -> None:
        """Take a token of the bucket; wait for one (not reading the socket) when it is empty."""
        settings, clock = self._around.settings, self._around.clock
        while True:
            now = clock.monotonic()
            earned = (now - self._tokens_at) * settings.inbound_per_s
            self._tokens = min(self._tokens + earned, float(settings.inbound_burst))
            self._tokens_at = now
            if self._tokens >= 1.0:
                self._tokens -= 1.0
                return
            self._pause()
            await clock.sleep((1.0 - self._tokens) / settings.inbound_per_s)
            if len(self._waiting) <= settings.max_waiting_inbound // 2:
                self._resume()

    def _pause(self) -> None:
        if not self._paused and self._socket is not None:
            self._paused = True
            self._socket.pause_reading()

    def _resume(self) -> None:
        if self._paused and self._socket is not None:
            self._paused = False
            self._socket.resume_reading()

    def _passed(self, direction: str, text: str) -> None:
        around, station = self._around, self.station
        if direction == "out" and any(name in text for name in _SECRETS):
            text = (
                f"{text[: text.find('{')]}{{}}]"  # its id and action stay, its payload is nobody's business
            )
        around.bus.publish(
            MessagePassed(
                operator_id=station.operator_id,
                station_id=station.station_id,
                direction=direction,
                frame=text,
                at=around.clock.now(),
            )
        )


_SECRETS = ("AuthorizationKey", "BasicAuthPassword")
"""Variables whose values must not be seen: frames that carry them are shown without their payload."""


class Stranger:
    """A peer with whom no subprotocol was agreed: the handshake is complete, now it is closed."""

    def __init__(self, reason: str) -> None:
        self._reason = reason

    def opened(self, socket: Socket) -> None:
        socket.close(PROTOCOL_ERROR, self._reason)

    def received(self, text: str) -> None:
        pass

    def closed(self, reason: str) -> None:
        pass
