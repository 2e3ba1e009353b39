"""What a scenario's figures rest on, in sentences: where its cars, weather and prices come from."""

from __future__ import annotations

from collections.abc import Iterator

from ..arrivals.archetypes import archetype
from .spec import ArchetypeArrivals, FleetArrivals, HubArrivals, ModelArrivals, Scenario


def assumptions(scenario: Scenario) -> tuple[str, ...]:
    """Said of one scenario; only of what it has."""
    return tuple(_said(scenario))


def _said(scenario: Scenario) -> Iterator[str]:
    for arrivals in scenario.arrivals:
        if isinstance(arrivals, ArchetypeArrivals):
            yield f"Arrivals of kind {arrivals.archetype}: {archetype(arrivals.archetype).source}."
        elif isinstance(arrivals, ModelArrivals):
            yield f"Arrivals drawn by the model in {arrivals.file}."
        elif isinstance(arrivals, HubArrivals):
            yield (
                f"{arrivals.trucks:g} trucks a day break for {arrivals.break_min:g} min and need "
                f"{arrivals.leg_h:g} h of driving: assumed (docs/simulation-models.md)."
            )
        elif isinstance(arrivals, FleetArrivals):
            yield (
                f"Vehicles of kind {arrivals.vehicle}, back at {arrivals.back_hour:g} h and off at "
                f"{arrivals.leave_hour:g} h give or take {arrivals.spread_min:g} min, "
                f"{arrivals.trip_km:g} km a day: assumed."
            )
        else:
            yield (
                f"Sessions replayed from {arrivals.file}: the energy that each car got there is what it asks "
                "for here."
            )
    yield (
        "Cars are drawn among those that could take their energy in their time; curves by state of charge "
        "and temperature, chargers' lag and efficiencies as docs/simulation-models.md has them."
    )
    if scenario.cars.bidirectional_share:
        yield (
            f"{100.0 * scenario.cars.bidirectional_share:g} % of the cars can give back up to "
            f"{scenario.cars.discharge_kw:g} kW down to {100.0 * scenario.cars.soc_floor:g} % of charge."
        )
    if any(evse.pool is not None for evse in scenario.evse):
        yield (
            f"Who finds {scenario.queue.balk_at} cars waiting drives on; patience is exponential with a "
            f"mean of {scenario.queue.patience_min:g} min; who has the energy leaves at once."
        )
    for load in scenario.building:
        kind = "an office, assumed" if load.kw_by_hour is None else "by the hour, as the file gives it"
        yield f"Building at {load.circuit}: {kind}, times {load.scale:g}."
    yield f"Air: the climate of {scenario.weather.place}, {scenario.weather.warmer_k:+g} K."
    yield "Power factor 1; currents between conductors add as phasors; voltage is constant while it runs."
    if any(circuit.breaker for circuit in scenario.circuit):
        yield (
            "Breakers open in the early half of the band that their standards permit, and are closed again "
            f"after {scenario.supply.repair_min:g} min."
        )
    prices = scenario.prices
    yield (
        f"Energy that was possible and not given costs {prices.unmet:g} {prices.currency}/kWh; possible "
        "is what the car takes alone at full current (docs/metrics.md)."
    )
    if prices.demand:
        yield "The demand charge of each calendar month that the run touches counts as a whole."
    yield (
        "Battery wear by two published laws of ageing, beyond what the same time at rest takes, at 120 a kWh "
        "of new battery (docs/simulation-models.md)."
    )
    yield "Strategies see only what a running system would know: declared departures and energies, meters."
