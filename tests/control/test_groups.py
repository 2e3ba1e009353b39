"""Sites under one supply, rule by rule."""

from __future__ import annotations

import math

import pytest
from msgspec import structs

from ampacity.control.groups import member
from ampacity.control.groups.check import GroupError, check
from ampacity.model.groups import GroupMember, MemberGrant, MemberReport
from ampacity.model.site import Circuit, LimitSource, MeterConfig

from .campus import NOON, Campus, campus
from .scene import GRID, PANEL, A, C, Scene, site


def busy(**options: object) -> Campus:
    """A hospital without cars before a car park that would take all."""
    it = Campus(campus(**options))  # type: ignore[arg-type]
    it["hospital"].base_a = 30.0
    it["park"].base_a, it["park"].wish_a, it["park"].safe_a = 5.0, 200.0, 10.0
    it.run(5)
    return it


def test_a_guaranteed_share_that_is_not_used_is_lent() -> None:
    it = busy()
    assert (it.granted_a("hospital"), it.granted_a("park")) == (30.0, 70.0)


def test_a_base_that_rises_cuts_the_lower_class_at_once() -> None:
    it = busy()
    it["hospital"].base_a = 55.0
    it.run(1)
    assert it.granted_a("park") == 45.0
    it.run(3)
    assert it.total_a <= 100.0


def test_a_higher_class_gets_more_only_when_the_lower_one_has_come_down() -> None:
    it = busy()
    it["hospital"].wish_a = 40.0
    it["park"].lag_s = 6.0
    it.run(4)
    assert (it.granted_a("hospital"), it.granted_a("park")) == (30.0, 30.0)
    it.run(5)
    assert (it.granted_a("hospital"), it.granted_a("park")) == (70.0, 30.0)
    assert it.total_a <= 100.0


def test_members_of_one_class_share_by_weight_above_their_guaranteed_shares() -> None:
    two = campus(
        GroupMember(site_id="a", circuit_id="supply", guaranteed_a=10.0, weight=3.0),
        GroupMember(site_id="b", circuit_id="supply", guaranteed_a=10.0),
    )
    it = Campus(two)
    it["a"].wish_a = it["b"].wish_a = 200.0
    it.run(5)
    assert (it.granted_a("a"), it.granted_a("b")) == (70.0, 30.0)


def test_nobody_is_cut_while_all_fit() -> None:
    it = busy()
    it["park"].wish_a = 20.0
    it.run(5)
    assert it.granted_a("park") == 70.0
    it["hospital"].wish_a = 20.0
    it.run(5)
    assert (it.granted_a("hospital"), it.granted_a("park")) == (50.0, 25.0)


def test_a_silent_member_is_counted_with_its_grant_until_its_evses_have_settled() -> None:
    it = busy()
    it.kill("park")
    it["hospital"].wish_a = 65.0
    it.run(25)
    decision = it.step()
    assert decision.members["park"].standing == "silent"
    assert (decision.members["park"].counted[0], it.granted_a("hospital")) == (70.0, 30.0)
    it.run(10)
    assert it.step().members["park"].counted[0] == 20.0
    it.run(2)
    assert it.granted_a("hospital") == 80.0


def test_a_silent_member_counts_with_the_share_that_it_was_told_though_it_has_less_now() -> None:
    it = busy()
    it.kill("hospital")
    shares = tuple(structs.replace(m, guaranteed_a=30.0) for m in it.group.members)
    it.group = structs.replace(it.group, members=shares)
    it.run(100)
    assert it.step().members["hospital"].counted[0] == 60.0


def test_members_fall_to_their_guaranteed_share_without_a_coordinator_the_lower_first() -> None:
    it = busy()
    it.runs = False
    it.run(9)
    assert it.granted_a("park") == 70.0
    it.run(3)
    # The hospital had less than it is guaranteed: it waits until the car park must have come down.
    assert (it.granted_a("park"), it.granted_a("hospital")) == (20.0, 30.0)
    it.run(50)
    assert (it.granted_a("park"), it.granted_a("hospital")) == (20.0, 60.0)


def test_a_coordinator_that_starts_anew_gives_nobody_more_until_it_has_heard_all() -> None:
    it = busy()
    it.kill("hospital")
    it.restart()
    it.run(5)
    assert it.granted_a("park") == 70.0  # what it had runs on
    assert it.step().holding == "hospital not heard since the start"
    it.run(3)
    assert it.granted_a("park") == 40.0  # room for what the hospital is guaranteed
    it.run(11)
    assert it.granted_a("park") == 20.0  # and nothing is granted anew
    it.run(15)
    assert it.granted_a("park") == 40.0  # all grants of before are over; the hospital's share stays free


def test_after_a_restart_of_the_coordinator_all_goes_on_when_all_are_heard() -> None:
    it = busy()
    it.restart()
    it.run(5)
    assert (it.granted_a("hospital"), it.granted_a("park")) == (30.0, 70.0)


