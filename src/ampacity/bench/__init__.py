"""Benches: `ampacity bench NAME [--quick] [--json FILE]` prints a table and writes one JSON object.

A bench is a module with `run(quick) -> Outcome`; it is imported only when it is asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from inspect import signature
from pathlib import Path

from msgspec import Struct
from rich.console import Console
from rich.table import Table

from .report import BenchFailed, BenchReport, Figures, revision, write_json, write_part

BENCHES: dict[str, str] = {
    "agreement": "ampacity.bench.agreement",
    "allocation": "ampacity.bench.allocation",
    "day": "ampacity.bench.day",
    "control": "ampacity.bench.control.run",
    "durability": "ampacity.bench.durability.run",
    "fuzz": "ampacity.bench.fuzz.run",
    "gateway": "ampacity.bench.gateway.run",
    "reaction": "ampacity.bench.reaction.run",
    "simulation": "ampacity.bench.simulation.run",
    "strategies": "ampacity.bench.strategies.run",
}
"""Name and module of every bench."""


class Outcome(Struct, frozen=True, kw_only=True):
    """What a bench module's `run` returns; `notes` explain figures under the table. `failed` says what is
    wrong with what was measured: the figures are written all the same, then the command fails."""

    figures: Figures
    seed: int
    peer_figures: Figures = {}
    notes: tuple[str, ...] = ()
    failed: str = ""


class UnknownBenchError(BenchFailed):
    """There is no bench of that name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"there is no bench {name!r}: choose one of {', '.join(sorted(BENCHES))}")
        self.name = name


def main(
    name: str,
    quick: bool = False,
    json_path: Path | None = None,
    *,
    count: int | None = None,
    minutes: float | None = None,
    sessions: Path | None = None,
    part: str | None = None,
    jobs: int | None = None,
) -> BenchReport:
    """Run a bench, print its table and, with `json_path`, write its JSON. `quick` ends within 50 s; `count`
    and `minutes` say how much is done, `sessions` which session file is read, `part` measures one part and
    leaves the other figures of the JSON as they are, `jobs` how many processes work, where a bench has such a
    thing. Raises BenchFailed."""
    if name not in BENCHES:
        raise UnknownBenchError(name)
    work: Callable[..., Outcome] = import_module(BENCHES[name]).run
    options = {"count": count, "minutes": minutes, "sessions": sessions, "part": part, "jobs": jobs}
    asked = {key: value for key, value in options.items() if value is not None}
    for key in asked.keys() - signature(work).parameters.keys():
        raise BenchFailed(f"bench {name} has no --{key}: leave it out")
    outcome = work(quick, **asked)
    report = BenchReport(
        name=name,
        figures=outcome.figures,
        git=revision(),
        seed=outcome.seed,
        peer_figures=outcome.peer_figures,
    )
    show(report, outcome.notes)
    if json_path is not None:
        write_json(report, json_path) if part is None else write_part(report, part, json_path)
    if outcome.failed:
        raise BenchFailed(f"{name}: {outcome.failed}")
    return report


def show(report: BenchReport, notes: tuple[str, ...] = (), console: Console | None = None) -> None:
    """Print a report as a table."""
    table = Table(title=f"bench {report.name} ({report.git}, seed {report.seed})")
    table.add_column("figure")
    table.add_column("value", justify="right")
    for key, value in report.figures.items():
        table.add_row(key, f"{value:,.4g}")
    for key, value in report.peer_figures.items():
        table.add_row(f"[dim]{key}[/dim]", f"[dim]{value:,.4g}[/dim]")
    console = Console() if console is None else console
    console.print(table)
    for note in notes:
        console.print(f"[dim]{note}[/dim]")
