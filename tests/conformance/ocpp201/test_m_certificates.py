"""Block M, certificates: roots that stations get, list and lose, contracts for cars, and OCSP for stations.

Each function is a test case of the standard's part 6, run against 2.0.1 and 2.1.
"""

from __future__ import annotations

import base64
import itertools
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from cryptography.x509 import ocsp

from ..double import Double
from ..outside import Certificate, Outside, Responder, asked_of, make, outside
from ..product import Product, running

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.parametrize("version", ["2.0.1", "2.1"]),
]
proves = pytest.mark.proves
_names = itertools.count(1)
ROOTS = {
    "CSMSRootCertificate": "01",
    "ManufacturerRootCertificate": "02",
    "V2GRootCertificate": "03",
    "MORootCertificate": "04",
}
POOL = "/pool/v1/ccp/signedContractData"
SCHEMA = "urn:iso:15118:2:2013:MsgDef"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def place() -> AsyncIterator[Outside]:
    async with outside() as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def product(place: Outside, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Product]:
    settings = {"ocsp_hosts": ["127.0.0.1"], "pool_url": f"{place.url}/pool", "pool_token": "T0ken"}
    async with running(tmp_path_factory.mktemp("product"), plug_and_charge=settings) as made:
        yield made


@pytest.fixture
def name() -> str:
    return f"M{next(_names)}"


async def install(product: Product, double: Double, name: str, use: str, root: Certificate) -> None:
    """The reusable state CertificateInstalled."""
    double.reactions["InstallCertificate"] = {"status": "Accepted"}
    outcome = await product.command(name, "install_certificate", use=use, certificate=root.pem)
    assert (outcome.status_code, outcome.json()["result"]) == (200, "accepted")
    assert double.heard[-1] == ("InstallCertificate", {"certificateType": use, "certificate": root.pem})


async def held(product: Product, name: str, count: int) -> list[dict[str, Any]]:
    """What the product knows the station to hold."""
    found: list[dict[str, Any]] = await product.until(
        lambda rows: len(rows) == count, f"/stations/{name}/certificates"
    )
    return found


async def list_of(
    product: Product, double: Double, name: str, uses: list[str], *told: dict[str, Any]
) -> dict[str, Any]:
    """The reusable state GetInstalledCertificates: the command's outcome."""
    double.reactions["GetInstalledCertificateIds"] = (
        {"status": "Accepted", "certificateHashDataChain": list(told)} if told else {"status": "NotFound"}
    )
    outcome = await product.command(name, "get_installed_certificates", uses=uses)
    assert outcome.status_code == 200, outcome.text
    assert double.heard[-1] == ("GetInstalledCertificateIds", {"certificateType": uses} if uses else {})
    answer: dict[str, Any] = outcome.json()
    return answer


def wire_hash(row: dict[str, Any]) -> dict[str, str]:
    """Hash data of the API as it stands on the wire."""
    named = row["certificate"]
    return {
        "hashAlgorithm": named["hash_algorithm"],
        "issuerNameHash": named["issuer_name_hash"],
        "issuerKeyHash": named["issuer_key_hash"],
        "serialNumber": named["serial_number"],
    }


# ---------------------------------------------------------------- install


async def installs(product: Product, name: str, version: str, use: str) -> None:
    root = make(f"Root of {name}", product.now, days=20)
    async with product.station(name, version) as double:
        await install(product, double, name, use, root)
        [row] = await held(product, name, 1)
        assert (row["use"], row["subject"], row["expiring"]) == (use, f"CN=Root of {name}", True)
        assert (wire_hash(row), row["reported_at"]) == (root.hashes(), None)
        [entry] = await product.audit(name)
        assert (entry["action"], entry["outcome"]) == ("install_certificate", "accepted")


@proves("M05.FR.01")
async def test_TC_M_01_CSMS_install_csms_root(product: Product, name: str, version: str) -> None:
    """A CSMS root goes to the station as given, is known to be there, and who sent it is in the audit."""
    await installs(product, name, version, "CSMSRootCertificate")


