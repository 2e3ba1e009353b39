"""What the law is told (`Snapshot`) and what it answers (`Decision`).

Amperes are RMS per phase. Times named `at`, `*_at` and `*_until` are monotonic site seconds, except the
`valid_until` of a `LimitSource`, which people and grid operators give as a date: those are compared with
`Snapshot.epoch_s`.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

from ampacity.model.live import Reason
from ampacity.model.phases import PerPhase
from ampacity.model.protection import SiteMode
from ampacity.model.site import Evse, EvseKey, LimitSource, Site, Strategy

from .signals import SignalState
from .thermal import Reading
from .topology import RowKind

MeterState: TypeAlias = Literal["none", "fresh", "stale", "dead", "lost"]
"""`none`: the circuit has no meter. `dead`: silent for so long that the worst base counts. `lost`: silent
twice as long, so that only what stations may draw unattended is granted. A view shows `lost` as `dead`."""

CircuitPhase: TypeAlias = tuple[str, int]
"""A circuit and one of its phases, 1..3 as people count them; its other rows are numbered behind: 4 active
and 5 apparent power, 6..8 the neutral and 9..11 the unbalance by the phase that leads, 12..14 the phases once
more where loads stand between lines (see `topology`)."""


class EvseState(Struct, frozen=True, kw_only=True, gc=False):
    """One EVSE as it stands now.

    `online`: the station's socket is open and answers. `proven`: its base profile was read back since it
    connected. `session`: a car is plugged in and authorised, `wants`: that car could draw (False: it stopped
    by itself), `paused`: a person holds it, `held`: something else does (a goal that it has reached, its
    price, a switch of its phases), for this reason. `priority` and `weight` replace the EVSE's own when a
    session is boosted. `slack_s`: time to departure less the time that the missing energy takes at full
    power, `missing_wh`: that energy, `session_at`: when the session began; None is not known.
    `waiting_since`: since when it has wanted more than nothing and had nothing (the law keeps its own count
    if None).

    `measured_a` are the EVSE meter's values on the *circuit's* phases, sampled at `measured_at`;
    `sample_interval_s` is the interval that was configured.

    `committed_a` is the limit that the station acknowledged last (None: it runs on its base profile) and
    `committed_at` when. `lease_until` is when that limit ends at the station at the latest, measured skew
    included (`lease.expires_at`); None with a committed limit means that nothing ends it (no lease credit).
    `skew_s` is how far the station's clock may be off, which is in `lease_until`. `inflight_a` is a limit
    that was sent and is not answered yet. `doubt_a` is the highest limit whose answer never came (a call that
    timed out) since the last acknowledged one: the station may have taken it. `safe_a`: what it does
    unattended, None for the EVSE's own.

    `raise_after`: it refused a limit or did not answer lately, and is not asked to rise before that moment.
    `refusing`: it did so several times; what it may have is for others until it is asked again.

    `aside_a`: set aside with so much at least, session or not, and not steered, because of `aside_why`: a
    station in quarantine with the most it was seen to draw, one with a foreign profile that goes before ours
    with its maximum. `raise_least_a` and `raise_every_s`: what it is raised by and how often is more than the
    law's own because little of its write budget is left. `external_a` with `external_source`: somebody else's
    limit works at the station itself (a local energy management, a grid operator); more would be in vain.

    `in_watts`: its AC station takes limits in watts only, which a car on fewer phases takes on those.

    `learned_max_a`: the most that this car was seen to take or declared. `ceiling_a` with `ceiling_source`: a
    planner's or a person's upper limit, which counts until `ceiling_until` (None: until it is taken away).
    `temperatures`: as of a circuit; `thermal_a` is what follows from them (`bounds`), `thermal_at` the
    sensor. `phases`: the circuit phases (0..2) that this session can load, None
    for all of the EVSE's; set it only where it was declared by the car or measured over a whole minute.
    """

    key: EvseKey
    online: bool
    proven: bool
    session: bool = False
    wants: bool = False
    paused: bool = False
    held: Reason | None = None
    priority: int | None = None
    weight: float | None = None
    slack_s: float | None = None
    missing_wh: float | None = None
    session_at: float | None = None
    waiting_since: float | None = None
    measured_a: PerPhase | None = None
    measured_at: float | None = None
    sample_interval_s: float = 10.0
    committed_a: float | None = None
    committed_at: float | None = None
    lease_until: float | None = None
    skew_s: float = 0.0
    inflight_a: float | None = None
    doubt_a: float | None = None
    safe_a: float | None = None
    raise_after: float | None = None
    refusing: bool = False
    aside_a: float | None = None
    aside_why: str = ""
    raise_least_a: float = 0.0
    raise_every_s: float = 0.0
    external_a: float | None = None
    external_source: str | None = None
    learned_max_a: float | None = None
    ceiling_a: float | None = None
    ceiling_source: str | None = None
    ceiling_until: float | None = None
    temperatures: dict[str, Reading] = {}
    thermal_a: float | None = None
    thermal_at: str | None = None
    phases: tuple[int, ...] | None = None
    in_watts: bool = False

    def rests(self, evse: Evse) -> bool:
        """Whether a person holds a DC session: it keeps its station's minimum where there is room, because at
        0 the station may end it."""
        return self.paused and self.held is None and evse.dc_power_w is not None and evse.min_a > 0

    @property
    def stands(self) -> bool:
        """Whether it is held at 0, by a person or by something else."""
        return self.paused or self.held is not None


class CircuitState(Struct, frozen=True, kw_only=True, gc=False):
    """One circuit as it stands now. `signals`: what was heard of its `SignalSource`s, by source;
    `temperatures`: by sensor, degrees C and when they were measured.

    `limits` are the live sources (people, grid signals); the rating and the sources in `Site` hold besides.
    `metered_a` is the last reading of its meter, positive for import, taken at `metered_at`; `metered_w` the
    active power of all phases together of the same reading, where the meter tells it (amperes times volts
    otherwise).
    """

    circuit_id: str
    limits: tuple[LimitSource, ...] = ()
    metered_a: PerPhase | None = None
    metered_at: float | None = None
    metered_w: float | None = None
    signals: dict[str, SignalState] = {}
    temperatures: dict[str, Reading] = {}


class DeviceState(Struct, frozen=True, kw_only=True, gc=False):
    """One battery, inverter or heat load as it stands now. Powers are positive where it draws.

    `power_w` was measured at `measured_at`. `steered`: we are its master, and it did what it was told last.
    `confirmed_w` is the command that was read back from it last: of a battery the power, of a heat load the
    most that it draws, of an inverter the most that it feeds in (so at most 0). `confirmed_until` is when the
    device forgets it for want of another (None: it doesn't), `inflight_w` a command that was written and not
    read back yet. `draw_w` and `feed_w` are what it says that it could at most now.
    """

    device_id: str
    online: bool = False
    steered: bool = False
    power_w: float | None = None
    measured_at: float | None = None
    confirmed_w: float | None = None
    confirmed_until: float | None = None
    inflight_w: float | None = None
    soc_percent: float | None = None
    draw_w: float | None = None
    feed_w: float | None = None


class DeviceTarget(Struct, frozen=True, gc=False):
    """What a device shall do now, in the sense of `DeviceState.confirmed_w`, and why not more."""

    device_id: str
    power_w: float
    reasons: tuple[Reason, ...] = ()


class Snapshot(Struct, frozen=True, kw_only=True):
    """Everything the law sees at one instant. A circuit, EVSE or device of the site that is missing here
    counts as unknown: no reading, offline and unproven, anything that it can do. `mode`: what people ordered
    for the whole site; `stop_generation`: with an emergency stop, that inverters feed nothing in besides."""

    site: Site
    circuits: dict[str, CircuitState]
    evses: dict[EvseKey, EvseState]
    at: float
    epoch_s: float
    devices: dict[str, DeviceState] = {}
    mode: SiteMode = "normal"
    stop_generation: bool = False


class Grant(Struct, frozen=True, gc=False):
    """A limit for an EVSE, and every constraint that keeps it from more (empty at its maximum)."""

    key: EvseKey
    limit_a: float
    reasons: tuple[Reason, ...] = ()


class RowLedger(Struct, frozen=True, kw_only=True, gc=False):
    """What the law assumed of one more row of a circuit: `row` is its number as in `CircuitPhase`, the
    quantities are watts for power and amperes for all others."""

    row: int
    kind: RowKind
    limit: float
    limit_source: str
    margin: float
    base: float
    reserve: float
    grants: float


class CircuitLedger(Struct, frozen=True, kw_only=True):
    """What the law assumed of a circuit, per phase of that circuit.

    `limit_a` less `margin_a`, `base_a` and `reserve_a` is what the controllable EVSEs share; `grants_a` is
    what they got. `limit_source` is whose limit is the lowest.
    """

    circuit_id: str
    limit_a: float
    limit_source: str
    meter_state: MeterState
    margin_a: float
    base_a: PerPhase
    reserve_a: PerPhase
    grants_a: PerPhase
    others: tuple[RowLedger, ...] = ()


class Decision(Struct, frozen=True, kw_only=True):
    """What to do now.

    `grants`: for every EVSE of the site where the law wants it to be, and why not more. An idle EVSE's is
    what its base profile lets it start with. `cuts`: send at once, before anything else. `raises`: send now;
    what they use is free *already* (the cuts they rest on were acknowledged and seen). A target above the
    limit in force that is not among the raises waits. `held_a`: what each EVSE may draw at this moment as far
    as anyone can prove; `cutting`: EVSEs with a cut under way that is younger than the reaction time, and the
    limit it lands on. `reserved`: EVSEs that the law can't steer now; `held_a` of them is set aside.
    `overloaded`: a meter reads above its limit. `overcommitted`: circuit phases where base and reserves alone
    exceed the budget; every grant that loads them is 0. `wishes`: what each EVSE that wants to charge would
    get if no circuit held it back. `commands`: what each commanded device shall do;
    `devices_a`: what is set aside for each device on its circuit's phases, below zero where a battery
    relieves the circuits above.
    """

    at: float
    strategy: Strategy
    grants: dict[EvseKey, Grant]
    cuts: tuple[Grant, ...]
    raises: tuple[Grant, ...]
    held_a: dict[EvseKey, float]
    cutting: dict[EvseKey, float]
    reserved: frozenset[EvseKey]
    circuits: dict[str, CircuitLedger]
    overloaded: bool
    overcommitted: frozenset[CircuitPhase]
    notes: tuple[str, ...] = ()
    commands: dict[str, DeviceTarget] = {}
    devices_a: dict[str, PerPhase] = {}
    mode: SiteMode = "normal"
    wishes: dict[EvseKey, float] = {}
