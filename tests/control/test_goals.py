"""When a session has come to what it was asked to end at, and when it waits for its price."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ampacity.control.goals import STOP_S, Progress, judge
from ampacity.model.goals import Goals


def at(**changes: Any) -> Progress:
    fields: dict[str, Any] = {"energy_wh": 4_000.0, "elapsed_s": 1_800.0}
    return Progress(**{**fields, **changes})


@pytest.mark.parametrize(
    ("goals", "progress", "reached"),
    [
        (Goals(), at(), None),
        (Goals(soc_percent=80.0), at(soc_percent=79.9), None),
        (Goals(soc_percent=80.0), at(soc_percent=80.0), "soc"),
        (Goals(soc_percent=80.0), at(), None),  # not told is neither full nor empty
        (Goals(energy_wh=4_000.1), at(), None),
        (Goals(energy_wh=4_000.0), at(), "energy"),
        (Goals(energy_wh=4_060.0), at(power_w=11_000.0), "energy"),  # it will have it when the stop lands
        (Goals(energy_wh=4_100.0), at(power_w=11_000.0), None),
        (Goals(time_s=1_801.0), at(), None),
        (Goals(time_s=1_800.0), at(), "time"),
        (Goals(budget=Decimal("5.00")), at(cost=Decimal("4.99")), None),
        (Goals(budget=Decimal("5.00")), at(cost=Decimal("5.00")), "budget"),
        (Goals(budget=Decimal("0.10"), time_s=9.0), at(cost=Decimal("0.30")), "time"),  # one is named
    ],
)
def test_the_first_goal_that_is_met_ends_it(goals: Goals, progress: Progress, reached: str | None) -> None:
    verdict = judge(goals, progress)
    assert (verdict.reached, verdict.held, verdict.stop) == (
        reached,
        "goal" if reached else None,
        reached is not None,
    )


def test_a_session_waits_while_its_price_is_above_and_goes_on_when_it_is_not() -> None:
    goals = Goals(max_price_per_kwh=Decimal("0.40"))
    held = [
        judge(goals, at(price_per_kwh=price)).held
        for price in (Decimal("0.39"), Decimal("0.41"), Decimal("0.40"), None)
    ]
    assert held == [None, "price", None, "unknown"]
    assert "0.41" in judge(goals, at(price_per_kwh=Decimal("0.41"))).text


def test_a_budget_whose_cost_nobody_knows_is_no_leave_to_charge() -> None:
    verdict = judge(Goals(budget=Decimal(20)), at(cost=None))
    assert (verdict.held, verdict.reached, verdict.stop) == ("unknown", None, False)


def test_what_was_reached_stays_reached() -> None:
    """A car that was at 80 % and stands for an hour shows 79 %: it is not charged again."""
    goals = Goals(soc_percent=80.0, at_goal="pause")
    assert judge(goals, at(soc_percent=79.0), "soc").held == "goal"


@pytest.mark.parametrize(("pays_for_time", "stops"), [(False, False), (True, True)])
def test_a_budget_stops_where_standing_still_costs_money(pays_for_time: bool, stops: bool) -> None:
    goals = Goals(budget=Decimal(1), at_goal="pause")
    assert judge(goals, at(cost=Decimal(1), pays_for_time=pays_for_time)).stop is stops


@given(st.floats(0, 50_000), st.floats(0, 300_000), st.floats(100, 80_000))
def test_no_session_overruns_its_energy_by_the_way_to_its_stop(
    begun_wh: float, power_w: float, goal_wh: float
) -> None:
    """Samples at most a stop's time apart: the energy at the stop is above the goal by no more than the
    rest of one sample interval would have brought below it."""
    goals = Goals(energy_wh=goal_wh)
    energy_wh, step_wh = 0.0, power_w * STOP_S / 3600.0
    for _ in range(100):
        if judge(goals, at(energy_wh=energy_wh, power_w=power_w)).stop:
            break
        energy_wh += step_wh
    assert energy_wh + 1e-6 < goal_wh or power_w == 0 or energy_wh == 0.0
