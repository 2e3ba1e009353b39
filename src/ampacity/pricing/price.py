"""What a charge costs at a price.

Energy and time are multiplied exactly and only the sums are rounded, each once, to the currency's smallest
coin, half up. So the total may differ from the sum of its rounded parts by one coin; the total is what is
owed.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Context, Decimal

from msgspec import Struct

_MINOR_DIGITS = {
    "BHD": 3, "CLP": 0, "IQD": 3, "ISK": 0, "JOD": 3, "JPY": 0, "KRW": 0, "KWD": 3, "LYD": 3, "OMR": 3,
    "PYG": 0, "TND": 3, "UGX": 0, "VND": 0, "XAF": 0, "XOF": 0, "XPF": 0,
}  # fmt: skip
"""Digits after the point of the currencies that don't have two (ISO 4217)."""

# Wide enough for any energy at any price: the default 28 digits could round before the rounding.
EXACT = Context(prec=60, rounding=ROUND_HALF_UP)


class Price(Struct, frozen=True, kw_only=True):
    """`per_kwh` and `per_minute` (of the transaction, begun to ended) in `currency` (ISO 4217, e.g. EUR), tax
    included. `text` is what a driver is shown, in `language`; "" shows nothing."""

    currency: str
    per_kwh: Decimal = Decimal(0)
    per_minute: Decimal = Decimal(0)
    text: str = ""
    language: str = "en"

    def __post_init__(self) -> None:
        if len(self.currency) != 3 or not (self.currency.isascii() and self.currency.isupper()):
            raise ValueError(f"currency {self.currency!r}: three capital letters are wanted, such as EUR")
        for name, value in (("per_kwh", self.per_kwh), ("per_minute", self.per_minute)):
            if not value.is_finite() or value < 0:
                raise ValueError(f"{name} {value}: a number of 0 or more is wanted")


class Cost(Struct, frozen=True, kw_only=True):
    """What a charge costs: the parts and the total, each in whole coins of the currency."""

    currency: str
    energy: Decimal
    time: Decimal
    total: Decimal


def minor_digits(currency: str) -> int:
    """How many digits after the point the currency's smallest coin has."""
    return _MINOR_DIGITS.get(currency, 2)


def in_money(amount: Decimal, currency: str) -> Decimal:
    """An amount in whole coins, half up."""
    return amount.quantize(Decimal(1).scaleb(-minor_digits(currency)), context=EXACT)


def cost_of(price: Price, energy_wh: Decimal | None, duration_s: Decimal) -> Cost | None:
    """The cost of an energy and a time. `energy_wh` None is an energy that nobody knows: the cost is known
    all the same where energy is free, else it is None. Raises ValueError for less than nothing.
    """
    if duration_s < 0 or (energy_wh is not None and energy_wh < 0):
        raise ValueError(f"{energy_wh} Wh in {duration_s} s: neither can be less than 0")
    if energy_wh is None:
        if price.per_kwh:
            return None
        energy_wh = Decimal(0)
    energy = EXACT.multiply(price.per_kwh, energy_wh).scaleb(-3, context=EXACT)
    minutes_price = EXACT.multiply(price.per_minute, duration_s)
    # One division at the very end: minutes as such need not be finite decimals.
    time = EXACT.divide(minutes_price, Decimal(60))
    return Cost(
        currency=price.currency,
        energy=in_money(energy, price.currency),
        time=in_money(time, price.currency),
        total=in_money(EXACT.add(energy, time), price.currency),
    )
