"""Who stands where and when, which no strategy changes: what the offline optimum is told of the future.

The places are those of a run with another strategy. Cars that park at their own EVSE, or stay as long as they
want, stand there under every strategy.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from msgspec import Struct

from ampacity.simulation.batch.losses import drop_per_w
from ampacity.simulation.batch.outcome import Run
from ampacity.simulation.batch.series import full_series
from ampacity.simulation.batch.state import State
from ampacity.simulation.batch.world import B, F, I, World
from ampacity.simulation.metrics.possible import possible_wh, start_soc

NONE, NOTHING, NOBODY = np.zeros(0, np.int64), np.zeros((0, 0)), np.zeros(0, np.bool_)


class Berths(Struct, frozen=True, kw_only=True):
    """Visits that were plugged in (k), and the steps that each of them covers (e, visit by visit, in time).

    Per visit: `visit`, `evse`, `slots` it uses, `per_a` watts on the car's side an ampere gives, `efficiency`
    from the supply to there at the power at which it is best (so that no run loses less),
    `possible_wh` and `room_wh` at the meter, `soc` on arrival. Per step of a visit: `of` (k), `step`,
    `share` of the step in which it can charge, `full_w`: what it takes at most, as a mean of the step.
    `lost_wh`: what visits could have had that never found an EVSE. Where the order of a queue is left open
    (`queues`): `pool` of each visit (-1: it has its place), `free` EVSEs of each pool (pools, T), `loose`
    rows (r) that its EVSEs load differently.
    """

    visit: I
    evse: I
    slots: I
    per_a: F
    efficiency: F
    least_a: F
    possible_wh: F
    room_wh: F
    soc: F
    of: I
    step: I
    share: F
    full_w: F
    lost_wh: float
    pool: I = NONE
    free: F = NOTHING
    loose: B = NOBODY


def berths(run: Run) -> Berths:
    """The berths of a run."""
    world, state = run.scene.world, run.state
    visits, evses = world.visits, world.evses
    came_with = start_soc(world, state.soc)
    possible = possible_wh(world, came_with)
    visit = np.flatnonzero(np.isfinite(state.plugged_s) & (state.at >= 0))
    evse = state.at[visit]
    slots = np.array([car_slots(world, int(v), int(i)) for v, i in zip(visit, evse, strict=True)], np.int64)
    per_a = evses.volt_v[evse] * slots * np.where(evses.dc[evse], evses.efficiency[evse], 1.0)
    begin_s, end_s = _stays(world, state, visit, evse)
    first = np.floor(begin_s / world.step_s + 1e-9).astype(np.int64)
    last = np.ceil(end_s / world.step_s - 1e-9).astype(np.int64)
    counts = np.maximum(np.minimum(last, world.steps) - first, 0) * (slots > 0)
    of = np.repeat(np.arange(len(visit)), counts)
    step = first[of] + np.arange(len(of)) - np.repeat(np.cumsum(counts) - counts, counts)
    now_s = step * world.step_s
    seconds = np.minimum(end_s[of], now_s + world.step_s) - np.maximum(begin_s[of], now_s)
    share = np.clip(seconds / world.step_s, 0.0, 1.0)
    share[broken(world, evse[of], step)] = 0.0
    derate = np.where(evses.derates[evse[of]], full_series(world.series, world.steps).derate[step], 1.0)
    fits_wh = (1.0 - came_with[visit]) * visits.capacity_wh[visit] / visits.efficiency[visit]
    return Berths(
        visit=visit,
        evse=evse,
        slots=slots,
        per_a=per_a,
        efficiency=best_efficiency(world, evse, slots),
        least_a=np.maximum(evses.min_a[evse], np.where(evses.dc[evse], 0.0, visits.min_a[visit])),
        possible_wh=possible[visit],
        room_wh=np.minimum(visits.energy_wh[visit], fits_wh),
        soc=came_with[visit],
        of=of,
        step=step,
        share=share,
        full_w=most_w(world, visit[of], evse[of], slots[of], derate) * share,
        lost_wh=float(possible.sum() - possible[visit].sum()),
    )


def best_efficiency(world: World, evse: I, slots: I) -> F:
    """The best that a car on so many slots of an EVSE can have of its supply, at any power up to all."""
    evses = world.evses
    if not len(evses.ohm):
        return evses.efficiency[evse]
    fixed_w, linear = evses.fixed_w[evse], evses.linear[evse]
    square = _square(world, evse, slots)
    most_w = np.minimum(evses.max_a[evse] * evses.volt_v[evse] * slots, evses.rating_w[evse])
    with np.errstate(divide="ignore", invalid="ignore"):
        # fixed / p + square * p is least where both are the same.
        at_w = np.clip(np.where(square > 0, np.sqrt(fixed_w / square), most_w), 1.0, np.maximum(most_w, 1.0))
    shares: F = 1.0 / (1.0 + linear + fixed_w / at_w + square * at_w)
    none = (fixed_w == 0) & (linear == 0) & (evses.ohm[evse] == 0)
    return np.where(none, evses.efficiency[evse], shares)


def _square(world: World, evse: I, slots: I) -> F:
    """The conductors' losses as a factor of the square of the power (`batch.losses.drop_per_w`)."""
    evses = world.evses
    pairs = zip(evse.tolist(), np.maximum(slots, 1).tolist(), strict=True)
    return np.array([drop_per_w(float(evses.ohm[i]), float(evses.volt_v[i]), k) for i, k in pairs])


