"""What the API takes and gives of sites: limits, EVSEs, and what drivers see."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from ..model.live import Reason, SessionView
from ..model.site import Strategy
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


class SafeModeChange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Safe mode on or off, and why."""

    on: bool = True
    reason: Reasoning


class EmergencyStop(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why a site is stopped; `stop_sessions`: its sessions are ended besides."""

    reason: Reasoning
    stop_sessions: bool = False


class EmergencyRelease(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why a stopped site may charge again."""

    reason: Reasoning


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
    (then the fallback, or nothing), or until withdrawn.
    """

    limit_a: Amperes | None = None
    valid_until: Time | None = None
    fallback_a: Amperes | None = None
    limit_w: Watts | None = None
    fallback_w: Watts | None = None
    source: Word = "operator"


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
