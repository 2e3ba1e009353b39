"""Each row of the table of quirks, from the reported case to what our CSMS makes of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ampacity.ocpp.codec import Codec
from ampacity.ocpp.engine import CallReceived, Engine, ErrorReceived, Event, ResultReceived
from ampacity.ocpp.messages import v16, v21, v201
from ampacity.ocpp.quirks import QUIRKS
from ampacity.ocpp.version import Role, Version
from tools import tolerance

V16, V201, V21 = Version.V16, Version.V201, Version.V21
AT = "2024-03-03T05:19:09Z"
CASES: dict[str, Callable[[], None]] = {}


def case(name: str) -> Callable[[Callable[[], None]], Callable[[], None]]:
    def register(test: Callable[[], None]) -> Callable[[], None]:
        assert name not in CASES
        CASES[name] = test
        return test

    return register


def csms(version: Version = V16) -> Engine:
    return Engine(Codec(version, Role.CSMS, lenient=True), new_id=lambda: "ours")


def received(text: str | bytes, version: Version = V16) -> CallReceived:
    engine = csms(version)
    [event] = engine.receive(text, 0.0)
    assert isinstance(event, CallReceived), event
    assert engine.frames_to_send() == []
    return event


def told(action: str, payload: dict[str, Any], version: Version = V16) -> CallReceived:
    return received(json.dumps([2, "1", action, payload]), version)


def answered(action: str, request: Any, payload: Any, version: Version = V16) -> Event:
    engine = csms(version)
    engine.call(action, request, 0.0)
    [event] = engine.receive(json.dumps([3, "ours", payload]), 0.0)
    return event


def meter(*samples: dict[str, Any], **more: Any) -> dict[str, Any]:
    value: dict[str, Any] = {"connectorId": 1, "meterValue": [{"timestamp": AT, "sampledValue": samples}]}
    return value | more


ENERGY = {"value": "5995441.000", "measurand": "Energy.Active.Import.Register", "unit": "Wh"}


@pytest.mark.parametrize("quirk", QUIRKS, ids=lambda quirk: quirk.name)
def test_each_quirk_is_read_as_the_table_says(quirk: Any) -> None:
    CASES[quirk.name]()


def test_no_case_is_left_over() -> None:
    assert set(CASES) == {quirk.name for quirk in QUIRKS}


@case("transaction id overflow")
def _overflow() -> None:
    event = told("MeterValues", meter(ENERGY, transactionId=2**63 - 1))
    assert event.payload.transactionId is None
    assert event.payload.meterValue[0].sampledValue[0].value == "5995441.000"
    assert event.repairs == ("$.transactionId: 9223372036854775807 is beyond 32 bits, taken for none",)
    stop = {"transactionId": 2**63 - 1, "meterStop": 5, "timestamp": AT}
    assert told("StopTransaction", stop).payload.transactionId == 0
    engine = csms()  # the second message of a connection takes the fast path
    for message_id in ("1", "2"):
        frame = [2, message_id, "MeterValues", meter(ENERGY, transactionId=2**63 - 1)]
        [event] = engine.receive(json.dumps(frame), 0.0)
        assert event.payload.transactionId is None
        assert len(event.repairs) == 1
    assert told("MeterValues", meter(ENERGY, transactionId=2**31 - 1)).repairs == ()


@case("empty sampledValue")
def _empty() -> None:
    assert told("MeterValues", meter()).payload.meterValue[0].sampledValue == []
    stop = {"meterStop": 792981, "timestamp": AT, "transactionId": 1764506865, "reason": "Local"}
    stop |= {"idTag": "148ba065", "transactionData": [{"sampledValue": [], "timestamp": AT}]}
    assert told("StopTransaction", stop).payload.meterStop == 792981
    empty: dict[str, Any] = {"timestamp": AT, "sampledValue": []}
    good = {"timestamp": AT, "sampledValue": [{"value": 7}]}
    for version in (V201, V21):
        event = told("MeterValues", {"evseId": 1, "meterValue": [empty, good]}, version)
        assert [value.sampledValue[0].value for value in event.payload.meterValue] == [7.0]
        assert event.repairs == (
            "$.meterValue[0]: sampledValue: 0 usable items, at least 1 are needed, left out",
        )
        assert told("MeterValues", {"evseId": 1, "meterValue": [empty]}, version).payload.meterValue == []
        transaction = {"eventType": "Updated", "timestamp": AT, "triggerReason": "Trigger", "seqNo": 3}
        transaction |= {"transactionInfo": {"transactionId": "t"}, "meterValue": [empty]}
        assert told("TransactionEvent", transaction, version).payload.meterValue is None


@case("values as numbers")
def _numbers() -> None:
    event = told("MeterValues", meter({**ENERGY, "value": 604.213}, {**ENERGY, "value": 0}))
    assert [sample.value for sample in event.payload.meterValue[0].sampledValue] == ["604.213", "0"]
    assert event.repairs == (
        "$.meterValue[0].sampledValue[0].value: 604.213 taken for '604.213'",
        "$.meterValue[0].sampledValue[1].value: 0 taken for '0'",
    )


@case("frequency in Hz")
def _hertz() -> None:
    for unit in ("Hz", "Hertz"):
        frequency = {"value": "50.01", "measurand": "Frequency", "unit": unit}
        [energy, hertz] = told("MeterValues", meter(ENERGY, frequency)).payload.meterValue[0].sampledValue
        assert (energy.unit, hertz.unit) == ("Wh", "Hertz")


@case("unknown context")
def _context() -> None:
    [sample] = told("MeterValues", meter({**ENERGY, "context": "Sample"})).payload.meterValue[0].sampledValue
    assert (sample.context, sample.value) == (None, ENERGY["value"])


@case("one meter value without its list")
def _single() -> None:
    one = {"timestamp": AT, "sampledValue": [{**ENERGY, "context": "Transaction.Begin", "unit": "kWh"}]}
    event = told("MeterValues", {"connectorId": 1, "transactionId": 1, "meterValue": one})
    assert event.payload.meterValue[0].sampledValue[0].unit == "kWh"
    assert event.repairs == ("$.meterValue: an object, taken for a list of one",)


@case("long serial number")
def _serial() -> None:
    boot = {"chargePointVendor": "Schneider Electric", "chargePointModel": "EVlink Smart Wallbox"}
    serials = {"chargeBoxSerialNumber": "E" * 33, "chargePointSerialNumber": "3N" * 13}
    event = told("BootNotification", boot | serials)
    assert event.payload.chargeBoxSerialNumber == "E" * 33
    assert event.payload.chargePointSerialNumber == "3N" * 13
    assert event.repairs == (
        "$.chargeBoxSerialNumber: 33 characters, 25 are allowed; kept",
        "$.chargePointSerialNumber: 26 characters, 25 are allowed; kept",
    )


@case("long model name")
def _model() -> None:
    boot = {"chargePointVendor": "HICI", "chargePointModel": "m" * 23}
    assert told("BootNotification", boot).payload.chargePointModel == "m" * 23


@case("empty vendor")
def _vendor() -> None:
    boot = {
        "chargePointModel": "ACChargePoint",
        "chargePointSerialNumber": "huawei1",
        "chargePointVendor": "",
    }
    assert told("BootNotification", boot).repairs == ()


@case("long info")
def _info() -> None:
    info = "The vehicle was not unplugged in the ten minutes after its charging had come to an end."
    status = {"connectorId": 1, "status": "Finishing", "errorCode": "NoError", "info": info}
    assert told("StatusNotification", status).payload.info == info[:50]


@case("unknown error code")
def _error_code() -> None:
    status = {"connectorId": 0, "errorCode": "Error", "status": "Faulted", "timestamp": AT}
    event = told("StatusNotification", status)
    assert (event.payload.errorCode, event.payload.status) == ("OtherError", "Faulted")
    assert event.repairs == ("$.errorCode: 'Error' is none of its words, taken for 'OtherError'",)
    del status["errorCode"]
    assert told("StatusNotification", status).payload.errorCode == "NoError"


START = {"connectorId": 1, "idTag": "evcc", "meterStart": 0, "reservationId": 0}


@case("time without a zone")
def _no_zone() -> None:
    event = told("StartTransaction", START | {"timestamp": "2023-10-19T15:28:07"})
    assert event.payload.timestamp == datetime(2023, 10, 19, 15, 28, 7)  # noqa: DTZ001
    assert event.repairs == ()


@case("offset of hours only")
def _offset() -> None:
    event = told("StartTransaction", START | {"timestamp": "2024-04-26T14:35:02+02"})
    assert event.payload.timestamp == datetime(2024, 4, 26, 12, 35, 2, tzinfo=UTC)


@case("a day that does not exist")
def _leap_day() -> None:
    event = told("StartTransaction", START | {"timestamp": "2022-02-29T07:02:33.000Z"})
    assert event.payload.timestamp == datetime(2022, 3, 1, 7, 2, 33, tzinfo=UTC)


@case("stop without a transaction id")
def _stop_null() -> None:
    event = told("StopTransaction", {"transactionId": None, "meterStop": 5, "timestamp": AT})
    assert event.payload.transactionId == 0
    assert event.repairs == (
        "$.transactionId: null, taken for absent",
        "$.transactionId: missing, taken for 0",
    )


@case("stop with id -1 or 0")
def _stop_minus_one() -> None:
    for number in (-1, 0):
        event = told("StopTransaction", {"transactionId": number, "meterStop": 5, "timestamp": AT})
        assert (event.payload.transactionId, event.repairs) == (number, ())


@case("long idTag")
def _long_tag() -> None:
    stop = {"meterStop": 250390, "timestamp": AT, "transactionId": 1762770182}
    event = told("StopTransaction", stop | {"idTag": "X16WG99J2QIEGCC0MCJ5-"})
    assert event.payload.idTag == "X16WG99J2QIEGCC0MCJ5-"


@case("members of other messages")
def _extra() -> None:
    stop = {"connectorId": 1, "idTag": "FF88888801", "meterStop": 1625, "timestamp": AT, "transactionId": 1}
    event = told("StopTransaction", stop | {"disconnectReason": "EVDisconnected"})
    assert event.payload.meterStop == 1625
    assert event.repairs == (
        "$.connectorId: not defined, left out",
        "$.disconnectReason: not defined, left out",
    )
    custom = {"vendorId": "org.x", "more": [None]}
    for version in (V201, V21):
        event = told("Heartbeat", {"customData": custom, "uptime": 5}, version)
        assert event.payload.customData == custom


def settings(**entry: Any) -> Any:
    event = answered(
        "GetConfiguration",
        v16.GetConfigurationRequest(),
        {"configurationKey": [{"key": "HeartbeatInterval", "readonly": False, "value": "60"} | entry]},
    )
    assert isinstance(event, ResultReceived), event
    assert len(event.repairs) == 1
    return event.payload.configurationKey[0]


@case("settings that are no text")
def _settings() -> None:
    assert settings(value=60).value == "60"
    assert settings(value=True).value == "true"


@case("readonly as a number")
def _readonly() -> None:
    assert settings(readonly=1).readonly is True
    assert settings(readonly=0).readonly is False


@case("long setting")
def _long_setting() -> None:
    assert settings(value="Energy.Active.Import.Register," * 30).value.count(",") == 30


@case("member without a value")
def _no_value() -> None:
    text = (
        '[2,"1","MeterValues",{"connectorId":1,"transactionId":,"meterValue":[{"timestamp":'
        '"2026-08-04T13:35:45.377","sampledValue":[{"value":"1750","unit":"Wh"}]}]}]'
    )
    event = received(text)
    assert event.payload.transactionId is None
    assert event.payload.meterValue[0].sampledValue[0].value == "1750"
    assert event.repairs[0].startswith("$: no JSON")


@case("control characters in a text")
def _control() -> None:
    text = '[2,"1","BootNotification",{"chargePointVendor":"Wallbe\x00","chargePointModel":"Pro\x00"}]\x00'
    for form in (text, text.encode()):
        event = received(form)
        assert (event.payload.chargePointVendor, event.payload.chargePointModel) == ("Wallbe", "Pro")


@case("short CALLERROR")
def _short() -> None:
    engine = csms()
    engine.call("GetConfiguration", v16.GetConfigurationRequest(key=["SupportedFeatureProfiles"]), 0.0)
    assert engine.receive('[4, "ours", "FormationViolation", ""]', 0.0) == [
        ErrorReceived("ours", "GetConfiguration", "FormatViolation", "", {})
    ]


def test_a_call_with_2_x_modules_stays_typed() -> None:
    """The repaired message is of the very type that the strict decoder makes."""
    assert type(told("Heartbeat", {"x": 1}, V201).payload) is v201.HeartbeatRequest
    assert type(told("Heartbeat", {"x": 1}, V21).payload) is v21.HeartbeatRequest


def test_the_page_is_what_the_tables_say() -> None:
    page = Path(__file__).resolve().parents[2] / "docs" / "tolerance.md"
    assert page.read_text() == tolerance.page(), "run ./dev docs"
