"""The table of real cars, and cars as arrays."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from ampacity.simulation.batch.world import SLOTS, TAPER_CURVE, Visits
from ampacity.simulation.equipment.cars import (
    BUS,
    CAR_800V,
    CAR_LFP,
    CARS,
    NO_AMPERES_A,
    TRUCK_MCS,
    VAN,
    bidirectional,
    car_arrays,
    charger_efficiency,
)
from ampacity.simulation.equipment.charging_curves import CurveTable, mean_share
from ampacity.simulation.fleet import FLEET, CarPlan


def test_the_weights_are_the_registrations() -> None:
    assert sum(car.archetype.weight for car in CARS.values()) == pytest.approx(1.0)
    heaviest = max(CARS.values(), key=lambda car: car.archetype.weight)
    assert heaviest.name == "Tesla Model 3"


@pytest.mark.parametrize(
    ("name", "dc_kw", "mean_kw"),
    [("Tesla Model 3", 170, 100), ("Kia Niro", 80, 70), ("Peugeot 208", 101, 78)],
)
def test_the_mean_dc_power_is_the_published_one(name: str, dc_kw: float, mean_kw: float) -> None:
    kind = CARS[name].archetype
    assert kind.dc_max_w == 1000 * dc_kw
    assert mean_share(kind.curve) * dc_kw == pytest.approx(mean_kw, abs=0.01)


@pytest.mark.parametrize(
    ("name", "phases", "current_a", "efficiency"),
    [
        ("Tesla Model 3", 1, 6.0, 0.75),
        ("Tesla Model 3", 3, 16.0, 0.90),
        ("Peugeot 208", 1, 32.0, 0.87),
        ("Peugeot 208", 1, 7.0, 0.675),
        ("Hyundai Kona", 3, 40.0, 0.93),
    ],
)
def test_the_efficiency_follows_the_current(
    name: str, phases: int, current_a: float, efficiency: float
) -> None:
    assert charger_efficiency(CARS[name].charger, phases, current_a) == pytest.approx(efficiency)


def test_cars_on_ac_and_dc_as_arrays() -> None:
    kinds = [CARS["Volkswagen ID.4"].archetype, CARS["Peugeot 208"].archetype, TRUCK_MCS, FLEET[6]]
    curves = CurveTable()
    arrays = car_arrays(
        [CarPlan(archetype=kind, soc=0.3) for kind in kinds], curves, dc=[False, False, True, False]
    )
    assert set(arrays) <= set(Visits._fields)
    assert all(len(values) == 4 for values in arrays.values())
    assert arrays["max_a"].tolist() == [
        [32.0, 16.0, 16.0],
        [32.0, 32.0, 32.0],
        [NO_AMPERES_A] * SLOTS,
        [16.0, 16.0, 16.0],
    ]
    assert arrays["slots"].tolist() == [3, 1, 3, 1]
    assert arrays["min_a"].tolist() == [6.0, 6.0, 0.0, 6.0]
    assert arrays["efficiency"].tolist() == [0.90, 0.87, 0.98, 0.90]
    assert arrays["up_s"].tolist() == [10.0, 10.0, 3.0, 10.0]
    assert arrays["down_s"].tolist() == [4.0, 4.0, 2.0, 4.0]
    assert arrays["accept_w"].tolist() == [135_000.0, 101_000.0, 1_000_000.0, 12_000.0]
    assert arrays["taper"].tolist() == [TAPER_CURVE] * 4
    assert arrays["curve"].max() < len(curves.array())
    assert arrays["discharge_w"].tolist() == [0.0] * 4


def test_a_car_without_a_dc_inlet_takes_nothing_on_dc() -> None:
    hybrid = next(kind for kind in FLEET if kind.dc_max_w == 0.0)
    assert car_arrays([hybrid], CurveTable(), dc=True)["max_a"].tolist() == [[0.0] * SLOTS]


def test_a_truck_takes_nothing_on_ac() -> None:
    arrays = car_arrays([TRUCK_MCS, BUS], CurveTable())
    assert not arrays["max_a"].any()
    assert arrays["slots"].tolist() == [0, 0]


def test_cold_cars_accept_less_and_preconditioned_ones_as_much_as_ever() -> None:
    kinds = [CAR_800V, CAR_800V, CAR_LFP, CAR_LFP]
    arrays = car_arrays(
        kinds, CurveTable(), dc=True, battery_c=[-10.0, 25.0, -10.0, -10.0], preconditioned=[0, 0, 0, 1]
    )
    cold, warm, cold_lfp, warmed_lfp = arrays["accept_w"] / [kind.accept_w for kind in kinds]
    assert cold_lfp < cold < warm == warmed_lfp == 1.0
    assert len(set(arrays["curve"].tolist())) == 4


def test_who_gives_back_gives_on_the_side_that_was_asked() -> None:
    both = [bidirectional(VAN, power_w=7400.0), bidirectional(VAN, power_w=20_000.0, dc=True)]
    assert car_arrays(both, CurveTable())["discharge_w"].tolist() == [7400.0, 0.0]
    assert car_arrays(both, CurveTable(), dc=True)["discharge_w"].tolist() == [0.0, 20_000.0]
    with pytest.raises(ValueError, match="must lie between 0 and 1"):
        bidirectional(VAN, soc_floor=1.5)


def test_nobody_is_an_empty_set_of_arrays() -> None:
    arrays = car_arrays([], CurveTable())
    assert {len(values) for values in arrays.values()} == {0}
    assert arrays["max_a"].shape == (0, SLOTS)


if "AMPACITY_REFERENCE" in os.environ:

    def test_the_table_is_the_published_one() -> None:
        source = Path(os.environ["AMPACITY_REFERENCE"]) / "data/profiles/ev_specs_v2g_enabled2024.json"
        for name, facts in json.loads(source.read_text()).items():
            car = CARS[name]
            assert car.registrations == facts["number_of_registrations"]
            assert car.archetype.battery_wh == 1000 * facts["battery_capacity"]
            assert car.archetype.dc_max_w == 1000 * facts["max_dc_charge_power"]
            for phases, column in ((1, "1ph_ch_efficiency"), (3, "3ph_ch_efficiency")):
                for current_a, percent in zip(facts["ch_current"], facts[column], strict=True):
                    if percent:
                        mine = charger_efficiency(car.charger, phases, current_a)
                        np.testing.assert_allclose(mine, percent / 100)
