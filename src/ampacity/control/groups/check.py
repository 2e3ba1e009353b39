"""Whether a group can be as it is configured."""

from __future__ import annotations

import math

from ampacity.model.groups import SiteGroup
from ampacity.model.site import Circuit, Site

from ..topology import Topology, TopologyError


class GroupError(ValueError):
    """A group that can't be. The message names the thing, the value and the remedy."""


def as_site(group: SiteGroup) -> Site:
    """The group's circuits as those of a site without EVSEs: for its meters, and for what limits circuits."""
    return Site(
        site_id=group.source,
        operator_id=group.operator_id,
        name=group.name,
        time_zone="UTC",
        circuits=group.circuits,
        evses=(),
        voltage_v=group.voltage_v,
    )


def check(group: SiteGroup) -> None:
    """GroupError where a group can't be as it is: no tree, more guaranteed than fits, what no group has."""
    name = f"group {group.group_id}"
    try:
        tree = Topology(as_site(group))
    except TopologyError as problem:
        raise GroupError(str(problem).replace(f"site {group.source}", name)) from None
    for circuit in group.circuits:
        if not 0 < circuit.rating_a < math.inf:
            raise GroupError(f"{name}: circuit {circuit.circuit_id} has a rating of {circuit.rating_a:g} A")
        for field in ("neutral_a", "unbalance_a", "export_a"):
            if getattr(circuit, field) is not None:
                raise GroupError(
                    f"{name}: circuit {circuit.circuit_id} has {field}, which holds within a site only: set "
                    "it on the members' circuits"
                )
        if circuit.meter is not None and circuit.meter.measures != "everything":
            raise GroupError(
                f"{name}: the meter of circuit {circuit.circuit_id} measures {circuit.meter.measures!r}: "
                "let it see the members"
            )
    if not group.members:
        raise GroupError(f"{name} has no members: name at least one site")
    if not 5.0 <= group.lease_s <= 600.0 or not 0.0 <= group.settle_s <= 86_400.0:
        raise GroupError(
            f"{name}: lease_s {group.lease_s:g} must be within 5..600, settle_s {group.settle_s:g} within "
            "0..86400"
        )
    seen: set[str] = set()
    for member in group.members:
        what = f"{name}: member {member.site_id}"
        if member.site_id in seen:
            raise GroupError(f"{what} is listed twice: list each site once")
        seen.add(member.site_id)
        if member.circuit_id not in tree.index:
            raise GroupError(f"{what} hangs on circuit {member.circuit_id}, which the group does not have")
        if sorted(member.rotation) != [0, 1, 2]:
            raise GroupError(f"{what}: rotation {member.rotation} is not an order of (0, 1, 2)")
        if not 0 <= member.guaranteed_a < math.inf or not 1e-3 < member.weight < 1e6:
            raise GroupError(
                f"{what}: guaranteed_a {member.guaranteed_a:g} must be 0 or more, weight {member.weight:g} "
                "within 0.001..1000000"
            )
    for k, circuit in enumerate(group.circuits):
        given = sum(m.guaranteed_a for m in group.members if k in tree.ancestors[tree.index[m.circuit_id]])
        carries, unit = _carries(circuit, group.voltage_v)
        room = carries - circuit.reserve_a
        if given > room + 1e-6:
            raise GroupError(
                f"{name}: guaranteed below circuit {circuit.circuit_id} are {given:g} A a phase, and it "
                f"carries {carries:g} A{unit} with {circuit.reserve_a:g} A of other load: guarantee "
                f"{max(0.0, room):g} A in all, or less"
            )


def _carries(circuit: Circuit, voltage_v: float) -> tuple[float, str]:
    """The lowest of a circuit's ratings in amperes on each phase, and what to add where it is another one."""
    found = [(circuit.rating_a, "")]
    if circuit.rating_va is not None:
        found.append((circuit.rating_va / (3 * voltage_v), f" ({circuit.rating_va:g} VA)"))
    if circuit.rating_w is not None:
        found.append((circuit.rating_w / (3 * voltage_v), f" ({circuit.rating_w:g} W)"))
    return min(found)
