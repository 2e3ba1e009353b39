"""Feeders: voltages of published networks, physics that any network keeps, and what is refused."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ampacity.simulation.electrical.feeder import (
    Cable,
    Consumer,
    Feeder,
    FeederCollapsed,
    FeederInvalid,
    FeederModel,
    Line,
    Source,
    check,
    consumer_loads,
)
from ampacity.simulation.electrical.feeders import (
    CigrePart,
    cigre_european_lv,
    cigre_peak_loads,
    ieee_european_lv,
    reduced,
)
from tests.simulation.electrical.wired import (
    radial_feeder,
)

#: Of the European feeder's consumers, as published.
EUROPEAN_POWER_FACTOR = 0.95
SNAPSHOTS = Path(__file__).parents[2] / "data" / "european_lv_snapshots.csv"

#: Per-unit voltages of the CIGRE benchmark at its peak loads with a stiff 20 kV source, as pandapower 3.5.6
#: solves it.
CIGRE: dict[CigrePart, list[float]] = {
    "residential": [
        0.980893, 0.972244, 0.963597, 0.955566, 0.949764, 0.943963, 0.940477, 0.936991, 0.933505,
        0.931504, 0.961235, 0.945533, 0.935505, 0.925483, 0.916896, 0.935057, 0.927794, 0.923801,
    ],
    "industrial": [
        0.979056, 0.943458,
    ],
    "commercial": [
        0.977213, 0.963091, 0.948969, 0.942385, 0.935801, 0.933035, 0.930270, 0.927504, 0.926584,
        0.931263, 0.920332, 0.912269, 0.912269, 0.921282, 0.926838, 0.924675, 0.916809, 0.921483,
        0.921116, 0.923398,
    ],
}  # fmt: skip


def snapshots() -> tuple[list[str], str, np.ndarray, np.ndarray]:
    """Buses, phases, loads [3 minutes, 55] in watts and voltages [3 minutes, 55, 3]."""
    with SNAPSHOTS.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(line for line in file if not line.startswith("#")))
    minutes = ("1", "566", "1440")
    loads = np.array([[float(row[f"w_{minute}"]) for row in rows] for minute in minutes])
    volts = np.array(
        [[[float(row[f"{phase}_{minute}"]) for phase in "abc"] for row in rows] for minute in minutes]
    )
    return [row["bus"] for row in rows], "".join(row["phase"] for row in rows), loads, volts


@pytest.mark.parametrize("shrink", [False, True], ids=["906 buses", "reduced"])
def test_the_european_feeder_has_the_voltages_of_the_program_that_published_them(shrink: bool) -> None:
    """Asked for are 0.1 %; the two solvers agree to their own tolerances."""
    feeder = reduced(ieee_european_lv()) if shrink else ieee_european_lv()
    assert len(feeder.buses) == (110 if shrink else 906)
    buses, phases, loads, volts = snapshots()
    assert [feeder.buses[c.bus] for c in feeder.consumers] == buses
    assert "".join("ABC"[c.phase] for c in feeder.consumers) == phases
    flow = FeederModel(feeder).solve(*consumer_loads(feeder, loads, EUROPEAN_POWER_FACTOR))
    at = [feeder.buses.index(bus) for bus in buses]
    np.testing.assert_allclose(flow.voltage_v[:, at], volts, rtol=1e-6)
    np.testing.assert_allclose(flow.loss_w, [1.9754, 2050.1984, 24.2864], atol=2e-4)
    assert flow.unbalance[1, feeder.buses.index("899")] == pytest.approx(0.0095887, rel=1e-4)


@pytest.mark.parametrize("part", list(CIGRE))
def test_the_cigre_benchmark_has_the_voltages_of_an_independent_solver(part: CigrePart) -> None:
    feeder = msgspec.structs.replace(cigre_european_lv(part), source=Source(short_circuit_va=1e15))
    flow = FeederModel(feeder).solve(*cigre_peak_loads(part))
    per_unit = flow.voltage_v[0] / feeder.phase_v
    np.testing.assert_allclose(per_unit, np.repeat(np.array(CIGRE[part])[:, None], 3, axis=1), atol=2e-6)


def test_a_balanced_line_loses_what_its_current_heats() -> None:
    """3 I^2 R in the line and the load loss of the transformer at its own current."""
    feeder = radial_feeder(2, spacing_m=200.0)
    active = np.zeros((1, 2, 3))
    active[0, 1] = 9_000.0
    flow = FeederModel(feeder).solve(active)
    (line,) = feeder.lines
    amperes = flow.line_a[0, 0]
    np.testing.assert_allclose(amperes, amperes[0], rtol=1e-9)
    np.testing.assert_allclose(flow.transformer_a[0], amperes, rtol=1e-9)
    np.testing.assert_allclose(flow.voltage_v[0, 1] * amperes, 9_000.0, rtol=1e-7)
    rated_a = feeder.transformer.rated_va / feeder.nominal_v / math.sqrt(3.0)
    copper_w = (
        3 * amperes[0] ** 2 * line.r1_ohm + feeder.transformer.load_loss_w * (amperes[0] / rated_a) ** 2
    )
    iron_w = feeder.transformer.no_load_loss_w
    assert flow.loss_w[0] == pytest.approx(copper_w + iron_w, rel=2e-3)
    assert flow.line_loading[0, 0] == pytest.approx(amperes[0] / line.rated_a)
    assert flow.transformer_loading[0] == pytest.approx(27_000.0 / 160_000.0, rel=0.05)


def by_sweeps(feeder: Feeder, power_va: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Voltages [buses, 3] and neutral currents [lines] by backward and forward sweeps over the tree, from the
    definitions and nothing else."""
    grid, unit = feeder.source, feeder.transformer
    base = unit.secondary_v**2 / unit.rated_va
    resistance = unit.load_loss_w / unit.rated_va
    inside = base * complex(resistance, math.sqrt(unit.short_circuit_pu**2 - resistance**2))
    angle = math.atan2(1.0, grid.rx_ratio)
    outside = unit.secondary_v**2 / grid.short_circuit_va * complex(math.cos(angle), math.sin(angle))
    turn = np.exp(2j * math.pi / 3 * np.array([0, -1, -2]))
    no_load = grid.voltage_pu * unit.secondary_v / math.sqrt(3.0) * turn

    def drop(z1: complex, z0: complex, amperes: np.ndarray) -> np.ndarray:
        return z1 * amperes + (z0 - z1) * amperes.mean()

    volts = np.tile(no_load, (len(feeder.buses), 1))
    order = sorted(feeder.lines, key=lambda line: line.to_bus)  # children have the higher numbers
    flows = np.zeros_like(power_va)
    for _ in range(60):
        flows = np.conj(power_va / volts)
        for line in reversed(order):
            flows[line.from_bus] += flows[line.to_bus]
        volts[0] = no_load - drop(inside + outside, inside, flows[0])
        for line in order:
            z1, z0 = complex(line.r1_ohm, line.x1_ohm), complex(line.r0_ohm, line.x0_ohm)
            volts[line.to_bus] = volts[line.from_bus] - drop(z1, z0, flows[line.to_bus])
    neutral = np.array([abs(flows[line.to_bus].sum()) for line in feeder.lines])
    return volts, neutral


