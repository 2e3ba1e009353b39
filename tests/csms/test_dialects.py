"""Wire to vocabulary and back, as tables: no sockets, the codec of `ocpp` as judge of what we would send."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ampacity.csms.dialects import Dialect, dialect
from ampacity.csms.dialects.dialect import Unsupported
from ampacity.csms.dialects.samples import one_decimal, register_wh, sample
from ampacity.csms.vocabulary import (
    Acknowledged,
    AuthorizationAnswer,
    Boot,
    BootAnswer,
    CertificateRequestAnswer,
    CertificateStatusAnswer,
    ChainStatusAnswer,
    ChainStatusRequest,
    EvCertificateAnswer,
    HeartbeatAnswer,
    Metered,
    Profile,
    SchedulePeriod,
    SetProfile,
    Status,
    StatusFound,
    TransactionAnswer,
    TransactionMessage,
    VendorAnswer,
    VendorData,
)
from ampacity.model.station import IdToken, MeterReading, Sample
from ampacity.ocpp.codec import Codec
from ampacity.ocpp.version import Role, Version, vocabulary

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
AT = "2026-03-02T12:00:00Z"
VERSIONS = ["1.6", "2.0.1", "2.1"]


def understand(version: str, action: str, payload: dict[str, Any]) -> Any:
    """What the dialect makes of a payload that came over the wire."""
    codec = Codec(Version(version), Role.CSMS)
    raw = json.dumps(payload).encode()
    return dialect(version).understand(action, codec.decode_call(action, raw), raw)


def told_by(said: Any) -> tuple[datetime, str]:
    """What is equal for a message of a station and its repetition and for nothing else."""
    return said.at, said.retry_key


# ---------------------------------------------------------------- samples


@pytest.mark.parametrize(
    ("value", "given_", "expected"),
    [
        ("12.5", {}, ("Energy.Active.Import.Register", 12.5, "Wh", 0)),
        ("12.5", {"unit": "kWh"}, ("Energy.Active.Import.Register", 12_500.0, "Wh", 0)),
        (3.2, {"measurand": "Power.Active.Import", "unit": "kW"}, ("Power.Active.Import", 3_200.0, "W", 0)),
        (3.2, {"measurand": "Power.Active.Import", "unit": "W", "multiplier": 3},
         ("Power.Active.Import", 3_200.0, "W", 0)),
        (3200, {"measurand": "Power.Active.Import"}, ("Power.Active.Import", 3_200.0, "W", 0)),
        ("16", {"measurand": "Current.Import", "phase": "L1"}, ("Current.Import", 16.0, "A", 1)),
        ("16", {"measurand": "Current.Import", "phase": "L3-N"}, ("Current.Import", 16.0, "A", 3)),
        ("55", {"measurand": "SoC"}, ("SoC", 55.0, "Percent", 0)),
        ("300.15", {"measurand": "Temperature", "unit": "K"}, ("Temperature", 27.0, "Celsius", 0)),
        ("20", {"measurand": "Temperature", "unit": "Celcius"}, ("Temperature", 20.0, "Celsius", 0)),
        ("68", {"measurand": "Temperature", "unit": "Fahrenheit"}, ("Temperature", 20.0, "Celsius", 0)),
        ("1,5", {"measurand": "Voltage"}, ("Voltage", 1.5, "V", 0)),
        ("0.98", {"measurand": "Power.Factor"}, ("Power.Factor", 0.98, "", 0)),
        ("5", {"measurand": "Energy.Reactive.Import.Register", "unit": "kvarh"},
         ("Energy.Reactive.Import.Register", 5_000.0, "varh", 0)),
        (50, {"measurand": "Frequency"}, ("Frequency", 50.0, "Hertz", 0)),
    ],
)  # fmt: skip
def test_values_in_base_units(
    value: Any, given_: dict[str, Any], expected: tuple[str, float, str, int]
) -> None:
    options = {"measurand": None, "unit": None, "phase": None, "context": None, "location": None} | given_
    made = sample(value, **options)
    assert made is not None
    assert (made.measurand, pytest.approx(made.value), made.unit, made.phase) == expected
    assert (made.context, made.location) == ("Sample.Periodic", "Outlet")


@pytest.mark.parametrize(
    ("value", "given_"),
    [
        ("", {}),
        ("abc", {}),
        ("nan", {}),
        ("inf", {}),
        ("1.2.3", {}),
        (5, {"measurand": "Power.Active.Import", "unit": "A"}),
        (5, {"measurand": "Current.Import", "unit": "furlong"}),
        (5, {"measurand": "Current.Import", "phase": "L4"}),
        ("1_000", {}),
        ("1,234", {}),
        (1e12, {"unit": "kWh"}),
        (5, {"unit": "Wh", "multiplier": 400}),
    ],
)
def test_values_that_can_not_be_used(value: Any, given_: dict[str, Any]) -> None:
    options = {"measurand": None, "unit": None, "phase": None, "context": None, "location": None} | given_
    assert sample(value, **options) is None


def _register(minute: int, value: float, phase: int = 0, context: str = "Sample.Periodic") -> MeterReading:
    item = Sample("Energy.Active.Import.Register", value, "Wh", phase, context)
    return MeterReading.of(NOON.replace(minute=minute), (item,))


def test_the_register_of_several_readings() -> None:
    readings = (_register(5, 500), _register(1, 100), _register(9, 900))
    assert register_wh(readings, first=True) == 100
    assert register_wh(readings, first=False) == 900
    assert register_wh((), first=True) is None
    marked = (
        *readings,
        _register(3, 333, context="Transaction.Begin"),
        _register(4, 444, context="Transaction.End"),
    )
    assert register_wh(marked, first=True) == 333
    assert register_wh(marked, first=False) == 444
    phases = tuple(item for phase in (1, 2, 3) for item in _register(1, 10.0 * phase, phase).samples)
    assert register_wh((MeterReading.of(NOON, phases),), first=False) == 60


# ---------------------------------------------------------------- from stations


def test_a_1_6_connector_is_an_evse() -> None:
    said = understand(
        "1.6", "StatusNotification", {"connectorId": 2, "errorCode": "NoError", "status": "SuspendedEV"}
    )
    assert said == Status(evse_id=2, connector_id=1, status="SuspendedEV")
    whole = {
        "connectorId": 0,
        "errorCode": "OtherError",
        "status": "Faulted",
        "info": "hot",
        "vendorErrorCode": "E7",
    }
    assert understand("1.6", "StatusNotification", whole) == Status(
        evse_id=0, connector_id=0, status="Faulted", error="OtherError: E7 hot"
    )


def test_a_time_without_a_zone_is_utc_and_others_are_moved() -> None:
    for text in ("2026-03-02T12:00:00", "2026-03-02T14:00:00+02:00", "2026-03-02T12:00:00.000Z"):
        said = understand("1.6", "StatusNotification", {
            "connectorId": 1, "errorCode": "NoError", "status": "Available", "timestamp": text})  # fmt: skip
        assert said.at == NOON
        assert said.at.utcoffset().total_seconds() == 0


def test_1_6_start_and_its_retry_key() -> None:
    start = {"connectorId": 1, "idTag": "Cafe", "meterStart": 100, "timestamp": AT}
    said = understand("1.6", "StartTransaction", start)
    assert (said.phase, said.station_transaction_id, said.evse_id, said.register_wh) == (
        "Started",
        None,
        1,
        100.0,
    )
    assert said.token == IdToken("Cafe")
    key = told_by(said)
    assert told_by(understand("1.6", "StartTransaction", start | {"idTag": "CAFE"})) == key
    for change in (
        {"connectorId": 2},
        {"idTag": "other"},
        {"meterStart": 101},
        {"timestamp": "2026-03-02T12:00:01Z"},
    ):
        assert told_by(understand("1.6", "StartTransaction", start | change)) != key


def test_1_6_meter_values_belong_to_a_transaction_or_to_none() -> None:
    values = {"connectorId": 1, "meterValue": [{"timestamp": AT, "sampledValue": [{"value": "5"}]}]}
    assert isinstance(understand("1.6", "MeterValues", values), Metered)
    said = understand("1.6", "MeterValues", values | {"transactionId": 3})
    assert isinstance(said, TransactionMessage)
    assert (said.phase, said.station_transaction_id, said.register_wh, said.at) == ("Updated", "3", 5.0, NOON)
    other = {
        "connectorId": 1,
        "transactionId": 3,
        "meterValue": [{"timestamp": AT, "sampledValue": [{"value": "6"}]}],
    }
    assert understand("1.6", "MeterValues", other).retry_key != said.retry_key


def test_1_6_signed_values_are_left_to_those_who_can_read_them() -> None:
    values = [{"value": "OCMF|{}", "format": "SignedData"}, {"value": "7"}]
    said = understand(
        "1.6", "MeterValues", {"connectorId": 1, "meterValue": [{"timestamp": AT, "sampledValue": values}]}
    )
    assert [item.value for item in said.readings[0].samples] == [7.0]


@pytest.mark.parametrize("version", ["2.0.1", "2.1"])
def test_a_transaction_event(version: str) -> None:
    event = {
        "eventType": "Updated",
        "triggerReason": "ChargingStateChanged",
        "timestamp": AT,
        "seqNo": 4,
        "offline": True,
        "transactionInfo": {"transactionId": "t", "chargingState": "SuspendedEV", "remoteStartId": 9},
        "evse": {"id": 2, "connectorId": 1},
        "idToken": {"idToken": "CAFE", "type": "ISO15693"},
    }
    said = understand(version, "TransactionEvent", event)
    assert said.station_transaction_id == "t"
    assert (said.evse_id, said.connector_id, said.seq_no, said.offline) == (2, 1, 4, True)
    assert (said.charging_state, said.remote_start_id) == ("SuspendedEV", 9)
    assert said.token == IdToken("CAFE", "ISO15693")
    nobody = event | {"idToken": {"idToken": "", "type": "NoAuthorization"}}
    assert understand(version, "TransactionEvent", nobody).token is None
    keys = {
        told_by(understand(version, "TransactionEvent", event | change))
        for change in ({}, {"seqNo": 5}, {"eventType": "Ended"}, {"timestamp": "2026-03-02T13:00:00Z"})
    }
    assert len(keys) == 4


@pytest.mark.parametrize("version", VERSIONS)
def test_boot_and_data_transfer(version: str) -> None:
    if version == "1.6":
        boot = {
            "chargePointVendor": "V",
            "chargePointModel": "M",
            "chargeBoxSerialNumber": "S",
            "firmwareVersion": "1",
        }
    else:
        station = {"vendorName": "V", "model": "M", "serialNumber": "S", "firmwareVersion": "1"}
        boot = {"reason": "PowerUp", "chargingStation": station}
    said = understand(version, "BootNotification", boot)
    assert isinstance(said, Boot)
    assert msgspec.structs.astuple(said.info) == ("V", "M", "S", "1")
    transfer = {"vendorId": "v", "messageId": "m", "data": "d"}
    assert understand(version, "DataTransfer", transfer) == VendorData(
        vendor_id="v", message_id="m", data="d"
    )


# ---------------------------------------------------------------- answers


CALLS = [
    pytest.param(version, action, id=f"{version}-{action}")
    for version in VERSIONS
    for action in sorted(vocabulary(Version(version)).started_by[Role.STATION])
    if action in vocabulary(Version(version)).calls
]


@pytest.mark.parametrize(("version", "action"), CALLS)
def test_every_call_of_a_station_is_answered_by_its_schema(version: str, action: str) -> None:
    """Whatever a station may say, its answer keeps the schema of the response."""
    speech: Dialect = dialect(version)
    request_type, response_type = vocabulary(Version(version)).calls[action]
    request = _smallest(request_type)
    said = speech.understand(action, request)
    answers: dict[str, Any] = {
        "BootNotification": BootAnswer(status="Accepted", now=NOON, interval_s=300),
        "Heartbeat": HeartbeatAnswer(NOON),
        "Authorize": AuthorizationAnswer(status="Accepted"),
        "StartTransaction": TransactionAnswer(
            station_transaction_id="5",
            authorization=AuthorizationAnswer(status="Blocked", group="G", expires_at=NOON),
        ),
        "StopTransaction": TransactionAnswer(station_transaction_id="5"),
        "TransactionEvent": TransactionAnswer(station_transaction_id="t"),
        "DataTransfer": VendorAnswer(status="Rejected"),
        "SignCertificate": CertificateRequestAnswer(accepted=False),
        "Get15118EVCertificate": EvCertificateAnswer(),
        "GetCertificateStatus": CertificateStatusAnswer(),
        "GetCertificateChainStatus": ChainStatusAnswer(found=()),
    }
    if isinstance(said, ChainStatusRequest):
        found = [StatusFound(asked=asked, status="Failed", next_update=NOON) for asked in said.asked]
        answers[action] = ChainStatusAnswer(found=tuple(found))
    answer = answers.get(action, Acknowledged())
    response = speech.answer(action, request, answer)
    assert type(response) is response_type
    Codec(Version(version), Role.CSMS).encode_result(
        "1", action, response
    )  # raises where the schema is broken


def _smallest(kind: Any) -> Any:
    """The smallest valid value of a generated type."""
    origin = getattr(kind, "__origin__", None)
    if hasattr(kind, "__metadata__"):
        (meta,) = kind.__metadata__
        inner = kind.__origin__
        if getattr(inner, "__origin__", None) is list:
            return [_smallest(get_args(inner)[0])] * (meta.min_length or 0)
        return _smallest(inner)
    if origin is list:
        return []
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return kind(**{f.name: _smallest(f.type) for f in msgspec.structs.fields(kind) if f.required})
    if origin is not None or get_args(kind):
        return get_args(kind)[0]
    return {str: "x", int: 1, float: 1.0, bool: True, datetime: NOON}[kind]


def test_verdicts_in_the_five_words_of_1_6() -> None:
    hints = msgspec.inspect.type_info(AuthorizationAnswer).fields  # type: ignore[attr-defined]
    words = next(field.type.values for field in hints if field.name == "status")
    narrowed = {}
    request = _smallest(vocabulary(Version.V16).calls["Authorize"][0])
    for word in words:
        response: Any = dialect("1.6").answer("Authorize", request, AuthorizationAnswer(status=word))
        narrowed[word] = response.idTagInfo.status
    assert set(narrowed.values()) == {"Accepted", "Blocked", "Expired", "Invalid", "ConcurrentTx"}
    assert narrowed["Unknown"] == "Invalid"
    assert narrowed["Accepted"] == "Accepted"
    assert [word for word, told in narrowed.items() if told == "Accepted"] == ["Accepted"]


@pytest.mark.parametrize("version", VERSIONS)
def test_times_we_send_have_no_microseconds(version: str) -> None:
    answer = BootAnswer(status="Accepted", now=NOON.replace(microsecond=123456), interval_s=1)
    made = dialect(version).answer("BootNotification", Acknowledged(), answer)
    text = Codec(Version(version), Role.CSMS).encode_result("1", "BootNotification", made)  # type: ignore[arg-type]
    assert '"2026-03-02T12:00:00Z"' in text


@given(st.floats(0, 1000))
def test_limits_are_rounded_down_to_what_1_6_can_carry(limit: float) -> None:
    told = one_decimal(limit)
    assert limit - 0.1000001 < told <= limit + 1e-6
    assert round(told, 1) == told


def test_8_1_stays_8_1() -> None:
    assert [one_decimal(value) for value in (8.1, 6.0, 16.3, 31.999)] == [8.1, 6.0, 16.3, 31.9]


def test_only_2_1_can_say_how_long_a_limit_counts_offline() -> None:
    limit = SetProfile(
        evse_id=1,
        profile=Profile(
            profile_id=2001,
            stack_level=1,
            purpose="TxProfile",
            kind="Absolute",
            unit="A",
            periods=(SchedulePeriod(start_s=0, limit=16.0),),
            start=NOON,
            station_transaction_id="7",
            max_offline_s=10,
            invalid_after_offline=True,
        ),
    )
    [(action, payload)] = dialect("2.1").calls(limit)
    text = msgspec.json.encode(payload)
    assert b'"maxOfflineDuration":10' in text
    assert b'"invalidAfterOfflineDuration":true' in text
    assert dialect("2.1").meaning(action, payload) == limit
    for older in ("1.6", "2.0.1"):
        with pytest.raises(Unsupported, match="maxOfflineDuration"):
            dialect(older).calls(limit)
