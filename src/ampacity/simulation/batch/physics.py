"""What happens in a step once everybody has a setpoint: cars, stations, storage, conductors, breakers.

A setpoint is amperes a slot at the EVSE's supply, negative for giving back. Rows carry the mean of the step.
A breaker that opens takes the power of every EVSE behind it from the next step on, until it is closed again.
"""

from __future__ import annotations

import math

import numpy as np

from ..compiled import compiled
from .battery import charge
from .packed import Live, Log, Site
from .world import TAPER_LINEAR, F

#: What a battery lacks when its car says that it is full, as a share.
_FULL = 0.9995

#: A car that takes so much less than it may, for so long, is held to take no more (docs/control.md).
_GAP_A = 1.0
_GAP_SHARE = 0.10
_GAP_S = 60.0
_ASK_AGAIN_S = 900.0

#: A setpoint that moves by less isn't written to the station.
_WRITE_A = 0.05


@compiled
def settle(site: Site, live: Live, log: Log, t: int, orders_a: F, storage_w: float) -> None:
    """Let step `t` pass under `orders_a` (n) and `storage_w` (charging positive), and write it down."""
    evses = site.evses
    n = len(orders_a)
    now_s = t * site.facts[0].step_s
    derate = site.moments[t].derate
    dark = False
    for r in range(len(live.rows)):
        live.rows[r].sum_re = site.base_re[min(t, len(site.base_re) - 1), r]
        live.rows[r].sum_im = site.base_im[min(t, len(site.base_im) - 1), r]
        dark = dark or live.rows[r].open_until_s > now_s
    shares_w = np.full(n, np.inf)
    if len(site.cabinets):
        _share_modules(site, live, orders_a, shares_w)
    ev_w, supply_w, plugged = 0.0, 0.0, 0
    for i in range(n):
        if abs(orders_a[i] - live.evses[i].setpoint_a) > _WRITE_A:
            live.evses[i].writes += 1
        live.evses[i].setpoint_a = orders_a[i]
        v = live.evses[i].visit
        plugged += v >= 0
        powered = not (dark and _behind_open(site, live, i, now_s))
        if v >= 0 and powered and live.evses[i].broken_until_s <= now_s:
            rating = derate if evses[i].derates else 1.0
            _step_car(site, live, i, v, now_s, orders_a[i], rating, shares_w[i])
        else:
            live.evses[i].power_w = 0.0
            live.evses[i].drawn_a = 0.0
        power_w = live.evses[i].power_w
        if power_w >= 0.0:
            taken_w = power_w / evses[i].efficiency
        else:
            taken_w = power_w * evses[i].efficiency
        taken_w += evses[i].standby_w if powered else 0.0
        live.evses[i].supply_w = taken_w
        ev_w += power_w
        supply_w += taken_w
        used = live.evses[i].slots_used if live.evses[i].slots_used > 0 else evses[i].slots
        slot_a = taken_w / (evses[i].volt_v * used)
        for slot in range(used):
            for e in range(site.starts[3 * i + slot], site.starts[3 * i + slot + 1]):
                r = site.entries[e].row
                live.rows[r].sum_re += slot_a * site.entries[e].re
                live.rows[r].sum_im += slot_a * site.entries[e].im
        if len(log.evse_w):
            log.evse_w[t, i] = power_w
    stored_w = _step_storage(site, live, storage_w)
    log.steps[t].site_w = supply_w + stored_w + site.moments[t].base_w - site.moments[t].pv_w
    log.steps[t].ev_w = ev_w
    log.steps[t].supply_w = supply_w
    log.steps[t].storage_w = stored_w
    log.steps[t].plugged = plugged
    log.steps[t].waiting = live.counts[1]
    _step_rows(site, live, log, t, stored_w)


@compiled
def _behind_open(site: Site, live: Live, i: int, now_s: float) -> bool:
    """Whether a breaker above this EVSE is open."""
    for e in range(site.starts[3 * i], site.starts[3 * i + 3]):
        if live.rows[site.entries[e].row].open_until_s > now_s:
            return True
    return False


