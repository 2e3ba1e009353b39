"""What sets of profiles allow over a time: situations with their schedules, and two properties.

The situations show the meanings that `test_profile_vectors` finds in another implementation's profiles, with
small numbers of our own. T is a moment at which a day begins.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ampacity.ocpp.profiles import (
    ChargingProfile,
    EvseSituation,
    Period,
    Schedule,
    after_offline,
    composite_limit,
    composite_schedule,
    station_schedule,
)

T = datetime(2031, 5, 5, tzinfo=UTC).timestamp()  # a Monday
MINUTE, HOUR, DAY = 60.0, 3_600.0, 86_400.0


def profile(purpose: str, *periods: Period | tuple[Any, ...], **rest: Any) -> ChargingProfile:
    """Absolute from T on, in amperes, at stack level 0, unless told otherwise."""
    of_schedule = {
        name: rest.pop(name) for name in ("unit", "start", "duration_s", "local_time") if name in rest
    }
    of_schedule = {"unit": "A", "start": T} | of_schedule
    made = tuple(period if isinstance(period, Period) else Period(*period) for period in periods)
    schedule = Schedule(periods=made, **of_schedule)
    return ChargingProfile(
        **{"id": 7, "stack_level": 0, "kind": "Absolute", "purpose": purpose, "schedules": (schedule,)} | rest
    )


CAP = profile("ChargingStationMaxProfile", (0, 20), (MINUTE, 12), (2 * MINUTE, 40))
GRID = profile("ChargingStationExternalConstraints", (0, 25, 1), start=T + MINUTE, duration_s=MINUTE)
DEFAULT = profile("TxDefaultProfile", (0, 14), (3 * MINUTE, 8))
MINE = profile("TxProfile", (0, 18), duration_s=MINUTE, transaction_id="tx")
HIGH = profile("TxProfile", (0, 9), stack_level=3, start=T + 30, duration_s=15, transaction_id="tx")
NIGHTLY = profile(
    "TxDefaultProfile", (0, 5), kind="Recurring", recurrency="Daily", start=T + HOUR, duration_s=HOUR
)
SUNDAYS = profile(
    "TxDefaultProfile",
    (0, 32),
    kind="Recurring",
    recurrency="Weekly",
    start=T - DAY,
    duration_s=DAY,
    stack_level=1,
)
RELATIVE = profile("TxDefaultProfile", (0, 10), (MINUTE, 7), kind="Relative", start=None)
POWER = profile("TxDefaultProfile", (0, 6_900), (MINUTE, 2_070), unit="W")
ONE_PHASE = profile("ChargingStationMaxProfile", (0, 16, 1), (2 * MINUTE, 16, 3))
SPENT = profile("TxProfile", (0, None, 3), transaction_id="tx")
FIRST = profile("TxDefaultProfile", (0, 11), duration_s=MINUTE)
SECOND = profile("TxDefaultProfile", (0, 6), start=T + MINUTE, duration_s=MINUTE)


@pytest.mark.parametrize(
    ("profiles", "start", "duration", "expected"),
    [
        ([], 0, HOUR, [(0, None, 3)]),
        ([CAP], 0, 5 * MINUTE, [(0, 20, 3), (60, 12, 3), (120, 40, 3)]),
        ([CAP], -10, 30, [(0, None, 3), (10, 20, 3)]),
        ([CAP, GRID], 0, 3 * MINUTE, [(0, 20, 3), (60, 12, 1), (120, 40, 3)]),
        ([CAP, DEFAULT], 0, HOUR, [(0, 14, 3), (60, 12, 3), (120, 14, 3), (180, 8, 3)]),
        ([DEFAULT, MINE], 0, 2 * MINUTE, [(0, 18, 3), (60, 14, 3)]),
        ([DEFAULT, MINE, HIGH], 0, 2 * MINUTE, [(0, 18, 3), (30, 9, 3), (45, 18, 3), (60, 14, 3)]),
        ([DEFAULT, SPENT], 0, MINUTE, [(0, 14, 3)]),
        ([NIGHTLY], 0, 3 * HOUR, [(0, None, 3), (HOUR, 5, 3), (2 * HOUR, None, 3)]),
        ([NIGHTLY], 400 * DAY, 2 * HOUR, [(0, None, 3), (HOUR, 5, 3)]),
        ([NIGHTLY, SUNDAYS], 6 * DAY, 2 * HOUR, [(0, 32, 3)]),
        ([NIGHTLY, SUNDAYS], 7 * DAY, 2 * HOUR, [(0, None, 3), (HOUR, 5, 3)]),
        ([RELATIVE], 0, 2 * MINUTE, [(0, 10, 3), (60, 7, 3)]),
        ([POWER], 0, 2 * MINUTE, [(0, 10, 3), (60, 3, 3)]),
        ([POWER, ONE_PHASE], 0, 3 * MINUTE, [(0, 16, 1), (60, 9, 1), (120, 3, 3)]),
        ([FIRST, SECOND], 0, 3 * MINUTE, [(0, 11, 3), (60, 6, 3), (120, None, 3)]),
    ],
)  # fmt: skip
def test_what_one_evse_may_take(
    profiles: list[ChargingProfile], start: float, duration: float, expected: list[tuple[Any, ...]]
) -> None:
    periods = composite_schedule(profiles, T + start, duration, T + start, transaction_id="tx")
    assert [(p.start_s, p.limit, p.number_phases) for p in periods] == expected


def test_no_time_is_the_moment_alone() -> None:
    assert composite_schedule([CAP], T, 0.0) == composite_schedule([CAP], T, -5.0) == (Period(0.0, 20.0, 3),)


def test_a_return_each_day_for_ever_is_no_work_for_ever() -> None:
    always = profile(
        "TxDefaultProfile", (0, 5), kind="Recurring", recurrency="Daily", start=T, duration_s=DAY
    )
    assert composite_schedule([always], T, 1e15, T) == (Period(0.0, 5.0, 3),)


SHARED = profile("TxDefaultProfile", (0, 16), (MINUTE, 10), kind="Relative", start=None)
OWN = profile("TxDefaultProfile", (0, 6, 1), duration_s=2 * MINUTE, stack_level=2)


@pytest.mark.parametrize(
    ("station", "evses", "expected"),
    [
        ([CAP], [[]], [(0, 20, 3), (60, 12, 3), (120, 40, 3)]),
        ([SHARED], [[]], [(0, 16, 3), (60, 10, 3)]),
        ([SHARED], [[], []], [(0, 32, 3), (60, 20, 3)]),
        ([SHARED], [[], [OWN]], [(0, 22, 3), (60, 16, 3), (120, 20, 3)]),
        ([SHARED, CAP], [[], []], [(0, 20, 3), (60, 12, 3), (120, 20, 3)]),
        ([], [[OWN], []], [(0, 56, 3), (120, 100, 3)]),
    ],
)  # fmt: skip
def test_what_a_whole_station_may_take(
    station: list[ChargingProfile], evses: list[list[ChargingProfile]], expected: list[tuple[Any, ...]]
) -> None:
    situations = {
        number: EvseSituation(profiles=own, transaction_started_at=T) for number, own in enumerate(evses, 1)
    }
    periods = station_schedule(station, situations, T, 5 * MINUTE, default_limit=50.0)
    assert [(p.start_s, p.limit, p.number_phases) for p in periods] == expected


def test_a_station_with_an_unlimited_evse_is_unlimited() -> None:
    situations = {1: EvseSituation(profiles=[OWN]), 2: EvseSituation()}
    assert [period.limit for period in station_schedule([], situations, T, MINUTE)] == [None]
    assert [period.limit for period in station_schedule([CAP], situations, T, MINUTE)] == [20.0]


# What 2.1 adds

LINES = profile("ChargingStationMaxProfile", Period(0, 10, 3, limit_l2=12, limit_l3=8))


def test_phases_of_their_own_meet_a_power_for_all_three() -> None:
    total = profile("TxProfile", Period(0, 6_900, 3, discharge_limit=-3_450, setpoint=9_000), unit="W")
    [amps] = composite_schedule([LINES, total], T, MINUTE, T)
    assert (amps.limits, amps.setpoints) == ((10.0, 10.0, 8.0), (10.0, 10.0, 8.0))
    assert amps.discharge_limits == (-5.0, -5.0, -5.0)
    [watts] = composite_schedule([LINES, total], T, MINUTE, T, unit="W")
    assert watts.limits == (2_300.0, 2_300.0, 1_840.0)
    assert composite_limit([LINES, total], T, T).limit == 8.0
    assert composite_limit([LINES, total], T, T, unit="W").limit == 3 * 1_840.0


def test_of_more_limits_than_phases_the_lowest_counts() -> None:
    [period] = composite_schedule([LINES, ONE_PHASE], T, MINUTE, T)
    assert (period.limits, period.number_phases) == ((8.0, None, None), 1)


@pytest.mark.parametrize(("setpoint", "expected"), [(4, 4), (40, 16), (-4, -4), (-40, -10)])
def test_a_setpoint_stays_within_the_limits(setpoint: float, expected: float) -> None:
    both_ways = profile("TxProfile", Period(0, 16, 3, discharge_limit=-10, setpoint=setpoint))
    [period] = composite_schedule([both_ways], T, MINUTE, T)
    assert period.setpoint == expected


def test_an_idle_car_may_take_nothing() -> None:
    idle = profile("TxProfile", Period(0, None, operation_mode="Idle"))
    assert composite_limit([DEFAULT, idle], T, T).limit == 0.0


def test_a_dynamic_profile_lasts_from_its_update_on() -> None:
    dynamic = profile(
        "TxProfile", (0, 9), kind="Dynamic", start=None, duration_s=MINUTE, updated_at=T + 5
    )  # fmt: skip
    periods = composite_schedule([DEFAULT, dynamic], T, 2 * MINUTE, T)
    assert [(period.start_s, period.limit) for period in periods] == [(0, 14), (5, 9), (65, 14)]


@pytest.mark.parametrize("lasting", [False, True])
def test_a_profile_may_end_with_the_connection(lasting: bool) -> None:
    short = profile("TxProfile", (0, 30), max_offline_s=60.0, invalid_after_offline=not lasting)
    held = [DEFAULT, short]
    limits = [composite_limit(held, T, T, offline_s=offline_s).limit for offline_s in (0.0, 60.0, 61.0)]
    assert limits == [30.0, 30.0, 14.0]
    back = composite_limit(after_offline(held, 61.0), T, T).limit
    assert back == (30.0 if lasting else 14.0)


def test_two_of_one_level_count_both() -> None:
    assert composite_limit([profile("TxProfile", (0, 9)), profile("TxProfile", (0, 7))], T, T).limit == 7.0


BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("year", "month", "day", "hour"),
    [
        (2031, 1, 10, 17),  # winter: one hour ahead of UTC
        (2031, 7, 10, 16),  # summer: two hours
        (2031, 3, 30, 16),  # the day on which clocks are put on
        (2031, 10, 26, 17),  # and back
    ],
)
def test_a_local_hour_stays_where_the_wall_shows_it(year: int, month: int, day: int, hour: int) -> None:
    evening = datetime(2030, 1, 1, 18, tzinfo=UTC).timestamp()
    local = profile(
        "TxDefaultProfile",
        (0, 6),
        kind="Recurring",
        recurrency="Daily",
        start=evening,
        duration_s=HOUR,
        local_time=True,
    )
    midnight = datetime(year, month, day, tzinfo=UTC).timestamp()
    periods = composite_schedule([local], midnight, 22 * HOUR, midnight, zone=BERLIN)
    assert [(p.start_s, p.limit) for p in periods] == [(0, None), (hour * HOUR, 6), ((hour + 1) * HOUR, None)]


# Properties

AMPS = st.sampled_from([6.0, 9.0, 13.0, 20.0])
WATTS = st.sampled_from([1_380.0, 4_140.0, 11_040.0])


@st.composite
def sets(draw: st.DrawFn) -> list[ChargingProfile]:
    """Up to six profiles whose times meet within two minutes, no two of one place."""
    found: dict[tuple[str, int], ChargingProfile] = {}
    for number in range(draw(st.integers(0, 6))):
        purpose = draw(
            st.sampled_from(
                [
                    "TxProfile",
                    "TxDefaultProfile",
                    "ChargingStationMaxProfile",
                    "ChargingStationExternalConstraints",
                ]
            )
        )
        level, unit = draw(st.integers(0, 2)), draw(st.sampled_from(["A", "W"]))
        kind = draw(st.sampled_from(["Absolute", "Relative", "Recurring"]))
        starts = [0, *sorted(draw(st.sets(st.integers(1, 100), max_size=3)))]
        phases = st.sampled_from([None, 1, 3])
        periods = [
            (float(start), draw(AMPS if unit == "A" else WATTS), draw(phases)) for start in starts
        ]  # fmt: skip
        found[purpose, level] = profile(
            purpose,
            *periods,
            id=number,
            stack_level=level,
            kind=kind,
            unit=unit,
            start=None if kind == "Relative" else T + draw(st.integers(-DAY, 60)),
            recurrency="Daily" if kind == "Recurring" else None,
            duration_s=draw(st.none() | st.integers(1, 120).map(float)),
            valid_from=draw(st.none() | st.integers(-10, 60).map(lambda s: T + s)),
            valid_to=draw(st.none() | st.integers(10, 120).map(lambda s: T + s)),
        )
    return list(found.values())


def said(one: ChargingProfile, at: float, began: float) -> Period | None:
    """What a profile says at a second, found the long way."""
    [schedule] = one.schedules
    begin = began if one.kind == "Relative" else schedule.start
    assert begin is not None
    elapsed = at - begin
    if one.kind == "Recurring":
        elapsed %= DAY
    within = elapsed >= 0 and (schedule.duration_s is None or elapsed < schedule.duration_s)
    valid = (one.valid_from or at) <= at and at < (one.valid_to or at + 1)
    if not (within and valid):
        return None
    return [period for period in schedule.periods if period.start_s <= elapsed][-1]


def slowly(profiles: list[ChargingProfile], at: float, began: float) -> tuple[float | None, int]:
    """Limit in A and phases at a second."""
    best: dict[str, tuple[int, str, Period]] = {}
    for one in profiles:
        period = said(one, at, began)
        if period is not None and (one.purpose not in best or best[one.purpose][0] < one.stack_level):
            best[one.purpose] = (one.stack_level, one.schedules[0].unit, period)
    if "TxProfile" in best:
        best.pop("TxDefaultProfile", None)
    phases = min([3, *(period.number_phases or 3 for _, _, period in best.values())])
    limits = [
        (period.limit or 0.0) / (1.0 if unit == "A" else 230.0 * phases) for _, unit, period in best.values()
    ]
    return min(limits, default=None), phases


@settings(max_examples=150, deadline=None)
@given(sets(), st.integers(-60, 60))
def test_a_schedule_is_the_second_by_second_truth(profiles: list[ChargingProfile], began: int) -> None:
    """Each period says until the next one what each of its seconds says alone."""
    periods = composite_schedule(profiles, T, 120.0, T + began)
    for second in range(0, 120, 3):
        current = [period for period in periods if period.start_s <= second][-1]
        limit, phases = slowly(profiles, T + second, T + began)
        assert current.number_phases == phases
        assert current.limit == (None if limit is None else pytest.approx(limit))


@settings(max_examples=150, deadline=None)
@given(sets(), st.integers(0, 120), st.sampled_from(["A", "W"]))
def test_nothing_above_what_a_leader_says(profiles: list[ChargingProfile], second: int, unit: Any) -> None:
    """Whoever leads for the station or the transaction is never passed."""
    now = composite_limit(profiles, T + second, T, unit=unit)
    for one in profiles:
        period = said(one, T + second, T)
        above = [
            other
            for other in profiles
            if said(other, T + second, T) is not None
            and (
                (other.purpose == one.purpose and other.stack_level > one.stack_level)
                or (one.purpose == "TxDefaultProfile" and other.purpose == "TxProfile")
            )
        ]
        if period is None or above:
            continue
        assert period.limit is not None
        watts = 230.0 * now.number_phases
        own = period.limit * (watts if one.schedules[0].unit == "A" else 1.0)
        assert now.limit is not None
        assert now.limit * (watts if unit == "A" else 1.0) <= own * (1 + 1e-9)
