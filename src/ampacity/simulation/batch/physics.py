"""What happens in a step once everybody has a setpoint: cars, stations, storage, conductors, breakers.

A setpoint is amperes a slot at the EVSE's supply, negative for giving back. What an EVSE loses follows its
load, what a car's charger loses its current (`losses`). Rows carry the mean of the step.
A breaker that opens takes the power of every EVSE behind it from the next step on, until it is closed again.
"""

from __future__ import annotations

import math

import numpy as np

from ..compiled import compiled, inlined
from ..electrical.breaker import heat_step
from .battery import accepts_w, charge
from .losses import charger_share, delivered_w, drop_per_w, supplied_w
from .packed import Live, Log, Record, Site
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

_heat = inlined(heat_step)
_drop, _supplied, _delivered = inlined(drop_per_w), inlined(supplied_w), inlined(delivered_w)
_charger = inlined(charger_share)


@inlined
def settle(site: Site, live: Live, log: Log, t: int, orders_a: F, storage_w: float) -> None:
    """Let step `t` pass under `orders_a` (n) and `storage_w` (charging positive), and write it down.

    A log that is shorter than the run goes round.
    """
    n = len(orders_a)
    step_s, plug_s = site.facts[0].step_s, site.facts[0].plug_s
    now_s, line = t * step_s, t % len(log.steps)
    derate = site.moments[t].derate
    dark = False
    for r in range(len(live.rows)):
        row = live.rows[r]
        row.sum_re = site.base_re[min(t, len(site.base_re) - 1), r]
        row.sum_im = site.base_im[min(t, len(site.base_im) - 1), r]
        dark = dark or row.open_until_s > now_s
    sharing = len(site.cabinets) > 0
    shares_w = orders_a
    if sharing:
        shares_w = np.full(n, np.inf)
        _share_modules(site, live, orders_a, shares_w)
    ev_w, supply_w, plugged = 0.0, 0.0, 0
    for i in range(n):
        evse, here = site.evses[i], live.evses[i]
        # Most EVSEs stand empty most of the time.
        if here.visit < 0 and evse.standby_w == 0.0 and here.setpoint_a == orders_a[i]:
            continue
        if abs(orders_a[i] - here.setpoint_a) > _WRITE_A:
            here.writes += 1
        here.setpoint_a = orders_a[i]
        v = here.visit
        powered = not (dark and _behind_open(site, live, i, now_s))
        if v >= 0 and powered and here.broken_until_s <= now_s:
            plugged += 1
            rating = derate if evse.derates else 1.0
            share_w = shares_w[i] if sharing else np.inf
            car, stay = site.visits[v], live.visits[v]
            starts_s = max(now_s, stay.plugged_s + plug_s)
            _step_car(
                evse, here, car, stay, site.curves, site.chargers, starts_s, now_s + step_s, step_s,
                orders_a[i], rating, share_w,
            )  # fmt: skip
        else:
            plugged += v >= 0
            here.power_w = 0.0
            here.drawn_a = 0.0
        power_w = here.power_w
        used = here.slots_used if here.slots_used > 0 else evse.slots
        taken_w = _supply_w(evse, used, power_w)
        taken_w += evse.standby_w if powered else 0.0
        here.supply_w = taken_w
        ev_w += power_w
        supply_w += taken_w
        if taken_w != 0.0:
            slot_a = taken_w / (evse.volt_v * used)
            for e in range(site.starts[3 * i], site.starts[3 * i + used]):
                row = live.rows[site.entries[e].row]
                row.sum_re += slot_a * site.entries[e].re
                row.sum_im += slot_a * site.entries[e].im
        if len(log.evse_w):
            log.evse_w[line, i] = power_w
    stored_w = _step_storage(site, live, storage_w)
    log.steps[line].site_w = supply_w + stored_w + site.moments[t].base_w - site.moments[t].pv_w
    log.steps[line].ev_w = ev_w
    log.steps[line].supply_w = supply_w
    log.steps[line].storage_w = stored_w
    log.steps[line].plugged = plugged
    log.steps[line].waiting = live.counts[1]
    _step_rows(site, live, log, t, line, stored_w)


