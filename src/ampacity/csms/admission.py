"""Who a handshake lets in: known stations with their passwords, others by policy.

Passwords are machine-made and long (16 characters and more in the standard), so their hash is a light scrypt:
about 3 ms, once for each station and password; a verified one is remembered in memory for reconnect storms.

A 1.6 station may hold its key as hex digits and send the bytes they stand for (security white paper, 3rd
edition), or send the digits themselves; 2.x sends plain text (A00.FR.205). Both forms of the same secret are
taken from everyone.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import re
import secrets

from .link import Admitted, NotAdmitted
from .settings import CsmsSettings
from .state import Stations

_HEX = re.compile(r"(?:[0-9a-fA-F]{2}){8,}")
_REMEMBERED = 50_000


def hash_password(password: str) -> str:
    """The salted hash to store for a password as a person or program wrote it down."""
    salt = secrets.token_bytes(16)
    return f"scrypt1${salt.hex()}${_scrypt(_canonical(password), salt).hex()}"


def password_matches(password_hash: str, sent: bytes) -> bool:
    """Whether the bytes of a Basic header are the password, as text or as the bytes of its hex digits."""
    kind, _, rest = password_hash.partition("$")
    salt_hex, _, expected = rest.partition("$")
    if kind != "scrypt1":
        raise ValueError(f"password hash of kind {kind!r} is not known: only scrypt1 is")
    salt = bytes.fromhex(salt_hex)
    # Text first: most send it, and each try costs as much as a handshake.
    candidates = []
    with contextlib.suppress(UnicodeDecodeError):
        candidates.append(_canonical(sent.decode()))
    candidates.append(sent.hex())
    return any(hmac.compare_digest(_scrypt(text, salt).hex(), expected) for text in candidates)


class Admission:
    """The gateway's credentials function (`link.Credentials`)."""

    def __init__(self, stations: Stations, settings: CsmsSettings) -> None:
        self._stations = stations
        self._settings = settings
        self._verified: dict[tuple[str, str], bytes] = {}

    def __call__(self, identity: str, password: bytes | None) -> Admitted | NotAdmitted:
        state = self._stations.get(identity)
        if state is None:
            if self._settings.admit_unknown:
                return Admitted(self._settings.operator_id, identity, False)
            return NotAdmitted("unknown")
        if state.password_hash is None:
            return Admitted(state.operator_id, identity, False)
        if password is None:
            return NotAdmitted("password_missing")
        if not self._matches(identity, state.password_hash, password):
            return NotAdmitted("password_wrong")
        return Admitted(state.operator_id, identity, True)

    def _matches(self, identity: str, password_hash: str, password: bytes) -> bool:
        digest = hashlib.sha256(password).digest()
        known = self._verified.get((identity, password_hash))
        if known is not None and hmac.compare_digest(known, digest):
            return True
        if not password_matches(password_hash, password):
            return False
        while len(self._verified) >= _REMEMBERED:
            del self._verified[next(iter(self._verified))]
        self._verified[identity, password_hash] = digest
        return True


def _canonical(password: str) -> str:
    return password.lower() if _HEX.fullmatch(password) else password


def _scrypt(text: str, salt: bytes) -> bytes:
    return hashlib.scrypt(text.encode(), salt=salt, n=1024, r=8, p=1, dklen=32)
