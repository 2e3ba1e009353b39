"""Block H, reservations: asked for, held, used, let go.

Each function is a test case of the standard's part 6, run against 2.0.1 and 2.1.
"""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta
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


@pytest.fixture
def name() -> str:
    return f"H{next(_names)}"


async def ask(charge: Charge, answer: str = "Accepted", hours: float = 1.0, **place: Any) -> Any:
    """A person reserves; the frame names exactly what was asked for."""
    product = charge.product
    charge.double.reactions["ReserveNow"] = {"status": answer}
    until = product.now + timedelta(hours=hours)
    body = {"station_id": charge.name, "token": charge.token["idToken"], "expires_at": until.isoformat()}
    reply = await product.api.post("/api/v1/reservations", json=body | place)
    request = charge.double.heard[-1][1]
    assert charge.double.heard[-1][0] == "ReserveNow"
    assert datetime.fromisoformat(request.pop("expiryDateTime")) == until.replace(microsecond=0)
    wanted = {"id": request["id"], "idToken": charge.token}
    for ours, theirs in (("evse_id", "evseId"), ("connector_type", "connectorType")):
        if ours in place:
            wanted[theirs] = place[ours]
    if "group" in place:
        wanted["groupIdToken"] = {"idToken": place["group"], "type": "Central"}
    assert request == wanted
    return reply


async def reserved(charge: Charge, **place: Any) -> int:
    """The station holds it; returns its number."""
    await charge.status("Available")
    reply = await ask(charge, **place)
    assert reply.status_code == 201, reply.text
    view = reply.json()
    assert (view["state"], view["created_by"].split(":")[0]) == ("active", "key")
    return int(view["reservation_id"])


async def shown(charge: Charge, number: int) -> dict[str, Any]:
    """A reservation as the API tells it."""
    return dict(await charge.product.get(f"/reservations/{number}"))


async def let_go(charge: Charge, number: int, status: str) -> None:
    """ReservationStatusUpdate."""
    told = {"reservationId": number, "reservationUpdateStatus": status}
    assert await charge.double.call("ReservationStatusUpdate", told) == {}


@proves("H01.FR.15", "H03.FR.01", "H03.FR.09")
async def test_TC_H_01_CSMS_reserved_and_used(product: Product, name: str, version: str) -> None:
    """The EVSE is shown as reserved, and the transaction that names the reservation uses it."""
    async with charging(product, name, version) as charge:
        number = await reserved(charge, evse_id=1)
        await charge.status("Reserved")
        assert await charge.connector() == "Reserved"
        await charge.event("Authorized", idToken=charge.token, evse=charge.evse, reservationId=number)
        view = await shown(charge, number)
        row = await charge.row()
        assert (view["state"], view["transaction_id"]) == ("used", row["transaction_id"])
        deeds = [(deed["action"], deed["outcome"]) for deed in await product.audit(name)]
        assert deeds[0] == ("reserve_now", "accepted")


@proves("H03.FR.01")
async def test_TC_H_01_CSMS_used_without_its_number(product: Product, name: str, version: str) -> None:
    """A station that does not name the reservation: its token on its EVSE uses it."""
    async with charging(product, name, version) as charge:
        number = await reserved(charge, evse_id=1)
        await charge.event("Authorized", idToken=charge.token, evse=charge.evse)
        assert (await shown(charge, number))["state"] == "used"


@proves("H04.FR.01", "H04.FR.03")
async def test_TC_H_07_CSMS_ended_unused(product: Product, name: str, version: str) -> None:
    """Nobody came: the station says Expired, the EVSE is free, and it counts as a no-show."""
    async with charging(product, name, version) as charge:
        number = await reserved(charge, evse_id=1, hours=0.1)
        await charge.status("Reserved")
        product.leap(361)
        await charge.status("Available")
        await let_go(charge, number, "Expired")
        view = await shown(charge, number)
        assert (view["state"], view["no_show"]) == ("expired", True)
        assert await charge.connector() == "Available"


