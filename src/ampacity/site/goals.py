"""Sessions end as people asked: followed each second, held at 0 when they have come to it, then stopped.

What counts is `control.goals`; here is where its inputs come from and what follows. A limit of 0 goes out
first, by the law like any other; the station is asked to stop once nothing flows any more, or a reaction
later. A station that does not stop is held at 0 and asked again each minute.

What was reached is durable, with an audit row, so that a restart of ours does not charge on.
"""

from __future__ import annotations

import logging
from datetime import timedelta

from ..control.goals import STOP_S, Progress, Verdict, judge, soon_wh
from ..csms.vocabulary import RequestStop
from ..model.events import TransactionChanged
from ..model.goals import GoalKind, Goals
from ..store import StoreError
from .knowledge import LiveEvse
from .live_site import Commander, LiveSite
from .records import SiteRecords
from .tariff import Tariff

log = logging.getLogger(__name__)

ACTOR = "controller"
STOP_AFTER_S = 15.0
"""After a hold began: the limit of 0 has landed and its effect was sampled."""
STOP_AGAIN_S = 60.0
STOP_TIMEOUT_S = 10.0
DRAWING_W = 100.0


class GoalKeeper:
    """Follows the goals of a site's sessions. Call `follow` before each snapshot."""

    def __init__(
        self, live_site: LiveSite, commander: Commander, records: SiteRecords, tariff: Tariff
    ) -> None:
        self._live = live_site
        self._commander = commander
        self._records = records
        self._tariff = tariff

    def check(self, transaction: TransactionChanged, goals: Goals) -> None:
        """ValueError where money is named and nobody knows what the session costs."""
        money = goals.budget is not None or goals.max_price_per_kwh is not None
        # A budget is also about the bill, which has the price of the start.
        times = (self._live.clock.now(), *((transaction.started_at,) if goals.budget is not None else ()))
        if money and any(self._tariff.price(transaction, at) is None for at in times):
            raise ValueError("no price is known for this session: set one first, or ask for energy")

    def follow(self, at: float) -> None:
        """Judge every session that has goals, and act on it."""
        sessions = (live.transaction for live in self._live.evses.values())
        self._tariff.forget({session.transaction_id for session in sessions if session is not None})
        for live in self._live.evses.values():
            transaction = live.transaction
            if transaction is None or not live.goals.any:
                live.verdict = Verdict()
                continue
            before, live.verdict = live.verdict, self._judge(live, transaction)
            if live.verdict.held is None:
                continue
            if before.held != live.verdict.held:
                live.goal_held_at = at
            reached = live.verdict.reached
            if reached is not None and live.goal_reached is None:
                live.goal_reached = reached
                self._live.run_beside(self._keep(live, transaction, reached, live.verdict.text))
            if live.verdict.stop and self._may_stop(live, at):
                live.stop_asked_at = at
                self._live.run_beside(self._stop(transaction))

    def _judge(self, live: LiveEvse, transaction: TransactionChanged) -> Verdict:
        now = self._live.clock.now()
        power_w = live.power_w or 0.0
        soon = soon_wh(transaction.energy_wh, power_w)
        metered = transaction.energy_wh > 0 or live.power_w is not None
        price = self._tariff.price(transaction, now)
        soon_at = now + timedelta(seconds=STOP_S)
        return judge(
            live.goals,
            Progress(
                energy_wh=transaction.energy_wh,
                elapsed_s=(now - transaction.started_at).total_seconds(),
                power_w=power_w,
                soc_percent=live.soc_percent,
                cost=self._tariff.cost(
                    transaction, transaction.energy_wh, now, soon if metered else None, soon_at
                )
                if live.goals.budget is not None
                else None,
                price_per_kwh=None if price is None else price.per_kwh,
                pays_for_time=price is not None and price.per_minute > 0,
            ),
            live.goal_reached,
        )

    def _may_stop(self, live: LiveEvse, at: float) -> bool:
        held_s = at - (at if live.goal_held_at is None else live.goal_held_at)
        still = (live.power_w or 0.0) < DRAWING_W and held_s >= STOP_AFTER_S / 3
        asked = live.stop_asked_at
        return (
            live.online
            and (still or held_s >= STOP_AFTER_S)
            and (asked is None or at - asked >= STOP_AGAIN_S)
        )

    async def _keep(
        self, live: LiveEvse, transaction: TransactionChanged, reached: GoalKind, text: str
    ) -> None:
        try:
            await self._records.set_goal_reached(transaction.transaction_id, reached, text, ACTOR)
        except StoreError as problem:
            # It stays reached here; after a restart it would be found again, but for a charge that fell.
            log.warning("the goal of %s can't be kept: %s", transaction.transaction_id, problem)

    async def _stop(self, transaction: TransactionChanged) -> None:
        outcome = await self._commander.command(
            self._live.site.operator_id,
            transaction.station_id,
            RequestStop(station_transaction_id=transaction.station_transaction_id),
            ACTOR,
            STOP_TIMEOUT_S,
        )
        if not outcome.accepted:
            log.warning(
                "%s/%d has reached its goal and does not stop (%s %s): it is held at 0",
                transaction.station_id,
                transaction.evse_id,
                outcome.result,
                outcome.detail,
            )
