"""Prices and displays over a restart of the product, and an end that the product had supposed."""

from __future__ import annotations

from pathlib import Path

from .charge import charging
from .product import running


async def test_a_restart_forgets_no_price_and_no_message(tmp_path: Path) -> None:
    async with running(tmp_path) as product, charging(product, "LAST1") as charge:
        body = {"scope": "station", "scope_id": "LAST1", "price": {"currency": "EUR", "per_kwh": "0.50"}}
        assert (await product.api.post("/api/v1/prices", json=body)).status_code == 200
        charge.double.reactions["SetDisplayMessage"] = {"status": "Accepted"}
        message = {"content": "Welcome", "end": product.at(3_600)}
        assert (await product.command("LAST1", "set_display_message", **message)).status_code == 200
        shown = await product.get("/stations/LAST1/display-messages")
    async with running(tmp_path) as product, charging(product, "LAST1") as charge:
        assert await product.get("/stations/LAST1/display-messages") == shown
        product.leap(1_000)
        await charge.energy_transfer()
        assert (await charge.ev_disconnected())["totalCost"] == 0.25
        product.leap(3_600)
        assert await product.get("/stations/LAST1/display-messages") == []


async def test_the_stations_own_end_tells_the_cost_though_we_had_closed_the_transaction(
    tmp_path: Path,
) -> None:
    """Closed by a person as it seemed forgotten; then the station's own end comes: it is told what it cost,
    once, however often it tells the end in other words."""
    async with running(tmp_path) as product, charging(product, "LAST2") as charge:
        body = {"scope": "all", "price": {"currency": "EUR", "per_kwh": "0.50"}}
        assert (await product.api.post("/api/v1/prices", json=body)).status_code == 200
        product.leap(1_000)
        await charge.energy_transfer()
        row = await charge.row()
        path = f"/api/v1/transactions/{row['transaction_id']}/close"
        closed = await product.api.post(path, json={"why": "forgotten"})
        assert closed.json()["state"] == "ended", closed.text
        assert (await charge.ev_disconnected())["totalCost"] == 0.25
        assert "totalCost" not in await charge.event("StopAuthorized", kind="Ended", stopped="Local")
        assert (await charge.row())["cost"]["total"] == "0.25"
