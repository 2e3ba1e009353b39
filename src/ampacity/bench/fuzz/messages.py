"""Messages made from a schema: valid ones, and such with one thing changed, each change with a name.

A value is plain JSON in Python's types, numbers with a fraction as Decimal, and `Literally` where the text
itself matters (7.0, 1e400, a member written twice). `text_of` writes it. All chance comes from the generator
that is passed in.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from random import Random
from typing import Any, TypeAlias

from msgspec import Struct

Schema: TypeAlias = dict[str, Any]
Change: TypeAlias = tuple[str, Any]
"""(name, what is there instead)."""

LETTERS = 'aB9 -_./:#é€ß中😀🔌"\\\n\t\x7f'
MOMENTS = (
    "2025-03-04T05:06:07Z",
    "2024-02-29T23:59:59.999Z",
    "2025-03-04T05:06:07+05:45",
    "2025-12-31T23:59:59.1-11:30",
    "1999-01-01T00:00:00.123456Z",
    "9999-12-31T23:59:59Z",
    "2025-03-04t05:06:07z",
)
NO_MOMENTS = (
    "",
    "now",
    "2025-03-04",
    "05:06:07Z",
    "2025-3-4T5:6:7Z",
    "2025-02-29T00:00:00Z",
    "2025-13-01T00:00:00Z",
    "2025-00-10T00:00:00Z",
    "2025-01-32T00:00:00Z",
    "2025-01-01T24:00:00Z",
    "2025-01-01T00:60:00Z",
    "2025-01-01T00:00:61Z",
    "2025-01-01T00:00:00ZZ",
    "2025-01-01T00:00:00.Z",
    "2025-01-01T00:00:00+1",
    "2025-01-01T00:00:00+24:00",
    "2025-01-01T00:00:00+00:60",
    "20250101T000000Z",
    " 2025-01-01T00:00:00Z",
    "2025-01-01T00:00:00Z ",
    "２０２５-01-01T00:00:00Z",
    "+2025-01-01T00:00:00Z",
)
# Each has a name of its own, because our verdict differs or may differ from the grammar's.
ODD_MOMENTS = {
    "time without a zone": "2025-01-01T00:00:00",
    "zone without a colon": "2025-01-01T00:00:00+0100",
    "zone of two digits": "2025-01-01T00:00:00+01",
    "blank for the T": "2025-01-01 00:00:00Z",
    "leap second": "2016-12-31T23:59:60Z",
    "year 0": "0000-01-01T00:00:00Z",
    "beyond the year 9999 in UTC": "9999-12-31T23:59:59-01:00",
    "before the year 1 in UTC": "0001-01-01T00:00:00+01:00",
    "nine digits of a second": "2025-01-01T00:00:00.123456789Z",
    "thirty digits of a second": "2025-01-01T00:00:00." + "1" * 30 + "Z",
    "comma in the second": "2025-01-01T00:00:00,5Z",
    "zone unknown": "2025-01-01T00:00:00-00:00",
}
SYNTAX = {
    "NaN": "NaN",
    "infinity": "-Infinity",
    "leading zero": "01",
    "plus sign": "+1",
    "point at the end": "1.",
    "point at the start": ".5",
    "hexadecimal": "0x1F",
    "single quotes": "'a'",
    "comma at the end": "[1,]",
    "comment": "1/**/",
    "control character": '"a\x01b"',
    "lone surrogate": '"\\ud800"',
    "no escape": '"\\x"',
    "word": "True",
    "nothing": "",
}


class Literally(Struct, frozen=True):
    """A piece of JSON text that is written as it is."""

    text: str


def text_of(value: Any) -> str:
    """The JSON text of a value."""
    match value:
        case Literally():
            return value.text
        case Decimal():
            return str(value)
        case dict():
            return "{" + ",".join(f"{text_of(key)}:{text_of(member)}" for key, member in value.items()) + "}"
        case list():
            return "[" + ",".join(map(text_of, value)) + "]"
        case _:
            return json.dumps(value, ensure_ascii=False)


def resolved(root: Schema, schema: Schema) -> Schema:
    """`schema`, or the definition that it points to."""
    while "$ref" in schema:
        schema = root["definitions"][schema["$ref"].rsplit("/", 1)[1]]
    return schema


# ---------------------------------------------------------------- valid


def valid(root: Schema, rng: Random, fullness: float) -> dict[str, Any]:
    """A valid payload; each member that may be left out is there with probability `fullness` (less below)."""
    made: dict[str, Any] = _valid(root, root, rng, fullness)
    return made


def _valid(root: Schema, schema: Schema, rng: Random, fullness: float) -> Any:
    schema = resolved(root, schema)
    if "enum" in schema:
        return rng.choice(schema["enum"])
    match schema.get("type"):
        case "object":
            return _valid_object(root, schema, rng, fullness)
        case "array":
            low = int(schema.get("minItems", 0))
            high = int(schema.get("maxItems", 40))
            count = high if high <= 4 and rng.random() < 0.2 else rng.randint(low, min(high, low + 2))
            return [_valid(root, schema["items"], rng, fullness * 0.7) for _ in range(count)]
        case "string":
            return rng.choice(MOMENTS) if schema.get("format") == "date-time" else _valid_string(schema, rng)
        case "integer":
            low, high = int(schema.get("minimum", -(2**40))), int(schema.get("maximum", 2**40))
            return rng.choice((low, high, rng.randint(low, high), min(max(low, 0), high)))
        case "number":
            return _valid_number(schema, rng)
        case "boolean":
            return rng.random() < 0.5
        case _:
            return anything(rng)


def _valid_object(root: Schema, schema: Schema, rng: Random, fullness: float) -> dict[str, Any]:
    required = schema.get("required", ())
    made = {
        name: _valid(root, inner, rng, fullness * 0.8)
        for name, inner in schema.get("properties", {}).items()
        if name in required or rng.random() < fullness
    }
    if schema.get("additionalProperties") is not False:
        made |= {f"extra{n}": anything(rng) for n in range(rng.randint(0, 3))}
    names = list(made)
    rng.shuffle(names)
    return {name: made[name] for name in names}


def _valid_string(schema: Schema, rng: Random) -> str:
    longest = int(schema.get("maxLength", 12))
    # The longest that a schema allows has 10,000 characters: seldom, or it is all that is measured.
    length = longest if longest <= 60 or rng.random() < 0.02 else min(longest, rng.randint(0, 40))
    if rng.random() < 0.6:
        length = rng.randint(0, min(length, 12))
    return "".join(rng.choice(LETTERS) for _ in range(length))


def _valid_number(schema: Schema, rng: Random) -> Any:
    low, high = Decimal(schema.get("minimum", -1000)), Decimal(schema.get("maximum", 100_000))
    drawn = Decimal(rng.randint(int(low * 10), int(high * 10))).scaleb(-1)
    if "multipleOf" in schema:
        return rng.choice((drawn, max(low, min(Decimal("8.1"), high)), int(low)))
    fine = drawn + Decimal(rng.randint(0, 999)).scaleb(-6)
    choices = (low, high, drawn, min(fine, high), max(low, min(Decimal("1E-9"), high)), int(low))
    return rng.choice(choices)


def anything(rng: Random, depth: int = 3) -> Any:
    """Any JSON value."""
    kind = rng.randrange(8 if depth else 6)
    if kind == 6:
        return [anything(rng, depth - 1) for _ in range(rng.randint(0, 3))]
    if kind == 7:
        return {f"k{n}": anything(rng, depth - 1) for n in range(rng.randint(0, 3))}
    return (None, True, rng.randint(-5, 5), Decimal("0.25"), "text", "")[kind]


def nested(levels: int, rng: Random) -> Any:
    """Arrays and objects, `levels` deep."""
    value: Any = 1
    for _ in range(levels):
        value = [value] if rng.random() < 0.5 else {"k": value}
    return value


# ---------------------------------------------------------------- changed


def changed(root: Schema, value: Any, rng: Random) -> Change:
    """A copy of a valid payload with one thing changed, and the name of the change."""
    places = list(_places(root, root, value, ()))
    # First the kind of place, then the place: else the many strings crowd out all others.
    by_type: dict[str, list[tuple[tuple[Any, ...], Schema]]] = {}
    for path, schema in places:
        name = "enum" if "enum" in schema else schema.get("format") or schema.get("type") or "any"
        by_type.setdefault(name, []).append((path, schema))
    path, schema = rng.choice(by_type[rng.choice(list(by_type))])
    target = value
    for step in path:
        target = target[step]
    changes = list(_changes(schema, target, rng))
    if path:
        changes += _anywhere(rng)
    else:
        changes += [("payload of another type", new) for new in ([], "text", 5, True, [value])]
        changes.append(("payload null", None))
    name, new = rng.choice(changes)
    return name, _replaced(value, path, new)


def _places(
    root: Schema, schema: Schema, value: Any, path: tuple[Any, ...]
) -> Iterator[tuple[tuple[Any, ...], Schema]]:
    schema = resolved(root, schema)
    yield path, schema
    if isinstance(value, dict):
        for name, inner in schema.get("properties", {}).items():
            if name in value:
                yield from _places(root, inner, value[name], (*path, name))
    elif isinstance(value, list) and "items" in schema:
        for index, member in enumerate(value):
            yield from _places(root, schema["items"], member, (*path, index))


def _replaced(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    step, rest = path[0], path[1:]
    if isinstance(value, dict):
        return {**value, step: _replaced(value[step], rest, new)}
    return [*value[:step], _replaced(value[step], rest, new), *value[step + 1 :]]


def _anywhere(rng: Random) -> list[Change]:
    found: list[Change] = [("null", None)]
    found += [
        ("another type", rng.choice(([], {}))),
        ("another type", rng.choice((7, True, "7", Decimal("7.5")))),
    ]
    name = rng.choice(list(SYNTAX))
    found.append((name, Literally(SYNTAX[name])))
    return found


def _changes(schema: Schema, target: Any, rng: Random) -> Iterator[Change]:
    if "enum" in schema:
        yield from _enum_changes(target, rng)
    elif isinstance(target, dict):
        yield from _object_changes(schema, target, rng)
    elif isinstance(target, list) and "items" in schema:
        yield from _array_changes(schema, target)
    elif schema.get("format") == "date-time":
        yield "no moment", rng.choice(NO_MOMENTS)
        yield "another moment", rng.choice(MOMENTS)
        name = rng.choice(list(ODD_MOMENTS))
        yield name, ODD_MOMENTS[name]
    elif schema.get("type") == "string":
        yield from _string_changes(schema, rng)
    elif schema.get("type") in ("integer", "number"):
        yield from (_integer_changes if schema["type"] == "integer" else _number_changes)(schema, rng)
    elif schema.get("type") == "boolean":
        yield "another type", rng.choice((0, 1, "true", "", None))
    else:
        yield "anything", anything(rng)


def _enum_changes(target: str, rng: Random) -> Iterator[Change]:
    edits: list[Callable[[str], str]] = [
        str.lower,
        str.upper,
        str.swapcase,
        lambda text: text + " ",
        lambda text: text[:-1],
        lambda text: text + text,
        lambda text: text.replace("-", "").replace(".", "_"),
        lambda _: "",
    ]
    yield "no such value", rng.choice(edits)(target)


def _object_changes(schema: Schema, target: dict[str, Any], rng: Random) -> Iterator[Change]:
    open_ended = schema.get("additionalProperties") is not False
    yield "unknown member", {**target, "unknown": anything(rng)}
    if open_ended:
        yield "members added where they may be", {**target, "a": None, "b": [{"c": nested(9, rng)}]}
        yield "customData nested too deep", {**target, "deep": nested(90, rng)}
    if not target:
        return
    name = rng.choice(list(target))
    rest = {key: member for key, member in target.items() if key != name}
    yield "member dropped", rest
    other = rng.choice((name.upper(), name[:1].upper() + name[1:], name + "s", name + " ", "_" + name))
    yield "member renamed", {**rest, other: target[name]}
    yield "null", {**target, name: None}
    twice = f"{text_of(name)}:{text_of(target[name])}"
    before = rng.choice(("null", "[]", "{}", '"?"', "-1", "true"))
    body = text_of(target)[1:-1]
    yield "member twice", Literally("{" + f"{body},{twice}" + "}")
    yield "member twice, wrong at first", Literally("{" + f"{text_of(name)}:{before},{body}" + "}")
    yield "member twice, wrong at last", Literally("{" + f"{body},{text_of(name)}:{before}" + "}")
    if "vendorId" in schema.get("properties", {}) and open_ended:
        yield "vendorId too long", {**target, "vendorId": "v" * 256}
        yield "vendorId longest", {**target, "vendorId": "é" * 255}


def _array_changes(schema: Schema, target: list[Any]) -> Iterator[Change]:
    low, high = int(schema.get("minItems", 0)), schema.get("maxItems")
    yield "too few items" if low else "no items", target[: max(0, low - 1)]
    yield "items twice", target + target
    if target:
        yield "null", [*target, None]
        yield "item of another type", [*target, [target[0]]]
        if high is not None and len(text_of(target[0])) * int(high) < 20_000:
            yield "most items", (target * int(high))[: int(high)]
            yield "too many items", (target * (int(high) + 1))[: int(high) + 1]


def _string_changes(schema: Schema, rng: Random) -> Iterator[Change]:
    yield "empty string", ""
    longest = schema.get("maxLength")
    if longest is not None:
        letter = rng.choice(("x", "é", "中", "😀", '"'))
        yield "longest string", letter * int(longest)
        yield "string too long", letter * (int(longest) + 1)
    escaped = rng.choice(('"\\u00e9"', '"\\ud83d\\ude00"', '"\\/"', '"\\u0000"', '"null"'))
    yield "string with escapes", Literally(escaped)


def _integer_changes(schema: Schema, rng: Random) -> Iterator[Change]:
    yield from _bounds(schema, 1)
    yield "whole number with a point", Literally(rng.choice(("7.0", "7.000", "0.0", "-0.0")))
    yield "whole number with an exponent", Literally(rng.choice(("1e1", "1E+2", "70e-1")))
    yield "integer with a fraction", rng.choice((Decimal("7.5"), Decimal("0.1"), Decimal("-1E-3")))
    large = rng.choice((2**31, 2**53 + 1, 2**63 - 1, -(2**63)))
    yield "large integer", large
    yield "integer beyond 64 bits", rng.choice((2**63, 2**64 - 1, 2**64, -(2**63) - 1, 10**30))
    yield "minus zero", Literally("-0")


def _number_changes(schema: Schema, rng: Random) -> Iterator[Change]:
    yield from _bounds(schema, Decimal("0.1"))
    yield "tenths", rng.choice(tuple(map(Decimal, ("8.1", "0.3", "32.7", "16.0", "1E+1", "6", "22080.9"))))
    yield "hundredths", rng.choice(tuple(map(Decimal, ("8.15", "0.01", "7.999", "1E-7"))))
    yield "integer for a number", rng.randint(0, 99)
    yield "beyond a float", Literally(rng.choice(("1e400", "-1e309")))
    yield "more digits than a float", Literally("8.10000000000000000001")
    yield "large number", Literally(rng.choice(("1e300", "1" * 25, "123456789012345678.9")))
    yield "minus zero", Literally(rng.choice(("-0", "-0.0")))


def _bounds(schema: Schema, step: Any) -> Iterator[Change]:
    for bound, beyond in (("minimum", -step), ("maximum", step)):
        if bound in schema:
            limit = type(step)(schema[bound])  # some schemas bound an integer by 0.0
            yield bound, limit
            yield f"beyond the {bound}", limit + beyond
