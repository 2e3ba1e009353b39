"""Inventories, expected configuration and boot policies on real sockets: what goes missing, what is refused,
what a restart leaves.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.conformance.double import CallError, Double
from tests.conformance.inventory import ACCEPTED, Model, parts_of, reported, tell
from tests.conformance.product import Product, running
from tests.conformance.speech import speech

pytestmark = pytest.mark.asyncio(loop_scope="module")
_names = itertools.count(1)
NEW = {"after_boot_s": 0.0, "report_patience_s": 60.0}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def product(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Product]:
    async with running(tmp_path_factory.mktemp("product"), **NEW) as made:
        yield made


@pytest.fixture
def name() -> str:
    return f"P{next(_names)}"


async def boot(double: Double, firmware: str = "1.0", reason: str = "PowerUp") -> str:
    station = {"model": "Duo", "vendorName": "Amp Works", "firmwareVersion": firmware}
    answer = await double.call("BootNotification", {"reason": reason, "chargingStation": station})
    return str(answer["status"])


async def patch(product: Product, name: str, **change: Any) -> None:
    await product.until(lambda said: said["online"], f"/stations/{name}")
    answer = await product.api.patch(f"/api/v1/stations/{name}", json=change)
    assert answer.status_code == 200, answer.text


# ---------------------------------------------------------------- inventories


async def test_five_thousand_variables_in_parts(product: Product, name: str) -> None:
    items = [
        reported(
            "Sensor",
            f"Reading{number:02}",
            str(number),
            evse_id=evse,
            connector_id=connector,
            data_type="decimal",
            kind={"unit": "A", "minLimit": 0, "maxLimit": 32.5, "supportsMonitoring": True},
        )
        for evse in range(1, 26)
        for connector in range(1, 5)
        for number in range(50)
    ]
    async with product.station(name, "2.0.1") as double:
        double.reactions["GetBaseReport"] = ACCEPTED
        assert (await product.command(name, "get_base_report")).status_code == 200
        asked = await double.wait_heard("GetBaseReport")
        await tell(product, double, asked["requestId"], items, size=100)
        [report] = await product.get(f"/stations/{name}/reports")
        assert (report["state"], report["parts"], report["items"]) == ("complete", 50, 5_000)
        found = await product.get(f"/stations/{name}/device-model", text="reading49", evse_id=25, limit=1000)
        assert (found["total"], len(found["items"]), found["next"]) == (5_000, 4, None)
        last = found["items"][-1]
        assert (last["connector_id"], last["value"], last["unit"]) == (4, "49", "A")
        assert (last["data_type"], last["min_limit"], last["max_limit"]) == ("decimal", 0.0, 32.5)
        assert (last["mutability"], last["persistent"], last["supports_monitoring"]) == (
            "ReadWrite",
            True,
            True,
        )
        seen, after = 0, None
        while True:
            query = {"limit": 1000} | ({} if after is None else {"after": after})
            page = await product.get(f"/stations/{name}/device-model", **query)
            seen += len(page["items"])
            if (after := page["next"]) is None:
                break
        assert seen == 5_000


async def test_what_a_full_inventory_does_not_tell_any_more_is_forgotten(product: Product, name: str) -> None:
    first = [reported("OCPPCommCtrlr", one, "1") for one in ("A", "B")]
    async with product.station(name, "2.0.1") as double:
        double.reactions["GetBaseReport"] = ACCEPTED
        for count, items in ((1, first), (2, first[1:])):
            await product.command(name, "get_base_report")
            asked = await double.wait_heard("GetBaseReport", count)
            await tell(product, double, asked["requestId"], items)
            known = await product.get(f"/stations/{name}/variables")
            assert [item["variable"] for item in known] == ["A", "B"][count - 1 :]


async def test_a_write_only_value_is_never_shown(product: Product, name: str) -> None:
    items = [
        reported("SecurityCtrlr", "BasicAuthPassword", None, mutability="WriteOnly"),
        reported("Other", "Pin", "1234", mutability="WriteOnly"),  # against the standard
    ]
    async with product.station(name, "2.0.1") as double:
        double.reactions["GetBaseReport"] = ACCEPTED
        await product.command(name, "get_base_report")
        asked = await double.wait_heard("GetBaseReport")
        await tell(product, double, asked["requestId"], items)
        known = await product.get(f"/stations/{name}/variables")
        assert [(item["variable"], item["value"], item["mutability"]) for item in known] == [
            ("Pin", None, "WriteOnly"),
            ("BasicAuthPassword", None, "WriteOnly"),
        ]


async def test_a_missing_part_is_asked_for_once_more_and_then_told(product: Product, name: str) -> None:
    items = [reported("OCPPCommCtrlr", f"V{number}", str(number)) for number in range(4)]
    async with product.station(name, "2.0.1") as double:
        double.reactions["GetBaseReport"] = ACCEPTED
        await product.command(name, "get_base_report")
        for count in (1, 2):
            asked = await double.wait_heard("GetBaseReport", count)
            for part in parts_of(asked["requestId"], items, 1, product.at()):
                if part["seqNo"] != 2:
                    await double.call("NotifyReport", part)
            [report] = await product.get(f"/stations/{name}/reports")
            assert (report["state"], report["asked_again"]) == ("waiting", count == 2)
            assert report["missing"] == [2]
            product.leap(61.0)
        [report] = await product.until(
            lambda said: said[0]["state"] == "incomplete", f"/stations/{name}/reports"
        )
        assert (report["missing"], report["items"]) == ([2], 3)
        assert [action for action, _ in double.heard] == ["GetBaseReport"] * 2
        # What came is kept all the same.
        known = await product.get(f"/stations/{name}/variables")
        assert [item["variable"] for item in known] == ["V0", "V1", "V3"]


async def test_a_second_report_that_is_whole_is_complete(product: Product, name: str) -> None:
    items = [reported("OCPPCommCtrlr", f"V{number}", str(number)) for number in range(3)]
    async with product.station(name, "2.0.1") as double:
        double.reactions["GetBaseReport"] = ACCEPTED
        await product.command(name, "get_base_report")
        first = await double.wait_heard("GetBaseReport")
        await double.call("NotifyReport", parts_of(first["requestId"], items, 1, product.at())[0])
        product.leap(61.0)
        again = await double.wait_heard("GetBaseReport", 2)
        assert again["requestId"] != first["requestId"]
        await tell(product, double, again["requestId"], items, size=2)
        [report] = await product.get(f"/stations/{name}/reports")
        assert (report["state"], report["asked_again"], report["items"]) == ("complete", True, 3)


async def test_a_report_asked_for_letter_by_letter_is_followed_too(product: Product, name: str) -> None:
    async with product.station(name, "2.1") as double:
        double.reactions["GetBaseReport"] = ACCEPTED
        request = {"requestId": 77, "reportBase": "FullInventory"}
        assert (await product.ocpp(name, "GetBaseReport", request)).status_code == 200
        await tell(product, double, 77, [reported("OCPPCommCtrlr", "A", "1")])
        [report] = await product.get(f"/stations/{name}/reports")
        assert (report["request_id"], report["state"]) == (77, "complete")


async def test_a_report_of_more_variables_than_fit_is_several_reports(product: Product, name: str) -> None:
    limit = {
        "component": "DeviceDataCtrlr",
        "variable": "ItemsPerMessage",
        "variable_instance": "GetReport",
    }
    asked = [{"component": "EVSE", "evse_id": evse, "variable": "Power"} for evse in (1, 2, 3)]
    async with product.station(name, "2.0.1") as double:
        Model({("DeviceDataCtrlr", None, "ItemsPerMessage"): "2"}).attach(double)
        double.reactions["GetReport"] = ACCEPTED
        await product.command(name, "get_variables", variables=[limit])
        answer = await product.command(name, "get_report", criteria=["Active"], variables=asked)
        assert answer.status_code == 200, answer.text
        sent = [payload for action, payload in double.heard if action == "GetReport"]
        assert [len(payload["componentVariable"]) for payload in sent] == [2, 1]
        assert len({payload["requestId"] for payload in sent}) == 2
        for payload in sent:
            told = reported("EVSE", "Power", "11000", evse_id=1)
            await tell(product, double, payload["requestId"], [told])
        states = [item["state"] for item in await product.get(f"/stations/{name}/reports")]
        assert states == ["complete", "complete"]


async def test_bytes_of_a_message_are_bounded_too(product: Product, name: str) -> None:
    device = Model({("DeviceDataCtrlr", None, "BytesPerMessage"): "400"})
    refs = [{"component": "OCPPCommCtrlr", "variable": f"{number}" + "x" * 40} for number in range(9)]
    async with product.station(name, "2.0.1") as double:
        device.attach(double)
        limit = {
            "component": "DeviceDataCtrlr",
            "variable": "BytesPerMessage",
            "variable_instance": "SetVariables",
        }
        await product.command(name, "get_variables", variables=[limit])
        values = [{"ref": ref, "value": "1"} for ref in refs]
        assert (await product.command(name, "set_variables", values=values)).status_code == 200
        sent = [payload for action, payload in double.heard if action == "SetVariables"]
        assert sum(len(payload["setVariableData"]) for payload in sent) == 9
        assert len(sent) > 1
        assert all(len(json.dumps(payload, separators=(",", ":"))) <= 400 for payload in sent)


# ---------------------------------------------------------------- expected configuration


async def put(product: Product, title: str, value: str, **to: Any) -> None:
    wanted = {"component": "OCPPCommCtrlr", "variable": "OfflineThreshold", "value": value}
    body = {"values": [wanted]} | to
    answer = await product.api.put(f"/api/v1/configurations/{title}", json=body)
    assert answer.status_code == 200, answer.text


async def test_drift_is_shown_and_set_right_by_command(product: Product, name: str) -> None:
    device = Model({("OCPPCommCtrlr", None, "OfflineThreshold"): "60"})
    async with product.station(name, "2.0.1") as double:
        device.attach(double)
        await product.until(lambda said: said["online"], f"/stations/{name}")
        await put(product, f"of {name}", "120", stations=[name])
        before = await product.get(f"/stations/{name}/drift")
        assert (before["settled"], before["items"][0]["state"]) == (False, "unknown")
        answer = await product.api.post(f"/api/v1/stations/{name}/converge")
        assert answer.status_code == 200, answer.text
        [item] = answer.json()["items"]
        assert (answer.json()["settled"], item["state"], item["actual"]) == (True, "same", "120")
        assert item["template"] == f"of {name}"
        # It was read before it was written, and not written again.
        assert [action for action, _ in double.heard] == ["GetVariables", "SetVariables"]
        await product.api.post(f"/api/v1/stations/{name}/converge")
        assert [action for action, _ in double.heard] == ["GetVariables", "SetVariables"]
        deeds = [(deed["action"], deed["outcome"]) for deed in await product.audit(name)]
        assert deeds == [("set_variables", "accepted"), ("get_variables", "accepted")]
    await product.until(lambda said: not said["online"], f"/stations/{name}")
    assert (await product.api.post(f"/api/v1/stations/{name}/converge")).status_code == 409
    assert (await product.api.delete(f"/api/v1/configurations/of {name}")).status_code == 204
    assert (await product.get(f"/stations/{name}/drift"))["items"] == []


async def test_an_automatic_template_is_set_after_a_boot_and_a_refusal_is_not_asked_for_again(
    product: Product, name: str
) -> None:
    device = Model({("OCPPCommCtrlr", None, "OfflineThreshold"): "60"})
    device.verdicts["OfflineThreshold"] = "Rejected"

    async def settled(double: Double) -> list[str]:
        """Boot, and return what the station was told until it was asked for its monitors: that comes last."""
        before = len(double.heard)
        asked = sum(action == "GetMonitoringReport" for action, _ in double.heard)
        assert await boot(double) == "Accepted"
        await double.wait_heard("GetMonitoringReport", asked + 1)
        return [action for action, _ in double.heard[before:]]

    async with product.station(name, "2.0.1") as double:
        device.attach(double)
        double.reactions |= {"TriggerMessage": ACCEPTED, "GetMonitoringReport": ACCEPTED}
        await patch(product, name, provision=True)
        await product.command(name, "get_monitoring_report")
        asked = await double.wait_heard("GetMonitoringReport")
        await monitors(product, double, asked["requestId"], 1)
        await put(product, f"of {name}", "120", stations=[name], automatic=True)
        assert (await settled(double)).count("SetVariables") == 1
        [item] = (await product.get(f"/stations/{name}/drift"))["items"]
        assert (item["state"], item["status"], item["actual"]) == ("refused", "Rejected", "60")
        shown = await product.get(f"/stations/{name}")
        assert shown["provisioning_problem"] == "OCPPCommCtrlr.OfflineThreshold Rejected"
        assert (await settled(double)).count("SetVariables") == 0
        # Another value is another question, and a person may ask again.
        device.verdicts = {}
        await put(product, f"of {name}", "180", stations=[name], automatic=True)
        assert (await settled(double)).count("SetVariables") == 1
        assert (await product.get(f"/stations/{name}/drift"))["settled"]
        assert (await product.get(f"/stations/{name}"))["provisioning_problem"] is None
        assert (await settled(double)).count("SetVariables") == 0


async def test_a_template_of_a_mixed_fleet_gives_each_what_it_can_have(product: Product, name: str) -> None:
    wanted = [
        {"component": "OCPP16", "variable": "HeartbeatInterval", "value": "77"},
        {"component": "OCPPCommCtrlr", "variable": "HeartbeatInterval", "value": "77"},
    ]
    body = {"values": wanted, "stations": []}
    put = await product.api.put("/api/v1/configurations/mixed", json=body)
    assert put.status_code == 200, put.text
    try:
        async with product.station(f"{name}-old") as old, product.station(f"{name}-new", "2.1") as new:
            old.reactions |= {
                "GetConfiguration": {"unknownKey": ["HeartbeatInterval"]},
                "ChangeConfiguration": ACCEPTED,
            }
            Model({}).attach(new)
            for station in ("old", "new"):
                await product.until(lambda said: said["online"], f"/stations/{name}-{station}")
                answer = await product.api.post(f"/api/v1/stations/{name}-{station}/converge")
                assert answer.json()["settled"], answer.text
            assert old.heard[-1] == ("ChangeConfiguration", {"key": "HeartbeatInterval", "value": "77"})
            assert new.heard[-1][0] == "SetVariables"
    finally:
        await product.api.delete("/api/v1/configurations/mixed")


async def test_a_template_that_can_not_be_is_refused(product: Product) -> None:
    url = "/api/v1/configurations/wrong"
    password = {"component": "SecurityCtrlr", "variable": "BasicAuthPassword", "value": "x" * 16}
    twice = [{"component": "A", "variable": "B", "value": value} for value in "12"]
    for body in (
        {"values": []},
        {"values": [password]},
        {"values": twice},
        {"values": twice[:1], "colour": "red"},
    ):
        assert (await product.api.put(url, json=body)).status_code == 422
    nobody = {"values": twice[:1], "stations": ["NOBODY"]}
    assert (await product.api.put(url, json=nobody)).status_code == 404
    assert (await product.api.get(url)).status_code == 404
    assert (await product.api.delete(url)).status_code == 404


# ---------------------------------------------------------------- boot policies


async def test_a_station_that_refuses_what_is_wanted_stays_pending_until_a_person_lets_it_in(
    product: Product, name: str
) -> None:
    device = Model({("OCPPCommCtrlr", None, "OfflineThreshold"): "60"})
    device.verdicts["OfflineThreshold"] = "Rejected"
    async with product.station(name, "2.0.1") as double:
        device.attach(double)
        double.reactions["TriggerMessage"] = ACCEPTED
        await patch(product, name, boot_policy="pending", provision=True)
        await put(product, f"of {name}", "120", stations=[name], automatic=True)
        assert await boot(double) == "Pending"
        shown = await product.until(
            lambda said: said["provisioning_problem"] is not None, f"/stations/{name}"
        )
        assert shown["provisioning_problem"] == "OCPPCommCtrlr.OfflineThreshold Rejected"
        assert await boot(double) == "Pending"
        await patch(product, name, boot_policy="accept")
        assert (await double.wait_heard("TriggerMessage"))["requestedMessage"] == "BootNotification"
        assert await boot(double, reason="Triggered") == "Accepted"


async def test_another_firmware_is_provisioned_anew(product: Product, name: str) -> None:
    device = Model({("OCPPCommCtrlr", None, "OfflineThreshold"): "60"})
    async with product.station(name, "2.0.1") as double:
        device.attach(double)
        double.reactions["TriggerMessage"] = ACCEPTED
        await patch(product, name, boot_policy="pending", provision=True)
        for count, firmware in enumerate(("1.0", "1.1"), 1):
            assert await boot(double, firmware) == "Pending"
            await double.wait_heard("TriggerMessage", count)
            assert await boot(double, firmware) == "Accepted"
            assert await boot(double, firmware) == "Accepted"


async def test_a_restart_forgets_nothing(tmp_path: Path) -> None:
    device = Model({("OCPPCommCtrlr", None, "OfflineThreshold"): "60"})
    device.verdicts["OfflineThreshold"] = "RebootRequired"
    threshold = {"component": "OCPPCommCtrlr", "variable": "OfflineThreshold"}
    async with running(tmp_path, **NEW) as product, product.station("CP1", "2.0.1") as double:
        device.attach(double)
        await product.until(lambda said: said["online"], "/stations/CP1")
        values = [{"ref": threshold, "value": "90"}]
        assert (await product.command("CP1", "set_variables", values=values)).status_code == 200
        await patch(product, "CP1", boot_policy="pending")
        assert await boot(double, reason="Triggered") == "Pending"
    async with running(tmp_path, **NEW) as product:
        shown = await product.get("/stations/CP1")
        assert (shown["boot_policy"], shown["registration"]) == ("pending", "Pending")
        assert shown["reboot_required"]
        async with product.station("CP1", "2.0.1") as double:
            with pytest.raises(CallError, match="SecurityError"):
                await double.call("Heartbeat", {})
            assert await boot(double) == "Pending"
            assert not (await product.get("/stations/CP1"))["reboot_required"]
            answer = await product.api.patch("/api/v1/stations/CP1", json={"boot_policy": "maybe"})
            assert answer.status_code == 422
            await patch(product, "CP1", boot_policy=None)
            assert await boot(double) == "Accepted"


async def test_the_policy_of_the_node_is_for_all_that_have_none(tmp_path: Path) -> None:
    async with running(tmp_path, boot="pending", **NEW) as product, product.station("CP1") as double:
        told = {"chargePointVendor": "Amp Works", "chargePointModel": "Duo"}
        with pytest.raises(CallError, match="SecurityError"):
            await double.call("Heartbeat", {})  # it never booted here, and is asked to
        assert (await double.wait_heard("TriggerMessage")) == {"requestedMessage": "BootNotification"}
        assert (await double.call("BootNotification", told))["status"] == "Pending"
        await patch(product, "CP1", boot_policy="accept")
        assert (await double.call("BootNotification", told))["status"] == "Accepted"
        assert "currentTime" in await double.call("Heartbeat", {})


# ---------------------------------------------------------------- monitors and events


async def test_a_connectors_event_is_its_status(product: Product, name: str) -> None:
    where = {
        "component": {"name": "Connector", "evse": {"id": 2, "connectorId": 1}},
        "variable": {"name": "AvailabilityState"},
    }
    async with product.station(name, "2.1") as double:
        assert await boot(double) == "Accepted"
        for number, status in enumerate(("Available", "Occupied")):
            event = {
                "eventId": number,
                "timestamp": product.at(),
                "trigger": "Delta",
                "actualValue": status,
                "eventNotificationType": "HardWiredNotification",
            }
            told = {"generatedAt": product.at(), "seqNo": 0, "eventData": [where | event]}
            assert await double.call("NotifyEvent", told) == {}
            [connector] = (await product.get(f"/stations/{name}"))["connectors"]
            assert (connector["evse_id"], connector["status"]) == (2, status)
        [known] = await product.get(f"/stations/{name}/variables")
        assert (known["connector_id"], known["value"]) == (1, "Occupied")


async def monitors(product: Product, double: Double, request_id: int, *monitor_ids: int) -> None:
    kinds = [
        {"id": number, "transaction": False, "value": 1, "type": "Delta", "severity": 8}
        for number in monitor_ids
    ]
    where = {"component": {"name": "EVSE", "evse": {"id": 1}}, "variable": {"name": "AvailabilityState"}}
    part = {"requestId": request_id, "generatedAt": product.at(), "seqNo": 0}
    part["monitor"] = [where | {"variableMonitoring": kinds}]
    await double.call("NotifyMonitoringReport", part)


async def shown_monitors(product: Product, name: str) -> list[int]:
    return [item["monitor_id"] for item in await product.get(f"/stations/{name}/monitors")]


async def test_monitors_are_read_again_when_they_may_have_changed(product: Product, name: str) -> None:
    async with product.station(name, "2.0.1") as double:
        double.reactions |= {"GetMonitoringReport": ACCEPTED, "SetMonitoringBase": ACCEPTED}
        await patch(product, name, provision=True)
        await product.command(name, "get_monitoring_report")
        asked = await double.wait_heard("GetMonitoringReport")
        await monitors(product, double, asked["requestId"], 1, 2)
        assert await shown_monitors(product, name) == [1, 2]
        await boot(double)  # ids may be others then (N04.FR.19)
        asked = await double.wait_heard("GetMonitoringReport", 2)
        await monitors(product, double, asked["requestId"], 3)
        assert await shown_monitors(product, name) == [3]
        double.reactions["GetMonitoringReport"] = {"status": "EmptyResultSet"}
        await product.command(name, "set_monitoring_base", base="HardWiredOnly")
        await double.wait_heard("GetMonitoringReport", 3)
        await product.until(lambda said: said == [], f"/stations/{name}/monitors")


@pytest.mark.parametrize(("rule", "status"), [("pending", "Pending"), ("reject", "Rejected")])
async def test_a_depot_whose_power_returns_does_not_come_again_in_one_second(
    tmp_path: Path, rule: str, status: str
) -> None:
    """Each of 30 stations is told its own time to boot again, all over the band of the settings."""

    async def told(product: Product, name: str, version: str) -> int:
        async with product.station(name, version) as double:
            answer = await double.call(*speech(version, name).boot("Amp Works", "Duo"))
        assert answer["status"] == status
        return int(answer["interval"])

    settings = {"boot": rule, "boot_retry_s": 1_000, "boot_jitter": 0.1, "onboard": False}
    async with running(tmp_path, **settings) as product:
        depot = [told(product, f"{version}-{n}", version) for version in ("1.6", "2.0.1") for n in range(15)]
        intervals = await asyncio.gather(*depot)
    assert all(900 <= interval <= 1_100 for interval in intervals)
    assert max(intervals) - min(intervals) > 60  # missed once in 10**13 runs
    assert len(set(intervals)) >= 15
