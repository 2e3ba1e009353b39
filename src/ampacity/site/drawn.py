"""What the EVSEs below a circuit draw by their own meters: for checks of the circuit's meter."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from ..model.phases import ZERO, PerPhase, add
from .knowledge import LiveEvse
from .wiring import Wiring

KNOWN_S: Final = 30.0
"""A car's sample that is older says nothing of now."""


def cars_a(wiring: Wiring, evses: Iterable[LiveEvse], circuit_id: str, at: float) -> PerPhase | None:
    """On the circuit's phases; None while a car below has told nothing lately."""
    total = ZERO
    for live in evses:
        if live.transaction is None or all(
            circuit.circuit_id != circuit_id for circuit in wiring.ancestors(live.evse.circuit_id)
        ):
            continue
        if live.measured_a is None or live.measured_at is None or at - live.measured_at > KNOWN_S:
            return None
        total = add(total, wiring.at(circuit_id, live.evse.circuit_id, live.measured_a))
    return total
