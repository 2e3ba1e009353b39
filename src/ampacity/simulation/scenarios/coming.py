"""A visit before it is part of the arrays, and what is needed to draw one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Final

import numpy as np
from msgspec import Struct, structs

from ..batch.world import F
from ..equipment.cars import bidirectional
from ..evses import EvsePlan, PhaseRotation
from ..fleet import CarPlan
from .spec import Scenario
from .surroundings import Times

_ROTATIONS: Final[tuple[PhaseRotation, ...]] = ("RST", "STR", "TRS")


class Place(Struct, frozen=True, kw_only=True):
    """One EVSE of the site as its cars are drawn for it."""

    number: int
    group: str
    pool: str | None
    plan: EvsePlan


class Coming(Struct, frozen=True, kw_only=True):
    """A visit with where it goes: an EVSE's number, or -1 and a pool's name.

    Seconds count from the start of the run; the fields are those of `batch.world.Visits`. `chain` names a
    vehicle that comes again, and `again` says that it has been here before. `battery_c` is None where it is
    as warm as the air.
    """

    name: str
    evse: int
    car: CarPlan
    dc: bool
    arrive_s: float
    depart_s: float
    energy_wh: float
    declared_wh: float | None = None
    declared_depart_s: float | None = None
    pool: str | None = None
    leaves_done: bool = False
    soc_needed: float = 0.0
    trip_wh: float = 0.0
    chain: str = ""
    again: bool = False
    battery_c: float | None = None
    balk_at: int = 1 << 30
    patience_s: float = math.inf
    reserve_s: float = math.inf
    reserve_until_s: float = math.inf


def places_of(scenario: Scenario) -> tuple[Place, ...]:
    """The EVSEs of a scenario in order, with what draws their cars: phases, amperes, power."""
    found: list[Place] = []
    for group in scenario.evse:
        three = group.dc_kw is not None or (group.phases == 3 and scenario.supply.kind != "split")
        for k in range(group.count):
            turn = (group.first - 1 + (k if group.rotate else 0)) % 3
            plan = EvsePlan(
                station_id=f"{group.id}-{k + 1}",
                vendor="any",
                model="any",
                ocpp_version="2.0.1",
                phases=3 if three else 1,
                phase_rotation=_ROTATIONS[turn],
                max_a=group.max_a or 32.0,
                dc_power_w=None if group.dc_kw is None else group.dc_kw * 1000.0,
            )
            found.append(Place(number=len(found), group=group.id, pool=group.pool, plan=plan))
    return tuple(found)


class Work(Struct, frozen=True, kw_only=True):
    """What one group of arrivals is drawn from: the EVSEs it may use, its own stream of numbers, and
    `air_c`, degrees Celsius in each step."""

    scenario: Scenario
    places: Sequence[Place]
    times: Times
    air_c: F
    rng: np.random.Generator
    folder: Path

    @property
    def days(self) -> list[date]:
        """The local days that the run touches."""
        first, times = self.scenario.run.starts, self.times
        end = times.starts_at + timedelta(seconds=times.steps * times.step_s - 1.0)
        last = end.astimezone(times.zone).date()
        return [first + timedelta(days=k) for k in range((last - first).days + 1)]

    def giving(self, car: CarPlan, dc: bool) -> CarPlan:
        """The same car, able to give back for the scenario's share of them."""
        cars = self.scenario.cars
        if not cars.bidirectional_share or self.rng.random() >= cars.bidirectional_share:
            return car
        kind = bidirectional(
            car.archetype, power_w=1000.0 * cars.discharge_kw, dc=dc, soc_floor=cars.soc_floor
        )
        return structs.replace(car, archetype=kind)
