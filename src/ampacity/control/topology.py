"""A site's tree as rows: one row for each circuit and phase, and which rows an EVSE loads.

A load on some phases of a circuit is carried by that circuit and all its ancestors, each time on the phase
that the rotations lead to. Row `3 * circuit + phase` is a constraint; everything else in this room works on
rows alone, so that no branch for one-phase, three-phase or rotated sockets exists anywhere. An ampere of an
EVSE loads a row with its *coefficient*.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple, TypeAlias

from msgspec import Struct

from ampacity.model.devices import trouble
from ampacity.model.phases import PerPhase
from ampacity.model.site import Circuit, Evse, EvseKey, Site

Rows = tuple[int, ...]
RowKind: TypeAlias = Literal["phase"]


class Entries(NamedTuple):
    """How an EVSE loads rows: each of its amperes loads `rows[e]` by `coefficients[e]`."""

    rows: Rows
    coefficients: tuple[float, ...]

    def pairs(self) -> Iterator[tuple[int, float]]:
        """Row and coefficient, entry by entry."""
        return zip(self.rows, self.coefficients, strict=True)


class Row(Struct, frozen=True, gc=False):
    """One constraint: which `circuit` (by number) it belongs to, and which of its phases."""

    kind: RowKind
    circuit: int
    phase: int


class TopologyError(ValueError):
    """A site that is not a tree, or an EVSE that hangs nowhere. The message names the thing and the
    remedy."""


class Topology:
    """The rows of one site. Build it once for each `Site`; it never changes.

    `circuits[k]` has the rows `3k..3k+2`; `evses[i]` hangs on circuit `circuit_of[i]`. `paths[k][p]` are the
    rows from phase `p` of circuit `k` up to the grid connection, both included; `ancestors[k]` are those
    circuits.
    """

    def __init__(self, site: Site) -> None:
        self.site = site
        self.circuits: tuple[Circuit, ...] = site.circuits
        self.evses: tuple[Evse, ...] = site.evses
        self.index: dict[str, int] = {}
        for k, circuit in enumerate(site.circuits):
            if circuit.circuit_id in self.index:
                raise TopologyError(
                    f"circuit {circuit.circuit_id} is listed twice: give each circuit its own id"
                )
            if sorted(circuit.rotation) != [0, 1, 2]:
                raise TopologyError(
                    f"circuit {circuit.circuit_id}: rotation {circuit.rotation} is not an order of (0, 1, 2)"
                )
            self.index[circuit.circuit_id] = k
        roots = [k for k, circuit in enumerate(site.circuits) if circuit.parent_id is None]
        if len(roots) != 1:
            raise TopologyError(
                f"site {site.site_id} has {len(roots)} grid connections: exactly one circuit has no parent"
            )
        self.root = roots[0]
        self.paths: tuple[tuple[Rows, Rows, Rows], ...] = tuple(
            self._paths(k) for k in range(len(site.circuits))
        )
        self.ancestors: tuple[tuple[int, ...], ...] = tuple(
            tuple(row // 3 for row in path[0]) for path in self.paths
        )
        self.evse_index: dict[EvseKey, int] = {}
        self.circuit_of: list[int] = []
        for evse in site.evses:
            if evse.circuit_id not in self.index:
                raise TopologyError(
                    f"EVSE {evse.key} hangs on circuit {evse.circuit_id}, which the site does not have"
                )
            if evse.key in self.evse_index:
                raise TopologyError(
                    f"EVSE {evse.key} is listed twice: give each EVSE its own station and number"
                )
            phases = evse.phases
            if not phases or len(set(phases)) != len(phases) or not set(phases) <= {0, 1, 2}:
                raise TopologyError(f"EVSE {evse.key}: phases {phases} must be different ones of 0, 1, 2")
            self.evse_index[evse.key] = len(self.circuit_of)
            self.circuit_of.append(self.index[evse.circuit_id])
        named: set[str] = set()
        for device in site.devices:
            wrong = trouble(device)
            if device.circuit_id not in self.index:
                wrong = f"hangs on circuit {device.circuit_id}, which the site does not have"
            elif device.device_id in named:
                wrong = "is listed twice: give each device its own id"
            if wrong is not None:
                raise TopologyError(f"device {device.device_id}: {wrong}")
            named.add(device.device_id)
        self.rows: tuple[Row, ...] = tuple(
            Row("phase", k, phase) for k in range(len(self.circuits)) for phase in range(3)
        )
        self._entries: dict[tuple[int, tuple[int, ...]], Entries] = {}

    @property
    def row_count(self) -> int:
        """How many rows there are: three for each circuit first, circuit by circuit."""
        return len(self.rows)

    def rows_of(self, evse: int, phases: tuple[int, ...] | None = None) -> Rows:
        """The circuit phases that EVSE number `evse` loads, on all its phases or only on `phases` of its
        circuit."""
        path = self.paths[self.circuit_of[evse]]
        chosen = self.evses[evse].phases if phases is None else phases
        return tuple(row for phase in chosen for row in path[phase])

    def entries_of(self, evse: int, phases: tuple[int, ...] | None = None) -> Entries:
        """All rows that EVSE number `evse` loads, and by how much: on all its phases or only on `phases` of
        its circuit."""
        key = (self.circuit_of[evse], self.evses[evse].phases if phases is None else phases)
        entries = self._entries.get(key)
        if entries is None:
            rows = self.rows_of(evse, phases)
            entries = self._entries[key] = Entries(rows, (1.0,) * len(rows))
        return entries

    def spread(self, sums: list[float], evse: int, current_a: PerPhase) -> None:
        """Add a current on the phases of the EVSE's circuit to all rows that carry it."""
        for phase, amperes in enumerate(current_a):
            if amperes:
                for row in self.paths[self.circuit_of[evse]][phase]:
                    sums[row] += amperes

    def _paths(self, k: int) -> tuple[Rows, Rows, Rows]:
        paths: list[list[int]] = [[], [], []]
        phases = [0, 1, 2]
        seen: set[int] = set()
        at: int | None = k
        while at is not None:
            if at in seen:
                raise TopologyError(
                    f"circuit {self.circuits[at].circuit_id} is its own ancestor: cut the loop"
                )
            seen.add(at)
            circuit = self.circuits[at]
            for p in range(3):
                paths[p].append(3 * at + phases[p])
            phases = [circuit.rotation[p] for p in phases]
            if circuit.parent_id is None:
                break
            at = self.index.get(circuit.parent_id)
            if at is None:
                raise TopologyError(
                    f"circuit {circuit.circuit_id} hangs on {circuit.parent_id}, which the site does not have"
                )
        return tuple(paths[0]), tuple(paths[1]), tuple(paths[2])
