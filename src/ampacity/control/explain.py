"""Rows as people read them: which circuit, which of its phases, whose limit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ampacity.model.live import Reason, ReasonCode

from .topology import Topology
from .types import MeterState


class Explainer:
    """Names rows; each name is made once. `limits`: amperes and source per circuit, `meters`: its meter's
    state."""

    def __init__(
        self, topology: Topology, limits: Sequence[tuple[float, str]], meters: Sequence[MeterState]
    ) -> None:
        self._topology = topology
        self._limits = limits
        self._meters = meters
        self._names: dict[tuple[int, bool], Reason] = {}

    def rows(self, rows: Iterable[int], admitted: bool) -> list[Reason]:
        """The circuits that bind: no more than this, or (not `admitted`) not even the minimum. A meter that
        is not believed is named besides, because the circuit would allow more with it."""
        reasons: list[Reason] = []
        silent: set[int] = set()
        for row in rows:
            reasons.append(self._name(row, admitted))
            k = self._topology.rows[row].circuit
            if self._meters[k] in ("stale", "dead", "lost") and k not in silent:
                silent.add(k)
                code: ReasonCode = "stale" if self._meters[k] == "stale" else "dead"
                reasons.append(Reason(code=code, circuit_id=self._topology.circuits[k].circuit_id))
        return reasons

    def uncontrolled(self) -> list[Reason]:
        """Nothing but the EVSE's own rating holds."""
        return [Reason(code="evse_max"), Reason(code="strategy", source="uncontrolled")]

    def _name(self, row: int, admitted: bool) -> Reason:
        known = self._names.get((row, admitted))
        if known is None:
            place = self._topology.rows[row]
            known = self._names[row, admitted] = Reason(
                code="circuit" if admitted else "minimum",
                circuit_id=self._topology.circuits[place.circuit].circuit_id,
                phase=place.phase + 1,
                source=self._limits[place.circuit][1],
            )
        return known
