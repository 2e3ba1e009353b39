"""Firmware, diagnostics and logs in 1.6: the plain messages, and those of the security extension where there
is a signature, or a log that plain 1.6 does not know.
"""

from __future__ import annotations

from typing import Any

from ...ocpp.messages import v16 as wire
from ..vocabulary import (
    FirmwareStatus,
    GetLog,
    LogPromised,
    LogStatus,
    Outcome,
    UpdateFirmware,
)
from .dialect import Unsupported, WireCall, told
from .samples import moment, utc
from .v2_files import (
    fetched_at,
    log_call,
    log_meaning,
    log_outcome,
    update_meaning,
    update_outcome,
    update_request,
)
from .words import Words


def _update(dialect: Any, command: UpdateFirmware) -> WireCall:
    if command.signature is not None and command.signing_certificate is not None:
        return "SignedUpdateFirmware", update_request(wire, wire.SignedUpdateFirmwareRequest, command)
    retrieve_at = fetched_at(command)
    if command.install_at is not None:
        raise Unsupported("OCPP 1.6 can't plan the installation of firmware that is not signed")
    return "UpdateFirmware", wire.UpdateFirmwareRequest(
        location=command.location,
        retrieveDate=retrieve_at,
        retries=command.retries,
        retryInterval=command.retry_interval_s,
    )


def _log(dialect: Any, command: GetLog) -> WireCall:
    if command.log_type == "DiagnosticsLog":
        return "GetDiagnostics", wire.GetDiagnosticsRequest(
            location=command.location,
            retries=command.retries,
            retryInterval=command.retry_interval_s,
            startTime=moment(command.oldest),
            stopTime=moment(command.latest),
        )
    return log_call(wire, "1.6", command)


def _diagnostics_meaning(request: Any) -> GetLog:
    return GetLog(
        log_type="DiagnosticsLog",
        location=request.location,
        oldest=None if request.startTime is None else utc(request.startTime),
        latest=None if request.stopTime is None else utc(request.stopTime),
    )


def _updating(command: UpdateFirmware, reply: Any) -> Outcome:
    if isinstance(reply, wire.UpdateFirmwareResponse):
        return told("Accepted")  # it has no words: what becomes of the update is in the notifications
    return update_outcome(command, reply)


def _logging(command: GetLog, reply: Any) -> Outcome:
    if isinstance(reply, wire.GetDiagnosticsResponse):
        if not reply.fileName:
            return Outcome(result="rejected", status="NoFile", detail="the station has no such diagnostics")
        return told("Accepted", data=LogPromised(file_name=reply.fileName))
    return log_outcome(command, reply)


WORDS = Words(
    calls={UpdateFirmware: _update, GetLog: _log},
    outcomes={UpdateFirmware: _updating, GetLog: _logging},
    meanings={
        "UpdateFirmware": lambda request: UpdateFirmware(
            location=request.location,
            retrieve_at=utc(request.retrieveDate),
            retries=request.retries,
            retry_interval_s=request.retryInterval,
        ),
        "SignedUpdateFirmware": update_meaning,
        "GetDiagnostics": _diagnostics_meaning,
        "GetLog": log_meaning,
    },
    readers={
        "FirmwareStatusNotification": lambda said, raw: FirmwareStatus(status=said.status),
        "SignedFirmwareStatusNotification": lambda said, raw: FirmwareStatus(
            status=said.status, request_id=said.requestId, signed=True
        ),
        "DiagnosticsStatusNotification": lambda said, raw: LogStatus(status=said.status, diagnostics=True),
        "LogStatusNotification": lambda said, raw: LogStatus(status=said.status, request_id=said.requestId),
    },
)
