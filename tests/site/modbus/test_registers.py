"""Register maps: what may stand in them, how few questions they take, and every map that is shipped."""

from __future__ import annotations

from pathlib import Path

import pytest

from ampacity.site.meters.modbus import meter_map
from ampacity.site.modbus import ModbusAddress, ModbusLink, Register, RegisterMap, load_map, map_names
from ampacity.site.modbus.registers import MapTrouble, decode, read_map
from tests.site.modbus.device import ModbusDevice, floats, numbers

CURRENTS = ("current_l1", "current_l2", "current_l3")


def registers(*addresses: int, kind: str = "float32") -> tuple[Register, ...]:
    return tuple(Register(name=f"r{address}", address=address, type=kind) for address in addresses)


@pytest.mark.parametrize(
    ("kind", "words", "order", "expected"),
    [
        ("int16", (0xFFFE,), "high_first", -2.0),
        ("uint16", (0xFFFE,), "high_first", 65534.0),
        ("int32", (0xFFFF, 0xFFFE), "high_first", -2.0),
        ("int32", (0xFFFE, 0xFFFF), "low_first", -2.0),
        ("uint32", (1, 0), "high_first", 65536.0),
        ("uint32", (0, 1), "low_first", 65536.0),
        ("float32", (0x41C8, 0), "high_first", 25.0),
        ("float32", (0, 0x41C8), "low_first", 25.0),
        ("float32", (0x7FC0, 0), "high_first", None),
        ("uint64", (0, 0, 1, 0), "high_first", 65536.0),
        ("float64", (0x4039, 0, 0, 0), "high_first", 25.0),
    ],
)
def test_types_and_orders(kind: str, words: tuple[int, ...], order: str, expected: float | None) -> None:
    assert decode(Register(name="x", address=0, type=kind), words, order) == expected


def test_a_number_that_means_absent_is_none() -> None:
    register = Register(name="x", address=0, type="uint32", absent=0xFFFFFFFF)
    assert decode(register, (0xFFFF, 0xFFFF)) is None
    assert decode(register, (0xFFFF, 0xFFFE)) == 0xFFFFFFFE


@pytest.mark.parametrize(
    ("gap", "most", "expected"),
    [
        (0, 125, [("holding", 0, 4), ("holding", 6, 2), ("holding", 20, 2)]),
        (2, 125, [("holding", 0, 8), ("holding", 20, 2)]),
        (12, 125, [("holding", 0, 22)]),
        (12, 8, [("holding", 0, 8), ("holding", 20, 2)]),
    ],
)
def test_registers_that_are_near_come_with_one_answer(
    gap: int, most: int, expected: list[tuple[str, int, int]]
) -> None:
    made = RegisterMap(name="m", source="s", registers=registers(20, 2, 0, 6), gap=gap, most=most)
    assert list(made.blocks()) == expected


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("nonsense", "key/value"),
        ('name = "m"\nsource = "s"\nregisters = []', "no registers"),
        ('name = "m"\nsource = "s"\nregisters = [{name="a", address=70000, type="int16"}]', "address"),
        ('name = "m"\nsource = "s"\nregisters = [{name="a", address=1, type="int8"}]', "type"),
        ('name = "m"\nsource = "s"\nregisters = [{name="a", address=1, type="int16", unit="hp"}]', "'hp'"),
        ('name = "m"\nsource = "s"\nregisters = [{name="a", address=1, type="int16", sale=1}]', "sale"),
        (
            'name = "m"\nsource = "s"\nregisters = [{name="a", address=1, type="int16"}, '
            '{name="a", address=2, type="int16"}]',
            "a stands there twice",
        ),
    ],
)
def test_a_map_that_is_wrong_is_named(text: str, says: str) -> None:
    with pytest.raises(MapTrouble, match=says) as trouble:
        read_map(text, "of-mine.toml")
    assert "of-mine.toml" in str(trouble.value)


@pytest.mark.parametrize("name", map_names())
def test_every_map_that_is_shipped_tells_amperes_and_names_its_source(name: str) -> None:
    found = meter_map(name, None)
    told = {register.name: register for register in found.registers}
    assert set(CURRENTS) <= told.keys()
    assert all(told[current].unit == "A" for current in CURRENTS)
    assert {"power_l1", "power_l2", "power_l3"} <= told.keys(), "direction comes from the phases' power"
    assert len(found.source) > 20
    assert all(count <= found.most for _, _, count in found.blocks())


def test_a_map_of_ones_own_counts_before_ours(tmp_path: Path) -> None:
    text = 'name = "Mine"\nsource = "its display"\nregisters = [{name="current_l1", address=1, type="int16"}]'
    (tmp_path / "abb-b23.toml").write_text(text)
    (tmp_path / "cellar.toml").write_text(text)
    assert "cellar" in map_names(tmp_path)
    assert load_map("abb-b23", tmp_path).name == "Mine"
    assert load_map("abb-b23").name.startswith("ABB")
    with pytest.raises(MapTrouble, match="abb-b23"):
        load_map("../abb-b23", tmp_path)


@pytest.mark.parametrize(
    ("name", "holding", "inputs", "expected"),
    [
        (
            "eastron-sdm630",
            {},
            floats(0, 230.0, 231.0, 232.0, 10.0, 11.0, 12.0, 2300.0, -2541.0, 2784.0)
            | dict.fromkeys(range(18, 80), 0)
            | floats(52, 2543.0)
            | floats(72, 1.5),
            {"current_l2": 11.0, "power_l2": -2541.0, "power": 2543.0, "energy_import": 1500.0},
        ),
        (
            "carlo-gavazzi-em340",
            {},
            numbers(0, "i", 2301, 2302, 2303, low_first=True)
            | numbers(0x0C, "i", 70000, -1500, 3, low_first=True)
            | numbers(0x12, "i", 161000, -3450, 7, low_first=True)
            | numbers(0x28, "i", 157557, low_first=True)
            | numbers(0x34, "i", 99, low_first=True)
            | numbers(0x4E, "i", 5, low_first=True),
            {"current_l1": 70.0, "current_l2": -1.5, "power_l1": 16100.0, "energy_import": 9900.0},
        ),
        (
            "abb-b23",
            numbers(0x5B00, "I", 2301, 2302, 0xFFFFFFFF)
            | numbers(0x5B0C, "I", 1234, 0, 0xFFFFFFFF)
            | numbers(0x5B14, "i", -2840, -2840, 0, 0x7FFFFFFF)
            | numbers(0x5000, "Q", 12345, 0),
            {},
            {
                "current_l1": 12.34,
                "current_l3": None,
                "voltage_l3": None,
                "power_l1": -28.4,
                "power_l3": None,
            },
        ),
        (
            "schneider-iem3000",
            floats(2999, 1.0, 2.0, 3.0)
            | floats(3027, 230.0, 230.0, 230.0)
            | floats(3053, 0.23, 0.46, 0.69)
            | floats(3059, 1.38),
            {},
            {"current_l3": 3.0, "power_l3": 690.0, "power": 1380.0},
        ),
    ],
)
async def test_maps_read_a_device(
    name: str, holding: dict[int, int], inputs: dict[int, int], expected: dict[str, float | None]
) -> None:
    device = ModbusDevice()
    device.holding, device.input = holding, inputs
    await device.start()
    link = ModbusLink(ModbusAddress("127.0.0.1", device.port))
    await link.open()
    told = await load_map(name).read(link)
    assert {key: told[key] for key in expected} == pytest.approx(expected)
    link.close()
    await device.stop()
