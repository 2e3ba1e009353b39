"""Sites under one supply: whatever is lost, late, dead or started anew, their sum never exceeds it."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from ampacity.model.groups import GroupMember
from tests.control.campus import Campus, campus, poor_network


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
