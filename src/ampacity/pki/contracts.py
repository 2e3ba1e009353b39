"""Contracts of Plug & Charge: a car's certificate names its contract, the eMAID, in its common name.

Sources: ISO 15118-2 annex F (certificate profiles); eMI3 part 2 (what an eMAID is made of).
"""

from __future__ import annotations

import re

from cryptography import x509
from cryptography.x509.oid import NameOID

from .certificates import name_part

_PARTS = re.compile(
    r"(?P<country>[A-Z]{2})(?P<gap>-?)(?P<provider>[0-9A-Z]{3})(?P=gap)(?P<instance>[0-9A-Z]{9})"
    r"((?P=gap)(?P<check>[0-9A-Z]))?"
)


def emaid_of(certificate: x509.Certificate) -> str:
    """The contract that a certificate names, "" for none."""
    return name_part(certificate.subject, NameOID.COMMON_NAME)


def same_emaid(one: str, other: str) -> bool:
    """Whether two spellings mean one contract: case, separators and the check digit (which follows from the
    rest) make no difference.
    """
    return _bare(one) == _bare(other)


def _bare(emaid: str) -> str:
    text = emaid.strip().upper()
    found = _PARTS.fullmatch(text)
    return text if found is None else found["country"] + found["provider"] + found["instance"]
