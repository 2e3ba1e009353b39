"""Reservations: who keeps which EVSE free until when, and what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from msgspec import Struct, structs
from sqlalchemy import Connection, delete, func, select, update

from ..model.station import IdToken
from .statements import upsert
from .tables import reservation
from .tokens import token_key

ReservationState = Literal[
    "requested", "active", "used", "expired", "no_show", "cancelled", "refused", "removed"
]
"""`requested` until the station has answered; `active` while it holds it; `used` by a transaction. Ends
without use: `expired` in time, `no_show` where the station saw the driver come and not charge, `cancelled` by
us, `removed` by the station (a fault, or it does not know it). `refused`: it never held it.
"""

LAST_ID = 2**31 - 1
"""The largest number that OCPP has for a reservation."""

LIVE: tuple[ReservationState, ...] = ("requested", "active")
"""States of a reservation that a station may hold."""

UNUSED: tuple[ReservationState, ...] = (*LIVE, "expired", "no_show")
"""States from which a transaction of before the expiry, told late, still makes it used."""


class ReservationRow(Struct, frozen=True, kw_only=True):
    """A reservation. `evse_id` None: any EVSE, or any with a connector of `connector_type`. `detail` is the
    station's word on it. `no_show`: it passed unused although the station was there and in order.
    """

    operator_id: str
    reservation_id: int
    station_id: str
    evse_id: int | None
    connector_type: str | None
    token: IdToken
    group: str | None
    expires_at: datetime
    state: ReservationState
    detail: str = ""
    no_show: bool = False
    transaction_id: str | None = None
    created_by: str
    created_at: datetime
    changed_at: datetime


class ReservationFilter(Struct, frozen=True, kw_only=True):
    """Which reservations are wanted; what is None doesn't matter. Times are of the expiry."""

    station_id: str | None = None
    state: ReservationState | None = None
    token: str | None = None
    expires_from: datetime | None = None
    expires_until: datetime | None = None


def next_reservation_id(connection: Connection, operator_id: str) -> int:
    """The number after the highest that was given."""
    highest = connection.execute(
        select(func.max(reservation.c.reservation_id)).where(reservation.c.operator_id == operator_id)
    ).scalar()
    return 1 + (highest or 0) % LAST_ID


def save_reservation(connection: Connection, row: ReservationRow) -> None:
    """Add a reservation, or replace the one with its id."""
    values = structs.asdict(row)
    token: IdToken = values.pop("token")
    upsert(
        connection,
        reservation,
        values | {"token": token.value, "token_kind": token.kind, "token_key": token_key(token.value)},
    )


def use_reservation(
    connection: Connection,
    operator_id: str,
    station_id: str,
    reservation_id: int,
    transaction_id: str,
    now: datetime,
) -> bool:
    """A transaction used a reservation, maybe told late; returns whether it became used by that."""
    result = connection.execute(
        update(reservation)
        .where(
            reservation.c.operator_id == operator_id,
            reservation.c.reservation_id == reservation_id,
            reservation.c.station_id == station_id,
            reservation.c.state.in_(UNUSED),
        )
        .values(state="used", detail="", no_show=False, transaction_id=transaction_id, changed_at=now)
    )
    return result.rowcount > 0


def get_reservation(connection: Connection, operator_id: str, reservation_id: int) -> ReservationRow | None:
    """One reservation."""
    found = connection.execute(
        select(reservation).where(
            reservation.c.operator_id == operator_id, reservation.c.reservation_id == reservation_id
        )
    ).one_or_none()
    return None if found is None else _row(dict(found._mapping))


def list_reservations(
    connection: Connection,
    operator_id: str,
    wanted: ReservationFilter | None = None,
    *,
    states: Sequence[ReservationState] = (),
    before: int | None = None,
    limit: int | None = None,
) -> list[ReservationRow]:
    """The newest first, those with ids below `before`."""
    wanted = wanted or ReservationFilter()
    query = select(reservation).where(reservation.c.operator_id == operator_id)
    if wanted.station_id is not None:
        query = query.where(reservation.c.station_id == wanted.station_id)
    if wanted.state is not None:
        query = query.where(reservation.c.state == wanted.state)
    if states:
        query = query.where(reservation.c.state.in_(states))
    if wanted.token is not None:
        query = query.where(reservation.c.token_key == token_key(wanted.token))
    if wanted.expires_from is not None:
        query = query.where(reservation.c.expires_at >= wanted.expires_from)
    if wanted.expires_until is not None:
        query = query.where(reservation.c.expires_at < wanted.expires_until)
    if before is not None:
        query = query.where(reservation.c.reservation_id < before)
    query = query.order_by(reservation.c.reservation_id.desc()).limit(limit)
    return [_row(dict(found._mapping)) for found in connection.execute(query)]


def delete_expired_before(operator_id: str, before: datetime, connection: Connection) -> int:
    """Forget reservations that expired before; the newest stays, so that no number is given twice."""
    column = reservation.c
    newest = select(func.max(column.reservation_id)).where(column.operator_id == operator_id)
    return connection.execute(
        delete(reservation).where(
            column.operator_id == operator_id,
            column.expires_at < before,
            column.reservation_id < newest.scalar_subquery(),
        )
    ).rowcount


def _row(values: dict[str, object]) -> ReservationRow:
    del values["token_key"]
    token = IdToken(str(values.pop("token")), str(values.pop("token_kind")))
    return ReservationRow(token=token, **values)  # type: ignore[arg-type]
