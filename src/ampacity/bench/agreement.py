"""`ampacity bench agreement`: the live engine and the batch engine on the same plan, seed and law.

A demo runs over real sockets on its scaled clock; then the batch world runs the same plan under the same law
for as long, each session from the moment at which its transaction began in the live run, each EVSE known to
the law from when it was there. So what is compared is cars, stations and law; how long messages took on this
machine is given.
"""

from __future__ import annotations

import asyncio
from datetime import date

from msgspec import Struct
from rich.console import Console

from ..demo.run import DemoOptions, finished_demo, plan_of
from ..demo.site import demo_site
from ..demo.verdict import Figures
from ..simulation.batch.outcome import Run
from ..simulation.governed.law import run_law
from ..simulation.governed.planned import scene_of
from . import Outcome

SEED = 1
LIMIT_A = 180.0
"""Binds, and carries a minimum for everybody: where not everybody can have one, who pauses when hangs on
seconds, and a pause is a quarter of an hour."""
DAY = date(2026, 11, 20)
MOST_TOTAL_PCT = 0.5
MOST_SESSION_PCT = 0.5
MOST_PEAK_PCT = 1.0
LEAST_WH = 500.0
"""A session that drew less is counted in the total only: a few seconds are too much of it."""


class Agreement(Struct, frozen=True, kw_only=True):
    """Differences of the batch run to the live one, in per cent of the live one's."""

    total_pct: float
    worst_session_pct: float
    median_session_pct: float
    peak_pct: float
    sessions: int


def compare(figures: Figures, done: Run) -> Agreement:
    """Energies session by session, and the peaks of the three phases."""
    ours = dict(zip(done.scene.visits, done.state.energy_wh.tolist(), strict=True))
    live = {s.session_id: s.drawn_wh for s in figures.sessions if s.session_id in ours}
    each = sorted(100.0 * abs(ours[name] - wh) / wh for name, wh in live.items() if wh >= LEAST_WH)
    peaks = done.trace.row_a.max(axis=0)
    differences = [
        100.0 * abs(float(peaks[row]) - live_a) / live_a
        for row, live_a in zip(done.scene.root_rows, figures.peak_a, strict=True)
    ]
    total = sum(live.values())
    return Agreement(
        total_pct=100.0 * abs(sum(ours[name] for name in live) - total) / total,
        worst_session_pct=each[-1],
        median_session_pct=each[len(each) // 2],
        peak_pct=max(differences),
        sessions=len(live),
    )


def same_in_batch(figures: Figures, options: DemoOptions) -> Run:
    """The live run's plan in the batch world, for as long."""
    assert figures.course is not None
    plan = plan_of(options)
    site = demo_site(plan, "bench", "", options.strategy)
    begun_s = {s.session_id: s.began_s for s in figures.sessions if s.began_s is not None}
    scene = scene_of(plan, site, hours=figures.course.ended_s / 3600.0, begun_s=begun_s)
    return run_law(scene, site, proven_s=figures.course.proven_s)


def run(quick: bool) -> Outcome:
    """Measure; two site hours (quick: a quarter of one)."""
    options = DemoOptions(
        site_hours=0.25 if quick else 2.0,
        speed=60.0 if quick else 20.0,
        seed=SEED,
        day=DAY,
        limit_a=LIMIT_A,
        http_port=0,
        ocpp_port=0,
    )
    live = asyncio.run(finished_demo(options, Console(quiet=True)))
    done = same_in_batch(live, options)
    found = compare(live, done)
    failed = [
        f"{what} differs by {value:.2f} %, above {most:g} %"
        for what, value, most in (
            ("energy of all sessions", found.total_pct, MOST_TOTAL_PCT),
            ("energy of a session", found.worst_session_pct, MOST_SESSION_PCT),
            ("a phase's peak", found.peak_pct, MOST_PEAK_PCT),
        )
        if value > most and not quick
    ]
    return Outcome(
        figures={
            "energy_difference_pct": found.total_pct,
            "worst_session_difference_pct": found.worst_session_pct,
            "median_session_difference_pct": found.median_session_pct,
            "peak_difference_pct": found.peak_pct,
            "sessions": float(found.sessions),
            "site_hours": live.site_hours,
            "live_wall_s": live.wall_s,
            "batch_wall_s": done.wall_s,
        },
        seed=SEED,
        notes=("session figures are of sessions above 0.5 kWh; quick runs tell them and don't judge.",),
        failed="; ".join(failed),
    )
