"""What must hold at every decision of the law, whatever it was told: I1 and I2 of docs/control.md."""

from __future__ import annotations

from ampacity.control.check import reservation_excess
from ampacity.control.topology import Topology
from ampacity.control.types import Decision, Snapshot

SLACK_A = 1e-6


def violations(snapshot: Snapshot, decision: Decision, topology: Topology) -> list[str]:
    """What a decision breaks, in words; nothing where it is sound."""
    return [*_promised(snapshot, decision, topology), *_granted(snapshot, decision)]


def _promised(snapshot: Snapshot, decision: Decision, topology: Topology) -> list[str]:
    """I1: what is drawn and promised fits everywhere, or everything there that can be 0 is 0."""
    return [
        f"I1: {place} is promised {over:.2f} A more than it carries"
        for (circuit_id, row), over in reservation_excess(snapshot, decision, topology).items()
        if (circuit_id, row) not in decision.overcommitted
        for place in [f"{circuit_id} L{row}" if 1 <= row <= 3 else f"{circuit_id} row {row}"]
    ]


def _granted(snapshot: Snapshot, decision: Decision) -> list[str]:
    """I2: a limit for an EVSE that is steered is 0 or within its range, a whole number of steps."""
    wrong = []
    for evse in snapshot.site.evses:
        if evse.key in decision.reserved:
            continue
        limit_a = decision.grants[evse.key].limit_a
        steps = limit_a / evse.step_a
        fits = evse.min_a - SLACK_A <= limit_a <= evse.max_a + SLACK_A and abs(steps - round(steps)) < 1e-6
        if limit_a != 0 and not fits:
            wrong.append(
                f"I2: {evse.station_id}/{evse.evse_id} is granted {limit_a:g} A: neither 0 nor "
                f"{evse.min_a:g}..{evse.max_a:g} A in steps of {evse.step_a:g} A"
            )
    return wrong
