"""What still fits on the conductors: the currents promised so far, and the most that one EVSE may add.

A row is full when the amount of its sum is at its capacity. On a wye site all numbers are real and this is
plain adding; on delta and split-phase sites currents add as phasors.
"""

from __future__ import annotations

import math

import numpy as np

from ampacity.simulation.batch.world import F

from .interface import C, SitePlan

TIGHT_A = 1e-7


class Room:
    """`used` (r, complex) is what the rows carry; `capacity_a` (r) what they may."""

    def __init__(self, site: SitePlan, base: C, capacity_a: F) -> None:
        self._site = site
        self.used: C = np.array(base, np.complex128)
        self.capacity_a = capacity_a

    def per_ampere(self, evse: int, slots: int) -> C:
        """What one ampere on each of the first `slots` of an EVSE adds to the rows (r, complex)."""
        sums: C = self._site.coefficients[:, evse, :slots].sum(axis=1)
        return sums

    def loads(self, evse: int, slots: int) -> list[int]:
        """The rows that the EVSE has a conductor on."""
        return [int(r) for r in np.flatnonzero(np.abs(self._site.coefficients[:, evse, :slots]).max(axis=1))]

    def add(self, evse: int, slots: int, amperes: float) -> None:
        """Promise it."""
        self.used += amperes * self.per_ampere(evse, slots)

    def fits(self, evse: int, slots: int, amperes: float) -> bool:
        """Whether all rows of the EVSE stay within their capacity."""
        then = np.abs(self.used + amperes * self.per_ampere(evse, slots))
        return all(then[r] <= self.capacity_a[r] + TIGHT_A for r in self.loads(evse, slots))

    def most(self, evse: int, slots: int, at_most_a: float) -> float:
        """The greatest current up to `at_most_a` that fits."""
        direction = self.per_ampere(evse, slots)
        for r in np.flatnonzero(direction):
            at_most_a = min(at_most_a, reach(self.used[r], direction[r], float(self.capacity_a[r])))
        return max(at_most_a, 0.0)


def reach(used: complex, direction: complex, capacity_a: float) -> float:
    """The greatest x with |used + x direction| <= capacity, minus infinity where there is none."""
    if capacity_a < 0.0:
        return -math.inf
    square = abs(direction) ** 2
    half = (used * direction.conjugate()).real
    inside = half * half - square * (abs(used) ** 2 - capacity_a**2)
    return (math.sqrt(inside) - half) / square if inside >= 0.0 else -math.inf


def capacities(limit_a: F, margin_a: float, margin_share: float) -> F:
    """What rows may carry when so many amperes or such a share of each limit stay free, whichever is more."""
    left: F = np.minimum(limit_a - margin_a, limit_a * (1.0 - margin_share))
    return left


def down_to_step(amperes: float, step_a: float) -> float:
    """To a whole multiple of the EVSE's step, down."""
    return amperes if step_a <= 0.0 else math.floor(amperes / step_a + 1e-6) * step_a
