"""What a car has a use for, and how pressing it is, by what it declared and what was measured."""

from __future__ import annotations

import math

from .interface import Car, EvsePlace


def left_wh(car: Car) -> float:
    """What it declared and has not got; 0 where it declared nothing or took more."""
    return 0.0 if car.declared_wh is None else max(car.declared_wh - car.energy_wh, 0.0)


def most_a(car: Car, place: EvsePlace, step_s: float, *, by_need: bool) -> float:
    """The most that it has a use for in this step. `by_need`: no more than its declared energy still takes,
    but its least current; who took all that it declared is no longer bound by it."""
    most = car.max_a if car.accepts_a is None else min(car.max_a, car.accepts_a)
    if place.dc:
        most = min(most, place.rating_w / car.watts_per_a)
    missing_wh = left_wh(car)
    if by_need and missing_wh > 0.0:
        most = min(most, max(missing_wh * 3600.0 / (car.watts_per_a * step_s), car.min_a))
    return most


def slack_s(car: Car, place: EvsePlace, at_s: float) -> float:
    """Time to the declared departure, less what the missing energy takes at full power (the laxity of
    Lee et al., 2016); infinite where no departure was declared."""
    if car.declared_depart_s is None:
        return math.inf
    full_a = place.max_a if car.accepts_a is None else min(place.max_a, car.accepts_a)
    full_w = min(full_a * car.watts_per_a, place.rating_w)
    takes_s = left_wh(car) * 3600.0 / full_w if full_w > 0.0 else 0.0
    return car.declared_depart_s - at_s - takes_s
