"""The law against a site that answers late, loses messages and goes silent: what must hold at every second.

The plant (tests/control/plant.py) knows what every station *truly* may draw; the checks here use that and the
true base, not what the law believes. `Plant.tick` itself asserts the reservation sum each second.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from ampacity.control.lease import valid_limit
from ampacity.model.phases import PerPhase
from ampacity.model.site import Circuit, Evse, LimitSource, MeterConfig, Site
from tests.control.plant import Car, Plant
from tests.properties.trees import random_site

SEEDS = st.integers(0, 2**32)
EXAMPLES = settings(max_examples=20, deadline=None)


def quiet_site(r: random.Random, panels: int, feeders: int, evses: int, safe: bool = False) -> Site:
    """A commissioned site with a meter each second on its grid connection and room for the base."""
    site = random_site(r, panels, feeders, evses, meters=False)
    circuits = []
    for circuit in site.circuits:
        meter = MeterConfig(protocol="push", interval_s=1.0) if circuit.parent_id is None else None
        circuits.append(structs.replace(circuit, meter=meter, reserve_a=10.0 if meter else 0.0))
    return structs.replace(
        site,
        circuits=tuple(circuits),
        evses=tuple(structs.replace(e, safe_a=e.safe_a if safe else 0.0, step_a=0.1) for e in site.evses),
        commissioned=True,
    )


def base_of(amperes: dict[str, float]) -> Callable[[str, float], PerPhase]:
    def base(circuit_id: str, at: float) -> PerPhase:
        return (amperes["now"],) * 3 if circuit_id == "grid" else (0.0, 0.0, 0.0)

    return base


@EXAMPLES
@given(SEEDS, st.integers(0, 2), st.integers(0, 2), st.integers(1, 6))
def test_whatever_gets_lost_no_raise_uses_what_somebody_may_still_draw(
    seed: int, panels: int, feeders: int, evses: int
) -> None:
    """I1 and I5 over lost, late and unanswered messages, silent stations and limits that people move."""
    r = random.Random(seed)
    site = quiet_site(r, panels, feeders, evses)
    base = {"now": 5.0}
    plant = Plant(
        site,
        base_of(base),
        {e.key: Car(takes_a=r.uniform(6, 40), session=r.random() < 0.8) for e in site.evses},
        seed=seed,
        loss=0.25,
        latency_s=r.uniform(0.5, 6.0),
        lease_s=60.0,
        lag_s=r.uniform(1, 6),
    )
    for _ in range(200):
        for car in plant.cars.values():
            if r.random() < 0.02:
                car.online = not car.online
                car.proven = False
            elif car.online and not car.proven and r.random() < 0.3:
                car.proven = True
            if r.random() < 0.01:
                car.session = not car.session
                car.wants = car.session
        if r.random() < 0.03:
            limit = LimitSource(limit_a=site.root.rating_a * r.random(), source="person")
            plant.limits = {"grid": (limit,)}
        decision = plant.tick()
        _raises_are_safe(plant, {g.key: g.limit_a for g in decision.raises})


def _raises_are_safe(plant: Plant, raised: dict[tuple[str, int], float]) -> None:
    """What every station may truly draw, now or when a message on its way lands, fits wherever something
    rises."""
    may: dict[tuple[str, int], float] = {}
    rising: set[int] = set()
    for i, evse in enumerate(plant.site.evses):
        car = plant.cars[evse.key]
        now = plant.allowed(evse, car) if car.session else 0.0
        on_its_way = car.inflight.limit_a if car.inflight is not None and car.session else 0.0
        may[evse.key] = max(now, on_its_way, raised.get(evse.key, 0.0))
        if raised.get(evse.key, 0.0) > now:
            rising.update(plant.tree.rows_of(i))
    flows = plant.flows(may)
    assert plant.decision is not None
    for row in rising:
        circuit = plant.site.circuits[row // 3].circuit_id
        assert flows[row] <= plant.decision.circuits[circuit].limit_a + 1e-6, (plant.at, circuit, row % 3 + 1)


@EXAMPLES
@given(SEEDS, st.integers(1, 6), st.floats(6, 60))
def test_the_controller_dies_and_every_station_steps_down_by_itself(
    seed: int, evses: int, after_s: float
) -> None:
    """I12 and I13: from any moment on, what the leases still allow never exceeds the limit, however long
    nobody calls."""
    r = random.Random(seed)
    site = quiet_site(r, 1, 1, evses, safe=True)
    room = {c.circuit_id: c.rating_a - c.reserve_a for c in site.circuits}
    safe = sum(e.safe_a for e in site.evses)
    if safe > min(room.values()):  # such a site may not be commissioned with that safe current
        site = structs.replace(site, evses=tuple(structs.replace(e, safe_a=0.0) for e in site.evses))
    plant = Plant(site, base_of({"now": 10.0}), {e.key: Car() for e in site.evses}, seed=seed, lease_s=60.0)
    plant.run(60 + after_s)
    last = plant.at
    for silent in range(0, 240, 2):
        may = {}
        for evse in site.evses:
            car = plant.cars[evse.key]
            at = last + silent
            landed = 0.0 if car.lease is None else valid_limit(car.lease, at)
            coming = 0.0 if car.inflight is None else valid_limit(car.inflight, at)
            may[evse.key] = max(landed, coming, evse.safe_a if car.lease is None else 0.0)
        flows = plant.flows(may)
        assert plant.decision is not None
        for row, amperes in enumerate(flows[: 3 * len(site.circuits)]):
            limit = plant.decision.circuits[site.circuits[row // 3].circuit_id].limit_a
            assert amperes <= limit + 1e-6, (silent, site.circuits[row // 3].circuit_id)


@settings(max_examples=8, deadline=None)
@given(SEEDS, st.integers(0, 2), st.integers(1, 6))
def test_steady_input_comes_to_rest_at_the_fair_share(seed: int, panels: int, evses: int) -> None:
    """I7 and I18: within five minutes everybody is at the target, and then nothing but renewals is
    written."""
    r = random.Random(seed)
    site = quiet_site(r, panels, 0, evses)
    site = structs.replace(
        site,
        circuits=tuple(structs.replace(c, rating_a=max(c.rating_a, 20.0)) for c in site.circuits),
        evses=tuple(structs.replace(e, weight=1.0) for e in site.evses),
    )
    plant = Plant(site, base_of({"now": 5.0}), {e.key: Car() for e in site.evses}, seed=seed, lease_s=900.0)
    minimum = sum(e.min_a for e in site.evses)
    # A large car on a small connection rises by a tenth of the limit each half minute at most, and one that
    # takes less than its EVSE gives is found out a minute after its last raise.
    plant.run(900)
    if minimum >= min(c.rating_a for c in site.circuits) - 10:
        return  # some take turns there
    moved = dict.fromkeys(plant.cars, 0.0)
    for _ in range(60):
        decision = plant.tick()
        for changed in (*decision.cuts, *decision.raises):
            moved[changed.key] += abs(changed.limit_a - decision.held_a[changed.key])
        for evse in site.evses:
            gap = decision.grants[evse.key].limit_a - decision.held_a[evse.key]
            assert abs(gap) <= 0.7, (evse.key, gap, decision.grants[evse.key])
    assert max(moved.values()) <= 0.8


def _flat(count: int, rating_a: float) -> Site:
    return Site(
        site_id="site",
        operator_id="operator",
        name="flat",
        time_zone="UTC",
        circuits=(
            Circuit(
                circuit_id="grid",
                name="grid",
                rating_a=rating_a,
                meter=MeterConfig(protocol="push", interval_s=1.0),
                reserve_a=rating_a / 2,
            ),
        ),
        evses=tuple(
            Evse(station_id=f"s{k}", evse_id=1, circuit_id="grid", phases=(k % 3,)) for k in range(count)
        ),
        commissioned=True,
    )


@settings(max_examples=6, deadline=None)
@given(SEEDS)
def test_a_rising_base_is_answered_before_a_breaker_minds(seed: int) -> None:
    """Section 6 in small: steps and noise; above the limit rarely and never for longer than 12 s."""
    r = random.Random(seed)
    levels = [r.uniform(10, 55) for _ in range(10)]
    noise = random.Random(seed)

    def base(circuit_id: str, at: float) -> PerPhase:
        level = levels[int(at // 120) % len(levels)]
        return level + noise.gauss(0, 1), level + noise.gauss(0, 1), level + noise.gauss(0, 1)

    site = _flat(9, 100.0)
    plant = Plant(site, base, {e.key: Car() for e in site.evses}, seed=seed, latency_s=2.0, lag_s=2.0)
    plant.run(1200)
    assert plant.longest_over_s <= 12
    assert plant.over_s <= 60
