"""The ladder that an EVSE climbs when it does not do as it is told, rung by rung."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ampacity.control.settings import DEFAULTS
from ampacity.control.verification import Action, Seen, Verification, released, verify


class Watched:
    """One EVSE, sampled each second, that draws `draws_a` whatever it is told."""

    def __init__(self, limit_a: float = 10.0, draws_a: float = 32.0) -> None:
        self.limit_a, self.draws_a = limit_a, draws_a
        self.at = 1_000.0
        self.memory = released(self.at)
        self.done: list[tuple[float, Action]] = []
        self.seen: dict[str, Any] = {"steerable": True, "session": True}

    def run(self, seconds: float, **changes: Any) -> list[Action]:
        """Go on for so long; returns what is to be done meanwhile."""
        self.seen |= changes
        begun = len(self.done)
        for _ in range(round(seconds)):
            self.at += 1.0
            seen = Seen(
                **{
                    "limit_a": self.limit_a,
                    "measured_a": self.draws_a,
                    "measured_at": self.at,
                    "sample_interval_s": 5.0,
                    **self.seen,
                }
            )
            self.memory, action = verify(self.memory, seen, self.at, DEFAULTS)
            if action is not None:
                self.done.append((self.at, action))
        return [action for _, action in self.done[begun:]]


def test_it_climbs_the_whole_ladder() -> None:
    it = Watched()
    assert it.run(14) == []
    assert it.run(60) == ["resend"] * 3 + ["clear"]
    assert it.run(4 * 121) == ["clear"] * 4
    assert it.run(121) == []
    assert it.memory.trust == "awaiting_reset"
    assert it.memory.aside
    assert it.run(3_600) == []  # a restart would end the session
    assert it.run(5, session=False, station_idle=False) == []  # nor that of the neighbour
    assert it.run(5, station_idle=True) == ["reset"]
    assert not it.memory.aside
    assert it.run(100, session=True) == ["resend"] * 3 + ["quarantine"]
    assert it.memory.trust == "quarantined"
    assert it.memory.most_a == 32.0
    assert it.run(3_600, session=False) == []
    assert it.memory.aside


def test_actions_of_a_rung_keep_their_distance() -> None:
    it = Watched()
    it.run(700)
    times = [at for at, _ in it.done]
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert gaps[:3] == pytest.approx([15.0] * 3)
    assert gaps[3:] == pytest.approx([120.0] * 4)


@pytest.mark.parametrize(
    ("limit_a", "draws_a", "obeys"),
    [(10.0, 11.5, True), (10.0, 11.6, False), (0.0, 0.5, True), (0.0, 0.6, False), (32.0, 35.7, True)],
)
def test_ten_percent_and_half_an_ampere_are_forgiven(limit_a: float, draws_a: float, obeys: bool) -> None:
    it = Watched(limit_a, draws_a)
    assert (it.run(30) == []) == obeys


def test_a_decrease_gets_its_time() -> None:
    it = Watched(20.0, 20.0)
    assert it.run(60) == []
    it.limit_a = 10.0
    assert it.run(14) == []
    it.draws_a = 10.0
    assert it.run(60) == []
    assert it.memory.trust == "trusted"


def test_a_limit_that_is_obeyed_late_ends_the_doubt() -> None:
    it = Watched()
    assert it.run(20) == ["resend"]
    assert it.memory.trust == "doubted"
    it.draws_a = 9.8
    assert it.run(3) == []
    assert it.memory.trust == "trusted"


def test_trust_that_was_lost_further_up_comes_back_after_ten_minutes_near_the_limit() -> None:
    it = Watched()
    it.run(80)
    assert it.memory.trust == "clearing"
    it.draws_a = 2.0
    it.run(1_200)
    assert it.memory.trust == "clearing"  # a car that wants little obeys every limit
    it.draws_a = 9.8
    it.run(590)
    assert it.memory.trust == "clearing"
    it.run(20)
    assert (it.memory.trust, it.memory.cycles, it.memory.most_a) == ("trusted", 0, 0.0)


def test_a_restart_that_helps_is_enough() -> None:
    it = Watched()
    it.run(800)
    assert it.run(5, session=False, station_idle=True) == ["reset"]
    it.draws_a = 10.0
    assert it.run(620, session=True) == []
    assert it.memory.trust == "trusted"
    assert it.memory.cycles == 0


def test_a_station_that_refuses_goes_straight_to_clearing() -> None:
    it = Watched(10.0, 10.0)
    assert it.run(30, refusals=2) == []
    assert it.run(1, refusals=3) == ["clear"]
    assert it.run(60) == []
    assert it.run(5, refusals=0) == []


def test_one_that_refuses_loses_its_session_for_a_fuse() -> None:
    it = Watched(10.0, 10.0)
    assert it.run(1, refusals=3, at_risk=True) == ["stop"]
    assert it.run(59, refusals=3, at_risk=True) == ["clear"]
    assert it.run(2, refusals=3, at_risk=True) == ["stop"], "asked again after a minute"


def test_silence_and_absence_prove_nothing() -> None:
    it = Watched()
    assert it.run(600, steerable=False) == []
    assert it.run(600, steerable=True, measured_at=900.0) == []
    assert it.run(600, measured_a=None, measured_at=None) == []
    assert it.memory.trust == "trusted"


def test_a_fuse_at_risk_ends_the_session() -> None:
    it = Watched()
    assert it.run(14, at_risk=True) == []
    assert it.run(2) == ["stop"]
    assert it.run(45) == ["resend"] * 3
    assert "stop" in it.run(30)


def test_a_quarantined_one_is_still_stopped_for_a_fuse() -> None:
    it = Watched()
    it.memory = Verification(trust="quarantined", since=0.0, most_a=32.0)
    assert it.run(60) == []
    assert it.run(60, at_risk=True) == ["stop"]
    assert it.run(60) == ["stop"]
    assert it.run(60, session=False) == []


def test_one_that_obeys_is_never_stopped() -> None:
    it = Watched(10.0, 10.0)
    assert it.run(600, at_risk=True) == []


@given(
    st.lists(
        st.tuples(st.floats(0, 40), st.floats(0, 40), st.booleans(), st.booleans(), st.integers(0, 4)),
        max_size=60,
    )
)
def test_whatever_happens_quarantine_lasts_and_actions_are_few(
    story: list[tuple[float, float, bool, bool, int]],
) -> None:
    """A quarantine ends by a person only; and no two actions of an EVSE lie within 10 s, but a stop."""
    it = Watched()
    was = False
    for limit_a, draws_a, steerable, session, refusals in story:
        it.limit_a, it.draws_a = limit_a, draws_a
        it.run(20, steerable=steerable, session=session, refusals=refusals, station_idle=not session)
        assert it.memory.trust == "quarantined" or not was
        was = it.memory.trust == "quarantined"
    times = [at for at, action in it.done if action not in ("stop", "reset", "quarantine")]
    assert all(later - earlier >= 1.0 for earlier, later in pairwise(times))
    assert sum(action == "reset" for _, action in it.done) <= 1 + len(it.done) // 6
