"""`ampacity check-law`: go through everything that can happen to leases and commits in small worlds."""

from __future__ import annotations

import json
from pathlib import Path

from rich.console import Console
from rich.table import Table

from ..simulation.proving.check import LONG, QUICK, check


def check_law(quick: bool, minutes: float, folder: Path | None) -> int:
    """Exit code 0: nothing broken; 1: something is, and the way to it is told."""
    console = Console()
    table = Table(title="the lease and commit protocol, everything that can happen")
    for name in ("world", "faults", "states", "moves", "ticks deep", "all of it", "s"):
        table.add_column(name, justify="left" if name == "world" else "right")
    broken = 0
    for size in QUICK if quick else LONG:
        verdict = check(size, most_s=60.0 * minutes)
        found = verdict.explored
        table.add_row(
            size.name,
            str(size.faults),
            f"{found.states:,}",
            f"{found.moves:,}",
            str(found.depth),
            "yes" if found.complete else "no",
            f"{verdict.seconds:.1f}",
        )
        if found.broken:
            broken += 1
            console.print(f"{size.name}: {found.broken}", style="bold red", highlight=False)
            for number, action in enumerate(found.way):
                console.print(f"  +{number * size.tick_s:g} s  {'; '.join(action)}", highlight=False)
            path = (folder or Path()) / f"check-law-{broken}.json"
            path.write_text(json.dumps(verdict.case, indent=1), "utf-8")
            console.print(f"  ampacity simulate {path}", highlight=False)
    console.print(table)
    return 1 if broken else 0
