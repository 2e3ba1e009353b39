"""What the law remembers from one step to the next. Immutable: a step makes a new one."""

from __future__ import annotations

from msgspec import Struct

from ampacity.model.phases import PerPhase
from ampacity.model.site import EvseKey

from . import demand, hot_spot, signals, sources, thermal
from .cabinets import CabinetMemory
from .topology import Topology

Peaks = tuple[tuple[float, float], ...]
"""`(at, amperes)` with falling amperes: the first is the maximum of all, and each is the maximum of what
follows it."""


class BaseMemory(Struct, frozen=True, gc=False):
    """The base load of one metered circuit, on each of its rows (`Topology.rows_in`).

    `read_at`: the reading that was taken in last; `first_at`: the first. `doubtful` are the peaks of readings
    since `doubt_since`, while cars below were rising that had not reported yet.
    """

    peaks: tuple[Peaks, ...]
    read_at: float
    first_at: float
    doubtful: tuple[Peaks, ...] = ()
    doubt_since: float | None = None


class OverloadMemory(Struct, frozen=True, gc=False):
    """One circuit phase above its limit. `stage` 1: nobody above its safe current, 2: everybody off."""

    since: float
    above_at: float
    stage: int


class EvseMemory(Struct, frozen=True, kw_only=True, gc=False):
    """One EVSE. Times are None where the thing isn't so.

    `in_force_a`: the limit in force at the last step, and `doubted_a` one that was never answered, to see a
    decrease. `settling_a`: the limit before a
    decrease that was acknowledged at `settling_since` and not yet seen. `cut_since`: a cut to `cut_to_a`
    waits for its acknowledgement. `over_since`: measures more than it was told. `running_since`,
    `stopped_at`, `waiting_since`: turns. `raised_at`: the last raise. `lagging_since`: the target lies above
    the limit in force. `slack_since`: the car takes less than it may, and `accepts_a` what it was found to
    take at `accepted_at`. `drew`: the car has drawn in this session; `rested`: and was then held below its
    minimum; `roused_at`: and was then offered it again; `sleeps`: and did not wake.
    """

    in_force_a: float
    doubted_a: float = 0.0
    settling_a: float | None = None
    settling_since: float = 0.0
    cut_since: float | None = None
    cut_to_a: float = 0.0
    over_since: float | None = None
    running_since: float | None = None
    stopped_at: float | None = None
    waiting_since: float | None = None
    raised_at: float | None = None
    lagging_since: float | None = None
    slack_since: float | None = None
    accepts_a: float | None = None
    accepted_at: float = 0.0
    drew: bool = False
    rested: bool = False
    roused_at: float | None = None
    sleeps: bool = False


class DeviceMemory(Struct, frozen=True, kw_only=True, gc=False):
    """One commanded device: its last target and since when, and whether its battery is `empty` or `full`.
    `ordered`: people's order holds it; `released_at`: when they let it go, while it still comes back, and
    `back_w` how far it is, as of `back_at`."""

    target_w: float | None = None
    changed_at: float | None = None
    empty: bool = False
    full: bool = False
    ordered: bool = False
    released_at: float | None = None
    back_w: float = 0.0
    back_at: float = 0.0


class BoundsMemory(Struct, frozen=True, kw_only=True):
    """What limits remember. Keys are circuits, and what is named within them; of sensors, the thing that
    they are at."""

    sources: sources.Sources = {}
    signals: dict[tuple[str, str], signals.SignalMemory] = {}
    sensors: dict[tuple[str, str], thermal.ThermalMemory] = {}
    hot_spots: dict[str, hot_spot.HotSpotMemory] = {}
    demands: dict[str, demand.DemandMemory] = {}


class ControlState(Struct, frozen=True, kw_only=True):
    """All of it. `since` is the first step; `ramp` holds `(at, amperes)` of recent raises on the grid
    connection."""

    topology: Topology | None = None
    since: float | None = None
    bases: dict[str, BaseMemory] = {}
    overloads: dict[int, OverloadMemory] = {}
    evses: dict[EvseKey, EvseMemory] = {}
    ramp: tuple[tuple[float, PerPhase], ...] = ()
    devices: dict[str, DeviceMemory] = {}
    cabinets: dict[str, CabinetMemory] = {}
    bounds: BoundsMemory = BoundsMemory()


START = ControlState()
"""Nothing known yet: every EVSE counts as unknown until it reports."""
