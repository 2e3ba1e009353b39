"""The invariants on sites of every supply, with rows of every kind: power, neutral, unbalance, loads between
lines, cabinets. What flows is worked out here from phasors (`simulation.electrical.phasors`), not from the
law's coefficients.
"""

from __future__ import annotations

import itertools
import math
import random

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from ampacity.control.allocate import Problem, allocate, problem
from ampacity.control.check import reservation_excess
from ampacity.control.law import step
from ampacity.control.loading import entries_of, volts
from ampacity.control.state import START
from ampacity.control.topology import Topology
from ampacity.control.types import CircuitState, Decision, EvseState, Snapshot
from ampacity.model.site import DC_TOLD_SHARE, Circuit, Evse, EvseKey, LimitSource, Site
from ampacity.simulation.electrical.phasors import line_currents
from tests.control import recording
from tests.properties.trees import AT, EPOCH_S, sites, snapshots

EXAMPLES = settings(max_examples=60, deadline=None)


def decide(snapshot: Snapshot) -> Decision:
    recording.begin()
    recording.note(snapshot)
    return step(START, snapshot)[1]


@EXAMPLES
@given(snapshots(kinds=True))
def test_base_grants_and_reserves_fit_on_rows_of_every_kind(snapshot: Snapshot) -> None:
    """I1."""
    decision = decide(snapshot)
    tree = Topology(snapshot.site)
    for name, ledger in decision.circuits.items():
        for phase in range(3):
            total = ledger.base_a[phase] + ledger.grants_a[phase] + ledger.reserve_a[phase]
            if (name, phase + 1) in decision.overcommitted:
                assert ledger.grants_a[phase] == 0
            else:
                assert total + ledger.margin_a <= ledger.limit_a + 1e-6
        for other in ledger.others:
            if (name, other.row) in decision.overcommitted:
                assert other.grants == 0
            else:
                assert other.base + other.grants + other.reserve + other.margin <= other.limit + 1e-3
    assert reservation_excess(snapshot, decision, tree).keys() <= decision.overcommitted
    for cabinet in tree.cabinets:
        in_use = 0
        for evse in snapshot.site.evses:
            if evse.cabinet_id == cabinet.cabinet_id and evse.key not in decision.reserved:
                told_w = decision.grants[evse.key].limit_a * volts(snapshot.site, evse) * DC_TOLD_SHARE
                in_use += math.ceil(told_w / cabinet.module_w - 1e-6)
        assert in_use <= cabinet.modules


@EXAMPLES
@given(snapshots(kinds=True))
def test_grants_are_nothing_or_in_range_and_named_on_every_supply(snapshot: Snapshot) -> None:
    """I2."""
    decision = decide(snapshot)
    for evse in snapshot.site.evses:
        grant = decision.grants[evse.key]
        assert grant.reasons
        if evse.key in decision.reserved or snapshot.evses[evse.key].paused:
            continue
        assert grant.limit_a == 0 or evse.min_a <= grant.limit_a <= evse.max_a
        assert abs(grant.limit_a / evse.step_a - round(grant.limit_a / evse.step_a)) < 1e-6


@EXAMPLES
@given(snapshots(kinds=True))
def test_renamed_phases_give_the_same_grants_on_every_supply(snapshot: Snapshot) -> None:
    """I10."""
    site = snapshot.site
    new = (1, 0, 2) if site.supply == "split" else (1, 2, 0)  # phase p is called new[p] now

    def turned(circuit: Circuit) -> Circuit:
        rotation = [0, 0, 0]
        for child, parent in enumerate(circuit.rotation):
            rotation[new[child]] = new[parent]
        return structs.replace(circuit, rotation=tuple(rotation))

    def evse_turned(state: EvseState) -> EvseState:
        phases = None if state.phases is None else tuple(new[p] for p in state.phases)
        return structs.replace(state, phases=phases)

    def meter_turned(state: CircuitState) -> CircuitState:
        if state.metered_a is None:
            return state
        metered = [0.0, 0.0, 0.0]
        for phase, amperes in enumerate(state.metered_a):
            metered[new[phase]] = amperes
        return structs.replace(state, metered_a=tuple(metered))

    again = structs.replace(
        snapshot,
        site=structs.replace(
            site,
            circuits=tuple(turned(c) for c in site.circuits),
            evses=tuple(structs.replace(e, phases=tuple(new[p] for p in e.phases)) for e in site.evses),
        ),
        circuits={k: meter_turned(c) for k, c in snapshot.circuits.items()},
        evses={k: evse_turned(e) for k, e in snapshot.evses.items()},
    )
    before, after = decide(snapshot), decide(again)
    assert {k: g.limit_a for k, g in before.grants.items()} == {k: g.limit_a for k, g in after.grants.items()}
    assert sorted((g.key, g.limit_a) for g in before.raises) == sorted(
        (g.key, g.limit_a) for g in after.raises
    )


