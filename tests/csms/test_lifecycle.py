"""The life of a transaction: pure, in every order of messages."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ampacity.csms import lifecycle
from ampacity.csms.closing import SUPPOSED as SUPPOSED_REASONS
from ampacity.csms.vocabulary import TransactionMessage
from ampacity.model.station import IdToken, MeterReading, Sample
from ampacity.store.transactions import TransactionRow

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def message(phase: Any, minute: float, register_wh: float | None = None, **more: Any) -> TransactionMessage:
    at = NOON + timedelta(minutes=minute)
    return TransactionMessage(
        phase=phase,
        station_transaction_id="t",
        evse_id=more.pop("evse_id", None),
        connector_id=None,
        token=more.pop("token", None),
        at=at,
        retry_key=f"{phase}{minute}",
        register_wh=register_wh,
        **more,
    )


def lived(*messages: TransactionMessage) -> TransactionRow:
    """The row after these messages, in this order."""
    row = lifecycle.begin(
        messages[0], operator_id="o", station_id="s", transaction_id="id", station_transaction_id="t"
    )
    for told in messages:
        row = lifecycle.follow(row, told, 230.0)
    return row


START = message("Started", 0, 1_000.0, token=IdToken("CAFE"), evse_id=1, seq_no=0)


@given(
    steps=st.lists(st.floats(0, 5_000), min_size=0, max_size=5),
    last=st.floats(0, 5_000),
    order=st.randoms(use_true_random=False),
)
def test_the_order_of_messages_does_not_matter(steps: list[float], last: float, order: Any) -> None:
    register, messages = 1_000.0, [START]
    for number, step in enumerate(steps, 1):
        register += step
        messages.append(message("Updated", number, register, seq_no=number))
    register += last
    messages.append(message("Ended", 60, register, seq_no=len(steps) + 1, stop_reason="EVDisconnected"))
    expected = lived(*messages)
    assert expected.energy_wh == pytest.approx(register - 1_000.0)
    order.shuffle(messages)
    shuffled = lived(*messages)
    for field in (
        "state", "energy_wh", "register_start_wh", "register_last_wh", "started_at", "ended_at", "token",
        "stop_reason", "power_w", "charging_state", "evse_id", "seq_first", "seq_last", "seq_count",
        "has_gap",
    ):  # fmt: skip
        assert getattr(shuffled, field) == getattr(expected, field), field


SUPPOSED = sorted(SUPPOSED_REASONS)


@pytest.mark.parametrize("reason", SUPPOSED)
def test_the_station_s_own_end_replaces_a_supposed_one(reason: str) -> None:
    row = lifecycle.supersede(
        lived(START, message("Updated", 10, 2_000.0)), NOON + timedelta(hours=1), reason
    )
    assert lifecycle.supposed(row)
    for fresh in (True, False):
        ended = lifecycle.follow(
            row, message("Ended", 50, 3_500.0, stop_reason="EVDisconnected"), 230.0, fresh=fresh
        )
        assert (ended.stop_reason, ended.energy_wh) == ("EVDisconnected", 2_500.0)
        assert ended.ended_at == NOON + timedelta(minutes=50)
        assert not lifecycle.supposed(ended)


@pytest.mark.parametrize("reason", SUPPOSED)
def test_a_value_after_a_supposed_end_counts_and_if_it_is_of_now_the_transaction_goes_on(reason: str) -> None:
    row = lifecycle.supersede(
        lived(START, message("Updated", 10, 2_000.0)), NOON + timedelta(hours=1), reason
    )
    value = message("Updated", 90, 3_000.0, charging_state="Charging", readings=(power(90, 7_000.0),))
    late = lifecycle.follow(row, value, 230.0, fresh=False)
    assert (late.state, late.energy_wh, late.power_w, late.charging_state) == ("ended", 2_000.0, 0.0, None)
    heard = lifecycle.follow(row, value, 230.0)
    goes_on = reason != lifecycle.SUPERSEDED
    assert (heard.state, heard.energy_wh) == ("open" if goes_on else "ended", 2_000.0)
    assert (heard.ended_at is None, heard.power_w) == (goes_on, 7_000.0 if goes_on else 0.0)
    # One from before our end is no sign that it went on.
    before = lifecycle.follow(row, message("Updated", 30, 2_500.0), 230.0)
    assert (before.state, before.energy_wh) == ("ended", 1_500.0)


def test_a_register_that_jumps_below_its_start_is_passed_over() -> None:
    row = lived(START, message("Updated", 1, 2_000.0), message("Updated", 2, 0.0), message("Ended", 3, 0.0))
    assert (row.energy_wh, row.register_last_wh, row.state) == (1_000.0, 2_000.0, "ended")
    row = lived(
        START, message("Updated", 1, 0.0), message("Updated", 2, 2_200.0), message("Ended", 3, 2_300.0)
    )
    assert row.energy_wh == 1_300.0


@given(
    st.lists(st.tuples(st.sampled_from(["Started", "Updated", "Ended"]), st.floats(-1e4, 1e6)), min_size=1)
)
def test_energy_is_never_negative_and_an_end_stays(told: list[tuple[Any, float]]) -> None:
    messages = [message(phase, minute, register) for minute, (phase, register) in enumerate(told)]
    row = lived(*messages)
    assert row.energy_wh >= 0
    assert (row.state == "ended") == any(phase == "Ended" for phase, _ in told)
    assert (row.ended_at is not None) == (row.state == "ended")


def test_a_late_value_does_not_turn_the_present_back() -> None:
    row = lived(
        START,
        message("Updated", 10, 3_000.0, charging_state="SuspendedEV", readings=(power(10, 0.0),)),
        message("Updated", 5, 2_000.0, charging_state="Charging", readings=(power(5, 7_000.0),)),
    )
    assert (row.energy_wh, row.charging_state, row.power_w) == (2_000.0, "SuspendedEV", 0.0)


def power(minute: float, watts: float) -> MeterReading:
    return MeterReading.of(NOON + timedelta(minutes=minute), (Sample("Power.Active.Import", watts, "W"),))


def test_without_a_start_the_first_register_counts() -> None:
    row = lived(message("Updated", 5, 2_000.0, evse_id=1), message("Ended", 9, 2_500.0))
    assert (row.register_start_wh, row.energy_wh, row.started_at) == (
        2_000.0,
        500.0,
        NOON + timedelta(minutes=5),
    )


def test_a_token_told_later_is_taken_and_one_that_stops_is_not() -> None:
    plugged = message("Started", 0, 0.0, evse_id=1)
    authorized = message("Updated", 1, None, token=IdToken("CAFE"))
    stopped = message("Ended", 2, 10.0, token=IdToken("GROUP"))
    assert lived(plugged, authorized, stopped).token == IdToken("CAFE")
    assert lived(plugged, stopped).token is None


def test_a_suspended_car_draws_nothing_even_without_a_value() -> None:
    row = lived(START, message("Updated", 1, 1_100.0, readings=(power(1, 7_000.0),)))
    assert row.power_w == 7_000.0
    row = lifecycle.follow(row, message("Updated", 2, None, charging_state="SuspendedEVSE"), 230.0)
    assert (row.power_w, row.charging_state) == (0.0, "SuspendedEVSE")


def test_our_own_end_yields_to_the_stations() -> None:
    row = lifecycle.supersede(lived(START, message("Updated", 5, 1_500.0)), NOON + timedelta(minutes=20))
    assert (row.state, row.stop_reason, row.energy_wh) == ("ended", lifecycle.SUPERSEDED, 500.0)
    row = lifecycle.follow(row, message("Ended", 10, 1_900.0, stop_reason="Remote"), 230.0)
    assert (row.stop_reason, row.energy_wh, row.ended_at) == ("Remote", 900.0, NOON + timedelta(minutes=10))
    again = lifecycle.follow(row, message("Ended", 30, 9_900.0, stop_reason="Other"), 230.0)
    assert (again.stop_reason, again.energy_wh) == ("Remote", 900.0)


def test_a_start_after_the_end_is_another_transaction() -> None:
    row = lived(START, message("Ended", 10, 1_900.0))
    assert lifecycle.is_another(row, message("Started", 11, 0.0))
    assert not lifecycle.is_another(row, message("Started", 1, 0.0))  # late, not new
    assert not lifecycle.is_another(row, message("Updated", 11, 0.0))
    assert not lifecycle.is_another(lived(START), message("Started", 11, 0.0))
