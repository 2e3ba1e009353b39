"""Plug & Charge of 1.6 stations: the nine messages that travel inside DataTransfer, both ways.

By OCA's application note "Using ISO 15118 Plug & Charge with OCPP 1.6"; `PNC n.n` are its sections.
"""

from __future__ import annotations

import base64
import itertools
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import NameOID

from ..double import Double
from ..outside import Outside, Responder, asked_of, make, outside
from ..product import Product, running

pytestmark = pytest.mark.asyncio(loop_scope="module")
proves = pytest.mark.proves
_names = itertools.count(1)
VENDOR = "org.openchargealliance.iso15118pnc"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def place() -> AsyncIterator[Outside]:
    async with outside() as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def product(place: Outside, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Product]:
    settings = {"ocsp_hosts": ["127.0.0.1"], "pool_url": f"{place.url}/pool"}
    async with running(
        tmp_path_factory.mktemp("product"), plug_and_charge=settings, unknown_tokens="reject"
    ) as made:
        yield made


@pytest.fixture
def name() -> str:
    return f"PNC{next(_names)}"


async def tell(double: Double, message: str, said: Any) -> dict[str, Any]:
    """A wrapped message of the station; what is in the answer."""
    answer = await double.call(
        "DataTransfer", {"vendorId": VENDOR, "messageId": message, "data": json.dumps(said)}
    )
    assert answer["status"] == "Accepted", answer
    inside: dict[str, Any] = json.loads(answer["data"])
    return inside


def wrapped(message: str, said: Any) -> tuple[str, dict[str, Any]]:
    return "DataTransfer", {"vendorId": VENDOR, "messageId": message, "data": said}


def last(double: Double) -> tuple[str, dict[str, Any]]:
    """The last call of the product, what it wraps read."""
    action, payload = double.heard[-1]
    return action, payload | {"data": json.loads(payload["data"])}


def answers(said: Any) -> dict[str, Any]:
    return {"status": "Accepted", "data": json.dumps(said)}


async def trusts(product: Product, root: Any) -> None:
    owner = await product.key("owner")
    body = {"use": "MORootCertificate", "pem": root.pem}
    assert (await product.api.post("/api/v1/certificates", json=body, headers=owner)).status_code == 200


# ---------------------------------------------------------------- from the station


@proves("PNC 5", "PNC 6.1")
@pytest.mark.parametrize("proof", ["hashes", "chain"])
async def test_pnc_authorize(product: Product, place: Outside, name: str, proof: str) -> None:
    """A contract is checked as in 2.0.1, told in 1.6's words, and starts by the plain StartTransaction."""
    emaid = f"DEABCC1600{name[3:]:0>4}"
    token = {"value": emaid, "kind": "eMAID", "status": "Accepted"}
    assert (await product.api.put(f"/api/v1/tokens/{emaid}", json=token)).status_code == 200
    root = make("MO Root", product.now)
    await trusts(product, root)
    responder = Responder(place, f"/{name}", root, lambda: product.now)
    contract = make(emaid, product.now, root, ca=False, responder=responder.url)
    shown: dict[str, Any] = {"idToken": {"idToken": emaid}}
    if proof == "chain":
        shown["certificate"] = contract.chain
    else:
        shown["iso15118CertificateHashData"] = [asked_of(contract, responder.url)]
    async with product.station(name) as double:
        inside = await tell(double, "Authorize", shown)
        assert inside == {"idTokenInfo": {"status": "Accepted"}, "certificateStatus": "Accepted"}
        assert responder.asked == [contract.made.serial_number]
        begin = {"connectorId": 1, "idTag": emaid, "meterStart": 0, "timestamp": product.at()}
        started = await double.call("StartTransaction", begin)
        assert started["idTagInfo"]["status"] == "Accepted"
        assert (await product.transaction(name))["token"] == emaid


@proves("PNC 5", "PNC 8.2")
async def test_pnc_authorize_refused(product: Product, place: Outside, name: str) -> None:
    """A revoked contract, one without a root and one that nobody entered, each in its own word."""
    emaid, unknown = "DEABCC16009001", "DEABCC16009002"
    token = {"value": emaid, "kind": "eMAID", "status": "Accepted"}
    assert (await product.api.put(f"/api/v1/tokens/{emaid}", json=token)).status_code == 200
    root, stranger = make("MO Root 2", product.now), make("MO Root 2", product.now)
    await trusts(product, root)
    responder = Responder(place, f"/{name}", root, lambda: product.now)
    revoked = make(emaid, product.now, root, ca=False, responder=responder.url)
    responder.says[revoked.made.serial_number] = "revoked"
    strange = make(emaid, product.now, stranger, ca=False, responder=responder.url)
    good = make(unknown, product.now, root, ca=False, responder=responder.url)
    async with product.station(name) as double:
        for value, contract, status, word in (
            (emaid, revoked, "Invalid", "CertificateRevoked"),
            (emaid, strange, "Invalid", "CertChainError"),
            (unknown, good, "Invalid", "ContractCancelled"),
        ):
            inside = await tell(
                double, "Authorize", {"idToken": {"idToken": value}, "certificate": contract.chain}
            )
            assert inside == {"idTokenInfo": {"status": status}, "certificateStatus": word}


