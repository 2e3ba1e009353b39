"""The OCPP-J message exchange of one connection, for both ends, without I/O.

Theory. Each direction carries calls; each side may have one call of its own unanswered and meanwhile answer
the other's (calls may cross). SEND (2.1) is outside that rule. So one engine holds two independent halves:

    our calls                                      the peer's calls
    --------------------------------------------   -------------------------------------------------------
    idle    + call()     -> waiting, sent          CALL, new             -> open, CallReceived
    waiting + call()     -> queued                 CALL, open already    -> nothing: the answer will come
    waiting + CALLRESULT -> ResultReceived         CALL, answered lately -> the same answer again
    waiting + bad result -> ErrorReceived          CALL, bad             -> CALLERROR, ProtocolViolation
    waiting + CALLERROR  -> ErrorReceived          open + answer()       -> CALLRESULT, remembered
    waiting + deadline   -> CallTimedOut           open + refuse()       -> CALLERROR, not remembered
    waiting + close()    -> CallLost(sent)         open + abandon()      -> nothing, forgotten
    queued  + close()    -> CallLost(not sent)     open + answer() after close() -> remembered only
    any     + stray answer -> ProtocolViolation    SEND                  -> SendReceived

Whenever a waiting call ends, the next of the queue starts. Every call gets exactly one outcome, and none
waits for ever: the one in flight has a deadline, and its end starts the next.

The owner feeds `receive(text, now)`, calls `handle_timeout(now)` when `next_timeout()` has come, and writes
what `frames_to_send()` returns after every step. `now` is any monotonic clock in seconds. A deadline runs
from the moment that a call leaves the queue, because the standard counts from sending.

Sources: OCPP-J 1.6 section 4 with its errata of 2025-04, OCPP 2.0.1 and 2.1 part 4 chapter 4.
"""

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from ampacity.ocpp.codec import (
    Call,
    CallError,
    CallResult,
    CallResultError,
    Codec,
    Frame,
    Malformed,
    Send,
)
from ampacity.ocpp.errors import ErrorCode, Fault, PayloadError, read
from ampacity.ocpp.events import (
    CallLost,
    CallReceived,
    CallTimedOut,
    ErrorReceived,
    Event,
    ProtocolViolation,
    ResultErrorReceived,
    ResultReceived,
    SendReceived,
    Violation,
)
from ampacity.ocpp.history import CARRIED, History, Key
from ampacity.ocpp.messages.wire import WireStruct
from ampacity.ocpp.version import Role, Version

__all__ = [
    "CallLost",
    "CallReceived",
    "CallTimedOut",
    "Engine",
    "EngineClosed",
    "ErrorReceived",
    "Event",
    "History",
    "ProtocolViolation",
    "QueueFull",
    "ResultErrorReceived",
    "ResultReceived",
    "SendReceived",
    "UnknownCall",
]

DEFAULT_TIMEOUT_S = 30.0
RAW_KEPT = 4_000


class EngineClosed(Exception):
    """The connection of this engine is closed; take the next connection's engine."""


class QueueFull(Exception):
    """Too many calls wait for this peer; `waiting` of them."""

    def __init__(self, waiting: int) -> None:
        self.waiting = waiting
        super().__init__(f"{waiting} calls wait for the peer already: let some finish first")


class UnknownCall(Exception):
    """No call of the peer with this id is open: it was answered, refused or never received."""

    def __init__(self, message_id: str) -> None:
        self.message_id = message_id
        super().__init__(f"no open call {message_id!r} to answer")


class _Ours(msgspec.Struct, gc=False):
    """One call of ours, with its frame ready to go."""

    message_id: str
    action: str
    payload: WireStruct
    text: str
    timeout_s: float
    front: bool
    sent_at: float = 0.0


