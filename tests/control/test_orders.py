"""Safe mode and the emergency stop: what people order for a whole site goes before everything else."""

from __future__ import annotations

import pytest
from msgspec import structs

from ampacity.control.types import Decision
from ampacity.model.protection import SiteMode
from ampacity.model.site import Evse, Strategy

from .scene import A, B, C, D, Scene, codes, limit, site


def scene(mode: SiteMode, strategy: Strategy = "dynamic", safe_a: float = 6.0) -> tuple[Scene, Decision]:
    evses = tuple(structs.replace(evse, safe_a=safe_a) for evse in site().evses)
    it = Scene(site(*evses, strategy=strategy))
    it.charge(A, 16.0)
    it.charge(B, 6.0)
    it.charge(C, 20.0, priority=3, slack_s=0.0)
    it.tick()
    it.mode = mode
    return it, it.tick()


@pytest.mark.parametrize("strategy", ["dynamic", "static", "uncontrolled"])
def test_a_stopped_site_gives_nobody_anything_at_once(strategy: Strategy) -> None:
    _, decision = scene("stopped", strategy)
    for key in (A, B, C):
        assert limit(decision, key) == 0.0
        assert "emergency_stop" in codes(decision, key)
    assert {cut.key for cut in decision.cuts} == {A, B, C}
    assert decision.raises == ()
    assert (decision.mode, decision.strategy) == ("stopped", strategy)


@pytest.mark.parametrize("strategy", ["dynamic", "static", "uncontrolled"])
def test_in_safe_mode_nobody_has_more_than_unattended(strategy: Strategy) -> None:
    _, decision = scene("safe", strategy)
    assert {key: limit(decision, key) for key in (A, B, C)} == {A: 6.0, B: 6.0, C: 6.0}
    assert {cut.key for cut in decision.cuts} == {A, C}
    assert "safe_mode" in codes(decision, A)


def test_safe_mode_of_a_site_without_safe_current_is_nothing() -> None:
    _, decision = scene("safe", safe_a=0.0)
    assert [limit(decision, key) for key in (A, B, C)] == [0.0, 0.0, 0.0]


@pytest.mark.parametrize(
    "changes", [{"aside_a": 20.0, "aside_why": "in quarantine"}, {"proven": False}, {"refusing": True}]
)
def test_who_can_not_be_steered_is_told_to_stop_as_well(changes: dict[str, object]) -> None:
    it, _ = scene("normal")
    it.charge(D, 16.0, **changes)
    it.tick()
    it.mode = "stopped"
    decision = it.tick()
    assert limit(decision, D) == 0.0
    assert D in {cut.key for cut in decision.cuts}


def test_what_comes_during_a_stop_gets_nothing_and_afterwards_rises_by_the_ordinary_way() -> None:
    it, _ = scene("stopped", safe_a=0.0)
    for key in (A, B, C):
        it.change(key, committed_a=0.0, measured_a=(0.0, 0.0, 0.0))
    it.charge(D, 0.0)
    for _ in range(300):
        decision = it.tick()
        assert decision.raises == ()
    it.mode = "normal"
    decision = it.tick()
    assert 0.0 < max(grant.limit_a for grant in decision.raises) <= 6.0


def test_an_idle_evse_is_shown_with_what_it_may_start_with() -> None:
    _, decision = scene("stopped")
    assert limit(decision, D) == 6.0
    assert decision.held_a[D] == 6.0


def test_one_evse_s_own_order_is_its_safe_current() -> None:
    it = Scene(
        site(
            Evse(station_id="a", evse_id=1, circuit_id="grid", phases=(0, 1, 2), safe_a=8.0),
            Evse(station_id="b", evse_id=1, circuit_id="grid", phases=(0, 1, 2), safe_a=0.0),
        )
    )
    it.charge(A, 20.0)
    it.charge(B, 20.0)
    it.mode = "safe"
    decision = it.tick()
    assert (limit(decision, A), limit(decision, B)) == (8.0, 0.0)
