"""Strategies that serve one after the other: all that fits for the first, or an increment each in turn."""

from __future__ import annotations

import numpy as np

from ..compiled import compiled, inlined
from .knowing import Tuning, floored, most_a
from .packed import Live, Site
from .rows import add, room_a, within
from .world import F, I


@inlined
def in_order(key: F) -> I:
    """Places by rising key; equal ones stay as they are. Few stand there, so that plain insertion is
    quickest."""
    order = np.arange(len(key))
    for place in range(1, len(key)):
        k = order[place]
        before = place - 1
        while before >= 0 and key[order[before]] > key[k]:
            order[before + 1] = order[before]
            before -= 1
        order[before + 1] = k
    return order


@inlined
def greedy(
    site: Site,
    live: Live,
    tuning: Tuning,
    t: int,
    who: I,
    order: I,
    used_re: F,
    used_im: F,
    cap_a: F,
    orders_a: F,
    scratch: F,
) -> None:
    """One after the other in `order` (places in `who`) gets all that fits. `scratch` (2, r) is zero."""
    re, im = scratch[0], scratch[1]
    derate, step_s = site.moments[t].derate, site.facts[0].step_s
    left_w = tuning.cap_w
    for place in range(len(order)):
        i = who[order[place]]
        evse, here = site.evses[i], live.evses[i]
        v = here.visit
        slots = here.slots_used
        per_a = evse.volt_v * slots
        most = most_a(evse, here, site.visits[v], live.visits[v], derate, tuning.by_need, step_s)
        most = min(most, left_w / per_a)
        most = room_a(site.starts, site.entries, i, slots, most, used_re, used_im, cap_a, re, im)
        most = floored(most, evse.step_a)
        if most < evse.min_a - 1e-9 or most <= 0.0:
            continue
        orders_a[i] = most
        left_w -= most * per_a
        add(site.starts, site.entries, i, slots, most, used_re, used_im)


@compiled
def in_turns(
    site: Site,
    live: Live,
    tuning: Tuning,
    t: int,
    who: I,
    order: I,
    used_re: F,
    used_im: F,
    cap_a: F,
    orders_a: F,
) -> None:
    """Round robin: in turn each gets one increment more (first its minimum) as long as it fits."""
    count = len(order)
    derate, step_s = site.moments[t].derate, site.facts[0].step_s
    going, most = np.ones(count, np.bool_), np.empty(count)
    for k in range(count):
        evse, here = site.evses[who[k]], live.evses[who[k]]
        v = here.visit
        most[k] = most_a(evse, here, site.visits[v], live.visits[v], derate, tuning.by_need, step_s)
    left = count
    left_w = tuning.cap_w
    while left > 0:
        for place in range(count):
            k = order[place]
            if not going[k]:
                continue
            i = who[k]
            evse, slots = site.evses[i], live.evses[i].slots_used
            per_a = evse.volt_v * slots
            more = max(tuning.increment_a, evse.step_a)
            if orders_a[i] == 0.0:
                more = max(evse.min_a, more)
            more = floored(min(more, most[k] - orders_a[i]), evse.step_a)
            fits = more > 1e-9 and orders_a[i] + more >= evse.min_a - 1e-9 and more * per_a <= left_w
            if fits and within(site.starts, site.entries, i, slots, more, used_re, used_im, cap_a):
                add(site.starts, site.entries, i, slots, more, used_re, used_im)
                orders_a[i] += more
                left_w -= more * per_a
            else:
                going[k] = False
                left -= 1
