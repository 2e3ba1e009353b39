"""Charging stations: what they lose, what heat takes from them, when they fail, whose modules they share.

Losses of a DC station: a constant, a linear and a quadratic part of its rating (the usual form for
converters). The constants of `RECTIFIER` are set to what data sheets of 50..350 kW stations say: 94 to 96 %
at full load, the best at about half of it. An AC station has a contactor: 2 milliohms a pole (data sheet of a
TeSys LC1D25, 40 A in AC-1, Schneider Electric) and as much again for terminals and the residual current
device, and 3 W of its coil while it is closed (both assumptions). What the car's cable loses comes after the
meter and is the car's.

Heat: data sheets give full power to 40 degrees and operation to 50 or 55; the line between is an assumption.

Faults: an EVSE works for an exponential time (Poisson arrivals of faults), then is out of order for a
log-normal one. The defaults are an assumption: 60 days and 1.5 days make 97.6 % of the time in order, a
little above the 97 % that 23 CFR 680.116 (NEVI) asks of public stations. Faults of one station's
EVSEs are independent.

Megawatt Charging System (CharIN; SAE J3271): up to 1,250 V and 3,000 A, so nobody gives more than 3.75 MW.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from msgspec import Struct

from ..batch.losses import drop_per_w
from ..batch.world import Cabinets, F, Faults

MCS_W: Final = 1250.0 * 3000.0
"""The most that any connector carries."""

DAY_S: Final = 86_400.0


class Converter(Struct, frozen=True, kw_only=True):
    """Losses as shares of the rating at load x (0..1): `idle` + `linear` x + `quadratic` x^2."""

    idle: float = 0.006
    linear: float = 0.020
    quadratic: float = 0.022

    def loss_share(self, load: float | F) -> F:
        """Losses as a share of the rating; `load` is the power on the car's side as one."""
        x = np.asarray(load, float)
        return np.asarray(self.idle + self.linear * x + self.quadratic * x * x)

    def efficiency(self, load: float | F) -> F:
        """From the supply to the car's side; 0 at no load."""
        x = np.asarray(load, float)
        return np.asarray(x / (x + self.loss_share(x)))

    def over(self, loads: Sequence[float] | F) -> float:
        """Energy out by energy in over a course of loads of equal length: the one figure that a planner
        reckons with. 1 where nothing flowed."""
        x = np.asarray(loads, float)
        flowing = x[x > 0.0]
        into = float((flowing + self.loss_share(flowing)).sum())
        return float(flowing.sum()) / into if into > 0.0 else 1.0


RECTIFIER: Final = Converter()

USUAL_COURSE: Final = (1.0, 1.0, 0.9, 0.75, 0.6, 0.45, 0.3, 0.2)
"""Loads of a fast charge in equal pieces of time: an assumption, after `fleet.FALLING`."""


CONTACT_OHM: Final = 0.004
COIL_W: Final = 3.0
"""Of an AC station: contacts of each conductor, and its contactor's coil."""


class StationKind(Struct, frozen=True, kw_only=True):
    """One kind of station. `rating_w` is the greatest power on the car's side; `standby_w` is always drawn;
    `min_a` and `max_a` are amperes a conductor of the supply. `fixed_w`, `linear` and `ohm` are its losses by
    the load as `batch.world.Evses` has them."""

    name: str
    dc: bool
    phases: int
    max_a: float
    rating_w: float
    standby_w: float
    min_a: float = 6.0
    converter: Converter | None = None
    fixed_w: float = 0.0
    linear: float = 0.0
    ohm: float = 0.0

    @property
    def efficiency(self) -> float:
        """What planners reckon with: over a usual course of loads on DC, 1 on AC (metered there)."""
        return 1.0 if self.converter is None else self.converter.over(USUAL_COURSE)


def ac_station(phases: int, max_a: float, *, voltage_v: float = 230.0, standby_w: float = 6.0) -> StationKind:
    """An AC station; 6 W of standby are an assumption (data sheets say 3 to 10)."""
    return StationKind(
        name=f"AC {phases * voltage_v * max_a / 1000.0:.1f} kW",
        dc=False,
        phases=phases,
        max_a=max_a,
        rating_w=math.inf,
        standby_w=standby_w,
        fixed_w=COIL_W,
        ohm=CONTACT_OHM,
    )


