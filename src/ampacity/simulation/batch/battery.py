"""How much a battery takes in a stretch of time: its limit, the lag of its charger, the room that is left.

The charger follows an order as a first-order system (`up_s`, `down_s`: dead time and time constant together,
so that the energy that is missing after a change is right); the battery limits what goes in by its state of
charge. Energy is the integral of the lesser of the two. On a straight taper both are in closed form when the
lag is over; on a curve the limit is held for at most a minute.
"""

from __future__ import annotations

import math

from ..compiled import inlined
from .packed import Record
from .world import TAPER_CURVE, TAPER_LINEAR, TAPER_NONE, F

#: For how long the limit of a curve is held, in seconds.
_CELL_S = 60.0


@inlined
def accepts_w(car: Record, efficiency: float, curves: F, soc: float) -> float:
    """The most that the battery of a car takes at this state of charge, at the meter, where `efficiency` of
    it goes in."""
    full_w = car.accept_w / efficiency
    taper = car.taper
    if taper == TAPER_LINEAR:
        start = car.taper_from
        return full_w if soc <= start else full_w * max(1.0 - soc, 0.0) / (1.0 - start)
    if taper == TAPER_CURVE:
        place = min(max(soc, 0.0), 1.0) * 100.0
        low = min(int(place), 99)
        k = car.curve
        share = curves[k, low] + (curves[k, low + 1] - curves[k, low]) * (place - low)
        return full_w * share
    return full_w


@inlined
def charge(
    car: Record,
    efficiency: float,
    curves: F,
    soc: float,
    room_wh: float,
    level_w: float,
    wanted_w: float,
    seconds: float,
) -> tuple[float, float, float]:
    """Charge for `seconds`: the charger stands at `level_w` and is told `wanted_w`.

    `room_wh` is what still goes in, at the meter; `efficiency` of it reaches the battery. Returns the energy
    (Wh at the meter), the charger's level at the end (W) and for how long anything flowed (s).
    """
    if car.taper == TAPER_NONE and car.up_s == 0.0 and car.down_s == 0.0:
        power_w = min(wanted_w, car.accept_w / efficiency)
        part_wh = power_w * seconds / 3600.0
        return _stop(0.0, part_wh, room_wh, 0.0, seconds, power_w)
    tau = car.up_s if wanted_w > level_w else car.down_s
    capacity_wh = car.capacity_wh / efficiency
    done_s, energy_wh = 0.0, 0.0
    while done_s < seconds and energy_wh < room_wh:
        at_soc = soc + energy_wh / capacity_wh
        limit_w = accepts_w(car, efficiency, curves, at_soc)
        left_s = seconds - done_s
        # How far the charger is still from what it was told, at both ends of what is left.
        gap_w = wanted_w - level_w
        lagging = tau > 0.0 and abs(gap_w) > 1e-3 * max(wanted_w, 1.0)
        span_s = left_s
        if car.taper == TAPER_LINEAR and not lagging:
            part_s, part_wh = _straight(car, efficiency, at_soc, wanted_w, left_s, capacity_wh)
            return _stop(energy_wh, part_wh, room_wh, done_s, part_s, wanted_w)
        ahead_wh = min(wanted_w, limit_w) * left_s / 3600.0
        ahead_w = accepts_w(car, efficiency, curves, min(at_soc + ahead_wh / capacity_wh, 1.0))
        free = limit_w >= max(wanted_w, level_w) and ahead_w >= max(wanted_w, level_w)
        if not free:
            span_s = min(left_s, _CELL_S)
        if lagging and not free:
            span_s = min(span_s, max(tau, 1.0))
        if lagging:
            fade = math.exp(-span_s / tau)
            next_w = wanted_w - gap_w * fade
            mean_w = wanted_w - gap_w * tau / span_s * (1.0 - fade)
        else:
            next_w, mean_w = wanted_w, wanted_w
        if not free:
            # A curve that falls within the cell: its middle decides.
            middle_wh = 0.5 * min(mean_w, limit_w) * span_s / 3600.0
            limit_w = accepts_w(car, efficiency, curves, min(at_soc + middle_wh / capacity_wh, 1.0))
            mean_w = min(mean_w, limit_w)
        part_wh = mean_w * span_s / 3600.0
        if energy_wh + part_wh >= room_wh:
            span_s = span_s * (room_wh - energy_wh) / part_wh if part_wh > 0.0 else 0.0
            return room_wh, next_w, done_s + span_s
        energy_wh += part_wh
        done_s += span_s
        level_w = next_w
        if part_wh <= 0.0 and not lagging:
            break
    return energy_wh, level_w, done_s


@inlined
def _straight(
    car: Record, efficiency: float, soc: float, wanted_w: float, seconds: float, capacity_wh: float
) -> tuple[float, float]:
    """Constant power until the straight line comes in the way, then what it leaves: in closed form."""
    start = car.taper_from
    full_w = car.accept_w / efficiency
    power_w = min(wanted_w, full_w)
    if power_w <= 0.0:
        return seconds, 0.0
    meets = 1.0 - (1.0 - start) * power_w / full_w
    flat_wh = max(meets - soc, 0.0) * capacity_wh
    flat_s = min(flat_wh * 3600.0 / power_w, seconds)
    energy_wh = power_w * flat_s / 3600.0
    if flat_s < seconds:
        # d soc / dt = full (1 - soc) / ((1 - start) capacity)
        room = 1.0 - max(soc, meets)
        rate = full_w / ((1.0 - start) * capacity_wh * 3600.0)
        energy_wh += room * (1.0 - math.exp(-rate * (seconds - flat_s))) * capacity_wh
    return seconds, energy_wh


@inlined
def _stop(
    energy_wh: float, part_wh: float, room_wh: float, done_s: float, part_s: float, level_w: float
) -> tuple[float, float, float]:
    """The last stretch, ended where the room ends."""
    if energy_wh + part_wh < room_wh:
        return energy_wh + part_wh, level_w, done_s + part_s
    share = (room_wh - energy_wh) / part_wh if part_wh > 0.0 else 0.0
    return room_wh, level_w, done_s + share * part_s