@proves("M05.FR.01")
async def test_TC_M_02_CSMS_install_manufacturer_root(product: Product, name: str, version: str) -> None:
    """The same with a manufacturer's root."""
    await installs(product, name, version, "ManufacturerRootCertificate")


@proves("M05.FR.01")
async def test_TC_M_03_CSMS_install_v2g_root(product: Product, name: str, version: str) -> None:
    """The same with a V2G root."""
    await installs(product, name, version, "V2GRootCertificate")


@proves("M05.FR.01")
async def test_TC_M_04_CSMS_install_mo_root(product: Product, name: str, version: str) -> None:
    """The same with a mobility operator's root."""
    await installs(product, name, version, "MORootCertificate")


@proves("M05.FR.01", "M05.FR.03")
async def test_TC_M_05_CSMS_install_failed(product: Product, name: str, version: str) -> None:
    """A station that failed to install is told of as refusing, and is not known to hold anything."""
    root = make("Root", product.now)
    async with product.station(name, version) as double:
        for word in ("Failed", "Rejected"):
            double.reactions["InstallCertificate"] = {"status": word}
            outcome = await product.command(
                name, "install_certificate", use="CSMSRootCertificate", certificate=root.pem
            )
            assert (outcome.status_code, outcome.json()["outcome"]["status"]) == (502, word)
        assert await product.get(f"/stations/{name}/certificates") == []
        assert [entry["outcome"] for entry in await product.audit(name)] == ["rejected", "rejected"]


@proves("M05.FR.01")
async def test_TC_M_05_CSMS_no_private_key_leaves(product: Product, name: str, version: str) -> None:
    """A text that holds a private key, or no certificate, is refused before it goes anywhere."""
    root = make("Root", product.now)
    async with product.station(name, version) as double:
        key = "-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n"
        for text in (key + root.pem, "no PEM", root.pem + root.pem, "Our root:\n" + root.pem):
            outcome = await product.command(
                name, "install_certificate", use="CSMSRootCertificate", certificate=text
            )
            assert outcome.status_code in (400, 422), outcome.text
        assert double.heard == []
        assert await product.audit(name) == []


@proves("M05.FR.01")
async def test_TC_M_05_CSMS_a_private_key_sent_by_mistake_is_not_shown(
    product: Product, name: str, version: str
) -> None:
    """A raw action goes out as written; what is secret in it stands neither in the audit nor in the log."""
    key = "-----BEGIN EC PRIVATE KEY-----\nc2VjcmV0\n-----END EC PRIVATE KEY-----\n"
    sent = {"certificateType": "CSMSRootCertificate", "certificate": key}
    async with product.station(name, version) as double:
        double.reactions["InstallCertificate"] = {"status": "Rejected"}
        await product.ocpp(name, "InstallCertificate", sent)
        assert double.heard[-1] == ("InstallCertificate", sent)
    [entry] = await product.audit(name)
    page = await product.until(lambda page: len(page["items"]) == 2, f"/stations/{name}/messages")
    assert "InstallCertificate" in str(page)
    assert "c2VjcmV0" not in str(entry) + str(page)


