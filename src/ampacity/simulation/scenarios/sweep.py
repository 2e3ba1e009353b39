"""Many runs of one scenario: every strategy on every seed, in one process, in many, or on a cluster.

A run depends on nothing but its scenario, strategy and seed, and outcomes are put in order afterwards: the
figures don't depend on where or how many at a time they were made.
"""

from __future__ import annotations

import signal
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from msgspec import Struct

from ..batch.outcome import Scene
from ..batch.world import F
from .arrays import neutral_voltage
from .building import build
from .outcomes import Outcome, outcome_of
from .running import run_strategy
from .spec import Scenario

Progress: TypeAlias = Callable[[Outcome], None]


class Task(Struct, frozen=True, kw_only=True):
    """One run to make. `course` asks for its course too."""

    scenario: Scenario
    folder: str
    strategy: str
    seed: int
    course: bool = False


class TaskFailed(RuntimeError):
    """A run that ended in an error: which one it was, and what happened."""

    def __init__(self, scenario: str, strategy: str, seed: int, cause: str) -> None:
        super().__init__(f"{scenario!r} with strategy {strategy} and seed {seed}: {cause}")
        self.scenario, self.strategy, self.seed, self.cause = scenario, strategy, seed, cause

    def __reduce__(self) -> tuple[type[TaskFailed], tuple[str, str, int, str]]:
        return TaskFailed, (self.scenario, self.strategy, self.seed, self.cause)


class ClusterMissing(RuntimeError):
    """There is no Ray, or none at the address."""


_last: tuple[Scenario, int, str, Scene] | None = None
"""The scene that this process built last: the strategies of one seed share it."""


def perform(task: Task) -> Outcome:
    """Make one run. Raises `TaskFailed`."""
    global _last
    try:
        if _last is None or _last[:3] != (task.scenario, task.seed, task.folder):
            scene = build(task.scenario, task.seed, Path(task.folder))
            _last = (task.scenario, task.seed, task.folder, scene)
        scene = _last[3]
        run = run_strategy(scene, task.strategy, task.seed, task.scenario.strategies.settings)
        limit_w = connection_w(task.scenario, scene)
        return outcome_of(run, task.scenario, task.strategy, task.seed, limit_w, course=task.course)
    except TaskFailed:
        raise
    except Exception as problem:
        where = traceback.extract_tb(problem.__traceback__)[-1]
        cause = f"{type(problem).__name__}: {problem} ({Path(where.filename).name}, line {where.lineno})"
        raise TaskFailed(task.scenario.name, task.strategy, task.seed, cause) from problem


def connection_w(scenario: Scenario, scene: Scene) -> F:
    """What the grid connection carries at most when its conductors are loaded alike, each step (T)."""
    limit_a = scene.world.rows.limit_a[:, list(scene.root_rows)]
    volts = neutral_voltage(scenario.supply)
    watts = np.broadcast_to(limit_a.sum(axis=1) * volts, (scene.world.steps,))
    if scenario.transformer is not None:
        watts = np.minimum(watts, 1000.0 * scenario.transformer.kva)
    return watts


def tasks_of(scenario: Scenario, folder: Path, strategies: Sequence[str], seeds: Sequence[int]) -> list[Task]:
    """Every strategy on every seed, a seed's strategies beside each other; the first seed with its course."""
    return [
        Task(scenario=scenario, folder=str(folder), strategy=strategy, seed=seed, course=seed == seeds[0])
        for seed in seeds
        for strategy in strategies
    ]


def sweep(
    tasks: Sequence[Task], *, jobs: int = 1, cluster: str | None = None, progress: Progress | None = None
) -> list[Outcome]:
    """Outcomes in the order of the tasks. `jobs` processes, or the Ray cluster at `cluster`.

    The first task always runs here: what is compiled is on disk before others look for it, and what is wrong
    with all of them is known at once. Raises `TaskFailed` for the first that fails (the others are given
    up), `ClusterMissing`, and KeyboardInterrupt as it comes, with no process left behind.
    """
    tell = progress or (lambda outcome: None)
    if cluster is not None:
        with _ray(cluster) as ray:
            return _on_ray(ray, tasks, tell)
    found: dict[int, Outcome] = {}
    alone = 1 if jobs > 1 else len(tasks)
    for number, task in enumerate(tasks[:alone]):
        found[number] = perform(task)
        tell(found[number])
    if len(tasks) > alone:
        for number, outcome in _in_processes(tasks, alone, jobs):
            found[number] = outcome
            tell(outcome)
    return [found[number] for number in range(len(tasks))]


def _in_processes(tasks: Sequence[Task], first: int, jobs: int) -> Iterator[tuple[int, Outcome]]:
    pool = ProcessPoolExecutor(
        min(jobs, len(tasks) - first), mp_context=get_context("spawn"), initializer=_leave_interrupts
    )
    try:
        waiting: dict[Future[Outcome], int] = {
            pool.submit(perform, tasks[number]): number for number in range(first, len(tasks))
        }
        while waiting:
            done, _ = wait(waiting, return_when=FIRST_COMPLETED)
            for future in sorted(done, key=lambda one: waiting[one]):
                yield waiting.pop(future), future.result()
    except BaseException:
        # Runs under way can be long and keep nothing that one would miss.
        for process in list((pool._processes or {}).values()):
            process.terminate()
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown()


def _leave_interrupts() -> None:
    """Ctrl-C goes to the whole terminal: the parent alone acts on it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@contextmanager
def _ray(address: str) -> Iterator[Any]:
    try:
        import ray
    except ImportError:
        raise ClusterMissing(
            "--cluster needs Ray, which is not installed: pip install 'ampacity[simulate,cluster]'"
        ) from None
    try:
        ray.init(address=address, log_to_driver=False, logging_level="ERROR")
    except (ConnectionError, RuntimeError, ValueError, OSError) as problem:
        first = str(problem).splitlines()[0] if str(problem) else type(problem).__name__
        raise ClusterMissing(
            f"no Ray cluster at {address}: {first}; start one with `ray start --head` and give its address"
        ) from None
    try:
        yield ray
    finally:
        ray.shutdown()


def _on_ray(ray: Any, tasks: Sequence[Task], tell: Progress) -> list[Outcome]:
    remote = ray.remote(max_retries=2)(perform)
    waiting = {remote.remote(task): number for number, task in enumerate(tasks)}
    found: dict[int, Outcome] = {}
    try:
        while waiting:
            done, _ = ray.wait(list(waiting), num_returns=1)
            for reference in done:
                number = waiting.pop(reference)
                try:
                    found[number] = ray.get(reference)
                except ray.exceptions.RayTaskError as problem:
                    raise problem.cause if isinstance(problem.cause, TaskFailed) else problem from None
                tell(found[number])
    finally:
        for reference in waiting:
            ray.cancel(reference, force=True)
    return [found[number] for number in range(len(tasks))]
