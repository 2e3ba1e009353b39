"""The machine that switches phases: its table, its limits, and that no phase carries what nobody counted."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from ampacity.control.law import step
from ampacity.control.phase_switching import ALL, NEVER, ONE, PhaseSwitch, Seen, follow, room, switching
from ampacity.control.settings import DEFAULTS
from ampacity.model.live import Reason

from .scene import A, D, Scene, limit, site


def seen(**changes: Any) -> Seen:
    fields: dict[str, Any] = {
        "session": True,
        "online": True,
        "limit_a": 16.0,
        "power_w": 11_000.0,
        "drawn_on": 3,
        "taken": ALL,
        "three_fit": True,
        "one_fits": True,
    }
    return Seen(**{**fields, **changes})


POOR = seen(three_fit=False, limit_a=0.0, power_w=0.0, drawn_on=None)
RICH_ON_ONE = seen(taken=ONE, drawn_on=1, power_w=3_600.0)
ON_ONE = PhaseSwitch(phases=ONE, to=ONE)
GOING = PhaseSwitch(stage="proving", to=ONE, began=0.0, switches=1)


def run(switch: PhaseSwitch, what: Seen, start: int, end: int) -> PhaseSwitch:
    for at in range(start, end):
        switch = follow(switch, what, float(at), DEFAULTS)
    return switch


@pytest.mark.parametrize(
    ("switch", "what", "seconds", "stage"),
    [
        (NEVER, POOR, 60, "steady"),  # not yet a minute
        (NEVER, POOR, 61, "stopping"),
        (NEVER, seen(three_fit=False, one_fits=False), 900, "steady"),  # one does not fit either
        (NEVER, structs.replace(POOR, online=False), 900, "steady"),
        (NEVER, seen(), 900, "steady"),
        (ON_ONE, RICH_ON_ONE, 600, "steady"),
        (ON_ONE, RICH_ON_ONE, 601, "stopping"),
        (structs.replace(ON_ONE, switches=3), RICH_ON_ONE, 900, "steady"),  # three a session
        (PhaseSwitch(stage="stopping", to=ONE), seen(limit_a=0.0, power_w=150.0), 5, "stopping"),
        (PhaseSwitch(stage="stopping", to=ONE), seen(limit_a=0.0, power_w=None), 5, "stopping"),  # unknown
        (PhaseSwitch(stage="stopping", to=ONE), seen(limit_a=6.0, power_w=0.0), 5, "stopping"),
        (PhaseSwitch(stage="stopping", to=ONE), POOR, 5, "resting"),
        (PhaseSwitch(stage="resting", to=ONE), POOR, 30, "resting"),
        (PhaseSwitch(stage="resting", to=ONE), POOR, 31, "switching"),
        (PhaseSwitch(stage="resting", to=ONE), seen(limit_a=0.0, power_w=500.0), 1, "stopping"),
        (PhaseSwitch(stage="switching", to=ONE), POOR, 5, "switching"),
        (PhaseSwitch(stage="switching", to=ONE), structs.replace(POOR, taken=ONE), 1, "proving"),
        (GOING, seen(taken=ONE, drawn_on=None), 300, "proving"),  # it has not begun to draw
        (GOING, seen(taken=ONE, drawn_on=1), 1, "steady"),
        (GOING, seen(taken=ONE, drawn_on=3), 1, "failed"),
        (GOING, seen(taken=ONE, drawn_on=None), 603, "failed"),
        (PhaseSwitch(stage="stopping", to=ONE), seen(), 603, "failed"),
        (structs.replace(GOING, to=ALL), seen(drawn_on=1), 1, "failed"),  # a car of one phase
        (PhaseSwitch(stage="failed"), POOR, 2_000, "failed"),
        (ON_ONE, seen(taken=ONE, drawn_on=3), 1, "failed"),  # it went up by itself
    ],
)
def test_the_table(switch: PhaseSwitch, what: Seen, seconds: int, stage: str) -> None:
    assert run(switch, what, 0, seconds).stage == stage


def test_a_moment_of_room_starts_the_minute_anew() -> None:
    switch = run(NEVER, POOR, 0, 50)
    switch = run(switch, seen(), 50, 51)
    assert run(switch, POOR, 51, 111).stage == "steady"


def test_all_phases_count_from_the_stop_until_the_station_took_the_other_number() -> None:
    counted = {
        stage: PhaseSwitch(stage=stage, phases=ONE, to=ONE).counted  # type: ignore[arg-type]
        for stage in ("steady", "stopping", "resting", "switching", "proving", "failed")
    }
    assert counted == {
        "steady": ONE,
        "stopping": ALL,
        "resting": ALL,
        "switching": ALL,
        "proving": ONE,
        "failed": ALL,
    }


def test_the_end_of_a_session_forgets_its_switches_and_keeps_what_the_station_holds() -> None:
    over = seen(session=False, taken=ONE)
    assert follow(structs.replace(ON_ONE, switches=3), over, 0.0, DEFAULTS) == PhaseSwitch(phases=ONE)
    assert follow(PhaseSwitch(stage="failed", to=ONE), over, 0.0, DEFAULTS).phases == ONE


def test_room_is_what_it_has_itself_or_what_is_left() -> None:
    it = Scene(site())
    it.charge(A, 10.0)
    it.charge(D, 10.0)
    it.metered = (100.0, 60.0, 60.0)
    for _ in range(3):
        decision = it.tick()
    topology = it.state.topology
    assert topology is not None
    full = site().evses[0]
    # L1 is full: three phases do not fit, L1 alone neither; turned by one phase, one does.
    assert limit(decision, A) < 6.0 or room(topology, full, decision, ALL) == (True, True)
    it.metered = (120.0, 60.0, 60.0)
    for _ in range(30):
        decision = it.tick()
    assert limit(decision, A) == 0.0
    assert room(topology, full, decision, ALL) == (False, False)
    turned = structs.replace(full, phases=(1, 2, 0))
    assert room(topology, turned, decision, ALL) == (False, True)


def test_a_switch_is_told_to_the_driver() -> None:
    reason = switching(PhaseSwitch(stage="resting", to=ONE))
    assert reason == Reason(code="switching", detail="to one phase")
    assert switching(ON_ONE) is None


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 2**32))
def test_no_phase_carries_what_the_law_did_not_count(seed: int) -> None:
    """I17."""
    switched(seed)


def test_it_does_switch() -> None:
    assert switched(1) >= 1


def switched(seed: int) -> int:
    """Twenty minutes of a station that takes its time and goes away at times, and of a car that lags. On each
    phase what really flows is never above what the law holds for it, and nothing flows while it
    moves. Returns how often it moved."""
    r = random.Random(seed)
    where = site()
    evse = where.evses[0]
    it = Scene(where)
    it.charge(A, 10.0)
    switch, on, taken = NEVER, ALL, ALL
    draw, limit_a, moves = 10.0, 10.0, 0
    answers_at: float | None = None
    base = 94.0
    for second in range(1_200):
        at = it.at
        if r.random() < 0.005:
            base = r.choice((20.0, 70.0, 88.0, 94.0))
        online = r.random() > 0.004
        flowing = [draw if place < on else 0.0 for place in range(3)]
        drawn_on = sum(a > 1.0 for a in flowing) if draw >= 5.0 else None
        power = 230.0 * sum(flowing)
        it.change(
            A,
            online=online,
            held=switching(switch),
            phases=(0,) if switch.counted == ONE else None,
            ceiling_a=6.0 if switch.stage == "proving" else None,
            committed_a=limit_a,
            measured_a=(flowing[0], flowing[1], flowing[2]),
        )
        it.metered = (20.0 + flowing[0], base + flowing[1], 60.0 + flowing[2])
        decision = it.tick()
        for place in range(3):
            counts = place in (0,) or switch.counted == ALL
            held = decision.held_a[A] if counts else 0.0
            assert flowing[place] <= held + 1e-6, (second, switch, on, flowing)
        for grant in (*decision.cuts, *decision.raises):
            if grant.key == A and online:
                limit_a = grant.limit_a
        topology = it.state.topology
        assert topology is not None
        three, one = room(topology, evse, decision, switch.counted)
        before = switch
        fresh = None if r.random() < 0.005 else power
        switch = follow(
            switch,
            seen(
                limit_a=limit_a,
                online=online,
                power_w=fresh,
                drawn_on=drawn_on,
                taken=taken,
                three_fit=three,
                one_fits=one,
            ),
            at,
            DEFAULTS,
        )
        if switch.stage == "switching" and before.stage != "switching":
            answers_at = at + r.uniform(1.0, 20.0)
        if switch.stage == "switching" and answers_at is not None and at >= answers_at and online:
            assert draw < 0.5  # never under load
            moves += on != switch.to
            on = taken = switch.to
            answers_at = None
        # The car follows its limit, late and never above it.
        draw = limit_a if limit_a < draw else min(limit_a, draw + r.uniform(0.0, 2.0))
    assert moves <= DEFAULTS.switches_a_session
    return moves


def test_a_held_evse_gives_its_current_to_others() -> None:
    it = Scene(site())
    it.charge(A, 20.0)
    it.charge(D, 6.0)
    it.tick()
    it.change(A, held=Reason(code="switching"), committed_a=0.0, measured_a=(0.0, 0.0, 0.0))
    _, decision = step(it.state, it.snapshot())
    assert limit(decision, A) == 0.0
    assert limit(decision, D) > 6.0
