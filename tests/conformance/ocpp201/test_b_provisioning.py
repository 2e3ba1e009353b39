"""Block B, provisioning: how stations are let in, their variables and reports, and how they are reset.

Each function is a test case of the standard's part 6, run against 2.0.1 and 2.1.
"""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import pytest
import pytest_asyncio

from ..charge import Charge, charging
from ..double import CallError, Double
from ..inventory import ACCEPTED, Model, place, reported, tell
from ..product import Product, running
from ..speech import speech

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.parametrize("version", ["2.0.1", "2.1"]),
]
proves = pytest.mark.proves
_names = itertools.count(1)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def product(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Product]:
    """One that goes to work right after a boot."""
    async with running(tmp_path_factory.mktemp("product"), after_boot_s=0.0, boot_retry_s=90) as made:
        yield made


@pytest.fixture
def name() -> str:
    return f"B{next(_names)}"


async def boot(double: Double, reason: str = "PowerUp") -> dict[str, Any]:
    station = {"model": "Duo", "vendorName": "Amp Works", "firmwareVersion": "1.0"}
    return await double.call("BootNotification", {"reason": reason, "chargingStation": station})


async def available(product: Product, double: Double, status: str = "Available") -> None:
    """The state of the only connector, in both ways that there are."""
    told = {"timestamp": product.at(), "connectorStatus": status, "evseId": 1, "connectorId": 1}
    assert await double.call("StatusNotification", told) == {}
    assert await double.call("NotifyEvent", availability(product, status)) == {}


def availability(product: Product, status: str) -> dict[str, Any]:
    event = {
        "eventId": next(_names),
        "timestamp": product.at(),
        "trigger": "Delta",
        "actualValue": status,
        "eventNotificationType": "HardWiredNotification",
    }
    where = place("Connector", "AvailabilityState", evse_id=1, connector_id=1)
    return {"generatedAt": product.at(), "seqNo": 0, "tbc": False, "eventData": [event | where]}


async def policy(product: Product, name: str, **change: Any) -> dict[str, Any]:
    await product.until(lambda said: said["online"], f"/stations/{name}")
    answer = await product.api.patch(f"/api/v1/stations/{name}", json=change)
    assert answer.status_code == 200, answer.text
    said: dict[str, Any] = answer.json()
    return said


# ---------------------------------------------------------------- boot


@proves("B01.FR.02")
async def test_TC_B_01_CSMS_accepted(product: Product, name: str, version: str) -> None:
    """A known station is accepted, told the time and an interval, and its connectors are shown."""
    async with product.station(name, version) as double:
        answer = await boot(double)
        assert (answer["status"], answer["interval"]) == ("Accepted", 300)
        assert abs((_time(answer["currentTime"]) - product.now).total_seconds()) < 5
        await available(product, double)
        shown = await product.get(f"/stations/{name}")
        assert (shown["vendor"], shown["model"], shown["registration"]) == ("Amp Works", "Duo", "Accepted")
        assert [item["status"] for item in shown["connectors"]] == ["Available"]


@proves("B02.FR.01", "B02.FR.06", "B07.FR.14")
async def test_TC_B_02_CSMS_pending_until_provisioned(product: Product, name: str, version: str) -> None:
    """A station that must be provisioned first is pending, read, asked to boot again, and then accepted."""
    async with product.station(name, version) as double:
        await policy(product, name, boot_policy="pending", provision=True)
        double.reactions["GetBaseReport"] = ACCEPTED
        double.reactions["TriggerMessage"] = ACCEPTED
        first = await boot(double)
        assert first["status"] == "Pending"
        assert 72 <= first["interval"] <= 108  # 90 s, give or take a fifth
        asked = await double.wait_heard("GetBaseReport")
        assert asked["reportBase"] == "FullInventory"
        await tell(product, double, asked["requestId"], [reported("OCPPCommCtrlr", "OfflineThreshold", "60")])
        assert (await double.wait_heard("TriggerMessage"))["requestedMessage"] == "BootNotification"
        assert (await boot(double))["status"] == "Accepted"
        await available(product, double)
        [known] = await product.get(f"/stations/{name}/variables", component="OCPPCommCtrlr")
        assert (known["variable"], known["value"]) == ("OfflineThreshold", "60")
    async with product.station(name, version) as double:
        assert (await boot(double))["status"] == "Accepted"  # it is what it was


