"""The pure parts of the device model: pages, parts of reports, boot policies, expected configuration."""

from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ampacity.csms import boot_policy
from ampacity.csms.boot_policy import Awaited
from ampacity.csms.chunks import Parts
from ampacity.csms.expectation import Actual, Refusal, drift, expected, same
from ampacity.csms.paging import FRAME_BYTES, PageLimits, merged, pages
from ampacity.csms.vocabulary import Outcome, VariableRef
from ampacity.model.station import StationInfo
from ampacity.store.configurations import Template, WantedValue

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


# ---------------------------------------------------------------- pages


@given(
    things=st.lists(st.tuples(st.integers(0, 9), st.integers(1, 60)), max_size=60),
    items=st.none() | st.integers(0, 7),
    room=st.none() | st.integers(100, 400),
)
def test_pages_keep_order_and_limits(
    things: list[tuple[int, int]], items: int | None, room: int | None
) -> None:
    made = pages(things, PageLimits(items, room), lambda thing: thing[1], lambda thing: thing[0])
    assert [thing for page in made for thing in page] == things
    for page in made:
        assert page
        assert len({name for name, _ in page}) == len(page)  # nothing twice in a message
        assert items is None or len(page) <= max(items, 1)
        used = sum(size + 1 for _, size in page) + FRAME_BYTES
        assert room is None or used <= room or len(page) == 1
    for page, following in itertools.pairwise(made):  # no page is shorter than it must be
        fits = (
            (items is None or len(page) < items)
            and (room is None or sum(size + 1 for _, size in (*page, following[0])) + FRAME_BYTES <= room)
            and following[0][0] not in {name for name, _ in page}
        )
        assert not fits


def test_outcomes_of_pages_are_one() -> None:
    good = Outcome(result="accepted", status="Accepted", data=[1])
    bad = Outcome(result="rejected", status="Rejected", data=[2])
    lost = Outcome(result="timeout", detail="no answer")
    assert merged([good]) is good
    assert merged([good, good]).data == [1, 1]
    both = merged([good, bad, lost])
    assert (both.result, both.status, both.data) == ("rejected", "Partial", [1, 2])
    assert (merged([lost, lost]).result, merged([lost, lost]).status) == ("timeout", "")


# ---------------------------------------------------------------- parts


@given(count=st.integers(1, 30), seed=st.integers(0, 1_000))
def test_a_report_is_complete_when_all_its_parts_are_there_in_any_order(count: int, seed: int) -> None:
    order = [*range(count), *range(0, count, 3)]  # some are repeated
    Random(seed).shuffle(order)
    parts, came = Parts(), set()
    for number in order:
        assert parts.take(number, number < count - 1) == (number not in came)
        came.add(number)
        assert parts.complete == (len(came) == count)
        if not parts.complete:
            assert set(parts.missing) & came == set()
            assert parts.missing


def test_what_is_missing_is_named() -> None:
    parts = Parts()
    assert parts.missing == (0,)
    parts.take(0, True)
    parts.take(3, True)
    assert parts.missing == (1, 2, 4)
    parts.take(4, False)
    assert parts.missing == (1, 2)


# ---------------------------------------------------------------- boots


@pytest.mark.parametrize(
    ("policy", "provisioned", "answer"),
    [
        ("accept", False, "Accepted"),
        ("accept", True, "Accepted"),
        ("pending", False, "Pending"),
        ("pending", True, "Accepted"),
        ("reject", True, "Rejected"),
    ],
)
def test_boots_are_answered_by_policy(policy: Any, provisioned: bool, answer: str) -> None:
    assert boot_policy.verdict(policy, provisioned=provisioned) == answer


