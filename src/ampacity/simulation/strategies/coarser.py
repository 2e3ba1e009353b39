"""The same scene in longer steps, for programs that would be large, and its plan in the scene's own steps.

What a longer step has is the mean of those it stands for: powers, limits, what the conductors carry beside
the cars. All that is possible in short steps is possible in their means, as limits and costs are convex; of
prices the lower one counts for buying, the higher for selling. So a bound of the long steps is one of the
short ones, a little lower at most.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from msgspec import structs

from ampacity.simulation.batch.outcome import Scene
from ampacity.simulation.batch.series import full_series
from ampacity.simulation.batch.world import F, I, Series

from .berths import Berths
from .planning import Planned


def fitting(scene: Scene, longest_s: float) -> int:
    """How many steps make one of at most `longest_s` that divides the run and a demand window."""
    world = scene.world
    begins_s = scene.starts_at.timestamp()
    for count in range(max(int(longest_s / world.step_s), 1), 1, -1):
        length_s = count * world.step_s
        if world.steps % count == 0 and scene.demand_window_s % length_s == 0 and begins_s % length_s == 0:
            return count
    return 1


def coarser(scene: Scene, count: int) -> Scene:
    """The scene in steps of `count` of its own."""
    world = scene.world
    steps = world.steps // count

    def over(values: F, what: Callable[..., F]) -> F:
        return what(values.reshape(steps, count, *values.shape[1:]), axis=1)

    def mean(values: F) -> F:
        return (
            values
            if len(values) == 1
            else over(values[np.minimum(np.arange(world.steps), len(values) - 1)], np.mean)
        )

    series = full_series(world.series, world.steps)
    rows = world.rows._replace(
        limit_a=mean(world.rows.limit_a), base_re=mean(world.rows.base_re), base_im=mean(world.rows.base_im)
    )
    ways = {"buy": np.min, "sell": np.max}
    told = {name: over(values, ways.get(name, np.mean)) for name, values in series._asdict().items()}
    return structs.replace(
        scene,
        world=world._replace(step_s=world.step_s * count, steps=steps, rows=rows, series=Series(**told)),
    )


def coarser_berths(places: Berths, count: int) -> tuple[Berths, I]:
    """The berths in steps of `count`, and for each step of a berth the one that it is part of."""
    length = int(places.step.max(initial=0)) // count + 1
    key, part = np.unique(places.of * length + places.step // count, return_inverse=True)
    longer = structs.replace(
        places,
        of=key // length,
        step=key % length,
        share=np.bincount(part, places.share, len(key)) / count,
        full_w=np.bincount(part, places.full_w, len(key)) / count,
        free=places.free
        if not len(places.free)
        else places.free.reshape(len(places.free), -1, count).mean(axis=2),
    )
    return longer, part.astype(np.int64)


def finer(scene: Scene, planned: Planned, long: Berths, short: Berths, part: I, count: int) -> Planned:
    """A plan of long steps in the short ones: each car charges in proportion to what it takes in them."""

    def spread(power_w: F, whole: F, each: F) -> F:
        shares: F = np.divide(power_w, whole, out=np.zeros_like(power_w), where=whole > 0)[part] * each
        return shares

    charge_w = spread(planned.charge_w, long.full_w, short.full_w)
    back_w = spread(planned.back_w, long.share, short.share)
    storage_w = np.repeat(planned.storage_w, count)
    world = scene.world
    series = full_series(world.series, world.steps)
    efficiency = short.efficiency[short.of]
    site_w = series.base_w - series.pv_w + world.evses.standby_w.sum() + storage_w
    site_w = site_w + world.storage.standby_w * (world.storage.capacity_wh > 0)
    site_w = site_w + np.bincount(short.step, charge_w / efficiency - back_w * efficiency, world.steps)
    return structs.replace(
        planned,
        charge_w=charge_w,
        back_w=back_w,
        storage_w=storage_w,
        site_w=site_w,
        tail=planned.tail[part],
    )
