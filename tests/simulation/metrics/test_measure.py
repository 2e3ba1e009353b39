"""The figures of runs that are written down by hand, so that every one of them is known."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ampacity.simulation.batch.outcome import Run
from ampacity.simulation.batch.world import LEFT, RENEGED, TAPER_CURVE, TAPER_LINEAR
from ampacity.simulation.metrics.balance import balance
from ampacity.simulation.metrics.measure import jain, measure
from ampacity.simulation.metrics.measured import Metrics
from ampacity.simulation.metrics.possible import possible_wh
from tests.simulation.worlds import empty_run, evses, rows, scene, series, visits, world

DOCS = Path(__file__).resolve().parents[3] / "docs" / "metrics.md"


def test_the_page_defines_every_figure_in_its_order() -> None:
    named = re.findall(r"^\| `(\w+)` \|", DOCS.read_text(), re.MULTILINE)
    assert named == list(Metrics.__struct_fields__)


def two_cars() -> Run:
    """One hour of 5-min steps. Car 0 takes 6 kW for half an hour and has all it wanted (3 kWh); car 1 has
    6 kW in the last quarter of an hour only and leaves with 1.5 of 4 kWh."""
    what = world(
        evses([(0,), (1,)]),
        visits([0, 0], [3600, 3600], [3000, 4000]),
        conductors=rows(limit_a=30.0),
        signals=series(12, buy=np.array([0.2] * 6 + [0.4] * 6)),
    )
    run = empty_run(scene(what, demand_price=10.0))
    state, trace = run.state, run.trace
    power = np.array([6000.0] * 6 + [0.0] * 3 + [6000.0] * 3)
    for array in (trace.site_w, trace.ev_w, trace.supply_w):
        array[:] = power
    trace.row_a[:6, 0] = trace.row_a[9:, 1] = 6000 / 230
    state.energy_wh[:] = 3000, 1500
    state.soc[:] += state.energy_wh / 60_000
    state.where[:] = LEFT
    state.plugged_s[:] = 0.0, 600.0
    state.left_s[:] = 3600.0
    state.writes[:] = 2, 4
    return run


def test_every_figure_of_a_run_of_two_cars() -> None:
    found = measure(two_cars())
    assert (found.visits, found.plugged, found.missed_departures) == (2, 2, 1)
    assert found.asked_kwh == found.possible_kwh == pytest.approx(7.0)
    assert found.delivered_kwh == found.grid_import_kwh == pytest.approx(4.5)
    assert found.unmet_kwh == pytest.approx(2.5)
    assert found.unmet_share == pytest.approx(2.5 / 7.0)
    assert found.energy_cost == pytest.approx(3.0 * 0.2 + 1.5 * 0.4)
    assert found.demand_cost == pytest.approx(60.0)
    assert found.operating_cost == pytest.approx(61.2)
    assert found.unmet_cost == pytest.approx(2.5)
    assert found.total_cost == pytest.approx(63.7)
    assert found.peak_kw == found.peak_window_kw == pytest.approx(6.0)
    assert found.peak_row_share == pytest.approx(6000 / 230 / 30)
    assert (found.over_limit_s, found.longest_over_limit_s, found.trips) == (0.0, 0.0, 0)
    # Car 1 left short and stood there from the third step on.
    assert found.congested_h == pytest.approx(50 / 60)
    assert found.utilisation_congested == pytest.approx(7 / 10 * 6000 / 230 / 30)
    assert found.wait_mean_s == pytest.approx(300.0)
    assert found.wait_p95_s == pytest.approx(570.0)
    assert found.time_in_system_mean_s == pytest.approx(3600.0)
    shares = np.array([1.0, 1.5 / 4.0])
    assert found.fairness_jain == pytest.approx(shares.sum() ** 2 / 2 / (shares**2).sum())
    assert found.served_share_p5 == pytest.approx(0.375 + 0.05 * 0.625)
    assert found.co2_kg == pytest.approx(4.5 * 0.3)
    assert found.writes_per_evse_h == pytest.approx(3.0)
    assert found.self_consumption is found.self_sufficiency is found.storage_cycles is None
    assert balance(two_cars()).residual_wh == pytest.approx(0.0, abs=1e-6)


def test_wear_is_what_its_model_says_and_part_of_the_total() -> None:
    run = two_cars()
    plain, worn = measure(run), measure(run, wear=lambda _: 1.25)
    assert (worn.wear_cost, worn.total_cost - plain.total_cost) == pytest.approx((1.25, 1.25))


def test_seconds_above_a_limit_are_counted_once_for_all_rows() -> None:
    run = two_cars()
    run.trace.row_a[2:5, 0] = 31.0
    run.trace.row_a[4:6, 1] = 31.0
    run.trace.row_a[8, 2] = 31.0
    found = measure(run)
    assert found.over_limit_s == 5 * 300.0
    assert found.longest_over_limit_s == 4 * 300.0


def test_who_gave_up_has_waited_until_then() -> None:
    run = two_cars()
    run.state.where[1] = RENEGED
    run.state.plugged_s[1] = np.inf
    run.state.left_s[1] = 1200.0
    found = measure(run)
    assert (found.reneged, found.plugged) == (1, 1)
    assert found.wait_mean_s == pytest.approx(600.0)


def test_the_sun_counts_where_it_is_used() -> None:
    """4 kW of sun, 1 kW of building: with the cars at 6 kW all is used, without them 3 kW leave."""
    run = two_cars()
    what = run.scene.world
    what.series.pv_w[:] = 4000.0
    what.series.base_w[:] = 1000.0
    run.trace.site_w[:] = run.trace.supply_w - 3000.0
    found = measure(run)
    assert found.self_consumption == pytest.approx(1.0 - (3 / 12 * 3.0) / 4.0)
    assert found.self_sufficiency == pytest.approx(1.0 - (9 / 12 * 3.0) / (1.0 + 4.5))
    assert found.energy_cost == pytest.approx(0.5 * 3.0 * 0.2 + 0.25 * 3.0 * 0.4 - 0.25 * 3.0 * 0.1)
    assert balance(run).at_the_grid_wh == pytest.approx(0.0, abs=1e-6)


def test_each_month_has_its_own_demand_in_local_time() -> None:
    """The last hour of January and the first of February in Amsterdam, one hour apart from UTC."""
    what = world(evses([(0,)]), visits([0], [7200], [1]), steps=24)
    run = empty_run(
        scene(what, starts_at=datetime(2026, 1, 31, 22, tzinfo=UTC), demand_price=1.0, demand_window_s=900.0)
    )
    run.trace.site_w[:12] = 3000.0
    run.trace.site_w[3] = 6000.0
    run.trace.site_w[12:] = 1000.0
    run.trace.site_w[23] = -50_000.0
    assert measure(run).demand_cost == pytest.approx(4.0 + 1.0)


@pytest.mark.parametrize(
    ("taper", "since", "hours", "expected_wh"),
    [
        ("none", 1.0, 1.0, 22_080.0),
        ("none", 1.0, 10.0, 48_000.0),
        ("linear", 0.8, 10.0, 48_000.0),
        ("linear", 0.8, 1.0, 22_080.0),
    ],
)
def test_what_a_car_could_have_had(taper: str, since: float, hours: float, expected_wh: float) -> None:
    kinds = {"none": 2, "linear": TAPER_LINEAR}
    cars = visits(
        [0.0],
        [hours * 3600],
        [np.inf],
        taper=np.array([kinds[taper]]),
        taper_from=np.array([since]),
    )
    what = world(evses([(0, 1, 2)]), cars, steps=150)
    assert possible_wh(what, cars.soc)[0] == pytest.approx(expected_wh, rel=2e-3)


@settings(max_examples=30, deadline=None)
@given(
    soc=st.floats(0.0, 1.0),
    hours=st.floats(0.0, 12.0),
    asked=st.floats(0.0, 80_000.0),
    accept=st.floats(1_000.0, 50_000.0),
    efficiency=st.floats(0.8, 1.0),
)
def test_more_time_never_makes_less_possible(
    soc: float, hours: float, asked: float, accept: float, efficiency: float
) -> None:
    curve = np.linspace(1.0, 0.1, 101)[None, :]
    cars = visits(
        [0.0, 0.0],
        [hours * 3600, hours * 3600 + 600],
        [asked, asked],
        soc=np.full(2, soc),
        taper=np.full(2, TAPER_CURVE),
        accept_w=np.full(2, accept),
        efficiency=np.full(2, efficiency),
    )
    what = world(evses([(0, 1, 2), (0,)]), cars._replace(evse=np.zeros(2, np.int64)), steps=150, curves=curve)
    short, long = possible_wh(what, cars.soc)
    assert 0.0 <= short <= long <= asked + 1e-6
    assert long <= (1.0 - soc) * 60_000 / efficiency + 1e-6
    assert long <= accept / efficiency * (hours + 1 / 6) + 1e-6


def test_fairness_of_nobody_of_all_and_of_one() -> None:
    assert jain(np.zeros(0)) is None
    assert jain(np.full(5, 0.3)) == pytest.approx(1.0)
    assert jain(np.array([1.0, 0.0, 0.0, 0.0])) == pytest.approx(0.25)


def test_figures_go_to_json_and_back() -> None:
    found = measure(two_cars())
    assert msgspec.json.decode(msgspec.json.encode(found), type=Metrics) == found


def test_visits_that_the_end_of_the_run_cuts_are_counted() -> None:
    """A run of an hour: one car stays longer, one leaves before, one comes later."""
    cars = visits([0.0, 0.0, 4000.0], [7200.0, 3000.0, 9000.0], [1000.0] * 3)
    found = measure(empty_run(scene(world(evses([(0,), (1,), (2,)]), cars, step_s=300.0, steps=12))))
    assert (found.visits, found.cut_visits) == (2, 1)
