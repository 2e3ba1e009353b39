"""Block G, availability: taken in and out of service, and what connectors tell.

Each function is a test case of the standard's part 6, run against 2.0.1 and 2.1.
"""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from ..charge import Charge, charging
from ..product import Product

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.parametrize("version", ["2.0.1", "2.1"]),
]
proves = pytest.mark.proves
_names = itertools.count(1)
STATION, EVSE, CONNECTOR = {}, {"id": 1}, {"id": 1, "connectorId": 1}


@pytest.fixture
def name() -> str:
    return f"G{next(_names)}"


async def change(charge: Charge, operative: bool, place: dict[str, int], answer: str = "Accepted") -> None:
    """Change availability as a person does; on the wire exactly this place is named."""
    charge.double.reactions["ChangeAvailability"] = {"status": answer}
    body: dict[str, Any] = {"evse_id": place.get("id", 0), "operative": operative}
    if "connectorId" in place:
        body["connector_id"] = place["connectorId"]
    outcome = await charge.product.command(charge.name, "change_availability", **body)
    assert (outcome.status_code, outcome.json()["status"]) == (200, answer)
    request: dict[str, Any] = {"operationalStatus": "Operative" if operative else "Inoperative"}
    assert charge.double.heard[-1] == ("ChangeAvailability", request | ({"evse": place} if place else {}))
    [deed, *_] = await charge.product.audit(charge.name)
    assert (deed["action"], deed["outcome"]) == ("change_availability", "accepted")


async def pending(charge: Charge) -> list[dict[str, Any]]:
    """What was accepted and is not seen yet."""
    return list((await charge.product.get(f"/stations/{charge.name}/status"))["pending_availability"])


async def taken_out(charge: Charge, place: dict[str, int]) -> None:
    """Out of service: pending until the statuses say so."""
    await charge.status("Available")
    await change(charge, False, place)
    assert await pending(charge) == [
        {"evse_id": place.get("id", 0), "connector_id": place.get("connectorId"), "operative": False}
    ]
    assert await charge.connector() == "Available"
    await charge.status("Unavailable")
    assert (await charge.connector(), await pending(charge)) == ("Unavailable", [])


async def put_back(charge: Charge, place: dict[str, int]) -> None:
    """In service again."""
    await taken_out(charge, place)
    await change(charge, True, place)
    assert len(await pending(charge)) == 1
    await charge.status("Available")
    assert (await charge.connector(), await pending(charge)) == ("Available", [])


@proves("G03.FR.02", "G03.FR.04")
async def test_TC_G_03_CSMS_evse_out_of_service(product: Product, name: str, version: str) -> None:
    """The EVSE is named without a connector; it is out of service when its status says so."""
    async with charging(product, name, version) as charge:
        await taken_out(charge, EVSE)


@proves("G03.FR.04", "G03.FR.07")
async def test_TC_G_04_CSMS_evse_in_service(product: Product, name: str, version: str) -> None:
    """The EVSE comes back."""
    async with charging(product, name, version) as charge:
        await put_back(charge, EVSE)


@proves("G04.FR.01", "G04.FR.05")
async def test_TC_G_05_CSMS_station_out_of_service(product: Product, name: str, version: str) -> None:
    """The station is meant when no EVSE is named; it is out of service when all its connectors are."""
    async with charging(product, name, version) as charge:
        await charge.status("Available", connector_id=2)
        await charge.status("Available")
        await change(charge, False, STATION)
        await charge.status("Unavailable")
        assert len(await pending(charge)) == 1
        await charge.status("Unavailable", connector_id=2)
        assert (await charge.connector(2), await pending(charge)) == ("Unavailable", [])


@proves("G04.FR.01", "G04.FR.08")
async def test_TC_G_06_CSMS_station_in_service(product: Product, name: str, version: str) -> None:
    """The station comes back."""
    async with charging(product, name, version) as charge:
        await put_back(charge, STATION)


