"""Charging profiles on the wire of 1.6, 2.0.1 and 2.1, to and from the neutral form of `profiles`.

On the way out limits are cut, never raised, to the one decimal that the standards allow, and seconds to whole
ones. What the neutral form has no place for (tariffs, curves, reactive power, signatures of 2.x) is not
carried. Times without a zone are taken as UTC.
"""

import math
from datetime import UTC, datetime
from typing import Any

from ampacity.ocpp.messages import v16, v21, v201
from ampacity.ocpp.profiles import ChargingProfile, Kind, Period, Purpose, Recurrency, Schedule, Unit

__all__ = ["from_v2", "from_v16", "schedule_from_v2", "to_v16", "to_v21", "to_v201"]

_PURPOSES_16: dict[v16.ChargingProfilePurposeType, Purpose] = {
    "ChargePointMaxProfile": "ChargingStationMaxProfile",
    "TxDefaultProfile": "TxDefaultProfile",
    "TxProfile": "TxProfile",
}
_TO_PURPOSES_16 = {ours: theirs for theirs, ours in _PURPOSES_16.items()}
_PURPOSES_201: dict[Purpose, v201.ChargingProfilePurposeEnumType] = {
    "ChargingStationExternalConstraints": "ChargingStationExternalConstraints",
    "ChargingStationMaxProfile": "ChargingStationMaxProfile",
    "TxDefaultProfile": "TxDefaultProfile",
    "TxProfile": "TxProfile",
}


class NotInThisVersion(ValueError):
    """The profile uses something that the version of the station does not have."""


def from_v16(profile: v16.ChargingProfile) -> ChargingProfile:
    """The neutral form of a profile of 1.6; transaction ids become texts."""
    schedule = profile.chargingSchedule
    return ChargingProfile(
        id=profile.chargingProfileId,
        stack_level=profile.stackLevel,
        purpose=_PURPOSES_16[profile.chargingProfilePurpose],
        kind=profile.chargingProfileKind,
        recurrency=profile.recurrencyKind,
        valid_from=_epoch(profile.validFrom),
        valid_to=_epoch(profile.validTo),
        transaction_id=None if profile.transactionId is None else str(profile.transactionId),
        schedules=(
            Schedule(
                unit=schedule.chargingRateUnit,
                start=_epoch(schedule.startSchedule),
                duration_s=_seconds(schedule.duration),
                min_charging_rate=schedule.minChargingRate,
                periods=tuple(
                    Period(float(period.startPeriod), period.limit, period.numberPhases)
                    for period in schedule.chargingSchedulePeriod
                ),
            ),
        ),
    )


def to_v16(profile: ChargingProfile) -> v16.ChargingProfile:
    """The profile as 1.6 sends it. Raises NotInThisVersion for purposes, kinds and schedules that 1.6
    lacks.
    """
    purpose = _TO_PURPOSES_16.get(profile.purpose)
    if purpose is None or profile.kind == "Dynamic" or len(profile.schedules) != 1 or _needs_v21(profile):
        raise NotInThisVersion(
            f"profile {profile.id} ({profile.purpose}, {profile.kind}, {len(profile.schedules)} schedules)"
            " can't be said in OCPP 1.6"
        )
    schedule = profile.schedules[0]
    transaction = profile.transaction_id
    if transaction is not None and not transaction.lstrip("-").isdigit():
        raise NotInThisVersion(f"transaction id {transaction!r} is no integer, as OCPP 1.6 wants")
    return v16.ChargingProfile(
        chargingProfileId=profile.id,
        transactionId=None if transaction is None else int(transaction),
        stackLevel=profile.stack_level,
        chargingProfilePurpose=purpose,
        chargingProfileKind=profile.kind,
        recurrencyKind=profile.recurrency,
        validFrom=_moment(profile.valid_from),
        validTo=_moment(profile.valid_to),
        chargingSchedule=v16.ChargingSchedule(
            duration=_whole(schedule.duration_s),
            startSchedule=_moment(schedule.start),
            chargingRateUnit=schedule.unit,
            minChargingRate=_cut(schedule.min_charging_rate),
            chargingSchedulePeriod=[
                v16.ChargingSchedulePeriod(
                    startPeriod=int(period.start_s),
                    limit=_required(profile, period.limit),
                    numberPhases=period.number_phases,
                )
                for period in schedule.periods
            ],
        ),
    )


