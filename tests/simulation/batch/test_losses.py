"""Losses by the load: what goes in is what comes out and what is lost, a setpoint is never exceeded."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ampacity.simulation.batch.episode import run
from ampacity.simulation.batch.losses import charger_share, delivered_w, drop_per_w, supplied_w
from ampacity.simulation.batch.world import CHARGER_POINTS_A, World
from ampacity.simulation.equipment.cars import CARS, ChargerTable, charger_efficiency
from ampacity.simulation.equipment.stations import RECTIFIER, ac_station, dc_station
from ampacity.simulation.fleet import FLEET
from ampacity.simulation.metrics.balance import balance
from tests.simulation.strategies.test_compiled import any_world
from tests.simulation.worlds import evses, rows, scene, visits, world

SEEDS = st.integers(0, 2**32 - 1)


@settings(max_examples=100, deadline=None)
@given(
    fixed_w=st.floats(0.0, 3000.0),
    linear=st.floats(0.0, 0.2),
    square=st.floats(0.0, 1e-5),
    supply_w=st.floats(0.0, 1e6),
)
def test_what_is_delivered_takes_what_was_offered(
    fixed_w: float, linear: float, square: float, supply_w: float
) -> None:
    power_w = delivered_w(fixed_w, linear, square, supply_w)
    if supply_w <= fixed_w:
        assert power_w == 0.0
    elif power_w > 0.0:
        assert supplied_w(fixed_w, linear, square, power_w) == pytest.approx(supply_w, rel=1e-9)


def with_losses(seed: int, *, phasors: bool) -> World:
    """Any world, with losses by the load at every EVSE and chargers that follow the current."""
    made = any_world(seed, phasors=phasors)
    rng = np.random.default_rng(seed)
    n, v = len(made.evses.min_a), len(made.visits.arrive_s)
    table = ChargerTable()
    lines = [table.line(FLEET[int(k)]) for k in rng.integers(0, len(FLEET), v)]
    return made._replace(
        evses=made.evses._replace(
            fixed_w=rng.uniform(0.0, 300.0, n),
            linear=rng.uniform(0.0, 0.05, n),
            ohm=rng.uniform(0.0, 0.05, n),
        ),
        visits=made.visits._replace(charger=np.array(lines, np.int64)),
        chargers=table.array(),
    )


@settings(max_examples=30, deadline=None)
@given(seed=SEEDS, phasors=st.booleans(), name=st.sampled_from(["uncontrolled", "dynamic", "least-laxity"]))
def test_energy_in_is_energy_out_lost_and_stored_by_the_load(seed: int, phasors: bool, name: str) -> None:
    sums = balance(run(scene(with_losses(seed, phasors=phasors)), name))
    bound = 1e-9 * max(abs(sums.grid_wh), 1.0) + 1e-6
    assert abs(sums.residual_wh) < bound
    assert abs(sums.at_the_cars_wh) < bound
    assert sums.station_losses_wh >= 0.0
    assert sums.car_losses_wh >= 0.0


@settings(max_examples=30, deadline=None)
@given(seed=SEEDS, phasors=st.booleans())
def test_losses_are_inside_the_setpoint(seed: int, phasors: bool) -> None:
    made = with_losses(seed, phasors=phasors)
    prompt = made.visits._replace(up_s=0.0 * made.visits.up_s, down_s=0.0 * made.visits.down_s)
    done = run(scene(made._replace(visits=prompt)), "dynamic")
    built = made.rows
    over = done.trace.row_a - np.maximum(built.limit_a, np.hypot(built.base_re, built.base_im)) - 1e-6
    assert (over <= 0.0).all()


@pytest.mark.parametrize("load", [0.05, 0.25, 0.5, 1.0])
def test_a_dc_station_loses_what_its_converter_does(load: float) -> None:
    rating_w = 150_000.0
    station = dc_station(rating_w)
    places = evses(
        [(0, 1, 2)],
        **{name: np.array([getattr(station, name)]) for name in ("dc", "rating_w", "efficiency", "max_a")},
        **{name: np.array([getattr(station, name)]) for name in ("fixed_w", "linear", "ohm")},
    )
    cars = visits(
        [0.0], [3600.0], [1e9], capacity_wh=np.array([1e9]), dc_max_w=np.array([load * rating_w]),
        accept_w=np.array([1e6]),
    )  # fmt: skip
    done = run(scene(world(places, cars, conductors=rows(1e6))), "uncontrolled")
    assert done.trace.ev_w[3] == pytest.approx(load * rating_w)
    assert done.trace.ev_w[3] / done.trace.supply_w[3] == pytest.approx(float(RECTIFIER.efficiency(load)))


def test_one_slot_of_a_dc_station_loses_the_same() -> None:
    three, one = dc_station(50_000.0), dc_station(50_000.0, voltage_v=240.0, slots=1)
    heat_w = [drop_per_w(s.ohm, v, s.phases) * 50_000.0**2 for s, v in ((three, 230.0), (one, 240.0))]
    assert heat_w[0] == pytest.approx(heat_w[1]) == pytest.approx(0.022 * 50_000.0)


def test_contacts_of_an_ac_station_lose_little() -> None:
    station = ac_station(3, 32.0)
    lost_w = supplied_w(station.fixed_w, 0.0, drop_per_w(station.ohm, 230.0, 3), 22_080.0) - 22_080.0
    assert lost_w == pytest.approx(3.0 + 3 * 0.004 * 32.0**2)


@pytest.mark.parametrize(("slots", "current_a"), [(1, 6.0), (1, 11.0), (1, 16.0), (3, 6.0), (3, 16.0)])
def test_a_car_stores_what_its_charger_lets_through(slots: int, current_a: float) -> None:
    car = CARS["Volkswagen ID.3"]
    table = ChargerTable()
    line = table.line(car.archetype)
    limits = rows()._replace(limit_a=np.full((1, 6), current_a))
    cars = visits(
        [0.0], [7200.0], [1e9], charger=np.array([line]), slots=np.array([slots]), efficiency=np.array([0.9])
    )
    places = evses([(0, 1, 2)[:slots]])
    made = world(places, cars, conductors=limits)._replace(chargers=table.array())
    done = run(scene(made), "first-come")
    into_wh = float(done.state.soc[0] - 0.2) * 60_000.0
    efficiency = into_wh / float(done.state.energy_wh[0])
    assert efficiency == pytest.approx(charger_efficiency(car.charger, slots, current_a))


def test_lines_of_chargers() -> None:
    table = ChargerTable()
    assert [table.line(FLEET[0]), table.line(FLEET[1]), table.line(CARS["Kia Niro"].archetype)] == [0, 0, 2]
    lines = table.array()
    assert lines.shape == (4, len(CHARGER_POINTS_A))
    assert lines[:2].max() == pytest.approx(FLEET[0].ac_efficiency)
    assert lines[0, 0] < lines[0, 5] < lines[0, -1] < lines[1, 5]
    assert charger_share(lines[2], 2.0) == lines[2, 0]
    assert charger_share(lines[2], 99.0) == lines[2, -1]
    assert charger_share(lines[2], 7.0) == pytest.approx(0.5 * (lines[2, 0] + lines[2, 1]))
