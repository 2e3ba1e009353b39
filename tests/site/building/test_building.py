"""Building management as a client: Modbus TCP by another library, MQTT over a real Mosquitto."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiomqtt
import pytest
from msgspec import structs
from pymodbus.client import AsyncModbusTcpClient

from ampacity.control.limits import effective_limit
from ampacity.model.live import CircuitView, SiteView
from ampacity.model.site import LimitSource, Site
from ampacity.site.building import BuildingLimits, BuildingMqtt, BuildingServer, BuildingSettings
from ampacity.site.building.registers import map_in_markdown
from tests.control.scene import site
from tests.fixtures.mosquitto import Broker
from tests.fixtures.ports import unused_port

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
DOCS = Path(__file__).resolve().parents[3] / "docs"


class Time:
    """A clock that a test moves."""

    speed = 1.0

    def __init__(self) -> None:
        self.at = 0.0

    def time(self) -> float:
        return NOON.timestamp() + self.at

    def now(self) -> datetime:
        return NOON + timedelta(seconds=self.at)

    def monotonic(self) -> float:
        return self.at

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0.02)

    async def wait_for(self, awaitable: Any, seconds: float) -> Any:
        return await awaitable

    def hold_while(self, stands_still: Any) -> Any:
        return lambda: None


class Yard:
    """A site whose limits are kept as the desk keeps them."""

    def __init__(self, clock: Time) -> None:
        self.site: Site = site()
        self.clock = clock
        self.limits: dict[str, LimitSource] = {}
        self.kept = 0

    async def set_limit(
        self,
        circuit_id: str,
        limit_a: float | None,
        source: str,
        valid_until: datetime | None,
        fallback_a: float | None,
        actor: str,
    ) -> None:
        if circuit_id not in {circuit.circuit_id for circuit in self.site.circuits}:
            raise LookupError(circuit_id)
        assert limit_a is not None
        assert valid_until is not None
        self.kept += 1
        self.limits[circuit_id] = LimitSource(
            limit_a=limit_a, source=source, valid_until=valid_until.timestamp(), fallback_a=fallback_a
        )

    async def withdraw_limit(self, circuit_id: str, source: str, actor: str) -> None:
        del self.limits[circuit_id]

    def limit_a(self, circuit_id: str = "grid") -> float:
        circuit = next(c for c in self.site.circuits if c.circuit_id == circuit_id)
        live = [self.limits[circuit_id]] if circuit_id in self.limits else []
        return effective_limit(circuit, live, self.clock.time())[0]

    def view(self) -> SiteView:
        grid = CircuitView(
            circuit_id="grid",
            name="Grid",
            parent_id=None,
            rating_a=100.0,
            limit_a=80.0,
            limit_source="rating",
            meter_state="fresh",
            metered_a=(12.34, -5.0, 0.0),
            base_a=(1.0, 2.0, 3.0),
            ev_a=(4.0, 5.0, 6.0),
            reserve_a=(-7.0, 0.0, 0.0),
            margin_a=2.0,
        )
        panel = structs.replace(
            grid, circuit_id="panel", parent_id="grid", meter_state="none", metered_a=None
        )
        return SiteView(
            site_id="site",
            name="site",
            at=self.clock.now(),
            speed=1.0,
            demo=False,
            strategy="dynamic",
            voltage_v=230.0,
            overloaded=False,
            base_power_w=0.0,
            ev_power_w=0.0,
            limit_power_w=0.0,
            circuits=(grid, panel),
            evses=(),
        )


class Visit:
    """A served yard and a client at it."""

    def __init__(self, **settings: Any) -> None:
        self.clock = Time()
        self.yard = Yard(self.clock)
        chosen = BuildingSettings(modbus_port=0, **{"writable": True} | settings)
        limits = BuildingLimits(self.yard, self.clock, chosen.watchdog_s, chosen.fallback_a)
        self.server = BuildingServer(self.yard, limits, chosen, self.clock)
        self.client: AsyncModbusTcpClient | None = None

    async def __aenter__(self) -> Visit:
        await self.server.start()
        self.client = AsyncModbusTcpClient("127.0.0.1", port=self.server.port, timeout=1, retries=0)
        await self.client.connect()
        return self

    async def __aexit__(self, *problem: object) -> None:
        assert self.client is not None
        self.client.close()
        await self.server.stop()

    async def read(self, start: int, count: int) -> list[int]:
        assert self.client is not None
        return list((await self.client.read_input_registers(start, count=count)).registers)

    async def write(self, start: int, *words: int) -> bool:
        assert self.client is not None
        return not (await self.client.write_registers(start, list(words))).isError()


async def test_the_site_is_told_in_registers() -> None:
    async with Visit() as visit:
        assert await visit.read(0, 5) == [0x414D, 1, 2, 0, 0]
        block = await visit.read(100, 15)
        assert block == [800, 1000, 1, 123, 65536 - 50, 0, 10, 20, 30, 40, 50, 60, 65536 - 70, 0, 0]
        assert await visit.read(120, 6) == [800, 1000, 0, 0x8000, 0x8000, 0x8000]
        visit.clock.at = 70.0
        assert await visit.read(5, 1) == [70]


async def test_a_limit_holds_while_the_building_counts_and_falls_to_its_fallback_after() -> None:
    async with Visit(watchdog_s=60.0) as visit:
        assert await visit.write(100, 400, 100)
        assert visit.yard.limit_a() == 40.0
        for beat in range(1, 10):
            visit.clock.at += 20.0
            assert await visit.write(0, beat)
        assert visit.yard.limit_a() == 40.0
        visit.clock.at += 59.0
        assert await visit.write(0, 9), "the same number is no heartbeat"
        visit.clock.at += 2.0
        assert visit.yard.limit_a() == 10.0
        assert await visit.write(0, 10)
        assert visit.yard.limit_a() == 10.0, "a heartbeat alone does not bring a limit back"
        assert await visit.write(100, 400)
        assert visit.yard.limit_a() == 40.0
        assert await visit.write(100, 0xFFFF)
        assert visit.yard.limit_a() == 100.0


async def test_a_heartbeat_is_not_a_row_in_the_store_each_second() -> None:
    async with Visit(watchdog_s=60.0) as visit:
        await visit.write(100, 400)
        for beat in range(1, 121):
            visit.clock.at += 1.0
            await visit.write(0, beat)
        assert visit.yard.kept <= 5


@pytest.mark.parametrize(("start", "words"), [(108, (1,)), (1, (1,)), (99, (1, 2)), (102, (5,))])
async def test_what_takes_nothing_is_refused_and_nothing_changes(start: int, words: tuple[int, ...]) -> None:
    async with Visit() as visit:
        assert not await visit.write(start, *words)
        assert visit.yard.limits == {}


async def test_it_is_read_only_unless_it_was_switched_on() -> None:
    async with Visit(writable=False) as visit:
        assert not await visit.write(100, 400)
        assert visit.yard.limit_a() == 100.0


async def test_who_is_not_on_the_list_is_hung_up_on() -> None:
    async with Visit(allow=("10.0.4.0/24",)) as visit:
        reader, writer = await asyncio.open_connection("127.0.0.1", visit.server.port)
        assert await reader.read(1) == b""
        writer.close()


def test_the_documented_map_is_the_one_that_is_served() -> None:
    assert map_in_markdown() in (DOCS / "building-management.md").read_text()


# ------------------------------------------------------------ MQTT


@pytest.fixture
async def broker(tmp_path: Path) -> AsyncIterator[Broker]:
    found = Broker(tmp_path, unused_port())
    await found.start()
    yield found
    found.stop()


async def test_state_is_published_and_limits_are_taken_over_mqtt(broker: Broker) -> None:
    clock = Time()
    yard = Yard(clock)
    settings = BuildingSettings(writable=True, mqtt_broker=f"127.0.0.1:{broker.port}", mqtt_topic="haus")
    ours = BuildingMqtt(yard, BuildingLimits(yard, clock, 60.0, 6.0), settings, clock)
    told: dict[str, bytes] = {}
    async with asyncio.timeout(20), aiomqtt.Client("127.0.0.1", broker.port) as building:
        await building.publish("haus/site/circuit/panel/limit/set", '{"limit_a": 1}', retain=True)
        task = asyncio.create_task(ours.run())
        await building.subscribe("haus/site/#")
        async for message in building.messages:
            told[str(message.topic)] = bytes(message.payload)  # type: ignore[arg-type]
            if {"haus/site/status", "haus/site/circuit/grid"} <= told.keys():
                break
        assert told["haus/site/status"] == b"online"
        grid = json.loads(told["haus/site/circuit/grid"])
        assert (grid["limit_a"], grid["metered_a"], grid["mode"]) == (80.0, [12.34, -5.0, 0.0], "normal")
        assert datetime.fromisoformat(grid["at"]) == NOON
        for body in ("{", '{"limit_a": -3}', '{"limit_a": 1, "watt": 2}', '{"limit_a": "x"}'):
            await building.publish("haus/site/circuit/grid/limit/set", body)
        await building.publish("haus/site/circuit/cellar/limit/set", '{"limit_a": 1}')
        await building.publish("haus/site/circuit/grid/limit/set", '{"limit_a": 40, "fallback_a": 10}')
        while yard.limit_a() != 40.0:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        assert yard.limits.keys() == {"grid"}, "what was retained is from nobody knows when"
        clock.at = 45.0
        await building.publish("haus/site/heartbeat", "1")
        while yard.kept < 2:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        clock.at = 100.0
        assert yard.limit_a() == 40.0
        clock.at = 106.0
        assert yard.limit_a() == 10.0
        await building.publish("haus/site/circuit/grid/limit/set", "{}")
        while "grid" in yard.limits:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
