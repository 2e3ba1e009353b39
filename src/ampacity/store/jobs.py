"""Firmware images, and the jobs of stations: firmware to install or publish, logs to bring. Jobs stay as
evidence when their files are gone.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, TypeAlias

from msgspec import Struct, structs
from sqlalchemy import Connection, Table, delete, insert, select, update

from .tables import firmware_image, firmware_job, log_job

SignatureCheck: TypeAlias = Literal["none", "good", "unknown"]
VersionCheck: TypeAlias = Literal["waiting", "confirmed", "different", "unknown"]
Phase: TypeAlias = Literal["open", "done", "failed", "cancelled", "refused"]


class ImageRow(Struct, frozen=True, kw_only=True):
    """A firmware image; its file has the same id. `signature_check` says what we could make of the signature:
    `good`, `unknown` (an algorithm that we can't check), `none`.
    """

    operator_id: str
    image_id: str
    vendor: str
    model: str
    version: str
    note: str
    signing_certificate: str | None
    signature: str | None
    signature_check: SignatureCheck
    created_at: datetime
    created_by: str


class FirmwareJobRow(Struct, frozen=True, kw_only=True):
    """Firmware that one station installs (or, a local controller, publishes).

    `answer` is the station's to the request, `state` its last word, `steps` all of them. `fetched_at` is
    when it had fetched the whole image from us. `version_check`: `waiting` for what it tells when it boots,
    `confirmed` or `different` from `version_wanted`, `unknown` where nobody said what to expect.
    """

    operator_id: str
    job_id: str
    station_id: str
    kind: Literal["install", "publish"]
    request_id: int | None
    image_id: str | None
    location: str
    checksum: str | None
    signed: bool
    requested_by: str
    requested_at: datetime
    retrieve_at: datetime | None
    install_at: datetime | None
    answer: str
    state: str
    phase: Phase
    steps: list[dict[str, Any]]
    updated_at: datetime
    ended_at: datetime | None = None
    stalled_at: datetime | None = None
    fetched_at: datetime | None = None
    version_before: str
    version_wanted: str
    version_after: str | None = None
    version_check: VersionCheck
    published_at: list[str] | None = None


class LogJobRow(Struct, frozen=True, kw_only=True):
    """A log that one station brings. `file_name` is what it calls it, `file_id` what it brought."""

    operator_id: str
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
    file_name: str | None = None
    state: str
    phase: Phase
    steps: list[dict[str, Any]]
    updated_at: datetime
    ended_at: datetime | None = None
    stalled_at: datetime | None = None
    file_id: str | None = None


Job: TypeAlias = FirmwareJobRow | LogJobRow

# ---------------------------------------------------------------- images


def save_image(connection: Connection, row: ImageRow) -> None:
    """Add an image, or change what is known of it."""
    column = firmware_image.c
    values = structs.asdict(row)
    changed = connection.execute(
        update(firmware_image)
        .where(column.operator_id == row.operator_id, column.image_id == row.image_id)
        .values(values)
    )
    if changed.rowcount == 0:
        connection.execute(insert(firmware_image), values)


def find_image(connection: Connection, operator_id: str, image_id: str) -> ImageRow | None:
    """An image by its id."""
    column = firmware_image.c
    query = select(firmware_image).where(column.operator_id == operator_id, column.image_id == image_id)
    row = connection.execute(query).one_or_none()
    return None if row is None else ImageRow(**row._mapping)


def list_images(connection: Connection, operator_id: str) -> list[ImageRow]:
    """All images, the newest first."""
    column = firmware_image.c
    query = select(firmware_image).where(column.operator_id == operator_id).order_by(column.image_id.desc())
    return [ImageRow(**row._mapping) for row in connection.execute(query)]


def remove_image(connection: Connection, operator_id: str, image_id: str) -> bool:
    """Forget an image; returns whether it was known."""
    column = firmware_image.c
    gone = delete(firmware_image).where(column.operator_id == operator_id, column.image_id == image_id)
    return connection.execute(gone).rowcount > 0


# ---------------------------------------------------------------- jobs


def save_job(connection: Connection, row: Job) -> None:
    """Add a job, or change it."""
    table = _table(type(row))
    values = structs.asdict(row)
    changed = connection.execute(
        update(table)
        .where(table.c.operator_id == row.operator_id, table.c.job_id == row.job_id)
        .values(values)
    )
    if changed.rowcount == 0:
        connection.execute(insert(table), values)


def find_firmware_job(connection: Connection, operator_id: str, job_id: str) -> FirmwareJobRow | None:
    """A job by its id."""
    query = select(firmware_job).where(
        firmware_job.c.operator_id == operator_id, firmware_job.c.job_id == job_id
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else FirmwareJobRow(**row._mapping)


def find_log_job(connection: Connection, operator_id: str, job_id: str) -> LogJobRow | None:
    """A job by its id."""
    query = select(log_job).where(log_job.c.operator_id == operator_id, log_job.c.job_id == job_id)
    row = connection.execute(query).one_or_none()
    return None if row is None else LogJobRow(**row._mapping)


def firmware_jobs(
    connection: Connection,
    operator_id: str,
    station_id: str | None = None,
    *,
    phase: str | None = None,
    image_id: str | None = None,
    before: str | None = None,
    limit: int = 100,
) -> list[FirmwareJobRow]:
    """Jobs, the newest first; for the next page pass the last one's id as `before`."""
    query = _select(firmware_job, operator_id, station_id, phase, before).limit(limit)
    if image_id is not None:
        query = query.where(firmware_job.c.image_id == image_id)
    return [FirmwareJobRow(**row._mapping) for row in connection.execute(query)]


def log_jobs(
    connection: Connection,
    operator_id: str,
    station_id: str | None = None,
    *,
    phase: str | None = None,
    before: str | None = None,
    limit: int = 100,
) -> list[LogJobRow]:
    """Jobs, the newest first; for the next page pass the last one's id as `before`."""
    query = _select(log_job, operator_id, station_id, phase, before).limit(limit)
    return [LogJobRow(**row._mapping) for row in connection.execute(query)]


def _select(
    table: Table, operator_id: str, station_id: str | None, phase: str | None, before: str | None
) -> Any:
    query = select(table).where(table.c.operator_id == operator_id)
    if station_id is not None:
        query = query.where(table.c.station_id == station_id)
    if phase is not None:
        query = query.where(table.c.phase == phase)
    if before is not None:
        query = query.where(table.c.job_id < before)
    return query.order_by(table.c.job_id.desc())


def _table(kind: type[Job]) -> Table:
    return log_job if kind is LogJobRow else firmware_job
