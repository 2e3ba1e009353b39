"""Which transactions are closed, by which rule, and which are left alone."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ampacity.csms import lifecycle
from ampacity.csms.closing import (
    REASONS,
    SUPPOSED,
    ClosingRules,
    OpenTransaction,
    StationSigns,
    Verdict,
    judge,
)

NOW = 1_772_452_800.0
MINUTE, HOUR, DAY = 60.0, 3_600.0, 86_400.0
RULES = ClosingRules()


def transaction(**more: Any) -> OpenTransaction:
    """Began two hours ago, last heard of 10 minutes ago, while energy flowed."""
    heard = NOW + more.pop("heard", -10 * MINUTE)
    values: dict[str, Any] = {
        "transaction_id": "t1",
        "station_id": "CP1",
        "evse_id": 1,
        "started_at": NOW - 2 * HOUR,
        "told_at": heard,
        "heard_at": heard,
        "energy_at": heard,
    }
    return OpenTransaction(**(values | more))


def station(**more: Any) -> StationSigns:
    values: dict[str, Any] = {"station_id": "CP1", "online": True, "seen_at": NOW}
    return StationSigns(**(values | more))


def verdict(row: OpenTransaction, signs: StationSigns, *others: OpenTransaction) -> Verdict:
    return judge([row, *others], {"CP1": signs}, NOW)


def rule_of(found: Verdict) -> str | None:
    return found.close[0].rule if found.close else None


@pytest.mark.parametrize(
    ("name", "row", "signs", "rule"),
    [
        ("charges", transaction(), station(), None),
        (
            "free since six minutes",
            transaction(),
            station(statuses={1: ("Available", NOW - 6 * MINUTE)}),
            "unplugged",
        ),
        (
            "free a moment ago: its end may be on its way",
            transaction(),
            station(statuses={1: ("Available", NOW - MINUTE)}),
            None,
        ),
        (
            "free before it began",
            transaction(),
            station(statuses={1: ("Available", NOW - 3 * HOUR)}),
            None,
        ),
        (
            "it was heard of after the status",
            transaction(heard=-MINUTE),
            station(statuses={1: ("Available", NOW - 6 * MINUTE)}),
            None,
        ),
        (
            "another EVSE is free",
            transaction(),
            station(statuses={2: ("Available", NOW - 6 * MINUTE)}),
            None,
        ),
        (
            "the station is out of service",
            transaction(),
            station(statuses={0: ("Unavailable", NOW - 6 * MINUTE)}),
            "unplugged",
        ),
        (
            "the station as such is available",
            transaction(),
            station(statuses={0: ("Available", NOW - 6 * MINUTE)}),
            None,
        ),
        ("a fault is no end", transaction(), station(statuses={1: ("Faulted", NOW - 6 * MINUTE)}), None),
        (
            "forgotten by a boot",
            transaction(heard=-50 * MINUTE),
            station(booted_at=NOW - 40 * MINUTE),
            "rebooted",
        ),
        ("a boot just now", transaction(), station(booted_at=NOW - 5 * MINUTE), None),
        (
            "continued after the boot",
            transaction(heard=-30 * MINUTE),
            station(booted_at=NOW - 40 * MINUTE),
            None,
        ),
        (
            "the connector says that it charges on",
            transaction(heard=-50 * MINUTE),
            station(booted_at=NOW - 40 * MINUTE, statuses={1: ("Charging", NOW - 39 * MINUTE)}),
            None,
        ),
        (
            "it said so before the boot only",
            transaction(heard=-50 * MINUTE),
            station(booted_at=NOW - 40 * MINUTE, statuses={1: ("Charging", NOW - 60 * MINUTE)}),
            "rebooted",
        ),
        (
            "booted and went away again: nobody could tell",
            transaction(heard=-50 * MINUTE),
            station(booted_at=NOW - 40 * MINUTE, online=False, seen_at=NOW - 39 * MINUTE),
            None,
        ),
        (
            "a weekend without network",
            transaction(started_at=NOW - 3 * DAY, heard=-3 * DAY),
            station(online=False, seen_at=NOW - 60 * HOUR),
            None,
        ),
        (
            "five days without network",
            transaction(started_at=NOW - 6 * DAY, heard=-5 * DAY),
            station(online=False, seen_at=NOW - 5 * DAY),
            "silent",
        ),
        (
            "offline for days, but it has just replayed",
            transaction(started_at=NOW - 6 * DAY, told_at=NOW - 5 * DAY),
            station(online=False, seen_at=NOW - 5 * DAY),
            None,
        ),
        (
            "a car at the airport",
            transaction(started_at=NOW - 20 * DAY, energy_at=NOW - 19 * DAY),
            station(),
            None,
        ),
        (
            "a month old and idle",
            transaction(started_at=NOW - 31 * DAY, energy_at=NOW - 3 * DAY),
            station(),
            "eternal",
        ),
        ("a month old and charging", transaction(started_at=NOW - 31 * DAY), station(), None),
        (
            "the station denies it",
            transaction(ongoing=False, answered_at=NOW - MINUTE),
            station(),
            "denied",
        ),
        (
            "it denied, then told of it",
            transaction(heard=-MINUTE, ongoing=False, answered_at=NOW - 2 * MINUTE),
            station(),
            None,
        ),
        (
            "the station insists",
            transaction(heard=-50 * MINUTE, ongoing=True, answered_at=NOW - MINUTE),
            station(booted_at=NOW - 40 * MINUTE, statuses={1: ("Available", NOW - 39 * MINUTE)}),
            None,
        ),
        (
            "it insists for a month",
            transaction(
                started_at=NOW - 31 * DAY, energy_at=NOW - 3 * DAY, ongoing=True, answered_at=NOW - MINUTE
            ),
            station(),
            "eternal",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_rules(name: str, row: OpenTransaction, signs: StationSigns, rule: str | None) -> None:
    found = verdict(row, signs)
    assert rule_of(found) == rule
    assert found.ask == ()
    for closing in found.close:
        assert closing.reason == REASONS[closing.rule]
        assert closing.reason in SUPPOSED
        assert closing.why
        assert closing.at == row.told_at  # the last word of it: nobody saw energy after that


def test_an_evse_has_one_transaction_the_newest() -> None:
    old = transaction(transaction_id="old", started_at=NOW - 3 * HOUR)
    new = transaction(transaction_id="new", started_at=NOW - HOUR)
    beside = transaction(transaction_id="beside", evse_id=2, started_at=NOW - 4 * HOUR)
    nowhere = transaction(transaction_id="nowhere", evse_id=0, started_at=NOW - 4 * HOUR)
    found = verdict(old, station(), new, beside, nowhere)
    [closing] = found.close
    assert (closing.transaction_id, closing.rule, closing.at) == ("old", "another", NOW - HOUR)


def test_a_station_that_can_be_asked_is_asked_first() -> None:
    signs = station(statuses={1: ("Available", NOW - 6 * MINUTE)}, can_be_asked=True)
    assert verdict(transaction(), signs) == Verdict((), ("t1",))
    # It did not know: the sign decides.
    unanswered = transaction(ongoing=None, answered_at=NOW - MINUTE)
    assert rule_of(verdict(unanswered, signs)) == "unplugged"


def test_what_is_closed_now_is_undone_by_the_same_reason() -> None:
    assert lifecycle.SUPERSEDED in SUPPOSED


def test_an_unknown_station_s_transactions_are_left_alone_for_a_month() -> None:
    assert judge([transaction(heard=-9 * DAY)], {}, NOW) == Verdict()
    assert rule_of(judge([transaction(started_at=NOW - 40 * DAY, heard=-9 * DAY)], {}, NOW)) == "eternal"


times = st.floats(-60 * DAY, 0).map(lambda ago: NOW + ago)


@given(
    started=times,
    heard=times,
    told=times,
    energy=times,
    seen=times,
    booted=st.none() | times,
    status=st.tuples(st.sampled_from(["Available", "Charging", "Occupied", "Unavailable", "Faulted"]), times),
    online=st.booleans(),
    ask=st.booleans(),
    answer=st.none() | st.booleans(),
    answered=st.none() | times,
    later=st.floats(0, 60 * DAY),
)
def test_an_end_lies_within_the_transaction_and_what_is_over_stays_over(
    started: float,
    heard: float,
    told: float,
    energy: float,
    seen: float,
    booted: float | None,
    status: tuple[str, float],
    online: bool,
    ask: bool,
    answer: bool | None,
    answered: float | None,
    later: float,
) -> None:
    row = OpenTransaction(
        transaction_id="t",
        station_id="CP1",
        evse_id=1,
        started_at=started,
        told_at=told,
        heard_at=heard,
        energy_at=energy,
        ongoing=answer,
        answered_at=answered,
    )
    signs = StationSigns(
        station_id="CP1",
        online=online,
        seen_at=seen,
        booted_at=booted,
        statuses={1: status},
        can_be_asked=ask,
    )
    found = judge([row], {"CP1": signs}, NOW)
    assert len(found.close) + len(found.ask) <= 1
    for closing in found.close:
        assert row.started_at <= closing.at <= NOW
        after = judge([row], {"CP1": signs}, NOW + later)
        assert after.close or after.ask  # patience that is over does not come back without a new sign
