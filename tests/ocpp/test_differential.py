"""Our codec and an independent validator judge thousands of messages of every schema: equal verdicts, or a
difference that is listed with its reason (`./dev bench fuzz --count N` goes on for as long as one likes)."""

from __future__ import annotations

from random import Random

import pytest

from ampacity.bench.fuzz import verdicts
from ampacity.bench.fuzz.messages import NO_MOMENTS, ODD_MOMENTS, SYNTAX, Literally, text_of
from ampacity.bench.fuzz.schemas import MessageKind, complaint, kinds
from ampacity.bench.fuzz.verdicts import DIFFERENCES, Difference, Tally, compare, judge, messages, verdict
from ampacity.ocpp.codec import LARGEST_TRANSACTION_ID, Codec
from ampacity.ocpp.version import Role, Version, vocabulary

COUNT = 20_000
SEED = 20261121


@pytest.fixture(scope="module")
def tally() -> Tally:
    return compare(COUNT, Random(SEED), kinds())


def kind_of(version: Version, action: str, part: str) -> MessageKind:
    [found] = [k for k in kinds() if (k.version, k.action, k.part) == (version, action, part)]
    return found


def test_all_verdicts_are_equal_or_the_difference_is_listed(tally: Tally) -> None:
    assert not tally.unequal, "\n".join(map(str, tally.unequal))
    assert tally.judged > 0.95 * COUNT
    # Both verdicts were well tried.
    assert 0.25 < tally.accepted / tally.judged < 0.6


def test_a_listed_difference_that_no_longer_occurs_is_taken_off_the_list(tally: Tally) -> None:
    assert tally.stale == []
    assert all(len(difference.reason) > 10 for difference in DIFFERENCES.values())


def test_every_change_came_up(tally: Tally) -> None:
    rare = {name: count for name, count in tally.changes.items() if count < 2}
    assert not rare
    assert tally.changes.keys() >= SYNTAX.keys() | ODD_MOMENTS.keys() | DIFFERENCES.keys()
    # Changes that leave a message valid are as telling as those that do not.
    assert not tally.refused["valid"]
    assert not tally.refused["longest string"]
    assert tally.refused["string too long"] == tally.changes["string too long"]
    assert 0 < tally.refused["hundredths"] < tally.changes["hundredths"]


def test_every_schema_has_messages_of_both_verdicts() -> None:
    rng = Random(SEED)
    for kind in kinds():
        verdicts = {complaint(kind, text_of(value)) is None for _, value in messages(kind, rng, 12)}
        assert verdicts == {True, False}, kind


def test_a_verdict_that_differs_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    without = {name: found for name, found in DIFFERENCES.items() if name != "whole number with a point"}
    wrong = Difference(we_accept=True, reason="this is not so")
    monkeypatch.setattr(verdicts, "DIFFERENCES", {**without, "no moment": wrong})
    found = compare(20_000, Random(1), kinds())
    assert {unequal.change for unequal in found.unequal} == {"whole number with a point"}
    assert "no moment" in found.stale


def test_what_is_lost_on_the_way_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    kind = kind_of(Version.V201, "Heartbeat", "call")
    text = '{"customData":{"vendorId":"v","deep":[null]}}'
    message, _ = verdict(kind, '{"customData":{"vendorId":"v"}}')
    monkeypatch.setattr(verdicts, "verdict", lambda *_: (message, "valid"))
    tally = Tally()
    judge(kind, "valid", text, tally)
    assert [unequal.ours[:8] for unequal in tally.unequal] == ["not kept"]


@pytest.mark.parametrize(
    ("limit", "passes"), [("8.1", True), ("0.3", True), ("1E+1", True), ("8.15", False), ("1e-7", False)]
)
def test_tenths_are_judged_in_decimal(limit: str, passes: bool) -> None:
    kind = kind_of(Version.V16, "SetChargingProfile", "call")
    period = {"startPeriod": 0, "limit": Literally(limit)}
    schedule = {"chargingRateUnit": "A", "chargingSchedulePeriod": [period]}
    profile = {"chargingProfileId": 1, "stackLevel": 0, "chargingSchedule": schedule}
    profile |= {"chargingProfilePurpose": "TxProfile", "chargingProfileKind": "Absolute"}
    text = text_of({"connectorId": 1, "csChargingProfiles": profile})
    assert (complaint(kind, text) is None) is passes
    assert (verdict(kind, text)[1] == "valid") is passes


@pytest.mark.parametrize("text", NO_MOMENTS)
def test_what_is_no_moment_is_none_for_both(text: str) -> None:
    kind = kind_of(Version.V201, "Heartbeat", "result")
    body = text_of({"currentTime": text})
    assert complaint(kind, body) is not None
    assert verdict(kind, body)[0] is None


def test_what_is_faultless_is_read_without_a_repair() -> None:
    """A CSMS's lenient codec must read what needs no leniency exactly as the strict one."""
    rng, read = Random(SEED), 0
    for kind in kinds():
        if kind.part != "call" or kind.action not in vocabulary(kind.version).started_by[Role.STATION]:
            continue
        lenient = Codec(kind.version, Role.CSMS, lenient=True)
        for _, value in messages(kind, rng, 40):
            text = text_of(value)
            message, _ = verdict(kind, text)
            number = getattr(message, "transactionId", None)
            if message is None or (isinstance(number, int) and number > LARGEST_TRANSACTION_ID):
                continue
            assert lenient.read_call(kind.action, text.encode()) == (message, ())
            read += 1
    assert read > 1_000
