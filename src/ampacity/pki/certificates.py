"""X.509 certificates: reading, naming, comparing, and whether a chain can be trusted at a moment.

What others call:
- `read_chain(pem)` -> certificates, leaf first; `pem_of` back; `split_pem` keeps the texts.
- `describe(certificate)` -> `Description`: names, serial, validity, key, fingerprint; plain data.
- `check_chain(chain, roots, now)` -> the path from the leaf to the root; raises `ChainError` with a `fault`.
- `hash_data(certificate, issuer)` / `hash_data_of_root(root)`: how OCPP and OCSP name a certificate.
- `ocsp_responders(certificate)`: where it says that its state can be asked.

Sources: RFC 5280 section 6 (paths), RFC 6960 4.1.1 (hashes), OCPP 2.0.1 A00.FR.501-512 (keys and names).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Literal, TypeAlias, TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtensionOID, NameOID
from msgspec import Struct

MAX_CHAIN = 8
"""Certificates in one chain: two sub CAs are usual, and nobody may keep us busy with more."""
MAX_PEM = 64 * 1024

LEAST_RSA_BITS = 2048
LEAST_EC_BITS = 224

Fault: TypeAlias = Literal[
    "unreadable",
    "empty",
    "too_long",
    "expired",
    "not_yet_valid",
    "untrusted",
    "signature",
    "not_a_ca",
    "path_too_long",
    "weak_key",
    "critical_extension",
]
HashName: TypeAlias = Literal["SHA256", "SHA384", "SHA512"]

_E = TypeVar("_E", bound=x509.ExtensionType)

_HASHES: dict[HashName, type[hashes.HashAlgorithm]] = {
    "SHA256": hashes.SHA256,
    "SHA384": hashes.SHA384,
    "SHA512": hashes.SHA512,
}
_UNDERSTOOD = frozenset(
    {
        ExtensionOID.BASIC_CONSTRAINTS,
        ExtensionOID.KEY_USAGE,
        ExtensionOID.EXTENDED_KEY_USAGE,
        ExtensionOID.SUBJECT_ALTERNATIVE_NAME,
        ExtensionOID.CERTIFICATE_POLICIES,
    }
)
_BLOCK = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


class ChainError(ValueError):
    """A chain that can't be trusted: `fault` says which rule it breaks, `subject` whose certificate it is."""

    def __init__(self, fault: Fault, text: str, subject: str = "") -> None:
        super().__init__(text)
        self.fault: Fault = fault
        self.subject = subject


class Description(Struct, frozen=True, kw_only=True):
    """A certificate as plain data. `serial_number` and `fingerprint` (SHA-256) are lower-case hex."""

    subject: str
    common_name: str
    organization: str
    issuer: str
    serial_number: str
    not_before: datetime
    not_after: datetime
    key: str
    is_ca: bool
    self_issued: bool
    fingerprint: str


class HashData(Struct, frozen=True, kw_only=True):
    """CertificateHashDataType of OCPP; hex in lower case, the serial without leading zeros."""

    hash_algorithm: HashName
    issuer_name_hash: str
    issuer_key_hash: str
    serial_number: str


def split_pem(text: str) -> list[str]:
    """The PEM certificates in a text, in its order; what stands between them is left out."""
    return _BLOCK.findall(text)


def read_chain(text: str) -> list[x509.Certificate]:
    """The certificates of a PEM text, in its order (leaf first, by OCPP's rule).

    Raises ChainError: `empty`, `too_long`, `unreadable`.
    """
    if len(text) > MAX_PEM:
        raise ChainError("too_long", f"a PEM text of {len(text)} characters: at most {MAX_PEM} are read")
    blocks = split_pem(text)
    if not blocks:
        raise ChainError("empty", "no PEM certificate (-----BEGIN CERTIFICATE-----) is in the text")
    if len(blocks) > MAX_CHAIN:
        raise ChainError("too_long", f"a chain of {len(blocks)} certificates: at most {MAX_CHAIN} can be")
    found = []
    for number, block in enumerate(blocks, start=1):
        try:
            certificate = x509.load_pem_x509_certificate(block.encode())
            _look_at_all(certificate)
        except Exception as problem:  # each part fails in its own way
            raise ChainError("unreadable", f"certificate {number} can't be read: {problem}") from None
        found.append(certificate)
    return found


def read_der(blocks: Sequence[bytes]) -> list[x509.Certificate]:
    """The same of certificates in DER, as TLS tells them. Raises ChainError."""
    found = []
    for number, block in enumerate(blocks, start=1):
        try:
            certificate = x509.load_der_x509_certificate(block)
            _look_at_all(certificate)
        except Exception as problem:
            raise ChainError("unreadable", f"certificate {number} can't be read: {problem}") from None
        found.append(certificate)
    return found


def _look_at_all(certificate: x509.Certificate) -> None:
    """Its parts are parsed when they are looked at: here, so that nobody trips over a broken one later."""
    for part in ("subject", "issuer", "extensions", "signature_hash_algorithm", "not_valid_after_utc"):
        getattr(certificate, part)
    certificate.public_key()


