"""What CALLs of 1.6's core mean: the inverse of `v16.Dialect16.calls`."""

from __future__ import annotations

from typing import Any

from ...model.station import IdToken
from ..vocabulary import (
    ChangeAvailability,
    Command,
    GetCompositeSchedule,
    GetVariables,
    Profile,
    RequestStart,
    RequestStop,
    Reset,
    SchedulePeriod,
    SendVendorData,
    SetProfile,
    SetVariables,
    Trigger,
    Unlock,
    VariableRef,
    VariableValue,
)
from . import v16_pnc as pnc
from .samples import utc
from .words import Words

KEYS = "OCPP16"
"""Component of the configuration keys."""


def _get_configuration(request: Any) -> GetVariables:
    return GetVariables(
        variables=tuple(VariableRef(component=KEYS, variable=key) for key in request.key or ())
    )


def _change_configuration(request: Any) -> SetVariables:
    ref = VariableRef(component=KEYS, variable=request.key)
    return SetVariables(values=(VariableValue(ref=ref, value=request.value),))


EXTENDED_TRIGGERS = {
    "LogStatusNotification": "LogStatusNotification",
    "SignChargingStationCertificate": "SignChargePointCertificate",
}
"""What only the security white paper's trigger asks for: the vocabulary's name -> 1.6's."""

_NEUTRAL_TRIGGERS = {name: neutral for neutral, name in EXTENDED_TRIGGERS.items()}


def _trigger(request: Any) -> Trigger:
    name = request.requestedMessage
    return Trigger(message=_NEUTRAL_TRIGGERS.get(name, name), evse_id=request.connectorId)


def wire_profile(profile: Any) -> Profile:
    """A wire profile in our words."""
    schedule = profile.chargingSchedule
    purpose = profile.chargingProfilePurpose
    return Profile(
        profile_id=profile.chargingProfileId,
        stack_level=profile.stackLevel,
        purpose="ChargingStationMaxProfile" if purpose == "ChargePointMaxProfile" else purpose,
        kind=profile.chargingProfileKind,
        unit=schedule.chargingRateUnit,
        periods=tuple(
            SchedulePeriod(start_s=period.startPeriod, limit=period.limit, number_phases=period.numberPhases)
            for period in schedule.chargingSchedulePeriod
        ),
        start=None if schedule.startSchedule is None else utc(schedule.startSchedule),
        duration_s=schedule.duration,
        station_transaction_id=None if profile.transactionId is None else str(profile.transactionId),
        valid_from=None if profile.validFrom is None else utc(profile.validFrom),
        valid_to=None if profile.validTo is None else utc(profile.validTo),
        recurrency=profile.recurrencyKind,
    )


def _start(request: Any) -> RequestStart:
    return RequestStart(
        evse_id=request.connectorId or 0,
        token=IdToken(value=request.idTag, kind="Central"),
        profile=None if request.chargingProfile is None else wire_profile(request.chargingProfile),
    )


def _set_profile(request: Any) -> SetProfile:
    return SetProfile(evse_id=request.connectorId, profile=wire_profile(request.csChargingProfiles))


def _transfer(request: Any) -> Command:
    return pnc.meaning(request) or SendVendorData(
        vendor_id=request.vendorId, message_id=request.messageId, data=request.data
    )


CORE = Words(
    meanings={
        "RemoteStartTransaction": _start,
        "RemoteStopTransaction": lambda request: RequestStop(
            station_transaction_id=str(request.transactionId)
        ),
        "Reset": lambda request: Reset(kind="Immediate" if request.type == "Hard" else "OnIdle"),
        "TriggerMessage": _trigger,
        "ExtendedTriggerMessage": _trigger,
        "UnlockConnector": lambda request: Unlock(evse_id=request.connectorId),
        "ChangeAvailability": lambda request: ChangeAvailability(
            evse_id=request.connectorId, operative=request.type == "Operative"
        ),
        "GetConfiguration": _get_configuration,
        "ChangeConfiguration": _change_configuration,
        "SetChargingProfile": _set_profile,
        "GetCompositeSchedule": lambda request: GetCompositeSchedule(
            evse_id=request.connectorId,
            duration_s=request.duration,
            unit=request.chargingRateUnit or "A",
        ),
        "DataTransfer": _transfer,
    }
)
