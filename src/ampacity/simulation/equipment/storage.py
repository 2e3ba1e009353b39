"""The stationary battery: its parameters, and its course from its power.

Defaults: 85 % there and back at the meter (NREL Annual Technology Baseline, commercial battery storage), the
loss split evenly between in and out; used between 5 and 95 %; standby of 0.1 % of its power for control and
cooling (assumed). What it costs in life is in `ageing`.
"""

from __future__ import annotations

import math

import numpy as np
from msgspec import Struct

from ..batch.world import NO_STORAGE, F, Storage


class StorageSpec(Struct, frozen=True, kw_only=True):
    """A battery as one buys it. `round_trip` is from meter to meter; `standby_w` None: 0.1 % of its power."""

    capacity_wh: float
    power_w: float
    discharge_w: float | None = None
    round_trip: float = 0.85
    soc: float = 0.5
    soc_min: float = 0.05
    soc_max: float = 0.95
    standby_w: float | None = None


def storage(spec: StorageSpec | None) -> Storage:
    """As the world takes it; None is a site without one. An error names the field and what is right."""
    if spec is None:
        return NO_STORAGE
    if not spec.capacity_wh > 0.0:
        raise ValueError(f"capacity_wh {spec.capacity_wh!r} of the battery must be above 0")
    if not spec.power_w >= 0.0:
        raise ValueError(f"power_w {spec.power_w!r} of the battery must not be below 0")
    if not 0.0 < spec.round_trip <= 1.0:
        raise ValueError(f"round_trip {spec.round_trip!r} of the battery must be above 0 and at most 1")
    if not 0.0 <= spec.soc_min <= spec.soc <= spec.soc_max <= 1.0:
        raise ValueError(
            f"soc {spec.soc!r} of the battery must lie between soc_min {spec.soc_min!r} and soc_max "
            f"{spec.soc_max!r}, and those between 0 and 1"
        )
    one_way = math.sqrt(spec.round_trip)
    return Storage(
        capacity_wh=spec.capacity_wh,
        charge_w=spec.power_w,
        discharge_w=spec.power_w if spec.discharge_w is None else spec.discharge_w,
        charge_efficiency=one_way,
        discharge_efficiency=one_way,
        soc=spec.soc,
        soc_min=spec.soc_min,
        soc_max=spec.soc_max,
        standby_w=0.001 * spec.power_w if spec.standby_w is None else spec.standby_w,
    )


def soc_course(battery: Storage, power_w: F, step_s: float) -> F:
    """State of charge before the first step and after each (T + 1) from the powers at its meter (T; charging
    positive, standby apart). Not clipped: powers that the battery can't give show outside 0..1."""
    power = np.asarray(power_w, float)
    if battery.capacity_wh <= 0.0:
        return np.zeros(len(power) + 1)
    stored = np.where(power > 0.0, power * battery.charge_efficiency, power / battery.discharge_efficiency)
    change = stored * (step_s / 3600.0 / battery.capacity_wh)
    return np.asarray(battery.soc + np.concatenate([[0.0], np.cumsum(change)]))
