"""OCSP responses for tests: what a responder would say, right or wrong on purpose."""

from __future__ import annotations

from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID

from ampacity.pki.authority import Authority, SigningKey, Subject

from .chains import NOW, ec_key, serial

STATUS = {
    "good": ocsp.OCSPCertStatus.GOOD,
    "revoked": ocsp.OCSPCertStatus.REVOKED,
    "unknown": ocsp.OCSPCertStatus.UNKNOWN,
}


def delegate_of(
    authority: Authority, now: datetime = NOW, *, may_sign: bool = True
) -> tuple[x509.Certificate, SigningKey]:
    """Somebody who signs OCSP responses for an authority."""
    key = ec_key()
    usage = ExtendedKeyUsageOID.OCSP_SIGNING if may_sign else ExtendedKeyUsageOID.CLIENT_AUTH
    subject = Subject(common_name="Responder")
    made = authority.issue(key.public_key(), subject, now, days=30, serial=serial(), usage=(usage,))
    return made, key


def respond(
    request_der: bytes,
    signer: tuple[x509.Certificate, SigningKey],
    status: str = "good",
    *,
    at: datetime = NOW,
    lasts: timedelta | None = timedelta(days=1),
    enclose: tuple[x509.Certificate, ...] = (),
) -> bytes:
    """The answer to a request, DER."""
    asked = ocsp.load_der_ocsp_request(request_der)
    revoked = status == "revoked"
    builder = ocsp.OCSPResponseBuilder().add_response_by_hash(
        asked.issuer_name_hash,
        asked.issuer_key_hash,
        asked.serial_number,
        asked.hash_algorithm,
        STATUS[status],
        at,
        None if lasts is None else at + lasts,
        at - timedelta(days=2) if revoked else None,
        x509.ReasonFlags.key_compromise if revoked else None,
    )
    builder = builder.responder_id(ocsp.OCSPResponderEncoding.HASH, signer[0])
    if enclose:
        builder = builder.certificates(enclose)
    return builder.sign(signer[1], hashes.SHA256()).public_bytes(Encoding.DER)


def refuse() -> bytes:
    """A responder that has no answer now."""
    return ocsp.OCSPResponseBuilder.build_unsuccessful(ocsp.OCSPResponseStatus.TRY_LATER).public_bytes(
        Encoding.DER
    )
