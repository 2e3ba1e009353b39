"""From a scenario to arrays: the same seed is the same world, and the arrays hold what the file says."""

from __future__ import annotations

import numpy as np
import pytest
from msgspec import structs

from ampacity.simulation.batch.outcome import Scene
from ampacity.simulation.scenarios.building import build
from ampacity.simulation.scenarios.reading import gallery, load
from ampacity.simulation.scenarios.spec import LimitSpec, Scenario, SunSpec


def short(name: str, days: float = 1.0) -> Scenario:
    scenario, _ = load(name)
    return structs.replace(scenario, run=structs.replace(scenario.run, days=days))


def arrays(scene: Scene) -> dict[str, np.ndarray]:
    found = {}
    for part, value in scene.world._asdict().items():
        fields = value._asdict() if hasattr(value, "_asdict") else {"": value}
        found.update({f"{part}.{name}": np.asarray(array) for name, array in fields.items()})
    return found


@pytest.mark.parametrize("name", gallery())
def test_a_scenario_of_the_gallery_becomes_a_world_of_one_shape(name: str) -> None:
    scenario = short(name)
    scene = build(scenario, 1)
    world = scene.world
    n, v, r = len(scene.evses), len(scene.visits), len(scene.rows)
    assert n == sum(group.count for group in scenario.evse) == len(world.evses.min_a)
    assert v == len(world.visits.arrive_s) > 0
    assert len(set(scene.visits)) == v
    assert all(len(column) == v for column in world.visits)
    assert np.all(np.diff(world.visits.arrive_s) >= 0.0)
    assert np.all(world.visits.depart_s > world.visits.arrive_s)
    assert np.all((world.visits.evse >= 0) | (world.visits.pool >= 0))
    assert world.rows.limit_a.shape[1] == r
    assert len(world.evses.entry_start) == 3 * n + 1
    assert world.evses.entry_row.max() < r
    assert all(len(column) == world.steps for column in world.series)
    for name_of, array in arrays(scene).items():
        if array.dtype == np.float64 and not name_of.startswith(("visits.declared", "rows.", "visits.")):
            assert not np.isnan(array).any(), name_of


def test_the_same_seed_gives_the_same_arrays_and_another_one_others() -> None:
    scenario = short("mixed-car-park")
    first, again, other = (arrays(build(scenario, seed)) for seed in (4, 4, 5))
    for name, array in first.items():
        np.testing.assert_array_equal(array, again[name], err_msg=name)
    assert not np.array_equal(first["series.pv_w"], first["series.base_w"])
    assert not np.array_equal(first["series.base_w"], other["series.base_w"])
    assert first["visits.arrive_s"].shape != other["visits.arrive_s"].shape or not np.array_equal(
        first["visits.arrive_s"], other["visits.arrive_s"]
    )


def test_what_one_section_says_leaves_the_others_numbers_as_they_were() -> None:
    scenario = short("ten-vans-at-six")
    sunny = structs.replace(scenario, sun=SunSpec(kwp=30.0, circuit="grid"))
    plain, lit = build(scenario, 3).world, build(sunny, 3).world
    np.testing.assert_array_equal(plain.visits.arrive_s, lit.visits.arrive_s)
    np.testing.assert_array_equal(plain.series.base_w, lit.series.base_w)
    assert lit.series.pv_w.max() > 0.0
    by_sun = plain.rows.base_re - lit.rows.base_re
    np.testing.assert_allclose(by_sun.sum(axis=1) * 230.0, lit.series.pv_w, atol=1e-6)


def test_a_limit_holds_in_its_local_hours_only() -> None:
    scenario = structs.replace(
        short("ten-vans-at-six"), limit=(LimitSpec(circuit="grid", limit_a=30.0, from_hour=17, to_hour=21),)
    )
    world = build(scenario, 1).world
    hour = (scenario.run.start_hour + (np.arange(world.steps) + 0.5) / 60.0) % 24.0
    inside = (hour >= 17.0) & (hour < 21.0)
    assert np.all(world.rows.limit_a[inside] == 30.0)
    assert np.all(world.rows.limit_a[~inside] == 80.0)


def test_a_fleets_vehicle_is_one_battery_from_stop_to_stop() -> None:
    scene = build(short("bus-depot", 2.0), 2)
    visits = scene.world.visits
    again = np.flatnonzero(visits.before >= 0)
    assert len(again) > 0
    for v in again:
        earlier = visits.before[v]
        assert visits.evse[v] == visits.evse[earlier]
        assert visits.depart_s[earlier] < visits.arrive_s[v]
        assert visits.capacity_wh[v] == visits.capacity_wh[earlier]
        assert visits.trip_wh[v] > 0.0
    trucks = np.flatnonzero(visits.pool >= 0)
    assert len(trucks) > 0
    assert np.all(visits.evse[trucks] == -1)


def test_queueing_drivers_leave_when_they_have_their_energy() -> None:
    visits = build(short("highway-hub"), 1).world.visits
    assert np.all(visits.leaves_done)
    assert np.all(np.isfinite(visits.patience_s))
    reserved = np.isfinite(visits.reserve_s)
    assert 0.0 < reserved.mean() < 0.3
    assert np.all(visits.balk_at[~reserved] == 5)
