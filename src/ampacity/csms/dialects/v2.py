"""OCPP 2.0.1 and 2.1 and the vocabulary: what the two have in common, which is nearly all.

Both name messages, members and enums alike where they overlap, so one translation serves both and takes the
structs from the module of its version. `v201` and `v21` say where they differ.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, get_args

import msgspec
from msgspec import Struct

from ...model.station import IdToken
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
    GetTransactionStatus,
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
    TransactionStatus,
    Trigger,
    Unlock,
    VariableRef,
    VariableValue,
    VendorAnswer,
)
from .dialect import Reply, Unsupported, WireCall, detail_of, told
from .samples import one_decimal, utc, whole_second
from .v2_authorization import AUTHORIZATION, LIST_LIMITS, can_say, personal_message, token_info
from .v2_certificates import CERTIFICATES
from .v2_charging import CHARGING
from .v2_core import CORE, ref_of
from .v2_cost import COST
from .v2_device_model import DEVICE_MODEL
from .v2_display import DISPLAY
from .v2_files import WORDS as FILES
from .v2_monitoring import MONITORING
from .v2_reading import READERS
from .v2_security import SECURITY
from .v16_core import KEYS
from .words import gathered

BLOCKS = (
    CORE,
    SECURITY,
    CERTIFICATES,
    DEVICE_MODEL,
    MONITORING,
    DISPLAY,
    FILES,
    AUTHORIZATION,
    CHARGING,
    COST,
)
"""The words of the functional blocks."""

_REPORT_REQUEST = 1
_AFTER_CHANGE = ("Accepted", "RebootRequired")


WANTED = tuple(
    VariableRef(component=component, variable=variable)
    for component, variable in (
        ("OCPPCommCtrlr", "HeartbeatInterval"),
        ("SampledDataCtrlr", "TxUpdatedInterval"),
        ("SampledDataCtrlr", "TxUpdatedMeasurands"),
        ("SmartChargingCtrlr", "Enabled"),
        ("SmartChargingCtrlr", "RateUnit"),
        ("SmartChargingCtrlr", "PeriodsPerSchedule"),
    )
)


class Dialect2:
    """What 2.0.1 and 2.1 share; see `Dialect`. `wire` is the module of messages."""

    version: str
    wire: Any
    triggers: frozenset[str]
    token_chars: int
    """The longest token that its messages can carry."""
    wanted = WANTED
    words = gathered(BLOCKS)
    tells_transaction_status = True
    reports_profiles = True
    persists_profiles = True  # 2.0.1 K01.FR.27
    offline_durations = False
    list_limits = LIST_LIMITS
    tells_cost = True

    def has_component(self, component: str) -> bool:
        return component != KEYS

    # ------------------------------------------------------------ from the station

    def understand(self, action: str, payload: Struct, raw: bytes = b"") -> FromStation:
        reader = READERS.get(action) or self.words.readers.get(action)
        if reader is None:
            return Notice(action=action, content=msgspec.to_builtins(payload))
        return reader(payload, raw)

    def answer(self, action: str, payload: Struct, answer: Answer) -> Struct:
        wire = self.wire
        made: Struct
        match answer:
            case BootAnswer():
                made = wire.BootNotificationResponse(
                    status=answer.status, currentTime=whole_second(answer.now), interval=answer.interval_s
                )
            case HeartbeatAnswer():
                made = wire.HeartbeatResponse(currentTime=answer.now)
            case AuthorizationAnswer():
                made = wire.AuthorizeResponse(
                    idTokenInfo=token_info(self, answer), certificateStatus=answer.certificate_status
                )
            case TransactionAnswer():
                info = answer.authorization
                made = wire.TransactionEventResponse(
                    idTokenInfo=None if info is None else token_info(self, info),
                    totalCost=None if answer.total_cost is None else float(answer.total_cost),
                    updatedPersonalMessage=personal_message(self, answer.message, answer.language),
                )
            case VendorAnswer():
                made = wire.DataTransferResponse(status=answer.status, data=answer.data)
            case _:
                made = self.words.answer(self, action, payload, answer) or self._acknowledge(action, payload)
        return made

    def _acknowledge(self, action: str, payload: Any) -> Struct:
        """The answer to a notice; services we don't offer say so in their own words, never by an error."""
        wire = self.wire
        made: Struct
        match action:
            case (
                "SignCertificate"
                | "NotifyEVChargingNeeds"
                | "OpenPeriodicEventStream"
                | "PullDynamicScheduleUpdate"
            ):
                made = wire.CALLS[action][1](status="Rejected")
            case "NotifyEVChargingSchedule":
                made = wire.NotifyEVChargingScheduleResponse(status="Accepted")
            case "VatNumberValidation":
                made = wire.VatNumberValidationResponse(status="Rejected", vatNumber=payload.vatNumber)
            case "DataTransfer":
                made = wire.DataTransferResponse(status="UnknownVendorId")
            case _:
                made = wire.CALLS[action][1]()
        return made

    # ------------------------------------------------------------ to the station

    def can_list(self, token: IdToken, master: bool) -> bool:
        return can_say(self, token) and token.kind != "NoAuthorization"

    def calls(self, command: Command) -> tuple[WireCall, ...]:
        return self.words.call(self, command) or (self._call(command),)

    def meaning(self, action: str, request: Struct) -> Command | None:
        means = self.words.meanings.get(action)
        return None if means is None else means(request)

    def _call(self, command: Command) -> WireCall:
        wire = self.wire
        match command:
            case RequestStart():
                return "RequestStartTransaction", wire.RequestStartTransactionRequest(
                    evseId=command.evse_id or None,
                    idToken=wire.IdTokenType(idToken=command.token.value, type=command.token.kind),
                    remoteStartId=command.remote_start_id,
                    chargingProfile=None if command.profile is None else self.profile(command.profile),
                )
            case RequestStop():
                return "RequestStopTransaction", wire.RequestStopTransactionRequest(
                    transactionId=command.station_transaction_id
                )
            case GetTransactionStatus():
                return "GetTransactionStatus", wire.GetTransactionStatusRequest(
                    transactionId=command.station_transaction_id
                )
            case Reset():
                return "Reset", wire.ResetRequest(type=command.kind, evseId=command.evse_id or None)
            case Trigger():
                return self._trigger(command)
            case Unlock():
                return "UnlockConnector", wire.UnlockConnectorRequest(
                    evseId=command.evse_id, connectorId=command.connector_id
                )
            case ChangeAvailability():
                return "ChangeAvailability", wire.ChangeAvailabilityRequest(
                    evse=self.evse(command.evse_id, command.connector_id),
                    operationalStatus="Operative" if command.operative else "Inoperative",
                )
            case GetVariables(variables=()):
                # All of them: the station answers Accepted and tells them in NotifyReport messages.
                return "GetBaseReport", wire.GetBaseReportRequest(
                    requestId=_REPORT_REQUEST, reportBase="FullInventory"
                )
            case GetVariables():
                return "GetVariables", wire.GetVariablesRequest(
                    getVariableData=[
                        wire.GetVariableDataType(
                            component=self.component(ref),
                            variable=self.variable(ref),
                            attributeType=_attribute(ref),
                        )
                        for ref in command.variables
                    ]
                )
            case SetVariables():
                return "SetVariables", wire.SetVariablesRequest(
                    setVariableData=[
                        wire.SetVariableDataType(
                            component=self.component(item.ref),
                            variable=self.variable(item.ref),
                            attributeType=_attribute(item.ref),
                            attributeValue=item.value or "",
                        )
                        for item in command.values
                    ]
                )
            case SetProfile():
                return "SetChargingProfile", wire.SetChargingProfileRequest(
                    evseId=command.evse_id, chargingProfile=self.profile(command.profile)
                )
            case ClearProfile():
                return "ClearChargingProfile", wire.ClearChargingProfileRequest(
                    chargingProfileId=command.profile_id
                )
            case GetCompositeSchedule():
                return "GetCompositeSchedule", wire.GetCompositeScheduleRequest(
                    evseId=command.evse_id, duration=command.duration_s, chargingRateUnit=command.unit
                )
            case SendVendorData():
                return "DataTransfer", wire.DataTransferRequest(
                    vendorId=command.vendor_id, messageId=command.message_id, data=command.data
                )
        raise Unsupported(f"OCPP {self.version} has nothing for {type(command).__name__}")

    def _trigger(self, command: Trigger) -> WireCall:
        if command.message not in self.triggers:
            raise Unsupported(f"OCPP {self.version} can't trigger {command.message}")
        connector_id = command.connector_id
        if connector_id is None and command.message == "StatusNotification" and command.evse_id:
            connector_id = 1  # F06.FR.12: a status is asked of a connector
        return "TriggerMessage", self.wire.TriggerMessageRequest(
            requestedMessage=command.message, evse=self.evse(command.evse_id or 0, connector_id)
        )

    def evse(self, evse_id: int, connector_id: int | None = None) -> Any:
        return None if evse_id == 0 else self.wire.EVSEType(id=evse_id, connectorId=connector_id)

    def component(self, ref: VariableRef) -> Any:
        return self.wire.ComponentType(
            name=ref.component,
            instance=ref.component_instance,
            evse=self.evse(ref.evse_id or 0, ref.connector_id),
        )

    def variable(self, ref: VariableRef) -> Any:
        return self.wire.VariableType(name=ref.variable, instance=ref.variable_instance)

    def profile(self, profile: Profile) -> Any:
        wire = self.wire
        if profile.purpose not in get_args(wire.ChargingProfilePurposeEnumType):
            raise Unsupported(f"OCPP {self.version} has no {profile.purpose}")
        return wire.ChargingProfileType(
            **self.offline_words(profile),
            id=profile.profile_id,
            stackLevel=profile.stack_level,
            chargingProfilePurpose=profile.purpose,
            chargingProfileKind=profile.kind,
            recurrencyKind=(profile.recurrency or "Daily") if profile.kind == "Recurring" else None,
            validFrom=None if profile.valid_from is None else whole_second(profile.valid_from),
            validTo=None if profile.valid_to is None else whole_second(profile.valid_to),
            transactionId=profile.station_transaction_id,
            chargingSchedule=[
                wire.ChargingScheduleType(
                    id=profile.profile_id,
                    startSchedule=None if profile.start is None else whole_second(profile.start),
                    duration=profile.duration_s,
                    chargingRateUnit=profile.unit,
                    chargingSchedulePeriod=[
                        wire.ChargingSchedulePeriodType(
                            startPeriod=period.start_s,
                            limit=one_decimal(period.limit),
                            numberPhases=period.number_phases,
                        )
                        for period in profile.periods
                    ],
                )
            ],
        )

    def offline_words(self, profile: Profile) -> dict[str, Any]:
        """How long the profile counts while the station is offline."""
        if profile.max_offline_s is not None:
            raise Unsupported(f"OCPP {self.version} has no maxOfflineDuration")
        return {}

    # ------------------------------------------------------------ outcomes

    def outcome(self, command: Command, replies: Sequence[Reply]) -> Outcome:
        reply: Any = replies[0]
        if (tells := self.words.outcomes.get(type(command))) is not None:
            return tells(command, reply if len(replies) == 1 else replies)
        match command:
            case GetVariables(variables=()):
                return told(reply.status, detail=detail_of(reply), data=[])
            case GetVariables():
                values = [_value(item, item.attributeValue) for item in reply.getVariableResult]
                return Outcome(result="accepted", status="Accepted", data=values)
            case SetVariables():
                return _changed(command, reply)
            case GetCompositeSchedule():
                return _composite(reply)
            case ChangeAvailability() | Reset():
                return told(reply.status, ("Accepted", "Scheduled"), detail_of(reply))
            case Unlock():
                return told(reply.status, ("Unlocked",), detail_of(reply))
            case ClearProfile():
                # A profile that is not there is as cleared as one can be.
                return told(reply.status, ("Accepted", "Unknown"), detail_of(reply))
            case SendVendorData():
                return told(reply.status, detail=detail_of(reply), data=reply.data)
            case GetTransactionStatus():
                status = TransactionStatus(
                    ongoing=reply.ongoingIndicator, messages_in_queue=reply.messagesInQueue
                )
                return Outcome(result="accepted", data=status)
            case RequestStart():
                return told(reply.status, detail=detail_of(reply), data=reply.transactionId)
        return told(reply.status, detail=detail_of(reply))


