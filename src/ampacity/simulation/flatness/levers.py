"""What can hold a street's voltage still, as settings: charging that follows, reactive power, home batteries.

Every lever sees only what stands at its own connection: the house's meter, the voltage there, what the driver
declared. OCPP 2.1 has the places for them: V2X operation `LocalLoadBalancing` (the station follows a meter)
and DER control (`VoltVar`, `VoltWatt`); a station of an older version can be told a current only.

Reactive power by voltage, points as (voltage as a share of the reference, reactive power as a share of the
rated apparent power, positive: given):

- `VDE_AR_N_4105` (2018, 5.7.2.4): 0.93, 0.97, 1.03, 1.07 at a power factor of 0.90 (0.436); first order,
  three time constants in 10 s (settable 6 to 60 s). EN 50549-1 (2019, 4.7.2.3) has the same form and leaves
  the points to the grid operator.
- `IEEE_1547_B` (2018, table 8, category B, default): 0.92, 0.98, 1.02, 1.08 at 0.44; 5 s to 90 %.
- `IEEE_1547_B_MOVING`: the steepest that table 8 allows (0.44 within 2 %, no dead band; 5 s to 90 %) around a
  reference that follows the voltage with 300 s (5.3.3, autonomous adjustment, off by default): made for rapid
  changes, it gives no reactive power for long.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import numpy as np

from ..batch.world import F

VOLT_V: Final = 230.0
MAX_A: Final = 32.0
LEAST_A: Final = 6.0
STEP_A: Final = 1.0
"""A station of this street is told whole amperes (assumption; the pilot's duty cycle is finer)."""

DEAD_S: Final = 2
UP_S: Final = 8.0
DOWN_S: Final = 2.0
"""A car's answer: dead time, then first order (`simulation.cars`)."""

IDLE_W: Final = 40.0
"""What a bidirectional converter takes that waits with its contactor closed (assumption: a DC
station's standby)."""

REACTIVE_LOSS: Final = 0.02
"""Watts a reactive volt-ampere (assumption: conduction losses at part load)."""


class ChargingLaw(NamedTuple):
    """How every car of the street charges.

    `base_a`: the least that it aims at, where a declared need and departure do not ask for more; `unknown_a`:
    where nothing was declared. `house_gain`: amperes per ampere by which the house stands above its own mean
    over `house_s`; `volt_gain`: amperes per volt above the mean over `volt_s`. `filter_s` smooths what it
    does about both: without, many cars that answer late swing together. `ramp_a_s` bounds the base,
    `sample_s` is how often it measures and sets.
    """

    base_a: float
    unknown_a: float
    house_gain: float
    house_s: float
    volt_gain: float
    volt_s: float
    filter_s: float
    ramp_a_s: float
    sample_s: int


FULL_RATE: Final = ChargingLaw(MAX_A, MAX_A, 0.0, 900.0, 0.0, 900.0, 1.0, 1e9, 1)
"""The baseline: everything from the plug on."""


ROOM_A: Final = 4.0
"""Below the greatest current: a car whose base is within it follows less, at the greatest not at all."""

MARGIN_ENERGY: Final = 1.25
MARGIN_TIME: Final = 0.75
BEFORE_S: Final = 2700.0
"""How a declared need is read: drivers err by a fifth and more, so it plans a quarter more energy within
three quarters of the declared stay, and at least three quarters of an hour before its end."""


class Reactive(NamedTuple):
    """A characteristic: four points (see above); `reference_s` 0: nominal voltage, else the mean over it."""

    at_pu: F
    share: F
    reference_s: float
    answer_s: float


VDE_AR_N_4105: Final = Reactive(
    np.array([0.93, 0.97, 1.03, 1.07]), np.array([0.436, 0.0, 0.0, -0.436]), 0.0, 10.0 / 3.0
)
IEEE_1547_B: Final = Reactive(
    np.array([0.92, 0.98, 1.02, 1.08]), np.array([0.44, 0.0, 0.0, -0.44]), 0.0, 5.0 / math.log(10.0)
)
IEEE_1547_B_MOVING: Final = Reactive(
    np.array([0.98, 1.0, 1.0, 1.02]), np.array([0.44, 0.0, 0.0, -0.44]), 300.0, 5.0 / math.log(10.0)
)
NO_REACTIVE: Final = Reactive(np.array([0.9, 0.95, 1.05, 1.1]), np.zeros(4), 0.0, 1.0)


class Stays(NamedTuple):
    """Cars at the street (v): which consumer they stand at, seconds from the start, watt-hours at the meter;
    `declared_*` NaN where nothing was said. `back_a`: what it gives back at most, 0 for most; `converter`: 1
    where its charger can give reactive power."""

    node: np.ndarray[tuple[int], np.dtype[np.int64]]
    arrive_s: F
    depart_s: F
    energy_wh: F
    declared_wh: F
    declared_depart_s: F
    back_a: F
    converter: F


class HomeStores(NamedTuple):
    """Home batteries (s): the consumer, capacity and power. `one_way` is the efficiency from meter to cell.
    Each smooths its connection: it takes what house and car are below their mean over `net_s` and what the
    voltage is above its own (`volt_gain` A/V), and drifts back to half full."""

    node: np.ndarray[tuple[int], np.dtype[np.int64]]
    capacity_wh: F
    power_w: F
    one_way: float
    net_gain: float
    net_s: float
    volt_gain: float
    volt_s: float
    filter_s: float


NO_STORES: Final = HomeStores(
    np.zeros(0, np.int64), np.zeros(0), np.zeros(0), 1.0, 0.0, 900.0, 0.0, 900.0, 1.0
)

BUFFER_WH: Final = 2_000.0
"""A car that gives back moves at most this much beside what it came for (assumption)."""

ROUND_TRIP: Final = 0.81
"""Of a car that gives back: 0.90 each way (`simulation.fleet`)."""
