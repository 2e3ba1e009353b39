"""What really happens at a site, second by second: stations, cars, conductors and their breakers.

A station holds its base profile and the last profile of its transaction that reached it, as the product
writes them, and goes by its own right clock: when nobody renews its lease it falls to its safe current. What
a session was told ends with it. Cars are `simulation.cars`. Breakers heat as `electrical.breaker` says, in
every phase of every circuit.
"""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np

from ampacity.control.topology import Topology
from ampacity.csms.vocabulary import ClearProfile, Command, Profile, SetProfile
from ampacity.model.phases import ZERO, PerPhase
from ampacity.model.site import DC_TOLD_SHARE, EvseKey
from ampacity.simulation.arrivals import Visit
from ampacity.simulation.batch.world import F
from ampacity.simulation.cars import Car
from ampacity.simulation.electrical.breaker import CURVES
from ampacity.simulation.evses import RECTIFIER_EFFICIENCY
from ampacity.site.commissioning import base_profile

from .lines import Heard, Lines
from .sites import FleetSite

PLUG_S = 5.0
"""From the plug to the first current."""
SAMPLE_S = 10
HELD_A = 1.0
"""A car that could take so much more than its limit wants more."""
VOLTS = 230.0
Metered = Callable[[str, PerPhase], None]


class Outlet:
    """One EVSE: its car and session (0: none), what it was told, what it draws on its circuit's phases."""

    def __init__(self, world: FleetSite, number: int, visits: list[Visit], sample_at: int) -> None:
        self.number, self.evse, self.plan = number, world.site.evses[number], world.evses[number]
        self.key: EvseKey = self.evse.key
        self.visits = visits
        self.sample_at = sample_at
        self.session = 0
        self.visit: Visit | None = None
        self.car: Car | None = None
        self.wakes_at = 0.0
        self.stages: list[tuple[float, float]] = []
        self.base = base_profile(self.evse, VOLTS).periods[0].limit
        self.limit_a = self.evse.safe_a
        self.draw_a: PerPhase = ZERO
        self.told_full = False
        self.most_a = 0.0

    def obey(self, command: Command, starts_s: float) -> bool:
        """What the station does with a command, and whether it takes it."""
        if self.car is None:
            return False
        match command:
            case SetProfile(profile=profile) if profile.station_transaction_id == self.transaction:
                self.stages = _stages(profile, starts_s)
                return True
            case ClearProfile():
                self.stages = []
                return True
            case _:
                return False

    @property
    def transaction(self) -> str:
        """The name of its session on the wire."""
        return f"{self.key[0]}/{self.key[1]}#{self.session}"

    def follow(self, at: float) -> None:
        """The limit of this second: that of the profile, or the base profile's."""
        while len(self.stages) > 1 and self.stages[1][0] <= at:
            self.stages.pop(0)
        told = self.stages[0][1] if self.stages else self.base
        if self.evse.dc_power_w is not None:
            told /= 3 * VOLTS * DC_TOLD_SHARE
        self.limit_a = min(told, self.evse.max_a)

    def plug(self, visit: Visit, at: float) -> None:
        """A car is there; its session begins on the base profile."""
        self.visit, self.car = visit, visit.plug_in(at)
        self.session += 1
        self.stages, self.told_full = [], False
        archetype = self.car.archetype
        if self.evse.dc_power_w is None:
            own_a = archetype.ac_max_a[archetype.ac_phases(len(self.evse.phases)) - 1]
        else:
            own_a = archetype.dc_max_w / archetype.dc_efficiency / RECTIFIER_EFFICIENCY / (3 * VOLTS)
        self.most_a = min(self.evse.max_a, own_a)

    def unplug(self) -> None:
        """Car and session are gone, and the profile with them."""
        self.visit = self.car = None
        self.stages, self.draw_a, self.limit_a = [], ZERO, self.evse.safe_a

    def move(self, at: float) -> None:
        """The car draws what it is offered, at its pace."""
        car = self.car
        assert car is not None
        self.follow(at)
        spread = [0.0, 0.0, 0.0]
        if self.evse.dc_power_w is None:
            drawn = car.step(at, self.limit_a, len(self.evse.phases), VOLTS).current_a
            for phase, amperes in zip(self.evse.phases, drawn, strict=False):
                spread[phase] = amperes
        else:
            offered_w = min(self.limit_a * 3 * VOLTS * DC_TOLD_SHARE, self.evse.dc_power_w)
            offered_w = offered_w if self.limit_a >= self.evse.min_a else 0.0
            supply_w = car.dc_step(at, offered_w).power_w / RECTIFIER_EFFICIENCY
            for phase in self.evse.phases:
                spread[phase] = supply_w / (3 * VOLTS)
        self.draw_a = spread[0], spread[1], spread[2]

    @property
    def held(self) -> bool:
        """Whether its limit is what keeps the car from more."""
        if self.car is None or self.car.full or self.limit_a >= self.most_a - HELD_A:
            return False
        drawn = max(self.draw_a) / (DC_TOLD_SHARE / RECTIFIER_EFFICIENCY if self.evse.dc_power_w else 1.0)
        return self.limit_a < self.evse.min_a or drawn >= self.limit_a - HELD_A / 2


