"""One vocabulary above the dialects: what stations say, what they are answered, what they can be told.

`csms.dialects` translates 1.6, 2.0.1 and 2.1 to and from these types; nothing above asks for a version. Times
are UTC and aware (a station's naive timestamp is read as UTC), energy in Wh, power in W, current in A.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Literal, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from ..model.station import (
    ChargingState,
    ConnectorStatus,
    IdToken,
    MeterReading,
    StationInfo,
    TransactionPhase,
)

NO_TIME = datetime.fromtimestamp(0, UTC)
"""The time of a message that tells none (values of no instant)."""

# ---------------------------------------------------------------- from the station


class Boot(Struct, frozen=True, kw_only=True):
    """BootNotification."""

    info: StationInfo
    reason: str = "PowerUp"


class Heartbeat(Struct, frozen=True):
    """Heartbeat: the answer tells the time."""


class Status(Struct, frozen=True, kw_only=True):
    """StatusNotification. 1.6's connectorId n is EVSE n, connector 1 here; its 0 is EVSE 0 (the station)."""

    evse_id: int
    connector_id: int
    status: ConnectorStatus
    error: str = ""
    at: datetime | None = None


class Authorize(Struct, frozen=True, kw_only=True):
    """Authorize: may this token charge?"""

    token: IdToken


class TransactionMessage(Struct, frozen=True, kw_only=True):
    """Start-/StopTransaction and a transaction's MeterValues of 1.6, TransactionEvent of 2.x.

    `station_transaction_id` is None only in a 1.6 start (its id is ours to give). `register_wh` is the
    meter's register where the message carries it (meterStart, meterStop or a sampled register). `at` and
    `retry_key` together are equal for a message of a station and its repetition and for nothing else.
    `offline` is the station's own word, None where its version has none.
    """

    phase: TransactionPhase
    station_transaction_id: str | None
    evse_id: int | None
    connector_id: int | None
    token: IdToken | None
    at: datetime
    retry_key: str
    seq_no: int | None = None
    trigger: str = ""
    charging_state: ChargingState | None = None
    register_wh: float | None = None
    readings: tuple[MeterReading, ...] = ()
    stop_reason: str | None = None
    offline: bool | None = None
    remote_start_id: int | None = None


class Metered(Struct, frozen=True, kw_only=True):
    """MeterValues outside any transaction. `at` is their newest instant; `retry_key` as above."""

    evse_id: int
    readings: tuple[MeterReading, ...]
    at: datetime
    retry_key: str


def moved(said: TransactionMessage | Metered, seconds: float) -> TransactionMessage | Metered:
    """The message with all its times `seconds` later."""
    by = timedelta(seconds=seconds)
    readings = tuple(replace(reading, at=_later(reading.at, by)) for reading in said.readings)
    return replace(said, at=_later(said.at, by), readings=readings)


def _later(at: datetime, by: timedelta) -> datetime:
    try:
        return at + by
    except OverflowError:  # no time that there is: left as it was told
        return at


class VendorData(Struct, frozen=True, kw_only=True):
    """DataTransfer from the station."""

    vendor_id: str
    message_id: str | None = None
    data: Any = None


class Notice(Struct, frozen=True, kw_only=True):
    """Any other notification (firmware, diagnostics, security event, reports ...):
    kept and shown, answered as the standard says.
    """

    action: str
    content: dict[str, Any]


FromStation: TypeAlias = (
    Boot | Heartbeat | Status | Authorize | TransactionMessage | Metered | VendorData | Notice
)


# ---------------------------------------------------------------- answers to the station


class BootAnswer(Struct, frozen=True, kw_only=True):
    """`status` as in BootNotificationResponse."""

    status: Literal["Accepted", "Pending", "Rejected"]
    now: datetime
    interval_s: int


class HeartbeatAnswer(Struct, frozen=True):
    now: datetime


class AuthorizationAnswer(Struct, frozen=True, kw_only=True):
    """Verdict on a token, in 2.x's words; dialects narrow it to 1.6's five."""

    status: Literal[
        "Accepted", "Blocked", "ConcurrentTx", "Expired", "Invalid", "NoCredit", "NotAllowedTypeEVSE",
        "NotAtThisLocation", "NotAtThisTime", "Unknown",
    ]  # fmt: skip
    group: str | None = None
    expires_at: datetime | None = None


class TransactionAnswer(Struct, frozen=True, kw_only=True):
    """`station_transaction_id` is what a 1.6 start must be told;
    `authorization` where the message carried a token.
    """

    station_transaction_id: str
    authorization: AuthorizationAnswer | None = None


class VendorAnswer(Struct, frozen=True, kw_only=True):
    status: Literal["Accepted", "Rejected", "UnknownMessageId", "UnknownVendorId"]
    data: Any = None


class Acknowledged(Struct, frozen=True):
    """An empty answer."""


Answer: TypeAlias = (
    BootAnswer | HeartbeatAnswer | AuthorizationAnswer | TransactionAnswer | VendorAnswer | Acknowledged
)


# ---------------------------------------------------------------- to the station


class RequestStart(Struct, frozen=True, kw_only=True, tag="request_start"):
    """Start a transaction on an EVSE for a token."""

    evse_id: int
    token: IdToken
    remote_start_id: int = 0


