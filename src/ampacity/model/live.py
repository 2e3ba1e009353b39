"""What a person sees of a running site: the views of the API, the live feed and the console.

Plain data, encoded as JSON as it stands. Amperes are per phase of the *site's grid connection order* L1..L3
unless a field says otherwise; times are UTC.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal, TypeAlias

from msgspec import Struct

from .devices import DeviceKind
from .goals import GoalKind, Goals
from .phases import PerPhase
from .protection import SiteMode
from .site import Strategy
from .station import ConnectorStatus

ReasonCode: TypeAlias = Literal[
    "circuit",  # a circuit's limit binds (circuit_id, phase, source)
    "watts",  # a limit on the power of all phases together binds (circuit_id, source)
    "neutral",  # a neutral conductor's limit binds (circuit_id, phase)
    "unbalance",  # one phase may not lead the others by more (circuit_id, phase)
    "cabinet",  # the power cabinet that several EVSEs share has no more modules (source: the cabinet)
    "evse_max",  # the EVSE or its cable can't give more
    "car",  # the car takes no more (learnt)
    "ramp",  # rising slowly on purpose
    "deadband",  # too small a change to be worth a write
    "minimum",  # not enough for the 6 A minimum: waits its turn
    "paused",  # paused by a person
    "offline",  # station not reachable: reserved
    "unproven",  # station not yet verified: reserved
    "stale",  # a meter's value is too old
    "dead",  # a meter is silent for so long that the worst case counts
    "in_flight",  # waits for another's decrease to be seen
    "external",  # somebody else limits the station itself (source)
    "strategy",  # the site's strategy fixes it
    "overload",  # cut because a phase was above its limit
    "battery",  # a battery's share in it: supports, recharges, is empty
    "no_session",  # nothing to charge
    "safe_mode",  # people ordered the site to be safe: no more than unattended
    "emergency_stop",  # people stopped the site
    "thermal",  # too warm (source: which limit; detail: what is warm)
    "demand",  # the energy of the running demand window
    "signal",  # a signal's fail-safe: its sender is silent (source)
    "goal",  # has what it was asked to end at (detail)
    "price",  # waits while a kWh costs more than its limit, or its cost is not known (detail)
    "switching",  # is being switched to another number of phases
]


MeterFault: TypeAlias = Literal[
    "no_connection",  # nobody is at the address, or the line broke
    "refused",  # user, password or certificate are not accepted
    "no_answer",  # connected, and silent
    "garbled",  # an answer that can't be read
    "missing",  # a quantity that is needed is not told
    "not_a_number",
    "implausible",  # beyond what the circuit could ever carry
    "unsigned",  # feeding in, and the currents don't show it
    "inconsistent",  # power and current don't belong together
    "frozen",  # the same numbers while cars change
    "duplicate",  # nothing new since the last reading
    "older",  # before the last reading
    "future",  # from a time that has not come
    "retained",  # kept by the broker from before
    "offline",  # its last will says that it is gone
]


class Reason(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why an EVSE does not get more. `circuit_id`, `phase` (1..3) and `source` are set where they apply."""

    code: ReasonCode
    circuit_id: str | None = None
    phase: int | None = None
    source: str | None = None
    detail: str | None = None


class SessionView(Struct, frozen=True, kw_only=True):
    """A car at an EVSE. `need_wh` and `departure` are the driver's word; `ready_at` is our estimate.
    `goals` are what it was asked to end at or to wait for (None: nothing), `goal_reached` which of these it
    came to.
    """

    transaction_id: str
    token: str | None
    started_at: datetime
    energy_wh: float
    state: Literal["charging", "waiting", "paused", "full", "connected"]
    need_wh: float | None
    departure: datetime | None
    ready_at: datetime | None
    soc_percent: float | None
    boosted: bool
    paused: bool
    goals: Goals | None = None
    goal_reached: GoalKind | None = None


Trust: TypeAlias = Literal["trusted", "doubted", "clearing", "awaiting_reset", "resetting", "quarantined"]
"""Whether an EVSE does as it is told: `doubted` limits are sent again, `clearing`: its profile is removed and
sent again, `awaiting_reset`: nothing helped, its station restarts when it is idle, `resetting`: it does, and
is watched. `quarantined`: it is set aside until a person releases it.
"""


EvseMeterState: TypeAlias = Literal["none", "fresh", "stale", "dead"]
"""How an EVSE's own meter stands; `none` where no car is there, or its station is away."""


class EvseView(Struct, frozen=True, kw_only=True):
    """One EVSE now. `grant_a` is the limit in force, `reserve_a` what the law keeps free for it beyond its
    measured draw. `alarms` are what a person should look at, in words. `writes_last_hour` counts all profiles
    sent to it, renewals apart; `write_budget` is how many its firmware stands (None: as many as needed).
    `time_to_safe_s` is how long it may draw what it was last told when we fall silent (None: for ever, or not
    known). While its meter is stale or dead `measured_a` is what it told last.
    """

    station_id: str
    evse_id: int
    label: str
    circuit_id: str
    phases: tuple[int, ...]
    max_a: float
    dc: bool
    status: ConnectorStatus
    online: bool
    version: str | None
    vendor: str | None
    grant_a: float | None
    grant_w: float | None
    measured_a: PerPhase
    power_w: float
    reserve_a: float
    session: SessionView | None
    reasons: tuple[Reason, ...]
    trust: Trust = "trusted"
    alarms: tuple[str, ...] = ()
    writes_last_hour: int = 0
    renewals_last_hour: int = 0
    write_budget: int | None = None
    time_to_safe_s: float | None = None
    meter_state: EvseMeterState = "none"