def _stages(profile: Profile, starts_s: float) -> list[tuple[float, float]]:
    """A profile's limits in the station's own unit, with the seconds of the run from which they hold."""
    assert profile.start is not None
    begins = profile.start.timestamp() - starts_s
    return [(begins + period.start_s, period.limit) for period in profile.periods]


class Plant:
    """`step` moves it by a second to `at`; then whoever controls reads `lines.heard` and `readings`, and
    tells limits by `lines.tell`. Arrays are by circuit phase, three a circuit."""

    def __init__(self, world: FleetSite, seed: int) -> None:
        self.world = world
        rng = random.Random(f"{seed}/{world.number}/plant")
        self._rng = rng
        self.lines = Lines(world, rng)
        topology = Topology(world.site)
        starts_s = world.starts_at.timestamp()
        by_key: dict[EvseKey, list[Visit]] = {evse.key: [] for evse in world.evses}
        for visit in sorted(world.visits, key=lambda visit: visit.arrival_s):
            by_key[visit.station_id or "", visit.evse_id].append(visit)
        self.outlets = [
            Outlet(world, number, by_key[evse.key], rng.randrange(SAMPLE_S))
            for number, evse in enumerate(world.site.evses)
        ]
        for outlet in self.outlets:
            # Who is there already plugs in within the first minute.
            outlet.wakes_at = self._next(outlet, starts_s, rng.uniform(0.0, 60.0))
        self._starts_s = starts_s
        self._by_key = {outlet.key: outlet for outlet in self.outlets}
        self._onto = np.zeros((3 * len(world.site.circuits), 3 * len(self.outlets)))
        for outlet in self.outlets:
            for phase in range(3):
                for row, amperes in topology.at_phases(
                    outlet.number, (float(phase == 0), float(phase == 1), float(phase == 2))
                ):
                    self._onto[row, 3 * outlet.number + phase] = amperes
        self._draw = np.zeros(3 * len(self.outlets))
        self.limit_a: F = np.repeat([circuit.rating_a for circuit in world.site.circuits], 3)
        self._read_at = {
            k: rng.uniform(0.0, circuit.meter.interval_s)
            for k, circuit in enumerate(world.site.circuits)
            if circuit.meter is not None
        }
        self.readings: list[tuple[str, PerPhase]] = []
        self.at = 0
        self.row_a: F = world.base_a[0]
        self.breakers = Breakers(world, self.row_a)
        self.energy_wh: dict[str, float] = {}

    def step(self) -> None:
        """One second."""
        self.at += 1
        at = float(self.at)
        for key, told in self.lines.arrived(at):
            outlet = self._by_key[key]
            self.lines.answer(key, told, outlet.obey(told.command, self._starts_s), at)
        for outlet in self.outlets:
            if at >= outlet.wakes_at:
                self._come_and_go(outlet, at)
            if outlet.car is not None:
                outlet.move(at)
                self._draw[3 * outlet.number : 3 * outlet.number + 3] = outlet.draw_a
                if self.at % SAMPLE_S == outlet.sample_at:
                    self._sample(outlet, outlet.car, at)
        self.row_a = self.world.base_a[self.at - 1] + self._onto @ self._draw
        self.breakers.step(self.row_a)
        self._read(at)

    def _come_and_go(self, outlet: Outlet, at: float) -> None:
        if outlet.car is not None:
            assert outlet.visit is not None
            self.energy_wh[outlet.visit.session_id] = outlet.car.energy_wh
            self.lines.report(
                Heard("ended", outlet.key, session=outlet.session, energy_wh=outlet.car.energy_wh), at
            )
            outlet.unplug()
            self._draw[3 * outlet.number : 3 * outlet.number + 3] = 0.0
            outlet.wakes_at = self._next(outlet, self._starts_s, at)
            return
        visit = outlet.visits.pop(0)
        outlet.plug(visit, at)
        outlet.wakes_at = visit.departure_s - self._starts_s
        self.lines.report(Heard("began", outlet.key, session=outlet.session), at)

    def _next(self, outlet: Outlet, starts_s: float, earliest: float) -> float:
        if not outlet.visits:
            return float("inf")
        return max(outlet.visits[0].arrival_s - starts_s, earliest) + PLUG_S

    def _sample(self, outlet: Outlet, car: Car, at: float) -> None:
        heard = Heard(
            "sample",
            outlet.key,
            session=outlet.session,
            draw_a=outlet.draw_a,
            taken_at=at,
            energy_wh=car.energy_wh,
        )
        self.lines.sample(heard, at)
        if car.full and not outlet.told_full:
            outlet.told_full = True
            self.lines.report(Heard("full", outlet.key, session=outlet.session), at)

    def _read(self, at: float) -> None:
        self.readings = []
        for k, due in self._read_at.items():
            if at < due:
                continue
            circuit = self.world.site.circuits[k]
            assert circuit.meter is not None
            self._read_at[k] = due + circuit.meter.interval_s
            if self._rng.random() >= self.world.readings_lost:
                one, two, three = self.row_a[3 * k : 3 * k + 3].tolist()
                self.readings.append((circuit.circuit_id, (one, two, three)))

    def finish(self) -> None:
        """What cars that are still there have had."""
        for outlet in self.outlets:
            if outlet.visit is not None and outlet.car is not None:
                self.energy_wh[outlet.visit.session_id] = outlet.car.energy_wh


