"""Who signs what stations ask for: an authority of our own, or one outside that is asked over HTTP.

Our own has a root for stations and servers with a CA below it, and a root of its own for what stations show
to cars (V2G) with another: the names in those are the station's choice, and must open no door here.
Certificates are files of a folder, keys are where a `KeyProvider` has them. Each is made when it is first
needed; the CAs below the roots are made anew, with their keys, before they end.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import threading
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ..pki.authority import Authority, Subject, make_root, new_serial
from ..pki.certificates import ChainError, issued_by, pem_of, read_certificate, read_chain
from ..pki.requests import Request
from .keys import FileKeys, KeyProvider, KeyTrouble, Pkcs11Keys, write_private
from .outbound import Outbound, OutboundError
from .settings import SecuritySettings
from .vocabulary.security import Purpose

LEAST_LEFT = 0.2
"""Of its life: with less a CA below the root is made anew."""

ISSUING_YEARS = 5.0
_ROOTS = {"stations": "root", "v2g": "v2g-root"}
"""Which root is above a CA."""

MAX_ANSWER = 100_000


class SigningRefused(Exception):
    """The authority does not sign this; to ask again changes nothing."""


class SigningUnavailable(Exception):
    """The authority could not be reached or used; it may be asked again."""


class CertificateAuthority(Protocol):
    """Signs requests whose names were checked. Whoever has another authority gives an object like this."""

    async def sign(self, request: Request, purpose: Purpose | None, station_id: str, now: datetime) -> str:
        """The certificate and those above it without the root, in PEM. Raises SigningRefused,
        SigningUnavailable.
        """
        ...


class InternalAuthority:
    """An authority of our own. `folder` keeps its certificates, and its keys unless `keys` has them."""

    def __init__(
        self, folder: Path, settings: SecuritySettings, organization: str, keys: KeyProvider | None = None
    ) -> None:
        self._folder = folder
        self._settings = settings
        self._organization = organization
        self._files = FileKeys(folder, settings.key_passphrase)
        self._keys = keys or self._files
        self._made: dict[str, Authority] = {}
        self._lock = threading.RLock()

    async def sign(self, request: Request, purpose: Purpose | None, station_id: str, now: datetime) -> str:
        try:
            return await asyncio.to_thread(self._sign, request, purpose, now)
        except (KeyTrouble, OSError, ValueError) as problem:
            raise SigningUnavailable(str(problem)) from problem

    def close(self) -> None:
        """Let go of the keys' module, where there is one."""
        if isinstance(self._keys, Pkcs11Keys):
            self._keys.close()

    def root(self, now: datetime) -> x509.Certificate:
        """What stations must trust, and what vouches for them. Raises KeyTrouble, OSError."""
        with self._lock:
            return self._root("root", now).certificate

    def server_files(self, names: tuple[str, ...], now: datetime, hours: float) -> tuple[str, ...]:
        """Files with a certificate, its chain and its key each, for a server of these names: one with an
        ECDSA and one with an RSA key. They are signed anew when half of their time is over. Raises
        KeyTrouble, OSError.
        """
        with self._lock:
            return self._server_files(names, now, hours)

    def _server_files(self, names: tuple[str, ...], now: datetime, hours: float) -> tuple[str, ...]:
        stations = self._issuing("stations", now)
        subject = Subject(common_name=names[0], organization=self._organization)
        made = []
        plain = FileKeys(self._folder)
        for kind, key_of in (("server-ec", plain.key), ("server-rsa", plain.rsa_key)):
            path = self._folder / f"{kind}.pem"
            key = key_of(kind)
            if not _still_good(path, names, stations.certificate, now, hours):
                certificate = stations.issue(
                    key.public_key(),
                    subject,
                    now,
                    days=hours / 24.0,
                    serial=_serial(),
                    names=names,
                )
                secret = (self._folder / f"{kind}.key").read_bytes()
                write_private(path, stations.bundle(certificate).encode() + secret)
            made.append(str(path))
        return tuple(made)

    def _sign(self, request: Request, purpose: Purpose | None, now: datetime) -> str:
        cars = purpose in ("V2GCertificate", "V2G20Certificate")
        with self._lock:
            authority = self._issuing("v2g" if cars else "stations", now)
        days = self._settings.certificate_days
        certificate = authority.issue(
            request.csr.public_key(), request.csr.subject, now, days=days, serial=_serial()
        )
        return authority.bundle(certificate)

    def _root(self, name: str, now: datetime) -> Authority:
        if name not in self._made:
            path, key = self._folder / f"{name}.pem", self._keys.key(name)
            if path.exists():
                certificate = read_certificate(path.read_text())
                _must_fit(certificate, key.public_key(), path)
            else:
                words = f"{self._organization} {'Root' if name == 'root' else 'V2G Root'}"
                subject = Subject(common_name=words, organization=self._organization)
                days = self._settings.authority_years * 365.25
                certificate = make_root(key, subject, now, days, _serial())
                write_private(path, pem_of(certificate).encode())
            self._made[name] = Authority(certificate=certificate, key=key)
        return self._made[name]

    def _issuing(self, name: str, now: datetime) -> Authority:
        known = self._made.get(name) or self._read_issuing(name, now)
        if known is None or _left(known.certificate, now) < LEAST_LEFT:
            root = self._root(_ROOTS[name], now)
            key = self._keys.key(name)
            common_name = f"{self._organization} {'Stations' if name == 'stations' else 'V2G'}"
            subject = Subject(common_name=common_name, organization=self._organization)
            days = min(ISSUING_YEARS, self._settings.authority_years) * 365.25
            certificate = root.make_issuing(key.public_key(), subject, now, days, _serial())
            write_private(self._folder / f"{name}.pem", pem_of(certificate).encode())
            known = Authority(certificate=certificate, chain=(root.certificate,), key=key)
        self._made[name] = known
        return known

    def _read_issuing(self, name: str, now: datetime) -> Authority | None:
        path = self._folder / f"{name}.pem"
        if not path.exists():
            return None
        root, key = self._root(_ROOTS[name], now), self._keys.key(name)
        certificate = read_certificate(path.read_text())
        _must_fit(certificate, key.public_key(), path)
        if not issued_by(certificate, root.certificate):
            above = self._folder / f"{_ROOTS[name]}.pem"
            raise KeyTrouble(f"{path} is not signed by {above}: restore the right files")
        return Authority(certificate=certificate, chain=(root.certificate,), key=key)


