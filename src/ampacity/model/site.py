"""A site as it is built: a tree of circuits, and the EVSEs that hang on it.

Source of the terms: the control law's model (docs/control.md). Amperes are per phase and RMS.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

from msgspec import Struct

from .devices import Device
from .phases import STRAIGHT, Rotation
from .protection import DemandWindow, HotSpotModel, LimitPiece, SignalSource, TemperatureSensor

Strategy: TypeAlias = Literal["uncontrolled", "static", "dynamic"]
"""How a site shares its current.

`uncontrolled`: every EVSE at its rating (a baseline; only where the wiring carries it).
`static`: every EVSE its fixed share of what the worst base load leaves.
`dynamic`: live, by the law of `control`.
"""


Fairness: TypeAlias = Literal["weights", "equal", "classes", "need", "deadline", "first_come"]
"""Whom a site gives what is scarce. Always: the minimum for as many as possible first, a boosted session
before its class, and max-min among those who count alike.

`weights`: classes, and within one by weight, as the EVSEs are configured (all alike where nothing is).
`equal`: everybody alike, whatever is configured. `classes`: classes, alike within one.
`need`: within a class by the energy that is still missing. `deadline`: within a class those first whose slack
is smaller, in quarters of an hour; who told no departure comes last. `first_come`: within a class in
the order of arrival.
"""

KeepAlive: TypeAlias = Literal["off", "learnt", "always"]
"""Cars that don't wake after a pause. `learnt`: one that was seen not to wake is kept at its minimum before
others of its class get a turn. `always`: every car counts as such. `off`: all take turns."""


class SharingRules(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a site shares among its cars, and who may go before others.

    `boosts_at_once`: so many sessions may be boosted at the same time, `boosts_per_day`: so many sessions of
    one token a day in the site's time zone (None: as many as are asked for; 0: none). `boost_tokens`: only
    sessions of these tokens may be boosted (empty: all).
    """

    fairness: Fairness = "weights"
    keep_alive: KeepAlive = "learnt"
    boosts_at_once: int | None = None
    boosts_per_day: int | None = None
    boost_tokens: tuple[str, ...] = ()


DC_TOLD_SHARE: Final = 0.92
"""A DC EVSE is told watts towards the car, the law reckons with amperes of its supply: at least this share of
the supply's watts is held to reach the car (assumed; stations of 50..150 kW have 0.94..0.96). Low, so that
the supply never draws more than was meant.
"""


Supply: TypeAlias = Literal["wye", "split", "delta"]
"""`wye`: L1, L2, L3 at 120 degrees and a neutral (230/400 V, 120/208 V). `split`: two legs L1 and L2 in
opposition and a neutral (120/240 V). `delta`: three lines without a neutral (208, 240 or 480 V between them).
"""


UNLIMITED_A: Final = 1e9
"""The amperes of a limit that is in watts only: more than any conductor carries."""


