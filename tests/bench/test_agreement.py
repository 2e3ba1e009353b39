"""The bench of agreement: what it calls a difference."""

from __future__ import annotations

from datetime import date

import pytest
from msgspec import structs

from ampacity.bench.agreement import Agreement, compare
from ampacity.demo.site import demo_site
from ampacity.demo.verdict import Figures, SessionFigures
from ampacity.simulation.batch.outcome import Run
from ampacity.simulation.governed.law import run_law
from ampacity.simulation.governed.planned import scene_of
from ampacity.simulation.scenario import workplace_plan


@pytest.fixture(scope="module")
def done() -> Run:
    """Six minutes of the demo's plan under the law."""
    plan = workplace_plan(1, date(2026, 11, 20), 24)
    site = demo_site(plan, "bench", "", "dynamic")
    return run_law(scene_of(plan, site, hours=0.1), site)


def told(done: Run, energy: float = 1.0, first: float = 1.0, peak: float = 1.0) -> Agreement:
    """What is said of a live run that had everything so many times, its first session and its peaks too."""
    drawn = (done.state.energy_wh * energy).tolist()
    drawn[0] *= first
    sessions = tuple(
        SessionFigures(
            session_id=name,
            station_id="",
            evse_id=1,
            began_s=0.0,
            sampled_s=None,
            drawn_wh=max(wh, 1.0) + 600.0,
        )
        for name, wh in zip(done.scene.visits, drawn, strict=True)
    )
    raised = structs.replace(
        done, state=done.state._replace(energy_wh=done.state.energy_wh.clip(min=1.0) + 600.0)
    )
    peaks = tuple(float(a) * peak for a in done.trace.row_a.max(axis=0)[list(done.scene.root_rows)])
    numbers = dict.fromkeys(Figures.__struct_fields__, 0)
    figures = Figures(**{**numbers, "sessions": sessions, "peak_a": peaks, "course": None, "faults": ()})
    return compare([(figures, raised)])


def test_the_same_run_agrees_and_each_difference_is_told(done: Run) -> None:
    same = told(done)
    assert (same.total_pct, same.worst_session_pct, same.peak_pct) == (0.0, 0.0, 0.0)
    assert same.sessions == len(done.scene.visits)
    assert told(done, energy=1.1).total_pct > 0.5
    one = told(done, first=3.0)
    assert one.worst_session_pct > 5.0 > one.median_session_pct == 0.0
    assert one.live_apart_pct == 0.0
    assert told(done, peak=1.02).peak_pct == pytest.approx(100 * 0.02 / 1.02)
