"""`measure`: a run becomes its figures (docs/metrics.md)."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from ampacity.simulation.batch.outcome import Run
from ampacity.simulation.batch.series import full_series, per_step
from ampacity.simulation.batch.world import (
    BALKED,
    LEFT,
    PLUGGED,
    RENEGED,
    TURNED_AWAY,
    WAITING,
    B,
    F,
)

from .balance import Balance, balance
from .measured import Metrics
from .possible import came, possible_wh, start_soc
from .windows import demand_kw, window_means_w, windows

SHORT_SHARE, SHORT_WH = 0.99, 100.0
"""A car left short when it has less than 99 % of what it could have had, and misses more than 100 Wh."""

OVER = 1e-6
"""A row is above its limit when it carries this share and as many amperes more: rounding is no overload."""


class Wear(Protocol):
    """What the ageing of the batteries of a run costs, cars and storage, in the scene's currency."""

    def __call__(self, run: Run) -> float: ...


def measure(run: Run, *, wear: Wear | None = None) -> Metrics:
    """All figures of a run. Without `wear` the ageing of batteries has no price."""
    scene, state, trace = run.scene, run.state, run.trace
    world = scene.world
    visits, series = world.visits, full_series(world.series, world.steps)
    hours = world.step_s / 3600.0
    accounts = balance(run)

    here = came(world)
    possible = possible_wh(world, start_soc(world, state.soc))
    got = state.energy_wh - state.given_wh
    missing = np.where(here, np.maximum(possible - got, 0.0), 0.0)
    short = here & (got < SHORT_SHARE * possible) & (possible - got > SHORT_WH)

    import_kw = np.maximum(trace.site_w, 0.0) / 1e3
    export_kw = np.maximum(-trace.site_w, 0.0) / 1e3
    energy_cost = float((import_kw * series.buy - export_kw * series.sell).sum()) * hours
    stand = windows(scene)
    demand_cost = scene.demand_price * sum(demand_kw(trace.site_w, stand).values())
    unmet_kwh = float(missing.sum()) / 1e3
    unmet_cost = scene.unmet_price * unmet_kwh
    wear_cost = 0.0 if wear is None else wear(run)

    share = row_share(run)
    over: B = np.any(trace.row_a > world.rows.limit_a * (1.0 + OVER) + OVER, axis=1)
    congested = _congested(run, short)
    fullest = share.max(axis=1, initial=0.0)
    gone = state.where == LEFT
    left_short = gone & np.where(visits.soc_needed > 0, state.soc < visits.soc_needed - 1e-6, short)
    waits = _waits(run)
    stays = (state.left_s - visits.arrive_s)[gone]
    wanting = here & (possible > 0)
    served = np.clip(got[wanting] / possible[wanting], 0.0, 1.0)
    possible_kwh = float(possible[here].sum()) / 1e3
    capacity_wh = world.storage.capacity_wh
    through_wh = float(state.store[2] + state.store[3])
    return Metrics(
        visits=int(here.sum()),
        cut_visits=int((here & (visits.depart_s > world.steps * world.step_s)).sum()),
        asked_kwh=float(visits.energy_wh[here & np.isfinite(visits.energy_wh)].sum()) / 1e3,
        possible_kwh=possible_kwh,
        delivered_kwh=float(state.energy_wh.sum()) / 1e3,
        given_back_kwh=float(state.given_wh.sum()) / 1e3,
        unmet_kwh=unmet_kwh,
        unmet_share=unmet_kwh / possible_kwh if possible_kwh > 0 else None,
        grid_import_kwh=accounts.grid_wh / 1e3,
        grid_export_kwh=accounts.export_wh / 1e3,
        energy_cost=energy_cost,
        demand_cost=demand_cost,
        operating_cost=energy_cost + demand_cost,
        unmet_cost=unmet_cost,
        wear_cost=wear_cost,
        total_cost=energy_cost + demand_cost + unmet_cost + wear_cost,
        peak_kw=float(trace.site_w.max(initial=0.0)) / 1e3,
        peak_window_kw=float(window_means_w(trace.site_w, stand).max(initial=0.0)) / 1e3,
        peak_row_share=float(fullest.max()) if share.size else None,
        over_limit_s=float(over.sum()) * world.step_s,
        longest_over_limit_s=_longest(over) * world.step_s,
        trips=int(state.trips.sum()),
        congested_h=float(congested.sum()) * hours,
        utilisation_congested=float(fullest[congested].mean()) if congested.any() and share.size else None,
        plugged=int(np.isfinite(state.plugged_s).sum()),
        missed_departures=int(left_short.sum()),
        balked=int((state.where == BALKED).sum()),
        reneged=int((state.where == RENEGED).sum()),
        turned_away=int((state.where == TURNED_AWAY).sum()),
        wait_mean_s=_mean(waits),
        wait_p95_s=float(np.quantile(waits, 0.95)) if len(waits) else None,
        time_in_system_mean_s=_mean(stays),
        fairness_jain=jain(served),
        served_share_p5=float(np.quantile(served, 0.05)) if len(served) else None,
        co2_kg=float((import_kw * series.co2).sum()) * hours / 1e3,
        sun_kwh=accounts.sun_wh / 1e3,
        self_consumption=_self_consumption(run),
        self_sufficiency=_self_sufficiency(accounts),
        station_losses_kwh=accounts.station_losses_wh / 1e3,
        car_losses_kwh=accounts.car_losses_wh / 1e3,
        storage_losses_kwh=accounts.storage_losses_wh / 1e3,
        battery_throughput_kwh=float((state.energy_wh + state.given_wh).sum()) / 1e3,
        storage_cycles=through_wh / (2.0 * capacity_wh) if capacity_wh > 0 else None,
        writes_per_evse_h=_writes(run),
    )


