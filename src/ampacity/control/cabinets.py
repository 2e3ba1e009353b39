"""Power cabinets that several DC EVSEs share: a module feeds one of them at a time.

Sharing by amperes comes first, with the cabinet's modules as one more row. What it gives in parts of modules
is made whole here: everybody has the modules that he fills, one at least, and those that are left over go,
one each, to those who need a part of one more, who has fewest first. Who gets a part too few is held there,
and what that leaves free is shared once more.

A module that somebody has given back takes the cabinet's `move_s` until it can feed another one. Until then
nobody rises into it (`Moving`): it stays reserved for whom it is meant.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from msgspec import Struct

from ampacity.model.site import EvseKey

from .allocate import Allocation, Problem
from .topology import Entries, Topology


class CabinetMemory(Struct, frozen=True, gc=False):
    """How many modules each EVSE of a cabinet has at most, and when how many were given back."""

    modules: dict[EvseKey, int] = {}
    freed: tuple[tuple[float, int], ...] = ()


class Moving:
    """The modules of all cabinets at one step. `held_a` is what each EVSE may draw."""

    def __init__(
        self,
        tree: Topology,
        before: Mapping[str, CabinetMemory],
        entries: Sequence[Entries],
        held_a: Sequence[float],
        at: float,
    ) -> None:
        self.memories: dict[str, CabinetMemory] = {}
        self._share: dict[int, float] = {}
        self._free: dict[str, int] = {}
        if not tree.cabinets:
            return
        first = len(tree.rows) - len(tree.cabinets)
        have: dict[str, dict[EvseKey, int]] = {cabinet.cabinet_id: {} for cabinet in tree.cabinets}
        for i, evse in enumerate(tree.evses):
            if evse.cabinet_id is not None:
                self._share[i] = next(share for row, share in entries[i].pairs() if row >= first)
                have[evse.cabinet_id][evse.key] = _modules(held_a[i] * self._share[i])
        for cabinet in tree.cabinets:
            now = have[cabinet.cabinet_id]
            known = before.get(cabinet.cabinet_id, CabinetMemory(now))
            given_back = sum(max(0, count - now.get(key, 0)) for key, count in known.modules.items())
            freed = tuple(entry for entry in known.freed if at - entry[0] < cabinet.move_s)
            if given_back and cabinet.move_s > 0:
                freed = (*freed, (at, given_back))
            self.memories[cabinet.cabinet_id] = CabinetMemory(now, freed)
            moving = sum(count for _, count in freed)
            self._free[cabinet.cabinet_id] = max(0, cabinet.modules - sum(now.values()) - moving)

    def most_a(self, i: int, cabinet_id: str, key: EvseKey) -> float:
        """What EVSE number `i` may rise to with its own modules and those that are free."""
        return (self.memories[cabinet_id].modules[key] + self._free[cabinet_id]) / self._share[i]

    def take(self, i: int, cabinet_id: str, key: EvseKey, limit_a: float) -> None:
        """It rises to so much."""
        more = _modules(limit_a * self._share[i]) - self.memories[cabinet_id].modules[key]
        self._free[cabinet_id] -= max(0, more)


def _modules(share: float) -> int:
    return math.ceil(share - 1e-6)


def whole_modules(
    tree: Topology, loads: Sequence[int], task: Problem, result: Allocation
) -> dict[int, tuple[float, str]]:
    """For each load of `task` on a cabinet, the most amperes that its whole modules give, and the cabinet.

    `loads` are the EVSEs (by number) that the loads of the task are.
    """
    first = len(tree.rows) - len(tree.cabinets)
    members: dict[int, list[tuple[int, float]]] = {}
    if tree.cabinets:
        for load, row, modules in zip(
            task.entry_load.tolist(), task.entry_row.tolist(), task.entry_coefficient.tolist(), strict=True
        ):
            if row >= first:
                members.setdefault(row, []).append((load, modules))
    caps: dict[int, tuple[float, str]] = {}
    for row, inside in members.items():
        cabinet = tree.cabinets[row - first]
        left = math.floor(task.capacity_a[row] + 1e-6)
        have: dict[int, int] = {}
        wish: list[tuple[int, int, int]] = []
        for load, modules in sorted(inside, key=lambda member: task.order[member[0]]):
            wanted = float(result.grant_a[load]) * modules
            whole = min(max(1, math.floor(wanted + 1e-6)) if wanted > 0 else 0, max(0, left))
            have[load], left = whole, left - whole
            if whole and wanted > whole + 1e-6:
                wish.append((whole, int(task.order[load]), load))
        for _, _, load in sorted(wish)[: max(0, left)]:
            have[load] += 1
        for load, modules in inside:
            caps[load] = have[load] / modules, cabinet.cabinet_id
    return caps
