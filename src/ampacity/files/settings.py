"""Settings of the file service. All seconds are wall seconds but `log_days` and a grant's life."""

from __future__ import annotations

from msgspec import Struct


class FilesSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`public_url` is where stations reach this node's files (`https://charge.example/files`); without it the
    address that the node itself listens at. Plain `http` to anything but this machine is refused unless
    `allow_http`.

    Files are served beside the API, below `/files`. `port` opens a door of their own instead, for stations
    that must not come near the API (0: any free one). It speaks TLS with `certfile` and `keyfile`, or
    without them with the certificates of the stations' ports, and plain HTTP where those have none.

    `max_image_bytes` and `max_log_bytes` bound one file, `max_logs_bytes` all logs together;
    `keep_free_bytes` of the disk are left alone. `uploads_at_once` and `downloads_at_once` may run
    (`downloads_of_one` at one address); who comes above that is told when to come back. A transfer that
    stands still for `idle_s` or is not done in `transfer_s` is ended. An address is good for `grant_hours`;
    logs are deleted after `log_days`.
    """

    public_url: str = ""
    allow_http: bool = False
    host: str = "0.0.0.0"
    port: int | None = None
    certfile: str | None = None
    keyfile: str | None = None
    max_image_bytes: int = 2_147_483_648
    max_log_bytes: int = 268_435_456
    max_logs_bytes: int = 21_474_836_480
    keep_free_bytes: int = 268_435_456
    uploads_at_once: int = 16
    downloads_at_once: int = 64
    downloads_of_one: int = 4
    idle_s: float = 60.0
    transfer_s: float = 3_600.0
    grant_hours: float = 72.0
    log_days: float = 90.0
