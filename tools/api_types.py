"""Write web/src/lib/types.ts: the API's msgspec structs as TypeScript: one set of types, up to the browser.

python tools/api_types.py            writes the file python tools/api_types.py --check    exits 1 when the
file differs from what would be written

What is read always carries every field, except where the struct omits its defaults; what is written
(see WRITTEN, and commands) may leave out fields that have a default.
"""

from __future__ import annotations

import argparse
import inspect
import pkgutil
import sys
from collections.abc import Iterable, Iterator
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import Any, get_args

import msgspec
from msgspec import inspect as kinds

from ampacity import api
from ampacity.access import roles
from ampacity.csms import vocabulary
from ampacity.model import groups, live, phases, proving, site, station, why
from ampacity.site.devices.trial import DeviceTrial

TARGET = Path(__file__).resolve().parent.parent / "web" / "src" / "lib" / "types.ts"

ALIASES: dict[str, Any] = {
    "PerPhase": phases.PerPhase,
    "Rotation": phases.Rotation,
    "Strategy": site.Strategy,
    "ConnectorStatus": station.ConnectorStatus,
    "ChargingState": station.ChargingState,
    "ReasonCode": live.ReasonCode,
    "StepName": proving.StepName,
    "HappeningKind": why.HappeningKind,
    "Role": roles.Role,
    "Permission": roles.Permission,
}
"""Names that TypeScript keeps though msgspec sees only what they stand for."""

WRITTEN = ("Change", "Order", "Request", "Sync", "Upgrade")
"""How the names of bodies end that are written, not read."""

HEADER = """\
// Made by tools/api_types.py from the server's structs. Don't edit: change the struct and run the tool.
// Power in W, current in A, energy in Wh, durations in seconds.

/** ISO 8601 with a zone. */
export type Instant = string;
"""


def structs_of(module: Any) -> list[type[msgspec.Struct]]:
    """The structs that a module defines itself, in its own order."""
    return [
        kind
        for kind in vars(module).values()
        if inspect.isclass(kind) and issubclass(kind, msgspec.Struct) and kind.__module__ == module.__name__
    ]


COMMANDS = get_args(vocabulary.Command)
VIEWS = [
    import_module(f"{api.__name__}.{module.name}")
    for module in pkgutil.iter_modules(api.__path__)
    if module.name.startswith("views")
]
ROOTS: list[type[msgspec.Struct]] = [
    *structs_of(live),
    *structs_of(site),
    *structs_of(why),
    *structs_of(proving),
    *structs_of(groups),
    DeviceTrial,
    *(kind for module in VIEWS for kind in structs_of(module)),
    *COMMANDS,
    station.IdToken,
    vocabulary.VariableRef,
    vocabulary.VariableValue,
    vocabulary.SchedulePeriod,
    vocabulary.Profile,
    vocabulary.CompositeSchedule,
    vocabulary.Outcome,
]


def structs_in(kind: kinds.Type) -> Iterator[type[msgspec.Struct]]:
    """The structs that a type is made of."""
    match kind:
        case kinds.StructType():
            yield kind.cls
        case kinds.Metadata():
            yield from structs_in(kind.type)
        case kinds.UnionType():
            for part in kind.types:
                yield from structs_in(part)
        case kinds.VarTupleType() | kinds.ListType():
            yield from structs_in(kind.item_type)
        case kinds.TupleType():
            for part in kind.item_types:
                yield from structs_in(part)
        case kinds.DictType():
            yield from structs_in(kind.value_type)


def with_parts(roots: Iterable[type[msgspec.Struct]]) -> list[type[msgspec.Struct]]:
    """The roots in their order, and then what their fields are made of."""
    found = list(dict.fromkeys(roots))
    for struct in found:  # grows while it is gone through
        described = kinds.type_info(struct)
        assert isinstance(described, kinds.StructType)
        for field in described.fields:
            found += [part for part in dict.fromkeys(structs_in(field.type)) if part not in found]
    return found


def literal(values: tuple[Any, ...]) -> str:
    """A union of literals."""
    return " | ".join(msgspec.json.encode(value).decode() for value in values)


def alias_of(kind: kinds.Type) -> str | None:
    """The name in ALIASES that means the same as `kind`."""
    for name, meaning in ALIASES.items():
        known = kinds.type_info(meaning)
        if isinstance(kind, kinds.LiteralType) and isinstance(known, kinds.LiteralType):
            if set(kind.values) == set(known.values):
                return name
        elif isinstance(kind, kinds.TupleType) and kind == known:
            return name
    return None


