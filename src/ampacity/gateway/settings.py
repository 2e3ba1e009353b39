"""Settings of a gateway. Deadlines of sockets are wall seconds, rates and call time-outs site seconds."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct


class GatewaySettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`ocpp_port` 0 takes any free port (`Gateway.port` tells which).

    `certfile` and `keyfile` switch TLS on. `inbound_per_s` and `inbound_burst` are a station's token bucket:
    a station above it is read more slowly, it loses nothing. `max_queued_calls` bounds what waits for a
    station's answer.
    """

    host: str = "0.0.0.0"
    ocpp_port: int = 9310
    transport: Literal["picows", "websockets"] = "picows"
    certfile: str | None = None
    keyfile: str | None = None
    compression: bool = True
    handshake_timeout_s: float = 10.0
    ping_interval_s: float = 30.0
    pong_timeout_s: float = 20.0
    close_timeout_s: float = 5.0
    max_frame_bytes: int = 1_048_576
    inbound_per_s: float = 100.0
    inbound_burst: int = 1000
    max_waiting_inbound: int = 64
    max_queued_calls: int = 200
