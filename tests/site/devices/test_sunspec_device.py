"""Inverters and batteries by SunSpec over a real socket: what they tell, and every way to command them."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from ampacity.site.devices.sunspec import SunSpecDevice
from ampacity.site.modbus import ModbusRefusal, ModbusTrouble

from .simulated import SunSpecUnit, battery, inverter, long


@pytest.fixture
async def units() -> AsyncIterator[list[SunSpecUnit]]:
    started: list[SunSpecUnit] = []
    yield started
    for unit in started:
        await unit.stop()


async def started(units: list[SunSpecUnit], *models: int) -> SunSpecUnit:
    unit = SunSpecUnit(*models)
    units.append(unit)
    await unit.start()
    return unit


async def test_a_der_battery_tells_its_power_charge_bounds_and_state(units: list[SunSpecUnit]) -> None:
    unit = await started(units, 701, 702, 704, 713, 160)
    unit.power_w = -2500
    driver = SunSpecDevice(battery(unit.port))
    await driver.open()
    told = await driver.read()
    await driver.close()
    assert (told.power_w, told.soc_percent) == (2500.0, 60.0), "SunSpec counts what is given"
    assert (told.draw_w, told.feed_w, told.generation_w) == (10_000.0, 8_000.0, 2200.0)
    assert (told.command_w, told.state, told.fault) == (None, "running", False)


@pytest.mark.parametrize("command_w", [3000.0, 0.0, -4500.0])
@pytest.mark.parametrize("models", [(701, 702, 704, 713), (103, 120, 124)])
async def test_a_battery_is_commanded_and_says_so(
    units: list[SunSpecUnit], models: tuple[int, ...], command_w: float
) -> None:
    unit = await started(units, *models)
    driver = SunSpecDevice(battery(unit.port, watchdog_s=45.0))
    await driver.open()
    assert (await driver.read()).command_w is None
    await driver.write(command_w)
    told = await driver.read()
    await driver.close()
    assert told.command_w == pytest.approx(command_w, abs=told.step_w)
    assert told.power_w == pytest.approx(command_w, abs=told.step_w)
    timer = (704, 30) if 704 in models else (124, 13)
    assert unit.word(*timer) == 45


async def test_what_the_battery_falls_back_to_is_written_with_the_command(units: list[SunSpecUnit]) -> None:
    unit = await started(units, 701, 702, 704, 713)
    driver = SunSpecDevice(battery(unit.port, fallback_w=1500.0))
    await driver.open()
    await driver.read()
    await driver.write(-2000.0)
    await driver.close()
    ((_, body),) = unit.writes
    assert body[:6] == [1, 1, *long(2000), *long(-1500)]
    assert body[8:] == [1, *long(30)]


@pytest.mark.parametrize("models", [(701, 702, 704), (103, 121, 123)])
@pytest.mark.parametrize("limit_w", [10_000.0, 3_333.0, 0.0])
async def test_an_inverter_is_limited(
    units: list[SunSpecUnit], models: tuple[int, ...], limit_w: float
) -> None:
    unit = await started(units, *models)
    driver = SunSpecDevice(inverter(unit.port))
    await driver.open()
    assert (await driver.read()).command_w is None
    await driver.write(-limit_w)
    told = await driver.read()
    await driver.close()
    assert told.command_w is not None
    assert -limit_w <= told.command_w <= -limit_w + told.step_w, "never more than it was allowed"


async def test_charging_and_feeding_in_are_never_both_open(units: list[SunSpecUnit]) -> None:
    """Model 124 has a rate for each: they are closed to one value, or nothing is confirmed."""
    unit = await started(units, 103, 120, 124)
    driver = SunSpecDevice(battery(unit.port))
    await driver.open()
    await driver.read()
    for command_w in (5000.0, -5000.0, 0.0):
        await driver.write(command_w)
        assert unit.word(124, 10) == -unit.word(124, 11)
    unit.set(124, 10, 4000)
    assert (await driver.read()).command_w is None
    await driver.close()


@pytest.mark.parametrize(
    ("models", "says"),
    [((713,), "tells its power"), ((103, 120), "704 or 124"), ((701, 702, 123), "704 or 124")],
)
async def test_what_is_missing_is_named(units: list[SunSpecUnit], models: tuple[int, ...], says: str) -> None:
    unit = await started(units, *models)
    driver = SunSpecDevice(battery(unit.port))
    with pytest.raises(ModbusTrouble, match=says):
        await driver.open()
    await driver.close()


async def test_a_device_that_refuses_says_so(units: list[SunSpecUnit]) -> None:
    unit = await started(units, 701, 702, 704)
    driver = SunSpecDevice(battery(unit.port))
    await driver.open()
    await driver.read()
    unit.refuses = True
    with pytest.raises(ModbusRefusal, match="busy"):
        await driver.write(100.0)
    await driver.close()


async def test_a_fault_is_told(units: list[SunSpecUnit]) -> None:
    unit = await started(units, 701, 702, 704)
    unit.set(701, 2, 6)
    driver = SunSpecDevice(battery(unit.port))
    await driver.open()
    told = await driver.read()
    await driver.close()
    assert (told.state, told.fault) == ("fault", True)
