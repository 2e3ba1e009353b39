"""Charging sessions of 1.6, the central system's side: plug or token first, time-outs, lost power."""

from __future__ import annotations

import itertools

import pytest

from ..product import Product
from .charge import charging16

pytestmark = pytest.mark.asyncio(loop_scope="module")
proves = pytest.mark.proves
_names = itertools.count(1)


@pytest.fixture
def name() -> str:
    return f"S{next(_names)}"


@proves("1.6 3.6", "1.6 4.8", "1.6 4.10")
async def test_TC_003_CSMS_regular_session_plug_first(product: Product, name: str) -> None:
    """Plug, token, energy, token, plug drawn: one transaction with its energy, the connector follows."""
    async with charging16(product, name) as charge:
        await charge.charging()
        row = await charge.row()
        assert (row["state"], row["token"], row["evse_id"]) == ("open", charge.tag, 1)
        assert row["station_transaction_id"] == str(charge.transaction_id)
        assert await charge.connector() == ("Charging", "")
        await charge.stop(tag=True)
        await charge.freed()
        row = await charge.row()
        assert (row["state"], row["energy_wh"], row["stop_reason"]) == ("ended", 500.0, "Local")
        assert await charge.connector() == ("Available", "")


@proves("1.6 3.6", "1.6 4.1", "1.6 4.8")
async def test_TC_004_1_CSMS_identification_first(product: Product, name: str) -> None:
    """The token is judged before the plug comes; the transaction begins with both."""
    async with charging16(product, name) as charge:
        assert await charge.authorize() == "Accepted"
        assert await product.transactions(name) == []
        await charge.status("Preparing")
        await charge.start()
        assert (await charge.row())["token"] == charge.tag


@proves("1.6 4.1", "1.6 4.9")
async def test_TC_004_2_CSMS_nobody_plugs_in(product: Product, name: str) -> None:
    """The token is good, the plug never comes: no transaction, the connector is free, the token as well."""
    async with charging16(product, name) as charge:
        assert await charge.authorize() == "Accepted"
        await charge.status("Preparing")
        assert (await charge.connector())[0] == "Preparing"
        await charge.status("Available")
        assert await product.transactions(name) == []
        assert (await charge.connector())[0] == "Available"
        assert await charge.authorize() == "Accepted"


@proves("1.6 4.10")
async def test_TC_005_1_CSMS_car_side_disconnect(product: Product, name: str) -> None:
    """The cable is drawn at the car: the reason is kept, and the connector is free when it says so."""
    async with charging16(product, name) as charge:
        await charge.charging()
        await charge.status("SuspendedEV")
        assert (await charge.connector())[0] == "SuspendedEV"
        await charge.stop("EVDisconnected")
        await charge.status("Finishing")
        row = await charge.row()
        assert (row["state"], row["stop_reason"]) == ("ended", "EVDisconnected")
        assert (await charge.connector())[0] == "Finishing"
        await charge.status("Available")
        assert (await charge.connector())[0] == "Available"


@proves("1.6 4.9")
async def test_TC_024_CSMS_lock_failure(product: Product, name: str) -> None:
    """A connector that can't be locked is faulted with its reason, and nothing begins."""
    async with charging16(product, name) as charge:
        await charge.status("Preparing")
        assert await charge.authorize() == "Accepted"
        await charge.status("Faulted", "ConnectorLockFailure")
        assert await charge.connector() == ("Faulted", "ConnectorLockFailure")
        assert await product.transactions(name) == []


@proves("1.6 4.2", "1.6 4.10")
async def test_TC_032_1_CSMS_power_failure_with_a_stop(product: Product, name: str) -> None:
    """The power fails while charging; after the boot the station tells the end with its register."""
    async with charging16(product, name) as charge:
        await charge.charging()
    async with product.station(name, "1.6") as again:
        charge.double = again
        await charge.boot()
        assert (await charge.row())["state"] == "open"
        await charge.stop("PowerLoss")
        await charge.status("Available")
        row = await charge.row()
        assert (row["state"], row["stop_reason"], row["energy_wh"]) == ("ended", "PowerLoss", 500.0)
        assert len(await product.transactions(name)) == 1


@proves("1.6 5.2", "1.6 4.2")
async def test_TC_034_CSMS_power_failure_while_unavailable(product: Product, name: str) -> None:
    """A connector that was taken out of service is still out after the power came back, until it is told."""
    async with charging16(product, name) as charge:
        charge.double.reactions["ChangeAvailability"] = {"status": "Accepted"}
        await charge.told("change_availability", evse_id=1, operative=False)
        await charge.status("Unavailable")
    async with product.station(name, "1.6") as again:
        charge.double = again
        await charge.boot()
        await charge.status("Unavailable")
        assert (await charge.connector())[0] == "Unavailable"
        again.reactions["ChangeAvailability"] = {"status": "Accepted"}
        await charge.told("change_availability", evse_id=1, operative=True)
        assert again.heard[-1] == ("ChangeAvailability", {"connectorId": 1, "type": "Operative"})
        await charge.status("Available")
        assert (await charge.connector())[0] == "Available"


@proves("1.6 4.2")
async def test_TC_034_CSMS_power_failure_without_a_stop(product: Product, name: str) -> None:
    """The end is never told: a free connector after the boot closes the transaction at its last word."""
    async with charging16(product, name) as charge:
        await charge.charging()
    async with product.station(name, "1.6") as again:
        charge.double = again
        await charge.boot()
        # Now, and not some minutes ago as the charge itself.
        status = {"connectorId": 1, "errorCode": "NoError", "status": "Available", "timestamp": product.at()}
        await again.call("StatusNotification", status)
        transaction_id = (await charge.row())["transaction_id"]
        for _ in range(3):
            product.leap(3_600)
            await again.call("Heartbeat", {})
        row = await product.until(lambda said: said["state"] == "ended", f"/transactions/{transaction_id}")
        assert row["energy_wh"] == 0.0
        assert row["stop_reason"] not in (None, "Local", "PowerLoss")
