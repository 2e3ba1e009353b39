"""Weighted max-min over phasor rows: what the law's `allocate` does, compiled (docs/control.md 2.4).

On a wye site with rows in amperes the result is the law's own. On rows of phasors all loads of a class rise
by a common level until a row's amount is at its limit; those on it are held, the others go on.
"""

from __future__ import annotations

import numpy as np

from ..compiled import compiled
from .knowing import Tuning, capacities, floored
from .packed import Live, Site
from .rows import add, along, within
from .world import B, F, I

_EPSILON_A = 1e-7


@compiled
def fixed_shares(site: Site, live: Live, tuning: Tuning) -> F:
    """What `static` gives each EVSE: an equal share under the worst base, as if all charged."""
    n, r = len(site.evses), site.limit_a.shape[1]
    cap_a, used_re, used_im = np.empty(r), np.zeros(r), np.zeros(r)
    capacities(site, tuning, 0, cap_a)
    for row in range(r):
        for t in range(len(site.limit_a)):
            limit = site.limit_a[t, row]
            free = min(limit - tuning.margin_a, limit * (1.0 - tuning.margin_share))
            cap_a[row] = min(cap_a[row], free)
        for t in range(max(len(site.base_re), len(site.base_im))):
            re = site.base_re[min(t, len(site.base_re) - 1), row]
            im = site.base_im[min(t, len(site.base_im) - 1), row]
            base = np.hypot(re, im)
            used_re[row] = max(used_re[row], base)
    used = np.empty(n, np.int64)
    high, shares = np.empty(n), np.zeros(n)
    for i in range(n):
        used[i] = live.evses[i].slots_used
        live.evses[i].slots_used = site.evses[i].slots
        high[i] = site.evses[i].max_a
    who, alike, one_class = np.arange(n), np.ones(n), np.zeros(n, np.int64)
    share(site, live, who, n, who, high, alike, one_class, used_re, used_im, cap_a, shares)
    for i in range(n):
        live.evses[i].slots_used = used[i]
    return shares


@compiled
def share(
    site: Site,
    live: Live,
    who: I,
    count: int,
    order: I,
    high: F,
    weight: F,
    priority: I,
    used_re: F,
    used_im: F,
    cap_a: F,
    orders_a: F,
) -> None:
    """The law's `allocate` (docs/control.md 2.4) on phasor rows: the minimum or nothing in `order`, then
    weighted max-min, class by class, then down to the step. `order` are places in `who`; `high` (count),
    `weight`, `priority` likewise."""
    evses = site.evses
    low = np.zeros(count)
    given = np.zeros(count)
    active = np.zeros(count, np.bool_)
    admitted = np.zeros(count, np.bool_)
    for place in range(count):
        k = order[place]
        i = who[k]
        step = evses[i].step_a
        low[k] = evses[i].min_a
        top = high[k]
        if step > 0.0:
            low[k] = np.ceil(evses[i].min_a / step - _EPSILON_A) * step
            top = np.floor(high[k] / step + _EPSILON_A) * step
        high[k] = top
        if top < low[k] or top <= 0.0:
            continue
        if within(site.starts, site.entries, i, live.evses[i].slots_used, low[k], used_re, used_im, cap_a):
            add(site.starts, site.entries, i, live.evses[i].slots_used, low[k], used_re, used_im)
            admitted[k] = True
            given[k] = low[k]
    done_class = np.iinfo(np.int64).max
    while True:
        best = np.iinfo(np.int64).min
        for k in range(count):
            if admitted[k] and priority[k] < done_class and priority[k] > best:
                best = priority[k]
        if best == np.iinfo(np.int64).min:
            break
        done_class = best
        for k in range(count):
            active[k] = admitted[k] and priority[k] == best and high[k] > low[k]
        _fill(site, live, who, count, active, low, high, weight, given, used_re, used_im, cap_a)
    for k in range(count):
        if admitted[k]:
            orders_a[who[k]] = floored(given[k], evses[who[k]].step_a)


@compiled
def _fill(
    site: Site,
    live: Live,
    who: I,
    count: int,
    active: B,
    low: F,
    high: F,
    weight: F,
    given: F,
    used_re: F,
    used_im: F,
    cap_a: F,
) -> None:
    """Raise the active loads by a common level until every one is held by a row or its maximum."""
    rows = len(cap_a)
    slope_re, slope_im = np.zeros(rows), np.zeros(rows)
    level = 0.0
    while True:
        # The next corner: where a load leaves its minimum or reaches its maximum.
        corner = np.inf
        rising = False
        any_active = False
        slope_re[:] = 0.0
        slope_im[:] = 0.0
        for k in range(count):
            if not active[k]:
                continue
            any_active = True
            start, stop = low[k] / weight[k], high[k] / weight[k]
            if level < start - 1e-12:
                corner = min(corner, start)
            elif level < stop - 1e-12:
                corner = min(corner, stop)
                rising = True
                add(
                    site.starts,
                    site.entries,
                    who[k],
                    live.evses[who[k]].slots_used,
                    weight[k],
                    slope_re,
                    slope_im,
                )
            else:
                active[k] = False
        if not any_active or corner == np.inf:
            break
        step = corner - level
        if rising:
            # How far the level can rise before the first row is full.
            for r in range(rows):
                if slope_re[r] != 0.0 or slope_im[r] != 0.0:
                    to_limit = along(used_re[r], used_im[r], slope_re[r], slope_im[r], cap_a[r])
                    step = min(step, max(to_limit, 0.0))
            step = max(step, 0.0)
            for r in range(rows):
                used_re[r] += step * slope_re[r]
                used_im[r] += step * slope_im[r]
            for k in range(count):
                if active[k] and level >= low[k] / weight[k] - 1e-12:
                    given[k] = min(given[k] + step * weight[k], high[k])
        level += step
        _hold(site, live, who, count, active, low, weight, level, used_re, used_im, cap_a)


@compiled
def _hold(
    site: Site,
    live: Live,
    who: I,
    count: int,
    active: B,
    low: F,
    weight: F,
    level: float,
    used_re: F,
    used_im: F,
    cap_a: F,
) -> None:
    """Loads on a row that is full rise no more (those still at their minimum would only fill it more)."""
    for k in range(count):
        if not active[k]:
            continue
        i = who[k]
        for e in range(site.starts[3 * i], site.starts[3 * i + live.evses[i].slots_used]):
            r = site.entries[e].row
            amount = np.hypot(used_re[r], used_im[r])
            if amount >= cap_a[r] - 1e-9:
                more = np.hypot(
                    used_re[r] + 1e-3 * site.entries[e].re, used_im[r] + 1e-3 * site.entries[e].im
                )
                if more > amount or level >= low[k] / weight[k]:
                    active[k] = False
                    break