@proves("M05.FR.01")
async def test_TC_M_01_CSMS_one_root_for_many_stations(product: Product, name: str, version: str) -> None:
    """A trusted root goes to each station that is named; each tells for itself what became of it."""
    root = make(f"Root of {name}", product.now)
    body = {"use": "CSMSRootCertificate", "pem": root.pem}
    added = await product.api.post("/api/v1/certificates", json=body, headers=await product.key("owner"))
    [view] = added.json()
    path = f"/api/v1/certificates/CSMSRootCertificate/{view['fingerprint']}/install"
    names = [f"{name}-{number}" for number in range(3)]
    async with product.station(names[0], version) as first, product.station(names[1], version) as second:
        async with product.station(names[2], version):
            pass
        await product.until(lambda station: not station["online"], f"/stations/{names[2]}")
        first.reactions["InstallCertificate"] = {"status": "Accepted"}
        second.reactions["InstallCertificate"] = {"status": "Failed"}
        answer = await product.api.post(path, json={"stations": names})
        assert answer.status_code == 200, answer.text
        told = {item["station_id"]: item["outcome"]["result"] for item in answer.json()}
        assert told == dict(zip(names, ("accepted", "rejected", "offline"), strict=True))
        assert first.heard == second.heard
        await held(product, names[0], 1)
    assert (await product.audit(names[1]))[0]["outcome"] == "rejected"
    assert (await product.api.post(path, json={"stations": ["nobody"]})).status_code == 404
    nowhere = path.replace(view["fingerprint"], "ab")
    assert (await product.api.post(nowhere, json={"stations": names})).status_code == 404


# ---------------------------------------------------------------- list


async def lists(product: Product, name: str, version: str, use: str) -> None:
    known, strange = make("Known root", product.now), make("Strange root", product.now)
    async with product.station(name, version) as double:
        await install(product, double, name, use, known)
        told = [{"certificateType": use, "certificateHashData": each.hashes()} for each in (known, strange)]
        outcome = await list_of(product, double, name, [use], *told)
        assert [wire_hash(item) for item in outcome["data"]["certificates"]] == [
            known.hashes(),
            strange.hashes(),
        ]
        rows = {row["subject"]: row for row in await held(product, name, 2)}
        assert set(rows) == {"CN=Known root", None}
        assert rows["CN=Known root"]["installed_at"] is not None
        assert all(row["reported_at"] is not None for row in rows.values())


@proves("M03.FR.01")
async def test_TC_M_13_CSMS_list_manufacturer_roots(product: Product, name: str, version: str) -> None:
    """What the station lists of one kind is kept as listed; what came from here is known by its name."""
    await lists(product, name, version, "ManufacturerRootCertificate")


@proves("M03.FR.01")
async def test_TC_M_14_CSMS_list_v2g_roots(product: Product, name: str, version: str) -> None:
    """The same with V2G roots."""
    await lists(product, name, version, "V2GRootCertificate")


@proves("M03.FR.01", "M03.FR.05")
async def test_TC_M_15_CSMS_list_v2g_chain(product: Product, name: str, version: str) -> None:
    """A chain that the station shows to cars is kept with the sub CAs below it."""
    root = make("V2G root", product.now)
    first = make("Sub 1", product.now, root)
    second = make("Sub 2", product.now, first)
    leaf = make("SECC", product.now, second, ca=False)
    async with product.station(name, version) as double:
        told = {
            "certificateType": "V2GCertificateChain",
            "certificateHashData": leaf.hashes(),
            "childCertificateHashData": [second.hashes(), first.hashes()],
        }
        await list_of(product, double, name, ["V2GCertificateChain"], told)
        rows = await held(product, name, 3)
        [top] = [row for row in rows if row["parent_id"] is None]
        assert wire_hash(top) == leaf.hashes()
        below = [wire_hash(row) for row in rows if row["parent_id"] == top["certificate_id"]]
        assert sorted(below, key=str) == sorted([first.hashes(), second.hashes()], key=str)


@proves("M03.FR.01")
async def test_TC_M_16_CSMS_list_mo_roots(product: Product, name: str, version: str) -> None:
    """The same with mobility operators' roots."""
    await lists(product, name, version, "MORootCertificate")


@proves("M03.FR.01")
async def test_TC_M_18_CSMS_list_all(product: Product, name: str, version: str) -> None:
    """Asked for all, the station is asked without a type, and what it does not list it does not hold."""
    roots = {use: make(f"Root {use}", product.now) for use in ROOTS}
    async with product.station(name, version) as double:
        for use, root in roots.items():
            await install(product, double, name, use, root)
        await held(product, name, 4)
        told = [
            {"certificateType": use, "certificateHashData": root.hashes("SHA384")}
            for use, root in roots.items()
            if use != "MORootCertificate"
        ]
        await list_of(product, double, name, [], *told)
        rows = await held(product, name, 3)
        assert {row["subject"] for row in rows} == {
            f"CN=Root {use}" for use in ROOTS if use != "MORootCertificate"
        }
        assert {row["certificate"]["hash_algorithm"] for row in rows} == {"SHA384"}


