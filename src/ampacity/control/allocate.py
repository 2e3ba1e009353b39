"""`allocate`: share what is free, once, without memory.

Weighted max-min over all rows (circuit and phase) jointly: nobody's grant can rise without lowering that of
somebody who has, for its weight, as little or less. Three steps:

1. *Admit* the minimum or nothing, in the order given. Rows on which all minima fit need no queue; only loads
on contested rows are walked one by one. 2. *Fill* class by class, the highest first, above the minima of
everybody who was admitted. All loads of a class rise with a common level, `x = clip(weight * level, minimum,
maximum)`, and a row that is full holds those on it. The level at which a row is full is exact: its load is
piecewise linear in the level, with a corner where a load leaves its minimum and one where it reaches its
maximum; a running sum over the sorted corners finds it. Each round holds every row that no row of its loads
undercuts (Bertsekas and Gallager, Data Networks, 6.5.2: the bottlenecks), so the number of rounds follows the
depth of the tree, not the number of rows. 3. *Floor* to the step. What the floor leaves stays free: giving it
to one of several equals would not be fair.

A row binds a load when the load was held there: at the level at which that row is full.

There are two forms of it that give the same: `by_arrays` needs nothing but numpy; `kernel` is compiled where
numba is there and `prepare` was called (docs/decisions/0011-two-forms-of-sharing.md).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain
from typing import TypeAlias

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from ..compiled import compiled, is_installed
from . import kernel

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.intp]
Bools: TypeAlias = NDArray[np.bool_]

_EPSILON_A = 1e-7
_NOISE_A = 1e-10
"""A load that stops so close below its maximum is at it: a row that is full just there does not hold it."""


class Problem(Struct, frozen=True, kw_only=True):
    """Loads on rows, as arrays.

    `capacity_a` (rows): what the loads may share, below 0 where there is nothing. `entry_load` and
    `entry_row`: load `entry_load[e]` is carried by row `entry_row[e]`, ascending in the load, and each of its
    amperes takes `entry_coefficient[e]` (above 0) of the row's capacity. `minimum_a`,
    `maximum_a`, `weight`, `step_a`, `priority` (higher first) and `order` (rank of admission, lower first,
    all different) are per load.
    """

    capacity_a: Floats
    entry_load: Ints
    entry_row: Ints
    entry_coefficient: Floats
    minimum_a: Floats
    maximum_a: Floats
    weight: Floats
    step_a: Floats
    priority: Ints
    order: Ints


class Allocation(Struct, frozen=True, kw_only=True):
    """`grant_a` per load: 0, or within [minimum, maximum] and a multiple of the step.

    `admitted` per load. `binding` per *entry* of the problem: whether that row keeps that load from more (or,
    for one that was not admitted, from its minimum). `slack_a` per row: what is still free.
    """

    grant_a: Floats
    admitted: Bools
    binding: Bools
    slack_a: Floats


def problem(
    capacity_a: Sequence[float],
    rows: Sequence[Sequence[int]],
    minimum_a: Sequence[float],
    maximum_a: Sequence[float],
    *,
    weight: Sequence[float] | None = None,
    step_a: Sequence[float] | None = None,
    priority: Sequence[int] | None = None,
    order: Sequence[int] | None = None,
    coefficients: Sequence[Sequence[float]] | None = None,
) -> Problem:
    """Build a problem from plain sequences; `rows[i]` are the rows that carry load `i`, and
    `coefficients[i]` how much of each an ampere takes.

    Left out: weight 1, step 0.1 A, one class, admission in the order given, coefficients 1.
    """
    count = len(rows)
    lengths = np.fromiter(map(len, rows), np.intp, count)
    entries = int(lengths.sum())
    return Problem(
        capacity_a=np.asarray(capacity_a, np.float64),
        entry_load=np.repeat(np.arange(count), lengths),
        entry_row=np.fromiter(chain.from_iterable(rows), np.intp, entries),
        entry_coefficient=np.ones(entries)
        if coefficients is None
        else np.fromiter(chain.from_iterable(coefficients), np.float64, entries),
        minimum_a=np.asarray(minimum_a, np.float64),
        maximum_a=np.asarray(maximum_a, np.float64),
        weight=np.ones(count) if weight is None else np.asarray(weight, np.float64),
        step_a=np.full(count, 0.1) if step_a is None else np.asarray(step_a, np.float64),
        priority=np.zeros(count, np.intp) if priority is None else np.asarray(priority, np.intp),
        order=np.arange(count) if order is None else np.asarray(order, np.intp),
    )


Kernel: TypeAlias = Callable[
    [Floats, Ints, Ints, Floats, Floats, Floats, Floats, Ints, int, Ints, Ints], tuple[Floats, Bools, Bools]
]


class _Chosen:
    """Which form of the filling is used: None for the one over arrays."""

    kernel: Kernel | None = None


def prepare() -> bool:
    """Use the compiled form from now on, where numba is there; returns whether it is.

    Takes seconds where it has to be compiled first (from disk a tenth of one), so a program that is live
    calls it in a thread of its own: until it returns, the form over arrays goes on. Both give the same.
    """
    if _Chosen.kernel is None and is_installed():
        fast = compiled(kernel.share)
        _by_kernel(problem([10.0], [(0,)], [6.0], [16.0]), fast)
        _Chosen.kernel = fast
    return _Chosen.kernel is not None


def allocate(task: Problem) -> Allocation:
    """Share `task.capacity_a` (see the head of the file)."""
    return by_arrays(task) if _Chosen.kernel is None else _by_kernel(task, _Chosen.kernel)


def _by_kernel(task: Problem, share: Kernel) -> Allocation:
    """The same by a loop over all loads and rows (`kernel.share`)."""
    load, row, coefficient = task.entry_load, task.entry_row, task.entry_coefficient
    low, high = _on_steps(task)
    classes, rank = np.unique(-task.priority, return_inverse=True)
    corners = np.argsort(np.concatenate((low / task.weight, high / task.weight)), kind="stable")
    grant, admitted, binding = share(
        task.capacity_a,
        load,
        row,
        coefficient,
        low,
        high,
        task.weight,
        rank,
        len(classes),
        np.argsort(task.order, kind="stable"),
        corners,
    )
    return _rounded(task, grant, admitted, binding)


def _on_steps(task: Problem) -> tuple[Floats, Floats]:
    """Minima rounded up and maxima rounded down to whole steps."""
    low = np.round(np.ceil(task.minimum_a / task.step_a - _EPSILON_A) * task.step_a, 9)
    high = np.round(np.floor(task.maximum_a / task.step_a + _EPSILON_A) * task.step_a, 9)
    return low, high


def _rounded(task: Problem, grant: Floats, admitted: Bools, binding: Bools) -> Allocation:
    grant = np.round(np.floor(grant / task.step_a + 1e-6) * task.step_a, 9)
    taken = np.bincount(task.entry_row, task.entry_coefficient * grant[task.entry_load], len(task.capacity_a))
    return Allocation(grant_a=grant, admitted=admitted, binding=binding, slack_a=task.capacity_a - taken)


def by_arrays(task: Problem) -> Allocation:
    """The same by operations on whole arrays, which needs nothing but numpy."""
    row_count = len(task.capacity_a)
    load, row, share = task.entry_load, task.entry_row, task.entry_coefficient
    low, high = _on_steps(task)
    binding = np.zeros(len(load), np.bool_)
    admitted = _admit(task, low, high, binding)
    floor = np.where(admitted, low, 0.0)
    grant = floor.copy()
    used = np.bincount(row, share * floor[load], row_count)
    priorities = np.unique(task.priority[admitted])[::-1]
    for priority in priorities:
        members = admitted if len(priorities) == 1 else admitted & (task.priority == priority)
        inside = members[load]
        free = task.capacity_a - used
        np.maximum(free, 0.0, out=free)
        level, held = fill(free, load[inside], row[inside], share[inside], floor, high, task.weight, members)
        grant[members] = np.clip(task.weight * level, floor, high)[members]
        binding[np.flatnonzero(inside)[held]] = True
        used += np.bincount(row[inside], share[inside] * (grant - floor)[load[inside]], row_count)
    # A round's level of a row is too low while loads on it may still turn out to be held elsewhere.
    binding &= ~admitted[load] | (used >= task.capacity_a - 1e-5)[row]
    return _rounded(task, grant, admitted, binding)


def _admit(task: Problem, low: Floats, high: Floats, binding: Bools) -> Bools:
    """Who gets the minimum. Sets `binding` at the entries whose rows were too full for a load's."""
    load, row, share = task.entry_load, task.entry_row, task.entry_coefficient
    admitted = (high >= low) & (high > 0)
    need = np.bincount(row, share * np.where(admitted, low, 0.0)[load], len(task.capacity_a))
    contested = need > task.capacity_a + _EPSILON_A
    queued = np.flatnonzero(contested[row] & admitted[load])
    if not len(queued):
        return admitted
    queued = queued[np.argsort(task.order[load[queued]], kind="stable")]
    left = task.capacity_a.tolist()
    needs = (share * low[load])[queued].tolist()
    at = 0
    entries, loads, rows = queued.tolist(), load[queued].tolist(), row[queued].tolist()
    while at < len(entries):
        end = at + 1
        while end < len(entries) and loads[end] == loads[at]:
            end += 1
        lacking = [k for k in range(at, end) if left[rows[k]] + _EPSILON_A < needs[k]]
        if lacking:
            admitted[loads[at]] = False
            binding[[entries[k] for k in lacking]] = True
        else:
            for k in range(at, end):
                left[rows[k]] -= needs[k]
        at = end
    return admitted


