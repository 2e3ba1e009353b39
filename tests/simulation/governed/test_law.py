"""The live law in the batch world: it keeps the copper, waits for proof, gives about its share at rest."""

from __future__ import annotations

from datetime import date

import numpy as np

from ampacity.demo.site import demo_site
from ampacity.simulation.batch.deciding import Tuning
from ampacity.simulation.batch.episode import run
from ampacity.simulation.batch.outcome import Scene
from ampacity.simulation.governed.law import run_law
from ampacity.simulation.governed.planned import scene_of
from ampacity.simulation.scenario import workplace_plan

PLAN = workplace_plan(1, date(2026, 11, 20), 24)
SITE = demo_site(PLAN, "test", "", "dynamic")


def scene(hours: float, step_s: float = 1.0) -> Scene:
    return scene_of(PLAN, SITE, hours=hours, step_s=step_s)


def test_a_tight_site_is_kept_and_used() -> None:
    done = run_law(scene(0.25), SITE)
    limits = done.scene.world.rows.limit_a[0]
    assert done.state.trips.sum() == 0
    assert done.state.longest_s.max() <= 12.0
    assert done.trace.row_a.max() > 0.8 * limits.max()
    # What the law holds back (margin, held peaks, ramps) is all that is between it and its share at rest.
    rest = run(scene(0.25, step_s=15.0), "dynamic", Tuning(margin_a=2.0, margin_share=0.02))
    assert 0.6 < done.state.energy_wh.sum() / rest.state.energy_wh.sum() <= 1.005


def test_nobody_is_steered_before_its_station_is_known() -> None:
    short = scene(0.05)
    nothing = run_law(short, SITE, proven_s={})
    safe = np.array([evse.safe_a for evse in SITE.evses])
    assert (nothing.state.setpoint_a <= safe).all()
    known = run_law(short, SITE, proven_s=dict.fromkeys(short.evses, 60.0))
    free = run_law(short, SITE)
    assert nothing.state.energy_wh.sum() < known.state.energy_wh.sum() < free.state.energy_wh.sum()