def test_who_is_not_accepted_says_what_it_was_asked_for_and_for_a_time_only() -> None:
    asked = Awaited()
    asked.ask("NotifyReport", 1_000.0)

    def may(action: str, registration: Any, policy: Any = "pending", now: float = 1_000.0) -> bool:
        return boot_policy.may_say(action, registration, policy, asked, now)

    assert may("BootNotification", "Rejected")
    assert may("NotifyReport", "Pending")
    assert not may("NotifyReport", "Pending", now=1_121.0)
    assert not may("NotifyReport", "Rejected")
    assert not may("Heartbeat", "Pending")
    assert may("Heartbeat", "Accepted")
    # Who never booted here: taken at its word where everybody is.
    assert may("Heartbeat", None, "accept")
    assert not may("Heartbeat", None, "pending")
    asked.clear()
    assert not may("NotifyReport", "Pending")


def test_retries_are_spread() -> None:
    random = Random(7)
    intervals = [boot_policy.retry_interval_s(60, 0.2, random) for _ in range(500)]
    assert 48 <= min(intervals) < 52 < 68 < max(intervals) <= 72
    assert boot_policy.retry_interval_s(1, 0.9, random) >= 1  # 0 would let the station choose


# ---------------------------------------------------------------- expected configuration


@pytest.mark.parametrize(
    ("actual", "wanted", "data_type", "equal"),
    [
        ("true", "True", "boolean", True),
        ("TRUE", "true", None, True),
        ("10.0", "10", "decimal", True),
        ("10", "10.0", None, True),
        ("10", "11", "integer", False),
        ("b, a", "a,b", "MemberList", True),
        ("b, a", "a,b", "SequenceList", False),
        ("a, b", "a,b", "SequenceList", True),
        ("a, b", "a,b", None, True),
        ("Tru", "tru", "string", False),
        ("010", "10", "string", False),
        ("", "x", None, False),
    ],
)
def test_values_are_compared_as_what_they_are(
    actual: str, wanted: str, data_type: str | None, equal: bool
) -> None:
    assert same(actual, wanted, data_type) == equal


def template(name: str, value: str, **to: Any) -> Template:
    values = (WantedValue(component="OCPPCommCtrlr", variable="OfflineThreshold", value=value),)
    return Template(operator_id="o", name=name, values=values, changed_at=NOON, changed_by="user:ada", **to)


REF = VariableRef(component="OCPPCommCtrlr", variable="OfflineThreshold")
INFO = StationInfo(vendor="Amp Works", model="Duo", firmware="1.0")


def test_the_more_particular_template_wins() -> None:
    every = template("every", "1")
    of_vendor = template("a vendor", "2", vendor="amp works")
    of_model = template("a model", "3", vendor="Amp Works", model="DUO")
    of_station = template("a station", "4", stations=("CP1",))
    stranger = template("stranger", "9", vendor="Other")
    others = template("others", "8", stations=("CP2",))
    everything = [of_station, every, stranger, of_model, others, of_vendor]
    for templates, value in (
        (everything, "4"),
        ([every, of_vendor, of_model, others], "3"),
        ([of_vendor, every], "2"),
        ([every, stranger], "1"),
        ([every, template("later", "5")], "5"),
    ):
        assert expected(templates, "CP1", INFO)[REF].value == value
    assert expected([stranger, others], "CP1", INFO) == {}


def test_drift_tells_how_each_value_stands() -> None:
    wanted = expected([template("t", "60")], "CP1", INFO)

    def state(actual: Actual | None, *refusals: Refusal, firmware: str = "1.0") -> str:
        [found] = drift(wanted, {} if actual is None else {REF: actual}, refusals, firmware)
        assert json.dumps(found.wanted) == '"60"'
        return found.state

    refused = Refusal(ref=REF, value="60", status="Rejected", firmware="1.0")
    assert state(None) == "unknown"
    assert state(Actual(None)) == "unknown"
    assert state(Actual(None, write_only=True)) == "write_only"
    assert state(Actual("60")) == "same"
    assert state(Actual("60", reboot_required=True)) == "reboot_required"
    assert state(Actual("50")) == "differs"
    assert state(Actual("50"), refused) == "refused"
    assert state(Actual("60"), refused) == "same"
    assert state(Actual("50"), refused, firmware="1.1") == "differs"  # other firmware: ask again
