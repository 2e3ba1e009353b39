"""The simulated half of the demo: people, cars, stations' hardware, the building, copper and breakers.

It talks to the node through real sockets only: stations over OCPP, the building's meter over Modbus TCP.
Drivers declare what they need as they would on the site's own page.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime

import msgspec
from msgspec import Struct

from ..clock import Clock
from ..model.events import TransactionChanged
from ..model.phases import ZERO, PerPhase, add
from ..model.site import EvseKey, Site
from ..model.station import IdToken
from ..ocpp.version import Version
from ..simulation.arrivals import Visit
from ..simulation.cars import Car
from ..simulation.electrical.breaker import Breaker
from ..simulation.evses import EvsePlan
from ..simulation.scenario import WorldPlan
from ..station import ChargingStation, EvseConfig, LimitBehaviour, StationConfig
from .ledger import CircuitLedger
from .meter import MeterServer

log = logging.getLogger(__name__)

STEP_S = 0.5
"""Site seconds between two looks at the physics; a car's lag is 2 s and more."""

DeclareNeed = Callable[[EvseKey, float | None, datetime | None], Awaitable[None]]


class DrawnSession(Struct, frozen=True, kw_only=True):
    """A visit that is over: what was asked for, and what the car really drew."""

    station_id: str
    evse_id: int
    session_id: str
    requested_wh: float
    drawn_wh: float


class Occupancy(Struct):
    """A car at an EVSE."""

    visit: Visit
    car: Car


