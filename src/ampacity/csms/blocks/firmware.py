"""Firmware: a job for each request, from the question to what the station tells of itself after its boot.

A job is written before the request is sent, and each word of the station before it is answered. What counts
as the right order is `progress`'s business; a job that stands still is marked, and its station is asked once.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime
from functools import partial
from typing import Any, Literal

from msgspec.structs import replace
from sqlalchemy import Connection

from ...files.service import FileService
from ...model.events import StationBooted
from ...store import StoreClosed, StoreUnavailable, jobs
from ...store.files import FileRow, GrantRow
from ...store.identifiers import sortable_id
from ...store.jobs import FirmwareJobRow, ImageRow
from ...store.operators import list_operators
from ..context import Context
from ..following import (
    STRANGE,
    Begun,
    Send,
    answered,
    check_protocol,
    ended,
    fit_to_show,
    look_for_ever,
    numbers,
    refused,
    stepped,
    strange_one,
    supersede,
    told_of,
)
from ..part import Part
from ..progress import ASKED, stalls_at
from ..state import HeardNotice, StationState
from ..vocabulary import (
    Acknowledged,
    FirmwareStatus,
    JobBegun,
    Notice,
    Outcome,
    PublishFirmware,
    PublishStatus,
    Trigger,
    UnpublishFirmware,
    UpdateFirmware,
)

log = logging.getLogger(__name__)

ACTOR = "system firmware"
JOBS_LOOKED_AT = 50

_RESTARTING = frozenset({"Installing", "InstallRebooting", "Installed"})


class Firmware:
    """`start` when the state is loaded. `files` is None where the node has no file service; `send` carries a
    command out for the system.
    """

    def __init__(self, context: Context, files: FileService | None, send: Send) -> None:
        self._context = context
        self._files = files
        self._send = send
        self._numbers = numbers(int(context.clock.time()))
        self._watched: set[tuple[str, str]] = set()
        """Stations whose boot tells something of a job."""
        self._tasks: set[asyncio.Task[None]] = set()
        if files is not None:
            files.on_fetched(self._fetched)

    @property
    def part(self) -> Part:
        """What it takes part in."""
        return Part(
            hears={FirmwareStatus: self.status, PublishStatus: self.publish_status},
            jobs={UpdateFirmware: self, PublishFirmware: self},
            effects={UnpublishFirmware: (self.unpublished,)},
            listens=((StationBooted, self.booted),),
            start=self.start,
            stop=self.stop,
        )

    async def start(self, operators: list[str]) -> None:
        """Take up the jobs of before the restart."""
        for row in await self._context.store.read(_unsettled):
            self._watched.add((row.operator_id, row.station_id))
        self._spawn(look_for_ever(self._context, self.look, "firmware jobs"))

    async def stop(self) -> None:
        """End what is under way."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _spawn(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # ------------------------------------------------------------ asked for

    async def begin(
        self,
        state: StationState,
        command: UpdateFirmware | PublishFirmware,
        actor: str,
        *,
        exact: bool = False,
    ) -> Begun:
        """Write the job of a request; returns the request in full. Raises ValueError for what can't be, and
        FileTrouble where stations can't be sent to this node's files.
        """
        now = self._context.clock.now()
        job_id = sortable_id(now)
        image: ImageRow | None = None
        lasts_s = 0.0
        retrieve_at = install_at = None
        if isinstance(command, UpdateFirmware):
            retrieve_at, install_at = command.retrieve_at or now, command.install_at
            lasts_s = (retrieve_at - now).total_seconds() + 86_400.0
            command = replace(command, retrieve_at=retrieve_at)
        if command.image_id is not None:
            image, file = await self._image(state, command.image_id)
            assert self._files is not None
            location = await self._files.address(
                state.operator_id, "fetch", state.station_id, job_id, file=file, lasts_s=lasts_s
            )
            command = _of_image(replace(command, location=location), image, file)
        if not exact:
            if not command.location:
                raise ValueError("nothing says where the firmware is: name an image_id, or a location")
            check_protocol(state, command.location)
        request_id = command.request_id or next(self._numbers) % 2**31
        command = replace(command, request_id=request_id)
        install = command if isinstance(command, UpdateFirmware) else None
        wanted = "" if install is None else install.version
        row = _job(
            state,
            "publish" if install is None else "install",
            request_id,
            actor,
            now,
            job_id=job_id,
            image_id=command.image_id,
            location=fit_to_show(command.location),
            checksum=command.checksum if isinstance(command, PublishFirmware) else None,
            signed=install is not None and install.signature is not None,
            retrieve_at=retrieve_at,
            install_at=install_at,
            version_wanted=wanted,
            version_check="waiting" if wanted else "unknown",
        )
        await self._context.store.write(partial(_save, row))
        self._watched.add((state.operator_id, state.station_id))
        return Begun(job_id, request_id, command)

    async def _image(self, state: StationState, image_id: str) -> tuple[ImageRow, FileRow]:
        if self._files is None:
            raise ValueError("this node serves no files: name a location instead of an image_id")
        image = await self._context.store.read(
            lambda connection: jobs.find_image(connection, state.operator_id, image_id)
        )
        file = await self._files.find(state.operator_id, image_id)
        if image is None or file is None:
            raise ValueError(f"there is no firmware image {image_id!r}: /api/v1/firmware lists them")
        return image, file

    async def answered(self, state: StationState, begun: Begun, outcome: Outcome) -> Outcome:
        """Write what the station said to the request. What it had under way is over when it took this one."""
        now = self._context.clock.now()

        def unit(connection: Connection) -> None:
            row = jobs.find_firmware_job(connection, state.operator_id, begun.job_id)
            if row is None:
                return
            row = answered(row, outcome, now)
            jobs.save_job(connection, row)
            if outcome.accepted:
                known = jobs.firmware_jobs(connection, state.operator_id, state.station_id, phase="open")
                supersede(connection, row, [other for other in known if other.kind == row.kind], now)

        await self._context.store.write(unit)
        if refused(outcome) and self._files is not None:
            await self._files.withdraw(state.operator_id, begun.job_id)
        return replace(outcome, data=JobBegun(job_id=begun.job_id, request_id=begun.request_id))

    def unpublished(self, state: StationState, command: UnpublishFirmware, outcome: Outcome) -> None:
        """A local controller serves it no longer."""
        now = self._context.clock.now()

        def unit(connection: Connection) -> None:
            for row in jobs.firmware_jobs(connection, state.operator_id, state.station_id):
                if row.kind == "publish" and row.checksum == command.checksum and row.published_at:
                    over = ended(row, row.phase, now, "Unpublished", "")
                    jobs.save_job(connection, replace(over, published_at=[]))

        self._context.store.post(unit)

    # ------------------------------------------------------------ what stations say

    async def status(self, state: StationState, said: FirmwareStatus) -> Acknowledged:
        """A word of an installation."""
        self._show(state, "FirmwareStatusNotification", said.status, said.request_id)
        await self._word(state, "install", said, said.signed)
        return Acknowledged()

    async def publish_status(self, state: StationState, said: PublishStatus) -> Acknowledged:
        """A word of a publication."""
        self._show(state, "PublishFirmwareStatusNotification", said.status, said.request_id)
        await self._word(state, "publish", said, False, list(said.locations))
        return Acknowledged()

    def _show(self, state: StationState, action: str, status: str, request_id: int | None) -> None:
        content = {"status": status} | ({} if request_id is None else {"requestId": request_id})
        notice = Notice(action=action, content=content)
        state.notices.append(HeardNotice(self._context.clock.now(), notice))

    async def _word(
        self,
        state: StationState,
        kind: Literal["install", "publish"],
        said: FirmwareStatus | PublishStatus,
        signed: bool,
        locations: list[str] | None = None,
    ) -> None:
        status, request_id = said.status, said.request_id
        now = self._context.clock.now()
        info, booted_at = state.info, state.booted_at

        def unit(connection: Connection) -> None:
            known = jobs.firmware_jobs(connection, state.operator_id, state.station_id, limit=JOBS_LOOKED_AT)
            known = [row for row in known if row.kind == kind]
            row = told_of(known, request_id, lambda job: job.signed or not signed)
            if row is None:
                if status == "Idle":
                    return
                row = strange_one(known) or _job(state, kind, request_id, STRANGE, now, signed=signed)
                row = replace(row, request_id=request_id)
            made = stepped(row, kind, status, now, said.note)
            if made is None:
                return
            if status == "Published":
                made = replace(made, published_at=locations)
            if status == "Installed":
                begun = _began(made)
                restarted = booted_at is not None and begun is not None and booted_at >= begun
                made = _checked(made, info.firmware, settled=restarted)
            jobs.save_job(connection, made)

        await self._context.store.write(unit)
        self._watched.add((state.operator_id, state.station_id))

    def booted(self, event: StationBooted) -> None:
        """A station tells its version."""
        if (event.operator_id, event.station_id) in self._watched and event.reason != "Triggered":
            self._spawn(self._compare(event))

    async def _compare(self, event: StationBooted) -> None:
        def unit(connection: Connection) -> bool:
            waiting = False
            for row in jobs.firmware_jobs(
                connection, event.operator_id, event.station_id, limit=JOBS_LOOKED_AT
            ):
                if row.kind != "install" or not _unsettled_job(row):
                    continue
                made = _checked(row, event.info.firmware, settled=row.state == "Installed")
                waiting = waiting or _unsettled_job(made)
                if made != row:
                    jobs.save_job(connection, made)
            return waiting

        try:
            waiting = await self._context.store.write(unit)
        except (StoreUnavailable, StoreClosed) as trouble:
            # The next boot will do: the job waits for it.
            log.warning("station %s: its version could not be compared: %s", event.station_id, trouble)
            return
        if not waiting:
            self._watched.discard((event.operator_id, event.station_id))

    async def _fetched(self, grant: GrantRow, file: FileRow) -> None:
        """A station has the whole image."""
        now = self._context.clock.now()

        def unit(connection: Connection) -> None:
            row = jobs.find_firmware_job(connection, grant.operator_id, grant.job_id)
            if row is not None and row.fetched_at is None:
                jobs.save_job(connection, replace(row, fetched_at=now))

        await self._context.store.write(unit)

    # ------------------------------------------------------------ standing still

    async def look(self) -> None:
        """Mark what stands still, and ask its stations."""
        now = self._context.clock.now()
        for found in await self._context.store.read(_open):
            if found.stalled_at is not None or now < _stalls(found):
                continue
            row = await self._context.store.write(partial(_stand_still, found, now))
            if row is None or row.stalled_at is None:
                continue
            log.warning(
                "station %s: firmware job %s stands still in %s since %s",
                row.station_id,
                row.job_id,
                row.state,
                row.updated_at.isoformat(timespec="seconds"),
            )
            state = self._context.stations.get(row.station_id)
            if state is not None and state.online:
                publishing = "Publish" if row.kind == "publish" else ""
                await self._send(state, Trigger(message=f"{publishing}FirmwareStatusNotification"), ACTOR)


