"""The demo's site as its operator would have entered it: a grid connection with a meter, and two feeders."""

from __future__ import annotations

from msgspec import structs

from ..model.site import Circuit, MeterConfig, Site, Strategy
from ..simulation.scenario import WorldPlan

GRID, EAST, WEST = "grid", "east", "west"
FEEDER_SHARE = 0.7
SAFE_PER_FEEDER = 2
"""So many EVSEs of a feeder keep a current while nobody talks to them. On an idle EVSE that current is set
aside, so more of them would cost the others more than they gain.
"""
WORST_BASE_A = 95.0
"""Reserved for the building when its meter is dead: a bit above its worst hour."""


def demo_site(plan: WorldPlan, operator_id: str, meter_address: str, strategy: Strategy) -> Site:
    """Every other EVSE hangs on the other feeder."""
    feeder_a = float(round(plan.limit_a * FEEDER_SHARE))
    evses = []
    unattended = {EAST: 0, WEST: 0}
    for number, evse in enumerate(plan.evses):
        feeder = EAST if number % 2 == 0 else WEST
        label = f"{'A' if feeder == EAST else 'B'}{number // 2 + 1:02d}"
        built = evse.as_evse(feeder)
        unattended[feeder] += built.safe_a > 0
        safe_a = built.safe_a if unattended[feeder] <= SAFE_PER_FEEDER else 0.0
        evses.append(structs.replace(built, label=label, safe_a=safe_a))
    return Site(
        site_id="demo",
        operator_id=operator_id,
        name=plan.name,
        time_zone="UTC",
        circuits=(
            Circuit(
                circuit_id=GRID,
                name="Grid connection",
                rating_a=plan.limit_a,
                meter=MeterConfig(protocol="modbus-tcp", address=meter_address, interval_s=1.0),
                reserve_a=WORST_BASE_A * plan.building_scale,
            ),
            Circuit(circuit_id=EAST, name="Car park east", rating_a=feeder_a, parent_id=GRID),
            Circuit(circuit_id=WEST, name="Car park west", rating_a=feeder_a, parent_id=GRID),
        ),
        evses=tuple(evses),
        strategy=strategy,
        voltage_v=plan.voltage_v,
        commissioned=True,
    )