def dc_station(
    rating_w: float,
    *,
    voltage_v: float = 230.0,
    slots: int = 3,
    standby_w: float | None = None,
    converter: Converter = RECTIFIER,
) -> StationKind:
    """A DC station of this rating behind three phases of `voltage_v` to neutral, or one slot of it.

    Its supply carries the rating and the losses. Standby is an assumption: 40 W and 0.4 W per kW (control,
    screen, fans at rest), besides the idle losses while it charges.
    """
    if not 0.0 < rating_w <= MCS_W:
        raise ValueError(
            f"a DC station of {rating_w!r} W: the rating must be above 0, at most {MCS_W:,.0f} W"
        )
    supply_w = rating_w * (1.0 + float(converter.loss_share(1.0)))
    return StationKind(
        name=f"DC {rating_w / 1000.0:.0f} kW",
        dc=True,
        phases=slots,
        min_a=0.0,
        max_a=supply_w / (slots * voltage_v),
        rating_w=rating_w,
        standby_w=40.0 + 0.0004 * rating_w if standby_w is None else standby_w,
        converter=converter,
        fixed_w=converter.idle * rating_w,
        linear=converter.linear,
        # So that the heat of the conductors at full load is the quadratic part of the rating.
        ohm=converter.quadratic / (rating_w * drop_per_w(1.0, voltage_v, slots)),
    )


def derate(
    ambient_c: F, *, full_to_c: float = 40.0, half_at_c: float = 55.0, off_at_c: float = math.inf
) -> F:
    """Share of their rating that stations still give (`Series.derate`): 1 to `full_to_c`, then a line through
    one half at `half_at_c`, never below 0, nothing from `off_at_c` on."""
    if not full_to_c < half_at_c:
        raise ValueError(
            f"full power to {full_to_c!r} and half at {half_at_c!r} degrees: the first must be less"
        )
    share = 1.0 - 0.5 * (np.asarray(ambient_c, float) - full_to_c) / (half_at_c - full_to_c)
    return np.where(np.asarray(ambient_c) >= off_at_c, 0.0, np.clip(share, 0.0, 1.0))


class Reliability(Struct, frozen=True, kw_only=True):
    """Mean time to a fault and to its repair in seconds; `spread` is the log-normal's sigma of the repair."""

    to_fault_s: float = 60.0 * DAY_S
    to_repair_s: float = 1.5 * DAY_S
    spread: float = 1.0

    @property
    def availability(self) -> float:
        """Share of the time in order, in the long run."""
        return self.to_fault_s / (self.to_fault_s + self.to_repair_s)


def draw_faults(
    rng: np.random.Generator, evses: int, seconds: float, reliability: Reliability | None = None
) -> Faults:
    """The faults of `evses` EVSEs in the first `seconds`, by start; those of one EVSE don't overlap.

    All are in order at the start. A repair may end after `seconds`.
    """
    kind = Reliability() if reliability is None else reliability
    if not (kind.to_fault_s > 0.0 and kind.to_repair_s > 0.0):
        raise ValueError(f"times to a fault and to its repair must be above 0 s: {kind!r}")
    found: list[tuple[float, int, float]] = []
    centre = math.log(kind.to_repair_s) - 0.5 * kind.spread**2
    for evse in range(evses):
        at = float(rng.exponential(kind.to_fault_s))
        while at < seconds:
            until = at + float(rng.lognormal(centre, kind.spread))
            found.append((at, evse, until))
            at = until + float(rng.exponential(kind.to_fault_s))
    found.sort()
    return Faults(
        evse=np.array([evse for _, evse, _ in found], np.int64),
        from_s=np.array([at for at, _, _ in found], float),
        to_s=np.array([until for _, _, until in found], float),
    )


class Cabinet(NamedTuple):
    """A power cabinet: so many modules of `module_w` each, shared by its outlets."""

    modules: int
    module_w: float


def cabinets(kinds: Sequence[Cabinet]) -> Cabinets:
    """The arrays of `World.cabinets`; the order is what `Evses.cabinet` counts."""
    for at, kind in enumerate(kinds):
        if kind.modules < 1 or not kind.module_w > 0.0:
            raise ValueError(
                f"cabinet {at}: {kind.modules} modules of {kind.module_w!r} W; both must be above 0"
            )
    return Cabinets(
        np.array([kind.modules for kind in kinds], np.int64),
        np.array([kind.module_w for kind in kinds], float),
    )
