"""One station's connection: its engine between a socket and the handler.

Inbound, calls of one station are handled one after another in the order they came, each station on its own;
answers to *our* calls never wait behind them, because they settle as the frame is read. Outbound, a call
waits in the engine's queue. Neither direction waits for the other, so calls may cross.

Backpressure: the socket is not read while there is a reason not to (`_held`): too many calls or bytes of this
station wait, it is above its token bucket, it does not take what we send, or the whole gateway holds too
much. The kernel's window then slows the station down. Nothing is dropped; but a station that takes nothing
for too long is: its answers would be kept for ever.

This is the path of every message of every station, so it looks at the clock once, makes nothing that nobody
hears of, and no task.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable
from typing import Final, Literal

from msgspec import Struct
from msgspec.structs import replace

from ..bus import Bus
from ..clock import Clock
from ..csms.following import fit_to_show
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
from .budget import Budget
from .settings import GatewaySettings
from .transport import PROTOCOL_ERROR, Ending, Socket

log = logging.getLogger(__name__)

_WAITING: Final = 1
_RATE: Final = 2
_UNSENT: Final = 4
_BUDGET: Final = 8
_FINISHING: Final = 16


class Surroundings(Struct, frozen=True):
    """What all sessions of a gateway share. `left` is told when a session has closed, `moved` when its
    deadline may have changed, `answered` when work of a session that is closed already was finished."""

    settings: GatewaySettings
    bus: Bus
    clock: Clock
    handler: StationHandler
    record: Recorder | None
    budget: Budget
    entered: Callable[[Session], None]
    left: Callable[[Session, Ending], None]
    moved: Callable[[Session], None]
    answered: Callable[[StationRef], None]


class Session:
    """The peer behind a station's socket (see `transport.Peer`). `peer` is the address it came from."""

    __slots__ = (
        "_advancing",
        "_around",
        "_burst_s",
        "_calls",
        "_finished",
        "_held",
        "_in_work",
        "_paid_until",
        "_payer",
        "_shedder",
        "_socket",
        "_token_bytes",
        "_token_s",
        "_unsent",
        "_waiting",
        "_waiting_bytes",
        "engine",
        "opened_at",
        "peer",
        "station",
    )

    def __init__(self, station: StationRef, peer: str, engine: Engine, surroundings: Surroundings) -> None:
        self.station = station
        self.peer = peer
        self.engine = engine
        self.opened_at = 0.0
        self._around = surroundings
        self._socket: Socket | None = None
        self._calls: dict[str, asyncio.Future[Struct]] = {}
        self._waiting: list[CallReceived | SendReceived] = []
        self._waiting_bytes = 0
        self._in_work: tuple[str, str] | None = None
        """(message id, action). Not the call itself: what it says is not needed any more, and is let go."""
        self._advancing = False
        self._finished: asyncio.Future[None] | None = None
        self._held = 0
        settings = surroundings.settings
        self._token_s = 1.0 / settings.inbound_per_s
        self._burst_s = settings.inbound_burst / settings.inbound_per_s
        self._token_bytes = settings.inbound_token_bytes
        self._paid_until = 0.0
        self._payer: asyncio.TimerHandle | None = None
        self._unsent = 0
        self._shedder: asyncio.TimerHandle | None = None

    # ------------------------------------------------------------ the socket calls these

    def opened(self, socket: Socket) -> None:
        self._socket = socket
        self.opened_at = self._around.clock.monotonic()
        self._around.entered(self)

    def received(self, text: str) -> None:
        around, engine = self._around, self.engine
        clock, record = around.clock, around.record
        now = clock.monotonic()
        self._pay(len(text), now)
        shown = text if KEY_CODE not in text else _without_key_codes(text)
        if record is not None:
            record(self.station, "in", shown, clock.time())
        if around.bus.hears(MessagePassed):
            self._tell("in", shown)
        for event in engine.receive(text, now):
            kind = type(event)
            if kind is not CallReceived and kind is not SendReceived:
                self._settle(event)
            elif self._may_take and not self._waiting and not self._advancing:
                self._advancing = True
                try:
                    self._take(event)  # type: ignore[arg-type]
                finally:
                    self._advancing = False
            else:
                self._queue(event)  # type: ignore[arg-type]
        if self._waiting:
            self._advance()
        self.flush()

    def unsent(self, count: int) -> None:
        around = self._around
        if self.engine.closed:
            return
        more = count - self._unsent
        self._unsent = count
        around.budget.move(more)
        if not count:
            if self._shedder is not None:
                self._shedder.cancel()
                self._shedder = None
            self._free(_UNSENT)
            self._go_on()
            return
        settings = around.settings
        if self._shedder is None:
            self._hold(_UNSENT)
            self._shedder = asyncio.get_running_loop().call_later(
                settings.slow_consumer_s, self._shed, f"for {settings.slow_consumer_s:g} s"
            )
        if count > settings.max_unsent_bytes or (more > 0 and around.budget.over):
            self._shed("and our memory for it is used up")

    def closed(self, ending: Ending) -> None:
        if self.engine.closed:
            return
        for event in self.engine.close(self._around.clock.monotonic()):
            self._settle(event)
        # What nobody has begun to work on is forgotten: the station has no answer and will send it again.
        for waiting in self._waiting:
            if isinstance(waiting, CallReceived):
                self.engine.abandon(waiting.message_id)
        self._waiting.clear()
        self._around.budget.move(-self._unsent - self._waiting_bytes)
        self._unsent = self._waiting_bytes = 0
        for timer in (self._payer, self._shedder):
            if timer is not None:
                timer.cancel()
        self._around.left(self, ending)

    def close(self, code: int, ending: Ending) -> None:
        """Close the socket; calls in flight are lost at once."""
        socket = self._socket
        self.closed(ending)
        if socket is not None:
            socket.close(code, ending)

    def _shed(self, how: str) -> None:
        ending = Ending("slow_consumer", f"the station did not take {self._unsent} bytes {how}")
        log.warning("station %s is closed: %s", self.station.station_id, ending.reason)
        socket = self._socket
        self.closed(ending)
        if socket is not None:
            socket.abort(ending)

    async def finish(self) -> None:
        """Stop reading, and return when what was read has been handled and answered."""
        self._hold(_FINISHING)
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
                body=wanted.body,
            )
        except PayloadError as error:
            raise CallFailed("error", error.code, f"not sent: {error}") from error
        except QueueFull as error:
            raise CallFailed("lost", "QueueFull", str(error)) from error
        except EngineClosed as error:
            raise CallFailed("lost", "Closed", str(error)) from error
        future: asyncio.Future[Struct] = asyncio.get_running_loop().create_future()
        self._calls[message_id] = future
        self._around.moved(self)
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
        frames = self.engine.frames_to_send()
        if not frames:
            return
        around, socket = self._around, self._socket
        heard = around.bus.hears(MessagePassed)
        for frame in frames:
            if around.record is not None or heard:
                # Only what we ask a station to set carries secrets: answers (kind 3) never do.
                shown = frame if frame.startswith("[3") else _without_secrets(frame)
                shown = shown if KEY_CODE not in shown else _without_key_codes(shown)
                if around.record is not None:
                    around.record(self.station, "out", shown, around.clock.time())
                if heard:
                    self._tell("out", shown)
            if socket is not None:
                socket.send(frame)

    def _settle(self, event: Event) -> None:
        if isinstance(event, ProtocolViolation):
            log.info("station %s: %s (%s)", self.station.station_id, event.reason, event.kind)
            shown = event
            if KEY_CODE in event.raw:
                shown = replace(event, raw=_without_key_codes(event.raw))
            self._around.handler.broken(self.station, shown)
            return
        self._around.moved(self)
        future = self._calls.pop(event.message_id, None)
        if future is None or future.done():
            return
        match event:
            case ResultReceived():
                if event.repairs:
                    self._around.handler.mended(self.station, event)
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

    def _queue(self, event: CallReceived | SendReceived) -> None:
        """Let it wait for the one in work."""
        around = self._around
        self._waiting.append(event)
        self._waiting_bytes += len(event.raw)
        around.budget.move(len(event.raw))
        settings = around.settings
        if (
            len(self._waiting) >= settings.max_waiting_inbound
            or self._waiting_bytes >= settings.max_waiting_bytes
        ):
            self._hold(_WAITING)
        if around.budget.over and not self._held & _BUDGET:
            self._hold(_BUDGET)
            around.budget.wait(self._room)

    def _room(self) -> None:
        self._free(_BUDGET)

    def _advance(self) -> None:
        """Hand over what waits, in order, until one has to wait for its reply or the station for our
        answers: answering a station that takes nothing would only fill our memory.
        """
        if self._advancing:
            return
        self._advancing = True
        settings = self._around.settings
        try:
            while self._waiting and self._may_take:
                event = self._waiting.pop(0)
                self._waiting_bytes -= len(event.raw)
                self._around.budget.move(-len(event.raw))
                if (
                    len(self._waiting) <= settings.max_waiting_inbound // 2
                    and self._waiting_bytes <= settings.max_waiting_bytes // 2
                ):
                    self._free(_WAITING)
                self._take(event)
        finally:
            self._advancing = False

    def _take(self, event: CallReceived | SendReceived) -> None:
        """Hand one message over. `_advancing` is set: a reply at once must not take the next in between."""
        if type(event) is CallReceived:
            self._in_work = in_work = (event.message_id, event.action)
            try:
                self._around.handler.handle(self.station, event, self)
            except Exception as error:
                log.exception("station %s: %s could not be handled", self.station.station_id, event.action)
                if self._in_work is in_work:
                    self.refuse(ErrorCode.INTERNAL_ERROR, type(error).__name__)
            return
        try:
            self._around.handler.hear(self.station, event)  # type: ignore[arg-type]
        except Exception:
            log.exception("station %s: %s could not be handled", self.station.station_id, event.action)

    # What the handler replies (see `link.Reply`)

    def answer(self, payload: Struct) -> None:
        message_id, action = self._taken_back()
        try:
            self.engine.answer(message_id, payload)  # type: ignore[arg-type]
        except PayloadError:
            log.exception("station %s: the answer to %s is bad", self.station.station_id, action)
            self.engine.refuse(message_id, ErrorCode.INTERNAL_ERROR, "PayloadError")
        self._go_on()

    def answer_text(self, body: str) -> None:
        self.engine.answer_text(self._taken_back()[0], body)
        self._go_on()

    def refuse(self, code: str, description: str) -> None:
        self.engine.refuse(self._taken_back()[0], code, description[:255])
        self._go_on()

    def leave(self, reason: str) -> None:
        message_id, action = self._taken_back()
        log.warning("station %s: %s is not answered: %s", self.station.station_id, action, reason)
        self.engine.abandon(message_id)
        self._go_on()

    def _taken_back(self) -> tuple[str, str]:
        call, self._in_work = self._in_work, None
        if call is None:
            raise RuntimeError(f"a call of station {self.station.station_id!r} was replied to twice")
        return call

    def _go_on(self) -> None:
        if self.engine.closed:
            self._around.answered(self.station)
        elif not self._advancing:
            if self._waiting:
                self._advance()
            self.flush()
        if self._finished is not None and not self._finished.done() and self._idle:
            self._finished.set_result(None)

    @property
    def _may_take(self) -> bool:
        return self._in_work is None and not self._unsent and not self.engine.closed

    @property
    def _idle(self) -> bool:
        return self._in_work is None and (self.engine.closed or not self._waiting)

    # ------------------------------------------------------------ reading, or not

    def _pay(self, size: int, now: float) -> None:
        """Take a message's tokens. Below none the socket is not read until they are earned."""
        cost = 1 + size // self._token_bytes
        paid_until = self._paid_until
        paid_until = (paid_until if paid_until > now else now) + cost * self._token_s
        self._paid_until = paid_until
        if paid_until - now > self._burst_s and self._payer is None:
            self._hold(_RATE)
            self._wait_for_tokens(paid_until - now - self._burst_s)

    def _wait_for_tokens(self, seconds: float) -> None:
        wall_s = max(seconds / self._around.clock.speed, 0.005)
        self._payer = asyncio.get_running_loop().call_later(wall_s, self._earned)

    def _earned(self) -> None:
        self._payer = None
        owed_s = self._paid_until - self._around.clock.monotonic() - self._burst_s
        if owed_s > 0.0:
            self._wait_for_tokens(owed_s)
        else:
            self._free(_RATE)

    def _hold(self, why: int) -> None:
        if not self._held and self._socket is not None:
            self._socket.pause_reading()
        self._held |= why

    def _free(self, why: int) -> None:
        if self._held & why:
            self._held &= ~why
            if not self._held and self._socket is not None and not self.engine.closed:
                self._socket.resume_reading()

    def _tell(self, direction: Literal["in", "out"], text: str) -> None:
        self._around.bus.publish(
            MessagePassed(
                operator_id=self.station.operator_id,
                station_id=self.station.station_id,
                direction=direction,
                frame=text,
                at=self._around.clock.now(),
            )
        )