# ---------------------------------------------------------------- outcomes


def _attribute(ref: VariableRef) -> str | None:
    return None if ref.attribute == "Actual" else ref.attribute


def _value(item: Any, value: str | None) -> VariableValue:
    return VariableValue(
        ref=ref_of(item.component, item.variable, item.attributeType),
        value=value,
        status=item.attributeStatus,
    )


def _changed(command: SetVariables, reply: Any) -> Outcome:
    sent = {item.ref: item.value for item in command.values}
    values = [_value(item, None) for item in reply.setVariableResult]
    values = [msgspec.structs.replace(value, value=sent.get(value.ref)) for value in values]
    good = all(value.status in _AFTER_CHANGE for value in values)
    word = values[0].status if len(values) == 1 else "Accepted" if good else "Partial"
    return Outcome(result="accepted" if good else "rejected", status=word, data=values)


def _told_limit(period: Any, unit: str) -> float:
    """A period of 2.1 without a limit has none: that is no zero. Of limits of single phases the highest
    counts in A, their sum in W.
    """
    if period.limit is None:
        return math.inf
    others = [getattr(period, name, None) for name in ("limit_L2", "limit_L3")]
    limits = [float(period.limit), *(float(limit) for limit in others if limit is not None)]
    return max(limits) if unit == "A" else sum(limits)


def _composite(reply: Any) -> Outcome:
    schedule = reply.schedule
    if reply.status != "Accepted" or schedule is None:
        return told(reply.status, detail=detail_of(reply))
    return told(
        reply.status,
        data=CompositeSchedule(
            start=utc(schedule.scheduleStart),
            unit=schedule.chargingRateUnit,
            periods=tuple(
                SchedulePeriod(
                    start_s=period.startPeriod,
                    limit=_told_limit(period, schedule.chargingRateUnit),
                    number_phases=period.numberPhases,
                )
                for period in schedule.chargingSchedulePeriod
            ),
        ),
    )
