"""Prices and display messages: kept, told apart by operator, amounts to the last digit."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

from ampacity.store import Store, display_messages, prices, stations
from ampacity.store.display_messages import DisplayMessageRow
from ampacity.store.operators import ensure_operator
from ampacity.store.prices import PriceRow

from .conftest import NOON, OPERATOR

HOUR = timedelta(hours=1)


def price(hours: int, per_kwh: str | None, **more: Any) -> PriceRow:
    free = per_kwh is None
    given = {
        "operator_id": OPERATOR,
        "scope": "evse",
        "scope_id": "CP1/1",
        "valid_from": NOON + hours * HOUR,
        "currency": None if free else "EUR",
        "per_kwh": None if per_kwh is None else Decimal(per_kwh),
        "per_minute": None if free else Decimal("0.000000001"),
        "text": None if free else "0,39 €/kWh",
        "language": None if free else "de",
        "set_by": "user:ada",
        "set_at": NOON,
    }
    return PriceRow(**(given | more))


async def test_a_price_is_kept_to_the_last_digit_and_its_history_with_it(store: Store) -> None:
    await store.write(lambda c: ensure_operator(c, "another", "Another", NOON))
    rows = [price(0, "0.3900"), price(1, None), price(2, "123456789.123456789")]
    for row in (rows[2], rows[0], price(1, "9"), rows[1], price(0, "1", operator_id="another")):
        await store.write(lambda c, row=row: prices.add_price(c, row))
    kept = await store.read(lambda c: prices.list_prices(c, OPERATOR))
    assert kept == rows
    assert [str(row.per_kwh) for row in kept] == ["0.3900", "None", "123456789.123456789"]


def shown(station_id: str, message_id: int, content: str = "Hello") -> DisplayMessageRow:
    return DisplayMessageRow(
        operator_id=OPERATOR,
        station_id=station_id,
        message_id=message_id,
        message={"content": content, "priority": "InFront"},
        status="accepted",
        at=NOON,
    )


async def test_display_messages_are_replaced_and_removed_by_their_ids(store: Store) -> None:
    for station_id in ("CP1", "CP2"):
        await store.write(
            lambda c, station_id=station_id: stations.register_station(c, OPERATOR, station_id, NOON)
        )
    rows = [shown("CP1", 1), shown("CP1", 2), shown("CP2", 1)]
    await store.write(lambda c: display_messages.save_display_messages(c, rows))
    again = shown("CP1", 2, "Hello again")
    await store.write(lambda c: display_messages.save_display_messages(c, [again]))
    await store.write(lambda c: display_messages.remove_display_messages(c, OPERATOR, "CP1", [1, 7]))
    assert await store.read(lambda c: display_messages.list_display_messages(c, OPERATOR)) == [again, rows[2]]
    assert await store.read(lambda c: display_messages.list_display_messages(c, "another")) == []
