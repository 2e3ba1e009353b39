"""The phase map from steps: over any wiring, any car and any noise that is not in step, it says what is, or
nothing."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ampacity.control.correlation import AS_DRAWN, ENOUGH_STEPS, WAYS, Joined, Step, joint
from ampacity.model.phases import PerPhase

CARS: dict[str, PerPhase] = {
    "one phase": (1.0, 0.0, 0.0),
    "two phases": (1.0, 1.0, 0.0),
    "three phases": (1.0, 1.0, 1.0),
    "uneven": (1.0, 0.6, 0.3),
}


def witnessed(
    seed: int, car: PerPhase, way: Joined, gain: float, count: int, noise_a: float, others_a: float
) -> list[Step]:
    """Steps of 4 to 16 A of a car, in a circuit with noise and loads that come and go."""
    rng = random.Random(seed)
    steps = []
    for _ in range(count):
        size = rng.uniform(4.0, 16.0) * rng.choice((-1, 1))
        shown = [rng.gauss(0.0, noise_a) + rng.choice((0, 0, -1, 1)) * others_a for _ in range(3)]
        for phase, share in enumerate(car):
            shown[way[phase]] += gain * share * size
        own = (car[0] * size, car[1] * size, car[2] * size)
        steps.append(Step(own, (shown[0], shown[1], shown[2])))
    return steps


def truth(car: PerPhase, way: Joined) -> str:
    """What could be known at best."""
    landed = [0.0, 0.0, 0.0]
    for phase, share in enumerate(car):
        landed[way[phase]] = share
    if len(set(car)) == 1:
        return "unknown"
    return "agrees" if tuple(landed) == car else "contradicts"


@given(
    seed=st.integers(0, 10_000),
    car=st.sampled_from(sorted(CARS)),
    way=st.sampled_from(WAYS),
    count=st.integers(2, 64),
    noise_a=st.floats(0.0, 3.0),
    others_a=st.floats(0.0, 6.0),
)
def test_it_says_what_is_or_nothing(
    seed: int, car: str, way: Joined, count: int, noise_a: float, others_a: float
) -> None:
    found = joint(witnessed(seed, CARS[car], way, 1.0, count, noise_a, others_a))
    assert found.verdict in ("unknown", truth(CARS[car], way))
    assert not found.measures_wrong


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("car", ["one phase", "two phases", "uneven"])
def test_every_wiring_is_found_from_steps_of_a_working_day(car: str, way: Joined) -> None:
    found = joint(witnessed(7, CARS[car], way, 1.0, 40, 1.0, 3.0))
    assert found.verdict == truth(CARS[car], way)
    if found.verdict == "contradicts":
        for phase, share in enumerate(CARS[car]):
            others = [CARS[car][other] for other in range(3) if other != phase]
            assert share == 0 or share in others or found.lands[phase] == way[phase]


@pytest.mark.parametrize("gain", [0.5, 0.7, 1.5, 2.0])
@pytest.mark.parametrize("car", sorted(CARS))
def test_a_meter_that_tells_more_or_less_is_found_whatever_the_phases(gain: float, car: str) -> None:
    found = joint(witnessed(3, CARS[car], (1, 2, 0), gain, 40, 0.5, 1.0))
    assert found.measures_wrong
    assert found.gain == pytest.approx(gain, rel=0.1)
    assert found.verdict == truth(CARS[car], (1, 2, 0))


def test_few_steps_tell_nothing() -> None:
    found = joint(witnessed(1, CARS["one phase"], AS_DRAWN, 1.0, ENOUGH_STEPS - 1, 0.0, 0.0))
    assert found.verdict == "unknown"
    assert joint(()).verdict == "unknown"
