"""Holes in a transaction's numbers: which, when to ask, when to give up."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ampacity.csms.gaps import RUNS_KEPT, GapRules, Numbers, SequenceWatch

RULES = GapRules()


def of(*numbers: int) -> Numbers:
    found = Numbers()
    for number in numbers:
        found = found.add(number)
    return found


@given(st.lists(st.integers(0, 60)))
def test_a_set_of_numbers_is_a_set(numbers: list[int]) -> None:
    found = of(*numbers)
    assert len(found) == len(set(numbers))
    assert all((number in found) == (number in set(numbers)) for number in range(61))
    assert found.last == max(numbers, default=None)
    assert Numbers.read(found.text) == found
    holes = {number for low, high in found.missing(0, 60) for number in range(low, high + 1)}
    assert holes == set(range(61)) - set(numbers)


@pytest.mark.parametrize(
    ("numbers", "text", "missing"),
    [
        ((), "", ((0, 9),)),
        ((0, 1, 2), "0-2", ((3, 9),)),
        ((9, 0, 4), "0,4,9", ((1, 3), (5, 8))),
        ((3, 2, 4, 20), "2-4,20", ((0, 1), (5, 9))),
        (tuple(range(10)), "0-9", ()),
    ],
)
def test_text_and_holes(numbers: tuple[int, ...], text: str, missing: tuple[tuple[int, int], ...]) -> None:
    assert of(*numbers).text == text
    assert tuple(of(*numbers).missing(0, 9)) == missing


@pytest.mark.parametrize("text", ["5-3", "0-4,5-9", "0-4,2", "x", "1,,2"])
def test_text_that_nobody_wrote_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"runs|invalid literal"):
        Numbers.read(text)


def test_a_station_that_leaves_out_every_second_number_does_not_fill_the_memory() -> None:
    found = of(*range(0, 100_000, 2))
    assert len(found.runs) == RUNS_KEPT
    assert found.cut
    assert found.last == 99_998
    assert Numbers.read(found.text) == found
    watch = SequenceWatch.resumed(found, 0.0)
    assert watch.step(RULES.patience_s, online=True) == "ask"  # joined or not, something was missing


def test_nothing_is_due_while_all_numbers_come() -> None:
    watch = SequenceWatch()
    for number in range(50):
        watch.told(number, number * 60.0, "Started" if number == 0 else "Updated")
        assert watch.due_at() is None
    watch.told(50, 3_000.0, "Ended")
    assert (watch.missing, watch.settled, watch.incomplete) == ((), True, False)


@pytest.mark.parametrize(
    ("first", "missing"), [(0, ()), (1, ()), (4711, ())], ids=["from 0", "from 1", "counts on"]
)
def test_the_start_says_where_the_station_counts_from(first: int, missing: tuple[()]) -> None:
    watch = SequenceWatch()
    watch.told(first, 0.0, "Started")
    watch.told(first + 1, 1.0)
    assert watch.missing == missing


def test_a_hole_that_is_filled_within_patience_is_never_asked_for() -> None:
    watch = SequenceWatch()
    watch.told(0, 0.0, "Started")
    watch.told(3, 1.0, "Ended")
    assert watch.missing == ((1, 2),)
    assert watch.due_at() == 1.0 + RULES.patience_s
    watch.told(2, 50.0)
    assert watch.step(1.0 + RULES.patience_s, online=True) is None  # it replays: patience anew
    watch.told(1, 60.0)
    assert (watch.due_at(), watch.settled) == (None, True)


def test_a_start_or_an_end_that_is_missing_is_a_hole() -> None:
    watch = SequenceWatch()
    watch.told(2, 0.0)
    assert watch.missing == ((0, 1),)
    watch.told(5, 0.0, "Ended")
    assert watch.missing == ((0, 1), (3, 4))
    assert not watch.settled


def hole() -> SequenceWatch:
    watch = SequenceWatch()
    watch.told(0, 0.0, "Started")
    watch.told(2, 0.0, "Ended")
    return watch


def test_the_station_says_that_its_queue_is_empty() -> None:
    watch = hole()
    assert watch.step(59.0, online=True) is None
    assert watch.step(60.0, online=True) == "ask"
    assert watch.step(61.0, online=True) is None  # under way
    watch.answered(False, 62.0)
    assert (watch.incomplete, watch.settled, watch.due_at()) == (True, True, None)
    watch.told(1, 9_000.0)  # after all
    assert (watch.incomplete, watch.settled) == (False, True)


def test_the_station_says_that_more_will_come() -> None:
    watch = hole()
    now = 60.0
    for _ in range(20):
        assert watch.step(now, online=True) == "ask"
        watch.answered(True, now)
        assert watch.step(now + RULES.again_s - 1, online=True) is None
        now += RULES.again_s
    assert watch.step(RULES.give_up_s, online=True) == "incomplete"
    assert watch.step(RULES.give_up_s + 1, online=True) is None


def test_a_station_that_never_answers_is_asked_some_times_and_given_up_after_a_day() -> None:
    watch = hole()
    asked = []
    for now in range(0, int(RULES.give_up_s) + 600, 20):
        said = watch.step(float(now), online=True)
        if said == "ask":
            asked.append(now)
            watch.answered(None, float(now))
        elif said == "incomplete":
            assert now == RULES.give_up_s
    assert len(asked) == RULES.questions
    assert watch.incomplete


def test_an_offline_station_is_asked_when_it_is_back() -> None:
    watch = hole()
    assert watch.step(3 * RULES.give_up_s, online=False) is None
    assert not watch.incomplete
    back = 3 * RULES.give_up_s + 10
    assert watch.step(back, online=True) == "ask"
    watch.answered(None, back)
    assert watch.step(back + RULES.again_s, online=True) == "incomplete"


def test_a_restart_goes_on() -> None:
    before = hole()
    watch = SequenceWatch.resumed(Numbers.read(before.numbers.text), 1_000.0, end=2)
    assert watch.missing == before.missing
    assert watch.due_at() == 1_000.0 + RULES.patience_s
    watch.told(1, 1_001.0)
    assert watch.settled


@given(
    events=st.lists(
        st.tuples(
            st.sampled_from(["told", "step", "yes", "no", "unknown"]), st.integers(0, 12), st.booleans()
        ),
        max_size=60,
    )
)
def test_whatever_happens_a_whole_sequence_is_settled_and_questions_come_one_at_a_time(
    events: list[tuple[str, int, bool]],
) -> None:
    watch, now, asking = SequenceWatch(), 0.0, False
    answers = {"yes": True, "no": False, "unknown": None}
    for what, number, online in events:
        now += 100.0
        if what == "told":
            watch.told(number, now)
        elif what == "step":
            said = watch.step(now, online=online)
            assert not (said and not online)
            assert not (said == "ask" and asking)
            asking = asking or said == "ask"
        elif asking:
            watch.answered(answers[what], now)
            asking = False
    watch.told(13, now, "Ended")
    for number in range(13):
        watch.told(number, now)
    assert (watch.settled, watch.incomplete, watch.missing, watch.due_at()) == (True, False, (), None)
