"""What still fits on the conductors: sums of phasors, and the most that one EVSE may add.

`used` is the sum that was promised so far: base, and the setpoints that are taken already. A row is full when
the amount of its sum is at its capacity. Adding amperes along one direction makes that amount a convex
function, so the amperes that fit are an interval, in closed form.
"""

from __future__ import annotations

import math

import numpy as np

from ..compiled import inlined
from .packed import Records
from .world import F, I

_EPSILON_A = 1e-7


@inlined
def add(starts: I, entries: Records, i: int, slots: int, amperes: float, used_re: F, used_im: F) -> None:
    """Promise `amperes` on each of the first `slots` slots of EVSE `i`."""
    for e in range(starts[3 * i], starts[3 * i + slots]):
        r = entries[e].row
        used_re[r] += amperes * entries[e].re
        used_im[r] += amperes * entries[e].im


@inlined
def room_a(
    starts: I,
    entries: Records,
    i: int,
    slots: int,
    most_a: float,
    used_re: F,
    used_im: F,
    cap_a: F,
    re: F,
    im: F,
) -> float:
    """The most amperes a slot (at most `most_a`) that EVSE `i` may have beside what is used.

    `re`, `im` (r) are scratch, zero before and after: a row may be loaded by several slots.
    """
    first, last = starts[3 * i], starts[3 * i + slots]
    for e in range(first, last):
        re[entries[e].row] += entries[e].re
        im[entries[e].row] += entries[e].im
    most = most_a
    for e in range(first, last):
        r = entries[e].row
        a, b = re[r], im[r]
        re[r], im[r] = 0.0, 0.0
        if most > 0.0 and (a != 0.0 or b != 0.0):
            most = min(most, along(used_re[r], used_im[r], a, b, cap_a[r]))
    return max(most, 0.0)


@inlined
def along(used_re: float, used_im: float, a: float, b: float, cap_a: float) -> float:
    """The greatest x with |used + x (a + bj)| <= cap; minus infinity where there is none."""
    if cap_a < 0.0:
        return -np.inf
    if b == 0.0 and used_im == 0.0:
        return (cap_a - used_re) / a if a > 0.0 else (-cap_a - used_re) / a
    square = a * a + b * b
    half = a * used_re + b * used_im
    rest = used_re * used_re + used_im * used_im - cap_a * cap_a
    inside = half * half - square * rest
    if inside < 0.0:
        return -np.inf
    return (math.sqrt(inside) - half) / square


@inlined
def within(
    starts: I, entries: Records, i: int, slots: int, amperes: float, used_re: F, used_im: F, cap_a: F
) -> bool:
    """Whether EVSE `i` may have `amperes` a slot beside what is used."""
    add(starts, entries, i, slots, amperes, used_re, used_im)
    fits = True
    for e in range(starts[3 * i], starts[3 * i + slots]):
        r = entries[e].row
        if math.hypot(used_re[r], used_im[r]) > cap_a[r] + _EPSILON_A:
            fits = False
    add(starts, entries, i, slots, -amperes, used_re, used_im)
    return fits
