"""Remote control of 1.6 as the central system: starts, stops, resets, unlocks, triggers, vendors' data."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from ..product import Product
from .charge import Charge16, charging16

pytestmark = pytest.mark.asyncio(loop_scope="module")
proves = pytest.mark.proves
_names = itertools.count(1)


@pytest.fixture
def name() -> str:
    return f"R{next(_names)}"


# ---------------------------------------------------------------- start and stop


async def asked_to_start(charge: Charge16, status: str = "Accepted") -> None:
    """A person starts the connector for a token: it goes out as it was given."""
    charge.double.reactions["RemoteStartTransaction"] = {"status": status}
    expected = "accepted" if status == "Accepted" else "rejected"
    await charge.told("request_start", expected, evse_id=1, token={"value": charge.tag})
    assert charge.double.heard[-1] == ("RemoteStartTransaction", {"connectorId": 1, "idTag": charge.tag})


@proves("1.6 5.11")
async def test_TC_010_CSMS_remote_start_cable_first(product: Product, name: str) -> None:
    """With the plug in, the station asks about the token and begins."""
    async with charging16(product, name) as charge:
        await charge.status("Preparing")
        await asked_to_start(charge)
        assert await charge.authorize() == "Accepted"
        await charge.start()
        row = await charge.row()
        assert (row["state"], row["token"]) == ("open", charge.tag)


@proves("1.6 5.11")
async def test_TC_011_1_CSMS_remote_start_first(product: Product, name: str) -> None:
    """Asked to start first, the station waits for the plug and begins then."""
    async with charging16(product, name) as charge:
        await asked_to_start(charge)
        assert await charge.authorize() == "Accepted"
        await charge.status("Preparing")
        await charge.start()
        assert (await charge.row())["token"] == charge.tag


@proves("1.6 5.11")
async def test_TC_011_2_CSMS_remote_start_and_nobody_plugs_in(product: Product, name: str) -> None:
    """The plug never comes: no transaction, and the connector is free again."""
    async with charging16(product, name) as charge:
        await asked_to_start(charge)
        await charge.status("Preparing")
        await charge.status("Available")
        assert await product.transactions(name) == []
        assert (await charge.connector())[0] == "Available"


@proves("1.6 5.12")
async def test_TC_012_CSMS_remote_stop(product: Product, name: str) -> None:
    """A person stops the transaction by its id; its end says Remote."""
    async with charging16(product, name) as charge:
        await charge.charging()
        charge.double.reactions["RemoteStopTransaction"] = {"status": "Accepted"}
        await charge.told("request_stop", station_transaction_id=str(charge.transaction_id))
        request = {"transactionId": charge.transaction_id}
        assert charge.double.heard[-1] == ("RemoteStopTransaction", request)
        await charge.stop("Remote")
        await charge.freed()
        row = await charge.row()
        assert (row["state"], row["stop_reason"]) == ("ended", "Remote")


@proves("1.6 5.11")
async def test_TC_026_CSMS_remote_start_rejected(product: Product, name: str) -> None:
    """The person hears that the station does not start; nothing has begun."""
    async with charging16(product, name) as charge:
        await asked_to_start(charge, "Rejected")
        assert await product.transactions(name) == []


@proves("1.6 5.12")
async def test_TC_028_CSMS_remote_stop_rejected(product: Product, name: str) -> None:
    """A transaction that the station does not know is not stopped; the one that goes on stays open."""
    async with charging16(product, name) as charge:
        await charge.charging()
        charge.double.reactions["RemoteStopTransaction"] = {"status": "Rejected"}
        await charge.told("request_stop", "rejected", station_transaction_id="2147483000")
        assert charge.double.heard[-1] == ("RemoteStopTransaction", {"transactionId": 2147483000})
        assert (await charge.row())["state"] == "open"


# ---------------------------------------------------------------- reset


async def reset(product: Product, name: str, kind: str, wire: str) -> None:
    """Reset with a transaction: the station ends it, boots, and is as new."""
    async with charging16(product, name) as charge:
        await charge.charging()
        charge.double.reactions["Reset"] = {"status": "Accepted"}
        await charge.told("reset", kind=kind)
        assert charge.double.heard[-1] == ("Reset", {"type": wire})
        if wire == "Soft":
            await charge.stop("SoftReset")
        before = (await product.get(f"/stations/{name}"))["booted_at"]
    async with product.station(name, "1.6") as again:
        charge.double = again
        await charge.boot()
        if wire == "Hard":
            await charge.stop("HardReset")
        await charge.status("Available")
        assert (await product.get(f"/stations/{name}"))["booted_at"] > before
        row = await charge.row()
        assert (row["state"], row["stop_reason"]) == ("ended", f"{wire}Reset")
        assert (await charge.connector())[0] == "Available"


@proves("1.6 5.14")
async def test_TC_013_CSMS_hard_reset(product: Product, name: str) -> None:
    """At once: the end of the transaction comes after the boot."""
    await reset(product, name, "Immediate", "Hard")


@proves("1.6 5.14")
async def test_TC_014_CSMS_soft_reset(product: Product, name: str) -> None:
    """In good order: the end of the transaction comes before the boot."""
    await reset(product, name, "OnIdle", "Soft")


# ---------------------------------------------------------------- unlock


async def unlocked(charge: Charge16, status: str, connector_id: int = 1) -> None:
    """A person unlocks a connector and hears the station's word."""
    charge.double.reactions["UnlockConnector"] = {"status": status}
    expected = "accepted" if status == "Unlocked" else "rejected"
    outcome = await charge.told("unlock", expected, evse_id=connector_id)
    assert outcome["status"] == status
    assert charge.double.heard[-1] == ("UnlockConnector", {"connectorId": connector_id})


