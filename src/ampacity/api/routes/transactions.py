"""Transactions: lists with filters, one, and its meter values."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from litestar import Router, get, post
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from msgspec.structs import replace

from ...access.principal import Principal
from ...store import samples
from ...store import transactions as rows
from ...store.samples import SeriesTooLong
from ...store.transactions import TransactionFilter, TransactionRow
from ..context import ApiContext
from ..errors import conflict, not_found
from ..paging import cursor_of, page_of, read_cursor
from ..views_authorization import TransactionClosing
from ..views_prices import CostView
from ..views_transactions import SeriesView, TransactionPage, TransactionView
from .names import Api, Limit, Who, aware
from .series import QUARTER, of_samples, read_series, too_long


def view_of(api: ApiContext, row: TransactionRow) -> TransactionView:
    """A row as the API shows it."""
    cost = api.csms.costs.cost(row, api.clock.now())
    return TransactionView(
        transaction_id=row.transaction_id,
        station_transaction_id=row.station_transaction_id,
        station_id=row.station_id,
        evse_id=row.evse_id,
        connector_id=row.connector_id,
        token=None if row.token is None else row.token.value,
        state=row.state,
        charging_state=row.charging_state,
        started_at=row.started_at,
        ended_at=row.ended_at,
        energy_wh=row.energy_wh,
        register_start_wh=row.register_start_wh,
        register_last_wh=row.register_last_wh,
        cost=None
        if cost is None
        else CostView(currency=cost.currency, energy=cost.energy, time=cost.time, total=cost.total),
        stop_reason=row.stop_reason,
        offline=row.offline,
        clock_correction_s=row.clock_correction_s,
        missing=row.missing,
        incomplete=row.incomplete,
        need_wh=row.need_wh,
        departure=row.departure,
        boosted=row.boosted,
        paused=row.paused,
    )


async def transaction_of(api: ApiContext, who: Principal, transaction_id: str) -> TransactionRow:
    """The row; 404 where the operator has none of this id."""
    await api.csms.written()
    row = await api.store.read(
        lambda connection: rows.get_transaction(connection, who.operator_id, transaction_id)
    )
    if row is None:
        raise not_found("transaction", transaction_id, "/api/v1/transactions lists them.")
    return row


@get("/", summary="List transactions")
async def list_transactions(
    api: Api,
    who: Who,
    site_id: FromQuery[str | None] = None,
    station_id: FromQuery[str | None] = None,
    evse_id: FromQuery[int | None] = None,
    token: FromQuery[str | None] = None,
    transaction_state: Annotated[Literal["open", "ended"] | None, QueryParameter(name="state")] = None,
    stop_reason: FromQuery[str | None] = None,
    start: Annotated[datetime | None, QueryParameter(name="from", description="Started at or after.")] = None,
    end: Annotated[datetime | None, QueryParameter(name="to", description="Started before.")] = None,
    before: FromQuery[str | None] = None,
    limit: Limit = 100,
) -> TransactionPage:
    """Newest first. A page's `next` is the `before` of the following one."""
    wanted = TransactionFilter(
        site_id=site_id,
        station_id=station_id,
        evse_id=evse_id,
        token=token,
        state=transaction_state,
        stop_reason=stop_reason,
        started_from=aware("from", start),
        started_until=aware("to", end),
    )
    cursor = read_cursor(before)
    await api.csms.written()
    page, following = await page_of(
        api,
        lambda connection, most: rows.list_transactions(
            connection, who.operator_id, wanted, before=cursor, limit=most
        ),
        limit,
        lambda row: cursor_of(row.started_at, row.transaction_id),
    )
    return TransactionPage(items=tuple(view_of(api, row) for row in page), next=following)


@get("/{transaction_id:str}", summary="A transaction")
async def get_transaction(api: Api, who: Who, transaction_id: FromPath[str]) -> TransactionView:
    """By our own id, which is unique over all stations."""
    return view_of(api, await transaction_of(api, who, transaction_id))


@get("/{transaction_id:str}/series", summary="Meter values of a transaction")
async def get_series(
    api: Api,
    who: Who,
    transaction_id: FromPath[str],
    measurand: FromQuery[str | None] = None,
    resolution: FromQuery[Literal["raw", "15min"]] = "raw",
) -> SeriesView:
    """All of it; at 15min the quarters of an hour that it touches, with whatever else its EVSE metered in
    them.
    """
    row = await transaction_of(api, who, transaction_id)
    if resolution == "15min":
        first = row.started_at - QUARTER
        end = (row.ended_at or api.clock.now()) + QUARTER
        view = await read_series(
            api,
            who,
            row.station_id,
            row.evse_id,
            measurand=measurand,
            start=first,
            end=end,
            resolution=resolution,
        )
        return replace(view, clock_correction_s=row.clock_correction_s)
    try:
        points = await api.store.read(
            lambda connection: samples.transaction_samples(
                connection, who.operator_id, transaction_id, measurand=measurand
            )
        )
    except SeriesTooLong as error:
        raise too_long(error) from error
    return SeriesView(resolution="raw", lines=of_samples(points), clock_correction_s=row.clock_correction_s)


@post(
    "/{transaction_id:str}/close",
    opt={"permission": "operate"},
    status_code=200,
    summary="Close a transaction that its station never ended",
)
async def close_transaction(
    api: Api, who: Who, transaction_id: FromPath[str], data: JSONBody[TransactionClosing]
) -> TransactionView:
    """It ends at its last word, with the stop reason `NotReportedClosed`. Nothing is sent to the station: if
    it goes on there, what it tells opens the transaction again, and its own end replaces this one.
    """
    row = await transaction_of(api, who, transaction_id)
    if not await api.csms.close_transaction(who.operator_id, transaction_id, who.actor, data.why):
        raise conflict(f"Transaction {transaction_id} is {row.state}: there is nothing to close.")
    return view_of(api, await transaction_of(api, who, transaction_id))


router = Router(
    "/transactions",
    tags=["transactions"],
    route_handlers=[list_transactions, get_transaction, get_series, close_transaction],
)
