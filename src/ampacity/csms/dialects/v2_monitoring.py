"""Monitors, events and customer information, in the words of 2.0.1 and 2.1."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...model.station import IdToken
from ..vocabulary import (
    CertificateHash,
    ClearVariableMonitoring,
    CustomerInformation,
    CustomerPart,
    Events,
    GetMonitoringReport,
    Monitor,
    MonitorPart,
    MonitorResult,
    Outcome,
    SetMonitoringBase,
    SetMonitoringLevel,
    SetVariableMonitoring,
    VariableEvent,
)
from .dialect import WireCall
from .samples import utc
from .v2_core import ref_of
from .v2_device_model import (
    asked_of,
    component_of,
    component_variable_of,
    component_variables,
    report_outcome,
)
from .words import Words


def _base(dialect: Any, command: SetMonitoringBase) -> WireCall:
    return "SetMonitoringBase", dialect.wire.SetMonitoringBaseRequest(monitoringBase=command.base)


def _level(dialect: Any, command: SetMonitoringLevel) -> WireCall:
    return "SetMonitoringLevel", dialect.wire.SetMonitoringLevelRequest(severity=command.severity)


def _set(dialect: Any, command: SetVariableMonitoring) -> WireCall:
    wire = dialect.wire
    data = []
    for item in command.monitors:
        if item.variable.variable is None:
            raise ValueError(
                f"a monitor of component {item.variable.component!r} names no variable: name the one to watch"
            )
        data.append(
            wire.SetMonitoringDataType(
                id=item.monitor_id,
                transaction=True if item.in_transaction_only else None,
                value=item.value,
                type=item.kind,
                severity=item.severity,
                component=component_of(dialect, item.variable),
                variable=wire.VariableType(
                    name=item.variable.variable, instance=item.variable.variable_instance
                ),
            )
        )
    return "SetVariableMonitoring", wire.SetVariableMonitoringRequest(setMonitoringData=data)


def _clear(dialect: Any, command: ClearVariableMonitoring) -> WireCall:
    return "ClearVariableMonitoring", dialect.wire.ClearVariableMonitoringRequest(
        id=list(command.monitor_ids)
    )


def _report(dialect: Any, command: GetMonitoringReport) -> WireCall:
    return "GetMonitoringReport", dialect.wire.GetMonitoringReportRequest(
        requestId=command.request_id,
        monitoringCriteria=list(command.criteria) or None,
        componentVariable=component_variables(dialect, command.variables),
    )


def _customer(dialect: Any, command: CustomerInformation) -> WireCall:
    wire = dialect.wire
    token, certificate = command.token, command.certificate
    return "CustomerInformation", wire.CustomerInformationRequest(
        requestId=command.request_id,
        report=command.report,
        clear=command.clear,
        idToken=None if token is None else wire.IdTokenType(idToken=token.value, type=token.kind),
        customerIdentifier=command.identifier,
        customerCertificate=None
        if certificate is None
        else wire.CertificateHashDataType(
            hashAlgorithm=certificate.algorithm,
            issuerNameHash=certificate.issuer_name_hash,
            issuerKeyHash=certificate.issuer_key_hash,
            serialNumber=certificate.serial_number,
        ),
    )


# ---------------------------------------------------------------- outcomes


def _each(results: Sequence[Any]) -> Outcome:
    values = [
        MonitorResult(
            monitor_id=result.id,
            status=result.status,
            detail="" if result.statusInfo is None else result.statusInfo.reasonCode,
        )
        for result in results
    ]
    good = all(value.status == "Accepted" for value in values)
    word = values[0].status if len(values) == 1 else "Accepted" if good else "Partial"
    return Outcome(result="accepted" if good else "rejected", status=word, data=values)


def _set_outcome(command: SetVariableMonitoring, reply: Any) -> Outcome:
    """Results in the order of what was asked: a station may answer in another one (N04.FR.02)."""
    results = list(reply.setMonitoringResult)
    ordered = []
    for asked in command.monitors:
        place = next(
            (number for number, result in enumerate(results) if _is_about(result, asked)), 0
        )  # a station that names them otherwise: in its order
        if results:
            ordered.append(results.pop(place))
    return _each(ordered + results)


def _is_about(result: Any, asked: Monitor) -> bool:
    return (result.type, result.severity) == (asked.kind, asked.severity) and (
        component_variable_of(result.component, result.variable) == asked.variable
    )


# ---------------------------------------------------------------- meanings


def _means_set(request: Any) -> SetVariableMonitoring | None:
    if any(not 0 <= item.severity <= 9 for item in request.setMonitoringData):
        return None  # the station will say so
    return SetVariableMonitoring(
        monitors=tuple(
            Monitor(
                variable=component_variable_of(item.component, item.variable),
                kind=item.type,
                value=item.value,
                severity=item.severity,
                in_transaction_only=bool(item.transaction),
                monitor_id=item.id,
            )
            for item in request.setMonitoringData
        )
    )


def _means_report(request: Any) -> GetMonitoringReport:
    return GetMonitoringReport(
        criteria=tuple(request.monitoringCriteria or ()),
        variables=asked_of(request),
        request_id=request.requestId,
    )


def _means_customer(request: Any) -> CustomerInformation | None:
    token, certificate = request.idToken, request.customerCertificate
    try:
        return CustomerInformation(
            report=request.report,
            clear=request.clear,
            token=None if token is None else IdToken(token.idToken, token.type),
            identifier=request.customerIdentifier,
            certificate=None
            if certificate is None
            else CertificateHash(
                algorithm=certificate.hashAlgorithm,
                issuer_name_hash=certificate.issuerNameHash,
                issuer_key_hash=certificate.issuerKeyHash,
                serial_number=certificate.serialNumber,
            ),
            request_id=request.requestId,
        )
    except ValueError:
        return None  # against the standard, and so is what comes of it


# ---------------------------------------------------------------- what stations say


def _read_monitors(payload: Any, raw: bytes) -> MonitorPart:
    return MonitorPart(
        request_id=payload.requestId,
        seq_no=payload.seqNo,
        to_be_continued=bool(payload.tbc),
        monitors=tuple(
            Monitor(
                variable=component_variable_of(item.component, item.variable),
                kind=monitor.type,
                value=monitor.value,
                severity=monitor.severity,
                in_transaction_only=monitor.transaction,
                monitor_id=monitor.id,
            )
            for item in payload.monitor or ()
            for monitor in item.variableMonitoring
        ),
    )


def _read_events(payload: Any, raw: bytes) -> Events:
    return Events(
        events=tuple(
            VariableEvent(
                event_id=item.eventId,
                at=utc(item.timestamp),
                trigger=item.trigger,
                kind=item.eventNotificationType,
                ref=ref_of(item.component, item.variable, None),
                value=item.actualValue,
                severity=getattr(item, "severity", None),  # 2.1 tells it
                monitor_id=item.variableMonitoringId,
                cause=item.cause,
                cleared=bool(item.cleared),
                tech_code=item.techCode,
                tech_info=item.techInfo,
                station_transaction_id=item.transactionId,
            )
            for item in payload.eventData
        )
    )


def _read_customer(payload: Any, raw: bytes) -> CustomerPart:
    return CustomerPart(
        request_id=payload.requestId,
        seq_no=payload.seqNo,
        to_be_continued=bool(payload.tbc),
        data=payload.data,
    )


MONITORING = Words(
    calls={
        SetMonitoringBase: _base,
        SetMonitoringLevel: _level,
        SetVariableMonitoring: _set,
        ClearVariableMonitoring: _clear,
        GetMonitoringReport: _report,
        CustomerInformation: _customer,
    },
    outcomes={
        SetVariableMonitoring: _set_outcome,
        ClearVariableMonitoring: lambda command, reply: _each(reply.clearMonitoringResult),
        GetMonitoringReport: report_outcome,
    },
    meanings={
        "SetMonitoringBase": lambda request: SetMonitoringBase(base=request.monitoringBase),
        "SetMonitoringLevel": lambda request: SetMonitoringLevel(severity=request.severity),
        "SetVariableMonitoring": _means_set,
        "ClearVariableMonitoring": lambda request: ClearVariableMonitoring(monitor_ids=tuple(request.id)),
        "GetMonitoringReport": _means_report,
        "CustomerInformation": _means_customer,
    },
    readers={
        "NotifyMonitoringReport": _read_monitors,
        "NotifyEvent": _read_events,
        "NotifyCustomerInformation": _read_customer,
    },
)