def expression(kind: kinds.Type, *, named: bool = True) -> str:
    """`kind` as a TypeScript type. `named` False writes an alias out."""
    if named and (alias := alias_of(kind)):
        return alias
    match kind:
        case kinds.Metadata():
            return expression(kind.type)
        case kinds.AnyType() | kinds.RawType():
            return "unknown"
        case kinds.NoneType():
            return "null"
        case kinds.BoolType():
            return "boolean"
        case kinds.IntType() | kinds.FloatType():
            return "number"
        case kinds.StrType() | kinds.DecimalType():
            return "string"
        case kinds.DateTimeType():
            return "Instant"
        case kinds.LiteralType():
            return literal(kind.values)
        case kinds.StructType():
            return kind.cls.__name__
        case kinds.UnionType():
            return " | ".join(expression(part) for part in kind.types)
        case kinds.VarTupleType() | kinds.ListType():
            inner = expression(kind.item_type)
            return f"({inner})[]" if "|" in inner else f"{inner}[]"
        case kinds.TupleType():
            return f"[{', '.join(expression(part) for part in kind.item_types)}]"
        case kinds.DictType():
            return f"Record<string, {expression(kind.value_type)}>"
    raise TypeError(f"no TypeScript for {kind!r}: add a case to tools/api_types.py")


def comment(text: str | None, indent: str = "") -> str:
    """A documentation comment."""
    lines = inspect.cleandoc(text or "").splitlines()
    if len(lines) <= 1:
        return f"{indent}/** {lines[0] if lines else ''} */"
    body = "\n".join(f"{indent} * {line}".rstrip() for line in lines)
    return f"{indent}/**\n{body}\n{indent} */"


def interface(struct: type[msgspec.Struct]) -> str:
    """One struct as an interface."""
    described = kinds.type_info(struct)
    assert isinstance(described, kinds.StructType)
    written = struct.__name__.endswith(WRITTEN) or struct in COMMANDS
    optional = written or struct.__struct_config__.omit_defaults
    lines = [comment(struct.__doc__), f"export interface {struct.__name__} {{"]
    if described.tag is not None and not written:
        lines.append(f"  {described.tag_field}: {msgspec.json.encode(described.tag).decode()};")
    for field in described.fields:
        mark = "?" if optional and not field.required else ""
        lines.append(f"  {field.encode_name}{mark}: {expression(field.type)};")
    return "\n".join([*lines, "}"])


def generate() -> str:
    """The whole file."""
    parts = [HEADER.rstrip()]
    for name, meaning in ALIASES.items():
        known = kinds.type_info(meaning)
        # msgspec sorts a literal's values; the order they were written in reads better.
        words = (
            literal(get_args(meaning))
            if isinstance(known, kinds.LiteralType)
            else expression(known, named=False)
        )
        parts.append(f"export type {name} = {words};")
    seen: set[str] = set()
    for struct in with_parts(ROOTS):
        if struct.__name__ in seen:
            raise SystemExit(
                f"two structs are called {struct.__name__}: rename one, the browser has one namespace"
            )
        seen.add(struct.__name__)
        parts.append(interface(struct))
    parts.append("/** A message of the live feed. */\nexport type LiveMessage = LiveSnapshot | LiveDelta;")
    names = "\n".join(f"  {command.__struct_config__.tag}: {command.__name__};" for command in COMMANDS)
    parts.append(f"/** Commands by the name in their path. */\nexport interface Commands {{\n{names}\n}}")
    return "\n\n".join(parts) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description="Write the API's types as TypeScript.")
    parser.add_argument("--check", action="store_true", help="only compare")
    parser.add_argument("--target", type=Path, default=TARGET)
    arguments = parser.parse_args()
    text = generate()
    if arguments.check:
        if arguments.target.is_file() and arguments.target.read_text(encoding="utf-8") == text:
            return 0
        print(f"{arguments.target} is not up to date: run python tools/api_types.py", file=sys.stderr)
        return 1
    arguments.target.parent.mkdir(parents=True, exist_ok=True)
    arguments.target.write_text(text, encoding="utf-8")
    print(f"{arguments.target}: {len(ROOTS)} types, {datetime.now().astimezone():%H:%M}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
