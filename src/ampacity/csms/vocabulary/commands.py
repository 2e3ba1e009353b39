"""What stations can be told, and what becomes of it. A command's tag is its name in the API and the audit."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from msgspec import Struct

from ...model.station import IdToken
from .charging import Purpose


class RequestStart(Struct, frozen=True, kw_only=True, tag="request_start"):
    """Start a transaction on an EVSE for a token; a TxProfile for it comes without transaction id."""

    evse_id: int
    token: IdToken
    remote_start_id: int = 0
    profile: Profile | None = None


class RequestStop(Struct, frozen=True, kw_only=True, tag="request_stop"):
    """Stop a transaction, by its id on the wire."""

    station_transaction_id: str


class GetTransactionStatus(Struct, frozen=True, kw_only=True, tag="get_transaction_status"):
    """Ask whether a transaction goes on, and whether messages of it wait; without an id, whether any messages
    of transactions wait. Outcome data: TransactionStatus.
    """

    station_transaction_id: str | None = None


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
    """Take an EVSE, one of its connectors, or with `evse_id` 0 the station in or out of service."""

    evse_id: int
    operative: bool
    connector_id: int | None = None


class VariableRef(Struct, frozen=True, kw_only=True):
    """A variable of the device model; a 1.6 configuration key is component `OCPP16`, variable = key."""

    component: str
    variable: str
    component_instance: str | None = None
    variable_instance: str | None = None
    evse_id: int | None = None
    connector_id: int | None = None
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
    """A charging profile in standard terms. `unit` is A per phase or W; limits carry one decimal exactly. A
    Recurring one returns daily unless `recurrency` says otherwise.

    Of 2.1: the profile says nothing while the station has been offline for more than `max_offline_s`, and
    with `invalid_after_offline` never again.
    """

    profile_id: int
    stack_level: int
    purpose: Purpose
    kind: Literal["Absolute", "Recurring", "Relative"]
    unit: Literal["A", "W"]
    periods: tuple[SchedulePeriod, ...]
    start: datetime | None = None
    duration_s: int | None = None
    station_transaction_id: str | None = None
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    recurrency: Literal["Daily", "Weekly"] | None = None
    max_offline_s: int | None = None
    invalid_after_offline: bool = False


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
    """A composite schedule as the station told it. A period without a limit is infinite (JSON: null)."""

    start: datetime
    unit: Literal["A", "W"]
    periods: tuple[SchedulePeriod, ...]


class SendVendorData(Struct, frozen=True, kw_only=True, tag="data_transfer"):
    """DataTransfer to the station. Outcome data: its answer's data."""

    vendor_id: str
    message_id: str | None = None
    data: Any = None


class RawCall(Struct, frozen=True, kw_only=True, tag="ocpp"):
    """Any action of the station's version, its payload exactly as given (JSON text). Outcome data: the
    answer's payload. What it means is the same as the command that it could have been.
    """

    action: str
    payload: str


class Outcome(Struct, frozen=True, kw_only=True):
    """What became of a command. `result`:

    `accepted`, `rejected` (the station said no: `status` is its word), `offline` (no socket), `timeout` (no
    answer; it may or may not have acted), `error` (CALLERROR or an answer that breaks its schema: `detail`
    says what), `unsupported` (the station's version has no such thing), `invalid` (a raw payload breaks its
    schema: `status` is OCPP's error code, `detail` names the place; nothing was sent), `not_accepted` (the
    station was not accepted at its boot, so it must not be told this; nothing was sent).
    """

    result: Literal[
        "accepted", "rejected", "offline", "timeout", "error", "unsupported", "invalid", "not_accepted"
    ]
    status: str = ""
    detail: str = ""
    data: Any = None

    @property
    def accepted(self) -> bool:
        return self.result == "accepted"
