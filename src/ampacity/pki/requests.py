"""Certificate signing requests of stations: may this be signed for that station?

The station's certificate carries its serial number or identity as common name and, where it names an
organization, the operator's (A00.FR.404, .405, .511, .512). A V2G certificate (ISO 15118 SECC) has names of
its own: only its key is judged. Sources: RFC 2986, OCPP 2.0.1 A02/A03.
"""

from __future__ import annotations

from collections.abc import Collection

from cryptography import x509
from cryptography.x509.oid import NameOID
from msgspec import Struct

from .certificates import common_names, key_words, name_part, weakness

MAX_REQUEST = 5600
"""Characters that SignCertificate.req can carry."""


class RequestError(ValueError):
    """A request that is not signed; the message says what is wrong with it and what would be right."""


class Request(Struct, frozen=True, kw_only=True):
    """A request whose own signature is right. `key` in words, as `certificates.key_words` has them."""

    common_name: str
    organization: str
    key: str
    csr: x509.CertificateSigningRequest


def read_request(text: str) -> Request:
    """Read a PEM (or, as some stations send, bare base64) request and check its own signature and key.

    Raises RequestError.
    """
    if len(text) > MAX_REQUEST:
        raise RequestError(f"the request has {len(text)} characters, at most {MAX_REQUEST} can be")
    body = text.strip().replace("\\n", "\n")
    if "-----BEGIN" not in body:
        body = f"-----BEGIN CERTIFICATE REQUEST-----\n{body}\n-----END CERTIFICATE REQUEST-----\n"
    body = body.replace("NEW CERTIFICATE REQUEST", "CERTIFICATE REQUEST")
    try:
        csr = x509.load_pem_x509_csr(body.encode())
        key = csr.public_key()
        valid = csr.is_signature_valid
        names = common_names(csr.subject)
        organization = name_part(csr.subject, NameOID.ORGANIZATION_NAME)
    except Exception as problem:  # each broken part fails in its own way
        raise RequestError(f"the text is no PKCS#10 request in PEM: {problem}") from None
    if not valid:
        raise RequestError("the request is not signed with the key that it carries")
    weak = weakness(key)
    if weak:
        raise RequestError(f"the request's key is refused: {weak}")
    return Request(
        common_name=names[0] if names else "",
        organization=organization,
        key=key_words(key),
        csr=csr,
    )


def check_names(request: Request, allowed: Collection[str], organization: str = "") -> None:
    """Raise RequestError unless there is one common name and it is one of `allowed`, and the organization,
    where both name one, is `organization`.
    """
    if len(common_names(request.csr.subject)) > 1:
        raise RequestError(f"the request has several common names: {common_names(request.csr.subject)}")
    if request.common_name not in allowed:
        right = " or ".join(repr(name) for name in sorted(allowed))
        raise RequestError(
            f"the request is for {request.common_name!r}: this station's can only be for {right}"
        )
    if organization and request.organization and request.organization != organization:
        raise RequestError(
            f"the request names the organization {request.organization!r}: it must be {organization!r}"
        )
