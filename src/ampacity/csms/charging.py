"""What is known of a station's smart charging beside the profiles that we installed there."""

from __future__ import annotations

from datetime import datetime
from typing import TypeVar

import msgspec
from msgspec import Struct

from ..ocpp.profiles import ChargingProfile, Period, Schedule
from ..store.charging import ChargingMode, RateUnit, StationChargingRow
from ..store.profiles import ProfileRow
from .vocabulary import ChargingNeeds, CompositeSchedule, LimitSource, Profile

K = TypeVar("K")
V = TypeVar("V")

MOST_KEPT = 50
"""Of what a station tells (limits, cars) so much is kept at once: more is no station's honest word."""
MOST_HELD = 1_000


class ExternalLimit(Struct, frozen=True, kw_only=True):
    """A limit that somebody else than we has imposed; `evse_id` 0 is the station."""

    evse_id: int
    source: LimitSource
    grid_critical: bool | None
    schedules: tuple[Schedule, ...]
    at: datetime


class CarNeeds(Struct, frozen=True, kw_only=True):
    """What a car at an EVSE has told it needs, and how that was answered."""

    evse_id: int
    needs: ChargingNeeds
    most_periods: int | None
    status: str
    at: datetime


class CarSchedule(Struct, frozen=True, kw_only=True):
    """What a car means to draw, and whether that is within ours."""

    evse_id: int
    schedule: Schedule
    within: bool
    at: datetime


class HeldProfile(Struct, frozen=True, kw_only=True):
    """A profile as the station reported it; `ours` where we know it."""

    evse_id: int
    source: LimitSource
    profile: ChargingProfile
    ours: bool
    at: datetime


class _Notes(Struct, frozen=True, kw_only=True):
    limits: tuple[ExternalLimit, ...] = ()
    needs: tuple[CarNeeds, ...] = ()
    schedules: tuple[CarSchedule, ...] = ()


class StationCharging:
    """One station. `rate_unit` is the only unit that it takes, None where either may do. Without a `mode` a
    station is managed, but strangers' profiles go only where a site's control guards it.
    """

    def __init__(self) -> None:
        self.mode: ChargingMode | None = None
        self.rate_unit: RateUnit | None = None
        self.refused = ""
        """What the station said when it knew nothing of charging profiles; empty: it never did."""
        self.limits: dict[tuple[int, LimitSource], ExternalLimit] = {}
        self.needs: dict[int, CarNeeds] = {}
        self.schedules: dict[int, CarSchedule] = {}
        self.held: dict[int, HeldProfile] = {}
        """As reported last, by profile id."""
        self.read_at: datetime | None = None
        """When all profiles were read back last."""
        self.composites: dict[int, CompositeSchedule] = {}
        """What the station makes of its profiles, as asked last, by EVSE."""
        self.wiring: dict[int, int] = {}
        """How many phases feed each AC EVSE, as its site knows."""
        self.on_the_way: set[int] = set()
        """Ids of profiles that are being set: they may be reported before they count as installed."""

    @property
    def effective(self) -> ChargingMode:
        """The mode that counts."""
        return self.mode or "managed"

    def row(self, operator_id: str, station_id: str, at: datetime) -> StationChargingRow:
        """What lasts of it."""
        notes = _Notes(
            limits=tuple(self.limits.values()),
            needs=tuple(self.needs.values()),
            schedules=tuple(self.schedules.values()),
        )
        return StationChargingRow(
            operator_id=operator_id,
            station_id=station_id,
            mode=self.mode,
            rate_unit=self.rate_unit,
            notes=msgspec.to_builtins(notes),
            at=at,
        )

    def take(self, row: StationChargingRow) -> None:
        """Know again what lasted."""
        self.mode, self.rate_unit = row.mode, row.rate_unit
        notes = msgspec.convert(row.notes, _Notes)
        self.limits = {(limit.evse_id, limit.source): limit for limit in notes.limits}
        self.needs = {told.evse_id: told for told in notes.needs}
        self.schedules = {told.evse_id: told for told in notes.schedules}


def keep(told: dict[K, V], key: K, value: V, most: int = MOST_KEPT) -> None:
    """Put the newest word in, and let the oldest go where there are too many."""
    told.pop(key, None)
    told[key] = value
    while len(told) > most:
        del told[next(iter(told))]


def neutral(profile: Profile) -> ChargingProfile:
    """A profile of the vocabulary as the engine of composite schedules takes it."""
    return ChargingProfile(
        id=profile.profile_id,
        stack_level=profile.stack_level,
        purpose=profile.purpose,
        kind=profile.kind,
        recurrency=(profile.recurrency or "Daily") if profile.kind == "Recurring" else None,
        valid_from=None if profile.valid_from is None else profile.valid_from.timestamp(),
        valid_to=None if profile.valid_to is None else profile.valid_to.timestamp(),
        transaction_id=profile.station_transaction_id,
        schedules=(
            Schedule(
                unit=profile.unit,
                start=None if profile.start is None else profile.start.timestamp(),
                duration_s=None if profile.duration_s is None else float(profile.duration_s),
                periods=tuple(
                    Period(float(period.start_s), period.limit, period.number_phases)
                    for period in profile.periods
                ),
            ),
        ),
    )


def profile_in(row: ProfileRow) -> Profile:
    """The profile of a registry's row."""
    return msgspec.convert(row.profile, Profile)


def that_count(rows: dict[int, ProfileRow], evse_id: int) -> list[ChargingProfile]:
    """What we know of the profiles that an EVSE goes by: its own, and the station's."""
    return [
        neutral(profile_in(row))
        for row in rows.values()
        if row.status == "accepted" and row.evse_id in (0, evse_id)
    ]
