"""What the simulated site's copper felt: peaks, time above the limit, breakers. Measured on the world's own
currents, not on what any meter told.
"""

from __future__ import annotations

from msgspec import Struct, field

from ..simulation.electrical.breaker import Breaker

LONG_STRETCH_SHARE = 1.05
LOWERED_LIMIT_GRACE_S = 20.0
"""A limit that somebody lowers counts for the physics so much later: the time that a site may take to obey.
"""


class PhaseFigures(Struct, kw_only=True):
    """One phase of one circuit. `longest_over_s` is above 105 % of the limit on end."""

    peak_a: float = 0.0
    peak_share: float = 0.0
    over_s: float = 0.0
    longest_over_s: float = 0.0
    current_over_s: float = 0.0


class CircuitLedger(Struct, kw_only=True):
    """A circuit's three phases and its breaker's poles. `share` is what the fullest phase carries of its
    limit at this moment.
    """

    circuit_id: str
    breakers: tuple[Breaker, Breaker, Breaker]
    phases: tuple[PhaseFigures, PhaseFigures, PhaseFigures] = field(
        default_factory=lambda: (PhaseFigures(), PhaseFigures(), PhaseFigures())
    )
    limits: list[tuple[float, float]] = field(default_factory=list)
    share: float = 0.0

    def step(self, at: float, step_s: float, current_a: tuple[float, float, float], limit_a: float) -> bool:
        """Take one step of the world; True when a pole trips in it."""
        self.limits.append((at, limit_a))
        while len(self.limits) > 1 and self.limits[0][0] < at - LOWERED_LIMIT_GRACE_S:
            self.limits.pop(0)
        allowed_a = max(limit for _, limit in self.limits)
        self.share = max(current_a) / limit_a if limit_a > 0 else 0.0
        tripped = False
        for figures, breaker, amperes in zip(self.phases, self.breakers, current_a, strict=True):
            figures.peak_a = max(figures.peak_a, amperes)
            share = amperes / allowed_a if allowed_a > 0 else 0.0
            figures.peak_share = max(figures.peak_share, share)
            if share > 1.0:
                figures.over_s += step_s
            if share > LONG_STRETCH_SHARE:
                figures.current_over_s += step_s
                figures.longest_over_s = max(figures.longest_over_s, figures.current_over_s)
            else:
                figures.current_over_s = 0.0
            before = breaker.tripped
            tripped = (breaker.step(at, amperes) and not before) or tripped
        return tripped
