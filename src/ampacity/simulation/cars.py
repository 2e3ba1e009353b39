"""A car at an EVSE: what it draws from what it is offered.

Three things stand between the offer and the draw.

- The **lag** of the on-board charger: nothing for a dead time, then first order towards the new value, slower
  up than down (control law, section 6: 2 s, 8 s up, 2 s down). On DC the car asks faster (assumed: 1 s, 2 s,
  1 s).
- The **battery**: constant current until the curve of its archetype falls below, then less and less (CC-CV).
- The **driver**: at the energy that was asked for, or when full, the contactor opens at once.

So draw(t) = min(lag(t), battery(energy)) until the target is reached. The lag knows nothing of the energy and
the battery nothing of the offer; that makes the model monotone: whoever was never offered less has never
less.

Energy is the exact integral of that draw: exponentials in closed form, the battery's limit held for cells of
one second of absolute time. Cells don't move with the caller's steps, so `step` every 0.3 s and `step` once
an hour end in the same state (to rounding).
"""

from __future__ import annotations

import math
from collections import deque
from itertools import pairwise
from typing import Final

from msgspec import Struct

from ..model.phases import ZERO, PerPhase
from .fleet import Archetype

CELL_S: Final = 1.0
"""For how long the battery's limit is held, in seconds."""


class Lag(Struct, frozen=True):
    """Dead time and first-order time constants, in seconds."""

    dead_s: float
    up_s: float
    down_s: float


AC_LAG: Final = Lag(2.0, 8.0, 2.0)
DC_LAG: Final = Lag(1.0, 2.0, 1.0)


class Draw(Struct, frozen=True, gc=False):
    """What a car draws: amperes on the EVSE's own L1, L2, L3 and watts, both at the EVSE's meter.

    On DC the currents are zero: what the supply gives depends on the station's rectifier, not on the car.
    """

    current_a: PerPhase
    power_w: float


NOTHING: Final = Draw(ZERO, 0.0)


