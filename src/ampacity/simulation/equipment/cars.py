"""Real cars as facts, and any cars as the arrays of the batch world.

Source of `CARS`: batteries, AC and DC limits, mean DC power and the efficiency of the on-board charger by
current of the eight cars most registered in the Netherlands in 2023, the table that EV2Gym ships
(ev_specs_v2g_enabled2024, MIT). That every one gives 11 kW (7.4 kW) back is that table's supposition: few of
these cars can. `CARS` have no discharge; `bidirectional` gives it to one.

An on-board charger is worse at little current: at 6 A by 3 to 21 points on one phase and up to 6 on three.
`ChargerTable` makes the lines of `World.chargers` of it. A car of the table has its own; any other has the
mean of the table, weighted by registrations and scaled so that its best figure is the archetype's (assumed).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from msgspec import Struct, structs
from numpy.typing import NDArray

from ..batch.world import CHARGER_POINTS_A, NO_CHARGERS, SLOTS, TAPER_CURVE, B, F
from ..cars import AC_LAG, DC_LAG
from ..fleet import FLAT, Archetype, CarPlan
from .charging_curves import HELD_800V, LFP, PRECONDITIONED_C, TRUCK, CurveTable, shaped

NO_AMPERES_A: Final = 1e6
"""On DC the car limits watts, not the amperes of the station's supply."""


class Charger(Struct, frozen=True, kw_only=True):
    """Efficiency of an on-board charger at 6, 8, 10 .. A a phase, in percent; it ends at its last current."""

    one_phase: tuple[int, ...]
    three_phase: tuple[int, ...]


class Car(Struct, frozen=True, kw_only=True):
    """A model of the table: how many were registered, the archetype of its data, and its charger."""

    name: str
    registrations: int
    archetype: Archetype
    charger: Charger


def _car(
    name: str,
    registrations: int,
    battery_kwh: float,
    ac_max_a: tuple[float, ...],
    dc_kw: float,
    dc_mean_kw: float,
    one_phase: tuple[int, ...],
    three_phase: tuple[int, ...],
) -> Car:
    at_most = one_phase if len(ac_max_a) == 1 else three_phase
    return Car(
        name=name,
        registrations=registrations,
        charger=Charger(one_phase=one_phase, three_phase=three_phase),
        archetype=Archetype(
            name=name,
            weight=registrations / _REGISTRATIONS,
            battery_wh=1000.0 * battery_kwh,
            ac_max_a=ac_max_a,
            accept_w=1000.0 * dc_kw,
            dc_max_w=1000.0 * dc_kw,
            curve=shaped(dc_mean_kw / dc_kw),
            ac_efficiency=0.01 * at_most[-1],
        ),
    )


_REGISTRATIONS: Final = 213_340
_THREE: Final = (16.0, 16.0, 16.0)
_WIDE_ONE: Final = (32.0, 16.0, 16.0)

CARS: Final[dict[str, Car]] = {
    car.name: car
    for car in (
        _car("Tesla Model 3", 47_783, 57.5, _THREE, 170.0, 100.0,
             (75, 78, 84, 84, 84, 87), (87, 87, 90, 90, 90, 90)),
        _car("Tesla Model Y", 39_261, 57.5, _THREE, 170.0, 100.0,
             (72, 78, 81, 81, 84, 84), (87, 87, 90, 90, 90, 90)),
        _car("Kia Niro", 28_028, 64.8, _WIDE_ONE, 80.0, 70.0,
             (75, 81, 84, 84, 87, 87, 87, 87, 90, 90, 90, 90, 90, 90), (90, 90, 90, 90, 90, 90)),
        _car("Volkswagen ID.3", 23_033, 58.0, _THREE, 120.0, 80.0,
             (81, 84, 84, 84, 87, 87), (87, 87, 90, 90, 90, 90)),
        _car("Skoda Enyaq", 21_186, 58.0, _THREE, 124.0, 82.0,
             (78, 81, 81, 84, 84, 84), (87, 90, 90, 90, 90, 90)),
        _car("Hyundai Kona", 19_815, 64.0, _THREE, 77.0, 64.0,
             (75, 81, 84, 87, 90, 90), (90, 90, 93, 93, 93, 93)),
        # The table has a three-phase line for it too, but 7.4 kW is what it takes: 32 A on one phase.
        _car("Peugeot 208", 17_785, 46.3, (32.0,), 101.0, 78.0,
             (66, 69, 72, 78, 81, 84, 84, 84, 81, 84, 84, 84, 87, 87), (84, 87, 90, 90, 90, 90)),
        _car("Volkswagen ID.4", 16_449, 77.0, _WIDE_ONE, 135.0, 120.0,
             (87, 84, 87, 87, 90, 87, 90, 90, 90, 90, 90, 90, 90, 90), (90, 90, 90, 90, 90, 90)),
    )
}  # fmt: skip
"""The table; the weights of the archetypes sum to 1."""

