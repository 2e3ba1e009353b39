"""Block C, contract certificates (C07): a car proves by a certificate whose contract pays.

Each function is a test case of the standard's part 6, run against 2.0.1 and 2.1. The responder and the roots
are real; the car is the double.
"""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import pytest
import pytest_asyncio

from ..charge import charging
from ..double import CallError
from ..outside import Certificate, Outside, Responder, asked_of, make, outside
from ..product import Product, running

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.parametrize("version", ["2.0.1", "2.1"]),
]
proves = pytest.mark.proves
_names = itertools.count(1)


class World:
    """A mobility operator: root, sub CA, the responders of both, and contracts below."""

    def __init__(self, place: Outside, product: Product) -> None:
        self.place, self.product = place, product

        def now() -> datetime:
            return product.now

        self.root = make("MO Root", product.now)
        self.by_root = Responder(place, "/root", self.root, now)
        self.sub = make("MO Sub", product.now, self.root, responder=self.by_root.url)
        self.by_sub = Responder(place, "/sub", self.sub, now)

    def contract(self, emaid: str, above: Certificate | None = None, **more: Any) -> Certificate:
        """The certificate of a contract."""
        issuer = above or self.sub
        return make(emaid, self.product.now, issuer, ca=False, responder=self.by_sub.url, **more)

    def hashes(self, contract: Certificate) -> list[dict[str, Any]]:
        """What a station that checked the chain itself sends of it."""
        return [asked_of(contract, self.by_sub.url), asked_of(self.sub, self.by_root.url)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def place() -> AsyncIterator[Outside]:
    async with outside() as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def product(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Product]:
    settings: dict[str, Any] = {"ocsp_hosts": ["127.0.0.1"]}
    async with running(
        tmp_path_factory.mktemp("product"), plug_and_charge=settings, unknown_tokens="reject"
    ) as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(product: Product, place: Outside) -> World:
    made = World(place, product)
    answer = await product.api.post(
        "/api/v1/certificates",
        json={"use": "MORootCertificate", "pem": made.root.pem},
        headers=await product.key("owner"),
    )
    assert answer.status_code == 200, answer.text
    return made


@pytest.fixture
def name() -> str:
    return f"C7{next(_names)}"


async def know(product: Product, emaid: str, status: str = "Accepted") -> dict[str, str]:
    """Enter a contract; returns its token on the wire."""
    token = {"value": emaid, "kind": "eMAID", "status": status}
    answer = await product.api.put(f"/api/v1/tokens/{emaid}", json=token)
    assert answer.status_code == 200, answer.text
    return {"idToken": emaid, "type": "eMAID"}


async def authorize(
    product: Product, name: str, version: str, token: dict[str, str], **proof: Any
) -> tuple[str, str | None]:
    """(status of the token, status of the certificate)."""
    async with product.station(name, version) as double:
        answer = await double.call("Authorize", {"idToken": token} | proof)
    return answer["idTokenInfo"]["status"], answer.get("certificateStatus")


def emaid() -> str:
    return f"DEABCC{next(_names):08d}"


# ---------------------------------------------------------------- the station has checked the chain


@proves("C07.FR.04", "C07.FR.05", "C07.FR.14")
async def test_TC_C_50_CSMS_hashes_accepted(product: Product, world: World, name: str, version: str) -> None:
    """The responder is asked of each certificate, both verdicts are Accepted, and the car charges."""
    token = await know(product, emaid())
    contract = world.contract(token["idToken"])
    async with charging(product, name, version) as charge:
        charge.token = token
        answer = await charge.double.call(
            "Authorize",
            {"idToken": token, "iso15118CertificateHashData": world.hashes(contract)},
        )
        assert (answer["idTokenInfo"]["status"], answer["certificateStatus"]) == ("Accepted", "Accepted")
        assert contract.made.serial_number in world.by_sub.asked
        assert world.sub.made.serial_number in world.by_root.asked
        told = await charge.event("Authorized", "Charging", evse=charge.evse, idToken=token)
        assert told["idTokenInfo"]["status"] == "Accepted"
        assert (await charge.row())["token"] == token["idToken"]


@proves("C07.FR.16")
async def test_TC_C_51_CSMS_hashes_revoked(product: Product, world: World, name: str, version: str) -> None:
    """A contract certificate that was revoked is refused, though its eMAID is good."""
    token = await know(product, emaid())
    contract = world.contract(token["idToken"])
    world.by_sub.says[contract.made.serial_number] = "revoked"
    found = await authorize(product, name, version, token, iso15118CertificateHashData=world.hashes(contract))
    assert found == ("Invalid", "CertificateRevoked")
    page = await product.until(lambda page: page["items"], "/audit", target=f"station/{name}")
    [entry] = page["items"]
    assert (entry["actor"], entry["action"]) == ("system plug and charge", "refuse_contract")
    assert contract.made.serial_number in world.by_sub.asked


@proves("C07.FR.17")
async def test_TC_C_51_CSMS_hashes_that_nobody_knows(
    product: Product, world: World, name: str, version: str
) -> None:
    """No answer, an answer of nobody who may speak, and `unknown` are no proof: refused, not let through."""
    token = await know(product, emaid())
    contract = world.contract(token["idToken"])
    world.by_sub.says[contract.made.serial_number] = "unknown"
    elsewhere = asked_of(contract, world.by_sub.url + "/nobody")
    forged = make("MO Sub", product.now)
    lie = Responder(world.place, f"/lie/{name}", forged, lambda: product.now)
    for asked in (asked_of(contract, world.by_sub.url), elsewhere, asked_of(contract, lie.url)):
        found = await authorize(product, name, version, token, iso15118CertificateHashData=[asked])
        assert found == ("Invalid", "CertChainError"), asked


@proves("C07.FR.05", "C07.FR.17")
async def test_TC_C_51_CSMS_hashes_of_an_issuer_that_nobody_has_seen(
    product: Product, world: World, name: str, version: str
) -> None:
    """A responder proves itself by its issuer's key: without the sub CA's certificate its word is no proof,
    and with it, entered by the owner, it is.
    """
    token = await know(product, emaid())
    sub = make(f"Sub of {name}", product.now, world.root, responder=world.by_root.url)
    responder = Responder(world.place, f"/bare/{name}", sub, lambda: product.now)
    responder.encloses = False
    contract = make(token["idToken"], product.now, sub, ca=False, responder=responder.url)
    shown = [asked_of(contract, responder.url), asked_of(sub, world.by_root.url)]
    found = await authorize(product, name, version, token, iso15118CertificateHashData=shown)
    assert found == ("Invalid", "CertChainError")
    body = {"use": "MORootCertificate", "pem": sub.pem}
    owner = await product.key("owner")
    assert (await product.api.post("/api/v1/certificates", json=body, headers=owner)).status_code == 200
    found = await authorize(product, name, version, token, iso15118CertificateHashData=shown)
    assert found == ("Accepted", "Accepted")


@proves("C07.FR.13")
@pytest.mark.parametrize("status", ["Blocked", "Expired", "Invalid", "Unknown"])
async def test_TC_C_51_CSMS_contract_cancelled(
    product: Product, world: World, name: str, version: str, status: str
) -> None:
    """A good certificate whose eMAID is not accepted: the contract is over."""
    value = emaid()
    token = {"idToken": value, "type": "eMAID"}
    if status != "Unknown":
        await know(product, value, status)
    contract = world.contract(value)
    found = await authorize(product, name, version, token, iso15118CertificateHashData=world.hashes(contract))
    assert found == (status, "ContractCancelled")


# ---------------------------------------------------------------- the CSMS checks the chain


@proves("C07.FR.04", "C07.FR.05", "C07.FR.14")
async def test_TC_C_52_CSMS_chain_accepted(product: Product, world: World, name: str, version: str) -> None:
    """The chain ends at a trusted root, the responders that it names are asked, and the car charges."""
    token = await know(product, emaid())
    contract = world.contract(token["idToken"])
    async with charging(product, name, version) as charge:
        charge.token = token
        answer = await charge.double.call("Authorize", {"idToken": token, "certificate": contract.chain})
        assert (answer["idTokenInfo"]["status"], answer["certificateStatus"]) == ("Accepted", "Accepted")
        assert contract.made.serial_number in world.by_sub.asked
        told = await charge.event("Authorized", "Charging", evse=charge.evse, idToken=token)
        assert told["idTokenInfo"]["status"] == "Accepted"


@proves("C07.FR.14")
async def test_TC_C_52_CSMS_chain_in_any_spelling(
    product: Product, world: World, name: str, version: str
) -> None:
    """Case, separators and check digit of an eMAID make no other contract; the root may come along."""
    value = emaid()
    token = await know(product, value)
    contract = world.contract(f"{value[:2]}-{value[2:5]}-{value[5:]}-X".lower())
    found = await authorize(product, name, version, token, certificate=contract.chain + world.root.pem)
    assert found == ("Accepted", "Accepted")


@proves("C07.FR.14")
async def test_TC_C_52_CSMS_contract_entered_with_separators(
    product: Product, world: World, name: str, version: str
) -> None:
    """A contract that was entered as people write it is the one that a car names without separators."""
    value = emaid()
    await know(product, f"{value[:2]}-{value[2:5]}-{value[5:]}")
    contract = world.contract(value)
    token = {"idToken": value, "type": "eMAID"}
    async with charging(product, name, version) as charge:
        charge.token = token
        answer = await charge.double.call("Authorize", {"idToken": token, "certificate": contract.chain})
        assert (answer["idTokenInfo"]["status"], answer["certificateStatus"]) == ("Accepted", "Accepted")
        told = await charge.event("Authorized", "Charging", evse=charge.evse, idToken=token)
        assert told["idTokenInfo"]["status"] == "Accepted"


@proves("C07.FR.15")
async def test_TC_C_52_CSMS_chain_expired(product: Product, world: World, name: str, version: str) -> None:
    """A contract whose certificate's time is over is told as expired, both ways."""
    token = await know(product, emaid())
    contract = world.contract(token["idToken"], days=-1, since_days=30)
    found = await authorize(product, name, version, token, certificate=contract.chain)
    assert found == ("Expired", "CertificateExpired")


@proves("C07.FR.16")
async def test_TC_C_52_CSMS_chain_revoked(product: Product, world: World, name: str, version: str) -> None:
    """One revoked certificate anywhere in the chain is enough."""
    token = await know(product, emaid())
    sub = make("Revoked Sub", product.now, world.root, responder=world.by_root.url)
    world.by_root.says[sub.made.serial_number] = "revoked"
    under = Responder(world.place, f"/under/{name}", sub, lambda: product.now)
    contract = make(token["idToken"], product.now, sub, ca=False, responder=under.url)
    found = await authorize(product, name, version, token, certificate=contract.chain)
    assert found == ("Invalid", "CertificateRevoked")


@proves("C07.FR.17")
async def test_TC_C_52_CSMS_chain_that_does_not_hold(
    product: Product, world: World, name: str, version: str
) -> None:
    """Another root, a gap, an issuer that is none, another contract, no responder, no certificate."""
    token = await know(product, emaid())
    value = token["idToken"]
    stranger = make("MO Root", product.now)
    no_ca = world.contract("DEABCC99999999")
    for why, pem in {
        "another root of the same name": world.contract(value, make("MO Sub", product.now, stranger)).chain,
        "the sub CA is missing": world.contract(value).pem,
        "issued by a contract": world.contract(value, no_ca).chain,
        "of another contract": world.contract("DEABCC99999999").chain,
        "no responder is named": make(value, product.now, world.sub, ca=False).chain,
        "no certificate": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        "no PEM": "hello",
    }.items():
        found = await authorize(product, name, version, token, certificate=pem)
        assert found == ("Invalid", "CertChainError"), why


@proves("C07.FR.05", "C07.FR.17")
async def test_TC_C_52_CSMS_a_proof_that_breaks_the_schema(
    product: Product, world: World, name: str, version: str
) -> None:
    """A proof that can't be read is never left out: the eMAID alone would be let in."""
    token = await know(product, emaid())
    asked = world.hashes(world.contract(token["idToken"]))
    async with product.station(name, version) as double:
        for broken in (
            {"iso15118CertificateHashData": [asked[0] | {"hashAlgorithm": "MD5"}]},
            {"iso15118CertificateHashData": [asked[0], {}]},
            {"iso15118CertificateHashData": asked * 3},
            {"certificate": ["-----BEGIN CERTIFICATE-----"]},
            {"certificate": "x" * 10_001},
        ):
            with pytest.raises(CallError):
                await double.call("Authorize", {"idToken": token} | broken, faulty=True)


@proves("C07.FR.04")
async def test_TC_C_52_CSMS_no_proof_asked_for(
    product: Product, world: World, name: str, version: str
) -> None:
    """An eMAID without a certificate is a token like any other, and no certificate status is told."""
    token = await know(product, emaid())
    assert await authorize(product, name, version, token) == ("Accepted", None)


@proves("C07.FR.05", "C07.FR.17")
async def test_TC_C_52_CSMS_root_no_longer_trusted(
    product: Product, world: World, name: str, version: str
) -> None:
    """What ends below a root is good for as long as an owner trusts the root; that is in the audit."""
    token = await know(product, emaid())
    other = make(f"Root of {name}", product.now)
    responder = Responder(world.place, f"/other/{name}", other, lambda: product.now)
    contract = make(token["idToken"], product.now, other, ca=False, responder=responder.url)
    owner = await product.key("owner")
    body = {"use": "V2GRootCertificate", "pem": other.pem, "label": "For a while"}
    assert (await product.api.post("/api/v1/certificates", json=body)).status_code == 403
    [view] = (await product.api.post("/api/v1/certificates", json=body, headers=owner)).json()
    assert (view["label"], view["subject"]) == ("For a while", f"CN=Root of {name}")
    found = await authorize(product, name, version, token, certificate=contract.chain)
    assert found == ("Accepted", "Accepted")
    path = f"/api/v1/certificates/V2GRootCertificate/{view['fingerprint']}"
    assert (await product.api.delete(path, headers=owner)).status_code == 204
    found = await authorize(product, name, version, token, certificate=contract.chain)
    assert found == ("Invalid", "CertChainError")
    entries = (await product.get("/audit", target=f"certificate/{view['fingerprint']}"))["items"]
    assert [entry["action"] for entry in entries] == ["distrust_certificate", "trust_certificate"]


@proves("M01.FR.01")
async def test_TC_M_26_CSMS_nobody_has_contracts(product: Product, name: str, version: str) -> None:
    """Without a contract certificate pool a car's request fails, by the standard's word and at once."""
    asked = {
        "iso15118SchemaVersion": "urn:iso:15118:2:2013:MsgDef",
        "action": "Install",
        "exiRequest": "QUJD",
    }
    async with product.station(name, version) as double:
        answer = await double.call("Get15118EVCertificate", asked)
    assert (answer["status"], answer["exiResponse"]) == ("Failed", "")