@proves("PNC 6.4")
@pytest.mark.parametrize("action", ["Install", "Update"])
async def test_pnc_contract_for_a_car(product: Product, place: Outside, name: str, action: str) -> None:
    """A car's request goes to the pool and the answer to the car; a pool that fails makes it Failed."""
    path = "/pool/v1/ccp/signedContractData"
    exi = base64.b64encode(name.encode()).decode()
    content = {"CCPResponse": {"emaidContent": [{"messageDef": {"certificateInstallationRes": exi}}]}}
    place.paths[path] = lambda body, headers: (200, "application/json", json.dumps(content).encode())
    asked = {
        "iso15118SchemaVersion": "urn:iso:15118:2:2013:MsgDef",
        "action": action,
        "exiRequest": "QUJD",
    }
    async with product.station(name) as double:
        assert await tell(double, "Get15118EVCertificate", asked) == {
            "status": "Accepted",
            "exiResponse": exi,
        }
        assert json.loads(place.asked[-1][2])["certificateInstallationReq"] == "QUJD"
        place.paths[path] = lambda body, headers: (503, "text/plain", b"")
        assert await tell(double, "Get15118EVCertificate", asked) == {"status": "Failed", "exiResponse": ""}


@proves("PNC 6.5")
async def test_pnc_certificate_status(product: Product, place: Outside, name: str) -> None:
    """The responder's answer in DER, base64; Failed where there is none."""
    root = make("V2G Root", product.now)
    leaf = make("SECC", product.now, root, ca=False)
    responder = Responder(place, f"/{name}", root, lambda: product.now)
    async with product.station(name) as double:
        inside = await tell(
            double, "GetCertificateStatus", {"ocspRequestData": asked_of(leaf, responder.url)}
        )
        assert inside["status"] == "Accepted"
        said = ocsp.load_der_ocsp_response(base64.b64decode(inside["ocspResult"]))
        assert (said.serial_number, said.certificate_status.name) == (leaf.made.serial_number, "GOOD")
        other = make("SECC", product.now, root, ca=False)
        asked = {"ocspRequestData": asked_of(other, f"{place.url}/nobody")}
        assert await tell(double, "GetCertificateStatus", asked) == {"status": "Failed"}


@proves("PNC 2.1", "PNC 2.2")
async def test_pnc_messages_that_nobody_can_read(product: Product, name: str) -> None:
    """A message that is none of the nine, text that is no JSON, a member that is missing: said, no error."""
    async with product.station(name) as double:
        for message, data, status in (
            ("Hello", "{}", "UnknownMessageId"),
            ("Authorize", "{", "Rejected"),
            ("Authorize", "{}", "Rejected"),
            ("GetCertificateStatus", '{"ocspRequestData": 5}', "Rejected"),
        ):
            answer = await double.call(
                "DataTransfer", {"vendorId": VENDOR, "messageId": message, "data": data}
            )
            assert answer == {"status": status}, (message, data)


# ---------------------------------------------------------------- to the station


@proves("PNC 2.3", "PNC 6.6", "PNC 6.7", "PNC 6.3")
async def test_pnc_roots_for_cars_go_wrapped(product: Product, name: str) -> None:
    """V2G and MO roots are installed, listed and deleted inside DataTransfer; never by 1.6's own messages."""
    root = make("V2G Root", product.now)
    sub = make("Sub", product.now, root)
    secc = make("SECC", product.now, sub, ca=False)
    async with product.station(name) as double:
        double.reactions["DataTransfer"] = answers({"status": "Accepted"})
        outcome = await product.command(
            name, "install_certificate", use="V2GRootCertificate", certificate=root.pem
        )
        assert outcome.status_code == 200, outcome.text
        sent = {"certificateType": "V2GRootCertificate", "certificate": root.pem}
        assert last(double) == wrapped("InstallCertificate", sent)
        told = [
            {"certificateType": "V2GRootCertificate", "certificateHashData": root.hashes()},
            {
                "certificateType": "V2GCertificateChain",
                "certificateHashData": secc.hashes(),
                "childCertificateHashData": [sub.hashes()],
            },
        ]
        double.reactions["DataTransfer"] = answers({"status": "Accepted", "certificateHashDataChain": told})
        uses = ["V2GRootCertificate", "V2GCertificateChain"]
        outcome = await product.command(name, "get_installed_certificates", uses=uses)
        assert outcome.status_code == 200, outcome.text
        assert last(double) == wrapped("GetInstalledCertificateIds", {"certificateType": uses})
        rows = await product.until(lambda rows: len(rows) == 3, f"/stations/{name}/certificates")
        [known] = [row for row in rows if row["use"] == "V2GRootCertificate"]
        assert known["subject"] == "CN=V2G Root"
        double.reactions["DataTransfer"] = answers({"status": "Accepted"})
        outcome = await product.command(name, "delete_certificate", certificate=known["certificate"])
        assert outcome.status_code == 200, outcome.text
        assert last(double) == wrapped("DeleteCertificate", {"certificateHashData": root.hashes()})
        await product.until(lambda rows: len(rows) == 2, f"/stations/{name}/certificates")
        assert {action for action, _ in double.heard} == {"DataTransfer"}


