"""1.6 with security: passwords, TLS, certificates, security profiles and security events.

The product has three doors (see `secured`). Sections are those of the security white paper, 3rd edition.
"""

from __future__ import annotations

import itertools
import ssl
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from ..double import Double
from ..secured import PASSWORD, Secured, basic, basic_bytes, name_of, pem, pem_key, secured

pytestmark = pytest.mark.asyncio(loop_scope="module")
proves = pytest.mark.proves
_names = itertools.count(1)
KEY = "0011223344556677889900aabbccddeeff001122"
"""An AuthorizationKey: hex digits for the 20 bytes that the station sends."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def doors(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Secured]:
    async with secured(tmp_path_factory.mktemp("secured")) as made:
        yield made


@pytest.fixture
def name() -> str:
    return f"S{next(_names)}"


async def boots(double: Double) -> None:
    info = {"chargePointModel": "Double", "chargePointVendor": "Conformance"}
    assert (await double.call("BootNotification", info))["status"] == "Accepted"
    status = {"connectorId": 1, "errorCode": "NoError", "status": "Available"}
    assert await double.call("StatusNotification", status) == {}


async def refused(doors: Secured, port: int, name: str, status: int, password: str | None = PASSWORD) -> None:
    with pytest.raises(InvalidStatus) as caught:
        async with doors.station(port, name, "1.6", password=password):
            pass
    assert caught.value.response.status_code == status


@proves("SEC A01", "SEC A01.FR.02", "SEC A01.FR.03")
@pytest.mark.parametrize("raw", [False, True])
async def test_TC_073_CSMS_a_new_password(doors: Secured, name: str, raw: bool) -> None:
    """AuthorizationKey is changed; the station comes back with the bytes that it stands for."""
    await doors.register(name)
    async with doors.station(doors.plain, name, "1.6", password=PASSWORD) as double:
        await boots(double)
        double.reactions["ChangeConfiguration"] = {"status": "Accepted"}
        if raw:
            payload = {"key": "AuthorizationKey", "value": KEY}
            told = await doors.product.ocpp(name, "ChangeConfiguration", payload)
        else:
            told = await doors.product.command(name, "set_password", password=KEY)
        assert told.status_code == 200, told.text
        assert double.heard == [("ChangeConfiguration", {"key": "AuthorizationKey", "value": KEY})]
    await refused(doors, doors.plain, name, 401)
    for header in (basic_bytes(name, bytes.fromhex(KEY)), basic(name, KEY)):
        async with doors.visit(doors.plain, name, "1.6", header) as double:
            await boots(double)
    audit = await doors.product.audit(name)
    messages = await doors.product.get("/messages", station_id=name)
    assert KEY not in str(audit) + str(messages)


@proves("SEC A01", "SEC A01.FR.04")
async def test_TC_073_CSMS_a_new_password_rejected(doors: Secured, name: str) -> None:
    """The old one goes on, the new one is worth nothing."""
    await doors.register(name)
    async with doors.station(doors.plain, name, "1.6", password=PASSWORD) as double:
        double.reactions["ChangeConfiguration"] = {"status": "Rejected"}
        assert (await doors.product.command(name, "set_password")).status_code == 502
        [(_, asked)] = double.heard
    assert len(bytes.fromhex(asked["value"])) == 20
    await refused(doors, doors.plain, name, 401, asked["value"])
    async with doors.station(doors.plain, name, "1.6", password=PASSWORD) as double:
        await boots(double)


@proves("SEC A02", "SEC A02.FR.11", "SEC 4.7", "SEC 4.8")
async def test_TC_074_CSMS_a_new_station_certificate(doors: Secured, name: str) -> None:
    """Triggered, requested, signed and given; the station comes in with it by profile 3."""
    await doors.register(name)
    key = ec.generate_private_key(ec.SECP256R1())
    async with doors.station(doors.plain, name, "1.6", password=PASSWORD) as double:
        await boots(double)
        chain = await renewed(doors, double, name, key, "Accepted")
        await doors.product.until(
            lambda rows: rows and rows[0]["state"] == "installed", "/issued-certificates", station_id=name
        )
    own, above = x509.load_pem_x509_certificates(chain.encode())
    own.verify_directly_issued_by(above)
    assert (own.public_key(), own.subject) == (key.public_key(), name_of(name))
    file = doors.file(chain.encode() + pem_key(key))
    async with doors.station(doors.mutual, name, "1.6", certificate=file) as double:
        await boots(double)
        assert (await doors.security(name))["profile_used"] == 3


@proves("SEC A02.FR.07", "SEC A04", "SEC A04.FR.03")
async def test_TC_077_CSMS_an_invalid_station_certificate_is_told_of(doors: Secured, name: str) -> None:
    """The station refuses its certificate and says so: the event is kept, critical, and shown."""
    await doors.register(name)
    key = ec.generate_private_key(ec.SECP256R1())
    async with doors.station(doors.plain, name, "1.6", password=PASSWORD) as double:
        await boots(double)
        await renewed(doors, double, name, key, "Rejected")
        at = doors.product.at(-5)
        event = {"type": "InvalidChargePointCertificate", "timestamp": at, "techInfo": "chain too long"}
        assert await double.call("SecurityEventNotification", event) == {}
        assert await double.call("SecurityEventNotification", event) == {}  # said again: known
    [kept] = (await doors.product.get("/security-events", station_id=name, critical=True))["items"]
    assert (kept["kind"], kept["detail"]) == ("InvalidChargePointCertificate", "chain too long")
    assert kept["happened_at"].startswith(at[:19])
    await doors.product.until(
        lambda rows: rows[0]["state"] == "rejected", "/issued-certificates", station_id=name
    )


@proves("SEC M05", "SEC A04", "SEC A04.FR.03")
async def test_TC_078_CSMS_an_invalid_central_system_certificate_is_told_of(
    doors: Secured, name: str
) -> None:
    """A root that the station refuses: whoever sent it hears of it, and the event is kept."""
    await doors.register(name)
    root = pem(doors.root.certificate).decode()
    async with doors.station(doors.plain, name, "1.6", password=PASSWORD) as double:
        await boots(double)
        double.reactions["InstallCertificate"] = {"status": "Rejected"}
        payload = {"certificateType": "CentralSystemRootCertificate", "certificate": root}
        said = await doors.product.ocpp(name, "InstallCertificate", payload)
        assert said.json() == {"status": "Rejected"}
        event = {"type": "InvalidCentralSystemCertificate", "timestamp": doors.product.at()}
        assert await double.call("SecurityEventNotification", event) == {}
    [kept] = (await doors.product.get("/security-events", station_id=name))["items"]
    assert (kept["kind"], kept["critical"]) == ("InvalidCentralSystemCertificate", True)


@proves("SEC A05", "SEC A05.FR.07")
async def test_TC_083_CSMS_a_higher_security_profile(doors: Secured, name: str) -> None:
    """The key SecurityProfile; the station comes by it, and is refused below it afterwards."""
    await doors.register(name)
    async with doors.station(doors.plain, name, "1.6", password=PASSWORD) as double:
        await boots(double)
        double.reactions["ChangeConfiguration"] = {"status": "Accepted"}
        told = await upgrade(doors, name)
        assert told.status_code == 200, told.text
        assert double.heard == [("ChangeConfiguration", {"key": "SecurityProfile", "value": "2"})]
    async with doors.station(doors.tls, name, "1.6", password=PASSWORD) as double:
        await boots(double)
        assert (await doors.security(name))["security_profile"] == 2
    await refused(doors, doors.plain, name, 403)
    assert (await doors.refusal(name))["kind"] == "profile"


@proves("SEC A05")
async def test_TC_084_CSMS_a_higher_security_profile_rejected(doors: Secured, name: str) -> None:
    """Whoever asked hears of it; the station comes as before."""
    await doors.register(name)
    async with doors.station(doors.plain, name, "1.6", password=PASSWORD) as double:
        double.reactions["ChangeConfiguration"] = {"status": "Rejected"}
        told = await upgrade(doors, name)
        assert (told.status_code, told.json()["outcome"]["status"]) == (502, "Rejected")
    async with doors.station(doors.plain, name, "1.6", password=PASSWORD) as double:
        await boots(double)
    assert (await doors.security(name))["security_profile"] == 1


@proves("SEC A00", "SEC A00.FR.204", "SEC A00.FR.207")
async def test_TC_085_CSMS_basic_authentication(doors: Secured, name: str) -> None:
    """The right password comes in; a wrong one, another user and none don't."""
    await doors.register(name)
    async with doors.station(doors.plain, name, "1.6", password=PASSWORD) as double:
        await boots(double)
    await refused(doors, doors.plain, name, 401, "not-the-right-password-9")
    await refused(doors, doors.plain, name, 401, None)
    with pytest.raises(InvalidStatus):
        async with doors.station(doors.plain, name, "1.6", password=PASSWORD, user="ANOTHER"):
            pass


