"""OCPP 1.6 and the vocabulary.

1.6 has connectors only: connectorId n is EVSE n, connector 1; 0 is the station. Its variables are
configuration keys (component `OCPP16`), its transaction ids are given by us, its idTags are case-insensitive.
One key is written a message.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, get_args

import msgspec
from msgspec import Struct

from ...model.station import IdToken, MeterReading, StationInfo
from ...ocpp.messages import v16 as wire
from ..link import CallFailed
from ..vocabulary import (
    Answer,
    AuthorizationAnswer,
    Authorize,
    Boot,
    BootAnswer,
    ChangeAvailability,
    ClearProfile,
    Command,
    CompositeSchedule,
    FromStation,
    GetCompositeSchedule,
    GetVariables,
    Heartbeat,
    HeartbeatAnswer,
    Metered,
    Notice,
    Outcome,
    Profile,
    RequestStart,
    RequestStop,
    Reset,
    SchedulePeriod,
    SendVendorData,
    SetProfile,
    SetVariables,
    Status,
    TransactionAnswer,
    TransactionMessage,
    Trigger,
    Unlock,
    VariableRef,
    VariableValue,
    VendorAnswer,
    VendorData,
)
from .dialect import Reply, Unsupported, WireCall, told
from .samples import register_wh, sample, utc, whole_second

KEYS = "OCPP16"
"""Component of the configuration keys."""

_STATUSES = {
    "Accepted": "Accepted",
    "Blocked": "Blocked",
    "ConcurrentTx": "ConcurrentTx",
    "Expired": "Expired",
    "NoCredit": "Blocked",
    "NotAllowedTypeEVSE": "Blocked",
    "NotAtThisLocation": "Blocked",
    "NotAtThisTime": "Blocked",
    "Invalid": "Invalid",
    "Unknown": "Invalid",
}
"""2.x's verdicts in 1.6's five words."""

_ENUM_TRIGGERS = frozenset(get_args(wire.MessageTrigger))
_EXTENDED_TRIGGERS = frozenset({"LogStatusNotification", "SignChargePointCertificate"})


class Dialect16:
    """OCPP 1.6; see `Dialect`."""

    version = "1.6"
    wanted: tuple[VariableRef, ...] = ()

    # ------------------------------------------------------------ from the station

    def understand(self, action: str, payload: Struct) -> FromStation:
        reader = _READERS.get(action)
        if reader is None:
            return Notice(action=action, content=msgspec.to_builtins(payload))
        return reader(payload)

    def answer(self, action: str, payload: Struct, answer: Answer) -> Struct:
        match answer:
            case BootAnswer():
                return wire.BootNotificationResponse(
                    status=answer.status, currentTime=whole_second(answer.now), interval=answer.interval_s
                )
            case HeartbeatAnswer():
                return wire.HeartbeatResponse(currentTime=whole_second(answer.now))
            case AuthorizationAnswer():
                return wire.AuthorizeResponse(idTagInfo=_tag_info(answer))
            case TransactionAnswer():
                return _transaction_answer(action, answer)
            case VendorAnswer():
                return wire.DataTransferResponse(status=answer.status, data=_text(answer.data))
        if action == "SignCertificate":
            return wire.SignCertificateResponse(status="Rejected")
        if action == "DataTransfer":
            return wire.DataTransferResponse(status="UnknownVendorId")
        return wire.CALLS[action][1]()

    # ------------------------------------------------------------ to the station

    def calls(self, command: Command) -> tuple[WireCall, ...]:
        if isinstance(command, SetVariables):
            return tuple(
                (
                    "ChangeConfiguration",
                    wire.ChangeConfigurationRequest(key=_key(item.ref), value=item.value or ""),
                )
                for item in command.values
            )
        return (_call(command),)

    def outcome(self, command: Command, replies: Sequence[Reply]) -> Outcome:
        if isinstance(command, SetVariables):
            return _changed(command, replies)
        reply: Any = replies[0]
        match command:
            case GetVariables():
                return Outcome(result="accepted", status="Accepted", data=_configuration(reply))
            case GetCompositeSchedule():
                return _composite(reply)
            case ClearProfile():
                # A profile that is not there is as cleared as one can be.
                return told(reply.status, ("Accepted", "Unknown"))
            case ChangeAvailability():
                return told(reply.status, ("Accepted", "Scheduled"))
            case Unlock():
                return told(reply.status, ("Unlocked",))
            case SendVendorData():
                return told(reply.status, data=reply.data)
        return told(reply.status)


# ---------------------------------------------------------------- reading


def _boot(payload: Any) -> Boot:
    return Boot(
        info=StationInfo(
            vendor=payload.chargePointVendor,
            model=payload.chargePointModel,
            serial=payload.chargePointSerialNumber or payload.chargeBoxSerialNumber or "",
            firmware=payload.firmwareVersion or "",
        )
    )


def _status(payload: Any) -> Status:
    error = "" if payload.errorCode == "NoError" else payload.errorCode
    more = " ".join(part for part in (payload.vendorErrorCode, payload.info) if part)
    return Status(
        evse_id=payload.connectorId,
        connector_id=1 if payload.connectorId else 0,
        status=payload.status,
        error=f"{error}: {more}" if error and more else error or more,
        at=None if payload.timestamp is None else utc(payload.timestamp),
    )


def _start(payload: Any) -> TransactionMessage:
    at = utc(payload.timestamp)
    return TransactionMessage(
        phase="Started",
        station_transaction_id=None,
        evse_id=payload.connectorId,
        connector_id=1,
        token=IdToken(payload.idTag),
        at=at,
        retry_key=f"start:{payload.connectorId}:{payload.idTag.casefold()}:{at.timestamp():.3f}:{payload.meterStart}",
        trigger="Authorized",
        register_wh=float(payload.meterStart),
    )


def _stop(payload: Any) -> TransactionMessage:
    at = utc(payload.timestamp)
    readings = _readings(payload.transactionData or ())
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
        register_wh=float(payload.meterStop),
        readings=readings,
        stop_reason=payload.reason or "Local",
    )


def _meter(payload: Any) -> TransactionMessage | Metered:
    readings = _readings(payload.meterValue)
    if payload.transactionId is None or payload.transactionId <= 0:
        return Metered(evse_id=payload.connectorId, readings=readings)
    at = max((reading.at for reading in readings), default=datetime.fromtimestamp(0, UTC))
    digest = hashlib.blake2b(msgspec.json.encode(payload), digest_size=9).hexdigest()
    return TransactionMessage(
        phase="Updated",
        station_transaction_id=str(payload.transactionId),
        evse_id=payload.connectorId or None,
        connector_id=1 if payload.connectorId else None,
        token=None,
        at=at,
        retry_key=f"meter:{payload.transactionId}:{at.timestamp():.3f}:{digest}",
        trigger="MeterValuePeriodic",
        register_wh=register_wh(readings, first=False),
        readings=readings,
    )


def _readings(values: Sequence[Any]) -> tuple[MeterReading, ...]:
    readings = []
    for value in values:
        samples = []
        for item in value.sampledValue:
            if item.format == "SignedData":
                continue
            made = sample(
                item.value,
                measurand=item.measurand,
                unit=item.unit,
                phase=item.phase,
                context=item.context,
                location=item.location,
            )
            if made is not None:
                samples.append(made)
        readings.append(MeterReading(utc(value.timestamp), tuple(samples)))
    return tuple(readings)


_READERS: dict[str, Callable[[Any], FromStation]] = {
    "BootNotification": _boot,
    "Heartbeat": lambda payload: Heartbeat(),
    "StatusNotification": _status,
    "Authorize": lambda payload: Authorize(token=IdToken(payload.idTag)),
    "StartTransaction": _start,
    "StopTransaction": _stop,
    "MeterValues": _meter,
    "DataTransfer": lambda payload: VendorData(
        vendor_id=payload.vendorId, message_id=payload.messageId, data=payload.data
    ),
}


# ---------------------------------------------------------------- answering


def _tag_info(verdict: AuthorizationAnswer) -> wire.IdTagInfo:
    return wire.IdTagInfo(
        status=_STATUSES[verdict.status],  # type: ignore[arg-type]
        expiryDate=None if verdict.expires_at is None else whole_second(verdict.expires_at),
        # A longer group can't be said in 1.6 and is no error of the station's.
        parentIdTag=verdict.group if verdict.group and len(verdict.group) <= 20 else None,
    )


def _transaction_answer(action: str, answer: TransactionAnswer) -> Struct:
    info = None if answer.authorization is None else _tag_info(answer.authorization)
    if action == "StartTransaction":
        return wire.StartTransactionResponse(
            idTagInfo=info or wire.IdTagInfo(status="Accepted"),
            transactionId=int(answer.station_transaction_id),
        )
    if action == "StopTransaction":
        return wire.StopTransactionResponse(idTagInfo=info)
    return wire.MeterValuesResponse()


def _text(data: Any) -> str | None:
    if data is None or isinstance(data, str):
        return data
    return msgspec.json.encode(data).decode()


# ---------------------------------------------------------------- commanding


def _call(command: Command) -> WireCall:
    match command:
        case RequestStart():
            return "RemoteStartTransaction", wire.RemoteStartTransactionRequest(
                connectorId=command.evse_id or None, idTag=command.token.value
            )
        case RequestStop():
            return "RemoteStopTransaction", wire.RemoteStopTransactionRequest(
                transactionId=_transaction_id(command.station_transaction_id)
            )
        case Reset():
            if command.evse_id:
                raise Unsupported("OCPP 1.6 resets the whole station only")
            return "Reset", wire.ResetRequest(type="Hard" if command.kind == "Immediate" else "Soft")
        case Trigger():
            return _trigger(command)
        case Unlock():
            return "UnlockConnector", wire.UnlockConnectorRequest(connectorId=command.evse_id)
        case ChangeAvailability():
            return "ChangeAvailability", wire.ChangeAvailabilityRequest(
                connectorId=command.evse_id, type="Operative" if command.operative else "Inoperative"
            )
        case GetVariables():
            keys = [_key(ref) for ref in command.variables]
            return "GetConfiguration", wire.GetConfigurationRequest(key=keys or None)
        case SetProfile():
            return "SetChargingProfile", wire.SetChargingProfileRequest(
                connectorId=command.evse_id, csChargingProfiles=_profile(command.profile)
            )
        case ClearProfile():
            return "ClearChargingProfile", wire.ClearChargingProfileRequest(id=command.profile_id)
        case GetCompositeSchedule():
            return "GetCompositeSchedule", wire.GetCompositeScheduleRequest(
                connectorId=command.evse_id, duration=command.duration_s, chargingRateUnit=command.unit
            )
        case SendVendorData():
            return "DataTransfer", wire.DataTransferRequest(
                vendorId=command.vendor_id, messageId=command.message_id, data=_text(command.data)
            )
    raise Unsupported(f"OCPP 1.6 has nothing for {type(command).__name__}")


def _trigger(command: Trigger) -> WireCall:
    if command.message in _ENUM_TRIGGERS:
        return "TriggerMessage", wire.TriggerMessageRequest(
            requestedMessage=command.message,  # type: ignore[arg-type]
            connectorId=command.evse_id or None,
        )
    if command.message in _EXTENDED_TRIGGERS:
        return "ExtendedTriggerMessage", wire.ExtendedTriggerMessageRequest(
            requestedMessage=command.message,  # type: ignore[arg-type]
            connectorId=command.evse_id or None,
        )
    raise Unsupported(f"OCPP 1.6 can't trigger {command.message}")


def _key(ref: VariableRef) -> str:
    if ref.component != KEYS:
        raise Unsupported(
            f"OCPP 1.6 has configuration keys (component {KEYS}), no component {ref.component!r}"
        )
    return ref.variable


def _transaction_id(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ValueError(
            f"transaction {text!r} is no OCPP 1.6 transaction: its id is a whole number"
        ) from None


def _profile(profile: Profile) -> wire.ChargingProfile:
    purpose = "ChargePointMaxProfile" if profile.purpose == "ChargingStationMaxProfile" else profile.purpose
    transaction_id = profile.station_transaction_id
    return wire.ChargingProfile(
        chargingProfileId=profile.profile_id,
        transactionId=None if transaction_id is None else _transaction_id(transaction_id),
        stackLevel=profile.stack_level,
        chargingProfilePurpose=purpose,
        chargingProfileKind=profile.kind,
        recurrencyKind="Daily" if profile.kind == "Recurring" else None,
        validFrom=None if profile.valid_from is None else whole_second(profile.valid_from),
        validTo=None if profile.valid_to is None else whole_second(profile.valid_to),
        chargingSchedule=wire.ChargingSchedule(
            duration=profile.duration_s,
            startSchedule=None if profile.start is None else whole_second(profile.start),
            chargingRateUnit=profile.unit,
            chargingSchedulePeriod=[
                wire.ChargingSchedulePeriod(
                    startPeriod=period.start_s,
                    limit=one_decimal(period.limit),
                    numberPhases=period.number_phases,
                )
                for period in profile.periods
            ],
        ),
    )


def one_decimal(limit: float) -> float:
    """Rounded down to what the wire can carry: a limit is never given away by rounding."""
    return round(math.floor(round(limit * 10, 6)) / 10, 1)


def _changed(command: SetVariables, replies: Sequence[Reply]) -> Outcome:
    values = []
    for item, reply in zip(command.values, replies, strict=True):
        status = reply.kind if isinstance(reply, CallFailed) else reply.status  # type: ignore[attr-defined]
        status = "UnknownVariable" if status == "NotSupported" else status
        values.append(VariableValue(ref=item.ref, value=item.value, status=status))
    good = all(value.status in ("Accepted", "RebootRequired") for value in values)
    word = values[0].status if len(values) == 1 else "Accepted" if good else "Partial"
    return Outcome(result="accepted" if good else "rejected", status=word, data=values)


def _configuration(reply: Any) -> list[VariableValue]:
    known = [
        VariableValue(
            ref=VariableRef(component=KEYS, variable=item.key), value=item.value, read_only=item.readonly
        )
        for item in reply.configurationKey or ()
    ]
    unknown = [
        VariableValue(ref=VariableRef(component=KEYS, variable=key), value=None, status="UnknownVariable")
        for key in reply.unknownKey or ()
    ]
    return known + unknown


def _composite(reply: Any) -> Outcome:
    schedule = reply.chargingSchedule
    if reply.status != "Accepted" or schedule is None:
        return told(reply.status)
    start = reply.scheduleStart or schedule.startSchedule
    return told(
        reply.status,
        data=None
        if start is None
        else CompositeSchedule(
            start=utc(start),
            unit=schedule.chargingRateUnit,
            periods=tuple(
                SchedulePeriod(
                    start_s=period.startPeriod, limit=period.limit, number_phases=period.numberPhases
                )
                for period in schedule.chargingSchedulePeriod
            ),
        ),
    )
