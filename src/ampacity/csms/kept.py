"""A message that is kept: on its way to the journal, and what comes of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias

from msgspec import Struct

from ..model.station import ALL_PHASES, MeterReading, series_of, shape_of
from ..store import samples
from ..store.columns import to_micros
from ..store.journal import JournalEntry
from ..store.transactions import TransactionRow
from .link import Reply
from .state import StationState
from .vocabulary import NO_TIME, Metered, TransactionMessage, moved

Said: TypeAlias = TransactionMessage | Metered

MessageKey: TypeAlias = tuple[str, int, str]
"""(station, time that the message tells in microseconds, its retry key): the same for a message and its
repetition.
"""


def key_of(state: StationState, said: Said) -> MessageKey:
    """What a message is known by."""
    return state.station_id, to_micros(said.at), said.retry_key


class Keeping(Struct, gc=False):
    """A message on its way to the disk. `row` is its transaction as it was known, None for a new one.

    `answer` is the JSON that the station will be told ("{}" or what `payload` makes).
    """

    state: StationState
    said: Said
    key: MessageKey
    line: str
    received_us: int
    transaction_id: str | None
    row: TransactionRow | None
    reply: Reply | None
    answer: str = "{}"
    correction_s: float = 0.0
    """What must be added to the times that it tells (see `skew`)."""
    payload: Struct | None = None
    journal_id: int = 0
    also: list[Reply] | None = None
    """Repetitions that came while this one was on its way."""

    @property
    def meant(self) -> Said:
        """What was said, its times corrected; `said` itself has them as they were told."""
        return moved(self.said, self.correction_s) if self.correction_s else self.said


def clock_correction(state: StationState, said: Said, received_us: int) -> float:
    """Learn the station's clock from a message that came just now; returns what its times are wrong by."""
    if said.at is NO_TIME:
        return 0.0
    offline = said.offline if isinstance(said, TransactionMessage) else None
    return state.clock.correction(said.at.timestamp(), received_us / 1e6, offline)


class Outcome(Struct, frozen=True, gc=False):
    """What applying a message changed: rows of transactions, and what readings belong to."""

    rows: tuple[TransactionRow, ...]
    evse_id: int
    transaction_id: str | None
    readings: tuple[MeterReading, ...]


class Owner(Protocol):
    """Whose messages they are."""

    def apply(self, message: Keeping, live: bool) -> Outcome:
        """Let the message count; it is on the disk. Not `live`: it is read from the journal after a restart,
        and nobody listens yet."""
        ...


Interpret: TypeAlias = Callable[[JournalEntry], Said | None]
"""What a kept message says; None for one that can't be understood (any more)."""


def readings_of(said: Said) -> tuple[MeterReading, ...]:
    """What a message measured. The registers of 1.6's start and stop come without readings."""
    if isinstance(said, TransactionMessage) and said.phase != "Updated" and said.register_wh is not None:
        register = MeterReading(said.at, _REGISTER, (said.register_wh,))
        return (*said.readings, register)
    return said.readings


_REGISTER = shape_of((series_of(samples.REGISTER, "Wh", ALL_PHASES, "Sample.Periodic", "Outlet"),))
