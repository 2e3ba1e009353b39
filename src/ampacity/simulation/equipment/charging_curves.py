"""How fast a battery may be charged: by its state of charge, and by its temperature.

The state of charge. A curve is a share of the battery's greatest power (`fleet.Curve`): constant current
first, then less and less at constant voltage (CC-CV). The shapes are archetypes, drawn by hand after the form
of published charging tests; where the mean power from 10 to 80 % of a car is known, `shaped` bends the
archetype until it has exactly that mean.

The temperature. Plating of lithium limits the current of a cold cell, its life that of a hot one. `_FACTOR`
is an assumption with one anchor: taxis (Nissan Leaf, 50 kW) took 36 % less in the same time at 0 than at
25 degrees (Motoaki, Yi and Salisbury, Energy Policy 122, 2018). LFP is taken to be more sensitive (assumed).

The battery's temperature. One lumped mass between cabin-free surroundings and its own losses, with the
parameters of V2G-Sim's vehicle model (LBNL; 24 kWh: 182 kJ/K, 7.8 W/K), scaled by capacity. The losses of
driving are an assumption (6 % of what the trip took), and so is that a car that knows where it will charge
arrives with at least 25 degrees.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from ..batch.world import CURVE_POINTS, F
from ..fleet import FALLING, FLAT, Chemistry, Curve

HELD_800V: Final[Curve] = (
    (0.0, 0.7),
    (0.06, 0.95),
    (0.2, 0.98),
    (0.48, 1.0),
    (0.56, 0.76),
    (0.78, 0.54),
    (0.82, 0.25),
    (0.95, 0.12),
    (1.0, 0.02),
)
"""800 V: cooled cells hold the peak to half full, then it falls in steps. Assumed shape."""

LFP: Final[Curve] = (
    (0.0, 0.85),
    (0.05, 1.0),
    (0.25, 0.95),
    (0.5, 0.68),
    (0.75, 0.5),
    (0.9, 0.38),
    (0.97, 0.2),
    (1.0, 0.03),
)
"""Iron phosphate: falls slowly and charges late, as its voltage rises only at the end. Assumed shape."""

TRUCK: Final[Curve] = ((0.0, 0.9), (0.05, 1.0), (0.65, 1.0), (0.8, 0.78), (0.92, 0.3), (1.0, 0.03))
"""A big battery at about 1.5 C for whom the station is the bottleneck: flat to two thirds. Assumed shape."""

BAND_K: Final = 2.5
"""Battery temperatures are rounded to this, so that a fleet shares few curves."""

COLDEST_C: Final = -30.0
HOTTEST_C: Final = 60.0
"""What a battery's temperature is clipped to."""

PRECONDITIONED_C: Final = 25.0

_FACTOR: Final[dict[Chemistry, tuple[tuple[float, float], ...]]] = {
    "NMC": (
        (-30.0, 0.05), (-20.0, 0.14), (-10.0, 0.32), (0.0, 0.54), (10.0, 0.80), (20.0, 0.96), (25.0, 1.0),
        (42.0, 1.0), (50.0, 0.6), (60.0, 0.1),
    ),
    "LFP": (
        (-30.0, 0.02), (-20.0, 0.06), (-10.0, 0.18), (0.0, 0.40), (10.0, 0.68), (20.0, 0.92), (25.0, 1.0),
        (45.0, 1.0), (52.0, 0.6), (60.0, 0.1),
    ),
}  # fmt: skip
"""Share of the greatest power by battery temperature in degrees Celsius. Assumed; see the head."""

_EARLIER: Final = 0.15
"""How much earlier the taper begins on a battery that may take nothing: an assumption."""

_HEAT_J_PER_K_WH: Final = 182_000.0 / 24_000.0
_LEAK_W_PER_K: Final = 4.343 + 3.468
_LEAK_BATTERY_WH: Final = 24_000.0
_DRIVING_LOSS: Final = 0.06

_SOC: Final = np.linspace(0.0, 1.0, CURVE_POINTS)


def share_at(curve: Curve, soc: F) -> F:
    """The curve's share at these states of charge (0..1), linear between its points."""
    points = np.array(curve)
    return np.asarray(np.interp(soc, points[:, 0], points[:, 1]))


def mean_share(curve: Curve, low: float = 0.1, high: float = 0.8) -> float:
    """Mean power over the time from `low` to `high`, as a share of the greatest power.

    The mean over time is the harmonic one over the state of charge: where it is slow, it stays longer.
    """
    soc = np.linspace(low, high, 1401)
    return float((high - low) / np.trapezoid(1.0 / share_at(curve, soc), soc))


