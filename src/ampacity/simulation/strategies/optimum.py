"""`optimum`: what nobody could have done better, knowing everything, and its setpoints in the engine.

The plan (`planning`) is replayed in the engine (`following`).
"""

from __future__ import annotations

import time

from msgspec import Struct, structs

from ampacity.simulation.batch.episode import run as run_compiled
from ampacity.simulation.batch.outcome import Run, Scene
from ampacity.simulation.strategies.stepping import step_through

from .berths import berths
from .following import Follow
from .interface import StrategyError
from .model import Terms
from .planning import Planner

PLACED_BY = "dynamic"
"""Whose run tells who stands where: one that keeps the limits, so that no breaker opens."""


class NoOptimumError(StrategyError):
    """Who stands where depends on the strategy: no program knows the best."""

    def __init__(self, scene: Scene, count: int) -> None:
        super().__init__(
            f"{scene.name!r} has no offline optimum: {count} of its cars queue for an EVSE and leave when "
            "they are done, so that every strategy changes who comes next: compare with dynamic there"
        )


class Optimum(Struct, frozen=True, kw_only=True):
    """`run`: the plan in the engine. `bound`: no plan for these berths costs less (total cost, wear at its
    price in the terms). `planned`: what this plan costs by itself. `columns`, `rows` and `rounds`: of the
    program. `solve_s`: how long it took."""

    run: Run
    bound: float
    planned: float
    columns: int
    rows: int
    rounds: int
    solve_s: float


def optimum(scene: Scene, terms: Terms | None = None, *, each_evse: bool = False) -> Optimum:
    """The offline optimum of a scene. Raises NoOptimumError (a queue of cars that leave when they are done)
    and SolverError."""
    visits = scene.world.visits
    queueing = int((visits.leaves_done & (visits.pool >= 0)).sum())
    if queueing:
        raise NoOptimumError(scene, queueing)
    places = berths(run_compiled(scene, PLACED_BY))
    began = time.perf_counter()
    planned = Planner(scene, places, Terms() if terms is None else terms).solve()
    solve_s = time.perf_counter() - began
    followed = step_through(scene, Follow(scene, places, planned), each_evse=each_evse)
    return Optimum(
        run=structs.replace(followed.run, wall_s=followed.run.wall_s + solve_s),
        bound=planned.bound,
        planned=planned.cost,
        columns=planned.size[0],
        rows=planned.size[1],
        rounds=planned.rounds,
        solve_s=solve_s,
    )