def read_certificate(text: str) -> x509.Certificate:
    """The one certificate of a PEM text. Raises ChainError, `too_long` where there are several."""
    found = read_chain(text)
    if len(found) > 1:
        raise ChainError("too_long", f"{len(found)} certificates are in the text: one was expected")
    return found[0]


def pem_of(*certificates: x509.Certificate) -> str:
    """PEM text, in the given order."""
    return "".join(certificate.public_bytes(Encoding.PEM).decode() for certificate in certificates)


def describe(certificate: x509.Certificate) -> Description:
    """Names, validity and key of a certificate."""
    return Description(
        subject=certificate.subject.rfc4514_string(),
        common_name=name_part(certificate.subject, NameOID.COMMON_NAME),
        organization=name_part(certificate.subject, NameOID.ORGANIZATION_NAME),
        issuer=certificate.issuer.rfc4514_string(),
        serial_number=serial_hex(certificate),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        key=key_words(certificate.public_key()),
        is_ca=is_ca(certificate),
        self_issued=certificate.subject == certificate.issuer,
        fingerprint=fingerprint(certificate),
    )


def common_names(name: x509.Name) -> list[str]:
    """Every common name in a name: more than one is a name that two readers read differently."""
    found = [attribute.value for attribute in name.get_attributes_for_oid(NameOID.COMMON_NAME)]
    return [value if isinstance(value, str) else value.decode(errors="replace") for value in found]


def name_part(name: x509.Name, oid: x509.ObjectIdentifier) -> str:
    """The first attribute of a kind in a name, "" where there is none."""
    for attribute in name.get_attributes_for_oid(oid):
        value = attribute.value
        return value if isinstance(value, str) else value.decode(errors="replace")
    return ""


def names_of(certificate: x509.Certificate) -> set[str]:
    """Its common names, and the hosts and addresses that it is for."""
    names = set(common_names(certificate.subject))
    alternative = _extension(certificate, x509.SubjectAlternativeName)
    if alternative is not None:
        names |= set(alternative.get_values_for_type(x509.DNSName))
        names |= {str(address) for address in alternative.get_values_for_type(x509.IPAddress)}
    return names


def fingerprint(certificate: x509.Certificate) -> str:
    """SHA-256 of the DER form, lower-case hex."""
    return certificate.fingerprint(hashes.SHA256()).hex()


def serial_hex(certificate: x509.Certificate) -> str:
    """The serial number in hex without leading zeros, as OCPP writes it."""
    return f"{certificate.serial_number:x}"


def key_words(key: CertificatePublicKeyTypes) -> str:
    """The kind of a public key for people: "EC secp256r1", "RSA 2048"."""
    if isinstance(key, ec.EllipticCurvePublicKey):
        return f"EC {key.curve.name}"
    if isinstance(key, rsa.RSAPublicKey):
        return f"RSA {key.key_size}"
    if isinstance(key, dsa.DSAPublicKey):
        return f"DSA {key.key_size}"
    return {ed25519.Ed25519PublicKey: "Ed25519", ed448.Ed448PublicKey: "Ed448"}.get(
        type(key), type(key).__name__
    )


def weakness(key: CertificatePublicKeyTypes) -> str:
    """Why a key is too weak for OCPP (112 bits of security: A00.FR.501-503), "" where it isn't."""
    if isinstance(key, ec.EllipticCurvePublicKey):
        least = LEAST_EC_BITS
    elif isinstance(key, rsa.RSAPublicKey | dsa.DSAPublicKey):
        least = LEAST_RSA_BITS
    elif isinstance(key, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey):
        return ""
    else:
        return f"a key of kind {type(key).__name__} is for no signatures"
    size = key.curve.key_size if isinstance(key, ec.EllipticCurvePublicKey) else key.key_size
    return "" if size >= least else f"{key_words(key)} is too weak: at least {least} bits"


def is_ca(certificate: x509.Certificate) -> bool:
    """Whether it may sign others: basic constraints say so, and a key usage, where there is one, too."""
    constraints = _extension(certificate, x509.BasicConstraints)
    usage = _extension(certificate, x509.KeyUsage)
    return constraints is not None and constraints.ca and (usage is None or usage.key_cert_sign)


def issued_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Whether the issuer's name and key stand behind the certificate."""
    if certificate.issuer != issuer.subject:
        return False
    try:
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, ValueError, TypeError, UnsupportedAlgorithm):
        return False
    return True


