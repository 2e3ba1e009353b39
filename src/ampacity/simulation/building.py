"""The load of the building that shares the connection: it moves, it jumps, its phases differ.

A function of time alone: the same seed gives the same amperes at any instant, in any order of asking. Noise
is interpolated between hashed knots instead of drawn in sequence, appliances run in slots whose start and
length are hashed from the slot's number.

Assumption, not a fit: an office with heat pump, lift and canteen. With the default scale a phase moves within
25..85 A on a working day and about 15..35 A at night; the control bench of the house uses 15..55 A steps.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from ..model.phases import PerPhase

DAY_S: Final = 86_400.0

#: Share of the daily swing by hour of the local day, a working day and a day off; linear in between.
_WORKDAY: Final = (
    (0.0, 0.06), (5.0, 0.08), (6.5, 0.30), (8.5, 0.78), (10.5, 0.92), (12.5, 1.0),
    (14.0, 0.90), (16.5, 0.82), (18.0, 0.45), (20.0, 0.22), (22.0, 0.10), (24.0, 0.06),
)  # fmt: skip
_DAY_OFF: Final = ((0.0, 0.06), (7.0, 0.08), (12.0, 0.22), (17.0, 0.16), (22.0, 0.08), (24.0, 0.06))

#: Unrest: knots every so many seconds, amplitude as a share of the swing.
_UNREST: Final = ((900.0, 0.09), (120.0, 0.04), (15.0, 0.02))

_MASK: Final = 0xFFFF_FFFF_FFFF_FFFF


class Appliance(Struct, frozen=True, kw_only=True):
    """Something that switches on and off: at most once in each slot, wholly inside it.

    It runs with `likelihood` in slots that begin between the two hours of a working day, for a time between
    `shortest_s` and `longest_s`; `swing` is its amperes on L1, L2, L3 as a share of the building's swing.
    """

    name: str
    slot_s: float
    from_hour: float
    to_hour: float
    likelihood: float
    shortest_s: float
    longest_s: float
    swing: PerPhase


APPLIANCES: Final = (
    Appliance(name="heat pump", slot_s=1200.0, from_hour=5.0, to_hour=19.0, likelihood=0.75,
              shortest_s=300.0, longest_s=900.0, swing=(0.14, 0.14, 0.14)),
    Appliance(name="lift", slot_s=90.0, from_hour=7.0, to_hour=18.5, likelihood=0.35,
              shortest_s=8.0, longest_s=25.0, swing=(0.10, 0.10, 0.10)),
    Appliance(name="canteen oven", slot_s=1500.0, from_hour=9.5, to_hour=13.5, likelihood=0.8,
              shortest_s=420.0, longest_s=1200.0, swing=(0.0, 0.20, 0.0)),
    Appliance(name="dishwasher", slot_s=2400.0, from_hour=12.0, to_hour=15.5, likelihood=0.8,
              shortest_s=600.0, longest_s=1500.0, swing=(0.0, 0.0, 0.16)),
    Appliance(name="server cooling", slot_s=700.0, from_hour=0.0, to_hour=24.0, likelihood=0.9,
              shortest_s=120.0, longest_s=400.0, swing=(0.07, 0.0, 0.0)),
)  # fmt: skip


class BuildingLoad:
    """Amperes per phase of one building at any time.

    `base_a` is what never sleeps, `swing_a` what a working day adds at most before unrest and appliances,
    `scale` multiplies all. `unbalance` weighs the phases. `utc_offset_s` turns epoch seconds into the local
    day.
    """

    def __init__(
        self,
        rng_seed: int,
        *,
        base_a: float = 21.0,
        swing_a: float = 42.0,
        scale: float = 1.0,
        unbalance: PerPhase = (1.06, 0.93, 1.01),
        utc_offset_s: float = 0.0,
        appliances: tuple[Appliance, ...] = APPLIANCES,
    ) -> None:
        if base_a < 0.0 or swing_a < 0.0 or scale < 0.0:
            raise ValueError(f"a load can't be below 0 A: base {base_a}, swing {swing_a}, scale {scale}")
        self._seed = rng_seed
        self._base_a = base_a
        self._swing_a = swing_a
        self._scale = scale
        self._unbalance = unbalance
        self._utc_offset_s = utc_offset_s
        self._appliances = appliances

    def current_a(self, at_s: float) -> PerPhase:
        """Amperes on L1, L2, L3 at `at_s` (epoch seconds, UTC); never below 0."""
        local_s = at_s + self._utc_offset_s
        shape = self._shape(local_s)
        appliances = self._switched_on(local_s)
        amperes = []
        for phase in range(3):
            unrest = sum(
                amplitude * self._smooth(local_s, knot_s, 16 * phase + stream)
                for stream, (knot_s, amplitude) in enumerate(_UNREST)
            )
            # Unrest grows with activity: an empty building hardly moves.
            swing = self._swing_a * (shape * self._unbalance[phase] + unrest * (0.3 + 0.7 * shape))
            amperes.append(max(0.0, self._scale * (self._base_a + swing + self._swing_a * appliances[phase])))
        return amperes[0], amperes[1], amperes[2]

    def currents_a(
        self, at_s: NDArray[np.float64], *, utc_offset_s: float | None = None
    ) -> NDArray[np.float64]:
        """Amperes on L1, L2, L3 at all these epoch seconds at once (T, 3): what `current_a` says of each.

        `utc_offset_s` stands for the load's own, where the clock changes in between.
        """
        offset_s = self._utc_offset_s if utc_offset_s is None else utc_offset_s
        local_s = np.asarray(at_s, np.float64) + offset_s
        workday = _are_workdays(local_s)
        hour = (local_s % DAY_S) / 3600.0
        working, off = (np.array(points) for points in (_WORKDAY, _DAY_OFF))
        shape = np.where(
            workday, np.interp(hour, working[:, 0], working[:, 1]), np.interp(hour, off[:, 0], off[:, 1])
        )
        on = self._all_switched_on(local_s)
        found = np.empty((len(local_s), 3))
        for phase in range(3):
            unrest = np.zeros(len(local_s))
            for stream, (knot_s, amplitude) in enumerate(_UNREST):
                knot = np.floor(local_s / knot_s)
                t = local_s / knot_s - knot
                before, after = (self._hashes(knot + k, 16 * phase + stream) for k in (0.0, 1.0))
                smooth = before + (after - before) * t * t * (3.0 - 2.0 * t)
                unrest += amplitude * (2.0 * smooth - 1.0)
            swing = self._swing_a * (shape * self._unbalance[phase] + unrest * (0.3 + 0.7 * shape))
            load_a = self._base_a + swing + self._swing_a * on[:, phase]
            found[:, phase] = np.maximum(self._scale * load_a, 0.0)
        return found

    def power_w(self, at_s: float, voltage_v: float = 230.0) -> float:
        """Watts of the three phases together, at unity power factor."""
        return sum(self.current_a(at_s)) * voltage_v

    def _shape(self, local_s: float) -> float:
        points = _WORKDAY if _is_workday(local_s) else _DAY_OFF
        hour = (local_s % DAY_S) / 3600.0
        for (hour_0, share_0), (hour_1, share_1) in pairwise(points):
            if hour <= hour_1:
                return share_0 + (share_1 - share_0) * (hour - hour_0) / (hour_1 - hour_0)
        return points[-1][1]

    def _switched_on(self, local_s: float) -> PerPhase:
        on = [0.0, 0.0, 0.0]
        for number, appliance in enumerate(self._appliances):
            slot = math.floor(local_s / appliance.slot_s)
            slot_start_s = slot * appliance.slot_s
            hour = (slot_start_s % DAY_S) / 3600.0
            if not appliance.from_hour <= hour < appliance.to_hour:
                continue
            if not _is_workday(slot_start_s) and appliance.to_hour < 24.0:
                continue
            stream = 1000 + 4 * number
            if self._hash(slot, stream) >= appliance.likelihood:
                continue
            span_s = appliance.longest_s - appliance.shortest_s
            runs_s = appliance.shortest_s + span_s * self._hash(slot, stream + 1)
            starts_s = slot_start_s + (appliance.slot_s - runs_s) * self._hash(slot, stream + 2)
            if starts_s <= local_s < starts_s + runs_s:
                strength = 0.8 + 0.4 * self._hash(slot, stream + 3)
                for phase in range(3):
                    on[phase] += appliance.swing[phase] * strength
        return on[0], on[1], on[2]

    def _all_switched_on(self, local_s: NDArray[np.float64]) -> NDArray[np.float64]:
        on = np.zeros((len(local_s), 3))
        for number, appliance in enumerate(self._appliances):
            slot = np.floor(local_s / appliance.slot_s)
            slot_start_s = slot * appliance.slot_s
            hour = (slot_start_s % DAY_S) / 3600.0
            running = (appliance.from_hour <= hour) & (hour < appliance.to_hour)
            if appliance.to_hour < 24.0:
                running &= _are_workdays(slot_start_s)
            stream = 1000 + 4 * number
            running &= self._hashes(slot, stream) < appliance.likelihood
            span_s = appliance.longest_s - appliance.shortest_s
            runs_s = appliance.shortest_s + span_s * self._hashes(slot, stream + 1)
            starts_s = slot_start_s + (appliance.slot_s - runs_s) * self._hashes(slot, stream + 2)
            running &= (starts_s <= local_s) & (local_s < starts_s + runs_s)
            strength = np.where(running, 0.8 + 0.4 * self._hashes(slot, stream + 3), 0.0)
            on += strength[:, None] * np.array(appliance.swing)
        return on

    def _smooth(self, at_s: float, knot_s: float, stream: int) -> float:
        """Noise in -1..1 with a knot every `knot_s`, cubic (without a kink) in between."""
        position = at_s / knot_s
        knot = math.floor(position)
        t = position - knot
        before, after = self._hash(knot, stream), self._hash(knot + 1, stream)
        return 2.0 * (before + (after - before) * t * t * (3.0 - 2.0 * t)) - 1.0

    def _hash(self, index: int, stream: int) -> float:
        """A uniform number in 0..1 that belongs to (seed, stream, index), by splitmix64's finaliser."""
        mixed = (self._seed * 0x9E3779B97F4A7C15 + stream * 0xD1B54A32D192ED03) & _MASK
        for word in (index & _MASK, 0x632BE59BD9B4E019):
            mixed = (mixed ^ word) & _MASK
            mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
            mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & _MASK
            mixed ^= mixed >> 31
        return (mixed >> 11) * 2.0**-53

    def _hashes(self, index: NDArray[np.float64], stream: int) -> NDArray[np.float64]:
        """`_hash` of whole numbers."""
        start = (self._seed * 0x9E3779B97F4A7C15 + stream * 0xD1B54A32D192ED03) & _MASK
        mixed = np.full(len(index), start, np.uint64)
        for word in (index.astype(np.int64).astype(np.uint64), np.uint64(0x632BE59BD9B4E019)):
            mixed = mixed ^ word
            mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
            mixed = mixed ^ (mixed >> np.uint64(31))
        return np.asarray((mixed >> np.uint64(11)) * 2.0**-53)


def _is_workday(local_s: float) -> bool:
    # 1970-01-01 was a Thursday.
    return (math.floor(local_s / DAY_S) + 3) % 7 < 5


def _are_workdays(local_s: NDArray[np.float64]) -> NDArray[np.bool_]:
    days = np.floor(local_s / DAY_S) + 3.0
    return np.asarray(days % 7.0 < 5.0)
