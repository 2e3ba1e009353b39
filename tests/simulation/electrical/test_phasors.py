"""Phasors: no current is lost, names of phases don't matter, an ideal transformer takes what it gives."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ampacity.simulation.electrical.phasors import (
    ROWS,
    Clock,
    Connection,
    ConnectionRefused,
    Kind,
    centre_tap_primary,
    delta_wye_primary,
    line_currents,
    slots,
    voltages,
)
from tests.simulation.electrical.wired import (
    base_phasors,
    circuit_coefficients,
    conductor_currents_a,
    delta_wye_primary_voltages,
    slot_voltage_v,
)

THREE = ["-".join(order) for order in itertools.permutations(ROWS[:3])]
PAIRS = ["-".join(order) for order in itertools.permutations(ROWS[:3], 2)]
ON: dict[Kind, list[Connection]] = {
    "wye": ["L1-N", "L2-N", "L3-N", *PAIRS, *THREE],
    "split": ["L1-N", "L2-N", "L1-L2", "L2-L1"],
    "delta": [*PAIRS, *THREE],
}

ampere = st.floats(0.0, 80.0)


@st.composite
def sites(
    draw: st.DrawFn, kinds: tuple[Kind, ...] = ("wye", "split", "delta")
) -> tuple[Kind, list[Connection], np.ndarray]:
    """A kind of site, its EVSEs' connections and what each own line draws, [EVSEs, 3]."""
    kind = draw(st.sampled_from(kinds))
    connections = draw(st.lists(st.sampled_from(ON[kind]), min_size=1, max_size=8))
    drawn = np.zeros((len(connections), 3))
    for row, connection in zip(drawn, connections, strict=True):
        if slots(connection) == 1:
            row[0] = draw(ampere)
        elif kind == "delta":
            row[:] = draw(ampere)
        else:
            row[:] = draw(st.tuples(ampere, ampere, ampere))
    return kind, connections, drawn


def phasors(kind: Kind, connections: list[Connection], drawn: np.ndarray) -> np.ndarray:
    return np.einsum("rec,ec->r", circuit_coefficients(kind, connections), drawn)


@given(site=sites())
@settings(max_examples=80, deadline=None)
def test_what_flows_in_flows_out(site: tuple[Kind, list[Connection], np.ndarray]) -> None:
    assert abs(phasors(*site).sum()) < 1e-9


@given(site=sites())
@settings(max_examples=80, deadline=None)
def test_the_lines_carry_the_power_of_the_cars(site: tuple[Kind, list[Connection], np.ndarray]) -> None:
    kind, connections, drawn = site
    supplied = (voltages(kind, 120.0) * phasors(*site).conj()).sum()
    taken = sum(
        amperes.sum() * slot_voltage_v(kind, connection, 120.0)
        for connection, amperes in zip(connections, drawn, strict=True)
    )
    assert supplied.real == pytest.approx(taken, abs=1e-6)
    assert supplied.imag == pytest.approx(0.0, abs=1e-6)


@given(site=sites(("wye", "delta")), order=st.permutations(range(3)))
@settings(max_examples=60, deadline=None)
def test_new_names_for_the_phases_rename_the_result(
    site: tuple[Kind, list[Connection], np.ndarray], order: list[int]
) -> None:
    kind, connections, drawn = site
    named = {ROWS[k]: ROWS[order[k]] for k in range(3)} | {"N": "N"}
    renamed = ["-".join(named[name] for name in connection.split("-")) for connection in connections]
    before = conductor_currents_a(circuit_coefficients(kind, connections), drawn)
    after = conductor_currents_a(circuit_coefficients(kind, renamed), drawn)
    np.testing.assert_allclose(after[[*order, 3]], before, atol=1e-9)


@given(site=sites(("wye", "delta")), clock=st.sampled_from([1, 11]), ratio=st.floats(0.5, 90.0))
@settings(max_examples=60, deadline=None)
def test_an_ideal_delta_wye_transformer_takes_what_it_gives(
    site: tuple[Kind, list[Connection], np.ndarray], clock: Clock, ratio: float
) -> None:
    secondary = phasors(*site)
    primary = delta_wye_primary(secondary, ratio, clock)
    assert abs(primary.sum()) < 1e-9
    given_va = (voltages(site[0], 120.0) * secondary.conj()).sum()
    taken_va = (delta_wye_primary_voltages(ratio, 120.0, clock) * primary.conj()).sum()
    assert taken_va == pytest.approx(given_va, abs=1e-6)


@given(site=sites(("split",)))
@settings(max_examples=30, deadline=None)
def test_a_centre_tap_transformer_takes_what_it_gives(
    site: tuple[Kind, list[Connection], np.ndarray],
) -> None:
    secondary = phasors(*site)
    (primary,) = centre_tap_primary(secondary, 60.0)
    assert 7200.0 * primary.conj() == pytest.approx(
        (voltages("split", 120.0) * secondary.conj()).sum(), abs=1e-6
    )