def check_chain(
    chain: Sequence[x509.Certificate], roots: Sequence[x509.Certificate], now: datetime
) -> list[x509.Certificate]:
    """The path from the first of `chain` over others of it, in any order, to one of `roots` (itself last).

    Checked: each signature, validity at `now`, key strength, that issuers are CAs with room below them, and
    that no critical extension is one that this code can't judge. Revocation is not: that is asked elsewhere.
    Raises ChainError.
    """
    if not chain:
        raise ChainError("empty", "the chain is empty")
    if len(chain) > MAX_CHAIN:
        raise ChainError("too_long", f"a chain of {len(chain)} certificates: at most {MAX_CHAIN} can be")
    path = [chain[0]]
    while path[-1] not in roots:
        current = path[-1]
        issuer = next((root for root in roots if issued_by(current, root)), None) or next(
            (other for other in chain if other not in path and issued_by(current, other)), None
        )
        if issuer is None:
            raise _no_issuer(current, [*roots, *chain])
        path.append(issuer)
    for certificate in path:
        _check_one(certificate, now)
    for below, certificate in enumerate(path[1:]):
        if not is_ca(certificate):
            raise _fault("not_a_ca", certificate, "is no certificate authority, but signs one")
        constraints = _extension(certificate, x509.BasicConstraints)
        # Length counts the CAs between it and the leaf.
        if (
            constraints is not None
            and constraints.path_length is not None
            and below > constraints.path_length
        ):
            raise _fault("path_too_long", certificate, f"allows {constraints.path_length} CAs below it")
    return path


def check_validity(certificate: x509.Certificate, now: datetime) -> None:
    """Raise ChainError where the certificate is not valid at `now`."""
    if now < certificate.not_valid_before_utc:
        raise _fault(
            "not_yet_valid",
            certificate,
            f"is valid from {certificate.not_valid_before_utc:%Y-%m-%d %H:%M} UTC",
        )
    if now > certificate.not_valid_after_utc:
        raise _fault(
            "expired", certificate, f"has expired at {certificate.not_valid_after_utc:%Y-%m-%d %H:%M} UTC"
        )


def hash_data(
    certificate: x509.Certificate, issuer: x509.Certificate, algorithm: HashName = "SHA256"
) -> HashData:
    """How a certificate is named by its issuer's name and key and its own serial (RFC 6960 4.1.1)."""
    return HashData(
        hash_algorithm=algorithm,
        issuer_name_hash=_digest(certificate.issuer.public_bytes(), algorithm),
        issuer_key_hash=_digest(_key_bits(issuer), algorithm),
        serial_number=serial_hex(certificate),
    )


def hash_data_of_root(root: x509.Certificate, algorithm: HashName = "SHA256") -> HashData:
    """The same for a root, which is its own issuer."""
    return hash_data(root, root, algorithm)


def same_hash_data(a: HashData, b: HashData) -> bool:
    """Equality as stations mean it: hex in either case, serials with or without leading zeros."""
    return (
        a.hash_algorithm == b.hash_algorithm
        and a.issuer_name_hash.lower() == b.issuer_name_hash.lower()
        and a.issuer_key_hash.lower() == b.issuer_key_hash.lower()
        and a.serial_number.lower().lstrip("0") == b.serial_number.lower().lstrip("0")
    )


def ocsp_responders(certificate: x509.Certificate) -> list[str]:
    """URLs of the OCSP responders that the certificate names."""
    access = _extension(certificate, x509.AuthorityInformationAccess)
    if access is None:
        return []
    return [
        entry.access_location.value
        for entry in access
        if entry.access_method == AuthorityInformationAccessOID.OCSP
        and isinstance(entry.access_location, x509.UniformResourceIdentifier)
    ]


def _check_one(certificate: x509.Certificate, now: datetime) -> None:
    check_validity(certificate, now)
    weak = weakness(certificate.public_key())
    if weak:
        raise _fault("weak_key", certificate, f"has a weak key: {weak}")
    strange = [
        extension.oid.dotted_string
        for extension in certificate.extensions
        if extension.critical and extension.oid not in _UNDERSTOOD
    ]
    if strange:
        raise _fault(
            "critical_extension", certificate, f"has critical extensions that can't be judged: {strange}"
        )


def _no_issuer(current: x509.Certificate, others: Sequence[x509.Certificate]) -> ChainError:
    if any(other.subject == current.issuer and other != current for other in others):
        return _fault("signature", current, "is not signed by the key of the issuer that it names")
    return _fault(
        "untrusted", current, f"is issued by {current.issuer.rfc4514_string()!r}, which is not trusted"
    )


def _fault(fault: Fault, certificate: x509.Certificate, text: str) -> ChainError:
    subject = certificate.subject.rfc4514_string()
    return ChainError(fault, f"certificate {subject!r} (serial {serial_hex(certificate)}) {text}", subject)


def _extension(certificate: x509.Certificate, kind: type[_E]) -> _E | None:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except (x509.ExtensionNotFound, ValueError):
        return None


def _digest(data: bytes, algorithm: HashName) -> str:
    digest = hashes.Hash(_HASHES[algorithm]())
    digest.update(data)
    return digest.finalize().hex()


def _key_bits(certificate: x509.Certificate) -> bytes:
    """The value of the subjectPublicKey bit string, without tag, length and count of unused bits."""
    key = certificate.public_key()
    if isinstance(key, ec.EllipticCurvePublicKey):
        return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    if isinstance(key, rsa.RSAPublicKey):
        return key.public_bytes(Encoding.DER, PublicFormat.PKCS1)
    if isinstance(key, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey):
        return key.public_bytes(Encoding.Raw, PublicFormat.Raw)
    raise ChainError("weak_key", f"a key of kind {key_words(key)} names no issuer in OCPP")
