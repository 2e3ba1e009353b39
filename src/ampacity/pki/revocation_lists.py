"""Certificate revocation lists (RFC 5280 section 5) without the line: what a downloaded list says of one
certificate.

A list speaks for whoever has issued it: it counts for a certificate of the same issuer only, while it is
fresh, and is *proven* when the issuer's key has signed it (see `ocsp`, which finds the issuer the same way).
Lists of parts (deltas, other reasons, other issuers) are refused: not being on one of them means nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.x509.oid import ExtensionOID
from msgspec import Struct

from .certificates import HashData
from .ocsp import CLOCKS_DIFFER_BY, LONGEST, issuer_of, names

_UNDERSTOOD = frozenset({ExtensionOID.ISSUING_DISTRIBUTION_POINT})


class ListError(Exception):
    """Bytes that are no list for this certificate: the text says why."""


class ListVerdict(Struct, frozen=True, kw_only=True):
    """What a list says of a certificate; `until` is when it has to be fetched again."""

    revoked: bool
    proven: bool
    until: datetime


def read(data: bytes, asked: HashData, authorities: Iterable[x509.Certificate], now: datetime) -> ListVerdict:
    """What a list (DER or PEM) says of the certificate `asked`. Raises ListError."""
    try:
        return _read(data, asked, authorities, now)
    except ListError:
        raise
    except Exception as error:  # parts are parsed when they are looked at, and fail in many ways
        raise ListError(f"no readable revocation list: {type(error).__name__} {error}") from None


def _read(
    data: bytes, asked: HashData, authorities: Iterable[x509.Certificate], now: datetime
) -> ListVerdict:
    pem = data.lstrip().startswith(b"-----BEGIN")
    found = x509.load_pem_x509_crl(data) if pem else x509.load_der_x509_crl(data)
    extensions = list(found.extensions)
    at, until = found.last_update_utc, found.next_update_utc
    if not names(found.issuer, asked):
        raise ListError("the list is another issuer's")
    _refuse_parts(extensions)
    if at > now + CLOCKS_DIFFER_BY:
        raise ListError(f"the list is of {at.isoformat()}, which is to come")
    until = at + LONGEST if until is None else until
    if until + CLOCKS_DIFFER_BY < now:
        raise ListError(f"the list is old: it was to be renewed at {until.isoformat()}")
    issuer = issuer_of(asked, authorities)
    return ListVerdict(
        revoked=_listed(found, int(asked.serial_number, 16)),
        proven=issuer is not None and _signed_by(found, issuer),
        until=min(until, now + LONGEST),
    )


def _listed(found: x509.CertificateRevocationList, serial: int) -> bool:
    entry = found.get_revoked_certificate_by_serial_number(serial)
    if entry is None:
        return False
    try:
        reason = entry.extensions.get_extension_for_class(x509.CRLReason).value.reason
    except (x509.ExtensionNotFound, ValueError):
        return True
    return reason is not x509.ReasonFlags.remove_from_crl


def _refuse_parts(extensions: list[x509.Extension[x509.ExtensionType]]) -> None:
    for extension in extensions:
        value = extension.value
        if isinstance(value, x509.IssuingDistributionPoint) and (
            value.indirect_crl or value.only_contains_attribute_certs or value.only_some_reasons
        ):
            raise ListError("the list is of other issuers or of some reasons only")
        if extension.critical and extension.oid not in _UNDERSTOOD:
            raise ListError(f"the list has a rule that can't be judged: {extension.oid.dotted_string}")


def _signed_by(found: x509.CertificateRevocationList, issuer: x509.Certificate) -> bool:
    try:
        return found.is_signature_valid(issuer.public_key())  # type: ignore[arg-type]
    except (InvalidSignature, TypeError, ValueError, UnsupportedAlgorithm):
        return False
