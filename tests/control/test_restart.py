"""What the model checker found: rises that nobody meant."""

from __future__ import annotations

from ampacity.control.types import EvseState
from ampacity.model.site import LimitSource
from tests.control.scene import A, D, Scene, limit, site


def test_a_restart_does_not_tell_an_evse_that_nobody_knows_to_be_safe_at_once() -> None:
    """Before the restart it may have been held at 0 A, below its safe current of 6 A, while others run on
    what they were promised; telling it 6 A would come on top. After two leases nothing of before is left.
    """
    scene = Scene(site())
    scene.site = site(*(e for e in scene.site.evses if e.key == A), lease_s=60.0)
    scene.evses = {A: EvseState(key=A, online=True, proven=False, session=True, wants=True, safe_a=6.0)}
    assert scene.tick().cuts == ()
    scene.at += 118.0
    assert scene.tick().cuts == ()
    assert [(g.key, g.limit_a) for g in scene.tick(5.0).cuts] == [(A, 6.0)]


def test_nobody_rises_into_what_is_only_counted_while_somebody_has_to_come_down() -> None:
    """10 A were sent to `a` and never answered: they count for it, and may be nowhere. When the limit falls,
    `d` has to come down first; `a` rising into its 10 A would be a rise above the limit.
    """
    scene = Scene(site(*(e for e in site().evses if e.key in (A, D))))
    scene.evses = {}
    scene.metered = (10.0, 10.0, 10.0)
    for _ in range(3):
        scene.charge(D, 30.0)
        scene.charge(A, 0.0, doubt_a=10.0)
        scene.tick()
    scene.limits = (*scene.limits, LimitSource(limit_a=30.0, source="person"))
    scene.metered = (40.0, 40.0, 40.0)
    decision = scene.tick()
    assert D in [g.key for g in decision.cuts]
    assert limit(decision, A) > 0, "its share, once d has come down"
    assert A not in [g.key for g in decision.raises]
