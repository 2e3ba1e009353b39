"""Logs and diagnostics of stations: asked for, brought, downloaded."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import Response, Router, delete, get, post
from litestar.params import FromPath, FromQuery, JSONBody
from sqlalchemy import Connection

from ...access.principal import Principal
from ...csms.vocabulary import GetLog, JobBegun
from ...store import files as file_rows
from ...store import jobs
from ...store.files import FileRow
from ...store.jobs import LogJobRow
from ..context import ApiContext
from ..errors import ApiError, not_found
from ..paging import page_of
from ..sending import sent
from ..views_files import LogFileView, LogJobPage, LogJobView, LogOrder, StepView
from .commands import send
from .firmware import note_deed, service_of
from .names import Api, Limit, Who, station_of


def job_view(row: LogJobRow, file: FileRow | None) -> LogJobView:
    """A job as the API shows it."""
    return LogJobView(
        job_id=row.job_id,
        station_id=row.station_id,
        log_type=row.log_type,
        request_id=row.request_id,
        location=row.location,
        oldest=row.oldest,
        latest=row.latest,
        requested_by=row.requested_by,
        requested_at=row.requested_at,
        answer=row.answer,
        file_name=row.file_name,
        state=row.state,
        phase=row.phase,
        steps=msgspec.convert(row.steps, tuple[StepView, ...]),
        updated_at=row.updated_at,
        ended_at=row.ended_at,
        stalled_at=row.stalled_at,
        file=None
        if file is None
        else LogFileView(
            file_id=file.file_id,
            name=file.name,
            bytes=file.bytes,
            sha256=file.sha256,
            created_at=file.created_at,
        ),
    )


def _file_of(connection: Connection, row: LogJobRow) -> FileRow | None:
    if row.file_id is None:
        return None
    return file_rows.find_file(connection, row.operator_id, row.file_id)


async def _job(
    api: ApiContext, who: Principal, station_id: str, job_id: str
) -> tuple[LogJobRow, FileRow | None]:
    def find(connection: Connection) -> tuple[LogJobRow | None, FileRow | None]:
        row = jobs.find_log_job(connection, who.operator_id, job_id)
        return row, None if row is None else _file_of(connection, row)

    row, file = await api.store.read(find)
    if row is None or row.station_id != station_id:
        raise not_found("log job", job_id, f"/api/v1/stations/{station_id}/logs lists them.")
    return row, file


async def _brought(
    api: ApiContext, who: Principal, station_id: str, job_id: str
) -> tuple[LogJobRow, FileRow]:
    row, file = await _job(api, who, station_id, job_id)
    if file is None:
        raise ApiError(
            404,
            "no-file",
            f"No file of log job {job_id!r} is here.",
            where="file",
            remedy="The job tells whether the station has brought it; old logs are deleted.",
        )
    return row, file


@get("/{station_id:str}/logs", summary="List a station's logs")
async def list_jobs(
    api: Api,
    who: Who,
    station_id: FromPath[str],
    phase: FromQuery[str | None] = None,
    before: FromQuery[str | None] = None,
    limit: Limit = 100,
) -> LogJobPage:
    """What was asked for, the newest first."""
    station_of(api, who, station_id)

    def find(connection: Connection, most: int) -> list[LogJobView]:
        found = jobs.log_jobs(connection, who.operator_id, station_id, phase=phase, before=before, limit=most)
        return [job_view(row, _file_of(connection, row)) for row in found]

    page, following = await page_of(api, find, limit, lambda job: job.job_id)
    return LogJobPage(items=tuple(page), next=following)


@get("/{station_id:str}/logs/{job_id:str}", summary="A log that was asked for")
async def get_job(api: Api, who: Who, station_id: FromPath[str], job_id: FromPath[str]) -> LogJobView:
    """How it goes on."""
    return job_view(*await _job(api, who, station_id, job_id))


@post(
    "/{station_id:str}/logs",
    opt={"permission": "operate"},
    status_code=201,
    summary="Ask a station for a log",
)
async def add_job(api: Api, who: Who, station_id: FromPath[str], data: JSONBody[LogOrder]) -> LogJobView:
    """The command get_log, whose job is the answer. 409 offline, 502 where the station refuses."""
    station_of(api, who, station_id)
    outcome = await send(api, who, station_id, msgspec.convert(msgspec.structs.asdict(data), GetLog))
    assert isinstance(outcome.data, JobBegun)
    return job_view(*await _job(api, who, station_id, outcome.data.job_id))


@get(
    "/{station_id:str}/logs/{job_id:str}/file",
    opt={"permission": "operate"},
    summary="Download a log",
)
async def get_file(api: Api, who: Who, station_id: FromPath[str], job_id: FromPath[str]) -> Response[Any]:
    """What the station brought. Who downloads it is in the audit: logs may tell of drivers."""
    row, file = await _brought(api, who, station_id, job_id)
    detail = {"job_id": job_id, "log_type": row.log_type, "file": file.name, "sha256": file.sha256}
    await api.store.write(
        lambda connection: note_deed(api, connection, who, "download_log", f"station/{station_id}", detail)
    )
    return sent(service_of(api), file)


@delete(
    "/{station_id:str}/logs/{job_id:str}/file",
    opt={"permission": "operate"},
    summary="Delete a log's file",
)
async def delete_file(api: Api, who: Who, station_id: FromPath[str], job_id: FromPath[str]) -> None:
    """The job stays."""
    _, file = await _brought(api, who, station_id, job_id)
    detail = {"job_id": job_id, "file": file.name, "sha256": file.sha256}
    await api.store.write(
        lambda connection: note_deed(api, connection, who, "remove_log", f"station/{station_id}", detail)
    )
    await service_of(api).remove(who.operator_id, file.file_id)


router = Router(
    "/stations", tags=["logs"], route_handlers=[list_jobs, get_job, add_job, get_file, delete_file]
)
