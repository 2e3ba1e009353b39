"""Strategies that serve one car after the other: first come, earliest deadline, least laxity, round robin."""

from __future__ import annotations

import math

import numpy as np

from ampacity.simulation.batch.world import F

from .interface import API, Car, Decision, Observation, SitePlan
from .need import most_a, slack_s
from .room import Room, capacities, down_to_step


class Ordered:
    """In the order of `key`, lowest first (equal ones in the order of their EVSEs), each car gets all that it
    has a use for and that still fits; less than the least current is nothing.

    `margin_a` or `margin_share` of each limit, whichever is more, stays free. `cap_w` bounds all EVSEs
    together, at their supply. `by_need`: nobody gets more in a step than its declared energy still takes.
    """

    name = "ordered"
    api = API

    def __init__(
        self,
        *,
        margin_a: float = 0.0,
        margin_share: float = 0.0,
        cap_w: float = math.inf,
        by_need: bool = True,
    ) -> None:
        self.margin_a, self.margin_share, self.cap_w, self.by_need = margin_a, margin_share, cap_w, by_need

    def begin(self, site: SitePlan, rng: np.random.Generator) -> None:
        self.site = site

    def key(self, car: Car, observation: Observation) -> float:
        """Where the car stands in the order."""
        raise NotImplementedError

    def room(self, observation: Observation) -> Room:
        """What the rows may still carry."""
        capacity_a = capacities(observation.limit_a, self.margin_a, self.margin_share)
        return Room(self.site, observation.base, capacity_a)

    def sorted(self, observation: Observation) -> list[Car]:
        """The cars that want something, in order."""
        wanting = [car for car in observation.cars if car.wants]
        return sorted(wanting, key=lambda car: self.key(car, observation))

    def decide(self, observation: Observation) -> Decision:
        room = self.room(observation)
        setpoint_a: F = np.zeros(len(self.site.evses))
        left_w = self.cap_w
        for car in self.sorted(observation):
            place = self.site.evses[car.evse]
            supply_w_per_a = place.volt_v * car.slots
            amperes = most_a(car, place, self.site.step_s, by_need=self.by_need)
            amperes = room.most(car.evse, car.slots, min(amperes, left_w / supply_w_per_a))
            amperes = down_to_step(amperes, car.step_a)
            if amperes < car.min_a - 1e-9 or amperes <= 0.0:
                continue
            setpoint_a[car.evse] = amperes
            left_w -= amperes * supply_w_per_a
            room.add(car.evse, car.slots, amperes)
        return Decision(setpoint_a=setpoint_a)


class FirstCome(Ordered):
    """Who plugged in first."""

    name = "first-come"

    def key(self, car: Car, observation: Observation) -> float:
        return car.plugged_s


class EarliestDeadline(Ordered):
    """Who said to leave first; who said nothing comes last."""

    name = "earliest-deadline"

    def key(self, car: Car, observation: Observation) -> float:
        return math.inf if car.declared_depart_s is None else car.declared_depart_s


class LeastLaxity(Ordered):
    """Who has the least time to spare."""

    name = "least-laxity"

    def key(self, car: Car, observation: Observation) -> float:
        return slack_s(car, self.site.evses[car.evse], observation.at_s)


class RoundRobin(Ordered):
    """In turns each gets one increment more, first its least current, until nothing fits; who begins moves on
    by one EVSE each step."""

    name = "round-robin"

    def __init__(
        self,
        *,
        margin_a: float = 0.0,
        margin_share: float = 0.0,
        cap_w: float = math.inf,
        by_need: bool = True,
        increment_a: float = 1.0,
    ) -> None:
        super().__init__(margin_a=margin_a, margin_share=margin_share, cap_w=cap_w, by_need=by_need)
        self.increment_a = increment_a

    def key(self, car: Car, observation: Observation) -> float:
        return (car.evse - observation.step) % len(self.site.evses)

    def decide(self, observation: Observation) -> Decision:
        room = self.room(observation)
        setpoint_a: F = np.zeros(len(self.site.evses))
        left_w = self.cap_w
        going = self.sorted(observation)
        while going:
            still = []
            for car in going:
                has_a = float(setpoint_a[car.evse])
                more = self._more_a(car, has_a)
                takes_w = more * self.site.evses[car.evse].volt_v * car.slots
                enough = more > 1e-9 and has_a + more >= car.min_a - 1e-9
                if enough and takes_w <= left_w and room.fits(car.evse, car.slots, more):
                    room.add(car.evse, car.slots, more)
                    setpoint_a[car.evse] += more
                    left_w -= takes_w
                    still.append(car)
            going = still
        return Decision(setpoint_a=setpoint_a)

    def _more_a(self, car: Car, has_a: float) -> float:
        more = max(self.increment_a, car.step_a)
        if has_a == 0.0:
            more = max(car.min_a, more)
        most = most_a(car, self.site.evses[car.evse], self.site.step_s, by_need=self.by_need)
        return down_to_step(min(more, most - has_a), car.step_a)
