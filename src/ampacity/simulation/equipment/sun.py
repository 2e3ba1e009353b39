"""Photovoltaic power: where the sun stands, what a clear sky sends, what clouds leave, what panels make.

- Position: declination, equation of time and distance by Spencer's series (Search 2, 1971).
- Clear sky: Haurwitz, 1098 cos z exp(-0.059 / cos z), the best of the models that need the zenith only (Reno,
  Hansen and Stein, SAND2012-2389).
- Clouds: a share of the clear sky (`Clouds`, a fitted random course; see `signals`).
- Beam and diffuse: Erbs, Klein and Duffie (Solar Energy 28, 1982); on a tilted plane by Liu and Jordan
  (isotropic sky), the ground reflects 0.2.
- Panels: PVWatts version 5 (NREL/TP-6A20-62641): losses of 14 %, inverter 0.96 and its limit; cells 25 K
  above the air at 800 W/m2 (NOCT 45), -0.4 % a kelvin (assumed, between that manual's kinds).

Left out: shade, snow, spectrum, angle losses, haze by season.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from msgspec import Struct

from ..batch.world import F
from .weather import DAY_S, Place

SOLAR_CONSTANT: Final = 1361.0
_GROUND: Final = 0.2
_PER_KELVIN: Final = -0.004
_KELVIN_PER_W: Final = (45.0 - 20.0) / 800.0


class Panels(Struct, frozen=True, kw_only=True):
    """A field of panels: peak power (W at standard conditions), tilt from level and azimuth clockwise from
    north in degrees, the inverter's limit (W, None: as the peak), and losses as a share."""

    peak_w: float
    tilt_deg: float = 35.0
    azimuth_deg: float = 180.0
    inverter_w: float | None = None
    losses: float = 0.14
    inverter_efficiency: float = 0.96


class Sky(NamedTuple):
    """The sun's direction as components to the east, north and up (the last is the cosine of the zenith
    angle), and the power outside the atmosphere on a plane that faces it (W/m2)."""

    east: F
    north: F
    up: F
    outside_w_m2: F


def sky(place: Place, at_s: F) -> Sky:
    """The sun at these epoch seconds (UTC)."""
    at = np.asarray(at_s, float)
    stamps = at.astype("datetime64[s]")
    year_start = stamps.astype("datetime64[Y]").astype("datetime64[s]").astype(float)
    day = (at - year_start) / DAY_S
    turn = 2.0 * np.pi * day / 365.0
    sin_1, cos_1 = np.sin(turn), np.cos(turn)
    sin_2, cos_2 = np.sin(2.0 * turn), np.cos(2.0 * turn)
    declination = (
        0.006918 - 0.399912 * cos_1 + 0.070257 * sin_1 - 0.006758 * cos_2 + 0.000907 * sin_2
        - 0.002697 * np.cos(3.0 * turn) + 0.00148 * np.sin(3.0 * turn)
    )  # fmt: skip
    equation_min = 229.18 * (
        0.000075 + 0.001868 * cos_1 - 0.032077 * sin_1 - 0.014615 * cos_2 - 0.040849 * sin_2
    )
    distance = 1.00011 + 0.034221 * cos_1 + 0.00128 * sin_1 + 0.000719 * cos_2 + 0.000077 * sin_2
    hour_angle = 2.0 * np.pi * (day % 1.0 - 0.5 + place.longitude / 360.0 + equation_min / 1440.0)
    latitude = np.radians(place.latitude)
    return Sky(
        east=np.asarray(-np.cos(declination) * np.sin(hour_angle)),
        north=np.asarray(
            np.sin(declination) * np.cos(latitude)
            - np.cos(declination) * np.sin(latitude) * np.cos(hour_angle)
        ),
        up=np.asarray(
            np.sin(latitude) * np.sin(declination)
            + np.cos(latitude) * np.cos(declination) * np.cos(hour_angle)
        ),
        outside_w_m2=np.asarray(SOLAR_CONSTANT * distance),
    )


def clear_sky_w_m2(up: F) -> F:
    """Global power on level ground under a clear sky; 0 at night."""
    cosine = np.maximum(up, 1e-3)
    return np.where(up > 0.0, 1098.0 * cosine * np.exp(-0.059 / cosine), 0.0)


def diffuse_share(clearness: F) -> F:
    """Share of the global power that comes from the whole sky, by the ratio of global to outside power."""
    k = np.asarray(clearness, float)
    middle = 0.9511 - 0.1604 * k + 4.388 * k**2 - 16.638 * k**3 + 12.336 * k**4
    return np.where(k <= 0.22, 1.0 - 0.09 * k, np.where(k <= 0.8, middle, 0.165))


def plane_w_m2(panels: Panels, sun: Sky, clear_share: F) -> F:
    """Power on the tilted plane, for a sky that leaves `clear_share` of the clear one."""
    level = clear_sky_w_m2(sun.up) * clear_share
    outside = np.maximum(sun.outside_w_m2 * np.maximum(sun.up, 0.0), 1e-9)
    diffuse = level * diffuse_share(np.minimum(level / outside, 1.0))
    tilt, azimuth = np.radians(panels.tilt_deg), np.radians(panels.azimuth_deg)
    facing = sun.up * np.cos(tilt) + np.sin(tilt) * (sun.east * np.sin(azimuth) + sun.north * np.cos(azimuth))
    # Near the horizon a beam on a steep plane would be out of proportion to the little that comes through.
    beam = (level - diffuse) * np.maximum(facing, 0.0) / np.maximum(sun.up, 0.05)
    seen = 0.5 * (1.0 + np.cos(tilt))
    return np.asarray(beam + diffuse * seen + level * _GROUND * (1.0 - seen))


def pv_power_w(
    panels: Panels, place: Place, at_s: F, *, clear_share: F | float = 1.0, ambient_c: F | float = 15.0
) -> F:
    """AC power of the field at these epoch seconds (take the middles of the steps), 0 or above.

    `clear_share` and `ambient_c` (degrees Celsius): one value, or one a time.
    """
    if panels.peak_w < 0.0 or not 0.0 <= panels.tilt_deg <= 90.0:
        raise ValueError(
            f"panels of {panels.peak_w!r} W at {panels.tilt_deg!r} degrees: the peak must not be below 0 and "
            "the tilt must lie between 0 and 90"
        )
    on_plane = plane_w_m2(panels, sky(place, at_s), np.asarray(clear_share, float))
    warmer = np.asarray(ambient_c, float) + _KELVIN_PER_W * on_plane - 25.0
    direct = panels.peak_w * on_plane / 1000.0 * (1.0 + _PER_KELVIN * warmer) * (1.0 - panels.losses)
    limit = panels.peak_w if panels.inverter_w is None else panels.inverter_w
    return np.asarray(np.clip(direct * panels.inverter_efficiency, 0.0, limit))
