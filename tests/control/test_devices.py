"""Batteries, inverters and heat loads in the law's tree: what counts as certain, and what they are told."""

from __future__ import annotations

import math
from typing import Any

import pytest
from msgspec import structs

from ampacity.control.check import reservation_excess
from ampacity.control.devices import Span, span
from ampacity.control.law import step
from ampacity.control.settings import DEFAULTS
from ampacity.control.topology import Topology, TopologyError
from ampacity.control.types import Decision, DeviceState, Snapshot
from ampacity.model.devices import Device, DeviceKind
from ampacity.model.site import Circuit
from tests.control.scene import GRID, PANEL, A, B, D, Scene, limit, site

AMPERE_W = 3 * 230.0
"""One ampere on three phases."""

BATTERY = Device(
    device_id="battery",
    kind="battery",
    circuit_id="store",
    draw_w=20 * AMPERE_W,
    feed_w=20 * AMPERE_W,
    commanded=True,
)
HEAT = Device(
    device_id="heat",
    kind="heat",
    circuit_id="grid",
    draw_w=10 * AMPERE_W,
    levels_w=(0.0, 5 * AMPERE_W, 10 * AMPERE_W),
    commanded=True,
)
PV = Device(device_id="pv", kind="inverter", circuit_id="panel", feed_w=20 * AMPERE_W, commanded=True)
STORE = Circuit(circuit_id="store", name="store", rating_a=32.0, parent_id="grid")


class Yard(Scene):
    """The scene with devices that obey at once: what was commanded is read back and drawn a second later."""

    def __init__(self, *devices: Device, **changes: Any) -> None:
        super().__init__(site(circuits=(GRID, PANEL, STORE), devices=devices, **changes))
        self.devices = {
            d.device_id: DeviceState(
                device_id=d.device_id,
                online=True,
                steered=True,
                power_w=0.0,
                measured_at=self.at,
                confirmed_w=d.draw_w if d.kind == "heat" else 0.0 if d.kind == "battery" else -d.feed_w,
                soc_percent=60.0,
            )
            for d in devices
        }
        self.building = 20.0
        self.obeys = True

    def change_device(self, device_id: str, **changes: Any) -> None:
        self.devices[device_id] = structs.replace(self.devices[device_id], **changes)

    def snapshot(self) -> Snapshot:
        for device_id in self.devices:
            if self.obeys:
                self.change_device(device_id, measured_at=self.at)
        drawn = sum(
            (state.power_w or 0.0) / AMPERE_W for state in self.devices.values() if state.device_id != "pv"
        )
        cars = sum(e.measured_a[0] for e in self.evses.values() if e.measured_a and e.session)
        self.metered = (self.building + drawn + cars,) * 3
        return structs.replace(super().snapshot(), devices=dict(self.devices))

    def obey(self, decision: Decision) -> None:
        for device_id, target in decision.commands.items():
            state = self.devices[device_id]
            power = target.power_w if device_id == "battery" else state.power_w
            self.change_device(device_id, confirmed_w=target.power_w, power_w=power)

    def run(self, seconds: int = 40) -> Decision:
        for _ in range(seconds):
            decision = self.tick()
            assert all(
                place in decision.overcommitted for place in reservation_excess(self.snapshot(), decision)
            )
            self.obey(decision)
        return decision


# ------------------------------------------------------------ what is certain

FRESH: dict[str, Any] = {"online": True, "measured_at": 100.0, "power_w": 0.0}


@pytest.mark.parametrize(
    ("state", "low_w", "high_w", "steered"),
    [
        (None, -13_800, 13_800, False),
        ({}, -13_800, 13_800, False),
        (FRESH, 0, 13_800, False),
        (FRESH | {"steered": True}, 0, 13_800, False),
        (FRESH | {"steered": True, "confirmed_w": 0.0}, 0, 0, True),
        (FRESH | {"steered": True, "confirmed_w": 4000.0}, 0, 4000, True),
        (FRESH | {"steered": True, "confirmed_w": 4000.0, "power_w": 4500.0}, 4000, 4500, True),
        (FRESH | {"steered": True, "confirmed_w": -4000.0}, -4000, 0, True),
        (FRESH | {"steered": True, "confirmed_w": -4000.0, "power_w": -3000.0}, -4000, -3000, True),
        (FRESH | {"steered": True, "confirmed_w": -9.0, "inflight_w": 50.0}, -9, 50, True),
        (FRESH | {"steered": True, "confirmed_w": -9.0, "measured_at": 90.9}, -13_800, 13_800, False),
        (FRESH | {"steered": True, "confirmed_w": -9.0, "measured_at": 103.0}, -13_800, 13_800, False),
        (FRESH | {"steered": True, "confirmed_w": -9.0, "power_w": None}, -13_800, 13_800, False),
        (FRESH | {"steered": True, "confirmed_w": -9.0, "power_w": math.nan}, -13_800, 13_800, False),
        (FRESH | {"steered": True, "confirmed_w": math.nan}, 0, 13_800, False),
    ],
)
def test_a_battery_is_certain_only_within_the_command_that_was_read_back(
    state: dict[str, Any] | None, low_w: float, high_w: float, steered: bool
) -> None:
    told = None if state is None else DeviceState(device_id="battery", **state)
    assert span(BATTERY, told, 100.0, DEFAULTS) == Span(low_w, high_w, steered)


