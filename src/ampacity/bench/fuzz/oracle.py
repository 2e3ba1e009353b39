"""What must become of a frame, told by somebody who has not read our code: Python's `json`, OCA's schemas,
and the error tables of the standard.

`expected` reads any bytes and says which answers are right. It is sure of less than an engine must be: where
the standard leaves room (which of two faults is told), it allows each. Where our verdict differs on purpose
(verdicts.DIFFERENCES), bytes carry no name that says so; `may_differ` sees the reasons in the text.
"""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any, Literal, TypeAlias

from msgspec import Struct

from ...ocpp.version import Role, Version, vocabulary
from .schemas import MessageKind, Part, faults, kinds, parsed

Meaning: TypeAlias = Literal["call", "result", "error", "result error", "send", "refused", "ignored"]
"""What the owner hears: a call, an outcome of its own call, ... or of a violation, answered or not."""

UNREADABLE = frozenset({"RpcFrameworkError", "FormatViolation", "MessageTypeNotSupported"})
SPELLED_16 = {
    "FormatViolation": "FormationViolation",
    "OccurrenceConstraintViolation": "OccurenceConstraintViolation",
    "RpcFrameworkError": "FormationViolation",
    "MessageTypeNotSupported": "NotSupported",
}
# Keyword of the schema that is broken -> code in 2.x and in 1.6 (before its spelling).
CODES = {
    "required": ("OccurrenceConstraintViolation", "ProtocolError"),
    "additionalProperties": ("ProtocolError", "FormatViolation"),
    "minItems": ("OccurrenceConstraintViolation", "OccurrenceConstraintViolation"),
    "maxItems": ("OccurrenceConstraintViolation", "OccurrenceConstraintViolation"),
    "type": ("TypeConstraintViolation", "TypeConstraintViolation"),
    "format": ("TypeConstraintViolation", "TypeConstraintViolation"),
    **dict.fromkeys(
        ("enum", "maxLength", "minimum", "maximum", "multipleOf"),
        ("PropertyConstraintViolation", "PropertyConstraintViolation"),
    ),
}
# A number with a point or an exponent, a null, a moment, half a character: see DIFFERENCES.
_ODD = re.compile(r"\d[.eE]|null|\d\d:\d\d|\d{4}-\d\d|\\u[dD]|\d{16}")
_MAX_BRACKETS = 60


class Expected(Struct, frozen=True, kw_only=True):
    """Which outcomes are right. `codes` (in the version's spelling) are those that an answer may carry; empty
    when there must be none. `message_id` is the answer's; None when it can't be known for sure."""

    meaning: Meaning
    message_id: str | None = None
    codes: frozenset[str] = frozenset()
    may_be_silent: bool = False
    anything_but_accepted: bool = False


@cache
def _kind(version: Version, action: str, part: Part) -> MessageKind | None:
    found = (k for k in kinds() if (k.version, k.action, k.part) == (version, action, part))
    return next(found, None)


def expected(version: Version, role: Role, text: bytes, awaited: dict[str, str]) -> Expected:
    """What must become of a frame that comes to an end of `role`, whose calls `awaited` (id -> action) are
    unanswered."""
    try:
        told = text.decode()
    except UnicodeDecodeError:
        # Where such bytes are within a payload, any other fault of it may be told instead.
        return Expected(meaning="refused", anything_but_accepted=True)
    try:
        frame = parsed(told)
    except (ValueError, RecursionError):
        frame = None
    if not isinstance(frame, list) or len(frame) < 2:
        return _unreadable(version)
    number, message_id = frame[0], frame[1]
    if type(number) is not int or not isinstance(message_id, str):
        return _unreadable(version)
    if not 0 < len(message_id) <= 36:
        codes = _spelled(version, UNREADABLE)
        return Expected(meaning="refused", codes=codes, may_be_silent=number != 2)
    sent = {2: 4, 3: 3, 4: 3, 5: 3, 6: 4}
    if number not in sent or (number > 4 and version is not Version.V21):
        if not 0 <= number < 10**9:  # more than a head is searched for
            return _unreadable(version)
        if version is not Version.V201:
            return Expected(meaning="ignored")
        return Expected(meaning="refused", codes=_spelled(version, UNREADABLE))
    if len(frame) < sent[number]:
        return _broken(version, number, message_id)
    if number == 2:
        return _call(version, role, message_id, frame[2], frame[3])
    if number == 6:
        return _send(version, role, frame[2], frame[3])
    if number == 3:
        return _result(version, message_id, frame[2], awaited)
    return _error(version, number, frame, message_id, awaited)


