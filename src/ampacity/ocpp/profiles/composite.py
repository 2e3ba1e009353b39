"""What a set of charging profiles allows at a moment, and over a time.

Rules (1.6 section 3.13; 2.0.1 and 2.1 part 2 chapter K, 3.5 stacking and 3.6 combining, SC.01, K01.FR.50/51):

1. Of each purpose the profile with the highest stack level that speaks leads; a higher one that has ended, or
   has not begun, or has no period there, leaves the word to the next. Two of one level, which should not be,
   lead together.
2. In a transaction a TxProfile replaces the TxDefaultProfile. PriorityCharging replaces both while it is
   switched on.
3. The limit is the lowest of the leaders of all purposes. LocalGeneration is added on top (2.1). A setpoint
   never leaves what the limits allow.
4. The whole station may take what its EVSEs may take together, and no more than the station's own leaders
   say.

All times are epoch seconds, all durations seconds. `None` as a limit means unlimited.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, tzinfo

import msgspec

from .combining import Allowance, Voice, combine, period_of
from .nouns import (
    MAX_PERIODS,
    TRANSACTION_PURPOSES,
    ChargingProfile,
    Period,
    Unit,
)
from .speaking import Moment, begins, changes, spoken

MAX_STEPS = 10 * MAX_PERIODS
"""Moments that are looked at, most of which may change nothing: a profile that returns each day does so for
as long as is asked.
"""


class CompositeLimit(msgspec.Struct, frozen=True, kw_only=True):
    """What is allowed now: `limit` in `unit`, per phase when in A; None is unlimited. Where phases have
    limits of their own it is what each of them allows, taken for all; `allowance` tells them apart.

    `source` is the profile that decided; `changes_at` the next moment at which the answer may differ, None
    for never.
    """

    limit: float | None
    unit: Unit
    number_phases: int
    source: ChargingProfile | None
    changes_at: float | None
    allowance: Allowance


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
    offline_s: float = 0.0,
    zone: tzinfo = UTC,
) -> CompositeLimit:
    """What `profiles` (those of the EVSE and those of the whole station) allow at `now`.

    `transaction_started_at` is when the transaction, or its energy transfer, began; None outside a
    transaction. `transaction_id` is compared with that of a TxProfile when both are known. `phases` are those
    of the EVSE. `offline_s` is how long the station has been away from its CSMS by now.
    """
    moment = Moment(
        at=now,
        transaction_started_at=transaction_started_at,
        transaction_id=transaction_id,
        offline_s=offline_s,
        zone=zone,
    )
    begun = [(profile, begins(profile, moment)) for profile in profiles]
    leaders = _leaders(begun, moment)
    if priority_charging and "PriorityCharging" in leaders:
        leaders.pop("TxProfile", None)
        leaders.pop("TxDefaultProfile", None)
    else:
        leaders.pop("PriorityCharging", None)
    if "TxProfile" in leaders:
        leaders.pop("TxDefaultProfile", None)
    added = leaders.pop("LocalGeneration", [])
    voices = [voice for leading in leaders.values() for voice in leading]
    allowance = combine(voices, added, unit=unit, voltage_v=voltage_v, phases=phases)
    moments = [at for profile, begin in begun for at in changes(profile, moment, begin)]
    return CompositeLimit(
        limit=_for_all(allowance, unit),
        unit=unit,
        number_phases=allowance.number_phases,
        source=allowance.source,
        changes_at=min(moments, default=None),
        allowance=allowance,
    )


def _leaders(begun: Iterable[tuple[ChargingProfile, float | None]], moment: Moment) -> dict[str, list[Voice]]:
    """Purpose -> who leads there."""
    leaders: dict[str, list[Voice]] = {}
    for profile, begin in begun:
        said = spoken(profile, moment, begin)
        if said is None:
            continue
        leading = leaders.get(profile.purpose)
        if leading is None or profile.stack_level > leading[0][0].stack_level:
            leaders[profile.purpose] = [(profile, *said)]
        elif profile.stack_level == leading[0][0].stack_level:
            leading.append((profile, *said))
    return leaders


def _for_all(allowance: Allowance, unit: Unit) -> float | None:
    """One number that no phase's limit is below."""
    if allowance.limit is None:
        return None
    least = min(allowance.limit)
    return least * allowance.number_phases if allowance.by_phase and unit == "W" else least


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
    default_limit: float | None = None,
    offline_s: float = 0.0,
    zone: tzinfo = UTC,
) -> tuple[Period, ...]:
    """`composite_limit` from `now` on for `duration_s`, as periods that start when something changes; at
    least the one that holds at `now`. `default_limit` (in `unit`) is what counts where no profile speaks.

    At most 1,024 periods, the most that a message holds, of at most ten times as many steps: what would come
    after them is as the last one.
    """

    def at(moment: float) -> tuple[Period, float | None]:
        current = composite_limit(
            profiles,
            moment,
            transaction_started_at,
            transaction_id=transaction_id,
            unit=unit,
            voltage_v=voltage_v,
            phases=phases,
            offline_s=offline_s,
            zone=zone,
        )
        period = period_of(current.allowance, moment - now)
        if period.limit is None and default_limit is not None:
            period = msgspec.structs.replace(period, limit=default_limit)
        return period, current.changes_at

    return _over(at, now, duration_s)