class RequestStop(Struct, frozen=True, kw_only=True, tag="request_stop"):
    """Stop a transaction, by its id on the wire."""

    station_transaction_id: str


class GetTransactionStatus(Struct, frozen=True, kw_only=True, tag="get_transaction_status"):
    """Ask whether a transaction goes on, and whether messages of it wait. Outcome data: TransactionStatus."""

    station_transaction_id: str


class TransactionStatus(Struct, frozen=True, kw_only=True):
    """What a station knows of a transaction; `ongoing` None where it does not say."""

    ongoing: bool | None
    messages_in_queue: bool


class Reset(Struct, frozen=True, kw_only=True, tag="reset"):
    """`OnIdle` waits for transactions to end (1.6: Soft), `Immediate` doesn't (1.6: Hard)."""

    kind: Literal["OnIdle", "Immediate"] = "OnIdle"
    evse_id: int | None = None


class Trigger(Struct, frozen=True, kw_only=True, tag="trigger"):
    """Ask for a message: `BootNotification Heartbeat StatusNotification MeterValues TransactionEvent ...`."""

    message: str
    evse_id: int | None = None
    connector_id: int | None = None


class Unlock(Struct, frozen=True, kw_only=True, tag="unlock"):
    """Unlock a connector."""

    evse_id: int
    connector_id: int = 1


class ChangeAvailability(Struct, frozen=True, kw_only=True, tag="change_availability"):
    """Take an EVSE (or with `evse_id` 0 the station) in or out of service."""

    evse_id: int
    operative: bool


class VariableRef(Struct, frozen=True, kw_only=True):
    """A variable of the device model; a 1.6 configuration key is component `OCPP16`, variable = key."""

    component: str
    variable: str
    component_instance: str | None = None
    variable_instance: str | None = None
    evse_id: int | None = None
    attribute: Literal["Actual", "Target", "MinSet", "MaxSet"] = "Actual"


class VariableValue(Struct, frozen=True, kw_only=True):
    """A variable as the station told it (`status` in 2.x's words;
    value None where it is write-only or unknown).
    """

    ref: VariableRef
    value: str | None
    status: str = "Accepted"
    read_only: bool | None = None


class GetVariables(Struct, frozen=True, kw_only=True, tag="get_variables"):
    """Read variables; none named on a 1.6 station: all keys. Outcome data: list of VariableValue."""

    variables: tuple[VariableRef, ...] = ()


class SetVariables(Struct, frozen=True, kw_only=True, tag="set_variables"):
    """Write variables one by one. Outcome data: list of VariableValue, each with its own status."""

    values: tuple[VariableValue, ...]


class SchedulePeriod(Struct, frozen=True, kw_only=True):
    """From `start_s` after the schedule's start on, at most `limit` (in the schedule's unit)."""

    start_s: int
    limit: float
    number_phases: int | None = None


class Profile(Struct, frozen=True, kw_only=True):
    """A charging profile in standard terms. `unit` is A per phase or W; limits carry one decimal exactly."""

    profile_id: int
    stack_level: int
    purpose: Literal["ChargingStationMaxProfile", "TxDefaultProfile", "TxProfile"]
    kind: Literal["Absolute", "Recurring", "Relative"]
    unit: Literal["A", "W"]
    periods: tuple[SchedulePeriod, ...]
    start: datetime | None = None
    duration_s: int | None = None
    station_transaction_id: str | None = None
    valid_from: datetime | None = None
    valid_to: datetime | None = None


class SetProfile(Struct, frozen=True, kw_only=True, tag="set_profile"):
    """Install or replace a charging profile on an EVSE (0: the station)."""

    evse_id: int
    profile: Profile


class ClearProfile(Struct, frozen=True, kw_only=True, tag="clear_profile"):
    """Remove a charging profile by its id."""

    profile_id: int


class GetCompositeSchedule(Struct, frozen=True, kw_only=True, tag="get_composite_schedule"):
    """Ask what the station makes of its profiles. Outcome data: CompositeSchedule."""

    evse_id: int
    duration_s: int
    unit: Literal["A", "W"] = "A"


class CompositeSchedule(Struct, frozen=True, kw_only=True):
    """A composite schedule as the station told it."""

    start: datetime
    unit: Literal["A", "W"]
    periods: tuple[SchedulePeriod, ...]


class SendVendorData(Struct, frozen=True, kw_only=True, tag="data_transfer"):
    """DataTransfer to the station. Outcome data: its answer's data."""

    vendor_id: str
    message_id: str | None = None
    data: Any = None


Command: TypeAlias = (
    RequestStart | RequestStop | Reset | Trigger | Unlock | ChangeAvailability | GetVariables | SetVariables
    | SetProfile | ClearProfile | GetCompositeSchedule | SendVendorData | GetTransactionStatus
)  # fmt: skip


class Outcome(Struct, frozen=True, kw_only=True):
    """What became of a command. `result`:

    `accepted`, `rejected` (the station said no: `status` is its word), `offline` (no socket), `timeout` (no
    answer; it may or may not have acted), `error` (CALLERROR or an answer that breaks its schema: `detail`
    says what), `unsupported` (the station's version has no such thing).
    """

    result: Literal["accepted", "rejected", "offline", "timeout", "error", "unsupported"]
    status: str = ""
    detail: str = ""
    data: Any = None

    @property
    def accepted(self) -> bool:
        return self.result == "accepted"
