"""Many runs of one scenario: every strategy on every seed, in one process, in many, or on a cluster.

A run depends on nothing but its scenario, strategy and seed, and outcomes are put in order afterwards: the
figures don't depend on where or how many at a time they were made.
"""

from __future__ import annotations

import signal
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
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
    """Outcomes as they come, each with its task's number."""
    todo = iter(range(first, len(tasks)))
    workers: dict[Connection, SpawnProcess] = {}
    busy: dict[Connection, int] = {}
    context = get_context("spawn")
    try:
        with _no_interrupts():
            for _ in range(min(jobs, len(tasks) - first)):
                ours, theirs = context.Pipe()
                workers[ours] = context.Process(target=_work, args=(theirs,), daemon=True)
                workers[ours].start()
                theirs.close()
        for ours in workers:
            _give(ours, todo, tasks, busy)
        while busy:
            answered = wait(list(busy))
            ready = {number: one for one, number in busy.items() if one in answered}
            for number in sorted(ready):
                ours = ready[number]
                del busy[ours]
                try:
                    answer = ours.recv()
                except (EOFError, OSError):
                    task = tasks[number]
                    cause = "its process ended before it was done (out of memory?)"
                    raise TaskFailed(task.scenario.name, task.strategy, task.seed, cause) from None
                if isinstance(answer, TaskFailed):
                    raise answer
                _give(ours, todo, tasks, busy)
                yield number, answer
    finally:
        # Runs under way may be long and keep nothing that one would miss.
        for ours, process in workers.items():
            process.terminate()
            process.join()
            ours.close()


def _give(ours: Connection, todo: Iterator[int], tasks: Sequence[Task], busy: dict[Connection, int]) -> None:
    number = next(todo, None)
    if number is not None:
        ours.send(tasks[number])
        busy[ours] = number


def _work(theirs: Connection) -> None:
    """A worker: one task after the other until nobody asks any more."""
    while True:
        try:
            task = theirs.recv()
        except EOFError:
            return
        try:
            theirs.send(perform(task))
        except TaskFailed as problem:
            theirs.send(problem)


@contextmanager
def _no_interrupts() -> Iterator[None]:
    """Ctrl-C goes to the whole terminal, but the parent alone acts on it: processes that are started here
    ignore it from their first instruction on. (A blocked signal won't do: multiprocessing unblocks it.)"""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


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
