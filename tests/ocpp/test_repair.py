"""What a lenient codec repairs, what it refuses as the strict one does, and that it never invents."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest

from ampacity.ocpp import tolerances
from ampacity.ocpp.codec import Codec
from ampacity.ocpp.engine import Engine, ErrorReceived, ProtocolViolation, ResultReceived
from ampacity.ocpp.errors import PayloadError
from ampacity.ocpp.messages import v16, v21, v201
from ampacity.ocpp.version import Role, Version, vocabulary
from tests.ocpp import schemas

V16, V201, V21 = Version.V16, Version.V201, Version.V21
CODECS = {version: Codec(version, Role.CSMS, lenient=True) for version in Version}
AT = "2025-01-01T00:00:00Z"
EPOCH = datetime(2025, 1, 1, tzinfo=UTC)


def read(version: Version, action: str, payload: Any) -> tuple[Any, tuple[str, ...]]:
    return CODECS[version].read_call(action, json.dumps(payload).encode())


def result(version: Version, action: str, payload: Any) -> tuple[Any, tuple[str, ...]]:
    return CODECS[version].read_result(action, json.dumps(payload).encode())


def outcome(reader: Any, action: str, raw: bytes) -> Any:
    try:
        return reader(action, raw)
    except PayloadError as error:
        return error


@pytest.mark.parametrize("case", schemas.cases(), ids=str)
def test_a_valid_message_needs_no_repair_and_a_bad_one_is_repaired_or_refused_alike(
    case: schemas.Case,
) -> None:
    """Repaired or not, the verdict on every mutation of every message is one of three: as the strict codec
    reads it, a message of the same type with the repairs told, or the strict codec's own refusal."""
    rng = Random(f"repair {case}")
    codec = CODECS[case.version]
    strict = Codec(case.version, Role.CSMS)
    kind, decode = {
        "call": (codec.read_call, strict.decode_call),
        "result": (codec.read_result, strict.decode_result),
        "send": (codec.read_send, strict.decode_send),
    }[case.part]
    if case.part != "result" and case.action not in vocabulary(case.version).started_by[Role.STATION]:
        with pytest.raises(PayloadError):
            kind(case.action, b"{}")
        return
    for turn in range(4):
        payload = schemas.example(case.schema, case.schema, rng, fullness=(0.0, 0.4, 0.8, 1.0)[turn])
        raw = json.dumps(payload).encode()
        if case.action not in ("MeterValues", "StopTransaction"):  # the examples' ids are beyond 32 bits
            assert kind(case.action, raw) == (decode(case.action, raw), ())
        for _ in range(6):
            _, other = schemas.mutated(case.schema, payload, rng)
            raw = json.dumps(other).encode()
            expected, got = outcome(decode, case.action, raw), outcome(kind, case.action, raw)
            if isinstance(got, PayloadError):
                assert isinstance(expected, PayloadError)
                assert (got.fault, got.path) == (expected.fault, expected.path)
                continue
            message, repairs = got
            if isinstance(expected, PayloadError):
                assert repairs or other is None
                assert len(repairs) <= 21
                assert all(len(repair) < 500 for repair in repairs)
            assert type(message).__name__.startswith(case.action)


SAME = [
    # (what the schema wants, what came, what it is read as)
    (V16, "MeterValues", {"connectorId": 1.0, "meterValue": []}, {"connectorId": 1}),
    (V16, "MeterValues", {"connectorId": "1", "meterValue": []}, {"connectorId": 1}),
    (V16, "Authorize", {"idTag": 4711}, {"idTag": "4711"}),
    (V16, "Heartbeat", None, {}),
    (V16, "Heartbeat", [], {}),
    (V16, "StatusNotification", {"connectorId": 1, "errorCode": "noError", "status": "Suspended_EV"},
     {"errorCode": "NoError", "status": "SuspendedEV"}),
    (V16, "DataTransfer", {"vendorId": "x", "data": {"a": [1]}}, {"data": '{"a":[1]}'}),
    (V16, "StopTransaction", {"transactionId": 1, "meterStop": 1234.6, "timestamp": AT}, {"meterStop": 1235}),
    (V16, "StopTransaction", {"transactionId": 1, "meterStop": "1234,6", "timestamp": AT},
     {"meterStop": 1235}),
    (V16, "StopTransaction", {"transactionId": 1, "meterStop": 1, "timestamp": AT, "reason": "Bored"},
     {"reason": "Other"}),
    (V16, "StopTransaction", {"transactionId": "", "meterStop": 1, "timestamp": AT}, {"transactionId": 0}),
    (V16, "FirmwareStatusNotification", {"status": "installed"}, {"status": "Installed"}),
    (V201, "BootNotification", {"reason": "Bored", "chargingStation": {"model": "m", "vendorName": "v"}},
     {"reason": "Unknown"}),
    (V201, "Authorize", {"idToken": {"idToken": "AB", "type": "iso14443"}},
     {"idToken": v201.IdTokenType(idToken="AB", type="ISO14443")}),
    (V201, "Heartbeat", {"customData": {}}, {"customData": None}),
    (V201, "SecurityEventNotification", {"type": "x", "timestamp": AT, "techInfo": "t" * 300},
     {"techInfo": "t" * 255}),
]  # fmt: skip


