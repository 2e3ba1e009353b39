"""Random sites: trees of circuits with their buildings, EVSEs, cars, meters and lines, each from its number.

What is drawn stands in docs/benchmarks.md. All of it is assumed but what the shipped kinds of site
(`simulation.arrivals`), the fleet of cars and the building's load bring along.
"""

from __future__ import annotations

import random
from datetime import UTC, date, datetime
from math import ceil, exp, log
from typing import Literal, TypeAlias

import numpy as np
from msgspec import Struct, structs

from ampacity.control.topology import Topology
from ampacity.model.phases import Rotation
from ampacity.model.site import Circuit, EvseKey, MeterConfig, SharingRules, Site
from ampacity.simulation.arrivals import Visit, archetype
from ampacity.simulation.batch.world import F
from ampacity.simulation.building import BuildingLoad
from ampacity.simulation.electrical.breaker import Curve
from ampacity.simulation.evses import EvsePlan, PhaseRotation, workplace_evses

DAY = date(2026, 11, 24)
"""A Tuesday."""
BEGINS_HOUR = 4
SLOWEST_S, QUICKEST_S = 20.0, 0.5
"""From a command to its answer."""
MOST_LOST = 0.10
OUTAGES_A_DAY = 1.0
"""Of a station's line, on average."""

LARGEST_C_A = 125.0
"""Miniature breakers end there (IEC 60898-1)."""
GRID_SHARE, PANEL_SHARE = (0.15, 0.4), (0.4, 0.9)
"""What a circuit is built to give its cars, as a share of what all of them could take on a phase."""
GRID_BUILDING, PANEL_BUILDING = (0.7, 1.6), (0.1, 0.4)
"""The most that a building draws there, as a share of that."""
STEPS_S, STEP_SHARE = 600.0, (0.1, 0.4)
"""How long something large is on or off, and how large, as a share of the building's largest load."""

MeterClass: TypeAlias = Literal["2s", "5s", "30s"]
METERS: dict[MeterClass, tuple[float, float]] = {"2s": (1.0, 2.0), "5s": (2.0, 5.0), "30s": (5.0, 30.0)}
"""Intervals of circuit meters by the margin that the law keeps with them."""
KINDS = {"workplace": (1.5, 8), "home": (0.9, 18), "public": (1.8, 16), "depot": (1.0, 18)}
"""Sessions an EVSE and day, and a busy hour, UTC."""
_ROTATIONS: dict[Rotation, PhaseRotation] = {
    (0, 1, 2): "RST",
    (0, 2, 1): "RTS",
    (1, 0, 2): "SRT",
    (1, 2, 0): "STR",
    (2, 0, 1): "TRS",
    (2, 1, 0): "TSR",
}


class Line(Struct, frozen=True, kw_only=True):
    """A station's line: `latency_s` is the median from a command to its answer; the rest are shares of
    messages that are lost, of each sort."""

    latency_s: float
    commands_lost: float
    answers_lost: float
    samples_lost: float


class FleetSite(Struct, frozen=True, kw_only=True):
    """One site and all that happens there but what control makes of it.

    `base_a` (T, rows) is what everything but the cars draws on each circuit phase (three a circuit), second
    by second from `starts_at` on; `readings_lost` the share of the circuit meters' readings. `outages` are
    the times in which a station has no line, in seconds of the run.
    """

    number: int
    kind: str
    meter: MeterClass
    site: Site
    starts_at: datetime
    evses: tuple[EvsePlan, ...]
    visits: tuple[Visit, ...]
    base_a: F
    curves: tuple[Curve, ...]
    lines: dict[EvseKey, Line]
    readings_lost: float
    outages: dict[str, tuple[tuple[float, float], ...]]

    @property
    def seconds(self) -> int:
        """How long it runs."""
        return len(self.base_a)


