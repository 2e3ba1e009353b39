"""The device model of all stations: its blocks put together, as the CSMS sees them.

What a station is asked and what it answers goes past them, so that reports are followed, changed values kept,
and answers awaited of stations that are not accepted yet.
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable
from functools import partial

import msgspec
from msgspec.structs import replace

from ...store import StoreUnavailable
from ..context import Context
from ..dialects.dialect import Dialect, Unsupported
from ..part import Part, together
from ..state import StationState
from ..vocabulary import (
    Acknowledged,
    ClearVariableMonitoring,
    Command,
    GetBaseReport,
    GetReport,
    GetVariables,
    Outcome,
    ReportPart,
    SetVariableMonitoring,
    SetVariables,
)
from .configuration import Configuration
from .customers import Customers
from .monitoring import Heard, Monitoring
from .provisioning import Provisioning
from .reports import Reports
from .variables import Variables

Send = Callable[..., Awaitable[Outcome]]


class DeviceModel:
    """Provisioning, variables, reports, expected configuration, monitors and customer information. `send`
    carries a command out: (state, command) or (state, command, actor). `status` takes a connector's status.
    """

    def __init__(self, context: Context, send: Send, status: Heard) -> None:
        self._context = context
        self.variables = Variables(context)
        self.reports = Reports(context, send)
        self.configuration = Configuration(context, send)
        self.monitoring = Monitoring(context, self.variables, self.reports, send, status)
        self.customers = Customers(context, self.reports)
        self.provisioning = Provisioning(context, send, self.reports, self.configuration)

    @property
    def part(self) -> Part:
        """What all of it takes part in."""
        own = Part(
            hears={ReportPart: self._reported},
            completes={GetVariables: self._some_or_all},
            pages={
                GetVariables: self._pages,
                SetVariables: self._pages,
                GetReport: self._report_pages,
                SetVariableMonitoring: self._monitoring_pages,
                ClearVariableMonitoring: self._monitoring_pages,
            },
            start=self._load,
        )
        blocks = (self.provisioning, self.reports, self.variables, self.monitoring, self.customers)
        return together(own, *(block.part for block in blocks))

    async def _load(self, operators: list[str]) -> None:
        await self.configuration.load()

    async def written(self) -> None:
        """Return when the tables hold what stations have told until now, as far as the disk takes it."""
        with contextlib.suppress(StoreUnavailable):
            await self._context.store.flush()

    # ------------------------------------------------------------ commands

    def _some_or_all(self, state: StationState | None, command: GetVariables) -> Command:
        """All variables of a station are a report."""
        return command if command.variables else self.reports.numbered(GetBaseReport())

    def _pages(self, state: StationState, speech: Dialect, command: Command) -> tuple[Command, ...]:
        return self.variables.parts(state, command, partial(_size, speech))

    def _report_pages(self, state: StationState, speech: Dialect, command: GetReport) -> tuple[Command, ...]:
        """Each is a report of its own."""
        first, *more = self._pages(state, speech, command)
        asked = [replace(page, request_id=0) for page in more if isinstance(page, GetReport)]
        return (first, *map(self.reports.numbered, asked))

    def _monitoring_pages(
        self, state: StationState, speech: Dialect, command: Command
    ) -> tuple[Command, ...]:
        return self.monitoring.parts(state, command, partial(_size, speech))

    # ------------------------------------------------------------ what stations say

    async def _reported(self, state: StationState, said: ReportPart) -> Acknowledged:
        await self.variables.reported(state, said.variables)
        report = self.reports.told(
            state, said.request_id, said.seq_no, said.to_be_continued, len(said.variables)
        )
        if report is not None and report.state == "complete":
            question = report.question
            if isinstance(question, GetBaseReport) and question.base == "FullInventory":
                await self.variables.inventoried(state, report.asked_at)
        return Acknowledged()


def _size(speech: Dialect, part: Command) -> int:
    """The bytes of a command's payload."""
    try:
        return sum(len(msgspec.json.encode(payload)) for _, payload in speech.calls(part))
    except (Unsupported, ValueError):
        return 0  # it will be told when it is sent
