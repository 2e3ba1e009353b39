"""Cars that queue and leave when they are done: what no strategy can do better, whoever stands where.

Under each strategy other cars come to other EVSEs at other times, so no program over one order of them is a
bound. Here the order is left open: every car that comes may charge from its arrival until it would leave at
the latest, at the best EVSE of its pool, in shares of a step if that helps; it waits for nothing, and nobody
drives on. All that is kept of the queue is that the cars together never use more EVSEs than are in order: a
car that draws half of its greatest power uses half an EVSE at least. Whatever a strategy did within the
limits satisfies all of this, so its cost is never below that of the program.
"""

from __future__ import annotations

import numpy as np
from msgspec import structs

from ampacity.simulation.batch.series import full_series
from ampacity.simulation.batch.world import B, F, I, World
from ampacity.simulation.metrics.possible import came, possible_wh, start_soc
from ampacity.simulation.strategies.stepping import coefficients

from .berths import Berths, best_efficiency, broken, car_slots, most_w


def queueing(world: World) -> I:
    """The pools in which a car leaves when it is done."""
    visits = world.visits
    pools: I = np.unique(visits.pool[visits.leaves_done & (visits.pool >= 0) & (visits.evse < 0)])
    return pools


def opened(world: World, places: Berths, state_soc: F) -> Berths:
    """The berths of a run (`places`, with the charge at the end of each visit), those of queueing pools
    opened."""
    visits, evses = world.visits, world.evses
    pools = queueing(world)
    soc = start_soc(world, state_soc)
    possible = possible_wh(world, soc)
    waits = np.isin(visits.pool, pools) & (visits.evse < 0)
    loose = np.flatnonzero(waits & came(world) & (possible > 0))
    kept = np.flatnonzero(~waits[places.visit])
    number = np.full(len(places.visit), -1)
    number[kept] = np.arange(len(kept))
    stays = number[places.of] >= 0
    begin_s = np.maximum(visits.arrive_s[loose], 0.0) + world.plug_s
    end_s = np.minimum(visits.depart_s[loose], world.steps * world.step_s)
    first = np.floor(begin_s / world.step_s + 1e-9).astype(np.int64)
    last = np.ceil(end_s / world.step_s - 1e-9).astype(np.int64)
    counts = np.maximum(np.minimum(last, world.steps) - first, 0)
    of = np.repeat(np.arange(len(loose)), counts)
    step = first[of] + np.arange(len(of)) - np.repeat(np.cumsum(counts) - counts, counts)
    now_s = step * world.step_s
    seconds = np.minimum(end_s[of], now_s + world.step_s) - np.maximum(begin_s[of], now_s)
    share = np.clip(seconds / world.step_s, 0.0, 1.0)
    each = np.arange(len(loose))
    full = np.zeros(len(of))
    found = {name: np.zeros(len(loose)) for name in ("per_a", "efficiency")}
    evse, slots = np.zeros((2, len(loose)), np.int64)
    alike: B = np.ones(world.rows.limit_a.shape[1], np.bool_)
    dense = coefficients(world)
    derate = full_series(world.series, world.steps).derate
    free = np.zeros((len(pools), world.steps))
    for p, pool in enumerate(pools.tolist()):
        members = np.flatnonzero(evses.pool == pool)
        mine = each[visits.pool[loose] == pool]
        entries = np.flatnonzero(visits.pool[loose][of] == pool)
        for i in members.tolist():
            at = np.full(len(mine), i)
            uses = np.array([car_slots(world, int(v), i) for v in loose[mine].tolist()], np.int64)
            alike &= ~_differ(dense, members[0], i, uses)
            slots[mine], evse[mine] = np.maximum(slots[mine], uses), i
            found["efficiency"][mine] = np.maximum(
                found["efficiency"][mine], best_efficiency(world, at, uses)
            )
            here = np.full(len(entries), i)
            less = np.where(evses.derates[here], derate[step[entries]], 1.0)
            uses_e = np.zeros(len(loose), np.int64)
            uses_e[mine] = uses
            power = most_w(world, loose[of[entries]], here, uses_e[of[entries]], less)
            full[entries] = np.maximum(full[entries], power)
            free[p] += ~broken(world, np.full(world.steps, i), np.arange(world.steps), whole=True)
    pool_of = np.searchsorted(pools, visits.pool[loose])
    fits_wh = (1.0 - soc[loose]) * visits.capacity_wh[loose] / visits.efficiency[loose]
    joined = len(kept)
    return structs.replace(
        places,
        visit=np.concatenate([places.visit[kept], loose]),
        evse=np.concatenate([places.evse[kept], evse]),
        slots=np.concatenate([places.slots[kept], slots]),
        per_a=np.concatenate([places.per_a[kept], np.ones(len(loose))]),
        efficiency=np.concatenate([places.efficiency[kept], found["efficiency"]]),
        least_a=np.concatenate([places.least_a[kept], np.zeros(len(loose))]),
        possible_wh=np.concatenate([places.possible_wh[kept], possible[loose]]),
        room_wh=np.concatenate([places.room_wh[kept], np.minimum(visits.energy_wh[loose], fits_wh)]),
        soc=np.concatenate([places.soc[kept], soc[loose]]),
        of=np.concatenate([number[places.of[stays]], joined + of]),
        step=np.concatenate([places.step[stays], step]),
        share=np.concatenate([places.share[stays], share]),
        full_w=np.concatenate([places.full_w[stays], full * share]),
        lost_wh=float(possible.sum() - possible[places.visit[kept]].sum() - possible[loose].sum()),
        pool=np.concatenate([np.full(joined, -1), pool_of]),
        free=free,
        loose=~alike,
    )


def _differ(dense: np.ndarray[tuple[int, ...], np.dtype[np.complex128]], one: int, other: int, uses: I) -> B:
    """The rows that cars load differently at two EVSEs: no limit of theirs is kept."""
    differ: B = np.zeros(len(dense), np.bool_)
    for slots in np.unique(uses).tolist():
        gap = dense[:, one, :slots].sum(axis=1) - dense[:, other, :slots].sum(axis=1)
        differ |= np.abs(gap) > 1e-9
    return differ
