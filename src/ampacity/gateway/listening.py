"""Opens the port: which WebSocket library serves it, and under which TLS context."""

from __future__ import annotations

import ssl

from .settings import GatewaySettings
from .transport import Door, Listener
from .transport_picows import listen_picows
from .transport_websockets import listen_websockets


async def listen(settings: GatewaySettings, door: Door) -> Listener:
    """Listen with the library that `settings.transport` names."""
    context = _tls(settings)
    if settings.transport == "picows":
        return await listen_picows(settings, door, context)
    return await listen_websockets(settings, door, context)


def _tls(settings: GatewaySettings) -> ssl.SSLContext | None:
    if settings.certfile is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION
    context.load_cert_chain(settings.certfile, settings.keyfile)
    return context
