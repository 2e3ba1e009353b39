"""`ampacity bench fuzz`: the protocol core under inputs that nobody would send, for minutes of CPU.

The targets (`targets`) are driven by atheris, which sees by coverage what a change of the input brought
and goes on from there, one of them through Hypothesis; beside them long-lived engines whose memory is
measured, and the comparison of verdicts (`verdicts`). Each runs in a process of its own. An input on which
something is wrong is kept in ./fuzz-crashes, with the line that repeats it.

atheris, Hypothesis and jsonschema are no part of the product: `./dev bench fuzz` installs them beside it.
"""

from __future__ import annotations

import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from random import Random

import msgspec
from msgspec import Struct

from .. import Outcome
from ..report import BenchFailed, Figures
from .child import SLOWEST

SEED = 20261121
SHARES = {"frames": 0.3, "payloads": 0.25, "messages": 0.2, "sequences": 0.2, "growth": 0.05}
MINUTES, QUICK_MINUTES = 10.0, 0.35
COUNT, QUICK_COUNT = 200_000, 5_000
MOST_CRASHES = 3
GROWTH_BOUND_KB = 256.0
CRASHES = Path("fuzz-crashes")


class FuzzerMissing(BenchFailed):
    """atheris or one of its companions can't be imported."""

    def __init__(self, why: str) -> None:
        super().__init__(
            f"atheris, hypothesis and jsonschema are needed ({why}): run ./dev bench fuzz in a checkout, "
            "which installs them, or pip install atheris hypothesis jsonschema (Linux, Python 3.11 to 3.13)"
        )


class Fuzzed(Struct, kw_only=True):
    """What became of one target."""

    executions: int = 0
    edges: int = 0
    crashes: int = 0
    peak_mb: int = 0
    counts: dict[str, float] = {}


def run(quick: bool, count: int | None = None, minutes: float | None = None) -> Outcome:
    """Fuzz for `minutes` of CPU (10; quick: a third of one), then compare `count` verdicts (200,000)."""
    seconds = 60 * (minutes if minutes is not None else QUICK_MINUTES if quick else MINUTES)
    environment = children_environment()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with tempfile.TemporaryDirectory(prefix="ampacity-fuzz-") as name:
        folder = Path(name)
        found = {
            target: fuzz(target, max(1.0, seconds * share), folder, environment)
            for target, share in SHARES.items()
        }
        verdicts = compare(count or (QUICK_COUNT if quick else COUNT), folder, environment)
        kept = keep_crashes(folder / "crashes")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return outcome(found, verdicts, cpu_s, kept)


def outcome(found: dict[str, Fuzzed], verdicts: Figures, cpu_s: float, kept: list[str]) -> Outcome:
    """The figures, and whether something is wrong."""
    growth_kb = found["growth"].counts["growth_kb"]
    crashes = sum(item.crashes for item in found.values())
    figures: Figures = {
        "cpu_s": round(cpu_s, 1),
        "executions": sum(item.executions for item in found.values()),
        "crashes": crashes,
        "worst_growth_kb": round(growth_kb, 1),
        "peak_rss_mb": max(item.peak_mb for item in found.values()),
        "edges": max(item.edges for item in found.values()),
        **verdicts,
    }
    for target, item in found.items():
        figures[f"{target}_executions"] = item.executions
        if item.edges:
            figures[f"{target}_edges"] = item.edges
        if target != "growth":
            figures |= {name.replace(" ", "_"): value for name, value in sorted(item.counts.items())}
    faults = []
    if crashes:
        faults.append(f"{crashes} inputs on which something is wrong, in {CRASHES}: see {CRASHES}/HOW.txt")
    if growth_kb > GROWTH_BOUND_KB:
        faults.append(f"memory grew by {growth_kb:.0f} kB, at most {GROWTH_BOUND_KB:.0f} are allowed")
    if verdicts["verdicts_unequal"]:
        faults.append(f"{verdicts['verdicts_unequal']:.0f} verdicts differ from the schemas without a reason")
    return Outcome(
        figures=figures,
        seed=SEED,
        notes=(
            "edges: branches of the protocol core that a target reached, as atheris counts them.",
            "worst_growth_kb: what twelve long-lived engines hold more after the warm-up, at any moment.",
            *kept,
        ),
        failed="; ".join(faults),
    )


