"""Frames and payloads: what is read, what is refused, with which code, and what we never send."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest

from ampacity.ocpp.codec import Call, CallError, CallResult, CallResultError, Codec, Malformed, Send
from ampacity.ocpp.errors import ErrorCode, Fault, PayloadError, read, spell
from ampacity.ocpp.messages import v16, v21, v201
from ampacity.ocpp.version import Role, Version
from tests.ocpp.schemas import speaks

V16, V201, V21 = Version.V16, Version.V201, Version.V21


# Frames


def test_the_five_frames_of_2_1() -> None:
    codec = speaks(V21, Role.CSMS)
    assert isinstance(codec.decode_frame('[2,"a","Heartbeat",{}]'), Call)
    assert isinstance(codec.decode_frame(b'[3,"a",{}]'), CallResult)
    assert codec.decode_frame('[4,"a","GenericError","why",{"x":1}]') == CallError(
        "a", "GenericError", "why", {"x": 1}
    )
    assert codec.decode_frame('[5,"a","GenericError","",{}]') == CallResultError("a", "GenericError", "", {})
    assert isinstance(codec.decode_frame('[6,"a","NotifyPeriodicEventStream",{}]'), Send)


@pytest.mark.parametrize("text", ['[4,"a","GenericError"]', '[4,"a","GenericError",null,null]'])
def test_a_short_error_is_read(text: str) -> None:
    assert speaks(V16, Role.CSMS).decode_frame(text) == CallError("a", "GenericError", None, None)


@pytest.mark.parametrize(
    ("text", "kind", "message_id", "answer"),
    [
        ("", "frame", "-1", True),
        ("hello", "frame", "-1", True),
        ("{}", "frame", "-1", True),
        ("[]", "frame", "-1", True),
        ('["2","a","Heartbeat",{}]', "frame", "-1", True),
        ('[2,17,"Heartbeat",{}]', "frame", "-1", True),
        ('[2,"a","Heartbeat"]', "frame", "a", True),
        ('[2,"a","Heartbeat",{"x":}]', "frame", "a", True),
        ('[2,"a",null,{}]', "frame", "a", True),
        ('[3,"a"]', "frame", "a", False),
        ('[4,"a"]', "frame", "a", False),
        ('[2,"' + "x" * 37 + '","Heartbeat",{}]', "message id", "x" * 37, True),
        ('[3,"' + "x" * 37 + '",{}]', "message id", "x" * 37, False),
        ('[2,"a","X",{"y":' + "[" * 200_000 + "]" * 200_000 + "}]", "frame", "a", True),
        ('[2,"a","X",{"y":"' + "z" * (1 << 20) + '"}]', "size", "a", True),
        (" " * ((1 << 20) + 1), "size", "-1", True),
        ('[4,"a","GenericError","",' + '{"x":' * 99 + "1" + "}" * 99 + "]", "depth", "a", False),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_malformed_frames(text: str, kind: str, message_id: str, answer: bool) -> None:
    for version in Version:
        frame = speaks(version, Role.CSMS).decode_frame(text)
        assert isinstance(frame, Malformed)
        assert (frame.kind, frame.message_id, frame.answer) == (kind, message_id, answer)


@pytest.mark.parametrize(
    ("version", "number", "answered"),
    [(V16, 5, False), (V16, 7, False), (V201, 6, True), (V201, 7, True), (V21, 7, False)],
)
def test_unknown_message_types_are_ignored_except_in_2_0_1(
    version: Version, number: int, answered: bool
) -> None:
    frame = speaks(version, Role.CSMS).decode_frame(f'[{number},"a","GenericError","",{{}}]')
    assert isinstance(frame, Malformed)
    assert (frame.kind, frame.code) == ("message type", ErrorCode.MESSAGE_TYPE_NOT_SUPPORTED)
    assert frame.answer is answered


# Payloads and their codes

BOOT = {"chargePointVendor": "v", "chargePointModel": "m"}
BOOT2 = {"reason": "PowerUp", "chargingStation": {"model": "m", "vendorName": "v"}}
PROFILE = {
    "chargingProfileId": 1,
    "stackLevel": 0,
    "chargingProfilePurpose": "TxProfile",
    "chargingProfileKind": "Absolute",
}
SCHEDULE = {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 8.15}]}
STOP = {"transactionId": 1, "meterStop": 1, "timestamp": "now"}
SAMPLE = {"timestamp": "2025-01-01T00:00:00Z", "sampledValue": []}

REFUSED = [
    (V16, "BootNotification", {**BOOT, "x": 1}, Fault.STRUCTURE, "FormationViolation"),
    (V201, "BootNotification", {**BOOT2, "x": 1}, Fault.STRUCTURE, "ProtocolError"),
    (V16, "BootNotification", [], Fault.STRUCTURE, "FormationViolation"),
    (V21, "BootNotification", [], Fault.STRUCTURE, "ProtocolError"),
    (V16, "BootNotification", {"chargePointModel": "m"}, Fault.MISSING, "ProtocolError"),
    (V201, "BootNotification", {"reason": "PowerUp"}, Fault.MISSING, "OccurrenceConstraintViolation"),
    (V201, "MeterValues", {"evseId": 1, "meterValue": []}, Fault.ITEMS, "OccurrenceConstraintViolation"),
    (V21, "MeterValues", {"evseId": 1, "meterValue": [SAMPLE]}, Fault.ITEMS, "OccurrenceConstraintViolation"),
    (V16, "BootNotification", {**BOOT, "chargePointModel": 5}, Fault.TYPE, "TypeConstraintViolation"),
    (V201, "BootNotification", {**BOOT2, "chargingStation": []}, Fault.TYPE, "TypeConstraintViolation"),
    (V16, "BootNotification", {**BOOT, "iccid": None}, Fault.TYPE, "TypeConstraintViolation"),
    (V201, "Heartbeat", {"customData": None}, Fault.TYPE, "TypeConstraintViolation"),
    (V201, "Heartbeat", {"customData": 5}, Fault.TYPE, "TypeConstraintViolation"),
    (V201, "Heartbeat", {"customData": {}}, Fault.MISSING, "OccurrenceConstraintViolation"),
    (V16, "BootNotification", {**BOOT, "iccid": "1" * 21}, Fault.VALUE, "PropertyConstraintViolation"),
    (V201, "BootNotification", {**BOOT2, "reason": "Bored"}, Fault.VALUE, "PropertyConstraintViolation"),
    (V201, "Heartbeat", {"customData": {"vendorId": "x" * 256}}, Fault.VALUE, "PropertyConstraintViolation"),
    (V16, "StopTransaction", STOP, Fault.TYPE, "TypeConstraintViolation"),
    (V16, "Sing", {}, Fault.UNKNOWN_ACTION, "NotImplemented"),
    (V21, "authorize", {}, Fault.UNKNOWN_ACTION, "NotImplemented"),
    (V16, "Reset", {"type": "Hard"}, Fault.WRONG_DIRECTION, "NotSupported"),
    (V201, "SetVariables", {"setVariableData": []}, Fault.WRONG_DIRECTION, "NotSupported"),
]  # fmt: skip


@pytest.mark.parametrize(("version", "action", "payload", "fault", "code"), REFUSED)
def test_each_fault_has_its_code(
    version: Version, action: str, payload: object, fault: Fault, code: str
) -> None:
    with pytest.raises(PayloadError) as refusal:
        speaks(version, Role.CSMS).decode_call(action, json.dumps(payload).encode())
    assert refusal.value.fault is fault
    assert spell(version, refusal.value.code) == code


def test_a_limit_with_two_decimals_is_a_property_violation() -> None:
    payload = {"connectorId": 1, "csChargingProfiles": {**PROFILE, "chargingSchedule": SCHEDULE}}
    with pytest.raises(PayloadError, match=r"8\.15") as refusal:
        speaks(V16, Role.STATION).decode_call("SetChargingProfile", json.dumps(payload).encode())
    assert refusal.value.code == ErrorCode.PROPERTY_CONSTRAINT_VIOLATION
    assert refusal.value.path == "$.csChargingProfiles.chargingSchedule.chargingSchedulePeriod[0]"


def test_occurrence_has_one_r_on_the_wire_of_1_6_only() -> None:
    code = ErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION
    assert spell(V16, code) == "OccurenceConstraintViolation"
    assert spell(V201, code) == spell(V21, code) == "OccurrenceConstraintViolation"
    assert read("OccurenceConstraintViolation") == read("OccurrenceConstraintViolation") == code.value
    assert read("FormationViolation") == read("FormatViolation") == "FormatViolation"
    assert read("VendorSurprise") == "VendorSurprise"
    assert spell(V21, "VendorSurprise") == "GenericError"


def test_broken_text_inside_a_payload_is_a_syntax_error() -> None:
    with pytest.raises(PayloadError) as refusal:
        speaks(V201, Role.CSMS).decode_call("Authorize", b'{"idToken":{"idToken":"\xff","type":"Local"}}')
    assert refusal.value.code == ErrorCode.FORMAT_VIOLATION


def test_the_word_null_in_a_text_is_no_null() -> None:
    request = speaks(V16, Role.CSMS).decode_call("Authorize", b'{"idTag":"null"}')
    assert request == v16.AuthorizeRequest(idTag="null")


def test_a_null_payload_is_an_empty_one() -> None:
    assert speaks(V16, Role.CSMS).decode_call("Heartbeat", b"null") == v16.HeartbeatRequest()


def test_data_transfer_of_2_x_may_carry_null_and_anything_else_but_not_without_end() -> None:
    codec = speaks(V201, Role.CSMS)
    request = codec.decode_call("DataTransfer", b'{"vendorId":"x","data":{"a":[null,1]}}')
    assert request.data == {"a": [None, 1]}
    with pytest.raises(PayloadError, match="deeper than 64"):
        codec.decode_call("DataTransfer", b'{"vendorId":"x","data":' + b"[" * 80 + b"]" * 80 + b"}")
    with pytest.raises(PayloadError, match="at most 64 levels"):
        codec.decode_call("Heartbeat", b'{"customData":{"vendorId":"x","y":' + b"[" * 80 + b"]" * 80 + b"}}")


# Frames out


def test_what_we_send_is_checked_first() -> None:
    station = Codec(V16, Role.STATION)
    with pytest.raises(PayloadError, match="length <= 20"):
        station.encode_call("1", "Authorize", v16.AuthorizeRequest(idTag="x" * 21))
    with pytest.raises(PayloadError, match="not for a station to call"):
        station.encode_call("1", "Reset", v16.ResetRequest(type="Hard"))
    with pytest.raises(TypeError, match="carries AuthorizeRequest, got HeartbeatRequest"):
        station.encode_call("1", "Authorize", v16.HeartbeatRequest())
    with pytest.raises(PayloadError, match="not for a csms to send"):
        Codec(V21, Role.CSMS).encode_send("1", "NotifyPeriodicEventStream", v21.HeartbeatRequest())


def test_times_leave_with_a_zone_and_three_digits() -> None:
    csms = speaks(V16, Role.CSMS)
    moment = datetime(2025, 3, 4, 5, 6, 7, 123987, tzinfo=UTC)

    def sent(at: datetime) -> str:
        return csms.encode_result("1", "Heartbeat", v16.HeartbeatResponse(currentTime=at))

    assert sent(moment) == '[3,"1",{"currentTime":"2025-03-04T05:06:07.123Z"}]'
    assert sent(moment.replace(microsecond=0)) == '[3,"1",{"currentTime":"2025-03-04T05:06:07Z"}]'
    east = timezone(timedelta(hours=5, minutes=45))
    assert "2025-03-04T10:51:07.123+05:45" in sent(moment.astimezone(east))
    with pytest.raises(PayloadError, match="without a zone"):
        sent(moment.replace(tzinfo=None))


def test_a_naive_time_deep_inside_is_found() -> None:
    value = v201.SampledValueType(value=1.0)
    good = v201.MeterValueType(timestamp=datetime(2025, 1, 1, tzinfo=UTC), sampledValue=[value])
    bad = v201.MeterValueType(timestamp=datetime(2025, 1, 1), sampledValue=[value])  # noqa: DTZ001
    with pytest.raises(PayloadError) as refusal:
        speaks(V201, Role.STATION).encode_call(
            "1", "MeterValues", v201.MeterValuesRequest(evseId=1, meterValue=[good, bad])
        )
    assert refusal.value.path == "$.meterValue[1].timestamp"


def test_absent_members_are_not_sent() -> None:
    text = speaks(V201, Role.CSMS).encode_result(
        "1", "Authorize", v201.AuthorizeResponse(idTokenInfo=v201.IdTokenInfoType(status="Accepted"))
    )
    assert text == '[3,"1",{"idTokenInfo":{"status":"Accepted"}}]'


def test_error_descriptions_are_cut_at_255() -> None:
    text = speaks(V16, Role.CSMS).encode_error("1", ErrorCode.FORMAT_VIOLATION, "x" * 300)
    assert json.loads(text) == [4, "1", "FormationViolation", "x" * 255, {}]


def test_an_empty_message_id_is_unreadable() -> None:
    """Its answer could not be told from any other: OCPP-J wants the id -1 there."""
    for version in Version:
        frame = Codec(version, Role.CSMS).decode_frame('[2,"","Heartbeat",{}]')
        assert isinstance(frame, Malformed)
        assert (frame.message_id, frame.answer) == ("-1", True)
