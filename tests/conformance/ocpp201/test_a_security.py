"""Block A, security: passwords, TLS, certificates and security profiles of stations.

Each function is a test case of the standard's part 6. The product has three doors (see `secured`).
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import ssl
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtensionOID, NameOID
from websockets.exceptions import InvalidStatus, WebSocketException

from ..double import Double
from ..secured import PASSWORD, Maker, Secured, name_of, pem_key, secured

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.parametrize("version", ["2.0.1", "2.1"]),
]
proves = pytest.mark.proves
_names = itertools.count(1)
NEW = "another-p4ssword-of-20"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def doors(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Secured]:
    async with secured(tmp_path_factory.mktemp("secured")) as made:
        yield made


@pytest.fixture
def name() -> str:
    return f"A{next(_names)}"


async def boots(double: Double) -> None:
    """It is told Accepted, and may tell how its connectors stand."""
    info = {"model": "Double", "vendorName": "Conformance"}
    said = await double.call("BootNotification", {"reason": "PowerUp", "chargingStation": info})
    assert said["status"] == "Accepted"
    at = said["currentTime"]
    status = {"timestamp": at, "connectorStatus": "Available", "evseId": 1, "connectorId": 1}
    assert await double.call("StatusNotification", status) == {}


async def refused(coming: contextlib.AbstractAsyncContextManager[Double], status: int) -> None:
    with pytest.raises(InvalidStatus) as caught:
        async with coming:
            pass
    assert caught.value.response.status_code == status


@proves("A00.FR.203", "A00.FR.204", "A00.FR.207", "A00.FR.302", "A00.FR.324", "B01.FR.02")
@pytest.mark.parametrize("door", ["plain", "tls"])
async def test_TC_A_01_CSMS_the_right_password(doors: Secured, name: str, version: str, door: str) -> None:
    """The connection is upgraded and the boot accepted; the API tells the profile."""
    await doors.register(name)
    async with doors.station(getattr(doors, door), name, version, password=PASSWORD) as double:
        await boots(double)
        said = await doors.security(name)
    profile = 1 if door == "plain" else 2
    assert (said["security_profile"], said["profile_used"], said["has_password"]) == (profile, profile, True)
    assert PASSWORD not in str(said)
    assert PASSWORD not in str(await doors.product.audit(name))


@proves("A00.FR.204", "A00.FR.303")
async def test_TC_A_02_CSMS_another_user_than_the_station(doors: Secured, name: str, version: str) -> None:
    """The upgrade is refused, and the doctor names the user."""
    await doors.register(name)
    await refused(doors.station(doors.plain, name, version, password=PASSWORD, user=f"{name}Invalid"), 401)
    found = await doors.refusal(name)
    assert found["kind"] == "authorization"
    assert f"{name}Invalid" in found["reason"]


@proves("A00.FR.204", "A00.FR.207", "A00.FR.324")
@pytest.mark.parametrize("password", ["not-the-right-password-9", None])
async def test_TC_A_03_CSMS_a_wrong_password(
    doors: Secured, name: str, version: str, password: str | None
) -> None:
    """The upgrade is refused, with TLS and without; the doctor says whether it was wrong or missing."""
    await doors.register(name)
    for door in (doors.plain, doors.tls):
        await refused(doors.station(door, name, version, password=password), 401)
    kind = "password_missing" if password is None else "password_wrong"
    assert (await doors.refusal(name))["kind"] == kind
    assert not (await doors.product.get(f"/stations/{name}"))["online"]


@proves("A00.FR.306", "A00.FR.307", "A00.FR.312", "A00.FR.318", "A00.FR.321", "A00.FR.502", "A00.FR.503")
@proves("A00.FR.421", "A00.FR.507", "A00.FR.508", "A00.FR.510")
@pytest.mark.parametrize(
    ("suite", "kind"),
    [
        ("ECDHE-ECDSA-AES128-GCM-SHA256", ec.EllipticCurvePublicKey),
        ("ECDHE-ECDSA-AES256-GCM-SHA384", ec.EllipticCurvePublicKey),
        ("AES128-GCM-SHA256", rsa.RSAPublicKey),
        ("AES256-GCM-SHA384", rsa.RSAPublicKey),
    ],
)
async def test_TC_A_04_CSMS_each_suite_with_its_certificate(
    doors: Secured, name: str, version: str, suite: str, kind: type[Any]
) -> None:
    """Each of the four suites is agreed on with TLS 1.2, with a certificate of its kind of key."""
    await doors.register(name)
    context = doors.context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(suite)
    async with doors.double(doors.tls, name, version, context, PASSWORD) as double:
        tls = double.connection.transport.get_extra_info("ssl_object")
        assert tls.cipher()[0] == suite
        assert tls.compression() is None
        shown = x509.load_der_x509_certificate(tls.getpeercert(True))
        assert isinstance(shown.public_key(), kind)
        assert shown.public_key().key_size >= (2048 if kind is rsa.RSAPublicKey else 224)
        assert shown.serial_number > 0
        [common_name] = shown.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        assert common_name.value == "csms.example.org"
        await boots(double)


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
@proves("A00.FR.313", "A00.FR.314", "A00.FR.315", "A00.FR.416", "A00.FR.417", "A00.FR.418")
async def test_TC_A_06_CSMS_tls_below_1_2(doors: Secured, name: str, version: str) -> None:
    """TLS 1.1 is not agreed on, and told of; 1.2 and 1.3 are."""
    await doors.register(name)
    old = doors.context()
    old.set_ciphers("DEFAULT:@SECLEVEL=0")
    old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    with pytest.raises(OSError):  # noqa: PT011 (an alert or a closed socket: as the library sees it)
        async with doors.double(doors.tls, name, version, old, PASSWORD):
            pass
    await doors.product.until(lambda page: page["items"], "/connections", kind="tls", text="PROTOCOL")
    for newest in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        context = doors.context()
        context.maximum_version = newest
        async with doors.double(doors.tls, name, version, context, PASSWORD) as double:
            await boots(double)


@proves("A00.FR.402", "A00.FR.405", "A00.FR.409", "A00.FR.410", "A00.FR.415")
async def test_TC_A_07_CSMS_a_client_certificate(doors: Secured, name: str, version: str) -> None:
    """A station with a certificate in its name comes in without a password, by profile 3."""
    await doors.register(name)
    certificate = doors.certificate(name)
    async with doors.station(doors.mutual, name, version, certificate=certificate) as double:
        await boots(double)
        said = await doors.security(name)
    assert (said["security_profile"], said["profile_used"]) == (3, 3)
    assert f"CN={name}" in said["certificate"]


@proves("A00.FR.403", "A00.FR.405", "A00.FR.407", "A00.FR.408")
@pytest.mark.parametrize("wrong", ["untrusted", "expired", "another's", "none"])
async def test_TC_A_08_CSMS_an_invalid_client_certificate(
    doors: Secured, name: str, version: str, wrong: str
) -> None:
    """It does not come in, and a person sees why; with the right one it does."""
    await doors.register(name)
    certificate = {
        "untrusted": lambda: doors.certificate(name, by=Maker("Root of nobody")),
        "expired": lambda: doors.certificate(name, days=-1),
        "another's": lambda: doors.certificate("ANOTHER"),
        "none": lambda: None,
    }[wrong]()
    with pytest.raises((OSError, WebSocketException)):
        async with doors.station(doors.mutual, name, version, certificate=certificate):
            pass
    if wrong == "untrusted":
        said = await doors.product.until(lambda page: page["items"], "/connections", kind="tls")
        assert "CERTIFICATE" in said["items"][0]["reason"].upper()
    else:
        found = await doors.refusal(name)
        word = {"expired": "has expired", "another's": "'ANOTHER'", "none": "profile 3"}[wrong]
        assert word in found["reason"]
        assert found["kind"] == ("profile" if wrong == "none" else "certificate")
        if wrong != "none":
            events = await doors.product.until(
                lambda page: page["items"], "/security-events", station_id=name
            )
            assert events["items"][0]["kind"] == "InvalidChargingStationCertificate"
    async with doors.station(doors.mutual, name, version, certificate=doors.certificate(name)) as double:
        await boots(double)


@proves("A01.FR.01", "A01.FR.02", "A01.FR.03", "A01.FR.08", "A01.FR.09")
async def test_TC_A_09_CSMS_a_new_password_accepted(doors: Secured, name: str, version: str) -> None:
    """The station comes back with the new one; from then on the old one is worth nothing."""
    await doors.register(name)
    async with doors.station(doors.plain, name, version, password=PASSWORD) as double:
        await boots(double)
        double.reactions["SetVariables"] = _written("Accepted")
        told = await doors.product.command(name, "set_password", password=NEW)
        assert told.json()["result"] == "accepted", told.text
        [asked] = [payload for action, payload in double.heard if action == "SetVariables"]
        assert asked == {
            "setVariableData": [
                {
                    "component": {"name": "SecurityCtrlr"},
                    "variable": {"name": "BasicAuthPassword"},
                    "attributeValue": NEW,
                }
            ]
        }
    await refused(doors.station(doors.plain, name, version, password=PASSWORD), 401)
    async with doors.station(doors.plain, name, version, password=NEW) as double:
        await boots(double)
    audit = await doors.product.audit(name)
    assert any(row["action"] == "set_password" for row in audit)
    messages = await doors.product.get("/messages", station_id=name)
    assert NEW not in str(audit) + str(messages)


@proves("A01.FR.02", "A01.FR.05")
@pytest.mark.parametrize("answer", ["RebootRequired", None])
async def test_TC_A_09_CSMS_a_new_password_in_doubt(
    doors: Secured, name: str, version: str, answer: str | None
) -> None:
    """After a reboot, or where the answer is lost, either is good until the station has come with the new."""
    await doors.register(name)
    async with doors.station(doors.plain, name, version, password=PASSWORD) as double:
        if answer is None:
            double.silent.add("SetVariables")
            told = asyncio.ensure_future(doors.product.command(name, "set_password", password=NEW))
            await double.wait_heard("SetVariables")
        else:
            double.reactions["SetVariables"] = _written(answer)
            await doors.product.command(name, "set_password", password=NEW)
    if answer is None:
        assert (await told).status_code == 504
    assert (await doors.security(name))["password_changing"]
    for password in (PASSWORD, NEW):
        async with doors.station(doors.plain, name, version, password=password) as double:
            await boots(double)
    assert not (await doors.security(name))["password_changing"]
    await refused(doors.station(doors.plain, name, version, password=PASSWORD), 401)


@proves("A01.FR.02", "A01.FR.06", "A01.FR.07", "A00.FR.205")
async def test_TC_A_09_CSMS_a_drawn_password(doors: Secured, name: str, version: str) -> None:
    """Without one a person gives none: it is drawn, long enough for every version, and nobody sees it."""
    await doors.register(name)
    async with doors.station(doors.plain, name, version, password=PASSWORD) as double:
        double.reactions["SetVariables"] = _written("Accepted")
        told = await doors.product.command(name, "set_password")
        [asked] = [payload for action, payload in double.heard if action == "SetVariables"]
    drawn = asked["setVariableData"][0]["attributeValue"]
    assert 16 <= len(drawn) <= 40
    assert drawn not in told.text + str(await doors.product.audit(name))
    async with doors.station(doors.plain, name, version, password=drawn) as double:
        await boots(double)


@proves("A01.FR.04")
async def test_TC_A_10_CSMS_a_new_password_rejected(doors: Secured, name: str, version: str) -> None:
    """The old one goes on, the new one is worth nothing, and whoever asked hears of it."""
    await doors.register(name)
    async with doors.station(doors.plain, name, version, password=PASSWORD) as double:
        await boots(double)
        double.reactions["SetVariables"] = _written("Rejected")
        told = await doors.product.command(name, "set_password", password=NEW)
        assert (told.status_code, told.json()["outcome"]["status"]) == (502, "Rejected")
        assert not (await doors.security(name))["password_changing"]
    await refused(doors.station(doors.plain, name, version, password=NEW), 401)
    async with doors.station(doors.plain, name, version, password=PASSWORD) as double:
        await boots(double)


@proves("A02.FR.01", "A02.FR.11", "A02.FR.14", "A00.FR.511", "A00.FR.512", "A00.FR.514", "F06.FR.01")
async def test_TC_A_11_CSMS_a_new_station_certificate(doors: Secured, name: str, version: str) -> None:
    """Triggered, requested, signed and given; the station comes in with it by profile 3 at once."""
    await doors.register(name)
    key = ec.generate_private_key(ec.SECP256R1())
    async with doors.station(doors.plain, name, version, password=PASSWORD) as double:
        await boots(double)
        chain = await renewed(doors, double, name, key, "ChargingStation", "Accepted")
        issued = await doors.product.until(
            lambda rows: rows and rows[0]["state"] == "installed", "/issued-certificates", station_id=name
        )
    own, above = x509.load_pem_x509_certificates(chain.encode())
    assert own.public_key() == key.public_key()
    own.verify_directly_issued_by(above)
    assert own.subject == name_of(name)
    assert not any(extension.oid == ExtensionOID.EXTENDED_KEY_USAGE for extension in own.extensions)
    assert issued[0]["serial_number"] == f"{own.serial_number:x}"
    file = doors.file(chain.encode() + pem_key(key))
    async with doors.station(doors.mutual, name, version, certificate=file) as double:
        await boots(double)
    # Revoked, it is worth nothing.
    told = await doors.product.api.post(f"/api/v1/issued-certificates/{issued[0]['fingerprint']}/revoke")
    assert told.status_code == 200
    await refused(doors.station(doors.mutual, name, version, certificate=file), 401)
    assert "revoked" in (await doors.refusal(name))["reason"]


@proves("A02.FR.11", "F06.FR.01")
async def test_TC_A_12_CSMS_a_new_v2g_certificate(doors: Secured, name: str, version: str) -> None:
    """It is signed below the V2G CA, with the names that the station asked for."""
    await doors.register(name)
    key = ec.generate_private_key(ec.SECP256R1())
    async with doors.station(doors.plain, name, version, password=PASSWORD) as double:
        chain = await renewed(doors, double, "SECC-4711", key, "V2G", "Accepted", station=name)
        await doors.product.until(
            lambda rows: rows and rows[0]["purpose"] == "V2GCertificate",
            "/issued-certificates",
            station_id=name,
        )
    own, above = x509.load_pem_x509_certificates(chain.encode())
    own.verify_directly_issued_by(above)
    assert "V2G" in above.subject.rfc4514_string()
    assert own.subject == name_of("SECC-4711")
    usage = own.extensions.get_extension_for_class(x509.KeyUsage).value
    assert (usage.digital_signature, usage.key_agreement, usage.key_cert_sign) == (True, True, False)


@proves("A02.FR.11")
async def test_TC_A_13_CSMS_a_new_combined_certificate(doors: Secured, name: str, version: str) -> None:
    """One certificate for both: its common name is the station's, and no type is told."""
    await doors.register(name)
    key = ec.generate_private_key(ec.SECP256R1())
    async with doors.station(doors.plain, name, version, password=PASSWORD) as double:
        chain = await renewed(doors, double, name, key, "Combined", "Accepted")
        [asked] = [payload for action, payload in double.heard if action == "CertificateSigned"]
    assert "certificateType" not in asked
    own = x509.load_pem_x509_certificates(chain.encode())[0]
    assert own.subject == name_of(name)


