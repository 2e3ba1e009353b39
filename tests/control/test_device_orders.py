"""What people order for a whole site goes before all that devices would do, and they come back slowly."""

from __future__ import annotations

import pytest
from msgspec import structs

from ampacity.control.types import Decision, Snapshot
from tests.control.scene import A, D
from tests.control.test_devices import AMPERE_W, BATTERY, HEAT, PV, Yard

PANEL_PV = structs.replace(PV, circuit_id="grid")


class Ordered(Yard):
    """The yard with a battery, heat and sun, where people order something."""

    stop_generation = False

    def snapshot(self) -> Snapshot:
        found = super().snapshot()
        circuits = {k: structs.replace(c) for k, c in found.circuits.items()}
        return structs.replace(found, circuits=circuits, stop_generation=self.stop_generation)

    def told(self, decision: Decision) -> dict[str, float]:
        return {name: target.power_w / AMPERE_W for name, target in decision.commands.items()}


def short() -> Ordered:
    """A battery that supports two cars with all that it has."""
    yard = Ordered(BATTERY, HEAT, PANEL_PV)
    yard.building = 60.0
    yard.charge(A, 16.0)
    yard.charge(D, 16.0)
    assert yard.told(yard.tick())["battery"] == -20.0
    return yard


def test_an_emergency_stop_stands_batteries_by_and_turns_heat_off_at_once_though_something_is_missing() -> (
    None
):
    yard = short()
    yard.mode = "stopped"
    decision = yard.tick()
    assert yard.told(decision) == {"battery": 0.0, "heat": 0.0, "pv": -20.0}
    assert {r.code for name in ("battery", "heat") for r in decision.commands[name].reasons} == {
        "emergency_stop"
    }


def test_generation_stops_where_that_was_asked_for() -> None:
    yard = short()
    yard.mode, yard.stop_generation = "stopped", True
    assert yard.told(yard.tick()) == {"battery": 0.0, "heat": 0.0, "pv": 0.0}


def test_a_charging_battery_stands_by_in_both_orders() -> None:
    for mode in ("safe", "stopped"):
        yard = Ordered(BATTERY)
        assert yard.told(yard.run(5))["battery"] == 20.0
        yard.mode = mode  # type: ignore[assignment]
        assert yard.told(yard.tick())["battery"] == 0.0


def test_in_safe_mode_a_battery_supports_until_the_cars_are_down_and_no_longer() -> None:
    """Cars that still draw what they were told before are no reason to overload the connection."""
    yard = short()
    yard.change_device("battery", power_w=-20 * AMPERE_W, confirmed_w=-20 * AMPERE_W)
    yard.charge(A, 28.0)
    yard.charge(D, 28.0)
    yard.mode = "safe"
    decision = yard.tick()
    assert {cut.limit_a for cut in decision.cuts} == {0.0}
    assert yard.told(decision)["battery"] == pytest.approx(-18.0), "98 A may flow, 60 A and 56 A do"
    assert yard.told(decision)["heat"] == 0.0
    for key in (A, D):
        yard.charge(key, 0.0)
    yard.tick()
    assert yard.told(yard.tick())["battery"] == 0.0


def test_what_a_limit_needs_goes_on_in_safe_mode() -> None:
    """A building that is above the limit by itself: to stand by would trip the breaker."""
    yard = Ordered(BATTERY)
    yard.building = 105.0
    yard.mode = "safe"
    assert yard.told(yard.run(3))["battery"] == pytest.approx(-7.0)


def test_after_a_release_devices_come_back_slowly() -> None:
    """By a tenth of their rating a minute, from when they are wanted: cars wait out their pause first."""
    yard = short()
    yard.run(3)
    yard.mode, yard.stop_generation = "stopped", True
    yard.run(1)
    for key in (A, D):
        yard.charge(key, 0.0)
    yard.run(4)
    yard.mode, yard.stop_generation = "normal", False
    told: dict[str, list[float]] = {"battery": [0.0] * 60, "pv": [0.0] * 60}
    for _ in range(900):
        decision = yard.run(1)
        for name, values in told.items():
            values.append(yard.told(decision)[name])
            # A step of 3 % of the rating, which is a second's worth of waiting for it, and 10 % a minute.
            assert values[-61] - values[-1] <= 20.0 * 0.135, (name, values[-61:])
    assert told["battery"][60 + 170] == 0.0
    assert told["pv"][60 + 60] == pytest.approx(-2.0, abs=0.7)
    assert (told["battery"][-1], told["pv"][-1]) == pytest.approx((-20.0, -20.0), abs=0.6)


def test_heat_comes_back_after_its_dwell_time() -> None:
    yard = Ordered(HEAT)
    yard.mode = "stopped"
    yard.run(3)
    yard.mode = "normal"
    assert yard.told(yard.run(int(HEAT.dwell_s) - 1))["heat"] == 0.0
    assert yard.told(yard.run(3))["heat"] == 10.0


def test_sun_that_nobody_stopped_does_not_come_back_slowly() -> None:
    yard = short()
    yard.mode = "stopped"
    yard.run(3)
    yard.mode = "normal"
    assert yard.told(yard.run(2))["pv"] == -20.0