class Engine:
    """One end of one connection.

    `codec` says version and role. `new_id` makes message ids of at most 36 characters, unique for this peer
    over all its connections. `history` is the peer's memory, handed on from its last connection's engine.
    At most `max_queue` calls of ours wait, at most `max_open` calls of the peer are worked on at a time.
    """

    def __init__(
        self,
        codec: Codec,
        *,
        new_id: Callable[[], str],
        history: History | None = None,
        max_queue: int = 1_000,
        max_open: int = 64,
    ) -> None:
        self.codec = codec
        self.history = history if history is not None else History()
        self.history.reconnected()
        self.closed = False
        self._new_id = new_id
        self._max_queue = max_queue
        self._max_open = max_open
        self._queue: deque[_Ours] = deque()
        self._waiting: _Ours | None = None
        self._open: dict[str, tuple[str, Key]] = {}
        self._awaited: set[Key] = set()
        self._outbox: list[str] = []

    @property
    def version(self) -> Version:
        """The version spoken."""
        return self.codec.version

    @property
    def role(self) -> Role:
        """Our end."""
        return self.codec.role

    @property
    def queued(self) -> int:
        """Calls of ours that wait behind the one in flight."""
        return len(self._queue)

    @property
    def in_flight(self) -> str | None:
        """Id of our call that waits for its answer."""
        return self._waiting.message_id if self._waiting is not None else None

    # Our half

    def call(
        self,
        action: str,
        payload: WireStruct,
        now: float,
        timeout_s: float = DEFAULT_TIMEOUT_S,
        *,
        message_id: str | None = None,
        front: bool = False,
        body: str | None = None,
    ) -> str:
        """Queue a call and return its id; it is sent at once when none is in flight.

        `front` puts it before all that wait without it (reductions of power go first). A repetition may pass
        the id of the first try. `body` is the payload's text where it must be sent as somebody wrote it, who
        has checked it. Raises PayloadError when the payload breaks its schema, QueueFull,
        EngineClosed, and ValueError when the id is too long or in use.
        """
        if self.closed:
            raise EngineClosed(f"{action} can't be called: the connection is closed")
        if len(self._queue) >= self._max_queue:
            raise QueueFull(len(self._queue))
        message_id = self._fresh(message_id)
        if body is None:
            text = self.codec.encode_call(message_id, action, payload)
        else:
            text = self.codec.call_text(message_id, action, body)
        ours = _Ours(message_id, action, payload, text, timeout_s, front)
        if self._waiting is None:
            self._start(ours, now)
        elif front:
            self._queue.insert(sum(other.front for other in self._queue), ours)
        else:
            self._queue.append(ours)
        return message_id

    def send(self, action: str, payload: WireStruct, message_id: str | None = None) -> str:
        """Send an unconfirmed message (2.1) past the queue and return its id. Raises like `call`."""
        if self.closed:
            raise EngineClosed(f"{action} can't be sent: the connection is closed")
        message_id = self._fresh(message_id)
        self._outbox.append(self.codec.encode_send(message_id, action, payload))
        return message_id

    def withdraw(self, message_id: str) -> bool:
        """Take a call that was not sent yet out of the queue, without an event. False when it isn't there."""
        for ours in self._queue:
            if ours.message_id == message_id:
                self._queue.remove(ours)
                return True
        return False

    def _fresh(self, message_id: str | None) -> str:
        if message_id is None:
            message_id = self._new_id()
        if not 0 < len(message_id) <= 36:
            raise ValueError(
                f"message id {message_id!r} has {len(message_id)} characters: 1 to 36 are allowed"
            )
        if self.in_flight == message_id or any(ours.message_id == message_id for ours in self._queue):
            raise ValueError(f"message id {message_id!r} is in use by a call that waits")
        return message_id

    def _start(self, ours: _Ours, now: float) -> None:
        ours.sent_at = now
        self._waiting = ours
        self._outbox.append(ours.text)

    def _finish(self, now: float) -> None:
        self._waiting = None
        if self._queue:
            self._start(self._queue.popleft(), now)

    # The peer's half

    def answer(self, message_id: str, payload: WireStruct) -> None:
        """Answer an open call. Raises UnknownCall, and PayloadError when the answer is bad (it stays open).

        After `close` the answer is only remembered, for the repetition on the next connection.
        """
        action, key = self._opened(message_id)
        frame = self.codec.encode_result(message_id, action, payload)
        del self._open[message_id]
        if self.closed and action not in CARRIED:
            self.history.dropped(key)
            return
        self.history.answered(key, action, frame, message_id)
        self._emit(frame)

    def answer_text(self, message_id: str, body: str) -> None:
        """Answer an open call with a payload that is JSON already, and known to keep its schema (an empty
        answer costs a tenth of what `answer` does). Raises UnknownCall.
        """
        action, key = self._opened(message_id)
        del self._open[message_id]
        if self.closed and action not in CARRIED:
            self.history.dropped(key)
            return
        frame = self.codec.result_text(message_id, body)
        self.history.answered(key, action, frame, message_id)
        if not self.closed:
            self._outbox.append(frame)

    def refuse(
        self,
        message_id: str,
        code: str = ErrorCode.INTERNAL_ERROR,
        description: str = "",
        details: Mapping[str, Any] | None = None,
    ) -> None:
        """Answer an open call with a CALLERROR. Raises UnknownCall."""
        _, key = self._opened(message_id)
        del self._open[message_id]
        self.history.dropped(key)
        self._emit(self.codec.encode_error(message_id, code, description, details))

    def abandon(self, message_id: str) -> None:
        """Give an open call up without an answer: a repetition is worked on anew. Raises UnknownCall."""
        _, key = self._opened(message_id)
        del self._open[message_id]
        self.history.dropped(key)

    def _opened(self, message_id: str) -> tuple[str, Key]:
        try:
            return self._open[message_id]
        except KeyError:
            raise UnknownCall(message_id) from None

    def _emit(self, frame: str) -> None:
        if not self.closed:
            self._outbox.append(frame)

    # What moves the engine

    def receive(self, text: str | bytes, now: float) -> list[Event]:
        """Take one frame of the peer and return what it means."""
        if self.closed:
            return []
        frame = self.codec.decode_frame(text)
        if type(frame) is Call:
            return self._on_call(frame, text)
        if type(frame) is Malformed:
            return self._on_malformed(frame, text, now)
        return self._on_other(frame, text, now)

    def frames_to_send(self) -> list[str]:
        """Frames to write, in order; each is returned once."""
        if self._awaited:
            self._collect_awaited()
        frames = self._outbox
        if frames:
            self._outbox = []
        return frames

    def next_timeout(self) -> float | None:
        """When `handle_timeout` must be called, on the clock of `now`; None while nothing waits."""
        waiting = self._waiting
        return waiting.sent_at + waiting.timeout_s if waiting is not None else None

    def handle_timeout(self, now: float) -> list[Event]:
        """Let the call in flight fail when its time is over."""
        waiting = self._waiting
        if waiting is None or now < waiting.sent_at + waiting.timeout_s:
            return []
        self._finish(now)
        return [CallTimedOut(waiting.message_id, waiting.action, waiting.payload)]

    def close(self, now: float) -> list[Event]:
        """The connection is gone: our calls are lost, first the one in flight, then the queue in order.

        Calls of the peer stay open: `answer` them as usual, for the memory, or `abandon` them.
        """
        del now
        if self.closed:
            return []
        self.closed = True
        lost: list[Event] = []
        if self._waiting is not None:
            lost.append(_lost(self._waiting, sent=True))
        lost += [_lost(ours, sent=False) for ours in self._queue]
        self._waiting = None
        self._queue.clear()
        self._outbox.clear()
        self._awaited.clear()
        return lost

    def _collect_awaited(self) -> None:
        """Calls repeated here while an earlier connection's handler still worked on them: send its answer."""
        for key in list(self._awaited):
            frame = self.history.answer_to(key)
            if frame is not None:
                self._outbox.append(frame)
            if frame is not None or not self.history.is_open(key):
                self._awaited.discard(key)

    # One method a frame type

    def _on_other(self, frame: Frame, text: str | bytes, now: float) -> list[Event]:
        match frame:
            case Call():
                return self._on_call(frame, text)
            case CallResult():
                return self._on_result(frame, text, now)
            case CallError():
                return self._on_error(frame, text, now)
            case CallResultError():
                return self._on_result_error(frame)
            case Send():
                return self._on_send(frame, text)
            case Malformed():
                return self._refused(frame, text)

    def _on_call(self, frame: Call, text: str | bytes) -> list[Event]:
        message_id, history = frame.message_id, self.history
        key = hash(text)
        if key in history:
            return self._repeated(frame, key)
        if message_id in self._open:
            # Answering would answer the other call of that id, so this one gets nothing.
            return [self._violation("message id", "id of a call that is still open", text, frame)]
        if len(self._open) >= self._max_open:
            error = f"{len(self._open)} calls are open already"
            self._outbox.append(self.codec.encode_error(message_id, ErrorCode.GENERIC_ERROR, error))
            return [self._violation("flood", error, text, frame, ErrorCode.GENERIC_ERROR)]
        action, raw = frame.action, bytes(frame.payload)
        try:
            payload, repairs = self.codec.read_call(action, raw)
        except PayloadError as fault:
            self._outbox.append(
                self.codec.encode_error(message_id, fault.code, fault.description, fault.details)
            )
            return [self._violation(_kind(fault), str(fault), text, frame, fault.code)]
        self._open[message_id] = (action, key)
        history.opened(key, action)
        return [CallReceived(message_id, action, payload, raw, repairs)]

    def _repeated(self, frame: Call, key: Key) -> list[Event]:
        """The peer says again what it said: it gets the same answer, now or when there is one."""
        again = self.history.answer_to(key)
        if again is not None:
            self._outbox.append(again)
        elif frame.message_id not in self._open:
            self._awaited.add(key)
        return []

    def _on_result(self, frame: CallResult, text: str | bytes, now: float) -> list[Event]:
        waiting = self._waiting
        if waiting is None or waiting.message_id != frame.message_id:
            return [self._violation("unexpected answer", "result for no call in flight", text, frame)]
        self._finish(now)
        try:
            payload, repairs = self.codec.read_result(waiting.action, bytes(frame.payload))
        except PayloadError as error:
            if self.version is Version.V21:
                self._outbox.append(
                    self.codec.encode_result_error(
                        frame.message_id, error.code, error.description, error.details
                    )
                )
            return [
                ErrorReceived(
                    frame.message_id, waiting.action, error.code, error.description, error.details, True
                )
            ]
        elapsed_s = now - waiting.sent_at
        return [ResultReceived(frame.message_id, waiting.action, payload, elapsed_s, repairs)]

    def _on_error(self, frame: CallError, text: str | bytes, now: float) -> list[Event]:
        waiting = self._waiting
        if waiting is None or waiting.message_id != frame.message_id:
            reason = f"{frame.code[:60]} for no call in flight: {(frame.description or '')[:200]}"
            return [self._violation("unexpected answer", reason, text, frame, read(frame.code))]
        self._finish(now)
        return [
            ErrorReceived(
                frame.message_id,
                waiting.action,
                read(frame.code),
                frame.description or "",
                frame.details or {},
            )
        ]

    def _on_result_error(self, frame: CallResultError) -> list[Event]:
        return [
            ResultErrorReceived(
                frame.message_id,
                self.history.action_of(frame.message_id),
                read(frame.code),
                frame.description or "",
                frame.details or {},
            )
        ]

    def _on_send(self, frame: Send, text: str | bytes) -> list[Event]:
        raw = bytes(frame.payload)
        try:
            payload, repairs = self.codec.read_send(frame.action, raw)
        except PayloadError as error:
            return [self._violation(_kind(error), str(error), text, frame, error.code)]
        return [SendReceived(frame.message_id, frame.action, payload, raw, repairs)]

    def _on_malformed(self, frame: Malformed, text: str | bytes, now: float) -> list[Event]:
        if frame.kind == "frame" and (mended := self.codec.mend_frame(text)) is not None:
            again = self.codec.decode_frame(mended)
            if type(again) is not Malformed:
                events = self._on_other(again, mended, now)
                return [_with_note(event, f"$: no JSON ({frame.description}), mended") for event in events]
        return self._refused(frame, text)

    def _refused(self, frame: Malformed, text: str | bytes) -> list[Event]:
        if frame.answer:
            self._outbox.append(self.codec.encode_error(frame.message_id, frame.code, frame.description))
        return [self._violation(frame.kind, frame.description, text, frame, frame.code)]

    @staticmethod
    def _violation(
        kind: Violation, reason: str, text: str | bytes, frame: Any, code: str = ""
    ) -> ProtocolViolation:
        raw = text[:RAW_KEPT]
        return ProtocolViolation(
            reason=reason,
            raw=raw if isinstance(raw, str) else raw.decode("utf-8", "replace"),
            kind=kind,
            message_id=frame.message_id,
            action=getattr(frame, "action", ""),
            code=code,
        )


def _with_note(event: Event, note: str) -> Event:
    if isinstance(event, CallReceived | ResultReceived | SendReceived):
        return msgspec.structs.replace(event, repairs=(note, *event.repairs))
    return event


def _kind(error: PayloadError) -> Violation:
    return "action" if error.fault in (Fault.UNKNOWN_ACTION, Fault.WRONG_DIRECTION) else "payload"


def _lost(ours: _Ours, *, sent: bool) -> CallLost:
    return CallLost(ours.message_id, ours.action, ours.payload, sent)
