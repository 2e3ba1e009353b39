"""The law step by step on one small scene: order of messages, silence, overload, turns."""

from __future__ import annotations

from itertools import pairwise

import pytest
from msgspec import structs

from ampacity.control.check import reservation_excess
from ampacity.model.live import Reason
from ampacity.model.site import Evse, LimitSource
from tests.control.scene import EPOCH_S, GRID, PANEL, A, B, C, D, Scene, codes, limit, site


def settled(scene: Scene, seconds: int = 60) -> None:
    for _ in range(seconds):
        scene.tick()


def test_a_new_session_starts_at_its_minimum_and_is_reserved_before_it_draws() -> None:
    scene = Scene(site())
    scene.charge(A, 0.0, committed_a=None, measured_a=(0.0, 0.0, 0.0))
    decision = scene.tick()
    assert [(g.key, g.limit_a) for g in decision.raises] == [(A, 6.0)]
    assert limit(decision, A) == 32.0
    assert decision.circuits["grid"].grants_a == (32.0, 32.0, 32.0)


@pytest.mark.parametrize("limit_a", [33.0, 39.9])
def test_a_car_that_starts_is_not_stopped_by_its_own_draw_before_its_meter_tells(limit_a: float) -> None:
    """Less than two minima are free: counted as base and as what it may draw, it would not fit."""
    scene = Scene(site())
    scene.limits = (LimitSource(limit_a=limit_a, source="operator"),)
    for _ in range(40):
        scene.tick()
    scene.charge(A, 0.0)
    assert [g.limit_a for g in scene.tick().raises if g.key == A] == [6.0]
    for second in range(1, 9):
        scene.charge(A, 6.0, measured_a=(0.0, 0.0, 0.0), measured_at=scene.at - second)
        drawn_a = min(6.0, second * 1.0)
        scene.metered = (20.0 + drawn_a,) * 3
        decision = scene.tick(refresh=False)
        assert limit(decision, A) >= 6.0
        assert not decision.cuts
    scene.metered = (limit_a - 1.0,) * 3  # what flows above the margin is base, whoever draws it
    assert limit(scene.tick(refresh=False), A) == 0.0


def test_a_raise_waits_until_the_cut_it_rests_on_was_confirmed_and_seen() -> None:
    scene = Scene(site())
    scene.limits = (LimitSource(limit_a=80.0, source="person"),)
    scene.metered = (78.0, 78.0, 78.0)
    scene.charge(A, 29.0)
    scene.charge(D, 29.0)
    settled(scene)
    scene.change(A, priority=-1)
    scene.change(D, priority=1)
    decision = scene.tick()
    assert [g.key for g in decision.cuts] == [A]
    assert not decision.raises
    target = decision.cuts[0].limit_a
    scene.change(A, inflight_a=target)
    assert not scene.tick().cuts, "a cut that is on its way is not sent again"
    scene.change(A, inflight_a=None, committed_a=target, measured_a=(29.0, 29.0, 29.0))
    confirmed = scene.tick(refresh=False)
    assert not confirmed.raises, "confirmed, but the car still draws the old current"
    assert codes(confirmed, D) >= {"in_flight"}
    scene.change(A, measured_a=(target,) * 3)
    scene.metered = (20.0 + target + 29.0,) * 3
    raised = scene.tick()
    assert [g.key for g in raised.raises] == [D]


def test_a_rejected_limit_is_sent_again() -> None:
    """A rejected profile must not be remembered as sent."""
    scene = Scene(site())
    scene.metered = (84.0, 84.0, 84.0)
    scene.charge(A, 32.0)
    scene.charge(D, 32.0)
    settled(scene, 5)
    scene.limits = (LimitSource(limit_a=60.0, source="person"),)
    first = scene.tick()
    assert {g.key for g in first.cuts} == {A, D}
    scene.change(A, inflight_a=first.grants[A].limit_a)
    assert A not in {g.key for g in scene.tick().cuts}
    scene.change(A, inflight_a=None)
    assert A in {g.key for g in scene.tick().cuts}


