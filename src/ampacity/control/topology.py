"""A site's tree as rows: the constraints of every circuit, and where they lie.

A load on some phases of a circuit is carried by that circuit and all its ancestors, each time on the phase
that the rotations lead to. Row `3 * circuit + phase` is the current in that conductor; behind those come the
circuits' other rows: power, neutral, unbalance, and the modules of power cabinets. How much of each an ampere
of an EVSE takes is its *coefficient* (`loading`); everything else in this room works on rows and coefficients
alone, so that no branch for one-phase, three-phase, rotated, delta or DC exists anywhere.

Rows of power are in amperes as well: watts divided by the voltage to neutral, so that an ampere on three
phases takes three.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple, TypeAlias

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from ampacity.model.devices import Device, trouble
from ampacity.model.phases import PerPhase
from ampacity.model.site import Cabinet, Circuit, Evse, EvseKey, Site

Rows = tuple[int, ...]
RowKind: TypeAlias = Literal["phase", "line", "watts", "va", "neutral", "unbalance", "cabinet"]
"""`phase`: the current in a conductor. `line`: the same once more, seen from the other side of its angle (see
`loading`). `watts`, `va`: active and apparent power of all phases together. `neutral`, `unbalance`: by how
much a phase may lead the least loaded one. `cabinet`: modules in use."""

_MARKS: dict[RowKind, int] = {"phase": 1, "watts": 4, "va": 5, "neutral": 6, "unbalance": 9, "line": 12}


class Entries(NamedTuple):
    """How an EVSE loads rows: each of its amperes loads `rows[e]` by `coefficients[e]`."""

    rows: Rows
    coefficients: tuple[float, ...]

    def pairs(self) -> Iterator[tuple[int, float]]:
        """Row and coefficient, entry by entry."""
        return zip(self.rows, self.coefficients, strict=True)


class Wires(NamedTuple):
    """The entries of many loads in one list: entry `e` is of load `load[e]` (ascending), on row `row[e]`."""

    entries: list[Entries]
    load: NDArray[np.intp]
    row: NDArray[np.intp]
    coefficient: NDArray[np.float64]

    def sums(self, current_a: Sequence[float], rows: int) -> list[float]:
        """What the loads' amperes add to each of so many rows."""
        weight = self.coefficient * np.asarray(current_a, np.float64)[self.load]
        added: list[float] = np.bincount(self.row, weight, rows).tolist()
        return added

    def of(self, loads: Sequence[int]) -> Wires:
        """Those of some loads (ascending) only, which are numbered anew."""
        if len(loads) == len(self.entries):
            return self
        place = np.full(len(self.entries), -1)
        place[list(loads)] = np.arange(len(loads))
        number = place[self.load]
        inside = number >= 0
        entries = [self.entries[i] for i in loads]
        return Wires(entries, number[inside], self.row[inside], self.coefficient[inside])


def wires_of(tree: Topology, entries: list[Entries]) -> Wires:
    """The entries of all EVSEs in one list: that of the last time, where they are the same."""
    if tree.wires is None or tree.wires.entries != entries:
        load = np.repeat(np.arange(len(entries)), [len(one.rows) for one in entries])
        row = np.fromiter((row for one in entries for row in one.rows), np.intp, len(load))
        share = np.fromiter((x for one in entries for x in one.coefficients), np.float64, len(load))
        tree.wires = Wires(entries, load, row, share)
    return tree.wires


class Row(Struct, frozen=True, gc=False):
    """One constraint: which `circuit` it belongs to (by number; a cabinet's by the cabinet's number), and
    which of its phases (0..2; None where it is of all)."""

    kind: RowKind
    circuit: int
    phase: int | None = None

    @property
    def mark(self) -> int:
        """The row's number within its circuit: 1..3 are the phases (see `types.CircuitPhase`)."""
        return _MARKS.get(self.kind, 0) + (self.phase or 0)


def is_pair(site: Site, load: Evse | Device) -> bool:
    """Whether a load stands between two conductors, without the neutral."""
    if len(load.phases) != 2:
        return False
    return site.supply != "wye" or (isinstance(load, Evse) and load.line_to_line)


class TopologyError(ValueError):
    """A site that is not a tree, or an EVSE that hangs nowhere. The message names the thing and the
    remedy."""


