"""`dynamic`: the sharing of the law that runs real sites (docs/control.md), at rest.

Order of admission and sharing are the law's. What it does over seconds (reserves of silent stations, cuts
before raises, ramps) belongs to the live engine and has no place in steps of minutes.
"""

from __future__ import annotations

import math

import numpy as np
from msgspec import Struct

from .interface import API, Car, Decision, Observation, SitePlan
from .need import slack_s
from .room import Room, capacities
from .sharing import Load, share

MINIMUM_RUN_S = 300.0
MINIMUM_PAUSE_S = 180.0
TURN_S = 900.0
SLOT_S = 900.0


class Memory(Struct):
    """Since when a session has a grant, or wants one and has none."""

    running_since_s: float | None = None
    waiting_since_s: float | None = None


class Dynamic:
    """Weighted max-min over all conductors; when not all can have their least current, they take turns."""

    name = "dynamic"
    api = API

    def __init__(self, *, margin_a: float = 0.0, margin_share: float = 0.0) -> None:
        self.margin_a, self.margin_share = margin_a, margin_share

    def begin(self, site: SitePlan, rng: np.random.Generator) -> None:
        self.site = site
        self.memories: dict[int, Memory] = {}

    def decide(self, observation: Observation) -> Decision:
        capacity_a = capacities(observation.limit_a, self.margin_a, self.margin_share)
        wanting = [car for car in observation.cars if car.wants]
        self.memories = {car.session: self.memories.get(car.session, Memory()) for car in wanting}
        wanting.sort(key=lambda car: self.turn(car, observation.at_s))
        loads = [self.load(car) for car in wanting]
        setpoint_a = share(loads, Room(self.site, observation.base, capacity_a), len(self.site.evses))
        for car in wanting:
            self._remember(car, float(setpoint_a[car.evse]), observation.at_s)
        return Decision(setpoint_a=setpoint_a)

    def load(self, car: Car) -> Load:
        """What the car may share in."""
        return Load(
            evse=car.evse,
            slots=car.slots,
            low_a=car.min_a,
            high_a=car.max_a if car.accepts_a is None else min(car.max_a, car.accepts_a),
            step_a=car.step_a,
            weight=car.weight,
            priority=car.priority,
        )

    def turn(self, car: Car, at_s: float) -> tuple[bool, int, float, float, int]:
        """Who is admitted first: who must not be stopped now, the higher class, less slack in quarters of an
        hour, who is in its turn, who waits longest."""
        memory = self.memories[car.session]
        slack = slack_s(car, self.site.evses[car.evse], at_s)
        slot = math.inf if slack == math.inf else max(slack, 0.0) // SLOT_S
        since = memory.running_since_s
        if since is None:
            queue = at_s if memory.waiting_since_s is None else memory.waiting_since_s
            return True, -car.priority, slot, queue, car.evse
        protected = at_s - since < MINIMUM_RUN_S or slack < MINIMUM_PAUSE_S
        queue = -math.inf if at_s - since < TURN_S else since + TURN_S
        return not protected, -car.priority, slot, queue, car.evse

    def _remember(self, car: Car, amperes: float, at_s: float) -> None:
        memory = self.memories[car.session]
        if amperes > 0.0:
            memory.running_since_s = at_s if memory.running_since_s is None else memory.running_since_s
            memory.waiting_since_s = None
        else:
            memory.running_since_s = None
            memory.waiting_since_s = at_s if memory.waiting_since_s is None else memory.waiting_since_s