def _job(
    state: StationState,
    kind: Literal["install", "publish"],
    request_id: int | None,
    by: str,
    at: datetime,
    **known: Any,
) -> FirmwareJobRow:
    """A new job of which nothing has been told; of one that nobody here asked for no more is known."""
    row = FirmwareJobRow(
        operator_id=state.operator_id,
        job_id=sortable_id(at),
        station_id=state.station_id,
        kind=kind,
        request_id=request_id,
        image_id=None,
        location="",
        checksum=None,
        signed=False,
        requested_by=by,
        requested_at=at,
        retrieve_at=None,
        install_at=None,
        answer="",
        state=ASKED,
        phase="open",
        steps=[],
        updated_at=at,
        version_before=state.info.firmware,
        version_wanted="",
        version_check="unknown",
    )
    return replace(row, **known)


def _stalls(row: FirmwareJobRow) -> datetime:
    return stalls_at(row.state, row.updated_at, row.retrieve_at, row.install_at)


def _stand_still(found: FirmwareJobRow, now: datetime, connection: Connection) -> FirmwareJobRow | None:
    """The job as it is marked; None where the station has told something since it was found."""
    row = jobs.find_firmware_job(connection, found.operator_id, found.job_id)
    if row is None or row.phase != "open" or now < _stalls(row):
        return None
    if row.version_check == "confirmed" and row.state in _RESTARTING:
        note = "the station runs the version that was asked for"
        row = ended(replace(row, state="Installed"), "done", now, "Installed", note)
    else:
        row = replace(row, stalled_at=now)
    jobs.save_job(connection, row)
    return row


