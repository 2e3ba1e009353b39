"""What a session has cost so far, each part of it at the price that was in force.

A meter tells energy now and then, and a price may change in between: then the whole of it counts at the
dearest price of that time, so that the sum is never too small. With samples of a minute and prices of an hour
that is a sixtieth of it. Whoever begins to count in the middle of a session counts what was before in the
same way.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal

from msgspec import Struct

from .price import EXACT, Price

PriceAt = Callable[[datetime], Price | None]

LOOK_EVERY = timedelta(minutes=15)
"""Prices change at quarters of an hour at most (the unit of European day-ahead markets)."""
LOOKS = 1000
"""Ten days of quarters: for a longer gap nobody knows the dearest price."""


class Spent(Struct, frozen=True, kw_only=True):
    """Until `at`: `energy_wh` was metered last at `energy_at`; `amount` is what it and the time cost, not
    rounded. `currency` None: nothing was counted yet."""

    at: datetime
    energy_at: datetime
    energy_wh: Decimal = Decimal(0)
    amount: Decimal = Decimal(0)
    currency: str | None = None


def begin(started_at: datetime) -> Spent:
    """A session that began then."""
    return Spent(at=started_at, energy_at=started_at)


def spend(spent: Spent, energy_wh: Decimal, until: datetime, price_at: PriceAt) -> Spent | None:
    """With `energy_wh` of the session at `until`. None where a price is not known, or another currency came
    up: then the cost isn't known either."""
    if until <= spent.at and energy_wh <= spent.energy_wh:
        return spent
    until = max(until, spent.at)
    more_wh = max(Decimal(0), energy_wh - spent.energy_wh)
    dearest = _dearest(spent.energy_at if more_wh else spent.at, until, price_at)
    if dearest is None or spent.currency not in (None, dearest.currency):
        return None
    energy = EXACT.multiply(dearest.per_kwh, more_wh).scaleb(-3, context=EXACT)
    seconds = Decimal((until - spent.at) // timedelta(microseconds=1)).scaleb(-6)
    time = EXACT.divide(EXACT.multiply(dearest.per_minute, seconds), Decimal(60))
    return Spent(
        at=until,
        energy_at=until if more_wh else spent.energy_at,
        energy_wh=spent.energy_wh + more_wh,
        amount=EXACT.add(spent.amount, EXACT.add(energy, time)),
        currency=dearest.currency,
    )


def _dearest(start: datetime, end: datetime, price_at: PriceAt) -> Price | None:
    """The highest price per kWh and the highest per minute between two times."""
    if (end - start) / LOOK_EVERY > LOOKS:
        return None
    # Quarters by the clock, whatever the time of the start.
    quarter = start.replace(minute=start.minute // 15 * 15, second=0, microsecond=0)
    times = [start]
    while (quarter := quarter + LOOK_EVERY) < end:
        times.append(quarter)
    found = [price_at(at) for at in (*times, end)]
    prices = [price for price in found if price is not None]
    if len(prices) < len(found) or len({price.currency for price in prices}) > 1:
        return None
    return Price(
        currency=prices[0].currency,
        per_kwh=max(price.per_kwh for price in prices),
        per_minute=max(price.per_minute for price in prices),
    )
