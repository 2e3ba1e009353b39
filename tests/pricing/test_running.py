"""What a running session has cost: every part at the price in force, never too little."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ampacity.pricing import Price, Spent, begin, spend

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
DAY = {0: "0.20", 12: "0.30", 13: "0.50", 14: "0.25"}
"""Price of a kWh from each hour on."""


def by_the_hour(at: datetime) -> Price | None:
    told = max(hour for hour in DAY if hour <= at.hour)
    return Price(currency="EUR", per_kwh=Decimal(DAY[told]), per_minute=Decimal("0.06"))


def minutes(number: float) -> datetime:
    return NOON + timedelta(minutes=number)


def after(*steps: tuple[float, str]) -> Spent | None:
    """Minutes after noon and the energy that the meter tells then."""
    spent: Spent | None = begin(NOON)
    for at, energy_wh in steps:
        assert spent is not None
        spent = spend(spent, Decimal(energy_wh), minutes(at), by_the_hour)
    return spent


@pytest.mark.parametrize(
    ("steps", "amount"),
    [
        (((30, "1000"),), "0.30 + 1.80"),
        (((60, "1000"), (61, "2000")), "0.50 + 0.50 + 3.66"),  # 13:00 itself has the new price
        (((59, "1000"), (61, "2000")), "0.30 + 0.50 + 3.66"),  # a change in between: the dearer one
        (((30, "1000"), (150, "2000")), "0.30 + 0.50 + 9.00"),  # 13:00 to 14:00 was in between
        (((130, "1000"),), "0.50 + 7.80"),  # somebody begins to count late
        (((30, "1000"), (40, "900"), (50, "1000")), "0.30 + 3.00"),  # a register that goes back is no credit
    ],
)
def test_each_part_has_its_price(steps: tuple[tuple[float, str], ...], amount: str) -> None:
    spent = after(*steps)
    assert spent is not None
    assert spent.amount == sum(Decimal(part) for part in amount.split(" + "))


@given(st.lists(st.tuples(st.integers(1, 40), st.integers(0, 5000)), min_size=1, max_size=8))
def test_it_is_never_less_than_by_the_minute(steps: list[tuple[int, int]]) -> None:
    """Against the truth: a constant power between two samples."""
    spent, at, energy, true = begin(NOON), 0, 0, Decimal(0)
    for lasts, more in steps:
        for minute in range(lasts):
            price = by_the_hour(minutes(at + minute))
            assert price is not None
            true += price.per_kwh * more / lasts / 1000 + price.per_minute
        at, energy = at + lasts, energy + more
        found = spend(spent, Decimal(energy), minutes(at), by_the_hour)
        assert found is not None
        spent = found
    assert spent.amount >= true - Decimal("1e-9")


def test_what_is_not_known_is_not_free() -> None:
    assert spend(begin(NOON), Decimal(1), minutes(1), lambda at: None) is None
    late = spend(begin(NOON), Decimal(1), minutes(90), lambda at: by_the_hour(at) if at.hour == 12 else None)
    assert late is None
    euros = after((5, "100"))
    assert euros is not None
    assert spend(euros, Decimal(200), minutes(6), lambda at: Price(currency="CHF")) is None
    assert spend(begin(NOON), Decimal(1), NOON + timedelta(days=30), by_the_hour) is None
