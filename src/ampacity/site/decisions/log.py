"""Keeps what a running site decided. The tick hands over what it has in its hands anyway and goes on; all
work is done beside it, in a thread, and what is written is written in one unit with others.

Where the disk refuses, what was made waits, up to a bound. Then whole ticks are left out, and the log says so
itself: the next chain begins with how many, and since when.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from msgspec import Struct
from sqlalchemy import Connection

from ...clock import Clock
from ...control.types import Decision, Snapshot
from ...model.site import Site
from ...store import Store, StoreError, decisions
from ...store.decisions import Piece
from .chain import Gap, Writer, as_built, digest_of
from .columns import Tick

log = logging.getLogger(__name__)

FLUSH_S = 5.0
"""Site time between two pieces: what a crash loses at most."""
CHAIN_S = 300.0
"""A chain is this long: one is read from its beginning."""
TICKS_WAITING = 600
"""Ticks that wait to become a piece."""
PIECES_WAITING = 120
"""Pieces that wait for a disk that refuses: ten minutes."""


class LogFigures(Struct):
    """What was counted: ticks that were kept and left out, pieces and their bytes."""

    ticks: int = 0
    dropped: int = 0
    pieces: int = 0
    bytes: int = 0


class _Noted(Struct, frozen=True):
    """A tick, and what was left out before it."""

    tick: Tick
    gap: Gap | None


class _Made(Struct, frozen=True):
    """A piece that is to be written, and the site of its chain where it begins one."""

    piece: Piece
    site: Site | None


class DecisionLog:
    """The log of one site. `note` each tick, `run` beside, `written` before somebody reads."""

    def __init__(self, store: Store, operator_id: str, site_id: str, clock: Clock) -> None:
        self._store = store
        self._operator_id = operator_id
        self._site_id = site_id
        self._clock = clock
        self._noted: deque[_Noted] = deque()
        self._gap: Gap | None = None
        self._made: deque[_Made] = deque()
        self._making = threading.Lock()
        self._writer: Writer | None = None
        self._chain = datetime.fromtimestamp(0, UTC)
        self._begun_at = 0.0
        self._number = 0
        self._started = True
        self.figures = LogFigures()

    def note(self, snapshot: Snapshot, decision: Decision) -> None:
        """Take a tick. Never waits: one too many is left out, and those that follow until half is done."""
        most = TICKS_WAITING if self._gap is None else TICKS_WAITING // 2
        if len(self._noted) >= most:
            before = self._gap
            since = snapshot.epoch_s if before is None else before.since
            self._gap = Gap((0 if before is None else before.ticks) + 1, since)
            self.figures.dropped += 1
            return
        self._noted.append(_Noted(Tick(snapshot, decision), self._gap))
        self._gap = None

    async def run(self) -> None:
        """Write until cancelled. A disk that refuses is tried again with the next piece."""
        while True:
            await self._clock.sleep(FLUSH_S)
            await self._try()

    async def close(self) -> None:
        """Write what is left, if that can be had."""
        await self._try()

    async def _try(self) -> None:
        try:
            await self.written()
        except StoreError as problem:
            log.debug("the decision log of %s waits: %s", self._site_id, problem)
        except Exception:
            # What goes wrong in telling must not end the charging.
            log.exception("the decision log of %s has lost some seconds", self._site_id)
            self._writer = None

    async def written(self) -> None:
        """Return when everything noted until now is durable. Raises StoreError."""
        if len(self._made) < PIECES_WAITING:
            await asyncio.to_thread(self._make)
        made = tuple(self._made)
        if not made:
            return
        await self._store.write(lambda connection: self._keep(connection, made))
        # What was written stays written: a second writer of the same pieces finds them there.
        while self._made and self._made[0].piece in {one.piece for one in made}:
            self._made.popleft()

    def _keep(self, connection: Connection, made: Sequence[_Made]) -> None:
        pieces = []
        for one in made:
            pieces.append(one.piece)
            if one.site is not None:
                decisions.keep_site(
                    connection,
                    self._operator_id,
                    self._site_id,
                    digest_of(one.site),
                    as_built(one.site),
                    one.piece.chain,
                )
        decisions.append(connection, self._operator_id, self._site_id, pieces)

    # ------------------------------------------------------------ in a thread

    def _make(self) -> None:
        """Turn what was noted into pieces: one, or more where a chain ends in between."""
        with self._making:
            noted = [self._noted.popleft() for _ in range(len(self._noted))]
            for first, ticks in self._runs(noted):
                writer = self._writer
                assert writer is not None
                body = writer.piece(ticks)
                self._made.append(
                    _Made(Piece(self._chain, self._number, body), writer.site if first else None)
                )
                self._number += 1
                self.figures.ticks += len(ticks)
                self.figures.pieces += 1
                self.figures.bytes += len(body)

    def _runs(self, noted: Sequence[_Noted]) -> Iterator[tuple[bool, list[Tick]]]:
        """Ticks of one chain together, and whether they begin it."""
        first, run = False, list[Tick]()
        previous = None
        for one in noted:
            if self._ends_before(one, previous):
                if run:
                    yield first, run
                first, run = True, []
                self._begin(one)
            run.append(one.tick)
            previous = one.tick
        if run:
            yield first, run

    def _ends_before(self, one: _Noted, previous: Tick | None) -> bool:
        writer = self._writer
        if writer is None or one.gap is not None or one.tick.snapshot.site is not writer.site:
            return True
        last_s = writer.epoch_s if previous is None else previous.snapshot.epoch_s
        # Within a chain time goes on: a clock that was set back begins a new one.
        return one.tick.snapshot.epoch_s < last_s or one.tick.snapshot.at - self._begun_at >= CHAIN_S

    def _begin(self, one: _Noted) -> None:
        snapshot = one.tick.snapshot
        self._writer = Writer(snapshot.site, started=self._started, gap=one.gap)
        self._started = False
        self._begun_at = snapshot.at
        begun = datetime.fromtimestamp(snapshot.epoch_s, UTC)
        self._chain = begun if begun != self._chain else begun + timedelta(microseconds=1)
        self._number = 0
