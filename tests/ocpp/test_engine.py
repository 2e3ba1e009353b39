"""The engine's transitions one by one; test_network.py has them all at once."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import msgspec
import pytest

from ampacity.ocpp.engine import (
    CallLost,
    CallReceived,
    CallTimedOut,
    Engine,
    EngineClosed,
    ErrorReceived,
    History,
    ProtocolViolation,
    QueueFull,
    ResultErrorReceived,
    ResultReceived,
    SendReceived,
    UnknownCall,
)
from ampacity.ocpp.errors import PayloadError
from ampacity.ocpp.messages import v16, v21, v201
from ampacity.ocpp.version import Role, Version
from tests.ocpp.schemas import speaks

HEARTBEAT = v16.HeartbeatRequest()
ALIVE = v16.HeartbeatResponse(currentTime=datetime(2025, 1, 1, tzinfo=UTC))
START = (
    '[2,"7","StartTransaction",'
    '{"connectorId":1,"idTag":"x","meterStart":5,"timestamp":"2025-01-01T00:00:00Z"}]'
)
STARTED = v16.StartTransactionResponse(transactionId=9, idTagInfo=v16.IdTagInfo(status="Accepted"))


def engine(version: Version = Version.V16, role: Role = Role.CSMS, history: History | None = None) -> Engine:
    ids = iter(range(1, 1_000))
    return Engine(
        speaks(version, role), new_id=lambda: str(next(ids)), history=history, max_queue=3, max_open=2
    )


def reset(kind: str = "Soft") -> v16.ResetRequest:
    return v16.ResetRequest(type="Hard" if kind == "Hard" else "Soft")


def actions(frames: list[str]) -> list[tuple[object, ...]]:
    return [tuple(json.loads(frame)[:3]) for frame in frames]


# Our calls


def test_one_call_is_in_flight_and_cuts_go_first() -> None:
    csms = engine()
    for name in ("a", "b"):
        csms.call("Reset", reset(), 0.0, message_id=name)
    csms.call("Reset", reset("Hard"), 0.0, message_id="cut 1", front=True)
    csms.call("Reset", reset("Hard"), 0.0, message_id="cut 2", front=True)
    sent = []
    for now in range(4):
        frames = csms.frames_to_send()
        assert len(frames) == 1
        message_id = json.loads(frames[0])[1]
        assert csms.in_flight == message_id
        sent.append(message_id)
        assert csms.receive(f'[3,"{message_id}",{{"status":"Accepted"}}]', float(now)) == [
            ResultReceived(message_id, "Reset", v16.ResetResponse(status="Accepted"), float(now > 0))
        ]
    assert sent == ["a", "cut 1", "cut 2", "b"]
    assert csms.frames_to_send() == []
    assert csms.next_timeout() is None


def test_a_time_out_runs_from_sending_not_from_queueing() -> None:
    csms = engine()
    csms.call("Reset", reset(), 0.0, 10.0, message_id="a")
    csms.call("Reset", reset(), 0.0, 10.0, message_id="b")
    assert csms.next_timeout() == 10.0
    assert csms.handle_timeout(9.9) == []
    assert csms.handle_timeout(12.0) == [CallTimedOut("a", "Reset", reset())]
    assert csms.next_timeout() == 22.0
    late = csms.receive('[3,"a",{"status":"Accepted"}]', 13.0)
    assert [type(event) for event in late] == [ProtocolViolation]
    assert csms.in_flight == "b"


def test_an_error_arrives_in_our_spelling() -> None:
    csms = engine()
    csms.call("Reset", reset(), 0.0, message_id="a")
    assert csms.receive('[4,"a","OccurenceConstraintViolation",null,{"k":1}]', 1.0) == [
        ErrorReceived("a", "Reset", "OccurrenceConstraintViolation", "", {"k": 1})
    ]


@pytest.mark.parametrize("version", list(Version))
def test_a_bad_result_ends_the_call_and_only_2_1_tells_the_peer(version: Version) -> None:
    module = {Version.V16: v16, Version.V201: v201, Version.V21: v21}[version]
    csms = engine(version)
    csms.call("ClearCache", module.ClearCacheRequest(), 0.0, message_id="a")
    csms.frames_to_send()
    events = csms.receive('[3,"a",{"status":"Perhaps"}]', 1.0)
    assert [(type(event), event.code, event.invalid_result) for event in events] == [
        (ErrorReceived, "PropertyConstraintViolation", True)
    ]
    expected = [(5, "a", "PropertyConstraintViolation")] if version is Version.V21 else []
    assert actions(csms.frames_to_send()) == expected


def test_closing_loses_what_was_sent_and_returns_what_was_not() -> None:
    csms = engine()
    for name in ("a", "b"):
        csms.call("Reset", reset(), 0.0, message_id=name)
    assert csms.close(1.0) == [CallLost("a", "Reset", reset(), True), CallLost("b", "Reset", reset(), False)]
    assert csms.close(1.0) == []
    assert csms.frames_to_send() == []
    assert csms.receive(START, 2.0) == []
    assert csms.next_timeout() is None
    with pytest.raises(EngineClosed):
        csms.call("Reset", reset(), 3.0)


def test_a_call_is_checked_before_it_is_queued() -> None:
    csms = engine()
    csms.call("Reset", reset(), 0.0, message_id="a")
    with pytest.raises(ValueError, match="in use"):
        csms.call("Reset", reset(), 0.0, message_id="a")
    with pytest.raises(ValueError, match="37 characters"):
        csms.call("Reset", reset(), 0.0, message_id="x" * 37)
    with pytest.raises(PayloadError):
        csms.call("ChangeConfiguration", v16.ChangeConfigurationRequest(key="k" * 51, value=""), 0.0)
    for _ in range(3):
        csms.call("Reset", reset(), 0.0)
    with pytest.raises(QueueFull, match="3 calls wait"):
        csms.call("Reset", reset(), 0.0)


def test_a_waiting_call_can_be_withdrawn() -> None:
    csms = engine()
    for name in ("a", "b"):
        csms.call("Reset", reset(), 0.0, message_id=name)
    assert csms.withdraw("b")
    assert not csms.withdraw("a")
    assert csms.close(0.0) == [CallLost("a", "Reset", reset(), True)]


def test_calls_may_cross() -> None:
    csms, station = engine(), engine(role=Role.STATION)
    csms.call("Reset", reset(), 0.0, message_id="down")
    station.call("Heartbeat", HEARTBEAT, 0.0, message_id="up")
    [down], [up] = csms.frames_to_send(), station.frames_to_send()
    assert csms.receive(up, 0.0) == [CallReceived("up", "Heartbeat", HEARTBEAT, b"{}")]
    assert station.receive(down, 0.0) == [CallReceived("down", "Reset", reset(), b'{"type":"Soft"}')]
    csms.answer("up", ALIVE)
    station.answer("down", v16.ResetResponse(status="Rejected"))
    assert isinstance(station.receive(csms.frames_to_send()[0], 1.0)[0], ResultReceived)
    assert isinstance(csms.receive(station.frames_to_send()[0], 1.0)[0], ResultReceived)


def test_send_passes_the_call_in_flight_and_is_never_answered() -> None:
    csms, station = engine(Version.V21), engine(Version.V21, Role.STATION)
    station.call("Heartbeat", v21.HeartbeatRequest(), 0.0)
    station.frames_to_send()
    stream = v21.NotifyPeriodicEventStream(
        id=1,
        pending=0,
        basetime=datetime(2025, 1, 1, tzinfo=UTC),
        data=[v21.StreamDataElementType(t=0.0, v="230.4")],
    )
    station.send("NotifyPeriodicEventStream", stream, message_id="s")
    [frame] = station.frames_to_send()
    assert frame.startswith('[6,"s","NotifyPeriodicEventStream"')
    raw = msgspec.json.encode(stream)
    assert csms.receive(frame, 0.0) == [SendReceived("s", "NotifyPeriodicEventStream", stream, raw)]
    assert csms.frames_to_send() == []
    assert isinstance(csms.receive('[6,"s","NotifyPeriodicEventStream",{}]', 0.0)[0], ProtocolViolation)
    assert csms.frames_to_send() == []


# Calls of the peer


def test_a_repeated_call_is_done_once_and_answered_alike() -> None:
    csms = engine()
    assert len(csms.receive(START, 0.0)) == 1
    assert csms.receive(START, 1.0) == []
    assert csms.frames_to_send() == []
    csms.answer("7", STARTED)
    [first] = csms.frames_to_send()
    assert csms.receive(START, 2.0) == []
    assert csms.frames_to_send() == [first]
    with pytest.raises(UnknownCall):
        csms.answer("7", STARTED)


def test_a_reused_id_with_another_text_is_another_call() -> None:
    csms = engine()
    csms.receive('[2,"7","Heartbeat",{}]', 0.0)
    csms.answer("7", ALIVE)
    assert [event.action for event in csms.receive(START, 0.0)] == ["StartTransaction"]


def test_a_refused_call_may_be_tried_again() -> None:
    csms = engine()
    csms.receive(START, 0.0)
    csms.refuse("7", "InternalError", "the disk is full")
    assert json.loads(csms.frames_to_send()[0]) == [4, "7", "InternalError", "the disk is full", {}]
    assert len(csms.receive(START, 1.0)) == 1
    csms.abandon("7")
    assert csms.frames_to_send() == []
    assert len(csms.receive(START, 1.0)) == 1


def test_the_memory_goes_over_to_the_next_connection() -> None:
    history = History()
    old = engine(history=history)
    old.receive(START, 0.0)
    old.close(0.0)
    new = engine(history=history)
    assert new.receive(START, 1.0) == []
    assert new.frames_to_send() == []
    old.answer("7", STARTED)
    assert old.frames_to_send() == []
    [late] = new.frames_to_send()
    assert json.loads(late)[2]["transactionId"] == 9
    assert new.receive(START, 2.0) == []
    assert new.frames_to_send() == [late]


def test_a_rebooted_station_that_counts_from_1_again_is_heard() -> None:
    boot = '[2,"1","BootNotification",{"chargePointVendor":"v","chargePointModel":"m"}]'
    history = History()
    for _ in range(2):
        csms = engine(history=history)
        assert [event.action for event in csms.receive(boot, 0.0)] == ["BootNotification"]
        csms.answer(
            "1",
            v16.BootNotificationResponse(status="Accepted", currentTime=ALIVE.currentTime, interval=300),
        )
        csms.close(0.0)


def test_the_memory_is_bounded() -> None:
    history = History(size=2)
    csms = engine(history=history)
    for number in range(3):
        csms.receive(f'[2,"{number}","Heartbeat",{{}}]', 0.0)
        csms.answer(str(number), ALIVE)
    csms.frames_to_send()
    assert csms.receive('[2,"2","Heartbeat",{}]', 0.0) == []
    assert len(csms.receive('[2,"0","Heartbeat",{}]', 0.0)) == 1


def test_a_bad_answer_of_ours_leaves_the_call_open() -> None:
    csms = engine()
    csms.receive(START, 0.0)
    with pytest.raises(TypeError):
        csms.answer("7", ALIVE)
    csms.answer("7", STARTED)
    assert len(csms.frames_to_send()) == 1


def test_a_flood_is_refused() -> None:
    csms = engine()
    for number in range(2):
        csms.receive(f'[2,"{number}","Heartbeat",{{}}]', 0.0)
    [event] = csms.receive('[2,"2","Heartbeat",{}]', 0.0)
    assert isinstance(event, ProtocolViolation)
    assert event.kind == "flood"
    assert actions(csms.frames_to_send()) == [(4, "2", "GenericError")]


# What can't be read


@pytest.mark.parametrize(
    ("version", "text", "answer"),
    [
        (Version.V16, "garbage", (4, "-1", "FormationViolation")),
        (Version.V201, "garbage", (4, "-1", "RpcFrameworkError")),
        (Version.V21, '[2,"a","Heartbeat",{"x":}]', (4, "a", "FormatViolation")),
        (Version.V16, '[2,"a","Sing",{}]', (4, "a", "NotImplemented")),
        (Version.V201, '[2,"a","Reset",{"type":"Immediate"}]', (4, "a", "NotSupported")),
        (Version.V16, '[2,"a","Authorize",{}]', (4, "a", "ProtocolError")),
        (Version.V201, '[2,"a","Authorize",{}]', (4, "a", "OccurrenceConstraintViolation")),
        (Version.V201, '[6,"a","NotifyPeriodicEventStream",{}]', (4, "a", "MessageTypeNotSupported")),
        (Version.V16, '[6,"a","NotifyPeriodicEventStream",{}]', None),
        (Version.V21, '[7,"a",{}]', None),
        (Version.V16, '[3,"a"]', None),
        (Version.V16, '[3,"a",{}]', None),
        (Version.V16, '[4,"-1","FormationViolation","",{}]', None),
    ],
)
def test_what_is_wrong_is_answered_as_the_standard_says(
    version: Version, text: str, answer: tuple[object, ...] | None
) -> None:
    csms = engine(version)
    [event] = csms.receive(text, 0.0)
    assert isinstance(event, ProtocolViolation)
    assert event.raw == text
    assert actions(csms.frames_to_send()) == ([answer] if answer else [])


def test_the_peer_can_say_that_our_answer_was_bad() -> None:
    csms = engine(Version.V21)
    csms.receive('[2,"a","Heartbeat",{}]', 0.0)
    csms.answer("a", v21.HeartbeatResponse(currentTime=ALIVE.currentTime))
    assert csms.receive('[5,"a","FormatViolation","no",{}]', 0.0) == [
        ResultErrorReceived("a", "Heartbeat", "FormatViolation", "no", {})
    ]
