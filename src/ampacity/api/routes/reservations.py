"""Reservations: lists with filters, made and cancelled by asking the station."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from litestar import Router, delete, get, post
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from ...access.principal import Principal
from ...csms.vocabulary import CancelReservation, ReserveNow
from ...model.station import IdToken
from ...store import reservations as rows
from ...store.reservations import LIVE, ReservationFilter, ReservationRow, ReservationState
from ..context import ApiContext
from ..errors import conflict, invalid, not_found
from ..paging import page_of
from ..views_authorization import ReservationPage, ReservationRequest, ReservationView
from .commands import send
from .names import Api, Limit, Who, aware, station_of


def view_of(row: ReservationRow) -> ReservationView:
    """A row as the API shows it."""
    return ReservationView(
        reservation_id=row.reservation_id,
        station_id=row.station_id,
        evse_id=row.evse_id,
        connector_type=row.connector_type,
        token=row.token.value,
        kind=row.token.kind,
        group=row.group,
        expires_at=row.expires_at,
        state=row.state,
        detail=row.detail,
        no_show=row.no_show,
        transaction_id=row.transaction_id,
        created_by=row.created_by,
        created_at=row.created_at,
        changed_at=row.changed_at,
    )


async def _row(api: ApiContext, who: Principal, reservation_id: int) -> ReservationRow:
    await api.csms.reservations.written()
    row = await api.store.read(
        lambda connection: rows.get_reservation(connection, who.operator_id, reservation_id)
    )
    if row is None:
        raise not_found("reservation", str(reservation_id), "/api/v1/reservations lists them.")
    return row


@get("/", summary="List reservations")
async def list_reservations(
    api: Api,
    who: Who,
    station_id: FromQuery[str | None] = None,
    reservation_state: Annotated[ReservationState | None, QueryParameter(name="state")] = None,
    token: FromQuery[str | None] = None,
    start: Annotated[datetime | None, QueryParameter(name="from", description="Expires at or after.")] = None,
    end: Annotated[datetime | None, QueryParameter(name="to", description="Expires before.")] = None,
    before: FromQuery[int | None] = None,
    limit: Limit = 100,
) -> ReservationPage:
    """Newest first. A page's `next` is the `before` of the following one."""
    wanted = ReservationFilter(
        station_id=station_id,
        state=reservation_state,
        token=token,
        expires_from=aware("from", start),
        expires_until=aware("to", end),
    )
    await api.csms.reservations.written()
    page, following = await page_of(
        api,
        lambda connection, most: rows.list_reservations(
            connection, who.operator_id, wanted, before=before, limit=most
        ),
        limit,
        lambda row: row.reservation_id,
    )
    return ReservationPage(items=tuple(view_of(row) for row in page), next=following)


@get("/{reservation_id:int}", summary="A reservation")
async def get_reservation(api: Api, who: Who, reservation_id: FromPath[int]) -> ReservationView:
    """By its number, which the station knows it by, too."""
    return view_of(await _row(api, who, reservation_id))


@post("/", opt={"permission": "operate"}, status_code=201, summary="Reserve an EVSE")
async def reserve(api: Api, who: Who, data: JSONBody[ReservationRequest]) -> ReservationView:
    """Returns when the station holds it; an error says why it does not."""
    station_of(api, who, data.station_id)
    if data.expires_at <= api.clock.now():
        raise invalid("expires_at", f"{data.expires_at.isoformat()} is over.", "Name a time to come.")
    if data.evse_id is not None and data.connector_type is not None:
        raise invalid(
            "connector_type",
            f"{data.connector_type!r} of EVSE {data.evse_id} can't be asked for.",
            "Name an EVSE or a type of connector, not both.",
        )
    command = ReserveNow(
        token=IdToken(data.token, data.kind),
        expires_at=data.expires_at,
        evse_id=data.evse_id,
        connector_type=data.connector_type,
        group=data.group,
    )
    outcome = await send(api, who, data.station_id, command)
    return view_of(await _row(api, who, int(outcome.data)))


@delete(
    "/{reservation_id:int}", opt={"permission": "operate"}, status_code=200, summary="Cancel a reservation"
)
async def cancel(api: Api, who: Who, reservation_id: FromPath[int]) -> ReservationView:
    """Returns when the station has let it go."""
    row = await _row(api, who, reservation_id)
    if row.state not in LIVE:
        raise conflict(f"Reservation {reservation_id} is {row.state}: there is nothing to cancel.")
    await send(api, who, row.station_id, CancelReservation(reservation_id=reservation_id))
    return view_of(await _row(api, who, reservation_id))


router = Router(
    "/reservations",
    tags=["reservations"],
    route_handlers=[list_reservations, get_reservation, reserve, cancel],
)
