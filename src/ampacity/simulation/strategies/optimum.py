"""`optimum`: what nobody could have done better, knowing everything, and its setpoints in the engine.

The plan (`planning`) is replayed in the engine: each step orders the energy that the plan has for it and what
the step before left undone, as far as that fits on the conductors and under the planned peak.
"""

from __future__ import annotations

import time

import numpy as np
from msgspec import Struct, structs

from ampacity.simulation.batch.episode import run as run_compiled
from ampacity.simulation.batch.outcome import Run, Scene
from ampacity.simulation.batch.world import F, I
from ampacity.simulation.metrics.windows import window_means_w, windows
from ampacity.simulation.strategies.stepping import step_through

from .berths import Berths, berths
from .flows import TOLERANCE, Flows, flows
from .interface import API, Decision, Observation, SitePlan, StrategyError
from .model import Terms
from .planning import Planned, Planner

PLACED_BY = "dynamic"
"""Whose run tells who stands where: one that keeps the limits, so that no breaker opens."""

HALVINGS = 12
"""How finely the share of what is missing is found that still fits: to 1 in 4,096."""


class NoOptimumError(StrategyError):
    """Who stands where depends on the strategy: no program knows the best."""

    def __init__(self, scene: Scene, count: int) -> None:
        super().__init__(
            f"{scene.name!r} has no offline optimum: {count} of its cars queue for an EVSE and leave when "
            "they are done, so that every strategy changes who comes next: compare with dynamic there"
        )


class Optimum(Struct, frozen=True, kw_only=True):
    """`run`: the plan in the engine. `bound`: no plan for these berths costs less (total cost, wear at its
    price in the terms). `planned`: what this plan costs by itself. `columns`, `rows` and `rounds`: of the
    program. `solve_s`: how long it took."""

    run: Run
    bound: float
    planned: float
    columns: int
    rows: int
    rounds: int
    solve_s: float


def optimum(scene: Scene, terms: Terms | None = None, *, each_evse: bool = False) -> Optimum:
    """The offline optimum of a scene. Raises NoOptimumError (a queue of cars that leave when they are done)
    and SolverError."""
    visits = scene.world.visits
    queueing = int((visits.leaves_done & (visits.pool >= 0)).sum())
    if queueing:
        raise NoOptimumError(scene, queueing)
    places = berths(run_compiled(scene, PLACED_BY))
    began = time.perf_counter()
    planned = Planner(scene, places, Terms() if terms is None else terms).solve()
    solve_s = time.perf_counter() - began
    followed = step_through(scene, Follow(scene, places, planned), each_evse=each_evse)
    return Optimum(
        run=structs.replace(followed.run, wall_s=followed.run.wall_s + solve_s),
        bound=planned.bound,
        planned=planned.cost,
        columns=planned.size[0],
        rows=planned.size[1],
        rounds=planned.rounds,
        solve_s=solve_s,
    )