@compiled
def _share_modules(site: Site, live: Live, orders_a: F, shares_w: F) -> None:
    """Whole modules of each cabinet to its EVSEs: who plugged in first chooses first."""
    evses, cabinets = site.evses, site.cabinets
    left = np.empty(len(cabinets), np.int64)
    for c in range(len(cabinets)):
        left[c] = cabinets[c].modules
    n = len(orders_a)
    served = np.zeros(n, np.bool_)
    for _ in range(n):
        first = -1
        for i in range(n):
            v = live.evses[i].visit
            if v < 0 or served[i] or evses[i].cabinet < 0:
                continue
            if first < 0 or live.visits[v].plugged_s < live.visits[live.evses[first].visit].plugged_s:
                first = i
        if first < 0:
            return
        served[first] = True
        c = evses[first].cabinet
        v = live.evses[first].visit
        wants_w = orders_a[first] * evses[first].volt_v * evses[first].slots * evses[first].efficiency
        wants_w = min(wants_w, evses[first].rating_w, site.visits[v].dc_max_w / site.visits[v].efficiency)
        needs = min(math.ceil(max(wants_w, 0.0) / cabinets[c].module_w - 1e-9), left[c])
        left[c] -= needs
        shares_w[first] = needs * cabinets[c].module_w


@compiled
def _step_car(
    site: Site, live: Live, i: int, v: int, now_s: float, order_a: float, rating: float, share_w: float
) -> None:
    """One car at one EVSE for one step; sets `power_w`, `drawn_a`, energies and state of charge."""
    evses, visits = site.evses, site.visits
    end_s = now_s + site.facts[0].step_s
    starts_s = max(now_s, live.visits[v].plugged_s + site.facts[0].plug_s)
    seconds = min(end_s, live.visits[v].left_s) - starts_s
    slots = live.evses[i].slots_used
    if seconds <= 0.0 or slots == 0:
        live.evses[i].power_w = 0.0
        live.evses[i].drawn_a = 0.0
        return
    per_a = evses[i].volt_v * slots
    if evses[i].dc:
        per_a *= evses[i].efficiency
    wanted_w = _wanted_w(site, live, i, v, order_a, rating, share_w, per_a)
    if wanted_w < 0.0:
        energy_wh = _give_back(site, live, v, wanted_w, seconds)
        live.evses[i].power_w = energy_wh * 3600.0 / site.facts[0].step_s
        live.evses[i].drawn_a = energy_wh * 3600.0 / seconds / per_a
        return
    level_w = max(live.evses[i].drawn_a, 0.0) * per_a
    capacity_wh = visits[v].capacity_wh / visits[v].efficiency
    to_full_wh = (1.0 - live.visits[v].soc) * capacity_wh
    room_wh = min(visits[v].energy_wh - live.visits[v].energy_wh + live.visits[v].given_wh, to_full_wh)
    energy_wh, level_w, flowed_s = charge(
        visits, site.curves, v, live.visits[v].soc, max(room_wh, 0.0), level_w, wanted_w, seconds
    )
    live.visits[v].energy_wh += energy_wh
    live.visits[v].soc = min(live.visits[v].soc + energy_wh / capacity_wh, 1.0)
    live.evses[i].power_w = energy_wh * 3600.0 / site.facts[0].step_s
    # A straight taper never quite ends: its car says full a little before.
    brim = _FULL if visits[v].taper == TAPER_LINEAR else 1.0 - 1e-9
    got_wh = live.visits[v].energy_wh - live.visits[v].given_wh
    live.visits[v].full = got_wh >= visits[v].energy_wh - 1e-6 or live.visits[v].soc >= brim
    if live.visits[v].full:
        live.evses[i].drawn_a = 0.0
        if visits[v].leaves_done:
            live.visits[v].left_s = min(live.visits[v].left_s, starts_s + flowed_s)
        return
    tapered_w = energy_wh * 3600.0 / seconds
    drawn_w = level_w if tapered_w >= min(level_w, wanted_w) * 0.999 else min(level_w, tapered_w)
    live.evses[i].drawn_a = drawn_w / per_a
    _learn(live, i, order_a, end_s)


@compiled
def _wanted_w(
    site: Site,
    live: Live,
    i: int,
    v: int,
    order_a: float,
    rating: float,
    share_w: float,
    per_a: float,
) -> float:
    """What the car's charger is told, as power on the car's side: below its minimum nothing."""
    evses, visits = site.evses, site.visits
    if order_a < 0.0:
        if visits[v].discharge_w <= 0.0 or live.visits[v].soc <= visits[v].soc_floor:
            return 0.0
        return max(order_a * per_a, -visits[v].discharge_w)
    most_a = evses[i].max_a * rating
    if evses[i].dc:
        if order_a <= 0.0:
            return 0.0
        most_w = min(evses[i].rating_w * rating, visits[v].dc_max_w / visits[v].efficiency)
        return min(min(order_a, most_a) * per_a, most_w, share_w)
    current_a = min(order_a, most_a)
    if current_a < visits[v].min_a - 1e-9:
        return 0.0
    return min(current_a, visits[v].max_a[live.evses[i].slots_used - 1]) * per_a


