"""Firmware: images that are kept here, and what became of them at each station."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from litestar import Request, Response, Router, delete, get, post, put
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from msgspec.structs import replace
from sqlalchemy import Connection

from ...access.principal import Principal
from ...csms.vocabulary import JobBegun, UpdateFirmware
from ...files.errors import FileTrouble
from ...files.service import FileService
from ...pki.certificates import ChainError
from ...pki.firmware import SignatureError, check_signature
from ...store import audit, jobs
from ...store import files as file_rows
from ...store.files import FileRow
from ...store.identifiers import sortable_id
from ...store.jobs import FirmwareJobRow, ImageRow
from ..context import ApiContext
from ..errors import ApiError, conflict, invalid, not_found
from ..paging import page_of
from ..sending import sent
from ..views_files import (
    FirmwareJobPage,
    FirmwareJobView,
    FirmwareOrder,
    ImageView,
    SignatureChange,
    StepView,
)
from .commands import send
from .names import Api, Limit, Who, station_of

Said = Annotated[str, QueryParameter(max_length=200)]
CERTIFICATE_MOST = 5_500
SIGNATURE_MOST = 800


def service_of(api: ApiContext) -> FileService:
    """The node's file service; 404 where it has none."""
    if api.files is None:
        raise ApiError(404, "no-files", "This node keeps no files.")
    return api.files


def on_trouble(trouble: FileTrouble) -> ApiError:
    """What was wrong with a file, as an answer."""
    status = 422 if trouble.status == 400 else trouble.status
    return ApiError(status, "file", f"{trouble}.", where="body", remedy=trouble.remedy)


def note_deed(
    api: ApiContext, connection: Connection, who: Principal, action: str, target: str, detail: Any
) -> None:
    """A deed's row in the audit, within the unit that does it."""
    at = api.clock.now()
    audit_id = sortable_id(at)
    audit.add(connection, who.operator_id, audit_id, at, who.actor, action, target, detail)
    audit.finish(connection, who.operator_id, audit_id, at, "done")


# ---------------------------------------------------------------- images


def image_view(image: ImageRow, file: FileRow) -> ImageView:
    """An image as the API shows it."""
    return ImageView(
        image_id=image.image_id,
        vendor=image.vendor,
        model=image.model,
        version=image.version,
        note=image.note,
        file_name=file.name,
        bytes=file.bytes,
        sha256=file.sha256,
        md5=file.md5,
        signed=image.signature is not None,
        signing_certificate=image.signing_certificate,
        signature_check=image.signature_check,
        created_at=image.created_at,
        created_by=image.created_by,
    )


async def image_of(api: ApiContext, who: Principal, image_id: str) -> tuple[ImageRow, FileRow]:
    """An image of the asker's operator; 404 otherwise."""

    def find(connection: Connection) -> tuple[ImageRow | None, FileRow | None]:
        return (
            jobs.find_image(connection, who.operator_id, image_id),
            file_rows.find_file(connection, who.operator_id, image_id),
        )

    image, file = await api.store.read(find)
    if image is None or file is None:
        raise not_found("firmware image", image_id, "/api/v1/firmware lists them.")
    return image, file


@get("/", summary="List the firmware images")
async def list_images(api: Api, who: Who) -> list[ImageView]:
    """The newest first."""

    def find(connection: Connection) -> list[ImageView]:
        found = []
        for image in jobs.list_images(connection, who.operator_id):
            file = file_rows.find_file(connection, who.operator_id, image.image_id)
            if file is not None:
                found.append(image_view(image, file))
        return found

    return await api.store.read(find)