def fill(
    free_a: Floats,
    load: Ints,
    row: Ints,
    coefficient: Floats,
    low: Floats,
    high: Floats,
    weight: Floats,
    members: Bools,
) -> tuple[Floats, Bools]:
    """Raise the loads in `members` from `low` by a common level until rows are full.

    `free_a` (rows) is what is left above everybody's `low`. `load`, `row` and `coefficient` are the entries
    of the members only. Returns the level of every load (infinite where nothing but its maximum stops it)
    and, for each entry, whether its row is where the load was held.
    """
    count, row_count = len(low), len(free_a)
    level = np.full(count, np.inf)
    held = np.zeros(len(load), np.bool_)
    free = free_a.copy()
    active = members & (high > low)
    start, stop = low / weight, high / weight
    events = _Corners(load, row, coefficient * weight[load], start, stop)
    while True:
        alive = active[load]
        if not alive.any():
            return level, held
        full_at = events.full_levels(active, free, row_count)
        reach = np.full(count, np.inf)
        a_load, a_row = load[alive], row[alive]
        np.minimum.at(reach, a_load, full_at[a_row])
        # A row undercuts nobody's other row when all its loads stop there; those loads are held for good. A
        # load whose maximum lies below every level of its rows is done as well: later rounds only leave it
        # more room.
        lowest = np.full(row_count, np.inf)
        np.minimum.at(lowest, a_row, reach[a_load])
        tight = lowest >= full_at
        stopped = np.zeros(count, np.bool_)
        stopped[a_load[tight[a_row]]] = True
        done = active & (stopped | (stop <= reach))
        level[done] = reach[done]
        gone = alive & done[load]
        # Every row binds that would have stopped a load at the same current, not only the first.
        reached = np.clip(weight * reach, low, high)
        allowed = np.maximum(weight[load] * full_at[row], low[load])
        held |= gone & (reached < high - _NOISE_A)[load] & (allowed <= reached[load] + _EPSILON_A)
        gained = np.clip(weight * level, low, high) - low
        free -= np.bincount(row[gone], coefficient[gone] * gained[load[gone]], row_count)
        np.maximum(free, 0.0, out=free)
        active &= ~done


