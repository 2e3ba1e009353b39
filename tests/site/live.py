"""A whole site for a test: stations with cars on real sockets, the gateway, CSMS and store, a Modbus meter,
and the controller, on one clock that runs 60 times as fast as the wall.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

from msgspec import structs

from ampacity.clock import ScaledClock
from ampacity.control.check import reservation_excess
from ampacity.control.types import Decision, Snapshot
from ampacity.demo.meter import MeterServer
from ampacity.model.live import EvseView
from ampacity.model.phases import PerPhase
from ampacity.model.site import Circuit, Evse, EvseKey, MeterConfig, Site
from ampacity.model.station import IdToken
from ampacity.ocpp.version import Version
from ampacity.simulation.cars import Car
from ampacity.simulation.fleet import FLEET
from ampacity.site.controller import SiteController
from ampacity.site.knowledge import LiveEvse
from ampacity.site.meters import CircuitMeter
from ampacity.site.records import SiteRecords
from ampacity.site.tariff import Tariff
from ampacity.station import ChargingStation, EvseConfig, StationConfig
from ampacity.store import sites
from tests.csms.world import OPERATOR, World, world
from tests.station.stack import START

TAKES_22_KW = next(kind for kind in FLEET if len(kind.ac_max_a) == 3 and kind.ac_max_a[2] >= 32.0)
ONE_PHASE = next(kind for kind in FLEET if len(kind.ac_max_a) == 1 and kind.ac_max_a[0] >= 32.0)
PERSON = "user:ada"


def built(
    *stations: str,
    limit_a: float,
    safe_a: float,
    lease_s: float,
    meter: str,
    port: int,
    reserve_a: float,
    phase_switch: bool = False,
) -> Site:
    """Three-phase EVSEs of 32 A, one a station, on a feeder below the grid connection."""
    config: dict[str, MeterConfig | None] = {
        "modbus": MeterConfig(protocol="modbus-tcp", address=f"127.0.0.1:{port}/1?0", interval_s=1.0),
        "push": MeterConfig(protocol="push", interval_s=1.0),
        "none": None,
    }
    return Site(
        site_id="yard",
        operator_id=OPERATOR,
        name="Yard",
        time_zone="UTC",
        circuits=(
            Circuit(
                circuit_id="grid", name="Grid", rating_a=limit_a, meter=config[meter], reserve_a=reserve_a
            ),
            Circuit(circuit_id="feeder", name="Feeder", rating_a=limit_a, parent_id="grid"),
        ),
        evses=tuple(
            Evse(
                station_id=station,
                evse_id=1,
                circuit_id="feeder",
                phases=(0, 1, 2),
                safe_a=safe_a,
                label=station,
                phase_switch=phase_switch,
            )
            for station in stations
        ),
        lease_s=lease_s,
        commissioned=True,
    )


class LiveYard:
    """What a test sees and does."""

    def __init__(self, node: World, clock: ScaledClock, site: Site, meter: MeterServer) -> None:
        self.node = node
        self.clock = clock
        self.site = site
        self.meter = meter
        self.base_a: PerPhase = (10.0, 10.0, 10.0)
        self.devices_a: Callable[[], PerPhase] = lambda: (0.0, 0.0, 0.0)
        """What batteries and the like draw at the grid connection."""
        self.maps: Path | None = None
        self.turned = False
        """Whether the EVSEs' wires land one phase further than drawn."""
        self.stations: dict[str, ChargingStation] = {}
        self.decisions: list[Decision] = []
        self.excess: list[dict[tuple[str, int], float]] = []
        self.records = SiteRecords(node.store, site)
        self._tasks: list[asyncio.Task[None]] = []
        self._control: asyncio.Task[None] | None = None
        self.controller: SiteController

    async def control(self) -> None:
        """Start a controller that knows nothing, in the place of the former one."""
        if self._control is not None:
            self._control.cancel()
            await asyncio.gather(self._control, return_exceptions=True)
        self.records = SiteRecords(self.node.store, self.site)
        await self.records.load()
        self.controller = SiteController(
            self.site,
            self.node.csms,
            self.records,
            self.node.bus,
            self.clock,
            demo=True,
            tariff=Tariff(lambda: self.node.csms.costs.prices),
            meter_maps=self.maps,
        )
        self.controller.on_decision = self._decided
        self._control = self.beside(self.controller.run())

    def _decided(self, snapshot: Snapshot, decision: Decision) -> None:
        self.decisions.append(decision)
        if decision.strategy == "uncontrolled":
            return
        over = reservation_excess(snapshot, decision)
        over = {row: amperes for row, amperes in over.items() if row not in decision.overcommitted}
        if over:
            self.excess.append(over)

    def beside(self, work: Any) -> asyncio.Task[None]:
        """Run until the test ends."""
        task = asyncio.ensure_future(work)
        self._tasks.append(task)
        return task

    async def end(self) -> None:
        for task in self._tasks:
            task.cancel()
        done = await asyncio.gather(*self._tasks, return_exceptions=True)
        # What has failed beside must not pass unseen.
        failures = [what for what in done if isinstance(what, Exception)]
        assert failures == []

    def station(self, station_id: str, version: str = "2.0.1", **options: Any) -> ChargingStation:
        """Build a station and let it connect."""
        usual: dict[str, Any] = {
            "evses": (EvseConfig(evse_id=1, phase_switch=self.site.evses[0].phase_switch),),
            "sample_interval_s": 5.0,
            "boot_s": 1.0,
            "retry_interval_s": 2.0,
        }
        config = StationConfig(
            station_id=station_id,
            url=f"ws://127.0.0.1:{self.node.port}/ocpp",
            version=Version(version),
            **(usual | options),
        )
        station = ChargingStation(config, self.clock, random.Random(station_id))
        self.stations[station_id] = station
        self.beside(station.run())
        self.beside(station.drive())
        return station

    def current_a(self, station_id: str) -> float:
        """What the car really draws on its first phase."""
        return self.stations[station_id].bays[1].hardware.current_a[0]

    @property
    def site_a(self) -> PerPhase:
        """What the copper carries."""
        total = [base + more for base, more in zip(self.base_a, self.devices_a(), strict=True)]
        for station in self.stations.values():
            for phase, amperes in enumerate(station.bays[1].hardware.current_a):
                total[(phase + self.turned) % 3] += amperes
        return total[0], total[1], total[2]

    def evse(self, station_id: str) -> EvseView:
        return next(view for view in self.controller.view().evses if view.station_id == station_id)

    def live(self, station_id: str) -> LiveEvse:
        return self.controller._live.evses[station_id, 1]

    def held_a(self, station_id: str) -> float:
        """What the law counts for an EVSE."""
        return self.decisions[-1].held_a[station_id, 1]

    def codes(self, station_id: str) -> set[str]:
        return {reason.code for reason in self.evse(station_id).reasons}

    async def until(self, truth: Callable[[], Any], site_s: float = 240.0) -> None:
        """Wait for something to become true, within so much site time."""
        end = self.clock.monotonic() + site_s
        while not truth():
            if self.clock.monotonic() > end:
                told = [
                    (view.station_id, view.grant_a, view.reasons) for view in self.controller.view().evses
                ]
                raise AssertionError(f"not within {site_s:g} s; {self.site_a} A; {told}")
            await self.clock.sleep(0.25)

    async def proven(self, *stations: str) -> None:
        await self.until(lambda: all(self.live(station).ready for station in stations))

    async def charge(self, station_id: str, kind: Any = TAKES_22_KW) -> Car:
        """Plug in and show a card; returns when the controller knows the session."""
        car = Car(kind, soc=0.2, at_s=self.clock.time())
        self.stations[station_id].plug_in(1, car)
        assert await self.stations[station_id].present(1, IdToken(f"CARD-{station_id}"))
        await self.until(lambda: self.live(station_id).transaction is not None)
        return car

    async def draws(self, station_id: str, amperes: float, site_s: float = 240.0) -> None:
        await self.until(lambda: abs(self.current_a(station_id) - amperes) < 0.3, site_s)

    def profiles(self, station_id: str) -> dict[str, list[float]]:
        """What the station holds: purpose -> limits of its periods."""
        return {
            profile.purpose: [period.limit for period in profile.schedules[0].periods]
            for _, profile in self.stations[station_id]._profiles.held()
        }

    @property
    def key(self) -> Callable[[str], EvseKey]:
        return lambda station_id: (station_id, 1)


