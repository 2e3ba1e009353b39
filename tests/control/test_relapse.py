"""An EVSE that is held below its safe current steps up by itself two leases after its limit was sent. From a
car's lag and the clocks' errors before the lease's end it counts with its safe current."""

from __future__ import annotations

import pytest
from msgspec import structs

from ampacity.control.check import reservation_excess
from ampacity.control.lease import least_lease_s
from ampacity.control.settings import DEFAULTS, ControlSettings
from tests.control.scene import GRID, A, B, Scene, codes, limit, site

SAFE_A = 10.0


def held_down(limit_a: float = 0.0, skew_s: float = 0.0, ends_in_s: float = 60.0) -> Scene:
    """`a` waits at `limit_a` though it is safe at 10 A; `b` draws 30 A of 32 below a grid of 40 A."""
    evses = [structs.replace(e, safe_a=SAFE_A) if e.key == A else e for e in site().evses[:2]]
    scene = Scene(site(*evses, circuits=(structs.replace(GRID, rating_a=40.0), site().circuits[1])))
    scene.metered = (32.0, 32.0, 32.0)
    scene.charge(B, 30.0)
    scene.charge(A, limit_a, wants=False, lease_until=scene.at + 1 + ends_in_s, skew_s=skew_s)
    return scene


@pytest.mark.parametrize(
    ("ends_in_s", "own_skew_s", "others_skew_s", "relapses"),
    [
        (5.1, 0.0, 0.0, False),  # a car's lag, 5 s, and a moment
        (4.9, 0.0, 0.0, True),
        (10.1, 0.0, 5.0, False),  # others step down so much later
        (9.9, 0.0, 5.0, True),
        (20.1, 5.0, 0.0, False),  # its own clock counts at both ends, and as one of the site's
        (19.9, 5.0, 0.0, True),
    ],
)
def test_it_counts_with_its_safe_current_before_the_lease_ends(
    ends_in_s: float, own_skew_s: float, others_skew_s: float, relapses: bool
) -> None:
    scene = held_down(skew_s=own_skew_s, ends_in_s=ends_in_s)
    scene.change(B, skew_s=others_skew_s)
    decision = scene.tick(refresh=False)
    assert (A in decision.reserved) == relapses
    assert decision.held_a[A] == (SAFE_A if relapses else 0.0)


def test_others_come_down_for_it_and_it_is_steered_again_once_it_is_renewed() -> None:
    scene = held_down(ends_in_s=3.0)
    decision = scene.tick(refresh=False)
    assert codes(decision, A) == {"unproven"}
    assert decision.grants[A].reasons[0].detail == "its limit of 0 A could not be renewed in time"
    assert limit(decision, B) <= 40.0 - 2.0 - 2.0 - SAFE_A
    assert [cut.key for cut in decision.cuts] == [B]
    assert reservation_excess(scene.snapshot(), decision) == {}
    scene.change(A, lease_until=scene.at + 300)
    assert A not in scene.tick(refresh=False).reserved


def test_one_that_is_held_at_its_safe_current_or_above_has_nothing_to_relapse_to() -> None:
    scene = held_down(limit_a=SAFE_A, ends_in_s=1.0)
    assert A not in scene.tick(refresh=False).reserved


def test_the_shortest_lease_leaves_room_for_a_renewal_before_that() -> None:
    settings = ControlSettings(latency_s=8.0, landing_s=4.0)
    for told in (DEFAULTS, settings):
        least_s = least_lease_s(told)
        renewed_s = least_s * 2 / 3 + told.latency_s
        assert renewed_s <= least_s - told.landing_s
    assert least_lease_s(DEFAULTS) == 30.0


def test_a_limit_that_was_never_answered_comes_down_in_sight_when_it_ends() -> None:
    """It may have been taken: its car lags behind its end as behind any decrease."""
    evses = [structs.replace(e, max_a=20.0) for e in site().evses[:2]]
    scene = Scene(site(*evses))
    scene.charge(A, 6.0, doubt_a=16.0, measured_a=(16.0, 16.0, 16.0))
    assert scene.tick().held_a[A] == 16.0
    scene.change(A, doubt_a=None)
    assert scene.tick().held_a[A] == 16.0, "the car still draws it"
    scene.change(A, measured_a=(6.0, 6.0, 6.0))
    assert scene.tick().held_a[A] == 6.0, "seen"
