"""Run a scene with a strategy that is written in Python: the engine's own pieces, one step at a time.

The physics is the compiled one, so that a strategy in Python and the same one compiled end in the same
figures. A step costs what building the observation costs: some microseconds for each
car that is plugged in, and what the strategy itself takes.
"""

from __future__ import annotations

import math
import time
from typing import Final

import numpy as np
from msgspec import Struct

from ..batch.arriving import arrive
from ..batch.deciding import Tuning
from ..batch.episode import storage_order_w
from ..batch.knowing import begin_base
from ..batch.outcome import Run, Scene
from ..batch.packed import Live, Site, pack, pack_state, pack_trace
from ..batch.physics import settle
from ..batch.series import full_series
from ..batch.state import State, blank, fresh
from ..batch.world import SLOTS, F, World
from .interface import (
    BadDecisionError,
    C,
    Car,
    Decision,
    EvsePlace,
    FailedError,
    Observation,
    SitePlan,
    Strategy,
    StrategyError,
)
from .loading import checked

PRICES_AHEAD_S: Final = 86_400.0
"""How far ahead prices are published."""


class Stepped(Struct, frozen=True, kw_only=True):
    """A run, and how many setpoints had to be put right (see `Decision`)."""

    run: Run
    clipped: int


def step_through(
    scene: Scene,
    strategy: Strategy,
    *,
    seed: int = 0,
    each_evse: bool = False,
    prices_ahead_s: float = PRICES_AHEAD_S,
) -> Stepped:
    """Run `scene` under `strategy`, which gets a generator from `seed`.

    Raises WrongApiError, BadDecisionError (not a number, wrong length) and FailedError (it raised).
    """
    checked(strategy, strategy.name)
    world = scene.world
    packed = pack(world)
    live, state = pack_state(fresh(world))
    log, trace = pack_trace(blank(world, each_evse=each_evse))
    watcher = Watcher(scene, packed, live, state, round(prices_ahead_s / world.step_s))
    clipped = 0
    began = time.perf_counter()
    try:
        strategy.begin(watcher.site, np.random.default_rng(seed))
    except StrategyError:
        raise
    except Exception as problem:
        raise FailedError(strategy.name, -1, problem) from problem
    for t in range(world.steps):
        arrive(packed, live, t)
        observation = watcher.observe(t)
        try:
            decision = strategy.decide(observation)
        except StrategyError:
            raise
        except Exception as problem:
            raise FailedError(strategy.name, t, problem) from problem
        orders_a, put_right = orders(strategy.name, observation, watcher.site, decision)
        clipped += put_right
        storage_w = decision.storage_w
        if storage_w is None:
            storage_w = storage_order_w(packed, live, Tuning(), t, orders_a)
        elif not math.isfinite(storage_w):
            raise BadDecisionError(
                strategy.name, t, f"storage_w is {storage_w!r}", "answer watts, or None to leave it alone"
            )
        settle(packed, live, log, t, orders_a, storage_w)
    run = Run(
        scene=scene, strategy=strategy.name, state=state, trace=trace, wall_s=time.perf_counter() - began
    )
    return Stepped(run=run, clipped=clipped)


def orders(name: str, observation: Observation, site: SitePlan, decision: Decision) -> tuple[F, int]:
    """The setpoints of a decision, put right, and how many of them had to be. Raises BadDecisionError."""
    step = observation.step
    count = len(site.evses)
    orders_a: F = np.array(decision.setpoint_a, np.float64)
    if orders_a.shape != (count,):
        raise BadDecisionError(
            name,
            step,
            f"setpoint_a has the shape {orders_a.shape}",
            f"answer {count} numbers, one for each EVSE",
        )
    if np.isnan(orders_a).any():
        evse = site.evses[int(np.flatnonzero(np.isnan(orders_a))[0])].name
        raise BadDecisionError(name, step, f"the setpoint of EVSE {evse!r} is not a number", "answer amperes")
    giving = {car.evse for car in observation.cars if car.gives_w > 0.0}
    least = np.array([place.min_a for place in site.evses])
    most = np.array([place.max_a for place in site.evses])
    lowest = np.array([-place.max_a if i in giving else 0.0 for i, place in enumerate(site.evses)])
    fair = np.clip(orders_a, lowest, most)
    fair[(fair > 0.0) & (fair < least - 1e-9)] = 0.0
    return fair, int((np.abs(fair - orders_a) > 1e-9).sum())


