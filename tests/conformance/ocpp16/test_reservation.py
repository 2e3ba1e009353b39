"""Reservations in 1.6: made, refused, used, expired, cancelled.

Each function is a test case of the central system.
"""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta
from typing import Any

import pytest

from ..double import Double
from ..product import Product

pytestmark = pytest.mark.asyncio(loop_scope="module")
proves = pytest.mark.proves
_names = itertools.count(1)


@pytest.fixture
def name() -> str:
    return f"CP16-R{next(_names)}"


async def status(product: Product, double: Double, word: str, connector_id: int = 1) -> None:
    """StatusNotification."""
    told = {"connectorId": connector_id, "errorCode": "NoError", "status": word, "timestamp": product.at()}
    assert await double.call("StatusNotification", told) == {}


async def connector(product: Product, name: str) -> str:
    """What the API tells of connector 1."""
    view = await product.get(f"/stations/{name}/status")
    [found] = [item for item in view["connectors"] if item["evse_id"] == 1]
    return str(found["status"])


async def ask(
    product: Product, double: Double, name: str, answer: str = "Accepted", hours: float = 1.0, **more: Any
) -> Any:
    """A person reserves; the frame names exactly what was asked for."""
    double.reactions["ReserveNow"] = {"status": answer}
    until = product.now + timedelta(hours=hours)
    body = {"station_id": name, "token": f"T{name}", "expires_at": until.isoformat()}
    reply = await product.api.post("/api/v1/reservations", json=body | more)
    action, request = double.heard[-1]
    assert action == "ReserveNow"
    assert datetime.fromisoformat(request.pop("expiryDate")) == until.replace(microsecond=0)
    assert request.pop("reservationId") > 0
    parent = {"parentIdTag": more["group"]} if "group" in more else {}
    assert request == {"connectorId": more.get("evse_id", 0), "idTag": f"T{name}"} | parent
    return reply


async def reserved(product: Product, double: Double, name: str, **more: Any) -> int:
    """The station holds it; returns its number."""
    await status(product, double, "Available")
    reply = await ask(product, double, name, **more)
    assert (reply.status_code, reply.json()["state"]) == (201, "active")
    await status(product, double, "Reserved")
    assert await connector(product, name) == "Reserved"
    [deed, *_] = await product.audit(name)
    assert (deed["action"], deed["outcome"]) == ("reserve_now", "accepted")
    return int(reply.json()["reservation_id"])


async def start(product: Product, double: Double, tag: str, **more: Any) -> None:
    """StartTransaction, accepted."""
    told = {"connectorId": 1, "idTag": tag, "meterStart": 0, "timestamp": product.at()}
    answer = await double.call("StartTransaction", told | more)
    assert answer["idTagInfo"]["status"] == "Accepted"


async def shown(product: Product, number: int) -> dict[str, Any]:
    return dict(await product.get(f"/reservations/{number}"))


@proves("1.6 5.13", "1.6 4.8")
async def test_TC_046_CSMS_reserved_and_used(product: Product, name: str) -> None:
    """The start names the reservation: it is used by that transaction."""
    async with product.station(name) as double:
        number = await reserved(product, double, name, evse_id=1)
        await status(product, double, "Preparing")
        await start(product, double, f"T{name}", reservationId=number)
        view = await shown(product, number)
        row = await product.transaction(name)
        assert (view["state"], view["transaction_id"]) == ("used", row["transaction_id"])


@proves("1.6 5.13")
async def test_TC_047_CSMS_reserved_and_expired(product: Product, name: str) -> None:
    """1.6 tells no end: the connector is free again, and our clock ends it as a no-show."""
    async with product.station(name) as double:
        number = await reserved(product, double, name, evse_id=1, hours=0.1)
        product.leap(361)
        await status(product, double, "Available")
        assert await connector(product, name) == "Available"
        product.leap(60)
        view = await product.until(lambda view: view["state"] == "expired", f"/reservations/{number}")
        assert view["no_show"] is True