class Breakers:
    """One pole for each circuit phase, rated as its limit; warm from what flows at the start. The same
    bodies as `electrical.breaker.Breaker`, all at once. An open pole is counted and goes on: who trips has
    failed."""

    def __init__(self, world: FleetSite, flowing_a: F) -> None:
        constants = [CURVES[curve] for curve in world.curves for _ in range(3)]
        self._rated_a = np.repeat([circuit.rating_a for circuit in world.site.circuits], 3)
        self._quick_share = np.array([1.0 - np.exp(-1.0 / each.quick_s) for each in constants])
        self._slow_share = np.array([1.0 - np.exp(-1.0 / each.slow_s) for each in constants])
        self._magnetic = np.array([each.magnetic for each in constants])
        self._trip_heat = np.array([each.trip_heat for each in constants])
        self._quick = (flowing_a / self._rated_a) ** 2
        self._slow = self._quick.copy()
        self.tripped = np.zeros(len(constants), np.bool_)
        self.worst = 0.0

    def step(self, current_a: F) -> None:
        """A second at `current_a`."""
        ratio = current_a / self._rated_a
        drive = ratio * ratio
        self._quick += (drive - self._quick) * self._quick_share
        self._slow += (drive - self._slow) * self._slow_share
        heat = (self._quick + self._slow) / (2.0 * self._trip_heat)
        self.tripped |= (heat >= 1.0) | (ratio >= self._magnetic)
        self.worst = max(self.worst, float(heat.max()))
