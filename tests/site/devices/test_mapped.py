"""Devices by a map of registers over a real socket: written, read back, never both ways at once."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ampacity.site.devices.mapped import MappedDevice, read_device_map
from ampacity.site.modbus.registers import MapTrouble
from tests.site.modbus.device import ModbusDevice

from .simulated import battery

DOCS = Path(__file__).resolve().parents[3] / "docs" / "devices.md"
(SG_READY,) = re.findall(r"```toml\n(.*?)```", DOCS.read_text(), re.DOTALL)
TWO_RATES = """
name = "Two rates"
source = "made for this test"
power_is = "fed"
registers = [{ name = "power", address = 10, type = "int16", unit = "W" },
             { name = "soc", address = 11, type = "uint16", unit = "%", scale = 0.1 }]
writes = [{ address = 20, type = "uint16", value = "charge", unit = "W", scale = 10 },
          { address = 21, type = "uint16", value = "discharge", unit = "W", scale = 10 },
          { address = 22, type = "uint16", value = "constant", raw = 2 },
          { address = 23, type = "uint16", value = "watchdog", unit = "s" }]
"""


class Recorder(ModbusDevice):
    """Keeps what its registers 20 and 21 were after each write."""

    def __init__(self) -> None:
        super().__init__()
        self.rates: list[tuple[int, int]] = []

    def _write(self, function: int, echo: bytes, words: dict[int, int]) -> bytes:
        answer = super()._write(function, echo, words)
        self.rates.append((self.holding.get(20, 0), self.holding.get(21, 0)))
        return answer


@pytest.fixture
async def unit() -> AsyncIterator[Recorder]:
    found = Recorder()
    found.holding = {10: 0, 11: 605, 20: 0, 21: 0, 22: 0, 23: 0, 100: 450, 200: 1}
    await found.start()
    yield found
    await found.stop()


async def test_charging_and_feeding_in_are_never_both_open(unit: Recorder) -> None:
    driver = MappedDevice(battery(unit.port, map="two"), read_device_map(TWO_RATES, "two"))
    await driver.open()
    for command_w in (4000.0, -3000.0, 2500.0, 0.0, -1000.0):
        await driver.write(command_w)
        told = await driver.read()
        assert told.command_w == pytest.approx(command_w, abs=told.step_w)
    assert all(charge == 0 or discharge == 0 for charge, discharge in unit.rates)
    assert (unit.holding[22], unit.holding[23]) == (2, 30)
    unit.holding[10] = 1234
    told = await driver.read()
    assert (told.power_w, told.soc_percent) == (-1234.0, pytest.approx(60.5))
    unit.holding[22] = 0
    assert (await driver.read()).command_w is None, "its mode was taken away"
    unit.holding[22], unit.holding[20] = 2, 50
    assert (await driver.read()).command_w == -500.0, "what it follows now, whoever wrote it"
    await driver.close()


async def test_the_documented_map_commands_a_heat_load_by_levels(unit: Recorder) -> None:
    heat = battery(
        unit.port, kind="heat", feed_w=0.0, draw_w=6000.0, levels_w=(0.0, 2000.0, 6000.0), map="sg"
    )
    driver = MappedDevice(heat, read_device_map(SG_READY, "sg"))
    await driver.open()
    assert (await driver.read()).power_w == 450.0
    for command_w, raw, level_w in ((6000.0, 4, 6000.0), (2000.0, 2, 2000.0), (1500.0, 1, 0.0)):
        await driver.write(command_w)
        assert unit.holding[200] == raw
        unit_says = (await driver.read()).command_w
        assert unit_says in (level_w, command_w)
    unit.holding[200] = 4
    assert (await driver.read()).command_w == 6000.0
    await driver.close()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (('"power"', '"pressure"'), "pressure can't be told"),
        (("address = 21", "address = 20"), "written twice"),
        (('value = "discharge"', 'value = "level"'), "both `charge` and `discharge`"),
        (('unit = "W", scale = 10 }', 'unit = "furlong" }'), "furlong"),
        (("uint16", "uint17"), "uint17"),
    ],
)
def test_a_map_that_can_not_be_is_named(change: tuple[str, str], says: str) -> None:
    with pytest.raises(MapTrouble, match=says):
        read_device_map(TWO_RATES.replace(*change), "two")


def test_a_map_that_writes_nothing_can_not_command() -> None:
    text = TWO_RATES[: TWO_RATES.index("writes")]
    with pytest.raises(MapTrouble, match="only be read"):
        MappedDevice(battery(1, map="two"), read_device_map(text, "two"))
