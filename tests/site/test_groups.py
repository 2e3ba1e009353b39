"""A hospital and a car park under one connection of 100 A: real nodes, stations on real sockets, on a clock
that runs 60 times as fast as the wall.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ampacity.api.context import ApiSettings
from ampacity.clock import Clock, ScaledClock
from ampacity.csms.settings import CsmsSettings
from ampacity.gateway.settings import GatewaySettings
from ampacity.model.groups import GroupMember, GroupView, MemberView, SiteGroup
from ampacity.model.live import EvseView
from ampacity.model.site import Circuit, Evse, MeterConfig, Site
from ampacity.model.station import IdToken
from ampacity.node import Node
from ampacity.ocpp.version import Version
from ampacity.settings import NodeSettings
from ampacity.simulation.cars import Car
from ampacity.site.groups.remote import ParentSettings
from ampacity.station import ChargingStation, EvseConfig, StationConfig
from tests.station.stack import START

from .live import TAKES_22_KW

PERSON = "user:ada"
STATIONS = ("P1", "P2", "P3")

HOSPITAL = Site(
    site_id="hospital",
    operator_id="default",
    name="Hospital",
    time_zone="UTC",
    circuits=(
        Circuit(
            circuit_id="grid",
            name="Grid",
            rating_a=100.0,
            reserve_a=60.0,
            meter=MeterConfig(protocol="push", interval_s=1.0),
        ),
    ),
    evses=(),
    commissioned=True,
)
PARK = Site(
    site_id="park",
    operator_id="default",
    name="Car park",
    time_zone="UTC",
    circuits=(Circuit(circuit_id="grid", name="Grid", rating_a=100.0),),
    evses=tuple(
        Evse(station_id=name, evse_id=1, circuit_id="grid", phases=(0, 1, 2), safe_a=6.0) for name in STATIONS
    ),
    lease_s=60.0,
    commissioned=True,
)
CAMPUS = SiteGroup(
    group_id="campus",
    operator_id="default",
    name="Campus",
    circuits=(Circuit(circuit_id="supply", name="Supply", rating_a=100.0),),
    members=(
        GroupMember(site_id="hospital", circuit_id="supply", guaranteed_a=62.0, priority=1),
        GroupMember(site_id="park", circuit_id="supply", guaranteed_a=20.0),
    ),
    settle_s=120.0,
)


@contextlib.asynccontextmanager
async def running(
    folder: Path, clock: Clock, *sites: Site, parents: tuple[ParentSettings, ...] = ()
) -> AsyncIterator[Node]:
    """A node with these sites."""
    settings = NodeSettings(
        data=str(folder),
        api=ApiSettings(host="127.0.0.1", port=0),
        gateway=GatewaySettings(host="127.0.0.1", ocpp_port=0),
        csms=msgspec.convert(
            {"admit_unknown": True, "unknown_tokens": "accept", "onboard": False}, CsmsSettings
        ),
        parents=parents,
    )
    node = await Node.open(settings, clock)
    try:
        for site in sites:
            await node.save_site(site)
        await node.start()
        yield node
        assert node.failure is None
    finally:
        await node.stop()


class Place:
    """What a test sees of both sites; the building of the hospital draws `base_a`."""

    def __init__(self, hub: Node, park: Node, clock: ScaledClock) -> None:
        self.hub, self.park, self.clock = hub, park, clock
        self.base_a = 20.0
        self.metered = True
        self.stations: list[ChargingStation] = []
        self.tasks: list[asyncio.Task[Any]] = []
        self.worst_a = 0.0

    async def live(self) -> None:
        """Meter the hospital, and watch what the supply carries."""
        while self.metered:
            self.hub.sites["hospital"].record_meter("grid", (self.base_a,) * 3, self.clock.now())
            self.worst_a = max(self.worst_a, self.total_a)
            await self.clock.sleep(1.0)

    async def charge(self) -> None:
        """A car that would take 22 kW at each station."""
        for name in STATIONS:
            config = StationConfig(
                station_id=name,
                url=f"ws://127.0.0.1:{self.park.gateway.port}/ocpp",
                version=Version("2.0.1"),
                evses=(EvseConfig(evse_id=1),),
                sample_interval_s=5.0,
                boot_s=1.0,
                retry_interval_s=2.0,
            )
            station = ChargingStation(config, self.clock, random.Random(name))
            self.stations.append(station)
            self.tasks += [asyncio.ensure_future(station.run()), asyncio.ensure_future(station.drive())]
        park = self.park.sites["park"]
        await self.until(lambda: all(live.ready for live in park.live_site.evses.values()))
        for station in self.stations:
            station.plug_in(1, Car(TAKES_22_KW, soc=0.2, at_s=self.clock.time()))
            assert await station.present(1, IdToken(f"CARD-{station.config.station_id}"))

    @property
    def cars_a(self) -> float:
        """What the cars really draw on a phase."""
        return sum(station.bays[1].hardware.current_a[0] for station in self.stations)

    @property
    def total_a(self) -> float:
        return self.base_a + self.cars_a

    @property
    def view(self) -> GroupView:
        return self.hub.groups.view("campus")

    def member(self, site_id: str) -> MemberView:
        return next(member for member in self.view.members if member.site_id == site_id)

    def evse(self, name: str) -> EvseView:
        return next(view for view in self.park.sites["park"].view().evses if view.station_id == name)

    async def until(self, truth: Callable[[], Any], site_s: float = 240.0) -> float:
        """Wait for something to become true; returns how long it took, in site seconds."""
        begun = self.clock.monotonic()
        while not truth():
            if self.clock.monotonic() > begun + site_s:
                told = self.hub.groups.view("campus") if self.hub.groups.known() else None
                raise AssertionError(f"not within {site_s:g} s: {self.total_a} A; {told}")
            await self.clock.sleep(0.25)
        return self.clock.monotonic() - begun


@contextlib.asynccontextmanager
async def place(hub: Node, park: Node, clock: ScaledClock) -> AsyncIterator[Place]:
    it = Place(hub, park, clock)
    it.tasks.append(asyncio.ensure_future(it.live()))
    try:
        yield it
    finally:
        for task in it.tasks:
            task.cancel()
        done = await asyncio.gather(*it.tasks, return_exceptions=True)
    assert [what for what in done if isinstance(what, Exception)] == []


@pytest.fixture
async def clock() -> AsyncIterator[ScaledClock]:
    clock = ScaledClock(START, 60.0)
    ticking = asyncio.create_task(clock.run())
    yield clock
    ticking.cancel()


async def test_a_hospital_goes_before_a_car_park(tmp_path: Path, clock: ScaledClock) -> None:
    async with running(tmp_path, clock, HOSPITAL, PARK) as node, place(node, node, clock) as it:
        await node.groups.save(CAMPUS, PERSON)
        await it.charge()
        # What the hospital is guaranteed and has no use for is lent.
        await it.until(lambda: it.cars_a > 60.0, 400.0)
        await it.until(lambda: any(r.source == "group:campus" for r in it.evse("P1").reasons))
        it.base_a = 65.0
        assert await it.until(lambda: it.total_a <= 100.0, 15.0) <= 12.0
        # The former grant counts until every EVSE was seen to follow the new one.
        await it.until(lambda: it.member("park").counted_a == it.member("park").grant_a, 60.0)
        assert it.member("park").grant_a == pytest.approx(33.0, abs=0.5)
        # Its controller dies: what it may draw is kept for it.
        for part in ("watchdog of park", "site park"):
            node._tasks[part].cancel()
            await asyncio.gather(node._tasks[part], return_exceptions=True)
        await it.until(lambda: it.member("park").standing == "silent", 10.0)
        it.base_a = 30.0
        await it.clock.sleep(35.0)
        assert it.member("park").counted_a == pytest.approx(33.0, abs=0.5)
        await it.until(lambda: it.member("park").counted_a == 20.0, 240.0)
        # The whole group is stopped, and only a person lets it go on.
        await node.groups.stop("campus", "smoke", False, PERSON)
        await it.until(lambda: node.sites["hospital"].view().mode == "stopped", 5.0)
        assert node.sites["hospital"].view().mode_by == f"group:campus ({PERSON})"
        await node.groups.release("campus", "toast", PERSON)
        await it.until(lambda: node.sites["hospital"].view().mode == "normal", 5.0)


async def test_a_site_on_another_node_falls_to_its_share_when_the_coordinator_is_gone(
    tmp_path: Path, clock: ScaledClock
) -> None:
    async with contextlib.AsyncExitStack() as hubs:
        hub = await hubs.enter_async_context(running(tmp_path / "hub", clock, HOSPITAL))
        await hub.groups.save(CAMPUS, PERSON)
        key, _ = await hub.access.make_key("park", "operator", "test")
        (tmp_path / "key").write_text(key)
        parent = ParentSettings(
            site_id="park",
            group_id="campus",
            url=hub.url,
            key_file=str(tmp_path / "key"),
            guaranteed_a=20.0,
            settle_s=120.0,
        )
        async with (
            running(tmp_path / "park", clock, PARK, parents=(parent,)) as park,
            place(hub, park, clock) as it,
        ):
            await it.charge()
            await it.until(lambda: it.cars_a > 40.0, 400.0)
            assert it.worst_a <= 100.0
            [limit] = park.sites["park"].granted("grid")
            assert (limit.source, limit.limit_a, limit.fallback_a) == ("group:campus", 78.0, 20.0)
            it.metered = False
            await hubs.aclose()
            await it.until(lambda: it.cars_a <= 20.0, 60.0)
            [limit] = park.sites["park"].granted("grid")
            assert (limit.source, limit.limit_a) == ("group:campus (fallback)", 20.0)
