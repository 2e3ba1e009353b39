"""The journal: each message that money may depend on, once, as it came, before it is answered.

Appending is all that happens on the way of a message: `Journal.append` gathers what comes while the disk is
busy and writes it as one group, in the order of arrival; a message that was appended is on the disk when its
`kept` is called. Whether a message is new is for the caller to know before (see `csms.ledger`). What
transactions, keys, readings and rollups are is derived from here.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

from msgspec import Struct
from sqlalchemy import Connection, func, select

from .columns import to_micros
from .database import Store
from .rows import Rows
from .tables import journal, message_key, watermark

log = logging.getLogger(__name__)


class JournalEntry(Struct, frozen=True, kw_only=True):
    """A kept message.

    `kind` is `Started`, `Updated`, `Ended` or, for values outside of any transaction, `Metered`; `at` is the
    time that it tells. `payload` is the text of the request's payload as the station sent it, in OCPP
    `version`; `answer` that of the answer's payload, None for an empty one. `transaction_id` is ours.
    `retry_key` is equal for a message of a station and its repetition and for nothing else. `correction_s` is
    what must be added to all times that it tells, None where the station's clock was right (see
    `csms.skew`).
    """

    id: int
    operator_id: str
    station_id: str
    received_at: datetime
    version: str
    action: str
    kind: str
    at: datetime
    retry_key: str
    transaction_id: str | None
    payload: bytes
    answer: bytes | None = None
    correction_s: float | None = None


class KeptMessage(Struct, frozen=True):
    """Where a message lies that was told before."""

    journal_id: int
    transaction_id: str | None


M = TypeVar("M")
Kept = Callable[[Any], None]
Refused = Callable[[Any, Exception], None]

_COLUMNS = (
    "id",
    "operator_id",
    "station_id",
    "received_at",
    "version",
    "action",
    "kind",
    "at",
    "retry_key",
    "transaction_id",
    "payload",
    "answer",
    "correction_s",
)
JournalRow = tuple[int, str, str, int, str, str, str, int, str, str | None, bytes, bytes | None, float | None]
"""An entry as it is stored: times in microseconds."""

_ROWS = Rows(journal, _COLUMNS)


class Journal:
    """Appends to the journal in groups. It belongs to the event loop; one for a store."""

    def __init__(self, store: Store, last_id: int) -> None:
        self._store = store
        self._last_id = last_id
        self._rows: list[JournalRow] = []
        self._waiting: list[tuple[Any, Kept, Refused]] = []
        self._writing: asyncio.Task[None] | None = None

    @classmethod
    async def open(cls, store: Store) -> Journal:
        """The journal of `store`, going on after its last row."""
        return cls(store, await store.read(last_id))

    @property
    def newest_id(self) -> int:
        """The id that was given last."""
        return self._last_id

    def next_id(self) -> int:
        """The id for the next row; rows must be appended in this order."""
        self._last_id += 1
        return self._last_id

    def append(
        self,
        row: JournalRow,
        message: M,
        kept: Callable[[M], None],
        refused: Callable[[M, Exception], None],
    ) -> None:
        """Write `row`; `kept` is called with `message` when it is on the disk, `refused` when it could not be
        written.
        """
        self._rows.append(row)
        self._waiting.append((message, kept, refused))
        if self._writing is None:
            self._writing = asyncio.ensure_future(self._write())

    async def _write(self) -> None:
        """One group after the other until nothing is left; what arrives meanwhile is the next one."""
        try:
            while self._rows:
                rows, waiting = self._rows, self._waiting
                self._rows, self._waiting = [], []
                try:
                    await self._store.write(lambda connection, rows=rows: _ROWS.write(connection, rows))  # type: ignore[misc]
                except Exception as error:
                    for message, _, refused in waiting:
                        _call(refused, message, error)
                else:
                    for message, kept, _ in waiting:
                        _call(kept, message)
        finally:
            self._writing = None


def _call(callback: Callable[..., None], *arguments: Any) -> None:
    try:
        callback(*arguments)
    except Exception:
        # One message's trouble must not keep the others of its group from being answered.
        log.exception("a message of the journal could not be followed up")


def last_id(connection: Connection) -> int:
    """The highest id that was ever given."""
    told = connection.execute(select(func.max(journal.c.id))).scalar()
    marked = connection.execute(select(func.max(watermark.c.journal_id))).scalar()
    return max(told or 0, marked or 0)


def find(
    connection: Connection, operator_id: str, station_id: str, at: datetime, retry_key: str
) -> KeptMessage | None:
    """Where a message lies that was told before; None for one that is new, or was kept so lately that its key
    has not been derived yet.
    """
    row = connection.execute(
        select(message_key.c.journal_id, message_key.c.transaction_id).where(
            message_key.c.operator_id == operator_id,
            message_key.c.station_id == station_id,
            message_key.c.at == at,
            message_key.c.retry_key == retry_key,
        )
    ).one_or_none()
    return None if row is None else KeptMessage(row.journal_id, row.transaction_id)


def answer_of(connection: Connection, journal_id: int) -> bytes | None:
    """What the message with this id was answered."""
    return connection.execute(select(journal.c.answer).where(journal.c.id == journal_id)).scalar()


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
    rows = connection.execute(query.order_by(journal.c.id).limit(limit))
    return [JournalEntry(**row._mapping) for row in rows]


def times_told(
    connection: Connection, operator_id: str, after: int
) -> list[tuple[str, datetime, datetime, float | None]]:
    """(station, time told, time received, correction) of the messages after the id `after`, as they came."""
    column = journal.c
    rows = connection.execute(
        select(column.station_id, column.at, column.received_at, column.correction_s)
        .where(column.operator_id == operator_id, column.id > after)
        .order_by(column.id)
    )
    return [(row.station_id, row.at, row.received_at, row.correction_s) for row in rows]


def stored(entry: JournalEntry) -> JournalRow:
    """An entry as a row."""
    return (
        entry.id,
        entry.operator_id,
        entry.station_id,
        to_micros(entry.received_at),
        entry.version,
        entry.action,
        entry.kind,
        to_micros(entry.at),
        entry.retry_key,
        entry.transaction_id,
        entry.payload,
        entry.answer,
        entry.correction_s,
    )


def add(connection: Connection, entry: JournalEntry) -> None:
    """Append one entry at once (tools and tests; messages go through `Journal`)."""
    _ROWS.write(connection, [stored(entry)])
