"""OCA's schemas as an independent judge of our messages, and examples made from them.

`jsonschema` is the second opinion. Two of its defaults are replaced: multipleOf in decimal (its float
division refuses 8.1), and date-time by a check of our own (it has none without another package).
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import jsonschema
from jsonschema.protocols import Validator

from ampacity.ocpp.version import Role, Version

FOLDERS = {"v16": Version.V16, "v16_security": Version.V16, "v201": Version.V201, "v21": Version.V21}
ROOT = Path(__file__).resolve().parents[2] / "tools" / "ocpp_schemas"
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)")
MOMENT = "2025-03-04T05:06:07Z"


@dataclass(frozen=True)
class Case:
    """One schema file: whose message it is and what our codec calls it."""

    folder: str
    file: str
    version: Version
    action: str
    part: str  # call, result or send

    def __str__(self) -> str:
        return f"{self.version}-{self.file}"

    @property
    def schema(self) -> dict[str, Any]:
        return load(self.folder, self.file)


@cache
def load(folder: str, file: str) -> dict[str, Any]:
    schema: dict[str, Any] = json.loads((ROOT / folder / f"{file}.json").read_text(encoding="utf-8-sig"))
    return schema


def cases() -> list[Case]:
    """All 387 schemas."""
    found = []
    for folder, version in FOLDERS.items():
        for path in sorted((ROOT / folder).glob("*.json")):
            name = path.stem
            if name.endswith("Response"):
                found.append(Case(folder, name, version, name.removesuffix("Response"), "result"))
            elif version is Version.V16 or name.endswith("Request"):
                found.append(Case(folder, name, version, name.removesuffix("Request"), "call"))
            else:
                found.append(Case(folder, name, version, name, "send"))
    return found


def case(version: Version, action: str, part: str) -> Case:
    return next(c for c in cases() if (c.version, c.action, c.part) == (version, action, part))


def _decimal_multiple(_validator: Any, factor: Any, instance: Any, _schema: Any) -> Iterator[Any]:
    number = isinstance(instance, int | float) and not isinstance(instance, bool)
    if number and Decimal(repr(instance)) % Decimal(repr(factor)) != 0:
        yield jsonschema.ValidationError(f"{instance!r} is not a multiple of {factor}")


def _moment(value: Any) -> bool:
    if not isinstance(value, str):
        return True
    if not _RFC3339.fullmatch(value):
        return False
    datetime.fromisoformat(re.sub(r"\.\d+", "", value.upper()))
    return True


_FORMATS = jsonschema.FormatChecker(formats=())
_FORMATS.checks("date-time", raises=ValueError)(_moment)


@cache
def judge(folder: str, file: str) -> Validator:
    """The independent validator of one schema."""
    schema = load(folder, file)
    draft = jsonschema.Draft4Validator if "draft-04" in schema["$schema"] else jsonschema.Draft6Validator
    kind = jsonschema.validators.extend(draft, {"multipleOf": _decimal_multiple})
    return kind(schema, format_checker=_FORMATS)


@cache
def speaks(version: Version, role: Role) -> Any:
    """A codec of that end."""
    from ampacity.ocpp.codec import Codec

    return Codec(version, role)


def decode(case: Case, payload: Any) -> Any:
    """Our verdict on a payload: the struct, or PayloadError."""
    from ampacity.ocpp.version import vocabulary

    raw = json.dumps(payload).encode()
    starters = vocabulary(case.version).started_by
    starter = Role.STATION if case.action in starters[Role.STATION] else Role.CSMS
    if case.part == "call":
        return speaks(case.version, starter.peer).decode_call(case.action, raw)
    if case.part == "send":
        return speaks(case.version, starter.peer).decode_send(case.action, raw)
    return speaks(case.version, starter).decode_result(case.action, raw)


# Examples


def _resolve(root: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in schema:
        schema = root["definitions"][schema["$ref"].rsplit("/", 1)[1]]
    return schema


def example(root: dict[str, Any], schema: dict[str, Any], rng: Random, fullness: float) -> Any:
    """A valid value; each optional member is there with probability `fullness`."""
    schema = _resolve(root, schema)
    if "enum" in schema:
        return rng.choice(schema["enum"])
    match schema.get("type"):
        case "object":
            required = schema.get("required", ())
            made = {
                name: example(root, inner, rng, fullness * 0.8)
                for name, inner in schema.get("properties", {}).items()
                if name in required or rng.random() < fullness
            }
            if schema.get("additionalProperties") is not False:
                made |= {"extra": [1, None, {"deep": rng.random()}], "ünlaut": "é"}
            return made
        case "array":
            low = schema.get("minItems", 0)
            high = min(schema.get("maxItems", low + 2), low + 2)
            return [example(root, schema["items"], rng, fullness) for _ in range(rng.randint(low, high))]
        case "string":
            if schema.get("format") == "date-time":
                return MOMENT
            longest = schema.get("maxLength", 12)
            length = rng.choice((0, 1, min(longest, 12), longest))
            return "".join(rng.choice('aB9-_ é€😀"\\') for _ in range(length))
        case "integer":
            low, high = int(schema.get("minimum", -2)), int(schema.get("maximum", 2**40))
            return rng.choice((low, min(low + 1, high), high))
        case "number":
            low, high = schema.get("minimum", -10.0), schema.get("maximum", 1000.0)
            drawn = rng.choice((low, high, 0.5 * (low + high)))
            return round(drawn, 1) if "multipleOf" in schema else rng.choice((drawn, int(drawn)))
        case "boolean":
            return rng.random() < 0.5
        case _:
            return rng.choice(("text", 5, 1.5, True, ["x"], {"y": None}))


def _places(
    root: dict[str, Any], schema: dict[str, Any], value: Any, path: tuple[Any, ...] = ()
) -> Iterator[tuple[tuple[Any, ...], dict[str, Any]]]:
    schema = _resolve(root, schema)
    yield path, schema
    if isinstance(value, dict):
        for name, inner in schema.get("properties", {}).items():
            if name in value:
                yield from _places(root, inner, value[name], (*path, name))
    elif isinstance(value, list) and "items" in schema:
        for index, member in enumerate(value):
            yield from _places(root, schema["items"], member, (*path, index))


def mutated(root: dict[str, Any], value: Any, rng: Random) -> tuple[str, Any]:
    """A copy with one thing changed, and what was changed. Most copies are invalid, some stay valid."""
    changed = copy.deepcopy(value)
    path, schema = rng.choice(list(_places(root, root, value)))
    holder: Any = None
    target: Any = changed
    for step in path:
        holder, target = target, target[step]
    options = _changes(schema, target, rng)
    if holder is not None:
        options += [("null", None), ("wrong type", rng.choice((True, 7, 7.5, "7", [], {})))]
    name, new = rng.choice(options) if options else ("unknown member", {**target, "unknown": 1})
    if holder is None:
        return f"$: {name}", new
    holder[path[-1]] = new
    return f"{path}: {name}", changed


def _changes(schema: dict[str, Any], target: Any, rng: Random) -> list[tuple[str, Any]]:
    changes: list[tuple[str, Any]] = []
    if isinstance(target, dict):
        changes.append(("unknown member", {**target, "unknown": 1}))
        changes += [
            (f"no {name}", {key: member for key, member in target.items() if key != name})
            for name in schema.get("required", ())
        ]
    if isinstance(target, list):
        changes += [("no items", []), ("twice", target * 2), ("many", (target or ["x"]) * 1025)]
    if isinstance(target, str):
        changes += [("lower", target.lower()), ("longer", target + "x" * (schema.get("maxLength", 5) + 1))]
        if schema.get("format") == "date-time":
            moments = ("2025-13-01T00:00:00Z", "2025-02-30T00:00:00Z", "yesterday", MOMENT[:10], "")
            changes += [(f"moment {text!r}", text) for text in moments]
            changes += [(f"good moment {text!r}", text) for text in ("2025-01-01T00:00:00.5+05:45",)]
    if isinstance(target, int | float) and not isinstance(target, bool):
        for bound, step in (("minimum", -1), ("maximum", 1)):
            if bound in schema:
                changes.append((f"beyond {bound}", schema[bound] + step))
        if schema.get("multipleOf"):
            changes += [("8.1", 8.1), ("8.15", 8.15), ("0.3", 0.3), ("1e-7", 1e-7), ("16", 16)]
    return changes
