"""Finds a time without a zone in a message that we are about to send.

A station takes such a time for its own zone, and the schemas (`format: date-time`) forbid it; msgspec would
send it without a word. The paths to a type's times are worked out once a type, so a message without times
costs a lookup.
"""

from collections.abc import Callable
from datetime import datetime
from functools import cache
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from ampacity.ocpp.messages.wire import WireStruct

_Probe = Callable[[Any], str | None]  # path of the first naive time, None without one


def naive_moment(message: WireStruct) -> str:
    """JSON path of the first naive datetime in `message`, empty when there is none."""
    probe = _struct_probe(type(message))
    path = probe(message) if probe is not None else None
    return "" if path is None else f"${path}"


@cache
def _struct_probe(kind: type[WireStruct]) -> _Probe | None:
    probes = [
        (name, probe) for name, hint in get_type_hints(kind).items() if (probe := _probe(hint)) is not None
    ]
    if not probes:
        return None

    def look(message: Any) -> str | None:
        for name, probe in probes:
            value = getattr(message, name)
            if value is not None and (path := probe(value)) is not None:
                return f".{name}{path}"
        return None

    return look


def _probe(hint: Any) -> _Probe | None:
    origin = get_origin(hint)
    if origin is Annotated:
        return _probe(get_args(hint)[0])
    if origin in (Union, UnionType):
        return next((probe for arm in get_args(hint) if (probe := _probe(arm)) is not None), None)
    if origin is list:
        return _list_probe(get_args(hint)[0])
    if hint is datetime:
        return _datetime_probe
    if isinstance(hint, type) and issubclass(hint, WireStruct):
        return _struct_probe(hint)
    return None


def _list_probe(hint: Any) -> _Probe | None:
    item = _probe(hint)
    if item is None:
        return None

    def look(values: Any) -> str | None:
        for index, value in enumerate(values):
            if (path := item(value)) is not None:
                return f"[{index}]{path}"
        return None

    return look


def _datetime_probe(value: Any) -> str | None:
    return "" if value.tzinfo is None else None
