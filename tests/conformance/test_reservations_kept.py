"""Reservations and local lists when things go wrong: no answer, a restart, a station away, odd numbers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from .charge import Charge, charging
from .product import Product, running


@pytest.fixture
async def product(tmp_path: Path) -> AsyncIterator[Product]:
    async with running(tmp_path) as made:
        yield made


async def reserve(charge: Charge, answer: str = "Accepted", hours: float = 0.1, **more: Any) -> int:
    """Ask for a reservation; returns its number."""
    charge.double.reactions["ReserveNow"] = {"status": answer}
    until = charge.product.now + timedelta(hours=hours)
    body = {"station_id": charge.name, "token": charge.token["idToken"], "expires_at": until.isoformat()}
    reply = await charge.product.api.post("/api/v1/reservations", json=body | more)
    assert reply.status_code == 201, reply.text
    return int(reply.json()["reservation_id"])


async def shown(product: Product, number: int) -> dict[str, Any]:
    return dict(await product.get(f"/reservations/{number}"))


async def over(product: Product, number: int) -> dict[str, Any]:
    """Its time passes."""
    product.leap(600)
    view = await product.until(lambda view: view["state"] == "expired", f"/reservations/{number}")
    return dict(view)


async def test_without_an_answer_it_may_be_held_until_its_time(product: Product) -> None:
    """The station is silent: requested, no success, and no driver is blamed when the time passes."""
    async with charging(product, "R1") as charge:
        await charge.status("Available")
        charge.double.silent.add("ReserveNow")
        body = {
            "station_id": "R1",
            "token": "T",
            "evse_id": 1,
            "expires_at": (product.now + timedelta(seconds=300)).isoformat(),
        }
        asking = asyncio.ensure_future(product.api.post("/api/v1/reservations", json=body))
        number = (await charge.double.wait_heard("ReserveNow"))["id"]
        assert (await shown(product, number))["state"] == "requested"
        product.leap(40)
        assert (await asking).status_code == 504
        view = await shown(product, number)
        assert (view["state"], view["created_by"].split(":")[0]) == ("requested", "key")
        assert (await over(product, number))["no_show"] is False


async def test_a_restart_forgets_none(tmp_path: Path) -> None:
    """Held before, used after."""
    async with running(tmp_path) as product, charging(product, "R1") as charge:
        number = await reserve(charge, evse_id=1, hours=2)
    async with running(tmp_path) as product, charging(product, "R1") as charge:
        assert (await shown(product, number))["state"] == "active"
        await charge.event("Authorized", idToken=charge.token, evse=charge.evse)
        assert (await shown(product, number))["state"] == "used"
        assert await reserve(charge, evse_id=1) == number + 1


async def test_nobody_is_blamed_when_the_station_was_away(product: Product) -> None:
    async with charging(product, "R1") as charge:
        await charge.status("Available")
        number = await reserve(charge, evse_id=1)
    await product.until(lambda view: not view["online"], "/stations/R1/status")
    assert (await over(product, number))["no_show"] is False


async def test_nobody_is_blamed_for_a_broken_evse(product: Product) -> None:
    async with charging(product, "R1") as charge:
        number = await reserve(charge, evse_id=1)
        await charge.status("Faulted")
        assert (await over(product, number))["no_show"] is False


async def test_the_driver_came_and_did_not_charge(product: Product) -> None:
    """NoTransaction of 2.1."""
    async with charging(product, "R1", "2.1") as charge:
        number = await reserve(charge, evse_id=1)
        told = {"reservationId": number, "reservationUpdateStatus": "NoTransaction"}
        assert await charge.double.call("ReservationStatusUpdate", told) == {}
        view = await shown(product, number)
        assert (view["state"], view["no_show"]) == ("no_show", True)


async def test_of_two_the_one_for_the_evse_is_used(product: Product) -> None:
    """A token has one for any EVSE and one for this: the start uses this."""
    async with charging(product, "R1") as charge:
        somewhere, here = await reserve(charge), await reserve(charge, evse_id=1)
        await charge.event("Authorized", idToken=charge.token, evse=charge.evse)
        assert (await shown(product, here))["state"] == "used"
        assert (await shown(product, somewhere))["state"] == "active"


async def test_another_station_can_t_end_it_and_odd_numbers_harm_nothing(product: Product) -> None:
    async with charging(product, "R1") as charge, charging(product, "R2") as other:
        number = await reserve(charge, evse_id=1)
        for wrong in (number, 0, -1, 2**31, 2**70):
            told = {"reservationId": wrong, "reservationUpdateStatus": "Removed"}
            assert await other.double.call("ReservationStatusUpdate", told) == {}
        for wrong in (number, -5, 2**31, 2**70):
            other.anew()
            await other.event("Authorized", idToken=other.token, evse=other.evse, reservationId=wrong)
        assert (await shown(product, number))["state"] == "active"
        assert len(await product.transactions("R2")) == 4


async def test_a_list_follows_when_its_station_comes_back(tmp_path: Path) -> None:
    """A token changes while the station is away, and the node restarts: the difference goes when it comes."""

    def takes(charge: Charge, version: int) -> None:
        held = [version]
        charge.double.reactions["GetLocalListVersion"] = lambda _: {"versionNumber": held[0]}

        def take(update: dict[str, Any]) -> dict[str, Any]:
            held[0] = update["versionNumber"]
            return {"status": "Accepted"}

        charge.double.reactions["SendLocalList"] = take

    path = "/stations/L1/local-list"
    async with running(tmp_path) as product:
        await product.api.put("/api/v1/tokens/A", json={"value": "A"})
        await product.api.put("/api/v1/tokens/B", json={"value": "B"})
        async with charging(product, "L1") as charge:
            takes(charge, 0)
            await product.api.put(f"/api/v1{path}", json={"enabled": True})
            await product.until(lambda view: view["state"] == "synced", path)
        await product.until(lambda view: not view["online"], "/stations/L1/status")
        await product.api.put("/api/v1/tokens/C", json={"value": "C"})
        product.leap(6)
        await product.until(lambda view: view["state"] == "behind", path)
    async with running(tmp_path) as product, charging(product, "L1") as charge:
        takes(charge, 1)
        product.leap(6)
        update = await charge.double.wait_heard("SendLocalList")
        assert (update["updateType"], update["versionNumber"]) == ("Differential", 2)
        assert [entry["idToken"]["idToken"] for entry in update["localAuthorizationList"]] == ["C"]
        await product.until(lambda view: (view["state"], view["entries"]) == ("synced", 3), path)