@proves("M03.FR.01", "M03.FR.02")
async def test_TC_M_19_CSMS_list_none(product: Product, name: str, version: str) -> None:
    """A station that finds none has answered: what was believed of that kind is gone, other kinds stay."""
    async with product.station(name, version) as double:
        for use in ("ManufacturerRootCertificate", "CSMSRootCertificate"):
            await install(product, double, name, use, make(use, product.now))
        await held(product, name, 2)
        outcome = await list_of(product, double, name, ["ManufacturerRootCertificate"])
        assert (outcome["result"], outcome["status"]) == ("accepted", "NotFound")
        [row] = await held(product, name, 1)
        assert row["use"] == "CSMSRootCertificate"


# ---------------------------------------------------------------- delete


@pytest.mark.parametrize("algorithm", ["SHA256", "SHA384", "SHA512"])
@proves("M04.FR.01", "M04.FR.07")
async def test_TC_M_20_CSMS_delete(product: Product, name: str, version: str, algorithm: str) -> None:
    """A certificate is deleted by the hashes that the station itself listed, whatever their algorithm."""
    root = make("Root", product.now)
    async with product.station(name, version) as double:
        await install(product, double, name, "CSMSRootCertificate", root)
        told = {"certificateType": "CSMSRootCertificate", "certificateHashData": root.hashes(algorithm)}
        await list_of(product, double, name, ["CSMSRootCertificate"], told)
        rows = await product.until(
            lambda rows: [row["certificate"]["hash_algorithm"] for row in rows] == [algorithm],
            f"/stations/{name}/certificates",
        )
        double.reactions["DeleteCertificate"] = {"status": "Accepted"}
        outcome = await product.command(name, "delete_certificate", certificate=rows[0]["certificate"])
        assert outcome.status_code == 200, outcome.text
        assert double.heard[-1] == (
            "DeleteCertificate",
            {"certificateHashData": root.hashes(algorithm)},
        )
        await held(product, name, 0)
        assert (await product.audit(name))[0]["action"] == "delete_certificate"


@proves("M04.FR.07")
async def test_TC_M_20_CSMS_delete_of_what_was_never_listed(
    product: Product, name: str, version: str
) -> None:
    """The station is asked for its list first, so that the hashes are of its own algorithm."""
    root = make("Root", product.now)
    async with product.station(name, version) as double:
        await install(product, double, name, "MORootCertificate", root)
        [row] = await held(product, name, 1)
        told = {"certificateType": "MORootCertificate", "certificateHashData": root.hashes("SHA512")}
        double.reactions["GetInstalledCertificateIds"] = {
            "status": "Accepted",
            "certificateHashDataChain": [told],
        }
        double.reactions["DeleteCertificate"] = {"status": "Accepted"}
        outcome = await product.command(name, "delete_certificate", certificate=row["certificate"])
        assert outcome.status_code == 200, outcome.text
        assert double.heard[1:] == [
            ("GetInstalledCertificateIds", {"certificateType": ["MORootCertificate"]}),
            ("DeleteCertificate", {"certificateHashData": root.hashes("SHA512")}),
        ]
        await held(product, name, 0)


@proves("M04.FR.01")
async def test_TC_M_21_CSMS_delete_not_found(product: Product, name: str, version: str) -> None:
    """What a station can't find to delete it does not hold; whoever asked is told all the same."""
    root = make("Root", product.now)
    async with product.station(name, version) as double:
        told = {"certificateType": "CSMSRootCertificate", "certificateHashData": root.hashes()}
        await list_of(product, double, name, ["CSMSRootCertificate"], told)
        [row] = await held(product, name, 1)
        double.reactions["DeleteCertificate"] = {"status": "NotFound"}
        outcome = await product.command(name, "delete_certificate", certificate=row["certificate"])
        assert (outcome.status_code, outcome.json()["outcome"]["status"]) == (502, "NotFound")
        await held(product, name, 0)


