"""Limits of a building management system, each alive only as long as it says that it is there.

A limit is one source among others (`building`): the lowest of all counts. It is kept with an end, and renewed
while the heartbeat goes on; after that the law lets it fall to its fallback by itself, even when this program
has ended meanwhile.
"""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import Protocol

from msgspec import Struct

from ...clock import Clock
from ...model.live import SiteView
from ...model.site import Site

SOURCE = "building"
ACTOR = "building management"


class LimitedSite(Protocol):
    """What is needed of a site (`site.controller`)."""

    @property
    def site(self) -> Site: ...

    def view(self) -> SiteView: ...

    async def set_limit(
        self,
        circuit_id: str,
        limit_a: float | None,
        source: str,
        valid_until: datetime | None,
        fallback_a: float | None,
        actor: str,
    ) -> None: ...

    async def withdraw_limit(self, circuit_id: str, source: str, actor: str) -> None: ...


class Held(Struct, frozen=True):
    """A limit in force, and until when it was kept."""

    limit_a: float
    fallback_a: float
    until: float


class BuildingLimits:
    """`set` and `withdraw` are the building's wishes, `beat` its sign of life."""

    def __init__(self, site: LimitedSite, clock: Clock, watchdog_s: float, fallback_a: float) -> None:
        self._site, self._clock = site, clock
        self.watchdog_s, self.fallback_a = watchdog_s, fallback_a
        self.held: dict[str, Held] = {}

    async def set(self, circuit_id: str, limit_a: float, fallback_a: float | None = None) -> None:
        """Limit a circuit, amperes per phase. ValueError for what is no limit, LookupError for what is no
        circuit.
        """
        back_a = self.fallback_a if fallback_a is None else fallback_a
        for name, value in (("limit_a", limit_a), ("fallback_a", back_a)):
            if not (math.isfinite(value) and 0 <= value <= 100_000):
                raise ValueError(f"{name} {value} is no current: send amperes from 0 to 100000")
        known = self.held.get(circuit_id)
        same = known is not None and (known.limit_a, known.fallback_a) == (limit_a, back_a)
        if not same or self._lapsed(circuit_id):
            await self._keep(circuit_id, limit_a, back_a)

    async def withdraw(self, circuit_id: str) -> None:
        """Limit a circuit no longer."""
        if self.held.pop(circuit_id, None) is not None:
            await self._site.withdraw_limit(circuit_id, SOURCE, ACTOR)

    async def beat(self) -> None:
        """It is there: limits that have not lapsed go on. One that has lapsed needs to be set again."""
        for circuit_id, held in tuple(self.held.items()):
            if not self._lapsed(circuit_id) and held.until - self._clock.monotonic() < self.watchdog_s / 2:
                await self._keep(circuit_id, held.limit_a, held.fallback_a)

    def _lapsed(self, circuit_id: str) -> bool:
        return self._clock.monotonic() >= self.held[circuit_id].until

    async def _keep(self, circuit_id: str, limit_a: float, fallback_a: float) -> None:
        until = self._clock.monotonic() + self.watchdog_s
        valid = self._clock.now() + timedelta(seconds=self.watchdog_s)
        await self._site.set_limit(circuit_id, limit_a, SOURCE, valid, fallback_a, ACTOR)
        self.held[circuit_id] = Held(limit_a, fallback_a, until)
