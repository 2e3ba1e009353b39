"""`ampacity bench agreement`: the live engine and the batch engine on the same plan, seed and law.

A demo runs over real sockets on its scaled clock; then the batch world runs the same plan under the same law
for as long, each session from the moment at which its transaction began in the live run, its meter telling at
the same part of its interval, each EVSE known to the law from when it was there. So what is compared is cars,
stations and law; how long messages took on this machine is given.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import date
from statistics import fmean

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


RUNS = 4
"""The law has a memory: a limit stays where it is within a deadband of half an ampere, and a car is found to
take less after a minute, not a second earlier. Two live runs of one seed differ by a hundredth in a session
for that reason alone. What is compared are therefore the means of a few runs; how far single live runs lie
from their own mean is told beside it, and no single session is asked to be nearer than that."""


class Agreement(Struct, frozen=True, kw_only=True):
    """Differences of the batch runs to the live ones, in per cent of the live ones': of each session's mean
    energy over all runs, of the means of the peaks. `live_apart_pct`: how far a live run lies from the mean
    of all at most (of one run: 0)."""

    total_pct: float
    worst_session_pct: float
    median_session_pct: float
    peak_pct: float
    live_apart_pct: float
    sessions: int


def compare(runs: Sequence[tuple[Figures, Run]]) -> Agreement:
    """Energies session by session, and the peaks of the three phases, of live runs and their twins."""
    live: dict[str, list[float]] = {}
    ours: dict[str, list[float]] = {}
    for figures, done in runs:
        twin = dict(zip(done.scene.visits, done.state.energy_wh.tolist(), strict=True))
        for session in figures.sessions:
            if session.session_id in twin:
                live.setdefault(session.session_id, []).append(session.drawn_wh)
                ours.setdefault(session.session_id, []).append(twin[session.session_id])
    told = [name for name, values in live.items() if fmean(values) >= LEAST_WH]
    each = sorted(_apart_pct(fmean(ours[name]), fmean(live[name])) for name in told)
    peaks = [
        _apart_pct(
            fmean(float(done.trace.row_a[:, row].max()) for _, done in runs),
            fmean(figures.peak_a[phase] for figures, _ in runs),
        )
        for phase, row in enumerate(runs[0][1].scene.root_rows)
    ]
    return Agreement(
        total_pct=_apart_pct(sum(map(sum, ours.values())), sum(map(sum, live.values()))),
        worst_session_pct=each[-1],
        median_session_pct=each[len(each) // 2],
        peak_pct=max(peaks),
        live_apart_pct=max(_apart_pct(wh, fmean(live[name])) for name in told for wh in live[name]),
        sessions=len(live),
    )


def _apart_pct(value: float, reference: float) -> float:
    return 100.0 * abs(value - reference) / reference


def same_in_batch(figures: Figures, options: DemoOptions) -> Run:
    """The live run's plan in the batch world, for as long."""
    assert figures.course is not None
    plan = plan_of(options)
    site = demo_site(plan, "bench", "", options.strategy)
    begun_s = {s.session_id: s.began_s for s in figures.sessions if s.began_s is not None}
    scene = scene_of(plan, site, hours=figures.course.ended_s / 3600.0, begun_s=begun_s)
    sampled_s = {s.session_id: s.sampled_s for s in figures.sessions if s.sampled_s is not None}
    return run_law(scene, site, proven_s=figures.course.proven_s, sampled_s=sampled_s)


def run(quick: bool) -> Outcome:
    """Measure; `RUNS` times two site hours (quick: once a quarter of one)."""
    options = DemoOptions(
        site_hours=0.25 if quick else 2.0,
        speed=60.0 if quick else 20.0,
        seed=SEED,
        day=DAY,
        limit_a=LIMIT_A,
        http_port=0,
        ocpp_port=0,
    )
    runs: list[tuple[Figures, Run]] = []
    for _ in range(1 if quick else RUNS):
        live = asyncio.run(finished_demo(options, Console(quiet=True)))
        runs.append((live, same_in_batch(live, options)))
    found = compare(runs)
    failed = [
        f"{what} differs by {value:.2f} %, above {most:g} %"
        for what, value, most in (
            ("energy of all sessions", found.total_pct, MOST_TOTAL_PCT),
            ("half the sessions' energy", found.median_session_pct, MOST_SESSION_PCT),
            ("energy of a session", found.worst_session_pct, max(MOST_SESSION_PCT, found.live_apart_pct)),
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
            "live_apart_pct": found.live_apart_pct,
            "runs": float(len(runs)),
            "sessions": float(found.sessions),
            "site_hours": runs[0][0].site_hours,
            "live_wall_s": sum(live.wall_s for live, _ in runs),
            "batch_wall_s": sum(done.wall_s for _, done in runs),
        },
        seed=SEED,
        notes=("session figures are of sessions above 0.5 kWh; quick runs tell them and don't judge.",),
        failed="; ".join(failed),
    )
