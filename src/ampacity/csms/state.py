"""What is known of each station now: loaded from the store at the start, kept up by messages and commands.

Reading is free for everybody; only the blocks of the CSMS write. A restart forgets nothing but who is
connected.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from msgspec import Struct
from sqlalchemy import Connection

from ..model.station import ConnectorStatus, StationInfo
from ..store import (
    charging,
    display_messages,
    monitoring,
    profiles,
    provisioning,
    stations,
    transactions,
    variables,
)
from ..store.display_messages import DisplayMessageRow
from ..store.profiles import ProfileRow
from ..store.provisioning import ProvisioningRow, RefusedValue
from ..store.stations import StationRow
from ..store.tokens import token_key
from ..store.transactions import TransactionRow
from ..store.variables import StationVariable
from .boot_policy import Awaited, BootPolicy, Registration
from .charging import StationCharging
from .meters import EvseMeter
from .skew import ClockError
from .vocabulary import Notice, VariableRef, VariableValue

NOTICES_KEPT = 100


class ConnectorState(Struct, frozen=True, kw_only=True):
    """A connector. `reported` is the station's word; `status` tells what 2.x says in transactions, too."""

    evse_id: int
    connector_id: int
    reported: ConnectorStatus
    status: ConnectorStatus
    error: str
    at: datetime


class HeardNotice(Struct, frozen=True):
    """A notification and when it came."""

    at: datetime
    notice: Notice


class Mark(Struct, gc=False):
    """The newest time that a line of messages (a transaction's, an EVSE's) has told, and the keys of those
    that told it; None where they are not known any more.
    """

    at: datetime
    keys: frozenset[str] | None


class Proof(Struct, gc=False):
    """What a station has proved of itself. `floor` is the security profile that it is not let in below,
    `used` the one of its last connection. `next_hashes` are of passwords that it was told and has not come
    back with. `tolerates_expired`: a person lets it in with an expired certificate, to renew it.
    `certificate` describes the one that it showed last, valid until `certificate_ends_at`; `common_name` is
    whose the one of its present connection is.
    """

    floor: int = 0
    used: int | None = None
    next_hashes: tuple[str, ...] = ()
    tolerates_expired: bool = False
    certificate: str | None = None
    certificate_ends_at: datetime | None = None
    expired: bool = False
    fingerprint: str = ""
    common_name: str = ""


