"""Follow a plan of the optimum in the engine, where chargers lag behind their orders.

A plan is a mean power for each step. A charger reaches what it is told only after a while, so it is told more
for a step in which its power rises, and less for one in which it falls, such that the mean is the plan's: the
first-order lag of `batch.battery`, turned round. What a car could not take for all that is caught up later,
who has the least room later first, as far as it fits on its own conductors and under the planned demand.

Powers are in W on the car's side of the EVSE and means of a step, where nothing else is said.
"""

from __future__ import annotations

import math

import numpy as np
from msgspec import Struct

from ampacity.simulation.batch.losses import delivered_w, drop_per_w, supplied_w
from ampacity.simulation.batch.outcome import Scene
from ampacity.simulation.batch.world import F, World
from ampacity.simulation.metrics.possible import taper_share
from ampacity.simulation.metrics.windows import window_means_w, windows

from .berths import Berths
from .flows import TOLERANCE, flows
from .interface import API, C, Car, Decision, Observation, SitePlan
from .planning import Planned
from .room import reach

LITTLE_WH = 0.5
"""Less than this is not caught up."""

CALM_W = 1e-3
"""What a mean may be off before it is put right."""


class Lag(Struct, frozen=True, gc=False):
    """A charger that stands at `level_w`, and how fast it follows over the `seconds` of a step."""

    level_w: float
    up_s: float
    down_s: float
    seconds: float

    def _behind(self, rises: bool) -> float:
        """The share of a change that is missing in the mean."""
        tau = self.up_s if rises else self.down_s
        if tau <= 0.0 or self.seconds <= 0.0:
            return 0.0
        return tau / self.seconds * (1.0 - math.exp(-self.seconds / tau))

    def mean_w(self, told_w: float) -> float:
        """What it draws in the mean when it is told this."""
        if abs(told_w - self.level_w) <= 1e-3 * max(told_w, 1.0):
            return told_w  # as in `batch.battery`
        return told_w - (told_w - self.level_w) * self._behind(told_w > self.level_w)

    def told_w(self, mean_w: float) -> float:
        """What it must be told for this mean; may be more or less than it can be told."""
        behind = self._behind(mean_w > self.level_w)
        return (mean_w - self.level_w * behind) / (1.0 - behind) if behind < 1.0 else mean_w


class Feed(Struct, frozen=True, gc=False):
    """What an EVSE loses between its supply and a car on so many slots, as `batch.losses` has it."""

    volt_v: float
    fixed_w: float
    linear: float
    square: float

    def supply_w(self, power_w: float) -> float:
        """At the supply, for a power on the car's side."""
        return supplied_w(self.fixed_w, self.linear, self.square, power_w)

    def car_w(self, supply_w: float) -> float:
        """On the car's side, for what comes from the supply."""
        return delivered_w(self.fixed_w, self.linear, self.square, supply_w)


def feed(world: World, evse: int, slots: int) -> Feed:
    """The feed of a car on `slots` slots of an EVSE. `volt_v`: what one ampere of all of them gives."""
    evses = world.evses
    volt_v = float(evses.volt_v[evse])
    if not len(evses.ohm) or not (evses.fixed_w[evse] or evses.linear[evse] or evses.ohm[evse]):
        return Feed(volt_v * slots, 0.0, 1.0 / float(evses.efficiency[evse]) - 1.0, 0.0)
    square = drop_per_w(float(evses.ohm[evse]), volt_v, max(slots, 1))
    return Feed(volt_v * slots, float(evses.fixed_w[evse]), float(evses.linear[evse]), square)


