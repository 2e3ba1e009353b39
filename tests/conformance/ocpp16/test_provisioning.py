"""1.6, core profile: how stations are let in, and their configuration keys.

Each function is a case of OCA's certification, central system side.
"""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from ..double import CallError, Double
from ..product import Product

pytestmark = pytest.mark.asyncio(loop_scope="module")
proves = pytest.mark.proves
_names = itertools.count(1)
ACCEPTED = {"status": "Accepted"}


@pytest.fixture
def name() -> str:
    return f"P16-{next(_names)}"


def key(variable: str) -> dict[str, str]:
    return {"component": "OCPP16", "variable": variable}


async def boot(double: Double) -> dict[str, Any]:
    told = {"chargePointVendor": "Amp Works", "chargePointModel": "Duo", "firmwareVersion": "1.0"}
    return await double.call("BootNotification", told)


async def status(product: Product, double: Double, connector_id: int = 1) -> dict[str, Any]:
    told = {"connectorId": connector_id, "errorCode": "NoError", "status": "Available"}
    return await double.call("StatusNotification", told | {"timestamp": product.at()})


# ---------------------------------------------------------------- boot


@proves("1.6 4.2", "1.6 4.6", "1.6 4.9")
async def test_TC_001_CSMS_cold_boot(product: Product, name: str) -> None:
    """A known station is accepted, told the time and an interval; its connectors and heartbeats follow."""
    async with product.station(name) as double:
        answer = await boot(double)
        assert (answer["status"], answer["interval"]) == ("Accepted", 300)
        for connector_id in (0, 1, 2):
            assert await status(product, double, connector_id) == {}
        assert "currentTime" in await double.call("Heartbeat", {})
        shown = await product.get(f"/stations/{name}")
        assert (shown["vendor"], shown["firmware"], shown["registration"]) == ("Amp Works", "1.0", "Accepted")
        assert [item["evse_id"] for item in shown["connectors"]] == [0, 1, 2]


@proves("1.6 4.2")
async def test_TC_001_CSMS_cold_boot_pending(product: Product, name: str) -> None:
    """A pending station says nothing but what it was asked for, may be configured, and boots again."""
    async with product.station(name) as double:
        await product.until(lambda said: said["online"], f"/stations/{name}")
        change = {"boot_policy": "pending", "provision": False}
        assert (await product.api.patch(f"/api/v1/stations/{name}", json=change)).status_code == 200
        double.reactions |= {"TriggerMessage": ACCEPTED, "ChangeConfiguration": ACCEPTED}
        answer = await boot(double)
        assert (answer["status"], answer["interval"] > 0) == ("Pending", True)
        with pytest.raises(CallError, match="SecurityError"):
            await status(product, double)
        value = {"ref": key("HeartbeatInterval"), "value": "60"}
        assert (await product.command(name, "set_variables", values=[value])).status_code == 200
        trigger = await product.command(name, "trigger", message="StatusNotification", evse_id=1)
        assert trigger.status_code == 200, trigger.text
        assert await status(product, double) == {}
        change = {"boot_policy": "accept"}
        assert (await product.api.patch(f"/api/v1/stations/{name}", json=change)).status_code == 200
        assert (await double.wait_heard("TriggerMessage", 2)) == {"requestedMessage": "BootNotification"}
        assert (await boot(double))["status"] == "Accepted"
        assert "currentTime" in await double.call("Heartbeat", {})


@proves("1.6 4.2")
async def test_TC_001_CSMS_cold_boot_rejected(product: Product, name: str) -> None:
    """A rejected station is told when to come again, and nothing else."""
    async with product.station(name) as double:
        await product.until(lambda said: said["online"], f"/stations/{name}")
        change = {"boot_policy": "reject"}
        assert (await product.api.patch(f"/api/v1/stations/{name}", json=change)).status_code == 200
        answer = await boot(double)
        assert (answer["status"], answer["interval"] > 0) == ("Rejected", True)
        refused = await product.command(name, "reset", kind="Immediate")
        assert (refused.status_code, refused.json()["outcome"]["result"]) == (409, "not_accepted")
        assert double.heard == []


# ---------------------------------------------------------------- configuration keys


