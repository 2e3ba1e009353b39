"""The lease and commit protocol holds in its small worlds, and the checker finds what is wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec import structs

from ampacity.control import lease as leases
from ampacity.control import reserve
from ampacity.control.law import step
from ampacity.control.lease import Lease, Period
from ampacity.control.settings import ControlSettings
from ampacity.control.state import ControlState
from ampacity.control.types import Decision, Snapshot
from ampacity.simulation.cases.document import read_cases
from ampacity.simulation.cases.playing import play
from ampacity.simulation.proving.check import HELD, QUICK, SLOW, SLOW_AND_HELD, TIGHT, check
from ampacity.simulation.proving.explore import Move, explore
from ampacity.simulation.proving.small_world import Parts, Size


@pytest.mark.parametrize("size", QUICK, ids=lambda size: size.name)
def test_nothing_breaks_in_any_state_that_can_be_reached(size: Size) -> None:
    """I1, I5, I12, I13 over every interleaving that some seconds reach; `ampacity check-law` goes on."""
    verdict = check(size, most_states=5_000)
    assert verdict.explored.broken == ""
    assert verdict.explored.states > 500


def test_a_search_to_the_end_says_so() -> None:
    verdict = check(QUICK[0])
    assert verdict.explored.complete


def seen_at_once(
    state: ControlState, snapshot: Snapshot, settings: ControlSettings
) -> tuple[ControlState, Decision]:
    """As if an acknowledgement were a meter: who said yes draws no more."""
    evses = {
        key: evse
        if evse.committed_a is None
        else structs.replace(evse, measured_a=(evse.committed_a, 0.0, 0.0), measured_at=snapshot.at + 1.0)
        for key, evse in snapshot.evses.items()
    }
    return step(state, structs.replace(snapshot, evses=evses), settings)


def without_skew(limit_a: float, safe_a: float, lease_s: float, sent_at: float, skew_s: float) -> Lease:
    return Lease(limit_a=limit_a, safe_a=safe_a, lease_s=lease_s, sent_at=sent_at)


def two_periods(limit_a: float, safe_a: float, lease_s: float) -> tuple[Period, ...]:
    """Without the middle one, a station that is held below its safe current steps up while others still may
    draw their share."""
    first = leases.periods(limit_a, safe_a, lease_s)[0]
    last = Period(leases.BACKDATE_S + int(lease_s), safe_a)
    return (first, last) if limit_a != safe_a else (first,)


@pytest.mark.parametrize(
    ("size", "parts", "broken"),
    [
        (SLOW, Parts(lease=without_skew), "raise"),
        (TIGHT, Parts(step=seen_at_once), "raise"),
        (HELD, Parts(periods=two_periods), "silence"),
    ],
    ids=["lease without skew", "commit before seen", "two periods"],
)
def test_a_seeded_fault_is_found(size: Size, parts: Parts, broken: str, tmp_path: Path) -> None:
    verdict = check(size, parts, most_states=20_000, ordinary_ticks=8 if size is SLOW else 0)
    assert verdict.explored.broken.startswith(broken), verdict.explored
    file = tmp_path / "fault.json"
    file.write_text(json.dumps(verdict.case))
    course = play(read_cases(file)["fault"])
    assert [second.happened for second in course.seconds] == list(verdict.explored.way)


def test_a_limit_below_the_safe_current_that_is_forgotten_until_its_end_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The law without `relapsing`: one fault, and the promises of others outlast it."""
    assert check(SLOW_AND_HELD, most_states=500, ordinary_ticks=6).explored.broken == ""
    monkeypatch.setattr(reserve, "_relapses", lambda *told: False)
    assert check(SLOW_AND_HELD, most_states=500, ordinary_ticks=6).explored.broken.startswith("silence")


def test_the_way_to_a_fault_is_a_shortest_one() -> None:
    def moves(n: int) -> object:
        for name, to in (("one", n + 1), ("double", 2 * n)):
            yield Move(action=name, state=to, broken="ten" if to == 10 else "")

    found = explore([1], moves, most_states=1000)  # type: ignore[arg-type]
    assert found.way in (("one", "double", "one", "double"), ("double", "double", "one", "double"))


def test_a_search_that_is_too_small_does_not_call_itself_complete() -> None:
    counting: Callable[[int], object] = lambda n: iter([Move(action="one", state=n + 1)])  # noqa: E731
    assert not explore([0], counting, most_states=50).complete  # type: ignore[arg-type]
