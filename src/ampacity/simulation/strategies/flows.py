"""What planned powers make of the conductors, and the cuts that keep them within their limits.

On a wye site a limit is a line. On delta and split-phase sites the amount of a sum of phasors is limited,
which is a circle: it is cut off by tangents where a solution stands outside, until none does. A
tangent never cuts off what is allowed. The limits are lowered by a ten-thousandth, of which the solver may
use half: nothing that is planned is above a real limit.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from msgspec import Struct

from ampacity.simulation.batch.world import F, I, World
from ampacity.simulation.strategies.stepping import coefficients

from .berths import Berths
from .interface import C

TOLERANCE: Final = 1e-4
"""How much less than its limit a row may carry, as a share of it."""


class Flows(Struct, frozen=True, kw_only=True):
    """`per_kw` (r, k): amperes on each row per kW on the car's side of each berth while charging,
    `back_per_kw` while giving back; `storage_per_kw` (r); `base` (T, r) with the standby of the stations;
    `limit_a` (T, r). `efficiency` (k): from the supply to the car's side, at its best."""

    per_kw: C
    back_per_kw: C
    storage_per_kw: C
    base: C
    limit_a: F
    efficiency: F

    def sums(self, places: Berths, charge_kw: F, back_kw: F, storage_kw: F) -> C:
        """The currents on all rows (T, r) under these powers (one a step of a berth; storage a step)."""
        total = self.base + storage_kw[:, None] * self.storage_per_kw[None, :]
        for r in range(total.shape[1]):
            each = charge_kw * self.per_kw[r, places.of] - back_kw * self.back_per_kw[r, places.of]
            steps = len(total)
            total[:, r] += np.bincount(places.step, each.real, steps)
            if each.imag.any():
                total[:, r] += 1j * np.bincount(places.step, each.imag, steps)
        return total

    def above(self, sums: C) -> tuple[I, I, C]:
        """Where rows are above what they may carry: steps, rows, and the directions of their sums."""
        amount = np.abs(sums)
        step, row = np.nonzero(amount > self.limit_a * (1.0 + 0.5 * TOLERANCE))
        return step, row, sums[step, row] / amount[step, row]

    def room(self, step: I, row: I, direction: C) -> F:
        """What is left beside the base along the tangents, never below nothing."""
        base = (self.base[step, row] * direction.conjugate()).real
        free: F = np.maximum(self.limit_a[step, row] - base, 0.0)
        return free


def flows(world: World, places: Berths) -> Flows:
    """The flows of a world whose cars stand at these places."""
    evses, rows = world.evses, world.rows
    dense = coefficients(world)
    used = np.arange(dense.shape[2])[None, :] < places.slots[:, None]
    slot_w = np.maximum(evses.volt_v[places.evse] * places.slots, 1.0)
    per_kw = (dense[:, places.evse, :] * used[None]).sum(axis=2) * 1e3 / slot_w[None, :]
    efficiency = places.efficiency
    steps = world.steps
    moments = np.arange(steps)
    base = (
        rows.base_re[np.minimum(moments, len(rows.base_re) - 1)]
        + 1j * rows.base_im[np.minimum(moments, len(rows.base_im) - 1)]
    )
    standby_a = evses.standby_w / (evses.volt_v * evses.slots)
    base = base + (dense.sum(axis=2) * standby_a[None, :]).sum(axis=1)[None, :]
    storage = np.asarray((rows.storage_re + 1j * rows.storage_im) * 1e3, np.complex128)
    limit_a = rows.limit_a[np.minimum(moments, len(rows.limit_a) - 1)] * (1.0 - TOLERANCE)
    if len(places.loose):
        limit_a = np.where(places.loose, np.inf, limit_a)
    return Flows(
        per_kw=per_kw / efficiency,
        back_per_kw=per_kw * efficiency,
        storage_per_kw=storage,
        base=base + storage[None, :] * world.storage.standby_w / 1e3 * (world.storage.capacity_wh > 0),
        limit_a=limit_a,
        efficiency=efficiency,
    )