@proves("SEC A00.FR.306", "SEC A00.FR.313", "SEC A00.FR.318")
@pytest.mark.parametrize("suite", ["ECDHE-ECDSA-AES128-GCM-SHA256", "AES128-GCM-SHA256", None])
async def test_TC_086_CSMS_a_server_certificate(doors: Secured, name: str, suite: str | None) -> None:
    """By TLS 1.2 with either kind of key, or 1.3, and a password."""
    await doors.register(name)
    context = doors.context()
    if suite is not None:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(suite)
    async with doors.double(doors.tls, name, "1.6", context, PASSWORD) as double:
        await boots(double)
        assert (await doors.security(name))["profile_used"] == 2


@proves("SEC A00.FR.401", "SEC A00.FR.403", "SEC A00.FR.405")
async def test_TC_087_CSMS_a_client_certificate(doors: Secured, name: str) -> None:
    """In the station's name it comes in without a password; in another's it doesn't."""
    await doors.register(name)
    async with doors.station(doors.mutual, name, "1.6", certificate=doors.certificate(name)) as double:
        await boots(double)
    with pytest.raises(InvalidStatus):
        async with doors.station(doors.mutual, name, "1.6", certificate=doors.certificate("ANOTHER")):
            pass


@proves("1.6J 3.1.2")
async def test_TC_088_CSMS_the_subprotocol(doors: Secured, name: str) -> None:
    """Ours is agreed on out of several; where none is ours the handshake ends without one, and is closed."""
    await doors.register(name, None)
    url = f"ws://127.0.0.1:{doors.plain}/ocpp/{name}"
    for offered in (["ocpp1.6"], ["ocpp1.5", "ocpp1.6"]):
        async with connect(url, subprotocols=offered, proxy=None) as connection:  # type: ignore[arg-type]
            assert connection.subprotocol == "ocpp1.6"
    async with connect(url, subprotocols=["ocpp0.1"], proxy=None) as connection:  # type: ignore[list-item]
        assert connection.subprotocol is None
        with pytest.raises(ConnectionClosed):
            await connection.recv()
    assert (await doors.refusal(name))["kind"] == "subprotocol"