def fleet_site(number: int, seed: int, hours: float, *, busy: bool = False) -> FleetSite:
    """Site `number` for `hours` from four in the morning on, or (`busy`) from the busy hour of its kind. Its
    tree, EVSEs, lines and cars are the same for any of them."""
    rng = random.Random(f"{seed}/{number}")
    meter: MeterClass = ("2s", "5s", "30s")[number % 3]
    kind = rng.choice(list(KINDS))
    sessions, hour = KINDS[kind]
    starts_at = datetime(DAY.year, DAY.month, DAY.day, hour if busy else BEGINS_HOUR, tzinfo=UTC)
    seconds = round(hours * 3600)
    plans = _evses(rng, rng.randint(8, 40))
    circuits, places = _tree(rng, len(plans), rng.choice((1, 2, 3)))
    site = Site(
        site_id=f"site-{number}",
        operator_id="bench",
        name=f"{kind} {number}",
        time_zone="UTC",
        circuits=circuits,
        evses=tuple(plan.as_evse(place) for plan, place in zip(plans, places, strict=True)),
        sharing=SharingRules(fairness="deadline"),
        lease_s=rng.choice((180.0, 300.0, 600.0)),
        commissioned=True,
    )
    site, own = _rated(rng, site, starts_at, seconds)
    site = _metered(rng, site, round(rng.uniform(*METERS[meter]), 1), own)
    base_a = _summed(site, own)
    site = _reserved(rng, site, base_a)
    plans = tuple(structs.replace(p, safe_a=e.safe_a) for p, e in zip(plans, site.evses, strict=True))
    visits = archetype(kind).generate(
        np.random.default_rng([seed, number]), DAY, plans, sessions_per_evse=sessions
    )
    begins_s = starts_at.timestamp()
    return FleetSite(
        number=number,
        kind=kind,
        meter=meter,
        site=site,
        starts_at=starts_at,
        evses=plans,
        visits=tuple(v for v in visits if v.departure_s > begins_s and v.arrival_s < begins_s + seconds),
        base_a=base_a,
        curves=tuple(
            rng.choice(("C", "gG") if circuit.rating_a <= LARGEST_C_A else ("MCCB", "gG"))
            for circuit in site.circuits
        ),
        lines={evse.key: _line(rng) for evse in site.evses},
        readings_lost=rng.uniform(0.0, MOST_LOST),
        outages={plan.station_id: _outages(random.Random(rng.random()), seconds) for plan in plans},
    )


def _evses(rng: random.Random, count: int) -> tuple[EvsePlan, ...]:
    """Some of the mix of makes (a quarter on one phase, a twelfth DC), wired in any rotation."""
    chosen = sorted(rng.sample(range(48), count))
    mix = workplace_evses(48)
    return tuple(
        structs.replace(mix[k], phase_rotation=rng.choice(list(_ROTATIONS.values()))) for k in chosen
    )


def _tree(rng: random.Random, count: int, levels: int) -> tuple[tuple[Circuit, ...], list[str]]:
    """Circuits without ratings, and each EVSE's."""
    rotations = tuple(_ROTATIONS)

    def below(parent: Circuit, number: int) -> Circuit:
        name = f"{parent.circuit_id}.{number}"
        rotation = rng.choice(rotations)
        return Circuit(
            circuit_id=name, name=name, rating_a=1.0, parent_id=parent.circuit_id, rotation=rotation
        )

    whole = [Circuit(circuit_id="grid", name="grid", rating_a=1.0)]
    leaves = whole[:]
    for _ in range(levels - 1):
        leaves = [below(parent, k) for parent in leaves for k in range(rng.randint(2, 3))]
        whole += leaves
    return tuple(whole), [rng.choice(leaves).circuit_id for _ in range(count)]


def _rated(rng: random.Random, site: Site, starts_at: datetime, seconds: int) -> tuple[Site, dict[str, F]]:
    """The site with ratings that bind, and what is drawn at each circuit itself, (T, 3) by circuit: at the
    grid connection up to half of its rating and more, at every third circuit below a little."""
    topology = Topology(site)
    full = np.zeros(topology.row_count)
    most = np.zeros(len(site.circuits))
    for i, evse in enumerate(site.evses):
        for row in topology.rows_of(i):
            full[row] += evse.max_a
        for k in topology.ancestors[topology.circuit_of[i]]:
            most[k] = max(most[k], evse.max_a)
    own: dict[str, F] = {}
    circuits = []
    for k, circuit in enumerate(site.circuits):
        root = circuit.parent_id is None
        cars_a = rng.uniform(*(GRID_SHARE if root else PANEL_SHARE)) * full[3 * k : 3 * k + 3].max()
        cars_a = max(cars_a, most[k] + 6.0, 16.0)
        building_a = 0.0
        if root or rng.random() < 1 / 3:
            building_a = cars_a * rng.uniform(*(GRID_BUILDING if root else PANEL_BUILDING))
            course = random.Random(rng.random())
            own[circuit.circuit_id] = _building(course, building_a, starts_at, seconds)
        circuits.append(structs.replace(circuit, rating_a=5.0 * ceil((cars_a + building_a) / 5.0)))
    return structs.replace(site, circuits=tuple(circuits)), own


