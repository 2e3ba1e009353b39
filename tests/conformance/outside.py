"""What is outside a CSMS in Plug & Charge: an HTTP server, OCSP responders behind it, and the world of
certificates that stations and cars live in. `cryptography` by hand; no product code.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from typing import Any, TypeAlias

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID, NameOID

Handler: TypeAlias = Callable[[bytes, dict[str, str]], tuple[int, str, bytes]]
"""(body, headers) -> (status, content type, body)."""

ALGORITHMS: dict[str, type[hashes.HashAlgorithm]] = {
    "SHA256": hashes.SHA256,
    "SHA384": hashes.SHA384,
    "SHA512": hashes.SHA512,
}


class Outside:
    """An HTTP server on a free port of this machine."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.paths: dict[str, Handler] = {}
        self.asked: list[tuple[str, dict[str, str], bytes]] = []
        """(path, headers, body) of each request, in order."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request a connection."""
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            path = head[0].split(" ")[1]
            headers = {
                name.lower(): value.strip()
                for name, _, value in (line.partition(":") for line in head[1:] if line)
            }
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            self.asked.append((path, headers, body))
            handler = self.paths.get(path)
            status, kind, said = (404, "text/plain", b"") if handler is None else handler(body, headers)
            writer.write(
                f"HTTP/1.1 {status} Said\r\nContent-Type: {kind}\r\nContent-Length: {len(said)}\r\n"
                f"Location: {self.url}/elsewhere\r\nConnection: close\r\n\r\n".encode()
                + said
            )
            await writer.drain()
        writer.close()


@contextlib.asynccontextmanager
async def outside() -> AsyncIterator[Outside]:
    """The server, for as long as it is needed."""
    made: list[Outside] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await made[0].serve(reader, writer)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    made.append(Outside(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"))
    async with server:
        yield made[0]


class Certificate:
    """A certificate with its key; `above` is its issuer's, itself for a root."""

    def __init__(self, made: x509.Certificate, key: ec.EllipticCurvePrivateKey, above: Certificate | None):
        self.made = made
        self.key = key
        self.above = above or self

    @property
    def pem(self) -> str:
        return self.made.public_bytes(Encoding.PEM).decode()

    @property
    def chain(self) -> str:
        """Leaf first, without the root."""
        return self.pem + ("" if self.above.above is self.above else self.above.chain)

    def hashes(self, algorithm: str = "SHA256") -> dict[str, str]:
        """CertificateHashDataType."""
        named = ocsp.OCSPRequestBuilder().add_certificate(self.made, self.above.made, ALGORITHMS[algorithm]())
        built = named.build()
        return {
            "hashAlgorithm": algorithm,
            "issuerNameHash": built.issuer_name_hash.hex(),
            "issuerKeyHash": built.issuer_key_hash.hex(),
            "serialNumber": f"{self.made.serial_number:x}",
        }


def make(
    name: str,
    now: datetime,
    above: Certificate | None = None,
    *,
    ca: bool = True,
    responder: str = "",
    days: float = 400,
    since_days: float = 1,
    names: int = 0,
) -> Certificate:
    """A root, what a root has issued, or a leaf; `names` make it long."""
    key = ec.generate_private_key(ec.SECP256R1())
    own = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(own)
        .issuer_name(own if above is None else above.made.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=since_days))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    )
    if names:
        alternative = [x509.DNSName(f"host{number}.example.org") for number in range(names)]
        builder = builder.add_extension(x509.SubjectAlternativeName(alternative), critical=False)
    if responder:
        access = x509.AccessDescription(
            AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier(responder)
        )
        builder = builder.add_extension(x509.AuthorityInformationAccess([access]), critical=False)
    signer = key if above is None else above.key
    return Certificate(builder.sign(signer, hashes.SHA256()), key, above)


class Responder:
    """Answers OCSP requests for what an authority has issued: good, but for what is in `says`."""

    def __init__(
        self, place: Outside, path: str, authority: Certificate, now: Callable[[], datetime]
    ) -> None:
        self.url = place.url + path
        self.authority = authority
        self.says: dict[int, str] = {}
        self.asked: list[int] = []
        """Serial numbers, in order."""
        self.lasts = timedelta(days=1)
        self.status = 200
        self.encloses = True
        """Whether its own certificate comes along."""
        self._now = now
        place.paths[path] = self._answer

    def _answer(self, body: bytes, headers: dict[str, str]) -> tuple[int, str, bytes]:
        assert headers["content-type"] == "application/ocsp-request"
        asked = ocsp.load_der_ocsp_request(body)
        self.asked.append(asked.serial_number)
        word = self.says.get(asked.serial_number, "good")
        revoked = word == "revoked"
        at = self._now()
        builder = ocsp.OCSPResponseBuilder().add_response_by_hash(
            asked.issuer_name_hash,
            asked.issuer_key_hash,
            asked.serial_number,
            asked.hash_algorithm,
            getattr(ocsp.OCSPCertStatus, word.upper()),
            at,
            at + self.lasts,
            at - timedelta(days=1) if revoked else None,
            x509.ReasonFlags.key_compromise if revoked else None,
        )
        builder = builder.responder_id(ocsp.OCSPResponderEncoding.HASH, self.authority.made)
        if self.encloses:
            builder = builder.certificates([self.authority.made])
        signed = builder.sign(self.authority.key, hashes.SHA256())
        return self.status, "application/ocsp-response", signed.public_bytes(Encoding.DER)


def asked_of(certificate: Certificate, responder: str, algorithm: str = "SHA256") -> dict[str, Any]:
    """OCSPRequestDataType."""
    return certificate.hashes(algorithm) | {"responderURL": responder}


def list_of(
    authority: Certificate,
    now: datetime,
    *revoked: Certificate,
    days: float = 1,
    by: Certificate | None = None,
) -> bytes:
    """A revocation list of `authority`, DER; signed by somebody else (`by`) it is a lie."""
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(authority.made.subject)
        .last_update(now - timedelta(hours=1))
        .next_update(now + timedelta(days=days))
    )
    for each in revoked:
        entry = x509.RevokedCertificateBuilder().serial_number(each.made.serial_number)
        builder = builder.add_revoked_certificate(entry.revocation_date(now - timedelta(days=1)).build())
    return builder.sign((by or authority).key, hashes.SHA256()).public_bytes(Encoding.DER)
