"""What a set of charging profiles allows at a moment, whatever the OCPP version they came in.

Rules (1.6 section 3.13; 2.0.1 and 2.1 part 2 chapter K, 3.5 stacking and 3.6 combining, SC.01, K01.FR.50/51):

1. A profile speaks at a moment when it is valid (valid_from <= t < valid_to), its schedule has begun and not
   ended, and one of its periods covers t. A TxProfile with a transaction id speaks only in that transaction.
2. Of each purpose the profile with the highest stack level that speaks leads; a higher one that has ended, or
   has not begun, or has no period there, leaves the word to the next.
3. In a transaction a TxProfile replaces the TxDefaultProfile. PriorityCharging replaces both while it is
   switched on.
4. The limit is the lowest of the leaders of all purposes. LocalGeneration is added on top (2.1).
5. Current limits are per phase. W and A convert by current = power / (voltage * phases), with the phases of
   the period or else those of the EVSE, and the nominal voltage. The lowest number of phases counts.

Where a schedule begins, by kind: Absolute at its start; Recurring at its latest daily or weekly return that
is not before the first; Relative when the transaction began (2.x: when the power path closed), and so does
an Absolute one without start, as 1.6 says; Dynamic at once.

All times are epoch seconds, all durations seconds. `None` as a limit means unlimited.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec

Unit = Literal["A", "W"]
Kind = Literal["Absolute", "Recurring", "Relative", "Dynamic"]
Recurrency = Literal["Daily", "Weekly"]
Purpose = Literal[
    "ChargingStationExternalConstraints",
    "ChargingStationMaxProfile",
    "TxDefaultProfile",
    "TxProfile",
    "PriorityCharging",
    "LocalGeneration",
]

_RETURNS_S = {"Daily": 86_400.0, "Weekly": 604_800.0}
MAX_PERIODS = 1_024


class Period(msgspec.Struct, frozen=True, gc=False):
    """From `start_s` seconds after the schedule's begin on, at most `limit` in the schedule's unit."""

    start_s: float
    limit: float | None
    number_phases: int | None = None


class Schedule(msgspec.Struct, frozen=True, kw_only=True):
    """Periods in ascending order. Without `duration_s` the last one lasts."""

    unit: Unit
    periods: tuple[Period, ...]
    start: float | None = None
    duration_s: float | None = None
    min_charging_rate: float | None = None
    id: int | None = None


class ChargingProfile(msgspec.Struct, frozen=True, kw_only=True):
    """A charging profile, neutral to the version. `schedules` has one entry, up to three for ISO 15118 in
    2.x.
    """

    id: int
    stack_level: int
    purpose: Purpose
    kind: Kind
    schedules: tuple[Schedule, ...]
    recurrency: Recurrency | None = None
    valid_from: float | None = None
    valid_to: float | None = None
    transaction_id: str | None = None


class CompositeLimit(msgspec.Struct, frozen=True, kw_only=True):
    """What is allowed now: `limit` in `unit`, per phase when in A; None is unlimited.

    `source` is the profile that decided; `changes_at` the next moment at which the answer may differ, None
    for never.
    """

    limit: float | None
    unit: Unit
    number_phases: int
    source: ChargingProfile | None
    changes_at: float | None


def install(profiles: Iterable[ChargingProfile], new: ChargingProfile) -> list[ChargingProfile]:
    """The profiles of one EVSE after `new` was set: it replaces its id, and its place in the stack."""
    place = (new.purpose, new.stack_level, new.transaction_id)
    kept = [
        old
        for old in profiles
        if old.id != new.id and (old.purpose, old.stack_level, old.transaction_id) != place
    ]
    return [*kept, new]


def convert(limit: float, unit: Unit, to: Unit, *, voltage_v: float, phases: int) -> float:
    """A limit in the other unit: power of all `phases` together against current in each."""
    if unit == to:
        return limit
    power_per_ampere = voltage_v * phases
    return limit / power_per_ampere if to == "A" else limit * power_per_ampere


def composite_limit(
    profiles: Sequence[ChargingProfile],
    now: float,
    transaction_started_at: float | None = None,
    *,
    transaction_id: str | None = None,
    unit: Unit = "A",
    voltage_v: float = 230.0,
    phases: int = 3,
    priority_charging: bool = False,
) -> CompositeLimit:
    """What `profiles` (those of the EVSE and those of the whole station) allow at `now`.

    `transaction_started_at` is when the transaction, or its energy transfer, began; None outside a
    transaction. `transaction_id` is compared with that of a TxProfile when both are known. `phases` are those
    of the EVSE.
    """
    leaders: dict[str, tuple[ChargingProfile, Schedule, Period]] = {}
    changes: list[float] = []
    for profile in profiles:
        if profile.purpose == "TxProfile" and not _in_transaction(
            profile, transaction_started_at, transaction_id
        ):
            continue
        begin = _begin(profile, now, transaction_started_at)
        changes += _changes(profile, begin, now)
        spoken = _speaks(profile, begin, now)
        leader = leaders.get(profile.purpose)
        if spoken is not None and (leader is None or profile.stack_level > leader[0].stack_level):
            leaders[profile.purpose] = (profile, *spoken)

    if priority_charging and "PriorityCharging" in leaders:
        leaders.pop("TxProfile", None)
        leaders.pop("TxDefaultProfile", None)
    else:
        leaders.pop("PriorityCharging", None)
    if "TxProfile" in leaders:
        leaders.pop("TxDefaultProfile", None)
    added = leaders.pop("LocalGeneration", None)

    limit, source, used = math.inf, None, phases
    for profile, schedule, period in leaders.values():
        conductors = period.number_phases or phases
        used = min(used, conductors)
        if period.limit is None:
            continue
        here = convert(period.limit, schedule.unit, unit, voltage_v=voltage_v, phases=conductors)
        if here < limit:
            limit, source = here, profile
    if added is not None and math.isfinite(limit):
        _, schedule, period = added
        conductors = period.number_phases or phases
        limit += convert(period.limit or 0.0, schedule.unit, unit, voltage_v=voltage_v, phases=conductors)
    return CompositeLimit(
        limit=limit if math.isfinite(limit) else None,
        unit=unit,
        number_phases=used,
        source=source,
        changes_at=min(changes, default=None),
    )


def composite_schedule(
    profiles: Sequence[ChargingProfile],
    now: float,
    duration_s: float,
    transaction_started_at: float | None = None,
    *,
    transaction_id: str | None = None,
    unit: Unit = "A",
    voltage_v: float = 230.0,
    phases: int = 3,
) -> tuple[Period, ...]:
    """`composite_limit` from `now` on for `duration_s`, as periods that start when limit or phases change.

    At most 1,024 periods, the most that a message holds.
    """
    periods: list[Period] = []
    at: float | None = now
    while at is not None and at < now + duration_s and len(periods) < MAX_PERIODS:
        current = composite_limit(
            profiles,
            at,
            transaction_started_at,
            transaction_id=transaction_id,
            unit=unit,
            voltage_v=voltage_v,
            phases=phases,
        )
        period = Period(at - now, current.limit, current.number_phases)
        last = periods[-1] if periods else None
        if last is None or (last.limit, last.number_phases) != (period.limit, period.number_phases):
            periods.append(period)
        at = current.changes_at
    return tuple(periods)


def _in_transaction(
    profile: ChargingProfile, transaction_started_at: float | None, transaction_id: str | None
) -> bool:
    if transaction_started_at is None:
        return False
    return (
        profile.transaction_id is None or transaction_id is None or profile.transaction_id == transaction_id
    )


def _begin(profile: ChargingProfile, now: float, transaction_started_at: float | None) -> float | None:
    """When the schedule that counts at `now` begins or began; None when nothing has set it going yet."""
    start = profile.schedules[0].start
    match profile.kind:
        case "Relative":
            return transaction_started_at
        case "Dynamic":
            return start if start is not None else -math.inf
        case "Recurring" if start is not None and profile.recurrency is not None:
            every = _RETURNS_S[profile.recurrency]
            return start + max(0.0, math.floor((now - start) / every)) * every
        case _:
            return start if start is not None else transaction_started_at


def _speaks(profile: ChargingProfile, begin: float | None, now: float) -> tuple[Schedule, Period] | None:
    """The schedule and the period that cover `now`."""
    if begin is None or now < begin:
        return None
    if profile.valid_from is not None and now < profile.valid_from:
        return None
    if profile.valid_to is not None and now >= profile.valid_to:
        return None
    schedule = profile.schedules[0]
    if begin == -math.inf:
        return (schedule, schedule.periods[0]) if schedule.periods else None
    if schedule.duration_s is not None and now >= begin + schedule.duration_s:
        return None
    covering = [period for period in schedule.periods if begin + period.start_s <= now]
    return (schedule, covering[-1]) if covering else None


def _changes(profile: ChargingProfile, begin: float | None, now: float) -> list[float]:
    """Moments after `now` at which this profile may begin to say something else."""
    moments = [profile.valid_from, profile.valid_to]
    if begin is not None and begin != -math.inf:
        schedule = profile.schedules[0]
        moments += [begin + period.start_s for period in schedule.periods]
        if schedule.duration_s is not None:
            moments.append(begin + schedule.duration_s)
        if profile.kind == "Recurring" and profile.recurrency is not None:
            moments.append(begin + _RETURNS_S[profile.recurrency])
    return [moment for moment in moments if moment is not None and moment > now]
