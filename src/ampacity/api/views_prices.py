"""What the API takes and tells of prices and costs. Amounts are decimal numbers as text, exact."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal

from msgspec import Meta, Struct


class PriceTerms(Struct, frozen=True, kw_only=True):
    """A price per kWh and per minute from the transaction's begin to its end, tax included. `text` is shown
    to drivers at stations that can show it, in `language` (RFC 5646); "" shows nothing.
    """

    currency: Annotated[str, Meta(pattern="^[A-Z]{3}$")]
    per_kwh: Annotated[str, Meta(pattern=r"^\d{1,9}(\.\d{1,9})?$")] = "0"
    per_minute: Annotated[str, Meta(pattern=r"^\d{1,9}(\.\d{1,9})?$")] = "0"
    text: Annotated[str, Meta(max_length=512)] = ""
    language: Annotated[str, Meta(min_length=1, max_length=8)] = "en"


class PriceChange(Struct, frozen=True, kw_only=True):
    """A price from `valid_from` on (now where it is left out). Whose it is: `all`; a `station` by its id; an
    `evse` as `STATION/EVSE`; a `token` by its value. `price` null takes it back: then the next wider
    one holds.
    """

    scope: Literal["all", "station", "evse", "token"]
    scope_id: Annotated[str, Meta(max_length=300)] = ""
    price: PriceTerms | None
    valid_from: datetime | None = None


class PriceView(Struct, frozen=True, kw_only=True):
    """A price as it was set, `price` null where it was taken back. The newest of a scope that is valid holds;
    of the scopes the most particular: token, evse, station, all. A transaction keeps the price of its start.
    """

    scope: Literal["all", "station", "evse", "token"]
    scope_id: str
    valid_from: datetime
    price: PriceTerms | None
    set_by: str
    set_at: datetime


class CostView(Struct, frozen=True, kw_only=True):
    """What a transaction costs, until now while it is open; parts and total each in whole coins."""

    currency: str
    energy: Decimal
    time: Decimal
    total: Decimal