class Topology:
    """The rows of one site. Build it once for each `Site`; it never changes.

    `circuits[k]` has the rows `3k..3k+2` and others, all of them in `rows_in[k]`; `evses[i]` hangs on circuit
    `circuit_of[i]`. `paths[k][p]` are the phase rows from phase `p` of circuit `k` up to the grid connection,
    both included; `ancestors[k]` are those circuits. `between_lines` are the circuits that carry loads
    between two of three lines, whose currents add as phasors. `power_limited` are the circuits whose power
    is limited by what the site says itself; `power_above[k]` are the rows of power from circuit `k` up.
    `pairs` are the EVSEs that are one load between two conductors.
    """

    def __init__(self, site: Site) -> None:
        self.site = site
        self.circuits: tuple[Circuit, ...] = site.circuits
        self.evses: tuple[Evse, ...] = site.evses
        self.cabinets: tuple[Cabinet, ...] = site.cabinets
        self.lines: tuple[int, ...] = (0, 1) if site.supply == "split" else (0, 1, 2)
        self.index: dict[str, int] = {}
        for k, circuit in enumerate(site.circuits):
            self._check_circuit(circuit)
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
        self.cabinet_index: dict[str, int] = {c.cabinet_id: k for k, c in enumerate(site.cabinets)}
        self.evse_index: dict[EvseKey, int] = {}
        self.circuit_of: list[int] = []
        for evse in site.evses:
            self._check_evse(evse)
            self.evse_index[evse.key] = len(self.circuit_of)
            self.circuit_of.append(self.index[evse.circuit_id])
        named: set[str] = set()
        for device in site.devices:
            wrong = trouble(device) or self._missing_line(device)
            if device.circuit_id not in self.index:
                wrong = f"hangs on circuit {device.circuit_id}, which the site does not have"
            elif device.device_id in named:
                wrong = "is listed twice: give each device its own id"
            if wrong is not None:
                raise TopologyError(f"device {device.device_id}: {wrong}")
            named.add(device.device_id)
        loads: tuple[Evse | Device, ...] = (*site.evses, *site.devices)
        self.between_lines: frozenset[int] = frozenset(
            j
            for load in loads
            if is_pair(site, load) and site.supply != "split"
            for j in self.ancestors[self.index[load.circuit_id]]
        )
        self.power_limited: frozenset[int] = frozenset(
            k
            for k, circuit in enumerate(site.circuits)
            if circuit.rating_w is not None
            or any(s.limit_w is not None or s.fallback_w is not None for s in circuit.limits)
        )
        self.rows: tuple[Row, ...] = (
            *(Row("phase", k, phase) for k in range(len(self.circuits)) for phase in range(3)),
            *(row for k in range(len(self.circuits)) for row in self._others(k)),
            *(Row("cabinet", k) for k in range(len(self.cabinets))),
        )
        self.numbers: dict[Row, int] = {row: number for number, row in enumerate(self.rows)}
        within: list[list[int]] = [[] for _ in self.circuits]
        for number, row in enumerate(self.rows):
            if row.kind != "cabinet":
                within[row.circuit].append(number)
        self.rows_in: tuple[Rows, ...] = tuple(tuple(rows) for rows in within)
        self.power_above: tuple[Rows, ...] = tuple(
            tuple(n for j in above for n in self.rows_in[j] if self.rows[n].kind in ("watts", "va"))
            for above in self.ancestors
        )
        self.pairs: frozenset[int] = frozenset(i for i, evse in enumerate(site.evses) if self.is_pair(evse))
        self.keys: tuple[EvseKey, ...] = tuple(self.evse_index)
        self.kept: dict[object, Entries] = {}
        self.wires: Wires | None = None

    @property
    def row_count(self) -> int:
        """How many rows there are: three for each circuit first, circuit by circuit."""
        return len(self.rows)

    def is_pair(self, evse: Evse) -> bool:
        """Whether the EVSE is one load between two conductors, without the neutral."""
        return is_pair(self.site, evse)

    def rows_of(self, evse: int, phases: tuple[int, ...] | None = None) -> Rows:
        """The circuit phases that EVSE number `evse` loads, on all its phases or only on `phases` of its
        circuit."""
        path = self.paths[self.circuit_of[evse]]
        chosen = self.evses[evse].phases if phases is None else phases
        return tuple(row for phase in chosen for row in path[phase])

    def late_s(self, evse: int) -> float:
        """How much later than others EVSE number `evse` follows a raise: its cabinet may move modules."""
        cabinet_id = self.evses[evse].cabinet_id
        return 0.0 if cabinet_id is None else self.cabinets[self.cabinet_index[cabinet_id]].move_s

    def place(self, row: int) -> tuple[str, int]:
        """A row as `types.CircuitPhase` names it."""
        found = self.rows[row]
        if found.kind == "cabinet":
            return self.cabinets[found.circuit].cabinet_id, 0
        return self.circuits[found.circuit].circuit_id, found.mark

    def at_phases(self, evse: int, current_a: PerPhase) -> Iterator[tuple[int, float]]:
        """A current on the phases of the EVSE's circuit, as phase rows and amperes."""
        for phase, amperes in enumerate(current_a):
            if amperes:
                for row in self.paths[self.circuit_of[evse]][phase]:
                    yield row, amperes

    def _others(self, k: int) -> Iterator[Row]:
        circuit = self.circuits[k]
        yield Row("watts", k)
        if circuit.rating_va is not None:
            yield Row("va", k)
        if k in self.between_lines:
            yield from (Row("line", k, phase) for phase in self.lines)
        if circuit.neutral_a is not None:
            yield from (Row("neutral", k, phase) for phase in self.lines)
        if circuit.unbalance_a is not None:
            yield from (Row("unbalance", k, phase) for phase in self.lines)

    def _missing_line(self, device: Device) -> str | None:
        phases, supply = device.phases, self.site.supply
        if not set(phases) <= set(self.lines):
            return f"phases {phases} on split phase, which has 0 and 1 only"
        if supply == "delta" and len(phases) == 1:
            return f"phases {phases} on a delta supply, which has no neutral: name two or three"
        return None

    def _check_circuit(self, circuit: Circuit) -> None:
        if circuit.circuit_id in self.index:
            raise TopologyError(f"circuit {circuit.circuit_id} is listed twice: give each circuit its own id")
        if sorted(circuit.rotation) != [0, 1, 2]:
            raise TopologyError(
                f"circuit {circuit.circuit_id}: rotation {circuit.rotation} is not an order of (0, 1, 2)"
            )
        if self.site.supply == "split" and circuit.rotation[2] != 2:
            raise TopologyError(
                f"circuit {circuit.circuit_id}: rotation {circuit.rotation} uses a third line, which split "
                "phase does not have: (0, 1, 2) or (1, 0, 2)"
            )
        if self.site.supply == "delta" and circuit.neutral_a is not None:
            raise TopologyError(
                f"circuit {circuit.circuit_id} limits its neutral, which a delta supply does not have: leave "
                "neutral_a out"
            )

    def _check_evse(self, evse: Evse) -> None:
        if evse.circuit_id not in self.index:
            raise TopologyError(
                f"EVSE {evse.key} hangs on circuit {evse.circuit_id}, which the site does not have"
            )
        if evse.key in self.evse_index:
            raise TopologyError(f"EVSE {evse.key} is listed twice: give each EVSE its own station and number")
        phases, supply = evse.phases, self.site.supply
        if not phases or len(set(phases)) != len(phases) or not set(phases) <= {0, 1, 2}:
            raise TopologyError(f"EVSE {evse.key}: phases {phases} must be different ones of 0, 1, 2")
        if not set(phases) <= set(self.lines):
            raise TopologyError(f"EVSE {evse.key}: phases {phases} on split phase, which has 0 and 1 only")
        if supply == "delta" and len(phases) == 1:
            raise TopologyError(
                f"EVSE {evse.key}: phases {phases} on a delta supply, which has no neutral: name two or three"
            )
        if evse.line_to_line and len(phases) != 2:
            raise TopologyError(f"EVSE {evse.key} stands between two lines: phases {phases} must be two")
        if evse.cabinet_id is None:
            return
        if evse.cabinet_id not in self.cabinet_index:
            raise TopologyError(
                f"EVSE {evse.key} shares cabinet {evse.cabinet_id}, which the site does not have"
            )
        cabinet = self.cabinets[self.cabinet_index[evse.cabinet_id]]
        if evse.dc_power_w is None or not cabinet.module_w > 0 or cabinet.modules < 1:
            raise TopologyError(
                f"EVSE {evse.key} on cabinet {evse.cabinet_id}: needs dc_power_w, and the cabinet at least "
                "one module of more than 0 W"
            )

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
