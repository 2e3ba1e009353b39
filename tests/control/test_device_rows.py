"""Devices on rows that are no phases: limits of power, neutral, unbalance; and what may flow out."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import structs

from ampacity.control.loading import device_entries, device_volts
from ampacity.control.topology import Topology, TopologyError
from ampacity.control.types import CircuitState, Decision, DeviceState, Snapshot
from ampacity.model.devices import Device
from ampacity.model.site import Circuit, Evse
from tests.control.scene import GRID, PANEL, A, D, limit, site
from tests.control.test_devices import AMPERE_W, BATTERY, HEAT, PV, STORE, Yard

ONE_PHASE = structs.replace(BATTERY, phases=(0,), draw_w=20 * 230.0, feed_w=20 * 230.0)


class Rows(Yard):
    """The yard with a grid connection that is limited otherwise, and two cars that are known to take three
    phases and wish 32 A."""

    def __init__(self, *devices: Device, cars: bool = True, **grid: Any) -> None:
        super().__init__(*devices)
        self.site = structs.replace(self.site, circuits=(structs.replace(GRID, **grid), PANEL, STORE))
        if cars:
            self.charge(A, 16.0, phases=(0, 1, 2))
            self.charge(D, 16.0, phases=(0, 1, 2))

    def command(self, seconds: int = 40) -> float:
        return self.run(seconds).commands[self.site.devices[0].device_id].power_w


def others(decision: Decision, kind: str) -> list[float]:
    return [row.reserve for row in decision.circuits["grid"].others if row.kind == kind]


@pytest.mark.parametrize("limited", ["rating_w", "rating_va"])
def test_a_battery_supports_a_limit_of_power(limited: str) -> None:
    """20 A of building and twice 32 A of cars are 58 kW; 40 kW less 3 x 2 A of margin may flow."""
    yard = Rows(BATTERY, **{limited: 40_000.0})
    decision = yard.run()
    assert decision.commands["battery"].power_w == pytest.approx(-20 * AMPERE_W)
    without = (40_000.0 - 2 * AMPERE_W) / AMPERE_W - 20.0
    assert limit(decision, A) + limit(decision, D) == pytest.approx(without + 20.0, abs=0.3)
    [reserved_w] = others(decision, "watts" if limited == "rating_w" else "va")
    assert reserved_w == pytest.approx(-20 * AMPERE_W)


def test_a_battery_charges_with_what_a_limit_of_power_leaves() -> None:
    """20 kW: half stays free, and 20 A of building flow besides the margin."""
    left_w = 20_000.0 - 2 * AMPERE_W - 20 * AMPERE_W - 0.5 * 20_000.0
    assert Rows(BATTERY, cars=False, rating_w=20_000.0).command() == pytest.approx(max(0.0, left_w))
    share = structs.replace(BATTERY, recharge_share=0.9)
    left_w += 0.4 * 20_000.0
    assert Rows(share, cars=False, rating_w=20_000.0).command() == pytest.approx(left_w)


def test_a_heat_load_goes_down_for_a_limit_of_power() -> None:
    assert Rows(HEAT, cars=False).command() == 10 * AMPERE_W
    assert Rows(HEAT, cars=False, rating_w=26 * AMPERE_W).command() == 0.0
    assert Rows(HEAT, cars=False, rating_w=28 * AMPERE_W).command() == 5 * AMPERE_W


@pytest.mark.parametrize(("row", "name"), [("unbalance_a", "unbalance"), ("neutral_a", "neutral")])
def test_a_device_on_one_phase_keeps_to_the_unbalance(row: str, name: str) -> None:
    """It may not lead by more than 8 A less the margin of 2 A, neither drawing nor feeding in."""
    charging = Rows(structs.replace(ONE_PHASE, recharge_share=1.0), cars=False, **{row: 8.0})
    assert charging.command() == pytest.approx(6 * 230.0)
    feeding = Rows(ONE_PHASE, **{row: 8.0})
    feeding.building = 70.0
    assert feeding.command() == pytest.approx(-6 * 230.0)
    assert max(others(feeding.tick(), name)) == pytest.approx(6.0), "on the phases that lead then"


def test_a_device_on_all_phases_leads_on_none() -> None:
    yard = Rows(BATTERY, unbalance_a=3.0)
    yard.building = 60.0
    assert yard.command() == pytest.approx(-20 * AMPERE_W)
    assert others(yard.tick(), "unbalance") == [0.0, 0.0, 0.0]


@pytest.mark.parametrize(
    ("supply", "phases", "volts"),
    [
        ("wye", (0,), 230.0),
        ("wye", (0, 1), 460.0),
        ("wye", (0, 1, 2), 690.0),
        ("split", (0, 1), 460.0),
        ("split", (0,), 230.0),
        ("delta", (0, 1), 398.4),
        ("delta", (0, 1, 2), 690.0),
    ],
)
def test_watts_of_an_ampere_follow_the_supply(supply: str, phases: tuple[int, ...], volts: float) -> None:
    device = structs.replace(BATTERY, phases=phases, circuit_id="grid")
    car = Evse(station_id="a", evse_id=1, circuit_id="grid", phases=(0, 1))
    where = site(car, supply=supply, circuits=(GRID,), devices=(device,))
    assert device_volts(where, device) == pytest.approx(volts, abs=0.1)
    rows = device_entries(Topology(where), device)
    assert [entry.relief for entry in rows if entry.row < 3] == [0.0 if supply == "delta" else 1.0] * len(
        phases
    ), "between lines what is fed in is no credit"


@pytest.mark.parametrize(
    ("supply", "phases", "says"), [("delta", (0,), "no neutral"), ("split", (2,), "0 and 1")]
)
def test_a_device_on_a_line_that_is_not_there_is_refused(
    supply: str, phases: tuple[int, ...], says: str
) -> None:
    device = structs.replace(BATTERY, phases=phases, circuit_id="grid")
    car = Evse(station_id="a", evse_id=1, circuit_id="grid", phases=(0, 1))
    with pytest.raises(TopologyError, match=says):
        Topology(site(car, supply=supply, circuits=(GRID,), devices=(device,)))


# ------------------------------------------------------------ several at once


def test_no_battery_charges_with_what_another_one_feeds_in() -> None:
    """The panel is short, the connection is not: one at the panel's feeder helps, the other one gets only
    what the connection has left without that."""
    first = structs.replace(BATTERY, circuit_id="store")
    second = structs.replace(BATTERY, device_id="second", circuit_id="grid", recharge_share=1.0)
    store = structs.replace(STORE, parent_id="panel")
    yard = Yard(first, second)
    panel = structs.replace(PANEL, rating_a=40.0, rotation=(0, 1, 2), reserve_a=20.0)
    yard.site = structs.replace(yard.site, circuits=(structs.replace(GRID, rating_a=75.0), panel, store))
    yard.building = 20.0
    yard.charge(("b", 1), 16.0)
    yard.charge(D, 16.0)
    decision = yard.tick()
    assert decision.commands["battery"].power_w == pytest.approx(-12 * AMPERE_W)
    # 75 A less 2 A of margin, 20 A of building, twice 32 A of cars: nothing, though 12 A are fed in.
    assert decision.commands["second"].power_w == 0.0


# ------------------------------------------------------------ what may flow out


def test_a_battery_feeds_no_more_through_its_feeder_than_that_carries() -> None:
    """STORE is rated 32 A and has no meter, so no margin."""
    device = structs.replace(BATTERY, feed_w=60 * AMPERE_W)
    yard = Yard(device)
    yard.building = 90.0
    yard.charge(A, 32.0)
    yard.charge(D, 32.0)
    decision = yard.run(2)
    assert decision.commands["battery"].power_w == pytest.approx(-32 * AMPERE_W)


def fed(
    devices: tuple[Device, ...], states: dict[str, dict[str, Any]], metered: float, **grid: Any
) -> dict[str, float]:
    """What inverters are told, by what the connection's meter reads on each phase."""
    yard = Yard(*devices)
    yard.site = structs.replace(yard.site, circuits=(structs.replace(GRID, **grid), PANEL, STORE))
    yard.at += 1.0
    base: dict[str, Any] = {
        "online": True,
        "steered": True,
        "measured_at": yard.at,
        "confirmed_w": -20 * AMPERE_W,
    }
    found = {name: DeviceState(device_id=name, **(base | told)) for name, told in states.items()}
    snapshot = Snapshot(
        site=yard.site,
        circuits={"grid": CircuitState(circuit_id="grid", metered_a=(metered,) * 3, metered_at=yard.at)},
        evses={},
        at=yard.at,
        epoch_s=1e9,
        devices=found,
    )
    commands = yard.decide(snapshot).commands
    return {name: round(target.power_w / AMPERE_W, 6) for name, target in commands.items()}