@inlined
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
        evse = evses[first]
        wants_w = _car_w(evse, evse.slots, orders_a[first] * evse.volt_v * evse.slots)
        wants_w = min(wants_w, evses[first].rating_w, site.visits[v].dc_max_w / site.visits[v].efficiency)
        needs = min(math.ceil(max(wants_w, 0.0) / cabinets[c].module_w - 1e-9), left[c])
        left[c] -= needs
        shares_w[first] = needs * cabinets[c].module_w


@inlined
def _supply_w(evse: Record, slots: int, power_w: float) -> float:
    """What an EVSE takes from its supply for this power on the car's side."""
    if evse.fixed_w == 0.0 and evse.linear == 0.0 and evse.ohm == 0.0:
        return power_w / evse.efficiency if power_w >= 0.0 else power_w * evse.efficiency
    return _supplied(evse.fixed_w, evse.linear, _drop(evse.ohm, evse.volt_v, slots), power_w)


@inlined
def _car_w(evse: Record, slots: int, supply_w: float) -> float:
    """What is left on the car's side of what an EVSE takes from its supply; 0 or more."""
    if evse.fixed_w == 0.0 and evse.linear == 0.0 and evse.ohm == 0.0:
        return max(supply_w, 0.0) * evse.efficiency
    return _delivered(evse.fixed_w, evse.linear, _drop(evse.ohm, evse.volt_v, slots), supply_w)


@inlined
def _step_car(
    evse: Record,
    here: Record,
    car: Record,
    stay: Record,
    curves: F,
    chargers: F,
    starts_s: float,
    end_s: float,
    step_s: float,
    order_a: float,
    rating: float,
    share_w: float,
) -> None:
    """One car at one EVSE for one step, of which current may flow from `starts_s` to `end_s`.

    Sets `power_w`, `drawn_a`, energies and state of charge. The charger's efficiency is that of the current
    which the car settles at in this step.
    """
    seconds = min(end_s, stay.left_s) - starts_s
    if seconds <= 0.0 or here.slots_used == 0:
        here.power_w = 0.0
        here.drawn_a = 0.0
        return
    per_a = evse.volt_v * here.slots_used
    wanted_w = _wanted_w(evse, here, car, stay, order_a, rating, share_w, per_a)
    efficiency = car.efficiency
    if car.charger >= 0 and not evse.dc:
        line = chargers[car.charger + (1 if here.slots_used > 1 else 0)]
        settles_w = min(abs(wanted_w), accepts_w(car, efficiency, curves, stay.soc))
        efficiency = _charger(line, settles_w / per_a)
    if wanted_w < 0.0:
        energy_wh = _give_back(car, efficiency, stay, wanted_w, seconds)
        here.power_w = energy_wh * 3600.0 / step_s
        here.drawn_a = _supply_w(evse, here.slots_used, energy_wh * 3600.0 / seconds) / per_a
        return
    level_w = _car_w(evse, here.slots_used, here.drawn_a * per_a)
    capacity_wh = car.capacity_wh / efficiency
    to_full_wh = (1.0 - stay.soc) * capacity_wh
    room_wh = max(min(car.energy_wh - stay.energy_wh + stay.given_wh, to_full_wh), 0.0)
    energy_wh, level_w, flowed_s = charge(
        car, efficiency, curves, stay.soc, room_wh, level_w, wanted_w, seconds
    )
    stay.energy_wh += energy_wh
    stay.lost_wh += energy_wh * (1.0 - efficiency)
    stay.soc = min(stay.soc + energy_wh / capacity_wh, 1.0)
    here.power_w = energy_wh * 3600.0 / step_s
    # A straight taper never quite ends: its car says full a little before.
    brim = _FULL if car.taper == TAPER_LINEAR else 1.0 - 1e-9
    stay.full = stay.energy_wh - stay.given_wh >= car.energy_wh - 1e-6 or stay.soc >= brim
    if stay.full:
        here.drawn_a = 0.0
        if car.leaves_done:
            stay.left_s = min(stay.left_s, starts_s + flowed_s)
        return
    level_w = min(level_w, accepts_w(car, efficiency, curves, stay.soc))
    here.drawn_a = _supply_w(evse, here.slots_used, level_w) / per_a
    _learn(evse, here, order_a, end_s)