class SimulatedWorld:
    """Builds itself from a plan; `run` moves it."""

    def __init__(self, plan: WorldPlan, clock: Clock, behaviours: Mapping[str, LimitBehaviour]) -> None:
        self.plan = plan
        self._clock = clock
        self._rng = random.Random(plan.seed)
        self.stations: dict[str, ChargingStation] = {}
        self._plugged: dict[str, bool] = {}
        for group in plan.stations:
            station_id = group[0].station_id
            config = station_config(
                group,
                plan.voltage_v,
                password=f"{self._rng.getrandbits(80):020x}",
                limits=behaviours.get(station_id, "obey"),
            )
            self.stations[station_id] = ChargingStation(
                config, clock, random.Random(self._rng.getrandbits(64))
            )
            self._plugged[station_id] = True
        self._evses = {evse.key: evse for evse in plan.evses}
        self._building = plan.building()
        self._waiting = list(plan.visits)
        self.occupied: dict[EvseKey, Occupancy] = {}
        self.finished: list[DrawnSession] = []
        self.begun_s: dict[str, float] = {}
        self.sampled_s: dict[str, float] = {}
        self.opened_s = 0.0
        self.started = 0
        self.turned_away = 0
        self.building_a: PerPhase = ZERO
        self.site_a: PerPhase = ZERO
        self.meter = MeterServer(lambda: self.site_a)
        self.circuits: dict[str, CircuitLedger] = {}
        self.trips: list[tuple[str, float]] = []
        self.limit_of: Callable[[str], float] = lambda _: plan.limit_a
        self._declare: DeclareNeed | None = None
        self._group_of: dict[EvseKey, str] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._arriving = True

    # ------------------------------------------------------------ switches

    def network(self) -> Mapping[str, bool]:
        """Whether each station's network is plugged in."""
        return dict(self._plugged)

    async def unplug_network(self, station_id: str) -> None:
        """Cut a station's network. LookupError for one that is not simulated."""
        await self._station(station_id).cut_network()
        self._plugged[station_id] = False

    async def plug_network(self, station_id: str) -> None:
        """Put it back."""
        self._station(station_id).restore_network()
        self._plugged[station_id] = True

    def _station(self, station_id: str) -> ChargingStation:
        station = self.stations.get(station_id)
        if station is None:
            raise LookupError(f"station {station_id!r} is not simulated here")
        return station

    # ------------------------------------------------------------ running

    def wire(self, site: Site, declare: DeclareNeed, limit_of: Callable[[str], float]) -> None:
        """Hang the copper: a breaker for each circuit, and where each EVSE belongs."""
        self._declare = declare
        self.limit_of = limit_of
        self._group_of = {evse.key: evse.circuit_id for evse in site.evses}
        for circuit in site.circuits:
            breakers = (
                self.plan.breakers()
                if circuit.parent_id is None
                else (Breaker(circuit.rating_a), Breaker(circuit.rating_a), Breaker(circuit.rating_a))
            )
            self.circuits[circuit.circuit_id] = CircuitLedger(
                circuit_id=circuit.circuit_id, breakers=breakers
            )
        self._root = site.root.circuit_id

    def password_of(self, station_id: str) -> str | None:
        """What the station's technician has entered into it."""
        return self._station(station_id).config.password

    def open_doors(self, ocpp_url: str) -> None:
        """Tell the stations their CSMS; everybody who is here already plugs in."""
        for station in self.stations.values():
            station.config = msgspec.structs.replace(station.config, url=ocpp_url)
        now = self._clock.time()
        self.opened_s = now
        self._waiting = [visit for visit in self._waiting if visit.departure_s > now]
        self._arrivals(now)

    async def run(self) -> None:
        """Move the world until cancelled; the stations run beside it."""
        lines = [asyncio.ensure_future(station.run()) for station in self.stations.values()]
        last = self._clock.time()
        try:
            while True:
                await self._clock.sleep(STEP_S)
                now = self._clock.time()
                self._step(now, now - last)
                last = now
        finally:
            for task in (*lines, *self._tasks):
                task.cancel()
            await self.meter.stop()

    def _step(self, now: float, step_s: float) -> None:
        self._departures(now)
        if self._arriving:
            self._arrivals(now)
        drawn: dict[str, PerPhase] = dict.fromkeys(self.circuits, ZERO)
        for station_id, station in self.stations.items():
            station.step(now)
            for evse_id, bay in station.bays.items():
                if bay.hardware.vehicle is None:
                    continue
                plan = self._evses[(station_id, evse_id)]
                current = landed(bay.hardware.current_a, plan)
                circuit_id = self._group_of[(station_id, evse_id)]
                drawn[circuit_id] = add(drawn[circuit_id], current)
        self.building_a = self._building.current_a(now)
        total = self.building_a
        for current in drawn.values():
            total = add(total, current)
        self.site_a = total
        drawn[self._root] = total
        for circuit_id, ledger in self.circuits.items():
            if ledger.step(now, step_s, drawn[circuit_id], self.limit_of(circuit_id)):
                log.error("the breaker of %s has tripped at %s A", circuit_id, drawn[circuit_id])
                self.trips.append((circuit_id, now))

    def _arrivals(self, now: float) -> None:
        while self._waiting and self._waiting[0].arrival_s <= now:
            visit = self._waiting.pop(0)
            if visit.station_id is None:
                continue
            key = (visit.station_id, visit.evse_id)
            if key in self.occupied:
                self.turned_away += 1
                continue
            car = visit.plug_in(now)
            self.occupied[key] = Occupancy(visit, car)
            self.started += 1
            self.stations[visit.station_id].plug_in(visit.evse_id, car)
            self._spawn(self._present(key, driver_token(visit)))

    async def _present(self, key: EvseKey, token: IdToken) -> None:
        # A driver walks to the reader; right after a power-up the station may not be ready to ask.
        await self._clock.sleep(2.0 + 6.0 * self._rng.random())
        station = self.stations[key[0]]
        occupancy = self.occupied.get(key)
        if occupancy is not None and station.transaction_of(key[1]) is None:
            await station.present(key[1], token)

    def present_again(self, station_id: str) -> None:
        """Drivers whose sessions a restart of their station has ended hold their cards to it once more, until
        it takes them."""
        for key, occupancy in self.occupied.items():
            if key[0] == station_id:
                self._spawn(self._present_until_taken(key, occupancy))

    async def _present_until_taken(self, key: EvseKey, occupancy: Occupancy) -> None:
        station = self.stations[key[0]]
        while self.occupied.get(key) is occupancy and station.transaction_of(key[1]) is None:
            await self._present(key, driver_token(occupancy.visit))
            await self._clock.sleep(20.0)

    def _departures(self, now: float) -> None:
        for key, occupancy in list(self.occupied.items()):
            if occupancy.visit.departure_s <= now:
                self._leave(key)

    def _leave(self, key: EvseKey) -> None:
        occupancy = self.occupied.pop(key)
        self.stations[key[0]].unplug(key[1])
        self.finished.append(
            DrawnSession(
                station_id=key[0],
                evse_id=key[1],
                session_id=occupancy.visit.session_id,
                requested_wh=occupancy.visit.requested_wh,
                drawn_wh=occupancy.car.energy_wh,
            )
        )

    async def close_doors(self) -> None:
        """Nobody comes any more, and networks that were pulled are back: the demo is about to end."""
        self._arriving = False
        for station_id, plugged in self._plugged.items():
            if not plugged:
                await self.plug_network(station_id)

    def transaction_changed(self, event: TransactionChanged) -> None:
        """A session has begun: its driver declares what the car needs, if this one does."""
        if event.phase != "Started" or self._declare is None:
            return
        key = (event.station_id, event.evse_id)
        occupancy = self.occupied.get(key)
        if occupancy is None:
            return
        session_id = occupancy.visit.session_id
        if session_id not in self.begun_s:
            self.begun_s[session_id] = self._clock.time()
            self.sampled_s[session_id] = self.stations[key[0]].bays[key[1]].next_sample_at
        if occupancy.visit.declared_wh is None:
            return
        visit = occupancy.visit
        self._spawn(self._tell_need(key, visit.declared_wh, visit.user_estimate_departure))

    async def _tell_need(self, key: EvseKey, need_wh: float | None, departure: datetime | None) -> None:
        assert self._declare is not None
        try:
            await self._declare(key, need_wh, departure)
        except ValueError:
            # The session was over before its driver had typed it in.
            return

    @property
    def over(self) -> bool:
        """Everybody has come and gone."""
        return not self._waiting and not self.occupied

    @property
    def unsent(self) -> int:
        """Transaction messages that no answer has come for."""
        return sum(station.unsent for station in self.stations.values())

    def _spawn(self, work: Awaitable[None]) -> None:
        task: asyncio.Task[None] = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def landed(current_a: PerPhase, plan: EvsePlan) -> PerPhase:
    """An EVSE's amperes on the grid's phases."""
    values = [0.0, 0.0, 0.0]
    for index, phase in enumerate(plan.grid_phases):
        values[phase] += current_a[index]
    return values[0], values[1], values[2]


