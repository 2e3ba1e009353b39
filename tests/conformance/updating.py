"""Firmware images in the product, and what it makes of a station's update: seen by the API only."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from .double import Double
from .product import Product

CONTENT = b"firmware of the maker\n" * 5_000


def _maker() -> tuple[str, str]:
    """A maker's certificate, and its signature of CONTENT: ECDSA with SHA-256 over the file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Voltwerk firmware")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(4711)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=365))
        .sign(key, hashes.SHA256())
    )
    signature = base64.b64encode(key.sign(CONTENT, ec.ECDSA(hashes.SHA256()))).decode()
    return certificate.public_bytes(Encoding.PEM).decode(), signature


CERTIFICATE, SIGNATURE = _maker()


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