class EvseSituation(msgspec.Struct, frozen=True, kw_only=True):
    """One EVSE of a station: the profiles set for it alone, and its transaction."""

    profiles: Sequence[ChargingProfile] = ()
    transaction_started_at: float | None = None
    transaction_id: str | None = None
    phases: int = 3


def station_schedule(
    station: Sequence[ChargingProfile],
    evses: Mapping[int, EvseSituation],
    now: float,
    duration_s: float,
    *,
    unit: Unit = "A",
    voltage_v: float = 230.0,
    default_limit: float | None = None,
    offline_s: float = 0.0,
    zone: tzinfo = UTC,
) -> tuple[Period, ...]:
    """What the whole station may take (EVSE 0): the sum of its EVSEs, no more than its own limits.

    `station` are the profiles set for EVSE 0; a TxDefaultProfile among them counts for each EVSE.
    `default_limit` is what an EVSE may take where nothing is said. A sum with an unlimited EVSE is unlimited.
    Phases are added up as if all EVSEs were on the same ones.
    """
    own = [profile for profile in station if profile.purpose not in TRANSACTION_PURPOSES]
    shared = [profile for profile in station if profile.purpose in TRANSACTION_PURPOSES]

    def at(moment: float) -> tuple[Period, float | None]:
        total: float | None = 0.0
        widest, moments = 1, []
        for evse in evses.values():
            part = composite_limit(
                [*shared, *evse.profiles],
                moment,
                evse.transaction_started_at,
                transaction_id=evse.transaction_id,
                unit=unit,
                voltage_v=voltage_v,
                phases=evse.phases,
                offline_s=offline_s,
                zone=zone,
            )
            limit = default_limit if part.limit is None else part.limit
            total = None if total is None or limit is None else total + limit
            widest = max(widest, part.number_phases)
            moments.append(part.changes_at)
        cap = composite_limit(
            own, moment, unit=unit, voltage_v=voltage_v, phases=widest, offline_s=offline_s, zone=zone
        )
        if cap.limit is not None:
            total = cap.limit if total is None else min(total, cap.limit)
        period = Period(moment - now, total, cap.number_phases)
        known = [change for change in (*moments, cap.changes_at) if change is not None]
        return period, min(known, default=None)

    return _over(at, now, duration_s)


def _over(
    at: Callable[[float], tuple[Period, float | None]], now: float, duration_s: float
) -> tuple[Period, ...]:
    """The periods from `now` on, equal neighbours joined."""
    first, change = at(now)
    periods = [first]
    for _ in range(MAX_STEPS):
        if change is None or change >= now + duration_s or len(periods) == MAX_PERIODS:
            break
        period, following = at(change)
        if msgspec.structs.replace(period, start_s=periods[-1].start_s) != periods[-1]:
            periods.append(period)
        change = following
    return tuple(periods)
