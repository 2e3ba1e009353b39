"""The invariants on sites with batteries, inverters and heat loads: I1 on every row, and I15 in both
directions. What flows is worked out from phasors, as in `test_rows`.
"""

from __future__ import annotations

import random

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from ampacity.control.check import reservation_excess
from ampacity.control.devices import Span, is_fresh, span
from ampacity.control.law import step
from ampacity.control.loading import device_volts
from ampacity.control.settings import DEFAULTS
from ampacity.control.state import START
from ampacity.control.topology import Topology, is_pair
from ampacity.control.types import CircuitState, Decision, Snapshot
from ampacity.model.site import EvseKey, MeterConfig, Site
from ampacity.simulation.electrical.phasors import line_currents
from tests.control import recording
from tests.properties.test_rows import conductors, quiet, watts
from tests.properties.trees import AT, random_device, sites, snapshots, with_devices

EXAMPLES = settings(max_examples=60, deadline=None)


def decide(snapshot: Snapshot) -> Decision:
    recording.begin()
    recording.note(snapshot)
    return step(START, snapshot)[1]


def spans(snapshot: Snapshot) -> dict[str, Span]:
    return {
        d.device_id: span(d, snapshot.devices.get(d.device_id), snapshot.at, DEFAULTS)
        for d in snapshot.site.devices
    }


def flows_of(site: Site, tree: Topology, draws_w: dict[str, float]) -> np.ndarray:
    """Phasors on L1, L2, L3 and N of every circuit when each device draws so much."""
    flows = np.zeros((len(site.circuits), 4), np.complex128)
    for device in site.devices:
        amperes = draws_w[device.device_id] / device_volts(site, device)
        home = tree.index[device.circuit_id]
        for depth, k in enumerate(tree.ancestors[home]):
            names = [f"L{tree.paths[home][p][depth] % 3 + 1}" for p in device.phases]
            if is_pair(site, device):
                flows[k] += line_currents(site.supply, "-".join(names))[:, 0] * amperes
            elif site.supply == "delta":
                flows[k] += line_currents(site.supply, "-".join(names)) @ np.array([amperes] * 3)
            else:
                for name in names:
                    flows[k] += line_currents(site.supply, f"{name}-N")[:, 0] * amperes
    return flows


@EXAMPLES
@given(snapshots(kinds=True, devices=True))
def test_base_grants_cars_and_devices_fit_on_rows_of_every_kind(snapshot: Snapshot) -> None:
    """I1."""
    decision = decide(snapshot)
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
    assert reservation_excess(snapshot, decision).keys() <= decision.overcommitted


@EXAMPLES
@given(sites(meters=False, kinds=True), st.integers(0, 2**32))
def test_whatever_cars_and_devices_do_no_conductor_carries_too_much(site: Site, seed: int) -> None:
    """I1 and I15 against phasors: a car takes any part of its grant, a device anything within its span."""
    r = random.Random(seed)
    snapshot = quiet(with_devices(r, site))
    site = snapshot.site
    devices = {d.device_id: s for d in site.devices if (s := random_device(r, d)) is not None}
    snapshot = structs.replace(snapshot, devices=devices)
    tree, decision, may = Topology(site), decide(snapshot), spans(snapshot)
    for _ in range(6):
        drawn_w = {}
        for device_id, found in may.items():
            drawn_w[device_id] = r.choice((found.low_w, found.high_w, r.uniform(found.low_w, found.high_w)))
        cars: dict[EvseKey, tuple[float, ...]] = {
            e.key: (decision.grants[e.key].limit_a * r.choice((0.0, 1.0, r.random())),) * len(e.phases)
            for e in site.evses
        }
        flows = np.abs(conductors(site, tree, cars) + flows_of(site, tree, drawn_w))
        power = [0.0] * len(site.circuits)
        for i, evse in enumerate(site.evses):
            for k in tree.ancestors[tree.circuit_of[i]]:
                power[k] += watts(site, tree, i, cars[evse.key])
        for device in site.devices:
            for k in tree.ancestors[tree.index[device.circuit_id]]:
                power[k] += drawn_w[device.device_id]
        for k, circuit in enumerate(site.circuits):
            where = (circuit.circuit_id, drawn_w, cars)
            over = {mark for name, mark in decision.overcommitted if name == circuit.circuit_id}
            if not over & {1, 2, 3, 12, 13, 14}:
                assert flows[k, :3].max() <= circuit.rating_a + 1e-6, where
            if circuit.neutral_a is not None and not over & {6, 7, 8}:
                assert flows[k, 3] <= circuit.neutral_a + 1e-6, where
            if circuit.rating_w is not None and 4 not in over:
                assert power[k] <= circuit.rating_w + 1e-3, where


