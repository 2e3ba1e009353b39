"""A case as a file: one JSON document, or one that patches another, or several by name.

`base` names a file, found from the file that names it; what stands beside it is a merge patch (RFC 7396: a
null removes). A file without `form` is a collection: every other key than `base` names a case, which is a
patch of that base. `docs/cases.md` tells the keys.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from ampacity.control.settings import ControlSettings
from ampacity.control.topology import Topology, TopologyError
from ampacity.model.site import EvseKey, Site

FORM = 1
Json = dict[str, Any]

KEYS = (
    "form",
    "title",
    "text",
    "site",
    "settings",
    "starts",
    "seconds",
    "over_at_most_s",
    "plant",
    "world",
    "events",
    "told",
    "claims",
    "broken",
)
OPERATIONS = ("at_most", "at_least", "is", "has", "lacks")
_CLAIM_KEYS = ("what", *OPERATIONS, "from", "until", "ever", "why")
_DEEPEST = 8


class CaseError(ValueError):
    """A file that is no case; the message names file, place, fault and remedy."""


def merged(document: Any, patch: Any) -> Any:
    """RFC 7396."""
    if not isinstance(patch, dict):
        return patch
    result = dict(document) if isinstance(document, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), value)
    return result


def difference(before: Any, after: Any) -> Any:
    """The merge patch that makes `after` of `before`."""
    if not isinstance(before, dict) or not isinstance(after, dict):
        return after
    patch: Json = {name: None for name in before if name not in after}
    for name, value in after.items():
        if name not in before:
            patch[name] = value
        elif before[name] != value:
            patch[name] = difference(before[name], value)
    return patch


def read_cases(path: Path, name: str | None = None) -> dict[str, Json]:
    """The cases of a file by name (one that stands alone has the file's), or the one that is asked for.
    Raises `CaseError`."""
    document = _read(path)
    if "form" in document or "claims" in document or "site" in document:
        found = {path.stem: _on_its_base(document, path)}
    else:
        base = _base_of(document, path, 0)
        found = {key: merged(base, patch) for key, patch in document.items() if key != "base"}
    if name is not None:
        if name not in found:
            near = difflib.get_close_matches(name, found, 1)
            remedy = f"did you mean {near[0]}?" if near else f"it has {', '.join(list(found)[:5])}"
            raise CaseError(f"{path} has no case {name}: {remedy}")
        found = {name: found[name]}
    for key, case in found.items():
        check(case, f"{path}#{key}")
    return found


def check(case: Json, where: str) -> None:
    """Raises `CaseError` where something of a case is of no use to the player."""
    if case.get("form") != FORM:
        raise CaseError(
            f"{where}: form is {case.get('form')!r}, this program plays form {FORM}: see docs/cases.md"
        )
    for key in case:
        if key not in KEYS:
            raise CaseError(f"{where}: {not_known(key, KEYS)}")
    try:
        Topology(site_of(case["site"]))
        settings_of(case)
    except KeyError as problem:
        raise CaseError(f"{where}: {problem.args[0]} is missing: see docs/cases.md") from None
    except (msgspec.ValidationError, TopologyError, AttributeError, TypeError) as problem:
        raise CaseError(f"{where}: site or settings: {problem}") from None
    for key in case.get("settings", {}):
        if key not in ControlSettings.__struct_fields__:
            raise CaseError(f"{where}: settings: {not_known(key, ControlSettings.__struct_fields__)}")
    if ("told" in case) == ("world" in case):
        raise CaseError(
            f"{where}: give either a world, in which the law works in a loop, or told, what the law is told"
        )
    for claim in case.get("claims", ()):
        _check_claim(claim, where)


def site_of(told: Mapping[str, Any]) -> Site:
    """A site whose circuits, EVSEs and devices are by name: `a` is EVSE 1 of station a, any other one says
    its `station_id` and `evse_id`."""
    named = {
        "circuits": [{"circuit_id": n, "name": n, **c} for n, c in told["circuits"].items()],
        "evses": [{"station_id": n, "evse_id": 1, **e} for n, e in told["evses"].items()],
        "devices": [{"device_id": n, **d} for n, d in told.get("devices", {}).items()],
    }
    fixed = {"site_id": "site", "operator_id": "operator", "name": "case", "time_zone": "UTC"}
    return msgspec.convert(fixed | dict(told) | named, Site, strict=False)


def settings_of(case: Json) -> ControlSettings:
    """The law's settings in a case, the defaults where it says none."""
    return msgspec.convert(case.get("settings", {}), ControlSettings, strict=False)


def name_of(key: EvseKey) -> str:
    """How a case calls an EVSE: by its station, with its number where that is not 1."""
    return key[0] if key[1] == 1 else f"{key[0]}/{key[1]}"


def _check_claim(claim: Any, where: str) -> None:
    if not isinstance(claim, dict) or not isinstance(claim.get("what"), str):
        raise CaseError(f"{where}: claim {claim!r} does not say what it is of: see docs/cases.md")
    for key in claim:
        if key not in _CLAIM_KEYS:
            raise CaseError(f"{where}: claim {claim}: {not_known(key, _CLAIM_KEYS)}")
    if len([key for key in OPERATIONS if key in claim]) != 1:
        raise CaseError(f"{where}: claim {claim} needs exactly one of {', '.join(OPERATIONS)}")


def not_known(key: str, known: tuple[str, ...]) -> str:
    """What to say of a key that nobody reads."""
    near = difflib.get_close_matches(key, known, 1)
    return f"{key!r} is not known: " + (f"did you mean {near[0]!r}?" if near else "see docs/cases.md")


def _on_its_base(document: Json, path: Path, depth: int = 0) -> Json:
    own = {key: value for key, value in document.items() if key != "base"}
    if "base" not in document:
        return own
    result: Json = merged(_base_of(document, path, depth), own)
    return result


def _base_of(document: Json, path: Path, depth: int) -> Json:
    name = document.get("base")
    if not isinstance(name, str):
        raise CaseError(f'{path} names no base: write "base": "FILE.json", or form and site of its own')
    if depth >= _DEEPEST:
        raise CaseError(f"{path}: its base {name} has a base and so on {_DEEPEST} deep: cut the loop")
    base = path.parent / name
    return _on_its_base(_read(base), base, depth + 1)


def _read(path: Path) -> Json:
    try:
        document = json.loads(path.read_text("utf-8"))
    except OSError as problem:
        raise CaseError(f"{path} can't be read: {problem.strerror}; give a case's path") from None
    except ValueError as problem:
        raise CaseError(f"{path} is no JSON: {problem}") from None
    if not isinstance(document, dict):
        raise CaseError(f"{path} is no case: its JSON must be an object, see docs/cases.md")
    return document
