"""The built-in strategies, compiled. What each of them means in plain Python is in `strategies`.

All of them see what a running system would: who is plugged in, what was declared, what was measured, the
limits and the base of this moment. `orders_a` is what they answer, amperes a slot for each EVSE.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from ..compiled import compiled
from .packed import Live, Site
from .rows import add, room_a, within
from .world import B, F, I

UNCONTROLLED, STATIC, ROUND_ROBIN, FIRST_COME, EARLIEST_DEADLINE, LEAST_LAXITY, DYNAMIC = range(7)

CODES: Final = {
    "uncontrolled": UNCONTROLLED,
    "static": STATIC,
    "round-robin": ROUND_ROBIN,
    "first-come": FIRST_COME,
    "earliest-deadline": EARLIEST_DEADLINE,
    "least-laxity": LEAST_LAXITY,
    "dynamic": DYNAMIC,
}
"""Names of the compiled strategies."""

_MINIMUM_RUN_S = 300.0
_MINIMUM_PAUSE_S = 180.0
_TURN_S = 900.0
_SLOT_S = 900.0
_EPSILON_A = 1e-7
_NEVER = 1 << 30


class Tuning(NamedTuple):
    """What a strategy may be given.

    `margin_a` and `margin_share` of the limit stay free on every row. `cap_w`: the site's target for all
    EVSEs together (infinite: none), which the sorted strategies keep (tuned least-laxity is measured so).
    `increment_a`: of round robin. `by_need`: nobody gets more in a step than what it declared still takes.
    `storage_target_w`: the stationary battery discharges above it and charges below (infinite: it only keeps
    the sun's surplus).
    """

    margin_a: float = 0.0
    margin_share: float = 0.0
    cap_w: float = np.inf
    increment_a: float = 1.0
    by_need: bool = True
    storage_target_w: float = np.inf


@compiled
def capacities(site: Site, tuning: Tuning, t: int, cap_a: F) -> None:
    """What each row may carry at step `t`, margin off."""
    limits = site.limit_a[min(t, len(site.limit_a) - 1)]
    for r in range(len(limits)):
        cap_a[r] = limits[r] - max(tuning.margin_a, tuning.margin_share * limits[r])


@compiled
def begin_base(site: Site, live: Live, t: int, used_re: F, used_im: F) -> None:
    """The base of step `t`: what the rows carry before anybody is promised anything."""
    evses = site.evses
    used_re[:] = site.base_re[min(t, len(site.base_re) - 1)]
    used_im[:] = site.base_im[min(t, len(site.base_im) - 1)]
    for i in range(len(evses)):
        if evses[i].standby_w > 0.0:
            slots = live.evses[i].slots_used if live.evses[i].slots_used > 0 else evses[i].slots
            amperes = evses[i].standby_w / (evses[i].volt_v * slots)
            for slot in range(slots):
                for e in range(site.starts[3 * i + slot], site.starts[3 * i + slot + 1]):
                    used_re[site.entries[e].row] += amperes * site.entries[e].re
                    used_im[site.entries[e].row] += amperes * site.entries[e].im


@compiled
def wanting(site: Site, live: Live, t: int, who: I) -> int:
    """Number of EVSEs whose car wants something and can have it; they stand first in `who`."""
    count = 0
    now_s = t * site.facts[0].step_s
    for i in range(len(live.evses)):
        here = live.evses[i]
        if here.visit < 0 or here.slots_used == 0 or here.broken_until_s > now_s:
            continue
        if live.visits[here.visit].full:
            continue
        who[count] = i
        count += 1
    return count


@compiled
def most_a(site: Site, live: Live, tuning: Tuning, t: int, i: int) -> float:
    """The most that EVSE `i` has a use for, as far as is known."""
    evses, visits = site.evses, site.visits
    rating = 1.0
    if evses[i].derates:
        rating = site.moments[t].derate
    most = min(evses[i].max_a * rating, live.evses[i].accepts_a)
    v = live.evses[i].visit
    if evses[i].dc:
        per_a = evses[i].volt_v * live.evses[i].slots_used * evses[i].efficiency
        most = min(most, evses[i].rating_w * rating / per_a)
    if tuning.by_need and visits[v].declared_wh == visits[v].declared_wh:
        per_a = evses[i].volt_v * live.evses[i].slots_used * evses[i].efficiency
        left_wh = visits[v].declared_wh - live.visits[v].energy_wh + live.visits[v].given_wh
        # A car that took more than it declared is asked no more: it gets what there is.
        if left_wh > 0.0:
            most = min(most, max(left_wh * 3600.0 / (per_a * site.facts[0].step_s), evses[i].min_a))
    return most


@compiled
def slack_s(site: Site, live: Live, t: int, i: int) -> float:
    """Time to the declared departure less what the missing energy takes at full power; infinite when not
    known."""
    evses, visits = site.evses, site.visits
    v = live.evses[i].visit
    leaves_s = visits[v].declared_depart_s
    if leaves_s != leaves_s:
        return np.inf
    per_a = evses[i].volt_v * live.evses[i].slots_used * evses[i].efficiency
    full_w = min(evses[i].max_a, live.evses[i].accepts_a) * per_a
    if evses[i].dc:
        full_w = min(full_w, evses[i].rating_w)
    left_wh = 0.0
    if visits[v].declared_wh == visits[v].declared_wh:
        left_wh = max(visits[v].declared_wh - live.visits[v].energy_wh + live.visits[v].given_wh, 0.0)
    takes_s = left_wh * 3600.0 / full_w if full_w > 0.0 else 0.0
    return leaves_s - t * site.facts[0].step_s - takes_s


@compiled
def floored(amperes: float, step: float) -> float:
    """Down to the EVSE's step."""
    if step <= 0.0:
        return amperes
    return np.floor(amperes / step + 1e-6) * step


@compiled
def fixed_shares(site: Site, live: Live, tuning: Tuning) -> F:
    """What `static` gives each EVSE: an equal share under the worst base, as if all charged."""
    n, r = len(site.evses), site.limit_a.shape[1]
    cap_a, used_re, used_im = np.empty(r), np.zeros(r), np.zeros(r)
    capacities(site, tuning, 0, cap_a)
    for row in range(r):
        for t in range(len(site.limit_a)):
            limit = site.limit_a[t, row]
            cap_a[row] = min(cap_a[row], limit - max(tuning.margin_a, tuning.margin_share * limit))
        for t in range(len(site.base_re)):
            base = np.hypot(site.base_re[t, row], site.base_im[t, row])
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
                    step = min(step, _rise(used_re[r], used_im[r], slope_re[r], slope_im[r], cap_a[r]))
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


@compiled
def _rise(used_re: float, used_im: float, a: float, b: float, cap_a: float) -> float:
    """How far a row may go along (a, b)."""
    if b == 0.0 and used_im == 0.0 and a > 0.0:
        return (cap_a - used_re) / a
    square = a * a + b * b
    half = a * used_re + b * used_im
    rest = used_re * used_re + used_im * used_im - cap_a * cap_a
    inside = half * half - square * rest
    if inside < 0.0:
        return 0.0
    return (np.sqrt(inside) - half) / square


@compiled
def greedy(
    site: Site,
    live: Live,
    tuning: Tuning,
    t: int,
    who: I,
    count: int,
    order: I,
    used_re: F,
    used_im: F,
    cap_a: F,
    orders_a: F,
) -> None:
    """One after the other in `order` gets all that fits."""
    evses = site.evses
    re, im = np.zeros(len(cap_a)), np.zeros(len(cap_a))
    left_w = tuning.cap_w
    for place in range(count):
        i = who[order[place]]
        most = most_a(site, live, tuning, t, i)
        per_a = evses[i].volt_v * live.evses[i].slots_used
        most = min(most, left_w / per_a)
        most = room_a(
            site.starts, site.entries, i, live.evses[i].slots_used, most, used_re, used_im, cap_a, re, im
        )
        most = floored(most, evses[i].step_a)
        if most < evses[i].min_a - 1e-9 or most <= 0.0:
            continue
        orders_a[i] = most
        left_w -= most * per_a
        add(site.starts, site.entries, i, live.evses[i].slots_used, most, used_re, used_im)


@compiled
def in_turns(
    site: Site,
    live: Live,
    tuning: Tuning,
    t: int,
    who: I,
    count: int,
    order: I,
    used_re: F,
    used_im: F,
    cap_a: F,
    orders_a: F,
) -> None:
    """Round robin: in turn each gets one increment more (first its minimum) as long as it fits."""
    evses = site.evses
    going = np.ones(count, np.bool_)
    left = count
    left_w = tuning.cap_w
    while left > 0:
        for place in range(count):
            k = order[place]
            if not going[k]:
                continue
            i = who[k]
            per_a = evses[i].volt_v * live.evses[i].slots_used
            more = max(tuning.increment_a, evses[i].step_a)
            if orders_a[i] == 0.0:
                more = max(evses[i].min_a, more)
            most = most_a(site, live, tuning, t, i)
            more = floored(min(more, most - orders_a[i]), evses[i].step_a)
            fits = more > 1e-9 and orders_a[i] + more >= evses[i].min_a - 1e-9 and more * per_a <= left_w
            if fits and within(
                site.starts, site.entries, i, live.evses[i].slots_used, more, used_re, used_im, cap_a
            ):
                add(site.starts, site.entries, i, live.evses[i].slots_used, more, used_re, used_im)
                orders_a[i] += more
                left_w -= more * per_a
            else:
                going[k] = False
                left -= 1


@compiled
def decide(code: int, site: Site, live: Live, tuning: Tuning, shares_a: F, t: int, orders_a: F) -> None:
    """Fill `orders_a` by strategy `code` (see `CODES`) at the start of step `t`."""
    n, r = len(orders_a), site.limit_a.shape[1]
    orders_a[:] = 0.0
    who = np.empty(n, np.int64)
    count = wanting(site, live, t, who)
    if count == 0:
        return
    evses, visits = site.evses, site.visits
    if code == UNCONTROLLED:
        for k in range(count):
            orders_a[who[k]] = evses[who[k]].max_a
        return
    if code == STATIC:
        for k in range(count):
            orders_a[who[k]] = min(shares_a[who[k]], evses[who[k]].max_a)
        return
    cap_a, used_re, used_im = np.empty(r), np.empty(r), np.empty(r)
    capacities(site, tuning, t, cap_a)
    begin_base(site, live, t, used_re, used_im)
    if code == DYNAMIC:
        _dynamic(site, live, tuning, t, who, count, used_re, used_im, cap_a, orders_a)
        return
    key = np.empty(count)
    for k in range(count):
        v = live.evses[who[k]].visit
        if code == FIRST_COME:
            key[k] = live.visits[v].plugged_s
        elif code == EARLIEST_DEADLINE:
            leaves_s = visits[v].declared_depart_s
            key[k] = leaves_s if leaves_s == leaves_s else np.inf
        elif code == LEAST_LAXITY:
            key[k] = slack_s(site, live, t, who[k])
        else:
            # Round robin begins one place further each step.
            key[k] = (who[k] - t) % n
    order = np.argsort(key, kind="mergesort")
    if code == ROUND_ROBIN:
        in_turns(site, live, tuning, t, who, count, order, used_re, used_im, cap_a, orders_a)
    else:
        greedy(site, live, tuning, t, who, count, order, used_re, used_im, cap_a, orders_a)


@compiled
def _dynamic(
    site: Site,
    live: Live,
    tuning: Tuning,
    t: int,
    who: I,
    count: int,
    used_re: F,
    used_im: F,
    cap_a: F,
    orders_a: F,
) -> None:
    """The law's share at rest: its order of admission, its max-min."""
    now_s = t * site.facts[0].step_s
    n = len(orders_a)
    high, weight = np.empty(count), np.empty(count)
    priority, order = np.empty(count, np.int64), np.empty(count, np.int64)
    for k in range(count):
        i = who[k]
        v = live.evses[i].visit
        high[k] = site.evses[i].max_a
        if site.evses[i].derates:
            high[k] *= site.moments[t].derate
        high[k] = min(high[k], live.evses[i].accepts_a)
        weight[k] = site.evses[i].weight * site.visits[v].weight
        priority[k] = site.evses[i].priority + site.visits[v].priority
        order[k] = k
    # Insertion sort by the turn's key: few are there, and mostly in order already.
    for place in range(1, count):
        k = order[place]
        before = place - 1
        while before >= 0 and _sooner(site, live, t, who[k], who[order[before]]):
            order[before + 1] = order[before]
            before -= 1
        order[before + 1] = k
    share(site, live, who, count, order, high, weight, priority, used_re, used_im, cap_a, orders_a)
    standing = np.zeros(n, np.bool_)
    for k in range(count):
        i = who[k]
        standing[i] = True
        if orders_a[i] > 0.0:
            if live.evses[i].running_since_s == np.inf:
                live.evses[i].running_since_s = now_s
            live.evses[i].waiting_since_s = np.inf
        else:
            live.evses[i].running_since_s = np.inf
            if live.evses[i].waiting_since_s == np.inf:
                live.evses[i].waiting_since_s = now_s
    for i in range(n):
        if not standing[i]:
            live.evses[i].running_since_s = np.inf
            live.evses[i].waiting_since_s = np.inf


@compiled
def _sooner(site: Site, live: Live, t: int, i: int, j: int) -> bool:
    """Whether EVSE `i` is admitted before `j` (`control.turns`)."""
    now_s = t * site.facts[0].step_s
    protected_i, rank_i, slot_i, queue_i = _turn(site, live, t, now_s, i)
    protected_j, rank_j, slot_j, queue_j = _turn(site, live, t, now_s, j)
    if protected_i != protected_j:
        return protected_i
    if rank_i != rank_j:
        return rank_i > rank_j
    if slot_i != slot_j:
        return slot_i < slot_j
    if queue_i != queue_j:
        return queue_i < queue_j
    return i < j


@compiled
def _turn(site: Site, live: Live, t: int, now_s: float, i: int) -> tuple[bool, int, int, float]:
    v = live.evses[i].visit
    rank = site.evses[i].priority + site.visits[v].priority
    slack = slack_s(site, live, t, i)
    slot = _NEVER if slack == np.inf else int(max(slack, 0.0) // _SLOT_S)
    since = live.evses[i].running_since_s
    if since == np.inf:
        waiting = live.evses[i].waiting_since_s
        return False, rank, slot, now_s if waiting == np.inf else waiting
    protected = now_s - since < _MINIMUM_RUN_S or slack < _MINIMUM_PAUSE_S
    queue = -np.inf if now_s - since < _TURN_S else since + _TURN_S
    return protected, rank, slot, queue
