"""The cars on the road: what their on-board chargers and batteries take.

Source of the first six rows: registrations in the Netherlands in 2023 with battery, AC and DC limits, the
table that EV2Gym ships (MIT); models with equal figures are one archetype. The other seven, 30 % of the
weight, are assumptions: kinds that the table lacks and that a load manager must be able to live with
(plug-in hybrids, one- and two-phase chargers, 20 A, 22 kW, big batteries, vans).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal, TypeAlias

import numpy as np
from msgspec import Struct

Curve: TypeAlias = tuple[tuple[float, float], ...]
"""Points (state of charge 0..1, share of the battery's greatest charging power), linear in between."""

Chemistry: TypeAlias = Literal["NMC", "LFP"]
"""Nickel manganese cobalt (and its kin), or iron phosphate."""

FALLING: Final[Curve] = (
    (0.0, 0.8),
    (0.08, 1.0),
    (0.3, 0.9),
    (0.5, 0.62),
    (0.8, 0.38),
    (0.92, 0.14),
    (1.0, 0.025),
)
"""A high peak that falls early: mean power from 10 to 80 % about 0.65 of the peak."""

FLAT: Final[Curve] = ((0.0, 0.75), (0.08, 1.0), (0.6, 0.92), (0.8, 0.6), (0.92, 0.2), (1.0, 0.03))
"""A lower peak that is held: mean power from 10 to 80 % about 0.9 of the peak."""


class Archetype(Struct, frozen=True, kw_only=True):
    """One kind of car.

    `ac_max_a` is the current per phase on one, two and three phases: a charger that has only one phase
    repeats nothing, it has a shorter tuple. `accept_w` is what the battery takes at best, on AC as on DC;
    `curve` says at which state of charge. `dc_max_w` is 0 for cars without a DC inlet.
    Efficiencies are from the EVSE's meter into the battery. `ac_discharge_w` and `dc_discharge_w` are what it
    can give back at the EVSE's meter (0: nothing), never below `soc_floor`.
    """

    name: str
    weight: float
    battery_wh: float
    ac_max_a: tuple[float, ...]
    accept_w: float
    curve: Curve = FLAT
    dc_max_w: float = 0.0
    min_a: float = 6.0
    ac_efficiency: float = 0.90
    dc_efficiency: float = 0.98
    chemistry: Chemistry = "NMC"
    ac_discharge_w: float = 0.0
    dc_discharge_w: float = 0.0
    soc_floor: float = 0.2

    def ac_phases(self, available: int) -> int:
        """How many phases the on-board charger uses where `available` are offered."""
        return min(available, len(self.ac_max_a))

    def ac_power_w(self, available: int, offered_a: float, voltage_v: float) -> float:
        """Most power at the meter on `available` phases of `offered_a` each."""
        phases = self.ac_phases(available)
        if phases < 1 or offered_a < self.min_a:
            return 0.0
        by_battery = self.accept_w / self.ac_efficiency
        return min(phases * voltage_v * min(offered_a, self.ac_max_a[phases - 1]), by_battery)


_TABLE: Final = 0.70 / 213_340.0

FLEET: Final[tuple[Archetype, ...]] = (
    Archetype(
        name="saloon 57 kWh", weight=87_044 * _TABLE, battery_wh=57_500.0, ac_max_a=(16.0, 16.0, 16.0),
        accept_w=170_000.0, dc_max_w=170_000.0, curve=FALLING,
    ),
    Archetype(
        name="hatchback 58 kWh", weight=44_219 * _TABLE, battery_wh=58_000.0, ac_max_a=(16.0, 16.0, 16.0),
        accept_w=122_000.0, dc_max_w=122_000.0, curve=FALLING,
    ),
    Archetype(
        name="crossover 65 kWh", weight=28_028 * _TABLE, battery_wh=64_800.0, ac_max_a=(32.0, 16.0, 16.0),
        accept_w=80_000.0, dc_max_w=80_000.0,
    ),
    Archetype(
        name="crossover 64 kWh", weight=19_815 * _TABLE, battery_wh=64_000.0, ac_max_a=(16.0, 16.0, 16.0),
        accept_w=77_000.0, dc_max_w=77_000.0,
    ),
    Archetype(
        name="small car 46 kWh, one phase", weight=17_785 * _TABLE, battery_wh=46_300.0, ac_max_a=(32.0,),
        accept_w=101_000.0, dc_max_w=101_000.0,
    ),
    Archetype(
        name="SUV 77 kWh", weight=16_449 * _TABLE, battery_wh=77_000.0, ac_max_a=(32.0, 16.0, 16.0),
        accept_w=135_000.0, dc_max_w=135_000.0,
    ),
    Archetype(
        name="plug-in hybrid 12 kWh", weight=0.12, battery_wh=12_000.0, ac_max_a=(16.0,), accept_w=12_000.0,
    ),
    Archetype(
        name="long-range 95 kWh", weight=0.06, battery_wh=95_000.0, ac_max_a=(16.0, 16.0, 16.0),
        accept_w=195_000.0, dc_max_w=195_000.0,
    ),
    Archetype(
        name="city car 52 kWh, 22 kW", weight=0.04, battery_wh=52_000.0, ac_max_a=(32.0, 32.0, 32.0),
        accept_w=50_000.0, dc_max_w=50_000.0,
    ),
    Archetype(
        name="van 75 kWh", weight=0.03, battery_wh=75_000.0, ac_max_a=(16.0, 16.0, 16.0),
        accept_w=110_000.0, dc_max_w=110_000.0,
    ),
    Archetype(
        name="older hatchback 39 kWh, one phase", weight=0.03, battery_wh=39_000.0, ac_max_a=(29.0,),
        accept_w=46_000.0, dc_max_w=46_000.0,
    ),
    Archetype(
        name="older hatchback 36 kWh, two phases", weight=0.01, battery_wh=36_000.0, ac_max_a=(16.0, 16.0),
        accept_w=40_000.0, dc_max_w=40_000.0, curve=FALLING,
    ),
    Archetype(
        name="older compact 33 kWh, 20 A", weight=0.01, battery_wh=33_000.0, ac_max_a=(20.0,),
        accept_w=45_000.0, dc_max_w=45_000.0,
    ),
)  # fmt: skip
"""The fleet; the weights sum to 1."""


class CarPlan(Struct, frozen=True, kw_only=True):
    """A car before it plugs in: its kind and its state of charge (0..1) on arrival."""

    archetype: Archetype
    soc: float


def draw_car(
    rng: np.random.Generator,
    *,
    energy_wh: float,
    dwell_s: float,
    phases: int = 3,
    max_a: float = 32.0,
    dc_power_w: float | None = None,
    voltage_v: float = 230.0,
    fleet: Sequence[Archetype] = FLEET,
) -> CarPlan:
    """A car that can take `energy_wh` (at the meter) in `dwell_s` at this EVSE, by the fleet's weights.

    Where no car could, the one that takes most. Its state of charge leaves room for the energy; cars that are
    in a hurry end below the taper, the others anywhere up to full.
    """
    able, power = [], []
    for kind in fleet:
        most_w = _most_power_w(kind, phases, max_a, dc_power_w, voltage_v)
        power.append(most_w)
        fits = energy_wh * _efficiency(kind, dc_power_w) <= 0.85 * kind.battery_wh
        # 40 s for dead time and ramp; DC seldom holds its peak.
        held = 0.55 if dc_power_w is not None else 0.98
        able.append(fits and most_w * held * max(dwell_s - 40.0, 0.0) / 3600.0 >= energy_wh)
    if any(able):
        weights = np.array([kind.weight if can else 0.0 for kind, can in zip(fleet, able, strict=True)])
        chosen = fleet[int(rng.choice(len(fleet), p=weights / weights.sum()))]
    else:
        most = [min(p * dwell_s / 3600.0, kind.battery_wh) for p, kind in zip(power, fleet, strict=True)]
        chosen = fleet[int(np.argmax(most))]
    gain = energy_wh * _efficiency(chosen, dc_power_w) / chosen.battery_wh
    full_power_w = _most_power_w(chosen, phases, max_a, dc_power_w, voltage_v)
    spare_s = dwell_s - energy_wh * 3600.0 / full_power_w if full_power_w > 0.0 else 0.0
    # The last tenth takes an hour or more on some batteries; who has less time to spare doesn't fill up.
    fills_up = dc_power_w is None and spare_s > 5400.0
    end = float(rng.uniform(0.75, 1.0) if fills_up else rng.uniform(0.55, 0.85))
    return CarPlan(archetype=chosen, soc=min(max(end - gain, 0.03), 1.0))


def _most_power_w(
    kind: Archetype, phases: int, max_a: float, dc_power_w: float | None, voltage_v: float
) -> float:
    if dc_power_w is None:
        return kind.ac_power_w(phases, max_a, voltage_v)
    return min(dc_power_w, kind.dc_max_w / kind.dc_efficiency)


def _efficiency(kind: Archetype, dc_power_w: float | None) -> float:
    return kind.ac_efficiency if dc_power_w is None else kind.dc_efficiency