@proves("1.6 5.8")
async def test_TC_019_1_CSMS_get_all_keys(product: Product, name: str) -> None:
    """All keys are asked for at once, and shown with who may write them."""
    async with product.station(name) as double:
        double.reactions["GetConfiguration"] = {
            "configurationKey": [
                {"key": "HeartbeatInterval", "readonly": False, "value": "300"},
                {"key": "NumberOfConnectors", "readonly": True, "value": "2"},
                {"key": "AuthorizationKey", "readonly": False},
                {"key": "VendorThing", "readonly": False, "value": "x"},
            ]
        }
        assert (await product.command(name, "get_base_report")).status_code == 200
        assert double.heard == [("GetConfiguration", {})]
        known = await product.get(f"/stations/{name}/variables")
        assert [(item["variable"], item["value"], item["read_only"]) for item in known] == [
            ("HeartbeatInterval", "300", False),
            ("NumberOfConnectors", "2", True),
            ("VendorThing", "x", False),
        ]
        [report] = await product.get(f"/stations/{name}/reports")
        assert (report["state"], report["items"]) == ("complete", 4)
        writable = await product.get(f"/stations/{name}/variables", writable=True)
        assert [item["variable"] for item in writable] == ["HeartbeatInterval", "VendorThing"]


@proves("1.6 5.8")
async def test_TC_019_1_CSMS_get_all_keys_of_none(product: Product, name: str) -> None:
    """A station without any key has told all that it has."""
    async with product.station(name) as double:
        double.reactions["GetConfiguration"] = {}
        assert (await product.command(name, "get_base_report")).status_code == 200
        [report] = await product.get(f"/stations/{name}/reports")
        assert (report["state"], report["items"]) == ("complete", 0)


@proves("1.6 5.8")
async def test_TC_019_2_CSMS_get_one_key(product: Product, name: str) -> None:
    """One key is asked for by its name; one that the station does not know is told as such."""
    async with product.station(name) as double:
        double.reactions["GetConfiguration"] = {
            "configurationKey": [{"key": "SupportedFeatureProfiles", "readonly": True, "value": "Core"}],
            "unknownKey": ["NoSuchKey"],
        }
        asked = [key("SupportedFeatureProfiles"), key("NoSuchKey")]
        answer = await product.command(name, "get_variables", variables=asked)
        assert double.heard == [("GetConfiguration", {"key": ["SupportedFeatureProfiles", "NoSuchKey"]})]
        assert [item["status"] for item in answer.json()["data"]] == ["Accepted", "UnknownVariable"]
        [known] = await product.get(f"/stations/{name}/variables")
        assert (known["variable"], known["value"], known["read_only"]) == (
            "SupportedFeatureProfiles",
            "Core",
            True,
        )


@proves("1.6 5.3")
async def test_TC_021_CSMS_change_configuration(product: Product, name: str) -> None:
    """A key is written, and shown with its new value; one that needs a boot is marked until there was one."""
    async with product.station(name) as double:
        double.reactions["ChangeConfiguration"] = lambda payload: {
            "status": "RebootRequired" if payload["key"] == "Late" else "Accepted"
        }
        values = [
            {"ref": key("MeterValueSampleInterval"), "value": "60"},
            {"ref": key("Late"), "value": "1"},
        ]
        assert (await product.command(name, "set_variables", values=values)).status_code == 200
        assert [payload for _, payload in double.heard] == [
            {"key": "MeterValueSampleInterval", "value": "60"},
            {"key": "Late", "value": "1"},
        ]
        known = {
            item["variable"]: (item["value"], item["reboot_required"])
            for item in await product.get(f"/stations/{name}/variables")
        }
        assert known == {"MeterValueSampleInterval": ("60", False), "Late": ("1", True)}
        await boot(double)
        assert await product.get(f"/stations/{name}/variables", reboot_required=True) == []
        [deed] = await product.audit(name)
        assert (deed["action"], deed["outcome"]) == ("set_variables", "accepted")


async def refused(product: Product, name: str, word: str, told: str) -> None:
    async with product.station(name) as double:
        double.reactions["ChangeConfiguration"] = {"status": word}
        value = {"ref": key("MeterValueSampleInterval"), "value": "60"}
        answer = await product.command(name, "set_variables", values=[value])
        assert (answer.status_code, answer.json()["outcome"]["status"]) == (502, told)
        assert await product.get(f"/stations/{name}/variables") == []
        [deed] = await product.audit(name)
        assert (deed["action"], deed["outcome"]) == ("set_variables", "rejected")


@proves("1.6 5.3")
async def test_TC_040_1_CSMS_configuration_not_supported(product: Product, name: str) -> None:
    """A key that the station does not know is told to who asked, and not kept."""
    await refused(product, name, "NotSupported", "UnknownVariable")


@proves("1.6 5.3")
async def test_TC_040_2_CSMS_configuration_rejected(product: Product, name: str) -> None:
    """A value that the station refuses is told to who asked, and not kept."""
    await refused(product, name, "Rejected", "Rejected")
