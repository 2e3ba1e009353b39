"""The product with TLS doors, and what a station needs to come to them: its trust and its certificates.

Doors: any profile without TLS; over TLS any; over TLS profile 3 only. The certificates of the doors and the
roots that vouch for stations are made by hand here: no product code.
"""

from __future__ import annotations

import base64
import contextlib
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from .double import Double, station
from .product import Product, running

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
ORGANIZATION = "Stadtwerke"
PASSWORD = "p4ssw0rd-of-a-station"


def name_of(common_name: str, organization: str = ORGANIZATION) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def pem_key(key: Key) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


class Maker:
    """A manufacturer's (or anybody's) authority."""

    def __init__(self, common_name: str) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = name_of(common_name)
        self.certificate = self._build(self.name, self.key, timedelta(days=100), ca=True)

    def issue(
        self, common_name: str, key: Key, *, days: float = 30.0, names: tuple[str, ...] = ()
    ) -> x509.Certificate:
        return self._build(name_of(common_name), key, timedelta(days=days), names=names)

    def sign(self, asked: x509.CertificateSigningRequest) -> x509.Certificate:
        """What a station asked for."""
        return self._build(asked.subject, asked, timedelta(days=30))

    def _build(
        self,
        subject: x509.Name,
        key: Key | x509.CertificateSigningRequest,
        life: timedelta,
        *,
        ca: bool = False,
        names: tuple[str, ...] = (),
    ) -> x509.Certificate:
        ends = datetime.now(UTC) + life
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(ends - timedelta(days=365))
            .not_valid_after(ends)
            .add_extension(x509.BasicConstraints(ca, None), critical=True)
        )
        if names:
            alternative = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
            builder = builder.add_extension(alternative, critical=False)
        return builder.sign(self.key, hashes.SHA256())


class Secured:
    """A product with TLS doors, and the files to come in by. `plain`, `tls` and `mutual` are ports."""

    def __init__(self, product: Product, folder: Path, root: Maker, maker: Maker) -> None:
        self.product = product
        self.folder = folder
        self.root = root
        self.maker = maker
        self.plain, self.tls, self.mutual = product.ports[:3]

    def certificate(
        self, common_name: str, *, by: Maker | None = None, days: float = 30.0, key: Key | None = None
    ) -> str:
        """A file with a client certificate and its key."""
        own = key or ec.generate_private_key(ec.SECP256R1())
        made = (by or self.maker).issue(common_name, own, days=days)
        return self.file(pem(made) + pem_key(own))

    def file(self, content: bytes) -> str:
        path = self.folder / f"{abs(hash(content)):x}.pem"
        path.write_bytes(content)
        return str(path)

    def context(self, certificate: str | None = None) -> ssl.SSLContext:
        """How a station speaks TLS that trusts the doors, with a certificate of its own or without."""
        made = ssl.create_default_context(cadata=pem(self.root.certificate).decode())
        made.check_hostname = False  # they are called by address
        if certificate is not None:
            made.load_cert_chain(certificate)
        return made

    def station(
        self,
        port: int,
        identity: str,
        version: str = "2.0.1",
        *,
        password: str | None = None,
        certificate: str | None = None,
        user: str | None = None,
    ) -> contextlib.AbstractAsyncContextManager[Double]:
        """A double at one of the doors."""
        headers = {} if password is None else basic(user or identity, password)
        options: dict[str, Any] = {} if port == self.plain else {"ssl": self.context(certificate)}
        return station(port, identity, version, headers=headers, **options)

    def double(
        self, port: int, identity: str, version: str, context: ssl.SSLContext, password: str
    ) -> contextlib.AbstractAsyncContextManager[Double]:
        """A double that speaks TLS in a way of its own."""
        return station(port, identity, version, headers=basic(identity, password), ssl=context)

    def visit(
        self, port: int, identity: str, version: str, headers: dict[str, str]
    ) -> contextlib.AbstractAsyncContextManager[Double]:
        """A double with headers of its own, without TLS."""
        return station(port, identity, version, headers=headers)

    async def register(self, identity: str, password: str | None = PASSWORD) -> None:
        """Make a station known by a first visit, and tell its password."""
        async with station(self.plain, identity, "2.0.1"):
            await self.product.until(lambda said: said["online"], f"/stations/{identity}")
        if password is not None:
            told = await self.product.api.put(
                f"/api/v1/stations/{identity}/security", json={"password": password}
            )
            assert told.status_code == 200, told.text

    async def security(self, identity: str) -> dict[str, Any]:
        """What the API says of a station's security."""
        said: dict[str, Any] = await self.product.get(f"/stations/{identity}/security")
        return said

    async def refusal(self, identity: str) -> dict[str, Any]:
        """The newest entry of the doctor about a station that was turned away."""
        found = await self.product.until(
            lambda page: page["items"], "/connections", station_id=identity, outcome="rejected"
        )
        first: dict[str, Any] = found["items"][0]
        return first


def basic(user: str, password: str) -> dict[str, str]:
    return basic_bytes(user, password.encode())


def basic_bytes(user: str, password: bytes) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(user.encode() + b":" + password).decode()}


@contextlib.asynccontextmanager
async def secured(folder: Path, door: dict[str, Any] | None = None, **csms: Any) -> AsyncIterator[Secured]:
    """The product behind three doors; `door` are more settings of them, keyword arguments the CSMS's."""
    root, maker = Maker("Root of the operator"), Maker("Root of a manufacturer")
    files = {}
    for kind, key in (
        ("ec", ec.generate_private_key(ec.SECP256R1())),
        ("rsa", rsa.generate_private_key(65537, 2048)),
    ):
        made = root.issue("csms.example.org", key, names=("csms.example.org", "localhost"))
        path = folder / f"server-{kind}.pem"
        path.write_bytes(pem(made) + pem_key(key))
        files[kind] = str(path)
    (folder / "makers.pem").write_bytes(pem(maker.certificate))
    gateway = {
        "certfile": files["ec"],
        "second_certfile": files["rsa"],
        "client_roots": str(folder / "makers.pem"),
        "ocpp_tls": False,
        "ports": [{"port": 0, "tls": True}, {"port": 0, "lowest_profile": 3}],
    } | (door or {})
    async with running(folder / "node", gateway, **csms) as product:
        yield Secured(product, folder, root, maker)
