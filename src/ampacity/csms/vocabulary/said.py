"""What stations say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from ...model.station import (
    ChargingState,
    ConnectorStatus,
    IdToken,
    MeterReading,
    StationInfo,
    TransactionPhase,
)
from .certificates import ContractProof

NO_TIME = datetime.fromtimestamp(0, UTC)
"""The time of a message that tells none (values of no instant)."""


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
    """Authorize: may this token charge? `contract` is what a car showed to prove that it is its own."""

    token: IdToken
    contract: ContractProof | None = None


class TransactionMessage(Struct, frozen=True, kw_only=True):
    """Start-/StopTransaction and a transaction's MeterValues of 1.6, TransactionEvent of 2.x.

    `station_transaction_id` is None only in a 1.6 start (its id is ours to give). `register_wh` is the
    meter's register where the message carries it (meterStart, meterStop or a sampled register). `at` and
    `retry_key` together are equal for a message of a station and its repetition and for nothing else.
    `offline` is the station's own word, None where its version has none. `anonymous`: nobody had to identify
    themselves (NoAuthorization of 2.x). `reservation_id`: the reservation that the transaction uses up.
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
    anonymous: bool = False
    reservation_id: int | None = None


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
