"""`./dev prove [--minutes M] [--seed N] [pytest's arguments]`: the properties of the control law with new
worlds, round after round.

A round is every property of tests/properties with as many worlds as a test run draws (20 to 200 each), from
another seed; so many minutes are some thousands of worlds for each. It ends with the first round that fails,
with the command that plays the smallest world that was found and the one that runs its round again.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DEFAULT = ("tests/properties",)


def main(arguments: Sequence[str]) -> int:
    """Exit code 0: every round held; 1: one did not; 2: pytest could not run."""
    parser = argparse.ArgumentParser(prog="./dev prove", description="the control law in ever new worlds")
    parser.add_argument("--minutes", type=float, default=10.0, help="begin no round after so many (10)")
    parser.add_argument("--seed", type=int, default=1, help="of the first round (1)")
    options, chosen = parser.parse_known_args(arguments)
    began, seed = time.monotonic(), options.seed
    while True:
        started = time.monotonic()
        words = ["-m", "pytest", "-q", "-n0", "-x", f"--hypothesis-seed={seed}", *(chosen or DEFAULT)]
        done = subprocess.run(
            [sys.executable, *words],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        took_s = time.monotonic() - started
        print(f"seed {seed}: {'holds' if done.returncode == 0 else 'BREAKS'}, {took_s:.0f} s", flush=True)
        if done.returncode:
            print(done.stdout)
            print(f"again: ./dev prove --minutes 0.001 --seed {seed} {' '.join(chosen)}".rstrip())
            return 1 if done.returncode == 1 else 2
        seed += 1
        if time.monotonic() - began >= 60.0 * options.minutes:
            print(f"{seed - options.seed} rounds, nothing found")
            return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