def test_a_cut_that_nobody_confirms_is_reserved_and_the_others_pay() -> None:
    scene = Scene(site())
    scene.metered = (84.0, 84.0, 84.0)
    scene.charge(A, 32.0)
    scene.charge(D, 32.0)
    settled(scene, 5)
    scene.limits = (LimitSource(limit_a=60.0, source="person"),)
    decision = scene.tick()
    assert limit(decision, D) == pytest.approx(19.0)
    scene.change(D, committed_a=19.0, measured_a=(19.0,) * 3)
    scene.metered = (20.0 + 32.0 + 19.0,) * 3
    for _ in range(11):
        decision = scene.tick()
        assert not reservation_excess(scene.snapshot(), decision).keys() - decision.overcommitted
    assert A in decision.reserved
    assert decision.held_a[A] == 32.0
    assert limit(decision, D) < 7.0
    assert A in {g.key for g in decision.cuts}, "it is told again"
    assert any("not confirmed" in (reason.detail or "") for reason in decision.grants[A].reasons)


def test_offline_but_charging_stays_in_the_sum_until_its_lease_ends_and_then_with_its_safe_current() -> None:
    where = site()
    evses = tuple(structs.replace(e, safe_a=6.0) if e.key == A else e for e in where.evses)
    scene = Scene(structs.replace(where, evses=evses))
    scene.metered = (84.0, 84.0, 84.0)
    scene.charge(A, 32.0)
    scene.charge(D, 32.0)
    settled(scene, 5)
    scene.change(A, online=False, lease_until=scene.at + 50)
    decision = scene.tick()
    assert codes(decision, A) == {"offline"}
    assert decision.circuits["grid"].reserve_a == (32.0, 32.0, 32.0)
    for _ in range(49):
        decision = scene.tick()
    scene.metered = (52.0, 52.0, 52.0)
    held = [scene.tick().held_a[A] for _ in range(120)]
    assert held[-1] == 6.0
    assert all(later <= earlier for earlier, later in pairwise(held))


def test_without_lease_credit_a_silent_station_is_reserved_for_ever() -> None:
    scene = Scene(site())
    scene.charge(A, 16.0, lease_until=None)
    scene.tick()
    scene.change(A, online=False)
    scene.at += 1e6
    assert scene.tick().held_a[A] == 16.0


def test_unproven_stations_are_reserved_at_their_maximum_even_with_nothing_plugged_in() -> None:
    scene = Scene(site())
    scene.change(A, proven=False)
    decision = scene.tick()
    assert decision.held_a[A] == 32.0
    assert codes(decision, A) == {"unproven"}


def test_a_dead_meter_counts_the_worst_base_and_a_lost_one_leaves_the_safe_current() -> None:
    """Unknown read as 0 W must not give full headroom, nor a dead meter keep yesterday's."""
    where = site()
    evses = tuple(structs.replace(e, safe_a=6.0) if e.key == D else e for e in where.evses)
    scene = Scene(structs.replace(where, evses=evses))
    for key in (A, D):
        scene.charge(key, 24.0)
    scene.metered = (58.0, 58.0, 58.0)
    settled(scene, 60)
    fresh = scene.tick()
    assert fresh.circuits["grid"].base_a == (10.0, 10.0, 10.0)
    scene.metered_at = scene.at
    stale = scene.tick(10.0)
    assert stale.circuits["grid"].meter_state == "stale"
    assert not stale.raises
    assert codes(stale, A) >= {"stale"}
    dead = scene.tick(22.0)
    assert dead.circuits["grid"].meter_state == "dead"
    assert dead.circuits["grid"].base_a == (30.0, 30.0, 30.0)
    lost = scene.tick(32.0)
    assert lost.circuits["grid"].meter_state == "lost"
    assert limit(lost, A) == 0.0
    assert limit(lost, D) == 6.0
    assert Reason(code="dead", circuit_id="grid") in lost.grants[A].reasons


def test_a_meter_that_was_never_read_is_no_free_current() -> None:
    bare = structs.replace(GRID, reserve_a=0.0)
    scene = Scene(site(circuits=(bare, PANEL)))
    scene.metered = None
    scene.charge(A, 6.0)
    decision = scene.tick()
    assert limit(decision, A) == 0.0
    assert ("grid", 1) in decision.overcommitted


def test_unsigned_currents_that_make_the_base_negative_are_not_believed() -> None:
    scene = Scene(site())
    scene.charge(A, 30.0)
    scene.metered = (10.0, 10.0, 10.0)
    decision = scene.tick()
    assert decision.circuits["grid"].meter_state == "dead"
    assert decision.circuits["grid"].base_a == (30.0, 30.0, 30.0)


