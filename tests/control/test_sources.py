"""Which part of a limit holds: schedules, fallbacks, and clocks that jump."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ampacity.control.limits import effective_limit, plan_until
from ampacity.control.sources import Sources, part_at, resolve
from ampacity.model.protection import LimitPiece
from ampacity.model.site import LimitSource

from .scene import EPOCH_S, GRID, A, Scene, codes, limit, site

NIGHT = LimitPiece(valid_from=EPOCH_S + 100, valid_until=EPOCH_S + 200, limit_a=20.0)
EVENT = LimitPiece(valid_from=EPOCH_S + 150, valid_until=EPOCH_S + 300, limit_a=10.0, limit_w=9_000.0)
SCHEDULE = LimitSource(
    limit_a=60.0, source="utility", valid_until=EPOCH_S + 400, fallback_a=30.0, pieces=(NIGHT, EVENT)
)


@pytest.mark.parametrize(
    ("second", "amperes", "watts", "name"),
    [
        (0, 60.0, None, "utility"),
        (100, 20.0, None, "utility"),
        (150, 10.0, 9_000.0, "utility"),  # the lower of two pieces that overlap
        (200, 10.0, 9_000.0, "utility"),
        (300, 60.0, None, "utility"),
        (400, 30.0, None, "utility (fallback)"),
    ],
)
def test_the_piece_of_now_holds(second: float, amperes: float, watts: float | None, name: str) -> None:
    part = part_at(SCHEDULE, EPOCH_S + second)
    assert part is not None
    assert (part.limit_a, part.limit_w, part.source) == (amperes, watts, name)


def test_a_source_without_a_fallback_is_gone_at_its_end() -> None:
    assert part_at(LimitSource(limit_a=1.0, source="x", valid_until=5.0), 5.0) is None


def test_a_date_that_is_not_a_number_never_comes() -> None:
    part = part_at(LimitSource(limit_a=1.0, source="x", valid_until=math.nan), EPOCH_S)
    assert part is not None
    assert part.limit_a == 1.0
    assert (
        effective_limit(GRID, [LimitSource(limit_a=1.0, source="x", valid_until=math.nan)], EPOCH_S)[0] == 1.0
    )


def amps(sources: tuple[LimitSource, ...], known: Sources, at: float, epoch_s: float) -> float:
    return min((x.limit_a for x in resolve("c", sources, known, at, epoch_s)[0]), default=1e9)


@pytest.mark.parametrize("jump_s", [-3600.0, -86_400.0, 3600.0, 400.0])
def test_no_jump_of_our_clock_makes_a_permission_longer_or_a_restriction_shorter(jump_s: float) -> None:
    permission = LimitSource(limit_a=80.0, source="p", valid_until=EPOCH_S + 100, fallback_a=16.0)
    restriction = LimitSource(limit_a=10.0, source="r", valid_until=EPOCH_S + 100)
    for source, before, after in ((permission, 80.0, 16.0), (restriction, 10.0, 1e9)):
        known = resolve("c", [source], {}, 50.0, EPOCH_S)[1]
        for second in (10.0, 90.0):
            assert amps((source,), known, 50.0 + second, EPOCH_S + second + jump_s) <= before
        late = amps((source,), known, 150.0, EPOCH_S + 100.0 + jump_s)
        # Back: what was allowed is over all the same, what was forbidden goes on until both clocks say so.
        assert late == (min(before, after) if jump_s < 0 else after)


@given(
    valid_s=st.floats(0, 1000),
    limit_a=st.floats(0, 100),
    fallback_a=st.none() | st.floats(0, 100),
    steps=st.lists(st.tuples(st.floats(0, 300), st.floats(-5000, 5000)), max_size=6),
)
def test_under_any_jumps_a_source_allows_no_more_than_each_clock_does(
    valid_s: float, limit_a: float, fallback_a: float | None, steps: list[tuple[float, float]]
) -> None:
    source = LimitSource(limit_a=limit_a, source="s", valid_until=EPOCH_S + valid_s, fallback_a=fallback_a)
    at, epoch_s = 0.0, EPOCH_S
    known = resolve("c", [source], {}, at, epoch_s)[1]
    for passed, jump in steps:
        at, epoch_s = at + passed, epoch_s + passed + jump
        holding, known = resolve("c", [source], known, at, epoch_s)
        found = min((x.limit_a for x in holding), default=math.inf)
        for clock in (epoch_s, EPOCH_S + at):
            part = part_at(source, clock)
            if abs(clock - source.valid_until if source.valid_until else 0.0) > 1.0:
                assert found <= (math.inf if part is None else part.limit_a)


def test_i14_in_the_law_a_clock_set_back_does_not_bring_an_old_permission_back() -> None:
    scene = Scene(site())
    scene.limits = (LimitSource(limit_a=90.0, source="p", valid_until=EPOCH_S + 1_050.0, fallback_a=40.0),)
    scene.charge(A, 30.0)
    assert scene.tick().circuits["grid"].limit_a == 90.0
    scene.epoch_jump_s = -3600.0
    assert scene.tick(60.0).circuits["grid"].limit_a == 40.0
    assert scene.tick().circuits["grid"].limit_source == "p (fallback)"


def test_a_plan_older_than_two_slots_is_ignored() -> None:
    scene = Scene(site())
    until = plan_until(scene.at - 1800.0, 900.0) + 2.0
    scene.charge(A, 8.0, ceiling_a=8.0, ceiling_source="plan", ceiling_until=until)
    decision = scene.tick()
    assert limit(decision, A) == 8.0
    assert "strategy" in codes(decision, A)
    for _ in range(3):
        decision = scene.tick()
    assert limit(decision, A) == 32.0
    scene.change(A, ceiling_until=math.nan)  # never over
    assert limit(scene.tick(), A) == 8.0
