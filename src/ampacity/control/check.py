"""The reservation sum, checked from outside: what the decision promises against what the circuits carry."""

from __future__ import annotations

from .topology import Topology
from .types import CircuitPhase, Decision, Snapshot


def reservation_excess(
    snapshot: Snapshot, decision: Decision, topology: Topology | None = None
) -> dict[CircuitPhase, float]:
    """Circuit phases that are promised more than their limit, and by how many amperes. Empty is good.

    Promised are the base and, for every EVSE, the most that it may draw: what it holds or is raised to now,
    whichever is more. Only a cut that goes out now, or went out no longer ago than the reaction time, counts
    as landed: a limit that a person lowers takes that long to reach the cars. Afterwards an EVSE that did not
    confirm it counts with the old limit again, and so does one that confirmed it and draws more.

    A phase in `decision.overcommitted` may show an excess (everything that can be 0 there is); any other one
    is a fault.
    """
    tree = Topology(snapshot.site) if topology is None else topology
    promised = [base for circuit in tree.circuits for base in decision.circuits[circuit.circuit_id].base_a]
    devices = {device.device_id: device for device in tree.site.devices}
    for device_id, held_a in decision.devices_a.items():
        k = tree.index[devices[device_id].circuit_id]
        for phase, amperes in enumerate(held_a):
            for row in tree.paths[k][phase]:
                # What feeds in does not relieve the busbar that it feeds.
                feeds = row // 3 == k and k != tree.root
                promised[row] += max(0.0, amperes) if feeds else amperes
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
        for row, coefficient in tree.entries_of(i, narrow).pairs():
            promised[row] += coefficient * amperes
    excess: dict[CircuitPhase, float] = {}
    for place, amperes in zip(tree.rows, promised, strict=True):
        circuit = tree.circuits[place.circuit]
        over = amperes - decision.circuits[circuit.circuit_id].limit_a
        if over > 1e-6:
            excess[circuit.circuit_id, place.phase + 1] = over
    return excess
