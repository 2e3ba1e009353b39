"""What one step knows of a group's members: how each stands, and what is counted for it."""

from __future__ import annotations

import math
from typing import Final

from ampacity.model.groups import MemberStanding, SiteGroup

from ..settings import ControlSettings
from ..topology import Topology
from ..types import Snapshot
from . import promises
from .promises import NOTHING, Level, MemberMemory
from .types import GroupState

SILENT_S: Final = 5.0
"""A member that has not reported for so long is silent. Reports are due each second."""


class Picture:
    """Lists are by member, in the group's order. `above` are the circuits over each, its own first; `base`
    is what nobody can take from it, `own` the same or what it draws, `allowed` the most that it may draw by
    what it was granted, `counted` the same or its fallback where that may come, `reserved` what is set aside
    for it where it does not report.
    """

    def __init__(
        self, state: GroupState, bound: Snapshot, group: SiteGroup, tree: Topology, settings: ControlSettings
    ) -> None:
        self.state, self.bound, self.group, self.tree, self.settings = state, bound, group, tree, settings
        self.at = bound.at
        self.since = self.at if state.since is None else state.since
        self.members = group.members
        self.memories = [state.members.get(member.site_id) for member in self.members]
        self.above = [tree.ancestors[tree.index[member.circuit_id]] for member in self.members]
        self.standings = [self._standing(memory) for memory in self.memories]
        self.guaranteed: list[Level] = [(m.guaranteed_a, 3 * m.guaranteed_a) for m in self.members]
        volts = group.voltage_v
        self.own = [NOTHING if m is None else promises.own(m, volts) for m in self.memories]
        self.base: list[Level] = [NOTHING if m is None else promises.base_of(m, volts) for m in self.memories]
        self.allowed = [
            NOTHING if m is None else promises.allowed(m, self.at, volts, silent=standing == "silent")
            for m, standing in zip(self.memories, self.standings, strict=True)
        ]
        self.counted = [self._counted(i) for i in range(len(self.members))]
        young = self.at - self.since <= SILENT_S  # whoever is there has not had the time to say so
        unknown = [NOTHING if young else level for level in self.guaranteed]
        self.reserved = [
            own if memory is None else counted
            for own, memory, counted in zip(unknown, self.memories, self.counted, strict=True)
        ]
        self.live = [i for i, standing in enumerate(self.standings) if standing == "live"]

    @property
    def holds_until(self) -> float:
        """Until when grants of a coordinator before this one may count."""
        return self.since + self.group.lease_s + self.group.settle_s

    def take(self, room: list[float], i: int, level: Level) -> None:
        """Take a member's level off what is free in every circuit above it: `room[2 k]` of circuit `k` on
        each phase, `room[2 k + 1]` in all."""
        for k in self.above[i]:
            for q in (0, 1):
                if math.isfinite(room[2 * k + q]):
                    room[2 * k + q] -= level[q]

    def _standing(self, memory: MemberMemory | None) -> MemberStanding:
        if memory is None:
            return "unknown"
        return "live" if self.at - memory.heard_at <= SILENT_S else "silent"

    def _counted(self, i: int) -> Level:
        memory = self.memories[i]
        if memory is None:
            # What nobody knows may have been promised anything, as long as that may count.
            return self.guaranteed[i] if self.at >= self.holds_until else (math.inf, math.inf)
        silent = self.standings[i] == "silent"
        return promises.counted(memory, self.guaranteed[i], self.at, self.group.voltage_v, silent=silent)
