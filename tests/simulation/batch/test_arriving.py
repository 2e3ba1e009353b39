"""Who stands where: the line of a hub, people who turn away, reservations, faults, cars that come back."""

from __future__ import annotations

import numpy as np

from ampacity.simulation.batch.episode import run
from ampacity.simulation.batch.outcome import Run
from ampacity.simulation.batch.world import (
    BALKED,
    LEFT,
    PLUGGED,
    RENEGED,
    TURNED_AWAY,
    Faults,
    Visits,
)
from tests.simulation.worlds import evses, scene, visits, world

MINUTE = 60.0


def hub(cars: Visits, places: int = 1, steps: int = 60, **changes: object) -> Run:
    """`places` EVSEs of one pool, a minute a step, everybody at full rate."""
    built = evses([(0, 1, 2)] * places, pool=np.zeros(places, np.int64))
    made = world(built, cars, step_s=MINUTE, steps=steps)._replace(**changes)
    return run(scene(made), "uncontrolled")


def queue(minutes: list[float], stay_min: float = 10.0, **changes: object) -> Visits:
    """Cars that come at these minutes to the pool and stay `stay_min` once they are plugged in."""
    v = len(minutes)
    fields: dict[str, object] = {
        "evse": np.full(v, -1, np.int64),
        "pool": np.zeros(v, np.int64),
        "stay_s": np.full(v, stay_min * MINUTE),
    }
    came = [m * MINUTE for m in minutes]
    return visits(came, [7200.0] * v, [50_000.0] * v, **{**fields, **changes})


def test_first_come_first_served_and_a_wait_moves_the_stay() -> None:
    done = hub(queue([0.0, 1.0, 2.0]))
    assert done.state.plugged_s.tolist() == [0.0, 600.0, 1200.0]
    assert done.state.left_s.tolist() == [600.0, 1200.0, 1800.0]
    assert done.state.where.tolist() == [LEFT, LEFT, LEFT]
    # All had the same ten minutes, and so the same energy.
    assert np.ptp(done.state.energy_wh) < 1e-9


def test_who_sees_a_line_turns_away_and_who_waits_too_long_gives_up() -> None:
    done = hub(
        queue(
            [0.0, 1.0, 2.0, 3.0],
            balk_at=np.array([9, 9, 1, 9]),
            patience_s=np.array([np.inf, np.inf, np.inf, 5 * MINUTE]),
        )
    )
    assert done.state.where.tolist() == [LEFT, LEFT, BALKED, RENEGED]
    assert done.state.left_s[2:].tolist() == [120.0, 480.0]
    assert done.state.counts[3:6].tolist() == [1, 1, 0]
    assert done.state.energy_wh[2:].tolist() == [0.0, 0.0]


def test_nobody_turns_away_from_a_free_place() -> None:
    done = hub(queue([0.0, 20.0], balk_at=np.array([0, 0])))
    assert done.state.where.tolist() == [LEFT, LEFT]


def test_a_place_is_kept_for_who_has_reserved_until_that_runs_out() -> None:
    reserved = {
        "reserve_s": np.array([np.inf, 0.0]),
        "reserve_until_s": np.array([np.inf, 20 * MINUTE]),
    }
    in_time = hub(queue([1.0, 10.0], **reserved))
    assert in_time.state.plugged_s.tolist() == [1200.0, 600.0]
    # Who comes after its reservation finds the place given away.
    late = hub(queue([1.0, 25.0], **reserved))
    assert late.state.plugged_s.tolist() == [20 * MINUTE, 30 * MINUTE]


def test_whose_own_place_stays_taken_is_turned_away() -> None:
    cars = visits([0.0, 300.0], [3600.0, 900.0], [50_000.0] * 2, evse=np.array([0, 0]))
    done = run(scene(world(evses([(0,)]), cars, step_s=MINUTE, steps=60)), "uncontrolled")
    assert done.state.where.tolist() == [LEFT if done.state.left_s[0] < 3600 else PLUGGED, TURNED_AWAY]
    assert done.state.counts[5] == 1


def test_a_broken_place_gives_nothing_and_takes_nobody() -> None:
    cars = queue([0.0, 10.0], stay_min=30.0)
    broken = Faults(np.array([0]), np.array([5 * MINUTE]), np.array([15 * MINUTE]))
    done = hub(cars, places=2, faults=broken)
    whole = hub(cars, places=2)
    assert done.state.at.tolist() == [0, 1]
    lost = whole.state.energy_wh[0] - done.state.energy_wh[0]
    assert abs(lost - 3 * 230 * 32 * 10 / 60) < 1e-6


def test_a_car_that_comes_back_has_what_it_left_with_less_its_trip() -> None:
    cars = visits(
        [0.0, 1800.0],
        [900.0, 3600.0],
        [50_000.0] * 2,
        evse=np.array([0, 0]),
        before=np.array([-1, 0]),
        trip_wh=np.array([0.0, 6_000.0]),
    )
    done = run(scene(world(evses([(0, 1, 2)]), cars, step_s=MINUTE, steps=45)), "uncontrolled")
    left_with = 0.2 + 3 * 230 * 32 * 0.25 / 60_000
    assert abs(done.state.soc[0] - left_with) < 1e-9
    # The second visit stops at the end of the run and has charged from what was left.
    assert abs(done.state.soc[1] - done.state.energy_wh[1] / 60_000 - (left_with - 0.1)) < 1e-9
    assert done.state.where[1] == PLUGGED