def test_three_single_phase_cars_on_rotated_phases_count_once_each() -> None:
    evses = tuple(Evse(station_id=f"s{k}", evse_id=1, circuit_id="grid", phases=(k,)) for k in range(3))
    where = site(*evses, circuits=(structs.replace(GRID, rating_a=48.0),))
    scene = Scene(where)
    scene.metered = (26.0, 26.0, 26.0)
    for e in evses:
        l1, l2, l3 = (16.0 if p in e.phases else 0.0 for p in range(3))
        scene.charge(e.key, 16.0, measured_a=(l1, l2, l3))
    decision = scene.tick()
    assert decision.circuits["grid"].base_a == (10.0, 10.0, 10.0)
    assert [limit(decision, e.key) for e in evses] == [32.0, 32.0, 32.0]


def test_the_panels_rotation_puts_its_l1_on_the_grids_l2() -> None:
    scene = Scene(site())
    scene.charge(C, 20.0, measured_a=(20.0, 0.0, 0.0))
    scene.metered = (5.0, 25.0, 5.0)
    decision = scene.tick()
    assert decision.circuits["grid"].base_a == (5.0, 5.0, 5.0)
    assert decision.circuits["grid"].grants_a == (0.0, 32.0, 0.0)
    assert decision.circuits["panel"].grants_a == (32.0, 0.0, 0.0)


def test_the_limit_that_binds_is_named_with_its_circuit_phase_and_source() -> None:
    scene = Scene(site())
    scene.charge(A, 20.0)
    scene.charge(D, 20.0)
    scene.metered = (60.0, 40.0, 40.0)
    scene.limits = (LimitSource(limit_a=50.0, source="grid operator"),)
    decision = scene.tick()
    assert decision.circuits["grid"].limit_source == "grid operator"
    expected = Reason(code="circuit", circuit_id="grid", phase=1, source="grid operator")
    assert expected in decision.grants[A].reasons


@pytest.mark.parametrize(
    ("source", "expected_a", "whose"),
    [
        (LimitSource(limit_a=40.0, source="dso"), 40.0, "dso"),
        (LimitSource(limit_a=140.0, source="dso"), 100.0, "rating"),
        (LimitSource(limit_a=40.0, source="dso", valid_until=EPOCH_S), 100.0, "rating"),
        (
            LimitSource(limit_a=40.0, source="dso", valid_until=EPOCH_S, fallback_a=20.0),
            20.0,
            "dso (fallback)",
        ),
        (LimitSource(limit_a=float("nan"), source="dso"), 0.0, "dso"),
        (LimitSource(limit_a=-3.0, source="dso"), 0.0, "dso"),
    ],
)
def test_the_lowest_valid_source_holds(source: LimitSource, expected_a: float, whose: str) -> None:
    scene = Scene(site())
    scene.limits = (source,)
    ledger = scene.tick().circuits["grid"]
    assert (ledger.limit_a, ledger.limit_source) == (expected_a, whose)


def test_above_the_limit_everybody_is_cut_then_safe_then_off_and_it_takes_calm_to_come_back() -> None:
    where = site()
    evses = tuple(structs.replace(e, safe_a=6.0) if e.key == D else e for e in where.evses)
    scene = Scene(structs.replace(where, evses=evses))
    scene.charge(A, 32.0)
    scene.charge(D, 32.0)
    scene.metered = (84.0, 84.0, 84.0)
    settled(scene, 60)
    scene.metered = (120.0, 120.0, 120.0)
    first = scene.tick()
    assert first.overloaded
    assert {g.key for g in first.cuts} == {A, D}
    assert 64.0 - limit(first, A) - limit(first, D) >= 20.0 + first.circuits["grid"].margin_a - 0.2
    for _ in range(10):
        scene.change(A, committed_a=21.0)
        decision = scene.tick()
    assert limit(decision, D) <= 6.0
    assert limit(decision, A) == 0.0
    assert "overload" in codes(decision, A)
    for _ in range(10):
        decision = scene.tick()
    assert limit(decision, D) == 0.0
    for key in (A, D):
        scene.change(key, committed_a=0.0, measured_a=(0.0, 0.0, 0.0))
    scene.metered = (20.0, 20.0, 20.0)
    calming = scene.tick()
    assert not calming.overloaded
    assert limit(calming, A) == 0.0
    for _ in range(240):
        decision = scene.tick()
    assert limit(decision, A) > 6.0