class LimitSource(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Somebody's limit on a circuit: the effective limit is the minimum over the valid sources.

    `limit_a` is per phase, `limit_w` the active power of all phases together; either or both. `valid_until`
    is epoch seconds (None: until withdrawn). When it has passed, `fallback_a` and `fallback_w` hold instead;
    without one the source is gone. While one of `pieces` holds, its limits do and
    not `limit_a` and `limit_w`.
    """

    limit_a: float = UNLIMITED_A
    source: str
    valid_until: float | None = None
    fallback_a: float | None = None
    limit_w: float | None = None
    fallback_w: float | None = None
    pieces: tuple[LimitPiece, ...] = ()


MeterProtocol: TypeAlias = Literal["modbus-tcp", "mqtt", "http", "p1", "ocpp", "push"]

MeterQuantity: TypeAlias = Literal[
    "current_l1", "current_l2", "current_l3",  # A, on the meter's own phases
    "power_l1", "power_l2", "power_l3", "power",  # W, a phase's and all together
    "power_export_l1", "power_export_l2", "power_export_l3", "power_export",  # W, where it is told apart
    "voltage_l1", "voltage_l2", "voltage_l3",  # V, to neutral
    "energy_import", "energy_export",  # Wh, registers
    "time",  # the meter's own clock
]  # fmt: skip
"""What a meter can tell. The three currents are needed, all else is for checks and for people."""


class MeterValue(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where one quantity is in what a meter tells over MQTT or HTTP.

    `path` leads to it in a JSON document (`emeters[0].current`); empty: the whole message is the number.
    `topic` is the MQTT topic where it is not the meter's. `unit` is what it is told in (A, mA, W, kW, V, mV,
    Wh, kWh, MWh; of a time s, ms or iso); empty: the quantity's own. `scale` multiplies besides.
    """

    name: MeterQuantity
    path: str = ""
    topic: str = ""
    unit: str = ""
    scale: float = 1.0


class MeterConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The meter of a circuit: where it is read and what it sees (docs/meters.md).

    `address` depends on `protocol`: `modbus-tcp` host:port/unit, `mqtt` mqtt(s)://host:port, `http` the URL,
    `p1` host:port, `ocpp` station/evse (0: the station's main meter), `push` none (readings come through the
    API). `interval_s` is T of the staleness rules.

    `measures`: whether the cars of this circuit flow through it. `phases` are the circuit's phases that its
    L1.. are clamped on; fewer than three where the circuit has no others. `meter_time`: whether its own clock
    tells when a reading was taken; else its arrival does.

    `map` names the registers of `modbus-tcp`: `sunspec`, or a register map; empty: three float32 from
    the address's register on. `values`, `topic` and `status_topic` belong to `mqtt` and `http`;
    `offline_text` is what `status_topic` says when the meter is gone (its last will).

    `auth` is how `http` proves itself: `basic`, `digest` or `bearer` (the password is its token).
    `password` is sealed wherever it is kept, and never shown. `ca_pem`: authorities that count, not the
    machine's.
    """

    protocol: MeterProtocol
    address: str = ""
    interval_s: float = 1.0
    import_is_positive: bool = True
    measures: Literal["everything", "without_evs"] = "everything"
    phases: tuple[int, ...] = STRAIGHT
    meter_time: bool = True
    map: str = ""
    topic: str = ""
    values: tuple[MeterValue, ...] = ()
    status_topic: str = ""
    offline_text: str = "offline"
    auth: Literal["none", "basic", "digest", "bearer"] = "none"
    user: str = ""
    password: str = ""
    ca_pem: str = ""


class Circuit(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One node of the tree. `rating_a` is per phase; `reserve_a` is the worst base load, used when no meter
    tells.

    `parent_id` is None at the grid connection only. `rotation` maps this circuit's phases to its parent's.

    Besides the amperes, where they are given: `rating_w` bounds the active and `rating_va` the apparent power
    of all phases together, `neutral_a` the current in the neutral, and `unbalance_a` by how much the most
    loaded phase may lead the least loaded one (18 A is a common national rule).

    `generation_a` is the most per phase that generation below the meter may feed in: without it a base below
    zero is a meter that can't be trusted. `reserve_a` is the base without sun. `export_a` is what may flow
    out, per phase (None: not limited). `sensors` (cable, cabinet, transformer), `hot_spot`, `demand` and
    `signals` limit it besides.
    """

    circuit_id: str
    name: str
    rating_a: float
    parent_id: str | None = None
    rotation: Rotation = STRAIGHT
    limits: tuple[LimitSource, ...] = ()
    meter: MeterConfig | None = None
    reserve_a: float = 0.0
    generation_a: float = 0.0
    export_a: float | None = None
    sensors: tuple[TemperatureSensor, ...] = ()
    hot_spot: HotSpotModel | None = None
    demand: DemandWindow | None = None
    signals: tuple[SignalSource, ...] = ()
    rating_w: float | None = None
    rating_va: float | None = None
    neutral_a: float | None = None
    unbalance_a: float | None = None


class Cabinet(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A power cabinet that several DC EVSEs share: `modules` blocks of `module_w` each, towards the cars.

    A module feeds one EVSE at a time; `move_s` is how long it takes to change to another one: a raise that
    needs it waits so long.
    """

    cabinet_id: str
    modules: int
    module_w: float
    move_s: float = 5.0
    name: str = ""


class Evse(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One EVSE as the law sees it: all its connectors are one load.

    `phases` are the circuit's phases that the EVSE's L1.. land on, in the EVSE's own order: `(1,)` is a
    single-phase socket on L2, `(2, 0, 1)` a three-phase one rotated. Two phases are two conductors with a
    common return, or, with `line_to_line`, one load between them (always so on a delta supply, and on split
    phase at 240 V). `safe_a` is what it draws when nobody
    talks to it (0 allowed). For DC the amperes are those of its AC supply and `dc_power_w` is its rating on
    the car's side; `cabinet_id` names the power cabinet that it shares. `phase_switch`: it may be switched
    between three phases and one while a car charges; off unless somebody knows that its cars stand it.
    `sensors` lower what it may give when it gets warm.
    """

    station_id: str
    evse_id: int
    circuit_id: str
    phases: tuple[int, ...]
    min_a: float = 6.0
    max_a: float = 32.0
    step_a: float = 0.1
    safe_a: float = 0.0
    priority: int = 0
    weight: float = 1.0
    dc_power_w: float | None = None
    connectors: int = 1
    label: str = ""
    line_to_line: bool = False
    cabinet_id: str | None = None
    phase_switch: bool = False
    sensors: tuple[TemperatureSensor, ...] = ()

    @property
    def key(self) -> EvseKey:
        """The pair that names this EVSE within its operator."""
        return (self.station_id, self.evse_id)


EvseKey: TypeAlias = tuple[str, int]


class Site(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A site with everything that its controller needs to know beforehand.

    `lease_s` is how long a grant lives at a station that hears nothing more; `voltage_v` is phase to neutral
    (on a delta supply: to where its neutral would be, 120 V for 208 V between the lines).
    `stop_disobedient`: where a meter stays above its limit, end the sessions of EVSEs that do not obey
    theirs.
    """

    site_id: str
    operator_id: str
    name: str
    time_zone: str
    circuits: tuple[Circuit, ...]
    evses: tuple[Evse, ...]
    strategy: Strategy = "dynamic"
    voltage_v: float = 230.0
    lease_s: float = 300.0
    commissioned: bool = False
    supply: Supply = "wye"
    cabinets: tuple[Cabinet, ...] = ()
    sharing: SharingRules = SharingRules()
    stop_disobedient: bool = False
    devices: tuple[Device, ...] = ()

    @property
    def root(self) -> Circuit:
        """The grid connection."""
        return next(circuit for circuit in self.circuits if circuit.parent_id is None)
