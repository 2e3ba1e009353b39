"""Reports of the device model, in the words of 2.0.1 and 2.1."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..vocabulary import (
    ComponentVariable,
    GetBaseReport,
    GetReport,
    Outcome,
    ReportedVariable,
    ReportPart,
    Traits,
)
from .dialect import WireCall, detail_of, told
from .v2_core import ref_of
from .words import Words

WORDS_OF_INVENTORIES = ("Accepted", "EmptyResultSet")
"""An empty report is an answer, too: nothing meets what was asked for."""


def _base_report(dialect: Any, command: GetBaseReport) -> WireCall:
    return "GetBaseReport", dialect.wire.GetBaseReportRequest(
        requestId=command.request_id, reportBase=command.base
    )


def _report(dialect: Any, command: GetReport) -> WireCall:
    return "GetReport", dialect.wire.GetReportRequest(
        requestId=command.request_id,
        componentCriteria=list(command.criteria) or None,
        componentVariable=component_variables(dialect, command.variables),
    )


def component_variables(dialect: Any, variables: Iterable[ComponentVariable]) -> list[Any] | None:
    """Components and variables as the wire names them; None for none."""
    wire = dialect.wire
    made = [
        wire.ComponentVariableType(
            component=component_of(dialect, item),
            variable=None
            if item.variable is None
            else wire.VariableType(name=item.variable, instance=item.variable_instance),
        )
        for item in variables
    ]
    return made or None


def component_of(dialect: Any, item: ComponentVariable) -> Any:
    """A component as the wire names it."""
    wire = dialect.wire
    evse = None if item.evse_id is None else wire.EVSEType(id=item.evse_id, connectorId=item.connector_id)
    return wire.ComponentType(name=item.component, instance=item.component_instance, evse=evse)


def component_variable_of(component: Any, variable: Any) -> ComponentVariable:
    """The inverse: what a wire component and variable (or None) name."""
    evse = component.evse
    return ComponentVariable(
        component=component.name,
        variable=None if variable is None else variable.name,
        component_instance=component.instance,
        variable_instance=None if variable is None else variable.instance,
        evse_id=None if evse is None else evse.id,
        connector_id=None if evse is None else evse.connectorId,
    )


def asked_of(request: Any) -> tuple[ComponentVariable, ...]:
    """The components and variables that a request names."""
    return tuple(
        component_variable_of(item.component, item.variable) for item in request.componentVariable or ()
    )


def report_outcome(command: Any, reply: Any) -> Outcome:
    """Accepted means that parts follow; an empty result is accepted, and none do."""
    return told(reply.status, WORDS_OF_INVENTORIES, detail_of(reply))


def _means_report(request: Any) -> GetReport:
    return GetReport(
        criteria=tuple(request.componentCriteria or ()),
        variables=asked_of(request),
        request_id=request.requestId,
    )


def _read_report(payload: Any, raw: bytes) -> ReportPart:
    return ReportPart(
        request_id=payload.requestId,
        seq_no=payload.seqNo,
        to_be_continued=bool(payload.tbc),
        variables=tuple(_reported(payload.reportData or ())),
    )


def _reported(items: Iterable[Any]) -> Iterable[ReportedVariable]:
    for item in items:
        kind = item.variableCharacteristics
        for attribute in item.variableAttribute:
            yield ReportedVariable(
                ref=ref_of(item.component, item.variable, attribute.type),
                value=attribute.value,
                traits=Traits(
                    # The standard's defaults, where a station leaves them out.
                    mutability=attribute.mutability or "ReadWrite",
                    persistent=bool(attribute.persistent),
                    constant=bool(attribute.constant),
                    data_type=None if kind is None else kind.dataType,
                    unit=None if kind is None else kind.unit,
                    min_limit=None if kind is None else kind.minLimit,
                    max_limit=None if kind is None else kind.maxLimit,
                    values_list=None if kind is None else kind.valuesList,
                    supports_monitoring=None if kind is None else kind.supportsMonitoring,
                ),
            )


DEVICE_MODEL = Words(
    calls={GetBaseReport: _base_report, GetReport: _report},
    outcomes={GetBaseReport: report_outcome, GetReport: report_outcome},
    meanings={
        "GetBaseReport": lambda request: GetBaseReport(base=request.reportBase, request_id=request.requestId),
        "GetReport": _means_report,
    },
    readers={"NotifyReport": _read_report},
)
