"""Authorities and certificates for tests: made here, for the moment that a test lives in."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from ampacity.pki.authority import Authority, SigningKey, Subject, make_root, new_serial

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def serial() -> int:
    return new_serial(secrets.token_bytes(20))


def ec_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def rsa_key(bits: int = 2048) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, bits)


def root_authority(name: str = "Test Root", now: datetime = NOW, days: float = 3650) -> Authority:
    key = ec_key()
    subject = Subject(common_name=name, organization="Operator")
    return Authority(certificate=make_root(key, subject, now, days, serial()), key=key)


def issuing_authority(root: Authority, name: str = "Test Issuing", now: datetime = NOW) -> Authority:
    key = ec_key()
    subject = Subject(common_name=name, organization="Operator")
    made = root.make_issuing(key.public_key(), subject, now, 1800, serial())
    return Authority(certificate=made, chain=(root.certificate, *root.chain), key=key)


def request_for(
    common_name: str, key: SigningKey | None = None, organization: str = "Operator"
) -> tuple[str, SigningKey]:
    """A PEM request as a station makes it, and its key."""
    made = key or ec_key()
    names = [x509.NameAttribute(NameOID.COMMON_NAME, common_name)] if common_name else []
    if organization:
        names.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization))
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(names))
    return builder.sign(made, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode(), made


def key_pem(key: SigningKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