def children_environment() -> dict[str, str]:
    """Where the fuzzer's packages are: here, or where ./dev put them. Raises FuzzerMissing."""
    environment = dict(os.environ)
    package_root = str(Path(__file__).resolve().parents[3])
    peers = Path(os.environ.get("AMPACITY_PEERS", "")) / "fuzz/lib"
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    places = [package_root, os.environ.get("PYTHONPATH", ""), str(peers / version / "site-packages")]
    environment["PYTHONPATH"] = os.pathsep.join(place for place in places if place)
    done = subprocess.run(
        [sys.executable, "-c", "import atheris, hypothesis, jsonschema"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise FuzzerMissing((done.stderr.strip().splitlines() or ["no reason given"])[-1])
    return environment


def fuzz(target: str, seconds: float, folder: Path, environment: dict[str, str]) -> Fuzzed:
    """Fuzz one target, anew after each crash while there is time."""
    found = Fuzzed()
    (folder / "crashes").mkdir(exist_ok=True)
    for turn in range(MOST_CRASHES):
        log = folder / f"{target}.log"
        words = [target, "--seconds", str(seconds), "--seed", str(SEED + turn), "--folder", str(folder)]
        with log.open("w") as stream:
            done = subprocess.run(
                [sys.executable, "-m", "ampacity.bench.fuzz.child", *words],
                env=environment,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
                check=False,
                timeout=SLOWEST * seconds + 180,
            )
        read_log(log.read_text(errors="replace"), found)
        counted = folder / f"{target}.json"
        if counted.exists():
            found.counts = msgspec.json.decode(counted.read_bytes(), type=dict[str, float])
            found.executions += int(found.counts.pop("executions"))
            counted.unlink()
        crashes = len(list((folder / "crashes").glob(f"{target}-*")))
        if done.returncode and crashes == found.crashes:
            raise BenchFailed(f"{target} could not be fuzzed: {log.read_text(errors='replace')[-1500:]}")
        found.crashes = crashes
        if not done.returncode:
            break
        seconds /= 2
    return found


def read_log(text: str, into: Fuzzed) -> None:
    """What libFuzzer tells of itself."""
    into.edges = max([into.edges, *map(int, re.findall(r" cov: (\d+) ", text))])
    into.peak_mb = max([into.peak_mb, *map(int, re.findall(r" rss: (\d+)Mb", text))])


def compare(count: int, folder: Path, environment: dict[str, str]) -> Figures:
    """Our verdicts against the schemas'; unequal ones are kept as inputs of the target `payloads`."""
    done = subprocess.run(
        [sys.executable, "-m", "ampacity.bench.fuzz.run", str(count), str(folder)],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise BenchFailed(f"verdicts could not be compared: {done.stderr[-1500:]}")
    return msgspec.json.decode(done.stdout, type=Figures)


def compare_here(count: int, folder: Path) -> Figures:
    """The same in this process."""
    from .schemas import kinds
    from .verdicts import compare

    tally = compare(count, Random(SEED), kinds())
    for number, unequal in enumerate(tally.unequal):
        place = kinds().index(unequal.kind).to_bytes(2, "big")
        (folder / f"crashes/payloads-unequal-{number}").write_bytes(place + unequal.text.encode())
    return {
        "verdicts_compared": tally.judged,
        "verdicts_accepted": tally.accepted,
        "verdicts_unequal": len(tally.unequal),
        "verdicts_listed_differences": tally.differences.total(),
    }


def keep_crashes(folder: Path) -> list[str]:
    """Copy bad inputs to where they last, each with the line that repeats it; returns these lines."""
    lines = []
    for path in sorted(folder.glob("*")):
        CRASHES.mkdir(exist_ok=True)
        shutil.copy(path, CRASHES / path.name)
        target = path.name.split("-", 1)[0]
        lines.append(f"python -m ampacity.bench.fuzz.child {target} {CRASHES / path.name}")
    if lines:
        (CRASHES / "HOW.txt").write_text("\n".join(lines) + "\n")
    return lines


if __name__ == "__main__":
    sys.stdout.write(msgspec.json.encode(compare_here(int(sys.argv[1]), Path(sys.argv[2]))).decode())
