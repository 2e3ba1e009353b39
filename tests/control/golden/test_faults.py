"""Every fault in the table is caught by its cases: by their claims alone, which were written by hand."""

from __future__ import annotations

import math

import pytest

from ampacity.simulation.cases.document import Json
from ampacity.simulation.cases.playing import Course, broken_claim, seconds_of
from ampacity.simulation.cases.series import value
from ampacity.simulation.cases.world import World

from .faults import FAULTS
from .run import cases

CASES = cases()


def breaks(case: Json) -> bool:
    """Whether a claim of the case breaks; it is not played any further then."""
    over_s = 0
    for second in seconds_of(World(case), case["seconds"]):
        course = Course([second], 0.0, [])
        due = [c for c in case["claims"] if c.get("from", 0) <= second.at_s <= c.get("until", math.inf)]
        if any(broken_claim(claim, course) for claim in due):
            return True
        over = any(value(second, f"excess {c.circuit_id}") > 0.05 for c in second.tree.circuits)
        over_s = over_s + 1 if over else 0
        if over_s > case["over_at_most_s"]:
            return True
    return False


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_in_the_law_breaks_the_claims_of_its_cases(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fault = FAULTS[name]
    assert fault.caught_by, "a fault that no case catches shows a hole"
    assert not any(claim.get("ever") for case in fault.caught_by for claim in CASES[case]["claims"])
    fault.put_in(monkeypatch)
    monkeypatch.setattr(World, "judge", lambda self, snapshot, decision: None)
    for case in fault.caught_by:
        assert breaks(CASES[case]), f"{case} does not notice: {fault.mistake}"