@given(seed=st.integers(0, 2**32 - 1), buses=st.integers(2, 9))
@settings(max_examples=25, deadline=None)
def test_any_tree_has_the_voltages_that_sweeps_over_it_find(seed: int, buses: int) -> None:
    rng = np.random.default_rng(seed)
    base = radial_feeder(buses, rated_kva=250, voltage_pu=rng.uniform(0.95, 1.05))
    lines = []
    for bus in range(1, buses):
        ohms = rng.uniform(0.005, 0.04, 4)
        lines.append(
            Line(
                from_bus=int(rng.integers(bus)),
                to_bus=bus,
                r1_ohm=ohms[0],
                x1_ohm=ohms[1],
                r0_ohm=4 * ohms[2],
                x0_ohm=4 * ohms[3],
            )
        )
    iron_free = msgspec.structs.replace(base.transformer, no_load_loss_w=0.0)
    feeder = msgspec.structs.replace(base, lines=tuple(lines), transformer=iron_free)
    active, reactive = rng.uniform(-3e3, 6e3, (1, buses, 3)), rng.uniform(-1e3, 2e3, (1, buses, 3))
    flow = FeederModel(feeder).solve(active, reactive)
    volts, neutral = by_sweeps(feeder, active[0] + 1j * reactive[0])
    np.testing.assert_allclose(flow.voltage_v[0], np.abs(volts), rtol=1e-6)
    np.testing.assert_allclose(flow.neutral_a[0], neutral, rtol=1e-5, atol=1e-5)
    operator = np.exp(2j * math.pi / 3)
    negative, positive = (volts @ [1, operator**n, operator ** (2 * n)] for n in (2, 1))
    np.testing.assert_allclose(flow.unbalance[0], np.abs(negative / positive), atol=1e-6)


WEAK = radial_feeder(5)
MODEL = FeederModel(WEAK)
watts = st.floats(0.0, 4_000.0)
per_bus = st.lists(st.tuples(watts, watts, watts), min_size=5, max_size=5)


@given(loads=per_bus, turn=st.integers(1, 2))
@settings(max_examples=25, deadline=None)
def test_relabelled_phases_relabel_the_voltages(loads: list[tuple[float, float, float]], turn: int) -> None:
    active = np.array([loads])
    both = MODEL.solve(np.concatenate([active, np.roll(active, turn, axis=2)]), branches=False)
    np.testing.assert_allclose(np.roll(both.voltage_v[0], turn, axis=1), both.voltage_v[1], rtol=1e-7)


@given(loads=per_bus)
@settings(max_examples=25, deadline=None)
def test_balanced_loads_pull_every_voltage_down_the_further_the_lower(
    loads: list[tuple[float, float, float]],
) -> None:
    active = np.repeat(np.array([loads])[:, :, :1], 3, axis=2)
    flow = MODEL.solve(np.concatenate([active, 1.2 * active]))
    assert (flow.voltage_v[1] <= flow.voltage_v[0] + 1e-6).all()
    assert (np.diff(flow.voltage_v[0], axis=0) <= 1e-6).all()
    assert flow.loss_w[1] >= flow.loss_w[0] - 1e-6


