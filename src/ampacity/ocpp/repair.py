"""Repairs a payload that its schema refuses, where that loses little; `tolerances` says what is allowed.

The strict decoder comes first and a valid message never gets here. The payload, as plain JSON values, is then
walked along the type of its message, and each place that doesn't fit is read as what was meant, or left out.
Each repair is told in a line (path, what was done, why). What can't be repaired raises `Unfit`, and the
caller answers with the strict decoder's error.
"""

import math
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from functools import cache
from typing import Any

import msgspec
from msgspec import inspect

from ampacity.ocpp.messages.wire import WireStruct
from ampacity.ocpp.tolerances import (
    DECISIVE,
    INFORMATIVE,
    KEPT_LONG,
    LOSSY_LISTS,
    MAY_BE_EMPTY,
    OTHER_WORDS,
    WHEN_MISSING,
    WHEN_UNKNOWN,
    WHOLE_WH,
)

MAX_NOTES = 20

_MOMENT = re.compile(
    r"\s*(\d{4})-(\d\d?)-(\d\d?)[Tt ](\d\d?):(\d\d)(?::(\d\d)(?:[.,](\d{1,12}))?)?"
    r"\s*(?:([Zz]|UTC|GMT)|([+-])(\d\d):?(\d\d)?)?\s*"
)
_WHOLE = re.compile(r"\s*([+-]?\d{1,18})(?:\.0*)?\s*")
# A comma before three digits may part thousands: such a text is no number that we know.
_NUMBER = re.compile(r"\s*[+-]?\d{1,18}(?:\.\d{0,18}|,(?:\d{1,2}|\d{4,18}))?(?:[eE][+-]?\d{1,3})?\s*")
_PLAIN = re.compile(r"[^a-z0-9%]")


class Unfit(Exception):
    """A value that can't be read as what its place wants; `str()` is the reason."""


