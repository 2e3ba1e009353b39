"""What blocks take part in, put together: in which order, and what only one of them can have."""

from __future__ import annotations

from typing import Any

import pytest

from ampacity.csms.part import Part, perhaps, together
from ampacity.csms.state import StationState
from ampacity.csms.vocabulary import GetVariables, Outcome, RequestStart, Reset

STATE = StationState(operator_id="stadtwerke", station_id="CP1")


def effect(seen: list[str], name: str) -> Any:
    return lambda state, command, outcome: seen.append(name)


async def test_parts_start_and_count_in_their_order_and_stop_in_the_other() -> None:
    seen: list[str] = []

    def block(name: str) -> Part:
        async def start(operators: list[str]) -> None:
            seen.append(f"start {name} for {', '.join(operators)}")

        async def stop() -> None:
            seen.append(f"stop {name}")

        return Part(
            effects={Reset: (effect(seen, name),)},
            listens=((str, seen.append),),
            start=start,
            stop=stop,
        )

    whole = together(together(block("a"), Part(), block("b")), block("c"))
    await whole.start(["x", "y"])
    for each in whole.effects[Reset]:
        each(STATE, Reset(kind="Immediate"), Outcome(result="accepted"))
    await whole.stop()
    assert seen == [
        *(f"start {name} for x, y" for name in "abc"),
        *"abc",
        *(f"stop {name}" for name in "cba"),
    ]
    assert len(whole.listens) == 3


@pytest.mark.parametrize("table", ["hears", "completes", "prepares", "jobs", "pages", "carries", "settles"])
def test_one_block_only_answers_for_a_thing(table: str) -> None:
    first, second = Part(**{table: {Reset: print}}), Part(**{table: {Reset: print, RequestStart: print}})
    other = Part(**{table: {GetVariables: print}})
    assert set(getattr(together(first, other), table)) == {Reset, GetVariables}
    with pytest.raises(ValueError, match="Reset"):
        together(first, other, second)


def test_what_may_have_been_done_counts() -> None:
    seen: list[str] = []
    taken = perhaps(effect(seen, "done"))
    for result in ("accepted", "timeout", "rejected", "offline", "error"):
        taken(STATE, Reset(kind="Immediate"), Outcome(result=result))  # type: ignore[arg-type]
    assert seen == ["done", "done"]
