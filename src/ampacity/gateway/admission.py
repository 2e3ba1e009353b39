"""Who may open a socket: identity, subprotocol and password of an opening request, judged once.

- Identity is the last segment of the path, percent-decoded (OCPP-J): at most 48 characters, no ":" (it would
  break Basic authentication). Whatever stands before it, `/ocpp/` or a tenant's prefix, decides nothing.
- The subprotocol is ours to choose from what the station offers, newest first. Without a common one the
  handshake is completed with none, and then closed: OCPP-J asks for exactly that.
- A station nobody knows gets 404, a missing or wrong password or certificate 401, a security profile that is
  too low 403. The Basic user must be the identity (A00.FR.207).
"""

from __future__ import annotations

import base64
import binascii
from typing import TypeAlias
from urllib.parse import unquote

from msgspec import Struct

from ..csms.link import Admitted, Credentials, NotAdmitted, RejectKind
from .transport import Handshake, Refusal

SUBPROTOCOLS = {"ocpp2.1": "2.1", "ocpp2.0.1": "2.0.1", "ocpp1.6": "1.6"}
"""Subprotocol -> version, in the order of our preference."""

MAX_IDENTITY = 48


class Granted(Struct, frozen=True):
    """Let it in. `version` None: no subprotocol in common, open and close."""

    admitted: Admitted
    subprotocol: str | None
    version: str | None
    offered: str


class Rejected(Struct, frozen=True):
    """Turn it away, and keep why."""

    identity: str | None
    kind: RejectKind
    reason: str
    refusal: Refusal


Verdict: TypeAlias = Granted | Rejected


def judge(handshake: Handshake, credentials: Credentials) -> Verdict:
    """Decide on an opening request."""
    identity, trouble = identity_of(handshake.path)
    if identity is None:
        return Rejected(None, "path", trouble, Refusal(404, f"{trouble}\n"))
    if "websocket" not in handshake.headers.get("upgrade", "").lower():
        reason = "not a WebSocket request: the station (or a proxy before us) sent no 'Upgrade: websocket'"
        return Rejected(
            identity,
            "not_websocket",
            reason,
            Refusal(426, "This port speaks OCPP over WebSocket.\n", (("Upgrade", "websocket"),)),
        )
    asked = handshake.headers.get("sec-websocket-version", "")
    if asked not in ("13", ""):  # without one it will be ours: frames have had one form since 2011
        reason = f"the station asked for version {asked!r} of the WebSocket protocol: there is only 13"
        told = (("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13"))
        return Rejected(identity, "not_websocket", reason, Refusal(426, f"{reason}\n", told))
    password, trouble = _password(handshake.headers.get("authorization"), identity)
    if trouble:
        return Rejected(identity, "authorization", trouble, _unauthorized(trouble))
    verdict = credentials(identity, password, handshake.line)
    if isinstance(verdict, NotAdmitted):
        return _denied(identity, verdict, handshake.path)
    offered = handshake.headers.get("sec-websocket-protocol", "")
    subprotocol = choose_subprotocol(offered)
    version = SUBPROTOCOLS[subprotocol] if subprotocol is not None else None
    return Granted(verdict, subprotocol, version, offered)


def identity_of(path: str) -> tuple[str | None, str]:
    """(identity, "") of a request's path, or (None, what is wrong with it)."""
    segment = path.partition("?")[0].rstrip("/").rpartition("/")[2]
    identity = unquote(segment, errors="replace")
    if not identity:
        return None, f"the path {path!r} names no station: it must end with /<station id>"
    if len(identity) > MAX_IDENTITY:
        return (
            None,
            f"the station id {identity[:60]!r} has {len(identity)} characters, at most {MAX_IDENTITY} can be",
        )
    if (
        ":" in identity
        or "/" in identity
        or not identity.isprintable()
        or "\N{REPLACEMENT CHARACTER}" in identity
    ):
        return (
            None,
            f"the station id {identity!r} has a character that an identity can't have (':', '/', control)",
        )
    return identity, ""


def choose_subprotocol(offered: str) -> str | None:
    """The newest of our versions among the station's comma-separated list."""
    names = {name.strip() for name in offered.split(",")}
    return next((name for name in SUBPROTOCOLS if name in names), None)


def _password(header: str | None, identity: str) -> tuple[bytes | None, str]:
    """(password bytes, "") of a Basic header whose user is the identity, or what is wrong."""
    if header is None:
        return None, ""
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return None, f"authentication scheme {scheme!r} is not possible: OCPP uses Basic"
    try:
        user, colon, password = base64.b64decode(encoded.strip(), validate=True).partition(b":")
    except (binascii.Error, ValueError):
        return None, "the Authorization header is not base64"
    if not colon:
        return None, "the Authorization header holds no 'user:password'"
    if user.decode(errors="replace") != identity:
        return (
            None,
            f"Basic user {user.decode(errors='replace')[:60]!r} is not the path's station id {identity!r}",
        )
    return password, ""


def _denied(identity: str, verdict: NotAdmitted, path: str) -> Rejected:
    if verdict.why == "unknown":
        reason = f"station {identity!r} is unknown: register it, or admit unknown stations"
        if path.partition("?")[0].endswith("/"):
            reason += f" (the path {path!r} ends with a slash: is the station's id missing after it?)"
        return Rejected(identity, "unknown", reason, Refusal(404, "unknown station\n"))
    if verdict.why == "profile":
        return Rejected(identity, "profile", verdict.reason, Refusal(403, "security profile too low\n"))
    reason = (
        verdict.reason
        or {
            "password_missing": f"station {identity!r} sent no password: set its key (BasicAuthPassword)",
            "password_wrong": f"the password of station {identity!r} is wrong",
            "certificate": f"the certificate of station {identity!r} is refused",
        }[verdict.why]
    )
    return Rejected(identity, verdict.why, reason, _unauthorized("authentication failed"))


def _unauthorized(body: str) -> Refusal:
    return Refusal(401, f"{body}\n", (("WWW-Authenticate", 'Basic realm="OCPP"'),))
