"""A day of a street, second by second: houses, cars, converters, home batteries, and the voltage they make.

Everybody measures at the end of one second and acts in the next; a car answers later still (`levers`).
Voltages are linear around the state of the `LinearFeeder`. What is kept are means of minutes.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from ..batch.world import F
from ..compiled import compiled
from .levers import (
    BEFORE_S,
    BUFFER_WH,
    DEAD_S,
    DOWN_S,
    IDLE_W,
    LEAST_A,
    MARGIN_ENERGY,
    MARGIN_TIME,
    MAX_A,
    REACTIVE_LOSS,
    ROOM_A,
    ROUND_TRIP,
    STEP_A,
    UP_S,
    VOLT_V,
    ChargingLaw,
    HomeStores,
    Reactive,
    Stays,
)
from .linear import LinearFeeder

MINUTE = 60


class Minutes(NamedTuple):
    """Means of minutes beside the houses' own load [minutes, n]: watts and volt-amperes reactive that are
    taken; voltages by the linear feeder. `second_square_v2` (n): mean square of the change from second to
    second, which means of minutes would hide. Per car (v): net energy at its meter, what it gave back, losses
    of giving back, waiting and reactive power (Wh), setpoints that were changed. Of home batteries (s): state
    of charge [minutes + 1, s], losses and energy through their meters (Wh)."""

    active_w: F
    reactive_var: F
    volt_v: F
    second_square_v2: F
    energy_wh: F
    given_wh: F
    loss_wh: F
    writes: F
    soc: F
    store_loss_wh: F
    store_through_wh: F


@compiled
def _on(at: F, value: F, x: float) -> float:
    """On the line through the points of a characteristic, held beyond its ends."""
    if x <= at[0]:
        return float(value[0])
    for i in range(1, len(at)):
        if x <= at[i]:
            if at[i] <= at[i - 1]:
                return float(value[i])
            return float(value[i - 1] + (value[i] - value[i - 1]) * (x - at[i - 1]) / (at[i] - at[i - 1]))
    return float(value[len(at) - 1])


@compiled
def day(
    house_w: F, feeder: LinearFeeder, stays: Stays, law: ChargingLaw, curve: Reactive, stores: HomeStores
) -> Minutes:
    """Run `house_w` [seconds, n]; whole minutes only."""
    n, v, s = house_w.shape[1], len(stays.node), len(stores.node)
    minutes = house_w.shape[0] // MINUTE
    out_w, out_var, out_v = np.zeros((minutes, n)), np.zeros((minutes, n)), np.zeros((minutes, n))
    volt = feeder.volt_v.copy()
    base_v = feeder.volt_v.copy()
    seen_w, house_seen_w = feeder.at_w.copy(), np.zeros(n)
    mean_house, mean_volt = house_w[0].copy(), feeder.volt_v.copy()
    store_mean_volt, reference_v = feeder.volt_v.copy(), feeder.volt_v.copy()
    first = True
    squares = np.zeros(n)
    net_w, extra_w, extra_var = house_w[0].copy(), np.zeros(n), np.zeros(n)
    old_w, old_var = np.zeros(n), np.zeros(n)
    mean_net = house_w[0].copy()
    base_a, wish_a, drawn_a = np.zeros(v), np.zeros(v), np.zeros(v)
    asked_a = np.zeros((v, DEAD_S + 1))
    energy_wh, given_wh, loss_wh = np.zeros(v), np.zeros(v), np.zeros(v)
    reactive_va, writes = np.zeros(v), np.zeros(v)
    wish_w, stored_w, soc = np.zeros(s), np.zeros(s), np.full(s, 0.5)
    socs = np.full((minutes + 1, s), 0.5)
    store_loss_wh, store_through_wh = np.zeros(s), np.zeros(s)
    up, down = 1.0 - math.exp(-1.0 / UP_S), 1.0 - math.exp(-1.0 / DOWN_S)
    answer = 1.0 - math.exp(-1.0 / curve.answer_s)
    rated_va = MAX_A * VOLT_V
    for t in range(minutes * MINUTE):
        # What the meters told at the end of the last second.
        fast = t % law.sample_s == 0
        if fast:
            for j in range(n):
                mean_house[j] += (net_w[j] - extra_w[j] - mean_house[j]) * law.sample_s / law.house_s
                mean_volt[j] += (volt[j] - mean_volt[j]) * law.sample_s / law.volt_s
        for j in range(n):
            store_mean_volt[j] += (volt[j] - store_mean_volt[j]) / stores.volt_s
            if curve.reference_s > 0.0:
                reference_v[j] += (volt[j] - reference_v[j]) / curve.reference_s
            else:
                reference_v[j] = feeder.nominal_v
            house_seen_w[j] = net_w[j] - extra_w[j]
            extra_w[j] = extra_var[j] = 0.0
        for k in range(v):
            if not stays.arrive_s[k] <= t < stays.depart_s[k]:
                continue
            j = stays.node[k]
            both = stays.back_a[k] > 0.0
            missing_wh = stays.energy_wh[k] - energy_wh[k]
            done = missing_wh <= 0.0 and not both
            new, old = t % (DEAD_S + 1), (t + DEAD_S) % (DEAD_S + 1)
            if fast:
                goal_a = law.unknown_a
                if not math.isnan(stays.declared_wh[k]) and not math.isnan(stays.declared_depart_s[k]):
                    # What was declared may be wrong: plan for more, and earlier.
                    said_s = stays.declared_depart_s[k] - stays.arrive_s[k]
                    stay_s = min(MARGIN_TIME * said_s, said_s - BEFORE_S)
                    left_s = max(stays.arrive_s[k] + stay_s - t, 1.0)
                    needs_wh = max(MARGIN_ENERGY * stays.declared_wh[k] - energy_wh[k], 0.0)
                    goal_a = min(max(law.base_a, needs_wh * 3600.0 / left_s / VOLT_V), MAX_A)
                if both:
                    # It knows its own state of charge: near the end it goes down softly, then it holds.
                    goal_a = max(min(goal_a, missing_wh * 0.02), -4.0)
                base_a[k] += min(
                    max(goal_a - base_a[k], -law.ramp_a_s * law.sample_s), law.ramp_a_s * law.sample_s
                )
                a = law.volt_gain * (volt[j] - mean_volt[j])
                a += law.house_gain * (mean_house[j] - house_seen_w[j]) / VOLT_V
                # Who is in a hurry has no room above and would only lose: the less room, the less it follows.
                room = (MAX_A - base_a[k]) / ROOM_A
                wish_a[k] += (min(room, 1.0) * a - wish_a[k]) * min(law.sample_s / law.filter_s, 1.0)
                a = base_a[k] + wish_a[k]
                low, high = LEAST_A, MAX_A
                if both:
                    low = -stays.back_a[k]
                    if energy_wh[k] < -BUFFER_WH:
                        low = 0.0
                    if missing_wh < -BUFFER_WH:
                        high = 0.0
                asked_a[k, new] = min(max(math.floor(a / STEP_A + 0.5) * STEP_A, low), high)
                if not done and asked_a[k, new] != asked_a[k, old]:
                    writes[k] += 1.0
            else:
                asked_a[k, new] = asked_a[k, old]
            if done:
                drawn_a[k] = 0.0
            else:
                gap = asked_a[k, (t + 1) % (DEAD_S + 1)] - drawn_a[k]
                drawn_a[k] += gap * (up if gap > 0.0 else down)
            w = drawn_a[k] * VOLT_V
            if w >= 0.0:
                energy_wh[k] += min(w / 3600.0, max(missing_wh, 0.0)) if not both else w / 3600.0
            else:
                energy_wh[k] += w / ROUND_TRIP / 3600.0
                given_wh[k] -= w / 3600.0
                loss_wh[k] -= w * (1.0 / ROUND_TRIP - 1.0) / 3600.0
            if both and missing_wh <= 0.0:
                w += IDLE_W
                loss_wh[k] += IDLE_W / 3600.0
            if stays.converter[k] > 0.0:
                pu = volt[j] / feeder.nominal_v if curve.reference_s <= 0.0 else volt[j] / reference_v[j]
                share = _on(curve.at_pu, curve.share, pu)
                most = math.sqrt(max(rated_va * rated_va - w * w, 0.0))
                goal = min(max(share * rated_va, -most), most)
                reactive_va[k] += (goal - reactive_va[k]) * answer
                extra_var[j] -= reactive_va[k]
                lost = REACTIVE_LOSS * abs(reactive_va[k])
                w += lost
                loss_wh[k] += lost / 3600.0
            extra_w[j] += w
        for b in range(s):
            j = stores.node[b]
            other_w = net_w[j] - stored_w[b]
            mean_net[j] += (other_w - mean_net[j]) / stores.net_s
            goal = stores.net_gain * (mean_net[j] - other_w)
            goal += stores.volt_gain * VOLT_V * (volt[j] - store_mean_volt[j])
            wish_w[b] += (goal - wish_w[b]) * min(1.0 / stores.filter_s, 1.0)
            goal = wish_w[b] - 0.5 * stores.power_w[b] * (soc[b] - 0.5)
            goal = min(max(goal, -stores.power_w[b]), stores.power_w[b])
            if (soc[b] <= 0.05 and goal < 0.0) or (soc[b] >= 0.95 and goal > 0.0):
                goal = 0.0
            stored_w[b] += (goal - stored_w[b]) * 0.63
            w = stored_w[b]
            cell_w = w * stores.one_way if w > 0.0 else w / stores.one_way
            soc[b] += cell_w / 3600.0 / stores.capacity_wh[b]
            standby_w = 0.001 * stores.power_w[b]
            store_loss_wh[b] += (w - cell_w + standby_w) / 3600.0
            store_through_wh[b] += abs(w) / 3600.0
            extra_w[j] += w + standby_w
        # The voltage that all of them make together.
        for j in range(n):
            change = house_w[t, j] - seen_w[j]
            if change != 0.0 or first:
                seen_w[j] = house_w[t, j]
                for i in range(n):
                    base_v[i] += feeder.per_house_w[i, j] * change
            change_w, change_var = extra_w[j] - old_w[j], extra_var[j] - old_var[j]
            if change_w != 0.0 or change_var != 0.0:
                old_w[j], old_var[j] = extra_w[j], extra_var[j]
                for i in range(n):
                    base_v[i] += feeder.per_w[i, j] * change_w + feeder.per_var[i, j] * change_var
        if first:
            for j in range(n):
                mean_volt[j] = store_mean_volt[j] = reference_v[j] = volt[j] = base_v[j]
            first = False
        for j in range(n):
            squares[j] += (base_v[j] - volt[j]) ** 2 / (minutes * MINUTE)
            volt[j] = base_v[j]
        m = t // MINUTE
        for j in range(n):
            net_w[j] = house_w[t, j] + extra_w[j]
            out_w[m, j] += extra_w[j] / MINUTE
            out_var[m, j] += extra_var[j] / MINUTE
            out_v[m, j] += volt[j] / MINUTE
        if t % MINUTE == MINUTE - 1:
            for b in range(s):
                socs[m + 1, b] = soc[b]
    return Minutes(
        out_w,
        out_var,
        out_v,
        squares,
        energy_wh,
        given_wh,
        loss_wh,
        writes,
        socs,
        store_loss_wh,
        store_through_wh,
    )
