"""OCA's JSON schemas as a second opinion on a message: the `jsonschema` library, its numbers in decimal.

Nothing here shares code with the product's own checks. Three defaults of the library are replaced, each
because it would judge less exactly than the schema's text: numbers are read as decimals (8.1 is a multiple of
0.1), a decimal without a fraction counts as an integer where the schema's draft says so, and `date-time` is
checked by the grammar of RFC 3339 and the calendar (the library checks no format by itself).

The schemas lie in a checkout (tools/ocpp_schemas), not in the installed product.
"""

from __future__ import annotations

import calendar
import json
import re
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, TypeAlias

from msgspec import Struct

from ...ocpp.version import Version
from ..report import BenchFailed

Part: TypeAlias = Literal["call", "result", "send"]

ROOT = Path(__file__).resolve().parents[4] / "tools/ocpp_schemas"
FOLDERS = {"v16": Version.V16, "v16_security": Version.V16, "v201": Version.V201, "v21": Version.V21}
_MOST_DIGITS = 1_000
_MOMENT = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.\d+)?(?:[Zz]|[+-](\d\d):(\d\d))", re.ASCII
)


class SchemaMissing(BenchFailed):
    """No schemas, or no library to judge by them."""


class MessageKind(Struct, frozen=True):
    """One schema: the message that it describes. `file` is its name without `.json`."""

    version: Version
    action: str
    part: Part
    folder: str
    file: str

    def __str__(self) -> str:
        return f"{self.version} {self.action} {self.part}"


@cache
def kinds() -> tuple[MessageKind, ...]:
    """Every message of the three versions. Raises SchemaMissing outside a checkout."""
    found = []
    for folder, version in FOLDERS.items():
        for path in sorted((ROOT / folder).glob("*.json")):
            part: Part = "call"
            if path.stem.endswith("Response"):
                part = "result"
            elif version is not Version.V16 and not path.stem.endswith("Request"):
                part = "send"
            action = path.stem.removesuffix("Response").removesuffix("Request")
            found.append(MessageKind(version, action, part, folder, path.stem))
    if not found:
        raise SchemaMissing(f"no schemas in {ROOT}: run this in a checkout, as ./dev bench fuzz")
    return tuple(found)


@cache
def schema_of(kind: MessageKind) -> dict[str, Any]:
    """The schema, its numbers as decimals."""
    text = (ROOT / kind.folder / f"{kind.file}.json").read_text(encoding="utf-8-sig")
    schema: dict[str, Any] = json.loads(text, parse_float=Decimal)
    return schema


@cache
def whole_decimals(kind: MessageKind) -> bool:
    """Whether 7.0 is an integer: so in draft 6, not in draft 4."""
    return "draft-04" not in schema_of(kind)["$schema"]


def parsed(text: str) -> Any:
    """The JSON value of a text, numbers with a point as decimals. Raises ValueError (NaN is no JSON)."""

    def no_number(name: str) -> Any:
        raise ValueError(f"{name} is no JSON number")

    return json.loads(text, parse_float=_number, parse_constant=no_number)


def _number(text: str) -> Decimal:
    try:
        number = Decimal(text)
    except ArithmeticError:
        raise ValueError(f"a number such as {text[:40]} can't be judged") from None
    if abs(number.adjusted()) > _MOST_DIGITS:
        raise ValueError(f"a number of {number.adjusted()} digits can't be judged")
    return number


def complaint(kind: MessageKind, text: str) -> str | None:
    """Why the schema refuses the payload `text`; None when it is valid."""
    try:
        value = parsed(text)
    except (ValueError, RecursionError) as error:
        return f"no JSON: {error}"
    first = next(_judge(kind).iter_errors(value), None)
    return None if first is None else f"{first.json_path}: {str(first.message)[:200]}"


def faults(kind: MessageKind, value: Any) -> Iterator[tuple[str, int]]:
    """(keyword of the schema, depth) of all that is wrong with a payload that `parsed` has read."""
    for error in _judge(kind).iter_errors(value):
        yield str(error.validator), len(error.absolute_path)


@cache
def _judge(kind: MessageKind) -> Any:
    try:
        library = import_module("jsonschema")
    except ImportError as error:
        raise SchemaMissing("jsonschema is not installed: run ./dev bench fuzz, which installs it") from error

    def multiple_of(_judge: Any, factor: Any, value: Any, _schema: Any) -> Iterator[Any]:
        if _is_number(value) and (Fraction(value) / Fraction(factor)).denominator != 1:
            yield library.ValidationError(f"{value} is no multiple of {factor}")

    draft = library.Draft6Validator if whole_decimals(kind) else library.Draft4Validator
    types = draft.TYPE_CHECKER.redefine_many(
        {
            "number": lambda _, value: _is_number(value),
            "integer": lambda _, value: _is_integer(value, whole_decimals(kind)),
        }
    )
    formats = library.FormatChecker(formats=())
    formats.checks("date-time")(is_moment)
    extended = library.validators.extend(draft, {"multipleOf": multiple_of}, type_checker=types)
    return extended(schema_of(kind), format_checker=formats)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | Decimal) and not isinstance(value, bool)


def _is_integer(value: Any, whole_decimals: bool) -> bool:
    if isinstance(value, Decimal):
        return whole_decimals and value == value.to_integral_value()
    return isinstance(value, int) and not isinstance(value, bool)


def is_moment(value: Any) -> bool:
    """Whether a string is a date-time of RFC 3339 (a leap second is one, at the end of a month in UTC)."""
    if not isinstance(value, str):
        return True
    match = _MOMENT.fullmatch(value)
    if match is None:
        return False
    year, month, day, hour, minute, second, zone_h, zone_min = (int(part or 0) for part in match.groups())
    if not 1 <= month <= 12 or hour > 23 or minute > 59 or zone_h > 23 or zone_min > 59:
        return False
    # calendar has no year 0; it is a leap year like 400.
    days = calendar.monthrange(year or 400, month)[1]
    return 1 <= day <= days and (second < 60 or (second == 60 and _ends_a_month(value, day == days)))


def _ends_a_month(text: str, last_day: bool) -> bool:
    return last_day and text[11:16] == "23:59" and text[-1] in "Zz"
