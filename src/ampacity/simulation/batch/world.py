"""What is simulated: one site, its visits, its weather and prices, as arrays that compiled code takes.

Conventions. Time is seconds from the start of the run; step `t` covers `t * step_s` to `(t + 1) * step_s` and
a setpoint holds for all of it. Energy and power are at the EVSE's meter (on DC: the car's side of the
rectifier); charging is positive, giving back negative. A *slot* is one conductor (or pair, on delta) that an
EVSE feeds a car by: one on a single-phase socket, three on a three-phase one. A *row* is one conductor of one
circuit with a limit; one ampere of a slot adds a complex number of amperes to some rows (1 on its own phase
of a wye circuit, phasors on delta and behind transformers), and the amount of the sum is what it carries.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

F = NDArray[np.float64]
I = NDArray[np.int64]  # noqa: E741 - the usual letter for integers beside F for floats
B = NDArray[np.bool_]

SLOTS: Final = 3
"""Most slots of an EVSE."""

CURVE_POINTS: Final = 101
"""A charging curve is a share of the battery's greatest power at 0, 1 .. 100 % state of charge."""

CHARGER_POINTS_A: Final = tuple(float(a) for a in range(6, 34, 2))
"""The currents a slot at which a line of `World.chargers` tells the efficiency."""

NO_NUMBERS: Final = np.zeros(0)
NO_LINES: Final = np.zeros(0, np.int64)
NO_CHARGERS: Final = np.ones((0, len(CHARGER_POINTS_A)))
"""What a world has that does without a model: packing puts the neutral value for everybody."""

COMING, WAITING, PLUGGED, LEFT, BALKED, RENEGED, TURNED_AWAY = range(7)
"""Where a visit stands. `TURNED_AWAY`: its own EVSE was taken or out of order until it had to leave."""

TAPER_CURVE, TAPER_LINEAR, TAPER_NONE = range(3)
"""How a battery limits its power: by a curve of the table, by a straight line to nothing from
`taper_from` on (in closed form), or not at all."""


class Evses(NamedTuple):
    """The EVSEs, one entry each (n), and what their slots load.

    `step_a` 0: any current. `volt_v`: what one ampere of one slot gives. `rating_w`: the greatest power on
    the car's side (infinite on AC). `efficiency`: from the supply to the car's side, as planners reckon (1 on
    AC: the meter is there). It is also what happens, unless the EVSE has losses that follow the load:
    `fixed_w` while anything flows, `linear` times the power on the car's side, and `ohm` of each conductor
    (`losses`; none: the efficiency alone). `standby_w` is drawn always. `cabinet`, `pool`: -1 for none; a
    pool is a queue. `derates`: whether `Series.derate` holds for it. `safe_a`: what it gives when nobody
    speaks to it.

    Slot `s` of EVSE `i` has the entries `entry_start[3 * i + s]` up to `entry_start[3 * i + s + 1]` of
    `entry_row`, `entry_re` and `entry_im`.
    """

    min_a: F
    max_a: F
    step_a: F
    volt_v: F
    slots: I
    dc: B
    rating_w: F
    efficiency: F
    standby_w: F
    safe_a: F
    priority: I
    weight: F
    cabinet: I
    pool: I
    derates: B
    entry_start: I
    entry_row: I
    entry_re: F
    entry_im: F
    fixed_w: F = NO_NUMBERS
    linear: F = NO_NUMBERS
    ohm: F = NO_NUMBERS


class Rows(NamedTuple):
    """The conductors with a limit (r).

    `limit_a`, `base_re` and `base_im` have one line a step, or one for all steps. The base is everything but
    the EVSEs and the stationary battery, sun included where it counts. `storage_re`, `storage_im`: amperes
    here per watt of the stationary battery. `rated_a`: of the breaker or fuse in this row, infinite for none;
    `trip_heat`, `quick_s`, `slow_s`, `magnetic`: its constants (`electrical.breaker`).
    """

    limit_a: F
    base_re: F
    base_im: F
    storage_re: F
    storage_im: F
    rated_a: F
    trip_heat: F
    quick_s: F
    slow_s: F
    magnetic: F


