"""The street of B5: the IEEE European low-voltage test feeder, 55 houses on one phase each, 33 with a car.

A winter day from noon to noon. Houses are synthetic (`electrical.street`), by seconds; cars are those of the
home archetype, of up to 32 A on their house's phase, and say what home drivers say (90 % declare, within
20 %).
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Final, NamedTuple

import numpy as np

from ...simulation.arrivals import Visit, archetype
from ...simulation.batch.outcome import Scene
from ...simulation.batch.world import CURVE_POINTS, NO_CABINETS, NO_FAULTS, NO_STORAGE, F, World
from ...simulation.electrical.feeder import Feeder
from ...simulation.electrical.street import household_w
from ...simulation.evses import replay_evses
from ...simulation.flatness.levers import LEAST_A, MAX_A, VOLT_V, HomeStores, Stays
from ...simulation.scenarios.caltech import ac_evses, unloaded_rows
from ...simulation.scenarios.recorded import ideal_visits, quiet_series

CARS: Final = 33
MEAN_HOUSE_W: Final = 450.0
POWER_FACTOR: Final = 0.97
STEP_S: Final = 60.0
MINUTES: Final = 1440
DAY: Final = date(2026, 1, 14)
_NOON: Final = datetime(DAY.year, DAY.month, DAY.day, 12, tzinfo=UTC)

BACK_A: Final = 16.0
STORE_WH: Final = 5_000.0
STORE_W: Final = 2_500.0
ROUND_TRIP: Final = 0.85
"""A home battery (assumed size; round trip as `equipment.storage`)."""


class Day(NamedTuple):
    """One seed: `houses` with a car, their visits in order of arrival, what all houses take [seconds, n] and
    by minutes, and in which order houses get bidirectional chargers and batteries."""

    seed: int
    houses: list[int]
    visits: list[Visit]
    house_w: F
    minute_w: F
    first_chargers: list[int]
    first_stores: list[int]


def street_day(feeder: Feeder, seed: int) -> Day:
    """Houses, cars and equipment of a seed."""
    rng = np.random.default_rng([seed, 5])
    n = len(feeder.consumers)
    houses = sorted(rng.choice(n, CARS, replace=False).tolist())
    names = tuple(f"house {house + 1}" for house in houses)
    drawn = archetype("home").generate(rng, DAY, replay_evses(names), days=1, sessions_per_evse=1.0)
    begins_s, last_s = _NOON.timestamp(), (MINUTES - 1) * STEP_S
    visits = sorted(
        (v for v in drawn if v.station_id is not None and 0.0 <= v.arrival_s - begins_s < last_s),
        key=lambda visit: visit.arrival,
    )
    house_w = household_w(np.random.default_rng([seed, 13]), n, MINUTES * 60, 1.0, MEAN_HOUSE_W, 12.0)
    return Day(
        seed=seed,
        houses=houses,
        visits=visits,
        house_w=house_w,
        minute_w=by_minutes(house_w),
        first_chargers=rng.permutation(houses).tolist(),
        first_stores=rng.permutation(n).tolist(),
    )


def by_minutes(seconds: F) -> F:
    """Means of minutes."""
    means: F = seconds.reshape(-1, 60, seconds.shape[1]).mean(axis=1)
    return means


def stays_of(day: Day, both_ways: float = 0.0, converters: float = 0.0) -> Stays:
    """Its cars; shares of the chargers that give back, and that give reactive power."""
    begins_s = _NOON.timestamp()
    back = set(day.first_chargers[: round(both_ways * CARS)])
    reactive = set(day.first_chargers[: round(converters * CARS)])
    node = [day.houses[int(_place(day, visit))] for visit in day.visits]
    said = [visit.user_estimate_departure for visit in day.visits]
    return Stays(
        node=np.array(node, np.int64),
        arrive_s=np.array([visit.arrival_s - begins_s for visit in day.visits]),
        depart_s=np.array([min(v.departure_s - begins_s, MINUTES * STEP_S) for v in day.visits]),
        energy_wh=np.array([visit.requested_wh for visit in day.visits]),
        declared_wh=np.array([np.nan if v.declared_wh is None else v.declared_wh for v in day.visits]),
        declared_depart_s=np.array([np.nan if s is None else s.timestamp() - begins_s for s in said]),
        back_a=np.array([BACK_A if j in back else 0.0 for j in node]),
        converter=np.array([1.0 if j in reactive else 0.0 for j in node]),
    )


def stores_of(day: Day, share: float, net_gain: float, volt_gain: float, filter_s: float) -> HomeStores:
    """Batteries in a share of all houses."""
    node = np.array(sorted(day.first_stores[: round(share * len(day.first_stores))]), np.int64)
    return HomeStores(
        node=node,
        capacity_wh=np.full(len(node), STORE_WH),
        power_w=np.full(len(node), STORE_W),
        one_way=ROUND_TRIP**0.5,
        net_gain=net_gain,
        net_s=900.0,
        volt_gain=volt_gain,
        volt_s=900.0,
        filter_s=filter_s,
    )


def _place(day: Day, visit: Visit) -> int:
    return [f"house {house + 1}" for house in day.houses].index(str(visit.station_id))


def street_scene(feeder: Feeder, day: Day, cap_a: float) -> Scene:
    """The same cars in the batch world, in steps of a minute behind `cap_a` a phase."""
    stays = stays_of(day)
    places = np.array([_place(day, visit) for visit in day.visits], np.int64)
    visits = ideal_visits(
        arrive_s=stays.arrive_s,
        depart_s=stays.depart_s,
        evse=places,
        energy_wh=stays.energy_wh,
        max_a=MAX_A,
        accept_w=MAX_A * VOLT_V,
    )
    visits = visits._replace(min_a=np.full(len(places), LEAST_A), declared_wh=visits.energy_wh * np.nan)
    entries = [(i, 0, feeder.consumers[house].phase, 1.0 + 0j) for i, house in enumerate(day.houses)]
    evses = ac_evses(CARS, entries, volt_v=VOLT_V, max_a=MAX_A, slots=1)
    world = World(
        step_s=STEP_S,
        steps=MINUTES,
        evses=evses._replace(min_a=np.full(CARS, LEAST_A), step_a=np.full(CARS, 0.1)),
        rows=unloaded_rows(np.full(3, cap_a)),
        visits=visits,
        storage=NO_STORAGE,
        cabinets=NO_CABINETS,
        series=quiet_series(MINUTES),
        faults=NO_FAULTS,
        curves=np.ones((1, CURVE_POINTS)),
        repair_s=0.0,
        plug_s=0.0,
    )
    return Scene(
        name=feeder.name,
        starts_at=_NOON,
        time_zone="UTC",
        world=world,
        evses=tuple(f"house {house + 1}" for house in day.houses),
        rows=("L1", "L2", "L3"),
        visits=tuple(str(k) for k in range(len(places))),
        root_rows=(0, 1, 2),
    )