@post("/", opt={"permission": "operate"}, request_max_body_size=None, summary="Keep a firmware image")
async def add_image(
    api: Api,
    who: Who,
    request: Request[Any, Any, Any],
    version: Said,
    file_name: Said = "firmware.bin",
    vendor: Said = "",
    model: Said = "",
    note: Said = "",
) -> ImageView:
    """The body is the image itself. `version` is what a station tells of itself when it runs it."""
    service = service_of(api)
    try:
        file = await service.keep(who.operator_id, "firmware", file_name, request.stream(), who.actor)
    except FileTrouble as trouble:
        raise on_trouble(trouble) from trouble
    image = ImageRow(
        operator_id=who.operator_id,
        image_id=file.file_id,
        vendor=vendor,
        model=model,
        version=version,
        note=note,
        signing_certificate=None,
        signature=None,
        signature_check="none",
        created_at=file.created_at,
        created_by=who.actor,
    )

    def unit(connection: Connection) -> None:
        jobs.save_image(connection, image)
        detail = {"version": version, "file_name": file.name, "bytes": file.bytes, "sha256": file.sha256}
        note_deed(api, connection, who, "add_firmware", f"firmware/{image.image_id}", detail)

    await api.store.write(unit)
    return image_view(image, file)


@get("/{image_id:str}", summary="A firmware image")
async def get_image(api: Api, who: Who, image_id: FromPath[str]) -> ImageView:
    """What is known of it."""
    return image_view(*await image_of(api, who, image_id))


@put("/{image_id:str}/signature", opt={"permission": "operate"}, summary="Sign a firmware image")
async def put_signature(
    api: Api, who: Who, image_id: FromPath[str], data: JSONBody[SignatureChange]
) -> ImageView:
    """Keep the maker's signature and signing certificate with an image: secure updates carry both. 422 for
    what each station would refuse: another image's signature, a certificate that has expired.
    """
    image, file = await image_of(api, who, image_id)
    if len(data.signing_certificate) > CERTIFICATE_MOST:
        raise invalid("signing_certificate", f"It has more than {CERTIFICATE_MOST} characters.")
    if len(data.signature) > SIGNATURE_MOST:
        raise invalid("signature", f"It has more than {SIGNATURE_MOST} characters.")
    try:
        check = check_signature(data.signing_certificate, data.signature, file.sha256, api.clock.now())
    except ChainError as problem:
        raise invalid("signing_certificate", f"{problem}.", "Stations would refuse it.") from problem
    except SignatureError as problem:
        raise invalid("signature", f"{problem}.", "Stations would refuse it.") from problem
    signed = replace(
        image,
        signing_certificate=data.signing_certificate,
        signature=data.signature,
        signature_check=check,
    )

    def unit(connection: Connection) -> None:
        jobs.save_image(connection, signed)
        detail = {"signature_check": check}
        note_deed(api, connection, who, "sign_firmware", f"firmware/{image_id}", detail)

    await api.store.write(unit)
    return image_view(signed, file)


@get("/{image_id:str}/content", opt={"permission": "operate"}, summary="Download a firmware image")
async def get_content(api: Api, who: Who, image_id: FromPath[str]) -> Response[Any]:
    """The image itself."""
    _, file = await image_of(api, who, image_id)
    return sent(service_of(api), file)


@delete("/{image_id:str}", opt={"permission": "operate"}, summary="Delete a firmware image")
async def delete_image(api: Api, who: Who, image_id: FromPath[str]) -> None:
    """409 while a station is installing it. Jobs of the past stay."""
    await image_of(api, who, image_id)

    def unit(connection: Connection) -> list[str]:
        under_way = jobs.firmware_jobs(connection, who.operator_id, phase="open", image_id=image_id)
        if not under_way:
            jobs.remove_image(connection, who.operator_id, image_id)
            note_deed(api, connection, who, "remove_firmware", f"firmware/{image_id}", None)
        return [row.station_id for row in under_way]

    stations = await api.store.write(unit)
    if stations:
        names = ", ".join(sorted(stations)[:5])
        raise conflict(f"Stations install firmware image {image_id!r}: {names}.", "Wait for them to end.")
    await service_of(api).remove(who.operator_id, image_id)


# ---------------------------------------------------------------- jobs