@inlined
def _wanted_w(
    evse: Record,
    here: Record,
    car: Record,
    stay: Record,
    order_a: float,
    rating: float,
    share_w: float,
    per_a: float,
) -> float:
    """What the car's charger is told, as power on the car's side: below its minimum nothing."""
    if order_a < 0.0:
        if car.discharge_w <= 0.0 or stay.soc <= car.soc_floor:
            return 0.0
        return max(order_a * per_a * evse.efficiency, -car.discharge_w)
    most_a = evse.max_a * rating
    if evse.dc:
        if order_a <= 0.0:
            return 0.0
        most_w = min(evse.rating_w * rating, car.dc_max_w / car.efficiency)
        return min(_car_w(evse, here.slots_used, min(order_a, most_a) * per_a), most_w, share_w)
    current_a = min(order_a, most_a)
    if current_a < car.min_a - 1e-9:
        return 0.0
    return _car_w(evse, here.slots_used, min(current_a, car.max_a[here.slots_used - 1]) * per_a)


@inlined
def _give_back(car: Record, efficiency: float, stay: Record, wanted_w: float, seconds: float) -> float:
    """Energy given back (negative, Wh at the meter), down to the car's floor."""
    has_wh = max(stay.soc - car.soc_floor, 0.0) * car.capacity_wh * efficiency
    energy_wh = min(-wanted_w * seconds / 3600.0, has_wh)
    stay.given_wh += energy_wh
    stay.soc -= energy_wh / efficiency / car.capacity_wh
    stay.lost_wh += energy_wh * (1.0 / efficiency - 1.0)
    stay.full = False
    return -energy_wh


@inlined
def _learn(evse: Record, here: Record, order_a: float, end_s: float) -> None:
    """What the car was seen to take; after a while it is asked again. A car at the end of its taper draws
    less than the least that can be offered, and is offered that."""
    if end_s - here.asked_s >= _ASK_AGAIN_S:
        here.accepts_a = np.inf
        here.asked_s = end_s
        here.slack_since_s = np.inf
    if order_a - here.drawn_a <= max(_GAP_A, _GAP_SHARE * order_a):
        here.slack_since_s = np.inf
        return
    if here.slack_since_s == np.inf:
        here.slack_since_s = end_s
    if end_s - here.slack_since_s >= _GAP_S and here.accepts_a == np.inf:
        here.accepts_a = max(here.drawn_a + _GAP_A, evse.min_a)
        here.asked_s = end_s


@inlined
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


@inlined
def _step_rows(site: Site, live: Live, log: Log, t: int, line: int, stored_w: float) -> None:
    """Conductors: what they carry, how long above their limit, whether their breakers hold."""
    step_s, repair_s = site.facts[0].step_s, site.facts[0].repair_s
    moment = min(t, len(site.limit_a) - 1)
    now_s = t * step_s
    for r in range(len(live.rows)):
        row, built = live.rows[r], site.rows[r]
        if stored_w != 0.0:
            row.sum_re += stored_w * built.storage_re
            row.sum_im += stored_w * built.storage_im
        current_a = math.sqrt(row.sum_re * row.sum_re + row.sum_im * row.sum_im)
        log.row_a[line, r] = current_a
        if current_a > site.limit_a[moment, r] + 1e-6:
            row.over_s += step_s
            row.run_s += step_s
            row.longest_s = max(row.longest_s, row.run_s)
        else:
            row.run_s = 0.0
        if built.rated_a == np.inf:
            continue
        ratio = current_a / built.rated_a
        row.quick, row.slow, opens = _heat(
            row.quick,
            row.slow,
            ratio,
            step_s,
            built.trip_heat,
            built.quick_s,
            built.slow_s,
            built.magnetic,
        )
        if opens and row.open_until_s <= now_s:
            row.trips += 1
            row.open_until_s = now_s + step_s + repair_s
            row.quick = row.slow = min(ratio * ratio, 0.9 * built.trip_heat)
