"""What the API takes and gives of sites: limits, EVSEs, and what drivers see."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal

from msgspec import Meta, Struct

from ..model.goals import Goals
from ..model.live import Reason, SessionView, SitePoint, UnattendedSum
from ..model.site import Fairness, KeepAlive, Strategy
from ..model.station import ConnectorStatus
from .views import Amperes, Time, WattHours, Watts, Word

Reasoning = Annotated[str, Meta(min_length=3, max_length=500)]
"""Why, in a person's words."""


class SiteSummary(Struct, frozen=True, kw_only=True):
    """A site in a list."""

    site_id: str
    name: str
    time_zone: str
    strategy: Strategy
    evses: int
    evses_online: int
    sessions: int
    ev_power_w: float
    limit_power_w: float
    overloaded: bool


class StrategyChange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The strategy a site shall follow."""

    strategy: Strategy


class SiteCheckView(Struct, frozen=True, kw_only=True):
    """What is to be said of a form: an error (`where` in the form, and what is wrong there), or, of one that
    can be built, what deserves a look."""

    usable: bool
    where: str
    error: str
    points: tuple[SitePoint, ...] = ()
    sums: tuple[UnattendedSum, ...] = ()


class SafeModeChange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Safe mode on or off, and why."""

    on: bool = True
    reason: Reasoning


class EmergencyStop(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why a site is stopped; `stop_sessions`: its sessions are ended besides, `stop_generation`: its
    inverters feed nothing in besides."""

    reason: Reasoning
    stop_sessions: bool = False
    stop_generation: bool = False


class EmergencyRelease(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why a stopped site may charge again."""

    reason: Reasoning


class PieceView(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of a schedule: the limit from `valid_from` until before `valid_until`, in amperes per phase, in
    watts of all phases together, or both."""

    valid_from: Time
    valid_until: Time
    limit_a: Amperes | None = None
    limit_w: Watts | None = None


class TemperatureChange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a sensor tells, at a circuit or at an EVSE. `at` is now when absent."""

    sensor_id: Word
    celsius: Annotated[float, Meta(ge=-100, le=1000)]
    circuit_id: Word | None = None
    station_id: Word | None = None
    evse_id: int | None = None
    at: Time | None = None


class LimitView(Struct, frozen=True, kw_only=True):
    """One source's limit on a circuit, in force or of the past: in amperes per phase (`limit_a`), in watts of
    all phases together (`limit_w`), or both."""

    source: str
    limit_a: float | None
    valid_until: datetime | None
    fallback_a: float | None
    limit_w: float | None = None
    fallback_w: float | None = None
    set_by: str | None = None
    set_at: datetime | None = None
    withdrawn_at: datetime | None = None
    pieces: tuple[PieceView, ...] = ()


class CircuitLimitsView(Struct, frozen=True, kw_only=True):
    """A circuit's limits: the effective one in amperes and, where somebody limits the power, in watts; the
    sources now, and those of the past (newest first)."""

    circuit_id: str
    rating_a: float
    effective_a: float
    effective_source: str
    sources: tuple[LimitView, ...]
    history: tuple[LimitView, ...]
    effective_w: float | None = None
    effective_w_source: str | None = None


class LimitChange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A limit to be set, in amperes per phase, in watts of all phases together, or both: until `valid_until`
    (then the fallback, or nothing), or until withdrawn. While one of `pieces` holds, it does in their place.
    """

    limit_a: Amperes | None = None
    valid_until: Time | None = None
    fallback_a: Amperes | None = None
    limit_w: Watts | None = None
    fallback_w: Watts | None = None
    source: Word = "operator"
    pieces: Annotated[tuple[PieceView, ...], Meta(max_length=1000)] = ()


class SwitchChange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """On or off."""

    on: bool = True


class QuarantineChange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why an EVSE is set aside."""

    why: Word = "set aside by a person"


class NeedChange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a driver declares: energy of the whole session, and when the car leaves. None withdraws it."""

    need_wh: WattHours | None = None
    departure: Time | None = None


Money = Annotated[str, Meta(pattern=r"^\d{1,9}(\.\d{1,4})?$")]


class GoalsChange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a session shall end at (the first of these) or wait for; what is absent is not asked for, `{}`
    withdraws all. Money is in the currency of the session's own price, decimal numbers as text.

    `at_goal`: stop the session, or hold it at 0. `next`: for the session that begins at this EVSE within a
    quarter of an hour, not for one that runs.
    """

    soc_percent: Annotated[float, Meta(gt=0, le=100)] | None = None
    energy_wh: Annotated[float, Meta(gt=0, le=10_000_000)] | None = None
    time_s: Annotated[float, Meta(gt=0, le=2_678_400)] | None = None
    budget: Money | None = None
    max_price_per_kwh: Money | None = None
    at_goal: Literal["stop", "pause"] = "stop"
    next: bool = False

    @property
    def goals(self) -> Goals:
        """As the site keeps them."""
        return Goals(
            soc_percent=self.soc_percent,
            energy_wh=self.energy_wh,
            time_s=self.time_s,
            budget=None if self.budget is None else Decimal(self.budget),
            max_price_per_kwh=None if self.max_price_per_kwh is None else Decimal(self.max_price_per_kwh),
            at_goal=self.at_goal,
        )


class SharingChange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whom a site gives what is scarce, and who may go before others (see `SharingRules`); what is absent
    has its default."""

    fairness: Fairness = "weights"
    keep_alive: KeepAlive = "learnt"
    boosts_at_once: Annotated[int, Meta(ge=0, le=10_000)] | None = None
    boosts_per_day: Annotated[int, Meta(ge=0, le=1_000)] | None = None
    boost_tokens: Annotated[tuple[Word, ...], Meta(max_length=1_000)] = ()


class OpenSessionView(Struct, frozen=True, kw_only=True):
    """A car that is plugged in now, and where."""

    site_id: str
    station_id: str
    evse_id: int
    label: str
    online: bool
    power_w: float
    grant_a: float | None
    session: SessionView
    reasons: tuple[Reason, ...]


class EvseLinkView(Struct, frozen=True, kw_only=True):
    """The public page of an EVSE, as its QR code names it."""

    code: str
    path: str


class DriverView(Struct, frozen=True, kw_only=True):
    """What anybody who stands before an EVSE may know of it. Nothing in it tells who charges."""

    code: str
    site_name: str
    label: str
    at: datetime
    online: bool
    status: ConnectorStatus
    state: Literal["charging", "waiting", "paused", "full", "connected"] | None
    power_w: float
    energy_wh: float | None
    ready_at: datetime | None
    departure: datetime | None
    reasons: tuple[Reason, ...]
