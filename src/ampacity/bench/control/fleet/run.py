"""Fifty sites for a day each under the product's law: what breakers, cars and lines went through."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
from msgspec import Struct, structs
from rich.progress import track

from ampacity.control import allocate
from ampacity.simulation.batch.deciding import Tuning
from ampacity.simulation.batch.episode import run as run_batch
from ampacity.simulation.governed.planned import scene_of
from ampacity.simulation.scenario import WorldPlan

from ...report import Figures
from .deadbeat import DeadBeat
from .keeper import Keeper
from .plant import Plant
from .sites import METERS, FleetSite, MeterClass, fleet_site

SITES, HOURS = 50, 24.0
QUICK_SITES, QUICK_MINUTES = 3, 15.0
BESIDE = 6
"""On so many sites the plain law is run as well."""
COMPARED = (
    "breaker_trips",
    "hottest_breaker",
    "seconds_over_limit_per_h",
    "longest_over_limit_s",
    "highest_share_of_limit",
    "writes_per_car_h",
    "utilisation",
    "delivered_of_least_laxity",
)
SEED = 1
BATCH_S = 60


class Task(Struct, frozen=True, kw_only=True):
    """One site to be run, for `hours` of the day or of its busy time. `bound`: work out least laxity too."""

    number: int
    seed: int
    hours: float
    busy: bool
    bound: bool
    deadbeat: bool = False


class Ran(Struct, frozen=True, kw_only=True):
    """What one site went through.

    `over_s`: seconds in which any circuit phase was above its limit, `longest_over_s` without a break,
    `most_over` the highest share of a limit. `heat`: the highest share of the heat at which a breaker opens.
    `held_s`: seconds in which a limit kept a car from more, and `used` the sum of the fullest phase's share
    of its limit in them; of the rest of that limit, `margin` is what the law kept free, `set_aside` what it
    reserved for EVSEs that it could not steer (most are idle and might begin on their safe current).
    `short_wh`: what cars had less than least laxity gives them.
    """

    meter: MeterClass
    hours: float
    trips: int
    over_s: int
    longest_over_s: int
    most_over: float
    heat: float
    writes: int
    renewals: int
    unanswered: int
    reservations_over: int
    disobedient: int
    messages: int
    messages_lost: int
    car_h: float
    held_s: int
    used: float
    margin: float
    set_aside: float
    delivered_wh: float
    least_laxity_wh: float
    short_wh: float


def perform(task: Task) -> Ran:
    """Run one site. The compiled form of sharing gives the same, sooner."""
    allocate.prepare()
    return asyncio.run(_perform(task))


async def _perform(task: Task) -> Ran:
    world = fleet_site(task.number, task.seed, task.hours, busy=task.busy)
    plant = Plant(world, task.seed)
    keeper = DeadBeat(plant) if task.deadbeat else Keeper(plant)
    over_s = longest = over_now = held_s = cars_s = 0
    most = used = margin = set_aside = 0.0
    for _ in range(world.seconds):
        plant.step()
        await keeper.tick()
        loads = plant.row_a / plant.limit_a
        row = int(loads.argmax())
        fullest = float(loads[row])
        most = max(most, fullest)
        over_now = over_now + 1 if fullest > 1.0 else 0
        over_s += fullest > 1.0
        longest = max(longest, over_now)
        cars_s += sum(outlet.car is not None for outlet in plant.outlets)
        if any(outlet.held for outlet in plant.outlets):
            held_s += 1
            used += fullest
            ledger = keeper.ledgers.get(world.site.circuits[row // 3].circuit_id)
            if ledger is not None:
                margin += ledger.margin_a / ledger.limit_a
                set_aside += ledger.reserve_a[row % 3] / ledger.limit_a
    plant.finish()
    could_wh = least_laxity_wh(world) if task.bound else {}
    had_wh = plant.energy_wh
    return Ran(
        meter=world.meter,
        hours=task.hours,
        trips=int(plant.breakers.tripped.sum()),
        over_s=over_s,
        longest_over_s=longest,
        most_over=most,
        heat=plant.breakers.worst,
        writes=keeper.live_site.figures.limits_sent,
        renewals=keeper.live_site.figures.renewals_sent,
        unanswered=keeper.calls.unanswered,
        reservations_over=keeper.reservations_over,
        disobedient=keeper.aside,
        messages=plant.lines.sent,
        messages_lost=plant.lines.lost,
        car_h=cars_s / 3600.0,
        held_s=held_s,
        used=used,
        margin=margin,
        set_aside=set_aside,
        delivered_wh=sum(had_wh.values()),
        least_laxity_wh=sum(could_wh.values()),
        short_wh=sum(max(0.0, could - had_wh.get(name, 0.0)) for name, could in could_wh.items()),
    )


def least_laxity_wh(world: FleetSite) -> dict[str, float]:
    """By session, what least laxity gives it in the batch world: the same cars, limits and buildings by the
    minute, known at once and obeyed at once, with the margin that the law keeps with a meter of a second."""
    plan = WorldPlan(
        seed=world.number,
        name=world.site.name,
        starts_at=world.starts_at,
        evses=world.evses,
        visits=world.visits,
    )
    scene = scene_of(plan, world.site, hours=world.seconds / 3600.0, step_s=float(BATCH_S))
    minutes = len(world.base_a) // BATCH_S
    base_a = world.base_a[: minutes * BATCH_S].reshape(minutes, BATCH_S, -1).mean(axis=1)
    rows = scene.world.rows._replace(base_re=base_a)
    scene = structs.replace(scene, world=scene.world._replace(rows=rows))
    done = run_batch(scene, "least-laxity", Tuning(margin_a=2.0, margin_share=0.02))
    return dict(zip(done.scene.visits, done.state.energy_wh.tolist(), strict=True))


def measure(quick: bool, sites: int | None, minutes: float | None, jobs: int) -> Figures:
    """The figures of all sites, and of those with quick, middling and slow meters apart. `minutes` from each
    site's busy hour on, instead of the day."""
    count = sites or (QUICK_SITES if quick else SITES)
    minutes = minutes or (QUICK_MINUTES if quick else None)
    hours = HOURS if minutes is None else minutes / 60.0
    tasks = [
        Task(number=k, seed=SEED, hours=hours, busy=minutes is not None, bound=not quick)
        for k in range(count)
    ]
    plain = [structs.replace(task, deadbeat=True) for task in tasks[:BESIDE]]
    every = tasks + plain
    ran = list(track(_all(every, jobs), description=f"{count} sites", total=len(every)))
    ran, other = ran[:count], ran[count:]
    figures = (
        _figures("fleet_", ran) | _beside("fleet_deadbeat_", other) | _beside("fleet_same_", ran[:BESIDE])
    )
    for meter in METERS:
        chosen = [each for each in ran if each.meter == meter]
        if chosen:
            figures |= _figures(f"fleet_meter_{meter}_", chosen)
    return figures


