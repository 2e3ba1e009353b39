"""Reports that come in parts: which were asked for, how far each is, and what is missing.

A report is followed from the moment before it is asked for: its first part may overtake the answer's way
through the system. When no part comes for `report_patience_s`, it is asked for once more; if that stays
incomplete, too, it is left as it is and says what is missing. What came is kept in any case.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Literal, TypeAlias

from msgspec import Struct, field
from msgspec.structs import replace

from ..chunks import Parts
from ..context import Context
from ..part import Part
from ..state import StationState
from ..vocabulary import (
    Command,
    CustomerInformation,
    GetBaseReport,
    GetMonitoringReport,
    GetReport,
    Outcome,
)

log = logging.getLogger(__name__)

ACTOR = "system reports"
KEPT = 20
"""Reports remembered of a station."""

ReportState: TypeAlias = Literal["asked", "refused", "waiting", "complete", "empty", "incomplete"]

Question: TypeAlias = GetBaseReport | GetReport | GetMonitoringReport | CustomerInformation
_QUESTIONS = (GetBaseReport, GetReport, GetMonitoringReport, CustomerInformation)

Send = Callable[[StationState, Command, str], Awaitable[Outcome]]


class Report(Struct, gc=False):
    """One report. `request_ids` has a second one when it was asked for again, `items` counts what was
    told."""

    question: Question
    request_ids: list[int]
    asked_at: datetime
    state: ReportState = "asked"
    status: str = ""
    parts: Parts = field(default_factory=Parts)
    items: int = 0
    last_at: float = 0.0
    finished_at: datetime | None = None
    done: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def request_id(self) -> int:
        """The number under which parts come now."""
        return self.request_ids[-1]

    @property
    def over(self) -> bool:
        """Whether nothing more is awaited."""
        return self.state not in ("asked", "waiting")


class Reports:
    """All reports of all stations. `send` carries a command out for the system."""

    def __init__(self, context: Context, send: Send) -> None:
        self._context = context
        self._send = send
        # From the clock at the start: a part of a report of before a restart belongs to no new one.
        self._numbers = itertools.count(int(context.clock.time()) % 2**30 + 1)
        self._reports: dict[str, deque[Report]] = {}
        self._watching: set[asyncio.Task[None]] = set()

    @property
    def part(self) -> Part:
        """What it takes part in."""
        return Part(
            completes=dict.fromkeys(_QUESTIONS, self._completed),
            precedes=dict.fromkeys(_QUESTIONS, (self.asking,)),
            follows=dict.fromkeys(_QUESTIONS, (self.asked,)),
            stop=self.stop,
        )

    def of(self, station_id: str) -> list[Report]:
        """A station's, newest first."""
        return list(reversed(self._reports.get(station_id, ())))

    def numbered(self, question: Question) -> Question:
        """A question gets its number, if it has none."""
        return replace(question, request_id=question.request_id or next(self._numbers) % 2**31)

    def _completed(self, state: StationState | None, question: Question) -> Question:
        return self.numbered(question)

    async def asking(self, state: StationState, command: Question, actor: str) -> None:
        """A question is about to be sent."""
        now = self._context.clock
        if self._find(state, command.request_id) is None:  # else it is asked for again
            report = Report(command, [command.request_id], now.now(), last_at=now.time())
            self._reports.setdefault(state.station_id, deque(maxlen=KEPT)).append(report)

    def asked(self, state: StationState, command: Question, outcome: Outcome) -> None:
        """The station answered, or did not."""
        report = self._find(state, command.request_id)
        if report is None or report.over:
            return
        report.status = outcome.status or outcome.result
        if outcome.data is not None:  # all at once: 1.6
            report.items = len(outcome.data)
            self._finish(report, "complete")
        elif outcome.status == "EmptyResultSet":
            self._finish(report, "empty")
        elif outcome.accepted or outcome.result == "timeout":
            report.state = "waiting"
            self._watch(state, report)
        elif len(report.request_ids) == 1:
            self._finish(report, "refused")

    def told(
        self, state: StationState, request_id: int, seq_no: int, to_be_continued: bool, items: int
    ) -> Report | None:
        """A part came and what it told is kept. Returns its report, None where nobody asked for it."""
        report = self._find(state, request_id)
        if report is None or report.request_id != request_id or report.over:
            return report
        report.last_at = self._context.clock.time()
        if report.parts.take(seq_no, to_be_continued):
            report.items += items
        if report.parts.complete:
            self._finish(report, "complete")
        return report

    def first_id(self, state: StationState, request_id: int) -> int:
        """The number under which a report was asked for first."""
        report = self._find(state, request_id)
        return request_id if report is None else report.request_ids[0]

    async def finished(self, state: StationState, request_id: int) -> Report | None:
        """Wait until nothing more is awaited of a report."""
        report = self._find(state, request_id)
        if report is not None:
            await report.done.wait()
        return report

    async def stop(self) -> None:
        """End what is under way."""
        for task in self._watching:
            task.cancel()
        await asyncio.gather(*self._watching, return_exceptions=True)

    # ------------------------------------------------------------ patience

    def _watch(self, state: StationState, report: Report) -> None:
        if len(report.request_ids) > 1 or report.over:
            return  # watched already
        task = asyncio.ensure_future(self._wait(state, report))
        self._watching.add(task)
        task.add_done_callback(self._watching.discard)

    async def _wait(self, state: StationState, report: Report) -> None:
        await self._until_silent(report)
        if report.over:
            return
        if _may_be_repeated(report.question):
            again = self.numbered(replace(report.question, request_id=0))
            assert isinstance(again, _QUESTIONS)
            log.info(
                "station %s: parts %s of report %d did not come, it is asked for again",
                state.station_id,
                report.parts.missing,
                report.request_id,
            )
            report.request_ids.append(again.request_id)
            report.asked_at, report.last_at = self._context.clock.now(), self._context.clock.time()
            report.parts, report.items = Parts(), 0
            outcome = await self._send(state, again, ACTOR)
            if outcome.accepted:
                await self._until_silent(report)
        if not report.over:
            log.warning(
                "station %s: report %d stays incomplete, parts %s are missing",
                state.station_id,
                report.request_id,
                report.parts.missing,
            )
            self._finish(report, "incomplete")

    async def _until_silent(self, report: Report) -> None:
        clock, patience_s = self._context.clock, self._context.settings.report_patience_s
        while not report.over:
            left_s = report.last_at + patience_s - clock.time()
            if left_s <= 0.0:
                return
            await clock.sleep(left_s)

    def _finish(self, report: Report, state: ReportState) -> None:
        report.state = state
        report.finished_at = self._context.clock.now()
        report.done.set()

    def _find(self, state: StationState, request_id: int) -> Report | None:
        for report in reversed(self._reports.get(state.station_id, ())):
            if request_id in report.request_ids:
                return report
        return None


def _may_be_repeated(question: Question) -> bool:
    """What a station was told to forget it cannot tell again."""
    return not (isinstance(question, CustomerInformation) and question.clear)
