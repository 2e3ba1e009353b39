"""When stations were heard of: exact in the state, written now and then, many at once.

The station that comes and goes is worth a row soon, one that talks on only each minute; in a storm of
reconnects both are many, so they gather for a second and are written together.
"""

from __future__ import annotations

import asyncio

from ..clock import Clock
from ..store import Store, stations
from ..store.columns import from_micros
from ..store.stations import Sight
from .state import StationState

EVERY_S = 60.0
"""How often the last sign of life of a station that talks on is written."""
GATHER_S = 1.0
"""Wall time that signs of life wait for others."""


class Presence:
    """Keeps up when stations were seen. Use it from the event loop."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._gathered: dict[str, Sight] = {}
        self._timer: asyncio.TimerHandle | None = None

    def seen(self, state: StationState, version: str | None, at: float) -> None:
        """It said something at `at` (epoch seconds)."""
        state.seen_at, state.version = at, version
        if at - state.seen_written_at >= EVERY_S:
            self.turned(state, version, at)

    def turned(self, state: StationState, version: str | None, at: float) -> None:
        """It came or went."""
        state.seen_at = state.seen_written_at = at
        state.version = version
        self._gathered[state.station_id] = Sight(
            state.operator_id, state.station_id, version, from_micros(int(at * 1e6))
        )
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(GATHER_S, self.write_gathered)

    def write_gathered(self) -> None:
        """Hand what has gathered to the store's writer (before it is closed, for one)."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        gathered, self._gathered = list(self._gathered.values()), {}
        if gathered:
            self._store.post(lambda connection: stations.record_sights(connection, gathered))
