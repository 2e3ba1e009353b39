"""`uncontrolled` and `static`: what sites without load management do."""

from __future__ import annotations

import numpy as np

from .interface import API, Decision, Observation, SitePlan
from .room import Room, capacities
from .sharing import Load, share


class Uncontrolled:
    """Every car gets the full current of its EVSE, whatever the site bears."""

    name = "uncontrolled"
    api = API

    def begin(self, site: SitePlan, rng: np.random.Generator) -> None:
        self._full_a = [place.max_a for place in site.evses]

    def decide(self, observation: Observation) -> Decision:
        setpoint_a = np.zeros(len(self._full_a))
        for car in observation.cars:
            if car.wants:
                setpoint_a[car.evse] = self._full_a[car.evse]
        return Decision(setpoint_a=setpoint_a)


class Static:
    """Every EVSE has a fixed share of what the worst base leaves, as if all charged at once."""

    name = "static"
    api = API

    def __init__(self, *, margin_a: float = 0.0, margin_share: float = 0.0) -> None:
        self.margin_a, self.margin_share = margin_a, margin_share

    def begin(self, site: SitePlan, rng: np.random.Generator) -> None:
        capacity_a = capacities(site.worst_limit_a, self.margin_a, self.margin_share)
        room = Room(site, site.worst_base_a.astype(np.complex128), capacity_a)
        loads = [
            Load(
                evse=i,
                slots=place.slots,
                low_a=place.min_a,
                high_a=place.max_a,
                step_a=place.step_a,
                weight=1.0,
                priority=0,
            )
            for i, place in enumerate(site.evses)
        ]
        self._share_a = share(loads, room, len(site.evses))

    def decide(self, observation: Observation) -> Decision:
        setpoint_a = np.zeros(len(self._share_a))
        for car in observation.cars:
            if car.wants:
                setpoint_a[car.evse] = self._share_a[car.evse]
        return Decision(setpoint_a=setpoint_a)
