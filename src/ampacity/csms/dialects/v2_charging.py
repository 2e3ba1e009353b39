"""Smart charging in the words of 2.0.1 and 2.1."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from ...ocpp.profile_messages import from_v2, schedule_from_v2
from ..vocabulary import (
    CarScheduleAnswer,
    CarScheduleTold,
    ChargingNeeds,
    ClearProfile,
    ClearProfiles,
    Command,
    GetProfiles,
    LimitImposed,
    LimitReleased,
    NeedsAnswer,
    NeedsTold,
    Outcome,
    ProfilesReported,
)
from .dialect import WireCall, detail_of, told
from .samples import identifier, utc
from .words import Words


def _get_profiles(dialect: Any, command: GetProfiles) -> WireCall:
    wire = dialect.wire
    criterion = wire.ChargingProfileCriterionType(
        chargingProfilePurpose=command.purpose,
        stackLevel=command.stack_level,
        chargingProfileId=list(command.profile_ids) or None,
        chargingLimitSource=list(command.sources) or None,
    )
    if criterion == wire.ChargingProfileCriterionType():
        # K09.FR.03: one of them at least. All there are is what all sources have.
        raise ValueError("name profile_ids, or one of purpose, stack_level and sources")
    return "GetChargingProfiles", wire.GetChargingProfilesRequest(
        requestId=command.request_id, evseId=command.evse_id, chargingProfile=criterion
    )


def _clear_profiles(dialect: Any, command: ClearProfiles) -> WireCall:
    if command == ClearProfiles():
        raise ValueError("name one of evse_id, purpose and stack_level of the profiles to clear")  # K10.FR.02
    wire = dialect.wire
    return "ClearChargingProfile", wire.ClearChargingProfileRequest(
        chargingProfileCriteria=wire.ClearChargingProfileType(
            evseId=command.evse_id,
            chargingProfilePurpose=command.purpose,
            stackLevel=command.stack_level,
        )
    )


def _means_get(request: Any) -> GetProfiles:
    criterion = request.chargingProfile
    return GetProfiles(
        evse_id=request.evseId,
        profile_ids=tuple(criterion.chargingProfileId or ()),
        purpose=criterion.chargingProfilePurpose,
        stack_level=criterion.stackLevel,
        sources=tuple(criterion.chargingLimitSource or ()),
        request_id=request.requestId,
    )


def _means_clear(request: Any) -> Command | None:
    if request.chargingProfileId is not None:
        return ClearProfile(profile_id=request.chargingProfileId)
    criteria = request.chargingProfileCriteria
    if criteria is None:
        return None
    return ClearProfiles(
        evse_id=criteria.evseId, purpose=criteria.chargingProfilePurpose, stack_level=criteria.stackLevel
    )


def _found(command: GetProfiles, reply: Any) -> Outcome:
    # A station without any is as good an answer as a report.
    return told(reply.status, ("Accepted", "NoProfiles"), detail_of(reply))


def _cleared(command: ClearProfiles, reply: Any) -> Outcome:
    return told(reply.status, ("Accepted", "Unknown"), detail_of(reply))


def _reported(payload: Any, raw: bytes) -> ProfilesReported:
    return ProfilesReported(
        request_id=payload.requestId,
        evse_id=identifier(payload.evseId) or 0,
        source=payload.chargingLimitSource,
        profiles=tuple(from_v2(profile) for profile in payload.chargingProfile),
        more=bool(payload.tbc),
    )


def _imposed(payload: Any, raw: bytes) -> LimitImposed:
    return LimitImposed(
        evse_id=identifier(payload.evseId) or 0,
        source=payload.chargingLimit.chargingLimitSource,
        grid_critical=payload.chargingLimit.isGridCritical,
        schedules=tuple(schedule_from_v2(schedule) for schedule in payload.chargingSchedule or ()),
    )


def _released(payload: Any, raw: bytes) -> LimitReleased:
    return LimitReleased(evse_id=identifier(payload.evseId), source=payload.chargingLimitSource)


def _needs(payload: Any, raw: bytes) -> NeedsTold:
    wanted = payload.chargingNeeds
    ac, dc = wanted.acChargingParameters, wanted.dcChargingParameters
    departure = None if wanted.departureTime is None else utc(wanted.departureTime)
    needs = ChargingNeeds(transfer=wanted.requestedEnergyTransfer, departure=departure)
    if ac is not None:
        needs = replace(
            needs,
            energy_wh=float(ac.energyAmount),
            max_current_a=float(ac.evMaxCurrent),
            min_current_a=float(ac.evMinCurrent),
            max_voltage_v=float(ac.evMaxVoltage),
        )
    elif dc is not None:
        needs = replace(
            needs,
            energy_wh=_number(dc.energyAmount),
            max_power_w=_number(dc.evMaxPower),
            max_current_a=float(dc.evMaxCurrent),
            max_voltage_v=float(dc.evMaxVoltage),
            state_of_charge=dc.stateOfCharge,
        )
    both_ways = getattr(wanted, "v2xChargingParameters", None)
    if both_ways is not None and ac is None and dc is None:
        needs = replace(
            needs,
            max_power_w=_number(both_ways.maxChargePower),
            max_current_a=_number(both_ways.maxChargeCurrent),
            min_current_a=_number(both_ways.minChargeCurrent),
        )
    return NeedsTold(
        evse_id=identifier(payload.evseId) or 0, needs=needs, most_periods=payload.maxScheduleTuples
    )


def _number(value: float | None) -> float | None:
    return None if value is None else float(value)


def _car_schedule(payload: Any, raw: bytes) -> CarScheduleTold:
    schedule = schedule_from_v2(payload.chargingSchedule)
    if schedule.start is None:
        schedule = replace(schedule, start=utc(payload.timeBase).timestamp())
    return CarScheduleTold(evse_id=identifier(payload.evseId) or 0, schedule=schedule)


def _answer_needs(dialect: Any, action: str, payload: Any, answer: NeedsAnswer) -> Any:
    return dialect.wire.NotifyEVChargingNeedsResponse(status=answer.status)


def _answer_schedule(dialect: Any, action: str, payload: Any, answer: CarScheduleAnswer) -> Any:
    return dialect.wire.NotifyEVChargingScheduleResponse(status="Accepted" if answer.within else "Rejected")


CHARGING = Words(
    calls={GetProfiles: _get_profiles, ClearProfiles: _clear_profiles},
    outcomes={GetProfiles: _found, ClearProfiles: _cleared},
    meanings={"GetChargingProfiles": _means_get, "ClearChargingProfile": _means_clear},
    readers={
        "ReportChargingProfiles": _reported,
        "NotifyChargingLimit": _imposed,
        "ClearedChargingLimit": _released,
        "NotifyEVChargingNeeds": _needs,
        "NotifyEVChargingSchedule": _car_schedule,
    },
    answers={NeedsAnswer: _answer_needs, CarScheduleAnswer: _answer_schedule},
)
