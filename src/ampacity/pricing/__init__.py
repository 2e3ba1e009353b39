"""Prices and what they make of a charge, in Decimal. Pure: no clock, no store.

Now there is one kind of tariff, a price per kWh and per minute (`price`), and who has which (`book`). What a
running session has cost at the prices in force is `running`. Whoever
needs a price asks by the Protocol `Prices`, so that a richer tariff engine can take this one's place.
"""

from __future__ import annotations

from .book import PriceBook, PriceEntry, Prices, Scope
from .price import Cost, Price, cost_of, in_money, minor_digits
from .running import Spent, begin, spend

__all__ = [
    "Cost",
    "Price",
    "PriceBook",
    "PriceEntry",
    "Prices",
    "Scope",
    "Spent",
    "begin",
    "cost_of",
    "in_money",
    "minor_digits",
    "spend",
]
