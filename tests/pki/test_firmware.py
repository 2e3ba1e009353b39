"""Signatures of firmware: what a station would refuse is refused here, what can't be known is not claimed."""

from __future__ import annotations

import base64
import hashlib
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding
from cryptography.x509.oid import NameOID

from ampacity.pki.authority import SigningKey
from ampacity.pki.certificates import ChainError, pem_of
from ampacity.pki.firmware import SignatureError, check_signature

from .chains import NOW, ec_key, rsa_key, serial

IMAGE = b"firmware" * 1_000
DIGEST = hashlib.sha256(IMAGE).hexdigest()
PSS = padding.PSS(padding.MGF1(hashes.SHA256()), 32)


def certificate(key: SigningKey | ed25519.Ed25519PrivateKey) -> str:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Voltwerk firmware")])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(serial())
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=1))
    )
    signed_by = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return pem_of(builder.sign(key, signed_by))


def text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def test_makers_signatures_are_good() -> None:
    rsa, curve = rsa_key(), ec_key()
    by_rsa = text(rsa.sign(IMAGE, PSS, hashes.SHA256()))
    by_curve = text(curve.sign(IMAGE, ec.ECDSA(hashes.SHA256())))
    assert check_signature(certificate(rsa), by_rsa, DIGEST, NOW) == "good"
    assert check_signature(certificate(curve), by_curve, DIGEST, NOW) == "good"
    wrapped = "\n".join(by_rsa[start : start + 64] for start in range(0, len(by_rsa), 64))
    assert check_signature(certificate(rsa), wrapped, DIGEST, NOW) == "good"


def test_another_images_signature_is_refused_where_that_can_be_known() -> None:
    rsa, curve = rsa_key(), ec_key()
    with pytest.raises(SignatureError, match="not of this image"):
        check_signature(certificate(rsa), text(rsa.sign(b"other", PSS, hashes.SHA256())), DIGEST, NOW)
    old = rsa.sign(IMAGE, padding.PKCS1v15(), hashes.SHA256())
    with pytest.raises(SignatureError, match="RSA-PSS"):
        check_signature(certificate(rsa), text(old), DIGEST, NOW)
    # It might be EC-Schnorr of this image: nobody here can tell.
    other = text(curve.sign(b"other", ec.ECDSA(hashes.SHA256())))
    assert check_signature(certificate(curve), other, DIGEST, NOW) == "unknown"


def test_what_no_station_can_check_is_refused() -> None:
    curve = ec_key()
    good = text(curve.sign(IMAGE, ec.ECDSA(hashes.SHA256())))
    with pytest.raises(ChainError, match="has expired"):
        check_signature(certificate(curve), good, DIGEST, NOW + timedelta(days=2))
    with pytest.raises(ChainError, match="no PEM certificate"):
        check_signature("certificate", good, DIGEST, NOW)
    with pytest.raises(SignatureError, match="no Base64"):
        check_signature(certificate(curve), "***", DIGEST, NOW)
    edwards = ed25519.Ed25519PrivateKey.generate()
    with pytest.raises(SignatureError):
        check_signature(certificate(edwards), text(edwards.sign(IMAGE)), DIGEST, NOW)
