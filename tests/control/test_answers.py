"""What answers do to what the law counts with."""

from __future__ import annotations

import pytest
from msgspec import structs

from ampacity.control.answers import AnswerKind, Answers
from ampacity.control.lease import Lease
from ampacity.control.station_clock import StationClock


def lease(limit_a: float, at: float, skew_s: float = 0.0) -> Lease:
    return Lease(limit_a=limit_a, safe_a=6.0, lease_s=300.0, sent_at=at, skew_s=skew_s)


def told(kind: AnswerKind) -> Answers:
    """16 A in force, then 8 A answered so."""
    it = Answers()
    it.line_opened(0.0)
    it.checked(True)
    it.sent(16.0)
    it.answer(lease(16.0, 0.0), "accepted", 1.0)
    it.sent(8.0)
    it.answer(lease(8.0, 10.0), kind, 12.0)
    return it


@pytest.mark.parametrize(
    ("kind", "committed_a", "doubt_a"),
    [("accepted", 8.0, None), ("refused", 16.0, None), ("silent", 16.0, 8.0), ("unclear", 16.0, 8.0)],
)
def test_only_a_yes_replaces_what_held(kind: AnswerKind, committed_a: float, doubt_a: float | None) -> None:
    it = told(kind)
    assert (it.committed_a, it.doubt_a(13.0), it.inflight_a) == (committed_a, doubt_a, None)


def test_a_doubt_ends_with_the_lease_that_it_would_have_been() -> None:
    it = told("silent")
    assert it.doubt_a(309.0) == 8.0
    assert it.doubt_a(310.0) is None


def test_a_clock_that_is_found_slow_makes_the_running_lease_last_longer() -> None:
    """A station whose clock was set back by 40 s after it took its limit holds on to it for 40 s more."""
    it = told("accepted")
    assert it.lease_until == 310.0
    it.clock_is_off(40.0)
    assert it.lease_until == 350.0
    it.clock_is_off(20.0)
    assert it.lease_until == 350.0
    it.clock_is_off(151.0)
    assert it.lease_until is None, "more than half a lease: nothing ends it for certain"


def test_a_clock_set_back_shows_with_the_next_reading_and_a_replay_does_not_look_like_it() -> None:
    clock = StationClock()
    clock.line_opened(1000.0)
    clock.heard(0.2, 1010.0)
    clock.heard(40.2, 1050.0)
    assert clock.told_now(1050.0)
    assert clock.error_s == pytest.approx(40.2)
    again = StationClock()
    again.line_opened(1000.0)
    again.heard(600.0, 1002.0)
    assert not again.told_now(1002.0), "it may have waited since before the line opened"


def test_renewed_only_while_it_lives() -> None:
    it = told("accepted")
    assert not it.may_renew(209.0)
    assert it.may_renew(211.0)
    assert not it.may_renew(310.0)
    it.line_lost(211.0)
    assert not it.may_renew(211.0)
    it.line_opened(211.0)
    assert not it.may_renew(211.0), "not read back yet"


def asked_until(it: Answers, end: int, limit_a: float = 8.0, *, urgent: bool = False) -> list[int]:
    """When a cut goes out, to a station that refuses each."""
    asked = []
    for at in range(12, end):
        if it.may_cut(float(at), limit_a, urgent=urgent):
            asked.append(at)
            it.sent(limit_a)
            it.answer(lease(limit_a, float(at)), "refused", float(at))
    return asked


def test_one_who_refuses_is_asked_after_pauses_that_double_up_to_two_minutes() -> None:
    asked = asked_until(told("refused"), 600)
    assert asked == [22, 42, 82, 162, 282, 402, 522]


def test_a_clearly_lower_limit_is_a_new_question_and_noise_is_none() -> None:
    it = told("refused")
    assert not it.may_cut(13.0, 7.5)
    assert it.repeats(7.5)
    assert it.may_cut(13.0, 7.0)
    assert not it.repeats(7.0)
    it.sent(0.0)
    it.answer(lease(0.0, 13.0), "refused", 13.0)
    assert it.repeats(0.0), "nothing is lower than that"
    it.answer(lease(0.0, 50.0), "accepted", 50.0)
    assert not it.repeats(8.0)
    assert it.may_cut(50.0, 8.0)


def test_while_a_circuit_is_above_its_limit_it_is_asked_each_reaction_time() -> None:
    assert asked_until(told("refused"), 60, urgent=True) == [22, 32, 42, 52]


def test_a_message_that_was_lost_is_sent_again_at_once_but_not_for_ever() -> None:
    it = told("silent")
    assert it.may_cut(12.0, 8.0)
    it.sent(8.0)
    it.answer(lease(8.0, 12.0), "silent", 22.0)
    assert not it.may_cut(41.0, 8.0)
    assert it.may_cut(42.0, 8.0)


def test_a_station_that_let_an_answer_wait_is_given_longer_the_next_time() -> None:
    it = Answers()
    it.line_opened(0.0)
    courses: tuple[tuple[AnswerKind, float, float], ...] = (
        ("accepted", 1.0, 10.0),
        ("silent", 10.0, 25.0),
        ("accepted", 14.0, 25.0),
        ("refused", 9.0, 25.0),
        ("accepted", 3.0, 10.0),
        ("accepted", 9.0, 10.0),
    )
    for kind, took_s, then_s in courses:
        it.sent(8.0)
        it.answer(lease(8.0, 100.0), kind, 100.0 + took_s)
        assert it.patience_s == then_s, (kind, took_s)


def left_with(offline_s: float | None, at: float) -> Answers:
    """16 A for 300 s since second 0, and a line that is lost at `at`."""
    it = Answers()
    it.line_opened(0.0)
    it.checked(True)
    it.sent(16.0)
    it.answer(structs.replace(lease(16.0, 0.0), offline_s=offline_s), "accepted", 1.0)
    it.line_lost(at)
    return it


@pytest.mark.parametrize(
    ("offline_s", "lost_at", "until"), [(None, 50.0, 300.0), (20.0, 50.0, 70.0), (20.0, 290.0, 300.0)]
)
def test_a_lost_line_ends_a_limit_earlier_where_that_was_shown(
    offline_s: float | None, lost_at: float, until: float
) -> None:
    it = left_with(offline_s, lost_at)
    assert it.lease_until == until
    it.clock_is_off(5.0)
    assert it.lease_until == min(lost_at + (offline_s or 1_000.0), 305.0)


def test_a_line_that_is_back_in_time_brings_the_whole_lease_back() -> None:
    it = left_with(20.0, 50.0)
    it.line_opened(60.0)
    assert it.lease_until == 300.0
    it.line_lost(100.0)
    it.line_opened(120.0)
    assert it.lease_until == 120.0, "it is gone for good"


def test_a_limit_that_was_on_its_way_ends_with_the_line_as_well() -> None:
    it = left_with(20.0, 50.0)
    it.answer(structs.replace(lease(24.0, 49.0), offline_s=20.0), "silent", 51.0)
    it.answer(lease(12.0, 49.0), "silent", 51.0)
    assert it.doubt_a(69.0) == 24.0
    assert it.doubt_a(70.0) == 12.0
    it.line_opened(71.0)
    assert it.doubt_a(72.0) == 12.0
