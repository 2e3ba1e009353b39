"""What the law of a group is told and what it answers, and its memory. Levels are as in `promises`."""

from __future__ import annotations

from msgspec import Struct

from ampacity.model.groups import MemberStanding, SiteGroup
from ampacity.model.live import Reason
from ampacity.model.phases import PerPhase

from ..state import BaseMemory, BoundsMemory, OverloadMemory
from ..topology import Topology
from ..types import CircuitState, MeterState
from .promises import Level, MemberMemory


class GroupSnapshot(Struct, frozen=True, kw_only=True):
    """What the law sees of a group at one instant, besides what its members have reported."""

    group: SiteGroup
    circuits: dict[str, CircuitState]
    at: float
    epoch_s: float


class Reading(Struct, frozen=True, gc=False):
    """A reading of a circuit's meter, taken at `at`."""

    at: float
    current_a: PerPhase
    power_w: float | None


class GroupState(Struct, frozen=True, kw_only=True):
    """What the law remembers. `epoch`: of the program that coordinates; `since`: its first step."""

    epoch: int
    since: float | None = None
    topology: Topology | None = None
    members: dict[str, MemberMemory] = {}
    bases: dict[str, BaseMemory] = {}
    readings: dict[str, tuple[Reading, ...]] = {}
    overloads: dict[int, OverloadMemory] = {}
    bounds: BoundsMemory = BoundsMemory()


class MemberDecision(Struct, frozen=True, kw_only=True):
    """Where a member shall be (`target`), what it is granted now (`level`; None: nothing new), the most that
    is counted for it, what it falls back to, and why it gets no more."""

    standing: MemberStanding
    target: Level
    level: Level | None
    counted: Level
    fallback: Level
    rise_s: float | None
    reasons: tuple[Reason, ...]


class GroupRow(Struct, frozen=True, kw_only=True):
    """What the law assumed of a circuit: `limit`, `margin` and `base` as levels (infinite: no limit)."""

    limit: Level
    source: tuple[str, str]
    margin: Level
    base: Level
    base_a: PerPhase
    meter: MeterState


class GroupDecision(Struct, frozen=True, kw_only=True):
    """What to grant, per member by `site_id`. `holding`: why nobody may get more. `overcommitted`: circuits
    whose base and silent members alone are too much; whoever can be steered there gets nothing but his base.
    """

    at: float
    members: dict[str, MemberDecision]
    circuits: dict[str, GroupRow]
    holding: str | None
    overcommitted: frozenset[str]