async def upgrade(doors: Secured, name: str) -> Any:
    wanted = {"profile": 2, "url": f"wss://csms.example.org:{doors.tls}/ocpp"}
    return await doors.product.api.post(f"/api/v1/stations/{name}/security-profile", json=wanted)


async def renewed(
    doors: Secured, double: Double, name: str, key: ec.EllipticCurvePrivateKey, verdict: str
) -> str:
    """The certificate that the station is given after it was told to ask for it, and what it says of it."""
    double.reactions["ExtendedTriggerMessage"] = {"status": "Accepted"}
    double.reactions["CertificateSigned"] = {"status": verdict}
    told = await doors.product.command(name, "renew_certificate")
    assert told.status_code == 200, told.text
    asked = await double.wait_heard("ExtendedTriggerMessage")
    assert asked == {"requestedMessage": "SignChargePointCertificate"}
    made = x509.CertificateSigningRequestBuilder().subject_name(name_of(name)).sign(key, hashes.SHA256())
    csr = made.public_bytes(serialization.Encoding.PEM).decode()
    assert await double.call("SignCertificate", {"csr": csr}) == {"status": "Accepted"}
    given = await double.wait_heard("CertificateSigned")
    assert list(given) == ["certificateChain"]
    chain: str = given["certificateChain"]
    return chain
