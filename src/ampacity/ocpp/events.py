"""What the engine tells its owner. Small, frozen, outside the garbage collector."""

from typing import Any, Literal

import msgspec

from ampacity.ocpp.messages.wire import WireStruct

Violation = Literal[
    "size",
    "depth",
    "frame",
    "message type",
    "message id",
    "payload",
    "action",
    "flood",
    "unexpected answer",
]


class CallReceived(msgspec.Struct, frozen=True, gc=False):
    """The peer calls. The owner must `answer`, `refuse` or `abandon` this id, once.

    `raw` is the payload's text as it came: evidence, and what a journal keeps. `repairs` says what of it was
    left out or read differently because it breaks the schema; empty for a faultless message.
    """

    message_id: str
    action: str
    payload: WireStruct
    raw: bytes = b""
    repairs: tuple[str, ...] = ()


class ResultReceived(msgspec.Struct, frozen=True, gc=False):
    """Our call was answered, `elapsed_s` seconds after it was handed out to be sent (`repairs`: see
    CallReceived)."""

    message_id: str
    action: str
    payload: WireStruct
    elapsed_s: float = 0.0
    repairs: tuple[str, ...] = ()


class ErrorReceived(msgspec.Struct, frozen=True, gc=False):
    """Our call failed: the peer sent a CALLERROR, or (`invalid_result`) a result that its schema refuses.

    `code` has the 2.x spelling whatever the version.
    """

    message_id: str
    action: str
    code: str
    description: str
    details: dict[str, Any]
    invalid_result: bool = False


class CallTimedOut(msgspec.Struct, frozen=True, gc=False):
    """Our call was sent and nothing came back in time. Its effect is unknown."""

    message_id: str
    action: str
    payload: WireStruct


class CallLost(msgspec.Struct, frozen=True, gc=False):
    """The connection closed first. If `sent`, the effect is unknown; if not, the peer never saw the call."""

    message_id: str
    action: str
    payload: WireStruct
    sent: bool


class SendReceived(msgspec.Struct, frozen=True, gc=False):
    """An unconfirmed message (2.1). Never answered."""

    message_id: str
    action: str
    payload: WireStruct
    raw: bytes = b""
    repairs: tuple[str, ...] = ()


class ResultErrorReceived(msgspec.Struct, frozen=True, gc=False):
    """The peer could not use our answer (2.1). `action` is empty when the answer is no longer remembered."""

    message_id: str
    action: str
    code: str
    description: str
    details: dict[str, Any]


class ProtocolViolation(msgspec.Struct, frozen=True, gc=False):
    """The peer broke the protocol; what the standard wants answered has been queued already.

    `raw` is the frame's first 4,000 characters, for the log and the quarantine.
    """

    reason: str
    raw: str
    kind: Violation
    message_id: str = ""
    action: str = ""
    code: str = ""


Event = (
    CallReceived
    | ResultReceived
    | ErrorReceived
    | CallTimedOut
    | CallLost
    | SendReceived
    | ResultErrorReceived
    | ProtocolViolation
)
Outcome = ResultReceived | ErrorReceived | CallTimedOut | CallLost
