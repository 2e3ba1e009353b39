"""What the API shows of firmware, its jobs, and logs."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from ..csms.vocabulary import LogType


class ImageView(Struct, kw_only=True):
    """A firmware image. `signature_check`: `good`, `unknown` (an algorithm that can't be checked here),
    `none`. `md5` is what PublishFirmware calls it.
    """

    image_id: str
    vendor: str
    model: str
    version: str
    note: str
    file_name: str
    bytes: int
    sha256: str
    md5: str
    signed: bool
    signing_certificate: str | None
    signature_check: str
    created_at: datetime
    created_by: str


class SignatureChange(Struct, kw_only=True, forbid_unknown_fields=True):
    """The maker's signature of an image: certificate in PEM, signature in Base64."""

    signing_certificate: str
    signature: str


class StepView(Struct, kw_only=True):
    """A word of a station. `expected` is false for one that may not follow the one before."""

    at: datetime
    status: str
    expected: bool
    note: str


class FirmwareJobView(Struct, kw_only=True):
    """Firmware that a station installs, or a local controller publishes. `state` is its last word, `answer`
    what it said to the request. `stalled_at`: it has stood still since long before. `version_check` compares
    what it tells after its boot: waiting, confirmed, different, unknown.
    """

    job_id: str
    station_id: str
    kind: str
    request_id: int | None
    image_id: str | None
    location: str
    signed: bool
    requested_by: str
    requested_at: datetime
    retrieve_at: datetime | None
    install_at: datetime | None
    answer: str
    state: str
    phase: str
    steps: tuple[StepView, ...]
    updated_at: datetime
    ended_at: datetime | None
    stalled_at: datetime | None
    fetched_at: datetime | None
    version_before: str
    version_wanted: str
    version_after: str | None
    version_check: str
    published_at: tuple[str, ...]


class FirmwareOrder(Struct, kw_only=True, forbid_unknown_fields=True):
    """Install an image, or what lies at a location; see the command update_firmware."""

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


class FirmwareJobPage(Struct, kw_only=True):
    """Jobs, the newest first; `next` is the cursor of the next page."""

    items: tuple[FirmwareJobView, ...]
    next: str | None


class LogFileView(Struct, kw_only=True):
    """A log that was brought."""

    file_id: str
    name: str
    bytes: int
    sha256: str
    created_at: datetime


class LogJobView(Struct, kw_only=True):
    """A log that a station brings. `file` is what it brought, null while (or where) nothing came here."""

    job_id: str
    station_id: str
    log_type: str
    request_id: int | None
    location: str
    oldest: datetime | None
    latest: datetime | None
    requested_by: str
    requested_at: datetime
    answer: str
    file_name: str | None
    state: str
    phase: str
    steps: tuple[StepView, ...]
    updated_at: datetime
    ended_at: datetime | None
    stalled_at: datetime | None
    file: LogFileView | None


class LogOrder(Struct, kw_only=True, forbid_unknown_fields=True):
    """Ask for a log; see the command get_log."""

    log_type: LogType = "DiagnosticsLog"
    location: str = ""
    oldest: datetime | None = None
    latest: datetime | None = None
    retries: int | None = None
    retry_interval_s: int | None = None


class LogJobPage(Struct, kw_only=True):
    """Jobs, the newest first; `next` is the cursor of the next page."""

    items: tuple[LogJobView, ...]
    next: str | None
