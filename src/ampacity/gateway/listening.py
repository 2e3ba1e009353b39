"""Opens a port: its sockets, and which WebSocket library serves them."""

from __future__ import annotations

import socket
import ssl

from .accepting import BACKLOG
from .settings import GatewaySettings
from .transport import Door, Listener
from .transport_picows import listen_picows
from .transport_websockets import listen_websockets


async def listen(
    settings: GatewaySettings,
    door: Door,
    port: int,
    context: ssl.SSLContext | None,
    bound: list[socket.socket] | None = None,
) -> Listener:
    """Listen with the library that `settings.transport` names, on `bound` sockets or on `port`, with TLS
    where there is a context. Newcomers wait in the kernel's queue until `Listener.accept`. Raises OSError
    when the port can't be had.
    """
    listening = bind(settings, port) if bound is None else bound
    if settings.transport == "picows":
        return listen_picows(listening, settings, door, context)
    return await listen_websockets(listening, settings, door, context)


def bind(settings: GatewaySettings, port: int | None = None) -> list[socket.socket]:
    """Listening sockets for `port` (None: the first one), one for each address of the host's name."""
    number = settings.ocpp_port if port is None else port
    found = socket.getaddrinfo(settings.host, number, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    sockets: list[socket.socket] = []
    try:
        for family, kind, protocol, _, address in found:
            made = socket.socket(family, kind, protocol)
            sockets.append(made)
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if settings.share_port:
                made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            if family == socket.AF_INET6:
                made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            if address[1] == 0 and len(sockets) > 1:
                address = (address[0], sockets[0].getsockname()[1], *address[2:])
            made.bind(address)
            made.listen(BACKLOG)
            made.setblocking(False)
    except OSError:
        for made in sockets:
            made.close()
        raise
    return sockets