class _Corners:
    """The corners of every row's load as a function of the level, sorted by row, then by level."""

    def __init__(self, load: Ints, row: Ints, slope: Floats, start: Floats, stop: Floats) -> None:
        by_level = np.argsort(np.concatenate((start, stop)), kind="stable")
        rank = np.empty(len(by_level), np.intp)
        rank[by_level] = np.arange(len(by_level))
        count = len(start)
        corner = np.concatenate((load, load + count))
        corner_row = np.concatenate((row, row))
        order = np.argsort(corner_row * (2 * count) + rank[corner])
        self.corner_row = corner_row[order]
        corner = corner[order]
        self.opens = corner < count
        self.load = np.where(self.opens, corner, corner - count)
        self.level = np.concatenate((start, stop))[corner]
        self.slope = np.concatenate((slope, -slope))[order]

    def full_levels(self, active: Bools, free: Floats, row_count: int) -> Floats:
        """The level at which each row is full, if all active loads rose together; infinite where they all
        fit."""
        keep = active[self.load]
        if not keep.all():
            self.corner_row, self.load = self.corner_row[keep], self.load[keep]
            self.level, self.slope = self.level[keep], self.slope[keep]
        rows, levels = self.corner_row, self.level
        first = np.flatnonzero(np.concatenate(([True], rows[1:] != rows[:-1])))
        ends = np.concatenate((first[1:], [len(rows)]))
        slopes = np.cumsum(self.slope)
        rise = np.zeros(len(rows))
        rise[1:] = slopes[:-1] * (levels[1:] - levels[:-1])
        rise[first] = 0.0
        total = np.cumsum(rise)
        total -= np.repeat(total[first], ends - first)
        room = free[rows[first]]
        below = total < np.repeat(room, ends - first) - _EPSILON_A
        passed = first + np.add.reduceat(below, first, dtype=np.intp)
        full = np.full(row_count, np.inf)
        some = np.flatnonzero(passed < ends)
        at = passed[some]
        inside = at > first[some]
        where = levels[at]
        before = np.maximum(at - 1, 0)
        slope = slopes[before]
        over = total[at] - room[some]
        where = np.where(inside & (slope > 0), where - over / np.where(slope > 0, slope, 1.0), where)
        full[rows[first[some]]] = where
        return full
