"""Prices as they were set: a history that only grows."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Literal

from msgspec import Struct, structs
from sqlalchemy import Connection, select

from .statements import upsert
from .tables import price


class PriceRow(Struct, frozen=True, kw_only=True):
    """The price of a scope (all, a station, an EVSE, a token) from `valid_from` on, in `currency`; without a
    currency the scope has none of its own any more, and the amounts are None.
    """

    operator_id: str
    scope: Literal["all", "station", "evse", "token"]
    scope_id: str
    valid_from: datetime
    currency: str | None
    per_kwh: Decimal | None
    per_minute: Decimal | None
    text: str | None
    language: str | None
    set_by: str
    set_at: datetime


def add_price(connection: Connection, row: PriceRow) -> None:
    """Keep a row; one of the same scope and instant is replaced."""
    stored = structs.asdict(row) | {"per_kwh": _text(row.per_kwh), "per_minute": _text(row.per_minute)}
    upsert(connection, price, stored)


def list_prices(connection: Connection, operator_id: str) -> list[PriceRow]:
    """An operator's whole history, the oldest first."""
    query = select(price).where(price.c.operator_id == operator_id)
    query = query.order_by(price.c.valid_from, price.c.scope, price.c.scope_id)
    rows = []
    for found in connection.execute(query):
        values = dict(found._mapping)
        values |= {"per_kwh": _amount(found.per_kwh), "per_minute": _amount(found.per_minute)}
        rows.append(PriceRow(**values))
    return rows


def _text(amount: Decimal | None) -> str | None:
    return None if amount is None else str(amount)


def _amount(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
