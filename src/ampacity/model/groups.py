"""Sites that share one supply, and what their controllers and their parent tell each other.

A *group* (the word that OSCP 2.0 has for what hangs on one capacity) is a tree of circuits whose loads are
sites: a campus with a hospital and a car park under one connection. Each site has a controller of its own,
maybe on another node. It reports what it needs and may draw (`MemberReport`), and is answered with a *grant*:
what it may draw in all, for how long, and what it falls back to when it hears nothing more.

Amperes are per phase and count on each of the three; watts are of all phases together.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

from .live import Reason
from .phases import STRAIGHT, ZERO, PerPhase, Rotation
from .site import Circuit


class GroupMember(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A site below a circuit of the group.

    `guaranteed_a`: it is served so much, as far as it wants it, before anybody gets more, and it is what the
    site falls back to when it hears nothing. Beyond it the higher `priority` goes first, and members of one
    class share by `weight`. `rotation`: which of the circuit's phases the site's L1.. are wired to.
    """

    site_id: str
    circuit_id: str
    guaranteed_a: float
    priority: int = 0
    weight: float = 1.0
    rotation: Rotation = STRAIGHT


class SiteGroup(Struct, frozen=True, kw_only=True):
    """Sites under one supply. The circuit without `parent_id` is the supply itself; a circuit's `reserve_a`
    is the worst of what else hangs on it and below, members not among it.

    `lease_s`: how long a grant counts at a member that hears nothing more. `settle_s`: how long the EVSEs of
    a site may go on after that at most, where the site itself has not told (two leases of five minutes and a
    minute, and one for clocks). `voltage_v` is to neutral.
    """

    group_id: str
    operator_id: str
    name: str
    circuits: tuple[Circuit, ...]
    members: tuple[GroupMember, ...]
    voltage_v: float = 230.0
    lease_s: float = 30.0
    settle_s: float = 720.0

    @property
    def root(self) -> Circuit:
        """The supply."""
        return next(circuit for circuit in self.circuits if circuit.parent_id is None)

    @property
    def source(self) -> str:
        """The name under which its grants limit a member."""
        return f"{GROUP}{self.group_id}"


GROUP = "group:"
"""What the source of a limit begins with that comes from a group."""


class MemberReport(Struct, frozen=True, kw_only=True):
    """What a site tells its parent, each second.

    `life` is another one after each start of its controller, `number` rises within one. `epoch` and `seq` are
    those of the grant that it applied last (0: none), `limit_a` and `limit_w` what its parent's word limits
    it to now (None: by nothing), `lease_left_s` how long that counts yet.

    At the site's grid connection, each the highest of its phases: `base_a` of what nobody steers, `demand_a`
    what it could make use of, `held_a` the most that it may draw as far as anyone can prove. `drawn_a` is
    what flows there for certain, on the site's phases, `drawn_age_s` ago (None: not known). `settle_s`: if
    its controller died now, its EVSEs could go on for so long (None: for ever).
    """

    site_id: str
    life: str
    number: int
    epoch: int = 0
    seq: int = 0
    limit_a: float | None = None
    limit_w: float | None = None
    lease_left_s: float = 0.0
    base_a: float = 0.0
    demand_a: float = 0.0
    held_a: float = 0.0
    base_w: float = 0.0
    demand_w: float = 0.0
    held_w: float = 0.0
    drawn_a: PerPhase | None = None
    drawn_age_s: float = 0.0
    settle_s: float | None = None


class MemberGrant(Struct, frozen=True, kw_only=True):
    """What a member may draw: `limit_a` on each phase and `limit_w` in all (None: power is not limited), for
    `lease_s` from the moment at which it sent the report that is answered.

    Then the lower of that and the fallback, and from `rise_s` on the fallback: not before all others have
    come down to theirs (None: never). `epoch` and `seq` only grow; an older grant is not to be followed.
    """

    epoch: int
    seq: int
    limit_a: float
    fallback_a: float
    lease_s: float
    rise_s: float | None
    limit_w: float | None = None
    fallback_w: float | None = None


class GroupStop(Struct, frozen=True, kw_only=True):
    """An emergency stop of the whole group that holds."""

    reason: str
    by: str
    stop_sessions: bool = False
    stop_generation: bool = False


class MemberAnswer(Struct, frozen=True, kw_only=True):
    """What a report is answered with. No grant: what the member has runs on, and nothing new is promised."""

    grant: MemberGrant | None = None
    stop: GroupStop | None = None


MemberStanding: TypeAlias = Literal["live", "silent", "unknown"]
"""`silent`: it does not report, and is counted with what it may draw. `unknown`: not heard since the
start."""


class MemberView(Struct, frozen=True, kw_only=True):
    """A member now. `grant_a` and `grant_w` are what it runs on; `counted_a` the most that is counted for it;
    `drawn_a` the highest of its phases."""

    site_id: str
    name: str
    circuit_id: str
    priority: int
    weight: float
    guaranteed_a: float
    standing: MemberStanding
    heard_s: float | None = None
    grant_a: float | None = None
    grant_w: float | None = None
    target_a: float = 0.0
    counted_a: float = 0.0
    demand_a: float = 0.0
    base_a: float = 0.0
    drawn_a: float | None = None
    lease_left_s: float = 0.0
    reasons: tuple[Reason, ...] = ()


class GroupCircuitView(Struct, frozen=True, kw_only=True):
    """A circuit of the group now. `members_a`: the most that all below are counted with (None: anything);
    `drawn_a` its meter, or the sum of what members tell and the base."""

    circuit_id: str
    name: str
    parent_id: str | None
    limit_a: float
    limit_source: str
    limit_w: float | None
    margin_a: float
    base_a: PerPhase
    members_a: float | None
    meter_state: Literal["none", "fresh", "stale", "dead"]
    metered_a: PerPhase | None = None
    drawn_a: PerPhase = ZERO


class GroupView(Struct, frozen=True, kw_only=True):
    """A group now. `holding`: why nobody is granted more at the moment. `coordinated`: by this node; else
    another one knows more."""

    group_id: str
    name: str
    epoch: int
    holding: str | None
    coordinated: bool
    overcommitted: bool
    circuits: tuple[GroupCircuitView, ...]
    members: tuple[MemberView, ...]
    stop: GroupStop | None = None