def shaped(mean: float) -> Curve:
    """An archetype bent to have this mean share from 10 to 80 % (0 < mean < 1).

    The points of `FLAT` (0.77 or more) or `FALLING` are raised to one power.
    """
    if not 0.0 < mean < 1.0:
        raise ValueError(f"mean share {mean!r} of a charging curve must lie between 0 and 1")
    base = FLAT if mean >= 0.77 else FALLING
    low, high = 0.0, 8.0
    for _ in range(50):
        middle = 0.5 * (low + high)
        if mean_share(_raised(base, middle)) > mean:
            low = middle
        else:
            high = middle
    return _raised(base, high)


def _raised(curve: Curve, power: float) -> Curve:
    return tuple((soc, share**power) for soc, share in curve)


def temperature_factor(chemistry: Chemistry, battery_c: float) -> float:
    """Share of its greatest power that a battery of this temperature takes."""
    points = np.array(_FACTOR[chemistry])
    return float(np.interp(battery_c, points[:, 0], points[:, 1]))


def curve_at(
    curve: Curve, battery_c: float, *, chemistry: Chemistry = "NMC", preconditioned: bool = False
) -> tuple[F, float]:
    """The curve at this battery temperature: (share at 0, 1 .. 100 % (101), factor of its greatest power).

    Cold, the factor is below 1 and the taper begins earlier; a colder battery (below the optimum) takes at
    no state of charge more than a warmer one. `preconditioned` lifts a cold battery to 25 degrees.
    """
    if preconditioned:
        battery_c = max(battery_c, PRECONDITIONED_C)
    factor = temperature_factor(chemistry, battery_c)
    warm = share_at(curve, _SOC)
    if factor >= 1.0:
        return warm, 1.0
    earlier = share_at(curve, np.minimum(_SOC * (1.0 + _EARLIER * (1.0 - factor)), 1.0))
    return np.minimum(warm, earlier), factor


def battery_temperature_c(
    ambient_c: F | float, *, trip_wh: F | float, drive_s: F | float, capacity_wh: F | float
) -> F:
    """Degrees Celsius at the end of a trip that began at ambient temperature (after a long stop).

    `trip_wh` from the battery in `drive_s` seconds; one value each, or arrays of one shape. The lumped mass
    in closed form: rise = loss / leak * (1 - exp(-time / constant)).
    """
    capacity = np.maximum(np.asarray(capacity_wh, float), 1.0)
    drive = np.asarray(drive_s, float)
    leak = _LEAK_W_PER_K * (capacity / _LEAK_BATTERY_WH) ** (2.0 / 3.0)
    constant_s = _HEAT_J_PER_K_WH * capacity / leak
    with np.errstate(divide="ignore", invalid="ignore"):
        loss_w = np.where(drive > 0.0, _DRIVING_LOSS * np.asarray(trip_wh, float) * 3600.0 / drive, 0.0)
    rise = loss_w / leak * -np.expm1(-drive / constant_s)
    return np.asarray(np.clip(np.asarray(ambient_c, float) + rise, COLDEST_C, HOTTEST_C))


class CurveTable:
    """The lines of `World.curves`: each (curve, chemistry, temperature band) once."""

    def __init__(self) -> None:
        self._lines: dict[tuple[Curve, Chemistry, float], int] = {}
        self._shares: list[F] = []
        self._factors: list[float] = []

    def line(
        self,
        curve: Curve,
        battery_c: float = PRECONDITIONED_C,
        *,
        chemistry: Chemistry = "NMC",
        preconditioned: bool = False,
    ) -> tuple[int, float]:
        """The line of this curve at this temperature, and the factor of the battery's greatest power."""
        if preconditioned:
            battery_c = max(battery_c, PRECONDITIONED_C)
        band = min(max(BAND_K * math.floor(battery_c / BAND_K + 0.5), COLDEST_C), HOTTEST_C)
        if temperature_factor(chemistry, band) >= 1.0:
            band = PRECONDITIONED_C
        key = (curve, chemistry, band)
        at = self._lines.get(key)
        if at is None:
            share, factor = curve_at(curve, band, chemistry=chemistry)
            at = self._lines[key] = len(self._shares)
            self._shares.append(share)
            self._factors.append(factor)
        return at, self._factors[at]

    def array(self) -> F:
        """All lines so far, (k, 101); one line of ones where there is none."""
        return np.array(self._shares) if self._shares else np.ones((1, CURVE_POINTS))
