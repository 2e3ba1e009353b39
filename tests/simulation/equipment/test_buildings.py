"""The building's course over a run."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from ampacity.simulation.building import BuildingLoad
from ampacity.simulation.equipment.buildings import building_course
from ampacity.simulation.equipment.local_time import step_times

DUTCH = ZoneInfo("Europe/Amsterdam")


def test_a_step_is_the_mean_of_its_moments() -> None:
    start = step_times(datetime(2026, 11, 23, tzinfo=UTC), 24, 3600.0)
    course = building_course(BuildingLoad(1), start, 3600.0, UTC)
    moments = [BuildingLoad(1).current_a(float(start[9]) + at) for at in (450.0, 1350.0, 2250.0, 3150.0)]
    assert course.current_a[9].tolist() == pytest.approx(np.mean(moments, axis=0).tolist())
    assert course.power_w[9] == pytest.approx(230.0 * float(course.current_a[9].sum()))


def test_the_office_keeps_local_hours_across_the_change_of_the_clock() -> None:
    # Monday before and Monday after 29 March 2026: the morning comes an hour of UTC earlier.
    rise = []
    for day in (23, 30):
        start = step_times(datetime(2026, 3, day, tzinfo=UTC), 96, 900.0)
        power = building_course(BuildingLoad(3), start, 900.0, DUTCH).power_w
        rise.append(int(np.argmax(power > 0.5 * (power.min() + power.max()))))
    assert rise[0] - rise[1] == pytest.approx(4, abs=2)


def test_a_building_of_utc_with_its_own_offset_is_not_moved_twice() -> None:
    start = step_times(datetime(2026, 7, 1, tzinfo=UTC), 24, 60.0)
    moved = building_course(BuildingLoad(1, utc_offset_s=7200.0), start, 60.0, DUTCH)
    plain = building_course(BuildingLoad(1), start, 60.0, DUTCH)
    np.testing.assert_array_equal(moved.current_a, plain.current_a)