def quiet(site: Site) -> Snapshot:
    """Everybody charges; no meter, no base: the rows are all for the cars."""
    bare = structs.replace(
        site,
        circuits=tuple(structs.replace(c, meter=None, reserve_a=0.0) for c in site.circuits),
        commissioned=True,
    )
    evses = {
        e.key: EvseState(key=e.key, online=True, proven=True, session=True, wants=True, committed_a=0.0)
        for e in site.evses
    }
    return Snapshot(site=bare, circuits={}, evses=evses, at=AT, epoch_s=EPOCH_S)


def conductors(site: Site, tree: Topology, draws: dict[EvseKey, tuple[float, ...]]) -> np.ndarray:
    """Phasors on L1, L2, L3 and N of every circuit when each EVSE draws so much on its own lines."""
    kind = {"wye": "wye", "split": "split", "delta": "delta"}[site.supply]
    flows = np.zeros((len(site.circuits), 4), np.complex128)
    for i, evse in enumerate(site.evses):
        amperes = draws[evse.key]
        for depth, k in enumerate(tree.ancestors[tree.circuit_of[i]]):
            path = tree.paths[tree.circuit_of[i]]
            names = [f"L{path[p][depth] % 3 + 1}" for p in evse.phases]
            if tree.is_pair(evse):
                flows[k] += line_currents(kind, "-".join(names))[:, 0] * amperes[0]
            elif site.supply == "delta":
                flows[k] += line_currents(kind, "-".join(names)) @ np.array(amperes)
            else:
                for name, current in zip(names, amperes, strict=True):
                    flows[k] += line_currents(kind, f"{name}-N")[:, 0] * current
    return flows


def watts(site: Site, tree: Topology, i: int, amperes: tuple[float, ...]) -> float:
    evse = site.evses[i]
    if tree.is_pair(evse):
        return amperes[0] * site.voltage_v * (2.0 if site.supply == "split" else math.sqrt(3))
    return sum(amperes) * site.voltage_v


@EXAMPLES
@given(sites(meters=False, kinds=True), st.integers(0, 2**32))
def test_whatever_the_cars_take_of_their_grants_no_conductor_carries_too_much(site: Site, seed: int) -> None:
    """I17, and the bounds of `loading` against phasors: a car may take all, some or nothing of its grant, on
    any of its phases, and change that at any moment."""
    r = random.Random(seed)
    snapshot = quiet(site)
    site = snapshot.site
    tree = Topology(site)
    decision = decide(snapshot)
    for _ in range(6):
        draws: dict[EvseKey, tuple[float, ...]] = {}
        for evse in site.evses:
            grant = decision.grants[evse.key].limit_a
            taken = r.choice((0.0, 1.0, 1.0, r.random()))
            lines = len(evse.phases)
            if tree.is_pair(evse) or site.supply == "delta" or evse.dc_power_w is not None:
                draws[evse.key] = (grant * taken,) * lines
            else:
                used = r.randint(1, lines)
                draws[evse.key] = (grant * taken,) * used + (0.0,) * (lines - used)
        flows = np.abs(conductors(site, tree, draws))
        power = [0.0] * len(site.circuits)
        for i, evse in enumerate(site.evses):
            for k in tree.ancestors[tree.circuit_of[i]]:
                power[k] += watts(site, tree, i, draws[evse.key])
        for k, circuit in enumerate(site.circuits):
            where = (circuit.circuit_id, draws)
            assert flows[k, :3].max() <= circuit.rating_a + 1e-6, where
            if circuit.neutral_a is not None:
                assert flows[k, 3] <= circuit.neutral_a + 1e-6, where
            if circuit.rating_w is not None:
                assert power[k] <= circuit.rating_w + 1e-3, where
            if circuit.rating_va is not None:
                assert power[k] <= circuit.rating_va + 1e-3, where


