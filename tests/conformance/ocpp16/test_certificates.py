"""Root certificates of 1.6 stations by the security white paper: installed, listed, deleted.

Each function is a case of the 1.6 test plan, played by a double that speaks the security messages.
"""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from ..double import Double
from ..outside import make
from ..product import Product

pytestmark = pytest.mark.asyncio(loop_scope="module")
proves = pytest.mark.proves
_names = itertools.count(1)
ACCEPTED = {"status": "Accepted"}
WORDS = {
    "CSMSRootCertificate": "CentralSystemRootCertificate",
    "ManufacturerRootCertificate": "ManufacturerRootCertificate",
}


@pytest.fixture
def name() -> str:
    return f"M16-{next(_names)}"


async def held(product: Product, name: str, count: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = await product.until(
        lambda rows: len(rows) == count, f"/stations/{name}/certificates"
    )
    return found


async def installs(product: Product, name: str, use: str) -> None:
    """Install, then list: the station gets the root as given, and what it holds is known by name."""
    root = make(f"Root of {name}", product.now)
    async with product.station(name) as double:
        double.reactions["InstallCertificate"] = ACCEPTED
        outcome = await product.command(name, "install_certificate", use=use, certificate=root.pem)
        assert outcome.status_code == 200, outcome.text
        assert double.heard == [
            ("InstallCertificate", {"certificateType": WORDS[use], "certificate": root.pem})
        ]
        [row] = await held(product, name, 1)
        assert (row["use"], row["subject"]) == (use, f"CN=Root of {name}")
        double.reactions["GetInstalledCertificateIds"] = ACCEPTED | {"certificateHashData": [root.hashes()]}
        outcome = await product.command(name, "get_installed_certificates", uses=[use])
        assert outcome.status_code == 200, outcome.text
        assert double.heard[-1] == ("GetInstalledCertificateIds", {"certificateType": WORDS[use]})
        [row] = await product.until(
            lambda rows: rows and rows[0]["reported_at"] is not None, f"/stations/{name}/certificates"
        )
        assert (row["subject"], row["installed_at"] is None) == (f"CN=Root of {name}", False)
        actions = [entry["action"] for entry in await product.audit(name)]
        assert actions == ["get_installed_certificates", "install_certificate"]


@proves("SEC M05")
async def test_TC_075_1_CSMS_install_manufacturer_root(product: Product, name: str) -> None:
    """A manufacturer's root is installed and listed in 1.6's words."""
    await installs(product, name, "ManufacturerRootCertificate")


@proves("SEC M05")
async def test_TC_075_2_CSMS_install_central_system_root(product: Product, name: str) -> None:
    """A root of the central system is installed and listed in 1.6's words."""
    await installs(product, name, "CSMSRootCertificate")


@proves("SEC M05")
@pytest.mark.parametrize("word", ["Rejected", "Failed"])
async def test_TC_075_2_CSMS_install_refused(product: Product, name: str, word: str) -> None:
    """What a station does not install it is not known to hold."""
    root = make("Root", product.now)
    async with product.station(name) as double:
        double.reactions["InstallCertificate"] = {"status": word}
        outcome = await product.command(
            name, "install_certificate", use="CSMSRootCertificate", certificate=root.pem
        )
        assert (outcome.status_code, outcome.json()["outcome"]["status"]) == (502, word)
        assert await product.get(f"/stations/{name}/certificates") == []


async def holding(product: Product, double: Double, name: str) -> dict[str, Any]:
    """A station that holds one root of ours; how the product knows it."""
    root = make("Root", product.now)
    double.reactions["GetInstalledCertificateIds"] = ACCEPTED | {
        "certificateHashData": [root.hashes("SHA384")]
    }
    outcome = await product.command(name, "get_installed_certificates", uses=["CSMSRootCertificate"])
    assert outcome.status_code == 200, outcome.text
    [row] = await held(product, name, 1)
    return row


def wire_hash(row: dict[str, Any]) -> dict[str, str]:
    named = row["certificate"]
    return {
        "hashAlgorithm": named["hash_algorithm"],
        "issuerNameHash": named["issuer_name_hash"],
        "issuerKeyHash": named["issuer_key_hash"],
        "serialNumber": named["serial_number"],
    }


@proves("SEC M03", "SEC M04")
async def test_TC_076_CSMS_delete(product: Product, name: str) -> None:
    """A root is deleted by the hashes that the station listed; then it is no longer known to be there."""
    async with product.station(name) as double:
        row = await holding(product, double, name)
        assert row["certificate"]["hash_algorithm"] == "SHA384"
        double.reactions["DeleteCertificate"] = ACCEPTED
        outcome = await product.command(name, "delete_certificate", certificate=row["certificate"])
        assert outcome.status_code == 200, outcome.text
        assert double.heard[-1] == ("DeleteCertificate", {"certificateHashData": wire_hash(row)})
        await held(product, name, 0)
        assert (await product.audit(name))[0]["action"] == "delete_certificate"


@proves("SEC M04")
@pytest.mark.parametrize("word", ["Failed", "NotFound"])
async def test_TC_076_CSMS_delete_refused(product: Product, name: str, word: str) -> None:
    """A station that fails to delete, or finds nothing to delete, is told of as refusing."""
    async with product.station(name) as double:
        row = await holding(product, double, name)
        double.reactions["DeleteCertificate"] = {"status": word}
        outcome = await product.command(name, "delete_certificate", certificate=row["certificate"])
        assert (outcome.status_code, outcome.json()["outcome"]["status"]) == (502, word)


@proves("SEC M03")
async def test_TC_076_CSMS_list_of_a_station_without_plug_and_charge(product: Product, name: str) -> None:
    """Asked for all it holds, a station that knows no Plug & Charge answers for the rest, which counts."""
    root = make("Root", product.now)
    async with product.station(name) as double:
        double.reactions["GetInstalledCertificateIds"] = lambda asked: (
            ACCEPTED | {"certificateHashData": [root.hashes()]}
            if asked["certificateType"] == "ManufacturerRootCertificate"
            else {"status": "NotFound"}
        )
        double.reactions["DataTransfer"] = {"status": "UnknownVendorId"}
        outcome = await product.command(name, "get_installed_certificates")
        assert outcome.status_code == 200, outcome.text
        assert [action for action, _ in double.heard] == ["GetInstalledCertificateIds"] * 2 + ["DataTransfer"]
        [row] = await held(product, name, 1)
        assert row["use"] == "ManufacturerRootCertificate"


@proves("SEC M03")
async def test_TC_076_CSMS_list_of_a_station_without_security(product: Product, name: str) -> None:
    """A station that knows none of it is told of as not doing it."""
    async with product.station(name) as double:
        outcome = await product.command(name, "get_installed_certificates", uses=["CSMSRootCertificate"])
        assert outcome.status_code == 502, outcome.text
        assert "NotImplemented" in outcome.text
        assert double.heard
