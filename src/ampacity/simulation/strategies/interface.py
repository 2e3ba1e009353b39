"""The plug-in interface of strategies, version 1: what a strategy sees (`Observation`) and answers
(`Decision`).

A strategy sees only what a running system would know. What is missing here on purpose: true departures and
energies, states of charge of AC cars, cars that have not come yet, the sun and the building of tomorrow.

Within one version fields are added with a default and never removed or given another meaning. Amperes are per
slot (one conductor or pair of an EVSE) at its supply, positive for charging. Seconds count from the start of
the run.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol, TypeAlias, runtime_checkable

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from ampacity.simulation.batch.world import F, Storage

API: Final = 1
"""The version of this interface. A strategy names the one that it was written for as its `api`."""

C: TypeAlias = NDArray[np.complex128]


class EvsePlace(Struct, frozen=True, kw_only=True, gc=False):
    """One EVSE as it was installed. `step_a` 0: any current. `rating_w` is on the car's side (infinite on
    AC), `efficiency` from the supply to there."""

    name: str
    min_a: float
    max_a: float
    step_a: float
    volt_v: float
    slots: int
    dc: bool
    rating_w: float
    efficiency: float
    priority: int
    weight: float


class SitePlan(Struct, frozen=True, kw_only=True):
    """What does not change during a run.

    `rows` (r) are the conductors with a limit; `coefficients[r, i, s]` is what one ampere of slot `s` of
    EVSE `i` adds to row `r`, as a complex number (0 or 1 on a wye site). `storage_rows` (r): amperes per
    watt of the stationary battery, whose `capacity_wh` is 0 where there is none. `worst_limit_a` and
    `worst_base_a` (r) are the lowest limit and the highest base that the site was planned with.
    """

    step_s: float
    evses: tuple[EvsePlace, ...]
    rows: tuple[str, ...]
    coefficients: C
    storage: Storage
    storage_rows: C
    worst_limit_a: F
    worst_base_a: F


class Car(Struct, frozen=True, kw_only=True, gc=False):
    """One car that is plugged in.

    `evse` is a number into `SitePlan.evses`, `session` one that no other visit has. `wants`: it could draw;
    False when it stopped by itself or its EVSE is out of order. `max_a` is the EVSE's, derated as it is
    now. `slots` is how many this car uses, `watts_per_a` what one ampere of each gives on the car's side.
    `energy_wh` is what it got less what it gave back. `declared_wh` and `declared_depart_s` are None where
    the driver said nothing. `measured_a` and `power_w`: at the end and over the last step. `accepts_a`: the
    most that it was seen to take, None while nothing is known. `gives_w`: what it can give back, 0 for
    most.
    """

    evse: int
    session: int
    wants: bool
    min_a: float
    max_a: float
    step_a: float
    slots: int
    watts_per_a: float
    arrived_s: float
    plugged_s: float
    energy_wh: float
    declared_wh: float | None
    declared_depart_s: float | None
    accepts_a: float | None
    measured_a: float
    power_w: float
    priority: int
    weight: float
    gives_w: float = 0.0


class Observation(Struct, frozen=True, kw_only=True):
    """The site at the start of a step.

    `cars` in the order of their EVSEs. `limit_a` (r); `base` (r): what the rows carry without what is
    decided here, standby of the stations included. `buy`, `sell` (per kWh) and `co2` (g/kWh) from this step
    on, as far as they are published. `sun_w` and `building_w`: of all steps so far, the last is this one's.
    `waiting`: cars in the queue. `storage_soc` and `storage_w`: of the stationary battery, over the last
    step.
    """

    step: int
    at_s: float
    cars: tuple[Car, ...]
    limit_a: F
    base: C
    buy: F
    sell: F
    co2: F
    sun_w: F
    building_w: F
    waiting: int = 0
    storage_soc: float = 0.0
    storage_w: float = 0.0


class Decision(Struct, frozen=True, kw_only=True):
    """What holds during the step: amperes a slot for every EVSE of the site, and watts of the stationary
    battery (charging positive; None: it keeps the sun's surplus, as with built-in strategies).

    A setpoint between 0 and the EVSE's least current becomes 0, one above its greatest current that, a
    negative one 0 where the car gives nothing back. Each of these is counted.
    """

    setpoint_a: Sequence[float] | F
    storage_w: float | None = None


@runtime_checkable
class Strategy(Protocol):
    """A strategy. `begin` is called once before the first step, with a generator for whatever is random; from
    then on `decide` once a step, in order. The same object may begin again."""

    name: str
    api: int

    def begin(self, site: SitePlan, rng: np.random.Generator) -> None: ...

    def decide(self, observation: Observation) -> Decision: ...


class StrategyError(Exception):
    """Something is wrong with a strategy. The message names it and the remedy."""


class WrongApiError(StrategyError):
    """A strategy was written for another version of the interface."""

    def __init__(self, name: str, api: object) -> None:
        super().__init__(
            f"strategy {name!r} was written for version {api!r} of the interface, this is version {API}: "
            f"see docs/strategies.md for what changed, then set api = {API}"
        )
        self.name, self.api = name, api


class BadDecisionError(StrategyError):
    """A strategy answered with something that is no setpoint."""

    def __init__(self, name: str, step: int, what: str, remedy: str) -> None:
        super().__init__(f"strategy {name!r} at step {step}: {what}: {remedy}")
        self.name, self.step = name, step


class FailedError(StrategyError):
    """A strategy raised; the cause is attached."""

    def __init__(self, name: str, step: int, problem: BaseException) -> None:
        at = "before the first step" if step < 0 else f"at step {step}"
        super().__init__(f"strategy {name!r} failed {at}: {type(problem).__name__}: {problem}")
        self.name, self.step = name, step
