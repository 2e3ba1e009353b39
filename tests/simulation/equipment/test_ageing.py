"""Ageing: the published laws, how stress adds up, and what a run costs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from ampacity.simulation.batch.outcome import Run
from ampacity.simulation.batch.state import blank
from ampacity.simulation.equipment.ageing import (
    Cycles,
    Past,
    Price,
    calendar_loss,
    calendar_rate,
    car_losses,
    course_losses,
    cycle_loss,
    cycle_price,
    cycle_rate,
    rainflow,
    run_wear,
    storage_losses,
)
from ampacity.simulation.equipment.storage import StorageSpec, storage
from ampacity.simulation.fleet import Chemistry
from ampacity.simulation.metrics.measure import measure
from tests.simulation.worlds import empty_run, evses, scene, visits, world

CHEMISTRIES: tuple[Chemistry, ...] = ("NMC", "LFP")
NEW = Past(days=0.0, cycles=0.0)
courses = st.lists(st.integers(0, 20), min_size=2, max_size=60).map(lambda levels: np.array(levels) / 20.0)


def same(depth: float, cycles: int) -> Cycles:
    return Cycles(np.full(cycles, depth), np.full(cycles, 0.5), np.ones(cycles))


def test_the_calendar_of_schmalstieg() -> None:
    # (7.543 * 3.67 - 23.75) 1e6 exp(-6976 / 298.15) 365^0.75
    lost = calendar_loss("NMC", np.array([365.0]), np.array([0.5]), 25.0, NEW)
    assert float(lost) == pytest.approx(3.93281e6 * 6.8950e-11 * 83.506, rel=1e-3)


def test_the_calendar_of_naumann() -> None:
    lost = calendar_loss("LFP", np.array([365.0]), np.array([0.8]), 25.0, NEW)
    assert float(lost) == pytest.approx(1.2571e-5 * (2.8575 * 0.027 + 0.60225) * 5615.69, rel=1e-5)


def test_the_cycles_of_schmalstieg() -> None:
    # beta at half full, depth 0.8; 410 Ah are 100 cycles of 2.05 Ah in and out.
    beta = 7.348e-3 * 0.003**2 + 7.6e-4 + 4.081e-3 * 0.8
    assert float(cycle_loss("NMC", same(0.8, 125), past=NEW)) == pytest.approx(
        beta * np.sqrt(410.0), rel=1e-9
    )


def test_the_cycles_of_naumann() -> None:
    rate = (0.063 * 1.0 + 0.0971) * (4.0253 * 0.4**3 + 1.0923) / 100.0
    assert float(cycle_loss("LFP", same(1.0, 100), 1.0, NEW)) == pytest.approx(10.0 * rate, rel=1e-9)


@pytest.mark.parametrize("chemistry", CHEMISTRIES)
def test_warmer_fuller_and_deeper_is_worse(chemistry: Chemistry) -> None:
    at = np.linspace(0.0, 1.0, 21)
    assert np.all(np.diff(calendar_rate(chemistry, at, 20.0)) > 0.0)
    assert np.all(np.diff(calendar_rate(chemistry, 0.5, 40.0 * at)) > 0.0)
    assert np.all(np.diff(cycle_rate(chemistry, at)) > 0.0)


@given(
    st.sampled_from(CHEMISTRIES),
    st.lists(st.tuples(st.floats(0, 50), st.floats(0, 1)), min_size=1, max_size=9),
)
@settings(max_examples=40, deadline=None)
def test_the_order_of_stress_does_not_matter_and_more_is_never_less(
    chemistry: Chemistry, pieces: list[tuple[float, float]]
) -> None:
    days, soc = (np.array(column) for column in zip(*pieces, strict=True))
    lost = float(calendar_loss(chemistry, days, soc))
    assert lost == pytest.approx(float(calendar_loss(chemistry, days[::-1], soc[::-1])), abs=1e-12)
    longer = float(calendar_loss(chemistry, np.append(days, 1.0), np.append(soc, 0.5)))
    assert 0.0 <= lost < longer


@given(courses)
@settings(max_examples=80, deadline=None)
def test_the_counted_cycles_are_the_way_of_the_course(course: np.ndarray) -> None:
    cycles = rainflow(course)
    assert 2.0 * float((cycles.depth * cycles.times).sum()) == pytest.approx(
        float(np.abs(np.diff(course)).sum())
    )
    if len(cycles.depth):
        assert cycles.depth.max() == pytest.approx(course.max() - course.min())


def test_the_example_of_the_standard() -> None:
    # ASTM E1049-85, figure 6: -2 1 -3 5 -1 3 -4 4 -2, here between 0 and 0.9.
    points = (np.array([-2, 1, -3, 5, -1, 3, -4, 4, -2]) + 4) / 10.0
    cycles = rainflow(points)
    counted = sorted(
        (round(10 * depth), times)
        for depth, times in zip(cycles.depth.tolist(), cycles.times.tolist(), strict=True)
    )
    assert counted == [(3, 0.5), (4, 0.5), (4, 1.0), (6, 0.5), (8, 0.5), (8, 0.5), (9, 0.5)]


@given(st.sampled_from(CHEMISTRIES), courses, st.integers(1, 4))
@settings(max_examples=40, deadline=None)
def test_to_do_it_again_is_never_less_loss(chemistry: Chemistry, course: np.ndarray, times: int) -> None:
    there_and_back = np.concatenate([course, course[::-1]])
    once = course_losses(chemistry, there_and_back, 600.0)
    often = course_losses(chemistry, np.tile(there_and_back, times + 1), 600.0)
    assert float(often.cycle) >= float(once.cycle) - 1e-15
    assert float(often.calendar) > float(once.calendar)


@pytest.mark.parametrize("chemistry", CHEMISTRIES)
def test_an_old_battery_loses_less_by_the_same(chemistry: Chemistry) -> None:
    young, old = (Past(days=days, cycles=cycles) for days, cycles in ((100.0, 20.0), (3000.0, 900.0)))
    assert cycle_loss(chemistry, same(0.5, 10), past=old) < cycle_loss(chemistry, same(0.5, 10), past=young)
    assert cycle_price(chemistry, past=old) < cycle_price(chemistry, past=young)


@pytest.mark.parametrize(("chemistry", "low", "high"), [("NMC", 0.03, 0.10), ("LFP", 0.005, 0.03)])
def test_the_next_kwh_costs_cents(chemistry: Chemistry, low: float, high: float) -> None:
    price = cycle_price(chemistry)
    assert low < price < high
    assert cycle_price(chemistry, price=Price(per_kwh=240.0)) == pytest.approx(2.0 * price)
    # The slope is that of the law: ten small cycles more.
    more = float(cycle_loss(chemistry, same(0.5, 10)))
    assert more / 0.2 * 120.0 / (10 * 0.5 * 2.0) == pytest.approx(price, rel=0.03)


def test_a_new_battery_has_no_price_of_the_next_kwh() -> None:
    with pytest.raises(ValueError, match="above 0"):
        cycle_price("NMC", past=NEW)


def a_day(*, each_evse: bool = False, late: bool = False, given_wh: float = 0.0) -> Run:
    """A car of 60 kWh from 20 to 60 % within a day of five-minute steps; the last of its ten hours stays."""
    at = world(
        evses([(0, 1, 2)]), visits([0.0], [36_000.0], [24_000.0]), steps=288,
        storage=storage(StorageSpec(capacity_wh=100_000.0, power_w=50_000.0, standby_w=100.0)),
    )  # fmt: skip
    run = empty_run(scene(at))
    if each_evse:
        run = Run(
            scene=run.scene, strategy="by hand", state=run.state, trace=blank(at, each_evse=True), wall_s=0.0
        )
        first = 84 if late else 0
        run.trace.evse_w[first : first + 36, 0] = 8000.0
    run.state.at[0] = 0
    run.state.plugged_s[0], run.state.left_s[0] = 0.0, 36_000.0
    run.state.energy_wh[0], run.state.given_wh[0] = 24_000.0 + given_wh, given_wh
    run.state.soc[0] = 0.6
    run.trace.storage_w[:] = 100.0
    return run


def test_a_car_that_charges_late_ages_less() -> None:
    early, late = car_losses(a_day(each_evse=True)), car_losses(a_day(each_evse=True, late=True))
    coarse = car_losses(a_day())
    assert late.calendar[0] < coarse.calendar[0] < early.calendar[0]
    assert late.cycle[0] == early.cycle[0] == coarse.cycle[0] > 0.0


def test_giving_back_costs_life() -> None:
    lost = [float(car_losses(a_day(given_wh=given)).cycle[0]) for given in (0.0, 6000.0, 30_000.0, 120_000.0)]
    assert lost == sorted(lost)
    assert lost[3] > 2.0 * lost[0]


def test_a_battery_that_works_ages_more_than_one_that_rests() -> None:
    rest, work = a_day(), a_day()
    work.trace.storage_w[:48] += 10_000.0
    work.trace.storage_w[96:144] -= 10_000.0
    assert float(storage_losses(rest).cycle) == 0.0
    assert float(storage_losses(rest).calendar) > 0.0
    assert float(storage_losses(work).cycle) > 0.0


def test_wear_is_a_cost_among_the_metrics() -> None:
    run = a_day(each_evse=True)
    figures = measure(run, wear=run_wear)
    assert figures.wear_cost == pytest.approx(run_wear(run))
    # Half a cycle of 0.4 through a car's 60 kWh, and hours at 60 instead of 20 %: about a euro.
    assert 0.5 < figures.wear_cost < 3.0
    assert run_wear(run, price=Price(per_kwh=0.0)) == 0.0
    assert run_wear(a_day(each_evse=True, late=True)) < figures.wear_cost


def test_who_only_stands_there_costs_nothing() -> None:
    run = a_day()
    run.state.energy_wh[0], run.state.soc[0] = 0.0, 0.2
    assert run_wear(run) == pytest.approx(0.0, abs=1e-9)


def test_each_battery_ages_by_its_own_law() -> None:
    run = a_day()
    iron = structs.replace(run, scene=structs.replace(run.scene, chemistries=("LFP",)))
    assert car_losses(iron).cycle[0] == car_losses(run, chemistry="LFP").cycle[0]
    assert car_losses(iron).cycle[0] < car_losses(run).cycle[0] == car_losses(run, chemistry="NMC").cycle[0]


def test_who_never_came_has_no_wear() -> None:
    run = empty_run(scene(world(evses([(0,)]), visits([0.0], [36_000.0], [1.0]))))
    losses = car_losses(run)
    assert (losses.calendar.tolist(), losses.cycle.tolist()) == ([0.0], [0.0])
    assert storage_losses(run).calendar == 0.0
