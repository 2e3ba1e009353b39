"""The law at rest: who is admitted first when there is not a minimum for everybody, then max-min.

The order is that of `control.turns`; ramps, deadbands and leases are the live controller's and aren't here.
"""

from __future__ import annotations

import numpy as np

from ..compiled import compiled
from .filling import share
from .knowing import slack_s
from .packed import Live, Record, Site
from .world import B, F, I

_MINIMUM_RUN_S = 300.0
_MINIMUM_PAUSE_S = 180.0
_TURN_S = 900.0
_SLOT_S = 900.0
_NEVER = 1 << 30


@compiled
def dynamic(
    site: Site,
    live: Live,
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
    high, weight, queue = np.empty(count), np.empty(count), np.empty(count)
    priority, slot = np.empty(count, np.int64), np.empty(count, np.int64)
    protected, order = np.empty(count, np.bool_), np.empty(count, np.int64)
    for k in range(count):
        evse, here = site.evses[who[k]], live.evses[who[k]]
        v = here.visit
        car, stay = site.visits[v], live.visits[v]
        high[k] = evse.max_a * (site.moments[t].derate if evse.derates else 1.0)
        if evse.dc:
            high[k] = min(high[k], evse.rating_w / (evse.volt_v * here.slots_used * evse.efficiency))
        high[k] = min(high[k], here.accepts_a)
        weight[k] = evse.weight * car.weight
        priority[k] = evse.priority + car.priority
        protected[k], slot[k], queue[k] = _turn(evse, here, car, stay, now_s)
        # Plain insertion: few are there, and mostly in order already.
        before = k - 1
        while before >= 0 and _sooner(protected, priority, slot, queue, k, order[before]):
            order[before + 1] = order[before]
            before -= 1
        order[before + 1] = k
    share(site, live, who, count, order, high, weight, priority, used_re, used_im, cap_a, orders_a)
    _remember(live, who, count, orders_a, now_s)


@compiled
def _sooner(protected: B, priority: I, slot: I, queue: F, k: int, other: int) -> bool:
    """Whether `k` is admitted before `other` (`control.turns`)."""
    if protected[k] != protected[other]:
        return protected[k]
    if priority[k] != priority[other]:
        return priority[k] > priority[other]
    if slot[k] != slot[other]:
        return slot[k] < slot[other]
    return queue[k] < queue[other]


@compiled
def _remember(live: Live, who: I, count: int, orders_a: F, now_s: float) -> None:
    """Who runs and who waits, and since when."""
    standing = np.zeros(len(orders_a), np.bool_)
    for k in range(count):
        here = live.evses[who[k]]
        standing[who[k]] = True
        if orders_a[who[k]] > 0.0:
            if here.running_since_s == np.inf:
                here.running_since_s = now_s
            here.waiting_since_s = np.inf
        else:
            here.running_since_s = np.inf
            if here.waiting_since_s == np.inf:
                here.waiting_since_s = now_s
    for i in range(len(orders_a)):
        if not standing[i]:
            live.evses[i].running_since_s = np.inf
            live.evses[i].waiting_since_s = np.inf


@compiled
def _turn(evse: Record, here: Record, car: Record, stay: Record, now_s: float) -> tuple[bool, int, float]:
    """Protected, slot of slack, place in the queue."""
    slack = slack_s(evse, here, car, stay, now_s)
    slot = _NEVER if slack == np.inf else int(max(slack, 0.0) // _SLOT_S)
    since = here.running_since_s
    if since == np.inf:
        return False, slot, now_s if here.waiting_since_s == np.inf else here.waiting_since_s
    protected = now_s - since < _MINIMUM_RUN_S or slack < _MINIMUM_PAUSE_S
    return protected, slot, -np.inf if now_s - since < _TURN_S else since + _TURN_S
