"""Who gets what is scarce, by each rule, in closed loop; and cars that don't wake."""

from __future__ import annotations

import math
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from ampacity.control.fairness import need_weight, standings
from ampacity.control.reserve import Hold
from ampacity.control.settings import DEFAULTS
from ampacity.control.types import EvseState
from ampacity.model.live import Reason
from ampacity.model.phases import PerPhase
from ampacity.model.site import Circuit, Evse, EvseKey, Fairness, KeepAlive, MeterConfig, SharingRules, Site

from .plant import Car, Plant
from .scene import A, B, D, Scene, codes, limit, site

X, Y, Z = (("x", 1), ("y", 1), ("z", 1))


def three(fairness: Fairness, free_a: float, **of: Any) -> Site:
    """Three sockets on one phase that leaves them `free_a` above the margin."""
    meter = MeterConfig(protocol="push", interval_s=1.0)
    evses = tuple(
        Evse(
            station_id=key[0],
            evse_id=1,
            circuit_id="grid",
            phases=(0,),
            priority=of.get("priority", (0, 0, 0))[place],
            weight=of.get("weight", (1.0, 1.0, 1.0))[place],
        )
        for place, key in enumerate((X, Y, Z))
    )
    return Site(
        site_id="site",
        operator_id="operator",
        name="three",
        time_zone="UTC",
        circuits=(Circuit(circuit_id="grid", name="grid", rating_a=free_a + 12.0, meter=meter),),
        evses=evses,
        commissioned=True,
        sharing=SharingRules(fairness=fairness),
    )


def settled(where: Site, cars: dict[EvseKey, Car]) -> dict[str, float]:
    """What the cars draw after ten minutes of a base of 10 A."""

    def base(circuit_id: str, at: float) -> PerPhase:
        return (10.0, 0.0, 0.0)

    plant = Plant(where, base, cars, seed=1)
    plant.run(600)
    return {key[0]: round(car.draw_a, 1) for key, car in plant.cars.items()}


@pytest.mark.parametrize(
    ("fairness", "of", "cars", "expected"),
    [
        # 40 A among three: alike, whatever is configured
        (
            "equal",
            {"weight": (4.0, 1.0, 1.0), "priority": (0, 0, 2)},
            ({}, {}, {}),
            (13.3, 13.3, 13.3),
        ),
        ("weights", {"weight": (2.0, 1.0, 1.0)}, ({}, {}, {}), (20.0, 10.0, 10.0)),
        # the class first, alike within it; nobody loses the minimum
        ("classes", {"priority": (1, 0, 0), "weight": (1.0, 3.0, 1.0)}, ({}, {}, {}), (28.0, 6.0, 6.0)),
        (
            "need",
            {},
            ({"missing_wh": 30_000.0}, {"missing_wh": 10_000.0}, {"missing_wh": 10_000.0}),
            (24.3, 7.9, 7.9),
        ),
        # who leaves first, then who leaves later, then who said nothing
        ("deadline", {}, ({"slack_s": None}, {"slack_s": 8_000.0}, {"slack_s": 2_000.0}), (6.0, 6.0, 28.0)),
        (
            "first_come",
            {},
            ({"session_at": 900.0}, {"session_at": 100.0}, {"session_at": 500.0}),
            (6.0, 28.0, 6.0),
        ),
    ],
)
def test_each_rule_gives_what_it_says(
    fairness: Fairness,
    of: dict[str, Any],
    cars: tuple[dict[str, Any], ...],
    expected: tuple[float, float, float],
) -> None:
    where = three(fairness, 40.0, **of)
    fields = [{"priority": evse.priority, "weight": evse.weight} for evse in where.evses]
    got = settled(
        where, {key: Car(**(own | car)) for key, own, car in zip((X, Y, Z), fields, cars, strict=True)}
    )
    assert [got["x"], got["y"], got["z"]] == pytest.approx(list(expected), abs=0.7)


def test_within_a_class_the_rule_does_not_reach_over_it() -> None:
    """First come, but the later one is of a higher class."""
    where = three("first_come", 40.0, priority=(0, 1, 0))
    cars = {
        X: Car(session_at=1.0),
        Y: Car(session_at=900.0, priority=1),
        Z: Car(session_at=800.0),
    }
    got = settled(where, cars)
    assert got["y"] > 27.0


def test_a_boosted_session_goes_first_where_all_are_alike() -> None:
    where = three("equal", 40.0, priority=(0, 0, 3))
    got = settled(where, {X: Car(priority=1), Y: Car(), Z: Car(priority=3)})
    assert got["x"] > 27.0


def _hold(session: bool) -> Hold:
    return Hold("steered" if session else "idle", 6.0, 6.0, 6.0, None)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(("equal", "classes", "need", "deadline", "first_come")),
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2**31), st.booleans()), min_size=1, max_size=8),
)
def test_a_class_stands_above_every_lower_one_and_names_do_not_count(
    fairness: Fairness, given_as: list[tuple[int, int, bool]]
) -> None:
    """I6 and I8 of the rules themselves: ranks keep classes, and are the same in any order of the list."""
    evses, states, holds = [], [], []
    for number, (priority, seed, known) in enumerate(given_as):
        r = random.Random(seed)
        evse = Evse(station_id=f"s{number}", evse_id=1, circuit_id="c", phases=(0,), priority=priority)
        evses.append(evse)
        states.append(
            EvseState(
                key=evse.key,
                online=True,
                proven=True,
                session=True,
                slack_s=r.uniform(-900, 9_000) if known else None,
                missing_wh=r.choice((math.nan, r.uniform(0, 90_000))) if known else None,
                session_at=r.uniform(0, 9_000) if known else None,
            )
        )
        holds.append(_hold(True))
    found = standings(fairness, evses, states, holds, DEFAULTS)
    assert found is not None
    if fairness != "equal":
        for one, mine in zip(evses, found, strict=True):
            for other, theirs in zip(evses, found, strict=True):
                assert one.priority <= other.priority or mine.rank > theirs.rank
    turned = standings(fairness, evses[::-1], states[::-1], holds[::-1], DEFAULTS)
    assert turned == found[::-1]


