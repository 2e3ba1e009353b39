"""What a 2.0.1 or 2.1 station says, in the vocabulary. Actions without a reader are notices."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ...model.station import IdToken, MeterReading, StationInfo
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
from .samples import register_wh, sample, utc

ANONYMOUS = "NoAuthorization"
"""Token type of a start that nobody had to authorise: there is no token to look up."""


def _boot(payload: Any) -> Boot:
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


def _transaction(payload: Any) -> TransactionMessage:
    info = payload.transactionInfo
    readings = read(payload.meterValue or ())
    evse = payload.evse
    phase = payload.eventType
    at = utc(payload.timestamp)
    return TransactionMessage(
        phase=phase,
        station_transaction_id=info.transactionId,
        evse_id=None if evse is None else evse.id,
        connector_id=None if evse is None else evse.connectorId,
        token=_token(payload.idToken),
        at=at,
        # A number is used once within a transaction (E01); the time tells a station apart that uses ids
        # again.
        retry_key=f"{info.transactionId}:{payload.seqNo}:{phase}:{at.timestamp():.3f}",
        seq_no=payload.seqNo,
        trigger=payload.triggerReason,
        charging_state=info.chargingState,
        register_wh=register_wh(readings, first=phase == "Started"),
        readings=readings,
        stop_reason=(info.stoppedReason or "Local") if phase == "Ended" else info.stoppedReason,
        offline=bool(payload.offline),
        remote_start_id=info.remoteStartId,
    )


def _token(token: Any) -> IdToken | None:
    if token is None or token.type == ANONYMOUS or not token.idToken:
        return None
    return IdToken(token.idToken, token.type)


def read(values: Sequence[Any]) -> tuple[MeterReading, ...]:
    """Meter values as readings."""
    readings = []
    for value in values:
        samples = []
        for item in value.sampledValue:
            unit = item.unitOfMeasure
            made = sample(
                item.value,
                measurand=item.measurand,
                unit=None if unit is None else unit.unit,
                multiplier=0 if unit is None else unit.multiplier or 0,
                phase=item.phase,
                context=item.context,
                location=item.location,
            )
            if made is not None:
                samples.append(made)
        readings.append(MeterReading(utc(value.timestamp), tuple(samples)))
    return tuple(readings)


READERS: dict[str, Callable[[Any], FromStation]] = {
    "BootNotification": _boot,
    "Heartbeat": lambda payload: Heartbeat(),
    "StatusNotification": lambda payload: Status(
        evse_id=payload.evseId,
        connector_id=payload.connectorId,
        status=payload.connectorStatus,
        at=utc(payload.timestamp),
    ),
    "Authorize": lambda payload: Authorize(token=IdToken(payload.idToken.idToken, payload.idToken.type)),
    "TransactionEvent": _transaction,
    "MeterValues": lambda payload: Metered(evse_id=payload.evseId, readings=read(payload.meterValue)),
    "DataTransfer": lambda payload: VendorData(
        vendor_id=payload.vendorId, message_id=payload.messageId, data=payload.data
    ),
}
