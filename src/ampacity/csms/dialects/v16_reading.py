"""What a 1.6 station says, in the vocabulary: one reader an action. Actions without a reader are notices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from zlib import crc32

from ...model.station import IdToken, StationInfo
from ..vocabulary import (
    NO_TIME,
    Authorize,
    Boot,
    FromStation,
    Heartbeat,
    Metered,
    Status,
    TransactionMessage,
    VendorData,
)
from . import v16_pnc as pnc
from .samples import believable_wh, identifier, readings_16, register_wh, utc


def _boot(payload: Any, raw: bytes) -> Boot:
    return Boot(
        info=StationInfo(
            vendor=payload.chargePointVendor,
            model=payload.chargePointModel,
            serial=payload.chargePointSerialNumber or payload.chargeBoxSerialNumber or "",
            firmware=payload.firmwareVersion or "",
        )
    )


def _status(payload: Any, raw: bytes) -> Status:
    error = "" if payload.errorCode == "NoError" else payload.errorCode
    more = " ".join(part for part in (payload.vendorErrorCode, payload.info) if part)
    return Status(
        evse_id=identifier(payload.connectorId) or 0,
        connector_id=1 if payload.connectorId else 0,
        status=payload.status,
        error=f"{error}: {more}" if error and more else error or more,
        at=None if payload.timestamp is None else utc(payload.timestamp),
    )


def _start(payload: Any, raw: bytes) -> TransactionMessage:
    at = utc(payload.timestamp)
    return TransactionMessage(
        phase="Started",
        station_transaction_id=None,
        evse_id=identifier(payload.connectorId) or 0,
        connector_id=1,
        token=IdToken(payload.idTag),
        at=at,
        retry_key=f"start:{payload.connectorId}:{payload.idTag.casefold()}:{payload.meterStart}",
        trigger="Authorized",
        register_wh=believable_wh(payload.meterStart),
        reservation_id=identifier(payload.reservationId),
    )


def _stop(payload: Any, raw: bytes) -> TransactionMessage:
    at = utc(payload.timestamp)
    readings = readings_16(payload.transactionData or ())
    name = str(payload.transactionId)
    if payload.transactionId <= 0:
        # A station that never got its id stops with 0 or -1, time and again: those are different
        # transactions.
        name += f"@{at.timestamp():.3f}/{payload.meterStop}"
    return TransactionMessage(
        phase="Ended",
        station_transaction_id=name,
        evse_id=None,
        connector_id=None,
        token=IdToken(payload.idTag) if payload.idTag else None,
        at=at,
        retry_key=f"stop:{name}",
        register_wh=believable_wh(payload.meterStop),
        readings=readings,
        stop_reason=payload.reason or "Local",
    )


def _meter(payload: Any, raw: bytes) -> TransactionMessage | Metered:
    readings = readings_16(payload.meterValue)
    at = readings[0].at if len(readings) == 1 else max((reading.at for reading in readings), default=NO_TIME)
    # Two messages of one instant are told apart by their text.
    digest = crc32(raw)
    wire_id = payload.transactionId
    if wire_id is None or wire_id <= 0:
        key = f"metered:{payload.connectorId}:{digest:x}"
        return Metered(evse_id=identifier(payload.connectorId) or 0, readings=readings, at=at, retry_key=key)
    return TransactionMessage(
        phase="Updated",
        station_transaction_id=str(wire_id),
        evse_id=identifier(payload.connectorId) or None,
        connector_id=1 if payload.connectorId else None,
        token=None,
        at=at,
        retry_key=f"meter:{wire_id}:{digest:x}",
        trigger="MeterValuePeriodic",
        register_wh=register_wh(readings, first=False),
        readings=readings,
    )


def _transfer(payload: Any, raw: bytes) -> FromStation:
    return pnc.understand(payload) or VendorData(
        vendor_id=payload.vendorId, message_id=payload.messageId, data=payload.data
    )


READERS: dict[str, Callable[[Any, bytes], FromStation]] = {
    "BootNotification": _boot,
    "Heartbeat": lambda payload, raw: Heartbeat(),
    "StatusNotification": _status,
    "Authorize": lambda payload, raw: Authorize(token=IdToken(payload.idTag)),
    "StartTransaction": _start,
    "StopTransaction": _stop,
    "MeterValues": _meter,
    "DataTransfer": _transfer,
}
