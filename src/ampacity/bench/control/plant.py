"""Ten chargers of 32 A on one phase of 100 A, beside a building that steps.

Base load 15..55 A, a new level about each 10 min, 1 A of noise; the meter tells each second; a limit takes
3 s to the charger and is acknowledged then; a car follows after 2 s of dead time, with 8 s upwards and 2 s
downwards; each charger samples its own meter each 10 s, not together. Four chargers keep 6 A when nobody
talks to them. All cars take what they get.
"""

from __future__ import annotations

import math
import random
from collections import deque
from dataclasses import dataclass, field

from ampacity.simulation.electrical.breaker import Breaker

LIMIT_A, COUNT, MAX_A, MIN_A = 100.0, 10, 32.0, 6.0
LATENCY_S, DEAD_S, UP_S, DOWN_S, SAMPLE_S = 3, 2, 8.0, 2.0, 10
SAFE_A = (6.0,) * 4 + (0.0,) * 6


@dataclass
class Charger:
    """`told`: limits on their way, with the second of arrival. `offered`: with the second from which the car
    follows."""

    safe_a: float
    sample_at: int
    limit_a: float = 0.0
    draw_a: float = 0.0
    told: deque[tuple[int, float]] = field(default_factory=deque)
    offered: deque[tuple[int, float]] = field(default_factory=deque)
    follows_a: float = 0.0
    sample_a: float = 0.0
    sampled_at: int | None = None
    acknowledged_at: int | None = None


class Plant:
    """`step` moves it by a second; whoever controls reads `metered_a` and the chargers' samples and calls
    `tell`."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self.at = 0
        self.base_a = self._level_a = self._random.uniform(15.0, 55.0)
        self._steps_at = self._next_step()
        self.chargers = [Charger(safe, self._random.randrange(SAMPLE_S)) for safe in SAFE_A]
        self.metered_a = self.base_a
        self.writes = 0
        self.breaker = Breaker(LIMIT_A)
        self.over_s = self.longest_over_s = self._over_s = 0
        self.flowed_as = 0.0
        self.before_a = self.base_a

    def _next_step(self) -> int:
        return self.at + round(600 * self._random.uniform(0.7, 1.3))

    def tell(self, number: int, limit_a: float, *, one_at_a_time: bool = True) -> bool:
        """Send a limit; False while another is on its way."""
        charger = self.chargers[number]
        if charger.told and one_at_a_time:
            return False
        charger.told.append((self.at + LATENCY_S, limit_a))
        self.writes += 1
        return True

    def step(self) -> None:
        """One second."""
        self.at += 1
        if self.at >= self._steps_at:
            self._level_a = self._random.uniform(15.0, 55.0)
            self._steps_at = self._next_step()
        self.before_a = self.base_a
        self.base_a = max(0.0, self._level_a + self._random.gauss(0.0, 1.0))
        for charger in self.chargers:
            self._move(charger)
        total = self.base_a + sum(charger.draw_a for charger in self.chargers)
        self.metered_a = total
        self.flowed_as += total
        self.breaker.step(float(self.at), total)
        over = total > LIMIT_A
        self.over_s += over
        self._over_s = self._over_s + 1 if over else 0
        self.longest_over_s = max(self.longest_over_s, self._over_s)

    def _move(self, charger: Charger) -> None:
        while charger.told and charger.told[0][0] <= self.at:
            charger.limit_a = charger.told.popleft()[1]
            charger.acknowledged_at = self.at
            charger.offered.append((self.at + DEAD_S, charger.limit_a))
        while charger.offered and charger.offered[0][0] <= self.at:
            charger.follows_a = charger.offered.popleft()[1]
        goal = charger.follows_a if charger.follows_a >= MIN_A else 0.0
        constant_s = UP_S if goal > charger.draw_a else DOWN_S
        charger.draw_a += (goal - charger.draw_a) * (1.0 - math.exp(-1.0 / constant_s))
        if self.at % SAMPLE_S == charger.sample_at:
            charger.sample_a, charger.sampled_at = charger.draw_a, self.at
