"""Golden cases of the law: each is `base.json` with a merge patch, played second by second in a closed loop
(`ampacity.simulation.cases`).

What came of a case stands in `expected.json`: every 30 s the limits at the stations, the law's targets and
reasons and the flow at the grid, and over all the worst excess and the writes. That shows changes, it proves
nothing; the claims of a case were written by hand and don't come from the code.

    python -m tests.control.golden.run [NAME ...] [--write]

Each claim's figure is worked out in the case's `text`. `faults` shows which mistakes the cases catch.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from ampacity.simulation.cases.document import Json, name_of, read_cases
from ampacity.simulation.cases.playing import Course, broken, play
from ampacity.simulation.cases.series import value

HERE = Path(__file__).parent
EVERY_S = 30


def cases() -> dict[str, Json]:
    """All cases by name, on their base."""
    found: dict[str, Json] = {}
    for path in sorted((HERE / "cases").glob("*.json")):
        for name, case in read_cases(path).items():
            if name in found:
                raise ValueError(f"case {name} of {path.name} exists already: rename it")
            found[name] = case
    return found


def outcome(course: Course) -> Json:
    """What `expected.json` keeps of a case."""
    site = course.seconds[0].tree.site
    names, root = [name_of(evse.key) for evse in site.evses], site.root.circuit_id
    shown = {}
    for second in course.seconds:
        if second.at_s % EVERY_S == 0:
            shown[str(second.at_s)] = {
                "limits": [round(second.limits[n], 1) for n in names],
                "grants": [round(value(second, f"grant {n}"), 1) for n in names],
                "reasons": ["+".join(value(second, f"reasons {n}")) for n in names],
                "flow": [round(value(second, f"flow {root} {p}"), 1) for p in (1, 2, 3)],
                "source": value(second, f"source {root}"),
                "meter": value(second, f"meter {root}"),
            }
    worst = max(value(second, f"excess {c.circuit_id}") for second in course.seconds for c in site.circuits)
    writes = course.seconds[-1].writes
    return {"worst_excess_a": max(0.0, round(worst, 1)), "writes": writes, "at": shown}


def expected() -> Json:
    """The outcomes as they were reviewed, by case."""
    path = HERE / "expected.json"
    known: Json = json.loads(path.read_text()) if path.exists() else {}
    return known


def _written(outcomes: Json) -> str:
    lines = []
    for name, told in sorted(outcomes.items()):
        at = ",\n".join(f"      {json.dumps(s)}: {json.dumps(row)}" for s, row in told["at"].items())
        head = f'"worst_excess_a": {told["worst_excess_a"]}, "writes": {told["writes"]}'
        lines.append(f'  {json.dumps(name)}: {{{head}, "at": {{\n{at}\n    }}}}')
    return "{\n" + ",\n".join(lines) + "\n}\n"


def main(arguments: list[str]) -> int:
    """Play the named cases, or all, and say what is broken; `--write` keeps what came."""
    write = "--write" in arguments
    names = [a for a in arguments if not a.startswith("--")]
    known, failed = expected(), 0
    every = cases()
    for name, case in every.items():
        if names and name not in names:
            continue
        course = play(case)
        came = outcome(course)
        wrong = broken(case, course)
        changed = known.get(name) != came
        failed += bool(wrong)
        sys.stdout.write(f"{'broken' if wrong else 'holds'} {name}{' (changed)' if changed else ''}\n")
        sys.stdout.write("".join(f"    {line}\n" for line in wrong))
        if names and not write:
            sys.stdout.write(_written({name: came}))
        known[name] = came
    if write:
        kept = {name: told for name, told in known.items() if name in every}
        (HERE / "expected.json").write_text(_written(kept))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
