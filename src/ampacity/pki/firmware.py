"""Whether a firmware image bears the signature that goes with it, as far as that is known before a station
looks.

OCPP 2.0.1 L01.FR.04 (and 1.6's security extension): RSA-PSS or EC-Schnorr over the whole file with SHA-256.
Makers with keys on curves sign by ECDSA, too, which their stations then check; EC-Schnorr has no verifier
here. So a curve's signature that is not ECDSA's stays `unknown`, while RSA's word is final.
"""

from __future__ import annotations

import base64
import binascii
from datetime import datetime
from typing import Literal

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from .certificates import check_validity, read_chain, weakness

_SHA256 = Prehashed(hashes.SHA256())


class SignatureError(ValueError):
    """A signature that a station must refuse: not of this image, or not by this certificate."""


def check_signature(
    signing_certificate: str, signature: str, sha256: str, now: datetime
) -> Literal["good", "unknown"]:
    """What is to be said of a Base64 `signature` over a file whose digest is `sha256` (hex), by the first
    certificate of a PEM text.

    Raises SignatureError, and ChainError for a certificate that can't be read or is not valid at `now`.
    """
    certificate = read_chain(signing_certificate)[0]
    check_validity(certificate, now)
    try:
        raw = base64.b64decode("".join(signature.split()), validate=True)
    except (binascii.Error, ValueError):
        raise SignatureError("the signature is no Base64") from None
    key = certificate.public_key()
    if weak := weakness(key):
        raise SignatureError(f"the signing certificate's key is too weak: {weak}")
    digest = bytes.fromhex(sha256)
    if isinstance(key, rsa.RSAPublicKey):
        return _check_rsa(key, raw, digest)
    if isinstance(key, ec.EllipticCurvePublicKey):
        try:
            key.verify(raw, digest, ec.ECDSA(_SHA256))
        except InvalidSignature:
            return "unknown"
        return "good"
    raise SignatureError("the signing certificate's key is neither RSA nor of a curve")


def _check_rsa(key: rsa.RSAPublicKey, raw: bytes, digest: bytes) -> Literal["good"]:
    try:
        key.verify(raw, digest, padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.AUTO), _SHA256)
    except InvalidSignature:
        pass
    else:
        return "good"
    try:
        key.verify(raw, digest, padding.PKCS1v15(), _SHA256)
    except InvalidSignature:
        raise SignatureError("the signature is not of this image, or not by this certificate") from None
    raise SignatureError("the signature is in PKCS #1 v1.5: OCPP asks for RSA-PSS")
