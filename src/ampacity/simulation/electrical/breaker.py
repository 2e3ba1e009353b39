"""Inverse-time protection: when does a breaker or fuse open that carries this current?

Two heated bodies, a quick one (bimetal, fuse element) and a slow one (housing, terminals), each first order
in the square of the current:  tau dh/dt = (I / In)^2 - h.  It opens when half of each together reach
`trip_heat`, the square of the greatest current that it carries for ever, or at once from the magnetic
threshold on.

The constants are ours, set so that each device keeps the points of its standard and lies in the *early* half
of the permitted band (a worst case for whoever claims that nothing trips):

- IEC 60898-1, miniature breakers up to 125 A: 1.13 In not within the conventional time (1 h up to 63 A, 2 h
  above), 1.45 In within it, 2.55 In after 1 s and within 60 s (up to 32 A) or 120 s; magnetic B 3..5, C
  5..10, D 10..20 In.
- IEC 60947-2, moulded-case breakers: 1.05 In not within 2 h, 1.30 In within 2 h (1 h up to 63 A).
- IEC 60269-1, gG fuses: 1.25 In not within the conventional time (1 h up to 63 A, 2 h up to 160 A, 3 h up to
  400 A), 1.6 In within it; at 100 A the gates say: more than 10 s at 290 A, less than 5 s at 580 A.
- UL 489, thermal-magnetic breakers of North America: 100 % for ever, 135 % within 1 h up to 50 A and 2 h
  above, 200 % within 2 min up to 30 A (later above). The magnetic pick-up isn't set by the standard; 5 In is
  assumed.
- UL 248-8, class J fuses with time delay: 110 % for ever, 135 % within 1 h up to 60 A and 2 h up to 600 A,
  not within 10 s at 500 %.

Short circuits are outside the model (below 0.1 s the energy let through counts, not heat).

`Breaker` is one pole with a memory. `heat_step` is the physics alone, for kernels that keep the heat of many
poles in arrays.
"""

from __future__ import annotations

import math
from typing import Final, Literal, TypeAlias

from msgspec import Struct

Curve: TypeAlias = Literal["B", "C", "D", "MCCB", "gG", "UL489", "J"]


class ThermalCurve(Struct, frozen=True, kw_only=True):
    """Constants of one kind of device; currents are multiples of the rating."""

    carries: float
    quick_s: float
    slow_s: float
    magnetic: float = math.inf

    @property
    def trip_heat(self) -> float:
        """Heat at which it opens: what `carries` reaches after an infinite time."""
        return self.carries**2


CURVES: Final[dict[Curve, ThermalCurve]] = {
    "B": ThermalCurve(carries=1.2, quick_s=30.0, slow_s=1200.0, magnetic=3.0),
    "C": ThermalCurve(carries=1.2, quick_s=30.0, slow_s=1200.0, magnetic=5.0),
    "D": ThermalCurve(carries=1.2, quick_s=30.0, slow_s=1200.0, magnetic=10.0),
    "MCCB": ThermalCurve(carries=1.15, quick_s=40.0, slow_s=1800.0, magnetic=5.0),
    "gG": ThermalCurve(carries=1.4, quick_s=30.0, slow_s=1800.0),
    "UL489": ThermalCurve(carries=1.1, quick_s=30.0, slow_s=1800.0, magnetic=5.0),
    "J": ThermalCurve(carries=1.15, quick_s=110.0, slow_s=1800.0),
}


def heat_step(
    quick: float,
    slow: float,
    ratio: float,
    seconds: float,
    trip_heat: float,
    quick_s: float,
    slow_s: float,
    magnetic: float,
) -> tuple[float, float, bool]:
    """Heat of both bodies after `seconds` at `ratio` times the rating, and whether it opens within them.

    The constants are a `ThermalCurve`'s. That an open pole stays open is the caller's to remember. A ratio
    that isn't a finite number counts as a short circuit. Plain scalar arithmetic: kernels compile it as it
    is.
    """
    drive = ratio * ratio
    quick = drive + (quick - drive) * math.exp(-seconds / quick_s)
    slow = drive + (slow - drive) * math.exp(-seconds / slow_s)
    # The slow body alone never reaches the heat that opens it, so within a step the sum is highest at an end.
    return quick, slow, 0.5 * (quick + slow) >= trip_heat or not abs(ratio) < magnetic


