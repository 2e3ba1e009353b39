"""Transactions as they stand: one row each, derived from the journal.

Energies are kept as whole milliwatt-hours; the row's floats in Wh are exact to that, and `billed_energy_wh`
gives the Decimal that money is computed from.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Any, Literal

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, Row, Select, and_, bindparam, or_, select

from ..model.goals import GoalKind, Goals
from ..model.station import ChargingState, IdToken
from .columns import to_micros, to_milliwatthours
from .errors import StoreError
from .rows import Rows
from .statements import insert_for
from .tables import charging_transaction, session_wish, station, wire_id
from .tokens import token_key

WIRE_ID_MAX = 2**31 - 1

TransactionState = Literal["open", "ended"]


class TransactionRow(Struct, kw_only=True, gc=False):
    """A transaction. Never changed once it was handed out: who follows it makes a copy.

    `transaction_id` is ours, `station_transaction_id` the one on the wire.

    `energy_wh` is the register's advance; `seq_first`, `seq_last` and `seq_count` (messages with a number
    that were kept) tell gaps: `missing` holds the numbers that are (`42,44-45`), `incomplete` says that they
    will not come. `clock_correction_s` is what had to be added to times that the station told (the largest),
    None where its clock was right; all times of the row are corrected. `need_wh` and `departure` are the
    driver's, `boosted`, `paused` and `goals` a person's wish; `goal_reached` is which of these it came to.
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
    clock_correction_s: float | None = None
    missing: str | None = None
    incomplete: bool = False
    need_wh: float | None = None
    departure: datetime | None = None
    boosted: bool = False
    paused: bool = False
    goals: Goals | None = None
    goal_reached: GoalKind | None = None

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


class WishRow(Struct, frozen=True, kw_only=True):
    """What people want of a session."""

    need_wh: float | None
    departure: datetime | None
    boosted: bool
    paused: bool
    goals: Goals | None = None
    goal_reached: GoalKind | None = None


class TransactionFilter(Struct, frozen=True, kw_only=True):
    """Which transactions to list; what is None doesn't matter. The period is of the start."""

    site_id: str | None = None
    station_id: str | None = None
    evse_id: int | None = None
    token: str | None = None
    state: TransactionState | None = None
    stop_reason: str | None = None
    started_from: datetime | None = None
    started_until: datetime | None = None


class WireIdsExhausted(StoreError):
    """The 2,147,483,647 transaction ids that OCPP 1.6 has are used up for this operator."""

    def __init__(self, operator_id: str) -> None:
        self.operator_id = operator_id
        super().__init__(
            f"operator {operator_id!r} has used every 1.6 transaction id: move its stations to a new operator"
        )


def next_wire_ids(connection: Connection, operator_id: str, number: int = 1) -> range:
    """Transaction ids for 1.6 stations: positive, 32 bits, never given before to this operator.

    They are taken for good when the unit of work commits; before that no station has heard of them.
    """
    last: int = connection.execute(
        _next_wire_ids(connection.dialect.name), {"operator_id": operator_id, "last": number}
    ).scalar_one()
    if last > WIRE_ID_MAX:
        raise WireIdsExhausted(operator_id)
    return range(last - number + 1, last + 1)


def save_transactions(connection: Connection, rows: Sequence[TransactionRow]) -> None:
    """Add transactions, or replace what is known of them."""
    _SAVE.write(connection, [_stored(row) for row in rows])


def follow_transactions(connection: Connection, rows: Sequence[TransactionRow]) -> None:
    """The same for transactions that are there and whose indexed columns (see `FOLLOWED_BY_INDEX`) have not
    changed: SQLite rewrites the entries of every index that an update names.
    """
    _FOLLOW.write(connection, [_stored(row) for row in rows])


def set_wish(connection: Connection, operator_id: str, transaction_id: str, change: dict[str, Any]) -> None:
    """Keep what people want of a session: some of need_wh, departure, boosted, paused, goals, and which of
    those it came to (goal_reached)."""
    row = {
        "operator_id": operator_id,
        "transaction_id": transaction_id,
        "need_wh": None,
        "departure": None,
        "boosted": False,
        "paused": False,
        "goals": None,
        "goal_reached": None,
    } | change
    insert = insert_for(connection.dialect.name, session_wish).values(row)
    connection.execute(
        insert.on_conflict_do_update(
            index_elements=["operator_id", "transaction_id"],
            set_={name: insert.excluded[name] for name in change},
        )
    )


def wish_of(connection: Connection, operator_id: str, transaction_id: str) -> WishRow | None:
    """What people want of a session; None where nobody said anything."""
    row = connection.execute(
        select(
            session_wish.c.need_wh,
            session_wish.c.departure,
            session_wish.c.boosted,
            session_wish.c.paused,
            session_wish.c.goals,
            session_wish.c.goal_reached,
        ).where(session_wish.c.operator_id == operator_id, session_wish.c.transaction_id == transaction_id)
    ).one_or_none()
    if row is None:
        return None
    goals = None if row.goals is None else msgspec.convert(row.goals, Goals)
    return WishRow(**{**row._mapping, "goals": goals})