@proves("B02.FR.09", "B03.FR.07", "B01.FR.10")
@pytest.mark.parametrize(("rule", "status"), [("pending", "Pending"), ("reject", "Rejected")])
async def test_TC_B_30_CSMS_security_error(
    product: Product, name: str, version: str, rule: str, status: str
) -> None:
    """Who is not accepted gets a SecurityError for all it says but its next boot, and keeps its socket."""
    async with product.station(name, version) as double:
        await policy(product, name, boot_policy=rule, provision=False)
        assert (await boot(double))["status"] == status
        words = speech(version, name)
        for message in (
            words.status(1, "Available", product.at()),
            ("NotifyEvent", availability(product, "Available")),
            words.start(1, "CAFE01", 0, product.at()),
            ("Heartbeat", {}),
        ):
            with pytest.raises(CallError) as refused:
                await double.call(*message)
            assert refused.value.code == "SecurityError"
        assert (await product.get(f"/stations/{name}"))["connectors"] == []
        assert await product.transactions(name) == []
        assert (await boot(double))["status"] == status
        start = await product.command(
            name, "request_start", evse_id=1, token={"value": "CAFE01", "kind": "ISO14443"}
        )
        assert (start.status_code, start.json()["outcome"]["result"]) == (409, "not_accepted")
        if rule == "reject":  # it is told nothing at all (B03.FR.03)
            assert (await product.ocpp(name, "GetVariables", {"getVariableData": []})).status_code == 409
        assert double.heard == []


@proves("B02.FR.02", "F06.FR.06")
async def test_TC_B_31_CSMS_trigger_message(product: Product, name: str, version: str) -> None:
    """A pending station may say what it was asked for, and a person's word lets it in at once."""
    async with product.station(name, version) as double:
        await policy(product, name, boot_policy="pending", provision=False)
        double.reactions["TriggerMessage"] = ACCEPTED
        assert (await boot(double))["status"] == "Pending"
        assert (await product.command(name, "trigger", message="Heartbeat")).status_code == 200
        assert "currentTime" in await double.call("Heartbeat", {})
        with pytest.raises(CallError, match="SecurityError"):
            await double.call(*speech(version, name).status(1, "Available", product.at()))
        await policy(product, name, boot_policy="accept")
        assert (await double.wait_heard("TriggerMessage", 2)) == {"requestedMessage": "BootNotification"}
        assert (await boot(double, "Triggered"))["status"] == "Accepted"
        await available(product, double)
        deeds = [deed["action"] for deed in await product.audit(name)]
        assert deeds.count("change_station") == 2


# ---------------------------------------------------------------- variables

THRESHOLD = {"component": "OCPPCommCtrlr", "variable": "OfflineThreshold"}
REMOTE_START = {"component": "AuthCtrlr", "variable": "AuthorizeRemoteStart"}


def model() -> Model:
    return Model(
        {
            ("OCPPCommCtrlr", None, "OfflineThreshold"): "60",
            ("AuthCtrlr", None, "AuthorizeRemoteStart"): "true",
        }
    )


@proves("B06.FR.01", "B06.FR.02", "B06.FR.03", "B06.FR.04", "B06.FR.10", "B06.FR.11")
async def test_TC_B_06_CSMS_get_one_variable(product: Product, name: str, version: str) -> None:
    """One variable is asked for by its names, and what the station tells is shown."""
    async with product.station(name, version) as double:
        model().attach(double)
        answer = await product.command(name, "get_variables", variables=[THRESHOLD])
        assert answer.json()["data"][0]["value"] == "60"
        assert double.heard == [
            ("GetVariables", {"getVariableData": [place("OCPPCommCtrlr", "OfflineThreshold")]})
        ]
        [known] = await product.get(f"/stations/{name}/variables")
        assert (known["variable"], known["value"]) == ("OfflineThreshold", "60")
        [deed] = await product.audit(name)
        assert (deed["action"], deed["outcome"]) == ("get_variables", "accepted")


