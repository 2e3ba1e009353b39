"""The built-in strategies, compiled. What each of them means in plain Python is in `strategies`.

All of them see what a running system would: who is plugged in, what was declared, what was measured, the
limits and the base of this moment. `orders_a` is what they answer, amperes a slot for each EVSE.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from ..compiled import inlined
from .filling import fixed_shares
from .knowing import Tuning, begin_base, capacities, slack_s, wanting, wants
from .packed import Live, Site
from .queueing import greedy, in_order, in_turns
from .turning import dynamic
from .world import F

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


@inlined
def decide(code: int, site: Site, live: Live, tuning: Tuning, shares_a: F, t: int, orders_a: F) -> None:
    """Fill `orders_a` by strategy `code` (see `CODES`) at the start of step `t`."""
    n, r = len(orders_a), site.limit_a.shape[1]
    evses, now_s = site.evses, t * site.facts[0].step_s
    for i in range(n):
        orders_a[i] = 0.0
        if code <= STATIC and wants(live, i, now_s):
            orders_a[i] = evses[i].max_a if code == UNCONTROLLED else min(shares_a[i], evses[i].max_a)
    if code <= STATIC:
        return
    who = np.empty(n, np.int64)
    count = wanting(site, live, t, who)
    if count == 0:
        return
    # One piece of memory for all: each costs more than what is done with it at a small site.
    scratch = np.zeros((5, r))
    cap_a, used_re, used_im = scratch[0], scratch[1], scratch[2]
    capacities(site, tuning, t, cap_a)
    begin_base(site, live, t, used_re, used_im)
    if code == DYNAMIC:
        dynamic(site, live, t, who, count, used_re, used_im, cap_a, orders_a)
        return
    key = np.empty(count)
    for k in range(count):
        i = who[k]
        v = live.evses[i].visit
        if code == FIRST_COME:
            key[k] = live.visits[v].plugged_s
        elif code == EARLIEST_DEADLINE:
            leaves_s = site.visits[v].declared_depart_s
            key[k] = leaves_s if leaves_s == leaves_s else np.inf
        elif code == LEAST_LAXITY:
            key[k] = slack_s(evses[i], live.evses[i], site.visits[v], live.visits[v], now_s)
        else:
            # Round robin begins one place further each step.
            key[k] = (i - t) % n
    order = in_order(key)
    if code == ROUND_ROBIN:
        in_turns(site, live, tuning, t, who, order, used_re, used_im, cap_a, orders_a)
    else:
        free = scratch[3:]
        greedy(site, live, tuning, t, who, order, used_re, used_im, cap_a, orders_a, free)


__all__ = ("CODES", "Tuning", "decide", "fixed_shares")
