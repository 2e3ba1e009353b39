"""Charging profiles on the wire of 1.6, 2.0.1 and 2.1, to and from the neutral form of `profiles`.

On the way out limits are cut, never raised, to the one decimal that the standards allow, and seconds to whole
ones. What the neutral form has no place for (tariffs, setpoints, discharge, signatures of 2.x) is not
carried. Times without a zone are taken as UTC.
"""

import math
from datetime import UTC, datetime

from ampacity.ocpp.messages import v16, v21, v201
from ampacity.ocpp.profiles import ChargingProfile, Kind, Period, Purpose, Recurrency, Schedule, Unit

__all__ = ["from_v2", "from_v16", "to_v16", "to_v21", "to_v201"]

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
    if purpose is None or profile.kind == "Dynamic" or len(profile.schedules) != 1:
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
        schedules=tuple(_schedule(schedule) for schedule in profile.chargingSchedule),
    )


def _schedule(schedule: v201.ChargingScheduleType | v21.ChargingScheduleType) -> Schedule:
    unit: Unit = schedule.chargingRateUnit
    return Schedule(
        unit=unit,
        start=_epoch(schedule.startSchedule),
        duration_s=_seconds(schedule.duration),
        min_charging_rate=schedule.minChargingRate,
        id=schedule.id,
        periods=tuple(
            Period(float(period.startPeriod), period.limit, period.numberPhases)
            for period in schedule.chargingSchedulePeriod
        ),
    )


def to_v201(profile: ChargingProfile) -> v201.ChargingProfileType:
    """The profile as 2.0.1 sends it. Raises NotInThisVersion for what only 2.1 has."""
    purpose = _PURPOSES_201.get(profile.purpose)
    if purpose is None or profile.kind == "Dynamic":
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
                        numberPhases=period.number_phases,
                    )
                    for period in schedule.periods
                ],
            )
            for number, schedule in enumerate(profile.schedules, 1)
        ],
    )


def _required(profile: ChargingProfile, limit: float | None) -> float:
    if limit is None:
        raise NotInThisVersion(f"profile {profile.id} has a period without limit: only OCPP 2.1 allows that")
    return _floor(limit)


def _cut(limit: float | None) -> float | None:
    return None if limit is None else _floor(limit)


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
