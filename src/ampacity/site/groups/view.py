"""What people see of a group."""

from __future__ import annotations

import math
from collections.abc import Mapping

from ...control.groups.types import GroupDecision, GroupState
from ...control.topology import Topology
from ...model.groups import (
    GroupCircuitView,
    GroupMember,
    GroupStop,
    GroupView,
    MemberView,
    SiteGroup,
)
from ...model.phases import ZERO, PerPhase


def group_view(
    group: SiteGroup,
    state: GroupState | None,
    decision: GroupDecision | None,
    stop: GroupStop | None,
    metered: Mapping[str, PerPhase],
    names: Mapping[str, str],
    at: float,
) -> GroupView:
    """The group now; without a decision (another program coordinates it) as it is configured."""
    members = tuple(_member(group, member, state, decision, names, at) for member in group.members)
    return GroupView(
        group_id=group.group_id,
        name=group.name,
        epoch=0 if state is None else state.epoch,
        holding=None if decision is None else decision.holding,
        coordinated=decision is not None,
        overcommitted=decision is not None and bool(decision.overcommitted),
        circuits=() if decision is None or state is None else _circuits(group, state, decision, metered),
        members=members,
        stop=stop,
    )


def _member(
    group: SiteGroup,
    member: GroupMember,
    state: GroupState | None,
    decision: GroupDecision | None,
    names: Mapping[str, str],
    at: float,
) -> MemberView:
    memory = None if state is None else state.members.get(member.site_id)
    decided = None if decision is None else decision.members.get(member.site_id)
    if memory is None or decided is None:
        return MemberView(
            site_id=member.site_id,
            name=names.get(member.site_id, member.site_id),
            circuit_id=member.circuit_id,
            priority=member.priority,
            weight=member.weight,
            guaranteed_a=member.guaranteed_a,
            standing="unknown",
            reasons=() if decided is None else decided.reasons,
        )
    grant_a, grant_w = memory.limited
    drawn = memory.samples[-1][1] if memory.samples else None
    return MemberView(
        site_id=member.site_id,
        name=names.get(member.site_id, member.site_id),
        circuit_id=member.circuit_id,
        priority=member.priority,
        weight=member.weight,
        guaranteed_a=member.guaranteed_a,
        standing=decided.standing,
        heard_s=round(at - memory.heard_at, 1),
        grant_a=_told(grant_a),
        grant_w=_told(grant_w * group.voltage_v),
        target_a=round(decided.target[0], 1),
        counted_a=round(decided.counted[0], 1),
        demand_a=round(memory.report.demand_a, 1),
        base_a=round(memory.report.base_a, 1),
        drawn_a=None if drawn is None else round(max(drawn), 1),
        lease_left_s=round(max(0.0, memory.limited_until - at), 1),
        reasons=decided.reasons,
    )


def _circuits(
    group: SiteGroup, state: GroupState, decision: GroupDecision, metered: Mapping[str, PerPhase]
) -> tuple[GroupCircuitView, ...]:
    tree = state.topology
    if tree is None:
        return ()
    views = []
    for k, circuit in enumerate(group.circuits):
        row = decision.circuits.get(circuit.circuit_id)
        if row is None:
            continue
        below = [m for m in group.members if k in tree.ancestors[tree.index[m.circuit_id]]]
        told = metered.get(circuit.circuit_id) if row.meter == "fresh" else None
        counted = sum(decision.members[m.site_id].counted[0] for m in below if m.site_id in decision.members)
        views.append(
            GroupCircuitView(
                circuit_id=circuit.circuit_id,
                name=circuit.name,
                parent_id=circuit.parent_id,
                limit_a=round(row.limit[0], 1),
                limit_source=row.source[0],
                limit_w=_told(row.limit[1] * group.voltage_v),
                margin_a=round(row.margin[0], 1),
                base_a=_rounded(row.base_a),
                members_a=_told(counted),
                meter_state="dead" if row.meter == "lost" else row.meter,
                metered_a=None if told is None else _rounded(told),
                drawn_a=_rounded(told) if told is not None else _drawn(tree, k, below, state, row.base_a),
            )
        )
    return tuple(views)


def _drawn(tree: Topology, k: int, below: list[GroupMember], state: GroupState, base_a: PerPhase) -> PerPhase:
    """What members told last, on the circuit's phases, and the base."""
    sums = list(base_a)
    for member in below:
        memory = state.members.get(member.site_id)
        drawn = memory.samples[-1][1] if memory is not None and memory.samples else ZERO
        at = tree.index[member.circuit_id]
        depth = tree.ancestors[at].index(k)
        for phase, line in enumerate(member.rotation):
            sums[tree.paths[at][line][depth] % 3] += drawn[phase]
    return _rounded((sums[0], sums[1], sums[2]))


def _rounded(value: PerPhase) -> PerPhase:
    return round(value[0], 1), round(value[1], 1), round(value[2], 1)


def _told(value: float) -> float | None:
    return round(value, 1) if math.isfinite(value) else None
