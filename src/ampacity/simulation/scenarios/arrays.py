"""Circuits and sockets as rows and coefficients: what one ampere of an EVSE loads, up to the grid.

A slot of an EVSE lies between a conductor and the neutral, `(p,)`, or between two conductors, `(p, q)`. Its
current is in phase with its voltage (power factor 1). On each row the phase of that row's own conductor is
the reference, so that a load from that conductor to the neutral counts with 1 and a base load is a real
number; a load between two conductors counts with 1 at an angle of 30 degrees to either (Kirchhoff; any
textbook of three-phase circuits). Every phasor is one of the grid connection's: a circuit whose conductors
are swapped or rotated doesn't change what a load between two of them draws.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from msgspec import Struct

from ..batch.world import SLOTS, F, I
from ..electrical.phasors import ROWS, Kind, centre_tap_primary, delta_wye_primary, line_currents, voltages
from .spec import CircuitSpec, SupplySpec, TransformerSpec

Slot: TypeAlias = tuple[int, ...]
"""The conductors of its circuit that a slot lies on: one (and the neutral), or two."""

Coefficients: TypeAlias = dict[int, complex]
"""Amperes on a row for one ampere of a slot."""


def voltage_of(supply: SupplySpec) -> float:
    """Volts across a one-phase EVSE."""
    return supply.voltage_v or {"wye": 230.0, "split": 240.0, "delta": 208.0}[supply.kind]


def neutral_voltage(supply: SupplySpec) -> float:
    """Volts from a conductor to the neutral."""
    return voltage_of(supply) / {"wye": 1.0, "split": 2.0, "delta": math.sqrt(3.0)}[supply.kind]


def slots_of(kind: Kind, phases: int, first: int) -> tuple[Slot, ...]:
    """The slots of an EVSE whose L1 is on conductor `first` (0..2).

    On split-phase every EVSE lies between both legs; on delta one of one phase lies between two conductors
    and one of three phases on all three.
    """
    if kind == "split":
        return ((0, 1),)
    if phases == 3:
        return tuple(((first + k) % 3,) for k in range(3))
    return ((first,),) if kind == "wye" else ((first, (first + 1) % 3),)


class Row(Struct, frozen=True, kw_only=True):
    """One conductor with a limit: `circuit` (None: the transformer's primary side), `conductor` 0..2 or 3 for
    the neutral, and its greatest current."""

    name: str
    circuit: int | None
    conductor: int
    limit_a: float


class Tree:
    """The rows of a site's circuits and what loads them.

    `rows` in order: L1.. of each circuit (and N where it is limited), then the transformer's primary side.
    """

    def __init__(
        self,
        supply: SupplySpec,
        circuits: Sequence[CircuitSpec],
        transformer: TransformerSpec | None = None,
    ) -> None:
        self.supply, self.circuits = supply, tuple(circuits)
        self.count = 2 if supply.kind == "split" else 3
        self.voltages: list[complex] = voltages(supply.kind)[: self.count].tolist()
        self.index = {circuit.id: k for k, circuit in enumerate(circuits)}
        self.root = next(k for k, circuit in enumerate(circuits) if circuit.parent is None)
        self.rows: list[Row] = []
        self.row_of: dict[tuple[int | None, int], int] = {}
        for k, circuit in enumerate(circuits):
            for p in range(self.count):
                self._add(f"{circuit.id} L{p + 1}", k, p, circuit.rating_a - circuit.margin_a)
            if circuit.neutral_a is not None:
                self._add(f"{circuit.id} N", k, 3, circuit.neutral_a)
        self._turns = 0.0
        if transformer is not None:
            self._turns = transformer.primary_v / neutral_voltage(supply)
            limit_a = transformer.kva * 1000.0 / transformer.primary_v
            if self.count == 2:
                self._add("transformer", None, 0, limit_a)
            else:
                for p in range(3):
                    self._add(f"transformer {'ABC'[p]}", None, p, limit_a / math.sqrt(3.0))

    def _add(self, name: str, circuit: int | None, conductor: int, limit_a: float) -> None:
        self.row_of[circuit, conductor] = len(self.rows)
        self.rows.append(Row(name=name, circuit=circuit, conductor=conductor, limit_a=limit_a))

    @property
    def root_rows(self) -> tuple[int, ...]:
        """The rows of the grid connection's conductors."""
        return tuple(self.row_of[self.root, p] for p in range(self.count))

    def path(self, circuit: int) -> tuple[tuple[int, tuple[int, ...]], ...]:
        """From a circuit up to the grid connection: each with the conductor that the first one's conductors
        are wired to there."""
        wired = list(range(self.count))
        steps = []
        at: int | None = circuit
        while at is not None:
            steps.append((at, tuple(wired)))
            spec = self.circuits[at]
            wired = [spec.rotation[p] for p in wired]
            at = None if spec.parent is None else self.index[spec.parent]
        return tuple(steps)

    def load(self, circuit: int, slot: Slot) -> Coefficients:
        """Amperes on every row for one ampere of a slot on `circuit`."""
        path = self.path(circuit)
        grid = path[-1][1]
        if len(slot) == 1:
            return self._spread(path, {slot[0]: self.voltages[grid[slot[0]]]})
        names = "-".join(ROWS[grid[p]] for p in slot)
        current = line_currents(self.supply.kind, names)[:, 0]
        return self._spread(path, {p: complex(current[grid[p]]) for p in slot})

    def shared(self, circuit: int) -> Coefficients:
        """Amperes on every row for one ampere on each conductor of `circuit`, balanced."""
        path = self.path(circuit)
        return self._spread(path, {p: self.voltages[q] for p, q in enumerate(path[-1][1])})

    def alone(self, circuit: int, conductor: int) -> Coefficients:
        """Amperes on every row for one ampere from one conductor of `circuit` to the neutral."""
        path = self.path(circuit)
        return self._spread(path, {conductor: self.voltages[path[-1][1][conductor]]})

    def _spread(
        self, path: tuple[tuple[int, tuple[int, ...]], ...], phasors: dict[int, complex]
    ) -> Coefficients:
        grid = path[-1][1]
        found: Coefficients = {}
        for circuit, wired in path:
            for p, phasor in phasors.items():
                turned = phasor / self.voltages[grid[p]]
                found[self.row_of[circuit, wired[p]]] = complex(
                    round(turned.real, 15), round(turned.imag, 15)
                )
            neutral = self.row_of.get((circuit, 3))
            if neutral is not None:
                back = -sum(phasors.values())
                if abs(back) > 1e-12:
                    found[neutral] = back
        if self._turns:
            lines = np.zeros(3, np.complex128)
            for p, phasor in phasors.items():
                lines[grid[p]] += phasor
            primary = centre_tap_primary if self.count == 2 else delta_wye_primary
            for p, current in enumerate(primary(lines, self._turns).tolist()):
                if abs(current) > 1e-12:
                    found[self.row_of[None, p]] = current
        return found


class Entries(Struct, frozen=True):
    """The sparse coefficients of `batch.world.Evses`."""

    start: I
    row: I
    re: F
    im: F


def entries(loads: Sequence[Sequence[Coefficients]]) -> Entries:
    """Coefficients of each EVSE's slots (at most three), as arrays; slots that it hasn't are empty."""
    start, row, value = [0], [], []
    for slots in loads:
        for s in range(SLOTS):
            for r, phasor in sorted(slots[s].items()) if s < len(slots) else ():
                row.append(r)
                value.append(phasor)
            start.append(len(row))
    phasors = np.array(value, dtype=np.complex128)
    return Entries(
        np.array(start, np.int64), np.array(row, np.int64), phasors.real.copy(), phasors.imag.copy()
    )