VAN: Final = Archetype(
    name="delivery van 75 kWh", weight=1.0, battery_wh=75_000.0, ac_max_a=_THREE, accept_w=110_000.0,
    dc_max_w=110_000.0, curve=FLAT,
)  # fmt: skip
BUS: Final = Archetype(
    name="city bus 400 kWh, LFP", weight=1.0, battery_wh=400_000.0, ac_max_a=(), accept_w=300_000.0,
    dc_max_w=300_000.0, curve=LFP, chemistry="LFP", soc_floor=0.15,
)  # fmt: skip
TRUCK_MCS: Final = Archetype(
    name="long-haul truck 600 kWh, MCS", weight=1.0, battery_wh=600_000.0, ac_max_a=(), accept_w=1_000_000.0,
    dc_max_w=1_000_000.0, curve=TRUCK, soc_floor=0.15,
)  # fmt: skip
"""Commercial vehicles, assumed: sizes as makers announce them (600 kWh and 1 MW are usual for the first
trucks with a Megawatt inlet), none of a register."""

CAR_LFP: Final = Archetype(
    name="saloon 58 kWh, LFP", weight=1.0, battery_wh=58_000.0, ac_max_a=_THREE, accept_w=170_000.0,
    dc_max_w=170_000.0, curve=LFP, chemistry="LFP",
)  # fmt: skip
CAR_800V: Final = Archetype(
    name="crossover 74 kWh, 800 V", weight=1.0, battery_wh=74_000.0, ac_max_a=_THREE, accept_w=235_000.0,
    dc_max_w=235_000.0, curve=HELD_800V,
)  # fmt: skip
"""Two kinds that the table lacks, assumed."""


def charger_efficiency(charger: Charger, phases: int, current_a: float) -> float:
    """From the meter into the battery at this current a phase, linear between the table's points.

    Below 6 A and above the charger's last current it is that of the end. Two phases count as three
    (assumed: the table has none).
    """
    percent = charger.one_phase if phases < 2 else charger.three_phase
    return 0.01 * float(np.interp(current_a, CHARGER_POINTS_A[: len(percent)], percent))


def usual_line(phases: int) -> F:
    """The table's mean over its cars at each of `CHARGER_POINTS_A`, by registrations."""
    lines = [
        [charger_efficiency(car.charger, phases, current_a) for current_a in CHARGER_POINTS_A]
        for car in CARS.values()
    ]
    return np.average(np.array(lines), axis=0, weights=[car.registrations for car in CARS.values()])


class ChargerTable:
    """The on-board chargers of a world: two lines each, for one phase and for more."""

    def __init__(self) -> None:
        self._lines: list[F] = []
        self._at: dict[tuple[str, float], int] = {}

    def line(self, kind: Archetype) -> int:
        """The first of the two lines of this car's charger."""
        name = kind.name if kind.name in CARS and kind.ac_efficiency == _best(kind.name) else ""
        key = (name, kind.ac_efficiency)
        if key not in self._at:
            self._at[key] = len(self._lines)
            if name:
                charger = CARS[name].charger
                self._lines += [
                    np.array([charger_efficiency(charger, phases, a) for a in CHARGER_POINTS_A])
                    for phases in (1, 3)
                ]
            else:
                usual = [usual_line(phases) for phases in (1, 3)]
                scale = kind.ac_efficiency / max(float(line.max()) for line in usual)
                self._lines += [scale * line for line in usual]
        return self._at[key]

    def array(self) -> F:
        """`World.chargers`."""
        return np.array(self._lines) if self._lines else NO_CHARGERS


def _best(name: str) -> float:
    return CARS[name].archetype.ac_efficiency


