"""A meter at work: SunSpec to the circuit, faults told once, pauses that grow, ends that end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from ampacity.bus import LocalBus
from ampacity.clock import WallClock
from ampacity.model.events import CircuitMetered, CircuitMeterFailed
from ampacity.model.site import Circuit, MeterConfig, MeterValue, Site
from ampacity.site.meters import CircuitMeter
from ampacity.site.meters.meter import pause_s
from ampacity.site.meters.running import SiteMeters
from ampacity.site.meters.source import Around
from ampacity.site.safe import PREFIX, Safe, SafeError
from tests.fixtures.mosquitto import Broker
from tests.fixtures.ports import lasting_port
from tests.site.modbus.device import ModbusDevice, floats
from tests.site.modbus.sunspec_map import common, meter_203, sunspec


@pytest.fixture
async def device() -> AsyncIterator[ModbusDevice]:
    made = ModbusDevice()
    await made.start()
    yield made
    await made.stop()


def circuit(**config: Any) -> Circuit:
    return Circuit(
        circuit_id="main",
        name="Main",
        rating_a=100.0,
        meter=MeterConfig(**{"protocol": "modbus-tcp", "interval_s": 0.02} | config),
    )


class Running:
    """A meter that runs, and what it tells."""

    def __init__(self, circuit: Circuit) -> None:
        self.readings: asyncio.Queue[CircuitMetered] = asyncio.Queue()
        self.faults: asyncio.Queue[CircuitMeterFailed] = asyncio.Queue()
        self.meter = CircuitMeter(
            "s", circuit, WallClock(), self.readings.put_nowait, fail=self.faults.put_nowait
        )

    async def __aenter__(self) -> Running:
        self.task = asyncio.create_task(self.meter.run())
        return self

    async def __aexit__(self, *_: object) -> None:
        self.task.cancel()
        done, _pending = await asyncio.wait({self.task}, timeout=20)
        assert done, "the meter reads on"
        assert self.task.cancelled()

    async def reading(self) -> CircuitMetered:
        return await asyncio.wait_for(self.readings.get(), 20)

    async def fault(self) -> str:
        return (await asyncio.wait_for(self.faults.get(), 20)).fault


async def test_a_sunspec_meter_from_the_wire_to_the_circuit(device: ModbusDevice) -> None:
    """Its currents have no sign, its power has; its L1 is on the circuit's L2."""
    device.holding = sunspec(40000, common(), meter_203((1000, 500, 200), (2300, -1150, 460)))
    config = circuit(address=f"127.0.0.1:{device.port}/1", map="sunspec", phases=(1, 2, 0))
    async with Running(config) as it:
        told = await it.reading()
        assert told.current_a == pytest.approx((2.0, 10.0, -1150 / 230.1))
        assert told.power_w == 1610.0
        assert told.voltage_v == (230.1, 230.1, 230.1)
        assert told.import_wh == 1_234_000.0


async def test_the_second_meter_of_a_device(device: ModbusDevice) -> None:
    first, second = meter_203((100, 100, 100), None), meter_203((700, 800, 900), None, number=204)
    device.holding = sunspec(0, common(), first, second)
    async with Running(circuit(address=f"127.0.0.1:{device.port}", map="sunspec:2")) as it:
        assert (await it.reading()).current_a == (7.0, 8.0, 9.0)


async def test_a_device_that_is_not_a_meter_says_what_it_is(device: ModbusDevice) -> None:
    device.holding = sunspec(40000, common(), (103, [0] * 50))
    async with Running(circuit(address=f"127.0.0.1:{device.port}", map="sunspec")) as it:
        assert await it.fault() == "missing"
        assert "its models: 1, 103" in str(it.meter.failure)


async def test_a_map_that_changes_is_walked_again(device: ModbusDevice) -> None:
    device.holding = sunspec(40000, common(), meter_203((100, 200, 300), None))
    async with Running(circuit(address=f"127.0.0.1:{device.port}", map="sunspec")) as it:
        assert (await it.reading()).current_a == (1.0, 2.0, 3.0)
        device.holding = sunspec(40000, common(), (160, [0] * 20), meter_203((400, 500, 600), None))
        assert await it.fault() == "garbled"
        while (await it.reading()).current_a != (4.0, 5.0, 6.0):
            pass


async def test_a_fault_is_told_and_logged_once(
    device: ModbusDevice, caplog: pytest.LogCaptureFixture
) -> None:
    device.input = floats(0, 1.0, float("nan"), 3.0)
    with caplog.at_level(logging.INFO):
        async with Running(circuit(address=f"127.0.0.1:{device.port}")) as it:
            assert await it.fault() == "not_a_number"
            asked = device.asked
            while device.asked < asked + 5:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            assert it.faults.empty()
            device.input = floats(0, 1.0, 2.0, 3.0)
            await it.reading()
    said = [record.getMessage() for record in caplog.records if "meter of circuit" in record.getMessage()]
    assert len(said) == 2
    assert "not_a_number: its current of L2" in said[0]
    assert "answers again" in said[1]


async def test_a_line_that_breaks_is_opened_again(device: ModbusDevice) -> None:
    device.input = floats(0, 1.0, 2.0, 3.0)
    async with Running(circuit(address=f"127.0.0.1:{device.port}")) as it:
        await it.reading()
        await device.stop()
        assert await it.fault() in ("no_answer", "no_connection")
        while not it.readings.empty():
            it.readings.get_nowait()
        await device.start()
        await it.reading()
        assert it.meter.fault is None


