"""What the gateway and the CSMS say to each other, so that neither needs the other's code.

Inward, a gateway hands each CALL of a station to a `StationHandler`. Outward, the CSMS asks the bus address
of a station (`station_address`) with an `OutboundCall`; the gateway that holds the socket answers with the
station's payload or raises `CallFailed`. Admission is a plain function of identity and password: a handshake
can't wait for a database.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Literal, Protocol, TypeAlias

from msgspec import Struct

from ..ocpp.events import CallReceived, ProtocolViolation, ResultReceived, SendReceived


class StationRef(Struct, frozen=True):
    """The station at the other end of a socket. `version` is `1.6`, `2.0.1` or `2.1`."""

    operator_id: str
    station_id: str
    version: str


class Reply(Protocol):
    """Where the outcome of one CALL goes. The handler calls one of these, once, at once or later, in the
    event loop.
    """

    def answer(self, payload: Struct) -> None:
        """A CALLRESULT; whatever must last is durable by now."""
        ...

    def answer_text(self, body: str) -> None:
        """The same with a payload that is JSON already and known to keep its schema."""
        ...

    def refuse(self, code: str, description: str) -> None:
        """A CALLERROR."""
        ...

    def leave(self, reason: str) -> None:
        """No answer: it could not be kept, and the station shall repeat it as if it had been lost. (A
        CALLERROR would count as an attempt, and after a few a station throws the message away: E13.)
        """
        ...


class StationHandler(Protocol):
    """Who understands what stations say. A station's CALLs come one after the other: the next when the one
    before has its reply. Nothing here may block or raise for the station's reasons.
    """

    def handle(self, station: StationRef, call: CallReceived, reply: Reply) -> None:
        """Take a CALL. An exception becomes a CALLERROR."""
        ...

    def hear(self, station: StationRef, message: SendReceived) -> None:
        """Take a message that is never answered (SEND of 2.1)."""
        ...

    def mended(self, station: StationRef, answer: ResultReceived) -> None:
        """An answer to a call of ours breaks its schema and was repaired."""
        ...

    def broken(self, station: StationRef, violation: ProtocolViolation) -> None:
        """A frame broke the protocol. What the standard wants answered is answered already."""
        ...


Recorder: TypeAlias = Callable[[StationRef, Literal["in", "out"], str, float], None]
"""Keeps a raw frame: (station, direction, text, epoch seconds). Secrets are cut out before."""


class OutboundCall(Struct, frozen=True):
    """A CALL for a station. `timeout_s` is site time; `front` overtakes what waits (cuts of current go
    first); `body` is the payload's text where it must be sent as it was written.
    """

    action: str
    payload: Struct
    timeout_s: float = 30.0
    front: bool = False
    body: str | None = None


CallFailure: TypeAlias = Literal["timeout", "lost", "error"]


class CallFailed(Exception):
    """A CALL without a result.

    `timeout`: no answer, the station may or may not have acted. `lost`: the socket went away or the queue was
    full before an answer came. `error`: the station sent a CALLERROR, or an answer that breaks its schema;
    `code` is OCPP's.
    `sent` tells whether the station may have seen it.
    """

    def __init__(
        self, kind: CallFailure, code: str = "", description: str = "", *, sent: bool = False
    ) -> None:
        super().__init__(f"{kind}: {code} {description}".rstrip())
        self.kind = kind
        self.sent = sent
        self.code = code
        self.description = description


class Line(Struct, frozen=True):
    """What carries an opening request. `secured` is TLS; `certificates` (DER) the station's own and those
    above it, its signatures checked up to a root of ours, its validity in time not; `lowest_profile` what
    the port asks for at least.
    """

    secured: bool = False
    certificates: tuple[bytes, ...] = ()
    lowest_profile: int = 0


PLAIN = Line()


class Admitted(Struct, frozen=True):
    """The station may come in. `authenticated` tells whether a password or a certificate proved it, `profile`
    by which security profile (0: by none).
    """

    operator_id: str
    station_id: str
    authenticated: bool
    profile: int = 0


class NotAdmitted(Struct, frozen=True):
    """It may not: nobody knows it, its password is missing or wrong, its certificate can't be trusted or is
    another's, or it comes by a lower security profile than it must. `reason` is a sentence where `why` does
    not say it all.
    """

    why: Literal["unknown", "password_missing", "password_wrong", "certificate", "profile"]
    reason: str = ""


Credentials: TypeAlias = Callable[[str, bytes | None, Line], Admitted | NotAdmitted]
"""(identity, password of the Basic header or None, what carries it) -> verdict. Called in the event loop:
must not block."""


RejectKind: TypeAlias = Literal[
    "path",
    "not_websocket",
    "authorization",
    "unknown",
    "password_missing",
    "password_wrong",
    "certificate",
    "profile",
    "subprotocol",
    "tls",
    "too_many",
    "busy",
]
"""Why a handshake did not become a session: the path names no station; no WebSocket request; an
Authorization header that can't be read or names somebody else; nobody knows the station; its password is
missing or wrong; its certificate is expired, revoked or another's; its security profile is lower than it
must be; no version in common; TLS was not agreed; too many tries from one address; we had no room or were
stopping.
"""

EndKind: TypeAlias = Literal[
    "closed",
    "lost",
    "no_pong",
    "slow_consumer",
    "replaced",
    "protocol",
    "disconnected",
    "restart",
]
"""Why a session ended: the station closed it; its network went away; it did not answer a ping; it did not
take what we sent; it opened a newer connection; it broke the WebSocket protocol; somebody here disconnected
it; we stopped.
"""


class HandshakeRejected(Struct, frozen=True, kw_only=True):
    """A handshake that did not become a session, and why. `reason` is a sentence a technician can act on,
    `offered` the subprotocols it named, `status` the HTTP status it was answered with (0: none).
    """

    peer: str
    path: str
    identity: str | None
    kind: RejectKind
    reason: str
    status: int
    at: datetime
    offered: str = ""


class SessionEnded(Struct, frozen=True, kw_only=True):
    """A station's socket is gone; it may have another. `lasted_s` is how long it was open, in site time."""

    operator_id: str
    station_id: str
    peer: str
    kind: EndKind
    reason: str
    lasted_s: float
    at: datetime


def station_address(operator_id: str, station_id: str) -> str:
    """The bus address that the holder of the station's socket serves."""
    return f"station/{operator_id}/{station_id}"