@compiled
def _give_back(site: Site, live: Live, v: int, wanted_w: float, seconds: float) -> float:
    """Energy given back (negative, Wh at the meter), down to the car's floor."""
    visits = site.visits
    efficiency = visits[v].efficiency
    has_wh = max(live.visits[v].soc - visits[v].soc_floor, 0.0) * visits[v].capacity_wh * efficiency
    energy_wh = min(-wanted_w * seconds / 3600.0, has_wh)
    live.visits[v].given_wh += energy_wh
    live.visits[v].soc -= energy_wh / efficiency / visits[v].capacity_wh
    live.visits[v].full = False
    return -energy_wh


@compiled
def _learn(live: Live, i: int, order_a: float, end_s: float) -> None:
    """What the car was seen to take; after a while it is asked again."""
    if end_s - live.evses[i].asked_s >= _ASK_AGAIN_S:
        live.evses[i].accepts_a = np.inf
        live.evses[i].asked_s = end_s
        live.evses[i].slack_since_s = np.inf
    if order_a - live.evses[i].drawn_a <= max(_GAP_A, _GAP_SHARE * order_a):
        live.evses[i].slack_since_s = np.inf
        return
    if live.evses[i].slack_since_s == np.inf:
        live.evses[i].slack_since_s = end_s
    if end_s - live.evses[i].slack_since_s >= _GAP_S and live.evses[i].accepts_a == np.inf:
        live.evses[i].accepts_a = max(live.evses[i].drawn_a + _GAP_A, 0.0)
        live.evses[i].asked_s = end_s


@compiled
def _step_storage(site: Site, live: Live, wanted_w: float) -> float:
    """The stationary battery; returns its power at its meter, standby included."""
    store = site.storage[0]
    if store.capacity_wh <= 0.0:
        return 0.0
    hours = site.facts[0].step_s / 3600.0
    soc = live.store[0]
    if wanted_w >= 0.0:
        room_wh = max(store.soc_max - soc, 0.0) * store.capacity_wh / store.charge_efficiency
        energy_wh = min(min(wanted_w, store.charge_w) * hours, room_wh)
        live.store[0] = soc + energy_wh * store.charge_efficiency / store.capacity_wh
        live.store[2] += energy_wh
    else:
        has_wh = max(soc - store.soc_min, 0.0) * store.capacity_wh * store.discharge_efficiency
        energy_wh = -min(min(-wanted_w, store.discharge_w) * hours, has_wh)
        live.store[0] = soc + energy_wh / store.discharge_efficiency / store.capacity_wh
        live.store[3] -= energy_wh
    live.store[1] = energy_wh / hours + store.standby_w
    return live.store[1]


@compiled
def _step_rows(site: Site, live: Live, log: Log, t: int, stored_w: float) -> None:
    """Conductors: what they carry, how long above their limit, whether their breakers hold."""
    rows = site.rows
    step_s = site.facts[0].step_s
    limits = site.limit_a[min(t, len(site.limit_a) - 1)]
    now_s = t * step_s
    for r in range(len(limits)):
        if stored_w != 0.0:
            live.rows[r].sum_re += stored_w * rows[r].storage_re
            live.rows[r].sum_im += stored_w * rows[r].storage_im
        current_a = math.hypot(live.rows[r].sum_re, live.rows[r].sum_im)
        log.row_a[t, r] = current_a
        if current_a > limits[r] + 1e-6:
            live.rows[r].over_s += step_s
            live.rows[r].run_s += step_s
            live.rows[r].longest_s = max(live.rows[r].longest_s, live.rows[r].run_s)
        else:
            live.rows[r].run_s = 0.0
        if not math.isfinite(rows[r].rated_a):
            continue
        ratio = current_a / rows[r].rated_a
        drive = ratio * ratio
        live.rows[r].quick = drive + (live.rows[r].quick - drive) * math.exp(-step_s / rows[r].quick_s)
        live.rows[r].slow = drive + (live.rows[r].slow - drive) * math.exp(-step_s / rows[r].slow_s)
        hot = 0.5 * (live.rows[r].quick + live.rows[r].slow) >= rows[r].trip_heat
        if live.rows[r].open_until_s <= now_s and (hot or ratio >= rows[r].magnetic):
            live.rows[r].trips += 1
            live.rows[r].open_until_s = now_s + step_s + site.facts[0].repair_s
            live.rows[r].quick = live.rows[r].slow = min(drive, 0.9 * rows[r].trip_heat)