def may_differ(text: bytes) -> bool:
    """Whether a payload holds something that we judge otherwise than its schema, on purpose."""
    loose = text.decode("utf-8", "replace")
    if _ODD.search(loose) or loose.count("[") + loose.count("{") > _MAX_BRACKETS:
        return True
    doubled = False

    def pairs(members: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal doubled
        doubled = doubled or len(dict(members)) < len(members)
        return dict(members)

    try:
        json.loads(loose, object_pairs_hook=pairs)
    except (ValueError, RecursionError):
        return False
    return doubled


def _spelled(version: Version, codes: frozenset[str] | set[str]) -> frozenset[str]:
    if version is not Version.V16:
        return frozenset(codes)
    return frozenset(SPELLED_16.get(code, code) for code in codes)


def _unreadable(version: Version) -> Expected:
    """Answered with the id -1, unless its head shows that it was no CALL."""
    return Expected(meaning="refused", codes=_spelled(version, UNREADABLE), may_be_silent=True)


def _broken(version: Version, number: int, message_id: str) -> Expected:
    if number != 2:
        return Expected(meaning="ignored")
    return Expected(meaning="refused", message_id=message_id, codes=_spelled(version, UNREADABLE))


def _call(version: Version, role: Role, message_id: str, action: Any, payload: Any) -> Expected:
    if not isinstance(action, str):
        return _broken(version, 2, message_id)
    words = vocabulary(version)
    codes: frozenset[str]
    if action not in words.calls:
        codes = frozenset({"NotImplemented"})
    elif action not in words.started_by[role.peer]:
        codes = frozenset({"NotSupported"})
    else:
        codes = _codes(version, action, "call", payload)
    if not codes:
        return Expected(meaning="call", message_id=message_id)
    return Expected(meaning="refused", message_id=message_id, codes=codes)


def _codes(version: Version, action: str, part: Part, payload: Any) -> frozenset[str]:
    """The codes that name a fault of the payload; none for a valid one."""
    kind = _kind(version, action, part)
    assert kind is not None
    found = set()
    for keyword, depth in faults(kind, payload):
        code = CODES[keyword][version is Version.V16]
        if keyword == "type" and depth == 0:  # the payload itself is no object
            code = CODES["additionalProperties"][version is Version.V16]
        found.add(code)
    return _spelled(version, found)


def _send(version: Version, role: Role, action: Any, payload: Any) -> Expected:
    words = vocabulary(version)
    known = isinstance(action, str) and action in words.sends and action in words.started_by[role.peer]
    if known and not _codes(version, action, "send", payload):
        return Expected(meaning="send")
    return Expected(meaning="ignored")


def _result(version: Version, message_id: str, payload: Any, awaited: dict[str, str]) -> Expected:
    if message_id not in awaited:
        return Expected(meaning="ignored")
    codes = _codes(version, awaited[message_id], "result", payload)
    # 2.1 tells the peer that its answer could not be used.
    told = codes if version is Version.V21 else frozenset[str]()
    return Expected(meaning="error" if codes else "result", message_id=message_id, codes=told)


def _error(
    version: Version, number: int, frame: list[Any], message_id: str, awaited: dict[str, str]
) -> Expected:
    code, text, details = [*frame[2:5], None, None][:3]
    readable = (
        isinstance(code, str)
        and (text is None or isinstance(text, str))
        and (details is None or isinstance(details, dict))
    )
    if not readable:
        return Expected(meaning="ignored")
    if number == 5:
        return Expected(meaning="result error")
    return Expected(meaning="error" if message_id in awaited else "ignored")
