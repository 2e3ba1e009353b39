"""What a run leaves behind for tables and pictures: figures, a thinned course, classes of drivers."""

from __future__ import annotations

from typing import Final

import msgspec
import numpy as np
from msgspec import Struct

from ..batch.outcome import Run
from ..batch.world import RENEGED, TURNED_AWAY, F
from ..equipment.ageing import run_wear
from ..metrics.measure import measure, row_share
from ..metrics.possible import came, possible_wh, start_soc
from .feeding import street_metrics
from .spec import Scenario
from .warming import transformer_metrics

COURSE_POINTS: Final = 288
"""A course is thinned to at most so many points, each the mean (and the highest) of its steps."""

SERVED: Final = (0.5, 0.8, 0.95, 0.995)
"""Borders of the classes of what a driver got of what was possible; the last class is all of it."""

WAITED_MIN: Final = (0.5, 5.0, 15.0, 30.0)
"""Borders of the classes of waiting in minutes; the first class didn't wait."""


class Course(Struct, frozen=True, kw_only=True):
    """Powers in kW over hours from the start, thinned; `site_most_kw` is the highest of a point's steps."""

    hours: tuple[float, ...]
    site_kw: tuple[float, ...]
    site_most_kw: tuple[float, ...]
    cars_kw: tuple[float, ...]
    building_kw: tuple[float, ...]
    sun_kw: tuple[float, ...]
    storage_kw: tuple[float, ...]
    limit_kw: tuple[float, ...]
    price: tuple[float, ...]
    waiting: tuple[float, ...]


class Outcome(Struct, frozen=True, kw_only=True):
    """One run. `metrics` are those of docs/metrics.md, and those of `feeding` and `warming` where the
    scenario has a feeder or a transformer; `served` and `waited` count drivers by class; `row_peaks` is each
    row's highest share of its limit; `wall_s` is how long the run took."""

    strategy: str
    seed: int
    metrics: dict[str, float | None]
    served: tuple[int, ...]
    waited: tuple[int, ...]
    rows: tuple[str, ...]
    row_peaks: tuple[float, ...]
    wall_s: float
    course: Course | None = None


def outcome_of(
    run: Run, scenario: Scenario, strategy: str, seed: int, limit_w: F, *, course: bool
) -> Outcome:
    """Everything about a run that is kept. `limit_w` is what the grid connection carries, each step (T)."""
    figures = msgspec.to_builtins(measure(run, wear=run_wear))
    if scenario.transformer is not None:
        figures |= msgspec.to_builtins(transformer_metrics(run, scenario))
    if scenario.feeder is not None:
        figures |= msgspec.to_builtins(street_metrics(run, scenario, seed))
    return Outcome(
        strategy=strategy,
        seed=seed,
        metrics={name: None if value is None else float(value) for name, value in figures.items()},
        served=_served(run),
        waited=_waited(run),
        rows=run.scene.rows,
        row_peaks=tuple(np.round(row_share(run).max(axis=0, initial=0.0), 5).tolist()),
        wall_s=run.wall_s,
        course=_course(run, limit_w) if course else None,
    )


def _served(run: Run) -> tuple[int, ...]:
    world, state = run.scene.world, run.state
    possible = possible_wh(world, start_soc(world, state.soc))
    wanting = came(world) & (possible > 0.0)
    got = (state.energy_wh - state.given_wh)[wanting] / possible[wanting]
    return _classes(got, SERVED)


def _waited(run: Run) -> tuple[int, ...]:
    world, state = run.scene.world, run.state
    queued = world.visits.pool >= 0
    lost = queued & np.isin(state.where, (RENEGED, TURNED_AWAY))
    until = np.where(lost, state.left_s, state.plugged_s)
    counted = queued & np.isfinite(until)
    return _classes((until - world.visits.arrive_s)[counted] / 60.0, WAITED_MIN)


def _classes(values: F, borders: tuple[float, ...]) -> tuple[int, ...]:
    found = np.bincount(np.searchsorted(borders, values, side="right"), minlength=len(borders) + 1)
    return tuple(int(count) for count in found)


def _course(run: Run, limit_w: F) -> Course:
    world, trace = run.scene.world, run.trace
    size = -(-world.steps // COURSE_POINTS)
    starts = np.arange(0, world.steps, size)
    lengths = np.diff(np.append(starts, world.steps))

    def means(values: F, scale: float = 1000.0) -> tuple[float, ...]:
        sums = np.add.reduceat(np.broadcast_to(values, world.steps).astype(float), starts)
        return tuple(np.round(sums / lengths / scale, 4).tolist())

    return Course(
        hours=tuple(np.round(starts * world.step_s / 3600.0, 5).tolist()),
        site_kw=means(trace.site_w),
        site_most_kw=tuple(np.round(np.maximum.reduceat(trace.site_w, starts) / 1000.0, 4).tolist()),
        cars_kw=means(trace.supply_w),
        building_kw=means(world.series.base_w),
        sun_kw=means(world.series.pv_w),
        storage_kw=means(trace.storage_w),
        limit_kw=means(limit_w),
        price=means(world.series.buy, 1.0),
        waiting=means(trace.waiting.astype(float), 1.0),
    )
