"""What a running session costs, from the same prices as its bill."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal

from ..model.events import TransactionChanged
from ..pricing import Price, Prices, cost_of

_MICROSECOND = timedelta(microseconds=1)


class Tariff:
    """Asks `prices` anew each time: whoever knows prices may be replaced while a site runs. Without anybody
    who knows prices nothing is known; that is not the same as free."""

    def __init__(self, prices: Callable[[], Prices] | None = None) -> None:
        self._prices = prices

    def price(self, transaction: TransactionChanged) -> Price | None:
        """The session's own price: that of its start."""
        if self._prices is None:
            return None
        return self._prices().price(
            transaction.operator_id,
            transaction.station_id,
            transaction.evse_id,
            None if transaction.token is None else transaction.token.value,
            transaction.started_at,
        )

    def cost(
        self, transaction: TransactionChanged, energy_wh: float | None, until: datetime
    ) -> Decimal | None:
        """What the session will have cost at `until` with `energy_wh` (None: nobody metered it)."""
        price = self.price(transaction)
        if price is None:
            return None
        lasted = max(until - transaction.started_at, timedelta(0)) // _MICROSECOND
        energy = None if energy_wh is None else Decimal(round(max(0.0, energy_wh) * 1000)).scaleb(-3)
        cost = cost_of(price, energy, Decimal(lasted).scaleb(-6))
        return None if cost is None else cost.total