@proves("A00.FR.405", "A00.FR.427")
async def test_TC_A_11_CSMS_a_certificate_opens_only_its_own_stations_door(
    doors: Secured, name: str, version: str
) -> None:
    """Nobody comes in as somebody else: not by a serial number, not by a certificate for cars."""
    victim, thief = f"{name}-victim", f"{name}-thief"
    await doors.register(victim)
    await doors.register(thief)
    key = ec.generate_private_key(ec.SECP256R1())
    async with doors.station(doors.plain, thief, version, password=PASSWORD) as double:
        for claimed in (victim, "csms.example.org"):
            info = {"model": "Double", "vendorName": "Conformance", "serialNumber": claimed[:25]}
            await double.call("BootNotification", {"reason": "PowerUp", "chargingStation": info})
            payload = {"csr": request(name_of(claimed), key), "certificateType": "ChargingStationCertificate"}
            assert (await double.call("SignCertificate", payload))["status"] == "Rejected"
        both = x509.Name([*name_of(thief), x509.NameAttribute(NameOID.COMMON_NAME, victim)])
        said = await double.call("SignCertificate", {"csr": request(both, key)})
        assert said["status"] == "Rejected"
        chain = await renewed(doors, double, victim, key, "V2G", "Accepted", station=thief)
    file = doors.file(chain.encode() + pem_key(key))
    with pytest.raises((OSError, WebSocketException)):
        async with doors.station(doors.mutual, victim, version, certificate=file):
            pass


