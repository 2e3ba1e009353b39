"""Transactions as they stand: one row each, changed in the same unit of work as the journal.

Energies are kept as whole milliwatt-hours; the row's floats in Wh are exact to that, and `billed_energy_wh`
gives the Decimal that money is computed from.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from msgspec import Struct, structs
from sqlalchemy import Connection, Row, Select, and_, bindparam, insert, literal_column, or_, select, update

from ..model.station import ChargingState, IdToken
from .columns import to_milliwatthours
from .errors import StoreError
from .statements import Prepared, insert_for, parameters, read_row
from .tables import charging_transaction, station, wire_id
from .tokens import token_key

WIRE_ID_MAX = 2**31 - 1

TransactionState = Literal["open", "ended"]


class TransactionRow(Struct, frozen=True, kw_only=True):
    """A transaction. `transaction_id` is ours, `station_transaction_id` the one on the wire.

    `energy_wh` is the register's advance; `seq_first`, `seq_last` and `seq_count` (messages with a number
    that were kept) tell gaps; `need_wh` and `departure` are the driver's, `boosted` and `paused` a person's
    wish.
    """

    operator_id: str
    transaction_id: str
    station_transaction_id: str
    station_id: str
    evse_id: int
    connector_id: int | None
    token: IdToken | None
    state: TransactionState
    charging_state: ChargingState | None
    started_at: datetime
    updated_at: datetime
    ended_at: datetime | None = None
    register_start_wh: float | None = None
    register_last_wh: float | None = None
    energy_wh: float = 0.0
    power_w: float | None = None
    stop_reason: str | None = None
    offline: bool = False
    seq_first: int | None = None
    seq_last: int | None = None
    seq_count: int = 0
    remote_start_id: int | None = None
    need_wh: float | None = None
    departure: datetime | None = None
    boosted: bool = False
    paused: bool = False

    @property
    def billed_energy_wh(self) -> Decimal:
        """The energy as an exact number of Wh with three decimals."""
        return Decimal(to_milliwatthours(self.energy_wh)).scaleb(-3)

    @property
    def has_gap(self) -> bool:
        """Whether a numbered message between the first and the last is missing."""
        if self.seq_first is None or self.seq_last is None:
            return False
        return self.seq_last - self.seq_first + 1 > self.seq_count


class TransactionFilter(Struct, frozen=True, kw_only=True):
    """Which transactions to list; what is None doesn't matter. The period is of the start."""

    site_id: str | None = None
    station_id: str | None = None
    evse_id: int | None = None
    token: str | None = None
    state: TransactionState | None = None
    started_from: datetime | None = None
    started_until: datetime | None = None


class WireIdsExhausted(StoreError):
    """The 2,147,483,647 transaction ids that OCPP 1.6 has are used up for this operator."""

    def __init__(self, operator_id: str) -> None:
        self.operator_id = operator_id
        super().__init__(
            f"operator {operator_id!r} has used every 1.6 transaction id: move its stations to a new operator"
        )


def next_wire_id(connection: Connection, operator_id: str) -> int:
    """A transaction id for a 1.6 station: positive, 32 bits, never given before to this operator.

    It is taken for good when the unit of work commits; before that no station has heard of it.
    """
    given = _NEXT_WIRE_ID.one(connection, {"operator_id": operator_id, "last": 1})
    assert given is not None  # it inserts or updates, and returns what it wrote
    last: int = given[0]
    if last > WIRE_ID_MAX:
        raise WireIdsExhausted(operator_id)
    return last


def insert_transaction(connection: Connection, row: TransactionRow) -> None:
    """Add a transaction."""
    _INSERT.run(connection, _columns(row))


def update_transaction(
    connection: Connection, row: TransactionRow, before: TransactionRow | None = None
) -> None:
    """Replace the row of `row.transaction_id`.

    With `before`, what it was, columns that are in an index are only written where they have changed: SQLite
    rewrites the entries of every index that an update names.
    """
    values = _columns(row)
    values["key_operator_id"] = values.pop("operator_id")
    values["key_transaction_id"] = values.pop("transaction_id")
    same = before is not None and all(getattr(before, name) == getattr(row, name) for name in _INDEXED)
    (_FOLLOW if same else _UPDATE).run(connection, values)


def get_transaction(connection: Connection, operator_id: str, transaction_id: str) -> TransactionRow | None:
    """One transaction by our id."""
    return _one(
        connection.execute(
            _BY_ID, {"operator_id": operator_id, "transaction_id": transaction_id}
        ).one_or_none()
    )


def by_wire_id(
    connection: Connection, operator_id: str, station_id: str, station_transaction_id: str
) -> TransactionRow | None:
    """The newest transaction of a station with this id on the wire (stations may use an id again after a
    reset).
    """
    found = _BY_WIRE_ID.all(
        connection,
        {
            "operator_id": operator_id,
            "station_id": station_id,
            "station_transaction_id": station_transaction_id,
        },
    )
    rows = [_made(read_row(charging_transaction, stored)) for stored in found]
    return max(rows, key=lambda row: (row.started_at, row.transaction_id), default=None)