class StationState:
    """One station. `version` is the OCPP version of its last socket, to be shown, never to be asked."""

    def __init__(self, operator_id: str, station_id: str) -> None:
        self.operator_id = operator_id
        self.station_id = station_id
        self.site_id: str | None = None
        self.password_hash: str | None = None
        self.proof = Proof()
        self.auto_registered = False
        self.online = False
        self.version: str | None = None
        self.info = StationInfo(vendor="", model="")
        self.boot_reason: str | None = None
        self.booted_at: datetime | None = None
        self.seen_at: float | None = None
        """Its last sign of life, epoch seconds."""
        self.connectors: dict[tuple[int, int], ConnectorState] = {}
        self.heard_statuses: dict[tuple[int, int], tuple[str, float]] = {}
        """(EVSE, connector) -> the status told last, and when it came (epoch seconds of our clock)."""
        self.transactions: dict[str, TransactionRow] = {}
        """Open ones, by their id on the wire."""
        self.marks: dict[str, Mark] = {}
        """How far each line of messages has come (see `ledger`)."""
        self.clock = ClockError()
        """How wrong its clock is."""
        self.meters: dict[int, EvseMeter] = {}
        """By EVSE."""
        self.boot_policy: BootPolicy | None = None
        """None: the node's."""
        self.provision: bool | None = None
        """Whether it is provisioned by itself; None: as the node's settings say."""
        self.registration: Registration | None = None
        """What its last boot was answered."""
        self.provisioned_for: str | None = None
        self.inventory_of: str | None = None
        self.provisioning_problem: str | None = None
        self.refusals: tuple[RefusedValue, ...] = ()
        self.awaited = Awaited()
        """What it was asked for while it is not accepted."""
        self.variables: dict[VariableRef, VariableValue] = {}
        """Those that steer it; the store has all."""
        self.has_monitors = False
        """Whether monitors are known that it holds."""
        self.reboot_required: set[VariableRef] = set()
        """Variables whose value counts after the next boot."""
        self.profiles: dict[int, ProfileRow] = {}
        """Charging profiles that the station holds from us (or may hold: status pending), by their id."""
        self.display_messages: dict[int, DisplayMessageRow] = {}
        """What its displays show for us (or may show: status pending), by id."""
        self.charging = StationCharging()
        self.pending_availability: dict[tuple[int, int | None], bool] = {}
        """(EVSE, connector or None for all of them) -> operative, as accepted but not yet seen in statuses;
        EVSE 0 is the station."""
        self.notices: deque[HeardNotice] = deque(maxlen=NOTICES_KEPT)
        self.registering: asyncio.Future[Any] | None = None
        self.status_since_boot = False
        self.seen_written_at = 0.0

    @property
    def last_seen(self) -> datetime | None:
        """When the station was heard last."""
        return None if self.seen_at is None else datetime.fromtimestamp(self.seen_at, UTC)

    def transaction_on(self, evse_id: int) -> TransactionRow | None:
        """The open transaction of an EVSE, the newest if there are several."""
        on_evse = [row for row in self.transactions.values() if row.evse_id == evse_id]
        return max(on_evse, key=lambda row: row.started_at, default=None)

    def evse_status(self, evse_id: int) -> ConnectorStatus:
        """An EVSE's status over its connectors: the busiest one's.

        A station out of service takes its EVSEs along.
        """
        whole = self.connectors.get((0, 0))
        if whole is not None and whole.status in ("Unavailable", "Faulted"):
            return whole.status
        own = [item.status for (evse, _), item in self.connectors.items() if evse == evse_id]
        return max(own, key=_RANK.index, default="Unavailable")

    def status_of(self, evse_id: int, reported: ConnectorStatus) -> ConnectorStatus:
        """What `reported` means with the EVSE's transaction: 2.x tells charging in transactions only."""
        if reported != "Occupied":
            return reported
        row = self.transaction_on(evse_id)
        if row is None or row.charging_state is None:
            return reported
        return _BY_CHARGING_STATE.get(row.charging_state, reported)

    @property
    def evse_ids(self) -> tuple[int, ...]:
        """The EVSEs that were heard of."""
        return tuple(sorted({evse_id for evse_id, _ in self.connectors if evse_id}))


_RANK: tuple[ConnectorStatus, ...] = (
    "Unavailable",
    "Available",
    "Reserved",
    "Faulted",
    "Preparing",
    "Finishing",
    "Occupied",
    "SuspendedEV",
    "SuspendedEVSE",
    "Charging",
)

_BY_CHARGING_STATE: dict[str, ConnectorStatus] = {
    "Charging": "Charging",
    "SuspendedEV": "SuspendedEV",
    "SuspendedEVSE": "SuspendedEVSE",
    "EVConnected": "Preparing",
    "Idle": "Finishing",
}