def from_v2(profile: v201.ChargingProfileType | v21.ChargingProfileType) -> ChargingProfile:
    """The neutral form of a profile of 2.0.1 or 2.1."""
    kind: Kind = profile.chargingProfileKind
    purpose: Purpose = profile.chargingProfilePurpose
    recurrency: Recurrency | None = profile.recurrencyKind
    return ChargingProfile(
        id=profile.id,
        stack_level=profile.stackLevel,
        purpose=purpose,
        kind=kind,
        recurrency=recurrency,
        valid_from=_epoch(profile.validFrom),
        valid_to=_epoch(profile.validTo),
        transaction_id=profile.transactionId,
        schedules=tuple(schedule_from_v2(schedule) for schedule in profile.chargingSchedule),
        **({} if isinstance(profile, v201.ChargingProfileType) else _of_v21(profile)),
    )


def _of_v21(profile: v21.ChargingProfileType) -> dict[str, Any]:
    return {
        "max_offline_s": _seconds(profile.maxOfflineDuration),
        "invalid_after_offline": bool(profile.invalidAfterOfflineDuration),
        "updated_at": _epoch(profile.dynUpdateTime),
        "update_interval_s": _seconds(profile.dynUpdateInterval),
    }


def schedule_from_v2(schedule: v201.ChargingScheduleType | v21.ChargingScheduleType) -> Schedule:
    """The neutral form of a schedule of 2.0.1 or 2.1."""
    unit: Unit = schedule.chargingRateUnit
    return Schedule(
        unit=unit,
        start=_epoch(schedule.startSchedule),
        duration_s=_seconds(schedule.duration),
        min_charging_rate=schedule.minChargingRate,
        id=schedule.id,
        local_time=isinstance(schedule, v21.ChargingScheduleType) and bool(schedule.useLocalTime),
        periods=tuple(_period(period) for period in schedule.chargingSchedulePeriod),
    )


def _period(period: v201.ChargingSchedulePeriodType | v21.ChargingSchedulePeriodType) -> Period:
    if isinstance(period, v201.ChargingSchedulePeriodType):
        return Period(float(period.startPeriod), period.limit, period.numberPhases)
    return Period(
        float(period.startPeriod),
        period.limit,
        period.numberPhases,
        limit_l2=period.limit_L2,
        limit_l3=period.limit_L3,
        discharge_limit=period.dischargeLimit,
        discharge_limit_l2=period.dischargeLimit_L2,
        discharge_limit_l3=period.dischargeLimit_L3,
        setpoint=period.setpoint,
        setpoint_l2=period.setpoint_L2,
        setpoint_l3=period.setpoint_L3,
        operation_mode=period.operationMode,
    )


def to_v201(profile: ChargingProfile) -> v201.ChargingProfileType:
    """The profile as 2.0.1 sends it. Raises NotInThisVersion for what only 2.1 has."""
    purpose = _PURPOSES_201.get(profile.purpose)
    if purpose is None or profile.kind == "Dynamic" or _needs_v21(profile):
        raise NotInThisVersion(
            f"profile {profile.id} ({profile.purpose}, {profile.kind}) can't be said in OCPP 2.0.1"
        )
    return v201.ChargingProfileType(
        id=profile.id,
        stackLevel=profile.stack_level,
        chargingProfilePurpose=purpose,
        chargingProfileKind=profile.kind,
        recurrencyKind=profile.recurrency,
        validFrom=_moment(profile.valid_from),
        validTo=_moment(profile.valid_to),
        transactionId=profile.transaction_id,
        chargingSchedule=[
            v201.ChargingScheduleType(
                id=number if schedule.id is None else schedule.id,
                startSchedule=_moment(schedule.start),
                duration=_whole(schedule.duration_s),
                chargingRateUnit=schedule.unit,
                minChargingRate=_cut(schedule.min_charging_rate),
                chargingSchedulePeriod=[
                    v201.ChargingSchedulePeriodType(
                        startPeriod=int(period.start_s),
                        limit=_required(profile, period.limit),
                        numberPhases=period.number_phases,
                    )
                    for period in schedule.periods
                ],
            )
            for number, schedule in enumerate(profile.schedules, 1)
        ],
    )


