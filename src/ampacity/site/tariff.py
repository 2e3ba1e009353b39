"""What a running session costs, from the same prices as its bill.

A bill has the price of the session's start (`csms.blocks.costs`). A limit on the price of a kWh is about the
next kWh, so it looks at the price in force. A budget holds for both: for what the bill would be, and for what
the session has cost at the prices that were in force.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal

from ..model.events import TransactionChanged
from ..pricing import Price, Prices, Spent, begin, cost_of, in_money, spend

_MICROSECOND = timedelta(microseconds=1)


class Tariff:
    """Asks `prices` anew each time: whoever knows prices may be replaced while a site runs. Without anybody
    who knows prices nothing is known; that is not the same as free."""

    def __init__(self, prices: Callable[[], Prices] | None = None) -> None:
        self._prices = prices
        self._spent: dict[str, Spent] = {}

    def price(self, transaction: TransactionChanged, at: datetime) -> Price | None:
        """The session's price at a time; that of its start is the bill's."""
        if self._prices is None:
            return None
        return self._prices().price(
            transaction.operator_id,
            transaction.station_id,
            transaction.evse_id,
            None if transaction.token is None else transaction.token.value,
            at,
        )

    def cost(
        self,
        transaction: TransactionChanged,
        energy_wh: float | None,
        now: datetime,
        soon_wh: float | None,
        soon: datetime,
    ) -> Decimal | None:
        """What the session will have cost at `soon` with `soon_wh`, when it has taken `energy_wh` `now`
        (None: nobody metered it); the bill or what it cost at the prices in force, whichever is more."""
        billed = self._billed(transaction, soon_wh, soon)
        if billed is None:
            return None
        spent = spend(
            self._spent.get(transaction.transaction_id) or begin(transaction.started_at),
            _exact(energy_wh or 0.0),
            now,
            lambda at: self.price(transaction, at),
        )
        if spent is None:
            return None
        self._spent[transaction.transaction_id] = spent
        # Until then the price in force goes on: one that rises meanwhile is looked at when it has risen.
        ahead = spend(spent, _exact(soon_wh or 0.0), soon, lambda _: self.price(transaction, now))
        if ahead is None or ahead.currency is None:
            return None
        return max(billed, in_money(ahead.amount, ahead.currency))

    def forget(self, running: set[str]) -> None:
        """Keep what was counted of these sessions only."""
        for transaction_id in self._spent.keys() - running:
            del self._spent[transaction_id]

    def _billed(
        self, transaction: TransactionChanged, energy_wh: float | None, until: datetime
    ) -> Decimal | None:
        price = self.price(transaction, transaction.started_at)
        if price is None:
            return None
        lasted = max(until - transaction.started_at, timedelta(0)) // _MICROSECOND
        energy = None if energy_wh is None else _exact(energy_wh)
        cost = cost_of(price, energy, Decimal(lasted).scaleb(-6))
        return None if cost is None else cost.total


def _exact(energy_wh: float) -> Decimal:
    """To a thousandth of a Wh."""
    return Decimal(round(max(0.0, energy_wh) * 1000)).scaleb(-3)