@pytest.mark.parametrize(
    ("interval_s", "failures", "expected"),
    [
        (1.0, 1, 1.0),
        (1.0, 2, 2.0),
        (1.0, 4, 8.0),
        (1.0, 5, 15.0),
        (1.0, 99, 15.0),
        (60.0, 1, 60.0),
        (60.0, 9, 60.0),
    ],
)
def test_pauses_grow_to_a_bound(interval_s: float, failures: int, expected: float) -> None:
    assert pause_s(interval_s, failures) == expected


VALUES = tuple(
    MeterValue(name=f"current_l{n}", path="i", topic="m")
    for n in (1, 2, 3)  # type: ignore[arg-type]
)


@pytest.mark.parametrize("protocol", ["modbus-tcp", "http", "mqtt", "p1", "ocpp"])
@pytest.mark.parametrize("turns", range(0, 24, 3))
async def test_it_ends_at_whatever_moment_it_is_cancelled(protocol: str, turns: int, tmp_path: Path) -> None:
    """So many turns of the event loop after it began, with a peer that takes every connection and says
    nothing, or a real broker.
    """

    async def nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    broker = Broker(tmp_path, lasting_port())
    server = await asyncio.start_server(nothing, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    if protocol == "mqtt":
        await broker.start()
    address = {
        "http": f"http://127.0.0.1:{port}/",
        "mqtt": f"mqtt://127.0.0.1:{broker.port}",
        "ocpp": "GRID/0",
    }.get(protocol, f"127.0.0.1:{port}")
    config = circuit(protocol=protocol, address=address, values=VALUES, interval_s=60.0)
    around = Around(clock=WallClock(), bus=LocalBus())
    meter = CircuitMeter("s", config, WallClock(), lambda event: None, around=around)
    task = asyncio.create_task(meter.run())
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    done, _ = await asyncio.wait({task}, timeout=20)
    assert done, "the meter reads on"
    assert task.cancelled()
    server.close()
    broker.stop()


async def test_all_meters_of_a_site_and_one_that_is_set_up_anew(device: ModbusDevice, tmp_path: Path) -> None:
    device.input = floats(0, 1.0, 2.0, 3.0) | floats(10, 4.0, 5.0, 6.0)
    address = f"127.0.0.1:{device.port}"
    site = Site(
        site_id="s",
        operator_id="op",
        name="S",
        time_zone="UTC",
        circuits=(
            circuit(address=f"{address}/1?0"),
            Circuit(circuit_id="shop", name="Shop", rating_a=50.0, parent_id="main"),
        ),
        evses=(),
    )
    now = [site]
    bus, readings, faults = LocalBus(), asyncio.Queue[CircuitMetered](), asyncio.Queue[CircuitMeterFailed]()
    bus.subscribe(CircuitMetered, readings.put_nowait)
    bus.subscribe(CircuitMeterFailed, faults.put_nowait)
    meters = SiteMeters(lambda: now[0], lambda circuit_id: None, WallClock(), bus, Safe(tmp_path))
    task = asyncio.create_task(meters.run())

    async def told(circuit_id: str) -> CircuitMetered:
        while True:
            event = await asyncio.wait_for(readings.get(), 20)
            if event.circuit_id == circuit_id:
                return event

    assert (await told("main")).current_a == (1.0, 2.0, 3.0)
    assert meters.report("shop") is None

    def configure(**config: Any) -> None:
        shop = circuit(**config).meter
        main, before = now[0].circuits
        shop_circuit = Circuit(
            circuit_id="shop", name=before.name, rating_a=50.0, parent_id="main", meter=shop
        )
        now[0] = Site(
            site_id="s", operator_id="op", name="S", time_zone="UTC", circuits=(main, shop_circuit), evses=()
        )
        meters.follow("shop")

    configure(address=f"{address}/1?10")
    assert (await told("shop")).current_a == (4.0, 5.0, 6.0)
    assert meters.report("shop") is not None
    configure(address=address, password=f"{PREFIX}of-another-node")
    failed = await asyncio.wait_for(faults.get(), 20)
    assert (failed.circuit_id, failed.fault) == ("shop", "refused")
    assert "enter" in failed.text
    await told("main")
    task.cancel()
    await asyncio.wait({task})
    assert task.cancelled()


def test_passwords_are_sealed_with_a_key_that_only_its_owner_reads(tmp_path: Path) -> None:
    safe = Safe(tmp_path)
    assert safe.seal("") == ""
    assert list(tmp_path.iterdir()) == [], "no key before there is a password"
    sealed = safe.seal("Zähler 7")
    assert safe.seal(sealed) == sealed
    assert Safe(tmp_path).open(sealed) == "Zähler 7"
    (key,) = tmp_path.iterdir()
    assert key.stat().st_mode & 0o777 == 0o600
    key.chmod(0o644)
    with pytest.raises(SafeError, match="chmod 600"):
        Safe(tmp_path).open(sealed)
    key.unlink()
    with pytest.raises(SafeError, match="enter the password again"):
        Safe(tmp_path).open(sealed)
    Safe(tmp_path).seal("another")
    with pytest.raises(SafeError, match="was not sealed with"):
        Safe(tmp_path).open(sealed)
    with pytest.raises(SafeError, match="no folder"):
        Safe(None).seal("x")
