"""Revocation lists of other authorities that vouch for stations: files that somebody keeps fresh.

A list speaks for the certificates of its issuer, where the issuer's key has signed it. One that can't be
read is told of in the log, and what was known before goes on. (What our own authority revoked is in the
database.)
"""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

log = logging.getLogger(__name__)


class RevokedElsewhere:
    """The lists in `files`; `look` reads those that have changed."""

    def __init__(self, files: Sequence[str]) -> None:
        self._known: dict[str, tuple[int, x509.CertificateRevocationList | None]] = dict.fromkeys(
            files, (0, None)
        )

    def look(self) -> None:
        """Read again what has changed."""
        for file, (stamp, before) in self._known.items():
            try:
                found = os.stat(file).st_mtime_ns
                if found != stamp:
                    self._known[file] = (found, _read(Path(file).read_bytes()))
            except (OSError, ValueError) as problem:
                log.error("revocation list %s can't be used: %s", file, problem)
                self._known[file] = (stamp, before)

    def names(self, chain: Sequence[x509.Certificate]) -> bool:
        """Whether a list names the first certificate of a chain, in which each is signed by the next."""
        own, issuer = chain[0], chain[1] if len(chain) > 1 else None
        for _, found in self._known.values():
            if found is None or found.issuer != own.issuer:
                continue
            # A resumed connection tells no issuer: better to believe a list too many than one too few.
            signed = issuer is None or _signed(found, issuer)
            if signed and found.get_revoked_certificate_by_serial_number(own.serial_number) is not None:
                return True
        return False


def _read(content: bytes) -> x509.CertificateRevocationList:
    armoured = content.lstrip().startswith(b"-----BEGIN")
    return x509.load_pem_x509_crl(content) if armoured else x509.load_der_x509_crl(content)


def _signed(found: x509.CertificateRevocationList, issuer: x509.Certificate) -> bool:
    try:
        return found.is_signature_valid(issuer.public_key())  # type: ignore[arg-type]
    except (TypeError, ValueError, UnsupportedAlgorithm):
        return False
