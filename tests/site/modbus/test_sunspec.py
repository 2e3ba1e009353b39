"""SunSpec devices over real sockets: where the map is, what is in it, what is not there."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from ampacity.site.modbus import ModbusAddress, ModbusLink, ModbusTrouble
from ampacity.site.modbus.sunspec import Point, read_meter, read_model, value, walk
from tests.site.modbus.device import ModbusDevice
from tests.site.modbus.sunspec_map import NOT_THERE, common, meter_203, meter_213, sunspec


@pytest.fixture
async def device() -> AsyncIterator[ModbusDevice]:
    made = ModbusDevice()
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def link(device: ModbusDevice) -> AsyncIterator[ModbusLink]:
    made = ModbusLink(ModbusAddress("127.0.0.1", device.port))
    await made.open()
    yield made
    made.close()


@pytest.mark.parametrize("base", [40000, 50000, 0])
async def test_the_map_is_found_wherever_it_may_be(base: int, device: ModbusDevice, link: ModbusLink) -> None:
    device.holding = sunspec(base, common(), meter_203((100, 200, 300), (20, 40, 60)))
    models = await walk(link)
    assert [(model.number, model.address, model.length) for model in models] == [
        (1, base + 2, 66),
        (203, base + 70, 105),
    ]


async def test_a_meter_of_integers_has_its_exponents(device: ModbusDevice, link: ModbusLink) -> None:
    device.holding = sunspec(40000, common(), meter_203((1234, -250, 0), (2840, -575, 0)))
    told = await read_meter(link, (await walk(link))[1])
    assert (told["current_l1"], told["current_l2"], told["current_l3"]) == (12.34, -2.5, 0.0)
    assert (told["power_l1"], told["power_l2"], told["power"]) == (2840.0, -575.0, 2265.0)
    assert told["voltage_l3"] == 230.1
    assert told["energy_import"] == 1_234_000.0
    assert told["energy_export"] is None, "an accumulator of 0 says that there is none"


async def test_a_meter_of_floats_tells_none_where_it_says_nan(device: ModbusDevice, link: ModbusLink) -> None:
    number, body = meter_213((1.5, 2.5, 3.5), (345.0, 575.0, 805.0))
    body[28:30] = [0x7FC0, 0]
    device.holding = sunspec(40000, common(), (number, body))
    told = await read_meter(link, (await walk(link))[1])
    assert (told["current_l1"], told["current_l2"], told["current_l3"]) == (1.5, 2.5, 3.5)
    assert told["power_l1"] is None
    assert told["power_l2"] == 575.0
    assert (told["energy_export"], told["energy_import"]) == (500.0, 9000.0)


@pytest.mark.parametrize(
    ("words", "point", "expected"),
    [
        ([NOT_THERE], Point(0, "int16"), None),
        ([0xFFFF], Point(0, "uint16"), None),
        ([0xFFFF], Point(0, "int16"), -1.0),
        ([0x8000, 0], Point(0, "int32"), None),
        ([0xFFFF, 0xFFFF], Point(0, "uint32"), None),
        ([0, 0], Point(0, "acc32"), None),
        ([0x7FC0, 0], Point(0, "float32"), None),
        ([0x7F80, 0], Point(0, "float32"), None),
        ([5, 2], Point(0, "int16", 1), 500.0),
        ([5, 0xFFFE], Point(0, "int16", 1), 0.05),
        ([5, NOT_THERE], Point(0, "int16", 1), None),
        ([5, 11], Point(0, "int16", 1), None),
        ([5], Point(1, "int16"), None),
    ],
)
def test_values_that_are_not_there(words: list[int], point: Point, expected: float | None) -> None:
    assert value(words, point) == expected


async def test_no_map_at_all_says_what_else_to_do(device: ModbusDevice, link: ModbusLink) -> None:
    device.holding = dict.fromkeys(range(10), 0)
    with pytest.raises(ModbusTrouble, match="name a register map instead") as trouble:
        await walk(link)
    assert trouble.value.fault == "missing"


async def test_a_map_without_end_ends(device: ModbusDevice, link: ModbusLink) -> None:
    device.holding = {40000: 0x5375, 40001: 0x6E53} | dict.fromkeys(range(40002, 41000), 1)
    with pytest.raises(ModbusTrouble, match="does not end"):
        await walk(link)


async def test_a_map_that_has_changed_since_is_noticed(device: ModbusDevice, link: ModbusLink) -> None:
    device.holding = sunspec(40000, common(), meter_203((1, 2, 3), None))
    model = (await walk(link))[1]
    device.holding = sunspec(40000, common(), (160, [0] * 105))
    with pytest.raises(ModbusTrouble, match="160 is where 203 was"):
        await read_model(link, model)
