"""The member's side: what a site tells its parent, and what its parent's word limits it to.

A grant counts for its lease from the moment at which the report was sent that it answers; then the lower of
it and the fallback holds, and the fallback from when on all others are down to theirs. A site that has just
started knows of no grant, and of none that others may have: it has nothing to give until it hears, or until
all grants of before are over.

Times are the site's monotonic seconds, so that no jump of a clock makes a grant longer.
"""

from __future__ import annotations

import math
from typing import Literal, TypeAlias

from msgspec import Struct, structs

from ampacity.model.groups import MemberGrant, MemberReport
from ampacity.model.phases import PerPhase

from ..base import certain_draw, meter_state
from ..limits import margin_a
from ..loading import draw_on_rows, entries_of
from ..settings import DEFAULTS, ControlSettings
from ..topology import Row, Topology
from ..types import Decision, Snapshot
from .law import TRANSIT_S
from .picture import SILENT_S

Stage: TypeAlias = Literal["free", "start", "granted", "lapsed", "fallback"]
"""`free`: it has just become a member and was not heard yet. `start`: no grant since the start. `granted`,
and after the lease `lapsed`: the lower of grant and fallback. `fallback`: the guaranteed share."""

JOIN_S = 10.0
"""A site that becomes a member while it runs has so long to hear its first grant."""


class Lease(Struct, frozen=True, kw_only=True):
    """A grant, and until when it holds. `rises_at`: from then on the fallback does (None: never)."""

    grant: MemberGrant
    until: float
    rises_at: float | None


class Membership(Struct, frozen=True, kw_only=True):
    """What a site knows of its place in a group. `guaranteed_w` is of all phases. `starts_at`: from then on
    its guaranteed share holds where no grant came; `free_until`: it was no member before."""

    guaranteed_a: float
    guaranteed_w: float
    starts_at: float
    free_until: float = -math.inf
    lease: Lease | None = None


class Limited(Struct, frozen=True, kw_only=True):
    """What a parent's word limits a site to now (None: not), and how long that counts."""

    stage: Stage
    limit_a: float | None
    limit_w: float | None
    left_s: float


def start(
    guaranteed_a: float,
    voltage_v: float,
    lease_s: float,
    settle_s: float,
    at: float,
    *,
    joins: bool = False,
) -> Membership:
    """A membership of which no grant is known. `joins`: the site runs, and was no member until now."""
    return Membership(
        guaranteed_a=guaranteed_a,
        guaranteed_w=3 * guaranteed_a * voltage_v,
        starts_at=at + 2 * lease_s + SILENT_S + TRANSIT_S + settle_s,
        free_until=at + JOIN_S if joins else -math.inf,
    )


def accept(membership: Membership, grant: MemberGrant, sent_at: float) -> Membership:
    """The membership after an answer; as it was where the grant is older than the one that is known."""
    known = membership.lease
    if known is not None and (grant.epoch, grant.seq) <= (known.grant.epoch, known.grant.seq):
        return membership
    rises_at = None if grant.rise_s is None else sent_at + grant.rise_s
    return structs.replace(
        membership, lease=Lease(grant=grant, until=sent_at + grant.lease_s, rises_at=rises_at)
    )


def limited(membership: Membership, at: float) -> Limited:
    """What holds now."""
    lease = membership.lease
    if lease is None:
        if at < membership.free_until:
            return Limited(stage="free", limit_a=None, limit_w=None, left_s=membership.free_until - at)
        if at < membership.starts_at:
            return Limited(stage="start", limit_a=0.0, limit_w=None, left_s=0.0)
        return Limited(
            stage="fallback", limit_a=membership.guaranteed_a, limit_w=membership.guaranteed_w, left_s=0.0
        )
    grant = lease.grant
    if at < lease.until:
        return Limited(stage="granted", limit_a=grant.limit_a, limit_w=grant.limit_w, left_s=lease.until - at)
    if lease.rises_at is not None and at >= lease.rises_at:
        return Limited(stage="fallback", limit_a=grant.fallback_a, limit_w=grant.fallback_w, left_s=0.0)
    watts = [w for w in (grant.limit_w, grant.fallback_w) if w is not None]
    return Limited(
        stage="lapsed",
        limit_a=min(grant.limit_a, grant.fallback_a),
        limit_w=min(watts) if watts else None,
        left_s=0.0,
    )


