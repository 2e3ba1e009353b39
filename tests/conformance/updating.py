"""Firmware images in the product, and what it makes of a station's update: seen by the API only."""

from __future__ import annotations

from typing import Any

from .double import Double
from .product import Product

CERTIFICATE = "-----BEGIN CERTIFICATE-----\nMIIBmaker\n-----END CERTIFICATE-----\n"
SIGNATURE = "MEUCIQDmakerssignature=="
CONTENT = b"firmware of the maker\n" * 5_000

Call = tuple[str, dict[str, Any]]


async def image(product: Product, version: str = "2.0", *, signed: bool = True) -> dict[str, Any]:
    """A firmware image that the operator keeps, by default with its maker's signature."""
    answer = await product.api.post(
        "/api/v1/firmware", content=CONTENT, params={"version": version, "file_name": f"fw-{version}.bin"}
    )
    assert answer.status_code == 201, answer.text
    kept: dict[str, Any] = answer.json()
    if signed:
        answer = await product.api.put(
            f"/api/v1/firmware/{kept['image_id']}/signature",
            json={"signing_certificate": CERTIFICATE, "signature": SIGNATURE},
        )
        assert answer.status_code == 200, answer.text
        kept = answer.json()
    return kept


async def order(product: Product, station: str, **order: Any) -> dict[str, Any]:
    """Tell a station to install it, as a person's program; returns the job."""
    answer = await product.api.post(f"/api/v1/stations/{station}/firmware", json=order)
    assert answer.status_code == 201, answer.text
    job: dict[str, Any] = answer.json()
    return job


async def refused(product: Product, station: str, **order: Any) -> str:
    """The same of a station that says no; returns its word."""
    answer = await product.api.post(f"/api/v1/stations/{station}/firmware", json=order)
    assert answer.status_code == 502, answer.text
    word: str = answer.json()["outcome"]["status"]
    return word


async def jobs(product: Product, station: str, what: str = "firmware") -> list[dict[str, Any]]:
    """A station's jobs, the newest first."""
    page = await product.get(f"/stations/{station}/{what}")
    items: list[dict[str, Any]] = page["items"]
    return items


async def job(product: Product, station: str, what: str = "firmware") -> dict[str, Any]:
    """The only one."""
    [found] = await jobs(product, station, what)
    return found


async def tell(double: Double, action: str, *statuses: str, **more: Any) -> None:
    """Words of the station, each answered with nothing but its receipt."""
    for status in statuses:
        assert await double.call(action, {"status": status, **more}) == {}


def course(row: dict[str, Any]) -> list[str]:
    """The steps of a job; those that may not follow the one before are marked."""
    return [step["status"] if step["expected"] else f"{step['status']}!" for step in row["steps"]]
