"""`allocate` as one plain loop over arrays, to be compiled: the same steps as the array form, so that
both give the same (`tests/properties/test_kernel.py`).

Where the array form sums everything in each round, this one leaves out the rows that can never be full, and
looks again only at rows whose loads have changed.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_EPSILON_A = 1e-7
_NOISE_A = 1e-10

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Bools = NDArray[np.bool_]


def share(
    capacity: Floats,
    load: Ints,
    row: Ints,
    coefficient: Floats,
    low: Floats,
    high: Floats,
    weight: Floats,
    rank: Ints,
    ranks: int,
    queue: Ints,
    corners: Ints,
) -> tuple[Floats, Bools, Bools]:
    """Grants before they are rounded down, who was admitted, and per entry whether its row binds.

    Arguments as in `allocate.Problem`, with minima and maxima on steps already. `rank` is 0 for the highest
    class, of `ranks`; `queue` are the loads in the order of admission; `corners` the loads' starts and, as
    load + number of loads, their stops, by level. (Sorting is left to numpy: it is as fast there, and would
    take half of the time to compile.)
    """
    count, rows, entries = len(low), len(capacity), len(load)
    # Entries of each load are together; those of each row are listed here.
    first = np.zeros(count + 1, np.intp)
    row_first = np.zeros(rows + 1, np.intp)
    for e in range(entries):
        first[load[e] + 1] += 1
        row_first[row[e] + 1] += 1
    for i in range(count):
        first[i + 1] += first[i]
    for r in range(rows):
        row_first[r + 1] += row_first[r]
    binding = np.zeros(entries, np.bool_)
    admitted = np.zeros(count, np.bool_)

    # ---- admit
    need = np.zeros(rows)
    for i in range(count):
        if high[i] >= low[i] and high[i] > 0:
            admitted[i] = True
            for e in range(first[i], first[i + 1]):
                need[row[e]] += coefficient[e] * low[i]
    crowded = False
    contested = np.zeros(rows, np.bool_)
    for r in range(rows):
        if need[r] > capacity[r] + _EPSILON_A:
            contested[r] = crowded = True
    if crowded:
        left = capacity.copy()
        for i in queue:
            if not admitted[i]:
                continue
            lacks = False
            for e in range(first[i], first[i + 1]):
                if contested[row[e]] and left[row[e]] + _EPSILON_A < coefficient[e] * low[i]:
                    lacks = binding[e] = True
            if lacks:
                admitted[i] = False
                continue
            for e in range(first[i], first[i + 1]):
                if contested[row[e]]:
                    left[row[e]] -= coefficient[e] * low[i]

    # ---- fill, class by class
    used = np.zeros(rows)
    grant = np.zeros(count)
    active = np.zeros(count, np.bool_)
    for i in range(count):
        if admitted[i]:
            grant[i] = low[i]
            for e in range(first[i], first[i + 1]):
                used[row[e]] += coefficient[e] * low[i]
    corner_load = np.empty(2 * entries, np.intp)
    corner_level = np.empty(2 * entries)
    corner_slope = np.empty(2 * entries)
    begin = np.empty(rows, np.intp)
    end = np.empty(rows, np.intp)
    free = np.empty(rows)
    wanted = np.empty(rows)
    full = np.empty(rows)
    lowest = np.empty(rows)
    reach = np.empty(count)
    changed = np.empty(rows, np.bool_)
    done = np.empty(count, np.bool_)
    # The corners of each class, still by level.
    of_rank = np.zeros(ranks + 1, np.intp)
    for c in corners:
        of_rank[rank[c if c < count else c - count] + 1] += 1
    for k in range(ranks):
        of_rank[k + 1] += of_rank[k]
    sorted_corners = np.empty(2 * count, np.intp)
    filled = of_rank.copy()
    for c in corners:
        k = rank[c if c < count else c - count]
        sorted_corners[filled[k]] = c
        filled[k] += 1
    members = np.empty(count, np.intp)
    for k in range(ranks):
        wanted[:] = 0.0
        alive = 0
        for at in range(of_rank[k], of_rank[k + 1]):
            i = sorted_corners[at]
            if i >= count or not admitted[i] or high[i] <= low[i]:
                continue
            active[i] = True
            members[alive] = i
            alive += 1
            for e in range(first[i], first[i + 1]):
                wanted[row[e]] += coefficient[e] * (high[i] - low[i])
        for r in range(rows):
            free[r] = max(0.0, capacity[r] - used[r])
            begin[r] = end[r] = 2 * row_first[r]
            full[r] = np.inf
            changed[r] = wanted[r] >= free[r] - _EPSILON_A
        for position in range(of_rank[k], of_rank[k + 1]):
            c = sorted_corners[position]
            opens = c < count
            i = c if opens else c - count
            if not active[i]:
                continue
            here = (low[i] if opens else high[i]) / weight[i]
            for e in range(first[i], first[i + 1]):
                r = row[e]
                if changed[r]:
                    at = end[r]
                    corner_load[at] = i
                    corner_level[at] = here
                    corner_slope[at] = coefficient[e] * weight[i] if opens else -coefficient[e] * weight[i]
                    end[r] = at + 1
        while alive:
            # The level at which each row is full if all of its active loads rose together.
            for r in range(rows):
                if not changed[r]:
                    continue
                changed[r] = False
                kept = begin[r]
                total = slope = before = 0.0
                found = np.inf
                for at in range(begin[r], end[r]):
                    i = corner_load[at]
                    if not active[i]:
                        continue
                    here = corner_level[at]
                    if found == np.inf:
                        if kept > begin[r]:
                            total += slope * (here - before)
                        if total >= free[r] - _EPSILON_A:
                            found = here
                            if kept > begin[r] and slope > 0:
                                found = here - (total - free[r]) / slope
                        slope += corner_slope[at]
                        before = here
                    corner_load[kept] = i
                    corner_level[kept] = here
                    corner_slope[kept] = corner_slope[at]
                    kept += 1
                end[r] = kept
                full[r] = found
            lowest[:] = np.inf
            for m in range(alive):
                i = members[m]
                nearest = np.inf
                for e in range(first[i], first[i + 1]):
                    nearest = min(nearest, full[row[e]])
                reach[i] = nearest
                for e in range(first[i], first[i + 1]):
                    lowest[row[e]] = min(lowest[row[e]], nearest)
            for m in range(alive):
                i = members[m]
                done[i] = high[i] / weight[i] <= reach[i]
                for e in range(first[i], first[i + 1]):
                    if lowest[row[e]] >= full[row[e]]:
                        done[i] = True
            remaining = 0
            for m in range(alive):
                i = members[m]
                if not done[i]:
                    members[remaining] = i
                    remaining += 1
                    continue
                active[i] = False
                reached = min(max(weight[i] * reach[i], low[i]), high[i])
                grant[i] = reached
                for e in range(first[i], first[i + 1]):
                    r = row[e]
                    if reached < high[i] - _NOISE_A:
                        allowed = max(weight[i] * full[r], low[i])
                        binding[e] = allowed <= reached + _EPSILON_A
                    gained = coefficient[e] * (reached - low[i])
                    free[r] -= gained
                    used[r] += gained
                    if free[r] < 0.0:
                        free[r] = 0.0
                    if end[r] > begin[r]:
                        changed[r] = True
            alive = remaining
    for e in range(entries):
        if binding[e] and admitted[load[e]]:
            binding[e] = used[row[e]] >= capacity[row[e]] - 1e-5
    return grant, admitted, binding