def _all(tasks: Sequence[Task], jobs: int) -> Iterator[Ran]:
    if jobs == 1:
        yield from map(perform, tasks)
        return
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        yield from pool.map(perform, tasks)


def _beside(prefix: str, ran: Sequence[Ran]) -> Figures:
    """What is compared with the plain law."""
    whole = _figures(prefix, ran)
    return {prefix + name: whole[prefix + name] for name in COMPARED if prefix + name in whole}


def _figures(prefix: str, ran: Sequence[Ran]) -> Figures:
    hours = sum(each.hours for each in ran)
    car_h = max(sum(each.car_h for each in ran), 1e-9)
    held_s = sum(each.held_s for each in ran)
    could_wh = sum(each.least_laxity_wh for each in ran)
    messages = sum(each.messages for each in ran)
    figures = {
        "sites": float(len(ran)),
        "site_hours": hours,
        "breaker_trips": float(sum(each.trips for each in ran)),
        "hottest_breaker": max(each.heat for each in ran),
        "seconds_over_limit_per_h": sum(each.over_s for each in ran) / hours,
        "longest_over_limit_s": float(max(each.longest_over_s for each in ran)),
        "highest_share_of_limit": max(each.most_over for each in ran),
        "median_site_over_limit_per_h": float(np.median([each.over_s / each.hours for each in ran])),
        "writes_per_car_h": sum(each.writes for each in ran) / car_h,
        "renewals_per_car_h": sum(each.renewals for each in ran) / car_h,
        "unanswered_share": sum(each.unanswered for each in ran)
        / max(1, sum(each.writes + each.renewals for each in ran)),
        "messages_lost_share": sum(each.messages_lost for each in ran) / max(1, messages),
        "disobedient": float(sum(each.disobedient for each in ran)),
        "reservations_over": float(sum(each.reservations_over for each in ran)),
        "congested_h": held_s / 3600.0,
        "utilisation": sum(each.used for each in ran) / max(1, held_s),
        "margin_share": sum(each.margin for each in ran) / max(1, held_s),
        "set_aside_share": sum(each.set_aside for each in ran) / max(1, held_s),
        "delivered_kwh": sum(each.delivered_wh for each in ran) / 1000.0,
    }
    if could_wh:
        figures["delivered_of_least_laxity"] = sum(each.delivered_wh for each in ran) / could_wh
        figures["unmet_kwh"] = sum(each.short_wh for each in ran) / 1000.0
    return {prefix + name: value for name, value in figures.items()}
