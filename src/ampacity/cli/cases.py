"""`ampacity simulate CASE.json`: a case of the control law, played second by second, and what broke."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.table import Table

from ..control.types import CircuitLedger, Grant
from ..model.live import Reason
from ..model.phases import PerPhase
from ..simulation.cases.document import CaseError, Json, name_of, read_cases
from ..simulation.cases.playing import Course, broken, broken_claim, play
from ..simulation.cases.series import Second, value


def simulate_cases(file: str, figures: Path | None, every: bool) -> int:
    """Exit code 0: all holds; 1: an invariant or a claim broke; 2: the file is no case. `file` may name one
    case of a collection as FILE.json#NAME; `every` shows each second, not only those at which something
    changed."""
    console = Console()
    path, _, name = file.partition("#")
    told: Json = {}
    failed = 0
    try:
        for key, case in read_cases(Path(path), name or None).items():
            try:
                course = play(case)
                wrong = broken(case, course)
            except ValueError as problem:
                raise CaseError(f"{path}#{key}: {problem}") from None
            failed += bool(wrong)
            console.print(f"{key}: {case.get('title', '')}", style="bold", highlight=False)
            if case.get("broken"):
                console.print(f"known to be wrong with it: {case['broken']}", highlight=False)
            for second in _shown(course, every):
                console.print(_circuits(second))
                console.print(_evses(second))
            _conclude(console, case, course, wrong)
            told[key] = _as_json(case, course, wrong)
        if figures is not None:
            figures.write_text(json.dumps(told, indent=1) + "\n", "utf-8")
    except CaseError as problem:
        print(f"ampacity simulate: {problem}", file=sys.stderr)
        return 2
    except OSError as problem:
        print(f"ampacity simulate: {problem.filename}: {problem.strerror}", file=sys.stderr)
        return 2
    return 1 if failed else 0


def _shown(course: Course, every: bool) -> Iterator[Second]:
    """The seconds worth a table: those at which a grant, a limit or a meter's state changed, or more was
    promised than fits; the first and the last."""
    bad = {at_s for at_s, _ in course.violations}
    before: object = None
    for second in course.seconds:
        decision = second.decision
        now = (
            {key: grant.limit_a for key, grant in decision.grants.items()},
            [(c.limit_a, c.limit_source, c.meter_state) for c in decision.circuits.values()],
            decision.reserved,
            second.alive,
        )
        sends = second.alive and (decision.cuts or decision.raises)
        last = second is course.seconds[-1]
        if every or now != before or sends or last or second.happened or second.at_s in bad:
            yield second
        before = now


def _circuits(second: Second) -> Table:
    head = f"+{second.at_s:g} s"
    if not second.alive:
        head += ", nobody decides"
    if second.happened:
        head += f"  {'; '.join(second.happened)}"
    # Ten columns have to fit 80 characters.
    table = Table(title=head, title_justify="left", title_style="italic", box=None, padding=(0, 1, 0, 0))
    for name in (
        "circuit",
        "phase",
        "limit A",
        "whose",
        "meter",
        "margin",
        "base",
        "grants",
        "reserve",
        "flow",
    ):
        words = name in ("circuit", "whose", "meter")
        table.add_column(name, justify="left" if words else "right", no_wrap=not words, overflow="fold")
    for ledger in second.decision.circuits.values():
        k = 3 * second.tree.index[ledger.circuit_id]
        for phase, columns in _by_phase(ledger, second.flows[k : k + 3]):
            table.add_row(
                ledger.circuit_id,
                phase,
                f"{ledger.limit_a:g}",
                ledger.limit_source,
                ledger.meter_state,
                f"{ledger.margin_a:g}",
                *(f"{round(amperes, 1) + 0.0:.1f}" for amperes in columns),
            )
    return table


def _by_phase(ledger: CircuitLedger, flows: list[float]) -> Iterator[tuple[str, tuple[float, ...]]]:
    """One line for phases that are alike."""
    rows = list(zip(ledger.base_a, ledger.grants_a, ledger.reserve_a, flows, strict=True))
    if len({tuple(f"{amperes:.1f}" for amperes in row) for row in rows}) == 1:
        yield "1-3", rows[0]
    else:
        yield from ((str(phase + 1), row) for phase, row in enumerate(rows))


def _evses(second: Second) -> Table:
    decision = second.decision
    cuts = {grant.key: grant for grant in decision.cuts} if second.alive else {}
    raises = {grant.key: grant for grant in decision.raises} if second.alive else {}
    table = Table(box=None, padding=(0, 1, 0, 0))
    for name in ("EVSE", "has A", "draws", "held", "target", "now", "why"):
        table.add_column(name, no_wrap=name != "why")
    for key, grant in decision.grants.items():
        name = name_of(key)
        sent = f"cut to {cuts[key].limit_a:g}" if key in cuts else ""
        sent = f"raise to {raises[key].limit_a:g}" if key in raises else sent
        table.add_row(
            name,
            _known(second.limits[name]),
            _known(second.draws[name]),
            f"{decision.held_a[key]:g}",
            f"{grant.limit_a:g}",
            sent,
            _why(grant),
        )
    return table


def _conclude(console: Console, case: Json, course: Course, wrong: list[str]) -> None:
    claims = case.get("claims", ())
    for claim in claims:
        fault = broken_claim(claim, course)
        if fault is None:
            console.print(f"  holds   {claim}", style="green", highlight=False)
    for words in wrong:
        console.print(f"  broken  {words}", style="bold red", highlight=False)
    sums = f"{len(course.seconds)} ticks, {len(claims)} claims"
    console.print(f"{sums}, {len(course.violations)} violations of invariants", highlight=False)


def _as_json(case: Json, course: Course, wrong: list[str]) -> Json:
    return {
        "title": case.get("title", ""),
        "broken": wrong,
        "claims": [{**claim, "broken": broken_claim(claim, course)} for claim in case.get("claims", ())],
        "seconds": [_second_as_json(second) for second in course.seconds],
    }


def _second_as_json(second: Second) -> Json:
    decision = second.decision
    circuits = {}
    for name, ledger in decision.circuits.items():
        k = 3 * second.tree.index[name]
        circuits[name] = {
            "limit_a": _finite(ledger.limit_a),
            "limit_source": ledger.limit_source,
            "meter_state": ledger.meter_state,
            "margin_a": ledger.margin_a,
            "base_a": _finites(ledger.base_a),
            "grants_a": _finites(ledger.grants_a),
            "reserve_a": _finites(ledger.reserve_a),
            "flow_a": _finites((second.flows[k], second.flows[k + 1], second.flows[k + 2])),
        }
    evses = {
        name_of(key): {
            "limit_a": _finite(second.limits[name_of(key)]),
            "draw_a": _finite(second.draws[name_of(key)]),
            "held_a": _finite(decision.held_a[key]),
            "grant_a": grant.limit_a,
            "reasons": [_words(reason) for reason in grant.reasons],
        }
        for key, grant in decision.grants.items()
    }
    return {
        "at_s": second.at_s,
        "circuits": circuits,
        "evses": evses,
        "cuts": value(second, "cuts"),
        "raises": value(second, "raises"),
    }


def _why(grant: Grant) -> str:
    return "; ".join(_words(reason) for reason in grant.reasons)


def _words(reason: Reason) -> str:
    where = f" {reason.circuit_id}" if reason.circuit_id else ""
    phase = f" L{reason.phase}" if reason.phase else ""
    source = f" ({reason.source})" if reason.source else ""
    detail = f": {reason.detail}" if reason.detail else ""
    return f"{reason.code}{where}{phase}{source}{detail}"


def _known(amperes: float) -> str:
    return f"{amperes:.1f}" if amperes == amperes else "?"


def _finite(amperes: float) -> float | None:
    """JSON has neither infinity nor what is no number."""
    return amperes if abs(amperes) < float("inf") else None


def _finites(amperes: PerPhase) -> list[float | None]:
    return [_finite(each) for each in amperes]
