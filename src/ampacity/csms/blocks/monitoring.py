"""Monitoring: what stations watch for us, and the events they tell.

An event is kept, durably, before it is acknowledged (N07.FR.03): a station tells it once. An event of a
connector's AvailabilityState is a status, too: stations may tell it that way instead of a StatusNotification.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime
from typing import Any, get_args

from msgspec.structs import replace
from sqlalchemy import Connection

from ...model.station import ConnectorStatus
from ...store import monitoring as rows
from ...store.monitoring import EventRow, MonitorRow
from ..context import Context
from ..paging import pages
from ..part import Part
from ..state import StationState
from ..vocabulary import (
    Acknowledged,
    Answer,
    ClearVariableMonitoring,
    Command,
    Events,
    GetMonitoringReport,
    Monitor,
    MonitorPart,
    Outcome,
    SetMonitoringBase,
    SetMonitoringLevel,
    SetVariableMonitoring,
    Status,
    VariableEvent,
    VariableRef,
    VariableValue,
)
from .reports import Reports
from .variables import Variables, is_secret

_STATUSES = frozenset(get_args(ConnectorStatus))
_GONE = ("Accepted", "NotFound")

Send = Callable[[StationState, Command], Awaitable[Outcome]]

Heard = Callable[[StationState, Status], Awaitable[Answer]]


class Monitoring:
    """Monitors and events. `status` takes what an event says of a connector."""

    def __init__(
        self, context: Context, variables: Variables, reports: Reports, send: Send, status: Heard
    ) -> None:
        self._context = context
        self._variables = variables
        self._reports = reports
        self._send = send
        self._status = status
        self._asking: set[asyncio.Task[Outcome]] = set()

    @property
    def part(self) -> Part:
        """What it takes part in."""
        return Part(
            hears={MonitorPart: self.reported, Events: self.happened},
            follows={SetVariableMonitoring: (self.installed,), ClearVariableMonitoring: (self.cleared,)},
            effects={
                SetMonitoringBase: (self.based,),
                SetMonitoringLevel: (self.levelled,),
                GetMonitoringReport: (self.none_left,),
            },
            stop=self.stop,
        )

    async def stop(self) -> None:
        """End what is under way."""
        for task in self._asking:
            task.cancel()
        await asyncio.gather(*self._asking, return_exceptions=True)

    # ------------------------------------------------------------ commands

    def parts(self, state: StationState, command: Command, size: Any) -> tuple[Command, ...]:
        """The command in as many commands as the station needs for it (N04.FR.09, N06.FR.04)."""
        if isinstance(command, SetVariableMonitoring):
            limits = self._variables.limits(state, "MonitoringCtrlr", "SetVariableMonitoring")
            monitors = pages(
                command.monitors,
                limits,
                lambda monitor: int(size(SetVariableMonitoring(monitors=(monitor,)))),
                lambda monitor: (monitor.variable, monitor.kind, monitor.severity),
            )
            return tuple(SetVariableMonitoring(monitors=page) for page in monitors)
        if isinstance(command, ClearVariableMonitoring):
            limits = self._variables.limits(state, "MonitoringCtrlr", "ClearVariableMonitoring")
            ids = pages(
                command.monitor_ids,
                limits,
                lambda number: int(size(ClearVariableMonitoring(monitor_ids=(number,)))),
                lambda number: number,
            )
            return tuple(ClearVariableMonitoring(monitor_ids=page) for page in ids)
        return (command,)

    def installed(self, state: StationState, command: SetVariableMonitoring, outcome: Outcome) -> None:
        """Monitors that the station took, each on its own."""
        now = self._context.clock.now()
        made = [
            _row(asked, result.monitor_id, now)
            for asked, result in zip(command.monitors, outcome.data or (), strict=False)
            if result.status == "Accepted" and result.monitor_id is not None
        ]
        if made:
            state.has_monitors = True
            operator_id, station_id = state.operator_id, state.station_id
            self._context.store.post(
                lambda connection: rows.save_monitors(connection, operator_id, station_id, made)
            )

    def cleared(self, state: StationState, command: ClearVariableMonitoring, outcome: Outcome) -> None:
        """Monitors that the station has not any more."""
        gone = [result.monitor_id for result in outcome.data or () if result.status in _GONE]
        if gone:
            operator_id, station_id = state.operator_id, state.station_id
            self._context.store.post(
                lambda connection: rows.remove_monitors(connection, operator_id, station_id, gone)
            )

    def based(self, state: StationState, command: SetMonitoringBase, outcome: Outcome) -> None:
        """The station works with another base of monitors: some may be gone, others there (N03.FR.04)."""
        self._noted(state, "ActiveMonitoringBase", command.base)
        if state.has_monitors:
            task = asyncio.ensure_future(self._send(state, GetMonitoringReport()))
            self._asking.add(task)
            task.add_done_callback(self._asking.discard)

    def none_left(self, state: StationState, command: GetMonitoringReport, outcome: Outcome) -> None:
        """The station was asked for all its monitors; it has none, if it says so."""
        if outcome.status == "EmptyResultSet" and _is_of_all(command):
            state.has_monitors = False
            now = self._context.clock.now()
            operator_id, station_id = state.operator_id, state.station_id
            self._context.store.post(
                lambda connection: rows.forget_monitors_seen_before(connection, operator_id, station_id, now)
            )

    def levelled(self, state: StationState, command: SetMonitoringLevel, outcome: Outcome) -> None:
        """The station tells events of another severity."""
        self._noted(state, "ActiveMonitoringLevel", str(command.severity))

    def _noted(self, state: StationState, variable: str, value: str) -> None:
        ref = VariableRef(component="MonitoringCtrlr", variable=variable)
        self._variables.seen(state, [VariableValue(ref=ref, value=value)])

    # ------------------------------------------------------------ what stations say

    async def reported(self, state: StationState, said: MonitorPart) -> Acknowledged:
        """A part of a report of monitors."""
        now = self._context.clock.now()
        told = [_row(item, item.monitor_id, now) for item in said.monitors if item.monitor_id is not None]
        operator_id, station_id = state.operator_id, state.station_id
        if told:
            state.has_monitors = True
            await self._context.store.write(
                lambda connection: rows.save_monitors(connection, operator_id, station_id, told)
            )
        report = self._reports.told(state, said.request_id, said.seq_no, said.to_be_continued, len(told))
        if report is not None and report.state == "complete" and _is_of_all(report.question):
            since = report.asked_at
            await self._context.store.write(
                lambda connection: rows.forget_monitors_seen_before(
                    connection, operator_id, station_id, since
                )
            )
        return Acknowledged()

    async def happened(self, state: StationState, said: Events) -> Acknowledged:
        """Keep events, and what they say of variables and connectors."""
        now = self._context.clock.now()
        operator_id, station_id = state.operator_id, state.station_id
        told = [_event(state, item, now) for item in said.events]

        def unit(connection: Connection) -> None:
            asked = [row for row in told if row.severity is None and row.monitor_id is not None]
            if asked:
                known = {
                    row.monitor_id: row.severity
                    for row in rows.list_monitors(connection, operator_id, station_id)
                }
                for place, row in enumerate(told):
                    if row in asked and row.monitor_id is not None:
                        told[place] = _with_severity(row, known.get(row.monitor_id))
            rows.save_events(connection, told)

        await self._context.store.write(unit)
        self._variables.seen(state, [_value(item) for item in _newest(said.events)])
        for status in _statuses(said.events):
            place = (status.evse_id, status.connector_id)
            state.heard_statuses[place] = (status.status, self._context.clock.time())
            await self._status(state, status)
        return Acknowledged()


def _is_of_all(question: object) -> bool:
    return isinstance(question, GetMonitoringReport) and not (question.criteria or question.variables)


def _row(asked: Monitor, monitor_id: int, now: datetime) -> MonitorRow:
    of = asked.variable
    return MonitorRow(
        monitor_id=monitor_id,
        component=of.component,
        variable=of.variable or "",
        component_instance=of.component_instance,
        variable_instance=of.variable_instance,
        evse_id=of.evse_id,
        connector_id=of.connector_id,
        kind=asked.kind,
        value=asked.value,
        severity=asked.severity,
        in_transaction_only=asked.in_transaction_only,
        seen_at=now,
    )


def _event(state: StationState, said: VariableEvent, now: datetime) -> EventRow:
    ref = said.ref
    return EventRow(
        operator_id=state.operator_id,
        station_id=state.station_id,
        event_id=said.event_id,
        at=said.at,
        received_at=now,
        trigger=said.trigger,
        kind=said.kind,
        component=ref.component,
        variable=ref.variable,
        component_instance=ref.component_instance,
        variable_instance=ref.variable_instance,
        evse_id=ref.evse_id,
        connector_id=ref.connector_id,
        value=None if is_secret(ref) else said.value,
        severity=said.severity,
        monitor_id=said.monitor_id,
        cause=said.cause,
        cleared=said.cleared,
        alarm=said.trigger == "Alerting" and not said.cleared,
        tech_code=said.tech_code,
        tech_info=said.tech_info,
        station_transaction_id=said.station_transaction_id,
    )


def _with_severity(row: EventRow, severity: int | None) -> EventRow:
    return replace(row, severity=severity)


def _newest(events: Iterable[VariableEvent]) -> Iterable[VariableEvent]:
    """The last word on each variable; a write-only one has none (N07.FR.10)."""
    last: dict[VariableRef, VariableEvent] = {}
    for item in sorted(events, key=lambda item: item.at):
        if item.value:
            last[item.ref] = item
    return last.values()


def _value(said: VariableEvent) -> VariableValue:
    return VariableValue(ref=said.ref, value=said.value)


def _statuses(events: Iterable[VariableEvent]) -> Iterable[Status]:
    for item in _newest(events):
        ref = item.ref
        if (ref.component, ref.variable) != ("Connector", "AvailabilityState") or not ref.evse_id:
            continue
        if item.value in _STATUSES:
            yield Status(
                evse_id=ref.evse_id,
                connector_id=ref.connector_id or 1,
                status=item.value,  # type: ignore[arg-type]
                at=item.at,
            )
