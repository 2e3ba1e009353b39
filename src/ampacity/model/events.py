"""What happened, as the bus tells it. `at` is site time: UTC, aware."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from .live import MeterFault
from .phases import PerPhase
from .station import ChargingState, ConnectorStatus, IdToken, MeterReading, StationInfo, TransactionPhase


class StationConnected(Struct, frozen=True, kw_only=True):
    """A socket of a known station is open. `version` is shown, never branched on above `csms.dialects`."""

    operator_id: str
    station_id: str
    version: str
    at: datetime


class StationDisconnected(Struct, frozen=True, kw_only=True):
    """The last socket of the station is gone."""

    operator_id: str
    station_id: str
    reason: str
    at: datetime


class StationBooted(Struct, frozen=True, kw_only=True):
    """The station sent BootNotification and was accepted."""

    operator_id: str
    station_id: str
    info: StationInfo
    reason: str
    at: datetime


class ConnectorChanged(Struct, frozen=True, kw_only=True):
    """A connector's status; `connector_id` 0 is the EVSE or, with `evse_id` 0, the station."""

    operator_id: str
    station_id: str
    evse_id: int
    connector_id: int
    status: ConnectorStatus
    error: str
    at: datetime


class ExternalLimitChanged(Struct, frozen=True, kw_only=True):
    """Somebody else than we limits the station (`evse_id` 0) or an EVSE, or does so no longer."""

    operator_id: str
    station_id: str
    evse_id: int
    source: str
    imposed: bool
    at: datetime


class TransactionChanged(Struct, frozen=True, kw_only=True):
    """A transaction as it stands after a message of it was stored.

    `transaction_id` is ours and unique; `station_transaction_id` is the one on the wire. `energy_wh` is the
    register's advance since the start, `power_w` the last known power.
    """

    operator_id: str
    station_id: str
    evse_id: int
    transaction_id: str
    station_transaction_id: str
    phase: TransactionPhase
    token: IdToken | None
    charging_state: ChargingState | None
    started_at: datetime
    energy_wh: float
    power_w: float | None
    stop_reason: str | None
    at: datetime


class MeterSampled(Struct, frozen=True, kw_only=True):
    """Values of an EVSE's meter. `received_at` is when we got them; a reading may be older (replayed)."""

    operator_id: str
    station_id: str
    evse_id: int
    transaction_id: str | None
    reading: MeterReading
    received_at: datetime


class CircuitMetered(Struct, frozen=True, kw_only=True):
    """A circuit's own meter was read, on the circuit's phases. Positive is import.

    `at` is the meter's own time where it has one that is trusted, else when the reading came. The rest is
    None where the meter does not tell it: `power_w` of all phases together, registers in Wh.
    """

    site_id: str
    circuit_id: str
    current_a: PerPhase
    at: datetime
    power_w: float | None = None
    voltage_v: tuple[float | None, float | None, float | None] | None = None
    import_wh: float | None = None
    export_wh: float | None = None


class CircuitMeterFailed(Struct, frozen=True, kw_only=True):
    """A circuit's meter told nothing, or nothing that can be used. `text` says what, and what to do."""

    site_id: str
    circuit_id: str
    fault: MeterFault
    text: str
    at: datetime


class MessagePassed(Struct, frozen=True, kw_only=True):
    """A raw OCPP frame, for the message log and the live tail. `direction` is `in` (from the station) or
    `out`.
    """

    operator_id: str
    station_id: str
    direction: str
    frame: str
    at: datetime