@proves("M04.FR.01", "M04.FR.07")
async def test_TC_M_21_CSMS_delete_failed(product: Product, name: str, version: str) -> None:
    """A station that can't delete still holds the certificate, and that is said."""
    root = make("Root", product.now)
    async with product.station(name, version) as double:
        await install(product, double, name, "CSMSRootCertificate", root)
        told = {"certificateType": "CSMSRootCertificate", "certificateHashData": root.hashes()}
        await list_of(product, double, name, ["CSMSRootCertificate"], told)
        [row] = await held(product, name, 1)
        double.reactions["DeleteCertificate"] = {"status": "Failed"}
        outcome = await product.command(name, "delete_certificate", certificate=row["certificate"])
        assert (outcome.status_code, outcome.json()["outcome"]["status"]) == (502, "Failed")
        assert double.heard[-1] == ("DeleteCertificate", {"certificateHashData": root.hashes()})
        assert len(await product.get(f"/stations/{name}/certificates")) == 1


@proves("M04.FR.01")
async def test_TC_M_20_CSMS_delete_as_written(product: Product, name: str, version: str) -> None:
    """A raw DeleteCertificate has the same effect as the command."""
    root = make("Root", product.now)
    async with product.station(name, version) as double:
        double.reactions |= {
            key: {"status": "Accepted"} for key in ("InstallCertificate", "DeleteCertificate")
        }
        sent = {"certificateType": "V2GRootCertificate", "certificate": root.pem}
        assert (await product.ocpp(name, "InstallCertificate", sent)).status_code == 200
        await held(product, name, 1)
        assert (
            await product.ocpp(name, "DeleteCertificate", {"certificateHashData": root.hashes()})
        ).status_code == 200
        await held(product, name, 0)


# ---------------------------------------------------------------- status of a station's certificates


@proves("M06.FR.01", "M06.FR.02", "M06.FR.03", "M06.FR.08", "M06.FR.09")
async def test_TC_M_24_CSMS_certificate_status(
    product: Product, place: Outside, name: str, version: str
) -> None:
    """The responder's own words come back in DER, base64, of each certificate of the chain."""
    root = make("V2G root", product.now)
    sub = make("Sub", product.now, root)
    leaf = make("SECC", product.now, sub, ca=False)
    async with product.station(name, version) as double:
        for number, each in enumerate((leaf, sub)):
            responder = Responder(place, f"/{name}/{number}", each.above, lambda: product.now)
            responder.says[each.made.serial_number] = "revoked" if number else "good"
            for _ in range(2):
                answer = await double.call(
                    "GetCertificateStatus", {"ocspRequestData": asked_of(each, responder.url)}
                )
                assert answer["status"] == "Accepted"
                said = ocsp.load_der_ocsp_response(base64.b64decode(answer["ocspResult"]))
                assert said.serial_number == each.made.serial_number
                assert said.certificate_status.name == ("REVOKED" if number else "GOOD")
            assert responder.asked == [each.made.serial_number], "the second was answered from memory"


@proves("M06.FR.01", "M06.FR.04")
async def test_TC_M_24_CSMS_nobody_can_tell(
    product: Product, place: Outside, name: str, version: str
) -> None:
    """No responder, a broken one, one of another certificate, one that is not allowed: Failed, no error."""
    root = make("Root", product.now)
    leaf = make("SECC", product.now, root, ca=False)
    place.paths[f"/{name}/broken"] = lambda body, headers: (200, "application/ocsp-response", b"?")
    place.paths[f"/{name}/away"] = lambda body, headers: (302, "text/plain", b"")
    place.paths[f"/{name}/flood"] = lambda body, headers: (200, "application/ocsp-response", b"x" * 70_000)
    urls = [f"{place.url}/{name}/{kind}" for kind in ("broken", "away", "flood", "nothing")]
    urls += ["http://127.0.0.1:9/", "ftp://127.0.0.1/", "http://localhost:1/", "no address", "http://["]
    async with product.station(name, version) as double:
        for url in urls:
            answer = await double.call("GetCertificateStatus", {"ocspRequestData": asked_of(leaf, url)})
            assert answer["status"] == "Failed", url
            assert "ocspResult" not in answer


