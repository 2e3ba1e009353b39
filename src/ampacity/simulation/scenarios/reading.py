"""Reading a scenario file: TOML to types, and everything that is wrong with it at once.

Each section, and each element of a list of sections, is decoded by itself, so that a fault in one doesn't
hide those of the others; what one section says of another (a circuit that isn't there) is checked after.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any, Final, get_args

import msgspec
from msgspec import Struct

from .checking import CHECKS
from .faults import Fault, ScenarioError, shown
from .spec import VERSION, ModelArrivals, Scenario, SessionArrivals

_WORDS: Final = {
    "float": "a number",
    "int": "a whole number",
    "str": "text",
    "bool": "true or false",
    "array": "a list",
    "object": "a section",
    "date": "a day such as 2026-03-02",
}
_SEE: Final = "See docs/scenarios.md."
_KIND_REMEDY: Final = "Say kind = 'archetype', 'model', 'sessions', 'fleet' or 'hub'."


def gallery() -> tuple[str, ...]:
    """Names of the scenarios that come with the product, in order."""
    folder = resources.files(__package__).joinpath("gallery")
    return tuple(sorted(entry.name[:-5] for entry in folder.iterdir() if entry.name.endswith(".toml")))


def load(name: str) -> tuple[Scenario, Path]:
    """A scenario by its path, or by its name in the gallery; and the folder that its files are found from.

    Raises `ScenarioError`.
    """
    path = Path(name)
    if name in gallery():
        text = resources.files(__package__).joinpath("gallery", f"{name}.toml").read_text("utf-8")
        return parse(text, f"{name}.toml"), Path.cwd()
    try:
        text = path.read_text("utf-8")
    except UnicodeDecodeError as problem:
        raise ScenarioError(name, [_whole(f"is no text in UTF-8: {problem.reason}", "Save it so.")]) from None
    except OSError as problem:
        near = difflib.get_close_matches(name, gallery(), 1)
        remedy = (
            f"Did you mean {near[0]!r} of the gallery?" if near else "ampacity simulate --list shows some."
        )
        raise ScenarioError(name, [_whole(f"can't be read: {problem.strerror}", remedy)]) from None
    return parse(text, name), path.resolve().parent


def parse(text: str, file: str = "scenario") -> Scenario:
    """A scenario from its text; `file` is for messages. Raises `ScenarioError`."""
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        raise ScenarioError(file, [_whole(f"is no TOML: {problem}", "See https://toml.io.")]) from None
    if values.get("version") != VERSION:
        raise ScenarioError(
            file,
            [
                Fault(
                    key="version",
                    value=shown(values.get("version")),
                    problem=f"this program reads version {VERSION}",
                    remedy=f"Write version = {VERSION} at the top and follow docs/scenarios.md.",
                )
            ],
        )
    faults = list(_decoding_faults(values))
    if faults:
        raise ScenarioError(file, faults)
    scenario = msgspec.convert(values, Scenario)
    faults = [fault for check in CHECKS for fault in check(scenario)]
    if faults:
        raise ScenarioError(file, faults)
    return scenario


def _whole(problem: str, remedy: str) -> Fault:
    return Fault(key="the file", value="", problem=problem, remedy=remedy)


# --- decoding ---------------------------------------------------------------------------------------------


def _decoding_faults(values: dict[str, Any]) -> Iterator[Fault]:
    fields = {field.name: field for field in msgspec.structs.fields(Scenario)}
    for key, value in values.items():
        if key not in fields:
            yield _unknown(key, value, fields)
            continue
        kind = fields[key].type
        element = _element_of(kind)
        if element is None:
            yield from _try(value, kind, key)
        elif not isinstance(value, list):
            yield Fault(
                key=key,
                value=shown(value),
                problem="is one where several may be",
                remedy=f"Write [[{key}]].",
            )
        elif not value:
            yield from _try(value, kind, key)
        else:
            for number, part in enumerate(value):
                yield from _try(part, element, f"{key}[{number}]")
    for name, field in fields.items():
        if field.required and name not in values:
            section = _element_of(field.type) is not None
            written = f"[[{name}]]" if section else f"{name} ="
            if name == "run":
                written = "[run]"
            yield Fault(
                key=name, value="", problem="is missing", remedy=f"Add {written} (docs/scenarios.md)."
            )


def _element_of(kind: Any) -> Any:
    """The type of a list's elements, None where it isn't a list of sections."""
    origin = getattr(kind, "__origin__", None)
    if hasattr(kind, "__metadata__"):
        return _element_of(origin)
    arguments = get_args(kind)
    if origin is tuple and len(arguments) == 2 and arguments[1] is Ellipsis:
        return arguments[0]
    return None


def _try(value: Any, kind: Any, key: str) -> Iterator[Fault]:
    """Everything wrong with one section: after each fault that has a key of its own, the rest is tried."""
    if key.startswith("arrivals[") and isinstance(value, dict) and "kind" not in value:
        yield Fault(key=f"{key}.kind", value="", problem="is missing", remedy=_KIND_REMEDY)
        return
    value = dict(value) if isinstance(value, dict) else value
    told: set[str] = set()
    while True:
        try:
            msgspec.convert(value, kind)
        except msgspec.ValidationError as problem:
            message, _, place = str(problem).partition(" - at `$")
            inner = place.rstrip("`")
            if "missing required field" in message and message.split("`")[1] in told:
                return
            fault, name = _explained(message, inner, value, kind, key)
            yield fault
            if not isinstance(value, dict) or name is None or name not in value:
                return
            del value[name]
            told.add(name)
        else:
            return


def _explained(message: str, inner: str, value: Any, kind: Any, key: str) -> tuple[Fault, str | None]:
    """A fault for people, and the key of the section that it is about (None: the section as a whole)."""
    if "unknown field" in message:
        name = message.split("`")[1]
        known = _fields_of(kind, value)
        if inner:  # deeper: a band of a tariff
            return Fault(
                key=f"{key}{inner}.{name}",
                value="",
                problem="is no key here",
                remedy=_SEE,
            ), inner.strip(".").split("[")[0]
        return _unknown(f"{key}.{name}", value[name], known), name
    if "missing required field" in message:
        name = message.split("`")[1]
        remedy = f"Add {name} = ... ({_meaning(_fields_of(kind, value), name)})."
        return Fault(key=f"{key}{inner}.{name}", value="", problem="is missing", remedy=remedy), None
    if "Invalid value" in message and inner == ".kind":
        return Fault(
            key=f"{key}.kind", value=shown(value["kind"]), problem="is no kind", remedy=_KIND_REMEDY
        ), None
    about = inner.strip(".").split(".")[0].split("[")[0]
    written = value.get(about) if about and isinstance(value, dict) else value
    meaning = _meaning(_fields_of(kind, value), about) if about else ""
    wanted = message.replace("Expected `", "give `").replace(" | null`", "`")
    for word, words in _WORDS.items():
        wanted = wanted.replace(f"`{word}`", words)
    if "Invalid enum value" in message or "Invalid value" in message:
        wanted = f"give one of {_choices(_fields_of(kind, value), about)}"
    remedy = f"{about or key} is {meaning}." if meaning else _SEE
    fault = Fault(key=f"{key}{inner}", value=shown(written), problem=f"doesn't fit: {wanted}", remedy=remedy)
    return fault, about or None


def _unknown(key: str, value: object, known: dict[str, Any]) -> Fault:
    near = difflib.get_close_matches(key.rsplit(".", 1)[-1], known, 1)
    remedy = f"Did you mean {near[0]}?" if near else f"Known are {', '.join(known)}."
    return Fault(key=key, value=shown(value), problem="is no key of this format", remedy=remedy)


def _fields_of(kind: Any, value: Any) -> dict[str, Any]:
    """The fields of a section; of a union, of the member that its `kind` names."""
    if hasattr(kind, "__metadata__"):
        return _fields_of(kind.__origin__, value)
    members = [member for member in get_args(kind) if isinstance(member, type)]
    for member in members:
        config = getattr(member, "__struct_config__", None)
        if config is None:
            continue
        if config.tag is None or (isinstance(value, dict) and config.tag == value.get(config.tag_field)):
            return _fields_of(member, value)
    if isinstance(kind, type) and issubclass(kind, Struct):
        known = {field.name: field.type for field in msgspec.structs.fields(kind)}
        tagged = kind.__struct_config__.tag_field
        return {tagged: str, **known} if tagged else known
    return {}


def _meaning(fields: dict[str, Any], name: str | None) -> str:
    kind = fields.get(name or "")
    for extra in getattr(kind, "__metadata__", ()):
        if isinstance(extra, msgspec.Meta) and extra.description:
            return extra.description
    return ""


def _choices(fields: dict[str, Any], name: str | None) -> str:
    kind: Any = fields.get(name or "")
    while hasattr(kind, "__metadata__"):
        kind = kind.__origin__
    found = [str(choice) for member in (kind, *get_args(kind)) for choice in get_args(member)]
    return ", ".join(dict.fromkeys(choice for choice in found if not choice.startswith("typing")))


def files_of(scenario: Scenario) -> tuple[tuple[str, str], ...]:
    """Key and path of every file that a scenario names."""
    prices = scenario.prices
    named: list[tuple[str, str | None]] = [
        ("prices.file", prices.file),
        ("prices.tariff", prices.tariff),
        ("prices.co2_file", prices.co2_file),
    ]
    if scenario.sun is not None:
        named.append(("sun.file", scenario.sun.file))
    for k, arrivals in enumerate(scenario.arrivals):
        if isinstance(arrivals, SessionArrivals | ModelArrivals):
            named.append((f"arrivals[{k}].file", arrivals.file))
    return tuple((key, path) for key, path in named if path is not None)


def check_files(scenario: Scenario, folder: Path, file: str = "scenario") -> None:
    """Raises `ScenarioError` for files that a scenario names and that aren't there, or can't be used."""
    faults = [
        Fault(
            key=key,
            value=shown(path),
            problem=f"is no file in {folder}",
            remedy="Paths count from the scenario's folder.",
        )
        for key, path in files_of(scenario)
        if not (folder / path).is_file()
    ]
    if not faults and files_of(scenario):
        from .reading_files import unreadable

        faults = list(unreadable(scenario, folder))
    if faults:
        raise ScenarioError(file, faults)