@proves("PNC 6.7")
async def test_pnc_a_certificate_that_does_not_fit_is_not_sent(product: Product, name: str) -> None:
    """The wrapped message has no schema of its own; its limit of 5,500 characters is kept all the same."""
    root = make("MO Root", product.now, names=300)
    async with product.station(name) as double:
        outcome = await product.command(
            name, "install_certificate", use="MORootCertificate", certificate=root.pem
        )
        assert (outcome.status_code, "at most 5500" in outcome.text) == (502, True)
        assert double.heard == []


@proves("PNC 8.11", "PNC 8.5")
async def test_pnc_a_no_inside_is_a_no(product: Product, name: str) -> None:
    """What a station refuses inside an accepted DataTransfer, or cannot read at all, is told as refused."""
    root = make("MO Root", product.now)
    async with product.station(name) as double:
        for answer, word in (
            (answers({"status": "Rejected"}), "Rejected"),
            (answers({"status": "Failed"}), "Failed"),
            ({"status": "UnknownVendorId"}, "UnknownVendorId"),
        ):
            double.reactions["DataTransfer"] = answer
            outcome = await product.command(
                name, "install_certificate", use="MORootCertificate", certificate=root.pem
            )
            assert (outcome.status_code, outcome.json()["outcome"]["status"]) == (502, word)
        double.reactions["DataTransfer"] = {"status": "Accepted", "data": "?"}
        outcome = await product.command(
            name, "install_certificate", use="MORootCertificate", certificate=root.pem
        )
        assert outcome.status_code == 502, "an answer that says nothing is no yes"
        assert await product.get(f"/stations/{name}/certificates") == []


@proves("PNC 3.1.1", "PNC 6.9")
async def test_pnc_a_new_certificate_for_cars_is_asked_for(product: Product, name: str) -> None:
    """A station is told to renew its V2G certificate by a wrapped TriggerMessage without members."""
    async with product.station(name) as double:
        double.reactions["DataTransfer"] = answers({"status": "Accepted"})
        for command, body in (
            ("renew_certificate", {"purpose": "V2G"}),
            ("trigger", {"message": "SignV2GCertificate"}),
        ):
            outcome = await product.command(name, command, **body)
            assert outcome.status_code == 200, outcome.text
            assert last(double) == wrapped("TriggerMessage", {})
        double.reactions["DataTransfer"] = answers({"status": "NotImplemented"})
        outcome = await product.command(name, "renew_certificate", purpose="V2G")
        assert (outcome.status_code, outcome.json()["outcome"]["status"]) == (502, "NotImplemented")


@proves("PNC 3.1.2", "PNC 6.8", "PNC 6.2")
async def test_pnc_a_station_gets_its_certificate_for_cars(product: Product, name: str) -> None:
    """A wrapped request is signed and comes back wrapped, leaf first; nothing goes by 1.6's own messages."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, f"DEAMP{name}"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Operator"),
        ]
    )
    request = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    async with product.station(name) as double:
        double.reactions["DataTransfer"] = answers({"status": "Accepted"})
        pem = request.public_bytes(Encoding.PEM).decode()
        assert await tell(double, "SignCertificate", {"csr": pem}) == {"status": "Accepted"}
        await double.wait_heard("DataTransfer")
        action, payload = last(double)
        assert (action, payload["messageId"], list(payload["data"])) == (
            "DataTransfer",
            "CertificateSigned",
            ["certificateChain"],
        )
        leaf = x509.load_pem_x509_certificates(payload["data"]["certificateChain"].encode())[0]
        assert (leaf.public_key(), leaf.subject) == (key.public_key(), subject)
        refused = await tell(double, "SignCertificate", {"csr": "no request"})
        assert refused == {"status": "Rejected"}
        assert [name for name, _ in double.heard] == ["DataTransfer"]
