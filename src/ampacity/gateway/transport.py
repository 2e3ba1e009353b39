"""What a gateway needs of a WebSocket library, and nothing more.

A listener asks its `Door` about each handshake; the door answers with a `Refusal` (an HTTP status), or an
`Entry`: the subprotocol and what makes the `Peer` that gets the text messages. Everything happens in the
event loop by plain calls: no task a message. `listen` chooses the library; both are held to the same tests.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from msgspec import Struct

NORMAL = 1000
GOING_AWAY = 1001
PROTOCOL_ERROR = 1002
POLICY_VIOLATION = 1008
INTERNAL_ERROR = 1011
PING_FAILED = "no pong in time"


class Handshake(Struct, frozen=True):
    """An opening request. `headers` has lower-case names; a header sent twice is joined with `, `."""

    path: str
    headers: Mapping[str, str]
    peer: str


class Refusal(Struct, frozen=True):
    """Answer over HTTP instead of opening a WebSocket."""

    status: int
    body: str
    headers: tuple[tuple[str, str], ...] = ()


class Socket(Protocol):
    """An open WebSocket, as the peer sees it."""

    def send(self, text: str) -> None:
        """Queue a text message; order is kept; nothing happens on a closed socket."""
        ...

    def close(self, code: int, reason: str) -> None:
        """Start the closing handshake;
        `Peer.closed` follows within the close time-out, whatever the other end does.
        """
        ...

    def pause_reading(self) -> None:
        """Leave further input in the kernel, so that the sender feels it."""
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

    def closed(self, reason: str) -> None:
        """Called once, after which nothing is received. `reason` is for people."""
        ...


class Entry(Struct, frozen=True):
    """Open the WebSocket. Without a subprotocol none is agreed (the peer will close it)."""

    subprotocol: str | None
    make_peer: Callable[[], Peer]


Door = Callable[[Handshake], Entry | Refusal]


class Listener(Protocol):
    """A listening port."""

    @property
    def port(self) -> int: ...

    async def close(self) -> None:
        """Stop listening. Open sockets are the peers' to close."""
        ...