class Breaker:
    """One pole. `step` it with the current that has flowed; once open it stays open until `close`.

    `rated_a` is In. It starts cold unless `preload_a` has flowed for ever. A site has one for each phase;
    what one of three coupled poles feels opens all of them, so ask `any`.
    """

    def __init__(self, rated_a: float, curve: Curve = "C", *, preload_a: float = 0.0) -> None:
        if not rated_a > 0.0:
            raise ValueError(f"rated current {rated_a!r} A must be above 0")
        if curve not in CURVES:
            raise ValueError(f"curve {curve!r} is unknown; known are {', '.join(CURVES)}")
        self.rated_a = rated_a
        self.curve: Curve = curve
        self.constants = CURVES[curve]
        self.tripped = False
        self.tripped_at_s: float | None = None
        self._at_s: float | None = None
        heat = (preload_a / rated_a) ** 2
        if not heat < self.constants.trip_heat:
            raise ValueError(
                f"preload {preload_a!r} A is more than a {rated_a:g} A {curve} carries for ever, "
                f"{self.constants.carries * rated_a:g} A"
            )
        self._quick = self._slow = heat

    @property
    def heat(self) -> float:
        """Share of the heat at which it opens, 0..1 (1 when open)."""
        if self.tripped:
            return 1.0
        return 0.5 * (self._quick + self._slow) / self.constants.trip_heat

    def step(self, at_s: float, current_a: float) -> bool:
        """Whether it is open at `at_s`, `current_a` having flowed since the step before.

        The first step only tells the time (and a magnetic trip). The sign of the current doesn't matter;
        what isn't a number counts as a short circuit. Raises ValueError when time goes back.
        """
        before_s = at_s if self._at_s is None else self._at_s
        if at_s < before_s:
            raise ValueError(f"time went back from {before_s!r} s to {at_s!r} s")
        self._at_s = at_s
        if self.tripped:
            return True
        curve = self.constants
        self._quick, self._slow, opens = heat_step(
            self._quick,
            self._slow,
            abs(current_a) / self.rated_a,
            at_s - before_s,
            curve.trip_heat,
            curve.quick_s,
            curve.slow_s,
            curve.magnetic,
        )
        if opens:
            self.tripped, self.tripped_at_s = True, at_s
        return opens

    def close(self) -> None:
        """Somebody closes it again; it is still warm, just below the heat that opened it."""
        if self.tripped:
            self.tripped, self.tripped_at_s = False, None
            self._quick = self._slow = 0.9 * self.constants.trip_heat

    def seconds_to_trip(self, current_a: float) -> float:
        """How long it would carry `current_a` from now on; infinity when for ever."""
        if self.tripped:
            return 0.0
        ratio = abs(current_a) / self.rated_a
        if not ratio < self.constants.magnetic:
            return 0.0
        drive, enough = ratio * ratio, self.constants.trip_heat
        if drive <= enough:
            return math.inf
        early, late = 0.0, self.constants.slow_s
        while self._sum_after(drive, late) < enough:
            late *= 2.0
        for _ in range(60):
            middle = 0.5 * (early + late)
            if self._sum_after(drive, middle) >= enough:
                late = middle
            else:
                early = middle
        return late

    def _sum_after(self, drive: float, seconds: float) -> float:
        quick = (self._quick - drive) * math.exp(-seconds / self.constants.quick_s)
        slow = (self._slow - drive) * math.exp(-seconds / self.constants.slow_s)
        return drive + 0.5 * (quick + slow)
