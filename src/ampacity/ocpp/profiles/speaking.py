"""When a profile has something to say.

It speaks at a moment when it is valid (valid_from <= t < valid_to), its schedule has begun and not ended, and
one of its periods covers t and has a limit. A TxProfile with a transaction id speaks only in that
transaction.

Where a schedule begins, by kind: Absolute at its start; Recurring at its latest daily or weekly return, and
each return ends what the one before has left; Relative when the transaction began (2.x: when the power path
closed), and so does an Absolute one without start, as 1.6 says; Dynamic when it was given its values.

The start of a Recurring schedule names the hour, and the day of the week: it returns before that date, too.
What bounds it is its validity. (The standards leave this open; stations in the field count so.)
"""

import math
from datetime import UTC, datetime, timedelta, tzinfo

import msgspec

from .nouns import ChargingProfile, Period, Schedule

_RETURNS = {"Daily": timedelta(days=1), "Weekly": timedelta(days=7)}


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """`at`, and what else decides who speaks then. `transaction_started_at` is None outside a transaction;
    `zone` is the station's, for schedules in local time.
    """

    at: float
    transaction_started_at: float | None = None
    transaction_id: str | None = None
    offline_s: float = 0.0
    zone: tzinfo = UTC


def spoken(profile: ChargingProfile, moment: Moment, begin: float | None) -> tuple[Schedule, Period] | None:
    """The schedule and the period that count, of a schedule that begins at `begin`; None where the profile
    leaves the word to others.
    """
    if begin is None or moment.at < begin or not _concerned(profile, moment):
        return None
    schedule, elapsed_s = profile.schedules[0], moment.at - begin
    if schedule.duration_s is not None and elapsed_s >= schedule.duration_s:
        return None
    current = None
    for period in schedule.periods:
        if period.start_s > elapsed_s:
            break
        current = period
    return None if current is None or current.says_nothing else (schedule, current)


def changes(profile: ChargingProfile, moment: Moment, begin: float | None) -> list[float]:
    """Moments after this one at which the profile may begin to say something else."""
    if profile.purpose == "TxProfile" and not _in_transaction(profile, moment):
        return []
    moments = [profile.valid_from, profile.valid_to]
    if begin is not None and begin != -math.inf:
        schedule = profile.schedules[0]
        moments += [begin + period.start_s for period in schedule.periods]
        if schedule.duration_s is not None:
            moments.append(begin + schedule.duration_s)
        if profile.kind == "Recurring" and schedule.start is not None and profile.recurrency is not None:
            moments.append(_return(profile, moment, later=True))
    return [at for at in moments if at is not None and at > moment.at]


def _concerned(profile: ChargingProfile, moment: Moment) -> bool:
    if profile.purpose == "TxProfile" and not _in_transaction(profile, moment):
        return False
    if profile.max_offline_s is not None and moment.offline_s > profile.max_offline_s:
        return False
    if profile.valid_from is not None and moment.at < profile.valid_from:
        return False
    return profile.valid_to is None or moment.at < profile.valid_to


def _in_transaction(profile: ChargingProfile, moment: Moment) -> bool:
    if moment.transaction_started_at is None:
        return False
    known = profile.transaction_id is not None and moment.transaction_id is not None
    return not known or profile.transaction_id == moment.transaction_id


def begins(profile: ChargingProfile, moment: Moment) -> float | None:
    """When the schedule that counts at the moment begins or began; None when nothing has set it going."""
    schedule = profile.schedules[0]
    match profile.kind:
        case "Relative":
            return moment.transaction_started_at
        case "Dynamic":
            if profile.updated_at is not None:
                return profile.updated_at
            return -math.inf if schedule.start is None else _real(schedule, schedule.start, moment.zone)
        case "Recurring" if schedule.start is not None and profile.recurrency is not None:
            return _return(profile, moment)
        case _:
            if schedule.start is None:
                return moment.transaction_started_at
            return _real(schedule, schedule.start, moment.zone)


def _return(profile: ChargingProfile, moment: Moment, *, later: bool = False) -> float:
    """The latest return of a Recurring schedule that is not after the moment; `later`: the one after it."""
    schedule = profile.schedules[0]
    assert schedule.start is not None
    every = _RETURNS[profile.recurrency or "Daily"].total_seconds()
    at = _wall(moment.at, moment.zone) if schedule.local_time else moment.at
    count = math.floor((at - schedule.start) / every)
    begin = _real(schedule, schedule.start + count * every, moment.zone)
    # Where clocks were put on over the hour of the return, that hour comes later than the wall shows.
    if begin > moment.at:
        count -= 1
    return _real(schedule, schedule.start + (count + later) * every, moment.zone)


def _wall(at: float, zone: tzinfo) -> float:
    """What a clock on the wall shows, as the epoch of that hour in UTC."""
    return datetime.fromtimestamp(at, zone).replace(tzinfo=UTC).timestamp()


def _real(schedule: Schedule, start: float, zone: tzinfo) -> float:
    """A schedule's time as a moment. Of an hour that comes twice the first counts; one that the clocks leave
    out is taken as it would have been without the change.
    """
    if not schedule.local_time:
        return start
    return datetime.fromtimestamp(start, UTC).replace(tzinfo=zone).timestamp()