def report_of(
    membership: Membership,
    life: str,
    number: int,
    snapshot: Snapshot,
    decision: Decision,
    tree: Topology,
    settings: ControlSettings = DEFAULTS,
) -> MemberReport:
    """What a site tells after a step of its law, in which its parent's limit was in force already."""
    site, root = snapshot.site, tree.circuits[tree.root]
    ledger = decision.circuits[root.circuit_id]
    reserve, held, wished = list(ledger.reserve_a), [0.0] * 3, [0.0] * 3
    raised = {grant.key: grant.limit_a for grant in decision.raises}
    draws = [0.0] * 3
    settle: float | None = site.lease_s + 60.0
    for i, evse in enumerate(tree.evses):
        state = snapshot.evses.get(evse.key)
        narrow = None
        if state is not None and state.session and state.phases and set(state.phases) <= set(evse.phases):
            narrow = state.phases
        entries = entries_of(tree, i, narrow, in_watts=state is not None and state.in_watts)
        most = max(decision.held_a[evse.key], raised.get(evse.key, 0.0))
        wish = decision.wishes.get(evse.key, 0.0)
        for row, coefficient in entries.pairs():
            phase = _phase(tree, row)
            if phase is not None:
                held[phase] += coefficient * most
                wished[phase] += coefficient * wish
        if state is None:
            continue
        drawn = certain_draw(state, most, snapshot.at, settings, len(evse.phases))
        if drawn is not None:
            for row, amperes in draw_on_rows(tree, i, drawn):
                phase = _phase(tree, row)
                if phase is not None:
                    draws[phase] += amperes
        if state.committed_a is not None and state.session and settle is not None:
            settle = None if state.lease_until is None else max(settle, state.lease_until - snapshot.at)
    for devices in decision.devices_a.values():
        held = [value + max(0.0, *devices) for value in held]
    share = 1.0 if site.commissioned else settings.commissioning_share
    interval_s = None if root.meter is None else root.meter.interval_s
    margin = margin_a(root.rating_a, interval_s)
    base = [max(0.0, value) for value in ledger.base_a]
    demand = [b + margin + max(0.0, r + w) / share for b, r, w in zip(base, reserve, wished, strict=True)]
    held = [b + h for b, h in zip(base, held, strict=True)]
    if ledger.meter_state in ("dead", "lost") and max(base) >= ledger.limit_a - 1e-6:
        # Nobody knows the base, and it counts as all that is granted: no reason to ask for more each time.
        demand = base
    if site.strategy == "uncontrolled" and snapshot.mode == "normal":
        base = demand = held  # nobody takes anything from it
    metered, age_s = _metered(snapshot, root.circuit_id, interval_s)
    now = limited(membership, snapshot.at)
    lease = membership.lease
    volts = site.voltage_v
    return MemberReport(
        site_id=site.site_id,
        life=life,
        number=number,
        epoch=0 if lease is None else lease.grant.epoch,
        seq=0 if lease is None else lease.grant.seq,
        limit_a=now.limit_a,
        limit_w=now.limit_w,
        lease_left_s=now.left_s,
        base_a=max(base),
        demand_a=max(demand),
        held_a=max(held),
        base_w=sum(base) * volts,
        demand_w=sum(demand) * volts,
        held_w=sum(held) * volts,
        drawn_a=metered if metered is not None else (draws[0], draws[1], draws[2]),
        drawn_age_s=age_s,
        settle_s=settle,
    )


def _phase(tree: Topology, number: int) -> int | None:
    """The phase of the grid connection that a row is; None for every other row."""
    row = tree.rows[number]
    return row.phase if row == Row("phase", tree.root, row.phase) else None


def _metered(snapshot: Snapshot, circuit_id: str, interval_s: float | None) -> tuple[PerPhase | None, float]:
    """The fresh reading of the grid connection's meter, and its age."""
    state = snapshot.circuits.get(circuit_id)
    if state is None or interval_s is None or state.metered_a is None or state.metered_at is None:
        return None, 0.0
    age_s = max(0.0, snapshot.at - state.metered_at)
    meter = snapshot.site.root.meter
    if meter_state(age_s, interval_s) != "fresh" or meter is None or meter.measures != "everything":
        return None, 0.0
    return state.metered_a, age_s