@proves("A00.FR.403")
async def test_TC_A_08_CSMS_a_revoked_certificate_ends_its_connection(
    doors: Secured, name: str, version: str
) -> None:
    """At once, and it does not come in again."""
    await doors.register(name)
    key = ec.generate_private_key(ec.SECP256R1())
    async with doors.station(doors.plain, name, version, password=PASSWORD) as double:
        chain = await renewed(doors, double, name, key, "ChargingStation", "Accepted")
        await doors.product.until(
            lambda rows: rows and rows[0]["state"] == "installed", "/issued-certificates", station_id=name
        )
    file = doors.file(chain.encode() + pem_key(key))
    async with doors.station(doors.mutual, name, version, certificate=file) as double:
        [issued] = await doors.product.get("/issued-certificates", station_id=name)
        await doors.product.until(lambda said: said["online"], f"/stations/{name}")
        mark = issued["fingerprint"]
        told = await doors.product.api.post(f"/api/v1/issued-certificates/{mark}/revoke")
        assert told.status_code == 200
        await double.connection.wait_closed()
    again = await doors.product.api.post(f"/api/v1/issued-certificates/{mark}/revoke")
    assert again.status_code == 404
    await refused(doors.station(doors.mutual, name, version, certificate=file), 401)


@proves("A02.FR.07", "A02.FR.20")
async def test_TC_A_14_CSMS_the_certificate_is_rejected(doors: Secured, name: str, version: str) -> None:
    """A person sees that the station refused it; nothing else changes."""
    await doors.register(name)
    key = ec.generate_private_key(ec.SECP256R1())
    async with doors.station(doors.plain, name, version, password=PASSWORD) as double:
        await renewed(doors, double, name, key, "ChargingStation", "Rejected")
        await doors.product.until(
            lambda rows: rows and rows[0]["state"] == "rejected", "/issued-certificates", station_id=name
        )
        await boots(double)


