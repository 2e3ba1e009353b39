"""Expected configuration: what a station's variables should be, and where they drift from it. Pure.

A template names values for all stations, for a make or model, or for single stations. The more particular
one wins: station over model, model over vendor, vendor over all; among equals the later name in the
alphabet. Values are compared as their type is: "True" is true, "10.0" is 10, a MemberList has no order.

A station that refused a value is not asked again by ourselves until the value, or the station's firmware, is
another one: that is what keeps convergence from looping. A person may always ask again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Literal, TypeAlias

from msgspec import Struct

from ..model.station import StationInfo
from ..store.configurations import Template
from .vocabulary import VariableRef

DriftState: TypeAlias = Literal["same", "differs", "unknown", "write_only", "reboot_required", "refused"]
"""`unknown`: the station has not told the variable's value yet. `write_only`: it never will, so nobody can
say. `reboot_required`: it took the value and uses it after its next boot. `refused`: it said no to just this
value with this firmware.
"""

TAKEN = ("Accepted", "RebootRequired")


class Actual(Struct, frozen=True):
    """A variable as known: its value (None: write-only or not told), its type in the words of 2.x, and
    whether the value counts only after a boot.
    """

    value: str | None
    data_type: str | None = None
    reboot_required: bool = False
    write_only: bool = False


class Refusal(Struct, frozen=True, kw_only=True):
    """A station said no: `status` is its word."""

    ref: VariableRef
    value: str
    status: str
    firmware: str


class Drift(Struct, frozen=True, kw_only=True):
    """One expected value and what the station has. `template` is whose value it is."""

    ref: VariableRef
    wanted: str
    actual: str | None
    state: DriftState
    template: str
    status: str = ""


class Expected(Struct, frozen=True):
    """A wanted value, whose it is, and whether it is set without being asked for."""

    value: str
    template: str
    automatic: bool


def applies(template: Template, station_id: str, info: StationInfo) -> int:
    """How particular `template` is for the station: 3 names it, 2 its model, 1 its vendor, 0 all; -1 where
    it is not for it.
    """
    if template.stations:
        return 3 if station_id in template.stations else -1
    if template.vendor and template.vendor.casefold() != info.vendor.casefold():
        return -1
    if template.model:
        return 2 if template.model.casefold() == info.model.casefold() else -1
    return 1 if template.vendor else 0


def expected(
    templates: Iterable[Template], station_id: str, info: StationInfo
) -> dict[VariableRef, Expected]:
    """The values wanted of a station, by variable."""
    ranked = sorted(
        (rank, template.name, template)
        for template in templates
        if (rank := applies(template, station_id, info)) >= 0
    )
    wanted: dict[VariableRef, Expected] = {}
    for _, name, template in ranked:
        for item in template.values:
            ref = VariableRef(
                component=item.component,
                variable=item.variable,
                component_instance=item.component_instance,
                variable_instance=item.variable_instance,
                evse_id=item.evse_id,
                connector_id=item.connector_id,
                attribute=item.attribute,
            )
            wanted[ref] = Expected(item.value, name, template.automatic)
    return wanted


def drift(
    wanted: Mapping[VariableRef, Expected],
    actual: Mapping[VariableRef, Actual],
    refusals: Iterable[Refusal] = (),
    firmware: str = "",
) -> list[Drift]:
    """Each wanted value beside what the station has, in the order of components and variables."""
    refused = {(item.ref, item.value): item.status for item in refusals if item.firmware == firmware}
    found = []
    for ref, item in wanted.items():
        known = actual.get(ref)
        status = refused.get((ref, item.value), "")
        state: DriftState
        if known is not None and known.value is not None and same(known.value, item.value, known.data_type):
            state = "reboot_required" if known.reboot_required else "same"
        elif status:
            state = "refused"
        elif known is not None and known.write_only:
            state = "write_only"
        elif known is None or known.value is None:
            state = "unknown"
        else:
            state = "differs"
        found.append(
            Drift(
                ref=ref,
                wanted=item.value,
                actual=None if known is None else known.value,
                state=state,
                template=item.template,
                status=status if state == "refused" else "",
            )
        )
    return sorted(found, key=lambda item: _order(item.ref))


def same(actual: str, wanted: str, data_type: str | None = None) -> bool:
    """Whether two values mean the same to a station. `data_type` as in 2.x; None: judged by what they look
    like.
    """
    if actual == wanted:
        return True
    if data_type == "MemberList":
        return _members(actual) == _members(wanted)
    if data_type == "SequenceList":
        return _sequence(actual) == _sequence(wanted)
    if data_type in (None, "boolean") and actual.casefold() in ("true", "false"):
        return actual.casefold() == wanted.casefold()
    if data_type in (None, "integer", "decimal"):
        one, other = _number(actual), _number(wanted)
        if one is not None and other is not None:
            return one == other
    return data_type is None and "," in actual and _sequence(actual) == _sequence(wanted)


def _members(text: str) -> frozenset[str]:
    return frozenset(_sequence(text))


def _sequence(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _number(text: str) -> Decimal | None:
    try:
        return Decimal(text.strip())
    except InvalidOperation:
        return None


def _order(ref: VariableRef) -> tuple[str, str, int, int, str, str, str]:
    return (
        ref.component,
        ref.component_instance or "",
        ref.evse_id or 0,
        ref.connector_id or 0,
        ref.variable,
        ref.variable_instance or "",
        ref.attribute,
    )
