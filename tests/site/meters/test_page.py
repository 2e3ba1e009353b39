"""docs/meters.md: its examples are meters that can be, and its tables say what the code has."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import get_args

import msgspec
import pytest

from ampacity.model.live import MeterFault
from ampacity.model.site import Circuit, MeterProtocol
from ampacity.site.meters import check_config
from ampacity.site.modbus import load_map, map_names
from ampacity.site.modbus.registers import read_map

PAGE = (Path(__file__).resolve().parents[3] / "docs/meters.md").read_text()
EXAMPLES = re.findall(r"^```toml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
METERS = [text for text in EXAMPLES if "[circuits.meter]" in text]
BUILT = '[[circuits]]\ncircuit_id = "grid"\nname = "Grid"\nrating_a = 100\n'


@pytest.mark.parametrize("text", METERS, ids=range(len(METERS)))
def test_an_example_is_a_meter(text: str) -> None:
    whole = text if "[[circuits]]" in text else BUILT + text
    circuit = msgspec.convert(tomllib.loads(whole)["circuits"][0], Circuit)
    assert circuit.meter is not None
    check_config(circuit.meter)


def test_there_is_an_example_of_each_protocol_that_has_something_to_set() -> None:
    shown = {match for text in METERS for match in re.findall(r'^protocol = "(.*?)"', text, re.MULTILINE)}
    assert shown == set(get_args(MeterProtocol)) - {"push"}


def test_the_example_of_a_map_is_one() -> None:
    (text,) = [text for text in EXAMPLES if "[[registers]]" in text]
    assert read_map(text, "docs/meters.md").registers[0].name == "current_l1"


def test_every_map_and_every_fault_is_in_its_table() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("| `")]
    named = {name for row in rows for name in re.findall(r"`([a-z0-9_-]+)`", row.split("|")[1])}
    assert set(map_names()) <= named
    assert set(get_args(MeterFault)) <= named
    for name in map_names():
        make = load_map(name).name.split()[0]
        assert any(f"`{name}`" in row and make.split("-")[0] in row for row in rows)
