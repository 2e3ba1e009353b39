"""What the API takes and gives beside the live views of `model.live`: one struct a body, encoded as it is.

Names end in what they are: `...View` is read, `...Change` is written, `...Page` is a part of a long list with
the cursor of the next one. Power in W, current in A, energy in Wh; times are ISO 8601 with a zone, except
columns of a series (`at`), which are epoch seconds.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, TypeAlias

from msgspec import Meta, Struct

from ..access.roles import Permission, Role
from ..csms.boot_policy import BootPolicy, Registration
from ..csms.vocabulary import Outcome
from ..model.live import Reason, SessionView
from ..model.phases import PerPhase
from ..model.site import Strategy
from ..model.station import ChargingState, ConnectorStatus, Quantity
from ..store.errors import TroubleKind
from ..store.tokens import Place
from .views_prices import CostView

Time = Annotated[datetime, Meta(tz=True)]
Amperes = Annotated[float, Meta(ge=0, le=100_000)]
WattHours = Annotated[float, Meta(ge=0, le=10_000_000)]
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
Word = Annotated[str, Meta(min_length=1, max_length=100)]


# ---------------------------------------------------------------- errors


class FieldProblem(Struct, frozen=True, kw_only=True):
    """One thing wrong in a body or query: `where` is its path, `what` is wrong with it."""

    where: str
    what: str


class StoreTroubleView(Struct, frozen=True, kw_only=True):
    """Why the database can't be used, in words, what helps, and since when (site time). Stations charge on
    meanwhile; they are not answered, and send again."""

    kind: TroubleKind
    text: str
    remedy: str
    since: datetime


class Problem(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An error, as RFC 9457 writes it, with what is wrong, where, and what would be right.

    `outcome` is a station's, where the error is that it did not do what it was told. `trouble` is the
    database's, where that is the error.
    """

    type: str
    title: str
    status: int
    detail: str = ""
    instance: str = ""
    what: str = ""
    where: str = ""
    remedy: str = ""
    errors: tuple[FieldProblem, ...] = ()
    outcome: Outcome | None = None
    trouble: StoreTroubleView | None = None


# ---------------------------------------------------------------- the node and who asks


class HealthView(Struct, frozen=True, kw_only=True):
    """The node answers and its store can be read. `at` is site time."""

    status: Literal["ok"]
    at: datetime


class VersionView(Struct, frozen=True, kw_only=True):
    """What runs here."""

    name: str
    version: str
    api: str


class SignInChange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The code of a one-time link."""

    code: Annotated[str, Meta(min_length=1, max_length=200)]


class MeView(Struct, frozen=True, kw_only=True):
    """Who asks. `actor` is the name in the audit, `via` how they proved who they are."""

    operator_id: str
    name: str
    role: Role
    actor: str
    via: Literal["session", "key"]
    permissions: tuple[Permission, ...]


class UserView(Struct, frozen=True, kw_only=True):
    """A person who may sign in."""

    name: str
    role: Role
    created_at: datetime
    disabled: bool


class ApiKeyView(Struct, frozen=True, kw_only=True):
    """A key, without its secret."""

    prefix: str
    name: str
    role: Role
    created_at: datetime
    revoked_at: datetime | None
    last_used_at: datetime | None


class ApiKeyChange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A key to be made."""

    name: Word
    role: Role


class NewApiKeyView(Struct, frozen=True, kw_only=True):
    """A key just made: the only time that `key` is shown."""

    key: str
    about: ApiKeyView


class LinkChange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A sign-in link to be made for a user, who is created where the name is new.

    `role` is the user's from now on; None keeps it (a new user is a viewer then).
    """

    user: Word
    role: Role | None = None


class LinkView(Struct, frozen=True, kw_only=True):
    """A sign-in link just made: the only time that it is shown. `path` follows the node's own address."""

    path: str
    user: str
    role: Role
    expires_at: datetime


class AuditView(Struct, frozen=True, kw_only=True):
    """One command and what became of it."""

    audit_id: str
    at: datetime
    actor: str
    action: str
    target: str
    detail: Any
    outcome: str | None
    outcome_detail: str | None
    outcome_at: datetime | None


class AuditPage(Struct, frozen=True, kw_only=True):
    """Newest first; `next` is the `before` of the following page."""

    items: tuple[AuditView, ...]
    next: str | None


# ---------------------------------------------------------------- sites


class SiteSummary(Struct, frozen=True, kw_only=True):
    """A site in a list."""

    site_id: str
    name: str
    time_zone: str
    strategy: Strategy
    evses: int
    evses_online: int
    sessions: int
    ev_power_w: float
    limit_power_w: float
    overloaded: bool