def job_view(row: FirmwareJobRow) -> FirmwareJobView:
    """A job as the API shows it."""
    waits = row.version_check == "waiting"
    return FirmwareJobView(
        job_id=row.job_id,
        station_id=row.station_id,
        kind=row.kind,
        request_id=row.request_id,
        image_id=row.image_id,
        location=row.location,
        signed=row.signed,
        requested_by=row.requested_by,
        requested_at=row.requested_at,
        retrieve_at=row.retrieve_at,
        install_at=row.install_at,
        answer=row.answer,
        state=row.state,
        phase=row.phase,
        steps=msgspec.convert(row.steps, tuple[StepView, ...]),
        updated_at=row.updated_at,
        ended_at=row.ended_at,
        stalled_at=row.stalled_at,
        fetched_at=row.fetched_at,
        version_before=row.version_before,
        version_wanted=row.version_wanted,
        version_after=row.version_after,
        # What has failed is not waited for any more.
        version_check="unknown" if waits and row.phase not in ("open", "done") else row.version_check,
        published_at=tuple(row.published_at or ()),
    )


@get("/jobs", summary="List the firmware jobs of all stations")
async def list_all_jobs(
    api: Api,
    who: Who,
    phase: FromQuery[str | None] = None,
    image_id: FromQuery[str | None] = None,
    before: FromQuery[str | None] = None,
    limit: Limit = 100,
) -> FirmwareJobPage:
    """The newest first; `phase` open, done, failed, cancelled or refused."""
    return await _page(api, who, None, phase, image_id, before, limit)


@get("/{station_id:str}/firmware", summary="List a station's firmware jobs")
async def list_jobs(
    api: Api,
    who: Who,
    station_id: FromPath[str],
    phase: FromQuery[str | None] = None,
    before: FromQuery[str | None] = None,
    limit: Limit = 100,
) -> FirmwareJobPage:
    """The newest first."""
    station_of(api, who, station_id)
    return await _page(api, who, station_id, phase, None, before, limit)


async def _page(
    api: ApiContext,
    who: Principal,
    station_id: str | None,
    phase: str | None,
    image_id: str | None,
    before: str | None,
    limit: int,
) -> FirmwareJobPage:
    page, following = await page_of(
        api,
        lambda connection, most: jobs.firmware_jobs(
            connection,
            who.operator_id,
            station_id,
            phase=phase,
            image_id=image_id,
            before=before,
            limit=most,
        ),
        limit,
        lambda row: row.job_id,
    )
    return FirmwareJobPage(items=tuple(job_view(row) for row in page), next=following)


async def _job(api: ApiContext, who: Principal, station_id: str, job_id: str) -> FirmwareJobView:
    row = await api.store.read(lambda connection: jobs.find_firmware_job(connection, who.operator_id, job_id))
    if row is None or row.station_id != station_id:
        raise not_found("firmware job", job_id, f"/api/v1/stations/{station_id}/firmware lists them.")
    return job_view(row)


@get("/{station_id:str}/firmware/{job_id:str}", summary="A firmware job")
async def get_job(api: Api, who: Who, station_id: FromPath[str], job_id: FromPath[str]) -> FirmwareJobView:
    """How it goes on."""
    return await _job(api, who, station_id, job_id)


@post(
    "/{station_id:str}/firmware",
    opt={"permission": "operate"},
    status_code=201,
    summary="Install firmware on a station",
)
async def add_job(
    api: Api, who: Who, station_id: FromPath[str], data: JSONBody[FirmwareOrder]
) -> FirmwareJobView:
    """The command update_firmware, whose job is the answer. 409 offline, 502 where the station refuses."""
    station_of(api, who, station_id)
    command = msgspec.convert(msgspec.structs.asdict(data), UpdateFirmware)
    outcome = await send(api, who, station_id, command)
    assert isinstance(outcome.data, JobBegun)
    return await _job(api, who, station_id, outcome.data.job_id)


router = Router(
    "/firmware",
    tags=["firmware"],
    route_handlers=[
        list_images,
        add_image,
        list_all_jobs,
        get_image,
        put_signature,
        get_content,
        delete_image,
    ],
)
jobs_router = Router("/stations", tags=["firmware"], route_handlers=[list_jobs, get_job, add_job])
