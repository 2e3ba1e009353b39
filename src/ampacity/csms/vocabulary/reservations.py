"""Words of reservations."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from ...model.station import IdToken


class ReserveNow(Struct, frozen=True, kw_only=True, tag="reserve_now"):
    """Keep an EVSE (None: any, or any with a connector of `connector_type`) free for a token, and for those
    of `group`, until `expires_at`. `reservation_id` 0: a new one. Outcome data: the id.
    """

    token: IdToken
    expires_at: Annotated[datetime, Meta(tz=True)]
    evse_id: int | None = None
    connector_type: str | None = None
    group: str | None = None
    reservation_id: Annotated[int, Meta(ge=0, le=2**31 - 1)] = 0


class CancelReservation(Struct, frozen=True, kw_only=True, tag="cancel_reservation"):
    """Give a reserved EVSE free again."""

    reservation_id: int


class ReservationUpdate(Struct, frozen=True, kw_only=True):
    """ReservationStatusUpdate: a station tells how a reservation ended that nobody used."""

    reservation_id: int
    status: Literal["Expired", "Removed", "NoTransaction"]