def test_a_site_that_starts_has_nothing_to_give_until_it_hears() -> None:
    it = busy()
    it.kill("park")
    it.runs = False
    it.run(2)
    it.revive("park")
    it.run(10)
    assert it.granted_a("park") == 0.0
    it.run(60)
    assert it.granted_a("park") == 20.0


def test_a_silent_meter_of_the_group_counts_as_one_of_a_circuit() -> None:
    it = Campus(campus(metered=True, reserve_a=20.0))
    it["hospital"].base_a = 30.0
    it["park"].base_a, it["park"].wish_a = 5.0, 200.0
    it.metered = lambda: (it.total_a + 3.0,) * 3
    it.run(320)
    assert it.granted_a("park") == 65.0  # 100 less margin of 2, base of 3, and the hospital's 30
    it.metered = lambda: None
    it.run(10)
    assert it.granted_a("park") == 65.0
    it.run(30)
    assert it.granted_a("park") == 48.0  # dead after 6 T + 25 s: the worst base of 20
    it.run(40)
    assert it.granted_a("park") == 20.0  # lost after twice that: no more than is guaranteed


def test_cars_that_rise_do_not_look_like_base_to_the_groups_meter() -> None:
    it = Campus(campus(metered=True, reserve_a=20.0))
    it["park"].wish_a = 10.0
    it.metered = lambda: (it.total_a + 3.0,) * 3
    it.run(40)
    it["park"].wish_a = 60.0
    it.run(3)
    assert it.step().circuits["supply"].base[0] == pytest.approx(3.0, abs=0.01)
    assert it.granted_a("park") == 60.0


def test_a_meter_that_stays_above_its_limit_takes_everybody_down() -> None:
    it = Campus(campus(metered=True, reserve_a=20.0))
    it["park"].base_a, it["park"].wish_a = 5.0, 40.0
    it.metered = lambda: (it.total_a,) * 3
    it.run(40)
    it.metered = lambda: (101.0,) * 3
    it.run(15)
    assert it.granted_a("park") <= 20.0
    it.run(12)
    assert it.granted_a("park") == 5.0


def test_a_limit_from_outside_holds_and_lowers_what_members_fall_back_to() -> None:
    it = busy()
    it.limits = (LimitSource(limit_a=40.0, source="dso", valid_until=NOON + 60.0),)
    it.run(5)
    assert it.granted_a("park") == 10.0
    lease = it["park"].membership.lease
    assert lease is not None
    assert lease.grant.fallback_a == pytest.approx(10.0)
    assert [reason.source for reason in it.step().members["park"].reasons] == ["dso"]
    it.run(60)
    assert it.granted_a("park") == 70.0


def test_power_is_shared_beside_amperes() -> None:
    it = busy(rating_w=3 * 230.0 * 90.0)
    lease = it["park"].membership.lease
    assert lease is not None
    assert lease.grant.limit_w == pytest.approx(3 * 230.0 * 60.0, abs=70.0)
    assert [reason.code for reason in it.step().members["park"].reasons] == ["circuit", "watts"]


def test_circuits_below_the_supply_limit_their_own_members() -> None:
    wing = Circuit(circuit_id="wing", name="Wing", rating_a=40.0, parent_id="supply")
    it = Campus(
        campus(
            GroupMember(site_id="a", circuit_id="wing", guaranteed_a=10.0),
            GroupMember(site_id="b", circuit_id="wing", guaranteed_a=10.0),
            GroupMember(site_id="c", circuit_id="supply", guaranteed_a=10.0),
            more=(wing,),
        )
    )
    for name in "abc":
        it[name].wish_a = 200.0
    it.run(5)
    assert [it.granted_a(name) for name in "abc"] == [20.0, 20.0, 60.0]


def test_bases_that_are_too_much_leave_the_cars_nothing_and_say_so() -> None:
    it = busy()
    it["hospital"].base_a = 97.0
    it.run(5)
    assert it.granted_a("park") == 5.0
    assert it.step().overcommitted == {"supply"}


def test_an_unusable_report_is_silence() -> None:
    it = busy()
    report = structs.replace(it["park"].report(it.at), base_a=math.nan)
    before = it.state.members["park"]
    it.at += 1.0
    it.hear(report)
    after = it.state.members["park"]
    assert (after.report, after.heard_at) == (before.report, before.heard_at)


def test_while_a_site_that_joins_is_not_limited_yet_nobody_gets_more() -> None:
    it = busy()
    it["hospital"].membership = member.start(60.0, 230.0, 10.0, 20.0, it.at, joins=True)
    it["hospital"].wish_a, it["hospital"].life = 200.0, 1
    it["park"].wish_a = 220.0
    it.tick()
    assert it.granted_a("park") <= 70.0
    it.run(5)
    assert it.total_a <= 100.0