class Car:
    """One car from plug to unplug, advanced by `step` on AC or `dc_step` on DC.

    `soc` (0..1) is its state of charge at `at_s`; `requested_wh` the energy at the meter after which it stops
    (infinity: when full). `at_s` may count from any origin, and never goes back. `departure_s` is carried for
    whoever pulls the plug; it changes nothing here.
    """

    def __init__(
        self,
        archetype: Archetype,
        *,
        soc: float,
        at_s: float,
        requested_wh: float = math.inf,
        departure_s: float | None = None,
    ) -> None:
        if not 0.0 <= soc <= 1.0:
            raise ValueError(f"state of charge {soc!r} of {archetype.name!r} must be between 0 and 1")
        if not requested_wh >= 0.0:
            raise ValueError(
                f"requested energy {requested_wh!r} Wh of {archetype.name!r} must not be below 0"
            )
        self.archetype = archetype
        self.requested_wh = requested_wh
        self.departure_s = departure_s
        self._soc_on_arrival = soc
        self._dc = False
        self._lag = AC_LAG
        self._efficiency = archetype.ac_efficiency
        self._target_wh = self._reachable_wh()
        self._at_s = at_s
        self._energy_wh = 0.0
        # `level` is what the lag lets through: amperes a phase on AC, watts on DC.
        self._level = 0.0
        self._wanted = 0.0
        self._pending: deque[tuple[float, float]] = deque()
        self._phases = 0
        self._watts_per_level = 1.0
        self._cell_end_s = -math.inf
        self._battery_w = 0.0

    @property
    def energy_wh(self) -> float:
        """Drawn at the meter since it plugged in: the integral of the power."""
        return self._energy_wh

    @property
    def soc(self) -> float:
        """State of charge, 0..1."""
        gained = self._energy_wh * self._efficiency / self.archetype.battery_wh
        return min(self._soc_on_arrival + gained, 1.0)

    @property
    def soc_percent(self) -> float | None:
        """What the station can know: on AC the control pilot tells no state of charge."""
        return 100.0 * self.soc if self._dc else None

    @property
    def full(self) -> bool:
        """It wants no more."""
        return self._energy_wh >= self._target_wh

    def offer(self, limit: float | None, at_s: float) -> Draw:
        """Advance to `at_s` under the former offer; from there `limit` holds (None: no limit).

        Amperes a phase on AC, watts on DC; on how many phases and volts, the last `step` has said.
        """
        draw = self._advance(at_s)
        wanted = self._wants(math.inf if limit is None else limit)
        last = self._pending[-1][1] if self._pending else self._wanted
        if wanted != last:
            self._pending.append((at_s + self._lag.dead_s, wanted))
        return draw

    def step(
        self, at_s: float, offered_current_a: float, phases_available: int, voltage_v: float = 230.0
    ) -> Draw:
        """Advance to `at_s`, then offer `offered_current_a` on each phase. Returns the draw at `at_s`.

        Below 6 A (or the car's own minimum) an offer means pause. `voltage_v` is phase to neutral.
        """
        self._advance(at_s)
        phases = self.archetype.ac_phases(phases_available)
        if self._dc:
            self._change_kind(dc=False)
        if phases != self._phases:
            # A contactor switched: the charger starts anew on the phases that it finds.
            self._phases, self._level, self._wanted = phases, 0.0, 0.0
            self._pending.clear()
        self._watts_per_level = voltage_v * phases
        return self.offer(offered_current_a, at_s)

    def dc_step(self, at_s: float, offered_power_w: float) -> Draw:
        """Advance to `at_s`, then offer `offered_power_w` on the car's side. Returns the draw at `at_s`."""
        self._advance(at_s)
        if not self._dc:
            self._change_kind(dc=True)
        return self.offer(offered_power_w, at_s)

    def cut(self, at_s: float) -> None:
        """Advance to `at_s`; there the contactor opens: nothing flows, lag or not, until the next step."""
        self._advance(at_s)
        self._level = self._wanted = 0.0
        self._pending.clear()
        self._phases = 0

    def _change_kind(self, *, dc: bool) -> None:
        if self._energy_wh > 0.0:
            raise ValueError(f"{self.archetype.name!r} can't change between AC and DC while it is plugged in")
        self._dc = dc
        self._lag = DC_LAG if dc else AC_LAG
        self._efficiency = self.archetype.dc_efficiency if dc else self.archetype.ac_efficiency
        self._target_wh = self._reachable_wh()
        self._phases, self._watts_per_level = 0, 1.0
        self._level = self._wanted = 0.0
        self._pending.clear()
        self._cell_end_s = -math.inf

    def _reachable_wh(self) -> float:
        room_wh = (1.0 - self._soc_on_arrival) * self.archetype.battery_wh / self._efficiency
        return min(self.requested_wh, room_wh)

    def _wants(self, offered: float) -> float:
        if self._dc:
            return max(0.0, min(offered, self.archetype.dc_max_w / self._efficiency))
        # NaN compares false and so pauses.
        if self._phases < 1 or not offered >= self.archetype.min_a:
            return 0.0
        return min(offered, self.archetype.ac_max_a[self._phases - 1])

    def _battery_limit_w(self) -> float:
        """What the battery takes now, at the meter."""
        return self.archetype.accept_w * _share(self.archetype.curve, self.soc) / self._efficiency

    def _advance(self, to_s: float) -> Draw:
        if to_s < self._at_s:
            raise ValueError(f"time went back from {self._at_s!r} s to {to_s!r} s")
        while self._at_s < to_s and not self.full:
            if self._at_s >= self._cell_end_s:
                self._rest_until(to_s)
                self._battery_w = self._battery_limit_w()
                self._cell_end_s = (math.floor(self._at_s / CELL_S) + 1.0) * CELL_S
            while self._pending and self._pending[0][0] <= self._at_s:
                self._wanted = self._pending.popleft()[1]
            end_s = min(to_s, self._cell_end_s)
            if self._pending:
                end_s = min(end_s, self._pending[0][0])
            self._draw_until(end_s)
        self._at_s = to_s
        if self.full:
            return NOTHING
        drawn = min(self._level, self._cap())
        if self._dc:
            return Draw(ZERO, drawn)
        current = (
            drawn if self._phases > 0 else 0.0,
            drawn if self._phases > 1 else 0.0,
            drawn if self._phases > 2 else 0.0,
        )
        return Draw(current, drawn * self._watts_per_level)

    def _cap(self) -> float:
        """The battery's limit in the unit of the level."""
        return self._battery_w / self._watts_per_level if self._watts_per_level > 0.0 else 0.0

    def _draw_until(self, end_s: float) -> None:
        """Within one cell and one wanted level: the lag in closed form, capped by the battery."""
        seconds = end_s - self._at_s
        if seconds <= 0.0:
            return
        cap, wanted, level = self._cap(), self._wanted, self._level
        if level == wanted:
            integral = min(level, cap) * seconds
        else:
            tau = self._lag.up_s if wanted > level else self._lag.down_s
            integral = _capped_integral(level, wanted, cap, tau, seconds)
            level = wanted + (level - wanted) * math.exp(-seconds / tau)
            close = 0.1 if self._dc else 1e-4
            self._level = wanted if abs(level - wanted) < close else level
        energy_wh = self._energy_wh + integral * self._watts_per_level / 3600.0
        self._energy_wh = min(energy_wh, self._target_wh)
        self._at_s = end_s

    def _rest_until(self, to_s: float) -> None:
        """Skip whole cells in which nothing changes: the lag at rest, the battery not in the way."""
        if self._pending or self._level != self._wanted:
            return
        cells = math.floor((to_s - self._at_s) / CELL_S)
        power_w = self._level * self._watts_per_level
        if power_w > 0.0:
            held_soc = _held_until(
                self.archetype.curve, power_w * self._efficiency / self.archetype.accept_w, self.soc
            )
            held_wh = (held_soc - self.soc) * self.archetype.battery_wh / self._efficiency
            held_wh = min(held_wh, self._target_wh - self._energy_wh)
            cells = min(cells, math.floor(held_wh * 3600.0 / (power_w * CELL_S)) - 1)
        if cells > 0:
            end_s = self._at_s + cells * CELL_S
            self._energy_wh += power_w * (end_s - self._at_s) / 3600.0
            self._at_s = end_s