def _needs_v21(profile: ChargingProfile) -> bool:
    """Whether leaving out what only 2.1 can say would change what the profile allows."""
    return profile.max_offline_s is not None or any(
        schedule.local_time
        or any(
            period.by_phase or period.discharge_limit is not None or period.setpoint is not None
            for period in schedule.periods
        )
        for schedule in profile.schedules
    )


def to_v21(profile: ChargingProfile) -> v21.ChargingProfileType:
    """The profile as 2.1 sends it."""
    return v21.ChargingProfileType(
        id=profile.id,
        stackLevel=profile.stack_level,
        chargingProfilePurpose=profile.purpose,
        chargingProfileKind=profile.kind,
        recurrencyKind=profile.recurrency,
        validFrom=_moment(profile.valid_from),
        validTo=_moment(profile.valid_to),
        transactionId=profile.transaction_id,
        maxOfflineDuration=_whole(profile.max_offline_s),
        invalidAfterOfflineDuration=profile.invalid_after_offline or None,
        dynUpdateTime=_moment(profile.updated_at),
        dynUpdateInterval=_whole(profile.update_interval_s),
        chargingSchedule=[
            v21.ChargingScheduleType(
                id=number if schedule.id is None else schedule.id,
                startSchedule=_moment(schedule.start),
                duration=_whole(schedule.duration_s),
                chargingRateUnit=schedule.unit,
                minChargingRate=_cut(schedule.min_charging_rate),
                chargingSchedulePeriod=[
                    v21.ChargingSchedulePeriodType(
                        startPeriod=int(period.start_s),
                        limit=_cut(period.limit),
                        limit_L2=_cut(period.limit_l2),
                        limit_L3=_cut(period.limit_l3),
                        numberPhases=period.number_phases,
                        dischargeLimit=_cut(period.discharge_limit),
                        dischargeLimit_L2=_cut(period.discharge_limit_l2),
                        dischargeLimit_L3=_cut(period.discharge_limit_l3),
                        setpoint=_cut(period.setpoint),
                        setpoint_L2=_cut(period.setpoint_l2),
                        setpoint_L3=_cut(period.setpoint_l3),
                        operationMode=period.operation_mode,  # type: ignore[arg-type]
                    )
                    for period in schedule.periods
                ],
                useLocalTime=schedule.local_time or None,
            )
            for number, schedule in enumerate(profile.schedules, 1)
        ],
    )


def _required(profile: ChargingProfile, limit: float | None) -> float:
    if limit is None:
        raise NotInThisVersion(f"profile {profile.id} has a period without limit: only OCPP 2.1 allows that")
    return _floor(limit)


def _cut(limit: float | None) -> float | None:
    """Towards zero: less in either direction."""
    return None if limit is None else math.copysign(_floor(abs(limit)), limit)


def _floor(limit: float) -> float:
    # The allowance keeps a limit that conversion left a bit short of its decimal: 15.999999999999998.
    return math.floor(limit * 10 + 1e-6) / 10


def _whole(seconds: float | None) -> int | None:
    return None if seconds is None else int(seconds)


def _seconds(whole: int | None) -> float | None:
    return None if whole is None else float(whole)


def _epoch(moment: datetime | None) -> float | None:
    if moment is None:
        return None
    return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp()


def _moment(epoch: float | None) -> datetime | None:
    return None if epoch is None else datetime.fromtimestamp(epoch, UTC)
