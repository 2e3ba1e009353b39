"""Settings of a gateway. Deadlines of sockets are wall seconds, rates and call time-outs site seconds."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct


class Port(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One more port for stations. `lowest_profile` is the security profile that it asks for at least (0 to
    3); `tls` None speaks TLS where the profile needs it (2 and 3) and not where it doesn't.
    `client_certificates` None asks stations for theirs where the profile needs it (3): a station that shows
    one which nobody vouches for is refused even if it has a password, so it isn't asked for nothing.
    """

    port: int
    lowest_profile: Literal[0, 1, 2, 3] = 0
    tls: bool | None = None
    client_certificates: bool | None = None

    @property
    def asks(self) -> bool:
        """Whether stations are asked for certificates."""
        return self.lowest_profile == 3 if self.client_certificates is None else self.client_certificates

    @property
    def secured(self) -> bool:
        """Whether TLS is spoken."""
        return self.lowest_profile >= 2 if self.tls is None else self.tls


class GatewaySettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`ocpp_port` 0 takes any free port (`Gateway.port` tells which). `share_port` lets a second process
    listen on the same port (SO_REUSEPORT), so that a new version can take over without a refused connection.

    `certfile` and `keyfile` switch TLS on; `second_certfile` and `second_keyfile` are the same for the other
    kind of key, so that there is one for ECDSA and one for RSA (A00.FR.318). `server_names` lets the internal
    authority make both for these names and addresses instead, for `server_certificate_hours` each. They are
    read again when the files change, looked at each `reload_every_s` wall seconds. `tls_minimum` 1.3 turns
    stations away that only speak 1.2; `rsa_suites` false those that need the suites without forward secrecy.
    `client_roots` is a file of roots that vouch for stations' certificates, beside the internal authority's.
    `lowest_profile` is the security profile that `ocpp_port` asks for at least; `ocpp_tls` None lets it speak
    TLS where there is a certificate. `ports` are more ports.

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
    second_certfile: str | None = None
    second_keyfile: str | None = None
    server_names: tuple[str, ...] = ()
    server_certificate_hours: float = 24.0
    client_roots: str | None = None
    reload_every_s: float = 60.0
    tls_minimum: Literal["1.2", "1.3"] = "1.2"
    rsa_suites: bool = True
    ocpp_tls: bool | None = None
    lowest_profile: Literal[0, 1, 2, 3] = 0
    ports: tuple[Port, ...] = ()
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

    @property
    def all_ports(self) -> tuple[Port, ...]:
        """Every port for stations, `ocpp_port` first."""
        has_certificate = self.certfile is not None or bool(self.server_names)
        tls = has_certificate if self.ocpp_tls is None else self.ocpp_tls
        return (Port(port=self.ocpp_port, lowest_profile=self.lowest_profile, tls=tls), *self.ports)