def metered(r: random.Random, snapshot: Snapshot) -> tuple[Snapshot, dict[str, np.ndarray]]:
    """A meter on every circuit that shows a base and what devices do now; the bases of each circuit."""
    site, tree = snapshot.site, Topology(snapshot.site)
    now_w = {}
    for device in site.devices:
        state = snapshot.devices.get(device.device_id)
        told = state is not None and state.power_w is not None and is_fresh(device, state, AT, DEFAULTS)
        now_w[device.device_id] = (
            (state.power_w or 0.0) if told and state is not None else r.uniform(-device.feed_w, device.draw_w)
        )
    own = {c.circuit_id: np.array([r.uniform(0, c.rating_a / 4) for _ in range(3)]) for c in site.circuits}
    base = {c.circuit_id: np.zeros(3) for c in site.circuits}
    for k, circuit in enumerate(site.circuits):
        for phase in range(3):
            for row in tree.paths[k][phase]:
                base[site.circuits[row // 3].circuit_id][row % 3] += own[circuit.circuit_id][phase]
    flows = device_flows(site, tree, now_w)
    meter = MeterConfig(protocol="push", interval_s=1.0)
    circuits = {}
    for k, circuit in enumerate(site.circuits):
        reading = base[circuit.circuit_id] + flows[k]
        circuits[circuit.circuit_id] = CircuitState(
            circuit_id=circuit.circuit_id,
            metered_a=(float(reading[0]), float(reading[1]), float(reading[2])),
            metered_at=AT,
        )
    site = structs.replace(
        site,
        circuits=tuple(structs.replace(c, meter=meter, generation_a=1e3) for c in site.circuits),
    )
    return structs.replace(snapshot, site=site, circuits=circuits), base


def device_flows(site: Site, tree: Topology, draws_w: dict[str, float]) -> np.ndarray:
    """Amperes on each circuit's phases, where every load stands to neutral."""
    flows = np.zeros((len(site.circuits), 3))
    for device in site.devices:
        amperes = draws_w[device.device_id] / device_volts(site, device)
        for phase in device.phases:
            for row in tree.paths[tree.index[device.circuit_id]][phase]:
                flows[row // 3, row % 3] += amperes
    return flows


@EXAMPLES
@given(sites(meters=False), st.integers(0, 2**32))
def test_nothing_that_is_told_lets_more_out_than_may_flow_out(site: Site, seed: int) -> None:
    """I15: a way out is as limited as a way in. Whatever the devices do that nobody steers, those that do as
    they are told add nothing to what flows out too much."""
    r = random.Random(seed)
    snapshot = quiet(with_devices(r, site))
    devices = {d.device_id: s for d in snapshot.site.devices if (s := random_device(r, d)) is not None}
    snapshot, base = metered(r, structs.replace(snapshot, devices=devices, evses={}))
    site, tree = snapshot.site, Topology(snapshot.site)
    decision, may = decide(snapshot), spans(snapshot)
    loose = {d.device_id: d.draw_w for d in site.devices}
    told = {device_id: target.power_w for device_id, target in decision.commands.items()}
    for device in site.devices:
        if device.device_id not in told or not may[device.device_id].steered:
            loose[device.device_id] = -device.feed_w
        elif device.kind == "inverter":
            loose[device.device_id] = told[device.device_id]
        else:
            loose[device.device_id] = min(told[device.device_id], may[device.device_id].low_w)
    flows = device_flows(site, tree, loose)
    for k, circuit in enumerate(site.circuits):
        out_a = circuit.rating_a if circuit.export_a is None else min(circuit.rating_a, circuit.export_a)
        for phase in range(3):
            over = -flows[k, phase] - base[circuit.circuit_id][phase] - out_a
            if over <= 1e-6:
                continue
            # Then nobody who hears us is told to feed in there.
            for device in site.devices:
                rows = [row for p in device.phases for row in tree.paths[tree.index[device.circuit_id]][p]]
                if 3 * k + phase in rows and may[device.device_id].steered:
                    assert told[device.device_id] >= -1e-6, (circuit.circuit_id, phase, device.device_id)


@EXAMPLES
@given(snapshots(kinds=True, devices=True))
def test_commands_keep_to_what_a_device_can_and_to_its_state_of_charge(snapshot: Snapshot) -> None:
    """I15: energy has to come from somewhere. A battery that is silent, or does not tell its charge, neither
    charges nor feeds in; an empty one does not feed in, a full one does not charge."""
    decision = decide(snapshot)
    assert decision.commands.keys() == {d.device_id for d in snapshot.site.devices if d.commanded}
    for device in snapshot.site.devices:
        if not device.commanded:
            continue
        told_w = decision.commands[device.device_id].power_w
        assert -device.feed_w - 1e-6 <= told_w <= device.draw_w + 1e-6
        if device.kind != "battery":
            continue
        state = snapshot.devices.get(device.device_id)
        soc = None if state is None or not is_fresh(device, state, AT, DEFAULTS) else state.soc_percent
        if soc is None or not 0 <= soc <= 100:
            assert told_w == 0
        elif soc <= device.min_soc_percent:
            assert told_w >= 0
        elif soc >= device.max_soc_percent:
            assert told_w <= 0


@EXAMPLES
@given(snapshots(kinds=True, devices=True), st.integers(0, 2**32))
def test_a_device_that_falls_silent_never_makes_room(snapshot: Snapshot, seed: int) -> None:
    """I3, I13: it is reserved both ways, what it may draw and what it may have fed in behind the meter."""
    r = random.Random(seed)
    lost = r.choice(snapshot.site.devices)
    silent = {k: s for k, s in snapshot.devices.items() if k != lost.device_id}
    before, after = decide(snapshot), decide(structs.replace(snapshot, devices=silent))
    for name, ledger in before.circuits.items():
        if ledger.meter_state == "dead":
            continue  # a base that can't be, by what it told: then more than the worst of it counted
        later = after.circuits[name]
        for phase in range(3):
            was = ledger.base_a[phase] + ledger.reserve_a[phase]
            assert later.base_a[phase] + later.reserve_a[phase] >= was - 1e-6, (name, phase)
        for one, two in zip(ledger.others, later.others, strict=True):
            assert two.base + two.reserve >= one.base + one.reserve - 1e-3, (name, one.kind)