@proves("B06.FR.01", "B06.FR.02", "B06.FR.03", "B06.FR.05")
async def test_TC_B_07_CSMS_get_several_variables(product: Product, name: str, version: str) -> None:
    """Several variables go into one message, as many as the station takes."""
    async with product.station(name, version) as double:
        device = model()
        device.attach(double)
        both = [THRESHOLD, REMOTE_START]
        answer = await product.command(name, "get_variables", variables=both)
        assert [item["value"] for item in answer.json()["data"]] == ["60", "true"]
        assert len(double.heard) == 1
        limit = THRESHOLD | {
            "component": "DeviceDataCtrlr",
            "variable": "ItemsPerMessage",
            "variable_instance": "GetVariables",
        }
        device.values["DeviceDataCtrlr", None, "ItemsPerMessage"] = "1"
        assert (await product.command(name, "get_variables", variables=[limit])).status_code == 200
        answer = await product.command(name, "get_variables", variables=both)
        assert [item["value"] for item in answer.json()["data"]] == ["60", "true"]
        assert [len(payload["getVariableData"]) for _, payload in double.heard] == [2, 1, 1, 1]


@proves("B05.FR.01", "B05.FR.02", "B05.FR.03", "B05.FR.10")
async def test_TC_B_09_CSMS_set_one_variable(product: Product, name: str, version: str) -> None:
    """A variable is set, and shown with its new value once the station has taken it."""
    async with product.station(name, version) as double:
        model().attach(double)
        answer = await product.command(name, "set_variables", values=[{"ref": THRESHOLD, "value": "123"}])
        assert answer.status_code == 200, answer.text
        [(action, payload)] = double.heard
        assert action == "SetVariables"
        assert payload == {
            "setVariableData": [place("OCPPCommCtrlr", "OfflineThreshold") | {"attributeValue": "123"}]
        }
        [known] = await product.get(f"/stations/{name}/variables")
        assert known["value"] == "123"


@proves("B05.FR.01", "B05.FR.02", "B05.FR.03", "B05.FR.11", "B05.FR.13")
async def test_TC_B_10_CSMS_set_several_variables(product: Product, name: str, version: str) -> None:
    """Several variables are set and judged one by one; never the same twice in a message; a value that
    needs a boot is marked until there was one."""
    async with product.station(name, version) as double:
        device = model()
        device.attach(double)
        device.verdicts["AuthorizeRemoteStart"] = "RebootRequired"
        values = [{"ref": THRESHOLD, "value": "123"}, {"ref": REMOTE_START, "value": "false"}]
        assert (await product.command(name, "set_variables", values=values)).status_code == 200
        assert len(double.heard) == 1
        waiting = await product.get(f"/stations/{name}/variables", reboot_required=True)
        assert [item["variable"] for item in waiting] == ["AuthorizeRemoteStart"]
        assert (await product.get(f"/stations/{name}"))["reboot_required"]
        await boot(double)
        assert not (await product.get(f"/stations/{name}"))["reboot_required"]

        device.verdicts = {"AuthorizeRemoteStart": "Rejected"}
        twice = [*values, {"ref": THRESHOLD, "value": "124"}]
        refused = await product.command(name, "set_variables", values=twice)
        assert refused.status_code == 502
        assert [item["status"] for item in refused.json()["outcome"]["data"]] == [
            "Accepted",
            "Rejected",
            "Accepted",
        ]
        sent = [payload for action, payload in double.heard if action == "SetVariables"]
        assert [len(payload["setVariableData"]) for payload in sent] == [2, 2, 1]
        known = {item["variable"]: item["value"] for item in await product.get(f"/stations/{name}/variables")}
        assert known == {"OfflineThreshold": "124", "AuthorizeRemoteStart": "false"}


# ---------------------------------------------------------------- reports


async def base_report(product: Product, name: str, version: str, base: str) -> None:
    items = [reported("OCPPCommCtrlr", f"V{number}", str(number)) for number in range(5)]
    async with product.station(name, version) as double:
        double.reactions["GetBaseReport"] = ACCEPTED
        answer = await product.command(name, "get_base_report", base=base)
        assert answer.status_code == 200, answer.text
        asked = await double.wait_heard("GetBaseReport")
        assert asked["reportBase"] == base
        assert asked["requestId"] >= 0
        [waiting] = await product.get(f"/stations/{name}/reports")
        assert (waiting["state"], waiting["what"]) == ("waiting", base)
        await tell(product, double, asked["requestId"], items, size=2)
        [report] = await product.get(f"/stations/{name}/reports")
        assert (report["state"], report["parts"], report["items"]) == ("complete", 3, 5)
        page = await product.get(f"/stations/{name}/device-model", limit=3)
        assert (page["total"], [item["value"] for item in page["items"]]) == (5, ["0", "1", "2"])
        rest = await product.get(f"/stations/{name}/device-model", limit=3, after=page["next"])
        assert (rest["next"], [item["value"] for item in rest["items"]]) == (None, ["3", "4"])