@proves("A02.FR.12", "A03.FR.12")
@pytest.mark.parametrize("wrong", ["another's name", "weak key", "no request"])
async def test_TC_A_11_CSMS_a_request_that_is_not_signed(
    doors: Secured, name: str, version: str, wrong: str
) -> None:
    """A request in another's name, with a weak key or no request at all is Rejected, with the reason."""
    await doors.register(name)
    text = {
        "another's name": lambda: request(name_of("ANOTHER"), ec.generate_private_key(ec.SECP256R1())),
        "weak key": lambda: request(name_of(name), rsa.generate_private_key(65537, 1024)),
        "no request": lambda: "no request",
    }[wrong]()
    async with doors.station(doors.plain, name, version, password=PASSWORD) as double:
        said = await double.call("SignCertificate", {"csr": text})
    assert said["status"] == "Rejected"
    assert said["statusInfo"]["reasonCode"] == "InvalidCSR"
    assert await doors.product.get("/issued-certificates", station_id=name) == []
    audit = await doors.product.until(
        lambda page: page["items"][0]["action"] == "refuse_certificate", "/audit", target=f"station/{name}"
    )
    assert audit["items"][0]["outcome"] == "refused"


@proves("A00.FR.429")
async def test_TC_A_08_CSMS_an_expired_certificate_to_be_renewed(
    doors: Secured, name: str, version: str
) -> None:
    """Where a person says so it comes in, is Pending, and gets a new one before anything else."""
    await doors.register(name)
    told = await doors.product.api.put(f"/api/v1/stations/{name}/security", json={"tolerates_expired": True})
    assert told.status_code == 200, told.text
    old, key = doors.certificate(name, days=-1), ec.generate_private_key(ec.SECP256R1())
    async with doors.station(doors.mutual, name, version, certificate=old) as double:
        double.reactions |= {
            "TriggerMessage": {"status": "Accepted"},
            "CertificateSigned": {"status": "Accepted"},
        }
        info = {"model": "Double", "vendorName": "Conformance"}
        said = await double.call("BootNotification", {"reason": "PowerUp", "chargingStation": info})
        assert said["status"] == "Pending"
        await double.wait_heard("TriggerMessage")
        payload = {"csr": request(name_of(name), key), "certificateType": "ChargingStationCertificate"}
        assert await double.call("SignCertificate", payload) == {"status": "Accepted"}
        chain = (await double.wait_heard("CertificateSigned"))["certificateChain"]
    file = doors.file(chain.encode() + pem_key(key))
    async with doors.station(doors.mutual, name, version, certificate=file) as double:
        await boots(double)
        said = await doors.security(name)
        assert not said["tolerates_expired"]
    await refused(doors.station(doors.mutual, name, version, certificate=old), 401)


