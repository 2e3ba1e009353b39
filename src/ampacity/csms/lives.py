"""What is remembered of each transaction beside its row: when it was heard of, whether energy flows, what of
it is missing. In memory only; after a restart it begins again from the row.

The block of transactions calls `follow` for each message, `blocks.oversight` reads it and asks. A life ends
with its transaction, or when nothing that is missing can come any more.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from ..store.transactions import TransactionRow
from .closing import SUPPOSED, OpenTransaction
from .gaps import GapRules, Numbers, SequenceWatch
from .vocabulary import TransactionMessage


class Life(Struct, gc=False):
    """Times in epoch seconds of our clock (see `OpenTransaction`)."""

    station_id: str
    station_transaction_id: str
    heard_at: float
    energy_at: float
    ongoing: bool | None = None
    answered_at: float | None = None
    watch: SequenceWatch | None = None
    asking: bool = False


class Lives:
    """The lives of a node's transactions, by our id."""

    def __init__(self, rules: GapRules, began_at: float) -> None:
        self._rules = rules
        self._began_at = began_at
        self._of: dict[str, Life] = {}

    def __len__(self) -> int:
        return len(self._of)

    def get(self, transaction_id: str) -> Life | None:
        return self._of.get(transaction_id)

    def follow(
        self,
        row: TransactionRow,
        before: TransactionRow | None,
        said: TransactionMessage,
        received_at: float,
    ) -> None:
        """Take a message that made `row` of `before`; `row` is nobody else's yet and gets its gaps."""
        life = self._of.get(row.transaction_id)
        if life is None:
            life = self._of[row.transaction_id] = self._begin(row, before, received_at)
        life.heard_at = received_at
        if (row.power_w or 0.0) > 0.0 or (before is not None and row.energy_wh > before.energy_wh):
            life.energy_at = received_at
        if said.seq_no is not None:
            watch = life.watch
            if watch is None:
                watch = life.watch = _resumed(before, received_at, self._rules)
            watch.told(said.seq_no, received_at, said.phase)
            if watch.has_hole or row.missing is not None:
                row.missing = watch.missing_text
                row.incomplete = watch.incomplete
        if row.state == "ended":
            self.forget_if_done(row.transaction_id)

    def forget_if_done(self, transaction_id: str) -> None:
        """Drop the life of a transaction that ended and misses nothing that could come."""
        life = self._of.get(transaction_id)
        if life is not None and (life.watch is None or life.watch.incomplete or not life.watch.has_hole):
            del self._of[transaction_id]

    def seen(self, row: TransactionRow) -> OpenTransaction:
        """What counts of an open transaction."""
        life = self._of.get(row.transaction_id)
        if life is None:
            life = self._of[row.transaction_id] = self._begin(row, row, row.updated_at.timestamp())
        return OpenTransaction(
            transaction_id=row.transaction_id,
            station_id=row.station_id,
            evse_id=row.evse_id,
            started_at=row.started_at.timestamp(),
            told_at=row.updated_at.timestamp(),
            heard_at=life.heard_at,
            energy_at=life.energy_at,
            ongoing=life.ongoing,
            answered_at=life.answered_at,
        )

    def with_holes(self) -> Iterator[tuple[str, Life, SequenceWatch]]:
        """The transactions that miss numbers, with their watches."""
        for transaction_id, life in tuple(self._of.items()):
            if life.watch is not None and life.watch.has_hole:
                yield transaction_id, life, life.watch

    def resume(self, row: TransactionRow, now: float) -> None:
        """Go on, after a restart, with a transaction that misses numbers."""
        life = self._begin(row, row, row.updated_at.timestamp())
        life.watch = _resumed(row, now, self._rules)
        self._of[row.transaction_id] = life

    def _begin(self, row: TransactionRow, before: TransactionRow | None, heard_at: float) -> Life:
        # Whatever happened while we were away was not heard: no patience is over because of that.
        energy_at = heard_at if before is None else max(before.updated_at.timestamp(), self._began_at)
        return Life(row.station_id, row.station_transaction_id, heard_at, energy_at)


def _resumed(before: TransactionRow | None, now: float, rules: GapRules) -> SequenceWatch:
    """The watch of a transaction as its row tells it; None for one that just began."""
    if before is None or before.seq_first is None or before.seq_last is None:
        return SequenceWatch(rules)
    missing = Numbers.read(before.missing or "")
    first = min([before.seq_first, *(low for low, _ in missing.runs)])
    ended = before.state == "ended" and before.stop_reason not in SUPPOSED
    watch = SequenceWatch.resumed(
        Numbers(tuple(missing.missing(first, before.seq_last)), missing.cut),
        now,
        first=first,
        end=before.seq_last if ended else None,
        rules=rules,
    )
    watch.incomplete = before.incomplete
    return watch
