"""Who comes and who goes at the start of a step: departures, faults, the line, plugging in.

An EVSE is given to one car a step: who finds it left in the midst of a step plugs in when the next begins.
The line of a pool is first come, first served; whoever reserved goes before, and as many EVSEs as
reservations are running are kept free. A car that parks at its own EVSE waits for that one.
"""

from __future__ import annotations

import numpy as np

from ..compiled import compiled, inlined
from .packed import Live, Site
from .world import BALKED, LEFT, PLUGGED, RENEGED, TURNED_AWAY, WAITING

#: Reservations of cars that come later than this are not looked for, in seconds.
_AHEAD_S = 86_400.0


@inlined
def arrive(site: Site, live: Live, t: int) -> None:
    """Move everybody to the start of step `t`; cars that come during the step are there for it."""
    now_s = t * site.facts[0].step_s
    end_s = now_s + site.facts[0].step_s
    _leave(site, live, now_s)
    if live.counts[2] < len(site.faults):
        _break(site, live, end_s)
    if live.counts[1] > 0:
        _give_up(site, live, now_s)
        _plug_waiting(site, live, now_s, now_s)
    visits = site.visits
    while live.counts[0] < len(visits) and visits[live.counts[0]].arrive_s < end_s:
        v = live.counts[0]
        live.counts[0] += 1
        at_s = max(visits[v].arrive_s, now_s)
        _join(site, live, v, at_s)
        _plug_waiting(site, live, now_s, at_s)


@inlined
def _leave(site: Site, live: Live, now_s: float) -> None:
    for i in range(len(live.evses)):
        v = live.evses[i].visit
        if v >= 0 and live.visits[v].left_s <= now_s:
            live.visits[v].where = LEFT
            live.evses[i].visit = -1
            live.evses[i].drawn_a = 0.0
            live.evses[i].power_w = 0.0
            live.evses[i].supply_w = 0.0
            live.evses[i].slots_used = 0
            live.evses[i].accepts_a = np.inf
            live.evses[i].slack_since_s = np.inf
            live.evses[i].running_since_s = np.inf
            live.evses[i].waiting_since_s = np.inf


@inlined
def _break(site: Site, live: Live, end_s: float) -> None:
    faults = site.faults
    while live.counts[2] < len(site.faults) and faults[live.counts[2]].from_s < end_s:
        k = live.counts[2]
        i = faults[k].evse
        live.evses[i].broken_until_s = max(live.evses[i].broken_until_s, faults[k].to_s)
        live.counts[2] += 1


@inlined
def _give_up(site: Site, live: Live, now_s: float) -> None:
    """Those in the line whose patience or time is over."""
    visits = site.visits
    kept = 0
    for place in range(live.counts[1]):
        v = live.line[place]
        ends_s = min(visits[v].arrive_s + visits[v].patience_s, visits[v].depart_s)
        if ends_s <= now_s:
            own = visits[v].evse >= 0
            live.visits[v].where = TURNED_AWAY if own else RENEGED
            live.counts[5 if own else 4] += 1
            live.visits[v].left_s = ends_s
        else:
            live.line[kept] = v
            kept += 1
    live.counts[1] = kept


@compiled
def _join(site: Site, live: Live, v: int, at_s: float) -> None:
    """To the end of the line, or away from it."""
    visits = site.visits
    pool = visits[v].pool
    if visits[v].evse < 0:
        ahead = 0
        for place in range(live.counts[1]):
            other = live.line[place]
            ahead += visits[other].evse < 0 and visits[other].pool == pool
        if ahead >= visits[v].balk_at and (ahead > 0 or _free(site, live, v, at_s) < 0):
            live.visits[v].where = BALKED
            live.visits[v].left_s = at_s
            live.counts[3] += 1
            return
    live.visits[v].where = WAITING
    live.line[live.counts[1]] = v
    live.counts[1] += 1


@inlined
def _plug_waiting(site: Site, live: Live, now_s: float, at_s: float) -> None:
    """Whoever finds a free EVSE plugs in at `at_s`, those with a reservation first."""
    if live.counts[1] == 0:
        return
    visits = site.visits
    for reserved in (True, False):
        kept = 0
        for place in range(live.counts[1]):
            v = live.line[place]
            mine = visits[v].reserve_s <= at_s and visits[v].arrive_s <= visits[v].reserve_until_s
            i = _free(site, live, v, at_s) if mine == reserved else -1
            if i < 0:
                live.line[kept] = v
                kept += 1
                continue
            live.visits[v].where = PLUGGED
            live.visits[v].at = i
            live.evses[i].visit = v
            live.visits[v].plugged_s = at_s
            live.visits[v].left_s = min(visits[v].depart_s, at_s + visits[v].stay_s)
            live.evses[i].asked_s = at_s
            before = visits[v].before
            if before >= 0:
                lost = visits[v].trip_wh / visits[v].capacity_wh
                live.visits[v].soc = max(live.visits[before].soc - lost, 0.0)
            _know_car(site, live, i, v)
        live.counts[1] = kept


@compiled
def _know_car(site: Site, live: Live, i: int, v: int) -> None:
    """On how many slots this car can charge here."""
    slots = min(site.evses[i].slots, site.visits[v].slots)
    while slots > 0 and site.visits[v].max_a[slots - 1] <= 0.0 and not site.evses[i].dc:
        slots -= 1
    live.evses[i].slots_used = site.evses[i].slots if site.evses[i].dc else slots


@compiled
def _free(site: Site, live: Live, v: int, at_s: float) -> int:
    """An EVSE for this visit, -1 if there is none."""
    own = site.visits[v].evse
    if own >= 0:
        return own if live.evses[own].visit < 0 and live.evses[own].broken_until_s <= at_s else -1
    pool = site.visits[v].pool
    found, free = -1, 0
    for i in range(len(live.evses)):
        if site.evses[i].pool == pool and live.evses[i].visit < 0 and live.evses[i].broken_until_s <= at_s:
            free += 1
            if found < 0:
                found = i
    if found < 0:
        return -1
    mine = site.visits[v].reserve_s <= at_s and site.visits[v].arrive_s <= site.visits[v].reserve_until_s
    if not mine and free <= _held(site, live, pool, at_s):
        return -1
    return found


@compiled
def _held(site: Site, live: Live, pool: int, at_s: float) -> int:
    """How many reservations of a pool run now whose cars have not come yet."""
    visits = site.visits
    held = 0
    for v in range(live.counts[0], len(visits)):
        if visits[v].arrive_s > at_s + _AHEAD_S:
            break
        running = visits[v].reserve_s <= at_s and at_s < visits[v].reserve_until_s
        held += running and visits[v].evse < 0 and visits[v].pool == pool
    return held
