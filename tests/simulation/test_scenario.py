"""Plans for the demo: the promised mix, wiring that adds up, a limit that binds."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from ampacity.model.phases import to_parent
from ampacity.simulation.evses import RECTIFIER_EFFICIENCY, EvsePlan, workplace_evses
from ampacity.simulation.scenario import WorldPlan, replay_plan, workplace_plan
from ampacity.simulation.sessions import read_sessions

SMALL = Path(__file__).parents[1] / "data" / "sessions_54evse_2h.csv"
BERLIN = ZoneInfo("Europe/Berlin")
MONDAY = date(2026, 11, 23)


def test_the_workplace_has_the_promised_mix() -> None:
    evses = workplace_evses()
    assert len(evses) == 24
    assert Counter(plan.ocpp_version for plan in evses) == {"1.6": 12, "2.0.1": 8, "2.1": 4}
    kinds = Counter("dc" if plan.dc_power_w else plan.phases for plan in evses)
    assert kinds == {1: 6, 3: 16, "dc": 2}
    assert Counter(Counter(plan.station_id for plan in evses).values()) == {1: 22, 2: 1}
    assert len({plan.key for plan in evses}) == 24
    assert {plan.safe_a for plan in evses} == {0.0, 6.0}
    assert len({plan.vendor for plan in evses}) == 4
    # OCPP 1.6 allows 20 characters.
    assert all(len(plan.vendor) <= 20 and len(plan.model) <= 20 for plan in evses)


def test_single_phase_sockets_are_spread_over_the_phases() -> None:
    single = [plan.grid_phases for plan in workplace_evses() if plan.phases == 1]
    assert Counter(single) == {(0,): 2, (1,): 2, (2,): 2}


def test_a_rotation_lands_where_ocpp_says() -> None:
    plan = EvsePlan(station_id="A", vendor="V", model="M", ocpp_version="1.6", phase_rotation="STR")
    assert plan.rotation == (1, 2, 0)
    assert to_parent((10.0, 20.0, 30.0), plan.rotation) == (30.0, 10.0, 20.0)


def test_an_evse_for_the_control_law() -> None:
    plan = next(plan for plan in workplace_evses() if plan.phases == 1 and plan.phase_rotation == "STR")
    evse = plan.as_evse("main")
    assert evse.key == plan.key
    assert evse.phases == (1,)
    assert (evse.max_a, evse.safe_a, evse.circuit_id) == (plan.max_a, plan.safe_a, "main")


def test_what_draws_without_orders_fits_beside_the_worst_building() -> None:
    plan = workplace_plan(1, MONDAY, tz=BERLIN)
    safe = np.zeros(3)
    for evse in plan.evses:
        for phase in evse.grid_phases:
            safe[phase] += evse.safe_a
    building, start = plan.building(), datetime(2026, 11, 23, tzinfo=BERLIN).timestamp()
    worst = np.max([building.current_a(start + 30 * k) for k in range(5 * 2880)], axis=0)
    # Commissioning rule of the control law, section 4, with the margin of a one-second meter.
    assert np.all(safe + worst <= plan.limit_a - 3.0)


def uncontrolled_peak_a(plan: WorldPlan) -> float:
    by_key = {evse.key: evse for evse in plan.evses}
    midnight = datetime(2026, 11, 23, tzinfo=BERLIN).timestamp()
    building = plan.building()
    total = np.array([building.current_a(midnight + 60.0 * m) for m in range(1440)])
    for visit in plan.visits:
        evse, car = by_key[(visit.station_id or "", visit.evse_id)], visit.plug_in()
        first = int((visit.arrival_s - midnight) // 60) + 1
        for minute in range(first, min(1440, int((visit.departure_s - midnight) // 60))):
            at_s = midnight + 60.0 * minute
            if evse.dc_power_w is None:
                own = car.step(at_s, evse.max_a, evse.phases).current_a
            else:
                supply = car.dc_step(at_s, evse.dc_power_w).power_w / RECTIFIER_EFFICIENCY / 690.0
                own = (supply, supply, supply)
            total[minute] += to_parent(own, evse.rotation)
    return float(total.max())


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_without_control_the_workplace_would_overload_its_connection(seed: int) -> None:
    plan = workplace_plan(seed, MONDAY, tz=BERLIN)
    assert uncontrolled_peak_a(plan) > 1.15 * plan.limit_a


def test_the_same_seed_is_the_same_world() -> None:
    one, other = (workplace_plan(5, MONDAY, tz=BERLIN) for _ in range(2))
    assert one == other
    assert one != workplace_plan(6, MONDAY, tz=BERLIN)
    assert one.starts_at == datetime(2026, 11, 23, 6, 30, tzinfo=UTC)
    assert one.building().current_a(1.7e9) == other.building().current_a(1.7e9)


@pytest.mark.parametrize("count", [1, 5, 24, 50])
def test_any_number_of_evses(count: int) -> None:
    plan = workplace_plan(1, MONDAY, count)
    assert len(plan.evses) == count
    assert sum(len(station) for station in plan.stations) == count


def test_the_breakers_are_warm_and_closed_at_the_start() -> None:
    plan = workplace_plan(1, MONDAY, tz=BERLIN)
    for breaker in plan.breakers():
        assert breaker.rated_a == plan.limit_a
        assert 0.0 < breaker.heat < 0.5
        assert not breaker.tripped


def test_a_replay_has_an_evse_for_every_station_of_the_file() -> None:
    file = read_sessions(SMALL)
    plan = replay_plan(file)
    assert len(plan.evses) == 54
    assert {evse.phases for evse in plan.evses} == {1}
    assert Counter(evse.grid_phases for evse in plan.evses) == {(0,): 18, (1,): 18, (2,): 18}
    assert {evse.ocpp_version for evse in plan.evses} == {"1.6", "2.0.1", "2.1"}
    assert plan.starts_at == file.rows[0].arrival
    assert plan.utc_offset_s == -7 * 3600.0
    assert len(plan.visits) == len(file.rows)
    assert plan == replay_plan(file)