EAST, WEST = PV, structs.replace(PV, device_id="west", feed_w=10 * AMPERE_W)


@pytest.mark.parametrize(
    ("metered", "told"),
    [
        # 10 A may flow out, 2 A of it margin; east feeds 6 A in, west 3 A: room is shared 20 to 10.
        (1.0, {"pv": -12.0, "west": -6.0}),
        (-8.0, {"pv": -6.0, "west": -3.0}),
        (-11.0, {"pv": -4.0, "west": -2.0}),  # 3 A too much: each gives up a third
        (-40.0, {"pv": 0.0, "west": 0.0}),
    ],
)
def test_inverters_share_what_may_flow_out_and_never_have_more_together(
    metered: float, told: dict[str, float]
) -> None:
    states = {"pv": {"power_w": -6 * AMPERE_W}, "west": {"power_w": -3 * AMPERE_W}}
    found = fed((EAST, WEST), states, metered, export_a=10.0, generation_a=40.0)
    assert found == pytest.approx(told)


def test_a_silent_battery_is_reserved_on_the_way_out_too() -> None:
    """It charges with 5 A as far as anybody knew, and could feed 20 A in: 8 + 4 of sun - 40 is nothing."""
    sun = {"power_w": -4 * AMPERE_W}
    known = {"power_w": 5 * AMPERE_W, "confirmed_w": 5 * AMPERE_W, "soc_percent": None}
    heard = fed((PV, BATTERY), {"pv": sun, "battery": known}, 1.0, export_a=10.0, generation_a=40.0)
    assert heard["pv"] == pytest.approx(-(4.0 + 1.0 + 8.0 - 5.0)), "it may stop charging"
    silent = fed((PV, BATTERY), {"pv": sun}, 1.0, export_a=10.0, generation_a=40.0)
    assert silent == {"pv": 0.0, "battery": 0.0}


def test_without_a_meter_nothing_is_drawn() -> None:
    states = {"pv": {"power_w": -4 * AMPERE_W}}
    bare: dict[str, Any] = {"meter": None, "export_a": 6.0}
    assert fed((PV,), states, 50.0, **bare) == {"pv": -6.0}
    assert fed((PV,), states, 50.0, **bare, generation_a=23.0) == {"pv": -3.0}, "3 A more than the inverter's"


def test_the_way_out_is_a_circuits_rating_where_nothing_else_is_said() -> None:
    small = Circuit(circuit_id="grid", name="grid", rating_a=12.0)
    assert fed(
        (PV,), {"pv": {"power_w": 0.0}}, 0.0, **{n: getattr(small, n) for n in ("rating_a", "meter")}
    ) == {"pv": -12.0}