@proves("A05.FR.04", "A05.FR.05", "A05.FR.07", "B09.FR.01", "B10.FR.01")
@pytest.mark.parametrize("profile", [2, 3])
async def test_TC_A_19_CSMS_a_higher_security_profile(
    doors: Secured, name: str, version: str, profile: int
) -> None:
    """Network profile, its slot first, reset; the station comes by it, and is refused below it afterwards."""
    await doors.register(name)
    before, after = (doors.plain, doors.tls) if profile == 2 else (doors.tls, doors.mutual)
    certificate = doors.certificate(name) if profile == 3 else None
    async with doors.station(before, name, version, password=PASSWORD) as double:
        await boots(double)
        double.reactions |= {
            "SetNetworkProfile": {"status": "Accepted"},
            "SetVariables": _written("Accepted", "OCPPCommCtrlr", "NetworkConfigurationPriority"),
            "Reset": {"status": "Accepted"},
        }
        url = f"wss://csms.example.org:{after}/ocpp"
        told = await doors.product.api.post(
            f"/api/v1/stations/{name}/security-profile", json={"profile": profile, "url": url, "slot": 2}
        )
        assert told.status_code == 200, told.text
        heard = dict(double.heard)
    assert list(heard) == ["SetNetworkProfile", "SetVariables", "Reset"]
    connection = heard["SetNetworkProfile"]["connectionData"]
    assert heard["SetNetworkProfile"]["configurationSlot"] == 2
    assert connection["securityProfile"] == profile
    assert connection["ocppTransport"] == "JSON"
    assert connection["ocppCsmsUrl"] == url
    assert connection.get("ocppVersion", "OCPP20") == "OCPP20"
    [priority] = heard["SetVariables"]["setVariableData"]
    assert (priority["component"]["name"], priority["variable"]["name"]) == (
        "OCPPCommCtrlr",
        "NetworkConfigurationPriority",
    )
    assert "2" in priority["attributeValue"].split(",")
    password = PASSWORD if profile == 2 else None
    async with doors.station(after, name, version, password=password, certificate=certificate) as double:
        await boots(double)
        assert (await doors.security(name))["security_profile"] == profile
    await refused(doors.station(before, name, version, password=PASSWORD), 403)
    found = await doors.refusal(name)
    assert found["kind"] == "profile"
    # And OCPP is not used to lower it.
    lower = {"profile": profile - 1, "url": "ws://csms/ocpp" if profile == 2 else "wss://csms/ocpp"}
    told = await doors.product.api.post(f"/api/v1/stations/{name}/security-profile", json=lower)
    assert told.status_code == 409
    assert "A00.FR.005" in told.text