async def refused(product: Product, name: str, answer: str) -> None:
    """The station's word is told to who asked, kept with the reservation, and in the audit."""
    async with product.station(name) as double:
        reply = await ask(product, double, name, answer, evse_id=1)
        assert (reply.status_code, reply.json()["outcome"]["status"]) == (502, answer)
    [row] = (await product.get("/reservations", station_id=name))["items"]
    assert (row["state"], row["detail"]) == ("refused", answer)
    [deed, *_] = await product.audit(name)
    assert (deed["action"], deed["outcome"]) == ("reserve_now", "rejected")


@proves("1.6 5.13")
async def test_TC_048_1_CSMS_faulted(product: Product, name: str) -> None:
    """Faulted."""
    await refused(product, name, "Faulted")


@proves("1.6 5.13")
async def test_TC_048_2_CSMS_occupied(product: Product, name: str) -> None:
    """Occupied."""
    await refused(product, name, "Occupied")


@proves("1.6 5.13")
async def test_TC_048_3_CSMS_unavailable(product: Product, name: str) -> None:
    """Unavailable."""
    await refused(product, name, "Unavailable")


@proves("1.6 5.13")
async def test_TC_048_4_CSMS_rejected(product: Product, name: str) -> None:
    """Rejected."""
    await refused(product, name, "Rejected")


@proves("1.6 5.13")
async def test_TC_049_CSMS_any_connector(product: Product, name: str) -> None:
    """Connector 0: any of the station; a start by its token on one of them uses it."""
    async with product.station(name) as double:
        number = await reserved(product, double, name)
        assert (await shown(product, number))["evse_id"] is None
        await start(product, double, f"T{name}", reservationId=number)
        assert (await shown(product, number))["state"] == "used"


@proves("1.6 5.2")
async def test_TC_051_CSMS_cancelled(product: Product, name: str) -> None:
    """The same number is taken back; the connector is free again."""
    async with product.station(name) as double:
        number = await reserved(product, double, name, evse_id=1)
        double.reactions["CancelReservation"] = {"status": "Accepted"}
        answer = await product.api.delete(f"/api/v1/reservations/{number}")
        assert (answer.status_code, answer.json()["state"]) == (200, "cancelled")
        assert double.heard[-1] == ("CancelReservation", {"reservationId": number})
        await status(product, double, "Available")
        assert await connector(product, name) == "Available"
    [deed, *_] = await product.audit(name)
    assert (deed["action"], deed["outcome"]) == ("cancel_reservation", "accepted")


@proves("1.6 5.2")
async def test_TC_052_CSMS_cancellation_rejected(product: Product, name: str) -> None:
    """The station holds no such reservation: who asked is told, and it is gone."""
    async with product.station(name) as double:
        number = await reserved(product, double, name, evse_id=1)
        double.reactions["CancelReservation"] = {"status": "Rejected"}
        answer = await product.api.delete(f"/api/v1/reservations/{number}")
        assert (answer.status_code, answer.json()["outcome"]["status"]) == (502, "Rejected")
    assert (await shown(product, number))["state"] == "removed"


@proves("1.6 5.13", "1.6 3.5")
async def test_TC_053_CSMS_for_a_parent(product: Product, name: str) -> None:
    """The parent goes along; another tag of it is told to be of the parent, and uses the reservation."""
    group, other = f"P{name}", f"O{name}"
    await product.api.put(f"/api/v1/tokens/{other}", json={"value": other, "group": group})
    async with product.station(name) as double:
        number = await reserved(product, double, name, evse_id=1, group=group)
        info = (await double.call("Authorize", {"idTag": other}))["idTagInfo"]
        assert info == {"status": "Accepted", "parentIdTag": group}
        await start(product, double, other, reservationId=number)
        assert (await shown(product, number))["state"] == "used"


async def test_a_type_of_connector_can_t_be_said(product: Product, name: str) -> None:
    """1.6 knows connectors by number only: nothing is sent, and the reservation never was."""
    async with product.station(name) as double:
        until = (product.now + timedelta(hours=1)).isoformat()
        body = {"station_id": name, "token": "T", "expires_at": until, "connector_type": "cType2"}
        reply = await product.api.post("/api/v1/reservations", json=body)
        assert reply.status_code == 501, reply.text
        assert double.heard == []
    [row] = (await product.get("/reservations", station_id=name))["items"]
    assert row["state"] == "refused"
