"""Words of smart charging beyond setting one profile: reading profiles back, clearing them by what they are,
limits that others impose, and what cars need and mean to do (ISO 15118).
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal, TypeAlias

from msgspec import Struct

from ...ocpp.profiles import ChargingProfile, Schedule

LimitSource: TypeAlias = str
"""`EMS`, `Other`, `SO` (the grid), `CSO` (we), and what 2.1 adds."""

SOURCES: tuple[LimitSource, ...] = ("CSO", "EMS", "Other", "SO")
"""Those that every version with sources knows: together they are all profiles."""

Purpose: TypeAlias = Literal[
    "ChargingStationMaxProfile", "TxDefaultProfile", "TxProfile", "PriorityCharging", "LocalGeneration"
]


# ---------------------------------------------------------------- to the station


class GetProfiles(Struct, frozen=True, kw_only=True, tag="get_profiles"):
    """Ask a station to report the charging profiles that it holds: by id, or by any of purpose, stack level
    and source; of one EVSE (0: the station itself), or of all. They come in reports and are then shown with
    the station's charging. Not known to OCPP 1.6.
    """

    evse_id: int | None = None
    profile_ids: tuple[int, ...] = ()
    purpose: Purpose | Literal["ChargingStationExternalConstraints"] | None = None
    stack_level: int | None = None
    sources: tuple[LimitSource, ...] = ()
    request_id: int = 0

    @property
    def everything(self) -> bool:
        """Whether all profiles that there are will be reported."""
        others = self.evse_id is not None or self.profile_ids or self.purpose or self.stack_level is not None
        return not others and set(self.sources) >= set(SOURCES)


class ClearProfiles(Struct, frozen=True, kw_only=True, tag="clear_profiles"):
    """Remove all charging profiles of an EVSE, a purpose and a stack level, as far as they are named."""

    evse_id: int | None = None
    purpose: Purpose | None = None
    stack_level: int | None = None


# ---------------------------------------------------------------- from the station


class ProfilesReported(Struct, frozen=True, kw_only=True):
    """Profiles that a station holds, on our question `request_id`; `more` reports follow."""

    request_id: int
    evse_id: int
    source: LimitSource
    profiles: tuple[ChargingProfile, ...]
    more: bool


class LimitImposed(Struct, frozen=True, kw_only=True):
    """Somebody else than we limits the station (`evse_id` 0) or an EVSE."""

    evse_id: int
    source: LimitSource
    grid_critical: bool | None
    schedules: tuple[Schedule, ...]


class LimitReleased(Struct, frozen=True, kw_only=True):
    """Somebody else's limit is gone; without `evse_id` everywhere."""

    evse_id: int | None
    source: LimitSource


class ChargingNeeds(Struct, frozen=True, kw_only=True):
    """What a car wants. Energy in Wh, power in W, currents in A; None is unknown."""

    transfer: str
    departure: datetime | None = None
    energy_wh: float | None = None
    max_power_w: float | None = None
    max_current_a: float | None = None
    min_current_a: float | None = None
    max_voltage_v: float | None = None
    state_of_charge: int | None = None

    @property
    def direct_current(self) -> bool:
        """Whether the car charges with DC: its current is none of the supply's."""
        return self.transfer.startswith("DC")


class NeedsTold(Struct, frozen=True, kw_only=True):
    """A car at an EVSE has told its needs; it takes schedules of at most `most_periods`."""

    evse_id: int
    needs: ChargingNeeds
    most_periods: int | None


class CarScheduleTold(Struct, frozen=True, kw_only=True):
    """What a car at an EVSE means to draw, from `schedule.start` on."""

    evse_id: int
    schedule: Schedule


# ---------------------------------------------------------------- answers


class NeedsAnswer(Struct, frozen=True):
    """Whether a schedule follows: at once, later, or not."""

    status: Literal["Accepted", "Rejected", "Processing"]


class CarScheduleAnswer(Struct, frozen=True):
    """Whether the car's schedule is within ours."""

    within: bool
