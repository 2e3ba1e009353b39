"""One step of all worlds in one compiled call. No world knows of the others: each is worked on alone."""

from __future__ import annotations

import math

import numpy as np

from ..batch.arriving import arrive
from ..batch.episode import storage_order_w
from ..batch.knowing import Tuning, begin_base, wants
from ..batch.packed import Live, Log, Site
from ..batch.physics import settle
from ..batch.world import BALKED, RENEGED, TURNED_AWAY, B, F, I
from ..compiled import compiled, inlined


@inlined
def _site(every: Site, at: I, w: int) -> Site:
    return Site(
        every.evses[at[0, w] : at[0, w + 1]],
        every.starts[at[1, w] : at[1, w + 1]],
        every.entries[at[2, w] : at[2, w + 1]],
        every.rows[at[3, w] : at[3, w + 1]],
        every.limit_a[at[4, w] : at[4, w + 1]],
        every.base_re[at[5, w] : at[5, w + 1]],
        every.base_im[at[6, w] : at[6, w + 1]],
        every.visits[at[7, w] : at[7, w + 1]],
        every.storage[at[8, w] : at[8, w + 1]],
        every.cabinets[at[9, w] : at[9, w + 1]],
        every.moments[at[10, w] : at[10, w + 1]],
        every.faults[at[11, w] : at[11, w + 1]],
        every.curves[at[12, w] : at[12, w + 1]],
        every.chargers[at[13, w] : at[13, w + 1]],
        every.facts[at[14, w] : at[14, w + 1]],
    )


@inlined
def _live(every: Live, at: I, w: int) -> Live:
    return Live(
        every.evses[at[0, w] : at[0, w + 1]],
        every.visits[at[1, w] : at[1, w + 1]],
        every.rows[at[2, w] : at[2, w + 1]],
        every.line[at[3, w] : at[3, w + 1]],
        every.counts[at[4, w] : at[4, w + 1]],
        every.store[at[5, w] : at[5, w + 1]],
    )


@inlined
def _log(every: Log, at: I, w: int) -> Log:
    return Log(
        every.steps[at[0, w] : at[0, w + 1]],
        every.row_a[at[1, w] : at[1, w + 1]],
        every.evse_w[at[2, w] : at[2, w + 1]],
    )


@compiled
def step_all(
    every: Site,
    site_at: I,
    lives: Live,
    live_at: I,
    logs: Log,
    log_at: I,
    t: int,
    last: bool,
    tuning: Tuning,
    orders_a: F,
    storage_w: F,
    wanted_wh: F,
    wear_per_wh: F,
    store_per_wh: float,
    counted: B,
    evses: F,
    rows: F,
    sites: F,
    parts: F,
) -> None:
    """Let step `t` of every world pass, count what it was worth, let the next cars come, and look. Step -1 is
    the moment before the first: only the cars come.

    `orders_a` (w, n) are put right in place, `storage_w` (w) may be NaN: the sun's surplus is kept.
    `wanted_wh`, `wear_per_wh` and `counted` go by visit as `every.visits`. `parts` (w, 6): the rewards and
    the setpoints that were put right.
    """
    for w in range(len(sites)):
        site, live, log = _site(every, site_at, w), _live(lives, live_at, w), _log(logs, log_at, w)
        first, end = site_at[7, w], site_at[7, w + 1]
        wanted, counts = wanted_wh[first:end], counted[first:end]
        part = parts[w]
        if t >= 0:
            _pass(
                site, live, log, t, tuning, orders_a[w], storage_w[w], wanted, wear_per_wh[first:end],
                store_per_wh, counts, part,
            )  # fmt: skip
            sites[w, 2] = log.steps[t % len(log.steps)].site_w
        if last:
            part[1] += _still_unmet(site, live, t, wanted, counts)
        else:
            turned = live.counts[3] + live.counts[4] + live.counts[5]
            arrive(site, live, t + 1)
            if live.counts[3] + live.counts[4] + live.counts[5] > turned:
                part[1] += _turned_unmet(live, wanted, counts)
        _look(site, live, t + 1, evses[w], rows[w], sites[w])


@inlined
def _pass(
    site: Site,
    live: Live,
    log: Log,
    t: int,
    tuning: Tuning,
    orders_a: F,
    storage_w: float,
    wanted_wh: F,
    wear_per_wh: F,
    store_per_wh: float,
    counted: B,
    part: F,
) -> None:
    """Step `t` of one world, and what it was worth."""
    part[5] = _put_right(site, live, orders_a)
    before, before_wh = _given(live, wear_per_wh), live.store[3]
    store_w = storage_w
    if math.isnan(store_w):
        store_w = storage_order_w(site, live, tuning, t, orders_a)
    trips = 0
    for r in range(len(live.rows)):
        trips -= live.rows[r].trips
    settle(site, live, log, t, orders_a, store_w)
    line, step_s = t % len(log.steps), site.facts[0].step_s
    site_w = log.steps[line].site_w
    price = site.moments[t].buy if site_w > 0.0 else site.moments[t].sell
    part[0] = site_w * step_s / 3.6e6 * price
    part[1] = _left_unmet(site, live, (t + 1) * step_s, wanted_wh, counted)
    limit = site.limit_a[min(t, len(site.limit_a) - 1)]
    for r in range(len(limit)):
        part[2] = max(part[2], log.row_a[line, r] - limit[r])
        trips += live.rows[r].trips
    part[3] = trips
    part[4] = _given(live, wear_per_wh) - before + (live.store[3] - before_wh) * store_per_wh