@pytest.mark.parametrize(("until", "certain"), [(99.0, True), (101.0, False), (None, False)])
def test_a_silent_device_counts_with_its_fallback_once_its_own_watchdog_has_ended_the_command(
    until: float | None, certain: bool
) -> None:
    device = structs.replace(BATTERY, fallback_w=0.0)
    state = DeviceState(device_id="battery", confirmed_w=9000.0, confirmed_until=until)
    found = span(device, state, 100.0, DEFAULTS)
    assert found == (Span(0.0, 0.0) if certain else Span(-13_800, 13_800))


def test_a_battery_that_tells_nothing_is_set_aside_with_all_that_it_can_draw() -> None:
    yard = Yard(BATTERY)
    yard.devices.clear()
    decision = yard.tick()
    assert decision.circuits["grid"].reserve_a == (20.0, 20.0, 20.0)
    assert decision.circuits["grid"].base_a == (40.0, 40.0, 40.0), "it may be feeding in behind the meter"


def test_what_a_battery_feeds_in_does_not_make_the_building_look_smaller() -> None:
    yard = Yard(BATTERY)
    yard.building = 60.0
    yard.change_device("battery", power_w=-10 * AMPERE_W, confirmed_w=-10 * AMPERE_W)
    decision = yard.tick()
    assert decision.circuits["grid"].base_a == pytest.approx((60.0,) * 3)
    assert decision.circuits["grid"].reserve_a == pytest.approx((-10.0,) * 3)
    assert decision.circuits["store"].reserve_a == (0.0, 0.0, 0.0)


def test_generation_on_a_busbar_is_not_set_against_its_loads() -> None:
    """The panel's rating is for the sum of its loads: with 20 A of sun its feeder's meter tells 20 A less."""
    panel = structs.replace(PANEL, rotation=(0, 1, 2), meter=GRID.meter)
    scene = Scene(site(circuits=(GRID, panel), devices=(PV,)))
    sun = DeviceState(
        device_id="pv", online=True, power_w=-20 * AMPERE_W, measured_at=1_001.0, confirmed_w=-20 * AMPERE_W
    )
    scene.at += 1.0
    before = scene.snapshot()
    reading = structs.replace(
        before.circuits["grid"], circuit_id="panel", metered_a=(10.0, 10.0, 10.0), metered_at=scene.at
    )
    snapshot = structs.replace(before, circuits={**before.circuits, "panel": reading}, devices={"pv": sun})
    _, decision = step(scene.state, snapshot)
    assert decision.circuits["panel"].base_a == pytest.approx((30.0,) * 3)
    assert decision.circuits["grid"].base_a == pytest.approx((20.0,) * 3), "what its meter tells, sun and all"


# ------------------------------------------------------------ batteries


def test_a_battery_supports_a_connection_that_is_short_and_the_cars_get_what_it_gives() -> None:
    yard = Yard(BATTERY)
    yard.building = 60.0
    yard.charge(A, 16.0)
    yard.charge(D, 16.0)
    assert yard.tick().commands["battery"].power_w == pytest.approx(-20 * AMPERE_W)
    decision = yard.run()
    assert limit(decision, A) + limit(decision, D) == pytest.approx(38.0 + 20.0, abs=0.2)
    assert decision.commands["battery"].reasons[0].code == "battery"


def test_it_gives_no_more_than_what_is_missing() -> None:
    yard = Yard(BATTERY)
    yard.building = 40.0
    yard.charge(A, 32.0)
    yard.charge(D, 25.0)
    decision = yard.run()
    assert decision.commands["battery"].power_w == pytest.approx(-6 * AMPERE_W)


def test_it_charges_below_a_share_of_the_limit_and_never_above() -> None:
    yard = Yard(structs.replace(BATTERY, recharge_share=0.5))
    decision = yard.run(5)
    # 100 A less 2 A margin, 20 A building: 78 A are left, and half of the limit stays free.
    assert decision.commands["battery"].power_w == pytest.approx(20 * AMPERE_W)
    yard.building = 40.0
    assert yard.run(2).commands["battery"].power_w == pytest.approx(8 * AMPERE_W)
    yard.building = 55.0
    assert yard.run(2).commands["battery"].power_w == 0.0


def test_a_car_that_comes_ends_the_charging_before_it_is_refused_anything() -> None:
    yard = Yard(structs.replace(BATTERY, recharge_share=0.7))
    yard.run(5)
    yard.charge(A, 0.0, committed_a=None, measured_a=(0.0, 0.0, 0.0))
    assert yard.tick().commands["battery"].power_w == pytest.approx(16 * AMPERE_W)
    yard.charge(D, 0.0, committed_a=None, measured_a=(0.0, 0.0, 0.0))
    assert yard.tick().commands["battery"].power_w == 0.0