def bidirectional(
    kind: Archetype, *, power_w: float = 11_000.0, dc: bool = False, soc_floor: float = 0.2
) -> Archetype:
    """The same car, able to give back up to `power_w` at the EVSE's meter down to `soc_floor`."""
    if power_w < 0.0 or not 0.0 <= soc_floor <= 1.0:
        raise ValueError(
            f"{kind.name!r}: discharge {power_w!r} W must not be below 0 and the floor {soc_floor!r} "
            "must lie between 0 and 1"
        )
    if dc:
        return structs.replace(kind, dc_discharge_w=power_w, soc_floor=soc_floor)
    return structs.replace(kind, ac_discharge_w=power_w, soc_floor=soc_floor)


def car_arrays(
    cars: Sequence[CarPlan | Archetype],
    curves: CurveTable,
    *,
    dc: Sequence[bool] | B | bool = False,
    battery_c: Sequence[float] | F | float = PRECONDITIONED_C,
    preconditioned: Sequence[bool] | B | bool = False,
    chargers: ChargerTable | None = None,
) -> dict[str, NDArray[Any]]:
    """The fields of `Visits` that belong to the car, one entry each; the curves are added to `curves`.

    `dc`: whether it charges on direct current here. `battery_c` on arrival lowers `accept_w` and bends the
    curve (AC hardly feels it: its power is far below). With `chargers` their efficiency follows the current
    on AC; without, it is the archetype's at any current, as in the live world. What is left to the caller:
    times, energies, parking, priorities and `soc` (given here from a `CarPlan`, 0 from an archetype).
    """
    n = len(cars)
    on_dc = np.broadcast_to(np.asarray(dc, bool), n)
    degrees = np.broadcast_to(np.asarray(battery_c, float), n)
    warmed = np.broadcast_to(np.asarray(preconditioned, bool), n)
    kinds = [car.archetype if isinstance(car, CarPlan) else car for car in cars]
    max_a = np.zeros((n, SLOTS))
    accept_w = np.zeros(n)
    curve = np.zeros(n, np.int64)
    for at, kind in enumerate(kinds):
        curve[at], factor = curves.line(
            kind.curve, float(degrees[at]), chemistry=kind.chemistry, preconditioned=bool(warmed[at])
        )
        accept_w[at] = kind.accept_w * factor
        for k in range(SLOTS):
            phases = kind.ac_phases(k + 1)
            if on_dc[at]:
                max_a[at, k] = NO_AMPERES_A if kind.dc_max_w > 0.0 else 0.0
            elif phases:
                max_a[at, k] = kind.ac_max_a[phases - 1]
    alternating = np.array([len(kind.ac_max_a) for kind in kinds], np.int64)

    def pick(on_ac: list[float], on_direct: list[float]) -> F:
        return np.where(on_dc, np.array(on_direct, float), np.array(on_ac, float))

    return {
        "soc": np.array([car.soc if isinstance(car, CarPlan) else 0.0 for car in cars], float),
        "capacity_wh": np.array([kind.battery_wh for kind in kinds], float),
        "slots": np.where(on_dc, SLOTS, alternating),
        "max_a": max_a,
        "min_a": pick([kind.min_a for kind in kinds], [0.0] * n),
        "accept_w": accept_w,
        "efficiency": pick([kind.ac_efficiency for kind in kinds], [kind.dc_efficiency for kind in kinds]),
        "dc_max_w": np.array([kind.dc_max_w for kind in kinds], float),
        "charger": np.array(
            [
                -1 if chargers is None or direct else chargers.line(kind)
                for kind, direct in zip(kinds, on_dc.tolist(), strict=True)
            ],
            np.int64,
        ),
        "taper": np.full(n, TAPER_CURVE, np.int64),
        "taper_from": np.ones(n),
        "curve": curve,
        "discharge_w": pick([kind.ac_discharge_w for kind in kinds], [kind.dc_discharge_w for kind in kinds]),
        "soc_floor": np.array([kind.soc_floor for kind in kinds], float),
        "up_s": np.where(on_dc, DC_LAG.dead_s + DC_LAG.up_s, AC_LAG.dead_s + AC_LAG.up_s),
        "down_s": np.where(on_dc, DC_LAG.dead_s + DC_LAG.down_s, AC_LAG.dead_s + AC_LAG.down_s),
    }
