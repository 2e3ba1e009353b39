"""The reservation sum, checked from outside: what the decision promises against what the circuits carry."""

from __future__ import annotations

import math

from .devices import DeviceRows
from .loading import entries_of
from .settings import DEFAULTS
from .topology import Topology
from .types import CircuitPhase, Decision, Snapshot


def reservation_excess(
    snapshot: Snapshot, decision: Decision, topology: Topology | None = None
) -> dict[CircuitPhase, float]:
    """Circuit phases and other rows of circuits that are promised more than their limit, and by how many
    amperes (of power: watts by the voltage to neutral). Empty is good.

    Promised are the base and, for every EVSE, the most that it may draw: what it holds or is raised to now,
    whichever is more. Only a cut that goes out now, or went out no longer ago than the reaction time, counts
    as landed: a limit that a person lowers takes that long to reach the cars. Afterwards an EVSE that did not
    confirm it counts with the old limit again, and so does one that confirmed it and draws more.

    A phase in `decision.overcommitted` may show an excess (everything that can be 0 there is); any other one
    is a fault.
    """
    tree = Topology(snapshot.site) if topology is None else topology
    limits: dict[CircuitPhase, float] = {}
    bases: dict[CircuitPhase, float] = {}
    limited: set[int] = set()
    for k, circuit in enumerate(tree.circuits):
        ledger = decision.circuits[circuit.circuit_id]
        for phase, base in enumerate(ledger.base_a):
            limits[circuit.circuit_id, phase + 1], bases[circuit.circuit_id, phase + 1] = ledger.limit_a, base
        for other in ledger.others:
            unit = snapshot.site.voltage_v if other.kind in ("watts", "va") else 1.0
            limits[circuit.circuit_id, other.row] = other.limit / unit
            bases[circuit.circuit_id, other.row] = other.base / unit
            if other.kind == "watts":
                limited.add(k)
    power_limited = frozenset(limited)
    places = [tree.place(row) for row in range(tree.row_count)]
    promised = [bases.get(place, 0.0) for place in places]
    devices = DeviceRows(tree, snapshot.devices, snapshot.at, DEFAULTS)
    promised = [base + most_a for base, most_a in zip(promised, devices.high_a, strict=True)]
    raised = {grant.key: grant.limit_a for grant in decision.raises}
    for i, evse in enumerate(tree.evses):
        if evse.key in decision.cutting:
            amperes = decision.cutting[evse.key]
        else:
            amperes = max(decision.held_a[evse.key], raised.get(evse.key, 0.0))
        state = snapshot.evses.get(evse.key)
        narrow = None
        if state is not None and state.session and state.phases and set(state.phases) <= set(evse.phases):
            narrow = state.phases
        in_watts = state is not None and state.in_watts
        entries = entries_of(tree, i, narrow, in_watts=in_watts, power_limited=power_limited)
        for row, coefficient in entries.pairs():
            promised[row] += coefficient * amperes
    excess: dict[CircuitPhase, float] = {}
    for place, amperes in zip(places, promised, strict=True):
        over = amperes - limits.get(place, math.inf)
        if over > 1e-6:
            excess[place] = over
    return excess