def _written(status: str, component: str = "SecurityCtrlr", variable: str = "BasicAuthPassword") -> Any:
    return {
        "setVariableResult": [
            {
                "attributeStatus": status,
                "component": {"name": component},
                "variable": {"name": variable},
            }
        ]
    }


def request(subject: x509.Name, key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> str:
    made = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    return made.public_bytes(serialization.Encoding.PEM).decode()


async def renewed(
    doors: Secured,
    double: Double,
    common_name: str,
    key: ec.EllipticCurvePrivateKey,
    purpose: str,
    verdict: str,
    *,
    station: str | None = None,
) -> str:
    """The certificate that a station is given after it was told to ask for it, and what it says of it."""
    double.reactions["TriggerMessage"] = {"status": "Accepted"}
    double.reactions["CertificateSigned"] = {"status": verdict}
    identity = station or common_name
    told = await doors.product.command(identity, "renew_certificate", purpose=purpose)
    assert told.status_code == 200, told.text
    asked = await double.wait_heard("TriggerMessage")
    assert asked == {"requestedMessage": f"Sign{purpose}Certificate"}
    kind = {} if purpose == "Combined" else {"certificateType": f"{purpose}Certificate"}
    number = {"requestId": 7} if double.version == "2.1" else {}
    payload = {"csr": request(name_of(common_name), key), **kind, **number}
    assert await double.call("SignCertificate", payload) == {"status": "Accepted"}
    given = await double.wait_heard("CertificateSigned")
    assert {name: given[name] for name in given if name != "certificateChain"} == kind | number
    chain: str = given["certificateChain"]
    return chain


@proves("B01.FR.11", "B01.FR.12")
async def test_another_station_behind_the_certificate_is_turned_away(
    doors: Secured, name: str, version: str
) -> None:
    """A station whose certificate is for a serial number that it does not tell when it boots is closed."""
    serial = f"SN-{name}"
    own, of_serial = doors.certificate(name), doors.certificate(serial)

    async def boot(double: Double, number: str) -> str:
        info = {"model": "Double", "vendorName": "Conformance", "serialNumber": number}
        said = await double.call("BootNotification", {"reason": "PowerUp", "chargingStation": info})
        return str(said["status"])

    await doors.register(name)
    async with doors.station(doors.mutual, name, version, certificate=own) as double:
        assert await boot(double, serial) == "Accepted"
    async with doors.station(doors.mutual, name, version, certificate=of_serial) as double:
        assert await boot(double, "SN-STOLEN") == "Rejected"
        await double.connection.wait_closed()
    shown = await doors.product.get(f"/stations/{name}")
    assert shown["serial"] == serial
    async with doors.station(doors.mutual, name, version, certificate=of_serial) as double:
        assert await boot(double, serial) == "Accepted"