_SECRETS = (
    "AuthorizationKey",
    "BasicAuthPassword",
    '"apnPassword"',
    '"password"',
    '"basicAuthPassword"',
    "PRIVATE KEY",
)
"""Variables, members and texts that nobody may see: frames that carry them are shown without payload."""


_LOCATION = 'ocation"'


def _without_secrets(frame: str) -> str:
    if any(name in frame for name in _SECRETS):
        # Its id and action stay, its payload is nobody's business.
        return f"{frame[: frame.find('{')]}{{}}]"
    # Where a station fetches firmware and brings logs is between it and us.
    return fit_to_show(frame) if _LOCATION in frame else frame


KEY_CODE = "KeyCode"
"""Kind of a token that is typed: it is a secret (C04.FR.04)."""

_TOKEN = re.compile(r'("idToken"\s*:\s*)"(?:[^"\\]|\\.)*"')


def _without_key_codes(frame: str) -> str:
    """The frame without the value of any token: which of them is the code is not worth a parser here."""
    return _TOKEN.sub(r'\1"***"', frame)


class Stranger:
    """A peer with whom no subprotocol was agreed: the handshake is complete, now it is closed."""

    def __init__(self, reason: str) -> None:
        self._ending = Ending("protocol", reason)

    def opened(self, socket: Socket) -> None:
        socket.close(PROTOCOL_ERROR, self._ending)

    def received(self, text: str) -> None:
        pass

    def unsent(self, count: int) -> None:
        pass

    def closed(self, ending: Ending) -> None:
        pass
