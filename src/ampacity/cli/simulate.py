"""`ampacity simulate`: run a scenario under several strategies, show and keep what came out."""

from __future__ import annotations

import argparse
import shlex
import socket
import sys
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from msgspec import structs
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from ..simulation.scenarios.faults import ScenarioError
from ..simulation.scenarios.reading import check_files, gallery, load
from ..simulation.scenarios.spec import Scenario


def simulate(options: argparse.Namespace) -> int:
    """Exit code 0 good, 1 a run failed, 2 it can't be done as asked, 130 Ctrl-C."""
    if options.list:
        return show_gallery()
    if options.scenario is None:
        print("ampacity simulate: name a scenario; --list shows those that come with it", file=sys.stderr)
        return 2
    if options.scenario.partition("#")[0].endswith(".json"):
        from .cases import simulate_cases

        return simulate_cases(options.scenario, options.json, options.every)
    try:
        scenario, folder = load(options.scenario)
        if options.days is not None:
            scenario = structs.replace(scenario, run=structs.replace(scenario.run, days=options.days))
        check_files(scenario, folder, options.scenario)
    except ScenarioError as problem:
        print(f"ampacity simulate: {problem}", file=sys.stderr)
        return 2
    if options.cluster is not None and not _answers(options.cluster):
        print(
            f"ampacity simulate: no Ray cluster at {options.cluster}: nothing answers there; start one with "
            "`ray start --head` and give its address as host:port",
            file=sys.stderr,
        )
        return 2
    try:
        return run(scenario, folder, options)
    except KeyboardInterrupt:
        print("ampacity simulate: interrupted", file=sys.stderr)
        return 130


def show_gallery() -> int:
    """`ampacity simulate --list`."""
    table = Table(box=None, pad_edge=False)
    table.add_column("scenario", no_wrap=True)
    table.add_column("what it shows")
    for name in gallery():
        scenario, _ = load(name)
        table.add_row(name, scenario.shows)
    Console().print(table)
    return 0


def run(scenario: Scenario, folder: Path, options: argparse.Namespace) -> int:
    """Run the sweep, print the table, write the files."""
    try:
        from ..simulation.scenarios.assumptions import assumptions
        from ..simulation.scenarios.result import as_json, result_of, write
        from ..simulation.scenarios.sweep import ClusterMissing, TaskFailed, sweep, tasks_of
    except ImportError as problem:  # the extra is missing; the message says how it comes
        print(f"ampacity simulate: {problem}", file=sys.stderr)
        return 2
    strategies: Sequence[str] = options.strategies or scenario.strategies.names
    if options.baseline is not None and options.baseline not in strategies:
        print(
            f"ampacity simulate: baseline {options.baseline!r} is not compared: choose one of "
            f"{', '.join(strategies)}",
            file=sys.stderr,
        )
        return 2
    baseline = options.baseline or scenario.strategies.baseline
    if baseline is None or baseline not in strategies:
        baseline = strategies[0]
    seeds = range(scenario.run.seed, scenario.run.seed + options.seeds)
    tasks = tasks_of(scenario, folder, strategies, seeds)
    console = Console()
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    began = time.perf_counter()
    try:
        with bar:
            line = bar.add_task(scenario.name, total=len(tasks))
            outcomes = sweep(
                tasks,
                jobs=options.jobs,
                cluster=options.cluster,
                progress=lambda outcome: bar.advance(line),
            )
    except TaskFailed as problem:
        print(f"ampacity simulate: {problem}", file=sys.stderr)
        return 1
    except ClusterMissing as problem:
        print(f"ampacity simulate: {problem}", file=sys.stderr)
        return 2
    wall_s = time.perf_counter() - began
    result = result_of(scenario, strategies, baseline, seeds, outcomes, assumptions(scenario))
    from .simulate_table import foot_of, table_of, title_of

    console.print(title_of(result, console.width), style="italic", highlight=False)
    console.print(table_of(result, console.width))
    if foot_of(result):
        console.print(foot_of(result), style="dim", highlight=False)
    try:
        if options.json is not None:
            write(options.json, as_json(result, {"wall_s": round(wall_s, 3)}))
            console.print(f"figures: {options.json}", highlight=False)
        if options.html is not None:
            from ..simulation.scenarios.report import page

            write(options.html, page(result, version("ampacity"), _command(options)))
            console.print(f"report: {options.html}", highlight=False)
    except OSError as problem:
        print(f"ampacity simulate: {problem.filename}: {problem.strerror}", file=sys.stderr)
        return 2
    return 0


def _answers(address: str) -> bool:
    """Whether something listens at an address; Ray itself would try for minutes."""
    host, separator, port = address.removeprefix("ray://").rpartition(":")
    if not separator or not port.isdigit():
        return address == "auto"
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=5.0):
            return True
    except OSError:
        return False


def _command(options: argparse.Namespace) -> str:
    words = ["ampacity", "simulate", str(options.scenario), "--seeds", str(options.seeds)]
    if options.strategies:
        words += ["--strategies", ",".join(options.strategies)]
    if options.days is not None:
        words += ["--days", f"{options.days:g}"]
    return shlex.join(words)
