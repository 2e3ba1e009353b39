"""The device model of all stations: its blocks put together, as the CSMS sees them.

What a station is asked (`asking`, before it is sent) and what it answers (`asked`) go past here, so that
reports are followed, changed values kept, and answers awaited of stations that are not accepted yet.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from msgspec.structs import replace

from ...store import StoreUnavailable
from ..context import Context
from ..dialects.dialect import Dialect, Unsupported
from ..state import StationState
from ..vocabulary import (
    Acknowledged,
    Answer,
    Boot,
    ClearVariableMonitoring,
    Command,
    CustomerInformation,
    CustomerPart,
    Events,
    GetBaseReport,
    GetMonitoringReport,
    GetReport,
    GetVariables,
    MonitorPart,
    Outcome,
    ReportPart,
    SetMonitoringBase,
    SetMonitoringLevel,
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

Effect = Callable[[StationState, Any, Outcome], None]


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
        self.hears: dict[type[Any], Callable[[StationState, Any], Awaitable[Answer]]] = {
            Boot: self.provisioning.boot,
            ReportPart: self._reported,
            MonitorPart: self.monitoring.reported,
            Events: self.monitoring.happened,
            CustomerPart: self.customers.told,
        }
        self.effects: dict[type[Any], Effect] = {
            GetVariables: self.variables.read,
            GetBaseReport: self.variables.read,  # 1.6 answers with its keys
            SetMonitoringBase: self.monitoring.based,
            SetMonitoringLevel: self.monitoring.levelled,
            GetMonitoringReport: self.monitoring.none_left,
        }
        self._one_by_one: dict[type[Any], Effect] = {
            SetVariables: self.variables.written,
            SetVariableMonitoring: self.monitoring.installed,
            ClearVariableMonitoring: self.monitoring.cleared,
        }
        """What succeeds item by item: some may have been refused."""

    async def start(self, operators: list[str]) -> None:
        """Read what is expected of stations, and take up what a restart cut off."""
        await self.configuration.load()
        await self.customers.start(operators)

    async def stop(self) -> None:
        """End what is under way."""
        await asyncio.gather(
            self.provisioning.stop(), self.reports.stop(), self.monitoring.stop(), self.customers.stop()
        )

    async def written(self) -> None:
        """Return when the tables hold what stations have told until now, as far as the disk takes it."""
        with contextlib.suppress(StoreUnavailable):
            await self._context.store.flush()

    # ------------------------------------------------------------ commands

    def numbered(self, command: Command) -> Command:
        """A question that brings a report gets its number; all variables of a station are a report, too."""
        if isinstance(command, GetVariables) and not command.variables:
            command = GetBaseReport()
        return self.reports.numbered(command)

    def pages(self, state: StationState, speech: Dialect, command: Command) -> tuple[Command, ...]:
        """The command in as many commands as the station needs for it."""

        def size(part: Command) -> int:
            try:
                return sum(len(msgspec.json.encode(payload)) for _, payload in speech.calls(part))
            except (Unsupported, ValueError):
                return 0  # it will be told when it is sent

        if isinstance(command, SetVariableMonitoring | ClearVariableMonitoring):
            return self.monitoring.parts(state, command, size)
        if isinstance(command, GetReport):
            # Each is a report of its own.
            first, *more = self.variables.parts(state, command, size)
            return (first, *(self.reports.numbered(replace(part, request_id=0)) for part in more))
        return self.variables.parts(state, command, size)

    async def asking(self, state: StationState, command: Command, actor: str) -> None:
        """A command is about to be sent."""
        self.provisioning.asking(state, command)
        self.reports.asking(state, command)
        await self.customers.asking(state, command, actor)

    def asked(self, state: StationState, command: Command, outcome: Outcome) -> None:
        """The station answered, or did not."""
        self.reports.asked(state, command, outcome)
        effect = self._one_by_one.get(type(command))
        if effect is not None:
            effect(state, command, outcome)
        if isinstance(command, CustomerInformation):
            self.customers.asked(state, command, outcome)

    # ------------------------------------------------------------ what stations say

    async def _reported(self, state: StationState, said: ReportPart) -> Acknowledged:
        await self.variables.reported(state, said.variables)
        report = self.reports.part(
            state, said.request_id, said.seq_no, said.to_be_continued, len(said.variables)
        )
        if report is not None and report.state == "complete":
            question = report.question
            if isinstance(question, GetBaseReport) and question.base == "FullInventory":
                await self.variables.inventoried(state, report.asked_at)
        return Acknowledged()
