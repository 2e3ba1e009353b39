"""Firmware and logs in 2.0.1 and 2.1."""

from __future__ import annotations

from typing import Any, get_args

from ..vocabulary import (
    FirmwareStatus,
    GetLog,
    LogPromised,
    LogStatus,
    Outcome,
    PublishFirmware,
    PublishStatus,
    UnpublishFirmware,
    UpdateFirmware,
)
from .dialect import Unsupported, WireCall, told
from .samples import moment, utc, whole_second
from .words import Words


def _update(dialect: Any, command: UpdateFirmware) -> WireCall:
    if command.retrieve_at is None:
        raise ValueError("an update needs the time at which the firmware is to be fetched")
    return "UpdateFirmware", dialect.wire.UpdateFirmwareRequest(
        requestId=command.request_id,
        retries=command.retries,
        retryInterval=command.retry_interval_s,
        firmware=dialect.wire.FirmwareType(
            location=command.location,
            retrieveDateTime=whole_second(command.retrieve_at),
            installDateTime=moment(command.install_at),
            signingCertificate=command.signing_certificate,
            signature=command.signature,
        ),
    )


def _publish(dialect: Any, command: PublishFirmware) -> WireCall:
    return "PublishFirmware", dialect.wire.PublishFirmwareRequest(
        location=command.location,
        checksum=command.checksum,
        requestId=command.request_id,
        retries=command.retries,
        retryInterval=command.retry_interval_s,
    )


def _unpublish(dialect: Any, command: UnpublishFirmware) -> WireCall:
    return "UnpublishFirmware", dialect.wire.UnpublishFirmwareRequest(checksum=command.checksum)


def _log(dialect: Any, command: GetLog) -> WireCall:
    wire = dialect.wire
    if command.log_type not in get_args(wire.LogEnumType):
        raise Unsupported(f"OCPP {dialect.version} has no {command.log_type}")
    return "GetLog", wire.GetLogRequest(
        logType=command.log_type,
        requestId=command.request_id,
        retries=command.retries,
        retryInterval=command.retry_interval_s,
        log=wire.LogParametersType(
            remoteLocation=command.location,
            oldestTimestamp=moment(command.oldest),
            latestTimestamp=moment(command.latest),
        ),
    )


def _update_meaning(request: Any) -> UpdateFirmware:
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


def _log_meaning(request: Any) -> GetLog:
    log = request.log
    return GetLog(
        log_type=request.logType,
        location=log.remoteLocation,
        oldest=None if log.oldestTimestamp is None else utc(log.oldestTimestamp),
        latest=None if log.latestTimestamp is None else utc(log.latestTimestamp),
        retries=request.retries,
        retry_interval_s=request.retryInterval,
        request_id=request.requestId,
    )


def _why(reply: Any) -> str:
    info = reply.statusInfo
    if info is None:
        return ""
    return f"{info.reasonCode}: {info.additionalInfo}" if info.additionalInfo else str(info.reasonCode)


def _said_beside(said: Any) -> str:
    """The reason that 2.1 has for a word; 2.0.1 has no place for one."""
    return _why(said) if "statusInfo" in said.__struct_fields__ else ""


def _logging(command: GetLog, reply: Any) -> Outcome:
    return told(
        reply.status,
        ("Accepted", "AcceptedCanceled"),
        _why(reply),
        LogPromised(file_name=reply.filename or ""),
    )


WORDS = Words(
    calls={
        UpdateFirmware: _update,
        PublishFirmware: _publish,
        UnpublishFirmware: _unpublish,
        GetLog: _log,
    },
    outcomes={
        UpdateFirmware: lambda command, reply: told(
            reply.status, ("Accepted", "AcceptedCanceled"), _why(reply)
        ),
        PublishFirmware: lambda command, reply: told(reply.status, detail=_why(reply)),
        # What is not there is as unpublished as it can be.
        UnpublishFirmware: lambda command, reply: told(reply.status, ("Unpublished", "NoFirmware")),
        GetLog: _logging,
    },
    meanings={
        "UpdateFirmware": _update_meaning,
        "PublishFirmware": lambda request: PublishFirmware(
            location=request.location,
            checksum=request.checksum,
            retries=request.retries,
            retry_interval_s=request.retryInterval,
            request_id=request.requestId,
        ),
        "UnpublishFirmware": lambda request: UnpublishFirmware(checksum=request.checksum),
        "GetLog": _log_meaning,
    },
    readers={
        "FirmwareStatusNotification": lambda said, raw: FirmwareStatus(
            status=said.status, request_id=said.requestId, note=_said_beside(said)
        ),
        "PublishFirmwareStatusNotification": lambda said, raw: PublishStatus(
            status=said.status,
            request_id=said.requestId,
            locations=tuple(said.location or ()),
            note=_said_beside(said),
        ),
        "LogStatusNotification": lambda said, raw: LogStatus(
            status=said.status, request_id=said.requestId, note=_said_beside(said)
        ),
    },
)
