"""The day that EV2Gym and we both simulate: the peer draws it, and our world is made of what it drew.

The peer's dynamics are written down here once more (`battery_kwh`), as the thing that both are held to:
with its rounding it must give what the peer gave, car by car, and without it what our engine gives. EV2Gym
rounds what is in a battery up to 0.01 kWh after every step in which the car charges; we don't. Nothing else
differs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import numpy as np
from msgspec import Struct

from ...simulation.batch.outcome import Scene
from ...simulation.batch.world import (
    CURVE_POINTS,
    NO_CABINETS,
    NO_FAULTS,
    NO_STORAGE,
    SLOTS,
    TAPER_LINEAR,
    World,
)
from ...simulation.scenarios.caltech import ac_evses, unloaded_rows
from ...simulation.scenarios.recorded import ideal_visits, quiet_series

_ROUNDED_TO_KWH: Final = 0.01


class PeerCar(Struct, frozen=True, kw_only=True):
    """A car of the peer's day: the first and the last step in which it charges, what its battery had and got
    there, kW into its charger, the efficiency from there into the battery. `tail` is the peer's exponent of
    the taper; ours has 1."""

    charger: int
    arrival: int
    departure: int
    capacity_kwh: float
    arrival_kwh: float
    max_kw: float
    efficiency: float
    taper_from: float
    tail: float
    energy_kwh: float
    left_kwh: float


class PeerDay(Struct, frozen=True, kw_only=True):
    """What the peer told of one episode."""

    reset_s: float
    steps_s: float
    steps: int
    step_min: float
    chargers: int
    volt_line_to_line: float
    max_a: float
    energy_kwh: float
    power_kw: tuple[float, ...]
    cars: tuple[PeerCar, ...]

    @property
    def charger_kw(self) -> float:
        """What a charger gives at its greatest current on three phases."""
        return self.max_a * self.volt_line_to_line * math.sqrt(3.0) / 1000.0


def battery_kwh(
    car: PeerCar, charger_kw: float, step_min: float, *, rounded: bool, full_soc: float = math.inf
) -> float:
    """kWh into the battery while it is offered `charger_kw` for the whole stay.

    The two-stage battery of ACN-Sim in closed form, as EV2Gym has it: constant up to `taper_from`, then an
    exponential towards full. `rounded`: the state goes up to the next 0.01 kWh after each step. A car that
    ends a step at `full_soc` or more takes nothing in the next ones.
    """
    per_step = car.efficiency * step_min / 60.0 / car.capacity_kwh
    greatest = per_step * car.max_kw
    offered = min(per_step * charger_kw, greatest)
    bend = car.taper_from + (1.0 - offered / greatest) * (1.0 - car.taper_from)
    state, into = car.arrival_kwh, 0.0
    for _ in range(car.arrival, car.departure + 1):
        soc = state / car.capacity_kwh
        if soc >= full_soc:
            break
        if soc + offered <= bend:
            reached = soc + offered
        elif soc < bend:
            reached = 1.0 - math.exp(-car.tail * (soc + offered - bend) / (1.0 - bend)) * (1.0 - bend)
        else:
            reached = 1.0 - math.exp(-car.tail * offered / (1.0 - bend)) * (1.0 - soc)
        reached = min(reached, soc + offered)
        into += (reached - soc) * car.capacity_kwh
        state = reached * car.capacity_kwh
        if rounded:
            state = math.ceil(state / _ROUNDED_TO_KWH) * _ROUNDED_TO_KWH
    return into


def day_scene(day: PeerDay) -> Scene:
    """The peer's day as a scene of the batch engine: no limit binds (the peer only counts overloads)."""
    n, cars = day.chargers, sorted(day.cars, key=lambda car: car.arrival)
    step_s = day.step_min * 60.0
    volt = day.volt_line_to_line / math.sqrt(3.0)
    visits = ideal_visits(
        arrive_s=np.array([car.arrival * step_s for car in cars]),
        depart_s=np.array([(car.departure + 1) * step_s for car in cars]),
        evse=np.array([car.charger for car in cars], np.int64),
        energy_wh=np.full(len(cars), np.inf),
        max_a=day.max_a,
        accept_w=0.0,
    )
    capacity_wh = np.array([car.capacity_kwh * 1000.0 for car in cars])
    efficiency = np.array([car.efficiency for car in cars])
    visits = visits._replace(
        declared_wh=np.full(len(cars), np.nan),
        soc=np.array([car.arrival_kwh / car.capacity_kwh for car in cars]),
        capacity_wh=capacity_wh,
        slots=np.full(len(cars), SLOTS, np.int64),
        max_a=np.full((len(cars), SLOTS), day.max_a),
        accept_w=np.array([car.max_kw * 1000.0 for car in cars]) * efficiency,
        efficiency=efficiency,
        taper=np.full(len(cars), TAPER_LINEAR, np.int64),
        taper_from=np.array([car.taper_from for car in cars]),
    )
    entries = [(place, slot, slot, 1.0 + 0j) for place in range(n) for slot in range(SLOTS)]
    world = World(
        step_s=step_s,
        steps=day.steps,
        evses=ac_evses(n, entries, volt_v=volt, max_a=day.max_a, slots=SLOTS),
        rows=unloaded_rows(np.full(3, 1e9)),
        visits=visits,
        storage=NO_STORAGE,
        cabinets=NO_CABINETS,
        series=quiet_series(day.steps),
        faults=NO_FAULTS,
        curves=np.ones((1, CURVE_POINTS)),
        repair_s=0.0,
        plug_s=0.0,
    )
    return Scene(
        name="EV2Gym's workplace",
        starts_at=datetime(2022, 1, 17, 5, tzinfo=UTC),
        time_zone="UTC",
        world=world,
        evses=tuple(f"charger {k}" for k in range(n)),
        rows=("L1", "L2", "L3"),
        visits=tuple(f"car {k}" for k in range(len(cars))),
        root_rows=(0, 1, 2),
    )


def in_scene_order(cars: Sequence[PeerCar]) -> list[PeerCar]:
    """The cars in the order of the scene's visits."""
    return sorted(cars, key=lambda car: car.arrival)