@proves("1.6 5.18")
async def test_TC_017_1_CSMS_unlock_without_a_session(product: Product, name: str) -> None:
    """A connector that holds a cable lets it go."""
    async with charging16(product, name) as charge:
        await unlocked(charge, "Unlocked")


@proves("1.6 5.18")
async def test_TC_017_2_CSMS_unlock_a_fixed_cable(product: Product, name: str) -> None:
    """A fixed cable has nothing to unlock, and the person hears so."""
    async with charging16(product, name) as charge:
        await unlocked(charge, "NotSupported")


@proves("1.6 5.18")
async def test_TC_018_1_CSMS_unlock_with_a_session(product: Product, name: str) -> None:
    """The station ends the transaction before it unlocks; the reason says why."""
    async with charging16(product, name) as charge:
        await charge.charging()
        await unlocked(charge, "Unlocked")
        await charge.stop("UnlockCommand")
        await charge.freed()
        row = await charge.row()
        assert (row["state"], row["stop_reason"]) == ("ended", "UnlockCommand")


@proves("1.6 5.18")
async def test_TC_030_CSMS_unlock_fails(product: Product, name: str) -> None:
    """The lock does not move, and the person hears so; the transaction is not touched."""
    async with charging16(product, name) as charge:
        await charge.charging()
        await unlocked(charge, "UnlockFailed")
        assert (await charge.row())["state"] == "open"


@proves("1.6 5.18")
async def test_TC_031_CSMS_unlock_an_unknown_connector(product: Product, name: str) -> None:
    """A connector that the station does not have is sent as asked for, and the refusal is told."""
    async with charging16(product, name) as charge:
        await unlocked(charge, "NotSupported", connector_id=9)


# ---------------------------------------------------------------- triggers


async def triggered(charge: Charge16, message: str, status: str = "Accepted", **place: int) -> None:
    """A person asks for a message."""
    charge.double.reactions["TriggerMessage"] = {"status": status}
    expected = "accepted" if status == "Accepted" else "rejected"
    outcome = await charge.told("trigger", expected, message=message, **place)
    assert outcome["status"] == status
    request: dict[str, Any] = {"requestedMessage": message}
    request |= {"connectorId": place["evse_id"]} if place else {}
    assert charge.double.heard[-1] == ("TriggerMessage", request)


@proves("1.6 5.17")
async def test_TC_054_CSMS_trigger(product: Product, name: str) -> None:
    """Each message that a trigger can ask for is asked for, comes, and is answered."""
    async with charging16(product, name) as charge:
        await triggered(charge, "MeterValues", evse_id=1)
        values = [{"timestamp": charge.at(), "sampledValue": [{"value": "230", "measurand": "Voltage"}]}]
        assert await charge.double.call("MeterValues", {"connectorId": 1, "meterValue": values}) == {}
        await triggered(charge, "Heartbeat")
        assert "currentTime" in await charge.double.call("Heartbeat", {})
        await triggered(charge, "StatusNotification", evse_id=1)
        await charge.status("Available")
        await triggered(charge, "DiagnosticsStatusNotification")
        assert await charge.double.call("DiagnosticsStatusNotification", {"status": "Idle"}) == {}
        await triggered(charge, "FirmwareStatusNotification")
        assert await charge.double.call("FirmwareStatusNotification", {"status": "Idle"}) == {}


@proves("SEC L01", "SEC N01")
async def test_TC_054_CSMS_trigger_of_the_security_extension(product: Product, name: str) -> None:
    """What only the extension's trigger asks for goes out as such."""
    async with charging16(product, name) as charge:
        charge.double.reactions["ExtendedTriggerMessage"] = {"status": "Accepted"}
        for message, wire in (
            ("LogStatusNotification", "LogStatusNotification"),
            ("SignChargingStationCertificate", "SignChargePointCertificate"),
        ):
            await charge.told("trigger", message=message)
            assert charge.double.heard[-1] == ("ExtendedTriggerMessage", {"requestedMessage": wire})


@proves("1.6 5.17")
async def test_TC_055_CSMS_trigger_rejected(product: Product, name: str) -> None:
    """The station refuses, or does not know the message: the person hears which."""
    async with charging16(product, name) as charge:
        await triggered(charge, "MeterValues", "Rejected", evse_id=1)
        await triggered(charge, "DiagnosticsStatusNotification", "NotImplemented")


# ---------------------------------------------------------------- vendors' data


@proves("1.6 5.6")
async def test_TC_062_CSMS_data_to_the_station(product: Product, name: str) -> None:
    """A person's data goes out as given, the answer's data comes back."""
    async with charging16(product, name) as charge:
        charge.double.reactions["DataTransfer"] = {"status": "Accepted", "data": "done"}
        body = {"vendor_id": "org.example", "message_id": "Do", "data": "it"}
        assert (await charge.told("data_transfer", **body))["data"] == "done"
        request = {"vendorId": "org.example", "messageId": "Do", "data": "it"}
        assert charge.double.heard[-1] == ("DataTransfer", request)
        charge.double.reactions["DataTransfer"] = {"status": "UnknownMessageId"}
        await charge.told("data_transfer", "rejected", **body)


@proves("1.6 4.3")
async def test_TC_064_CSMS_data_from_the_station(product: Product, name: str) -> None:
    """A vendor that nobody serves is told so, without an error."""
    async with charging16(product, name) as charge:
        request = {"vendorId": "org.example.none", "messageId": "Hello", "data": "x"}
        assert await charge.double.call("DataTransfer", request) == {"status": "UnknownVendorId"}