class Repair:
    """One repair. `lossy` lets broken optional members and list items be left out; `foreign` builds what the
    hook of the strict decoder builds (customData). `notes` tells what was done.
    """

    def __init__(self, *, lossy: bool, foreign: Callable[[type, Any], Any]) -> None:
        self.lossy = lossy
        self.notes: list[str] = []
        self._foreign = foreign
        self._untold = 0

    def message(self, kind: type[WireStruct], value: Any) -> WireStruct:
        """The payload `value` as a message. Raises Unfit."""
        if value in ([], "", None):
            self._note("$", "nothing, taken for an empty object")
            value = {}
        made: WireStruct = self._struct(_shape(kind), value, "$")
        return made

    def told(self) -> tuple[str, ...]:
        """The notes, the last saying how many more there were."""
        more = (f"and {self._untold} repairs more",) if self._untold else ()
        return (*self.notes, *more)

    def _note(self, path: str, what: str) -> None:
        if len(self.notes) < MAX_NOTES:
            self.notes.append(f"{path}: {what}")
        else:
            self._untold += 1

    # Structs and lists

    def _struct(self, shape: inspect.StructType, value: Any, path: str) -> Any:
        if not isinstance(value, dict):
            raise Unfit(f"no object but {_name(value)}")
        fields = _fields(shape.cls)
        owner = shape.cls.__name__
        made: dict[str, Any] = {}
        for name, member in value.items():
            here = f"{path}.{name[:40]}"
            if name not in fields:
                self._note(here, "not defined, left out")
            elif member is None and not isinstance(fields[name].type, inspect.AnyType):
                self._note(here, "null, taken for absent")
            else:
                self._member(made, fields[name], member, here, owner)
        for field in shape.fields:
            if field.required and field.name not in made:
                key = f"{owner}.{field.name}"
                if key not in WHEN_MISSING:
                    raise Unfit(f"required member {field.name} is missing")
                made[field.name] = WHEN_MISSING[key]
                self._note(f"{path}.{field.name}", f"missing, taken for {made[field.name]!r}")
        try:
            return shape.cls(**made)
        except ValueError as error:
            raise Unfit(str(error)) from None

    def _member(self, made: dict[str, Any], field: inspect.Field, value: Any, path: str, owner: str) -> None:
        key = f"{owner}.{field.name}"
        kept = len(self.notes), self._untold
        try:
            made[field.name] = self._value(field.type, value, path, key)
            return
        except Unfit as unfit:
            why = str(unfit)
        del self.notes[kept[0] :]  # of what is left out now
        self._untold = kept[1]
        if self.lossy and key in WHEN_UNKNOWN:
            made[field.name] = WHEN_UNKNOWN[key]
            self._note(path, f"{why}, taken for {made[field.name]!r}")
        elif not field.required and (value == [] or (self.lossy and key not in DECISIVE)):
            self._note(path, f"{why}, left out")
        else:
            raise Unfit(f"{field.name}: {why}")

    def _list(self, shape: inspect.ListType, value: Any, path: str, key: str) -> list[Any]:
        if isinstance(value, dict) and isinstance(shape.item_type, inspect.StructType):
            self._note(path, "an object, taken for a list of one")
            value = [value]
        if not isinstance(value, list):
            raise Unfit(f"no list but {_name(value)}")
        lossy = self.lossy and key.rpartition(".")[2] in LOSSY_LISTS
        items = []
        for index, item in enumerate(value):
            here = f"{path}[{index}]"
            kept = len(self.notes), self._untold
            try:
                items.append(self._value(shape.item_type, item, here, key))
            except Unfit as unfit:
                if not lossy:
                    raise
                del self.notes[kept[0] :]
                self._untold = kept[1]
                self._note(here, f"{unfit}, left out")
        if len(items) < (shape.min_length or 0) and not (self.lossy and key in MAY_BE_EMPTY):
            raise Unfit(f"{len(items)} usable items, at least {shape.min_length} are needed")
        if shape.max_length is not None and len(items) > shape.max_length:
            raise Unfit(f"{len(items)} items, at most {shape.max_length} are allowed")
        return items

    # Values

    def _value(self, shape: inspect.Type, value: Any, path: str, key: str) -> Any:
        """`value` as `shape`; `key` is the member that holds it, "Struct.member"."""
        match shape:
            case inspect.UnionType():
                return self._value(_present(shape), value, path, key)
            case inspect.StructType():
                return self._struct(shape, value, path)
            case inspect.ListType():
                return self._list(shape, value, path, key)
            case inspect.LiteralType():
                made: Any = self._word(shape, value, key)
            case inspect.StrType():
                made = self._text(shape, value, key)
            case inspect.IntType():
                made = _bounded(shape, _whole(value, key))
            case inspect.FloatType():
                made = _bounded(shape, _number(value))
            case inspect.BoolType():
                made = _yes_or_no(value)
            case inspect.DateTimeType():
                made = _moment(value)
            case inspect.CustomType():
                try:
                    return self._foreign(shape.cls, value)
                except ValueError as error:
                    raise Unfit(str(error)) from None
            case inspect.AnyType():
                return value
            case _:
                raise Unfit(f"{type(shape).__name__} is not repaired")
        if isinstance(shape, inspect.DateTimeType):
            if not _valid_moment(value):
                self._note(path, f"{_shown(value)} taken for {made.isoformat()}")
        elif type(made) is not type(value) or made != value:
            if not (isinstance(shape, inspect.FloatType) and isinstance(value, int)):
                self._note(path, f"{_shown(value)} taken for {_shown(made)}")
        elif isinstance(made, str) and isinstance(shape, inspect.StrType):
            if shape.max_length is not None and len(made) > shape.max_length:
                self._note(path, f"{len(made)} characters, {shape.max_length} are allowed; kept")
        elif isinstance(shape, inspect.LiteralType) and made not in shape.values:
            self._note(path, f"{_shown(value)} is not in the schema; kept")
        return made

    def _word(self, shape: inspect.LiteralType, value: Any, key: str) -> str:
        if not isinstance(value, str):
            raise Unfit(f"no word but {_name(value)}")
        if value in shape.values:
            return value
        plain = value.strip().lower()
        others = OTHER_WORDS.get(key, {})
        if found := others.get(value.strip()) or others.get(plain):
            return found
        known = _plain_words(shape.values)
        found = known.get(_PLAIN.sub("", plain))
        if found is None:
            raise Unfit(f"{_shown(value)} is none of its words")
        return found

    def _text(self, shape: inspect.StrType, value: Any, key: str) -> str:
        match value:
            case str():
                text = value
            case bool():
                text = "true" if value else "false"
            case int() | float():
                text = repr(value)
            case dict() | list() if key in ("DataTransferRequest.data", "DataTransferResponse.data"):
                text = msgspec.json.encode(value).decode()
            case _:
                raise Unfit(f"no text but {_name(value)}")
        longest = shape.max_length
        if longest is None or len(text) <= longest:
            return text
        if key in INFORMATIVE:
            return text[:longest]
        if self.lossy and len(text) <= KEPT_LONG.get(key, 0):
            return text
        raise Unfit(f"{len(text)} characters, {longest} are allowed")


