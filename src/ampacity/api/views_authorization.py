"""What the API takes and gives of tokens, reservations and local lists (see `views`)."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, TypeAlias

from msgspec import Meta, Struct

from ..store.local_lists import ListState
from ..store.reservations import ReservationState
from ..store.tokens import Place
from .views import Time

TokenKind: TypeAlias = Literal[
    "Central",
    "DirectPayment",
    "eMAID",
    "EVCCID",
    "ISO14443",
    "ISO15693",
    "KeyCode",
    "Local",
    "MacAddress",
    "NoAuthorization",
    "VIN",
]
TokenStatus: TypeAlias = Literal["Accepted", "Blocked", "Expired", "Invalid"]


class TokenView(Struct, frozen=True, kw_only=True):
    """A driver's token. Values are compared without regard to case. For the members see TokenChange."""

    value: str
    kind: str
    status: TokenStatus
    group: str | None
    expires_at: datetime | None
    label: str
    message: str
    language: str
    allowed: tuple[Place, ...]
    concurrent: bool | None
    priority: int | None
    listed: bool
    master: bool


class TokenChange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A token to be added or changed.

    Members of one `group` may stop each other's transactions; those of the node's master pass group may stop
    any and start none. `message` (in `language`, like `de` or `en-GB`) is shown to the driver. `allowed` are
    the places where it is good, none: everywhere. `concurrent` lets it charge at two places at once, null: as
    the node is set. `priority` is -9..9. `listed` puts it on the stations' local lists.
    """

    value: Annotated[str, Meta(min_length=1, max_length=255)]
    kind: TokenKind = "ISO14443"
    status: TokenStatus = "Accepted"
    group: Annotated[str, Meta(max_length=255)] | None = None
    expires_at: Time | None = None
    label: Annotated[str, Meta(max_length=200)] = ""
    message: Annotated[str, Meta(max_length=512)] = ""
    language: Annotated[str, Meta(max_length=8)] = ""
    allowed: Annotated[tuple[Place, ...], Meta(max_length=100)] = ()
    concurrent: bool | None = None
    priority: Annotated[int, Meta(ge=-9, le=9)] | None = None
    listed: bool = True


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
