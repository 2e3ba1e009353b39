"""Circuits as rows: what one ampere of a socket loads, on every kind of supply."""

from __future__ import annotations

import cmath
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ampacity.simulation.scenarios.arrays import Tree, entries, neutral_voltage, slots_of, voltage_of
from ampacity.simulation.scenarios.spec import CircuitSpec, SupplySpec, TransformerSpec

EXAMPLES = settings(max_examples=60, deadline=None)
ROTATIONS = st.sampled_from([(0, 1, 2), (1, 2, 0), (2, 0, 1), (0, 2, 1), (1, 0, 2), (2, 1, 0)])
GRID = CircuitSpec(id="grid", rating_a=100.0, neutral_a=100.0)


def tree(kind: str, *circuits: CircuitSpec, transformer: TransformerSpec | None = None) -> Tree:
    return Tree(SupplySpec(kind=kind), (GRID, *circuits), transformer)


def by_name(site: Tree, circuit: int, slot: tuple[int, ...]) -> dict[str, complex]:
    return {site.rows[row].name: phasor for row, phasor in site.load(circuit, slot).items()}


def test_one_phase_to_the_neutral_counts_with_one_on_its_own_conductor() -> None:
    found = by_name(tree("wye"), 0, (1,))
    assert set(found) == {"grid L2", "grid N"}
    assert found["grid L2"] == pytest.approx(1.0)
    assert abs(found["grid N"]) == pytest.approx(1.0)


def test_three_phases_load_no_neutral() -> None:
    site = tree("wye")
    neutral = site.row_of[0, 3]
    total = sum(site.load(0, slot)[neutral] for slot in slots_of("wye", 3, 0))
    assert abs(total) < 1e-12


def test_a_208_v_car_lies_thirty_degrees_from_both_its_conductors() -> None:
    """Two equal cars between L1-L2 and L3-L1 load L1 with 1.73 times the current of one."""
    site = tree("delta")
    first, second = by_name(site, 0, (0, 1)), by_name(site, 0, (2, 0))
    assert abs(cmath.phase(first["grid L1"])) == pytest.approx(math.radians(30.0))
    assert [abs(phasor) for phasor in first.values()] == pytest.approx([1.0, 1.0])
    assert abs(first["grid L1"] + second["grid L1"]) == pytest.approx(math.sqrt(3.0))
    assert voltage_of(site.supply) == 208.0
    assert neutral_voltage(site.supply) == pytest.approx(120.09, abs=0.01)


def test_a_split_phase_car_loads_both_legs_and_no_neutral() -> None:
    site = tree("split")
    assert by_name(site, 0, (0, 1)) == {"grid L1": pytest.approx(1.0), "grid L2": pytest.approx(1.0)}
    assert slots_of("split", 1, 1) == ((0, 1),)
    assert neutral_voltage(site.supply) == 120.0


@EXAMPLES
@given(ROTATIONS, ROTATIONS, st.sampled_from([(0,), (1,), (2,), (0, 1), (1, 2), (2, 0)]))
def test_every_circuit_above_carries_what_hangs_below(
    upper: tuple[int, int, int], lower: tuple[int, int, int], slot: tuple[int, ...]
) -> None:
    """Whatever the rotations: each ancestor carries one ampere on each conductor that the slot lies on, the
    same phasor on all levels, and the power is volts times amperes (Tellegen)."""
    kind = "wye" if len(slot) == 1 else "delta"
    site = tree(
        kind,
        CircuitSpec(id="panel", rating_a=63.0, parent="grid", rotation=upper),
        CircuitSpec(id="feeder", rating_a=32.0, parent="panel", rotation=lower),
    )
    load = site.load(2, slot)
    for circuit in range(3):
        carried = [load[site.row_of[circuit, p]] for p in range(3) if site.row_of[circuit, p] in load]
        assert [abs(phasor) for phasor in carried] == pytest.approx([1.0] * len(slot))
        power = sum(phasor.real for phasor in carried) * neutral_voltage(site.supply)
        assert power == pytest.approx(voltage_of(site.supply))
    assert load.get(site.row_of[0, 3], 0.0) == (
        0.0 if len(slot) == 2 else pytest.approx(load[site.row_of[0, 3]])
    )


@EXAMPLES
@given(st.lists(st.floats(0.0, 80.0), min_size=3, max_size=3), st.integers(0, 2))
def test_a_delta_wye_transformer_carries_the_same_power(amperes: list[float], first: int) -> None:
    """Of a balanced load, the same on both sides; the primary's three rows always add up to nothing."""
    site = tree("delta", transformer=TransformerSpec(kva=75.0, primary_v=480.0))
    total = np.zeros(len(site.rows), np.complex128)
    for k, a in enumerate(amperes):
        for row, phasor in site.load(0, ((first + k) % 3, (first + k + 1) % 3)).items():
            total[row] += phasor * a
    primary = [total[site.row_of[None, p]] for p in range(3)]
    assert abs(sum(primary)) < 1e-9
    balanced = site.shared(0)
    one = abs(balanced[site.row_of[None, 0]])
    assert one * 480.0 * math.sqrt(3.0) == pytest.approx(3.0 * neutral_voltage(site.supply))
    limit = next(row.limit_a for row in site.rows if row.circuit is None)
    assert limit == pytest.approx(75_000.0 / (480.0 * math.sqrt(3.0)))


@EXAMPLES
@given(st.integers(0, 2), st.lists(st.floats(0.0, 32.0), min_size=3, max_size=3))
def test_sparse_entries_give_the_sums_of_the_slots(first: int, amperes: list[float]) -> None:
    site = tree("wye", CircuitSpec(id="panel", rating_a=63.0, parent="grid", rotation=(2, 0, 1)))
    three = [site.load(1, slot) for slot in slots_of("wye", 3, first)]
    one = [site.load(0, slot) for slot in slots_of("wye", 1, first)]
    table = entries([three, one])
    assert len(table.start) == 7
    assert table.start[-1] == len(table.row) == len(table.re) == len(table.im)
    sums = np.zeros(len(site.rows), np.complex128)
    expected = np.zeros(len(site.rows), np.complex128)
    for s in range(3):
        span = slice(table.start[s], table.start[s + 1])
        np.add.at(sums, table.row[span], (table.re[span] + 1j * table.im[span]) * amperes[s])
        for row, phasor in three[s].items():
            expected[row] += phasor * amperes[s]
    assert sums == pytest.approx(expected)
    assert table.start[4] == table.start[6], "a one-phase EVSE has empty slots"
