"""What people order of a whole site: safe mode and the emergency stop.

Both are kept in the store with their audit row before they count, and hold through every restart until they
are ended. The law cuts in the tick that follows at once (`control.picture.Picture.order`).
"""

from __future__ import annotations

from typing import Literal

from ..csms.vocabulary import RequestStop
from ..model.site import EvseKey
from ..store.site_modes import ModeRow
from .limits_out import LIMIT_TIMEOUT_S
from .live_site import Commander, LiveSite
from .records import SiteRecords

STOP_AGAIN_S = 60.0
"""A session that goes on although its end was asked for is asked again after so long."""


class Orders:
    """Takes and ends them, and ends sessions where an emergency stop says so."""

    def __init__(self, live_site: LiveSite, commander: Commander, records: SiteRecords) -> None:
        self._live = live_site
        self._commander = commander
        self._records = records
        self._asked: dict[EvseKey, tuple[str, float]] = {}
        live_site.orders.update({row.mode: row for row in records.modes})

    async def safe_mode(self, on: bool, reason: str, actor: str) -> None:
        """Nobody gets more than what he draws unattended, or no longer. ValueError where it is ended and
        does not hold."""
        if on:
            await self._order("safe", reason, False, "safe_mode", actor)
        elif "safe" not in self._live.orders:
            raise ValueError(f"site {self._live.site.site_id!r} is not in safe mode")
        else:
            await self._end("safe", reason, "end_safe_mode", actor)

    async def emergency_stop(
        self, reason: str, stop_sessions: bool, actor: str, stop_generation: bool = False
    ) -> None:
        """Everybody to nothing now; with `stop_sessions` every session is ended besides, with
        `stop_generation` inverters feed nothing in."""
        await self._order("stopped", reason, stop_sessions, "emergency_stop", actor, stop_generation)

    async def release(self, reason: str, actor: str) -> None:
        """Let the site charge again. ValueError where nothing is stopped."""
        if "stopped" not in self._live.orders:
            raise ValueError(f"site {self._live.site.site_id!r} is not stopped")
        await self._end("stopped", reason, "release_emergency_stop", actor)

    def look(self, at: float) -> None:
        """Once a tick: ask for the end of sessions that an emergency stop shall end."""
        order = self._live.orders.get("stopped")
        if order is None or not order.stop_sessions:
            self._asked.clear()
            return
        for key, live in self._live.evses.items():
            session = live.transaction
            if session is None or not live.online:
                continue
            asked = self._asked.get(key)
            if asked is not None and asked[0] == session.transaction_id and at - asked[1] < STOP_AGAIN_S:
                continue
            self._asked[key] = session.transaction_id, at
            self._live.run_beside(
                self._commander.command(
                    self._live.site.operator_id,
                    live.evse.station_id,
                    RequestStop(station_transaction_id=session.station_transaction_id),
                    order.set_by,
                    LIMIT_TIMEOUT_S,
                    front=True,
                )
            )

    async def _order(
        self,
        mode: Literal["safe", "stopped"],
        reason: str,
        stop_sessions: bool,
        action: str,
        actor: str,
        stop_generation: bool = False,
    ) -> None:
        site = self._live.site
        row = ModeRow(
            operator_id=site.operator_id,
            site_id=site.site_id,
            mode=mode,
            reason=reason,
            set_by=actor,
            set_at=self._live.clock.now(),
            stop_sessions=stop_sessions,
            stop_generation=stop_generation,
        )
        try:
            await self._records.set_mode(row, action)
        finally:
            # Also where the store fails and the asker is told so: to be safe must not wait for a disk.
            self._live.orders[mode] = row
            self._live.wake()

    async def _end(self, mode: Literal["safe", "stopped"], reason: str, action: str, actor: str) -> None:
        await self._records.end_mode(mode, reason, action, actor)
        self._live.orders.pop(mode, None)
        self._live.wake()
