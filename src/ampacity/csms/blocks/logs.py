"""Logs and diagnostics: a job for each request, an address to bring the log to, and the file that came."""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime
from functools import partial
from typing import Any

from msgspec.structs import replace
from sqlalchemy import Connection

from ...files.service import FileService
from ...store import jobs
from ...store.files import FileRow, GrantRow
from ...store.identifiers import sortable_id
from ...store.jobs import LogJobRow
from ...store.operators import list_operators
from ..context import Context
from ..following import (
    STRANGE,
    Begun,
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
from ..vocabulary import Acknowledged, GetLog, JobBegun, LogPromised, LogStatus, Notice, Outcome

log = logging.getLogger(__name__)

JOBS_LOOKED_AT = 50


class Logs:
    """`start` when the state is loaded. `files` is None where the node has no file service."""

    def __init__(self, context: Context, files: FileService | None) -> None:
        self._context = context
        self._files = files
        self._numbers = numbers(int(context.clock.time()))
        self._looking: asyncio.Task[None] | None = None
        if files is not None:
            files.on_brought(self._brought)

    @property
    def part(self) -> Part:
        """What it takes part in."""
        return Part(hears={LogStatus: self.status}, jobs={GetLog: self}, start=self.start, stop=self.stop)

    async def start(self, operators: list[str]) -> None:
        """Look for what stands still."""
        self._looking = asyncio.ensure_future(look_for_ever(self._context, self.look, "log jobs"))

    async def stop(self) -> None:
        """End what is under way."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)

    # ------------------------------------------------------------ asked for

    async def begin(self, state: StationState, command: GetLog, actor: str, *, exact: bool = False) -> Begun:
        """Write the job of a request; returns the request with the address to bring the log to. Raises
        ValueError where there is none, FileTrouble where stations can't be sent to this node's files.
        """
        now = self._context.clock.now()
        job_id = sortable_id(now)
        if not command.location and not exact:
            if self._files is None:
                raise ValueError("this node takes no files: name a location")
            location = await self._files.address(state.operator_id, "bring", state.station_id, job_id)
            command = replace(command, location=location)
        if not exact:
            check_protocol(state, command.location)
        request_id = command.request_id or next(self._numbers) % 2**31
        command = replace(command, request_id=request_id)
        row = replace(
            _job(state, command.log_type, request_id, actor, now),
            job_id=job_id,
            location=fit_to_show(command.location),
            oldest=command.oldest,
            latest=command.latest,
        )
        await self._context.store.write(partial(_save, row))
        return Begun(job_id, request_id, command)

    async def answered(self, state: StationState, begun: Begun, outcome: Outcome) -> Outcome:
        """Write what the station said to the request. `AcceptedCanceled` ends what it had under way."""
        now = self._context.clock.now()
        name = outcome.data.file_name if isinstance(outcome.data, LogPromised) else ""

        def unit(connection: Connection) -> None:
            row = jobs.find_log_job(connection, state.operator_id, begun.job_id)
            if row is None:
                return
            row = answered(replace(row, file_name=name or row.file_name), outcome, now)
            jobs.save_job(connection, row)
            if outcome.status == "AcceptedCanceled":
                known = jobs.log_jobs(connection, state.operator_id, state.station_id, phase="open")
                supersede(connection, row, known, now)

        await self._context.store.write(unit)
        if refused(outcome) and self._files is not None:
            await self._files.withdraw(state.operator_id, begun.job_id)
        data = JobBegun(job_id=begun.job_id, request_id=begun.request_id, file_name=name)
        return replace(outcome, data=data)

    # ------------------------------------------------------------ what stations say

    async def status(self, state: StationState, said: LogStatus) -> Acknowledged:
        """A word of an upload."""
        now = self._context.clock.now()
        action = "DiagnosticsStatusNotification" if said.diagnostics else "LogStatusNotification"
        content: dict[str, Any] = {"status": said.status}
        if said.request_id is not None:
            content["requestId"] = said.request_id
        state.notices.append(HeardNotice(now, Notice(action=action, content=content)))

        def unit(connection: Connection) -> None:
            known = jobs.log_jobs(connection, state.operator_id, state.station_id, limit=JOBS_LOOKED_AT)
            row = told_of(
                known,
                said.request_id,
                lambda job: job.log_type == "DiagnosticsLog" or not said.diagnostics,
            )
            if row is None:
                if said.status == "Idle":
                    return
                kind = "DiagnosticsLog" if said.diagnostics else ""
                row = strange_one(known) or _job(state, kind, said.request_id, STRANGE, now)
                row = replace(row, request_id=said.request_id)
            made = stepped(row, "log", said.status, now, said.note)
            if made is not None:
                jobs.save_job(connection, made)

        await self._context.store.write(unit)
        return Acknowledged()

    async def _brought(self, grant: GrantRow, file: FileRow) -> None:
        """A station has brought its log; brought again, the newer one counts."""
        now = self._context.clock.now()

        def unit(connection: Connection) -> str | None:
            row = jobs.find_log_job(connection, grant.operator_id, grant.job_id)
            if row is None:
                return file.file_id  # nobody's
            made = replace(row, file_id=file.file_id, stalled_at=None)
            if made.phase == "open":
                made = replace(made, updated_at=now)
            jobs.save_job(connection, made)
            return row.file_id

        former = await self._context.store.write(unit)
        if former is not None and self._files is not None:
            await self._files.remove(grant.operator_id, former)

    # ------------------------------------------------------------ standing still

    async def look(self) -> None:
        """Mark what stands still. A log that is here is enough: its job is done without a last word."""
        now = self._context.clock.now()
        for found in await self._context.store.read(_open):
            if found.stalled_at is not None or now < stalls_at(found.state, found.updated_at):
                continue
            row = await self._context.store.write(partial(_stand_still, found, now))
            if row is not None and row.stalled_at is not None:
                log.warning(
                    "station %s: log job %s stands still in %s", row.station_id, row.job_id, row.state
                )


def _stand_still(found: LogJobRow, now: datetime, connection: Connection) -> LogJobRow | None:
    """The job as it is marked; None where something came since it was found."""
    row = jobs.find_log_job(connection, found.operator_id, found.job_id)
    if row is None or row.phase != "open" or now < stalls_at(row.state, row.updated_at):
        return None
    if row.file_id is not None:
        row = ended(replace(row, state="Uploaded"), "done", now, "Uploaded", "the log is here")
    else:
        row = replace(row, stalled_at=now)
    jobs.save_job(connection, row)
    return row


def _job(state: StationState, log_type: str, request_id: int | None, by: str, now: datetime) -> LogJobRow:
    """A new job of which nothing has been told; of one that nobody here asked for no more is known."""
    return LogJobRow(
        operator_id=state.operator_id,
        job_id=sortable_id(now),
        station_id=state.station_id,
        log_type=log_type,
        request_id=request_id,
        location="",
        oldest=None,
        latest=None,
        requested_by=by,
        requested_at=now,
        answer="",
        state=ASKED,
        phase="open",
        steps=[],
        updated_at=now,
    )


def _open(connection: Connection) -> list[LogJobRow]:
    found: list[LogJobRow] = []
    for operator in list_operators(connection):
        found += jobs.log_jobs(connection, operator.operator_id, phase="open", limit=10_000)
    return found


def _save(row: LogJobRow, connection: Connection) -> None:
    jobs.save_job(connection, row)
