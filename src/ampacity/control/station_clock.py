"""How wrong a station's clock is, as far as its meter readings tell.

A reading carries the station's own time. It can only come too late, by its way or because it waited offline:
so the quickest of the last while tells the clock, and what the newest disagrees is how little we know.
"""

from __future__ import annotations

from collections import deque

KEPT_S = 60.0
"""So long the quickest reading tells how wrong a station's clock is. After an outage what was known before
counts for as long, because a station tells its oldest readings first.
"""


class StationClock:
    """One station's clock against ours. `skew_s`: how far it is ahead. `error_s`: how far from that it may
    be."""

    def __init__(self) -> None:
        self.skew_s = self.error_s = 0.0
        self._opened_at = 0.0
        self._skews: deque[tuple[float, float]] = deque(((0.0, 0.0),))

    def line_opened(self, at: float) -> None:
        """What was known before counts for a while."""
        self._opened_at = at
        self._skews = deque(((at, self.skew_s),))

    def was_set(self, at: float) -> None:
        """It was told the time a moment ago."""
        self._skews = deque(((at, 0.0),))
        self.skew_s = self.error_s = 0.0

    def heard(self, delay_s: float, at: float) -> float:
        """Take a reading received at `at`, `delay_s` after the time that it carries; returns how old it
        is."""
        while self._skews and self._skews[0][0] < at - KEPT_S:
            self._skews.popleft()
        self._skews.append((at, -delay_s))
        self.skew_s = max(skew_s for _, skew_s in self._skews)
        self.error_s = self.skew_s + delay_s
        return self.error_s

    def told_now(self, at: float) -> bool:
        """Whether the newest reading was taken on this connection: then its age can only be an error of the
        clock. An older one may have waited for the line."""
        return self.error_s <= at - self._opened_at
