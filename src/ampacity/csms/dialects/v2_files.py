"""Firmware and logs in 2.0.1 and 2.1; the security extension of 1.6 took over the requests as they are."""

from __future__ import annotations

from datetime import datetime
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
from .dialect import Unsupported, WireCall, detail_of, told
from .samples import moment, utc, whole_second
from .words import Words

_TAKEN = ("Accepted", "AcceptedCanceled")


def fetched_at(command: UpdateFirmware) -> datetime:
    """When the firmware is to be fetched. Raises ValueError where nothing says it."""
    if command.retrieve_at is None:
        raise ValueError("an update needs the time at which the firmware is to be fetched")
    return whole_second(command.retrieve_at)


def update_request(wire: Any, request: Any, command: UpdateFirmware) -> Any:
    """The `request` (its type) of `wire` that tells a station to update."""
    return request(
        requestId=command.request_id,
        retries=command.retries,
        retryInterval=command.retry_interval_s,
        firmware=wire.FirmwareType(
            location=command.location,
            retrieveDateTime=fetched_at(command),
            installDateTime=moment(command.install_at),
            signingCertificate=command.signing_certificate,
            signature=command.signature,
        ),
    )


def _update(dialect: Any, command: UpdateFirmware) -> WireCall:
    return "UpdateFirmware", update_request(dialect.wire, dialect.wire.UpdateFirmwareRequest, command)


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
    return log_call(dialect.wire, dialect.version, command)


def log_call(wire: Any, version: str, command: GetLog) -> WireCall:
    """The question for a log in the words of `wire`. Raises Unsupported for a kind that it has not."""
    if command.log_type not in get_args(wire.LogEnumType):
        raise Unsupported(f"OCPP {version} has no {command.log_type}")
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


def update_meaning(request: Any) -> UpdateFirmware:
    """The command that a request to update is."""
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


def log_meaning(request: Any) -> GetLog:
    """The command that a question for a log is."""
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


def update_outcome(command: UpdateFirmware, reply: Any) -> Outcome:
    """What a station makes of an update; it may give another one up for it."""
    return told(reply.status, _TAKEN, detail_of(reply))


def log_outcome(command: GetLog, reply: Any) -> Outcome:
    """What a station makes of the question for a log, and under which name it will bring it."""
    return told(reply.status, _TAKEN, detail_of(reply), LogPromised(file_name=reply.filename or ""))


WORDS = Words(
    calls={
        UpdateFirmware: _update,
        PublishFirmware: _publish,
        UnpublishFirmware: _unpublish,
        GetLog: _log,
    },
    outcomes={
        UpdateFirmware: update_outcome,
        # What is not there is as unpublished as it can be.
        UnpublishFirmware: lambda command, reply: told(reply.status, ("Unpublished", "NoFirmware")),
        GetLog: log_outcome,
    },
    meanings={
        "UpdateFirmware": update_meaning,
        "PublishFirmware": lambda request: PublishFirmware(
            location=request.location,
            checksum=request.checksum,
            retries=request.retries,
            retry_interval_s=request.retryInterval,
            request_id=request.requestId,
        ),
        "UnpublishFirmware": lambda request: UnpublishFirmware(checksum=request.checksum),
        "GetLog": log_meaning,
    },
    readers={
        "FirmwareStatusNotification": lambda said, raw: FirmwareStatus(
            status=said.status, request_id=said.requestId, note=detail_of(said)
        ),
        "PublishFirmwareStatusNotification": lambda said, raw: PublishStatus(
            status=said.status,
            request_id=said.requestId,
            locations=tuple(said.location or ()),
            note=detail_of(said),
        ),
        "LogStatusNotification": lambda said, raw: LogStatus(
            status=said.status, request_id=said.requestId, note=detail_of(said)
        ),
    },
)