@proves("G03.FR.02", "G03.FR.04")
async def test_TC_G_07_CSMS_connector_out_of_service(product: Product, name: str, version: str) -> None:
    """One connector is named; the other one stays."""
    async with charging(product, name, version) as charge:
        await charge.status("Available", connector_id=2)
        await taken_out(charge, CONNECTOR)
        assert await charge.connector(2) == "Available"


@proves("G03.FR.04", "G03.FR.07")
async def test_TC_G_08_CSMS_connector_in_service(product: Product, name: str, version: str) -> None:
    """The connector comes back."""
    async with charging(product, name, version) as charge:
        await put_back(charge, CONNECTOR)


async def after_the_transaction(charge: Charge, place: dict[str, int]) -> None:
    """Scheduled while a transaction goes on, which is not touched; done when it has ended."""
    await charge.energy_transfer()
    await change(charge, False, place, "Scheduled")
    assert (await charge.state(), len(await pending(charge))) == (("open", "Charging"), 1)
    await charge.stop_authorized()
    await charge.ev_connected_post()
    await charge.ev_disconnected()
    assert len(await pending(charge)) == 1
    await charge.status("Unavailable")
    assert (await charge.connector(), await pending(charge)) == ("Unavailable", [])
    assert await charge.state() == ("ended", None)


@proves("G03.FR.05")
async def test_TC_G_11_CSMS_evse_after_its_transaction(product: Product, name: str, version: str) -> None:
    """An EVSE that charges goes out of service when its transaction has ended."""
    async with charging(product, name, version) as charge:
        await after_the_transaction(charge, EVSE)


@proves("G04.FR.06")
async def test_TC_G_14_CSMS_station_after_its_transactions(product: Product, name: str, version: str) -> None:
    """A station that charges goes out of service EVSE by EVSE."""
    async with charging(product, name, version) as charge:
        await charge.double.call(
            "StatusNotification",
            {"timestamp": charge.at(), "connectorStatus": "Unavailable", "evseId": 2, "connectorId": 1},
        )
        await after_the_transaction(charge, STATION)


@proves("G03.FR.05")
async def test_TC_G_17_CSMS_connector_after_its_transaction(
    product: Product, name: str, version: str
) -> None:
    """A connector that charges goes out of service when its transaction has ended."""
    async with charging(product, name, version) as charge:
        await after_the_transaction(charge, CONNECTOR)


@proves("G03.FR.02", "G03.FR.04")
async def test_TC_G_03_CSMS_evse_out_of_service_told_by_an_event(
    product: Product, name: str, version: str
) -> None:
    """A station may tell a connector's availability as an event: the same status, the same end of waiting."""
    async with charging(product, name, version) as charge:
        await charge.status("Available")
        await change(charge, False, EVSE)
        event = {
            "eventId": 7,
            "timestamp": charge.at(),
            "trigger": "Delta",
            "actualValue": "Unavailable",
            "eventNotificationType": "HardWiredNotification",
            "component": {"name": "Connector", "evse": charge.evse},
            "variable": {"name": "AvailabilityState"},
        }
        request = {"generatedAt": charge.at(), "seqNo": 0, "eventData": [event]}
        assert await charge.double.call("NotifyEvent", request) == {}
        assert (await charge.connector(), await pending(charge)) == ("Unavailable", [])


@proves("G05.FR.02", "G05.FR.03")
async def test_TC_G_20_CSMS_lock_failure(product: Product, name: str, version: str) -> None:
    """A lock that fails is told as an event: acknowledged, and there for people to see."""
    async with charging(product, name, version) as charge:
        event = {
            "eventId": 1,
            "timestamp": charge.at(),
            "trigger": "Delta",
            "actualValue": "true",
            "eventNotificationType": "HardWiredNotification",
            "component": {"name": "ConnectorPlugRetentionLock", "evse": charge.evse},
            "variable": {"name": "Problem"},
        }
        request = {"generatedAt": charge.at(), "seqNo": 0, "eventData": [event]}
        assert await charge.double.call("NotifyEvent", request) == {}
        await product.until(
            lambda said: any("PlugRetentionLock" in item["frame"] for item in said["items"]),
            f"/stations/{name}/messages",
            action="NotifyEvent",
        )
