"""Base load: what a circuit carries besides cars, and how long a reading is believed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ampacity.control.base import certain_draw, estimate, meter_state, observe
from ampacity.control.limits import margin_a
from ampacity.control.settings import DEFAULTS
from ampacity.control.state import BaseMemory
from ampacity.control.types import CircuitState, EvseState
from ampacity.model.site import Circuit, MeterConfig

CIRCUIT = Circuit(
    circuit_id="grid",
    name="grid",
    rating_a=100.0,
    meter=MeterConfig(protocol="push", interval_s=1.0),
    reserve_a=40.0,
)


def fed(*readings: tuple[float, float, float, bool]) -> BaseMemory:
    """Readings as (at, metered, certain, doubtful)."""
    memory: BaseMemory | None = None
    for at, metered, certain, doubtful in readings:
        state = CircuitState(circuit_id="grid", metered_a=(metered,) * 3, metered_at=at)

        def implied_a(
            young: bool, starts: bool, *, value: float = metered - certain
        ) -> tuple[float, float, float]:
            return value, value, value

        memory = observe(memory, state, implied_a, doubtful, at, 30.0, DEFAULTS)
    assert memory is not None
    return memory


def base_at(memory: BaseMemory, at: float) -> tuple[str, float]:
    state, base_a = estimate(memory, CIRCUIT, (40.0,) * 3, (100.0,) * 3, at, 0.0, 30.0, DEFAULTS)
    return state, base_a[0]


@pytest.mark.parametrize(
    ("age_s", "interval_s", "expected"),
    [
        (7.0, 1.0, "fresh"),
        (7.1, 1.0, "stale"),
        (31.0, 1.0, "stale"),
        (31.1, 1.0, "dead"),
        (62.0, 1.0, "dead"),
        (62.1, 1.0, "lost"),
        (25.0, 10.0, "fresh"),
        (85.0, 10.0, "stale"),
        (170.0, 10.0, "dead"),
        (171.0, 10.0, "lost"),
    ],
)
def test_table_of_staleness(age_s: float, interval_s: float, expected: str) -> None:
    assert meter_state(age_s, interval_s) == expected


@pytest.mark.parametrize(
    ("limit_a", "interval_s", "expected"),
    [
        (63.0, 1.0, 2.0),
        (200.0, 2.0, 4.0),
        (63.0, 5.0, 3.0),
        (200.0, 5.0, 6.0),
        (63.0, 10.0, 5.0),
        (200.0, 60.0, 10.0),
        (63.0, None, 0.0),
    ],
)
def test_table_of_margins(limit_a: float, interval_s: float | None, expected: float) -> None:
    assert margin_a(limit_a, interval_s) == expected


def test_a_peak_is_held_for_half_a_minute_and_five_when_the_meter_is_stale() -> None:
    memory = fed((100, 30, 0, False), (101, 10, 0, False), (129, 10, 0, False))
    assert base_at(memory, 129) == ("fresh", 30.0)
    memory = fed((100, 30, 0, False), (101, 10, 0, False), (131, 10, 0, False))
    assert base_at(memory, 131) == ("fresh", 10.0)
    assert base_at(memory, 145) == ("stale", 30.0)
    assert base_at(memory, 170) == ("dead", 40.0)


def test_a_car_that_stopped_since_its_sample_does_not_look_like_a_smaller_base() -> None:
    memory = fed((100, 42, 32, False), (101, 42, 32, False), (105, 10, 32, False))
    assert base_at(memory, 105) == ("fresh", 10.0)


def test_readings_while_a_car_rises_unseen_count_until_it_has_reported() -> None:
    before = [(float(t), 10.0, 0.0, False) for t in range(100, 140)]
    rising = [(float(t), 26.0, 0.0, True) for t in range(140, 155)]
    assert base_at(fed(*before, *rising), 155) == ("fresh", 26.0)
    reported = [(155.0, 26.0, 16.0, False)]
    assert base_at(fed(*before, *rising, *reported), 155) == ("fresh", 10.0)


def test_what_was_known_before_the_doubt_does_not_grow_older_meanwhile() -> None:
    memory = fed((100, 30, 0, False), (110, 10, 0, True), (125, 10, 0, True), (131, 10, 0, False))
    assert base_at(memory, 131) == ("fresh", 30.0)


@given(st.lists(st.tuples(st.floats(0, 80), st.floats(0, 40)), min_size=1, max_size=40), st.floats(0, 400))
def test_longer_silence_never_gives_a_smaller_base(
    readings: list[tuple[float, float]], silent_s: float
) -> None:
    """I13."""
    memory = fed(
        *((100.0 + k, metered, min(certain, metered), False) for k, (metered, certain) in enumerate(readings))
    )
    last = 99.0 + len(readings)
    assert base_at(memory, last + silent_s)[1] >= base_at(memory, last)[1]
    assert base_at(memory, last + silent_s + 50)[1] >= base_at(memory, last + silent_s)[1]


@pytest.mark.parametrize(
    ("measured", "taken_at", "held_a", "expected"),
    [
        (16.0, 95.0, 32.0, 16.0),
        (32.0, 95.0, 10.0, 10.0),
        (16.0, 60.0, 32.0, None),
        (16.0, 160.0, 32.0, None),
        (float("nan"), 95.0, 32.0, None),
        (-5.0, 95.0, 32.0, 0.0),
    ],
)
def test_only_a_fresh_sample_within_the_limit_is_certain(
    measured: float, taken_at: float, held_a: float, expected: float | None
) -> None:
    state = EvseState(
        key=("s", 1), online=True, proven=True, session=True, measured_a=(measured,) * 3, measured_at=taken_at
    )
    draw = certain_draw(state, held_a, 100.0, DEFAULTS)
    assert draw == (None if expected is None else (expected,) * 3)
