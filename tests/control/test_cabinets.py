"""Modules that move from one DC EVSE of a cabinet to another; DC sessions that no pause ends."""

from __future__ import annotations

import pytest
from msgspec import structs

from ampacity.control.law import step
from ampacity.control.state import START
from ampacity.control.types import Decision, EvseState, Snapshot
from ampacity.model.site import DC_TOLD_SHARE, Cabinet, Circuit, Evse, EvseKey, Site

MODULE_A = 10.0
"""What a module of 6.348 kW takes of each phase of its supply."""
FIRST, SECOND = ("s", 1), ("s", 2)


def evse(number: int, cabinet_id: str | None = "hall") -> Evse:
    return Evse(
        station_id="s",
        evse_id=number,
        circuit_id="grid",
        phases=(0, 1, 2),
        min_a=2.0,
        max_a=40.0,
        dc_power_w=25_000.0,
        cabinet_id=cabinet_id,
    )


def built(rating_a: float = 200.0, move_s: float = 8.0, cabinet_id: str | None = "hall") -> Site:
    return Site(
        site_id="site",
        operator_id="o",
        name="site",
        time_zone="UTC",
        circuits=(Circuit(circuit_id="grid", name="grid", rating_a=rating_a),),
        evses=(evse(1, cabinet_id), evse(2, cabinet_id)),
        cabinets=(
            Cabinet(cabinet_id="hall", modules=4, module_w=MODULE_A * 690 * DC_TOLD_SHARE, move_s=move_s),
        ),
        commissioned=True,
    )


class Hall:
    """Two cars whose stations obey at once."""

    def __init__(self, site: Site) -> None:
        self.site, self.at, self.state = site, 1_000.0, START
        self.evses = {e.key: EvseState(key=e.key, online=True, proven=True) for e in site.evses}

    def change(self, key: EvseKey, **changes: object) -> None:
        self.evses[key] = structs.replace(self.evses[key], **changes)

    def plug_in(self, key: EvseKey, limit_a: float) -> None:
        self.change(key, session=True, wants=True)
        self.commit(key, limit_a)

    def commit(self, key: EvseKey, limit_a: float) -> None:
        self.change(
            key,
            committed_a=limit_a,
            committed_at=self.at,
            lease_until=self.at + 200,
            measured_a=(limit_a,) * 3,
        )

    def tick(self, seconds: float = 1.0) -> Decision:
        self.at += seconds
        for key, state in self.evses.items():
            if state.session:
                self.change(key, measured_at=self.at, lease_until=self.at + 200)
        snapshot = Snapshot(
            site=self.site, circuits={}, evses=dict(self.evses), at=self.at, epoch_s=1e9 + self.at
        )
        self.state, decision = step(self.state, snapshot)
        for grant in (*decision.cuts, *decision.raises):
            self.commit(grant.key, grant.limit_a)
        return decision


def waits(hall: Hall, key: EvseKey) -> tuple[float, set[str]]:
    """Seconds from a module's being free until it is told more than one, and what it named meanwhile."""
    free_at, named = None, set()
    for _ in range(60):
        decision = hall.tick()
        if free_at is None and sum(decision.held_a.values()) <= 30.0:
            free_at = hall.at
        if any(grant.key == key and grant.limit_a > MODULE_A + 0.1 for grant in decision.raises):
            assert free_at is not None
            return hall.at - free_at, named
        named |= {reason.detail for reason in decision.grants[key].reasons if reason.detail}
    raise AssertionError(decision.grants[key])


@pytest.mark.parametrize("move_s", [0.0, 8.0, 25.0])
def test_a_raise_into_modules_of_another_one_waits_until_they_have_moved(move_s: float) -> None:
    hall = Hall(built(move_s=move_s))
    hall.plug_in(FIRST, 30.0)
    hall.plug_in(SECOND, 10.0)
    first = hall.tick()
    assert {key: first.grants[key].limit_a for key in (FIRST, SECOND)} == {FIRST: 20.0, SECOND: 20.0}
    assert [cut.key for cut in first.cuts] == [FIRST]
    waited_s, named = waits(hall, SECOND)
    assert waited_s == move_s
    assert named == ({"modules are on their way to it"} if move_s else set())


def test_who_rises_within_its_own_modules_waits_for_nobody() -> None:
    hall = Hall(built(move_s=50.0))
    hall.plug_in(FIRST, 30.0)
    hall.plug_in(SECOND, 5.0)
    rose = [grant for _ in range(4) for grant in hall.tick().raises]
    assert [grant.key for grant in rose] == [SECOND]
    assert 5.0 < rose[0].limit_a <= MODULE_A


def test_a_car_that_comes_gets_the_modules_of_one_that_left_when_they_have_moved() -> None:
    started = []
    for move_s in (0.0, 20.0):
        hall = Hall(built(move_s=move_s))
        hall.plug_in(FIRST, 40.0)
        hall.tick()
        hall.change(FIRST, session=False, wants=False, committed_a=None, lease_until=None, measured_a=None)
        hall.plug_in(SECOND, 0.0)
        started.append([len(hall.tick().raises) for _ in range(100)].index(1))
    assert started[1] - started[0] == 20


# ------------------------------------------------------------ pausing


def test_a_dc_session_that_a_person_pauses_keeps_its_minimum_where_there_is_room() -> None:
    hall = Hall(built(cabinet_id=None))
    hall.plug_in(FIRST, 30.0)
    hall.change(FIRST, paused=True)
    decision = hall.tick()
    assert decision.grants[FIRST].limit_a == 2.0
    assert [reason.code for reason in decision.grants[FIRST].reasons] == ["paused"]


@pytest.mark.parametrize("mode", ["safe", "stopped"])
def test_nobody_keeps_a_minimum_against_an_order(mode: str) -> None:
    hall = Hall(built(cabinet_id=None))
    hall.plug_in(FIRST, 30.0)
    hall.change(FIRST, paused=True)
    snapshot = Snapshot(
        site=hall.site,
        circuits={},
        evses=dict(hall.evses),
        at=hall.at,
        epoch_s=1e9,
        mode=mode,  # type: ignore[arg-type]
    )
    assert step(START, snapshot)[1].grants[FIRST].limit_a == 0.0


def test_a_paused_dc_session_is_no_reason_to_give_another_one_less() -> None:
    hall = Hall(built(rating_a=21.0, cabinet_id=None))
    hall.plug_in(FIRST, 10.0)
    hall.plug_in(SECOND, 10.0)
    hall.change(FIRST, paused=True)
    for _ in range(40):
        decision = hall.tick()
    assert decision.grants[FIRST].limit_a == 0.0
    assert decision.grants[SECOND].limit_a == pytest.approx(21.0)


def test_a_dc_session_that_runs_is_not_paused_for_one_that_waits() -> None:
    """On AC they would take turns of a quarter of an hour."""
    hall = Hall(built(rating_a=3.0, cabinet_id=None))
    hall.plug_in(FIRST, 3.0)
    hall.tick()
    hall.plug_in(SECOND, 0.0)
    for _ in range(40):
        decision = hall.tick(60.0)
        assert decision.grants[FIRST].limit_a == 3.0
    assert decision.grants[SECOND].limit_a == 0.0