def test_a_single_phase_car_lifts_its_neighbours() -> None:
    """The neutral's drop raises the phase beside it: why single-phase cars at the end of a weak feeder are
    seen."""
    active = np.zeros((2, 5, 3))
    active[1, 4, 0] = 7_400.0
    idle, busy = MODEL.solve(active, branches=False).voltage_v
    assert busy[4, 0] < idle[4, 0] - 5.0
    assert busy[4, 1:].max() > idle[4, 1:].max() + 1.0


def test_loads_that_fall_with_the_voltage_take_less() -> None:
    active = np.full((1, 5, 3), 4_000.0)
    power, current, impedance = (
        MODEL.solve(active, load_model=kind).voltage_v.min() for kind in ("power", "current", "impedance")
    )
    assert power < current < impedance < WEAK.phase_v


def test_only_the_buses_with_loads_need_be_given() -> None:
    active = np.zeros((3, 5, 3))
    active[:, [2, 4], 1] = [[1_000.0, 2_000.0], [0.0, 500.0], [3_000.0, 0.0]]
    some = FeederModel(WEAK, load_buses=[4, 2]).solve(active[:, [4, 2]])
    np.testing.assert_allclose(some.voltage_v, MODEL.solve(active, chunk=2).voltage_v, rtol=1e-9)


def test_reducing_keeps_what_is_asked_for_and_leaves_dead_branches_out() -> None:
    cable = Cable(r1_ohm_km=0.5, x1_ohm_km=0.08, r0_ohm_km=2.0, x0_ohm_km=0.3, rated_a=100.0)
    lines = tuple(cable.line(a, b, 50.0) for a, b in ((0, 1), (1, 2), (3, 2), (1, 4), (4, 5), (3, 6)))
    feeder = msgspec.structs.replace(
        WEAK, buses=tuple("abcdefg"), lines=lines, consumers=(Consumer(bus=3, phase=0),)
    )
    small = reduced(feeder)
    assert small.buses == ("a", "d")
    assert small.lines[0].r1_ohm == pytest.approx(0.075)
    assert small.lines[0].rated_a == 100.0
    assert reduced(feeder, keep=("f", "c")).buses == ("a", "b", "c", "d", "f")


def test_more_than_a_feeder_can_carry_is_said_with_the_step() -> None:
    active = np.zeros((3, 5, 3))
    active[1, 4] = 1e6
    with pytest.raises(FeederCollapsed, match="no solution at step 1: the loads are more") as told:
        MODEL.solve(active)
    assert told.value.steps == (1,)


def test_no_steps_are_no_results() -> None:
    flow = MODEL.solve(np.zeros((0, 5, 3)))
    assert flow.voltage_v.shape == (0, 5, 3)
    assert flow.loss_w.shape == (0,)


def broken(**changes: object) -> Feeder:
    return msgspec.structs.replace(WEAK, **changes)


def altered(number: int, **changes: object) -> Line:
    return msgspec.structs.replace(WEAK.lines[number], **changes)


@pytest.mark.parametrize(
    ("feeder", "message"),
    [
        (broken(buses=()), "has no bus"),
        (broken(lines=WEAK.lines[:-1]), "3 lines for 5 buses: a tree has 4"),
        (broken(lines=(*WEAK.lines[:-1], WEAK.lines[0])), "bus '4' isn't connected to the busbar"),
        (broken(lines=(*WEAK.lines[:-1], altered(3, to_bus=9))), "names bus 9"),
        (broken(lines=(*WEAK.lines[:-1], altered(3, r1_ohm=-1.0))), "line 3 has r1 -1"),
        (broken(consumers=(Consumer(bus=1, phase=3),)), "consumer 0 is on bus 1, phase 3"),
    ],
)
def test_what_is_no_feeder_is_refused(feeder: Feeder, message: str) -> None:
    with pytest.raises(FeederInvalid, match=message):
        check(feeder)


def test_loads_of_the_wrong_shape_are_refused() -> None:
    with pytest.raises(FeederInvalid, match=r"load bus 9: buses are 0\.\.4"):
        FeederModel(WEAK, load_buses=[9])
    with pytest.raises(ValueError, match=r"give \[steps, 5, 3\]"):
        MODEL.solve(np.zeros((1, 4, 3)))
    with pytest.raises(ValueError, match="give the same"):
        MODEL.solve(np.zeros((1, 5, 3)), np.zeros((2, 5, 3)))
    with pytest.raises(ValueError, match="finite"):
        MODEL.solve(np.full((1, 5, 3), math.nan))
    with pytest.raises(ValueError, match=r"give \[steps, 4\]"):
        consumer_loads(WEAK, np.zeros((1, 3)))
    with pytest.raises(ValueError, match=r"power factor 1\.2"):
        consumer_loads(WEAK, np.zeros((1, 4)), 1.2)
    with pytest.raises(ValueError, match="1 buses"):
        radial_feeder(1)
