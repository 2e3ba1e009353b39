"""Opens the port: its sockets, which WebSocket library serves them, and under which TLS context.

TLS 1.2 is spoken with the suites that OCPP names (A00.FR.318, profile 2 and 3) and their ECDHE kin for RSA
certificates, and with nothing older; 1.3 has only good ones. One session ticket is enough for a station that
comes back.
"""

from __future__ import annotations

import socket
import ssl

from .accepting import BACKLOG
from .settings import GatewaySettings
from .transport import Door, Listener
from .transport_picows import listen_picows
from .transport_websockets import listen_websockets

_SUITES_OF_1_2 = (
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "AES128-GCM-SHA256",
    "AES256-GCM-SHA384",
)


async def listen(settings: GatewaySettings, door: Door, bound: list[socket.socket] | None = None) -> Listener:
    """Listen with the library that `settings.transport` names, on `bound` sockets or on what `settings` say.
    Newcomers wait in the kernel's queue until `Listener.accept`. Raises OSError when the port can't be had.
    """
    context = tls_context(settings)
    listening = bind(settings) if bound is None else bound
    if settings.transport == "picows":
        return listen_picows(listening, settings, door, context)
    return await listen_websockets(listening, settings, door, context)


def bind(settings: GatewaySettings) -> list[socket.socket]:
    """Listening sockets, one for each address of the host's name."""
    found = socket.getaddrinfo(
        settings.host, settings.ocpp_port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )
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


def tls_context(settings: GatewaySettings) -> ssl.SSLContext | None:
    """How TLS is spoken; None: not at all."""
    if settings.certfile is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    oldest = ssl.TLSVersion.TLSv1_2 if settings.tls_minimum == "1.2" else ssl.TLSVersion.TLSv1_3
    context.minimum_version = oldest
    context.set_ciphers(":".join(_SUITES_OF_1_2))
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
    context.num_tickets = 1
    context.load_cert_chain(settings.certfile, settings.keyfile)
    return context