@EXAMPLES
@given(sites(meters=False, kinds=True))
def test_what_phasors_cost_is_what_the_documentation_says(site: Site) -> None:
    """No single conductor's bound is further from the truth than 1 / cos 15 degrees, when everybody takes
    all."""
    r = random.Random(len(site.evses))
    tree = Topology(site)
    draws = {e.key: (r.uniform(0, 40),) * len(e.phases) for e in site.evses}
    bound = [0.0] * tree.row_count
    for i, evse in enumerate(site.evses):
        for row, coefficient in entries_of(tree, i).pairs():
            bound[row] += coefficient * draws[evse.key][0]
    flows = np.abs(conductors(site, tree, draws))
    for k, phase in itertools.product(range(len(site.circuits)), tree.lines):
        rows = [n for n in tree.rows_in[k] if tree.rows[n].phase == phase]
        said = max(bound[n] for n in rows if tree.rows[n].kind in ("phase", "line"))
        assert flows[k, phase] - 1e-9 <= said <= flows[k, phase] / math.cos(math.pi / 12) + 1e-9


def task_of(site: Site) -> Problem:
    tree = Topology(site)
    wired = [entries_of(tree, i) for i in range(len(site.evses))]
    room = {"neutral": 30.0, "unbalance": 18.0, "cabinet": 3.0}
    capacity = [
        room.get(row.kind)
        or site.circuits[row.circuit].rating_a * (2.2 if row.kind in ("watts", "va") else 1.0)
        for row in tree.rows
    ]
    return problem(
        capacity,
        [entries.rows for entries in wired],
        [e.min_a for e in site.evses],
        [e.max_a for e in site.evses],
        step_a=[e.step_a for e in site.evses],
        coefficients=[entries.coefficients for entries in wired],
    )


@EXAMPLES
@given(sites(meters=False, kinds=True))
def test_nobody_is_held_but_by_a_full_row_where_nobody_has_more(site: Site) -> None:
    """I7 on rows of every kind, and I16: lifting all rows that bind gives more, or binds elsewhere."""
    task = task_of(site)
    result = allocate(task)
    for i, grant in enumerate(result.grant_a):
        mine = task.entry_load == i
        bound = task.entry_row[mine & result.binding]
        if grant >= task.maximum_a[i] - task.step_a[i] + 1e-6:
            assert not len(bound)
            continue
        assert len(bound)
        if not result.admitted[i]:
            continue
        fair = False
        for row in bound:
            on = task.entry_load[task.entry_row == row]
            share = task.entry_coefficient[task.entry_row == row]
            assert result.slack_a[row] <= (share * task.step_a[on]).sum() + 1e-6
            fair = fair or not any(
                result.grant_a[j] > task.minimum_a[j] + task.step_a[j]
                and result.grant_a[j] > grant + 2 * max(task.step_a[j], task.step_a[i])
                for j in on
            )
        assert fair
        capacity = task.capacity_a.copy()
        capacity[bound] += 1e6
        lifted = allocate(structs.replace(task, capacity_a=capacity))
        next_ones = set(task.entry_row[mine & lifted.binding].tolist())
        assert not next_ones & set(bound.tolist())
        assert lifted.grant_a[i] > grant or next_ones


def test_a_single_phase_car_on_a_three_phase_socket_is_reserved_until_it_is_known() -> None:
    """I17 for stations that are told watts: 22 kW on one phase would be 96 A."""
    evse = Evse(station_id="s", evse_id=1, circuit_id="grid", phases=(0, 1, 2))
    grid = Circuit(
        circuit_id="grid", name="grid", rating_a=40.0, limits=(LimitSource(source="dso", limit_w=2e4),)
    )
    site = Site(
        site_id="s",
        operator_id="o",
        name="s",
        time_zone="UTC",
        circuits=(grid,),
        evses=(evse,),
        commissioned=True,
    )
    state = EvseState(key=evse.key, online=True, proven=True, session=True, wants=True, in_watts=True)
    grants = {}
    for phases in (None, (0,), (0, 1, 2)):
        now = structs.replace(state, phases=phases)
        snapshot = Snapshot(site=site, circuits={}, evses={evse.key: now}, at=AT, epoch_s=EPOCH_S)
        grants[phases] = decide(snapshot).grants[evse.key].limit_a
    assert grants == {None: 13.3, (0,): 13.3, (0, 1, 2): 28.9}