class Visits(NamedTuple):
    """Cars at the site (v), in order of arrival.

    `evse`: where it parks, -1: at the first free EVSE of `pool`. `energy_wh`: at the meter, after which it
    stops (infinite: when full). `declared_wh`, `declared_depart_s`: what a controller may know, NaN where
    nothing was said. It leaves at `depart_s`, or `stay_s` after plugging in if that is sooner, or when it has
    what it wants (`leaves_done`). `soc` on arrival, 0..1; with `before` >= 0 the car is the one of that visit
    and comes with what was in the battery then, less `trip_wh`. `soc_needed`: at departure, below it the
    departure is missed (0: only `energy_wh` counts).

    Car: `max_a[v, k-1]` amperes a slot on k slots (0: it can't); `slots`: how many it uses at most; `min_a`;
    `accept_w` into the battery; `efficiency` from the meter into the battery; `dc_max_w` into the battery;
    `charger`: where the efficiency follows the current on AC, the line of `World.chargers` for one slot, the
    next line holding for more (-1, or none at all: `efficiency` at any current);
    `taper`, `taper_from`, `curve` (line of `World.curves`); `discharge_w`: at the meter, 0 when it can only
    take; `soc_floor`: it gives nothing below. `up_s`, `down_s`: dead time and time constant of its charger
    together, for a higher and for a lower current.

    Waiting: it turns away (balks) when `balk_at` cars or more already wait, and gives up (reneges) after
    `patience_s`; `reserve_s`: from then on an EVSE of its pool is kept for it (infinite: none) until
    `reserve_until_s`.
    """

    arrive_s: F
    depart_s: F
    evse: I
    pool: I
    energy_wh: F
    declared_wh: F
    declared_depart_s: F
    stay_s: F
    leaves_done: B
    soc: F
    soc_needed: F
    before: I
    trip_wh: F
    capacity_wh: F
    slots: I
    max_a: F
    min_a: F
    accept_w: F
    efficiency: F
    dc_max_w: F
    taper: I
    taper_from: F
    curve: I
    discharge_w: F
    soc_floor: F
    up_s: F
    down_s: F
    priority: I
    weight: F
    balk_at: I
    patience_s: F
    reserve_s: F
    reserve_until_s: F
    charger: I = NO_LINES


class Storage(NamedTuple):
    """The stationary battery (`capacity_wh` 0: none). Powers at its meter, efficiencies one way."""

    capacity_wh: float
    charge_w: float
    discharge_w: float
    charge_efficiency: float
    discharge_efficiency: float
    soc: float
    soc_min: float
    soc_max: float
    standby_w: float


class Cabinets(NamedTuple):
    """Power cabinets whose modules several DC EVSEs share (c): a module serves one of them at a time."""

    modules: I
    module_w: F


class Series(NamedTuple):
    """What changes by the step, for all alike (T): `buy` and `sell` prices per kWh, `co2` in g/kWh, the sun's
    power (W), the building's (W), the share of their rating that hot stations still give."""

    buy: F
    sell: F
    co2: F
    pv_w: F
    base_w: F
    derate: F


class Faults(NamedTuple):
    """When an EVSE is out of order (f), in order of `from_s`; a car that stands there gets nothing."""

    evse: I
    from_s: F
    to_s: F


class World(NamedTuple):
    """All of it. `curves`: (k, 101). `chargers`: (k, 14), efficiency of an on-board charger at
    `CHARGER_POINTS_A`. `repair_s`: after so long a breaker that opened is closed again.
    `plug_s`: from the plug to the first current (identification, contactor)."""

    step_s: float
    steps: int
    evses: Evses
    rows: Rows
    visits: Visits
    storage: Storage
    cabinets: Cabinets
    series: Series
    faults: Faults
    curves: F
    repair_s: float
    plug_s: float
    chargers: F = NO_CHARGERS


NO_STORAGE: Final = Storage(0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 1.0, 0.0)
NO_CABINETS: Final = Cabinets(np.zeros(0, np.int64), np.zeros(0))
NO_FAULTS: Final = Faults(np.zeros(0, np.int64), np.zeros(0), np.zeros(0))