class Stations:
    """All stations. An identity is unique in a node whatever the operator:
    a station's URL names no operator.
    """

    def __init__(self) -> None:
        self._by_id: dict[str, StationState] = {}
        self._by_token: dict[tuple[str, str], set[str]] = {}

    @property
    def by_id(self) -> Mapping[str, StationState]:
        """Station id -> state."""
        return self._by_id

    def get(self, station_id: str) -> StationState | None:
        return self._by_id.get(station_id)

    def __iter__(self) -> Iterator[StationState]:
        return iter(tuple(self._by_id.values()))

    def add(self, operator_id: str, station_id: str) -> StationState:
        """The station's state, made when it is new. Raises ValueError when another operator has this id."""
        state = self._by_id.get(station_id)
        if state is None:
            state = self._by_id[station_id] = StationState(operator_id, station_id)
        elif state.operator_id != operator_id:
            raise ValueError(
                f"station id {station_id!r} belongs to operator {state.operator_id!r}: choose another id"
            )
        return state

    def forget(self, station_id: str) -> None:
        """Drop a station that could not be registered."""
        self._by_id.pop(station_id, None)

    def put_transaction(self, state: StationState, row: TransactionRow) -> None:
        """Keep an open transaction, let an ended one go."""
        if row.state == "open":
            state.transactions[row.station_transaction_id] = row
        else:
            state.transactions.pop(row.station_transaction_id, None)
            state.marks.pop(row.station_transaction_id, None)
        if row.token is None:
            return
        key = (row.operator_id, token_key(row.token.value))
        if row.state == "open":
            self._by_token.setdefault(key, set()).add(row.transaction_id)
        elif key in self._by_token:
            self._by_token[key].discard(row.transaction_id)
            if not self._by_token[key]:
                del self._by_token[key]

    def charging_elsewhere(self, operator_id: str, token: str, transaction_id: str | None) -> bool:
        """Whether the token has an open transaction other than `transaction_id`."""
        return bool(self._by_token.get((operator_id, token_key(token)), set()) - {transaction_id or ""})

    def load(self, connection: Connection, operator_id: str) -> None:
        """Read everything of an operator."""
        for row in stations.list_stations(connection, operator_id):
            state = self.add(operator_id, row.station_id)
            _take_row(state, row)
        for kept in provisioning.list_provisioning(connection, operator_id):
            _take_provisioning(self.add(operator_id, kept.station_id), kept)
        for station_id in monitoring.stations_with_monitors(connection, operator_id):
            self.add(operator_id, station_id).has_monitors = True
        for station_id, variable in variables.load_variables(connection, operator_id):
            state, value = self.add(operator_id, station_id), _variable(variable)
            if variable.reboot_required:
                state.reboot_required.add(value.ref)
            state.variables[value.ref] = value
        for transaction in transactions.open_transactions(connection, operator_id):
            state = self.add(operator_id, transaction.station_id)
            self.put_transaction(state, transaction)
            state.marks[transaction.station_transaction_id] = Mark(transaction.updated_at, None)
        for profile in profiles.list_profiles(connection, operator_id):
            self.add(operator_id, profile.station_id).profiles[profile.profile_id] = profile
        for shown in display_messages.list_display_messages(connection, operator_id):
            self.add(operator_id, shown.station_id).display_messages[shown.message_id] = shown
        for station_id, evse_id, phases in charging.phases_of_evses(connection, operator_id):
            self.add(operator_id, station_id).charging.wiring[evse_id] = phases
        for treated in charging.list_station_charging(connection, operator_id):
            self.add(operator_id, treated.station_id).charging.take(treated)
        for status in stations.list_statuses(connection, operator_id):
            state = self.add(operator_id, status.station_id)
            state.connectors[status.evse_id, status.connector_id] = ConnectorState(
                evse_id=status.evse_id,
                connector_id=status.connector_id,
                reported=status.status,
                status=state.status_of(status.evse_id, status.status),
                error=status.error,
                at=status.at,
            )
            state.heard_statuses[status.evse_id, status.connector_id] = (
                status.status,
                status.at.timestamp(),
            )


def _take_row(state: StationState, row: StationRow) -> None:
    state.site_id = row.site_id
    state.password_hash = row.password_hash
    state.proof.floor = max(state.proof.floor, row.security_profile)
    state.auto_registered = row.auto_registered
    state.version = row.version
    state.info = row.info
    state.boot_reason = row.boot_reason
    state.booted_at = row.booted_at
    state.seen_at = None if row.last_seen_at is None else row.last_seen_at.timestamp()


def _take_provisioning(state: StationState, row: ProvisioningRow) -> None:
    state.boot_policy, state.provision = row.boot_policy, row.provision
    state.registration = row.registration
    state.provisioned_for, state.inventory_of = row.provisioned_for, row.inventory_of
    state.provisioning_problem, state.refusals = row.problem, row.refusals


def _variable(variable: StationVariable) -> VariableValue:
    return VariableValue(
        ref=VariableRef(
            component=variable.component,
            variable=variable.variable,
            component_instance=variable.component_instance,
            variable_instance=variable.variable_instance,
            evse_id=variable.evse_id,
            connector_id=variable.connector_id,
            attribute=variable.attribute,  # type: ignore[arg-type]
        ),
        value=variable.value,
        read_only=variable.read_only,
    )
