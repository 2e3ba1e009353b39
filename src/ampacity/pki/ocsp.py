"""The Online Certificate Status Protocol (RFC 6960) without the line: requests as bytes, responses as
verdicts.

Hash data of OCPP *is* a CertID, so requests are built from what stations send. A response counts
for exactly the certificate that was asked about and while it is fresh. It is *proven* only when it is signed
by the issuer itself, or by somebody whom the issuer let sign (extended key usage OCSPSigning). Who the issuer
is follows from the question: its hashes of name and key point at one certificate among those we trust, those
that came along, and those inside the response.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Literal

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID
from msgspec import Struct

from .certificates import ChainError, HashData, HashName, hash_data, issued_by, same_hash_data

CLOCKS_DIFFER_BY = timedelta(minutes=5)
LONGEST = timedelta(days=7)
"""A response without a next update, or with one far away, counts no longer: stations ask again once a week,
too (M06.FR.10)."""


class OcspError(Exception):
    """Bytes that are no answer to the question: the text says why."""


class OcspVerdict(Struct, frozen=True, kw_only=True):
    """What a responder says of a certificate. `proven` tells whether its signature could be followed to the
    issuer; `until` is when it has to be asked again. `der` is the whole response.
    """

    status: Literal["good", "revoked", "unknown"]
    proven: bool
    at: datetime
    until: datetime
    revoked_at: datetime | None
    der: bytes


def request(asked: HashData) -> bytes:
    """The request for a certificate, DER. Raises ValueError for hashes that are none.

    It carries no nonce: most responders sign their answers ahead of time.
    """
    algorithm = _HASHES[asked.hash_algorithm]()
    try:
        name, key = bytes.fromhex(asked.issuer_name_hash), bytes.fromhex(asked.issuer_key_hash)
        serial = int(asked.serial_number, 16)
        builder = ocsp.OCSPRequestBuilder().add_certificate_by_hash(name, key, serial, algorithm)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{asked} names no certificate: {error}") from None
    return builder.build().public_bytes(Encoding.DER)


def read(der: bytes, asked: HashData, authorities: Iterable[x509.Certificate], now: datetime) -> OcspVerdict:
    """What a response says of the certificate `asked`. `authorities` are certificates among which its issuer
    may be. Raises OcspError for what is no successful, fresh answer to this question.
    """
    try:
        return _read(der, asked, authorities, now)
    except OcspError:
        raise
    except Exception as error:  # parts are parsed when they are looked at, and fail in many ways
        raise OcspError(f"no readable OCSP response: {type(error).__name__} {error}") from None


def _read(der: bytes, asked: HashData, authorities: Iterable[x509.Certificate], now: datetime) -> OcspVerdict:
    response = ocsp.load_der_ocsp_response(der)
    if response.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
        raise OcspError(f"the responder says {response.response_status.name}")
    single = _single(response, asked)
    enclosed = response.certificates
    at, next_update = single.this_update_utc, single.next_update_utc
    if at > now + CLOCKS_DIFFER_BY:
        raise OcspError(f"the response is of {at.isoformat()}, which is to come")
    until = at + LONGEST if next_update is None else min(next_update, max(at, now) + LONGEST)
    if until + CLOCKS_DIFFER_BY < now:
        raise OcspError(f"the response is old: it was to be renewed at {until.isoformat()}")
    issuer = issuer_of(asked, (*authorities, *enclosed))
    return OcspVerdict(
        status=_STATUS[single.certificate_status],
        proven=issuer is not None and _proven(response, issuer, enclosed, now),
        at=at,
        until=until,
        revoked_at=single.revocation_time_utc,
        der=der,
    )


def _single(response: ocsp.OCSPResponse, asked: HashData) -> Any:
    for single in response.responses:
        named = HashData(
            hash_algorithm=asked.hash_algorithm,
            issuer_name_hash=single.issuer_name_hash.hex(),
            issuer_key_hash=single.issuer_key_hash.hex(),
            serial_number=f"{single.serial_number:x}",
        )
        if same_hash_data(named, asked):
            return single
    raise OcspError("the response is about another certificate")


def issuer_of(asked: HashData, candidates: Iterable[x509.Certificate]) -> x509.Certificate | None:
    """The certificate among `candidates` that hash data points at as the issuer."""
    for candidate in candidates:
        if not names(candidate.subject, asked):
            continue
        try:
            below = hash_data(candidate, candidate, asked.hash_algorithm)  # as the issuer of anything
        except ChainError:
            continue
        if below.issuer_key_hash == asked.issuer_key_hash.lower():
            return candidate
    return None


def names(name: x509.Name, asked: HashData) -> bool:
    """Whether hash data has this issuer's name in it."""
    digest = hashes.Hash(_HASHES[asked.hash_algorithm]())
    digest.update(name.public_bytes())
    return digest.finalize().hex() == asked.issuer_name_hash.lower()


def _proven(
    response: ocsp.OCSPResponse, issuer: x509.Certificate, enclosed: list[x509.Certificate], now: datetime
) -> bool:
    """Whether the issuer or a delegate of its signed the response (RFC 6960 4.2.2.2)."""
    if _signed_by(response, issuer):
        return True
    return any(
        _may_sign(delegate, issuer, now) and _signed_by(response, delegate)
        for delegate in enclosed
        if delegate != issuer
    )


def _may_sign(delegate: x509.Certificate, issuer: x509.Certificate, now: datetime) -> bool:
    try:
        usage = delegate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except (x509.ExtensionNotFound, ValueError):
        return False
    timely = delegate.not_valid_before_utc - CLOCKS_DIFFER_BY <= now <= delegate.not_valid_after_utc
    return timely and ExtendedKeyUsageOID.OCSP_SIGNING in usage and issued_by(delegate, issuer)


def _signed_by(response: ocsp.OCSPResponse, signer: x509.Certificate) -> bool:
    key, algorithm = signer.public_key(), response.signature_hash_algorithm
    signed, signature = response.tbs_response_bytes, response.signature
    try:
        if isinstance(key, ec.EllipticCurvePublicKey) and algorithm is not None:
            key.verify(signature, signed, ec.ECDSA(algorithm))
        elif isinstance(key, rsa.RSAPublicKey) and algorithm is not None:
            key.verify(signature, signed, padding.PKCS1v15(), algorithm)
        elif isinstance(key, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey):
            key.verify(signature, signed)
        else:
            return False
    except (InvalidSignature, TypeError, ValueError, UnsupportedAlgorithm):
        return False
    return True


_HASHES: dict[HashName, type[hashes.HashAlgorithm]] = {
    "SHA256": hashes.SHA256,
    "SHA384": hashes.SHA384,
    "SHA512": hashes.SHA512,
}
_STATUS: dict[ocsp.OCSPCertStatus, Literal["good", "revoked", "unknown"]] = {
    ocsp.OCSPCertStatus.GOOD: "good",
    ocsp.OCSPCertStatus.REVOKED: "revoked",
    ocsp.OCSPCertStatus.UNKNOWN: "unknown",
}