def jain(shares: F) -> float | None:
    """Jain's index of fairness: 1 when all have the same, 1/n when one has all (Jain, Chiu, Hawe, 1984)."""
    if not len(shares):
        return None
    squares = float((shares**2).sum())
    return float(shares.sum()) ** 2 / (len(shares) * squares) if squares > 0 else 1.0


def row_share(run: Run) -> F:
    """What each row carries as a share of its limit (T, r); 0 where the limit is 0."""
    row_a, limit_a = run.trace.row_a, run.scene.world.rows.limit_a
    limits = np.broadcast_to(limit_a, row_a.shape)
    share: F = np.divide(row_a, limits, out=np.zeros_like(row_a), where=limits > 0)
    return share


def _congested(run: Run, short: B) -> B:
    """The steps in which a car stands plugged in that did not get what it could have had."""
    world, state = run.scene.world, run.state
    steps = world.steps
    mine = short & np.isfinite(state.plugged_s)
    edges = np.zeros(steps + 1, np.int64)
    first = np.clip(np.ceil(state.plugged_s[mine] / world.step_s - 1e-9), 0, steps).astype(np.int64)
    until = np.minimum(state.left_s[mine], steps * world.step_s)
    last = np.clip(np.floor(until / world.step_s + 1e-9), 0, steps).astype(np.int64)
    np.add.at(edges, first, 1)
    np.add.at(edges, np.maximum(last, first), -1)
    standing: B = np.cumsum(edges)[:steps] > 0
    return standing


def _waits(run: Run) -> F:
    """Seconds from arrival to the plug; to giving up, or to the end, for who never had it."""
    world, state = run.scene.world, run.state
    arrive_s, end_s = world.visits.arrive_s, world.steps * world.step_s
    had = np.isfinite(state.plugged_s)
    gave_up = (state.where == RENEGED) | (state.where == TURNED_AWAY)
    until = np.where(had, state.plugged_s, np.where(gave_up, np.minimum(state.left_s, end_s), end_s))
    counted = had | gave_up | (state.where == WAITING) | (state.where == PLUGGED)
    waits: F = np.maximum(until - np.maximum(arrive_s, 0.0), 0.0)[counted]
    return waits


def _longest(over: B) -> int:
    longest = lasting = 0
    for above in over.tolist():
        lasting = lasting + 1 if above else 0
        longest = max(longest, lasting)
    return longest


def _mean(values: F) -> float | None:
    return float(values.mean()) if len(values) else None


def _self_consumption(run: Run) -> float | None:
    """The share of the sun's energy that did not leave the site in the step in which it came."""
    world = run.scene.world
    sun_w = per_step(world.series.pv_w, world.steps)
    if not sun_w.sum() > 0:
        return None
    left_w = np.minimum(np.maximum(-run.trace.site_w, 0.0), sun_w)
    return float(1.0 - left_w.sum() / sun_w.sum())


def _self_sufficiency(accounts: Balance) -> float | None:
    """The share of what the building and the EVSEs took that was not imported."""
    taken_wh = accounts.building_wh + accounts.supply_wh
    if accounts.sun_wh <= 0 or taken_wh <= 0:
        return None
    return min(max(1.0 - accounts.grid_wh / taken_wh, 0.0), 1.0)


def _writes(run: Run) -> float:
    world = run.scene.world
    count = len(world.evses.min_a)
    return float(run.state.writes.sum()) / (count * world.steps * world.step_s / 3600.0) if count else 0.0