def _building(rng: random.Random, most_a: float, starts_at: datetime, seconds: int) -> F:
    """A building of at most `most_a` a phase: the course and the switching appliances of
    `simulation.building`, and something large that goes on and off each ten minutes or so."""
    at_s = starts_at.timestamp() + np.arange(seconds, dtype=float)
    load = BuildingLoad(rng.randrange(2**31)).currents_a(at_s)
    largest = load.max()
    t = 0
    while t < seconds:
        lasts = round(STEPS_S * rng.uniform(0.3, 1.7))
        if rng.random() < 0.5:
            phases = rng.sample(range(3), rng.choice((1, 3)))
            load[t : t + lasts, phases] += largest * rng.uniform(*STEP_SHARE)
        t += lasts
    scaled: F = load * (most_a / load.max())
    return scaled


def _metered(rng: random.Random, site: Site, interval_s: float, own: dict[str, F]) -> Site:
    """The grid connection has a meter, and half of the circuits below with loads of their own."""
    meter = MeterConfig(protocol="push", interval_s=interval_s)
    circuits = tuple(
        structs.replace(circuit, meter=meter)
        if circuit.parent_id is None or (circuit.circuit_id in own and rng.random() < 0.5)
        else circuit
        for circuit in site.circuits
    )
    return structs.replace(site, circuits=circuits)


def _summed(site: Site, own: dict[str, F]) -> F:
    """Every circuit's own load on all circuits that carry it."""
    topology = Topology(site)
    seconds = len(next(iter(own.values())))
    total = np.zeros((seconds, 3 * len(site.circuits)))
    for circuit_id, load in own.items():
        for phase, path in enumerate(topology.paths[topology.index[circuit_id]]):
            for row in path:
                total[:, row] += load[:, phase]
    return total


def _reserved(rng: random.Random, site: Site, base_a: F) -> Site:
    """The site with worst bases, and safe currents that all may draw at once beside them (docs/control.md:
    so it is commissioned). Where a circuit was drawn too small for its worst base, it becomes larger."""
    topology = Topology(site)
    worst = np.ceil(base_a.max(axis=0).reshape(-1, 3).max(axis=1))
    circuits = tuple(
        structs.replace(
            circuit, reserve_a=float(most_a), rating_a=max(circuit.rating_a, 5.0 * ceil(most_a / 5.0) + 20.0)
        )
        for circuit, most_a in zip(site.circuits, worst, strict=True)
    )
    left = [circuit.rating_a - circuit.reserve_a for circuit in circuits for _ in range(3)]
    evses = list(site.evses)
    for i in rng.sample(range(len(evses)), len(evses)):
        rows, safe_a = topology.rows_of(i), evses[i].safe_a
        if any(left[row] < safe_a for row in rows):
            evses[i] = structs.replace(evses[i], safe_a=0.0)
            continue
        for row in rows:
            left[row] -= safe_a
    return structs.replace(site, circuits=circuits, evses=tuple(evses))


def _line(rng: random.Random) -> Line:
    """Latency lognormal around 2.5 s, one in twenty above 12 s, kept within the bounds."""
    return Line(
        latency_s=clipped(exp(rng.gauss(log(2.5), 0.95))),
        commands_lost=rng.uniform(0.0, MOST_LOST),
        answers_lost=rng.uniform(0.0, MOST_LOST),
        samples_lost=rng.uniform(0.0, MOST_LOST),
    )


def clipped(latency_s: float) -> float:
    """Within the bounds of latency."""
    return min(SLOWEST_S, max(QUICKEST_S, latency_s))


def _outages(rng: random.Random, seconds: int) -> tuple[tuple[float, float], ...]:
    found, at = [], rng.expovariate(OUTAGES_A_DAY / 86_400.0)
    while at < seconds:
        ends = at + min(3600.0, 60.0 + rng.expovariate(1 / 300.0))
        found.append((at, ends))
        at = ends + rng.expovariate(OUTAGES_A_DAY / 86_400.0)
    return tuple(found)