class RowView(Struct, frozen=True, kw_only=True):
    """What else is limited in a circuit, besides its three phases: power, apparent power, the neutral, the
    unbalance of the phase that leads, or a conductor with loads between lines.

    Quantities are in `unit`. `phase` is the conductor (0..2), None where it is all of them. `base`, `reserve`
    and `granted` (to the EVSEs that are steered) are as the law reckons with them.
    """

    kind: Literal["watts", "va", "neutral", "unbalance", "line"]
    phase: int | None
    unit: Literal["A", "W", "VA"]
    limit: float
    limit_source: str
    margin: float
    base: float
    reserve: float
    granted: float


class CircuitView(Struct, frozen=True, kw_only=True):
    """One circuit now. `limit_a` is the effective limit, `limit_source` whose it is. `meter_fault` is why the
    meter's last word can't be used, with `meter_text` in words; None while readings come. `rows` is what else
    is limited there.
    """

    circuit_id: str
    name: str
    parent_id: str | None
    rating_a: float
    limit_a: float
    limit_source: str
    meter_state: Literal["none", "fresh", "stale", "dead"]
    metered_a: PerPhase | None
    base_a: PerPhase
    ev_a: PerPhase
    reserve_a: PerPhase
    margin_a: float
    meter_fault: MeterFault | None = None
    meter_text: str | None = None
    rows: tuple[RowView, ...] = ()


class DeviceView(Struct, frozen=True, kw_only=True):
    """A battery, inverter or heat load now. Powers are positive where it draws. `command_w` is what we told
    it last, `stated_w` what it says that it follows. `alarms` are what a person should look at, in words.
    """

    device_id: str
    name: str
    kind: DeviceKind
    circuit_id: str
    online: bool
    commanded: bool
    steered: bool
    power_w: float | None
    soc_percent: float | None
    command_w: float | None
    stated_w: float | None
    generation_w: float | None
    state: str
    alarms: tuple[str, ...]


class SiteView(Struct, frozen=True, kw_only=True):
    """A whole site now. Where `mode` is not normal: why, who ordered it, and since when."""

    site_id: str
    name: str
    at: datetime
    speed: float
    demo: bool
    strategy: Strategy
    voltage_v: float
    overloaded: bool
    base_power_w: float
    ev_power_w: float
    limit_power_w: float
    circuits: tuple[CircuitView, ...]
    evses: tuple[EvseView, ...]
    mode: SiteMode = "normal"
    mode_reason: str | None = None
    mode_by: str | None = None
    mode_since: datetime | None = None


class LiveSnapshot(Struct, frozen=True, kw_only=True, tag="snapshot", tag_field="type"):
    """First message of the live feed, and the answer to a gap."""

    seq: int
    site: SiteView


class LiveDelta(Struct, frozen=True, kw_only=True, tag="delta", tag_field="type"):
    """What changed since `seq - 1`: whole views of the circuits and EVSEs that differ, and the site's own
    figures.
    """

    seq: int
    at: datetime
    strategy: Strategy
    overloaded: bool
    base_power_w: float
    ev_power_w: float
    limit_power_w: float
    circuits: tuple[CircuitView, ...]
    evses: tuple[EvseView, ...]
    mode: SiteMode = "normal"
    mode_reason: str | None = None
    mode_by: str | None = None
    mode_since: datetime | None = None


PointKind: TypeAlias = Literal[
    "no_base",
    "larger_than_parent",
    "no_evses",
    "evse_too_large",
    "offline_sum",
    "base_too_large",
    "back_to_start",
]


class SitePoint(Struct, frozen=True, kw_only=True):
    """A remark on a site's form: `warning` will not pass its assessment, `hint` deserves a look. `figures`
    are what the text is made of."""

    kind: PointKind
    text: str
    weight: Literal["warning", "hint"] = "warning"
    circuit_id: str | None = None
    station_id: str | None = None
    evse_id: int | None = None
    figures: dict[str, str | float] = {}


class UnattendedSum(Struct, frozen=True, kw_only=True):
    """What a circuit carries at most when nobody controls: all safe currents below it and its worst base."""

    circuit_id: str
    safe_a: PerPhase
    base_a: PerPhase
    limit_a: float


class EvseHistory(Struct, frozen=True, kw_only=True):
    """One EVSE's power over the instants of a SiteHistory; None where nothing was recorded."""

    station_id: str
    evse_id: int
    label: str
    power_w: tuple[float | None, ...]


class SiteHistory(Struct, frozen=True, kw_only=True):
    """A site's power as it was: column by column, `at` in epoch seconds (rising), all columns equally long.

    Base load, the EVSEs' powers stacked upon it and the limit above them are what the console draws.
    """

    site_id: str
    step_s: float
    at: tuple[float, ...]
    base_power_w: tuple[float | None, ...]
    limit_power_w: tuple[float | None, ...]
    evses: tuple[EvseHistory, ...]