@pytest.mark.parametrize(
    ("soc", "short", "target_a"),
    [
        (60.0, True, -20.0),
        (10.0, True, 0.0),
        (5.0, True, 0.0),
        (None, True, 0.0),
        (math.nan, True, 0.0),
        (140.0, True, 0.0),
        (60.0, False, 20.0),
        (95.0, False, 0.0),
        (None, False, 0.0),
    ],
)
def test_state_of_charge_bounds_what_it_is_told(soc: float | None, short: bool, target_a: float) -> None:
    """An outage of the state of charge must not start charging."""
    yard = Yard(BATTERY)
    yard.building = 70.0 if short else 20.0
    if short:
        yard.charge(A, 16.0)
        yard.charge(D, 16.0)
    yard.change_device("battery", soc_percent=soc)
    assert yard.tick().commands["battery"].power_w == pytest.approx(target_a * AMPERE_W)


def test_an_empty_battery_stays_out_until_some_charge_has_come() -> None:
    yard = Yard(BATTERY)
    yard.building = 70.0
    yard.charge(A, 16.0)
    yard.charge(D, 16.0)
    for soc, feeds in ((10.0, False), (12.0, False), (13.0, True), (11.0, True), (10.0, False)):
        yard.change_device("battery", soc_percent=soc)
        assert (yard.run(31).commands["battery"].power_w < 0) is feeds, soc


def test_a_battery_never_feeds_out_of_the_connection() -> None:
    """Its wish is 40 A of cars that draw nothing yet: what flows in is 20 A."""
    device = structs.replace(BATTERY, feed_w=60 * AMPERE_W)
    yard = Yard(device)
    yard.building = 15.0
    yard.limits = ()
    yard.site = site(circuits=(structs.replace(GRID, rating_a=40.0), PANEL, STORE), devices=(device,))
    yard.charge(A, 6.0)
    yard.charge(D, 6.0)
    decision = yard.run(3)
    assert -27.1 * AMPERE_W <= decision.commands["battery"].power_w < -20 * AMPERE_W


def test_steady_input_comes_to_rest() -> None:
    yard = Yard(BATTERY, HEAT)
    yard.building = 55.0
    yard.charge(A, 16.0)
    yard.charge(B, 16.0)
    yard.run(1300)
    targets = {tuple(sorted((d, t.power_w) for d, t in yard.run(1).commands.items())) for _ in range(120)}
    assert len(targets) == 1


# ------------------------------------------------------------ heat


def test_a_heat_load_goes_down_before_a_car_gets_less_and_up_again_after_a_while() -> None:
    yard = Yard(HEAT)
    yard.building = 40.0
    assert yard.run(2).commands["heat"].power_w == 10 * AMPERE_W
    yard.charge(A, 32.0)
    yard.charge(D, 20.0)
    decision = yard.tick()
    assert decision.commands["heat"].power_w == 0.0
    yard.obey(decision)
    yard.charge(D, 0.0, session=False, wants=False)
    assert yard.run(590).commands["heat"].power_w == 0.0
    assert yard.run(20).commands["heat"].power_w == 10 * AMPERE_W


def test_one_that_does_not_yield_stays_while_its_limit_can_be_held_by_cars() -> None:
    yard = Yard(structs.replace(HEAT, yields=False))
    yard.building = 60.0
    yard.charge(A, 16.0)
    yard.charge(D, 16.0)
    decision = yard.run(5)
    assert decision.commands["heat"].power_w == 10 * AMPERE_W
    assert limit(decision, A) + limit(decision, D) == pytest.approx(28.0, abs=0.3)
    yard.building = 90.0
    assert yard.tick().commands["heat"].power_w == 5 * AMPERE_W


# ------------------------------------------------------------ configuration


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"circuit_id": "cellar"}, "cellar"),
        ({"phases": ()}, "phases"),
        ({"phases": (0, 0)}, "phases"),
        ({"draw_w": -1.0}, "draw_w"),
        ({"feed_w": math.nan}, "feed_w"),
        ({"min_soc_percent": 96.0}, "min_soc_percent"),
        ({"fallback_w": 1e6}, "fallback_w"),
        ({"interval_s": 0.0}, "interval_s"),
        ({"kind": "heat", "feed_w": 0.0}, "levels_w"),
        ({"kind": "heat", "levels_w": (0.0, 10.0)}, "feed_w"),
        ({"kind": "inverter", "feed_w": 0.0}, "feed_w"),
        ({"protocol": "none"}, "address"),
    ],
)
def test_a_device_that_can_not_be_is_named_with_the_remedy(changes: dict[str, Any], says: str) -> None:
    wrong = structs.replace(BATTERY, **changes)
    with pytest.raises(TopologyError, match=f"battery.*{says}"):
        Topology(site(circuits=(GRID, PANEL, STORE), devices=(wrong,)))


def test_a_device_that_is_only_read_is_told_nothing() -> None:
    kinds: tuple[DeviceKind, ...] = ("battery",)
    yard = Yard(*(structs.replace(BATTERY, kind=kind, commanded=False) for kind in kinds))
    decision = yard.tick()
    assert decision.commands == {}
    assert decision.circuits["grid"].reserve_a == (20.0, 20.0, 20.0)