def test_a_car_that_takes_less_gives_the_rest_back_and_may_ask_again() -> None:
    scene = Scene(site())
    scene.charge(A, 32.0, measured_a=(10.0, 10.0, 10.0))
    scene.metered = (30.0, 30.0, 30.0)
    for _ in range(70):
        decision = scene.tick()
    assert limit(decision, A) == pytest.approx(11.0)
    assert "car" in codes(decision, A)
    scene.change(A, committed_a=11.0, measured_a=(11.0, 11.0, 11.0))
    scene.metered = (31.0, 31.0, 31.0)
    for _ in range(3):
        decision = scene.tick()
    assert limit(decision, A) == 32.0


def test_who_draws_more_than_it_was_told_is_reserved_with_what_it_draws() -> None:
    scene = Scene(site())
    scene.charge(A, 10.0, measured_a=(20.0, 20.0, 20.0))
    scene.metered = (40.0, 40.0, 40.0)
    for _ in range(30):
        decision = scene.tick()
    assert A in decision.reserved
    assert decision.held_a[A] == 20.0
    assert any("draws 20.0 A" in (reason.detail or "") for reason in decision.grants[A].reasons)


@pytest.mark.parametrize(
    ("told", "disobeys"),
    [({}, True), ({"doubt_a": 12.0}, False), ({"inflight_a": 12.0}, False), ({"doubt_a": 9.0}, True)],
)
def test_who_draws_what_it_may_have_taken_without_an_answer_disobeys_nothing(
    told: dict[str, float], disobeys: bool
) -> None:
    scene = Scene(site())
    scene.charge(A, 6.0)
    scene.tick()
    scene.change(A, measured_a=(12.0, 12.0, 12.0), **told)
    for _ in range(40):
        decision = scene.tick()
    assert (A in decision.reserved) is disobeys


def test_turns_rotate_when_there_is_not_a_minimum_for_everybody() -> None:
    evses = tuple(Evse(station_id=f"s{k}", evse_id=1, circuit_id="grid", phases=(0, 1, 2)) for k in range(3))
    scene = Scene(site(*evses, circuits=(structs.replace(GRID, rating_a=34.0),)))
    scene.metered = (20.0, 20.0, 20.0)
    for e in evses:
        scene.charge(e.key, 0.0, measured_a=(0.0, 0.0, 0.0))
    seconds: dict[tuple[str, int], int] = {e.key: 0 for e in evses}
    changes: list[float] = []
    for _ in range(6000):
        decision = scene.tick()
        for grant in (*decision.cuts, *decision.raises):
            if grant.limit_a == 0:
                changes.append(scene.at)
            scene.change(grant.key, committed_a=grant.limit_a, measured_a=(grant.limit_a,) * 3)
        total = 0.0
        for key in seconds:
            amperes = scene.evses[key].committed_a or 0.0
            assert amperes == 0 or amperes >= 6
            seconds[key] += amperes > 0
            total += amperes
        scene.metered = (20.0 + total,) * 3
        assert total <= 12.0
    assert min(seconds.values()) > 1000
    assert all(later - earlier >= 300 for earlier, later in pairwise(changes))


@pytest.mark.parametrize(("slack_s", "waits"), [(60.0, False), (3600.0, True), (None, True)])
def test_who_has_no_time_for_a_pause_starts_again_at_once(slack_s: float | None, waits: bool) -> None:
    """Its lease ran out through a fault of ours; a pause is not to be waited out for form's sake."""
    scene = Scene(site())
    scene.charge(A, 10.0, slack_s=slack_s)
    settled(scene)
    scene.charge(A, 0.0, committed_a=None, lease_until=None, measured_a=(0.0, 0.0, 0.0), slack_s=slack_s)
    scene.change(A, raise_after=scene.at + 5.0)
    scene.tick(2.0)
    assert scene.state.evses[A].stopped_at is not None
    scene.change(A, raise_after=None)
    decision = scene.tick(5.0)
    assert [g.key for g in decision.raises] == ([] if waits else [A])
    assert ("minimum" in codes(decision, A)) == waits


def test_a_person_pauses_and_others_use_it_once_it_is_seen() -> None:
    scene = Scene(site())
    scene.charge(A, 29.0)
    scene.charge(D, 29.0)
    scene.limits = (LimitSource(limit_a=80.0, source="person"),)
    scene.metered = (78.0, 78.0, 78.0)
    settled(scene, 60)
    scene.change(A, paused=True)
    decision = scene.tick()
    assert [(g.key, g.limit_a) for g in decision.cuts] == [(A, 0.0)]
    assert codes(decision, A) == {"paused"}
    assert not decision.raises