def test_an_older_grant_is_not_followed() -> None:
    one = member.start(20.0, 230.0, 10.0, 20.0, 0.0)
    new = MemberGrant(epoch=2, seq=1, limit_a=30.0, fallback_a=20.0, lease_s=10.0, rise_s=None)
    old = structs.replace(new, epoch=1, seq=9, limit_a=80.0)
    followed = member.accept(member.accept(one, new, 5.0), old, 6.0)
    assert member.limited(followed, 7.0).limit_a == 30.0
    assert member.limited(followed, 15.0).limit_a == 20.0


def test_a_site_that_joins_while_it_runs_is_not_stopped_for_its_first_grant() -> None:
    one = member.start(20.0, 230.0, 10.0, 20.0, 0.0, joins=True)
    assert [member.limited(one, at).limit_a for at in (5.0, 15.0, 60.0)] == [None, 0.0, 20.0]


def told(scene: Scene, limit_a: float = 80.0) -> MemberReport:
    """What a site tells that is granted so much."""
    scene.limits = (LimitSource(limit_a=limit_a, source="group:campus"),)
    decision = scene.tick()
    one = member.start(20.0, 230.0, 10.0, 20.0, scene.at)
    grant = MemberGrant(epoch=3, seq=7, limit_a=limit_a, fallback_a=20.0, lease_s=10.0, rise_s=None)
    assert scene.state.topology is not None
    return member.report_of(
        member.accept(one, grant, scene.at), "life", 1, scene.snapshot(), decision, scene.state.topology
    )


def test_a_site_tells_its_base_what_its_cars_could_use_and_what_they_may_draw() -> None:
    scene = Scene(site())
    scene.charge(A, 32.0)
    scene.charge(C, 20.0, measured_a=(20.0, 0.0, 0.0))  # on the panel's L1, which is the grid's L2
    scene.metered = (52.0, 72.0, 52.0)
    report = told(scene, 75.0)
    assert (report.epoch, report.seq, report.limit_a, report.lease_left_s) == (3, 7, 75.0, 10.0)
    assert report.base_a == pytest.approx(20.0)
    assert report.demand_a == pytest.approx(20.0 + 2.0 + 32.0 + 32.0)
    assert report.held_a == pytest.approx(20.0 + 32.0 + 20.0)
    assert report.drawn_a == (52.0, 72.0, 52.0)
    assert report.settle_s == 360.0


def test_a_site_whose_base_nobody_knows_does_not_ask_for_more_each_time() -> None:
    bare = structs.replace(GRID, reserve_a=0.0)
    scene = Scene(site(circuits=(bare, PANEL)))
    scene.metered = None
    report = told(scene, 50.0)
    assert (report.base_a, report.demand_a) == (50.0, 50.0)


def test_a_site_that_nobody_steers_is_all_base() -> None:
    scene = Scene(site(strategy="uncontrolled"))
    scene.charge(A, 16.0)
    report = told(scene)
    assert report.base_a == report.held_a == report.demand_a >= 32.0


def test_a_site_without_lease_credit_may_go_on_for_ever() -> None:
    scene = Scene(site())
    scene.charge(A, 16.0, lease_until=None)
    assert told(scene).settle_s is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"limit_a": 75.0}, "guaranteed below circuit supply are 80 A a phase, and it carries 75 A"),
        ({"reserve_a": 30.0}, "guarantee 70 A in all"),
        ({"rating_w": 50_000.0}, r"carries 72.4638 A \(50000 W\)"),
        ({"more": (Circuit(circuit_id="x", name="X", rating_a=5.0),)}, "2 grid connections"),
        (
            {"more": (Circuit(circuit_id="x", name="X", rating_a=5.0, parent_id="supply", neutral_a=5.0),)},
            "has neutral_a",
        ),
    ],
)
def test_a_group_that_can_not_be_is_refused(change: dict[str, object], words: str) -> None:
    with pytest.raises(GroupError, match=words):
        check(campus(**change))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ([("a", "nowhere", 1.0), ("b", "supply", 1.0)], "hangs on circuit nowhere"),
        ([("a", "supply", 1.0), ("a", "supply", 1.0)], "listed twice"),
        ([("a", "supply", math.nan)], "guaranteed_a nan"),
    ],
)
def test_members_that_can_not_be_are_refused(members: list[tuple[str, str, float]], words: str) -> None:
    named = [GroupMember(site_id=a, circuit_id=b, guaranteed_a=c) for a, b, c in members]
    with pytest.raises(GroupError, match=words):
        check(campus(*named))


def test_a_meter_that_does_not_see_the_members_is_refused() -> None:
    group = campus()
    meter = MeterConfig(protocol="push", measures="without_evs")
    circuits = tuple(structs.replace(circuit, meter=meter) for circuit in group.circuits)
    with pytest.raises(GroupError, match="let it see the members"):
        check(structs.replace(group, circuits=circuits))
