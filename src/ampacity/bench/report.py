"""The form of a measurement: one flat object of figures, who measured what, and against whom in the same
run."""

from __future__ import annotations

import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

Figures = dict[str, float]


class BenchFailed(Exception):
    """A bench could not measure, or measured something that is wrong; the message says what would help."""


class BenchReport(Struct, frozen=True, kw_only=True):
    """What a bench found. `figures` are ours, flat, numbers only; `peer_figures` are those of a peer or a
    bound that was measured in the same run. `git` is the revision (`+` behind it: with changes that are not
    committed)."""

    name: str
    figures: Figures
    git: str
    seed: int
    peer_figures: Figures = {}
    parts: dict[str, str] = {}
    """Parts that were measured later than the rest, and their revisions."""


def write_json(report: BenchReport, path: Path) -> None:
    """Write the report where docs and comparisons read it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(report)) + b"\n")


def write_part(report: BenchReport, part: str, path: Path) -> None:
    """Write a part's figures into the report that stands there; alone where none does. Figures that
    begin with the part's name and were not measured now are taken out. Raises BenchFailed for another bench's
    file."""
    if not path.is_file():
        write_json(report, path)
        return
    whole = msgspec.json.decode(path.read_bytes(), type=BenchReport)
    if whole.name != report.name:
        raise BenchFailed(f"{path} holds bench {whole.name}, not {report.name}: name another file")
    kept = {key: value for key, value in whole.figures.items() if not key.startswith(f"{part}_")}
    write_json(
        msgspec.structs.replace(
            whole, figures=kept | report.figures, parts={**whole.parts, part: report.git}
        ),
        path,
    )


def revision(folder: Path | None = None) -> str:
    """The git revision of the running code, `unknown` outside a checkout."""
    where = Path(__file__).resolve().parent if folder is None else folder
    try:
        head = _git(where, "rev-parse", "--short=12", "HEAD")
        return head + ("+" if _git(where, "status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.SubprocessError):
        return "unknown"


def _git(folder: Path, *words: str) -> str:
    done = subprocess.run(("git", *words), cwd=folder, check=True, capture_output=True, text=True, timeout=10)
    return done.stdout.strip()


def interleaved_medians_s(works: Sequence[Callable[[], object]], rounds: int = 5) -> list[float]:
    """Median seconds of each work over `rounds`, taken in turns so that a noisy moment hits all alike.

    Each work runs once before the clock starts.
    """
    for work in works:
        work()
    times: list[list[float]] = [[] for _ in works]
    for _ in range(rounds):
        for work, taken in zip(works, times, strict=True):
            began = time.perf_counter()
            work()
            taken.append(time.perf_counter() - began)
    return [statistics.median(taken) for taken in times]
