"""`optimum`: what nobody could have done better, knowing everything, and its setpoints in the engine.

The plan (`planning`) is replayed in the engine (`following`).
"""

from __future__ import annotations

import time

import numpy as np
from msgspec import Struct, structs

from ampacity.simulation.batch.deciding import CODES
from ampacity.simulation.batch.episode import run as run_compiled
from ampacity.simulation.batch.outcome import Run, Scene
from ampacity.simulation.metrics.measure import measure
from ampacity.simulation.strategies.stepping import step_through

from .berths import Berths, berths
from .coarser import coarser, coarser_berths, finer, fitting
from .following import Follow
from .model import Terms
from .planning import Planned, Planner
from .queues import opened, queueing

PLACED_BY = "dynamic"
"""Whose run tells who stands where: one that keeps the limits, so that no breaker opens."""

LONG_S = 300.0
"""Longest steps of programs that are too large in the scene's own ones."""

MANY, MANY_CURVED = 40_000, 15_000
"""Steps of all berths, and of those with a charging curve that may bind, that make a program too large."""


class Optimum(Struct, frozen=True, kw_only=True):
    """`run`: the plan in the engine. `bound`: no run costs less (total cost, wear at its price in the terms).
    `planned`: what this plan costs by itself. `columns`, `rows` and `rounds`: of the program. `solve_s`: how
    long it took. `queueing`: cars whose order in a queue the strategies decide: where there are some,
    `planned` is for the order under `order_of`, and `run` the cheapest that was found."""

    run: Run
    bound: float
    planned: float
    columns: int
    rows: int
    rounds: int
    solve_s: float
    queueing: int = 0
    order_of: str = PLACED_BY


def optimum(scene: Scene, terms: Terms | None = None, *, each_evse: bool = False) -> Optimum:
    """The offline optimum of a scene. Raises SolverError."""
    visits, terms = scene.world.visits, Terms() if terms is None else terms
    waits = np.isin(visits.pool, queueing(scene.world)) & (visits.evse < 0)
    placed = _cheapest(scene, each_evse) if waits.any() else run_compiled(scene, PLACED_BY)
    began = time.perf_counter()
    places = berths(placed)
    planned = _plan(scene, places, terms)
    bound = planned.bound
    if waits.any():
        bound = _bound(scene, opened(scene.world, places, placed.state.soc), terms)
    solve_s = time.perf_counter() - began
    follow = Follow(scene, places, planned, strangers=bool(waits.any()))
    followed = step_through(scene, follow, each_evse=each_evse).run
    if waits.any() and not _better(followed, placed):
        followed = structs.replace(placed, strategy=Follow.name)
    return Optimum(
        run=structs.replace(followed, wall_s=followed.wall_s + solve_s),
        bound=bound,
        planned=planned.cost,
        columns=planned.size[0],
        rows=planned.size[1],
        rounds=planned.rounds,
        solve_s=solve_s,
        queueing=int(waits.sum()),
        order_of=placed.strategy,
    )


def _cheapest(scene: Scene, each_evse: bool) -> Run:
    """The cheapest run of the built-in strategies that keep the limits."""
    best = run_compiled(scene, PLACED_BY, each_evse=each_evse)
    for name in CODES:
        other = run_compiled(scene, name, each_evse=each_evse)
        best = other if _better(other, best) else best
    return best


def _better(one: Run, other: Run) -> bool:
    """Whether it is cheaper; one that is above a limit for longer than the lag of a charger comes after all
    that are not."""
    ranks = []
    for run in (one, other):
        figures = measure(run)
        ranks.append((figures.longest_over_limit_s > run.scene.world.step_s, figures.total_cost))
    return ranks[0] < ranks[1]


def _plan(scene: Scene, places: Berths, terms: Terms) -> Planned:
    """The plan for these berths; where the program would be large, in longer steps."""
    planner = Planner(scene, places, terms)
    curved = int(planner.model.curved[places.of].sum())
    large = len(places.of) > MANY or curved > MANY_CURVED
    count = fitting(scene, LONG_S) if large and not terms.exact else 1
    if count == 1:
        return planner.solve()
    long, part = coarser_berths(places, count)
    planned = Planner(coarser(scene, count), long, terms).solve()
    return finer(scene, planned, long, places, part, count)


def _bound(scene: Scene, places: Berths, terms: Terms) -> float:
    count = fitting(scene, LONG_S)
    if count > 1:
        scene, places = coarser(scene, count), coarser_berths(places, count)[0]
    return Planner(scene, places, terms).bound()
