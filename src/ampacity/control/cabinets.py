"""Power cabinets that several DC EVSEs share: a module feeds one of them at a time.

Sharing by amperes comes first, with the cabinet's modules as one more row. What it gives in parts of modules
is made whole here: everybody has the modules that he fills, one at least, and those that are left over go,
one each, to those who need a part of one more, who has fewest first. Who gets a part too few is held there,
and what that leaves free is shared once more.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from .allocate import Allocation, Problem
from .topology import Topology


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