class Step(Struct, gc=False):
    """A car in a step: `plan_w`, what is missing (`missing_w`, as a mean of this step), `most_w` that it
    takes, `least_w` that it can be told, `share` of the step in which it can charge; `stops`: a power below
    the least may be ordered as the least. `spare_wh`: how much more it could have later than is planned.
    Decided: `told_w` while it charges, `mean_w` that comes of it."""

    car: Car
    k: int
    plan_w: float
    missing_w: float
    most_w: float
    least_w: float
    share: float
    stops: bool
    spare_wh: float
    lag: Lag
    feed: Feed
    told_w: float = 0.0
    mean_w: float = 0.0

    def aim(self, mean_w: float) -> tuple[float, float]:
        """What to tell it for this mean, and the mean that comes of it."""
        if self.share <= 0.0:
            return 0.0, 0.0
        if mean_w < 0.0:
            return mean_w / self.share, mean_w
        told_w = min(max(self.lag.told_w(mean_w / self.share), 0.0), self.most_w)
        if told_w < self.least_w - 1e-6:
            raised = mean_w > 0.0 and (told_w > 0.5 * self.least_w or self.stops)
            told_w = self.least_w if raised else 0.0
        return told_w, self.lag.mean_w(told_w) * self.share


class Follow:
    """A strategy that follows a plan."""

    name = "optimum"
    api = API

    def __init__(self, scene: Scene, places: Berths, planned: Planned, *, strangers: bool = False) -> None:
        """`strangers`: give cars that the plan doesn't know of (any more) what still fits."""
        world = scene.world
        self._strangers = strangers
        self._scene, self._places, self._planned = scene, places, planned
        self._flows = flows(world, places)
        self._hours = world.step_s / 3600.0
        self._number = {int(v): k for k, v in enumerate(places.visit)}
        self._count = np.bincount(places.of, minlength=len(places.visit))
        self._first = np.cumsum(self._count) - self._count
        self._after_wh = self._sum_after(planned.charge_w)
        self._after_wh[self._after_wh < 1e-3] = 0.0
        self._spare_wh = self._sum_after(np.maximum(places.full_w - planned.charge_w, 0.0))
        self._grid = np.linspace(0.0, 1.0, 101)
        self._taper = taper_share(world, places.visit, self._grid)

    def _sum_after(self, power_w: F) -> F:
        """Energy of the later steps of the same berth (e)."""
        places = self._places
        sums = np.concatenate([np.zeros(1), np.cumsum(power_w)])
        ends = self._first + self._count
        after: F = (sums[ends[places.of]] - sums[1:]) * self._hours
        return after

    def begin(self, site: SitePlan, rng: np.random.Generator) -> None:
        self._site = site
        self._behind_wh, self._ordered_wh, self._had_wh = np.zeros((3, len(self._places.visit)))
        self._demand = Demand(self._scene, self._planned)
        self._per_w: dict[tuple[int, int], C] = {}
        self._feeds: dict[tuple[int, int], Feed] = {}
        # As in the plan: where the base alone is too much, the cars can't help it.
        helps = np.abs(self._flows.base) < self._flows.limit_a
        self._limit_a = np.where(helps, self._flows.limit_a * (1.0 + 0.6 * TOLERANCE), np.inf)

    def decide(self, observation: Observation) -> Decision:
        """The plan of this step, and what is missing of the last ones where that fits."""
        t, cars, strangers = observation.step, list[Step](), list[Car]()
        for car in observation.cars:
            k = self._number.get(car.session)
            if k is None:
                strangers.append(car)
                continue
            self._behind_wh[k] += self._ordered_wh[k] - (car.energy_wh - self._had_wh[k])
            self._ordered_wh[k], self._had_wh[k] = 0.0, car.energy_wh
            e = t - int(self._places.step[self._first[k]]) if self._count[k] else -1
            if 0 <= e < self._count[k]:
                cars.append(self._step(car, k, int(self._first[k]) + e))
            else:
                strangers.append(car)
        used = self._share_out(t, cars, observation.base)
        setpoint_a = np.zeros(len(self._site.evses))
        for one in cars:
            setpoint_a[one.car.evse] = self._amperes(one)
            self._ordered_wh[one.k] = one.mean_w * self._hours
            self._behind_wh[one.k] += (one.plan_w - one.mean_w) * self._hours
        if self._strangers:
            for car in strangers:
                setpoint_a[car.evse] = self._rest_a(t, car, used) if car.wants else 0.0
        return Decision(setpoint_a=setpoint_a, storage_w=float(self._planned.storage_w[t]))

    def _rest_a(self, t: int, car: Car, used: C) -> float:
        """What still fits for a car without a plan; it is then used."""
        way = self._feed(car)
        per_a = self._per_w[car.evse, car.slots] * way.volt_v
        room_a = min(car.max_a, self._fits(t, per_a, used))
        if way.volt_v <= 0.0 or room_a < max(car.min_a, 1e-3):
            return 0.0
        used += room_a * per_a
        return room_a

    def _step(self, car: Car, k: int, e: int) -> Step:
        """A car as it stands at the start of a step."""
        places, visits = self._places, self._scene.world.visits
        v, share = int(places.visit[k]), float(places.share[e])
        way = self._feed(car)
        plan_w = float(self._planned.charge_w[e] - self._planned.back_w[e])
        soc = float(places.soc[k]) + car.energy_wh * float(visits.efficiency[v] / visits.capacity_wh[v])
        takes_w = float(
            visits.accept_w[v] / visits.efficiency[v] * np.interp(soc, self._grid, self._taper[k])
        )
        return Step(
            car=car,
            k=k,
            plan_w=plan_w,
            missing_w=self._behind_wh[k] / self._hours,
            most_w=min(float(places.full_w[e]) / share, takes_w) if share > 0 else 0.0,
            least_w=way.car_w(float(places.least_a[k]) * way.volt_v),
            share=share,
            stops=bool(self._after_wh[e] <= 0 or self._planned.tail[e]),
            spare_wh=float(self._spare_wh[e]),
            lag=Lag(
                level_w=way.car_w(max(car.measured_a, 0.0) * way.volt_v),
                up_s=float(visits.up_s[v]),
                down_s=float(visits.down_s[v]),
                seconds=share * self._scene.world.step_s,
            ),
            feed=way,
        )

    def _feed(self, car: Car) -> Feed:
        key = (car.evse, car.slots)
        if key not in self._feeds:
            self._feeds[key] = feed(self._scene.world, car.evse, car.slots)
            sums = self._site.coefficients[:, car.evse, : car.slots].sum(axis=1)
            self._per_w[key] = sums / max(self._feeds[key].volt_v, 1.0)
        return self._feeds[key]

    def _amperes(self, one: Step) -> float:
        """The setpoint: amperes a slot at the supply."""
        if one.told_w == 0.0 or one.feed.volt_v <= 0.0:
            return 0.0
        if one.told_w < 0.0:
            return one.told_w / one.car.watts_per_a
        least_a = float(self._places.least_a[one.k])
        return max(one.feed.supply_w(one.told_w) / one.feed.volt_v, least_a)

    def _share_out(self, t: int, cars: list[Step], base: C) -> C:
        """Decide for all: first who falls, then who holds or rises to the plan, then who has to catch up.
        Returns what the rows then carry."""
        store = self._scene.world.storage
        stored_w = self._planned.storage_w[t] + store.standby_w * (store.capacity_wh > 0)
        used = base + self._flows.storage_per_kw * stored_w / 1e3
        rest: list[Step] = []
        extra_w = 0.0
        for one in cars:
            aim_w = one.plan_w
            if aim_w >= 0.0 and one.missing_w < 0.0:
                aim_w = max(aim_w + one.missing_w, 0.0)
            one.told_w, one.mean_w = one.aim(aim_w)
            falls = one.mean_w < one.lag.level_w * one.share - CALM_W and one.mean_w <= aim_w + CALM_W
            if falls or one.told_w <= 0.0:
                extra_w += self._extra_w(one)
                used = used + self._load(one, one.mean_w)
            else:
                rest.append(one)
        for one in sorted(rest, key=lambda one: one.spare_wh):
            # Others may fall more slowly than this one is to rise.
            room_w = max(self._demand.room_w(t) - extra_w, 0.0)
            if one.mean_w > one.plan_w + room_w + CALM_W:  # the least current is more than the plan
                one.told_w, one.mean_w = 0.0, one.lag.mean_w(0.0) * one.share
            self._raise(t, one, used, 0.0, one.mean_w)
            used = used + self._load(one, one.mean_w)
            extra_w += self._extra_w(one)
        pressing = [one for one in cars if self._behind(one) > 0.0]
        for one in sorted(pressing, key=lambda one: one.spare_wh - self._behind_wh[one.k]):
            had_w, before_w = one.mean_w, self._extra_w(one)
            more_w = min(self._behind(one), self._demand.room_w(t) - extra_w)
            if more_w <= CALM_W:
                continue
            used = used - self._load(one, had_w)
            self._raise(t, one, used, had_w, had_w + more_w)
            used = used + self._load(one, one.mean_w)
            extra_w += self._extra_w(one) - before_w
        self._demand.passed(t, extra_w)
        return np.asarray(used)

    def _behind(self, one: Step) -> float:
        """How much more than decided a car should have in this step."""
        if one.plan_w < 0.0 or one.share <= 0.0 or one.missing_w * self._hours < LITTLE_WH:
            return 0.0
        return min(one.plan_w + one.missing_w, one.lag.mean_w(one.most_w) * one.share) - one.mean_w

    def _raise(self, t: int, one: Step, used: C, least_w: float, most_w: float) -> None:
        """As much as fits beside what is used, between these means; below the least current nothing more."""
        if most_w <= 0.0:
            return
        direction = self._per_w[one.car.evse, one.car.slots]
        supply_w = self._fits(t, direction, used)
        fits_w = one.feed.car_w(supply_w) if math.isfinite(supply_w) else supply_w
        told_w, mean_w = one.aim(most_w)
        if mean_w <= fits_w:
            one.told_w, one.mean_w = told_w, mean_w
            return
        told_w, mean_w = one.aim(max(fits_w, least_w))
        if mean_w > max(fits_w, least_w) + CALM_W:
            if least_w > 0.0:
                return
            told_w, mean_w = 0.0, one.lag.mean_w(0.0) * one.share
        one.told_w, one.mean_w = told_w, mean_w

    def _fits(self, t: int, direction: C, used: C) -> float:
        """How much along a direction fits beside what is used."""
        return min(
            (
                reach(complex(used[r]), complex(direction[r]), float(self._limit_a[t, r]))
                for r in np.flatnonzero(direction)
            ),
            default=math.inf,
        )

    def _extra_w(self, one: Step) -> float:
        """How much more than planned, at the supply."""
        efficiency = float(self._flows.efficiency[one.k])
        planned_w = one.plan_w / efficiency if one.plan_w >= 0.0 else one.plan_w * efficiency
        return one.feed.supply_w(one.mean_w) - planned_w

    def _load(self, one: Step, mean_w: float) -> C:
        """What this power of a car adds to the rows."""
        loads: C = self._per_w[one.car.evse, one.car.slots] * one.feed.supply_w(mean_w)
        return loads


class Demand:
    """What the site may draw above the plan without a higher demand charge than planned."""

    def __init__(self, scene: Scene, planned: Planned) -> None:
        steps = scene.world.steps
        self._free = np.full(steps, np.inf)
        self._window = np.zeros(steps, np.int64)
        if scene.demand_price > 0.0:
            stand = windows(scene)
            means_w, lengths = window_means_w(planned.site_w, stand), np.bincount(stand.of_step)
            peaks_w = {m: means_w[stand.month == m].max() for m in np.unique(stand.month).tolist()}
            peak_w = np.array([max(peaks_w[m], 0.0) for m in stand.month.tolist()])
            self._window = stand.of_step
            self._free = (peak_w - means_w) * lengths

    def room_w(self, t: int) -> float:
        """How much more than planned in this step, at the supply."""
        return float(self._free[self._window[t]])

    def passed(self, t: int, extra_w: float) -> None:
        """A step drew so much more than planned."""
        self._free[self._window[t]] -= extra_w
