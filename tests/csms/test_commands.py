"""Each command in three versions, answered by a double:
the call on the wire, the outcome, the effect, the audit.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct

from ampacity.clock import ScaledClock
from ampacity.csms.vocabulary import (
    ChangeAvailability,
    ClearProfile,
    Command,
    CompositeSchedule,
    GetBaseReport,
    GetCompositeSchedule,
    GetVariables,
    Profile,
    RequestStart,
    RequestStop,
    Reset,
    SchedulePeriod,
    SendVendorData,
    SetProfile,
    SetVariables,
    Trigger,
    Unlock,
    VariableRef,
    VariableValue,
)
from ampacity.model.station import IdToken
from ampacity.store import audit, profiles, variables
from tests.conformance.double import station
from tests.conformance.speech import speech

from .world import OPERATOR, World, world

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
VERSIONS = ["1.6", "2.0.1", "2.1"]

PROFILE = Profile(
    profile_id=17,
    stack_level=2,
    purpose="TxDefaultProfile",
    kind="Absolute",
    unit="A",
    periods=(SchedulePeriod(start_s=0, limit=8.1), SchedulePeriod(start_s=360, limit=6.0, number_phases=1)),
    start=NOON,
    duration_s=900,
)
SCHEDULE_16 = {
    "chargingRateUnit": "A",
    "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 8.1}, {"startPeriod": 60, "limit": 0.0}],
}
SCHEDULE_2 = SCHEDULE_16 | {"evseId": 1, "duration": 600, "scheduleStart": "2026-03-02T12:00:00Z"}
TOLD_SCHEDULE = CompositeSchedule(
    start=NOON,
    unit="A",
    periods=(SchedulePeriod(start_s=0, limit=8.1), SchedulePeriod(start_s=60, limit=0.0)),
)
KEY = VariableRef(component="OCPP16", variable="HeartbeatInterval")
UNKNOWN_KEY = VariableRef(component="OCPP16", variable="X")
VARIABLE = VariableRef(component="OCPPCommCtrlr", variable="HeartbeatInterval")
WIRE_VARIABLE = {"component": {"name": "OCPPCommCtrlr"}, "variable": {"name": "HeartbeatInterval"}}


class Case(Struct, frozen=True):
    """A command to a version: what must be called with what, what is answered, what must come of it."""

    command: Command
    action: str
    sent: dict[str, Any]
    reply: dict[str, Any]
    result: str = "accepted"
    status: str = "Accepted"
    data: Any = None


ACCEPTED = {"status": "Accepted"}
REJECTED = {"status": "Rejected"}
START = RequestStart(evse_id=1, token=IdToken("CAFE01"), remote_start_id=5)
WIRE_TOKEN = {"idToken": "CAFE01", "type": "ISO14443"}

CASES_16 = [
    Case(START, "RemoteStartTransaction", {"connectorId": 1, "idTag": "CAFE01"}, ACCEPTED),
    Case(START, "RemoteStartTransaction",
         {"connectorId": 1, "idTag": "CAFE01"}, REJECTED, "rejected", "Rejected"),
    Case(RequestStop(station_transaction_id="42"), "RemoteStopTransaction", {"transactionId": 42}, ACCEPTED),
    Case(Reset(), "Reset", {"type": "Soft"}, ACCEPTED),
    Case(Reset(kind="Immediate"), "Reset", {"type": "Hard"}, REJECTED, "rejected", "Rejected"),
    Case(Trigger(message="MeterValues", evse_id=2), "TriggerMessage",
         {"requestedMessage": "MeterValues", "connectorId": 2}, ACCEPTED),
    Case(Trigger(message="LogStatusNotification"), "ExtendedTriggerMessage",
         {"requestedMessage": "LogStatusNotification"}, ACCEPTED),
    Case(Unlock(evse_id=2), "UnlockConnector", {"connectorId": 2}, {"status": "Unlocked"}, status="Unlocked"),
    Case(Unlock(evse_id=2), "UnlockConnector",
         {"connectorId": 2}, {"status": "NotSupported"}, "rejected", "NotSupported"),
    Case(ChangeAvailability(evse_id=1, operative=False), "ChangeAvailability",
         {"connectorId": 1, "type": "Inoperative"}, {"status": "Scheduled"}, status="Scheduled"),
    Case(GetVariables(variables=(KEY,)), "GetConfiguration", {"key": ["HeartbeatInterval"]},
         {"configurationKey": [{"key": "HeartbeatInterval", "readonly": False, "value": "60"}]},
         data=[VariableValue(ref=KEY, value="60", read_only=False)]),
    Case(GetBaseReport(), "GetConfiguration", {}, {"unknownKey": ["X"]},
         data=[VariableValue(ref=UNKNOWN_KEY, value=None, status="UnknownVariable")]),
    Case(SetVariables(values=(VariableValue(ref=KEY, value="60"),)), "ChangeConfiguration",
         {"key": "HeartbeatInterval", "value": "60"},
         {"status": "RebootRequired"}, status="RebootRequired",
         data=[VariableValue(ref=KEY, value="60", status="RebootRequired")]),
    Case(SetProfile(evse_id=1, profile=PROFILE), "SetChargingProfile", {
        "connectorId": 1,
        "csChargingProfiles": {
            "chargingProfileId": 17, "stackLevel": 2, "chargingProfilePurpose": "TxDefaultProfile",
            "chargingProfileKind": "Absolute",
            "chargingSchedule": {
                "duration": 900, "startSchedule": "2026-03-02T12:00:00Z", "chargingRateUnit": "A",
                "chargingSchedulePeriod": [
                    {"startPeriod": 0, "limit": 8.1},
                    {"startPeriod": 360, "limit": 6.0, "numberPhases": 1}]}}}, ACCEPTED),
    Case(ClearProfile(profile_id=17), "ClearChargingProfile",
         {"id": 17}, {"status": "Unknown"}, status="Unknown"),
    Case(GetCompositeSchedule(evse_id=1, duration_s=600), "GetCompositeSchedule",
         {"connectorId": 1, "duration": 600, "chargingRateUnit": "A"},
         {"status": "Accepted", "connectorId": 1, "scheduleStart": "2026-03-02T12:00:00Z",
          "chargingSchedule": SCHEDULE_16},
         data=TOLD_SCHEDULE),
    Case(SendVendorData(vendor_id="v", message_id="m", data={"a": 1}), "DataTransfer",
         {"vendorId": "v", "messageId": "m", "data": '{"a":1}'},
         {"status": "Accepted", "data": "yes"}, data="yes"),
]  # fmt: skip

CASES_2 = [
    Case(START, "RequestStartTransaction", {"evseId": 1, "idToken": WIRE_TOKEN, "remoteStartId": 5},
         {"status": "Accepted", "transactionId": "t1"}, data="t1"),
    Case(START, "RequestStartTransaction",
         {"evseId": 1, "idToken": WIRE_TOKEN, "remoteStartId": 5}, REJECTED, "rejected", "Rejected"),
    Case(RequestStop(station_transaction_id="t1"), "RequestStopTransaction",
         {"transactionId": "t1"}, ACCEPTED),
    Case(Reset(), "Reset", {"type": "OnIdle"}, {"status": "Scheduled"}, status="Scheduled"),
    Case(Reset(kind="Immediate", evse_id=1), "Reset",
         {"type": "Immediate", "evseId": 1}, REJECTED, "rejected", "Rejected"),
    Case(Trigger(message="StatusNotification", evse_id=2), "TriggerMessage",
         {"requestedMessage": "StatusNotification", "evse": {"id": 2, "connectorId": 1}}, ACCEPTED),
    Case(Trigger(message="Heartbeat"), "TriggerMessage", {"requestedMessage": "Heartbeat"},
         {"status": "NotImplemented"}, "rejected", "NotImplemented"),
    Case(Unlock(evse_id=2), "UnlockConnector",
         {"evseId": 2, "connectorId": 1}, {"status": "Unlocked"}, status="Unlocked"),
    Case(ChangeAvailability(evse_id=1, operative=False), "ChangeAvailability",
         {"evse": {"id": 1}, "operationalStatus": "Inoperative"}, ACCEPTED),
    Case(ChangeAvailability(evse_id=0, operative=True), "ChangeAvailability",
         {"operationalStatus": "Operative"}, ACCEPTED),
    Case(GetVariables(variables=(VARIABLE,)), "GetVariables", {"getVariableData": [WIRE_VARIABLE]},
         {"getVariableResult": [WIRE_VARIABLE | {"attributeStatus": "Accepted", "attributeValue": "60"}]},
         data=[VariableValue(ref=VARIABLE, value="60")]),
    Case(GetBaseReport(request_id=1), "GetBaseReport", {"requestId": 1, "reportBase": "FullInventory"},
         ACCEPTED),
    Case(SetVariables(values=(VariableValue(ref=VARIABLE, value="60"),)), "SetVariables",
         {"setVariableData": [WIRE_VARIABLE | {"attributeValue": "60"}]},
         {"setVariableResult": [WIRE_VARIABLE | {"attributeStatus": "Accepted"}]},
         data=[VariableValue(ref=VARIABLE, value="60")]),
    Case(SetProfile(evse_id=1, profile=PROFILE), "SetChargingProfile", {
        "evseId": 1,
        "chargingProfile": {
            "id": 17, "stackLevel": 2, "chargingProfilePurpose": "TxDefaultProfile",
            "chargingProfileKind": "Absolute",
            "chargingSchedule": [{
                "id": 17, "duration": 900, "startSchedule": "2026-03-02T12:00:00Z", "chargingRateUnit": "A",
                "chargingSchedulePeriod": [
                    {"startPeriod": 0, "limit": 8.1},
                    {"startPeriod": 360, "limit": 6.0, "numberPhases": 1}]}]}}, ACCEPTED),
    Case(ClearProfile(profile_id=17), "ClearChargingProfile", {"chargingProfileId": 17}, ACCEPTED),
    Case(GetCompositeSchedule(evse_id=1, duration_s=600), "GetCompositeSchedule",
         {"evseId": 1, "duration": 600, "chargingRateUnit": "A"},
         {"status": "Accepted", "schedule": SCHEDULE_2}, data=TOLD_SCHEDULE),
    Case(SendVendorData(vendor_id="v", data={"a": 1}), "DataTransfer", {"vendorId": "v", "data": {"a": 1}},
         {"status": "Accepted", "data": ["yes"]}, data=["yes"]),
]  # fmt: skip

CASES = [pytest.param("1.6", case, id=f"1.6-{number}-{case.action}") for number, case in enumerate(CASES_16)]
CASES += [
    pytest.param(version, case, id=f"{version}-{number}-{case.action}")
    for version in ("2.0.1", "2.1")
    for number, case in enumerate(CASES_2)
]


@pytest.mark.parametrize(("version", "case"), CASES)
async def test_command(tmp_path: Path, version: str, case: Case) -> None:
    async with world(tmp_path) as node, station(node.port, "CP1", version) as double:
        await node.until(lambda: "CP1" in node.csms.stations and node.csms.stations["CP1"].online)
        double.reactions[case.action] = case.reply
        outcome = await node.command("CP1", case.command)
        assert double.heard == [(case.action, case.sent)]
        assert (outcome.result, outcome.status, outcome.data) == (case.result, case.status, case.data)
        (row,) = await node.store.read(lambda c: audit.list_audit(c, OPERATOR))
        assert (row.actor, row.action, row.target) == (
            "user:ada",
            case.command.__struct_config__.tag,
            "station/CP1",
        )
        assert row.outcome == case.result
        assert case.status in (row.outcome_detail or "")
        await _effect(node, case.command, outcome.accepted)


async def _effect(node: World, command: Command, accepted: bool) -> None:
    """What the command must have changed, in the state and, where it lasts, in the store."""
    state = node.csms.stations["CP1"]
    await node.store.flush()
    if isinstance(command, ChangeAvailability):
        assert state.pending_availability == {(command.evse_id, None): command.operative}
    if isinstance(command, SetProfile):
        (row,) = await node.store.read(lambda c: profiles.list_profiles(c, OPERATOR, "CP1"))
        assert row == state.profiles[17]
        assert (row.status, row.evse_id, row.purpose) == ("accepted", 1, "TxDefaultProfile")
    if isinstance(command, SetVariables):
        (item,) = command.values
        assert state.variables[item.ref].value == "60"
        (seen,) = await node.store.read(lambda c: variables.list_variables(c, OPERATOR, "CP1"))
        assert (seen.variable, seen.value) == ("HeartbeatInterval", "60")
    if isinstance(command, GetVariables) and command.variables:
        assert state.variables[command.variables[0]].value == "60"


@pytest.fixture(params=VERSIONS)
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


async def test_an_availability_change_is_seen_in_the_status(tmp_path: Path, version: str) -> None:
    words = speech(version, "CP1")
    async with world(tmp_path) as node, station(node.port, "CP1", version) as double:
        await double.call(*words.status(1, "Available", "2026-03-02T12:00:00Z"))
        double.reactions["ChangeAvailability"] = {"status": "Scheduled"}
        await node.command("CP1", ChangeAvailability(evse_id=1, operative=False))
        state = node.csms.stations["CP1"]
        assert (state.pending_availability, state.evse_status(1)) == ({(1, None): False}, "Available")
        await double.call(*words.status(1, "Unavailable", "2026-03-02T12:01:00Z"))
        assert (state.pending_availability, state.evse_status(1)) == ({}, "Unavailable")


async def test_offline_timeout_error_unsupported(tmp_path: Path, version: str) -> None:
    async with world(tmp_path) as node:
        assert (await node.command("CP1", Reset())).result == "offline"
        async with station(node.port, "CP1", version) as double:
            await node.until(lambda: "CP1" in node.csms.stations)
            refused = await node.command("CP1", Reset())
            assert (refused.result, refused.status) == ("error", "NotImplemented")
            double.silent.add("Reset")
            assert (await node.command("CP1", Reset(), timeout_s=0.3)).result == "timeout"
            waiting = asyncio.ensure_future(node.command("CP1", Reset()))
            await double.wait_heard("Reset", 3)
            await double.connection.close()
            assert (await waiting).result == "timeout"  # it was sent: it may have acted
        await node.until(lambda: not node.csms.stations["CP1"].online)
        assert (await node.command("CP1", Reset())).result == "offline"
        rows = await node.store.read(lambda c: audit.list_audit(c, OPERATOR))
        assert [row.outcome for row in reversed(rows)] == [
            "offline",
            "error",
            "timeout",
            "timeout",
            "offline",
        ]


async def test_what_a_version_does_not_have(tmp_path: Path) -> None:
    async with world(tmp_path) as node, station(node.port, "CP1", "1.6") as double:
        await node.until(lambda: "CP1" in node.csms.stations)
        for command in (
            Reset(evse_id=1),
            Trigger(message="TransactionEvent"),
            GetVariables(variables=(VARIABLE,)),
        ):
            assert (await node.command("CP1", command)).result == "unsupported"
        assert (await node.command("CP1", RequestStop(station_transaction_id="t1"))).result == "error"
        too_long = RequestStart(evse_id=1, token=IdToken("x" * 21, "Central"))
        refused = await node.command("CP1", too_long)
        assert (refused.result, refused.status) == ("error", "PropertyConstraintViolation")
        assert double.heard == []


async def test_other_operators_stations_are_not_there(tmp_path: Path) -> None:
    async with world(tmp_path) as node, station(node.port, "CP1"):
        await node.until(lambda: "CP1" in node.csms.stations)
        outcome = await node.csms.command("rival", "CP1", Reset(), "controller x")
        assert outcome.result == "offline"
        with pytest.raises(ValueError, match="belongs to operator"):
            await node.csms.register("rival", "CP1")


async def test_several_keys_are_written_one_by_one_and_judged_one_by_one(tmp_path: Path) -> None:
    async with world(tmp_path) as node, station(node.port, "CP1") as double:
        await node.until(lambda: "CP1" in node.csms.stations)
        verdicts = {"A": "Accepted", "B": "Rejected", "C": "NotSupported"}
        double.reactions["ChangeConfiguration"] = lambda payload: {"status": verdicts[payload["key"]]}
        values = tuple(
            VariableValue(ref=VariableRef(component="OCPP16", variable=key), value="1") for key in verdicts
        )
        outcome = await node.command("CP1", SetVariables(values=values))
        assert (outcome.result, outcome.status) == ("rejected", "Partial")
        assert [value.status for value in outcome.data] == ["Accepted", "Rejected", "UnknownVariable"]
        assert [ref.variable for ref in node.csms.stations["CP1"].variables] == ["A"]


async def test_a_password_is_set_but_never_kept_or_shown(tmp_path: Path, version: str) -> None:
    name = "AuthorizationKey" if version == "1.6" else "BasicAuthPassword"
    ref = VariableRef(component="OCPP16" if version == "1.6" else "SecurityCtrlr", variable=name)
    async with world(tmp_path) as node, station(node.port, "CP1", version) as double:
        await node.until(lambda: "CP1" in node.csms.stations)
        double.reactions["ChangeConfiguration"] = ACCEPTED
        double.reactions["SetVariables"] = lambda payload: {
            "setVariableResult": [
                {key: item[key] for key in ("component", "variable")} | {"attributeStatus": "Accepted"}
                for item in payload["setVariableData"]
            ]
        }
        secret = "0123456789abcdef0123"
        outcome = await node.command("CP1", SetVariables(values=(VariableValue(ref=ref, value=secret),)))
        assert outcome.accepted
        assert secret in str(double.heard)
        assert node.csms.stations["CP1"].variables == {}
        (row,) = await node.store.read(lambda c: audit.list_audit(c, OPERATOR))
        assert secret not in str(row)


async def test_a_profile_in_the_place_of_another_replaces_it(tmp_path: Path, version: str) -> None:
    async with world(tmp_path) as node, station(node.port, "CP1", version) as double:
        await node.until(lambda: "CP1" in node.csms.stations)
        double.reactions["SetChargingProfile"] = ACCEPTED
        other = Profile(profile_id=18, stack_level=2, purpose="TxDefaultProfile", kind="Absolute", unit="A",
                        periods=PROFILE.periods, start=NOON)  # fmt: skip
        await node.command("CP1", SetProfile(evse_id=1, profile=PROFILE))
        refused = await node.command("CP1", SetProfile(evse_id=1, profile=other))
        assert (refused.result, refused.status) == ("invalid", "DuplicateProfile")
        # What a person is refused a program clears out of its way.
        double.reactions["ClearChargingProfile"] = ACCEPTED
        await node.csms.command(OPERATOR, "CP1", SetProfile(evse_id=1, profile=other), "controller")
        assert [action for action, _ in double.heard[1:]] == ["ClearChargingProfile", "SetChargingProfile"]
        assert set(node.csms.stations["CP1"].profiles) == {18}
        double.silent.add("SetChargingProfile")
        doubtful = await node.command("CP1", SetProfile(evse_id=2, profile=PROFILE), timeout_s=0.3)
        assert doubtful.result == "timeout"
        assert node.csms.stations["CP1"].profiles[17].status == "pending"
        await node.store.flush()
        kept = await node.store.read(lambda c: profiles.list_profiles(c, OPERATOR, "CP1"))
        assert {row.profile_id: row.status for row in kept} == {17: "pending", 18: "accepted"}
    async with world(tmp_path) as node:
        assert set(node.csms.stations["CP1"].profiles) == {17, 18}


async def test_a_transactions_profiles_end_with_it(tmp_path: Path, version: str) -> None:
    words = speech(version, "CP1")
    async with world(tmp_path) as node, station(node.port, "CP1", version) as double:
        double.reactions["SetChargingProfile"] = ACCEPTED
        words.started(await double.call(*words.start(1, "T", 0, "2026-03-02T12:00:00Z")))
        profile = Profile(profile_id=3, stack_level=1, purpose="TxProfile", kind="Relative", unit="A",
                          periods=PROFILE.periods, station_transaction_id=words.wire_id)  # fmt: skip
        assert (await node.command("CP1", SetProfile(evse_id=1, profile=profile))).accepted
        assert set(node.csms.stations["CP1"].profiles) == {3}
        await double.call(*words.stop(10, "2026-03-02T12:05:00Z"))
        assert node.csms.stations["CP1"].profiles == {}


async def test_controllers_are_audited_without_waiting(tmp_path: Path) -> None:
    async with world(tmp_path) as node, station(node.port, "CP1") as double:
        await node.until(lambda: "CP1" in node.csms.stations)
        double.reactions["SetChargingProfile"] = ACCEPTED
        command = SetProfile(evse_id=1, profile=PROFILE)
        assert (await node.csms.command(OPERATOR, "CP1", command, "controller hq", front=True)).accepted
        await node.store.flush()
        (row,) = await node.store.read(lambda c: audit.list_audit(c, OPERATOR))
        assert (row.actor, row.outcome, row.detail["profile"]["profile_id"]) == (
            "controller hq",
            "accepted",
            17,
        )


async def test_a_command_that_nobody_waits_for_is_audited_as_such(tmp_path: Path) -> None:
    async with world(tmp_path) as node, station(node.port, "CP1") as double:
        await node.until(lambda: "CP1" in node.csms.stations)
        double.silent.add("Reset")
        waiting = asyncio.ensure_future(node.command("CP1", Reset()))
        await double.wait_heard("Reset")
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await node.store.flush()
        (row,) = await node.store.read(lambda c: audit.list_audit(c, OPERATOR))
        assert row.outcome == "cancelled"


async def test_remote_starts_are_numbered(tmp_path: Path) -> None:
    async with world(tmp_path) as node, station(node.port, "CP1", "2.1") as double:
        await node.until(lambda: "CP1" in node.csms.stations)
        double.reactions["RequestStartTransaction"] = ACCEPTED
        for _ in range(2):
            await node.command("CP1", RequestStart(evse_id=1, token=IdToken("T")))
        numbers = [payload["remoteStartId"] for _, payload in double.heard]
        assert 0 < numbers[0] < numbers[1] < 2**31


async def test_after_a_boot_a_station_is_asked(tmp_path: Path, version: str) -> None:
    """Variables are read, and statuses triggered when none come;
    in site time, here sixty times the wall's.
    """
    clock = ScaledClock(NOON, 60.0)
    running = asyncio.ensure_future(clock.run())
    words = speech(version, "CP1")
    try:
        async with world(tmp_path, clock, onboard=True) as node, station(node.port, "CP1", version) as double:
            double.reactions["GetConfiguration"] = {
                "configurationKey": [{"key": "HeartbeatInterval", "readonly": True, "value": "60"}]
            }
            double.reactions["GetVariables"] = lambda payload: {
                "getVariableResult": [
                    item | {"attributeStatus": "Accepted", "attributeValue": "7"}
                    for item in payload["getVariableData"]
                ]
            }
            double.reactions["TriggerMessage"] = ACCEPTED
            await double.call(*words.boot("Amp Works", "Duo"))
            asked = await double.wait_heard("TriggerMessage")
            assert asked["requestedMessage"] == "StatusNotification"
            values = {ref.variable: value.value for ref, value in node.csms.stations["CP1"].variables.items()}
            assert values["HeartbeatInterval"] == ("60" if version == "1.6" else "7")
            await node.store.flush()
            rows = await node.store.read(lambda c: audit.list_audit(c, OPERATOR))
            assert {row.actor for row in rows} <= {"system onboarding", "system smart charging"}
    finally:
        running.cancel()


async def test_a_report_becomes_variables(tmp_path: Path) -> None:
    async with world(tmp_path) as node, station(node.port, "CP1", "2.0.1") as double:
        item = {
            "component": {"name": "EVSE", "evse": {"id": 1}},
            "variable": {"name": "AvailabilityState"},
            "variableAttribute": [{"value": "Available", "mutability": "ReadOnly"}],
        }
        report = {"requestId": 1, "generatedAt": "2026-03-02T12:00:00Z", "seqNo": 0, "reportData": [item]}
        assert await double.call("NotifyReport", report) == {}
        # Durable with the answer. A node holds only what steers a station.
        (row,) = await node.store.read(lambda c: variables.list_variables(c, OPERATOR, "CP1"))
        assert (row.component, row.evse_id, row.value, row.read_only) == ("EVSE", 1, "Available", True)
        assert node.csms.stations["CP1"].variables == {}


async def test_vendors_messages_reach_their_handler_or_nobody(tmp_path: Path, version: str) -> None:
    from ampacity.csms.vocabulary import VendorAnswer

    async def handler(state: Any, said: Any) -> VendorAnswer:
        if said.data == "crash":
            raise RuntimeError("on purpose")
        return VendorAnswer(status="Accepted", data=f"{state.station_id} said {said.data}")

    async with world(tmp_path) as node, station(node.port, "CP1", version) as double:
        node.csms.vendor.serve("com.example", handler)
        call = {"vendorId": "com.example", "data": "hi"}
        assert await double.call("DataTransfer", call) == {"status": "Accepted", "data": "CP1 said hi"}
        assert await double.call("DataTransfer", call | {"data": "crash"}) == {"status": "Rejected"}
        assert await double.call("DataTransfer", {"vendorId": "who"}) == {"status": "UnknownVendorId"}