def _of_image(command: Any, image: ImageRow, file: FileRow) -> Any:
    if isinstance(command, PublishFirmware):
        return replace(command, checksum=file.md5)
    signed = command.signed and image.signature is not None and image.signing_certificate is not None
    return replace(
        command,
        version=image.version,
        signing_certificate=image.signing_certificate if signed else None,
        signature=image.signature if signed else None,
    )


def _began(row: FirmwareJobRow) -> datetime | None:
    """When the station began to install, as far as it told."""
    times = [step["at"] for step in row.steps if step["status"] in ("Installing", "InstallRebooting")]
    return datetime.fromisoformat(times[0]) if times else None


def _checked(row: FirmwareJobRow, version: str, *, settled: bool) -> FirmwareJobRow:
    """The job after the station told its version. `settled`: another one will not come by itself."""
    if not row.version_wanted:
        return replace(row, version_after=version) if settled else row
    if version == row.version_wanted:
        return replace(row, version_after=version, version_check="confirmed")
    if settled:
        return replace(row, version_after=version, version_check="different")
    return row


def _unsettled_job(row: FirmwareJobRow) -> bool:
    """Whether a boot tells something of it."""
    return row.phase == "open" or (row.phase == "done" and row.version_after is None)


def _unsettled(connection: Connection) -> list[FirmwareJobRow]:
    found: list[FirmwareJobRow] = []
    for operator in list_operators(connection):
        for phase in ("open", "done"):
            rows = jobs.firmware_jobs(connection, operator.operator_id, phase=phase, limit=10_000)
            found += [row for row in rows if _unsettled_job(row)]
    return found


def _open(connection: Connection) -> list[FirmwareJobRow]:
    found: list[FirmwareJobRow] = []
    for operator in list_operators(connection):
        found += jobs.firmware_jobs(connection, operator.operator_id, phase="open", limit=10_000)
    return found


def _save(row: FirmwareJobRow, connection: Connection) -> None:
    jobs.save_job(connection, row)