@pytest.mark.parametrize(("version", "action", "came", "meant"), SAME)
def test_what_is_meant_is_read(version: Version, action: str, came: Any, meant: dict[str, Any]) -> None:
    message, repairs = read(version, action, came)
    assert {name: getattr(message, name) for name in meant} == meant
    if came is not None:  # a null payload is an empty one for the strict codec too
        assert repairs


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2025-01-01T00:00:00,5Z", EPOCH.replace(microsecond=500_000)),
        ("2025-01-01T01:00:00+01", EPOCH),
        ("2025-01-01T00:00Z", EPOCH),
        ("2025-1-1 0:00:00 UTC", EPOCH),
        ("2024-12-31T23:59:60Z", EPOCH),
        ("2024-12-31T24:00:00Z", EPOCH),
        ("2025-01-01T00:00:00", EPOCH.replace(tzinfo=None)),
        ("2025-01-01T00:00:00,25", EPOCH.replace(tzinfo=None, microsecond=250_000)),
        ("2025-01-01T00:00:00.1234567+00:00", EPOCH.replace(microsecond=123_457)),
        (1735689600, EPOCH),
        (1735689600000, EPOCH),
    ],
)
def test_times_are_read_as_meant(text: Any, moment: datetime) -> None:
    start = {"connectorId": 1, "idTag": "x", "meterStart": 0, "timestamp": text}
    assert read(V16, "StartTransaction", start)[0].timestamp == moment


NO_TIMES = ["", "yesterday", "2025-13-01T00:00:00Z", "2025-01-32T00:00:00Z", "0000-00-00T00:00:00Z"]


@pytest.mark.parametrize("text", [*NO_TIMES, "9999-12-31T24:00:00Z", 5, True])
def test_a_time_that_says_nothing_is_not_made_up(text: Any) -> None:
    start = {"connectorId": 1, "idTag": "x", "meterStart": 0, "timestamp": text}
    with pytest.raises(PayloadError, match=r"datetime|str"):
        read(V16, "StartTransaction", start)
    status = {"connectorId": 1, "errorCode": "NoError", "status": "Available", "timestamp": text}
    message, [repair] = read(V16, "StatusNotification", status)
    assert message.timestamp is None
    assert "left out" in repair


def samples(*values: Any) -> dict[str, Any]:
    return {"connectorId": 1, "meterValue": [{"timestamp": AT, "sampledValue": list(values)}]}


GOOD = {"value": "230.1", "measurand": "Voltage", "unit": "V", "phase": "L1-N"}
BAD = [
    {**GOOD, "unit": "MV"},
    {**GOOD, "measurand": "Volts"},
    {**GOOD, "phase": "L4"},
    {**GOOD, "location": "Moon"},
    {**GOOD, "format": "Encrypted"},
    {**GOOD, "value": None},
    {**GOOD, "value": {}},
    {"measurand": "Voltage"},
    "230 V",
    None,
]


@pytest.mark.parametrize("bad", BAD, ids=repr)
def test_a_bad_sampled_value_goes_alone_and_as_a_whole(bad: Any) -> None:
    """Without its unknown measurand it would be an energy register, without its unit watt hours."""
    message, repairs = read(V16, "MeterValues", samples(GOOD, bad, GOOD))
    assert [sample.value for sample in message.meterValue[0].sampledValue] == ["230.1", "230.1"]
    assert len(repairs) == 1
    assert repairs[0].startswith("$.meterValue[0].sampledValue[1]")


def test_a_thousands_mark_is_not_taken_for_a_decimal_one() -> None:
    """1,234 may be either: such a value is left out, and a register that money hangs on refused."""
    values = [{"value": text} for text in ("1,234", "12,5", "0.1234", "1,2345")]
    message, _ = read(V201, "MeterValues", {"evseId": 1, "meterValue": samples(*values)["meterValue"]})
    assert [sample.value for sample in message.meterValue[0].sampledValue] == [12.5, 0.1234, 1.2345]
    with pytest.raises(PayloadError):
        read(V16, "StopTransaction", {"transactionId": 1, "meterStop": "1,234", "timestamp": AT})


