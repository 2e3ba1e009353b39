"""What differs between two forms of a site: for the audit, and for whether its assessment still holds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from ..model.site import Site

LOOSER_IF_MORE = frozenset(("rating_a", "safe_a", "max_a", "dc_power_w", "generation_a"))
LOOSER_IF_LESS = frozenset(("reserve_a",))
LOOSER_IF_OTHER = frozenset(
    ("parent_id", "rotation", "circuit_id", "phases", "line_to_line", "supply", "voltage_v", "cabinet_id")
)
"""What an assessment has shown holds no longer when one of these changes, or grows, or shrinks."""

_BESIDE = frozenset(("operator_id", "circuits", "evses", "devices", "cabinets"))


def differences(before: Site | None, after: Site) -> dict[str, Any]:
    """Path -> (former, new) value, `added` or `removed`; without passwords, and without limits, which have a
    history of their own."""
    old = {} if before is None else _things(before)
    found: dict[str, Any] = {}
    for name, thing in _things(after).items():
        known = old.pop(name, None)
        if known is None:
            found[name] = "added"
            continue
        for field, value in thing.items():
            if known[field] != value:
                found[f"{name}.{field}"] = (known[field], value)
    return found | dict.fromkeys(old, "removed")


def unproven(before: Site, after: Site) -> tuple[str, ...]:
    """The changes after which the site may draw more, or elsewhere, than it was assessed for."""
    return tuple(name for name, change in differences(before, after).items() if _loosens(name, change))


def _loosens(name: str, change: Any) -> bool:
    if change == "added":
        return name.startswith("EVSE ")
    if change == "removed":
        return False
    field, (former, new) = name.rpartition(".")[2], change
    if field in LOOSER_IF_OTHER:
        return True
    if former is None or new is None:
        # None stands for no such limit, or for AC.
        return field in LOOSER_IF_MORE
    return (field in LOOSER_IF_MORE and new > former) or (field in LOOSER_IF_LESS and new < former)


def _things(site: Site) -> dict[str, dict[str, Any]]:
    """Everything that the form lists, by name, as plain values."""
    plain = msgspec.to_builtins(site)
    things: dict[str, dict[str, Any]] = {
        "site": {field: value for field, value in plain.items() if field not in _BESIDE}
    }
    for circuit in plain["circuits"]:
        del circuit["limits"]
        if circuit["meter"] is not None:
            circuit["meter"]["password"] = ""
        things[f"circuit {circuit['circuit_id']}"] = circuit
    for evse in plain["evses"]:
        things[f"EVSE {evse['station_id']}/{evse['evse_id']}"] = evse
    things |= _by_id("device", plain["devices"]) | _by_id("cabinet", plain["cabinets"])
    return things


def _by_id(kind: str, listed: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    return {f"{kind} {thing[f'{kind}_id']}": dict(thing) for thing in listed}
