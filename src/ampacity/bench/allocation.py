"""How long the law takes each second: `allocate` with minima, classes, coefficients, rounding and the rows
that bind, and a whole step; how that grows from 10 to 30,000 EVSEs, and what the form over arrays takes,
which runs where numba is not there.

The bound in the same run is plain max-min filling over the same rows in numpy: no minima, no classes, no
explanations, one common level and round by round the fullest row. It is not a rival, it says what the extras
cost.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial
from math import inf

import numpy as np
from numpy.typing import NDArray

from ampacity.control.allocate import Problem, allocate, by_arrays, prepare, problem
from ampacity.control.law import step
from ampacity.control.loading import entries_of
from ampacity.control.state import START
from ampacity.control.topology import Row, Topology
from ampacity.control.types import CircuitState, EvseState, Snapshot
from ampacity.model.phases import on_phases
from ampacity.model.site import Circuit, Evse, MeterConfig, Site

from . import Outcome
from .report import interleaved_medians_s

SEED = 20261121
SIZES = (100, 1_000, 10_000)
GROWTH = (10, 30, 300, 3_000, 30_000)
PER_FEEDER, PER_PANEL = 20, 200


def site_of(count: int, seed: int = SEED) -> Site:
    """Three levels with phases: grid, a panel for 200 EVSEs, a feeder for 20; sized so that many limits
    bind, the power of grid and panels and the unbalance of every fifth feeder among them."""
    r = random.Random(seed)
    panels = max(1, count // PER_PANEL)
    feeders = max(1, count // PER_FEEDER)
    rotations = ((0, 1, 2), (1, 2, 0), (2, 0, 1))
    circuits = [
        Circuit(
            circuit_id="grid",
            name="grid",
            rating_a=8.0 * count,
            meter=MeterConfig(protocol="push", interval_s=1.0),
            reserve_a=1.0 * count,
            rating_w=3 * 230.0 * 7.5 * count,
        )
    ]
    circuits += [
        Circuit(
            circuit_id=f"panel{p}",
            name=f"panel{p}",
            rating_a=count / panels * r.uniform(6.5, 9.5),
            parent_id="grid",
            rating_w=3 * 230.0 * count / panels * r.uniform(5.5, 8.5),
        )
        for p in range(panels)
    ]
    circuits += [
        Circuit(
            circuit_id=f"feeder{f}",
            name=f"feeder{f}",
            rating_a=count / feeders * r.uniform(5, 12),
            parent_id=f"panel{f % panels}",
            rotation=rotations[f % 3],
            unbalance_a=None if f % 5 else 40.0,
        )
        for f in range(feeders)
    ]
    evses = tuple(
        Evse(
            station_id=f"s{i}",
            evse_id=1,
            circuit_id=f"feeder{i % feeders}",
            phases=(0, 1, 2) if r.random() < 0.6 else (r.randrange(3),),
            max_a=r.choice((16.0, 32.0, 32.0, round(r.uniform(8, 32), 1))),
            priority=1 if r.random() < 0.1 else 0,
        )
        for i in range(count)
    )
    return Site(
        site_id="bench",
        operator_id="bench",
        name=f"{count} EVSEs",
        time_zone="UTC",
        circuits=tuple(circuits),
        evses=evses,
        commissioned=True,
    )


def task_of(site: Site) -> Problem:
    """Everybody wants everything on top of the worst base."""
    tree = Topology(site)
    order = sorted(range(len(site.evses)), key=lambda i: (-site.evses[i].priority, i))
    rank = {i: place for place, i in enumerate(order)}
    # Half of the cars are known to take all of their EVSE's phases.
    wired = [entries_of(tree, i, evse.phases if i % 2 else None) for i, evse in enumerate(site.evses)]
    return problem(
        [_room(site, row) for row in tree.rows],
        [entries.rows for entries in wired],
        [e.min_a for e in site.evses],
        [e.max_a for e in site.evses],
        priority=[e.priority for e in site.evses],
        order=[rank[i] for i in range(len(site.evses))],
        coefficients=[entries.coefficients for entries in wired],
    )


def _room(site: Site, row: Row) -> float:
    circuit = site.circuits[row.circuit]
    if row.kind == "watts":
        return (circuit.rating_w or inf) / site.voltage_v - 3 * circuit.reserve_a
    return circuit.unbalance_a or 0.0 if row.kind == "unbalance" else circuit.rating_a - circuit.reserve_a


def plain_filling(task: Problem) -> NDArray[np.float64]:
    """The bound: raise all by one level; freeze the loads of the fullest row; repeat."""
    rows, count = len(task.capacity_a), len(task.maximum_a)
    grant = np.zeros(count)
    active = np.ones(count, np.bool_)
    left = task.capacity_a.copy()
    while active.any():
        entry = active[task.entry_load]
        loads, where = task.entry_load[entry], task.entry_row[entry]
        members = np.bincount(where, task.entry_coefficient[entry], rows)
        rise = min(
            float((left[members > 0] / members[members > 0]).min()),
            float((task.maximum_a - grant)[active].min()),
        )
        grant[active] += rise
        left -= members * rise
        full = (left < 1e-6) & (members > 0)
        active[loads[full[where]]] = False
        active &= grant < task.maximum_a - 1e-9
    return grant


def snapshot_of(site: Site, at: float) -> Snapshot:
    """The same site as the law sees it in operation: everybody charges at 8 A and reports."""
    evses = {
        e.key: EvseState(
            key=e.key,
            online=True,
            proven=True,
            session=True,
            wants=True,
            committed_a=8.0,
            committed_at=at - 60,
            lease_until=at + 200,
            measured_a=on_phases(8.0, e.phases),
            measured_at=at - 3,
        )
        for e in site.evses
    }
    load = 4.0 * len(site.evses)
    grid = CircuitState(circuit_id="grid", metered_a=(load, load, load), metered_at=at)
    return Snapshot(site=site, circuits={"grid": grid}, evses=evses, at=at, epoch_s=1_790_000_000.0 + at)


def run(quick: bool) -> Outcome:
    """Milliseconds of one `allocate` at 100, 1,000 and 10,000 EVSEs, of one `step`, and of the bound."""
    compiled = prepare()
    figures: dict[str, float] = {}
    bounds: dict[str, float] = {}
    for count in SIZES:
        site = site_of(count)
        task = task_of(site)
        repeat = max(1, (2_000 if quick else 20_000) // count)
        ours, arrays, bound = interleaved_medians_s(
            (
                partial(_times, allocate, task, repeat),
                partial(_times, by_arrays, task, repeat),
                partial(_times, plain_filling, task, max(1, repeat // 10)),
            )
        )
        figures[f"ms_{count}"] = ours / repeat * 1e3
        figures[f"arrays_ms_{count}"] = arrays / repeat * 1e3
        bounds[f"plain_filling_ms_{count}"] = bound / max(1, repeat // 10) * 1e3
    for count in GROWTH:
        task = task_of(site_of(count))
        repeat = max(1, (2_000 if quick else 20_000) // count)
        (ours,) = interleaved_medians_s((partial(_times, allocate, task, repeat),))
        figures[f"ms_{count}"] = ours / repeat * 1e3
    for count in SIZES:
        site = site_of(count)
        state, _ = step(START, snapshot_of(site, 1_000.0))
        now = snapshot_of(site, 1_001.0)
        (taken,) = interleaved_medians_s((partial(step, state, now),))
        figures[f"step_ms_{count}"] = taken * 1e3
    return Outcome(
        figures=figures,
        seed=SEED,
        peer_figures=bounds,
        notes=(
            "ms_N: one allocate with minima, classes, phases, coefficients, rounding, every binding row: "
            + ("compiled." if compiled else "over arrays, numba is not there."),
            "arrays_ms_N: the same in numpy alone.",
            "step_ms_N: a whole turn of the law with its memory, cuts, raises and reasons as objects.",
            "plain_filling: max-min in numpy on the same rows without minima, classes or reasons.",
        ),
    )


def _times(work: Callable[[Problem], object], task: Problem, repeat: int) -> None:
    for _ in range(repeat):
        work(task)
