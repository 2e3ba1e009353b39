"""Words of firmware, logs and diagnostics."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, TypeAlias

from msgspec import Struct

LogType: TypeAlias = Literal["DiagnosticsLog", "SecurityLog", "DataCollectorLog"]

# ---------------------------------------------------------------- from the station


class FirmwareStatus(Struct, frozen=True, kw_only=True):
    """FirmwareStatusNotification, 1.6's SignedFirmwareStatusNotification: how an installation goes on. Plain
    1.6 tells no request; `note` is what 2.1 says beside it.
    """

    status: str
    request_id: int | None = None
    signed: bool = False
    note: str = ""


class PublishStatus(Struct, frozen=True, kw_only=True):
    """PublishFirmwareStatusNotification of a local controller; `locations` is where it has published."""

    status: str
    request_id: int | None = None
    locations: tuple[str, ...] = ()
    note: str = ""


class LogStatus(Struct, frozen=True, kw_only=True):
    """LogStatusNotification, 1.6's DiagnosticsStatusNotification (`diagnostics`, without a request)."""

    status: str
    request_id: int | None = None
    diagnostics: bool = False
    note: str = ""


# ---------------------------------------------------------------- to the station


class UpdateFirmware(Struct, frozen=True, kw_only=True, tag="update_firmware"):
    """Let a station fetch and install firmware: `image_id` of /api/v1/firmware, or whatever lies at
    `location`. `retrieve_at` is at once if not given, `install_at` as soon as it may. `version` is what the
    station shall tell after it. An image brings its own location, version, and, unless `signed` is false,
    certificate and signature. Outcome data: JobBegun.
    """

    image_id: str | None = None
    location: str = ""
    retrieve_at: datetime | None = None
    install_at: datetime | None = None
    signing_certificate: str | None = None
    signature: str | None = None
    retries: int | None = None
    retry_interval_s: int | None = None
    version: str = ""
    signed: bool = True
    request_id: int = 0


class PublishFirmware(Struct, frozen=True, kw_only=True, tag="publish_firmware"):
    """Let a local controller fetch firmware and serve it to its stations. `checksum` is the file's MD5; an
    image brings its own. Outcome data: JobBegun.
    """

    image_id: str | None = None
    location: str = ""
    checksum: str = ""
    retries: int | None = None
    retry_interval_s: int | None = None
    request_id: int = 0


class UnpublishFirmware(Struct, frozen=True, kw_only=True, tag="unpublish_firmware"):
    """Let a local controller serve firmware no longer. `checksum` is the file's MD5."""

    checksum: str


class GetLog(Struct, frozen=True, kw_only=True, tag="get_log"):
    """Let a station upload a log of what happened from `oldest` to `latest`: to this node's file service, or
    to `location`. Outcome data: JobBegun.
    """

    log_type: LogType
    location: str = ""
    oldest: datetime | None = None
    latest: datetime | None = None
    retries: int | None = None
    retry_interval_s: int | None = None
    request_id: int = 0


class JobBegun(Struct, frozen=True, kw_only=True):
    """What became of a request: the job that follows it up, and a log's name."""

    job_id: str
    request_id: int
    file_name: str = ""


class LogPromised(Struct, frozen=True, kw_only=True):
    """The dialect's word for an accepted log: the name that the station will give it."""

    file_name: str = ""