@proves("H04.FR.01")
async def test_TC_H_07_CSMS_ended_by_our_clock(product: Product, name: str, version: str) -> None:
    """A station that never says so: the time passes here, too, and it counts as a no-show."""
    async with charging(product, name, version) as charge:
        number = await reserved(charge, evse_id=1, hours=0.1)
        product.leap(361)
        assert (await shown(charge, number))["state"] == "active"  # its own word may still come
        product.leap(60)
        view = await product.until(lambda view: view["state"] == "expired", f"/reservations/{number}")
        assert view["no_show"] is True


@proves("H01.FR.04", "H01.FR.18")
async def test_TC_H_08_CSMS_any_evse(product: Product, name: str, version: str) -> None:
    """Neither an EVSE nor a type is named."""
    async with charging(product, name, version) as charge:
        view = await shown(charge, await reserved(charge))
        assert (view["evse_id"], view["connector_type"], view["state"]) == (None, None, "active")


@proves("H01.FR.07", "H01.FR.20")
async def test_TC_H_14_CSMS_as_many_as_evses(product: Product, name: str, version: str) -> None:
    """Two EVSEs, two reservations of any: all connectors are told and shown as reserved."""
    async with charging(product, name, version) as charge:
        other = Charge(product, charge.double, name, 2)
        await other.status("Available")
        numbers = [await reserved(charge), await reserved(charge)]
        for one in (charge, other):
            await one.status("Reserved")
            assert await one.connector() == "Reserved"
        page = await product.get("/reservations", station_id=name, state="active")
        assert [item["reservation_id"] for item in page["items"]] == sorted(numbers, reverse=True)


@proves("H01.FR.06", "H03.FR.02")
async def test_TC_H_15_CSMS_connector_type(product: Product, name: str, version: str) -> None:
    """A type of connector is named, and no EVSE."""
    async with charging(product, name, version) as charge:
        view = await shown(charge, await reserved(charge, connector_type="cType2"))
        assert (view["evse_id"], view["connector_type"]) == (None, "cType2")


@proves("H02.FR.02")
async def test_TC_H_17_CSMS_cancelled(product: Product, name: str, version: str) -> None:
    """The same number is taken back; the EVSE is free again."""
    async with charging(product, name, version) as charge:
        number = await reserved(charge, evse_id=1)
        await charge.status("Reserved")
        charge.double.reactions["CancelReservation"] = {"status": "Accepted"}
        answer = await product.api.delete(f"/api/v1/reservations/{number}")
        assert (answer.status_code, answer.json()["state"]) == (200, "cancelled")
        assert charge.double.heard[-1] == ("CancelReservation", {"reservationId": number})
        await charge.status("Available")
        assert await charge.connector() == "Available"
        [deed, *_] = await product.audit(name)
        assert (deed["action"], deed["outcome"]) == ("cancel_reservation", "accepted")
        assert (await product.api.delete(f"/api/v1/reservations/{number}")).status_code == 409


@proves("H03.FR.04", "H03.FR.08")
async def test_TC_H_19_CSMS_for_a_group(product: Product, name: str, version: str) -> None:
    """The group goes along; another token of it is told to be of the group, and uses the reservation."""
    group = f"GROUP{name}"
    other = {"idToken": f"OTHER{name}", "type": "ISO14443"}
    await product.api.put(f"/api/v1/tokens/OTHER{name}", json={"value": other["idToken"], "group": group})
    async with charging(product, name, version) as charge:
        number = await reserved(charge, evse_id=1, group=group)
        info = (await charge.double.call("Authorize", {"idToken": other}))["idTokenInfo"]
        assert info["groupIdToken"]["idToken"] == group
        await charge.event("Authorized", idToken=other, evse=charge.evse, reservationId=number)
        view = await shown(charge, number)
        assert (view["state"], view["group"]) == ("used", group)


