"""What a 2.1 station asks of the certificates of a car that speaks ISO 15118-20 (use case M07): OCSP
responders and revocation lists, each certificate for itself.
"""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio

from .outside import Certificate, Outside, Responder, list_of, make, outside
from .product import Product, running

pytestmark = pytest.mark.asyncio(loop_scope="module")
proves = pytest.mark.proves
_names = itertools.count(1)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def place() -> AsyncIterator[Outside]:
    async with outside() as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def product(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Product]:
    settings = {"ocsp_hosts": ["127.0.0.1"]}
    async with running(tmp_path_factory.mktemp("product"), plug_and_charge=settings) as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def root(product: Product) -> Certificate:
    """An OEM's root that the operator trusts."""
    made = make("OEM Root", product.now)
    body = {"use": "OEMRootCertificate", "pem": made.pem}
    owner = await product.key("owner")
    assert (await product.api.post("/api/v1/certificates", json=body, headers=owner)).status_code == 200
    return made


@pytest.fixture
def name() -> str:
    return f"CHAIN{next(_names)}"


def entry(certificate: Certificate, source: str, *urls: str) -> dict[str, Any]:
    return {"certificateHashData": certificate.hashes(), "source": source, "urls": list(urls)}


async def ask(product: Product, name: str, *entries: dict[str, Any]) -> list[dict[str, Any]]:
    async with product.station(name, "2.1") as double:
        answer = await double.call("GetCertificateChainStatus", {"certificateStatusRequests": list(entries)})
    found: list[dict[str, Any]] = answer["certificateStatus"]
    assert [item["certificateHashData"] for item in found] == [
        item["certificateHashData"] for item in entries
    ]
    assert [item["source"] for item in found] == [item["source"] for item in entries]
    return found


@proves("M07.FR.01", "M07.FR.02", "M07.FR.03", "M07.FR.08")
async def test_responders_tell_of_each_certificate(
    product: Product, place: Outside, root: Certificate, name: str
) -> None:
    """Good, revoked and unknown as the responder says, Failed where none answers; with its next update."""
    responder = Responder(place, f"/{name}", root, lambda: product.now)
    cars = [make(f"Car {n}", product.now, root, ca=False) for n in range(4)]
    responder.says = {cars[1].made.serial_number: "revoked", cars[2].made.serial_number: "unknown"}
    found = await ask(
        product,
        name,
        *(entry(car, "OCSP", responder.url) for car in cars[:3]),
        entry(cars[3], "OCSP", f"{place.url}/nobody"),
    )
    assert [item["status"] for item in found] == ["Good", "Revoked", "Unknown", "Failed"]
    until = datetime.fromisoformat(found[0]["nextUpdate"])
    assert abs(until - product.now - responder.lasts) < timedelta(minutes=1)


@proves("M07.FR.04", "M07.FR.05", "M07.FR.06", "M07.FR.07", "M07.FR.08")
async def test_revocation_lists_tell_of_each_certificate(
    product: Product, place: Outside, root: Certificate, name: str
) -> None:
    """On the list is revoked, not on it is good; the list is fetched once, and again when it is old."""
    good, bad = (make(f"Car {n}", product.now, root, ca=False) for n in range(2))
    url = f"{place.url}/{name}.crl"
    place.paths[f"/{name}.crl"] = lambda body, headers: (
        200,
        "application/pkix-crl",
        list_of(root, product.now, bad),
    )
    asked = (entry(good, "CRL", "ftp://127.0.0.1/none", url), entry(bad, "CRL", url))
    found = await ask(product, name, *asked)
    assert [item["status"] for item in found] == ["Good", "Revoked"]
    fetched = len([path for path, _, _ in place.asked if path == f"/{name}.crl"])
    await ask(product, name, *asked)
    assert len([path for path, _, _ in place.asked if path == f"/{name}.crl"]) == fetched
    product.leap(86_400 + 60)
    await ask(product, name, *asked)
    assert len([path for path, _, _ in place.asked if path == f"/{name}.crl"]) > fetched


@proves("M07.FR.05")
async def test_a_list_that_proves_nothing_is_failed(
    product: Product, place: Outside, root: Certificate, name: str
) -> None:
    """No list, an old one, another issuer's, one that somebody else has signed: nobody could tell."""
    other = make("Other Root", product.now)
    car = make("Car", product.now, root, ca=False)
    lists = {
        "none": b"",
        "old": list_of(root, product.now - timedelta(days=9)),
        "other": list_of(other, product.now),
        "lie": list_of(root, product.now, by=other),
    }
    for kind, data in lists.items():
        place.paths[f"/{name}/{kind}"] = lambda body, headers, said=data: (  # type: ignore[misc]
            200,
            "application/pkix-crl",
            said,
        )
    found = await ask(
        product, name, *(entry(car, "CRL", f"{place.url}/{name}/{kind}") for kind in [*lists][:4])
    )
    assert [item["status"] for item in found] == ["Failed"] * 4
