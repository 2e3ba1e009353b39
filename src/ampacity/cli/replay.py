"""`ampacity simulate --replay FILE`: what the control law was told, tick by tick, and what it said."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from ..control.types import CircuitLedger, Decision, Grant
from ..model.live import Reason
from ..model.phases import PerPhase
from ..model.site import EvseKey
from ..simulation.scenarios.replay import RecordingError, Replayed, read_recording, replay


def show_recording(path: Path) -> int:
    """Exit code 0: all kept; 1: somewhere more was promised than a circuit carries; 2: no recording."""
    console = Console()
    broken = 0
    before: Decision | None = None
    try:
        recording = read_recording(path)
        start_s = recording.ticks[0].at if recording.ticks else 0.0
        for tick in replay(recording):
            console.print(_circuits(tick, start_s))
            console.print(_evses(tick, before))
            for (circuit, phase), amperes in tick.excess.items():
                broken += 1
                console.print(
                    f"  promised {amperes:.2f} A more than {circuit} L{phase} carries", style="bold red"
                )
            before = tick.decision
    except RecordingError as problem:
        print(f"ampacity simulate: {problem}", file=sys.stderr)
        return 2
    count = len(recording.ticks)
    console.print(f"{count} ticks, {broken} promises above a limit", highlight=False)
    return 1 if broken else 0


def _circuits(tick: Replayed, start_s: float) -> Table:
    decision = tick.decision
    table = Table(
        title=f"+{decision.at - start_s:g} s, {decision.strategy}",
        title_justify="left",
        box=None,
        padding=(0, 2),
    )
    for name in ("circuit", "limit A", "whose", "meter", "margin", "base", "reserve", "grants"):
        table.add_column(name)
    for ledger in decision.circuits.values():
        table.add_row(*_ledger(ledger))
    return table


def _ledger(ledger: CircuitLedger) -> Sequence[str]:
    return (
        ledger.circuit_id,
        f"{ledger.limit_a:g}",
        ledger.limit_source,
        ledger.meter_state,
        f"{ledger.margin_a:g}",
        _phases(ledger.base_a),
        _phases(ledger.reserve_a),
        _phases(ledger.grants_a),
    )


def _evses(tick: Replayed, before: Decision | None) -> Table:
    decision = tick.decision
    cuts = {grant.key: grant for grant in decision.cuts}
    raises = {grant.key: grant for grant in decision.raises}
    table = Table(box=None, padding=(0, 2))
    for name in ("EVSE", "has A", "measured", "target A", "now", "why"):
        table.add_column(name)
    for key, grant in decision.grants.items():
        state = tick.snapshot.evses.get(key)
        committed = "?" if state is None or state.committed_a is None else f"{state.committed_a:g}"
        measured = "?" if state is None or state.measured_a is None else _phases(state.measured_a)
        table.add_row(
            f"{key[0]}/{key[1]}",
            committed,
            measured,
            _target(key, grant, before),
            _sent(key, cuts, raises),
            "; ".join(_reason(reason) for reason in grant.reasons),
        )
    return table


def _target(key: EvseKey, grant: Grant, before: Decision | None) -> str:
    earlier = None if before is None else before.grants.get(key)
    if earlier is None or earlier.limit_a == grant.limit_a:
        return f"{grant.limit_a:g}"
    return f"{earlier.limit_a:g} > {grant.limit_a:g}"


def _sent(key: EvseKey, cuts: dict[EvseKey, Grant], raises: dict[EvseKey, Grant]) -> str:
    if key in cuts:
        return f"cut to {cuts[key].limit_a:g}"
    return f"raise to {raises[key].limit_a:g}" if key in raises else ""


def _reason(reason: Reason) -> str:
    where = f" {reason.circuit_id}" if reason.circuit_id else ""
    phase = f" L{reason.phase}" if reason.phase else ""
    source = f" ({reason.source})" if reason.source else ""
    detail = f": {reason.detail}" if reason.detail else ""
    return f"{reason.code}{where}{phase}{source}{detail}"


def _phases(values: PerPhase) -> str:
    one, two, three = values
    return f"{one:.1f}" if one == two == three else f"{one:.1f} {two:.1f} {three:.1f}"
