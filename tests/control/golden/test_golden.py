"""Each golden case: its claims hold, and it went as it was reviewed (see `run`)."""

from __future__ import annotations

import pytest

from ampacity.simulation.cases.playing import broken, play

from .run import cases, expected, outcome

CASES = cases()
EXPECTED = expected()


@pytest.mark.parametrize("name", CASES)
def test_the_case_goes_as_claimed_and_as_reviewed(name: str) -> None:
    case = CASES[name]
    assert case["claims"], "a case without a claim proves nothing"
    course = play(case)
    assert not broken(case, course)
    assert outcome(course) == EXPECTED[name], "changed: review it, then run with --write"


def test_every_case_is_kept_and_none_besides() -> None:
    assert EXPECTED.keys() == CASES.keys()
    assert all(case["title"] for case in CASES.values())
