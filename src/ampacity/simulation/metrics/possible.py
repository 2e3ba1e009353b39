"""What a visit could have had at most: the yardstick of unmet energy, whatever the strategy was.

A car may ask for more than its battery, its charger and its stay allow; no strategy can be blamed for that.
The bound here is what the car takes from its EVSE alone on the site, at full current from the moment it came,
its battery's curve included, queue and limits of the site left out. The dead time of chargers is left out as
well, so the bound is a few watt-hours above what any run reaches.
"""

from __future__ import annotations

import numpy as np

from ampacity.simulation.batch.losses import delivered_w, drop_per_w
from ampacity.simulation.batch.world import (
    CURVE_POINTS,
    TAPER_CURVE,
    TAPER_LINEAR,
    B,
    F,
    I,
    World,
)

LEAST_SHARE = 1e-6
"""A battery that takes less of its greatest power than this counts as full."""

BLOCK = 4096
"""Visits that are worked on at a time: 101 points each, a few megabytes."""


def came(world: World) -> B:
    """Which visits fall into the run at all."""
    visits = world.visits
    end_s = world.steps * world.step_s
    return (visits.arrive_s < end_s) & (visits.depart_s > 0.0)


def full_power_w(world: World) -> F:
    """The most each visit's car takes at the meter of its EVSE (of the best one of its pool)."""
    evses, visits = world.evses, world.visits
    best = np.zeros(len(visits.arrive_s))
    for visit in range(len(best)):
        own = int(visits.evse[visit])
        places = [own] if own >= 0 else np.flatnonzero(evses.pool == visits.pool[visit]).tolist()
        best[visit] = max((_power_at(world, visit, place) for place in places), default=0.0)
    return best


def _power_at(world: World, visit: int, evse: int) -> float:
    evses, visits = world.evses, world.visits
    offered = _offered_w(world, evse, int(evses.slots[evse]), float(evses.max_a[evse]))
    if evses.dc[evse]:
        bound = float(visits.dc_max_w[visit] / visits.efficiency[visit])
        return min(offered, float(evses.rating_w[evse]), bound)
    slots = int(min(evses.slots[evse], visits.slots[visit]))
    if slots < 1:
        return 0.0
    current = min(float(evses.max_a[evse]), float(visits.max_a[visit, slots - 1]))
    if current < float(visits.min_a[visit]):
        return 0.0
    accepted = float(visits.accept_w[visit] / visits.efficiency[visit])
    return min(_offered_w(world, evse, slots, current), accepted)


def _offered_w(world: World, evse: int, slots: int, current_a: float) -> float:
    """Power on the car's side where `current_a` of each slot comes from the supply."""
    evses = world.evses
    volt_v = float(evses.volt_v[evse])
    supply_w = current_a * volt_v * slots
    if not len(evses.ohm):
        return supply_w
    square = drop_per_w(float(evses.ohm[evse]), volt_v, slots)
    return delivered_w(float(evses.fixed_w[evse]), float(evses.linear[evse]), square, supply_w)


def start_soc(world: World, soc: F) -> F:
    """The state of charge that each visit came with: its own, or what the visit before left in the battery
    (`soc` at the end of each visit) less the trip between, never below nothing."""
    visits = world.visits
    chained = visits.before >= 0
    left = soc[np.where(chained, visits.before, 0)] - visits.trip_wh / visits.capacity_wh
    return np.where(chained, np.clip(left, 0.0, 1.0), visits.soc)


def possible_wh(world: World, came_with: F) -> F:
    """What each visit could have had at the meter, in Wh (v); nothing for visits outside the run.

    `came_with`: states of charge on arrival. The smallest of what it asked for, what fits into the battery,
    and what its charger takes on the way through the curve of its battery until it leaves or the run ends.
    """
    visits = world.visits
    end_s = world.steps * world.step_s
    power_w = full_power_w(world)
    stay_s = np.minimum(visits.depart_s, end_s) - np.maximum(visits.arrive_s, 0.0) - world.plug_s
    stay_s = np.minimum(stay_s, visits.stay_s - world.plug_s)
    stay_s = np.where(came(world), np.maximum(stay_s, 0.0), 0.0)
    got = np.zeros(len(stay_s))
    for start in range(0, len(got), BLOCK):
        block = slice(start, start + BLOCK)
        got[block] = _taken_wh(world, block, came_with[block], power_w[block], stay_s[block])
    return np.minimum(got, visits.energy_wh)


def _taken_wh(world: World, block: slice, came_with: F, power_w: F, stay_s: F) -> F:
    """The time to each whole per cent of charge, summed up, and read backwards at the end of the stay."""
    visits = world.visits
    grid = np.linspace(0.0, 1.0, CURVE_POINTS)
    efficiency, capacity = visits.efficiency[block], visits.capacity_wh[block]
    share = taper_share(world, block, grid)
    into_w = np.minimum((power_w * efficiency)[:, None], visits.accept_w[block][:, None] * share)
    into_w = np.where(share > LEAST_SHARE, into_w, 0.0)
    middle_w = 0.5 * (into_w[:, 1:] + into_w[:, :-1])
    with np.errstate(divide="ignore"):
        each_s = np.where(middle_w > 0, capacity[:, None] * 36.0 / np.maximum(middle_w, 1e-300), np.inf)
    reached_s = np.concatenate([np.zeros((len(each_s), 1)), np.cumsum(each_s, axis=1)], axis=1)
    taken = np.zeros(len(stay_s))
    for k in range(len(taken)):
        if power_w[k] <= 0 or stay_s[k] <= 0:
            continue
        finite = np.isfinite(reached_s[k])
        times, socs = reached_s[k][finite], grid[finite]
        begin_s = float(np.interp(came_with[k], socs, times))
        end = float(np.interp(begin_s + stay_s[k], times, socs))
        taken[k] = max(end - float(came_with[k]), 0.0) * capacity[k] / efficiency[k]
    return taken


def taper_share(world: World, block: slice | I, grid: F) -> F:
    """The share of the battery's greatest power over the state of charge, a line a visit."""
    visits = world.visits
    taper = visits.taper[block]
    share = np.ones((len(taper), len(grid)))
    curved = taper == TAPER_CURVE
    if curved.any():
        share[curved] = world.curves[visits.curve[block][curved]]
    linear = taper == TAPER_LINEAR
    if linear.any():
        start = visits.taper_from[block][linear][:, None]
        share[linear] = np.clip((1.0 - grid[None, :]) / np.maximum(1.0 - start, 1e-9), 0.0, 1.0)
    return share