@inlined
def _put_right(site: Site, live: Live, orders_a: F) -> int:
    """Setpoints as `strategies.interface.Decision` has them; how many had to be changed."""
    changed = 0
    for i in range(len(orders_a)):
        evse, v = site.evses[i], live.evses[i].visit
        order = orders_a[i]
        lowest = -evse.max_a if v >= 0 and site.visits[max(v, 0)].discharge_w > 0.0 else 0.0
        fair = min(max(order, lowest), evse.max_a)
        if 0.0 < fair < evse.min_a - 1e-9:
            fair = 0.0
        changed += abs(fair - order) > 1e-9
        orders_a[i] = fair
    return changed


@inlined
def _given(live: Live, wear_per_wh: F) -> float:
    """What giving back has cost the batteries of the cars that stand there."""
    cost = 0.0
    for i in range(len(live.evses)):
        v = live.evses[i].visit
        if v >= 0:
            cost += live.visits[v].given_wh * wear_per_wh[v]
    return cost


@inlined
def _missing_wh(site: Site, live: Live, v: int, wanted_wh: F) -> float:
    """What a car that leaves with what it has now didn't get."""
    car, stay = site.visits[v], live.visits[v]
    if car.before >= 0:
        return max(car.soc_needed - stay.soc, 0.0) * car.capacity_wh / car.efficiency
    return max(wanted_wh[v] - (stay.energy_wh - stay.given_wh), 0.0)


@inlined
def _left_unmet(site: Site, live: Live, end_s: float, wanted_wh: F, counted: B) -> float:
    """Of the cars that leave before `end_s`."""
    missing = 0.0
    for i in range(len(live.evses)):
        v = live.evses[i].visit
        if v >= 0 and live.visits[v].left_s <= end_s and not counted[v]:
            counted[v] = True
            missing += _missing_wh(site, live, v, wanted_wh)
    return missing


@compiled
def _turned_unmet(live: Live, wanted_wh: F, counted: B) -> float:
    """Of those who went without having charged, since the last time."""
    missing = 0.0
    for v in range(live.counts[0]):
        where = live.visits[v].where
        if where in (BALKED, RENEGED, TURNED_AWAY) and not counted[v]:
            counted[v] = True
            missing += wanted_wh[v]
    return missing


@compiled
def _still_unmet(site: Site, live: Live, t: int, wanted_wh: F, counted: B) -> float:
    """Of those who are there when the run ends."""
    end_s = (t + 1) * site.facts[0].step_s
    missing = 0.0
    for v in range(len(live.visits)):
        if not counted[v] and site.visits[v].arrive_s < end_s:
            counted[v] = True
            missing += _missing_wh(site, live, v, wanted_wh)
    return missing


@inlined
def _look(site: Site, live: Live, t: int, evses: F, rows: F, here: F) -> None:
    """Fill what is seen at the start of step `t`; behind the last step, with the last moment's values."""
    step_s = site.facts[0].step_s
    now_s, moment = t * step_s, min(t, len(site.moments) - 1)
    evses[:] = 0.0
    for i in range(len(live.evses)):
        evse, place = site.evses[i], live.evses[i]
        evses[i, 3] = evse.max_a * (site.moments[moment].derate if evse.derates else 1.0)
        v = place.visit
        if v < 0:
            continue
        car, stay = site.visits[v], live.visits[v]
        got_wh = stay.energy_wh - stay.given_wh
        evses[i, 0] = 1.0
        evses[i, 1] = 1.0 if wants(live, i, now_s) else 0.0
        evses[i, 2] = place.slots_used
        evses[i, 4] = place.drawn_a
        evses[i, 5] = place.power_w
        evses[i, 6] = place.accepts_a
        evses[i, 7] = got_wh
        evses[i, 8] = max(car.declared_wh - got_wh, 0.0) if car.declared_wh == car.declared_wh else np.nan
        evses[i, 9] = car.declared_depart_s - now_s
        evses[i, 10] = now_s - stay.plugged_s
        evses[i, 11] = car.discharge_w
    begin_base(site, live, moment, rows[:, 1], rows[:, 2])
    limit = site.limit_a[min(moment, len(site.limit_a) - 1)]
    for r in range(len(limit)):
        row = live.rows[r]
        rows[r, 0] = limit[r]
        rows[r, 3] = math.hypot(row.sum_re, row.sum_im)
    here[0] = site.moments[moment].base_w
    here[1] = site.moments[moment].pv_w
    here[3] = live.counts[1]
    here[4] = live.store[0]
    here[5] = live.store[1]
