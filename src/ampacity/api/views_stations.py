"""What the API gives of stations: how they stand, their raw messages, and what went wrong with them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from msgspec import Struct

from ..csms.boot_policy import BootPolicy, Registration
from ..model.station import ConnectorStatus


class ConnectorView(Struct, frozen=True, kw_only=True):
    """A connector's last status; `connector_id` 0 is the EVSE or, with `evse_id` 0, the station."""

    evse_id: int
    connector_id: int
    status: ConnectorStatus
    error: str
    at: datetime | None


class StationView(Struct, frozen=True, kw_only=True):
    """A station: what it is, and how it stands. `boot_policy` is what its boots are answered by, `provision`
    whether it is provisioned by itself, and `provisioning_problem` what stood in the way; `registration` is
    the answer to its last boot. `reboot_required`: values wait for a boot.
    """

    station_id: str
    site_id: str | None
    online: bool
    version: str | None
    vendor: str | None
    model: str | None
    serial: str | None
    firmware: str | None
    booted_at: datetime | None
    last_seen: datetime | None
    connectors: tuple[ConnectorView, ...]
    transactions: tuple[str, ...]
    boot_policy: BootPolicy
    provision: bool
    registration: Registration | None
    provisioning_problem: str | None
    reboot_required: bool


class NoticeView(Struct, frozen=True, kw_only=True):
    """A notification of a station: firmware, diagnostics, security, faults. `content` is as it came."""

    at: datetime
    action: str
    content: dict[str, Any]


class PendingAvailabilityView(Struct, frozen=True, kw_only=True):
    """A change of availability that a station accepted and that its statuses do not show yet. EVSE 0 is the
    station; without a connector all of the EVSE's are meant.
    """

    evse_id: int
    connector_id: int | None
    operative: bool


class StationStatusView(Struct, frozen=True, kw_only=True):
    """How a station stands. `notices` are its last notifications, newest first, since the node started."""

    station_id: str
    online: bool
    last_seen: datetime | None
    connectors: tuple[ConnectorView, ...]
    pending_availability: tuple[PendingAvailabilityView, ...]
    notices: tuple[NoticeView, ...]


class MessageView(Struct, frozen=True, kw_only=True):
    """A raw frame. `direction` is `in` from the station, `out` to it. `message_log_id` is 0 in a live
    tail. `message_id` is what a call and its answer share, `action` an answer's too where its call is known.
    """

    message_log_id: int
    station_id: str
    at: datetime
    direction: Literal["in", "out"]
    action: str | None
    message_id: str | None
    frame: str


class MessagePage(Struct, frozen=True, kw_only=True):
    """Newest first; `next` is the `before` of the following page. A page may hold less than was asked for,
    even nothing, and have a next one: then the search has come to `searched_to`.
    """

    items: tuple[MessageView, ...]
    next: int | None
    searched_to: datetime | None


class MessageLogView(Struct, frozen=True, kw_only=True):
    """Whether raw messages are kept, and for how many days."""

    kept: bool
    days: float


class ConnectionView(Struct, frozen=True, kw_only=True):
    """Why handshakes were turned away (`rejected`) or connections are over (`ended`), `count` times since
    `first_at`. `reason` is a sentence that a technician can act on, `kind` the same for programs.

    `station_id` is the identity that was named, registered or not, None where the path named none. `peer`
    (address and port), `path`, `offered` (subprotocols), `status` (HTTP; 0 where it came to none) and
    `lasted_s` are the newest one's; None for what a handshake or a connection doesn't have.
    """

    finding_id: str
    outcome: Literal["rejected", "ended"]
    kind: str
    station_id: str | None
    reason: str
    peer: str
    path: str | None
    offered: str | None
    status: int | None
    lasted_s: float | None
    count: int
    first_at: datetime
    last_at: datetime


class ConnectionPage(Struct, frozen=True, kw_only=True):
    """The one that came last first; `next` is the `before` of the following page."""

    items: tuple[ConnectionView, ...]
    next: str | None


class RefusedMessageView(Struct, frozen=True, kw_only=True):
    """A fault of a station's messages, `count` times since `first_at`: `reason` says what is wrong with the
    newest `frame` (cut), `answered` with which error it was answered, None where nothing may be answered.
    """

    refusal_id: str
    station_id: str
    kind: str
    action: str | None
    reason: str
    answered: str | None
    frame: str
    count: int
    first_at: datetime
    last_at: datetime


class RepairView(Struct, frozen=True, kw_only=True):
    """What of a station's messages breaks its schema and is repaired, `count` times since `first_at`: `kind`
    is the place and what was done, without numbers and values; `newest` the last repair with them.
    """

    station_id: str
    action: str
    kind: str
    newest: str
    count: int
    first_at: datetime
    last_at: datetime