class Watcher:
    """What a running system would see of a scene."""

    def __init__(self, scene: Scene, packed: Site, live: Live, state: State, ahead_steps: int) -> None:
        self.world, self._packed, self._live, self._state = scene.world, packed, live, state
        self.site = site_plan(scene)
        self._ahead = max(ahead_steps, 1)
        self._used_re, self._used_im = (np.zeros(len(scene.rows)) for _ in range(2))
        self._series = full_series(scene.world.series, scene.world.steps)

    def observe(self, t: int) -> Observation:
        """The site at the start of step `t`."""
        world, state = self.world, self._state
        begin_base(self._packed, self._live, t, self._used_re, self._used_im)
        ahead = slice(t, t + self._ahead)
        limits = world.rows.limit_a
        return Observation(
            step=t,
            at_s=t * world.step_s,
            cars=self._cars(t),
            limit_a=limits[min(t, len(limits) - 1)].copy(),
            base=self._used_re + 1j * self._used_im,
            buy=self._series.buy[ahead],
            sell=self._series.sell[ahead],
            co2=self._series.co2[ahead],
            sun_w=self._series.pv_w[: t + 1],
            building_w=self._series.base_w[: t + 1],
            waiting=int(state.counts[1]),
            storage_soc=float(state.store[0]),
            storage_w=float(state.store[1]),
        )

    def _cars(self, t: int) -> tuple[Car, ...]:
        visits, places, state = self.world.visits, self.site.evses, self._state
        now_s = t * self.world.step_s
        found = []
        for i in np.flatnonzero(state.visit >= 0).tolist():
            v, place = int(state.visit[i]), places[i]
            slots = int(state.slots_used[i])
            accepts_a = float(state.accepts_a[i])
            declared_wh, leaves_s = float(visits.declared_wh[v]), float(visits.declared_depart_s[v])
            derate = float(self._series.derate[t]) if self.world.evses.derates[i] else 1.0
            found.append(
                Car(
                    evse=i,
                    session=v,
                    wants=slots > 0 and not state.full[v] and bool(state.broken_until_s[i] <= now_s),
                    min_a=place.min_a,
                    max_a=place.max_a * derate,
                    step_a=place.step_a,
                    slots=slots,
                    watts_per_a=place.volt_v * slots * (place.efficiency if place.dc else 1.0),
                    arrived_s=float(visits.arrive_s[v]),
                    plugged_s=float(state.plugged_s[v]),
                    energy_wh=float(state.energy_wh[v] - state.given_wh[v]),
                    declared_wh=None if math.isnan(declared_wh) else declared_wh,
                    declared_depart_s=None if math.isnan(leaves_s) else leaves_s,
                    accepts_a=None if math.isinf(accepts_a) else accepts_a,
                    measured_a=float(state.drawn_a[i]),
                    power_w=float(state.power_w[i]),
                    priority=int(place.priority + visits.priority[v]),
                    weight=float(place.weight * visits.weight[v]),
                    gives_w=float(visits.discharge_w[v]),
                )
            )
        return tuple(found)


def site_plan(scene: Scene) -> SitePlan:
    """What a strategy is told of a site before the first step."""
    world = scene.world
    evses, rows = world.evses, world.rows
    places = tuple(
        EvsePlace(
            name=name,
            min_a=float(evses.min_a[i]),
            max_a=float(evses.max_a[i]),
            step_a=float(evses.step_a[i]),
            volt_v=float(evses.volt_v[i]),
            slots=int(evses.slots[i]),
            dc=bool(evses.dc[i]),
            rating_w=float(evses.rating_w[i]),
            efficiency=float(evses.efficiency[i]),
            priority=int(evses.priority[i]),
            weight=float(evses.weight[i]),
        )
        for i, name in enumerate(scene.evses)
    )
    return SitePlan(
        step_s=world.step_s,
        evses=places,
        rows=scene.rows,
        coefficients=coefficients(world),
        storage=world.storage,
        storage_rows=rows.storage_re + 1j * rows.storage_im,
        worst_limit_a=rows.limit_a.min(axis=0),
        worst_base_a=np.hypot(rows.base_re, rows.base_im).max(axis=0),
    )


def coefficients(world: World) -> C:
    """What one ampere of each slot adds to each row, (r, n, 3)."""
    evses = world.evses
    count = len(evses.min_a)
    dense: C = np.zeros((world.rows.limit_a.shape[1], count, SLOTS), np.complex128)
    slot = np.repeat(np.arange(SLOTS * count), np.diff(evses.entry_start))
    np.add.at(dense, (evses.entry_row, slot // SLOTS, slot % SLOTS), evses.entry_re + 1j * evses.entry_im)
    return dense
