"""What the jobs of firmware and of logs share: numbers, steps, addresses that may be shown."""

from __future__ import annotations

import asyncio
import itertools
import logging
import re
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import datetime
from typing import Any, Protocol, TypeAlias, TypeVar
from urllib.parse import urlsplit

import msgspec
from msgspec.structs import replace
from sqlalchemy import Connection

from ..store import StoreClosed, StoreUnavailable, files, jobs
from ..store.jobs import FirmwareJobRow, LogJobRow
from .context import Context
from .progress import ASKED, Course, Phase, Step, advance
from .state import StationState
from .vocabulary import Command, Outcome, VariableRef

log = logging.getLogger(__name__)

JobRow = TypeVar("JobRow", FirmwareJobRow, LogJobRow)

LOOK_EVERY_S = 60.0
STRANGE = "station"
"""Who asked, where nobody here did."""
FIRST_STEPS, LAST_STEPS = 20, 80
"""What is kept of a station that goes on telling: how it began, and what it said last."""

_SECRET = re.compile(r"(?<=/)[A-Za-z0-9_-]{43}(?=/|$)")
_PASSWORD = re.compile(r'(?<=//)[^/@"\s]*@')

Send: TypeAlias = Callable[..., Awaitable[Outcome]]


class Begun(msgspec.Struct, frozen=True):
    """A job that is written down, and the command as it is to be sent."""

    job_id: str
    request_id: int
    command: Command


class Jobs(Protocol):
    """What follows up a kind of command. `begin` raises ValueError and FileTrouble for what can't be sent."""

    async def begin(self, state: StationState, command: Any, actor: str, *, exact: bool = False) -> Begun:
        """Write a job down, and complete its command; one that is sent `exact` as it is, is not judged."""
        ...

    async def answered(self, state: StationState, begun: Begun, outcome: Outcome) -> Outcome:
        """Write what the station answered; returns the outcome that tells of the job, too."""
        ...


def numbers(first: int) -> Iterator[int]:
    """Request ids, from the clock at the start: those of before a restart don't come again."""
    return itertools.count(first % 2**31 or 1)


def fit_to_show(location: str) -> str:
    """An address without what must stay between us and the station: our addresses' secret, a password."""
    return _PASSWORD.sub("***@", _SECRET.sub("***", location))


_PROTOCOLS = (
    VariableRef(component="OCPPCommCtrlr", variable="FileTransferProtocols"),
    VariableRef(component="OCPP16", variable="SupportedFileTransferProtocols"),
)


def check_protocol(state: StationState, location: str) -> None:
    """Raise ValueError where the station has told that it can't reach such an address."""
    asked = urlsplit(location).scheme.upper()
    for ref in _PROTOCOLS:
        told = state.variables.get(ref)
        if told is None or not told.value:
            continue
        spoken = [word.strip().upper() for word in told.value.split(",") if word.strip()]
        if spoken and asked not in spoken:
            raise ValueError(
                f"station {state.station_id!r} reaches files by {', '.join(spoken)}, "
                f"not by {asked or 'nothing'}: name a location that it can reach"
            )


def stepped(row: JobRow, course: Course, status: str, at: datetime, note: str = "") -> JobRow | None:
    """The job after the station's word `status`; None where that is no news."""
    made = advance(course, row.state, row.phase, status)
    if not made.news:
        return None
    step = Step(at=at, status=status, expected=made.expected, note=note)
    return replace(
        row,
        state=made.state,
        phase=made.phase,
        steps=_with(row.steps, step),
        updated_at=at,
        ended_at=None
        if made.phase == "open"
        else at
        if row.ended_at is None or made.expected
        else row.ended_at,
        stalled_at=None,
    )


def ended(row: JobRow, phase: Phase, at: datetime, status: str, note: str) -> JobRow:
    """The job, ended without a word of the station."""
    step = Step(at=at, status=status, expected=False, note=note)
    return replace(row, phase=phase, steps=_with(row.steps, step), updated_at=at, ended_at=at)


def refused(outcome: Outcome) -> bool:
    """Whether a station will surely not do what it was asked for; without an answer it may."""
    return not outcome.accepted and outcome.result != "timeout"


def answered(row: JobRow, outcome: Outcome, at: datetime) -> JobRow:
    """The job after the answer to its request. A station may have begun already: then its words count, not
    that the answer came late.
    """
    answer = outcome.status if outcome.accepted or outcome.result == "rejected" else ""
    row = replace(row, answer=answer or outcome.result)
    if refused(outcome) and row.state == ASKED:
        row = ended(row, "refused", at, row.answer, outcome.detail)
    return row


def supersede(connection: Connection, row: JobRow, others: Sequence[JobRow], at: datetime) -> None:
    """End what a station had under way when it took the job `row`, and let its addresses be good no more."""
    for other in others:
        if other.job_id != row.job_id:
            note = "the station took a later request"
            jobs.save_job(connection, ended(other, "cancelled", at, "Cancelled", note))
            files.withdraw_grants(connection, other.operator_id, other.job_id)


def _with(steps: list[dict[str, Any]], step: Step) -> list[dict[str, Any]]:
    if len(steps) >= FIRST_STEPS + LAST_STEPS:
        steps = [*steps[:FIRST_STEPS], *steps[1 - LAST_STEPS :]]
    return [*steps, msgspec.to_builtins(step)]


def strange_one(known: Sequence[JobRow]) -> JobRow | None:
    """The job of a station that nobody here asked for, where it tells of one already: it gets no second."""
    return next((row for row in known if row.requested_by == STRANGE and row.phase == "open"), None)


def told_of(known: Sequence[JobRow], request_id: int | None, fits: Callable[[JobRow], bool]) -> JobRow | None:
    """Which of a station's jobs (the newest first) a word is about. One without a request id is about the
    newest that is open, or else the newest.
    """
    if request_id is not None:
        return next((row for row in known if row.request_id == request_id), None)
    fitting = [row for row in known if fits(row)]
    return next((row for row in fitting if row.phase == "open"), fitting[0] if fitting else None)


async def look_for_ever(context: Context, look: Callable[[], Awaitable[None]], what: str) -> None:
    """Call `look` each minute (site time) until cancelled."""
    while True:
        await context.clock.sleep(LOOK_EVERY_S)
        try:
            await look()
        except (StoreUnavailable, StoreClosed) as trouble:
            log.warning("%s could not be looked at: %s", what, trouble)
        except asyncio.CancelledError:
            raise
        except Exception:
            log.exception("%s could not be looked at", what)