@proves("M06.FR.03")
async def test_TC_M_24_CSMS_asks_again_when_it_is_time(
    product: Product, place: Outside, name: str, version: str
) -> None:
    """An answer is kept until its next update and no longer."""
    root = make("Root", product.now)
    leaf = make("SECC", product.now, root, ca=False)
    responder = Responder(place, f"/{name}", root, lambda: product.now)
    asked = {"ocspRequestData": asked_of(leaf, responder.url)}
    async with product.station(name, version) as double:
        await double.call("GetCertificateStatus", asked)
        product.leap(responder.lasts.total_seconds() - 60)
        await double.call("GetCertificateStatus", asked)
        assert len(responder.asked) == 1
        product.leap(61)
        responder.says[leaf.made.serial_number] = "revoked"
        answer = await double.call("GetCertificateStatus", asked)
        said = ocsp.load_der_ocsp_response(base64.b64decode(answer["ocspResult"]))
        assert (said.certificate_status.name, len(responder.asked)) == ("REVOKED", 2)


# ---------------------------------------------------------------- contracts for cars


async def gets_contract(product: Product, place: Outside, name: str, version: str, action: str) -> None:
    exi = base64.b64encode(f"response for {name}".encode()).decode()
    content = {"CCPResponse": {"emaidContent": [{"messageDef": {"certificateInstallationRes": exi}}]}}
    place.paths[POOL] = lambda body, headers: (200, "application/json", json.dumps(content).encode())
    request = base64.b64encode(f"request of {name}".encode()).decode()
    async with product.station(name, version) as double:
        answer = await double.call(
            "Get15118EVCertificate",
            {"iso15118SchemaVersion": SCHEMA, "action": action, "exiRequest": request},
        )
    assert answer == {"status": "Accepted", "exiResponse": exi}
    path, headers, body = place.asked[-1]
    assert (path, headers["authorization"]) == (POOL, "Bearer T0ken")
    assert json.loads(body) == {"certificateInstallationReq": request, "xsdMsgDefNamespace": SCHEMA}


@proves("M01.FR.01")
async def test_TC_M_26_CSMS_contract_installed(
    product: Product, place: Outside, name: str, version: str
) -> None:
    """A car's request goes to the contract certificate pool as it is, and the pool's answer to the car."""
    await gets_contract(product, place, name, version, "Install")


@proves("M02.FR.01")
async def test_TC_M_28_CSMS_contract_updated(
    product: Product, place: Outside, name: str, version: str
) -> None:
    """The same with an update."""
    await gets_contract(product, place, name, version, "Update")


@proves("M01.FR.01")
async def test_TC_M_26_CSMS_no_contract(product: Product, place: Outside, name: str, version: str) -> None:
    """A pool that fails, says nonsense or has nothing makes it Failed, without an answer for the car."""
    asked = {"iso15118SchemaVersion": SCHEMA, "action": "Install", "exiRequest": "QUJD"}
    empty = json.dumps({"CCPResponse": {"emaidContent": []}}).encode()
    async with product.station(name, version) as double:
        for status, body in ((500, b""), (200, b"{}"), (200, b"<html>"), (404, b""), (200, empty)):
            place.paths[POOL] = lambda _, headers, said=(status, "application/json", body): said
            answer = await double.call("Get15118EVCertificate", asked)
            assert (answer["status"], answer["exiResponse"]) == ("Failed", ""), (status, body)