def driver_token(visit: Visit) -> IdToken:
    """A driver's card; 1.6 allows 20 characters."""
    return IdToken(f"CARD-{visit.session_id}"[:20])


def station_config(
    group: tuple[EvsePlan, ...], voltage_v: float, *, password: str, limits: LimitBehaviour
) -> StationConfig:
    """A station as the plan builds it."""
    first = group[0]
    return StationConfig(
        station_id=first.station_id,
        url="",
        version=Version(first.ocpp_version),
        vendor=first.vendor,
        model=first.model,
        serial=f"{first.vendor[:2].upper()}-{first.station_id}"[:25],
        password=password,
        limits=limits,
        evses=tuple(
            EvseConfig(
                evse_id=evse.evse_id,
                phases=evse.phases,
                max_a=evse.max_a,
                dc_power_w=evse.dc_power_w,
                voltage_v=voltage_v,
            )
            for evse in group
        ),
    )


class Switches:
    """The world's switches as the API wants them (`api.context.DemoControl`)."""

    def __init__(self, world: SimulatedWorld, speed: float) -> None:
        self._world = world
        self.speed = speed

    def stations(self) -> Mapping[str, bool]:
        return self._world.network()

    async def unplug_network(self, station_id: str) -> None:
        await self._world.unplug_network(station_id)

    async def plug_network(self, station_id: str) -> None:
        await self._world.plug_network(station_id)
