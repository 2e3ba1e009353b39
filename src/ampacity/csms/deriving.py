"""Samples derived from the journal: as messages come, and anew where they are behind (a rebuild was asked
for), some rows at a time beside everything else.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection

from ..store import Store, journal, samples, transactions
from ..store.journal import JournalEntry
from ..store.samples import ReadingWriter, Told
from ..store.watermarks import LEDGER, REBUILDING, SAMPLES, read_marks, set_mark
from ..store.watermarks import behind as behind_of
from .kept import Interpret, readings_of
from .vocabulary import moved

ROWS_DELETED_AT_ONCE = 5_000


class Deriving:
    """Writes readings and rollups of one store. `understood` tells what a kept message says."""

    def __init__(self, store: Store, understood: Interpret) -> None:
        self._store = store
        self._understood = understood
        self._readings = ReadingWriter()
        self._derived = 0

    def write(self, connection: Connection, told: list[Told], marks: Mapping[str, int]) -> None:
        """In the writer thread, before the ledger's own watermarks move to `marks`: write what live messages
        told. Where samples are behind (they are being derived anew), they are left to that; the journal has
        them.
        """
        current = read_marks(connection, hold=True)
        behind: set[str] = set()
        for operator_id, journal_id in marks.items():
            if current.get((operator_id, SAMPLES), 0) == current.get((operator_id, LEDGER), 0):
                set_mark(connection, operator_id, SAMPLES, journal_id)
            else:
                behind.add(operator_id)
        self._readings.write(
            connection, [one for one in told if one.evse[0] not in behind] if behind else told
        )

    async def rebuild(self, operator_id: str, limit: int = 200) -> int:
        """Throw an operator's readings and rollups away and derive them again; returns the messages read."""
        await self.ask_for_rebuild(operator_id)
        before = self._derived
        while await self.catch_up(limit):
            pass
        return self._derived - before

    async def ask_for_rebuild(self, operator_id: str) -> None:
        """Let whoever runs a ledger on this database derive an operator's readings and rollups anew."""
        await self._store.write(lambda connection: set_mark(connection, operator_id, SAMPLES, REBUILDING))

    async def catch_up(self, limit: int) -> int:
        """Derive samples that are behind, at most `limit` messages of each operator; returns how many steps
        of work were done (0: nothing is behind).
        """
        done = 0
        for operator_id, behind in await self._store.read(behind_of):
            if behind == REBUILDING:
                more = await self._store.write(
                    lambda connection, owner=operator_id: samples.delete_some(  # type: ignore[misc]
                        connection, owner, ROWS_DELETED_AT_ONCE
                    )
                )
                if more:
                    done += 1
                    continue
                await self._store.write(
                    lambda connection, owner=operator_id: set_mark(connection, owner, SAMPLES, 0)  # type: ignore[misc]
                )
                self._readings.forget()
                behind = 0
            done += await self._derive(operator_id, behind, limit)
        return done

    async def _derive(self, operator_id: str, mark: int, limit: int) -> int:
        def found(connection: Connection) -> list[JournalEntry]:
            last = read_marks(connection).get((operator_id, LEDGER), 0)
            read = journal.entries(connection, operator_id, after=mark, limit=limit)
            return [entry for entry in read if entry.id <= last]

        entries = await self._store.read(found)
        if not entries:
            return 0
        evses = await self._store.read(
            lambda connection: transactions.evses_of(
                connection, operator_id, {entry.transaction_id for entry in entries if entry.transaction_id}
            )
        )
        told = []
        for entry in entries:
            said = self._understood(entry)
            if said is None:
                continue
            evse_id = evses.get(entry.transaction_id or "", said.evse_id or 0)
            if entry.correction_s:
                said = moved(said, entry.correction_s)
            readings = readings_of(said)
            if readings:
                told.append(Told((operator_id, entry.station_id, evse_id), entry.transaction_id, readings))

        def write(connection: Connection) -> None:
            if read_marks(connection, hold=True).get((operator_id, SAMPLES), 0) == mark:
                self._readings.write(connection, told)
                set_mark(connection, operator_id, SAMPLES, entries[-1].id)

        await self._store.write(write)
        self._derived += len(entries)
        return len(entries)
