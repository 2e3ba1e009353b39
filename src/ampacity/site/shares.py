"""Who got what: each session's energy and times of a day, followed each second, kept each minute.

It outlives restarts: what is kept already of a session is read before more is added. A minute at most is lost
where the process dies.
"""

from __future__ import annotations

import logging
from datetime import datetime
from zoneinfo import ZoneInfo

from msgspec import Struct, structs

from ..control.types import Decision
from ..model.events import TransactionChanged
from ..model.live import ReasonCode
from ..store import StoreError
from ..store.sharing import ShareRow
from .knowledge import LiveEvse
from .live_site import LiveSite
from .records import SiteRecords

log = logging.getLogger(__name__)

KEEP_EVERY_S = 60.0
LONGEST_STEP_S = 10.0
"""A gap between two ticks counts for no more: nobody knows what was in it."""

ENOUGH: frozenset[ReasonCode] = frozenset(("evse_max", "car"))
"""What holds a car that the site gives all it can use."""


class _Session(Struct):
    """A session as it is followed. `counted_wh` of its energy is in its rows; None until the store told."""

    energy_wh: float
    counted_wh: float | None = None


class Shares:
    """Call `follow` after each decision, and `told` with each word of a transaction."""

    def __init__(self, live_site: LiveSite, records: SiteRecords) -> None:
        self._live = live_site
        self._records = records
        self._sessions: dict[str, _Session] = {}
        self._rows: dict[tuple[str, str], ShareRow] = {}
        self._at: float | None = None
        self._keep_at = 0.0
        self._keeping = False

    def told(self, event: TransactionChanged) -> None:
        """A transaction's energy, its last word among them."""
        session = self._sessions.get(event.transaction_id)
        if session is not None and event.energy_wh > session.energy_wh:
            session.energy_wh = event.energy_wh
            if event.phase == "Ended":
                self._count(event, session, self._day(self._live.clock.now()))

    def follow(self, decision: Decision, at: float) -> None:
        """Count the time since the last call."""
        step_s = 0.0 if self._at is None else min(max(0.0, at - self._at), LONGEST_STEP_S)
        self._at = at
        day = self._day(self._live.clock.now())
        for live in self._live.evses.values():
            transaction = live.transaction
            if transaction is None:
                continue
            session = self._sessions.get(transaction.transaction_id)
            if session is None:
                session = _Session(energy_wh=transaction.energy_wh)
                self._sessions[transaction.transaction_id] = session
                self._live.run_beside(self._recall(transaction.transaction_id, session))
            if session.counted_wh is not None:
                row = self._count(transaction, session, day)
                _add_times(row, live, decision, step_s)
        if at >= self._keep_at and self._rows and not self._keeping:
            self._keep_at = at + KEEP_EVERY_S
            self._keeping = True
            self._live.run_beside(self._keep(day))

    def _count(self, transaction: TransactionChanged, session: _Session, day: str) -> ShareRow:
        """The session's row of the day, with the energy that no row has yet."""
        key = (day, transaction.transaction_id)
        row = self._rows.get(key)
        if row is None:
            row = self._rows[key] = ShareRow(
                operator_id=self._live.site.operator_id,
                site_id=self._live.site.site_id,
                day=day,
                transaction_id=transaction.transaction_id,
                station_id=transaction.station_id,
                evse_id=transaction.evse_id,
            )
        if session.counted_wh is not None:
            session.energy_wh = max(session.energy_wh, transaction.energy_wh)
            row.energy_wh += session.energy_wh - session.counted_wh
            session.counted_wh = session.energy_wh
        return row

    async def _recall(self, transaction_id: str, session: _Session) -> None:
        """Take up what was kept of a session before a restart of ours."""
        try:
            kept = await self._records.shares_of(transaction_id)
        except StoreError as problem:
            log.warning("the share of %s can't be read: %s", transaction_id, problem)
            self._sessions.pop(transaction_id, None)  # asked again with the next tick
            return
        for row in kept:
            self._rows[row.day, row.transaction_id] = row
        session.counted_wh = sum(row.energy_wh for row in kept)

    async def _keep(self, today: str) -> None:
        """Write what is followed; forget days and sessions that are over."""
        rows = [structs.replace(row) for row in self._rows.values()]
        running = {
            live.transaction.transaction_id
            for live in self._live.evses.values()
            if live.transaction is not None
        }
        try:
            await self._records.save_shares(rows)
            for row in rows:
                if row.day != today or row.transaction_id not in running:
                    self._rows.pop((row.day, row.transaction_id), None)
            for transaction_id in [name for name in self._sessions if name not in running]:
                del self._sessions[transaction_id]
        except StoreError as problem:
            log.warning("shares of site %s can't be kept: %s", self._live.site.site_id, problem)
        finally:
            self._keeping = False

    def _day(self, now: datetime) -> str:
        return now.astimezone(ZoneInfo(self._live.site.time_zone)).date().isoformat()


def _add_times(row: ShareRow, live: LiveEvse, decision: Decision, step_s: float) -> None:
    row.connected_s += step_s
    if live.boosted:
        row.boosted_s += step_s
    if not live.wants or live.paused or live.verdict.held is not None:
        return
    row.wanting_s += step_s
    grant = decision.grants.get(live.evse.key)
    if grant is None:
        return
    if grant.limit_a <= 0.0:
        row.waited_s += step_s
    elif all(reason.code in ENOUGH for reason in grant.reasons):
        row.satisfied_s += step_s
