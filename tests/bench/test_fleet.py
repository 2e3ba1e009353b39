"""The random sites of `ampacity bench control --part fleet`: that they are what they say, and what the law
makes of them.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

import numpy as np
import pytest
from msgspec import structs

from ampacity.bench.control.fleet.deadbeat import DeadBeat
from ampacity.bench.control.fleet.keeper import Keeper
from ampacity.bench.control.fleet.lines import Heard, Lines
from ampacity.bench.control.fleet.plant import Breakers, Plant
from ampacity.bench.control.fleet.run import least_laxity_wh
from ampacity.bench.control.fleet.sites import FleetSite, Line, fleet_site
from ampacity.control.topology import Topology
from ampacity.csms.vocabulary import ClearProfile
from ampacity.simulation.electrical.breaker import Breaker

SMALL = 7
"""The number of a site of nine EVSEs."""
TIGHT = 1
"""Of one whose fifteen cars want three times what there is, at once."""


def through(line: Line, world: FleetSite) -> FleetSite:
    """The site with this line everywhere, and without outages."""
    return structs.replace(
        world, lines=dict.fromkeys(world.lines, line), outages=dict.fromkeys(world.outages, ())
    )


async def kept(keeper: Keeper, seconds: int, look: Callable[[], None] = lambda: None) -> None:
    """So many seconds of a site; `look` at each."""
    for _ in range(seconds):
        keeper.plant.step()
        await keeper.tick()
        look()


SOUND = Line(latency_s=2.0, commands_lost=0.0, answers_lost=0.0, samples_lost=0.0)


def test_every_site_may_be_commissioned() -> None:
    levels = set()
    for number in range(12):
        world = fleet_site(number, 3, 0.1)
        topology = Topology(world.site)
        safe = np.zeros(topology.row_count)
        for i, evse in enumerate(world.site.evses):
            for row in topology.rows_of(i):
                safe[row] += evse.safe_a
        for k, circuit in enumerate(world.site.circuits):
            assert world.base_a[:, 3 * k : 3 * k + 3].max() <= circuit.reserve_a
            assert safe[3 * k : 3 * k + 3].max() + circuit.reserve_a <= circuit.rating_a
        levels.add(max(len(above) for above in topology.ancestors))
        assert 8 <= len(world.site.evses) <= 40
    assert levels == {1, 2, 3}


def test_a_number_is_a_site() -> None:
    one, same, other = (fleet_site(number, 3, 0.1) for number in (5, 5, 6))
    assert one.site == same.site
    assert one.visits == same.visits
    assert np.array_equal(one.base_a, same.base_a)
    assert one.site != other.site


def test_amperes_are_conserved_through_the_tree() -> None:
    world = fleet_site(SMALL, 1, 0.2, busy=True)
    plant, most = Plant(world, 1), [0.0]

    def look() -> None:
        cars_a = sum(sum(outlet.draw_a) for outlet in plant.outlets)
        most[0] = max(most[0], cars_a)
        assert plant.row_a[:3].sum() == pytest.approx(world.base_a[plant.at - 1, :3].sum() + cars_a)

    asyncio.run(kept(Keeper(plant), world.seconds, look))
    assert most[0] > 20.0


def test_its_breakers_are_those_of_the_electrical_room() -> None:
    world = fleet_site(SMALL, 1, 0.1)
    rng = np.random.default_rng(1)
    flowing = world.base_a[0]
    together = Breakers(world, flowing)
    ratings = [circuit.rating_a for circuit in world.site.circuits for _ in range(3)]
    curves = [curve for curve in world.curves for _ in range(3)]
    poles = [
        Breaker(rating, curve, preload_a=amperes)
        for rating, curve, amperes in zip(ratings, curves, flowing, strict=True)
    ]
    for pole in poles:
        pole.step(0.0, 0.0)
    load = np.array(ratings)
    hottest = 0.0
    for second in range(1, 900):
        current = load * rng.uniform(0.2, 1.9, len(load)) * (1.0 if second < 600 else 1.4)
        together.step(current)
        for pole, amperes in zip(poles, current, strict=True):
            pole.step(float(second), float(amperes))
        if second == 599:
            assert together.tripped.tolist() == [pole.tripped for pole in poles]
            hottest = max(pole.heat for pole in poles)
            assert together.worst >= hottest
    assert together.tripped.tolist() == [pole.tripped for pole in poles]
    assert together.tripped.any()


def test_messages_keep_their_order_and_are_lost_as_often_as_said() -> None:
    world = through(structs.replace(SOUND, samples_lost=0.1), fleet_site(SMALL, 1, 0.1))
    lines = Lines(world, random.Random(1))
    key = world.site.evses[0].key
    for second in range(4000):
        lines.sample(Heard("sample", key, taken_at=float(second)), float(second))
    taken = [heard.taken_at for heard in lines.heard(1e9)]
    assert taken == sorted(taken)
    assert 0.07 < 1 - len(taken) / 4000 < 0.13


def test_what_is_under_way_when_a_line_breaks_is_lost_and_the_end_of_a_session_is_not() -> None:
    world = through(SOUND, fleet_site(SMALL, 1, 0.1))
    key = world.site.evses[0].key
    world = structs.replace(world, outages=world.outages | {key[0]: ((100.0, 200.0),)})
    lines = Lines(world, random.Random(1))
    lines.tell(key, 1, ClearProfile(profile_id=1), 99.9)
    lines.report(Heard("ended", key), 150.0)
    lines.sample(Heard("sample", key), 150.0)
    assert not lines.arrived(1e9)
    assert [heard.kind for heard in lines.heard(199.0)] == ["lost"]
    assert {heard.kind for heard in lines.heard(300.0)} == {"opened", "read", "ended"}


def test_who_hears_nothing_stays_on_its_safe_current() -> None:
    world = through(structs.replace(SOUND, commands_lost=1.0), fleet_site(SMALL, 1, 0.3, busy=True))
    plant = Plant(world, 1)
    keeper = Keeper(plant)

    def look() -> None:
        assert all(outlet.limit_a <= outlet.evse.safe_a for outlet in plant.outlets)

    asyncio.run(kept(keeper, world.seconds, look))
    assert keeper.live_site.figures.limits_sent > 10
    assert keeper.calls.unanswered > 10


def test_leases_end_when_the_controller_dies() -> None:
    world = through(SOUND, fleet_site(SMALL, 1, 0.6, busy=True))
    plant = Plant(world, 1)
    asyncio.run(kept(Keeper(plant), 600))
    charging = [outlet for outlet in plant.outlets if outlet.limit_a > outlet.evse.safe_a]
    assert charging
    for _ in range(int(2 * world.site.lease_s)):
        plant.step()
    assert all(outlet.limit_a == outlet.evse.safe_a for outlet in plant.outlets)


def test_the_law_keeps_the_limits_of_a_site_with_slow_and_lossy_lines() -> None:
    plant = Plant(fleet_site(TIGHT, 1, 0.25, busy=True), 1)
    keeper, over = Keeper(plant), []
    asyncio.run(kept(keeper, 900, lambda: over.append(float((plant.row_a / plant.limit_a).max()))))
    plant.finish()
    assert sum(share > 1.0 for share in over) <= 6
    assert not plant.breakers.tripped.any()
    assert not keeper.reservations_over
    assert plant.lines.lost > 10
    assert sum(plant.energy_wh.values()) > 6000.0


def test_a_dead_beat_on_the_same_meter_does_not() -> None:
    plant = Plant(fleet_site(TIGHT, 1, 0.25, busy=True), 1)
    over: list[float] = []
    asyncio.run(kept(DeadBeat(plant), 900, lambda: over.append(float((plant.row_a / plant.limit_a).max()))))
    assert sum(share > 1.0 for share in over) > 30


def test_least_laxity_of_the_same_cars_is_a_bound() -> None:
    """No car has more than it asked for, and together they have more than the law gives them."""
    world = fleet_site(TIGHT, 1, 0.25, busy=True)
    plant = Plant(world, 1)
    asyncio.run(kept(Keeper(plant), world.seconds))
    plant.finish()
    could_wh = least_laxity_wh(world)
    asked = {visit.session_id: visit.requested_wh for visit in world.visits}
    assert could_wh.keys() == asked.keys()
    assert all(wh <= asked[name] + 1.0 for name, wh in could_wh.items())
    assert sum(plant.energy_wh.values()) < sum(could_wh.values())
