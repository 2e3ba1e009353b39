"""What the API tells and takes of smart charging. Periods are in the unit of their schedule: A of each phase,
or W of all.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from ..csms.vocabulary import ChargingNeeds, Profile, SchedulePeriod

Identifier = Annotated[int, Meta(ge=0, le=2_147_483_647)]


class InstalledProfileView(Struct, frozen=True, kw_only=True):
    """A profile that we installed; `pending` where its answer never came."""

    evse_id: int
    profile: Profile
    status: Literal["pending", "accepted", "cleared"]
    at: datetime


class HeldPeriodView(Struct, frozen=True, kw_only=True):
    """A period as somebody else wrote it; a limit of null is none."""

    start_s: float
    limit: float | None
    number_phases: int | None


class HeldScheduleView(Struct, frozen=True, kw_only=True):
    """A schedule as somebody else wrote it."""

    unit: Literal["A", "W"]
    start: datetime | None
    duration_s: float | None
    periods: tuple[HeldPeriodView, ...]


class HeldProfileView(Struct, frozen=True, kw_only=True):
    """A profile as the station reported it; `ours` where we know it, a stranger otherwise."""

    evse_id: int
    profile_id: int
    source: str
    purpose: str
    kind: str
    stack_level: int
    station_transaction_id: str | None
    schedules: tuple[HeldScheduleView, ...]
    ours: bool
    at: datetime


class ExternalLimitView(Struct, frozen=True, kw_only=True):
    """A limit that somebody else imposes (`evse_id` 0: on the station)."""

    evse_id: int
    source: str
    grid_critical: bool | None
    schedules: tuple[HeldScheduleView, ...]
    at: datetime


class CarView(Struct, frozen=True, kw_only=True):
    """What a car at an EVSE needs and means to draw (ISO 15118): how its needs were answered, its plan, and
    whether that is within what it may.
    """

    evse_id: int
    needs: ChargingNeeds | None
    answer: str | None
    needs_at: datetime | None
    plan: HeldScheduleView | None
    within: bool | None
    plan_at: datetime | None


class CompositeView(Struct, frozen=True, kw_only=True):
    """What a station said it makes of the profiles of an EVSE."""

    evse_id: int
    unit: Literal["A", "W"]
    start: datetime
    periods: tuple[SchedulePeriod, ...]


class StationChargingView(Struct, frozen=True, kw_only=True):
    """A station's smart charging. `mode` is what somebody chose, null leaves it to its site; `rate_unit` the
    only unit that it takes, null where both may do; `refused` why it knows no profiles, empty where it does.
    `held` is what it reported, all of it at `read_at`.
    """

    station_id: str
    mode: Literal["managed", "observed", "off"] | None
    rate_unit: Literal["A", "W"] | None
    refused: str
    read_at: datetime | None
    installed: tuple[InstalledProfileView, ...]
    held: tuple[HeldProfileView, ...]
    limits: tuple[ExternalLimitView, ...]
    cars: tuple[CarView, ...]
    composites: tuple[CompositeView, ...]


class ChargingModeChange(Struct, frozen=True, kw_only=True):
    """How a station is treated: `managed` (limits are set, strangers' profiles cleared), `observed` (only
    people set profiles), `off` (nobody does); null leaves it to its site.
    """

    mode: Literal["managed", "observed", "off"] | None


class ProfileTemplate(Struct, frozen=True, kw_only=True):
    """A profile without its place and time. An Absolute or Recurring one without `start` starts when it is
    set.
    """

    stack_level: Annotated[int, Meta(ge=0, le=1000)]
    purpose: Literal["ChargingStationMaxProfile", "TxDefaultProfile", "TxProfile"]
    kind: Literal["Absolute", "Recurring", "Relative"]
    unit: Literal["A", "W"]
    periods: Annotated[tuple[SchedulePeriod, ...], Meta(min_length=1, max_length=1024)]
    recurrency: Literal["Daily", "Weekly"] | None = None
    start: Annotated[datetime, Meta(tz=True)] | None = None
    duration_s: Annotated[int, Meta(ge=1)] | None = None


class ProfileTemplateView(Struct, frozen=True, kw_only=True):
    """A template by its name."""

    name: str
    template: ProfileTemplate
    at: datetime


class TemplateUse(Struct, frozen=True, kw_only=True):
    """Where to set a template's profile, and under which id."""

    evse_id: Identifier
    profile_id: Identifier