@pytest.mark.parametrize("version", [V201, V21])
def test_a_transaction_event_keeps_what_is_good(version: Version) -> None:
    event = {
        "eventType": "ended",
        "timestamp": "2025-01-01T00:00:00,0Z",
        "triggerReason": "EvGone",
        "seqNo": "7",
        "offline": 0,
        "transactionInfo": {"transactionId": "t", "stoppedReason": "Whatever", "chargingState": "Odd"},
        "idToken": {"idToken": "x" * 300, "type": "Local"},
        "meterValue": [{"timestamp": AT, "sampledValue": [{"value": "1,5"}, {"value": "NaN"}, {"value": 2}]}],
        "extra": 1,
    }
    message, repairs = read(version, "TransactionEvent", event)
    assert (message.eventType, message.timestamp, message.seqNo) == ("Ended", EPOCH, 7)
    assert message.triggerReason == "ChargingStateChanged"
    assert message.offline is False
    assert message.transactionInfo.stoppedReason == "Other"
    assert message.transactionInfo.chargingState is None
    assert message.idToken is None
    assert [sample.value for sample in message.meterValue[0].sampledValue] == [1.5, 2.0]
    assert len(repairs) == 11


REFUSED = [
    (V16, "StartTransaction", {"connectorId": 1, "idTag": "x" * 256, "meterStart": 0, "timestamp": AT}),
    (V16, "StartTransaction", {"connectorId": 1, "meterStart": 0, "timestamp": AT}),
    (V16, "StopTransaction", {"transactionId": 1, "timestamp": AT}),
    (V16, "StopTransaction", {"transactionId": 1, "meterStop": None, "timestamp": AT}),
    (V16, "StopTransaction", {"transactionId": 1.5, "meterStop": 0, "timestamp": "?"}),
    (V16, "StatusNotification", {"connectorId": 1, "errorCode": "NoError", "status": "Dancing"}),
    (V16, "MeterValues", {"meterValue": []}),
    (V16, "SignCertificate", {"csr": "x" * 6000}),
    (V201, "TransactionEvent", {"eventType": "Ended", "timestamp": AT, "triggerReason": "Trigger",
                                "seqNo": 1, "transactionInfo": {"transactionId": "t" * 37}}),
    (V201, "TransactionEvent", {"eventType": "Ended", "timestamp": AT, "triggerReason": "Trigger",
                                "transactionInfo": {"transactionId": "t"}}),
    (V201, "NotifyEVChargingNeeds", {"evseId": 1, "chargingNeeds": {"requestedEnergyTransfer": "Magic"}}),
    (V201, "ReportChargingProfiles", {"requestId": 1, "chargingLimitSource": "CSO", "evseId": 1,
                                      "chargingProfile": []}),
    (V16, "Heartbeat", 5),
    (V16, "Sing", {}),
    (V16, "Reset", {"type": "hard"}),
]  # fmt: skip


@pytest.mark.parametrize(("version", "action", "payload"), REFUSED)
def test_what_would_have_to_be_made_up_is_refused(version: Version, action: str, payload: Any) -> None:
    strict = Codec(version, Role.CSMS)
    raw = json.dumps(payload).encode()
    with pytest.raises(PayloadError) as expected:
        strict.decode_call(action, raw)
    with pytest.raises(PayloadError) as refusal:
        CODECS[version].read_call(action, raw)
    assert (refusal.value.code, refusal.value.details) == (expected.value.code, expected.value.details)
    engine = Engine(CODECS[version], new_id=lambda: "1")
    [event] = engine.receive(json.dumps([2, "a", action, payload]), 0.0)
    assert isinstance(event, ProtocolViolation)
    [sent] = engine.frames_to_send()
    assert json.loads(sent)[:2] == [4, "a"]


def test_a_schedule_is_never_guessed_at() -> None:
    """A composite schedule with a bad period is refused whole: half a schedule is another schedule."""
    schedule = {
        "duration": 60,
        "chargingRateUnit": "A",
        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 16.0}, {"startPeriod": 30, "limit": "much"}],
    }
    answer = {"status": "Accepted", "connectorId": 1, "chargingSchedule": schedule}
    with pytest.raises(PayloadError):
        result(V16, "GetCompositeSchedule", answer)
    schedule["chargingSchedulePeriod"][1]["limit"] = "8"  # type: ignore[index]
    message, _ = result(V16, "GetCompositeSchedule", answer)
    assert message.chargingSchedule.chargingSchedulePeriod[1].limit == 8.0


