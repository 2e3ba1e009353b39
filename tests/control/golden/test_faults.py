"""Every fault in the table is caught by its cases: by their claims alone, which were written by hand."""

from __future__ import annotations

import pytest

from ampacity.simulation.cases.playing import broken, play
from ampacity.simulation.cases.world import World

from .faults import FAULTS
from .run import cases

CASES = cases()


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_in_the_law_breaks_the_claims_of_its_cases(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fault = FAULTS[name]
    assert fault.caught_by, "a fault that no case catches shows a hole"
    fault.put_in(monkeypatch)
    monkeypatch.setattr(World, "judge", lambda self, snapshot, decision: None)
    for case in fault.caught_by:
        assert broken(CASES[case], play(CASES[case])), f"{case} does not notice: {fault.mistake}"
