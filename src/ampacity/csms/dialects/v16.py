"""OCPP 1.6 and the vocabulary.

1.6 has connectors only: connectorId n is EVSE n, connector 1; 0 is the station. Its variables are
configuration keys (component `OCPP16`), its transaction ids are given by us, its idTags are case-insensitive.
One key is written a message.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_args

import msgspec
from msgspec import Struct

from ...model.station import IdToken
from ...ocpp.messages import v16 as wire
from ..link import CallFailed
from ..vocabulary import (
    Answer,
    AuthorizationAnswer,
    BootAnswer,
    ChangeAvailability,
    ClearProfile,
    Command,
    CompositeSchedule,
    FromStation,
    GetCompositeSchedule,
    GetVariables,
    HeartbeatAnswer,
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
    TransactionAnswer,
    Trigger,
    Unlock,
    VariableRef,
    VariableValue,
    VendorAnswer,
)
from . import v16_pnc as pnc
from .dialect import Reply, Unsupported, WireCall, told
from .samples import one_decimal, utc, whole_second
from .v16_authorization import AUTHORIZATION, LIST_LIMITS, can_list, tag_info
from .v16_certificates import CERTIFICATES
from .v16_charging import CHARGING, PURPOSES
from .v16_core import CORE, EXTENDED_TRIGGERS, KEYS
from .v16_device_model import DEVICE_MODEL, configuration
from .v16_files import WORDS as FILES
from .v16_reading import READERS
from .v16_security import SECURITY
from .words import gathered

BLOCKS = (CORE, SECURITY, CERTIFICATES, DEVICE_MODEL, FILES, AUTHORIZATION, CHARGING)
"""The words of the functional blocks."""

_ENUM_TRIGGERS = frozenset(get_args(wire.MessageTrigger))


class Dialect16:
    """OCPP 1.6; see `Dialect`."""

    version = "1.6"
    wanted: tuple[VariableRef, ...] = ()
    tells_transaction_status = False
    reports_profiles = False
    persists_profiles = True  # errata 3.37
    offline_durations = False
    list_limits = LIST_LIMITS
    tells_cost = False
    words = gathered(BLOCKS)

    def has_component(self, component: str) -> bool:
        return component == KEYS

    # ------------------------------------------------------------ from the station

    def understand(self, action: str, payload: Struct, raw: bytes = b"") -> FromStation:
        reader = READERS.get(action) or self.words.readers.get(action)
        if reader is None:
            return Notice(action=action, content=msgspec.to_builtins(payload))
        return reader(payload, raw)

    def answer(self, action: str, payload: Struct, answer: Answer) -> Struct:
        if isinstance(payload, wire.DataTransferRequest):
            word = tag_info(answer).status if isinstance(answer, AuthorizationAnswer) else None
            if (made := pnc.answer(payload, answer, word)) is not None:
                return made
        match answer:
            case BootAnswer():
                return wire.BootNotificationResponse(
                    status=answer.status, currentTime=whole_second(answer.now), interval=answer.interval_s
                )
            case HeartbeatAnswer():
                return wire.HeartbeatResponse(currentTime=whole_second(answer.now))
            case AuthorizationAnswer():
                return wire.AuthorizeResponse(idTagInfo=tag_info(answer))
            case TransactionAnswer():
                return _transaction_answer(action, answer)
            case VendorAnswer():
                return wire.DataTransferResponse(status=answer.status, data=_text(answer.data))
        if (made := self.words.answer(self, action, payload, answer)) is not None:
            return made
        if action == "DataTransfer":
            return wire.DataTransferResponse(status="UnknownVendorId")
        return wire.CALLS[action][1]()

    # ------------------------------------------------------------ to the station

    def can_list(self, token: IdToken, master: bool) -> bool:
        return can_list(token, master)

    def calls(self, command: Command) -> tuple[WireCall, ...]:
        if isinstance(command, SetVariables):
            return tuple(
                (
                    "ChangeConfiguration",
                    wire.ChangeConfigurationRequest(key=_key(item.ref), value=item.value or ""),
                )
                for item in command.values
            )
        return self.words.call(self, command) or (_call(command),)

    def meaning(self, action: str, request: Struct) -> Command | None:
        means = self.words.meanings.get(action)
        return None if means is None else means(request)

    def outcome(self, command: Command, replies: Sequence[Reply]) -> Outcome:
        if isinstance(command, SetVariables):
            return _changed(command, replies)
        reply: Any = replies[0]
        if (tells := self.words.outcomes.get(type(command))) is not None:
            return tells(command, reply if len(replies) == 1 else replies)
        match command:
            case GetVariables():
                return Outcome(result="accepted", status="Accepted", data=configuration(reply))
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
        return told(pnc.status_of(reply))


# ---------------------------------------------------------------- answering


def _transaction_answer(action: str, answer: TransactionAnswer) -> Struct:
    info = None if answer.authorization is None else tag_info(answer.authorization)
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
                connectorId=command.evse_id or None,
                idTag=command.token.value,
                chargingProfile=None if command.profile is None else profile_of(command.profile),
            )
        case RequestStop():
            return "RemoteStopTransaction", wire.RemoteStopTransactionRequest(
                transactionId=transaction_number(command.station_transaction_id)
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
            if command.connector_id not in (None, 1):
                raise Unsupported("OCPP 1.6 has one connector an EVSE, and its number is 1")
            return "ChangeAvailability", wire.ChangeAvailabilityRequest(
                connectorId=command.evse_id, type="Operative" if command.operative else "Inoperative"
            )
        case GetVariables():
            keys = [_key(ref) for ref in command.variables]
            return "GetConfiguration", wire.GetConfigurationRequest(key=keys or None)
        case SetProfile():
            return "SetChargingProfile", wire.SetChargingProfileRequest(
                connectorId=command.evse_id, csChargingProfiles=profile_of(command.profile)
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
    if command.message == "SignV2GCertificate":
        return pnc.wrapped("TriggerMessage", {})
    if command.message in _ENUM_TRIGGERS:
        return "TriggerMessage", wire.TriggerMessageRequest(
            requestedMessage=command.message,  # type: ignore[arg-type]
            connectorId=command.evse_id or None,
        )
    extended = EXTENDED_TRIGGERS.get(command.message)
    if extended is not None:
        return "ExtendedTriggerMessage", wire.ExtendedTriggerMessageRequest(
            requestedMessage=extended,  # type: ignore[arg-type]
            connectorId=command.evse_id or None,
        )
    raise Unsupported(f"OCPP 1.6 can't trigger {command.message}")


def _key(ref: VariableRef) -> str:
    if ref.component != KEYS:
        raise Unsupported(
            f"OCPP 1.6 has configuration keys (component {KEYS}), no component {ref.component!r}"
        )
    return ref.variable


def transaction_number(text: str) -> int:
    """A transaction's id on 1.6's wire. Raises ValueError."""
    try:
        return int(text)
    except ValueError:
        raise ValueError(
            f"transaction {text!r} is no OCPP 1.6 transaction: its id is a whole number"
        ) from None


def profile_of(profile: Profile) -> wire.ChargingProfile:
    """A charging profile in 1.6's words. Raises ValueError for a transaction that is none of 1.6."""
    purpose = PURPOSES.get(profile.purpose)
    if purpose is None:
        raise Unsupported(f"OCPP 1.6 has no {profile.purpose}")
    if profile.max_offline_s is not None:
        raise Unsupported("OCPP 1.6 has no maxOfflineDuration")
    transaction_id = profile.station_transaction_id
    return wire.ChargingProfile(
        chargingProfileId=profile.profile_id,
        transactionId=None if transaction_id is None else transaction_number(transaction_id),
        stackLevel=profile.stack_level,
        chargingProfilePurpose=purpose,
        chargingProfileKind=profile.kind,
        recurrencyKind=(profile.recurrency or "Daily") if profile.kind == "Recurring" else None,
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


def _changed(command: SetVariables, replies: Sequence[Reply]) -> Outcome:
    values = []
    for item, reply in zip(command.values, replies, strict=True):
        status = reply.kind if isinstance(reply, CallFailed) else reply.status  # type: ignore[attr-defined]
        status = "UnknownVariable" if status == "NotSupported" else status
        values.append(VariableValue(ref=item.ref, value=item.value, status=status))
    good = all(value.status in ("Accepted", "RebootRequired") for value in values)
    word = values[0].status if len(values) == 1 else "Accepted" if good else "Partial"
    return Outcome(result="accepted" if good else "rejected", status=word, data=values)


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
