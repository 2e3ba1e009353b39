"""Prices: exact in Decimal, rounded once, and unknown where something is not known."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as some

from ampacity.pricing import Price, PriceBook, PriceEntry, Scope, cost_of, in_money

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def price(per_kwh: str = "0", per_minute: str = "0", currency: str = "EUR") -> Price:
    return Price(currency=currency, per_kwh=Decimal(per_kwh), per_minute=Decimal(per_minute))


@pytest.mark.parametrize(
    ("of", "energy_wh", "seconds", "energy", "time", "total"),
    [
        (price("0.39"), "12345.678", "0", "4.81", "0.00", "4.81"),
        (price("0.39", "0.1"), "10000", "90", "3.90", "0.15", "4.05"),
        # Each part is half a coin: rounded apart they make two, together one.
        (price("0.005", "0.005"), "1000", "60", "0.01", "0.01", "0.01"),
        (price("30", currency="JPY"), "1050", "0", "32", "0", "32"),
        (price("0.1005", currency="KWD"), "1000", "0", "0.101", "0.000", "0.101"),
        (price("0"), "5000", "600", "0.00", "0.00", "0.00"),
    ],
)
def test_a_cost_is_rounded_once_to_whole_coins(
    of: Price, energy_wh: str, seconds: str, energy: str, time: str, total: str
) -> None:
    cost = cost_of(of, Decimal(energy_wh), Decimal(seconds))
    assert cost is not None
    assert (str(cost.energy), str(cost.time), str(cost.total)) == (energy, time, total)


def test_an_energy_that_nobody_knows_has_no_cost_unless_energy_is_free() -> None:
    assert cost_of(price("0.39", "0.1"), None, Decimal(60)) is None
    cost = cost_of(price("0", "0.1"), None, Decimal(60))
    assert cost is not None
    assert cost.total == Decimal("0.10")


@given(
    some.decimals(0, 100, places=4),
    some.decimals(0, 100, places=4),
    some.decimals(0, 10**9, places=3),
    some.decimals(0, 10**8, places=6),
)
def test_a_total_is_the_nearest_coin_to_the_exact_one(
    per_kwh: Decimal, per_minute: Decimal, energy_wh: Decimal, seconds: Decimal
) -> None:
    cost = cost_of(Price(currency="EUR", per_kwh=per_kwh, per_minute=per_minute), energy_wh, seconds)
    exact = Fraction(per_kwh) * Fraction(energy_wh) / 1000 + Fraction(per_minute) * Fraction(seconds) / 60
    assert cost is not None
    assert abs(Fraction(cost.total) - exact) <= Fraction(1, 200)
    assert cost.total.as_tuple().exponent == -2


@pytest.mark.parametrize(
    "wrong",
    [
        {"currency": "eur"},
        {"currency": "EURO"},
        {"currency": "EUR", "per_kwh": Decimal("-0.01")},
        {"currency": "EUR", "per_minute": Decimal("NaN")},
    ],
)
def test_a_price_that_can_not_be_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="wanted"):
        Price(**wrong)  # type: ignore[arg-type]


def test_money_is_rounded_half_up() -> None:
    assert in_money(Decimal("2.345"), "EUR") == Decimal("2.35")
    assert in_money(Decimal("2.5"), "JPY") == Decimal(3)


# ---------------------------------------------------------------- the book


def entry(scope: Scope, scope_id: str, hours: int, per_kwh: str | None) -> PriceEntry:
    made = None if per_kwh is None else price(per_kwh)
    return PriceEntry(scope=scope, scope_id=scope_id, valid_from=NOON + hours * HOUR, price=made)


def at(book: PriceBook, hours: float, station: str = "CP1", evse: int = 1, token: str | None = "Cafe") -> str:
    found = book.price("me", station, evse, token, NOON + hours * HOUR)
    return "none" if found is None else str(found.per_kwh)


def test_the_most_particular_price_counts_at_its_time() -> None:
    book = PriceBook()
    assert (book.any_for("me"), at(book, 0)) == (False, "none")
    for made in (
        entry("all", "", 0, "0.10"),
        entry("station", "CP1", 1, "0.20"),
        entry("evse", "CP1/1", 2, "0.30"),
        entry("token", "cafe", 3, "0.40"),
        entry("token", "cafe", 5, None),
        entry("all", "", 4, "0.50"),
    ):
        book.set("me", made)
    assert [at(book, hours) for hours in (-1, 0, 1, 2, 3, 5)] == [
        "none", "0.10", "0.20", "0.30", "0.40", "0.30",
    ]  # fmt: skip
    assert (at(book, 4, evse=2, token=None), at(book, 4, evse=0, token=None)) == ("0.20", "0.20")
    assert (at(book, 3, station="CP2"), at(book, 4, station="CP2", token=None)) == ("0.40", "0.50")
    assert book.price("other", "CP1", 1, None, NOON + 9 * HOUR) is None
    assert (book.any_for("me"), book.any_for("other")) == (True, False)


def test_an_entry_of_the_same_time_takes_the_place_of_the_one_before() -> None:
    book = PriceBook()
    book.set("me", entry("all", "", 0, "0.10"))
    book.set("me", entry("all", "", 0, "0.20"))
    assert (at(book, 1), len(book.history("me"))) == ("0.20", 1)
