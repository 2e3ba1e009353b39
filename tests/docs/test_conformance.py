"""Each case of OCA's certification tests has a test of its name, and each such test names a case."""

from __future__ import annotations

import pytest

from tools import conformance


def test_every_case_has_a_test() -> None:
    assert conformance.missing() == []


def test_every_test_is_of_a_case_and_says_what_it_shows() -> None:
    assert conformance.unknown() == []
    silent = [test.place for tests in conformance.tests().values() for test in tests if not test.seen]
    assert silent == []


def test_a_missing_case_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(conformance.MANDATORY, "A", conformance.MANDATORY["A"] + " 99")
    assert conformance.missing() == ["TC_A_99"]
