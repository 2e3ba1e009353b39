"""What a gateway needs of a WebSocket library, and nothing more.

A listener asks its `Door` about each handshake; the door answers with a `Refusal` (an HTTP status), or an
`Entry`: the subprotocol and what makes the `Peer` that gets the text messages. Everything happens in the
event loop by plain calls: no task a message. `listen` chooses the library; both are held to the same tests.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from msgspec import Struct

from ..csms.link import PLAIN, EndKind, Line

NORMAL = 1000
GOING_AWAY = 1001
PROTOCOL_ERROR = 1002
POLICY_VIOLATION = 1008
INTERNAL_ERROR = 1011


class Handshake(Struct, frozen=True):
    """An opening request. `headers` has lower-case names; a header sent twice is joined with `, `. `peer` is
    `address:port`, `line` what carries it.
    """

    path: str
    headers: Mapping[str, str]
    peer: str
    line: Line = PLAIN


class Refusal(Struct, frozen=True):
    """Answer over HTTP instead of opening a WebSocket."""

    status: int
    body: str
    headers: tuple[tuple[str, str], ...] = ()


class Ending(Struct, frozen=True):
    """Why a connection ended. `reason` is for people."""

    kind: EndKind
    reason: str


LOST = Ending("lost", "connection lost")
NO_PONG = Ending("no_pong", "no pong in time")


class Socket(Protocol):
    """An open WebSocket, as the peer sees it."""

    def send(self, text: str) -> None:
        """Queue a text message; order is kept; nothing happens on a closed socket."""
        ...

    def close(self, code: int, ending: Ending) -> None:
        """Start the closing handshake;
        `Peer.closed` follows within the close time-out, whatever the other end does.
        """
        ...

    def abort(self, ending: Ending) -> None:
        """Drop the connection and what was not sent yet. `Peer.closed` follows."""
        ...

    def pause_reading(self) -> None:
        """Leave further input in the kernel, so that the sender feels it. No pong is missed meanwhile."""
        ...

    def resume_reading(self) -> None: ...


class Peer(Protocol):
    """Who sits behind an open socket."""

    def opened(self, socket: Socket) -> None:
        """Called once, before anything is received."""
        ...

    def received(self, text: str) -> None:
        """A whole text message."""
        ...

    def unsent(self, count: int) -> None:
        """The kernel takes nothing more: `count` bytes wait in our memory. Called again when they have become
        more, and with 0 when the other end has taken all.
        """
        ...

    def closed(self, ending: Ending) -> None:
        """Called once, after which nothing is received."""
        ...


class Entry(Struct, frozen=True):
    """Open the WebSocket. Without a subprotocol none is agreed (the peer will close it)."""

    subprotocol: str | None
    make_peer: Callable[[], Peer]


class Door(Protocol):
    """Who decides about newcomers."""

    def shuns(self, address: str, now: float) -> bool:
        """Whether this address has asked for so much in vain that it isn't worth a TLS handshake."""
        ...

    def judge(self, handshake: Handshake, late_s: float = 0.0) -> Entry | Refusal:
        """Decide on an opening request. One that is `late_s` above the pace of handshakes comes too early."""
        ...

    def failed(self, peer: str, tls: str | None) -> None:
        """A connection ended before its opening request: TLS could not be agreed (`tls` says why), or it
        asked for nothing that could be understood.
        """
        ...


class Listener(Protocol):
    """A listening port."""

    @property
    def port(self) -> int: ...

    @property
    def open(self) -> int:
        """Sockets that are still there, closing ones included."""
        ...

    def accept(self) -> None:
        """Take connections from now on; until then they wait in the kernel's queue."""
        ...

    async def close(self) -> None:
        """Take what waits in the kernel's queue, then stop listening. Open sockets are the peers' to
        close.
        """
        ...
