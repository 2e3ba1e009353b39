"""The demo's site as its operator would have entered it: a grid connection with a meter, and two feeders."""

from __future__ import annotations

from msgspec import structs

from ..model.site import Circuit, MeterConfig, Site, Strategy
from ..simulation.scenario import WorldPlan

GRID, EAST, WEST = "grid", "east", "west"
FEEDER_SHARE = 0.7
WORST_BASE_A = 95.0
"""Reserved for the building when its meter is dead: a bit above its worst hour."""


def demo_site(plan: WorldPlan, operator_id: str, meter_address: str, strategy: Strategy) -> Site:
    """Every other EVSE hangs on the other feeder."""
    feeder_a = float(round(plan.limit_a * FEEDER_SHARE))
    evses = []
    for number, evse in enumerate(plan.evses):
        feeder = EAST if number % 2 == 0 else WEST
        label = f"{'A' if feeder == EAST else 'B'}{number // 2 + 1:02d}"
        evses.append(structs.replace(evse.as_evse(feeder), label=label))
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
