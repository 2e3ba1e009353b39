"""What a 2.0.1 or 2.1 station says, in the vocabulary. Actions without a reader are notices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from zlib import crc32

from ...model.station import IdToken, StationInfo
from ..vocabulary import (
    Authorize,
    Boot,
    FromStation,
    Heartbeat,
    Metered,
    Status,
    TransactionMessage,
    VendorData,
)
from .samples import LAST_INTEGER, identifier, readings_2, register_wh, utc
from .v2_certificates import proof_of

ANONYMOUS = "NoAuthorization"
"""Token type of a start that nobody had to authorise: there is no token to look up."""


def _boot(payload: Any, raw: bytes) -> Boot:
    station = payload.chargingStation
    return Boot(
        info=StationInfo(
            vendor=station.vendorName,
            model=station.model,
            serial=station.serialNumber or "",
            firmware=station.firmwareVersion or "",
        ),
        reason=payload.reason,
    )


def _transaction(payload: Any, raw: bytes) -> TransactionMessage:
    info = payload.transactionInfo
    readings = readings_2(payload.meterValue or ())
    evse = payload.evse
    phase = payload.eventType
    at = utc(payload.timestamp)
    return TransactionMessage(
        phase=phase,
        station_transaction_id=info.transactionId,
        evse_id=None if evse is None else identifier(evse.id),
        connector_id=None if evse is None else identifier(evse.connectorId),
        token=_token(payload.idToken),
        anonymous=payload.idToken is not None and payload.idToken.type == ANONYMOUS,
        reservation_id=identifier(payload.reservationId),
        at=at,
        # A number is used once within a transaction (E01); the time, which counts too, knows a station that
        # uses ids again.
        retry_key=f"{info.transactionId}:{payload.seqNo}:{phase}",
        seq_no=payload.seqNo if payload.seqNo <= LAST_INTEGER else None,
        trigger=payload.triggerReason,
        charging_state=info.chargingState,
        register_wh=register_wh(readings, first=phase == "Started"),
        readings=readings,
        stop_reason=(info.stoppedReason or "Local") if phase == "Ended" else info.stoppedReason,
        offline=bool(payload.offline),
        remote_start_id=identifier(info.remoteStartId),
    )


def _token(token: Any) -> IdToken | None:
    if token is None or token.type == ANONYMOUS or not token.idToken:
        return None
    return IdToken(token.idToken, token.type)


def _metered(payload: Any, raw: bytes) -> Metered:
    readings = readings_2(payload.meterValue)
    return Metered(
        evse_id=identifier(payload.evseId) or 0,
        readings=readings,
        at=max(reading.at for reading in readings),
        retry_key=f"metered:{payload.evseId}:{crc32(raw):x}",
    )


READERS: dict[str, Callable[[Any, bytes], FromStation]] = {
    "BootNotification": _boot,
    "Heartbeat": lambda payload, raw: Heartbeat(),
    "StatusNotification": lambda payload, raw: Status(
        evse_id=identifier(payload.evseId) or 0,
        connector_id=identifier(payload.connectorId) or 0,
        status=payload.connectorStatus,
        at=utc(payload.timestamp),
    ),
    "Authorize": lambda payload, raw: Authorize(
        token=IdToken(payload.idToken.idToken, payload.idToken.type), contract=proof_of(payload)
    ),
    "TransactionEvent": _transaction,
    "MeterValues": _metered,
    "DataTransfer": lambda payload, raw: VendorData(
        vendor_id=payload.vendorId, message_id=payload.messageId, data=payload.data
    ),
}