def test_a_boosted_session_fills_first_and_nobody_loses_the_minimum() -> None:
    scene = Scene(site())
    for key in (A, B, D):
        scene.charge(key, 10.0)
    scene.change(B, priority=5)
    scene.metered = (80.0, 80.0, 80.0)
    decision = scene.tick()
    assert limit(decision, B) == 32.0
    assert limit(decision, A) >= 6.0
    assert limit(decision, D) >= 6.0


def test_before_commissioning_only_a_part_of_the_headroom_is_used() -> None:
    scene = Scene(site(commissioned=False))
    scene.charge(A, 10.0)
    scene.charge(D, 10.0)
    scene.limits = (LimitSource(limit_a=62.0, source="person"),)
    scene.metered = (40.0, 40.0, 40.0)
    decision = scene.tick()
    assert limit(decision, A) + limit(decision, D) == pytest.approx(0.8 * (62.0 - 2.0 - 20.0))


def test_uncontrolled_gives_the_rating_at_once_and_static_a_fixed_share() -> None:
    free = Scene(site(strategy="uncontrolled"))
    free.charge(A, 6.0)
    decision = free.tick()
    assert [(g.key, g.limit_a) for g in decision.raises] == [(A, 32.0)]
    fixed = Scene(site(strategy="static"))
    fixed.charge(A, 6.0)
    shared = fixed.tick()
    assert shared.circuits["grid"].base_a == (30.0, 30.0, 30.0)
    assert 6.0 <= limit(shared, A) < 32.0
    fixed.metered = (0.5, 0.5, 0.5)
    fixed.change(A, measured_a=(0.0, 0.0, 0.0))
    assert limit(fixed.tick(), A) == limit(shared, A), "the live base does not matter"
    assert "strategy" in codes(shared, A)


def test_a_stations_write_that_timed_out_keeps_the_higher_limit_reserved() -> None:
    scene = Scene(site())
    scene.charge(A, 10.0)
    scene.tick()
    scene.change(A, doubt_a=25.0)
    assert scene.tick().held_a[A] == 25.0


def test_a_site_that_is_rebuilt_keeps_its_overload_on_the_right_circuit() -> None:
    scene = Scene(site())
    scene.charge(A, 32.0)
    scene.metered = (130.0, 20.0, 20.0)
    settled(scene, 12)
    scene.site = structs.replace(scene.site, circuits=(PANEL, GRID))
    decision = scene.tick()
    assert decision.overloaded
    assert {memory.stage for memory in scene.state.overloads.values()} == {1}
    assert set(scene.state.overloads) == {3}


def beside_the_cars() -> Scene:
    """The grid's meter is mounted where it does not see the cars."""
    assert GRID.meter is not None
    blind = structs.replace(GRID, meter=structs.replace(GRID.meter, measures="without_evs"))
    return Scene(site(circuits=(blind, PANEL)))


def test_a_meter_that_does_not_see_the_cars_is_all_base() -> None:
    scene = beside_the_cars()
    scene.charge(A, 30.0)
    scene.metered = (20.0, 25.0, 30.0)
    assert scene.tick().circuits["grid"].base_a == (20.0, 25.0, 30.0)


def test_cars_are_added_to_a_meter_that_does_not_see_them_before_it_is_above_a_limit() -> None:
    scene = beside_the_cars()
    scene.charge(A, 30.0)
    scene.metered = (65.0, 65.0, 65.0)
    assert not scene.tick().overloaded
    scene.metered = (71.0, 65.0, 65.0)
    decision = scene.tick()
    assert decision.overloaded
    assert [grant.key for grant in decision.cuts] == [A]


@pytest.mark.parametrize(("held_a", "target_a"), [(20.3, 20.0), (20.0, 20.0)])
def test_a_limit_between_two_steps_is_not_kept_for_being_near(held_a: float, target_a: float) -> None:
    """I2: steps of 1 A, and a limit from before they were so."""
    evse = structs.replace(site().evses[0], step_a=1.0)
    scene = Scene(site(evse, circuits=(structs.replace(GRID, rating_a=42.35), PANEL)))
    scene.charge(A, held_a)
    scene.metered = (20.0 + held_a,) * 3
    assert limit(scene.tick(), A) == target_a