@proves("B07.FR.07")
async def test_TC_B_12_CSMS_configuration_inventory(product: Product, name: str, version: str) -> None:
    """What can be configured is asked for, told in parts, and shown."""
    await base_report(product, name, version, "ConfigurationInventory")


@proves("B07.FR.08")
async def test_TC_B_13_CSMS_full_inventory(product: Product, name: str, version: str) -> None:
    """All there is is asked for, told in parts, and shown."""
    await base_report(product, name, version, "FullInventory")


@proves("B07.FR.09")
async def test_TC_B_14_CSMS_summary_inventory(product: Product, name: str, version: str) -> None:
    """What is of interest is asked for, told in parts, and shown."""
    await base_report(product, name, version, "SummaryInventory")


@proves("B08.FR.01", "B08.FR.03", "B08.FR.15")
async def test_TC_B_18_CSMS_custom_report(product: Product, name: str, version: str) -> None:
    """Variables that are named, of components that meet a criterion; nothing that does is an answer, too."""
    where = {"component": "EVSE", "evse_id": 1, "variable": "AvailabilityState"}
    async with product.station(name, version) as double:
        double.reactions["GetReport"] = {"status": "EmptyResultSet"}
        answer = await product.command(name, "get_report", criteria=["Problem"], variables=[where])
        assert (answer.status_code, answer.json()["status"]) == (200, "EmptyResultSet")
        asked = await double.wait_heard("GetReport")
        assert asked["componentCriteria"] == ["Problem"]
        assert asked["componentVariable"] == [place("EVSE", "AvailabilityState", evse_id=1)]
        double.reactions["GetReport"] = ACCEPTED
        assert (
            await product.command(name, "get_report", criteria=["Available"], variables=[where])
        ).status_code == 200
        asked = await double.wait_heard("GetReport", 2)
        assert asked["componentCriteria"] == ["Available"]
        told = reported("EVSE", "AvailabilityState", "Available", mutability="ReadOnly", evse_id=1)
        await tell(product, double, asked["requestId"], [told])
        states = [item["state"] for item in await product.get(f"/stations/{name}/reports")]
        assert states == ["complete", "empty"]
        [known] = await product.get(f"/stations/{name}/variables", text="availab")
        assert (known["evse_id"], known["value"], known["read_only"]) == (1, "Available", True)


# ---------------------------------------------------------------- resets


@proves("B11.FR.04", "B01.FR.03")
async def test_TC_B_20_CSMS_reset_on_idle(product: Product, name: str, version: str) -> None:
    """An idle station is reset, boots, and is accepted again."""
    async with product.station(name, version) as double:
        await boot(double)
        double.reactions["Reset"] = ACCEPTED
        assert (await product.command(name, "reset", kind="OnIdle")).status_code == 200
        assert (await double.wait_heard("Reset")) == {"type": "OnIdle"}
    async with product.station(name, version) as double:
        assert (await boot(double, "RemoteReset"))["status"] == "Accepted"
        await available(product, double)
        assert (await product.get(f"/stations/{name}"))["connectors"][0]["status"] == "Available"


@proves("B12.FR.01", "B12.FR.03", "E07.FR.03")
async def test_TC_B_21_CSMS_reset_after_the_transaction(product: Product, name: str, version: str) -> None:
    """A reset while charging is put off until the driver has stopped; the transaction ends as it would."""
    async with charging(product, name, version) as charge:
        await charge.energy_transfer()
        await reset(product, charge, {"type": "OnIdle"}, "Scheduled")
        answer = await charge.event("StopAuthorized", "EVConnected", idToken=charge.token)
        assert answer["idTokenInfo"]["status"] == "Accepted"
        await charge.ev_disconnected()
        row = await product.transaction(name)
        assert (row["state"], row["stop_reason"]) == ("ended", "EVDisconnected")
        assert (await boot(charge.double, "ScheduledReset"))["status"] == "Accepted"
        await available(product, charge.double)


@proves("B12.FR.02", "B12.FR.04")
async def test_TC_B_22_CSMS_reset_at_once(product: Product, name: str, version: str) -> None:
    """A reset at once ends the transaction; the car is still connected after the boot."""
    async with charging(product, name, version) as charge:
        await charge.energy_transfer()
        await reset(product, charge, {"type": "Immediate"}, "Accepted")
        await ended_by_reset(product, charge)
        assert (await boot(charge.double, "RemoteReset"))["status"] == "Accepted"
        await available(product, charge.double, "Occupied")
        shown = await product.get(f"/stations/{name}")
        assert [item["status"] for item in shown["connectors"]] == ["Occupied"]


