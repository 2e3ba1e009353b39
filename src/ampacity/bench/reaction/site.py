"""The site that the reaction is measured at: a metered grid connection, panels, feeders, and cars that draw
what they are told.

An EVSE's I_safe is its maximum here, only so that every car runs at once and a bench need not wait for half
an hour of raises. At base zero all of them fit; each step of the base then asks for a cut at everybody.
"""

from __future__ import annotations

import random

from ...model.phases import PerPhase
from ...model.site import Circuit, Evse, MeterConfig, Site

MAX_A = 32.0
PER_FEEDER, PER_PANEL = 20, 200
ROOM = 1.03
"""The grid connection carries so many times what all cars draw: the margin fits under it as well."""


def site_of(count: int, meter: str, seed: int) -> Site:
    """`count` stations of one EVSE each, six of ten on three phases, the others on one; `meter` is where the
    grid connection's P1 port is."""
    rng = random.Random(seed)
    panels, feeders = -(-count // PER_PANEL), -(-count // PER_FEEDER)
    rotations = ((0, 1, 2), (1, 2, 0), (2, 0, 1))
    evses = tuple(
        Evse(
            station_id=f"S{i:04}",
            evse_id=1,
            circuit_id=f"feeder{i // PER_FEEDER}",
            phases=(0, 1, 2) if rng.random() < 0.6 else (rng.randrange(3),),
            max_a=MAX_A,
            safe_a=MAX_A,
        )
        for i in range(count)
    )
    circuits = [
        Circuit(circuit_id=f"panel{p}", name=f"panel {p}", rating_a=MAX_A * PER_PANEL, parent_id="grid")
        for p in range(panels)
    ]
    circuits += [
        Circuit(
            circuit_id=f"feeder{f}",
            name=f"feeder {f}",
            rating_a=MAX_A * PER_FEEDER,
            parent_id=f"panel{f // (PER_PANEL // PER_FEEDER)}",
            rotation=rotations[f % 3],
        )
        for f in range(feeders)
    ]
    full_a = drawn(grid_phases(evses, circuits), [MAX_A] * count)
    grid = Circuit(
        circuit_id="grid",
        name="grid",
        rating_a=round(ROOM * max(full_a) + 4.0, 1),
        meter=MeterConfig(protocol="p1", address=meter, interval_s=1.0),
        reserve_a=max(full_a),
    )
    return Site(
        site_id="reaction",
        operator_id="default",
        name=f"{count} EVSEs",
        time_zone="UTC",
        circuits=(grid, *circuits),
        evses=evses,
        commissioned=True,
    )


def grid_phases(evses: tuple[Evse, ...], circuits: list[Circuit]) -> list[tuple[int, ...]]:
    """The phases of the grid connection that each EVSE's current flows in."""
    rotation = {circuit.circuit_id: circuit.rotation for circuit in circuits}
    return [tuple(rotation[evse.circuit_id][phase] for phase in evse.phases) for evse in evses]


def drawn(phases: list[tuple[int, ...]], current_a: list[float]) -> PerPhase:
    """What cars with these currents draw from each phase of the grid connection."""
    sums = [0.0, 0.0, 0.0]
    for where, amperes in zip(phases, current_a, strict=True):
        for phase in where:
            sums[phase] += amperes
    return sums[0], sums[1], sums[2]
