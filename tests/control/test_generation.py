"""Generation behind a meter: believed where it is declared, and never a reason for more than the rating."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from .scene import GRID, PANEL, A, D, Scene, codes, limit, site


def sunny(generation_a: float, **changes: Any) -> Scene:
    grid = structs.replace(GRID, generation_a=generation_a, **changes)
    scene = Scene(site(circuits=(grid, PANEL)))
    scene.charge(A, 10.0)
    return scene


def after(scene: Scene, seconds: int, metered_a: float) -> Any:
    for _ in range(seconds):
        scene.metered = (metered_a,) * 3
        decision = scene.tick()
    return decision


def test_unsigned_currents_made_export_look_like_load() -> None:
    """A mistake of shipping systems. Told with its sign, an export is no load; told without, it is one."""
    assert limit(after(sunny(40.0), 40, -20.0), A) == 32.0
    signed, unsigned = after(sunny(40.0), 40, -20.0), after(sunny(40.0), 40, 20.0)
    assert unsigned.circuits["grid"].base_a >= signed.circuits["grid"].base_a


@pytest.mark.parametrize(("generation_a", "state"), [(0.0, "dead"), (10.0, "dead"), (30.0, "fresh")])
def test_a_base_below_zero_is_believed_as_far_as_generation_goes(generation_a: float, state: str) -> None:
    decision = after(sunny(generation_a), 40, -20.0)  # the base is -30 A
    assert decision.circuits["grid"].meter_state == state
    if state == "dead":
        assert decision.circuits["grid"].base_a == (30.0, 30.0, 30.0)


def test_the_export_of_pv_raises_no_rating() -> None:
    scene = sunny(80.0, rating_a=40.0)
    scene.charge(D, 10.0)
    decision = after(scene, 400, -60.0)
    ledger = decision.circuits["grid"]
    assert ledger.base_a == (0.0, 0.0, 0.0)
    assert sum(decision.held_a[key] for key in (A, D)) <= 40.0 - ledger.margin_a
    assert sum(ledger.grants_a) / 3 <= 40.0 - ledger.margin_a


def test_pv_surplus_raises_cars_by_guarded_raises_only() -> None:
    scene = sunny(60.0, rating_a=60.0)
    after(scene, 60, 55.0)  # 45 A of base: nothing is free
    assert limit(after(scene, 1, 55.0), A) <= 13.0
    first = after(scene, 1, 0.0)  # the sun comes out
    assert first.raises == ()  # the base of the last half minute still counts
    steps = []
    for _ in range(120):
        for grant in after(scene, 1, 0.0).raises:
            steps.append(grant.limit_a - scene.evses[A].committed_a)
            scene.change(A, committed_a=grant.limit_a, measured_a=(grant.limit_a,) * 3)
    assert steps
    assert max(steps) <= 0.1 * 60.0 + 0.11


def test_a_stale_meter_may_hide_that_the_sun_has_gone() -> None:
    scene = sunny(25.0)
    after(scene, 60, -10.0)  # the base is -20 A
    scene.metered_at = scene.at
    decision = after(scene, 12, -10.0)
    ledger = decision.circuits["grid"]
    assert ledger.meter_state == "stale"
    assert ledger.base_a == (5.0, 5.0, 5.0)
    plain = Scene(site())
    plain.charge(A, 10.0)
    after(plain, 60, 15.0)
    plain.metered_at = plain.at
    assert after(plain, 12, 15.0).circuits["grid"].base_a == (5.0, 5.0, 5.0)


@given(
    metered_a=st.floats(-80.0, 80.0),
    generation_a=st.floats(0.0, 60.0),
    ages=st.lists(st.integers(1, 40), min_size=2, max_size=5),
)
def test_i13_a_longer_silence_never_relaxes_behind_generation(
    metered_a: float, generation_a: float, ages: list[int]
) -> None:
    scene = sunny(generation_a)
    last = after(scene, 35, metered_a).circuits["grid"].base_a[0]
    scene.metered_at = scene.at
    for age in ages:
        base_a = after(scene, age, metered_a).circuits["grid"].base_a[0]
        assert base_a >= last - 1e-9
        last = base_a


def test_who_is_held_by_a_silent_meter_is_told_so() -> None:
    scene = sunny(25.0)
    after(scene, 60, 60.0)
    scene.metered_at = scene.at
    assert codes(after(scene, 12, 60.0), A) >= {"stale"}
