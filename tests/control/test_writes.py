"""The write budget: raises become rarer and larger near its end, cuts and renewals never."""

from __future__ import annotations

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ampacity.control.writes import Writes, thrift
from ampacity.csms.wear import write_budget
from ampacity.model.station import StationInfo
from tests.control.scene import A, Scene, charging, site


def test_an_hour_is_counted_and_renewals_apart() -> None:
    writes = Writes()
    for at in (0.0, 10.0, 3_000.0):
        writes.count(at)
    writes.count(20.0, renewal=True)
    assert (writes.limits(3_000.0), writes.renewals(3_000.0)) == (3, 1)
    assert (writes.limits(3_600.0), writes.renewals(3_600.0)) == (2, 1)
    assert (writes.limits(7_000.0), writes.renewals(7_000.0)) == (0, 0)


@pytest.mark.parametrize(
    ("used", "budget", "least_a", "every_s"),
    [
        (1_000, None, 0.0, 0.0),
        (15, 30, 0.0, 0.0),
        (21, 30, 1.6, 120.0),
        (29, 30, 3.7, 280.0),
        (30, 30, inf, 300.0),
        (0, 0, inf, 300.0),
    ],
)
def test_thrift(used: int, budget: int | None, least_a: float, every_s: float) -> None:
    assert thrift(used, budget) == (least_a, pytest.approx(every_s))


@given(st.integers(1, 100), st.integers(0, 200))
def test_less_budget_never_means_more_writes(budget: int, used: int) -> None:
    assert thrift(used, budget) <= thrift(used + 1, budget)


@pytest.mark.parametrize(("raise_least_a", "rises"), [(0.0, True), (4.0, True), (12.0, False), (inf, False)])
def test_the_law_raises_by_as_much_as_is_worth_a_write(raise_least_a: float, rises: bool) -> None:
    scene = Scene(site())
    scene.metered = (42.0, 42.0, 42.0)
    risen = False
    for _ in range(60):
        scene.evses[A] = charging(A, 22.0, scene.at, raise_least_a=raise_least_a)
        decision = scene.tick()
        risen = risen or any(grant.key == A for grant in decision.raises)
        if any(grant.key == A for grant in decision.raises):
            break
    assert risen == rises
    if not rises:
        reasons = decision.grants[A].reasons
        assert any(reason.code == "deadband" and "budget" in (reason.detail or "") for reason in reasons)


@pytest.mark.parametrize(
    ("vendor", "model", "version", "per_hour"),
    [
        ("go-e", "Charger V2", "1.6", 12),
        ("go-e GmbH", "Gemini V3", "1.6", None),
        ("Alfen BV", "NG910", "1.6", 12),
        ("Ampacity", "Simulated", "1.6", 60),
        ("Ampacity", "Simulated", "2.0.1", 60),
        ("Ampacity", "Simulated", "2.1", None),
    ],
)
def test_each_firmware_has_its_budget(vendor: str, model: str, version: str, per_hour: int | None) -> None:
    assert write_budget(StationInfo(vendor=vendor, model=model), version) == per_hour


def test_a_cut_goes_out_whatever_the_budget() -> None:
    scene = Scene(site())
    scene.evses[A] = charging(A, 32.0, scene.at, raise_least_a=inf, raise_every_s=300.0)
    scene.metered = (120.0, 120.0, 120.0)
    assert any(grant.key == A for grant in scene.tick().cuts)
