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
from .samples import moment, utc, whole_second
from .words import Words


def _update(dialect: Any, command: UpdateFirmware) -> WireCall:
    if command.retrieve_at is None:
        raise ValueError("an update needs the time at which the firmware is to be fetched")
    if command.signature is not None and command.signing_certificate is not None:
        return "SignedUpdateFirmware", wire.SignedUpdateFirmwareRequest(
            requestId=command.request_id,
            retries=command.retries,
            retryInterval=command.retry_interval_s,
            firmware=wire.FirmwareType(
                location=command.location,
                retrieveDateTime=whole_second(command.retrieve_at),
                installDateTime=moment(command.install_at),
                signingCertificate=command.signing_certificate,
                signature=command.signature,
            ),
        )
    if command.install_at is not None:
        raise Unsupported("OCPP 1.6 can't plan the installation of firmware that is not signed")
    return "UpdateFirmware", wire.UpdateFirmwareRequest(
        location=command.location,
        retrieveDate=whole_second(command.retrieve_at),
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
    if command.log_type != "SecurityLog":
        raise Unsupported(f"OCPP 1.6 has no {command.log_type}")
    return "GetLog", wire.GetLogRequest(
        logType="SecurityLog",
        requestId=command.request_id,
        retries=command.retries,
        retryInterval=command.retry_interval_s,
        log=wire.LogParametersType(
            remoteLocation=command.location,
            oldestTimestamp=moment(command.oldest),
            latestTimestamp=moment(command.latest),
        ),
    )


def _signed_meaning(request: Any) -> UpdateFirmware:
    firmware = request.firmware
    return UpdateFirmware(
        location=firmware.location,
        retrieve_at=utc(firmware.retrieveDateTime),
        install_at=None if firmware.installDateTime is None else utc(firmware.installDateTime),
        signing_certificate=firmware.signingCertificate,
        signature=firmware.signature,
        retries=request.retries,
        retry_interval_s=request.retryInterval,
        request_id=request.requestId,
    )


def _diagnostics_meaning(request: Any) -> GetLog:
    return GetLog(
        log_type="DiagnosticsLog",
        location=request.location,
        oldest=None if request.startTime is None else utc(request.startTime),
        latest=None if request.stopTime is None else utc(request.stopTime),
    )


def _updating(command: UpdateFirmware, reply: Any) -> Outcome:
    # Plain 1.6 answers with nothing: what becomes of it is in the notifications.
    return told(getattr(reply, "status", "Accepted"), ("Accepted", "AcceptedCanceled"))


def _logging(command: GetLog, reply: Any) -> Outcome:
    if isinstance(reply, wire.GetDiagnosticsResponse):
        if not reply.fileName:
            return Outcome(result="rejected", status="NoFile", detail="the station has no such diagnostics")
        return told("Accepted", data=LogPromised(file_name=reply.fileName))
    return told(
        reply.status, ("Accepted", "AcceptedCanceled"), data=LogPromised(file_name=reply.filename or "")
    )


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
        "SignedUpdateFirmware": _signed_meaning,
        "GetDiagnostics": _diagnostics_meaning,
        "GetLog": lambda request: GetLog(
            log_type=request.logType,
            location=request.log.remoteLocation,
            oldest=None if request.log.oldestTimestamp is None else utc(request.log.oldestTimestamp),
            latest=None if request.log.latestTimestamp is None else utc(request.log.latestTimestamp),
            retries=request.retries,
            retry_interval_s=request.retryInterval,
            request_id=request.requestId,
        ),
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
