"""An authority that issues: roots, issuing CAs below them, certificates for stations and servers.

What others call:
- `make_root(key, name, now, days, serial)` and `make_issuing(...)`: certificates of CAs.
- `Authority(certificate, chain, key)`: `issue(public_key, subject, now, ...)` -> certificate, `bundle` -> PEM
  of a chain without its root, `revoke(...)` -> CRL.

Keys are `cryptography` private keys, or objects that behave so (a key in a hardware module: `csms.keys`).
Serials are arguments (`new_serial(random_bytes)` makes one of 20 random bytes: RFC 5280 4.1.2.2).
Signing draws its nonce from the operating system: that is inside the key.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import TypeAlias

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID
from msgspec import Struct

from .certificates import pem_of

SigningKey: TypeAlias = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

SKEW = timedelta(minutes=5)
"""Certificates are valid from a little earlier: clocks of stations are not ours."""

CLIENT = ExtendedKeyUsageOID.CLIENT_AUTH
SERVER = ExtendedKeyUsageOID.SERVER_AUTH


class Subject(Struct, frozen=True, kw_only=True):
    """Whose certificate it is. `country` has two letters or is left out; `domain` is the DC part that
    ISO 15118 wants ("CPO" of a SECC).
    """

    common_name: str
    organization: str = ""
    unit: str = ""
    country: str = ""
    domain: str = ""

    @property
    def name(self) -> x509.Name:
        """As X.509 has it."""
        parts = (
            (NameOID.COUNTRY_NAME, self.country),
            (NameOID.ORGANIZATION_NAME, self.organization),
            (NameOID.ORGANIZATIONAL_UNIT_NAME, self.unit),
            (NameOID.COMMON_NAME, self.common_name),
            (NameOID.DOMAIN_COMPONENT, self.domain),
        )
        return x509.Name([x509.NameAttribute(oid, value) for oid, value in parts if value])


def new_serial(random_bytes: bytes) -> int:
    """A positive serial of at most 159 bits out of 20 random bytes."""
    if len(random_bytes) != 20:
        raise ValueError(f"{len(random_bytes)} random bytes were given: a serial is made of 20")
    return (int.from_bytes(random_bytes, "big") >> 1) | 1


def make_root(key: SigningKey, subject: Subject, now: datetime, days: float, serial: int) -> x509.Certificate:
    """A self-signed root that may have one level of CAs below it."""
    builder = _builder(subject.name, subject.name, key.public_key(), now, days, serial)
    builder = _as_ca(builder, 1).add_extension(
        x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
    )
    return builder.sign(key, _hash_for(key))


class Authority(Struct, frozen=True, kw_only=True):
    """A CA at work: its certificate, the chain above it (nearest first, the root last; empty for a root) and
    its key.
    """

    certificate: x509.Certificate
    chain: tuple[x509.Certificate, ...] = ()
    key: SigningKey

    @property
    def root(self) -> x509.Certificate:
        """What others must trust to trust this one."""
        return self.chain[-1] if self.chain else self.certificate

    def make_issuing(
        self, public_key: CertificatePublicKeyTypes, subject: Subject, now: datetime, days: float, serial: int
    ) -> x509.Certificate:
        """A CA below this one that issues no further CAs."""
        builder = _builder(subject.name, self.certificate.subject, public_key, now, days, serial)
        return self._sign(_as_ca(builder, 0), public_key)

    def issue(
        self,
        public_key: CertificatePublicKeyTypes,
        subject: x509.Name | Subject,
        now: datetime,
        *,
        days: float,
        serial: int,
        usage: Sequence[x509.ObjectIdentifier] = (),
        names: Iterable[str] = (),
        ocsp: str = "",
    ) -> x509.Certificate:
        """A certificate for `public_key`, never longer than the authority's own.

        `usage` is CLIENT and/or SERVER where it shall be said at all (OCPP advises against: A00.FR.514);
        `names` are host names and addresses; `ocsp` the responder's URL. Raises ValueError when the
        authority itself is no longer valid at `now`.
        """
        left = self.certificate.not_valid_after_utc - now
        if left <= timedelta(0):
            ended = self.certificate.not_valid_after_utc
            raise ValueError(f"the authority's own certificate expired at {ended}: make a new one first")
        name = subject.name if isinstance(subject, Subject) else subject
        lasting = min(timedelta(days=days), left) / timedelta(days=1)
        builder = _builder(name, self.certificate.subject, public_key, now, lasting, serial)
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        rsa_key = isinstance(public_key, rsa.RSAPublicKey)
        # TLS_RSA suites encrypt to the key (A00.FR.318); an EC key agrees (ISO 15118-2 SECC).
        builder = builder.add_extension(
            _usage(key_encipherment=rsa_key, key_agreement=not rsa_key), critical=True
        )
        if usage:
            builder = builder.add_extension(x509.ExtendedKeyUsage(list(usage)), critical=False)
        alternatives = [_alternative(each) for each in names]
        if alternatives:
            builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        if ocsp:
            access = x509.AccessDescription(
                AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier(ocsp)
            )
            builder = builder.add_extension(x509.AuthorityInformationAccess([access]), critical=False)
        return self._sign(builder, public_key)

    def bundle(self, certificate: x509.Certificate) -> str:
        """PEM of a certificate and the CAs above it, without the root: who gets it has that."""
        above = (self.certificate, *self.chain)[:-1] if self.chain else ()
        return pem_of(certificate, *above)

    def revoke(
        self, serials: Iterable[tuple[int, datetime]], now: datetime, days: float
    ) -> x509.CertificateRevocationList:
        """A revocation list of (serial, moment), valid for `days`."""
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.certificate.subject)
            .last_update(now - SKEW)
            .next_update(now + timedelta(days=days))
        )
        for serial, moment in serials:
            revoked = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(moment).build()
            builder = builder.add_revoked_certificate(revoked)
        return builder.sign(self.key, _hash_for(self.key))

    def pem(self) -> bytes:
        """The whole chain, the authority first and the root last."""
        return b"".join(each.public_bytes(Encoding.PEM) for each in (self.certificate, *self.chain))

    def _sign(
        self, builder: x509.CertificateBuilder, public_key: CertificatePublicKeyTypes
    ) -> x509.Certificate:
        own = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
        builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        return builder.add_extension(own, critical=False).sign(self.key, _hash_for(self.key))


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    public_key: CertificatePublicKeyTypes,
    now: datetime,
    days: float,
    serial: int,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(serial)
        .not_valid_before(now - SKEW)
        .not_valid_after(now + timedelta(days=days))
    )


def _as_ca(builder: x509.CertificateBuilder, path_length: int) -> x509.CertificateBuilder:
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=path_length), critical=True)
    return builder.add_extension(_usage(key_cert_sign=True, crl_sign=True), critical=True)


def _usage(
    *,
    key_encipherment: bool = False,
    key_agreement: bool = False,
    key_cert_sign: bool = False,
    crl_sign: bool = False,
) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=key_encipherment,
        data_encipherment=False,
        key_agreement=key_agreement,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        encipher_only=False,
        decipher_only=False,
    )


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _hash_for(key: SigningKey) -> hashes.SHA256 | hashes.SHA384:
    """As strong as the key's curve."""
    if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.key_size > 256:
        return hashes.SHA384()
    return hashes.SHA256()
