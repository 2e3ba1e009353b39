"""What people ask of one session: to go first, to wait, to end somewhere. Part of the `Desk`."""

from __future__ import annotations

import logging
from datetime import datetime
from zoneinfo import ZoneInfo

from ..model.events import TransactionChanged
from ..model.goals import Goals
from ..model.site import EvseKey, SharingRules
from ..store import StoreError
from .goals import GoalKeeper
from .knowledge import LiveEvse
from .live_site import LiveSite
from .records import SiteRecords

log = logging.getLogger(__name__)

NEXT_GOALS_WAIT_S = 900.0
"""Goals for a session that has not begun count for one that begins within so long."""


class SessionDesk:
    """Unknown EVSEs are a LookupError, what can't be had is a ValueError that says why."""

    def __init__(self, live_site: LiveSite, records: SiteRecords, goals: GoalKeeper) -> None:
        self._live = live_site
        self._records = records
        self._goals = goals

    async def boost(self, evse_key: EvseKey, on: bool, actor: str) -> None:
        """Let the session go before the others, or no longer. ValueError where the site's rules forbid it."""
        live, transaction = self._live.session(evse_key)
        if on:
            rules = self._live.site.sharing
            self._may_boost(live, transaction, rules)
            token = None if transaction.token is None else transaction.token.value
            await self._records.boost(
                transaction.transaction_id, token, self.today(), rules.boosts_per_day, actor
            )
        else:
            await self._records.set_wish(transaction.transaction_id, "boost", on, actor)
        if live.is_of(transaction.transaction_id):
            live.boosted, live.wishes_told = on, live.wishes_told + 1
            self._live.wake()

    async def pause(self, evse_key: EvseKey, on: bool, actor: str) -> None:
        """Hold the session at zero, or let it go on."""
        live, transaction = self._live.session(evse_key)
        await self._records.set_wish(transaction.transaction_id, "pause", on, actor)
        if live.is_of(transaction.transaction_id):
            live.paused, live.wishes_told = on, live.wishes_told + 1
            self._live.wake()

    async def declare_need(
        self, evse_key: EvseKey, need_wh: float | None, departure: datetime | None, actor: str
    ) -> None:
        """What the driver needs, and by when."""
        live, transaction = self._live.session(evse_key)
        await self._records.set_need(transaction.transaction_id, need_wh, departure, actor)
        if live.is_of(transaction.transaction_id):
            live.need_wh, live.departure = need_wh, departure
            live.wishes_told += 1
            self._live.wake()

    async def set_goals(self, evse_key: EvseKey, goals: Goals, actor: str) -> None:
        """What the session shall end at or wait for, in the place of what was asked before."""
        live, transaction = self._live.session(evse_key)
        await self._set_goals(live, transaction, goals, actor)

    def expect_goals(self, evse_key: EvseKey, goals: Goals, actor: str) -> None:
        """The same for the next session at an EVSE, if it begins within a quarter of an hour. Kept in memory
        until then. ValueError where a session runs already."""
        live = self._live.evse(evse_key)
        if live.transaction is not None:
            raise ValueError(f"{evse_key[0]}/{evse_key[1]} charges already: set the goals of its session")
        live.next_goals = (goals, actor, self._live.clock.monotonic() + NEXT_GOALS_WAIT_S)

    async def _take_next_goals(self, live: LiveEvse, transaction: TransactionChanged) -> None:
        """Let what was asked for the next session count for this one."""
        expected, live.next_goals = live.next_goals, None
        if expected is None or self._live.clock.monotonic() > expected[2] or live.goals.any:
            return
        try:
            await self._set_goals(live, transaction, expected[0], expected[1], check=False)
        except StoreError as problem:
            log.warning("goals for %s can't be kept: %s", transaction.transaction_id, problem)
            live.next_goals, live.recalled = expected, None  # asked again with the session's next message

    async def _set_goals(
        self, live: LiveEvse, transaction: TransactionChanged, goals: Goals, actor: str, *, check: bool = True
    ) -> None:
        if check:
            self._goals.check(transaction, goals)
        await self._records.set_goals(transaction.transaction_id, goals, actor)
        if live.is_of(transaction.transaction_id):
            live.goals, live.goal_reached, live.stop_asked_at = goals, None, None
            live.wishes_told += 1
            self._live.wake()

    def today(self) -> str:
        """The day at the site, as quotas and audits count it."""
        return self._live.clock.now().astimezone(ZoneInfo(self._live.site.time_zone)).date().isoformat()

    def _may_boost(self, live: LiveEvse, transaction: TransactionChanged, rules: SharingRules) -> None:
        if rules.boost_tokens:
            value = "" if transaction.token is None else transaction.token.value
            if value.casefold() not in {token.casefold() for token in rules.boost_tokens}:
                raise ValueError("this session's token may not go before others at this site")
        if rules.boosts_at_once is not None and not live.boosted:
            boosted = sum(other.boosted for other in self._live.evses.values())
            if boosted >= rules.boosts_at_once:
                raise ValueError(
                    f"{boosted} sessions go before others already, {rules.boosts_at_once} may at once: "
                    "end one of these first"
                )