@contextlib.asynccontextmanager
async def yard(
    folder: Path,
    *stations: str,
    limit_a: float = 80.0,
    safe_a: float = 0.0,
    lease_s: float = 90.0,
    meter: str = "modbus",
    reserve_a: float = 40.0,
    version: str = "2.0.1",
    connect: bool = True,
    phase_switch: bool = False,
    maps: Path | None = None,
    devices_a: Callable[[], PerPhase] | None = None,
    grid: dict[str, Any] | None = None,
    **changes: Any,
) -> AsyncIterator[LiveYard]:
    """A site with its controller; its stations connected and proven unless told otherwise. Whatever happens,
    no sum of promises may ever exceed a limit. `grid` changes the grid connection, `changes` the site.
    """
    clock = ScaledClock(START, 60.0)
    ticking = asyncio.create_task(clock.run())
    try:
        async with world(folder, clock) as node:
            server = MeterServer(lambda: it.site_a)
            await server.start()
            site = built(
                *stations,
                limit_a=limit_a,
                safe_a=safe_a,
                lease_s=lease_s,
                meter=meter,
                port=server.port,
                reserve_a=reserve_a,
                phase_switch=phase_switch,
            )
            circuits = (structs.replace(site.root, **(grid or {})), *site.circuits[1:])
            site = structs.replace(site, **({"circuits": circuits} | changes))
            it = LiveYard(node, clock, site, server)
            it.maps, it.devices_a = maps, devices_a or it.devices_a
            await node.store.write(lambda connection: sites.save_site(connection, site, clock.now()))
            await node.csms.reload()
            if meter == "modbus":
                reader = CircuitMeter(site.site_id, site.root, clock, node.bus.publish)
                it.beside(reader.run())
            await it.control()
            try:
                await it.until(lambda: it.decisions)
                if connect:
                    for station in stations:
                        it.station(station, version)
                    await it.proven(*stations)
                yield it
                assert it.excess == []
            finally:
                await it.end()
                await server.stop()
    finally:
        ticking.cancel()
