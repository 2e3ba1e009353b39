"""The journal: each message that money may depend on, once, before it is answered.

A message and its repetition have the same retry key; the first one is kept, and a repetition is told the
answer that the first one got. The caller appends, changes the transaction's row and stores the answer in
*one* unit of work: they become durable together or not at all. Samples and rollups derive from here
(`samples`) and can be rebuilt.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from msgspec import Struct
from sqlalchemy import Connection, bindparam, func, select, update

from .statements import Prepared, insert_for, parameters
from .tables import journal


class TransactionRecord(Struct, frozen=True, kw_only=True):
    """A message to keep. `payload` is the JSON of the vocabulary's TransactionMessage (or Metered).

    `kind` is `Started`, `Updated`, `Ended` or, for values outside of any transaction, `Metered`.
    `transaction_id` is ours. `answer` may be given now or, once it is known, by `set_answer`.
    """

    operator_id: str
    station_id: str
    received_at: datetime
    kind: str
    retry_key: str
    transaction_id: str | None
    payload: bytes
    answer: bytes | None = None


class JournalResult(Struct, frozen=True, kw_only=True):
    """`fresh` is False for a repetition; then `answer` and `transaction_id` are those of the first one."""

    journal_id: int
    fresh: bool
    answer: bytes | None
    transaction_id: str | None


class JournalEntry(Struct, frozen=True, kw_only=True):
    """A kept message."""

    id: int
    operator_id: str
    station_id: str
    received_at: datetime
    kind: str
    retry_key: str
    transaction_id: str | None
    payload: bytes
    answer: bytes | None


def append(connection: Connection, record: TransactionRecord) -> JournalResult:
    """Keep `record`, unless its retry key is kept for this station already."""
    appended = _APPEND.one(
        connection,
        {
            "operator_id": record.operator_id,
            "station_id": record.station_id,
            "received_at": record.received_at,
            "kind": record.kind,
            "retry_key": record.retry_key,
            "transaction_id": record.transaction_id,
            "payload": record.payload,
            "answer": record.answer,
        },
    )
    if appended is not None:
        return JournalResult(
            journal_id=appended[0], fresh=True, answer=record.answer, transaction_id=record.transaction_id
        )
    found = find(connection, record.operator_id, record.station_id, record.retry_key)
    assert found is not None  # the insert met it a moment ago, in this transaction
    return found


def find(connection: Connection, operator_id: str, station_id: str, retry_key: str) -> JournalResult | None:
    """The kept message with this retry key, as a repetition of it would be told."""
    row = connection.execute(
        _FIND, {"operator_id": operator_id, "station_id": station_id, "retry_key": retry_key}
    ).one_or_none()
    if row is None:
        return None
    return JournalResult(journal_id=row.id, fresh=False, answer=row.answer, transaction_id=row.transaction_id)


def set_answer(
    connection: Connection,
    operator_id: str,
    journal_id: int,
    answer: bytes,
    transaction_id: str | None = None,
) -> None:
    """Store what was answered (and, where it was not known before, the transaction's id)."""
    _SET_ANSWER.run(
        connection,
        {
            "key_operator_id": operator_id,
            "key_id": journal_id,
            "new_answer": answer,
            "new_transaction_id": transaction_id,
        },
    )


def entries(
    connection: Connection,
    operator_id: str,
    *,
    station_id: str | None = None,
    transaction_id: str | None = None,
    after: int = 0,
    limit: int = 1000,
) -> list[JournalEntry]:
    """Kept messages in the order of arrival, those after the id `after`."""
    query = select(journal).where(journal.c.operator_id == operator_id, journal.c.id > after)
    if station_id is not None:
        query = query.where(journal.c.station_id == station_id)
    if transaction_id is not None:
        query = query.where(journal.c.transaction_id == transaction_id)
    return list(_entries(connection, query.order_by(journal.c.id).limit(limit)))


def _entries(connection: Connection, query: Any) -> Iterator[JournalEntry]:
    for row in connection.execute(query):
        yield JournalEntry(**row._mapping)


def _append(dialect: str) -> Any:
    return (
        insert_for(dialect, journal)
        .values(parameters(journal, without=("id",)))
        .on_conflict_do_nothing(index_elements=["operator_id", "station_id", "retry_key"])
        .returning(journal.c.id)
    )


_APPEND = Prepared(_append)
_SET_ANSWER = Prepared(
    lambda _: (
        update(journal)
        .where(journal.c.operator_id == bindparam("key_operator_id"), journal.c.id == bindparam("key_id"))
        .values(
            answer=bindparam("new_answer"),
            transaction_id=func.coalesce(bindparam("new_transaction_id"), journal.c.transaction_id),
        )
    )
)
_FIND = select(journal.c.id, journal.c.answer, journal.c.transaction_id).where(
    journal.c.operator_id == bindparam("operator_id"),
    journal.c.station_id == bindparam("station_id"),
    journal.c.retry_key == bindparam("retry_key"),
)
