"""The messages described as JSON Schema (2020-12), for programs and forms that must know a message's shape.

Made from the structs themselves, so that what is described is what the codec takes. An optional member is one
that `required` leaves out; null is never allowed. Types of their own stand under `$defs` and are referred to,
as some contain themselves. Not told of 1.6: that its limits have at most one decimal,
which the codec checks, and that two locations are URIs, which it does not.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Any

import msgspec
from msgspec import inspect as kinds

from ampacity.ocpp.messages.wire import CustomData
from ampacity.ocpp.version import Role, Version, vocabulary

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_CUSTOM_DATA = {
    "type": "object",
    "properties": {"vendorId": {"type": "string", "maxLength": 255}},
    "required": ["vendorId"],
}
_BOUNDS = {
    "ge": "minimum",
    "gt": "exclusiveMinimum",
    "le": "maximum",
    "lt": "exclusiveMaximum",
    "multiple_of": "multipleOf",
}


@cache
def requests(version: Version, role: Role) -> Mapping[str, dict[str, Any]]:
    """Each action that `role` may call, with the schema of its request, in alphabetical order."""
    words = vocabulary(version)
    actions = sorted(words.started_by[role])
    return MappingProxyType(
        {action: describe(words.calls[action][0]) for action in actions if action in words.calls}
    )


def describe(message: type[msgspec.Struct]) -> dict[str, Any]:
    """The schema of a message, complete in itself."""
    described = kinds.type_info(message)
    assert isinstance(described, kinds.StructType)
    defs: dict[str, Any] = {}
    schema: dict[str, Any] = {"$schema": DIALECT, "title": message.__name__, **_object(described, defs)}
    if defs:
        schema["$defs"] = defs
    return schema


def _object(described: kinds.StructType, defs: dict[str, Any]) -> dict[str, Any]:
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {field.encode_name: _schema(field.type, defs) for field in described.fields},
        "additionalProperties": False,
    }
    required = [field.encode_name for field in described.fields if field.required]
    if required:
        schema["required"] = required
    return schema


def _bounds(kind: kinds.IntType | kinds.FloatType, name: str) -> dict[str, Any]:
    told = {word: getattr(kind, bound) for bound, word in _BOUNDS.items()}
    return {"type": name, **{word: value for word, value in told.items() if value is not None}}


def _lengths(kind: kinds.StrType | kinds.ListType, lower: str, upper: str) -> dict[str, Any]:
    told = {lower: kind.min_length, upper: kind.max_length}
    return {word: value for word, value in told.items() if value is not None}


def _schema(kind: kinds.Type, defs: dict[str, Any]) -> dict[str, Any]:
    """Raises TypeError for a type that no message has had so far."""
    match kind:
        case kinds.AnyType():
            return {}
        case kinds.BoolType():
            return {"type": "boolean"}
        case kinds.IntType():
            return _bounds(kind, "integer")
        case kinds.FloatType():
            return _bounds(kind, "number")
        case kinds.StrType():
            return {"type": "string", **_lengths(kind, "minLength", "maxLength")}
        case kinds.DateTimeType():
            return {"type": "string", "format": "date-time"}
        case kinds.LiteralType():
            # msgspec sorts a literal's values by itself.
            return {"type": "string", "enum": list(kind.values)}
        case kinds.ListType():
            items = _schema(kind.item_type, defs)
            return {"type": "array", "items": items, **_lengths(kind, "minItems", "maxItems")}
        case kinds.StructType():
            name = kind.cls.__name__
            if name not in defs:
                defs[name] = {}  # its place, should it contain itself
                defs[name] = {"title": name, **_object(kind, defs)}
            return {"$ref": f"#/$defs/{name}"}
        case kinds.CustomType() if kind.cls is CustomData:
            defs["CustomDataType"] = {"title": "CustomDataType", **_CUSTOM_DATA}
            return {"$ref": "#/$defs/CustomDataType"}
        case kinds.UnionType():
            present = [part for part in kind.types if not isinstance(part, kinds.NoneType)]
            if len(present) == 1:
                return _schema(present[0], defs)
    raise TypeError(f"no schema for {kind!r}: add a case to ampacity.ocpp.description")
