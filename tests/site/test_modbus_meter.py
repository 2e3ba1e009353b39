"""The Modbus meter over a real socket: values, a dead device, a device that comes back, nonsense."""

import asyncio

import pytest

from ampacity.clock import WallClock
from ampacity.demo.meter import MeterServer
from ampacity.model.events import CircuitMetered
from ampacity.model.site import Circuit, MeterConfig
from ampacity.site.meters import CircuitMeter
from ampacity.site.modbus import ModbusAddress


def circuit(port: int, *, import_is_positive: bool = True, register: int = 0) -> Circuit:
    meter = MeterConfig(
        protocol="modbus-tcp",
        address=f"127.0.0.1:{port}/1?{register}",
        interval_s=0.02,
        import_is_positive=import_is_positive,
    )
    return Circuit(circuit_id="main", name="Main", rating_a=100.0, meter=meter)


async def first(readings: "asyncio.Queue[CircuitMetered]") -> CircuitMetered:
    return await asyncio.wait_for(readings.get(), 30)


async def failed(meter: CircuitMeter) -> None:
    """Until a read has failed: the meter tells nobody, it only stays silent."""
    async with asyncio.timeout(30):
        while meter.failure is None:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("sign", [True, False])
async def test_reads_three_phases_and_obeys_the_sign(sign: bool) -> None:
    server = MeterServer(lambda: (12.5, -3.25, 40.0))
    await server.start()
    readings: asyncio.Queue[CircuitMetered] = asyncio.Queue()
    meter = CircuitMeter("s", circuit(server.port, import_is_positive=sign), WallClock(), readings.put_nowait)
    task = asyncio.create_task(meter.run())
    reading = await first(readings)
    factor = 1 if sign else -1
    assert reading.current_a == (12.5 * factor, -3.25 * factor, 40.0 * factor)
    assert (reading.site_id, reading.circuit_id) == ("s", "main")
    task.cancel()
    await server.stop()


async def test_a_silent_meter_publishes_nothing_and_recovers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ampacity.site.modbus.link.REQUEST_TIMEOUT_S", 0.1)
    server = MeterServer(lambda: (1.0, 2.0, 3.0))
    server.silent = True
    await server.start()
    readings: asyncio.Queue[CircuitMetered] = asyncio.Queue()
    meter = CircuitMeter("s", circuit(server.port), WallClock(), readings.put_nowait)
    task = asyncio.create_task(meter.run())
    await failed(meter)
    assert readings.empty()
    server.silent = False
    assert (await first(readings)).current_a == (1.0, 2.0, 3.0)
    assert meter.failure is None
    task.cancel()
    await server.stop()


async def test_a_register_that_is_not_there_is_a_failure_not_a_zero() -> None:
    server = MeterServer(lambda: (1.0, 2.0, 3.0))
    await server.start()
    readings: asyncio.Queue[CircuitMetered] = asyncio.Queue()
    meter = CircuitMeter("s", circuit(server.port, register=4), WallClock(), readings.put_nowait)
    task = asyncio.create_task(meter.run())
    await failed(meter)
    assert readings.empty()
    task.cancel()
    await server.stop()


async def test_not_a_number_is_a_failure() -> None:
    server = MeterServer(lambda: (float("nan"), 0.0, 0.0))
    await server.start()
    readings: asyncio.Queue[CircuitMetered] = asyncio.Queue()
    meter = CircuitMeter("s", circuit(server.port), WallClock(), readings.put_nowait)
    task = asyncio.create_task(meter.run())
    await failed(meter)
    assert readings.empty()
    task.cancel()
    await server.stop()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10.0.0.5:1502/3?40", ModbusAddress("10.0.0.5", 1502, 3, 40)),
        ("meter.local:502", ModbusAddress("meter.local", 502, 1, 0)),
        ("meter.local", ModbusAddress("meter.local", 502, 1, 0)),
    ],
)
def test_addresses(text: str, expected: ModbusAddress) -> None:
    assert ModbusAddress.parse(text) == expected


def test_a_wrong_address_says_what_is_right() -> None:
    with pytest.raises(ValueError, match="host:port/unit"):
        ModbusAddress.parse("meter:abc")