class StrategyChange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The strategy a site shall follow."""

    strategy: Strategy


class LimitView(Struct, frozen=True, kw_only=True):
    """One source's limit on a circuit, in force or of the past."""

    source: str
    limit_a: float
    valid_until: datetime | None
    fallback_a: float | None
    set_by: str | None = None
    set_at: datetime | None = None
    withdrawn_at: datetime | None = None


class CircuitLimitsView(Struct, frozen=True, kw_only=True):
    """A circuit's limits: the effective one, the sources now, and those of the past (newest first)."""

    circuit_id: str
    rating_a: float
    effective_a: float
    effective_source: str
    sources: tuple[LimitView, ...]
    history: tuple[LimitView, ...]


class LimitChange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A limit to be set, per phase: until `valid_until` (then `fallback_a`, or nothing), or until
    withdrawn.
    """

    limit_a: Amperes
    valid_until: Time | None = None
    fallback_a: Amperes | None = None
    source: Word = "operator"


class MeterChange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A reading of a circuit's meter, import positive. `at` is now when absent."""

    current_a: PerPhase
    at: Time | None = None


# ---------------------------------------------------------------- EVSEs and sessions


class SwitchChange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """On or off."""

    on: bool = True


class NeedChange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a driver declares: energy of the whole session, and when the car leaves. None withdraws it."""

    need_wh: WattHours | None = None
    departure: Time | None = None


class OpenSessionView(Struct, frozen=True, kw_only=True):
    """A car that is plugged in now, and where."""

    site_id: str
    station_id: str
    evse_id: int
    label: str
    online: bool
    power_w: float
    grant_a: float | None
    session: SessionView
    reasons: tuple[Reason, ...]


class EvseLinkView(Struct, frozen=True, kw_only=True):
    """The public page of an EVSE, as its QR code names it."""

    code: str
    path: str


class DriverView(Struct, frozen=True, kw_only=True):
    """What anybody who stands before an EVSE may know of it. Nothing in it tells who charges."""

    code: str
    site_name: str
    label: str
    at: datetime
    online: bool
    status: ConnectorStatus
    state: Literal["charging", "waiting", "paused", "full", "connected"] | None
    power_w: float
    energy_wh: float | None
    ready_at: datetime | None
    departure: datetime | None
    reasons: tuple[Reason, ...]


# ---------------------------------------------------------------- stations


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


# ---------------------------------------------------------------- tokens, transactions, series


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


class TransactionView(Struct, frozen=True, kw_only=True):
    """A transaction. `energy_wh` is the register's advance since the start. `clock_correction_s` is what had
    to be added to the times that the station told, None where its clock was right. `missing` are the numbers
    of its messages that never came (`42,44-45`), `incomplete` says that they will not come any more. `cost`
    is null where it is not known: no price, or energy that nobody metered.
    """

    transaction_id: str
    station_transaction_id: str
    station_id: str
    evse_id: int
    connector_id: int | None
    token: str | None
    state: Literal["open", "ended"]
    charging_state: ChargingState | None
    started_at: datetime
    ended_at: datetime | None
    energy_wh: float
    register_start_wh: float | None
    register_last_wh: float | None
    cost: CostView | None
    stop_reason: str | None
    offline: bool
    clock_correction_s: float | None
    missing: str | None
    incomplete: bool
    need_wh: float | None
    departure: datetime | None
    boosted: bool
    paused: bool


class TransactionPage(Struct, frozen=True, kw_only=True):
    """Newest first; `next` is the `before` of the following page."""

    items: tuple[TransactionView, ...]
    next: str | None


class SeriesLine(Struct, frozen=True, kw_only=True):
    """Values of one measurand on one phase (0: the sum, 1..3: L1..L3, 4: N, 5..7: L1-L2, L2-L3, L3-L1),
    columns equally long; `at` in epoch seconds, rising.

    At 15 minutes `at` is where the quarter begins, `value` its mean (of a register the last, of intervals the
    sum), `low` and `high` its extremes.
    """

    measurand: str
    quantity: Quantity
    phase: int
    location: str
    unit: str
    at: tuple[float, ...]
    value: tuple[float, ...]
    low: tuple[float, ...] | None = None
    high: tuple[float, ...] | None = None


class SeriesView(Struct, frozen=True, kw_only=True):
    """Meter values of a transaction or an EVSE. `clock_correction_s`: of a transaction's, see there."""

    resolution: Literal["raw", "15min"]
    lines: tuple[SeriesLine, ...]
    clock_correction_s: float | None = None


# ---------------------------------------------------------------- demo


class DemoView(Struct, frozen=True, kw_only=True):
    """The simulated world's switches: which stations' plugs are in."""

    speed: float
    stations: dict[str, bool]


class PlugView(Struct, frozen=True, kw_only=True):
    """A simulated station's network cable."""

    station_id: str
    plugged: bool