@proves("H01.FR.16")
async def test_TC_H_20_CSMS_removed_by_a_fault(product: Product, name: str, version: str) -> None:
    """The EVSE fails: the station takes the reservation away, and nobody is to blame for not coming."""
    async with charging(product, name, version) as charge:
        number = await reserved(charge, evse_id=1)
        await charge.status("Reserved")
        await charge.status("Faulted")
        await let_go(charge, number, "Removed")
        view = await shown(charge, number)
        assert (view["state"], view["no_show"]) == ("removed", False)
        assert await charge.connector() == "Faulted"


@proves("H01.FR.01")
@pytest.mark.parametrize("answer", ["Rejected", "Occupied", "Faulted", "Unavailable"])
async def test_TC_H_22_CSMS_refused(product: Product, name: str, version: str, answer: str) -> None:
    """The station's word is told to who asked, and kept with the reservation."""
    async with charging(product, name, version) as charge:
        reply = await ask(charge, answer, evse_id=1)
        assert (reply.status_code, reply.json()["outcome"]["status"]) == (502, answer)
        page = await product.get("/reservations", station_id=name)
        assert [(item["state"], item["detail"]) for item in page["items"]] == [("refused", answer)]


@proves("H02.FR.01")
async def test_a_reservation_that_the_station_does_not_know_is_removed(
    product: Product, name: str, version: str
) -> None:
    """Rejected: it holds no such reservation, so there is none."""
    async with charging(product, name, version) as charge:
        number = await reserved(charge, evse_id=1)
        charge.double.reactions["CancelReservation"] = {"status": "Rejected"}
        answer = await product.api.delete(f"/api/v1/reservations/{number}")
        assert (answer.status_code, answer.json()["outcome"]["status"]) == (502, "Rejected")
        assert (await shown(charge, number))["state"] == "removed"


async def test_a_use_that_is_told_late_still_counts(product: Product, name: str, version: str) -> None:
    """The station was offline when the time passed; then it tells of the transaction that began before."""
    async with charging(product, name, version) as charge:
        number = await reserved(charge, evse_id=1, hours=0.1)
        product.leap(500)
        await product.until(lambda view: view["state"] == "expired", f"/reservations/{number}")
        await charge.event(
            "Authorized", idToken=charge.token, evse=charge.evse, reservationId=number, offline=True
        )
        view = await shown(charge, number)
        assert (view["state"], view["no_show"]) == ("used", False)


async def test_a_raw_request_is_a_reservation_too(product: Product, name: str, version: str) -> None:
    """Exactly the payload that somebody wrote, with the number that they chose."""
    async with charging(product, name, version) as charge:
        charge.double.reactions["ReserveNow"] = {"status": "Accepted"}
        number = 700_000 + int(name[1:])
        payload = {
            "id": number,
            "expiryDateTime": product.at(3_600),
            "idToken": charge.token,
            "evseId": 1,
        }
        answer = await product.ocpp(name, "ReserveNow", payload)
        assert (answer.status_code, answer.json()) == (200, {"status": "Accepted"})
        view = await shown(charge, number)
        assert (view["state"], view["evse_id"], view["token"]) == ("active", 1, charge.token["idToken"])


async def test_what_can_t_be_reserved_is_refused(product: Product, name: str, version: str) -> None:
    """A time that is over, an EVSE and a type at once, a type that nobody knows, a station that is away."""
    async with charging(product, name, version) as charge:
        ahead = (product.now + timedelta(hours=1)).isoformat()
        body = {"station_id": name, "token": "T", "expires_at": ahead}
        for wrong, status in (
            ({"expires_at": (product.now - timedelta(seconds=1)).isoformat()}, 422),
            ({"evse_id": 1, "connector_type": "cType2"}, 422),
            ({"evse_id": 0}, 422),
            ({"station_id": "nobody"}, 404),
        ):
            reply = await product.api.post("/api/v1/reservations", json=body | wrong)
            assert reply.status_code == status, reply.text
        assert charge.double.heard == []
    reply = await product.api.post("/api/v1/reservations", json=body)
    assert reply.status_code == 409, reply.text
    [row] = (await product.get("/reservations", station_id=name))["items"]
    assert row["state"] == "refused"
