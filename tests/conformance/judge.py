"""An independent judge of frames: what OCPP-J says of their shape, and jsonschema on OCA's own schemas of
their payloads. No product code.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema

SCHEMAS = Path(__file__).parents[2] / "tools" / "ocpp_schemas"

_FOLDERS = {"1.6": ("v16", "v16_security"), "2.0.1": ("v201",), "2.1": ("v21",)}
_CODES_2 = frozenset(
    (
        "FormatViolation",
        "GenericError",
        "InternalError",
        "MessageTypeNotSupported",
        "NotImplemented",
        "NotSupported",
        "OccurrenceConstraintViolation",
        "PropertyConstraintViolation",
        "ProtocolError",
        "RpcFrameworkError",
        "SecurityError",
        "TypeConstraintViolation",
    )
)
# With 1.6's two own spellings: "message level change", so its errata sheet leaves them.
_CODES_16 = frozenset(
    (
        "NotImplemented",
        "NotSupported",
        "InternalError",
        "ProtocolError",
        "SecurityError",
        "FormationViolation",
        "PropertyConstraintViolation",
        "OccurenceConstraintViolation",
        "TypeConstraintViolation",
        "GenericError",
    )
)
CODES = {"1.6": _CODES_16, "2.0.1": _CODES_2, "2.1": _CODES_2}

_formats = jsonschema.FormatChecker(formats=())
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")


@_formats.checks("date-time", raises=ValueError)
def _is_moment(value: object) -> bool:
    if not isinstance(value, str):
        return True  # the type is another rule's concern
    if not _MOMENT.fullmatch(value):
        raise ValueError(f"{value!r} is no RFC 3339 time with a zone")
    datetime.fromisoformat(value)
    return True


class BadFrame(Exception):
    """A frame that the standard does not allow: who sent it, what it is, and why."""


@cache
def validator(version: str, name: str) -> jsonschema.protocols.Validator:
    """The schema of a message: `name` is the action with `Request` or `Response`, or a SEND's bare action."""
    names = [f"{name}.json"]
    if version == "1.6" and name.endswith("Request"):
        names.append(f"{name.removesuffix('Request')}.json")
    for folder in _FOLDERS[version]:
        for file in names:
            path = SCHEMAS / folder / file
            if path.exists():
                schema = json.loads(path.read_text("utf-8-sig"), parse_float=Decimal)
                kind = jsonschema.validators.validator_for(schema)
                return kind(schema, format_checker=_formats)
    raise LookupError(f"no schema for {name} of {version}")


def judge(version: str, text: str, answered_action: str | None = None) -> None:
    """Raise BadFrame unless `text` is a faultless frame of `version`. `answered_action` is the action of the
    call that a CALLRESULT answers.
    """
    # Decimals: in floats 8.1 is no multiple of 0.1, and 1.6's schemas ask for one.
    frame = json.loads(text, parse_float=Decimal)
    for fault in _faults(version, frame, answered_action):
        raise BadFrame(f"{version}: {fault}: {text[:500]}")


def _faults(version: str, frame: Any, answered_action: str | None) -> Iterator[str]:
    if not isinstance(frame, list) or len(frame) < 3:
        yield "no list of three or more"
        return
    kind, message_id = frame[0], frame[1]
    lengths = {2: 4, 3: 3, 4: 5} | ({5: 5, 6: 4} if version == "2.1" else {})
    if type(kind) is not int or kind not in lengths:
        yield f"message type {kind!r}"
        return
    if len(frame) != lengths[kind]:
        yield f"{len(frame)} elements where a message of type {kind} has {lengths[kind]}"
        return
    if not isinstance(message_id, str) or not 1 <= len(message_id) <= 36:
        yield f"message id {message_id!r}"
    if kind in (4, 5):
        code, description, details = frame[2:]
        if code not in CODES[version]:
            yield f"error code {code!r}"
        if not isinstance(description, str) or len(description) > 255:
            yield "a description of more than 255 characters, or none"
        if not isinstance(details, dict):
            yield "details that are no object"
        return
    payload = frame[-1]
    name = f"{frame[2]}Request" if kind == 2 else str(frame[2]) if kind == 6 else f"{answered_action}Response"
    try:
        errors = validator(version, name).iter_errors(payload)
    except LookupError as unknown:
        yield str(unknown)
        return
    yield from (f"{error.json_path} {error.message}" for error in errors)
    yield from _nulls(payload, "$")


def _nulls(value: Any, path: str) -> Iterator[str]:
    """A member without a value is left out: null is nowhere allowed."""
    if value is None:
        yield f"{path} is null"
    elif isinstance(value, dict):
        for name, member in value.items():
            yield from _nulls(member, f"{path}.{name}")
    elif isinstance(value, list):
        for number, member in enumerate(value):
            yield from _nulls(member, f"{path}[{number}]")