def _capped_integral(start: float, wanted: float, cap: float, tau: float, seconds: float) -> float:
    """Integral over `seconds` of min(cap, wanted + (start - wanted) exp(-t / tau))."""
    end = wanted + (start - wanted) * math.exp(-seconds / tau)
    if start >= cap and end >= cap:
        return cap * seconds
    if start <= cap and end <= cap:
        return wanted * seconds - (start - wanted) * tau * math.expm1(-seconds / tau)
    cross_s = min(max(tau * math.log((start - wanted) / (cap - wanted)), 0.0), seconds)
    free_s, from_level = (cross_s, start) if start < cap else (seconds - cross_s, cap)
    free = wanted * free_s - (from_level - wanted) * tau * math.expm1(-free_s / tau)
    return free + cap * (seconds - free_s)


def _share(curve: tuple[tuple[float, float], ...], soc: float) -> float:
    for (soc_0, share_0), (soc_1, share_1) in pairwise(curve):
        if soc <= soc_1:
            return share_0 + (share_1 - share_0) * (soc - soc_0) / (soc_1 - soc_0)
    return curve[-1][1]


def _held_until(curve: tuple[tuple[float, float], ...], share: float, soc: float) -> float:
    """The first state of charge at or above `soc` where the curve falls below `share`."""
    if _share(curve, soc) < share:
        return soc
    for (soc_0, share_0), (soc_1, share_1) in pairwise(curve):
        if soc_1 > soc and share_1 < share:
            return max(soc_0 + (soc_1 - soc_0) * (share_0 - share) / (share_0 - share_1), soc)
    return 1.0
