"""Every list that the API gives in pages, as its own description names them: page by page one finds what a
single page shows, and the last page leads nowhere.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .charge import ACCEPTED, Charge, charging
from .inventory import place, reported, tell
from .product import Product, running
from .updating import image, order

STATION = "L1"


async def lists(product: Product) -> dict[str, str]:
    """Path -> the parameter that takes its cursor."""
    described = await product.get("/openapi.json")
    schemas = described["components"]["schemas"]
    found = {}
    for path, methods in described["paths"].items():
        answer = methods.get("get", {}).get("responses", {}).get("200", {}).get("content", {})
        name = answer.get("application/json", {}).get("schema", {}).get("$ref", "").rsplit("/", 1)[-1]
        if {"items", "next"} <= set(schemas.get(name, {}).get("properties", {})):
            [cursor] = {item["name"] for item in methods["get"]["parameters"]} & {"before", "after"}
            found[path.removeprefix("/api/v1").replace("{station_id}", STATION)] = cursor
    return found


async def fill(charge: Charge) -> None:
    """Two of everything."""
    product, double = charge.product, charge.double
    double.reactions |= dict.fromkeys(("UpdateFirmware", "GetLog", "ReserveNow", "GetBaseReport"), ACCEPTED)
    image_id = (await image(product))["image_id"]
    await product.command(charge.name, "get_base_report")
    items = [reported("OCPPCommCtrlr", variable, "1") for variable in ("A", "B")]
    await tell(product, double, (await double.wait_heard("GetBaseReport"))["requestId"], items)
    for number in (1, 2):
        await order(product, charge.name, image_id=image_id)
        assert (await product.api.post(f"/api/v1/stations/{charge.name}/logs", json={})).status_code == 201
        body = {"station_id": charge.name, "token": f"R{number}", "expires_at": product.at(3_600)}
        assert (await product.api.post("/api/v1/reservations", json=body)).status_code == 201
        event = place("ChargingStation", f"Problem{number}") | {
            "eventId": number,
            "timestamp": product.at(),
            "trigger": "Alerting",
            "actualValue": "true",
            "eventNotificationType": "HardWiredNotification",
        }
        told = {"generatedAt": product.at(), "seqNo": 0, "eventData": [event]}
        assert await double.call("NotifyEvent", told) == {}
        noticed = {"type": f"TamperDetectionActivated{number}", "timestamp": product.at()}
        assert await double.call("SecurityEventNotification", noticed) == {}
        charge.anew()
        await charge.energy_transfer()
        await charge.ev_disconnected()


async def page_by_page(product: Product, path: str, cursor: str, limit: int) -> list[list[Any]]:
    pages, query = [], {"limit": str(limit)}
    while True:
        page = await product.get(path, **query)
        pages.append(page["items"])
        if page["next"] is None:
            return pages
        query[cursor] = str(page["next"])


async def test_the_last_page_of_every_list_says_that_it_is(tmp_path: Path) -> None:
    async with running(tmp_path) as product:
        for name in (STATION, "L2"):
            async with charging(product, name) as charge:
                if name == STATION:
                    await fill(charge)
                await charge.double.call("Heartbeat", {})
        for name in (STATION, "L2"):
            ended = {"station_id": name, "outcome": "ended"}
            await product.until(lambda page: page["items"], "/connections", **ended)
            heard = {"action": "Heartbeat", "direction": "out"}  # after it nothing passed
            await product.until(lambda page: page["items"], f"/stations/{name}/messages", **heard)
        found = await lists(product)
        assert len(found) >= 13, found
        for path, cursor in found.items():
            [items] = await page_by_page(product, path, cursor, 1_000)
            assert len(items) > 1, path
            for limit in (len(items), len(items) - 1):
                pages = await page_by_page(product, path, cursor, limit)
                assert [item for page in pages for item in page] == items, path
                assert len(pages) == -(-len(items) // limit), (path, limit)
