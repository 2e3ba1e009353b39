"""A site is built anew while cars charge: nothing is promised twice, and stations hold what they should."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec import structs

from ampacity.model.site import Circuit, Evse, Site

from .live import PERSON, LiveYard, yard


def with_safe(site: Site, safe_a: float) -> Site:
    return structs.replace(site, evses=tuple(structs.replace(evse, safe_a=safe_a) for evse in site.evses))


async def rebuild(it: LiveYard, site: Site) -> None:
    await it.controller.builder.rebuild(site, PERSON)


async def test_a_circuit_comes_between_and_a_safe_current_goes_while_a_car_charges(tmp_path: Path) -> None:
    async with yard(tmp_path, "A", "B", safe_a=6.0) as it:
        await it.charge("A")
        await it.until(lambda: it.current_a("A") > 25.0)
        site = it.controller.site
        row = Circuit(circuit_id="row", name="Row", rating_a=20.0, parent_id="feeder", rotation=(1, 2, 0))
        evses = tuple(structs.replace(evse, circuit_id="row") for evse in site.evses)
        site = structs.replace(site, circuits=(*site.circuits, row), evses=evses)
        await rebuild(it, with_safe(site, 3.0))
        # Unattended it may still draw what it was told before.
        assert it.live("A").left_a == 6.0
        assert it.live("A").checking
        await it.until(lambda: it.profiles("A")["TxDefaultProfile"] == [3.0])
        await it.proven("A", "B")
        assert it.live("A").left_a is None
        await it.until(lambda: 6.0 < it.current_a("A") <= 20.0)
        assert it.evse("A").session is not None
        assert {circuit.circuit_id for circuit in it.controller.view().circuits} == {"grid", "feeder", "row"}


async def test_what_a_station_out_of_reach_may_still_draw_stays_reserved(tmp_path: Path) -> None:
    async with yard(tmp_path, "A", safe_a=10.0) as it:
        await it.until(lambda: it.held_a("A") == 10.0)
        await it.clock.sleep(10.0)
        await it.stations["A"].cut_network()
        await it.until(lambda: not it.live("A").online)
        await rebuild(it, with_safe(it.controller.site, 0.0))
        await it.clock.sleep(3.0)
        assert it.held_a("A") == 10.0
        it.stations["A"].restore_network()
        await it.until(lambda: it.profiles("A")["TxDefaultProfile"] == [0.0])
        await it.until(lambda: it.held_a("A") == 0.0)


async def test_a_station_that_charges_already_joins_and_one_leaves(tmp_path: Path) -> None:
    async with yard(tmp_path, "A", "B") as it:
        it.station("C")
        await it.until(lambda: "C" in it.node.csms.stations and it.node.csms.stations["C"].online)
        site = it.controller.site
        joined = Evse(station_id="C", evse_id=1, circuit_id="feeder", phases=(0, 1, 2), label="C")
        await rebuild(it, structs.replace(site, evses=(*site.evses[:1], joined)))
        await it.proven("C")
        assert it.profiles("C")["TxDefaultProfile"] == [0.0]
        assert it.node.csms.stations["C"].site_id == "yard"
        assert it.node.csms.stations["B"].site_id is None
        await it.charge("C")
        await it.until(lambda: it.current_a("C") > 20.0)
        with pytest.raises(ValueError, match="a car charges at EVSE 1 of station 'C'"):
            await rebuild(it, site)
        assert {view.station_id for view in it.controller.view().evses} == {"A", "C"}