def test_a_station_s_answer_is_repaired_too() -> None:
    engine = Engine(CODECS[V201], new_id=lambda: "a")
    engine.call("ClearCache", v201.ClearCacheRequest(), 0.0)
    [event] = engine.receive('[3,"a",{"status":"accepted","statusInfo":null}]', 1.0)
    assert isinstance(event, ResultReceived)
    assert event.payload == v201.ClearCacheResponse(status="Accepted")
    assert len(event.repairs) == 2
    engine.call("ClearCache", v201.ClearCacheRequest(), 0.0)
    [event] = engine.receive('[3,"a",{"status":"Perhaps"}]', 1.0)
    assert isinstance(event, ErrorReceived)
    assert event.invalid_result


def test_what_was_repaired_is_told_but_not_at_any_length() -> None:
    message, repairs = read(V16, "Heartbeat", {f"x{number}": 1 for number in range(1000)})
    assert message == v16.HeartbeatRequest()
    assert len(repairs) == 21
    assert repairs[-1] == "and 980 repairs more"


def test_custom_data_keeps_its_nulls_and_its_bounds() -> None:
    payload = {"customData": {"vendorId": "x", "y": [None]}, "z": 1}
    assert read(V201, "Heartbeat", payload)[0].customData == {"vendorId": "x", "y": [None]}
    deep: Any = 1
    for _ in range(80):
        deep = [deep]
    assert read(V201, "Heartbeat", {"customData": {"vendorId": "x", "y": deep}})[0].customData is None
    with pytest.raises(PayloadError, match="unknown field"):
        read(V201, "DataTransfer", {"vendorId": "x", "data": deep, "z": 1})


def test_the_same_repeated_after_a_repair_is_still_the_same() -> None:
    engine = Engine(CODECS[V16], new_id=lambda: "1")
    text = '[2,"a","Authorize",{"idTag":5}]'
    assert len(engine.receive(text, 0.0)) == 1
    engine.answer("a", v16.AuthorizeResponse(idTagInfo=v16.IdTagInfo(status="Accepted")))
    [first] = engine.frames_to_send()
    assert engine.receive(text, 1.0) == []
    assert engine.frames_to_send() == [first]


def test_a_mended_frame_repeated_is_answered_again_not_done_again() -> None:
    engine = Engine(CODECS[V16], new_id=lambda: "1")
    text = '[2,"a","Authorize",{"idTag":"x\x00"}]'
    [event] = engine.receive(text, 0.0)
    assert event.raw == b'{"idTag":"x"}'  # type: ignore[union-attr]
    engine.answer("a", v16.AuthorizeResponse(idTagInfo=v16.IdTagInfo(status="Accepted")))
    [first] = engine.frames_to_send()
    assert engine.receive(text, 1.0) == []
    assert engine.frames_to_send() == [first]


@pytest.mark.parametrize("text", ['[2,"a","Heartbeat",{', "[2,", "[", "{}", "garbage", '[3,"a",{"x":}'])
def test_half_a_frame_is_not_mended(text: str) -> None:
    [event] = Engine(CODECS[V16], new_id=lambda: "1").receive(text, 0.0)
    assert isinstance(event, ProtocolViolation)


def test_the_strict_codec_mends_and_repairs_nothing() -> None:
    strict = Codec(V16, Role.CSMS)
    assert strict.mend_frame('[2,"a","Heartbeat",{"x":}]') is None
    with pytest.raises(PayloadError):
        strict.read_call("Authorize", b'{"idTag":5}')


def test_every_rule_names_a_member_that_exists() -> None:
    """A table's key with a slip of the pen would never be met."""
    known = set()
    for module in (v16, v201, v21):
        for name, kind in vars(module).items():
            known |= {f"{name}.{field}" for field in getattr(kind, "__struct_fields__", ())}
    tables = (
        tolerances.MAY_BE_EMPTY,
        tolerances.DECISIVE,
        tolerances.INFORMATIVE,
        tolerances.KEPT_LONG,
        tolerances.WHEN_MISSING,
        tolerances.WHEN_UNKNOWN,
        tolerances.OTHER_WORDS,
        tolerances.WHOLE_WH,
    )
    rules = {name for table in tables for name in table}
    assert rules <= known
    actions = {action for version in Version for action in vocabulary(version).calls}
    assert actions >= tolerances.LOSSY_REQUESTS | tolerances.LOSSY_RESPONSES
    assert {member.rpartition(".")[2] for member in known} >= tolerances.LOSSY_LISTS
