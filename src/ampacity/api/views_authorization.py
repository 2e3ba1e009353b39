"""What the API takes and gives of reservations and local lists (see `views`)."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

from ..store.local_lists import ListState
from ..store.reservations import ReservationState
from .views import Time, TokenKind


class ReservationView(Struct, frozen=True, kw_only=True):
    """A reservation. `evse_id` null: any EVSE of the station, or any with a connector of `connector_type`.

    `detail` is the station's word on its state. `no_show`: it passed unused although the station was there
    and in order. `transaction_id` is the transaction that used it.
    """

    reservation_id: int
    station_id: str
    evse_id: int | None
    connector_type: str | None
    token: str
    kind: str
    group: str | None
    expires_at: datetime
    state: ReservationState
    detail: str
    no_show: bool
    transaction_id: str | None
    created_by: str
    created_at: datetime
    changed_at: datetime


class ReservationPage(Struct, frozen=True, kw_only=True):
    """Reservations, the newest first; `next` is the `before` of the following page."""

    items: tuple[ReservationView, ...]
    next: int | None


class ReservationRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Keep an EVSE of a station free for a token, and for those of `group`, until `expires_at`."""

    station_id: Annotated[str, Meta(min_length=1, max_length=48)]
    token: Annotated[str, Meta(min_length=1, max_length=255)]
    kind: TokenKind = "ISO14443"
    expires_at: Time
    evse_id: Annotated[int, Meta(ge=1)] | None = None
    connector_type: Annotated[str, Meta(min_length=1, max_length=20)] | None = None
    group: Annotated[str, Meta(min_length=1, max_length=255)] | None = None


class LocalListView(Struct, frozen=True, kw_only=True):
    """A station's local list.

    `enabled`: it is kept in step with the tokens. `version` is that of the update which it took last,
    `seen_version` what the station told itself last (null: never asked). `state` is `synced` when it holds
    what it should, `behind` when it does not yet, `failed` or `unsupported` when it refused; `detail` says
    more. `entries` are those that it holds.
    """

    station_id: str
    enabled: bool
    version: int
    seen_version: int | None
    seen_at: datetime | None
    state: ListState
    detail: str
    entries: int
    changed_at: datetime


class LocalListChange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Keep a station's list in step with the tokens, or no longer."""

    enabled: bool


class LocalListSync(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Bring a list up to date now; `whole`: all of it, whatever the station holds."""

    whole: bool = False


class HeldEntry(Struct, frozen=True, kw_only=True):
    """A token that a station holds."""

    value: str
    kind: str


class TransactionClosing(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why a transaction is over that its station never ended."""

    why: Annotated[str, Meta(min_length=1, max_length=500)]
