"""The ledger: each message is kept once, then it counts. What counts is derived from what was kept.

How a message travels. `keep` looks whether the message is new, appends it to the journal and, when its group
is on the disk, calls the block that owns it (`Owner.apply`): state and events change, and only then the
station is answered. What the message changed for good (the transaction's row, its key, its readings) gathers
in memory and is written each 200 ms, together with the *watermark*: up to which row of the journal all of it
is in the tables. So a message costs one appended row; the tables are written once for many. After a crash the
rows past the watermark are applied again: nothing else can have been lost.

Whether a message is new. A station tells a transaction's messages in the order of their time, so one that is
later than all before it (`Mark`) can't be a repetition, and nothing needs to be looked up. Any other is
looked for: among those on their way to the disk, among those kept lately, then among the keys in the store. A
repetition changes nothing and is told what the first one was told.

Samples have a watermark of their own, which a rebuild sets back (see `deriving`).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import Connection

from ..store import Store, StoreClosed, StoreUnavailable, journal, transactions
from ..store.columns import to_micros
from ..store.journal import Journal, JournalEntry
from ..store.rows import Rows
from ..store.samples import Told
from ..store.tables import message_key
from ..store.transactions import FOLLOWED_BY_INDEX, TransactionRow
from ..store.watermarks import LEDGER, read_marks, set_mark
from .deriving import Deriving
from .kept import Interpret, Keeping, MessageKey, Owner, Said, key_of
from .state import Mark, StationState
from .vocabulary import TransactionMessage

log = logging.getLogger(__name__)

DERIVE_EVERY_S = 0.2
"""Wall time between two writes of what was derived."""

MESSAGES_AT_ONCE = 200
CLOCKS_FROM_LAST = 5_000
"""Messages of the journal from which wrong clocks are known again after a restart."""


class _Batch(Struct):
    """What is to be written with one advance of the watermark."""

    rows: dict[str, TransactionRow]
    keys: list[tuple[Any, ...]]
    told: list[Told]
    marks: dict[str, int]
    """Operator -> the last journal id in it."""


def _empty() -> _Batch:
    return _Batch({}, [], [], {})


class Ledger:
    """Keeps messages. `start` before the first one; `run` beside; `stop` writes what has gathered."""

    def __init__(self, store: Store, interpret: Interpret) -> None:
        self._store = store
        self._interpret = interpret
        self._owners: dict[type[Any], Owner] = {}
        self._journal: Journal | None = None
        self._in_flight: dict[MessageKey, Keeping] = {}
        self._batch = _empty()
        self._unwritten: dict[MessageKey, tuple[int, str]] = {}
        """Messages whose keys are not in the store yet -> (journal id, answer)."""
        self._saved: dict[str, TransactionRow] = {}
        """Open transactions as they are in the store: which of their columns have changed."""
        self.samples = Deriving(store, self._understood)
        self._writing = asyncio.Lock()
        self._writes: set[asyncio.Task[None]] = set()

    def owned(self, kind: type[Said], owner: Owner) -> None:
        """Name the owner of a kind of message."""
        self._owners[kind] = owner

    # ------------------------------------------------------------ life

    async def start(self, state_of: Callable[[str, str], StationState], operators: list[str]) -> int:
        """Apply what was kept and not derived before the last end; returns the number of messages."""
        self._journal = await Journal.open(self._store)
        marks = await self._store.read(read_marks)
        applied = 0
        for operator_id in operators:
            mark = marks.get((operator_id, LEDGER), 0)
            while found := await self._store.read(
                lambda connection, owner=operator_id, after=mark: journal.entries(  # type: ignore[misc]
                    connection, owner, after=after, limit=MESSAGES_AT_ONCE
                )
            ):
                for entry in found:
                    await self._apply_again(entry, state_of(operator_id, entry.station_id))
                mark = found[-1].id
                applied += len(found)
                await self.write()
            await self._learn_clocks(operator_id, state_of)
        return applied

    async def _learn_clocks(self, operator_id: str, state_of: Callable[[str, str], StationState]) -> None:
        """What was known of wrong clocks before the restart, from the newest messages."""
        assert self._journal is not None
        after = self._journal.newest_id - CLOCKS_FROM_LAST
        told = await self._store.read(lambda connection: journal.times_told(connection, operator_id, after))
        wrong = {station_id for station_id, _, _, correction_s in told if correction_s}
        for station_id, at, received_at, _ in told:
            if station_id in wrong:
                clock = state_of(operator_id, station_id).clock
                clock.observe(at.timestamp(), received_at.timestamp())

    async def run(self) -> None:
        """Write what has gathered each 200 ms (wall time) until cancelled."""
        while True:
            try:
                await asyncio.sleep(DERIVE_EVERY_S)
                await self.write()
                await self.samples.catch_up(MESSAGES_AT_ONCE)
            except StoreUnavailable:
                await asyncio.sleep(self._store.settings.retry_s)
            except Exception:
                # Whatever it is, it must not end here unseen: stations would be answered and nothing derived.
                log.exception("what messages change could not be written; it is kept and tried again")
                await asyncio.sleep(self._store.settings.retry_s)

    async def stop(self) -> None:
        """Write what has gathered, if the disk takes it; else the journal has it."""
        with contextlib.suppress(StoreUnavailable, StoreClosed):
            await self.write()

    # ------------------------------------------------------------ keeping

    def is_new(self, state: StationState, line: str, at: datetime, key: str) -> bool:
        """Whether the message can't have been told before, as far as that is known without a look."""
        mark = state.marks.get(line)
        if mark is None:
            return False
        return at > mark.at or (at == mark.at and mark.keys is not None and key not in mark.keys)

    def repeats(self, message: Keeping) -> bool:
        """Whether the message is on its way to the disk already; then it is answered with the first one."""
        first = self._in_flight.get(message.key)
        if first is None:
            return False
        if message.reply is not None:
            first.also = [*(first.also or ()), message.reply]
        return True

    def hold(self, message: Keeping) -> None:
        """Remember a message that is being looked up, so that it is not looked up twice."""
        self._in_flight[message.key] = message

    def release(self, message: Keeping) -> None:
        """Forget a message that will not be kept."""
        self._in_flight.pop(message.key, None)

    async def kept_before(self, message: Keeping) -> str | None:
        """What a message was answered that is kept already; None for a new one."""
        lately = self._unwritten.get(message.key)
        if lately is not None:
            return lately[1]
        operator_id, station_id = message.state.operator_id, message.state.station_id
        at, key = message.said.at, message.said.retry_key

        def look(connection: Connection) -> str | None:
            found = journal.find(connection, operator_id, station_id, at, key)
            if found is None:
                return None
            answer = journal.answer_of(connection, found.journal_id)
            return "{}" if answer is None else answer.decode()

        return await self._store.read(look)

    async def transaction(self, state: StationState, wire_id: str) -> TransactionRow | None:
        """The newest transaction of a station with this id on the wire, open or ended."""
        known = state.transactions.get(wire_id)
        if known is not None:
            return known
        lately = [
            row
            for row in self._batch.rows.values()
            if row.station_id == state.station_id and row.station_transaction_id == wire_id
        ]
        if lately:
            return max(lately, key=lambda row: row.started_at)
        async with self._writing:  # what is being written right now is in neither place
            operator_id, station_id = state.operator_id, state.station_id
            return await self._store.read(
                lambda connection: transactions.by_wire_id(connection, operator_id, station_id, wire_id)
            )

    def keep(self, message: Keeping, version: str, action: str, raw: bytes) -> None:
        """Append a new message; when it is on the disk it is applied and answered."""
        state, said = message.state, message.said
        assert self._journal is not None  # started
        self._in_flight[message.key] = message
        message.journal_id = self._journal.next_id()
        answer = message.answer
        self._journal.append(
            (
                message.journal_id,
                state.operator_id,
                state.station_id,
                message.received_us,
                version,
                action,
                said.phase if isinstance(said, TransactionMessage) else "Metered",
                message.key[1],
                said.retry_key,
                message.transaction_id,
                raw,
                None if answer == "{}" else answer.encode(),
                message.correction_s or None,
            ),
            message,
            self._kept,
            self._refused,
        )

    def _kept(self, message: Keeping) -> None:
        self._try_to_count(message, live=True)
        self.release(message)
        reply = message.reply
        if reply is not None:
            if message.payload is None:
                reply.answer_text(message.answer)
            else:
                reply.answer(message.payload)
        for other in message.also or ():
            other.answer_text(message.answer)

    def _try_to_count(self, message: Keeping, live: bool) -> None:
        """A message that can't be followed up is kept all the same: its station has its answer, and neither
        another one nor the next start may fail with it.
        """
        try:
            self._count(message, live)
        except Exception:
            log.exception(
                "station %s: message %d of the journal could not be followed up",
                message.state.station_id,
                message.journal_id,
            )

    def _refused(self, message: Keeping, error: Exception) -> None:
        self.release(message)
        for reply in (message.reply, *(message.also or ())):
            if reply is not None:
                reply.leave(str(error))

    def _count(self, message: Keeping, live: bool) -> None:
        state, said = message.state, message.said
        # First what must hold however it goes on: it is kept, so its repetition is no new message.
        operator_id, journal_id, batch = state.operator_id, message.journal_id, self._batch
        batch.keys.append((operator_id, *message.key, journal_id, message.transaction_id))
        batch.marks[operator_id] = journal_id
        self._unwritten[message.key] = (journal_id, message.answer)
        mark = state.marks.get(message.line)
        if mark is None:
            state.marks[message.line] = Mark(said.at, None if not live else frozenset((said.retry_key,)))
        elif said.at > mark.at:
            mark.at, mark.keys = said.at, frozenset((said.retry_key,))
        elif said.at == mark.at and mark.keys is not None:
            mark.keys |= {said.retry_key}
        outcome = self._owners[type(said)].apply(message, live)
        for row in outcome.rows:
            batch.rows[row.transaction_id] = row
        if outcome.readings:
            evse = (operator_id, state.station_id, outcome.evse_id)
            batch.told.append(Told(evse, outcome.transaction_id, outcome.readings))

    async def _apply_again(self, entry: JournalEntry, state: StationState) -> None:
        said = self._understood(entry)
        if said is None:
            return
        row = None
        line = f"evse {said.evse_id}"
        if isinstance(said, TransactionMessage):
            wire_id = said.station_transaction_id
            if wire_id is None:  # a 1.6 start: its id is what it was told
                wire_id = str(msgspec.json.decode(entry.answer or b"{}").get("transactionId"))
            line = wire_id
            row = await self.transaction(state, wire_id)
        message = Keeping(
            state=state,
            said=said,
            key=key_of(state, said),
            line=line,
            received_us=to_micros(entry.received_at),
            transaction_id=entry.transaction_id,
            row=row if row is not None and row.transaction_id == entry.transaction_id else None,
            reply=None,
            answer="{}" if entry.answer is None else entry.answer.decode(),
            correction_s=entry.correction_s or 0.0,
            journal_id=entry.id,
        )
        self._try_to_count(message, live=False)

    def _understood(self, entry: JournalEntry) -> Said | None:
        try:
            return self._interpret(entry)
        except Exception:
            log.exception("journal row %d of operator %r can't be read", entry.id, entry.operator_id)
            return None

    # ------------------------------------------------------------ what no message told

    def put(self, row: TransactionRow) -> None:
        """Write a row that was changed without a message, with the next write."""
        self._batch.rows[row.transaction_id] = row

    # ------------------------------------------------------------ writing what was derived

    async def write(self) -> None:
        """Write what has gathered, now. Raises StoreUnavailable; then it stays gathered.

        Goes on when its caller is cancelled: a batch that was given up half-way would be neither gathered nor
        written, and the mark of the next one would pass over it.
        """
        writing = asyncio.ensure_future(self._write_gathered())
        self._writes.add(writing)
        writing.add_done_callback(self._writes.discard)
        await asyncio.shield(writing)

    async def _write_gathered(self) -> None:
        async with self._writing:
            batch = self._batch
            if not batch.marks and not batch.rows:
                return
            self._batch = _empty()
            new = [row for row in batch.rows.values() if not self._follows(row)]
            followed = [row for row in batch.rows.values() if self._follows(row)]
            try:
                await self._store.write(lambda connection: self._write(connection, batch, new, followed))
            except Exception:
                self._batch = _joined(batch, self._batch)
                raise
            for _, *key, _, _ in batch.keys:
                self._unwritten.pop(tuple(key), None)
            for row in batch.rows.values():
                if row.state == "open":
                    self._saved[row.transaction_id] = row
                else:
                    self._saved.pop(row.transaction_id, None)

    def _follows(self, row: TransactionRow) -> bool:
        before = self._saved.get(row.transaction_id)
        if before is None:
            return False
        return all(getattr(before, name) == getattr(row, name) for name in FOLLOWED_BY_INDEX)

    def _write(
        self,
        connection: Connection,
        batch: _Batch,
        new: list[TransactionRow],
        followed: list[TransactionRow],
    ) -> None:
        """In the writer thread: all of a batch, or nothing."""
        transactions.save_transactions(connection, new)
        transactions.follow_transactions(connection, followed)
        _KEYS.write(connection, batch.keys)
        self.samples.write(connection, batch.told, batch.marks)
        for operator_id, journal_id in batch.marks.items():
            set_mark(connection, operator_id, LEDGER, journal_id)


def _joined(older: _Batch, newer: _Batch) -> _Batch:
    return _Batch(
        older.rows | newer.rows,
        older.keys + newer.keys,
        older.told + newer.told,
        older.marks | newer.marks,
    )


_KEYS = Rows(
    message_key,
    ("operator_id", "station_id", "at", "retry_key", "journal_id", "transaction_id"),
    conflict="ignore",
)