def test_a_delta_site_adds_by_angle_not_by_number() -> None:
    """32 A between L1-L2 and 32 A between L3-L1: L1 carries 55.4 A, the others 32 A."""
    coefficients = circuit_coefficients("delta", ["L1-L2", "L3-L1"])
    drawn = np.array([[32.0, 0.0, 0.0], [32.0, 0.0, 0.0]])
    np.testing.assert_allclose(
        conductor_currents_a(coefficients, drawn), [32.0 * math.sqrt(3.0), 32.0, 32.0, 0.0], atol=1e-9
    )


def test_the_neutral_of_a_wye_site() -> None:
    """One car: its own current. Two: the same again. Three alike: nothing."""
    coefficients = circuit_coefficients("wye", ["L1-N", "L2-N", "L3-N"])
    drawn = np.array(
        [[[16.0, 0, 0], [0, 0, 0], [0, 0, 0]], [[16.0, 0, 0], [16.0, 0, 0], [0, 0, 0]], np.full((3, 3), 16.0)]
    )
    np.testing.assert_allclose(conductor_currents_a(coefficients, drawn)[:, 3], [16.0, 16.0, 0.0], atol=1e-9)


def test_split_phase_cars_between_the_lines_leave_the_neutral_alone() -> None:
    coefficients = circuit_coefficients("split", ["L1-L2", "L1-N", "L2-N"])
    drawn = np.array([[40.0, 0, 0], [12.0, 0, 0], [5.0, 0, 0]])
    np.testing.assert_allclose(conductor_currents_a(coefficients, drawn), [52.0, 45.0, 0.0, 7.0], atol=1e-9)


def test_a_workplace_of_208_v_behind_480_v() -> None:
    """Balanced 100 A on the 208Y/120 V side are 100 * 208 / 480 on the 480 V side; a single 32 A between two
    lines loads the primary's lines in the proportion 1 : 2 : 1 (Kersting), 32 / 4 = 8 A and 16 A."""
    balanced = delta_wye_primary(line_currents("wye", "L1-L2-L3").sum(axis=1) * 100.0, 4.0)
    np.testing.assert_allclose(np.abs(balanced), 100.0 * math.sqrt(3.0) / 4.0, atol=1e-9)
    single = delta_wye_primary(line_currents("wye", "L1-L2")[:, 0] * 32.0, 4.0)
    np.testing.assert_allclose(sorted(np.abs(single)), [8.0, 8.0, 16.0], atol=1e-9)


def test_the_high_side_leads_by_thirty_degrees_in_north_america() -> None:
    balanced = line_currents("wye", "L1-L2-L3").sum(axis=1)
    for clock, degrees in ((1, 30.0), (11, -30.0)):
        assert math.degrees(np.angle(delta_wye_primary(balanced, 4.0, clock)[0])) == pytest.approx(degrees)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "connection", "volts"),
    [("wye", "L2-N", 120.0), ("wye", "L1-L2", 207.85), ("delta", "L3-L1", 207.85), ("split", "L1-L2", 240.0),
     ("split", "L2-N", 120.0), ("wye", "L2-L3-L1", 120.0)],
)  # fmt: skip
def test_what_an_ampere_is_worth(kind: Kind, connection: Connection, volts: float) -> None:
    assert slot_voltage_v(kind, connection, 120.0) == pytest.approx(volts, abs=0.01)


def test_a_buildings_load_returns_through_the_neutral() -> None:
    base = np.array([30.0, 20.0, 10.0])
    assert abs(base_phasors("wye", base).sum()) < 1e-9
    np.testing.assert_allclose(
        np.abs(base_phasors("wye", base)), [30.0, 20.0, 10.0, math.sqrt(300.0)], atol=1e-9
    )
    np.testing.assert_allclose(
        np.abs(base_phasors("split", np.array([30.0, 20.0, 0.0]))), [30, 20, 0, 10], atol=1e-9
    )
    with_cars = conductor_currents_a(
        circuit_coefficients("wye", ["L3-N"]), np.array([[10.0, 0.0, 0.0]]), base_phasors("wye", base)
    )
    np.testing.assert_allclose(with_cars, [30.0, 20.0, 20.0, 10.0], atol=1e-9)
    assert conductor_currents_a(circuit_coefficients("wye", []), np.zeros((0, 3))).shape == (4,)


@pytest.mark.parametrize(
    ("kind", "connection"),
    [("delta", "L1-N"), ("split", "L1-L3"), ("split", "L1-L2-N"), ("wye", "L1"), ("wye", "L1-L1"),
     ("wye", "N-L1"), ("wye", "L1-L2-N"), ("wye", "L1-L2-L3-N"), ("star", "L1-N")],
)  # fmt: skip
def test_impossible_connections_are_refused(kind: Kind, connection: Connection) -> None:
    with pytest.raises(
        ConnectionRefused, match=f"connection '{connection}' isn't possible on a '{kind}' site"
    ):
        line_currents(kind, connection)


def test_a_ratio_of_nothing_is_refused() -> None:
    rows = line_currents("wye", "L1-N")
    with pytest.raises(ValueError, match=r"turns ratio 0\.0 must be above 0"):
        delta_wye_primary(rows, 0.0)
    with pytest.raises(ValueError, match=r"turns ratio -1\.0 must be above 0"):
        centre_tap_primary(rows, -1.0)
