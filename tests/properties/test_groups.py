"""Sites under one supply: whatever is lost, late, dead or started anew, their sum never exceeds it."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from ampacity.model.groups import GroupMember
from tests.control.campus import Campus, campus, poor_network

LAG_S = 4.0


@settings(max_examples=20)
@given(
    seed=st.integers(0, 2**32),
    count=st.integers(2, 4),
    loss=st.sampled_from([0.0, 0.1, 0.5, 0.9]),
    slow_s=st.integers(0, 4),
)
def test_members_never_draw_more_than_their_supply_gives(
    seed: int, count: int, loss: float, slow_s: int
) -> None:
    rng = random.Random(seed)
    shares = [rng.choice([0.0, 10.0, 20.0, 25.0]) for _ in range(count)]
    group = campus(
        *(
            GroupMember(
                site_id=f"s{n}",
                circuit_id="supply",
                guaranteed_a=share,
                priority=rng.randint(0, 2),
                weight=rng.choice([1.0, 3.0]),
            )
            for n, share in enumerate(shares)
        )
    )
    it = Campus(group, poor_network(rng, loss, slow_s))
    for share, place in zip(shares, it.places.values(), strict=True):
        place.base_a = rng.uniform(0.0, share)
        place.safe_a = rng.uniform(0.0, share - place.base_a)
        place.lag_s = float(rng.randint(0, 6))
        place.takes = rng.choice([0.0, 0.5, 1.0])  # what may be drawn counts, not what is
    story = []
    for _ in range(240):
        for place in it.places.values():
            if rng.random() < 0.05:
                place.wish_a = rng.choice([0.0, 10.0, 50.0, 200.0])
            if rng.random() < 0.01:
                (it.kill if place.alive else it.revive)(place.name)
                story.append((it.at, place.name, "starts" if place.alive else "dies"))
        if rng.random() < 0.01:
            it.runs = not it.runs
            if it.runs:
                it.restart()
            story.append((it.at, "coordinator", "starts" if it.runs else "dies"))
        it.tick()
        assert it.total_a <= 100.0 + 1e-6, (it.at, story, list(it.places.values()))


@settings(max_examples=6)
@given(seed=st.integers(0, 2**32), count=st.integers(2, 4))
def test_a_base_that_rises_is_made_room_for_and_nothing_stays_unused(seed: int, count: int) -> None:
    rng = random.Random(seed)
    share = 90.0 / count
    group = campus(
        *(
            GroupMember(site_id=f"s{n}", circuit_id="supply", guaranteed_a=share, priority=rng.randint(0, 2))
            for n in range(count)
        )
    )
    it = Campus(group)
    above_s = 0
    for _ in range(3):
        for place in it.places.values():
            place.lag_s = rng.uniform(0.0, LAG_S)
            place.base_a = rng.uniform(0.0, 95.0 / count)
            place.wish_a = rng.choice([0.0, 10.0, 50.0, 200.0])
        for _ in range(30):
            it.tick()
            above_s = above_s + 1 if it.total_a > 100.0 + 1e-6 else 0
            assert above_s <= LAG_S + 2, (it.at, list(it.places.values()))
        asked = sum(place.base_a + place.wish_a for place in it.places.values())
        assert it.total_a >= min(100.0, asked) - 0.2 * count, (it.at, list(it.places.values()))
        served = {
            place.name: place.draws_a >= place.base_a + place.wish_a - 0.6 for place in it.places.values()
        }
        for high in group.members:
            for low in group.members:
                # Nobody below gets more than his share while somebody above him lacks something.
                if high.priority > low.priority and not served[high.site_id]:
                    place = it[low.site_id]
                    assert place.draws_a <= max(low.guaranteed_a, place.base_a) + 0.6
