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
from typing import Literal

from msgspec import Struct

from ..bus import Bus
from ..clock import Clock
from ..csms.link import CallFailed, OutboundCall, Recorder, StationHandler, StationRef
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
    record: Recorder | None
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
        self._in_work: CallReceived | None = None
        self._advancing = False
        self._finished: asyncio.Future[None] | None = None
        self._refill: asyncio.Task[None] | None = None
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
        if self._waiting:
            self._advance()
            if not self._paused and len(self._waiting) >= around.settings.max_waiting_inbound:
                self._pause()
        self.flush()

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
        if self._refill is not None:
            self._refill.cancel()
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
        if not self._idle:
            self._finished = asyncio.get_running_loop().create_future()
            await self._finished

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
            self._around.handler.broken(self.station, event)
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

    def _advance(self) -> None:
        """Hand over what waits, in order, until one has to wait for its reply or for a token."""
        if self._advancing:
            return
        self._advancing = True
        try:
            while self._waiting and self._in_work is None and not self.engine.closed:
                if not self._take_token():
                    break
                event = self._waiting.popleft()
                if self._paused and len(self._waiting) <= self._around.settings.max_waiting_inbound // 2:
                    self._resume()
                if isinstance(event, CallReceived):
                    self._hand_over(event)
                else:
                    self._hear(event)
        finally:
            self._advancing = False

    def _hand_over(self, call: CallReceived) -> None:
        self._in_work = call
        try:
            self._around.handler.handle(self.station, call, self)
        except Exception as error:
            log.exception("station %s: %s could not be handled", self.station.station_id, call.action)
            if self._in_work is call:
                self.refuse(ErrorCode.INTERNAL_ERROR, type(error).__name__)

    def _hear(self, message: SendReceived) -> None:
        try:
            self._around.handler.hear(self.station, message)
        except Exception:
            log.exception("station %s: %s could not be handled", self.station.station_id, message.action)

    # What the handler replies (see `link.Reply`)

    def answer(self, payload: Struct) -> None:
        call = self._taken_back()
        try:
            self.engine.answer(call.message_id, payload)  # type: ignore[arg-type]
        except PayloadError:
            log.exception("station %s: the answer to %s is bad", self.station.station_id, call.action)
            self.engine.refuse(call.message_id, ErrorCode.INTERNAL_ERROR, "PayloadError")
        self._go_on()

    def answer_text(self, body: str) -> None:
        self.engine.answer_text(self._taken_back().message_id, body)
        self._go_on()

    def refuse(self, code: str, description: str) -> None:
        self.engine.refuse(self._taken_back().message_id, code, description[:255])
        self._go_on()

    def leave(self, reason: str) -> None:
        call = self._taken_back()
        log.warning("station %s: %s is not answered: %s", self.station.station_id, call.action, reason)
        self.engine.abandon(call.message_id)
        self._go_on()

    def _taken_back(self) -> CallReceived:
        call, self._in_work = self._in_work, None
        if call is None:
            raise RuntimeError(f"a call of station {self.station.station_id!r} was replied to twice")
        return call

    def _go_on(self) -> None:
        if self.engine.closed:
            self._around.answered(self.station)
        elif not self._advancing:
            self._advance()
            self.flush()
        if self._finished is not None and not self._finished.done() and self._idle:
            self._finished.set_result(None)

    @property
    def _idle(self) -> bool:
        return self._in_work is None and (self.engine.closed or not self._waiting)

    def _take_token(self) -> bool:
        """Take a token of the bucket. When it is empty the socket is not read until there is one."""
        settings, clock = self._around.settings, self._around.clock
        now = clock.monotonic()
        earned = (now - self._tokens_at) * settings.inbound_per_s
        self._tokens = min(self._tokens + earned, float(settings.inbound_burst))
        self._tokens_at = now
        if self._tokens >= 1.0:
            self._tokens -= 1.0
            return True
        if self._refill is None:
            self._pause()
            self._refill = asyncio.ensure_future(
                self._wait_for_token((1.0 - self._tokens) / settings.inbound_per_s)
            )
        return False

    async def _wait_for_token(self, seconds: float) -> None:
        await self._around.clock.sleep(seconds)
        self._refill = None
        if len(self._waiting) <= self._around.settings.max_waiting_inbound // 2:
            self._resume()
        self._advance()
        if not self.engine.closed:
            self.flush()
        self._go_on()

    def _pause(self) -> None:
        if not self._paused and self._socket is not None:
            self._paused = True
            self._socket.pause_reading()

    def _resume(self) -> None:
        if self._paused and self._socket is not None:
            self._paused = False
            self._socket.resume_reading()

    def _passed(self, direction: Literal["in", "out"], text: str) -> None:
        around, station = self._around, self.station
        if direction == "out" and any(name in text for name in _SECRETS):
            text = (
                f"{text[: text.find('{')]}{{}}]"  # its id and action stay, its payload is nobody's business
            )
        if around.record is not None:
            around.record(station, direction, text, around.clock.time())
        if around.bus.hears(MessagePassed):
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
