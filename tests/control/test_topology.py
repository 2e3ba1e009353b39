"""Sites that are no trees are refused with a name and a remedy; rotations lead to the right rows."""

from __future__ import annotations

import pytest
from msgspec import structs

from ampacity.control.topology import Topology, TopologyError
from ampacity.model.site import Circuit, Evse
from tests.control.scene import GRID, PANEL, site

FEEDER = Circuit(circuit_id="feeder", name="feeder", rating_a=32.0, parent_id="panel", rotation=(1, 2, 0))


def test_a_load_is_carried_by_every_ancestor_on_its_phase() -> None:
    evse = Evse(station_id="s", evse_id=1, circuit_id="feeder", phases=(0,))
    tree = Topology(site(evse, circuits=(GRID, PANEL, FEEDER)))
    assert tree.rows_of(0) == (6, 4, 2)
    assert tree.rows_of(0, (2,)) == (8, 3, 1)
    sums = [0.0] * tree.row_count
    tree.spread(sums, 0, (5.0, 0.0, 7.0))
    assert sums == [0.0, 7.0, 5.0, 7.0, 5.0, 0.0, 5.0, 0.0, 7.0]


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
