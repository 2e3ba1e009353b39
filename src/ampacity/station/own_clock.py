"""The station's own clock: wrong at first, set by what the CSMS tells, and wrong again as it drifts.

It stamps messages and runs charging profiles. Time-outs and physics don't use it.
"""

from __future__ import annotations

from datetime import UTC, datetime

from ..clock import Clock
from .config import StationConfig


class OwnClock:
    """A clock that is `error_s` ahead of site time."""

    def __init__(self, config: StationConfig, site: Clock) -> None:
        self._site = site
        self._takes_time = config.takes_time
        self._drift = config.clock_drift_ppm / 1e6
        self._error_s = config.clock_offset_s
        self._since = site.time()

    @property
    def error_s(self) -> float:
        """How far it is ahead of site time now."""
        return self._error_s + (self._site.time() - self._since) * self._drift

    def time(self) -> float:
        """Epoch seconds as the station believes."""
        return self._site.time() + self.error_s

    def now(self) -> datetime:
        """The same, aware."""
        return datetime.fromtimestamp(self.time(), UTC)

    def told(self, time: datetime) -> None:
        """The CSMS tells the time."""
        if self._takes_time:
            self._since = self._site.time()
            self._error_s = time.timestamp() - self._since

    def drift(self, offset_s: float, ppm: float | None) -> None:
        """Go wrong by `offset_s` at once, and by `ppm` from now on (None: as before)."""
        self._error_s, self._since = self.error_s + offset_s, self._site.time()
        if ppm is not None:
            self._drift = ppm / 1e6