def get_transaction(connection: Connection, operator_id: str, transaction_id: str) -> TransactionRow | None:
    """One transaction by our id."""
    return _one(
        connection.execute(
            _BY_ID, {"operator_id": operator_id, "transaction_id": transaction_id}
        ).one_or_none()
    )


def evses_of(connection: Connection, operator_id: str, transaction_ids: Collection[str]) -> dict[str, int]:
    """Which EVSE each of these transactions was on; those that are not known are left out."""
    rows = connection.execute(
        select(charging_transaction.c.transaction_id, charging_transaction.c.evse_id).where(
            charging_transaction.c.operator_id == operator_id,
            charging_transaction.c.transaction_id.in_(tuple(transaction_ids)),
        )
    )
    return {row.transaction_id: row.evse_id for row in rows}


def by_wire_id(
    connection: Connection, operator_id: str, station_id: str, station_transaction_id: str
) -> TransactionRow | None:
    """The newest transaction of a station with this id on the wire (stations may use an id again after a
    reset).
    """
    found = connection.execute(
        # Without an order: for the newest one SQLite would walk through all transactions by their start.
        _SELECT.where(
            charging_transaction.c.operator_id == operator_id,
            charging_transaction.c.station_id == station_id,
            charging_transaction.c.station_transaction_id == station_transaction_id,
        )
    )
    rows = [_row(row) for row in found]
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


def missing_numbers(connection: Connection, operator_id: str, started_from: datetime) -> list[TransactionRow]:
    """Transactions since then of which numbered messages are missing that may still come."""
    column = charging_transaction.c
    query = _SELECT.where(
        column.operator_id == operator_id,
        column.started_at >= started_from,
        column.missing.is_not(None),
        column.incomplete.is_(False),
    )
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
    if wanted.stop_reason is not None:
        query = query.where(column.stop_reason == wanted.stop_reason)
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


def _stored(row: TransactionRow) -> tuple[Any, ...]:
    """A row as it is stored, in the order of the table's columns."""
    token = row.token
    return (
        row.operator_id,
        row.transaction_id,
        row.station_transaction_id,
        row.station_id,
        row.evse_id,
        row.connector_id,
        None if token is None else token_key(token.value),
        None if token is None else token.value,
        None if token is None else token.kind,
        row.state,
        row.charging_state,
        to_micros(row.started_at),
        to_micros(row.updated_at),
        None if row.ended_at is None else to_micros(row.ended_at),
        _energy(row.register_start_wh),
        _energy(row.register_last_wh),
        _energy(row.energy_wh),
        row.power_w,
        row.stop_reason,
        row.offline,
        row.seq_first,
        row.seq_last,
        row.seq_count,
        row.remote_start_id,
        row.clock_correction_s,
        row.missing,
        row.incomplete,
    )


def _energy(energy_wh: float | None) -> int | None:
    return None if energy_wh is None else to_milliwatthours(energy_wh)


def _one(row: Row[Any] | None) -> TransactionRow | None:
    return None if row is None else _row(row)


def _row(row: Row[Any]) -> TransactionRow:
    values = dict(row._mapping)
    value, kind = values.pop("token"), values.pop("token_kind")
    del values["token_key"]
    values["boosted"], values["paused"] = bool(values["boosted"]), bool(values["paused"])
    if values["goals"] is not None:
        values["goals"] = msgspec.convert(values["goals"], Goals)
    return TransactionRow(token=None if value is None else IdToken(value, kind), **values)


@cache
def _next_wire_ids(dialect: str) -> Any:
    insert = insert_for(dialect, wire_id)
    return (
        insert.values(operator_id=bindparam("operator_id"), last=bindparam("last"))
        .on_conflict_do_update(
            index_elements=["operator_id"], set_={"last": wire_id.c.last + insert.excluded["last"]}
        )
        .returning(wire_id.c.last)
    )


_KEY = ("operator_id", "transaction_id")


_SAVE = Rows(charging_transaction, conflict="replace")

FOLLOWED_BY_INDEX = ("station_transaction_id", "station_id", "evse_id", "token", "state", "started_at")
"""Fields whose columns are in an index beside the key; all others may be written cheaply."""

_FOLLOW = Rows(
    charging_transaction,
    conflict=lambda _, offered: {
        column.name: offered[column.name]
        for column in charging_transaction.c
        if column.name not in (*_KEY, *FOLLOWED_BY_INDEX, "token_key", "token_kind")
    },
)
_SELECT: Select[Any] = select(
    charging_transaction,
    session_wish.c.need_wh,
    session_wish.c.departure,
    session_wish.c.boosted,
    session_wish.c.paused,
    session_wish.c.goals,
    session_wish.c.goal_reached,
).outerjoin(
    session_wish,
    and_(
        session_wish.c.operator_id == charging_transaction.c.operator_id,
        session_wish.c.transaction_id == charging_transaction.c.transaction_id,
    ),
)
_BY_ID = _SELECT.where(
    charging_transaction.c.operator_id == bindparam("operator_id"),
    charging_transaction.c.transaction_id == bindparam("transaction_id"),
)