def open_transactions(
    connection: Connection, operator_id: str, station_id: str | None = None, evse_id: int | None = None
) -> list[TransactionRow]:
    """Transactions that have not ended, oldest first: all, a station's, or an EVSE's."""
    query = _SELECT.where(
        charging_transaction.c.operator_id == operator_id, charging_transaction.c.state == "open"
    )
    if station_id is not None:
        query = query.where(charging_transaction.c.station_id == station_id)
    if evse_id is not None:
        query = query.where(charging_transaction.c.evse_id == evse_id)
    query = query.order_by(charging_transaction.c.started_at, charging_transaction.c.transaction_id)
    return [_row(row) for row in connection.execute(query)]


def list_transactions(
    connection: Connection,
    operator_id: str,
    wanted: TransactionFilter | None = None,
    *,
    before: tuple[datetime, str] | None = None,
    limit: int = 100,
) -> list[TransactionRow]:
    """Transactions, newest first. For the next page pass the last one's (started_at, transaction_id) as
    `before`.
    """
    wanted = wanted or TransactionFilter()
    column = charging_transaction.c
    query = _SELECT.where(column.operator_id == operator_id)
    if wanted.site_id is not None:
        of_site = select(station.c.station_id).where(
            station.c.operator_id == operator_id, station.c.site_id == wanted.site_id
        )
        query = query.where(column.station_id.in_(of_site))
    if wanted.station_id is not None:
        query = query.where(column.station_id == wanted.station_id)
    if wanted.evse_id is not None:
        query = query.where(column.evse_id == wanted.evse_id)
    if wanted.token is not None:
        query = query.where(column.token_key == token_key(wanted.token))
    if wanted.state is not None:
        query = query.where(column.state == wanted.state)
    if wanted.started_from is not None:
        query = query.where(column.started_at >= wanted.started_from)
    if wanted.started_until is not None:
        query = query.where(column.started_at < wanted.started_until)
    if before is not None:
        at, transaction_id = before
        query = query.where(
            or_(
                column.started_at < at,
                and_(column.started_at == at, column.transaction_id < transaction_id),
            )
        )
    query = query.order_by(column.started_at.desc(), column.transaction_id.desc()).limit(limit)
    return [_row(row) for row in connection.execute(query)]


def _columns(row: TransactionRow) -> dict[str, Any]:
    values = structs.asdict(row)
    token: IdToken | None = values.pop("token")
    values["token"] = None if token is None else token.value
    values["token_kind"] = None if token is None else token.kind
    values["token_key"] = None if token is None else token_key(token.value)
    return values


def _one(row: Row[Any] | None) -> TransactionRow | None:
    return None if row is None else _row(row)


def _row(row: Row[Any]) -> TransactionRow:
    return _made(dict(row._mapping))


def _made(values: dict[str, Any]) -> TransactionRow:
    value, kind = values.pop("token"), values.pop("token_kind")
    del values["token_key"]
    return TransactionRow(token=None if value is None else IdToken(value, kind), **values)


def _next_wire_id(dialect: str) -> Any:
    following = wire_id.c.last + literal_column("1")
    return (
        insert_for(dialect, wire_id)
        .values(parameters(wire_id))
        .on_conflict_do_update(index_elements=["operator_id"], set_={"last": following})
        .returning(wire_id.c.last)
    )


_NEXT_WIRE_ID = Prepared(_next_wire_id)
_SELECT: Select[Any] = select(charging_transaction)
_INSERT = Prepared(lambda _: insert(charging_transaction).values(parameters(charging_transaction)))
_INDEXED = ("station_transaction_id", "station_id", "evse_id", "token", "state", "started_at")
"""Fields whose columns are in an index beside the key; all others may be written cheaply."""


def _update(without: tuple[str, ...]) -> Any:
    return (
        update(charging_transaction)
        .where(
            charging_transaction.c.operator_id == bindparam("key_operator_id"),
            charging_transaction.c.transaction_id == bindparam("key_transaction_id"),
        )
        .values(parameters(charging_transaction, without=("operator_id", "transaction_id", *without)))
    )


_UPDATE = Prepared(lambda _: _update(()))
_FOLLOW = Prepared(lambda _: _update((*_INDEXED, "token_key", "token_kind")))
_BY_ID = _SELECT.where(
    charging_transaction.c.operator_id == bindparam("operator_id"),
    charging_transaction.c.transaction_id == bindparam("transaction_id"),
)
_BY_WIRE_ID = Prepared(
    lambda _: (
        # Without an order: for the newest one SQLite would walk through all transactions by their start.
        _SELECT.where(
            charging_transaction.c.operator_id == bindparam("operator_id"),
            charging_transaction.c.station_id == bindparam("station_id"),
            charging_transaction.c.station_transaction_id == bindparam("station_transaction_id"),
        )
    )
)
