"""Frames and payloads of OCPP-J: text to typed messages and back.

A frame is read in one pass that leaves the payload raw (`msgspec.Raw`), because the type of a result's
payload is known only to whoever sent the call. The payload is then decoded and validated by the action's
own decoder, built when the action is first seen. Nothing here keeps state between frames.

Strict where the schema is: unknown members, lengths, ranges, items, decimals, and null, which no member may
have. Tolerant where refusing helps nobody: elements after the fourth, a payload of null for an empty one, a
time without a zone (the dialects take it as UTC). What we send is checked by reading it back with the same
decoder; a message of ours that breaks its schema raises PayloadError before it is queued.

A `lenient` codec (a CSMS's, for what real stations send) repairs what the strict decoder refuses where that
loses little, and tells what it did: see `repair` and, for the text of a frame, `mending`.

Every difference to a literal reading of the schemas is in a list with its reason (`DIFFERENCES` in
bench/fuzz/verdicts.py: 1.0 is no integer, a leap second no moment), and tests hold that there is no other.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeAlias

import msgspec

from ampacity.ocpp.errors import ErrorCode, Fault, PayloadError, spell
from ampacity.ocpp.mending import mend
from ampacity.ocpp.messages.wire import WireStruct, dec_hook
from ampacity.ocpp.moments import naive_moment
from ampacity.ocpp.repair import Repair, Unfit
from ampacity.ocpp.tolerances import LOSSY_REQUESTS, LOSSY_RESPONSES
from ampacity.ocpp.version import Role, Version, vocabulary

MAX_FRAME = 1 << 20
MAX_DEPTH = 64
UNREADABLE_ID = "-1"
LARGEST_TRANSACTION_ID = 2**31 - 1

_NAMES = {2: "CALL", 3: "CALLRESULT", 4: "CALLERROR", 5: "CALLRESULTERROR", 6: "SEND"}
_TYPES = {Version.V16: {2, 3, 4}, Version.V201: {2, 3, 4}, Version.V21: {2, 3, 4, 5, 6}}


class Call(msgspec.Struct, array_like=True, tag=2, frozen=True, gc=False):
    """[2, id, action, payload]"""

    message_id: str
    action: str
    payload: msgspec.Raw


class CallResult(msgspec.Struct, array_like=True, tag=3, frozen=True, gc=False):
    """[3, id, payload]"""

    message_id: str
    payload: msgspec.Raw


class CallError(msgspec.Struct, array_like=True, tag=4, frozen=True, gc=False):
    """[4, id, code, description, details]; peers leave out the last two or send null"""

    message_id: str
    code: str
    description: str | None = None
    details: dict[str, Any] | None = None


class CallResultError(msgspec.Struct, array_like=True, tag=5, frozen=True, gc=False):
    """[5, id, code, description, details] of 2.1: the peer could not use our answer"""

    message_id: str
    code: str
    description: str | None = None
    details: dict[str, Any] | None = None


class Send(msgspec.Struct, array_like=True, tag=6, frozen=True, gc=False):
    """[6, id, action, payload] of 2.1: never answered"""

    message_id: str
    action: str
    payload: msgspec.Raw


class Malformed(msgspec.Struct, frozen=True, gc=False):
    """A frame that is none of the above. `answer` says whether the standard wants a CALLERROR for it."""

    kind: Literal["size", "depth", "frame", "message type", "message id"]
    message_id: str
    code: ErrorCode
    description: str
    answer: bool


Frame = Call | CallResult | CallError | CallResultError | Send | Malformed
Read: TypeAlias = tuple[WireStruct, tuple[str, ...]]
"""A message and what had to be repaired of it (nothing, for a faultless one)."""

_FRAME: msgspec.json.Decoder[Call | CallResult | CallError | CallResultError | Send] = msgspec.json.Decoder(
    Call | CallResult | CallError | CallResultError | Send
)
_ANY: msgspec.json.Decoder[Any] = msgspec.json.Decoder()
_ENCODER = msgspec.json.Encoder()
_HEAD = re.compile(r'\s*\[\s*(\d{1,9})\s*,\s*("(?:[^"\\]|\\.){1,216}")\s*[,\]]')
_PLAIN = re.compile(r"[ !#-\[\]-~]*").fullmatch  # nothing that JSON escapes
_NULL = re.compile(rb"null")  # twice as fast as `in` on a kilobyte
# The standard allows three digits of a second (2.x part 2, primitive data types); msgspec writes six.
_MICROSECONDS = re.compile(rb'(T\d\d:\d\d:\d\d\.\d\d\d)\d\d\d(?=(?:Z|[+-]\d\d:\d\d)")')


class Codec:
    """Reads and writes the messages of one version at one end of a connection.

    `max_frame` is in characters. `max_depth` bounds the values that a peer may shape itself: customData,
    the data of a DataTransfer of 2.x, error details; everything else is as deep as its schema, and a frame
    that nests without end fails in the parser's own recursion check before anything is built. With
    `check_sent` (the default) every payload that we send is validated like one that we receive. `lenient`
    makes the `read_*` methods repair what they can; the `decode_*` methods are strict always. A codec has no
    state, so all connections of one version and role can share it.
    """

    def __init__(
        self,
        version: Version,
        role: Role,
        *,
        max_frame: int = MAX_FRAME,
        max_depth: int = MAX_DEPTH,
        check_sent: bool = True,
        lenient: bool = False,
    ) -> None:
        self.version = version
        self.role = role
        self.max_frame = max_frame
        self.max_depth = max_depth
        self.check_sent = check_sent
        self.lenient = lenient
        self._vocabulary = vocabulary(version)
        # Actions of 1.6 whose transaction id may be a station's overflow (see quirks: 2**63 - 1).
        overflows = lenient and version is Version.V16
        self._numbered = frozenset(("MeterValues", "StopTransaction") if overflows else ())
        self._ready: dict[str, Callable[[bytes], WireStruct]] = {}
        self._decoders: dict[type[WireStruct], msgspec.json.Decoder[WireStruct]] = {}

    # Frames in

    def decode_frame(self, text: str | bytes) -> Frame:
        """Read the outer array. Never raises: what can't be read is `Malformed`."""
        if len(text) > self.max_frame:
            return self._oversize(text)
        try:
            frame: Frame = _FRAME.decode(text)
        except (ValueError, RecursionError) as error:
            return self._unreadable(text, error)
        if not 0 < len(frame.message_id) <= 36:
            return self._malformed(
                "message id",
                f"Message id of {len(frame.message_id)} characters, 1 to 36 are allowed",
                frame.message_id or UNREADABLE_ID,
                answer=type(frame) is Call,
            )
        if isinstance(frame, Call) or isinstance(frame, CallResult):  # noqa: SIM101 - a tuple costs more
            return frame
        if self.version is not Version.V21 and not isinstance(frame, CallError):
            return self._unknown_type(5 if isinstance(frame, CallResultError) else 6, frame.message_id)
        if isinstance(frame, CallError | CallResultError) and _deeper(frame.details, self.max_depth):
            return self._malformed(
                "depth", f"Error details nested deeper than {self.max_depth}", frame.message_id, answer=False
            )
        return frame

    def _oversize(self, text: str | bytes) -> Malformed:
        description = f"Frame of {len(text)} characters, at most {self.max_frame} are accepted"
        head = _head(text)
        if head is None:
            return self._malformed("size", description)
        return self._malformed("size", description, head[1], answer=head[0] == 2)

    def _malformed(
        self,
        kind: Literal["size", "depth", "frame", "message type", "message id"],
        description: str,
        message_id: str = UNREADABLE_ID,
        *,
        answer: bool = True,
        code: ErrorCode = ErrorCode.RPC_FRAMEWORK_ERROR,
    ) -> Malformed:
        return Malformed(kind, message_id, code, description, answer)

    def _unknown_type(self, number: int, message_id: str) -> Malformed:
        return self._malformed(
            "message type",
            f"Message type {number} is not supported",
            message_id,
            # 2.0.1 part 4 section 4.4 wants a CALLERROR; 1.6 and 2.1 want such a message ignored.
            answer=self.version is Version.V201,
            code=ErrorCode.MESSAGE_TYPE_NOT_SUPPORTED,
        )

    def _unreadable(self, text: str | bytes, error: Exception) -> Malformed:
        """The slow path: find out how much of a bad frame can be read."""
        head = _head(text)
        if head is None:
            return self._malformed("frame", f"Not an OCPP-J message: {_short(error)}")
        number, message_id = head
        if number not in _TYPES[self.version]:
            return self._unknown_type(number, message_id)
        # From here on the id is known. Only a CALL is answered: an answer to an answer would never end.
        syntax = not isinstance(error, msgspec.ValidationError)
        return self._malformed(
            "frame",
            f"{_NAMES[number]} cannot be read: {_short(error)}",
            message_id,
            answer=number == 2,
            code=ErrorCode.FORMAT_VIOLATION if syntax else ErrorCode.RPC_FRAMEWORK_ERROR,
        )

    def mend_frame(self, text: str | bytes) -> str | None:
        """The text of a frame that is no JSON as it was meant, None when that can't be known (or when this
        codec is not lenient, or the text too long)."""
        return mend(text) if self.lenient and len(text) <= self.max_frame else None

    # Payloads in

    def read_call(self, action: str, payload: bytes) -> Read:
        """Like `decode_call`, repaired where this codec is lenient. Raises PayloadError, the strict one."""
        decode = self._ready.get(action)
        try:
            if decode is not None and not _NULL.search(payload):
                message = decode(payload)
            else:
                message = self.decode_call(action, payload)
        except PayloadError as error:
            message, repairs = self._repaired(action, 0, payload, error)
        except (ValueError, RecursionError) as error:
            message, repairs = self._repaired(action, 0, payload, self._refused(action, error))
        else:
            repairs = ()
        if action in self._numbered and (message.transactionId or 0) > LARGEST_TRANSACTION_ID:  # type: ignore[attr-defined]
            return _without_overflow(action, message, repairs)
        return message, repairs

    def read_result(self, action: str, payload: bytes) -> Read:
        """Like `decode_result`, repaired where this codec is lenient. Raises PayloadError."""
        try:
            return self.decode_result(action, payload), ()
        except PayloadError as error:
            return self._repaired(action, 1, payload, error)

    def read_send(self, action: str, payload: bytes) -> Read:
        """Like `decode_send`, repaired where this codec is lenient. Raises PayloadError."""
        try:
            return self.decode_send(action, payload), ()
        except PayloadError as error:
            return self._repaired(action, 2, payload, error)

    def decode_call(self, action: str, payload: msgspec.Raw | bytes) -> WireStruct:
        """The request of `action` sent by the peer. Raises PayloadError."""
        types = self._vocabulary.calls.get(action)
        if types is None:
            raise self._unknown_action(action)
        if action not in self._vocabulary.started_by[self.role.peer]:
            raise PayloadError(
                self.version, Fault.WRONG_DIRECTION, f"{action} is not for a {self.role.value} to receive"
            )
        message = self._decode(action, types[0], payload)
        if action != "DataTransfer":
            self._ready[action] = self._decoder(types[0]).decode
        return message

    def decode_result(self, action: str, payload: msgspec.Raw | bytes) -> WireStruct:
        """The response of `action`, which we called. Raises PayloadError."""
        types = self._vocabulary.calls.get(action)
        if types is None:
            raise self._unknown_action(action)
        return self._decode(action, types[1], payload)

    def decode_send(self, action: str, payload: msgspec.Raw | bytes) -> WireStruct:
        """The unconfirmed message `action` of the peer. Raises PayloadError."""
        kind = self._vocabulary.sends.get(action)
        if kind is None or action not in self._vocabulary.started_by[self.role.peer]:
            raise self._unknown_action(action)
        return self._decode(action, kind, payload)

    def _unknown_action(self, action: str) -> PayloadError:
        return PayloadError(
            self.version, Fault.UNKNOWN_ACTION, f"{action[:60]} is no action of OCPP {self.version}"
        )

    def _dec_hook(self, kind: type, value: Any) -> Any:
        if _deeper(value, self.max_depth):
            raise ValueError(f"Expected `object` with at most {self.max_depth} levels")
        return dec_hook(kind, value)

    def _decoder(self, kind: type[WireStruct]) -> msgspec.json.Decoder[WireStruct]:
        decoder = self._decoders.get(kind)
        if decoder is None:
            decoder = self._decoders[kind] = msgspec.json.Decoder(kind, dec_hook=self._dec_hook)
        return decoder

    def _decode(self, action: str, kind: type[WireStruct], payload: msgspec.Raw | bytes) -> WireStruct:
        raw = bytes(payload)
        if _NULL.search(raw):
            raw = self._without_null(action, raw)
        try:
            message = self._decoder(kind).decode(raw)
        except (ValueError, RecursionError) as error:
            raise self._refused(action, error) from None
        if action == "DataTransfer" and _deeper(getattr(message, "data", None), self.max_depth):
            raise PayloadError(
                self.version, Fault.VALUE, f"data nested deeper than {self.max_depth}", "$.data"
            )
        return message

    def _refused(self, action: str, error: Exception) -> PayloadError:
        if isinstance(error, msgspec.ValidationError):
            return PayloadError.from_validation(self.version, action, error)
        return PayloadError(self.version, Fault.SYNTAX, f"{action}: {_short(error)}")

    def _repaired(self, action: str, part: Literal[0, 1, 2], payload: bytes, error: PayloadError) -> Read:
        """What can be made of a payload that the schema refuses. Raises `error` when that is nothing."""
        if not self.lenient or error.fault in (Fault.UNKNOWN_ACTION, Fault.WRONG_DIRECTION, Fault.SYNTAX):
            raise error from None
        kind = self._vocabulary.sends[action] if part == 2 else self._vocabulary.calls[action][part]
        lossy = LOSSY_RESPONSES if part == 1 else LOSSY_REQUESTS
        repair = Repair(lossy=action in lossy, foreign=self._dec_hook)
        try:
            message = repair.message(kind, _ANY.decode(payload))
        except (Unfit, ValueError, RecursionError):
            raise error from None
        if action == "DataTransfer" and _deeper(getattr(message, "data", None), self.max_depth):
            raise error from None
        # Nothing was wrong with what JSON makes of the text: then a member is there twice, one of them wrong.
        return message, repair.told() or ("$: a member is there twice, the last one taken",)

    def _without_null(self, action: str, raw: bytes) -> bytes:
        """Refuse null where the schema has no place for it; a payload that is null itself is an empty one."""
        if raw == b"null":
            return b"{}"
        try:
            path = _null_path(_ANY.decode(raw), action == "DataTransfer" and self.version is not Version.V16)
        except (ValueError, RecursionError) as error:
            raise PayloadError(self.version, Fault.SYNTAX, f"{action}: {_short(error)}") from None
        if path is not None:
            raise PayloadError(self.version, Fault.TYPE, f"{action}: null is not a value", "$" + path)
        return raw

    # Frames out

    def encode_call(self, message_id: str, action: str, payload: WireStruct) -> str:
        """CALL text of our request. Raises PayloadError when it breaks the schema, KeyError never."""
        types = self._vocabulary.calls.get(action)
        if types is None or action not in self._vocabulary.started_by[self.role]:
            raise PayloadError(
                self.version, Fault.UNKNOWN_ACTION, f"{action} is not for a {self.role.value} to call"
            )
        return _text((2, message_id, action, self._encode(action, types[0], payload)))

    def call_text(self, message_id: str, action: str, body: str) -> str:
        """CALL text around a payload that is JSON already and known to keep its schema."""
        return _text((2, message_id, action, msgspec.Raw(body.encode())))

    def encode_result(self, message_id: str, action: str, payload: WireStruct) -> str:
        """CALLRESULT text of our answer to the peer's `action`. Raises PayloadError."""
        types = self._vocabulary.calls.get(action)
        if types is None:
            raise self._unknown_action(action)
        return _text((3, message_id, self._encode(action, types[1], payload)))

    @staticmethod
    def result_text(message_id: str, body: str) -> str:
        """CALLRESULT text around a payload that is JSON already."""
        if _PLAIN(message_id):
            return f'[3,"{message_id}",{body}]'
        return f"[3,{_ENCODER.encode(message_id).decode()},{body}]"

    def encode_send(self, message_id: str, action: str, payload: WireStruct) -> str:
        """SEND text (2.1). Raises PayloadError."""
        kind = self._vocabulary.sends.get(action)
        if kind is None or action not in self._vocabulary.started_by[self.role]:
            raise PayloadError(
                self.version, Fault.UNKNOWN_ACTION, f"{action} is not for a {self.role.value} to send"
            )
        return _text((6, message_id, action, self._encode(action, kind, payload)))

    def encode_error(
        self, message_id: str, code: str, description: str = "", details: Mapping[str, Any] | None = None
    ) -> str:
        """CALLERROR text with the version's spelling of `code`; the description is cut at 255 characters."""
        return _text((4, message_id, spell(self.version, code), description[:255], dict(details or {})))

    def encode_result_error(
        self, message_id: str, code: str, description: str = "", details: Mapping[str, Any] | None = None
    ) -> str:
        """CALLRESULTERROR text (2.1 only; the engine asks)."""
        return _text((5, message_id, spell(self.version, code), description[:255], dict(details or {})))

    def _encode(self, action: str, kind: type[WireStruct], payload: WireStruct) -> msgspec.Raw:
        if type(payload) is not kind:
            raise TypeError(
                f"{action} of OCPP {self.version} carries {kind.__name__}, got {type(payload).__name__}"
            )
        body = _ENCODER.encode(payload)
        if _MICROSECONDS.search(body):
            body = _MICROSECONDS.sub(rb"\1", body)
        if self.check_sent:
            self._decode(action, kind, body)
            if path := naive_moment(payload):
                raise PayloadError(self.version, Fault.TYPE, f"{action}: time without a zone", path)
        return msgspec.Raw(body)