@proves("B11.FR.04", "B11.FR.08")
async def test_TC_B_25_CSMS_reset_an_evse(product: Product, name: str, version: str) -> None:
    """One EVSE is reset, the others go on."""
    async with product.station(name, version) as double:
        await boot(double)
        double.reactions["Reset"] = ACCEPTED
        assert (await product.command(name, "reset", kind="OnIdle", evse_id=1)).status_code == 200
        assert (await double.wait_heard("Reset")) == {"type": "OnIdle", "evseId": 1}


@proves("B12.FR.07")
async def test_TC_B_26_CSMS_reset_an_evse_after_its_transaction(
    product: Product, name: str, version: str
) -> None:
    """The reset of an EVSE that charges is put off until its transaction has ended."""
    async with charging(product, name, version) as charge:
        await charge.energy_transfer()
        await reset(product, charge, {"type": "OnIdle", "evseId": 1}, "Scheduled")
        await charge.event("StopAuthorized", "EVConnected", idToken=charge.token)
        await charge.ev_disconnected()
        assert (await product.transaction(name))["state"] == "ended"


@proves("B12.FR.08")
async def test_TC_B_27_CSMS_reset_an_evse_at_once(product: Product, name: str, version: str) -> None:
    """The reset of an EVSE at once ends its transaction."""
    async with charging(product, name, version) as charge:
        await charge.energy_transfer()
        await reset(product, charge, {"type": "Immediate", "evseId": 1}, "Accepted")
        await ended_by_reset(product, charge)


# ---------------------------------------------------------------- network profiles

NETWORK = {"slot": 2, "url": "wss://charge.example/ocpp", "security_profile": 2, "message_timeout_s": 45}


@proves("B09.FR.01")
async def test_TC_B_42_CSMS_network_profile(product: Product, name: str, version: str) -> None:
    """How a station may reach us is kept in one of its slots, in the words of its version."""
    async with product.station(name, version) as double:
        double.reactions["SetNetworkProfile"] = ACCEPTED
        answer = await product.command(name, "set_network_profile", **NETWORK, interface="Wireless0")
        assert (answer.status_code, answer.json()["status"]) == (200, "Accepted")
        told = {
            "messageTimeout": 45,
            "ocppCsmsUrl": "wss://charge.example/ocpp",
            "ocppInterface": "Wireless0",
            "ocppTransport": "JSON",
            "securityProfile": 2,
        } | ({"ocppVersion": "OCPP20"} if version == "2.0.1" else {})
        assert double.heard == [("SetNetworkProfile", {"configurationSlot": 2, "connectionData": told})]
        [deed] = await product.audit(name)
        assert (deed["action"], deed["outcome"]) == ("set_network_profile", "accepted")


@proves("B09.FR.03")
async def test_TC_B_44_CSMS_network_profile_failed(product: Product, name: str, version: str) -> None:
    """A station that could not keep it says so, and so does the answer."""
    async with product.station(name, version) as double:
        double.reactions["SetNetworkProfile"] = {"status": "Failed"}
        answer = await product.command(name, "set_network_profile", **NETWORK)
        assert (answer.status_code, answer.json()["outcome"]["status"]) == (502, "Failed")
        [deed] = await product.audit(name)
        assert (deed["action"], deed["outcome"]) == ("set_network_profile", "rejected")


async def reset(product: Product, charge: Charge, wire: dict[str, Any], status: str) -> None:
    charge.double.reactions["Reset"] = {"status": status}
    evse = {"evse_id": wire["evseId"]} if "evseId" in wire else {}
    answer = await product.command(charge.name, "reset", kind=wire["type"], **evse)
    assert (answer.status_code, answer.json()["status"]) == (200, status)
    assert await charge.double.wait_heard("Reset") == wire
    deed = (await product.audit(charge.name))[0]
    assert (deed["action"], deed["outcome"]) == ("reset", "accepted")


async def ended_by_reset(product: Product, charge: Charge) -> None:
    await charge.event("ResetCommand", "EVConnected", kind="Ended", stopped="ImmediateReset")
    row = await product.transaction(charge.name)
    assert (row["state"], row["stop_reason"]) == ("ended", "ImmediateReset")


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))