@cache
def _shape(kind: type) -> inspect.StructType:
    shape = inspect.type_info(kind)
    if not isinstance(shape, inspect.StructType):
        raise TypeError(f"{kind.__name__} is no struct")
    return shape


@cache
def _fields(kind: type) -> dict[str, inspect.Field]:
    return {field.encode_name: field for field in _shape(kind).fields}


def _present(shape: inspect.UnionType) -> inspect.Type:
    return next(arm for arm in shape.types if not isinstance(arm, inspect.NoneType))


@cache
def _plain_words(words: tuple[str, ...]) -> dict[str, str]:
    """Words by their letters and digits in lower case, those that are no longer unique left out."""
    plain: dict[str, str | None] = {}
    for word in words:
        key = _PLAIN.sub("", word.lower())
        plain[key] = None if key in plain else word
    return {key: word for key, word in plain.items() if word is not None}


def _whole(value: Any, key: str) -> int:
    match value:
        case bool():
            raise Unfit("no whole number but a boolean")
        case int():
            return value
        case float() if value.is_integer() and abs(value) < 2**53:
            return int(value)
        case float() if key in WHOLE_WH and math.isfinite(value):
            return round(value)
        case str() if match := _WHOLE.fullmatch(value):
            return int(match[1])
        case str() if key in WHOLE_WH and _NUMBER.fullmatch(value):
            return round(float(value.replace(",", ".")))
    raise Unfit(f"no whole number but {_shown(value)}")


def _number(value: Any) -> float:
    match value:
        case bool():
            raise Unfit("no number but a boolean")
        case int() | float():
            number = float(value) if abs(value) < 1e300 else math.inf
        case str() if _NUMBER.fullmatch(value):
            number = float(value.replace(",", "."))
        case _:
            raise Unfit(f"no number but {_shown(value)}")
    if not math.isfinite(number):
        raise Unfit("no finite number")
    return number


def _bounded(shape: inspect.IntType | inspect.FloatType, value: Any) -> Any:
    if (shape.ge is not None and value < shape.ge) or (shape.le is not None and value > shape.le):
        raise Unfit(f"{value} is out of range")
    return value


def _yes_or_no(value: Any) -> bool:
    match value:
        case bool():
            return value
        case 0 | 1:
            return bool(value)
        case str() if value.strip().lower() in ("true", "1", "yes"):
            return True
        case str() if value.strip().lower() in ("false", "0", "no"):
            return False
    raise Unfit(f"neither true nor false but {_shown(value)}")


def _valid_moment(value: Any) -> bool:
    try:
        msgspec.convert(value, datetime)
    except msgspec.ValidationError:
        return False
    return isinstance(value, str)


def _moment(value: Any) -> datetime:
    """A time; without a zone where the text has none (the dialects take it for UTC)."""
    try:
        if isinstance(value, str):
            try:
                return msgspec.convert(value, datetime)
            except msgspec.ValidationError:
                return _parsed(value)
        if isinstance(value, int | float) and not isinstance(value, bool):
            # Epoch seconds, or milliseconds, of 2001 to 2128; smaller numbers are a clock that never was set.
            for unit in (1, 1000):
                if 1e9 <= value / unit < 5e9:
                    return datetime.fromtimestamp(value / unit, UTC)
    except (ValueError, OverflowError):
        pass
    raise Unfit(f"no time but {_shown(value)}")


def _parsed(text: str) -> datetime:
    found = _MOMENT.fullmatch(text)
    if found is None:
        raise ValueError(text)
    year, month, day, hour, minute = (int(part) for part in found.groups()[:5])
    second, micro = int(found[6] or 0), int((found[7] or "0").ljust(6, "0")[:6])
    if not (1 <= day <= 31 and hour <= 24 and minute < 60 and second <= 60):
        raise ValueError(text)
    # A day beyond its month is counted on: a clock without leap years says 29 February on the first of March.
    at = datetime(year, month, 1, tzinfo=UTC) + timedelta(
        days=day - 1, hours=hour, minutes=minute, seconds=second, microseconds=micro
    )
    if found[8]:
        return at
    if found[9]:
        east = timedelta(hours=int(found[10]), minutes=int(found[11] or 0))
        return at.replace(tzinfo=timezone(east if found[9] == "+" else -east))
    return at.replace(tzinfo=None)


def _name(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "a text", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
