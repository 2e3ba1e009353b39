"""What an EVSE and a car's charger lose, by the load: the same functions for kernels and for plain Python.

An EVSE's losses are a constant while anything flows, a part of the power and the heat of its conductors
(the usual form for converters and contacts; `equipment.stations` has the figures). The power on the car's
side that a supply carries is the root of a quadratic, so no search is needed and a setpoint at the supply is
never exceeded. Losses are taken at the mean power of a step: a car that flows for a part of it loses a
little differently.
"""

from __future__ import annotations

import math

from .world import F


def drop_per_w(ohm: float, volt_v: float, slots: int) -> float:
    """The conductors' losses as a factor of the square of the power: one slot heats its return as well."""
    conductors = 2.0 if slots == 1 else 3.0
    return ohm * conductors / (volt_v * slots) ** 2


def supplied_w(fixed_w: float, linear: float, square: float, power_w: float) -> float:
    """What the supply gives while `power_w` flows on the car's side (negative: what comes back of it)."""
    amount_w = abs(power_w)
    if amount_w == 0.0:
        return 0.0
    return power_w + fixed_w + linear * amount_w + square * amount_w * amount_w


def delivered_w(fixed_w: float, linear: float, square: float, supply_w: float) -> float:
    """The power on the car's side (0 or more) that `supply_w` is enough for."""
    over_w = supply_w - fixed_w
    if over_w <= 0.0:
        return 0.0
    half = 0.5 * (1.0 + linear)
    # The form of the root that keeps its digits where the square is small or nothing.
    return over_w / (half + math.sqrt(half * half + square * over_w))


def charger_share(line: F, current_a: float) -> float:
    """Efficiency at a current a slot: linear between the points, beyond the ends that of the end."""
    last = len(line) - 1
    place = min(max(0.5 * (current_a - 6.0), 0.0), float(last))
    low = min(int(place), last - 1)
    share: float = line[low] + (line[low + 1] - line[low]) * (place - low)
    return share