def test_an_unknown_need_is_a_usual_one() -> None:
    assert need_weight(None, DEFAULTS) == need_weight(math.nan, DEFAULTS) == need_weight(10_000.0, DEFAULTS)
    assert need_weight(0.0, DEFAULTS) == 1.0
    assert need_weight(1e9, DEFAULTS) == need_weight(100_000.0, DEFAULTS)


# ---------------------------------------------------------------- held, and not waking


def test_a_session_that_is_held_stands_at_0_with_its_reason() -> None:
    it = Scene(site())
    it.charge(A, 20.0)
    it.charge(B, 20.0)
    it.tick()
    it.change(A, held=Reason(code="goal", detail="has its 80 %"))
    decision = it.tick()
    assert limit(decision, A) == 0.0
    assert decision.grants[A].reasons == (Reason(code="goal", detail="has its 80 %"),)
    assert [cut.key for cut in decision.cuts] == [A]
    it.change(A, paused=True)
    assert codes(it.tick(), A) == {"paused"}  # a person's word is named before


def asleep(it: Scene, key: EvseKey) -> None:
    """`key` is paused by a person, let go, and draws nothing."""
    it.charge(key, 10.0)
    for _ in range(3):
        it.tick()
    it.change(key, paused=True, committed_a=0.0, measured_a=(0.0, 0.0, 0.0))
    for _ in range(5):
        it.tick()
    it.change(key, paused=False, committed_a=6.0, committed_at=it.at)
    for _ in range(150):
        it.tick()


def test_a_car_that_does_not_wake_is_remembered_until_its_session_ends() -> None:
    it = Scene(site())
    asleep(it, A)
    assert it.state.evses[A].sleeps
    it.change(A, session=False, wants=False, committed_a=None, lease_until=None)
    it.tick()
    assert not it.state.evses[A].sleeps


@pytest.mark.parametrize("wakes_after_s", [20, 100])
def test_a_car_that_wakes_slowly_is_not_called_one_that_sleeps(wakes_after_s: int) -> None:
    it = Scene(site())
    it.charge(A, 10.0)
    for _ in range(3):
        it.tick()
    it.change(A, paused=True, committed_a=0.0, measured_a=(0.0, 0.0, 0.0))
    for _ in range(5):
        it.tick()
    it.change(A, paused=False, committed_a=6.0, committed_at=it.at)
    for _ in range(wakes_after_s):
        it.tick()
    it.change(A, measured_a=(6.0, 6.0, 6.0))
    for _ in range(200):
        it.tick()
    assert not it.state.evses[A].sleeps


def test_a_new_car_that_is_not_in_a_hurry_is_no_car_that_sleeps() -> None:
    """It has never drawn: perhaps it begins at midnight."""
    it = Scene(site())
    it.charge(A, 6.0, measured_a=(0.0, 0.0, 0.0))
    for _ in range(400):
        it.tick()
    assert not it.state.evses[A].sleeps


@pytest.mark.parametrize(("keep_alive", "rotates"), [("off", True), ("learnt", False), ("always", False)])
def test_a_car_that_does_not_wake_keeps_its_minimum_beyond_its_turn(
    keep_alive: KeepAlive, rotates: bool
) -> None:
    """Room for one minimum; A has run for its quarter of an hour, D waits."""
    rules = SharingRules(keep_alive=keep_alive)
    it = Scene(site(sharing=rules))
    asleep(it, A)
    it.change(A, committed_a=6.0, measured_a=(6.0, 6.0, 6.0))
    it.charge(D, 0.0)
    it.metered = (96.0, 96.0, 96.0)  # 6 A of it are A's: 8 A are free for cars
    for _ in range(60):
        it.tick()
    assert limit(it.tick(), A) >= 6.0
    it.at += DEFAULTS.turn_s
    lost = [limit(it.tick(), A) == 0.0 for _ in range(40)]
    assert any(lost) is rotates


def test_its_long_turn_ends_as_well() -> None:
    it = Scene(site(sharing=SharingRules(keep_alive="always")))
    it.charge(A, 6.0)
    it.charge(D, 0.0)
    it.metered = (96.0, 96.0, 96.0)
    for _ in range(40):
        it.tick()
    it.at += DEFAULTS.kept_turn_s
    assert any(limit(it.tick(), A) == 0.0 for _ in range(40))


def test_rules_that_change_while_it_runs_count_with_the_next_step() -> None:
    it = Scene(site())
    it.charge(A, 10.0, session_at=1.0)
    it.charge(D, 10.0, session_at=2.0)
    it.metered = (78.0, 78.0, 78.0)
    for _ in range(40):
        it.tick()
    even = limit(it.tick(), A)
    it.site = structs.replace(it.site, sharing=SharingRules(fairness="first_come"))
    assert limit(it.tick(), A) > even + 5.0
