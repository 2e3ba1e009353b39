"""What the sections of a scenario say of each other: names that must be there, sums that must fit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final
from zoneinfo import ZoneInfo

from .faults import Fault, absent, shown
from .spec import ArchetypeArrivals, FleetArrivals, HubArrivals, ModelArrivals, Scenario


def _circuits(scenario: Scenario) -> Iterator[Fault]:
    seen: dict[str, int] = {}
    names = [circuit.id for circuit in scenario.circuit]
    for number, circuit in enumerate(scenario.circuit):
        here = f"circuit[{number}]"
        if circuit.id in seen:
            yield Fault(
                key=f"{here}.id",
                value=shown(circuit.id),
                problem=f"is the id of circuit[{seen[circuit.id]}] too",
                remedy="Give each circuit its own.",
            )
        seen.setdefault(circuit.id, number)
        if circuit.parent is not None and circuit.parent not in names:
            yield absent(f"{here}.parent", circuit.parent, names, "circuit")
        if sorted(circuit.rotation) != [0, 1, 2]:
            yield Fault(
                key=f"{here}.rotation",
                value=shown(list(circuit.rotation)),
                problem="isn't an order of 0, 1, 2",
                remedy="Write [1, 2, 0], say.",
            )
        if scenario.supply.kind == "split" and circuit.rotation not in ((0, 1, 2), (1, 0, 2)):
            yield Fault(
                key=f"{here}.rotation",
                value=shown(list(circuit.rotation)),
                problem="a split-phase supply has two conductors",
                remedy="Leave it out, or write [1, 0, 2].",
            )
        if circuit.margin_a >= circuit.rating_a:
            yield Fault(
                key=f"{here}.margin_a",
                value=shown(circuit.margin_a),
                problem=f"leaves nothing of rating_a = {circuit.rating_a:g}",
                remedy="Make it smaller than the rating.",
            )
    roots = [circuit.id for circuit in scenario.circuit if circuit.parent is None]
    if len(roots) != 1:
        yield Fault(
            key="circuit",
            value=", ".join(roots),
            problem=f"{len(roots)} circuits have no parent",
            remedy="Exactly one has none: the grid connection.",
        )
        return
    parents = {circuit.id: circuit.parent for circuit in scenario.circuit}
    for number, circuit in enumerate(scenario.circuit):
        at: str | None = circuit.id
        for _ in scenario.circuit:
            at = parents.get(at) if at is not None else None
        if at is not None:
            yield Fault(
                key=f"circuit[{number}].parent",
                value=shown(circuit.parent),
                problem="leads round in a loop",
                remedy=f"Let it lead to {roots[0]!r} in the end.",
            )


def _references(scenario: Scenario) -> Iterator[Fault]:
    names = [circuit.id for circuit in scenario.circuit]
    places: list[tuple[str, str]] = [
        *((f"evse[{k}].circuit", evse.circuit) for k, evse in enumerate(scenario.evse)),
        *((f"limit[{k}].circuit", limit.circuit) for k, limit in enumerate(scenario.limit)),
        *((f"building[{k}].circuit", load.circuit) for k, load in enumerate(scenario.building)),
    ]
    if scenario.sun is not None:
        places.append(("sun.circuit", scenario.sun.circuit))
    if scenario.storage is not None:
        places.append(("storage.circuit", scenario.storage.circuit))
    for key, circuit in places:
        if circuit not in names:
            yield absent(key, circuit, names, "circuit")
    cabinets = [cabinet.id for cabinet in scenario.cabinet]
    for k, evse in enumerate(scenario.evse):
        if evse.cabinet is not None and evse.cabinet not in cabinets:
            yield absent(f"evse[{k}].cabinet", evse.cabinet, cabinets, "cabinet")
    groups = [evse.id for evse in scenario.evse]
    pools = [evse.pool for evse in scenario.evse if evse.pool is not None]
    for k, arrivals in enumerate(scenario.arrivals):
        for name in arrivals.evses:
            if name not in groups and name not in pools:
                yield absent(f"arrivals[{k}].evses", name, [*groups, *pools], "group of EVSEs or pool")


def _groups(scenario: Scenario) -> Iterator[Fault]:
    seen: set[str] = set()
    for k, evse in enumerate(scenario.evse):
        here = f"evse[{k}]"
        if evse.id in seen:
            yield Fault(
                key=f"{here}.id",
                value=shown(evse.id),
                problem="is the id of another group too",
                remedy="Give each group its own.",
            )
        seen.add(evse.id)
        if evse.dc_kw is None and evse.cabinet is not None:
            yield Fault(
                key=f"{here}.cabinet",
                value=shown(evse.cabinet),
                problem="an AC EVSE has no power cabinet",
                remedy="Give dc_kw, or leave cabinet out.",
            )
        if evse.max_a is not None and evse.max_a < evse.min_a and evse.dc_kw is None:
            yield Fault(
                key=f"{here}.max_a",
                value=shown(evse.max_a),
                problem=f"is below min_a = {evse.min_a:g}",
                remedy="Make it at least that.",
            )
        if scenario.supply.kind == "split" and evse.phases == 3:
            yield Fault(
                key=f"{here}.phases",
                value="3",
                problem="a split-phase supply has no three phases",
                remedy="Write phases = 1 (DC too).",
            )


def _others(scenario: Scenario) -> Iterator[Fault]:
    for k, load in enumerate(scenario.building):
        if load.kw_by_hour is not None and len(load.kw_by_hour) != 24:
            yield Fault(
                key=f"building[{k}].kw_by_hour",
                value=f"{len(load.kw_by_hour)} values",
                problem="a day has 24 hours",
                remedy="Give one value for each.",
            )
    try:
        ZoneInfo(scenario.run.time_zone)
    except (ValueError, OSError, LookupError):
        yield Fault(
            key="run.time_zone",
            value=shown(scenario.run.time_zone),
            problem="is no time zone",
            remedy="Write a name such as Europe/Amsterdam.",
        )
    if scenario.storage is not None and not (
        scenario.storage.soc_min <= scenario.storage.soc <= scenario.storage.soc_max
    ):
        yield Fault(
            key="storage.soc",
            value=shown(scenario.storage.soc),
            problem=f"isn't between soc_min and soc_max, {scenario.storage.soc_min:g} and "
            f"{scenario.storage.soc_max:g}",
            remedy="Start between them.",
        )
    prices = scenario.prices
    ways = [name for name in ("bands", "tariff", "day_ahead", "file") if getattr(prices, name)]
    if len(ways) > 1:
        yield Fault(
            key="prices",
            value=", ".join(ways),
            problem="only one of these can set the price",
            remedy="Keep one of them.",
        )
    if scenario.feeder is not None and (scenario.supply.kind != "wye" or 60.0 % scenario.run.step_s):
        yield Fault(
            key="feeder",
            value="",
            problem="voltages need a wye supply and steps that a minute is a multiple of",
            remedy="Write supply.kind = 'wye' and run.step_s = 60 or less.",
        )
    strategies = scenario.strategies
    if strategies.baseline is not None and strategies.baseline not in strategies.names:
        yield absent("strategies.baseline", strategies.baseline, strategies.names, "name of strategies.names")
    pools = {evse.pool for evse in scenario.evse if evse.pool is not None}
    for k, arrivals in enumerate(scenario.arrivals):
        named = set(arrivals.evses)
        if pools & named and not isinstance(arrivals, ArchetypeArrivals | ModelArrivals | HubArrivals):
            yield Fault(
                key=f"arrivals[{k}].evses",
                value=shown(list(arrivals.evses)),
                problem="these cars have an EVSE each and take none of a pool",
                remedy="Name groups without a pool.",
            )
        if isinstance(arrivals, HubArrivals) and not pools & named:
            yield Fault(
                key=f"arrivals[{k}].evses",
                value=shown(list(arrivals.evses)),
                problem="is no pool",
                remedy="Give the EVSEs a pool = NAME and name that.",
            )
        if isinstance(arrivals, FleetArrivals) and arrivals.back_hour == arrivals.leave_hour:
            yield Fault(
                key=f"arrivals[{k}].leave_hour",
                value=shown(arrivals.leave_hour),
                problem="is the hour of the return",
                remedy="Leave time to charge.",
            )


CHECKS: Final[tuple[Callable[[Scenario], Iterator[Fault]], ...]] = (_circuits, _references, _groups, _others)