def _delivered_w(world: World, evse: I, slots: I, supply_w: F) -> F:
    """What arrives on the car's side of these supplies (`batch.losses.delivered_w`)."""
    evses = world.evses
    if not len(evses.ohm):
        return supply_w * evses.efficiency[evse]
    fixed_w, linear = evses.fixed_w[evse], evses.linear[evse]
    none = (fixed_w == 0) & (linear == 0) & (evses.ohm[evse] == 0)
    over_w, half = np.maximum(supply_w - fixed_w, 0.0), 0.5 * (1.0 + linear)
    arrives = over_w / (half + np.sqrt(half**2 + _square(world, evse, slots) * over_w))
    return np.where(none, supply_w * evses.efficiency[evse], arrives)


def car_slots(world: World, v: int, i: int) -> int:
    """On how many slots this car charges there, as the engine has it."""
    if world.evses.dc[i]:
        return int(world.evses.slots[i])
    slots = int(min(world.evses.slots[i], world.visits.slots[v]))
    while slots > 0 and world.visits.max_a[v, slots - 1] <= 0.0:
        slots -= 1
    return slots


def _stays(world: World, state: State, visit: I, evse: I) -> tuple[F, F]:
    """From when to when each of them may charge: at the latest until the next one plugs in there."""
    visits = world.visits
    plugged_s = state.plugged_s[visit]
    end_s = np.minimum(visits.depart_s[visit], plugged_s + visits.stay_s[visit])
    end_s = np.minimum(end_s, world.steps * world.step_s)
    order = np.lexsort((plugged_s, evse))
    for this, then in pairwise(order.tolist()):
        if evse[this] == evse[then]:
            end_s[this] = min(end_s[this], plugged_s[then])
    return plugged_s + world.plug_s, end_s


def broken(world: World, evse: I, step: I, *, whole: bool = False) -> B:
    """Steps in which the EVSE is out of order; with `whole` only those in which it is from end to end."""
    faults = world.faults
    found = np.zeros(len(step), np.bool_)
    for k, place in enumerate(faults.evse):
        begin_s, end_s = step * world.step_s, (step + 1) * world.step_s
        if whole:
            inside = (begin_s >= faults.from_s[k]) & (end_s <= faults.to_s[k])
        else:
            inside = (end_s > faults.from_s[k]) & (begin_s < faults.to_s[k])
        found |= (evse == place) & inside
    return found


def most_w(world: World, v: I, i: I, slots: I, derate: F) -> F:
    """What a car takes at most at an EVSE, on the car's side."""
    evses, visits = world.evses, world.visits
    offered_a = evses.max_a[i] * derate
    car_a = visits.max_a[v, np.maximum(slots - 1, 0)]
    ac_a = np.minimum(offered_a, car_a)
    ac_a = np.where(ac_a >= visits.min_a[v] - 1e-9, ac_a, 0.0)
    supply_w = np.where(evses.dc[i], offered_a, ac_a) * evses.volt_v[i] * slots
    given_w = _delivered_w(world, i, slots, supply_w)
    dc_w = np.minimum(given_w, evses.rating_w[i] * derate)
    dc_w = np.minimum(dc_w, visits.dc_max_w[v] / visits.efficiency[v])
    full: F = np.minimum(np.where(evses.dc[i], dc_w, given_w), visits.accept_w[v] / visits.efficiency[v])
    return np.where(slots > 0, full, 0.0)
