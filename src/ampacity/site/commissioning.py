"""Before a station counts as controlled: its base profiles are installed and read back.

A station without profiles charges without constraint when it is offline (2.x K06.FR.02), so each gets, when
it boots or is seen for the first time,

- a cap at its rating (ChargingStationMaxProfile, Absolute with a start long past), and
- for each EVSE the current that it may draw while nobody talks to it (TxDefaultProfile, stack level 0,
  Relative, so that a lost clock can't disable it).

Then each EVSE's composite schedule is asked for. Only what comes back within what we installed counts as
proven; until then the law reserves the EVSE's maximum.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from ..csms.vocabulary import (
    Command,
    CompositeSchedule,
    GetCompositeSchedule,
    Outcome,
    Profile,
    SchedulePeriod,
    SetProfile,
)
from ..model.site import DC_TOLD_SHARE, Evse

log = logging.getLogger(__name__)

LONG_PAST = datetime(2020, 1, 1, tzinfo=UTC)
CAP_ID, BASE_ID, LEASE_ID, FLOOR_ID = 1, 1000, 2000, 3000
"""Profile ids: the cap, `BASE_ID + evse`, `LEASE_ID + evse`, `FLOOR_ID + evse` (what holds
below a lease of one period). Fixed, so that a renewal replaces and never
piles up.
"""

TOLERANCE_A = 0.1
COMPOSITE_S = 300

Send = Callable[[Command], Awaitable[Outcome]]


def cap_profile(evses: list[Evse], voltage_v: float) -> Profile:
    """The station's rating. Watts where it is a DC station: its amperes would mean the car's side."""
    if all(evse.dc_power_w is not None for evse in evses):
        unit, limit = "W", sum(evse.dc_power_w or 0.0 for evse in evses)
    else:
        unit, limit = "A", sum(evse.max_a for evse in evses)
    return Profile(
        profile_id=CAP_ID,
        stack_level=0,
        purpose="ChargingStationMaxProfile",
        kind="Absolute",
        unit="A" if unit == "A" else "W",
        periods=(SchedulePeriod(start_s=0, limit=round(limit, 1)),),
        start=LONG_PAST,
    )


def base_profile(evse: Evse, voltage_v: float, number_phases: int | None = None) -> Profile:
    """What the EVSE may draw unattended, on `number_phases` where it may be switched."""
    unit, limit = in_station_unit(evse, evse.safe_a, voltage_v)
    return Profile(
        profile_id=BASE_ID + evse.evse_id,
        stack_level=0,
        purpose="TxDefaultProfile",
        kind="Relative",
        unit="A" if unit == "A" else "W",
        periods=(SchedulePeriod(start_s=0, limit=limit, number_phases=number_phases),),
    )


_LEAST_VOLTAGES = {1: 1.0, 2: math.sqrt(3), 3: 3.0}
"""Voltages to neutral that an ampere on so many phases is worth at least, on any supply."""


def in_station_unit(evse: Evse, limit_a: float, voltage_v: float) -> tuple[str, float]:
    """The law's amperes in the unit that the EVSE is told: its own amperes on AC, watts towards the car on
    DC.

    A DC EVSE is told what reaches the car: the least share of the supply's watts that does (`DC_TOLD_SHARE`),
    so that the supply never draws more than the amperes that were meant.
    """
    if evse.dc_power_w is None:
        return "A", round(limit_a, 1)
    return "W", float(int(limit_a * _LEAST_VOLTAGES[len(evse.phases)] * voltage_v * DC_TOLD_SHARE))


class Commissioning:
    """Brings one station to where it can be trusted."""

    def __init__(
        self,
        evses: list[Evse],
        voltage_v: float,
        send: Send,
        phases_of: Callable[[Evse], int | None] = lambda evse: None,
    ) -> None:
        self._evses = evses
        self._phases_of = phases_of
        self._voltage_v = voltage_v
        self._send = send

    async def install(self) -> bool:
        """Cap and base profiles; False where the station refused one of them."""
        accepted = True
        for evse in self._evses:
            outcome = await self._send(
                SetProfile(
                    evse_id=evse.evse_id, profile=base_profile(evse, self._voltage_v, self._phases_of(evse))
                )
            )
            accepted = accepted and outcome.accepted
        outcome = await self._send(SetProfile(evse_id=0, profile=cap_profile(self._evses, self._voltage_v)))
        return accepted and outcome.accepted

    async def means_a(self, evse: Evse) -> float | None:
        """The most that the station itself says that the EVSE may draw within the next minutes."""
        outcome = await self._send(GetCompositeSchedule(evse_id=evse.evse_id, duration_s=COMPOSITE_S))
        if not outcome.accepted or not isinstance(outcome.data, CompositeSchedule):
            return None
        schedule = outcome.data
        if not schedule.periods:
            return None
        limit_a = max(period.limit for period in schedule.periods)
        if schedule.unit == "W":
            limit_a /= len(evse.phases) * self._voltage_v
        return limit_a


def within(evse: Evse, means_a: float | None, allowed_a: float) -> bool | None:
    """Whether what a station means to draw stays within `allowed_a`; None where it tells nothing."""
    if means_a is None:
        return None
    if means_a > allowed_a + TOLERANCE_A:
        log.warning(
            "%s/%d means to draw %.1f A although %.1f A were installed",
            evse.station_id,
            evse.evse_id,
            means_a,
            allowed_a,
        )
        return False
    return True
