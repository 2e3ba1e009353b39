"""Certificates over time: the doors' own and the stations', renewed while everything goes on."""

from __future__ import annotations

import asyncio
import json
import ssl
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from .double import Double, station
from .outside import outside
from .product import running
from .secured import PASSWORD, Maker, Secured, name_of, pem, pem_key, secured

DAY = 86_400.0
NO_CHECK_TIME = ssl.VerifyFlags(0x200000)
"""The product's clock is put on, OpenSSL's in the double is not."""


@pytest.mark.parametrize("transport", ["picows", "websockets"])
async def test_an_authority_of_our_own_does_for_everything(tmp_path: Path, transport: str) -> None:
    """No certificate is given: doors and station get theirs from the internal authority, with either library.
    The doors' are renewed at half time, without a restart; the station's is asked for before it ends.
    """
    gateway: dict[str, Any] = {
        "transport": transport,
        "server_names": ["localhost", "127.0.0.1"],
        "reload_every_s": 0.05,
        "ocpp_tls": False,
        "ports": [{"port": 0, "lowest_profile": 2, "client_certificates": True}],
    }
    security = {"certificate_days": 60.0, "renew_before_days": 30.0}
    async with running(tmp_path / "node", gateway, security=security) as product:
        plain, tls = product.ports
        key = ec.generate_private_key(ec.SECP256R1())
        async with station(plain, "R1", "2.0.1") as double:
            chain = await asked_for(double, key)
            await product.until(
                lambda rows: rows[0]["state"] == "installed", "/issued-certificates", station_id="R1"
            )
        file = tmp_path / "station.pem"
        file.write_bytes(chain.encode() + pem_key(key))
        trust = ssl.create_default_context(cadata=(await product.get("/authority"))["root"])
        trust.verify_flags |= NO_CHECK_TIME
        trust.load_cert_chain(file)
        async with station(tls, "R1", "2.0.1", ssl=trust) as double:
            before = shown_to(double)
            await product.until(lambda said: said["online"], "/stations/R1")
            assert (await product.get("/stations/R1/security"))["profile_used"] == 3
            double.reactions["TriggerMessage"] = {"status": "Accepted"}
            product.leap(29 * DAY)
            assert double.heard == []
            product.leap(1.2 * DAY)
            asked = await double.wait_heard("TriggerMessage")
            assert asked == {"requestedMessage": "SignChargingStationCertificate"}
            await asked_for(double, ec.generate_private_key(ec.SECP256R1()))
            await product.until(
                lambda rows: [row["state"] for row in rows] == ["installed", "installed"],
                "/issued-certificates",
                station_id="R1",
            )
        for _ in range(200):
            async with station(tls, "R1", "2.0.1", ssl=trust) as double:
                if shown_to(double) != before:
                    break
        else:
            raise AssertionError("the door shows its old certificate, though that has expired")


async def test_files_that_change_are_shown_and_bad_ones_are_not(tmp_path: Path) -> None:
    """Who is connected stays; a file that does not fit leaves the old certificate in its place."""
    async with secured(tmp_path, {"reload_every_s": 0.02}) as doors:
        await doors.register("R1")
        path = tmp_path / "server-ec.pem"
        async with doors.station(doors.tls, "R1", password=PASSWORD) as double:
            before = shown_to(double)
        path.write_bytes(b"nothing of use")
        async with doors.station(doors.tls, "R1", password=PASSWORD) as kept:
            for _ in range(5):
                assert await shown_at(doors, doors.tls) == before
            key = ec.generate_private_key(ec.SECP256R1())
            made = doors.root.issue("csms.example.org", key, names=("localhost",))
            path.write_bytes(pem(made) + pem_key(key))
            for _ in range(200):
                if (shown := await shown_at(doors, doors.tls)) != before:
                    break
            assert shown == made.public_bytes(Encoding.DER)
            assert "currentTime" in await kept.call("Heartbeat", {})