class Follow:
    """A strategy that follows a plan."""

    name = "optimum"
    api = API

    def __init__(self, scene: Scene, places: Berths, planned: Planned) -> None:
        world = scene.world
        self._places, self._planned = places, planned
        self._flows: Flows = flows(world, places)
        self._hours = world.step_s / 3600.0
        self._number = {int(v): k for k, v in enumerate(places.visit)}
        counts = np.bincount(places.of, minlength=len(places.visit))
        self._first = np.cumsum(counts) - counts
        self._count = counts
        charged = np.cumsum(planned.charge_w[::-1])[::-1] - planned.charge_w
        ends = np.append(self._first[1:], len(planned.charge_w)) if len(counts) else self._first
        behind = np.append(charged + planned.charge_w, 0.0)[ends]
        self._after_wh = (charged - behind[places.of]) * self._hours
        self._after_wh[self._after_wh < 1e-3] = 0.0
        self._peak_w = np.full(world.steps, np.inf)
        if scene.demand_price > 0.0:
            stand = windows(scene)
            means = window_means_w(planned.site_w, stand)
            month = stand.month[stand.of_step]
            self._peak_w = np.array([means[stand.month == number].max() for number in month])

    def begin(self, site: SitePlan, rng: np.random.Generator) -> None:
        self._site = site
        self._behind_wh = np.zeros(len(self._places.visit))
        self._ordered_wh = np.zeros(len(self._places.visit))
        self._had_wh = np.zeros(len(self._places.visit))

    def decide(self, observation: Observation) -> Decision:
        """The plan of this step, and what is missing of the last ones where that fits."""
        t = observation.step
        here: list[tuple[int, int, int, float]] = []
        for car in observation.cars:
            k = self._number.get(car.session)
            if k is None:
                continue
            self._behind_wh[k] += self._ordered_wh[k] - (car.energy_wh - self._had_wh[k])
            self._ordered_wh[k], self._had_wh[k] = 0.0, car.energy_wh
            e = t - int(self._places.step[self._first[k]]) if self._count[k] else -1
            if 0 <= e < self._count[k]:
                here.append((car.evse, k, int(self._first[k]) + e, car.watts_per_a))
        setpoint_a = np.zeros(len(self._site.evses))
        if here:
            numbers = np.array([one[:3] for one in here])
            self._order(numbers, np.array([one[3] for one in here]), t, setpoint_a)
        return Decision(setpoint_a=setpoint_a, storage_w=float(self._planned.storage_w[t]))

    def _order(self, here: I, per_a: F, t: int, setpoint_a: F) -> None:
        evse, k, e = here[:, 0], here[:, 1], here[:, 2]
        share = self._places.share[e]
        plan_w = self._planned.charge_w[e] - self._planned.back_w[e]
        # Rows and the site's meter count the mean of the step.
        more_w = np.minimum(self._behind_wh[k] / self._hours, self._places.full_w[e] - plan_w)
        more_w = np.where((plan_w >= 0) & (share > 0), np.maximum(more_w, -plan_w), 0.0)
        more_w *= self._fitting(k, t, plan_w, more_w)
        power_w = plan_w + more_w
        with np.errstate(divide="ignore", invalid="ignore"):
            amperes = np.where(share > 0, power_w / share / per_a, 0.0)
        least = self._places.least_a[k]
        small = (amperes > 0) & (amperes < least - 1e-9)
        # A car that has what it wants stops by itself: its last step may be ordered in full.
        enough = (amperes > 0.5 * least) | (self._after_wh[e] <= 0) | self._planned.tail[e]
        enough &= plan_w > 0
        amperes = np.where(small, np.where(enough, least, 0.0), amperes)
        # Here `behind` is what was planned and not ordered; what was ordered and not taken comes next step.
        ordered = amperes * share * per_a * self._hours
        self._behind_wh[k] += plan_w * self._hours - ordered
        self._ordered_wh[k] = ordered
        setpoint_a[evse] = amperes

    def _fitting(self, k: I, t: int, plan_w: F, more_w: F) -> float:
        """The share of what is missing that fits on the conductors and under the planned peak."""
        if not (more_w > 0).any():
            return 1.0
        limit_a = self._flows.limit_a[t] * (1.0 + 0.6 * TOLERANCE)
        stored = self._flows.storage_per_kw * self._planned.storage_w[t] / 1e3
        good, bad = 0.0, 2.0
        for _ in range(HALVINGS):
            trial = 1.0 if bad > 1.0 else (good + bad) / 2
            power_kw = (plan_w + trial * more_w) / 1e3
            per_kw = np.where(power_kw >= 0, self._flows.per_kw[:, k], self._flows.back_per_kw[:, k])
            amount = np.abs(self._flows.base[t] + stored + (per_kw * power_kw).sum(axis=1))
            site_w = self._planned.site_w[t] + trial * float(more_w.sum())
            if (amount <= np.maximum(limit_a, np.abs(self._flows.base[t]))).all() and site_w <= max(
                self._peak_w[t], self._planned.site_w[t]
            ) + 1.0:
                good = trial
                if trial == 1.0:
                    break
            else:
                bad = trial
        return good
