"""What a charging profile is made of, whatever the OCPP version it came in.

All times are epoch seconds, all durations seconds. `None` as a limit means unlimited. Amperes are those of
each phase. Watts are those of all phases together, unless L2 or L3 have a value of their own: then each value
is that of its phase (2.1 part 2, chapter K, 3.5).
"""

from collections.abc import Iterable
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
TRANSACTION_PURPOSES: frozenset[Purpose] = frozenset({"TxDefaultProfile", "TxProfile", "PriorityCharging"})
"""What is said to one EVSE's transaction; the rest is said to the station."""

MAX_PERIODS = 1_024


class Period(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """From `start_s` seconds after the schedule's begin on, at most `limit` in the schedule's unit.

    2.1 adds limits for L2 and L3, how much may flow back (`discharge_limit`, not above 0) and what should
    flow (`setpoint`, below 0 for back).
    """

    start_s: float
    limit: float | None
    number_phases: int | None = None
    limit_l2: float | None = None
    limit_l3: float | None = None
    discharge_limit: float | None = None
    discharge_limit_l2: float | None = None
    discharge_limit_l3: float | None = None
    setpoint: float | None = None
    setpoint_l2: float | None = None
    setpoint_l3: float | None = None
    operation_mode: str | None = None

    @property
    def limits(self) -> tuple[float | None, float | None, float | None]:
        """The limit of L1 (or of all), L2 and L3. Idle is a limit of nothing (2.1 operation modes)."""
        if self.operation_mode == "Idle" and self.limit is None:
            return 0.0, None, None
        return self.limit, self.limit_l2, self.limit_l3

    @property
    def discharge_limits(self) -> tuple[float | None, float | None, float | None]:
        """The discharge limit of L1 (or of all), L2 and L3."""
        return self.discharge_limit, self.discharge_limit_l2, self.discharge_limit_l3

    @property
    def setpoints(self) -> tuple[float | None, float | None, float | None]:
        """The setpoint of L1 (or of all), L2 and L3."""
        return self.setpoint, self.setpoint_l2, self.setpoint_l3

    @property
    def says_nothing(self) -> bool:
        """Whether it should have a limit and has none; other modes than charging leave it out rightly."""
        if self.limit is not None or self.setpoint is not None or self.discharge_limit is not None:
            return False
        return self.operation_mode in (None, "ChargingOnly")

    @property
    def by_phase(self) -> bool:
        """Whether a phase has a value of its own."""
        return (
            self.limit_l2 is not None
            or self.limit_l3 is not None
            or self.setpoint_l2 is not None
            or self.setpoint_l3 is not None
            or self.discharge_limit_l2 is not None
            or self.discharge_limit_l3 is not None
        )


class Schedule(msgspec.Struct, frozen=True, kw_only=True):
    """Periods in ascending order. Without `duration_s` the last one lasts.

    With `local_time` the start is what a clock on the wall shows there (2.1 useLocalTime): its epoch is that
    of the same date and hour in UTC, and a daily return is at the same hour before and after a change of the
    clocks.
    """

    unit: Unit
    periods: tuple[Period, ...]
    start: float | None = None
    duration_s: float | None = None
    min_charging_rate: float | None = None
    id: int | None = None
    local_time: bool = False


class ChargingProfile(msgspec.Struct, frozen=True, kw_only=True):
    """A charging profile, neutral to the version. `schedules` has one entry, up to three for ISO 15118 in
    2.x: alternatives of which the car takes one; the first counts here.

    Of 2.1: a profile says nothing more once the station has been offline for more than `max_offline_s`, and
    is gone for good then where `invalid_after_offline`; `updated_at` is when a Dynamic one got its values.
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
    max_offline_s: float | None = None
    invalid_after_offline: bool = False
    updated_at: float | None = None
    update_interval_s: float | None = None


def install(profiles: Iterable[ChargingProfile], new: ChargingProfile) -> list[ChargingProfile]:
    """The profiles of one EVSE after `new` was set: it replaces its id, and its place in the stack."""
    place = (new.purpose, new.stack_level, new.transaction_id)
    kept = [
        old
        for old in profiles
        if old.id != new.id and (old.purpose, old.stack_level, old.transaction_id) != place
    ]
    return [*kept, new]


def after_offline(profiles: Iterable[ChargingProfile], offline_s: float) -> list[ChargingProfile]:
    """What is left after the station was offline for `offline_s` (2.1 K01.FR.121..126)."""
    return [
        profile
        for profile in profiles
        if not (
            profile.invalid_after_offline
            and profile.max_offline_s is not None
            and offline_s > profile.max_offline_s
        )
    ]