async def test_an_outside_authority_that_comes_back(tmp_path: Path) -> None:
    """The request is accepted and asked again until the authority answers; the station is told then."""
    maker = Maker("Outside")
    answers = [(503, b"later"), (503, b"later")]

    def sign(body: bytes, headers: dict[str, str]) -> tuple[int, str, bytes]:
        if answers:
            status, text = answers.pop()
            return status, "text/plain", text
        asked = x509.load_pem_x509_csr(json.loads(body)["csr"].encode())
        made = maker.sign(asked)
        return 200, "application/json", json.dumps({"chain": pem(made).decode()}).encode()

    async with outside() as server:
        server.paths["/sign"] = sign
        security = {"authority": "outside", "outside_url": f"{server.url}/sign"}
        async with (
            running(tmp_path, security=security) as product,
            station(product.port, "R1", "2.0.1") as double,
        ):
            assert (await product.get("/authority"))["kind"] == "outside"
            key = ec.generate_private_key(ec.SECP256R1())
            double.reactions["CertificateSigned"] = {"status": "Accepted"}
            assert await double.call("SignCertificate", payload_for(key)) == {"status": "Accepted"}
            for times, wait_s in ((1, 30.0), (2, 300.0)):
                async with asyncio.timeout(30):
                    while len(server.asked) < times:  # noqa: ASYNC110 (the server is no part of ours)
                        await asyncio.sleep(0.01)
                while not double.heard and len(server.asked) == times:
                    product.leap(wait_s)
                    await asyncio.sleep(0.02)
            given = await double.wait_heard("CertificateSigned")
    own = x509.load_pem_x509_certificate(given["certificateChain"].encode())
    assert own.public_key() == key.public_key()


async def test_the_same_request_gets_the_same_certificate(tmp_path: Path) -> None:
    """A station that did not answer asks again, and gets what was signed for it; one that took it gets a
    new.
    """
    async with running(tmp_path) as product, station(product.port, "R1", "2.0.1") as double:
        payload = payload_for(ec.generate_private_key(ec.SECP256R1()))
        double.reactions["CertificateSigned"] = {"status": "Rejected"}
        double.silent.add("CertificateSigned")
        assert await double.call("SignCertificate", payload) == {"status": "Accepted"}
        first = await double.wait_heard("CertificateSigned")
        product.leap(60.0)
        await product.until(
            lambda rows: rows[0]["state"] == "unanswered", "/issued-certificates", station_id="R1"
        )
        double.silent.clear()
        double.reactions["CertificateSigned"] = {"status": "Accepted"}
        await double.call("SignCertificate", payload)
        assert await double.wait_heard("CertificateSigned", 2) == first
        await product.until(
            lambda rows: [row["state"] for row in rows] == ["installed"],
            "/issued-certificates",
            station_id="R1",
        )
        await double.call("SignCertificate", payload)
        assert await double.wait_heard("CertificateSigned", 3) != first


@pytest.mark.parametrize(
    ("door", "csms", "words"),
    [
        ({"ocpp_tls": True}, {"security": {"authority": "none"}}, r"gateway\.certfile"),
        ({"certfile": "/nowhere.pem"}, {}, r"certificate /nowhere\.pem"),
    ],
)
async def test_doors_that_cannot_open_say_why(
    tmp_path: Path, door: dict[str, Any], csms: dict[str, Any], words: str
) -> None:
    """Before anything is let in."""
    with pytest.raises(ValueError, match=words):
        async with running(tmp_path, door, **csms):
            pass


async def asked_for(double: Double, key: ec.EllipticCurvePrivateKey) -> str:
    """What the station is given for this key."""
    double.reactions["CertificateSigned"] = {"status": "Accepted"}
    assert await double.call("SignCertificate", payload_for(key)) == {"status": "Accepted"}
    chain: str = (await double.wait_heard("CertificateSigned"))["certificateChain"]
    return chain


def payload_for(key: ec.EllipticCurvePrivateKey) -> dict[str, str]:
    made = x509.CertificateSigningRequestBuilder().subject_name(name_of("R1")).sign(key, hashes.SHA256())
    return {"csr": pem_of(made), "certificateType": "ChargingStationCertificate"}


def pem_of(request: x509.CertificateSigningRequest) -> str:
    return request.public_bytes(Encoding.PEM).decode()


def shown_to(double: Double) -> bytes:
    """The certificate that the door showed."""
    shown: bytes = double.connection.transport.get_extra_info("ssl_object").getpeercert(True)
    return shown


async def shown_at(doors: Secured, port: int) -> bytes:
    """The certificate that a door shows to who comes now (and does not stay)."""
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=doors.context())
    shown: bytes = writer.get_extra_info("ssl_object").getpeercert(True)
    writer.close()
    return shown
