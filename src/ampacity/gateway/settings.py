"""Settings of a gateway. Deadlines of sockets are wall seconds, rates and call time-outs site seconds."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct


class GatewaySettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`ocpp_port` 0 takes any free port (`Gateway.port` tells which). `share_port` lets a second process
    listen on the same port (SO_REUSEPORT), so that a new version can take over without a refused connection.

    `certfile` and `keyfile` switch TLS on; `tls_minimum` 1.3 turns stations away that only speak 1.2.

    `inbound_per_s` and `inbound_burst` are a station's token bucket, a token for each started
    `inbound_token_bytes` of a message: a station above it is read more slowly, it loses nothing.
    `max_waiting_inbound` calls and `max_waiting_bytes` may wait to be handled before it is not read;
    `max_queued_calls` bounds what waits for a station's answer.

    A station that leaves what we sent untaken for `slow_consumer_s`, or `max_unsent_bytes` of it, is closed.
    `max_buffered_bytes` bounds both directions over all stations: above it nobody is read whose messages
    wait, slow stations are closed at once, and newcomers are told to come back.

    `handshakes_per_s` is the pace at which stations are let in (`handshake_burst` may come at once): the
    rest waits in the kernel's queue, or is told when to come back. `address_handshakes_per_s` and
    `address_handshake_burst` are the same for one address, wide enough for a fleet behind one proxy; a wrong
    password counts as ten.
    """

    host: str = "0.0.0.0"
    ocpp_port: int = 9310
    share_port: bool = False
    transport: Literal["picows", "websockets"] = "picows"
    certfile: str | None = None
    keyfile: str | None = None
    tls_minimum: Literal["1.2", "1.3"] = "1.2"
    compression: bool = True
    handshake_timeout_s: float = 10.0
    ping_interval_s: float = 30.0
    pong_timeout_s: float = 20.0
    close_timeout_s: float = 5.0
    max_frame_bytes: int = 1_048_576
    inbound_per_s: float = 100.0
    inbound_burst: int = 1000
    inbound_token_bytes: int = 4096
    max_waiting_inbound: int = 64
    max_waiting_bytes: int = 2_097_152
    max_queued_calls: int = 200
    slow_consumer_s: float = 30.0
    max_unsent_bytes: int = 4_194_304
    max_buffered_bytes: int = 268_435_456
    max_connections: int = 20_000
    handshakes_per_s: float = 500.0
    handshake_burst: int = 50
    address_handshakes_per_s: float = 500.0
    address_handshake_burst: int = 20_000
