"""Sites that are no trees are refused with a name and a remedy; rotations lead to the right rows."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import structs

from ampacity.control.loading import draw_on_rows
from ampacity.control.topology import Topology, TopologyError
from ampacity.model.site import Cabinet, Circuit, Evse
from tests.control.scene import GRID, PANEL, site

FEEDER = Circuit(circuit_id="feeder", name="feeder", rating_a=32.0, parent_id="panel", rotation=(1, 2, 0))


def test_a_load_is_carried_by_every_ancestor_on_its_phase() -> None:
    evse = Evse(station_id="s", evse_id=1, circuit_id="feeder", phases=(0,))
    tree = Topology(site(evse, circuits=(GRID, PANEL, FEEDER)))
    assert tree.rows_of(0) == (6, 4, 2)
    assert tree.rows_of(0, (2,)) == (8, 3, 1)
    sums = [0.0] * tree.row_count
    for row, amperes in draw_on_rows(tree, 0, (5.0, 0.0, 7.0)):
        sums[row] += amperes
    assert sums == [0.0, 7.0, 5.0, 7.0, 5.0, 0.0, 5.0, 0.0, 7.0, 12.0, 12.0, 12.0]
    assert [tree.place(row) for row in (0, 8, 9)] == [("grid", 1), ("feeder", 3), ("grid", 4)]


@pytest.mark.parametrize(
    ("circuits", "evse", "message"),
    [
        ((GRID, GRID), None, "listed twice"),
        ((PANEL,), None, "0 grid connections"),
        ((GRID, structs.replace(PANEL, parent_id=None)), None, "2 grid connections"),
        ((GRID, structs.replace(PANEL, parent_id="cellar")), None, "hangs on cellar"),
        ((GRID, structs.replace(PANEL, parent_id="feeder"), FEEDER), None, "its own ancestor"),
        ((GRID, structs.replace(PANEL, rotation=(0, 0, 1))), None, "not an order"),
        ((GRID,), Evse(station_id="s", evse_id=1, circuit_id="panel", phases=(0,)), "hangs on circuit panel"),
        ((GRID,), Evse(station_id="s", evse_id=1, circuit_id="grid", phases=(0, 0)), "different ones"),
        ((GRID,), Evse(station_id="s", evse_id=1, circuit_id="grid", phases=()), "different ones"),
    ],
)
def test_what_is_no_tree_is_refused(circuits: tuple[Circuit, ...], evse: Evse | None, message: str) -> None:
    evse = evse or Evse(station_id="s", evse_id=1, circuit_id="grid", phases=(0,))
    with pytest.raises(TopologyError, match=message):
        Topology(site(evse, circuits=circuits))


CABINET = Cabinet(cabinet_id="hall", modules=4, module_w=30_000.0)
HPC = Evse(station_id="s", evse_id=1, circuit_id="grid", phases=(0, 1, 2), cabinet_id="hall")


@pytest.mark.parametrize(
    ("changes", "evse", "message"),
    [
        ({"supply": "delta"}, structs.replace(HPC, cabinet_id=None, phases=(0,)), "no neutral"),
        ({"supply": "split"}, structs.replace(HPC, cabinet_id=None, phases=(0, 2)), "0 and 1 only"),
        ({}, structs.replace(HPC, cabinet_id=None, phases=(0,), line_to_line=True), "must be two"),
        ({}, structs.replace(HPC, dc_power_w=60_000.0), "which the site does not have"),
        ({"cabinets": (CABINET,)}, HPC, "needs dc_power_w"),
        (
            {"cabinets": (structs.replace(CABINET, module_w=0.0),)},
            structs.replace(HPC, dc_power_w=60_000.0),
            "at least one module",
        ),
        (
            {"supply": "delta", "circuits": (structs.replace(GRID, neutral_a=20.0),)},
            structs.replace(HPC, cabinet_id=None),
            "leave neutral_a out",
        ),
        (
            {
                "supply": "split",
                "circuits": (GRID, structs.replace(PANEL, rotation=(1, 2, 0))),
            },
            structs.replace(HPC, cabinet_id=None, phases=(0,)),
            "third line",
        ),
    ],
)
def test_what_a_supply_does_not_have_is_refused(changes: dict[str, Any], evse: Evse, message: str) -> None:
    with pytest.raises(TopologyError, match=message):
        Topology(site(evse, **{"circuits": (GRID,), **changes}))
