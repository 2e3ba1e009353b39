"""What charging profiles allow: one table a rule, and the way to the wire and back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ampacity.ocpp.messages import v16, v21
from ampacity.ocpp.profile_messages import NotInThisVersion, from_v2, from_v16, to_v16, to_v21, to_v201
from ampacity.ocpp.profiles import (
    ChargingProfile,
    Kind,
    Period,
    Purpose,
    Schedule,
    Unit,
    composite_limit,
    composite_schedule,
    convert,
    install,
)
from ampacity.ocpp.version import Role, Version
from tests.ocpp.schemas import speaks

DAY = 86_400.0
NOON = datetime(2025, 3, 4, 12, tzinfo=UTC).timestamp()


def profile(
    number: int = 1,
    *periods: tuple[float, float] | tuple[float, float, int],
    stack: int = 0,
    purpose: Purpose = "TxDefaultProfile",
    kind: Kind = "Absolute",
    unit: Unit = "A",
    start: float | None = NOON,
    duration_s: float | None = None,
    **rest: object,
) -> ChargingProfile:
    schedule = Schedule(
        unit=unit,
        start=start,
        duration_s=duration_s,
        periods=tuple(Period(*period) for period in periods or ((0.0, 16.0),)),
    )
    return ChargingProfile(
        id=number, stack_level=stack, purpose=purpose, kind=kind, schedules=(schedule,), **rest
    )


def limit(
    profiles: list[ChargingProfile], at: float, began: float | None = NOON, **rest: object
) -> float | None:
    return composite_limit(profiles, NOON + at, began, **rest).limit


def test_nothing_installed_is_no_limit() -> None:
    nothing = composite_limit([], NOON)
    assert (nothing.limit, nothing.source, nothing.number_phases, nothing.changes_at) == (None, None, 3, None)


STEPS = profile(1, (0, 16), (600, 8.1), (1200, 32), duration_s=1800)
DAILY = profile(2, (0, 10), (3600, 20), kind="Recurring", recurrency="Daily", duration_s=7200)
WEEKLY = profile(3, (0, 6), kind="Recurring", recurrency="Weekly", duration_s=3600)
RELATIVE = profile(4, (0, 13), (300, 7), kind="Relative", start=None)
UNSTARTED = profile(5, (0, 12), start=None)
DYNAMIC = profile(6, (0, 9), kind="Dynamic", start=None)
LATE = profile(7, (60, 11))
VALID = profile(8, valid_from=NOON + 100, valid_to=NOON + 200)


@pytest.mark.parametrize(
    ("what", "at", "expected"),
    [
        (STEPS, -1, None), (STEPS, 0, 16), (STEPS, 599.9, 16), (STEPS, 600, 8.1), (STEPS, 1200, 32),
        (STEPS, 1799, 32), (STEPS, 1800, None),
        (DAILY, -DAY, 10), (DAILY, -1, None), (DAILY, 0, 10), (DAILY, 3600, 20), (DAILY, 7200, None),
        (DAILY, DAY, 10), (DAILY, 9 * DAY + 3601, 20),
        (WEEKLY, 0, 6), (WEEKLY, DAY, None), (WEEKLY, 7 * DAY + 3599, 6),
        (RELATIVE, -1, None), (RELATIVE, 0, 13), (RELATIVE, 300, 7),
        (UNSTARTED, 5, 12), (DYNAMIC, -1e6, 9), (LATE, 59, None), (LATE, 60, 11),
        (VALID, 99, None), (VALID, 100, 16), (VALID, 199.9, 16), (VALID, 200, None),
    ],
)  # fmt: skip
def test_when_a_profile_speaks(what: ChargingProfile, at: float, expected: float | None) -> None:
    assert limit([what], at) == expected


def test_relative_profiles_wait_for_the_transaction() -> None:
    assert limit([RELATIVE], 0, None) is None
    assert limit([UNSTARTED], 0, None) is None
    assert limit([RELATIVE], 1000, NOON + 900) == 13


def test_the_highest_stack_level_that_speaks_leads() -> None:
    low = profile(1, (0, 16), stack=0)
    short = profile(2, (0, 32), stack=1, duration_s=600)
    later = profile(3, (300, 6), stack=2, duration_s=400)
    stack = [short, later, low]
    assert [limit(stack, at) for at in (0, 300, 399, 400, 600)] == [32, 6, 6, 32, 16]


MAX = profile(1, (0, 20), purpose="ChargingStationMaxProfile")
DEFAULT = profile(2, (0, 10))
TX = profile(3, (0, 25), purpose="TxProfile", duration_s=600)
MINE = profile(4, (0, 12), purpose="TxProfile", transaction_id="7")
GRID = profile(5, (0, 6), purpose="ChargingStationExternalConstraints")
PRIORITY = profile(6, (0, 18), purpose="PriorityCharging")
SUN = profile(7, (0, 5), purpose="LocalGeneration")


@pytest.mark.parametrize(
    ("profiles", "rest", "expected"),
    [
        ([MAX, DEFAULT], {}, 10),
        ([MAX, DEFAULT, TX], {}, 20),
        ([MAX, DEFAULT, TX], {"began": None}, 10),
        ([MAX, DEFAULT, TX], {"at": 700}, 10),
        ([MAX, DEFAULT, MINE], {"transaction_id": "7"}, 12),
        ([MAX, DEFAULT, MINE], {"transaction_id": "8"}, 10),
        ([MAX, DEFAULT, MINE], {}, 12),
        ([MAX, TX, GRID], {}, 6),
        ([MAX, DEFAULT, PRIORITY], {}, 10),
        ([MAX, DEFAULT, PRIORITY], {"priority_charging": True}, 18),
        ([MAX, TX, PRIORITY], {"priority_charging": True}, 18),
        ([MAX, DEFAULT, SUN], {}, 15),
        ([SUN], {}, None),
    ],
)
def test_purposes_combine(
    profiles: list[ChargingProfile], rest: dict[str, object], expected: float | None
) -> None:
    at = rest.get("at", 0)
    assert isinstance(at, int)
    given_args = {key: value for key, value in rest.items() if key != "at"}
    assert limit(profiles, at, **given_args) == expected


def test_the_answer_names_its_source_and_its_next_change() -> None:
    answer = composite_limit([MAX, DEFAULT, TX], NOON + 1, NOON)
    assert answer.source is MAX
    assert answer.changes_at == NOON + 600


def test_units_and_phases() -> None:
    watts = profile(1, (0, 11_040), unit="W")
    one_phase = profile(2, (0, 3_680, 1), unit="W", purpose="ChargingStationMaxProfile")
    amps = profile(3, (0, 16))
    assert limit([watts], 0) == 16.0
    assert limit([watts], 0, phases=1) == 48.0
    answer = composite_limit([one_phase, amps], NOON, unit="A")
    assert (answer.limit, answer.number_phases) == (16.0, 1)
    assert limit([amps], 0, unit="W") == 11_040
    assert limit([amps], 0, unit="W", voltage_v=400, phases=1) == 6_400
    answer = composite_limit([watts, profile(4, (0, 10, 1), purpose="TxProfile")], NOON, NOON, unit="W")
    assert (answer.limit, answer.number_phases) == (2_300, 1)


@given(st.floats(0, 1e6), st.integers(1, 3), st.floats(100, 500))
def test_conversion_is_its_own_inverse(value: float, phases: int, voltage: float) -> None:
    there = convert(value, "W", "A", voltage_v=voltage, phases=phases)
    assert convert(there, "A", "W", voltage_v=voltage, phases=phases) == pytest.approx(value)


def test_composite_schedule_joins_equal_neighbours() -> None:
    schedule = composite_schedule([STEPS, MAX], NOON, 3_600, NOON)
    assert schedule == (Period(0, 16, 3), Period(600, 8.1, 3), Period(1200, 20, 3))


profiles_strategy = st.lists(
    st.builds(
        profile,
        st.integers(1, 99),
        st.tuples(st.just(0.0), st.sampled_from([6.0, 10.0, 16.0])),
        st.tuples(st.integers(60, 9_000).map(float), st.sampled_from([8.0, 20.0])),
        stack=st.integers(0, 3),
        purpose=st.sampled_from(["TxDefaultProfile", "TxProfile", "ChargingStationMaxProfile"]),
        kind=st.sampled_from(["Absolute", "Recurring", "Relative"]),
        start=st.integers(-200_000, 9_000).map(lambda offset: NOON + offset),
        duration_s=st.one_of(st.none(), st.integers(1, 100_000).map(float)),
        recurrency=st.just("Daily"),
        valid_to=st.one_of(st.none(), st.integers(0, 100_000).map(lambda offset: NOON + offset)),
    ),
    max_size=5,
)


@given(profiles_strategy, st.lists(st.floats(0, 1), max_size=8))
def test_nothing_changes_before_the_announced_moment(
    profiles: list[ChargingProfile], fractions: list[float]
) -> None:
    """The next change is never announced too late."""
    now = composite_limit(profiles, NOON, NOON - 100)
    horizon = now.changes_at if now.changes_at is not None else NOON + 10 * DAY
    for fraction in fractions:
        at = NOON + fraction * (horizon - NOON)
        if at < horizon:
            assert composite_limit(profiles, at, NOON - 100).limit == now.limit


def test_install_replaces_the_same_id_and_the_same_place() -> None:
    first, second = profile(1, stack=0), profile(2, stack=1)
    same_id, same_place = profile(1, (0, 6), stack=5), profile(9, (0, 6), stack=1)
    assert install([first, second], same_id) == [second, same_id]
    assert install([first, second], same_place) == [first, same_place]
    other_transaction = profile(3, stack=1, transaction_id="7")
    assert install([first, second], other_transaction) == [first, second, other_transaction]


# On the wire


@pytest.mark.parametrize("version", list(Version))
def test_there_and_back(version: Version) -> None:
    original = profile(
        11,
        (0.0, 8.1, 3),
        (900.0, 16.0, 1),
        stack=2,
        purpose="ChargingStationMaxProfile" if version is Version.V16 else "TxProfile",
        kind="Recurring",
        duration_s=3600.0,
        recurrency="Weekly",
        valid_from=NOON,
        valid_to=NOON + DAY,
        transaction_id="42",
    )
    if version is Version.V16:
        assert from_v16(to_v16(original)) == original
        return
    back = from_v2(to_v201(original) if version is Version.V201 else to_v21(original))
    assert back.schedules[0].id == 1
    assert back.schedules[0].periods == original.schedules[0].periods
    assert (back.kind, back.recurrency, back.valid_to, back.transaction_id) == (
        "Recurring", "Weekly", NOON + DAY, "42",
    )  # fmt: skip


def test_limits_are_cut_to_one_decimal_and_never_raised() -> None:
    cut = [
        period.limit
        for period in to_v16(
            profile(1, (0, 8.1), (1, 8.19), (2, 15.999999999999998), (3, 0.05), (4, 32.3))
        ).chargingSchedule.chargingSchedulePeriod
    ]
    assert cut == [8.1, 8.1, 16.0, 0.0, 32.3]


def test_what_a_version_lacks_is_said() -> None:
    with pytest.raises(NotInThisVersion, match=r"can't be said in OCPP 1\.6"):
        to_v16(GRID)
    with pytest.raises(NotInThisVersion, match=r"can't be said in OCPP 2\.0\.1"):
        to_v201(SUN)
    with pytest.raises(NotInThisVersion, match="no integer"):
        to_v16(profile(1, purpose="TxProfile", transaction_id="a-b"))


def test_a_profile_of_1_6_survives_the_codec() -> None:
    request = v16.SetChargingProfileRequest(connectorId=1, csChargingProfiles=to_v16(STEPS))
    text = speaks(Version.V16, Role.CSMS).encode_call("1", "SetChargingProfile", request)
    station = speaks(Version.V16, Role.STATION)
    frame = station.decode_frame(text)
    assert from_v16(station.decode_call(frame.action, frame.payload).csChargingProfiles) == STEPS


def test_a_time_without_a_zone_is_utc_and_a_missing_limit_is_none() -> None:
    wire = v21.ChargingProfileType(
        id=1,
        stackLevel=0,
        chargingProfilePurpose="TxProfile",
        chargingProfileKind="Absolute",
        validFrom=datetime(2025, 3, 4, 12),  # noqa: DTZ001
        chargingSchedule=[
            v21.ChargingScheduleType(
                id=3,
                startSchedule=datetime(2025, 3, 4, 12, tzinfo=UTC) + timedelta(seconds=5),
                chargingRateUnit="W",
                chargingSchedulePeriod=[v21.ChargingSchedulePeriodType(startPeriod=0, setpoint=-5.0)],
            )
        ],
    )
    neutral = from_v2(wire)
    assert neutral.valid_from == NOON
    assert neutral.schedules[0].periods == (Period(0.0, None, setpoint=-5.0),)
    assert limit([neutral], 10) is None
