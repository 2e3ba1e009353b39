"""How a building management system may speak to us. Nothing is open by default."""

from __future__ import annotations

from msgspec import Struct


class BuildingSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`site_id` is the site that it sees (empty: the only one). `writable`: whether it may set limits.

    `modbus_port` opens a Modbus TCP server at `modbus_host`, for the addresses in `allow` (single ones or
    networks, `10.0.4.0/24`). `mqtt_broker` (host:port) connects to its broker, `mqtt_tls` with TLS; topics
    begin with `mqtt_topic`. A limit falls to the fallback that came with it, else to `fallback_a`, when
    nothing was heard for `watchdog_s`.
    """

    site_id: str = ""
    writable: bool = False
    modbus_host: str = "127.0.0.1"
    modbus_port: int | None = None
    allow: tuple[str, ...] = ("127.0.0.1",)
    mqtt_broker: str = ""
    mqtt_tls: bool = False
    mqtt_user: str = ""
    mqtt_password: str = ""
    mqtt_topic: str = "ampacity"
    watchdog_s: float = 60.0
    fallback_a: float = 0.0
