"""Figures of use: only time in which a car is kept short counts for the utilisation."""

from __future__ import annotations

import pytest
from msgspec import structs

from ampacity.control.law import step
from ampacity.control.state import START
from ampacity.control.types import CircuitState, EvseState, Snapshot
from ampacity.demo.ledger import CircuitLedger
from ampacity.demo.quality import Quality
from ampacity.model.site import Circuit, Evse, Site
from ampacity.simulation.electrical.breaker import Breaker

SITE = Site(
    site_id="s",
    operator_id="o",
    name="S",
    time_zone="UTC",
    circuits=(Circuit(circuit_id="grid", name="Grid", rating_a=20.0),),
    evses=(Evse(station_id="A", evse_id=1, circuit_id="grid", phases=(0, 1, 2)),),
    commissioned=True,
)
CAR = EvseState(key=("A", 1), online=True, proven=True, session=True, wants=True)


def look(quality: Quality, state: EvseState, at: float, current_a: float, rating_a: float = 20.0) -> None:
    """One decision, and what the copper carries then."""
    circuits = (structs.replace(SITE.circuits[0], rating_a=rating_a),)
    snapshot = Snapshot(
        site=structs.replace(SITE, circuits=circuits),
        circuits={"grid": CircuitState(circuit_id="grid")},
        evses={state.key: state},
        at=at,
        epoch_s=at,
    )
    ledger = CircuitLedger(circuit_id="grid", breakers=(Breaker(20.0), Breaker(20.0), Breaker(20.0)))
    ledger.step(at, 1.0, (current_a, 1.0, 1.0), rating_a)
    quality.observe(snapshot, step(START, snapshot)[1], {"grid": ledger})


def test_utilisation_is_the_fullest_phase_while_a_car_waits() -> None:
    quality = Quality()
    for at, current_a in ((0.0, 0.0), (1.0, 10.0), (2.0, 20.0)):
        look(quality, CAR, at, current_a)
    assert quality.utilisation_percent == pytest.approx(75.0)
    assert quality.per_car_hour(1) == pytest.approx(1800.0)


@pytest.mark.parametrize(
    "change", [{"session": False}, {"paused": True}, {"wants": False}, {"online": False}]
)
def test_nobody_who_waits_is_no_time(change: dict[str, bool]) -> None:
    quality = Quality()
    for at in (0.0, 1.0):
        look(quality, structs.replace(CAR, **change), at, 10.0)
    assert quality.utilisation_percent is None
    assert quality.per_car_hour(3) == 0.0


def test_a_car_at_its_maximum_waits_for_nothing() -> None:
    quality = Quality()
    running = structs.replace(CAR, committed_a=32.0, committed_at=0.0, lease_until=900.0)
    for at in (0.0, 1.0):
        look(quality, running, at, 32.0, rating_a=100.0)
    assert quality.utilisation_percent is None
    assert quality.charging_s == 1.0
