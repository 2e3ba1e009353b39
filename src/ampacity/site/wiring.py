"""Where a circuit's current ends up on the way to the grid connection."""

from __future__ import annotations

from ..model.phases import ZERO, PerPhase, add, to_parent
from ..model.site import Circuit, Site
from .knowledge import LiveEvse


class Wiring:
    """Where each circuit's phases end up at the grid connection, worked out once."""

    def __init__(self, site: Site) -> None:
        self._circuits = {circuit.circuit_id: circuit for circuit in site.circuits}

    def ancestors(self, circuit_id: str) -> list[Circuit]:
        """The circuit, its parent, and so on up to the grid connection."""
        chain = []
        current: str | None = circuit_id
        while current is not None:
            circuit = self._circuits[current]
            chain.append(circuit)
            current = circuit.parent_id
        return chain

    def at_root(self, circuit_id: str, value: PerPhase) -> PerPhase:
        """A per-phase value of a circuit on the grid connection's phases."""
        for circuit in self.ancestors(circuit_id):
            if circuit.parent_id is not None:
                value = to_parent(value, circuit.rotation)
        return value

    def at(self, circuit_id: str, own_id: str, value: PerPhase) -> PerPhase:
        """A per-phase value of circuit `own_id` on the phases of `circuit_id` above it, or the same."""
        for circuit in self.ancestors(own_id):
            if circuit.circuit_id == circuit_id:
                break
            value = to_parent(value, circuit.rotation)
        return value

    def phases_at_root(self, circuit_id: str, phases: tuple[int, ...]) -> tuple[int, ...]:
        """Phases (0..2) of a circuit as phases of the grid connection."""
        for circuit in self.ancestors(circuit_id):
            if circuit.parent_id is not None:
                phases = tuple(circuit.rotation[phase] for phase in phases)
        return phases

    def drawn_a(self, evses: list[LiveEvse]) -> dict[str, PerPhase]:
        """Measured draw of all EVSEs below each circuit, on that circuit's phases."""
        total: dict[str, PerPhase] = dict.fromkeys(self._circuits, ZERO)
        for live in evses:
            value = live.measured_a or ZERO
            for circuit in self.ancestors(live.evse.circuit_id):
                total[circuit.circuit_id] = add(total[circuit.circuit_id], value)
                value = to_parent(value, circuit.rotation)
        return total
