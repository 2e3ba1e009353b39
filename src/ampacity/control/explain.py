"""Rows as people read them: which circuit, which of its phases, whose limit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ampacity.model.live import Reason, ReasonCode

from .limits import code_of
from .topology import RowKind, Topology
from .types import MeterState

_CODES: dict[RowKind, ReasonCode] = {
    "phase": "circuit",
    "line": "circuit",
    "watts": "watts",
    "va": "watts",
    "neutral": "neutral",
    "unbalance": "unbalance",
    "cabinet": "cabinet",
}
_DETAILS: dict[RowKind, str] = {
    "watts": "power",
    "va": "apparent power",
    "neutral": "neutral",
    "unbalance": "unbalance",
}


class Explainer:
    """Names rows; each name is made once. `sources`: whose limit it is, per row, `meters`: the state of every
    circuit's."""

    def __init__(self, topology: Topology, sources: Sequence[str], meters: Sequence[MeterState]) -> None:
        self._topology = topology
        self._sources = sources
        self._meters = meters
        self._names: dict[tuple[int, bool], Reason] = {}
        self._lists: dict[tuple[tuple[int, ...], bool], list[Reason]] = {}

    def rows(self, rows: Iterable[int], admitted: bool) -> list[Reason]:
        """The circuits that bind: no more than this, or (not `admitted`) not even the minimum. A meter that
        is not believed is named besides, because the circuit would allow more with it."""
        key = tuple(rows), admitted
        known = self._lists.get(key)
        if known is None:
            known = self._lists[key] = self._rows(*key)
        return list(known)

    def _rows(self, rows: tuple[int, ...], admitted: bool) -> list[Reason]:
        reasons: list[Reason] = []
        silent: set[int] = set()
        for row in rows:
            named = self._name(row, admitted)
            if named not in reasons:
                reasons.append(named)
            k = self._topology.rows[row].circuit
            if (
                self._topology.rows[row].kind != "cabinet"
                and self._meters[k] in ("stale", "dead", "lost")
                and k not in silent
            ):
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
            known = self._names[row, admitted] = self._reason(row, admitted)
        return known

    def _reason(self, number: int, admitted: bool) -> Reason:
        row = self._topology.rows[number]
        code = code_of(self._sources[number], _CODES[row.kind]) if admitted else "minimum"
        if row.kind == "cabinet":
            return Reason(code=code, source=self._topology.cabinets[row.circuit].cabinet_id)
        return Reason(
            code=code,
            circuit_id=self._topology.circuits[row.circuit].circuit_id,
            phase=None if row.phase is None else row.phase + 1,
            source=self._sources[number],
            detail=_DETAILS.get(row.kind),
        )
