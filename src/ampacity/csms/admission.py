"""Who a handshake lets in, and by which security profile: known stations with their passwords or
certificates, others by policy.

The profile of a connection is what it proves: 3 a certificate over TLS, 2 a password over TLS, 1 a password
without, 0 nothing. A station that has come by one is refused below it (A00.FR.005, A05.FR.07): nobody
lowers it but a person of the operator's. A port may ask for more than the station does.

Passwords are machine-made and long (16 characters and more in the standard), so their hash is a light
scrypt: about 3 ms, once for each station and password; a verified one is remembered in memory for reconnect
storms. A 1.6 station may hold its key as hex digits and send the bytes they stand for (security white
paper, 3rd edition), or send the digits themselves; 2.x sends plain text (A00.FR.205). Both forms of the
same secret are taken from everyone. While a password is being changed the new one counts from the station's
acceptance on, and the old one until the station has come back with the new (A01).

Of a certificate OpenSSL has checked who signed it. Here: that it is valid now, not revoked, and this
station's, by its identity or serial number (A00.FR.403-407).
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import re
import secrets
from collections.abc import Callable

from ..clock import Clock
from ..pki.certificates import ChainError, Description, check_validity, common_names, describe, read_der
from .link import Admitted, Line, NotAdmitted
from .revoked import RevokedElsewhere
from .settings import CsmsSettings
from .state import Stations, StationState

_HEX = re.compile(r"(?:[0-9a-fA-F]{2}){8,}")
_REMEMBERED = 50_000
LOOK_EVERY_S = 60.0


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
    """The gateway's credentials function (`link.Credentials`).

    `proved` is told of each station that may come in and its profile, with the hash of the password that it
    came by, or its certificate. `objection` tells what is against a certificate (of this fingerprint) for a
    station, "" for nothing.
    """

    def __init__(
        self,
        stations: Stations,
        settings: CsmsSettings,
        clock: Clock,
        proved: Callable[[StationState, int, str | None, Description | None], None],
        objection: Callable[[str, str], str],
    ) -> None:
        self._stations = stations
        self._settings = settings
        self._clock = clock
        self._proved = proved
        self._objection = objection
        self._elsewhere = RevokedElsewhere(settings.security.revocation_lists)
        self._looked_at = float("-inf")
        self._verified: dict[tuple[str, str], bytes] = {}

    def __call__(self, identity: str, password: bytes | None, line: Line) -> Admitted | NotAdmitted:
        state = self._stations.get(identity)
        if state is None and not self._settings.admit_unknown:
            return NotAdmitted("unknown")
        password_hash = None if state is None else state.password_hash
        certificate: Description | None = None
        came_by: str | None = None
        if line.certificates:
            found = self._certificate(identity, state, line.certificates)
            if isinstance(found, NotAdmitted):
                return found
            certificate = found
        elif line.lowest_profile == 3 or (state is not None and state.proof.floor == 3):
            profile = 2 if line.secured and password is not None else 1 if password is not None else 0
            return NotAdmitted("profile", _too_low(identity, profile, 3, state))
        elif state is not None and (password_hash is not None or state.proof.next_hashes):
            if password is None and password_hash is not None:
                return NotAdmitted("password_missing")
            came_by = None if password is None else self._password(state, password)
            if came_by is None and password_hash is not None:
                return NotAdmitted("password_wrong")
        profile = 3 if certificate is not None else 0 if came_by is None else 2 if line.secured else 1
        least = max(line.lowest_profile, 0 if state is None else state.proof.floor)
        if profile < least:
            return NotAdmitted("profile", _too_low(identity, profile, least, state))
        operator_id = self._settings.operator_id if state is None else state.operator_id
        if state is not None:
            self._proved(state, profile, came_by, certificate)
        return Admitted(operator_id, identity, profile > 0, profile)

    def _certificate(
        self, identity: str, state: StationState | None, certificates: tuple[bytes, ...]
    ) -> Description | NotAdmitted:
        try:
            chain = read_der(certificates)
        except ChainError as trouble:
            return NotAdmitted("certificate", f"station {identity!r}: {trouble}")
        own = describe(chain[0])
        if len(common_names(chain[0].subject)) > 1:
            return NotAdmitted("certificate", f"the certificate of station {identity!r} has several names")
        names = {identity}
        serial = None if state is None else state.info.serial
        # A station says its serial number itself: another one's identity it can't be.
        if serial and self._stations.get(serial) in (None, state):
            names.add(serial)
        if own.common_name not in names:
            right = " or ".join(repr(name) for name in sorted(names))
            reason = (
                f"the certificate that station {identity!r} shows is for {own.common_name!r}, not {right}"
            )
            return NotAdmitted("certificate", reason)
        organization = self._settings.security.organization
        if organization and own.organization != organization:
            reason = (
                f"the certificate of station {identity!r} is of {own.organization!r}, not of {organization!r}"
            )
            return NotAdmitted("certificate", reason)
        if objection := self._objection(own.fingerprint, identity):
            return NotAdmitted("certificate", f"the certificate of station {identity!r} {objection}")
        if self._clock.monotonic() - self._looked_at > LOOK_EVERY_S:
            self._looked_at = self._clock.monotonic()
            self._elsewhere.look()
        if self._elsewhere.names(chain):
            return NotAdmitted(
                "certificate", f"the certificate of station {identity!r} is revoked by its issuer"
            )
        tolerated = state is not None and state.proof.tolerates_expired
        for certificate in chain[1:] if tolerated else chain:
            try:
                check_validity(certificate, self._clock.now())
            except ChainError as trouble:
                return NotAdmitted("certificate", f"station {identity!r}: {trouble}")
        return own

    def _password(self, state: StationState, password: bytes) -> str | None:
        """The hash that the password matches: the station's, or one it was told and may have taken over."""
        for known in (state.password_hash, *state.proof.next_hashes):
            if known is not None and self._matches(state.station_id, known, password):
                return known
        return None

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


_PROFILES = (
    "no password and no certificate",
    "a password without TLS",
    "a password over TLS",
    "a certificate",
)


def _too_low(identity: str, profile: int, least: int, state: StationState | None) -> str:
    by = f"station {identity!r} comes with {_PROFILES[profile]} (security profile {profile})"
    if state is not None and state.proof.floor >= least:
        return f"{by}: it has been at profile {least} and is not let in below it; a person may lower it here"
    return f"{by}: this port asks for profile {least}"


def _canonical(password: str) -> str:
    return password.lower() if _HEX.fullmatch(password) else password


def _scrypt(text: str, salt: bytes) -> bytes:
    return hashlib.scrypt(text.encode(), salt=salt, n=1024, r=8, p=1, dklen=32)
