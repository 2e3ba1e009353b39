"""The equipment inside the batch engine: cars as the live world has them, fleets that keep their battery."""

from __future__ import annotations

from datetime import UTC, date

import numpy as np
import pytest

from ampacity.simulation.batch.episode import run
from ampacity.simulation.batch.outcome import Run
from ampacity.simulation.cars import Car
from ampacity.simulation.equipment.ageing import car_losses, storage_losses
from ampacity.simulation.equipment.cars import CAR_800V, CAR_LFP, CARS, VAN, bidirectional, car_arrays
from ampacity.simulation.equipment.charging_curves import CurveTable
from ampacity.simulation.equipment.routes import VEHICLES, Route, depot_stops
from ampacity.simulation.equipment.stations import dc_station
from ampacity.simulation.equipment.storage import soc_course
from ampacity.simulation.fleet import FLEET, Archetype, CarPlan
from tests.simulation.worlds import evses, rows, scene, visits, world

KINDS = (*(car.archetype for car in CARS.values()), *FLEET, CAR_LFP, CAR_800V)


def charged(kinds: tuple[Archetype, ...], *, dc: bool, stay_s: float, step_s: float, battery_c: float) -> Run:
    """Everybody from 15 % at an EVSE of its own, without a limit."""
    n = len(kinds)
    curves = CurveTable()
    plans = [CarPlan(archetype=kind, soc=0.15) for kind in kinds]
    station = dc_station(150_000.0)
    direct = {
        "dc": np.ones(n, np.bool_),
        "rating_w": np.full(n, station.rating_w),
        "efficiency": np.full(n, station.efficiency),
        "max_a": np.full(n, 400.0),
        "min_a": np.zeros(n),
    }
    what = world(
        evses([(0, 1, 2)] * n, **(direct if dc else {})),
        visits(
            [0.0] * n, [stay_s] * n, [np.inf] * n, **car_arrays(plans, curves, dc=dc, battery_c=battery_c)
        ),
        step_s=step_s, steps=round(stay_s / step_s) + 1, conductors=rows(1e9, 1e9), curves=curves.array(),
    )  # fmt: skip
    return run(scene(what), "uncontrolled")


@pytest.mark.parametrize(("dc", "stay_s", "step_s"), [(False, 9000.0, 300.0), (True, 1800.0, 60.0)])
def test_energies_are_those_of_the_live_cars(dc: bool, stay_s: float, step_s: float) -> None:
    kinds = tuple(kind for kind in KINDS if not dc or kind.dc_max_w > 0.0)
    done = charged(kinds, dc=dc, stay_s=stay_s, step_s=step_s, battery_c=25.0)
    for at, kind in enumerate(kinds):
        car = Car(kind, soc=0.15, at_s=0.0)
        if dc:
            car.dc_step(0.0, 150_000.0)
            car.dc_step(stay_s, 0.0)
        else:
            car.step(0.0, 32.0, 3)
            car.step(stay_s, 0.0, 3)
        assert done.state.energy_wh[at] == pytest.approx(car.energy_wh, rel=0.005), kind.name


def test_a_cold_car_gets_less_at_a_fast_charger() -> None:
    kinds = tuple(kind for kind in KINDS if kind.dc_max_w > 100_000.0)
    cold, warm = (charged(kinds, dc=True, stay_s=1800.0, step_s=60.0, battery_c=at) for at in (-10.0, 25.0))
    assert np.all(cold.state.energy_wh < 0.8 * warm.state.energy_wh)


def test_vans_of_a_depot_keep_their_battery_from_stop_to_stop() -> None:
    count, vehicle = 3, VEHICLES["van"]
    stops = depot_stops(
        np.random.default_rng(4), vehicle, Route(days_off=False), count=count, first_day=date(2026, 3, 2),
        days=3, zone=UTC,
    )  # fmt: skip
    v = len(stops.vehicle)
    curves = CurveTable()
    car = {
        **car_arrays([bidirectional(VAN)] * v, curves, battery_c=stops.battery_c),
        **{name: values for name, values in stops._asdict().items() if name not in ("vehicle", "battery_c")},
        "evse": stops.vehicle,
        "declared_depart_s": stops.depart_s,
    }
    cars = visits([0.0] * v, [0.0] * v, [np.inf] * v)._replace(**car)
    what = world(
        evses([(0, 1, 2)] * count),
        cars,
        steps=3 * 288,
        conductors=rows(1e9, 1e9),
        curves=curves.array(),
    )
    done = run(scene(what), "uncontrolled", each_evse=True)
    gone = np.isfinite(done.state.left_s) & (done.state.left_s < 3 * 86_400.0)
    assert gone.sum() >= 2 * count
    # A night on 11 kW is enough, and what went in is what the trips took.
    assert np.all(done.state.soc[gone] >= what.visits.soc_needed[gone] - 1e-9)
    chained = gone & (stops.before >= 0)
    took = stops.trip_wh[chained] / VAN.ac_efficiency
    np.testing.assert_allclose(done.state.energy_wh[chained], took, rtol=1e-3)
    losses = car_losses(done)
    assert np.all(losses.cycle[chained] > 0.0)
    assert float(storage_losses(done).cycle) == 0.0
    assert soc_course(what.storage, done.trace.storage_w, 300.0).max() == 0.0
