"""Stations: losses, heat, faults, cabinets, megawatts."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ampacity.simulation.equipment.stations import (
    DAY_S,
    MCS_W,
    RECTIFIER,
    Cabinet,
    Reliability,
    ac_station,
    cabinets,
    dc_station,
    derate,
    draw_faults,
)


@pytest.mark.parametrize(
    ("load", "efficiency"), [(0.0, 0.0), (0.05, 0.876), (0.1, 0.924), (0.5, 0.959), (1.0, 0.954)]
)
def test_the_efficiency_over_the_load(load: float, efficiency: float) -> None:
    assert float(RECTIFIER.efficiency(load)) == pytest.approx(efficiency, abs=0.001)


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=30))
@settings(max_examples=50, deadline=None)
def test_energy_in_is_energy_out_and_losses(loads: list[int]) -> None:
    x = np.array(loads) / 1000.0
    losses = float(RECTIFIER.loss_share(x[x > 0.0]).sum())
    assert x.sum() / RECTIFIER.over(x) == pytest.approx(x.sum() + losses)


def test_a_station_of_50_kw() -> None:
    station = dc_station(50_000.0)
    assert station.name == "DC 50 kW"
    assert 0.94 < station.efficiency < 0.96
    assert station.max_a == pytest.approx(50_000 * 1.048 / 690)
    assert station.standby_w == pytest.approx(60.0)


def test_an_ac_station_has_no_rating_of_its_own() -> None:
    station = ac_station(3, 32.0)
    assert (station.name, station.efficiency, station.rating_w) == ("AC 22.1 kW", 1.0, math.inf)


def test_megawatts() -> None:
    assert dc_station(MCS_W).rating_w == 3_750_000.0
    for rating_w in (0.0, 4e6):
        with pytest.raises(ValueError, match="at most 3,750,000 W"):
            dc_station(rating_w)


@pytest.mark.parametrize(
    ("ambient", "share"), [(-20.0, 1.0), (40.0, 1.0), (47.5, 0.75), (55.0, 0.5), (70.0, 0.0), (90.0, 0.0)]
)
def test_heat_takes_power(ambient: float, share: float) -> None:
    assert derate(np.array([ambient])).tolist() == [pytest.approx(share)]


def test_stations_that_switch_off_when_hot() -> None:
    assert derate(np.array([54.0, 55.0]), off_at_c=55.0).tolist() == [pytest.approx(0.5333, abs=1e-4), 0.0]
    with pytest.raises(ValueError, match="the first must be less"):
        derate(np.zeros(1), full_to_c=50.0, half_at_c=50.0)


@given(st.integers(0, 2**32), st.integers(0, 12), st.floats(1.0, 60.0))
@settings(max_examples=40, deadline=None)
def test_faults_are_in_order_and_never_twice_at_one_evse(seed: int, evses: int, days: float) -> None:
    often = Reliability(to_fault_s=2 * DAY_S, to_repair_s=0.5 * DAY_S)
    faults = draw_faults(np.random.default_rng(seed), evses, days * DAY_S, often)
    assert np.all(np.diff(faults.from_s) >= 0.0)
    assert np.all(faults.to_s > faults.from_s)
    assert np.all((faults.from_s >= 0.0) & (faults.from_s < days * DAY_S))
    for evse in range(evses):
        mine = faults.evse == evse
        assert np.all(faults.from_s[mine][1:] > faults.to_s[mine][:-1])
    again = draw_faults(np.random.default_rng(seed), evses, days * DAY_S, often)
    assert [a.tolist() for a in faults] == [a.tolist() for a in again]


def test_the_share_out_of_order_is_what_the_means_say() -> None:
    seconds = 20_000 * DAY_S
    faults = draw_faults(np.random.default_rng(1), 3, seconds)
    out = np.minimum(faults.to_s, seconds) - faults.from_s
    assert 1.0 - out.sum() / (3 * seconds) == pytest.approx(Reliability().availability, abs=0.003)
    assert Reliability().availability == pytest.approx(0.976, abs=0.001)


def test_cabinets_as_arrays() -> None:
    two = cabinets([Cabinet(6, 50_000.0), Cabinet(4, 30_000.0)])
    assert (two.modules.tolist(), two.module_w.tolist()) == ([6, 4], [50_000.0, 30_000.0])
    with pytest.raises(ValueError, match="cabinet 1: 0 modules"):
        cabinets([Cabinet(6, 50_000.0), Cabinet(0, 30_000.0)])


def test_times_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="above 0 s"):
        draw_faults(np.random.default_rng(1), 1, 1.0, Reliability(to_fault_s=0.0))
