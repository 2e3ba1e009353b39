"""EVSEs whose meter has fallen silent while a car is there: kept in the audit, when it begins and when it
ends.

What such an EVSE may draw the law sets aside by itself; this is for people. `LiveEvse.meter_state` says the
same to whoever looks.
"""

from __future__ import annotations

import logging

from ..model.site import EvseKey
from ..store import StoreError
from .live_site import SAMPLE_INTERVAL_S, LiveSite
from .records import SiteRecords

log = logging.getLogger(__name__)

CONTROLLER = "controller"
AGAIN_S = 60.0


class SilentMeters:
    """`look` after each step of the law."""

    def __init__(self, live_site: LiveSite, records: SiteRecords) -> None:
        self._live = live_site
        self._records = records
        self._dead: set[EvseKey] = set()
        self._again_at = 0.0
        """Nothing is kept before: the store was away."""

    def look(self, at: float) -> None:
        """See who has fallen silent, or speaks again."""
        if at < self._again_at:
            return
        for key, live in self._live.evses.items():
            if live.transaction is None and key not in self._dead:
                continue
            dead = live.meter_state(at, SAMPLE_INTERVAL_S) == "dead"
            if dead != (key in self._dead):
                (self._dead.add if dead else self._dead.discard)(key)
                self._live.run_beside(self._keep(key, "meter_silent" if dead else "meter_speaks"))

    async def _keep(self, key: EvseKey, action: str) -> None:
        try:
            await self._records.note(CONTROLLER, action, f"evse/{key[0]}/{key[1]}")
        except StoreError as problem:
            # The site goes on without its store; what is so still is seen again later.
            at = self._live.clock.monotonic()
            if at >= self._again_at:
                log.warning("%s of %s/%d can't be kept: %s", action, *key, problem)
            self._again_at = at + AGAIN_S
            (self._dead.discard if action == "meter_silent" else self._dead.add)(key)
