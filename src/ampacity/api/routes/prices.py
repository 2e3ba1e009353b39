"""Prices: a history that only grows. Nothing can be set for the past: its costs have been told."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from litestar import Router, get, post
from litestar.params import JSONBody
from sqlalchemy import Connection

from ...store import audit, prices
from ...store.identifiers import sortable_id
from ...store.prices import PriceRow
from ...store.tokens import token_key
from ..context import ApiContext
from ..errors import invalid
from ..views_prices import PriceChange, PriceTerms, PriceView
from .names import Api, Who, aware, station_of


def view_of(row: PriceRow) -> PriceView:
    """A price as the API shows it."""
    terms = None
    if row.currency is not None:
        terms = PriceTerms(
            currency=row.currency,
            per_kwh=f"{row.per_kwh or Decimal(0):f}",
            per_minute=f"{row.per_minute or Decimal(0):f}",
            text=row.text or "",
            language=row.language or "en",
        )
    return PriceView(
        scope=row.scope,
        scope_id=row.scope_id,
        valid_from=row.valid_from,
        price=terms,
        set_by=row.set_by,
        set_at=row.set_at,
    )


@get("/", summary="List the prices")
async def list_prices(api: Api, who: Who) -> list[PriceView]:
    """All that were ever set, the oldest first."""
    rows = await api.store.read(lambda connection: prices.list_prices(connection, who.operator_id))
    return [view_of(row) for row in rows]


@post("/", opt={"permission": "operate"}, status_code=200, summary="Set a price, or take it back")
async def set_price(api: Api, who: Who, data: JSONBody[PriceChange]) -> PriceView:
    """From now on, or from a time that is to come. Transactions that have begun keep theirs."""
    now = api.clock.now()
    given = data.price
    row = PriceRow(
        operator_id=who.operator_id,
        scope=data.scope,
        scope_id=_scope_id(api, who, data),
        valid_from=_from(data.valid_from, now),
        currency=None if given is None else given.currency,
        per_kwh=None if given is None else Decimal(given.per_kwh),
        per_minute=None if given is None else Decimal(given.per_minute),
        text=None if given is None else given.text,
        language=None if given is None else given.language,
        set_by=who.actor,
        set_at=now,
    )

    def unit(connection: Connection) -> None:
        prices.add_price(connection, row)
        audit_id = sortable_id(now)
        target = f"price/{row.scope}/{row.scope_id}" if row.scope_id else f"price/{row.scope}"
        audit.add(connection, who.operator_id, audit_id, now, who.actor, "set_price", target, data)
        audit.finish(connection, who.operator_id, audit_id, now, "done")

    await api.store.write(unit)
    api.csms.costs.take(row)
    return view_of(row)


def _scope_id(api: ApiContext, who: Who, data: PriceChange) -> str:
    named = data.scope_id
    if data.scope == "all":
        if named:
            raise invalid("scope_id", f"{named!r}: a price for all is nobody's own.", "Leave it out.")
        return ""
    if data.scope == "token":
        if not named:
            raise invalid("scope_id", "A token's price needs the token.", "Give its value.")
        return token_key(named)
    station_id, slash, evse = named.rpartition("/") if data.scope == "evse" else (named, "/", "1")
    if not slash or not evse.isdecimal() or int(evse) < 1:
        raise invalid("scope_id", f"{named!r} names no EVSE.", "Write STATION/EVSE, for example CP1/2.")
    station_of(api, who, station_id)
    return f"{station_id}/{int(evse)}" if data.scope == "evse" else station_id


def _from(given: datetime | None, now: datetime) -> datetime:
    at = aware("valid_from", given)
    if at is None:
        return now
    if at < now:
        raise invalid("valid_from", f"{at.isoformat()} is over.", "Costs were told by then.")
    return at


router = Router("/prices", tags=["prices"], route_handlers=[list_prices, set_price])
