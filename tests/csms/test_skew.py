"""A station's clock: learnt from live messages, not fooled by replays, followed when it jumps or drifts."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ampacity.csms.skew import ClockError, Judged, SkewRules

NOW = 1_772_452_800.0  # 2026-03-02 12:00 UTC
YEAR_2000 = 946_684_800.0
HOUR, DAY = 3_600.0, 86_400.0
TOLERANCE = SkewRules().tolerance_s


def live(
    clock: ClockError,
    error_s: float | Callable[[float], float],
    start: float,
    count: int,
    *,
    every_s: float = 60.0,
    offline: bool | None = None,
    delay_s: float = 0.4,
) -> list[tuple[float, Judged]]:
    """`count` live messages of a clock that is wrong by `error_s`: true times and verdicts."""
    verdicts = []
    for number in range(count):
        true = start + number * every_s
        wrong = error_s(true) if callable(error_s) else error_s
        verdicts.append((true, clock.observe(float(int(true + wrong)), true + delay_s, offline)))
    return verdicts


@pytest.mark.parametrize("error_s", [0.0, 4.0, -7.0])
def test_a_clock_that_is_nearly_right_is_taken_as_told(error_s: float) -> None:
    for true, judged in live(ClockError(), error_s, NOW, 50):
        assert (judged.verdict, judged.at, judged.remark) == ("told", true + error_s, "")


@pytest.mark.parametrize("error_s", [3 * HOUR, -3 * HOUR, 90.0, -90.0, 400 * DAY])
@pytest.mark.parametrize(("offline", "after"), [(None, 2), (False, 1)])
def test_a_wrong_clock_is_corrected_from_the_third_message_and_the_second_of_2_x(
    error_s: float, offline: bool | None, after: int
) -> None:
    verdicts = live(ClockError(), error_s, NOW, 30, offline=offline)
    for true, judged in verdicts[after:]:
        assert judged.verdict == "corrected"
        assert abs(judged.at - true) < 2
        assert abs(judged.correction_s + error_s) < 2
    assert verdicts[-1][1].remark.startswith("clock corrected by ")


def test_before_it_is_sure_a_time_in_the_future_is_not_believed_and_one_in_the_past_is() -> None:
    [(true, ahead)] = live(ClockError(), 3 * HOUR, NOW, 1)
    assert (ahead.verdict, ahead.at) == ("received", true + 0.4)
    [(true, behind)] = live(ClockError(), -3 * HOUR, NOW, 1)
    assert (behind.verdict, behind.at) == ("told", true - 3 * HOUR)  # as likely a replay


@pytest.mark.parametrize("offline", [None, False, True])
def test_a_replay_is_no_jump_in_whatever_order_it_comes(offline: bool | None) -> None:
    """Hours of values within a second, as recorded and shuffled; 1.6 does not say that they are old."""
    for seed in range(5):
        clock = ClockError()
        live(clock, 0.0, NOW, 10)
        kept = [NOW + 600 + minute * 60 for minute in range(240)]
        if seed:
            Random(seed).shuffle(kept)
        back = NOW + 600 + 240 * 60
        for number, told in enumerate(kept):
            assert clock.observe(told, back + number * 0.02, offline) == Judged(told)
        assert all(judged.verdict == "told" for _, judged in live(clock, 0.0, back + 60, 5))


@pytest.mark.parametrize("error_s", [HOUR, -HOUR])
def test_a_replay_of_a_wrong_clock_is_corrected_by_what_is_known_of_it(error_s: float) -> None:
    clock = ClockError()
    live(clock, error_s, NOW, 10)
    back = NOW + 5 * HOUR
    for number in range(60):
        true = NOW + HOUR + number * 60
        judged = clock.observe(true + error_s, back + number * 0.05, True)
        assert judged.verdict == "corrected"
        assert abs(judged.at - true) < 2


def test_a_replay_gets_the_error_of_the_time_it_was_recorded_in() -> None:
    """The clock was an hour slow, and is right since it was told the time; then come the old values."""
    clock = ClockError()
    live(clock, -HOUR, NOW, 10)
    live(clock, 0.0, NOW + 2 * HOUR, 3)  # set right by the answer to a boot or a heartbeat
    old = clock.observe(NOW + 300 - HOUR, NOW + 2 * HOUR + 200, True)
    assert old.verdict == "corrected"
    assert abs(old.at - (NOW + 300)) < 2
    new = clock.observe(NOW + 2 * HOUR + 60, NOW + 2 * HOUR + 201, True)
    assert new.verdict == "told"


def test_a_clock_set_right_is_believed_at_once() -> None:
    clock = ClockError()
    live(clock, 2 * DAY, NOW, 5)
    [(true, judged)] = live(clock, 0.0, NOW + 300, 1)
    assert judged == Judged(true)


def test_the_hour_of_summer_time_comes_and_goes() -> None:
    """A station that tells local time with a Z."""
    clock = ClockError()
    live(clock, HOUR, NOW, 5)
    summer = live(clock, 2 * HOUR, NOW + DAY, 6)
    assert summer[0][1].verdict == "received"  # an hour in the future can't be
    assert all(abs(judged.at - true) < 2 for true, judged in summer[2:])
    winter = live(clock, HOUR, NOW + 2 * DAY, 6)
    assert all(abs(judged.at - true) < 2 for true, judged in winter[2:])


def test_a_clock_that_begins_at_2000_until_it_is_told_the_time() -> None:
    """No battery behind the clock. What was recorded before has no time; what comes after the boot has."""
    clock = ClockError()
    live(clock, 0.0, NOW, 5)
    boot = NOW + DAY
    for number in range(20):  # recorded while offline, replayed after the boot
        judged = clock.observe(YEAR_2000 + number * 60, boot + number * 0.05, None)
        assert (judged.verdict, judged.at) == ("received", boot + number * 0.05)
        assert judged.remark == "clock unbelievable: time of receipt"
    assert [judged.verdict for _, judged in live(clock, 0.0, boot + 60, 3)] == ["told"] * 3


def test_a_clock_that_stays_in_2000_keeps_its_durations() -> None:
    clock = ClockError()
    verdicts = live(clock, YEAR_2000 - NOW, NOW, 100)
    assert [judged.verdict for _, judged in verdicts[:2]] == ["received", "received"]
    assert all(abs(judged.at - true) < 2 for true, judged in verdicts)


def test_a_drift_is_followed() -> None:
    """0.5 s a minute, a hundred times what a bad quartz does, over two days."""
    clock = ClockError()
    verdicts = live(clock, lambda true: (true - NOW) / 120, NOW, 2_880)
    assert all(abs(judged.at - true) < TOLERANCE + 12 for true, judged in verdicts)


def test_a_queue_that_is_always_an_hour_behind_is_not_a_wrong_clock() -> None:
    """Values come an hour late at their own pace, but a status now and then comes at once."""
    clock = ClockError()
    wrong = 0
    for minute in range(600):
        received = NOW + minute * 60
        if minute % 2 == 0:
            clock.observe(received - 0.3, received)
        judged = clock.observe(received - HOUR, received + 1)
        wrong += judged.verdict != "told"
    assert wrong == 0


def test_one_mad_time_changes_nothing() -> None:
    clock = ClockError()
    live(clock, 0.0, NOW, 10)
    for mad in (4_102_444_800.0, 0.0, -62_000_000_000.0, NOW + 5 * HOUR):
        assert clock.observe(mad, NOW + 600).verdict == "received"
        assert clock.offset_s is not None
        assert abs(clock.offset_s) < 1
        live(clock, 0.0, NOW + 601, 1)


@given(
    error_s=st.floats(-400 * DAY, 400 * DAY),
    seed=st.integers(0, 2**32),
    every_s=st.sampled_from([1.0, 10.0, 60.0, 900.0]),
)
def test_after_three_live_messages_over_half_a_minute_every_time_is_right(
    error_s: float, seed: int, every_s: float
) -> None:
    clock, random = ClockError(), Random(seed)
    for number in range(80):
        true = NOW + number * every_s
        received = true + random.uniform(0.0, 2.0)
        judged = clock.observe(true + error_s, received)
        assert judged.at <= received + TOLERANCE
        if number >= 2 and number * every_s >= 32:
            assert abs(judged.at - true) <= TOLERANCE + 2


@given(messages=st.lists(st.tuples(st.floats(-1e11, 1e11), st.floats(0, 5_000), st.booleans()), max_size=200))
def test_whatever_comes_no_time_lies_ahead_and_memory_is_bounded(
    messages: list[tuple[float, float, bool]],
) -> None:
    clock, received = ClockError(), NOW
    for told, pause, offline in messages:
        received += pause
        judged = clock.observe(told, received, offline or None)
        assert received - SkewRules().max_late_s <= judged.at <= received + TOLERANCE
    assert len(clock._epochs) <= SkewRules().epochs


@pytest.mark.parametrize("wrong_s", [3_600.0, -3_600.0, 5 * 86_400.0])
def test_the_quick_way_says_what_the_whole_way_says_and_an_instant_stays_one(wrong_s: float) -> None:
    clock = ClockError()
    corrections = set()
    for number in range(200):
        now = 1_800_000_000.0 + 10 * number
        told = now - 0.2 - 0.3 * (number % 3) - wrong_s
        corrections.add(clock.correction(told, now))
        if number > 10:
            assert clock.judge(told, now).at == pytest.approx(now, abs=1.0)
    # Until it is learnt a slow clock is believed, and one from the future gets the time of receipt; then one
    # correction for all.
    assert len({round(value) for value in corrections if abs(value - wrong_s) < 2.0}) <= 2
    assert clock.correction(1_800_003_000.0 - wrong_s, 1_800_003_000.5) == pytest.approx(wrong_s, abs=1.0)


def test_a_clock_that_is_right_is_never_corrected_live_or_late() -> None:
    clock = ClockError()
    for number in range(100):
        now = 1_800_000_000.0 + 60 * number
        assert clock.correction(now - 0.5, now) == 0.0
        assert clock.correction(now - 7_200.0 + number, now + 1.0, offline=True) == 0.0
        assert clock.correction(now - 3_600.0 + 7 * number, now + 2.0) == 0.0
