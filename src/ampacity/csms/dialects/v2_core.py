"""What CALLs of the core of 2.0.1 and 2.1 mean: the inverse of `v2.Dialect2.calls`."""

from __future__ import annotations

from typing import Any

from ...model.station import IdToken
from ..vocabulary import (
    ChangeAvailability,
    GetCompositeSchedule,
    GetTransactionStatus,
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
from .samples import utc
from .words import Words


def ref_of(component: Any, variable: Any, attribute: str | None) -> VariableRef:
    """The reference that a wire component and variable make."""
    return VariableRef(
        component=component.name,
        variable=variable.name,
        component_instance=component.instance,
        variable_instance=variable.instance,
        evse_id=None if component.evse is None else component.evse.id,
        connector_id=None if component.evse is None else component.evse.connectorId,
        attribute=attribute or "Actual",  # type: ignore[arg-type]
    )


def _start(request: Any) -> RequestStart:
    token = IdToken(value=request.idToken.idToken, kind=request.idToken.type)
    profile = None if request.chargingProfile is None else profile_of(request.chargingProfile)
    return RequestStart(
        evse_id=request.evseId or 0, token=token, remote_start_id=request.remoteStartId, profile=profile
    )


def _stop(request: Any) -> RequestStop:
    return RequestStop(station_transaction_id=request.transactionId)


def _transaction_status(request: Any) -> GetTransactionStatus:
    return GetTransactionStatus(station_transaction_id=request.transactionId)


def _trigger(request: Any) -> Trigger:
    evse = request.evse
    return Trigger(
        message=request.requestedMessage,
        evse_id=None if evse is None else evse.id,
        connector_id=None if evse is None else evse.connectorId,
    )


def _availability(request: Any) -> ChangeAvailability:
    evse = request.evse
    return ChangeAvailability(
        evse_id=0 if evse is None else evse.id,
        connector_id=None if evse is None else evse.connectorId,
        operative=request.operationalStatus == "Operative",
    )


def _get_variables(request: Any) -> GetVariables:
    return GetVariables(
        variables=tuple(
            ref_of(item.component, item.variable, item.attributeType) for item in request.getVariableData
        )
    )


def _set_variables(request: Any) -> SetVariables:
    return SetVariables(
        values=tuple(
            VariableValue(
                ref=ref_of(item.component, item.variable, item.attributeType), value=item.attributeValue
            )
            for item in request.setVariableData
        )
    )


def profile_of(profile: Any) -> Profile | None:
    """A wire profile in our words, by the first of its schedules; None for one without limits."""
    schedule = profile.chargingSchedule[0]
    if any(period.limit is None for period in schedule.chargingSchedulePeriod):
        return None
    return Profile(
        profile_id=profile.id,
        stack_level=profile.stackLevel,
        purpose=profile.chargingProfilePurpose,
        kind=profile.chargingProfileKind,
        unit=schedule.chargingRateUnit,
        periods=tuple(
            SchedulePeriod(start_s=period.startPeriod, limit=period.limit, number_phases=period.numberPhases)
            for period in schedule.chargingSchedulePeriod
        ),
        start=None if schedule.startSchedule is None else utc(schedule.startSchedule),
        duration_s=schedule.duration,
        station_transaction_id=profile.transactionId,
        valid_from=None if profile.validFrom is None else utc(profile.validFrom),
        valid_to=None if profile.validTo is None else utc(profile.validTo),
        recurrency=profile.recurrencyKind,
        max_offline_s=getattr(profile, "maxOfflineDuration", None),
        invalid_after_offline=bool(getattr(profile, "invalidAfterOfflineDuration", None)),
    )


def _set_profile(request: Any) -> SetProfile | None:
    profile = profile_of(request.chargingProfile)
    return None if profile is None else SetProfile(evse_id=request.evseId, profile=profile)


def _composite(request: Any) -> GetCompositeSchedule:
    return GetCompositeSchedule(
        evse_id=request.evseId, duration_s=request.duration, unit=request.chargingRateUnit or "A"
    )


def _vendor(request: Any) -> SendVendorData:
    return SendVendorData(vendor_id=request.vendorId, message_id=request.messageId, data=request.data)


CORE = Words(
    meanings={
        "RequestStartTransaction": _start,
        "RequestStopTransaction": _stop,
        "GetTransactionStatus": _transaction_status,
        "Reset": lambda request: Reset(kind=request.type, evse_id=request.evseId),
        "TriggerMessage": _trigger,
        "UnlockConnector": lambda request: Unlock(evse_id=request.evseId, connector_id=request.connectorId),
        "ChangeAvailability": _availability,
        "GetVariables": _get_variables,
        "SetVariables": _set_variables,
        "SetChargingProfile": _set_profile,
        "GetCompositeSchedule": _composite,
        "DataTransfer": _vendor,
    }
)