def _head(text: str | bytes) -> tuple[int, str] | None:
    """Type number and message id of a frame that can't be read as a whole."""
    start = text[:300]
    match = _HEAD.match(start if isinstance(start, str) else start.decode("utf-8", "replace"))
    try:
        message_id = _ANY.decode(match[2]) if match is not None else ""
    except (ValueError, RecursionError):
        return None
    return (int(match[1]), message_id) if match is not None and 0 < len(message_id) <= 36 else None


def _text(frame: tuple[Any, ...]) -> str:
    return _ENCODER.encode(frame).decode()


def _short(error: Exception) -> str:
    return str(error)[:150]


def _null_path(value: Any, free_data: bool) -> str | None:
    """Path of the first null outside customData and, with `free_data`, outside the top member `data`."""
    if isinstance(value, dict):
        for key, member in value.items():
            if (free_data and key == "data") or (key == "customData" and member is not None):
                continue
            if member is None:
                return f".{key}"
            if isinstance(member, dict | list) and (path := _null_path(member, False)):
                return f".{key}{path}"
    elif isinstance(value, list):
        for index, member in enumerate(value):
            if member is None:
                return f"[{index}]"
            if isinstance(member, dict | list) and (path := _null_path(member, False)):
                return f"[{index}]{path}"
    return None


def _without_overflow(action: str, message: Any, repairs: tuple[str, ...]) -> Read:
    """A transaction id beyond 32 bits is none that we gave out: the message speaks of no transaction."""
    told = f"$.transactionId: {message.transactionId} is beyond 32 bits, taken for none"
    none = 0 if action == "StopTransaction" else None  # it has to have one there
    return msgspec.structs.replace(message, transactionId=none), (*repairs, told)


def _deeper(value: Any, levels: int) -> bool:
    """Whether arrays and objects in `value` are nested more than `levels` deep."""
    if not isinstance(value, dict | list):
        return False
    if levels == 0:
        return True
    members = value.values() if isinstance(value, dict) else value
    return any(_deeper(member, levels - 1) for member in members)