class OutsideAuthority:
    """One that is asked over HTTP: a POST of {"csr", "purpose", "station_id"} as JSON, answered by {"chain"}
    (PEM, the certificate first). 4xx is a refusal; anything else that is not 200 may be tried again.
    """

    def __init__(self, settings: SecuritySettings) -> None:
        if not settings.outside_url.startswith(("https://", "http://")):
            raise ValueError(
                f"security.outside_url {settings.outside_url!r} is no address: https://... is right"
            )
        self._settings = settings
        # Wherever it is: the operator has named it.
        self._outbound = Outbound((urlsplit(settings.outside_url).hostname or "",))

    async def sign(self, request: Request, purpose: Purpose | None, station_id: str, now: datetime) -> str:
        body = {
            "csr": request.csr.public_bytes(Encoding.PEM).decode(),
            "purpose": purpose or "Combined",
            "station_id": station_id,
        }
        answer = await self._post(json.dumps(body).encode())
        try:
            chain = str(json.loads(answer)["chain"])
            certificates = read_chain(chain)
        except (ValueError, KeyError, TypeError, ChainError) as problem:
            raise SigningRefused(f"the outside authority's answer holds no chain: {problem}") from None
        if _bits(certificates[0].public_key()) != _bits(request.csr.public_key()):
            raise SigningRefused("the outside authority's certificate is for another key than was asked for")
        without_root = [each for each in certificates if each.subject != each.issuer] or certificates[:1]
        return pem_of(*without_root)

    async def close(self) -> None:
        """Let go of what is connected."""
        await self._outbound.close()

    async def _post(self, body: bytes) -> bytes:
        settings = self._settings
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if settings.outside_token:
            headers["Authorization"] = f"Bearer {settings.outside_token}"
        try:
            answer = await self._outbound.post(
                settings.outside_url,
                body,
                headers,
                timeout_s=settings.outside_timeout_s,
                limit_bytes=MAX_ANSWER,
            )
        except OutboundError as problem:
            raise SigningUnavailable(f"the outside authority can't be reached: {problem}") from None
        if answer.status != 200:
            words = f"the outside authority answered {answer.status}"
            raise (SigningRefused if 400 <= answer.status < 500 else SigningUnavailable)(words)
        return answer.body


def authority_of(
    settings: SecuritySettings, organization: str
) -> InternalAuthority | OutsideAuthority | None:
    """The authority that the settings name. Raises KeyTrouble, ValueError."""
    if settings.authority == "outside":
        return OutsideAuthority(settings)
    if settings.authority == "none":
        return None
    keys = None
    if settings.pkcs11_module:
        keys = Pkcs11Keys(settings.pkcs11_module, settings.pkcs11_token, settings.pkcs11_pin)
    folder = Path(settings.folder or "pki")
    return InternalAuthority(folder, settings, settings.organization or organization, keys)


def _serial() -> int:
    return new_serial(secrets.token_bytes(20))


def _bits(key: object) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)  # type: ignore[attr-defined, no-any-return]


def _must_fit(certificate: x509.Certificate, key: object, path: Path) -> None:
    if _bits(certificate.public_key()) != _bits(key):
        raise KeyTrouble(f"{path} is for another key than the one beside it: restore the right files")


def _left(certificate: x509.Certificate, now: datetime) -> float:
    """How much of its life is left, 0 to 1."""
    life = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    return (certificate.not_valid_after_utc - now) / max(life, timedelta(seconds=1))


def _still_good(
    path: Path, names: tuple[str, ...], issuer: x509.Certificate, now: datetime, hours: float
) -> bool:
    if not path.exists():
        return False
    try:
        certificate = read_chain(path.read_text())[0]
        told = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ChainError, x509.ExtensionNotFound):
        return False
    named = {*told.get_values_for_type(x509.DNSName), *map(str, told.get_values_for_type(x509.IPAddress))}
    left = certificate.not_valid_after_utc - now
    return named == set(names) and issued_by(certificate, issuer) and left > timedelta(hours=hours / 2)
