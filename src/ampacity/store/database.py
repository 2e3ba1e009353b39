"""The store: one writer with group commit, a few readers, and honesty about the disk.

How a write travels. `write(fn)` puts a *unit of work* into a queue and waits. The writer thread takes what is
queued, runs each unit in a savepoint of one transaction (a unit that raises is undone alone), commits, and
only then lets the callers go on: what returned is on the disk. While a commit waits for the disk the next
group gathers by itself, so a single write pays no waiting and a busy store pays one disk flush for many; a
group is closed after `group_s` at the latest. `post(fn)` queues without waiting, for what may be lost in a
crash; posts ride along with the next write, or go after `post_s`.

Which database it is, a file of SQLite or a server of PostgreSQL, is the `backend`'s business.

When the disk refuses, the whole group is undone, each waiting caller gets StoreUnavailable (a station then
gets no answer and sends again), posts stay queued, `on_trouble` tells it once, and the first commit that
works tells `recovered`.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from enum import IntEnum
from pathlib import Path
from typing import Any, TypeVar

from msgspec import Struct
from sqlalchemy import Connection

from ..clock import Clock
from .backend import Backend, backend_for
from .errors import StoreClosed, StoreTrouble, StoreUnavailable, TransactionMisused

log = logging.getLogger(__name__)

T = TypeVar("T")


class StoreSettings(Struct, frozen=True, kw_only=True):
    """How the store works. Seconds are wall seconds."""

    group_s: float = 0.005
    """Longest time a group of writes runs before it is committed."""
    post_s: float = 0.2
    """Longest time a post waits for a write to ride along with."""
    post_limit: int = 20_000
    """Posts held at most; see PostRank for who gives way first."""
    retry_s: float = 1.0
    """Time between attempts to write posts while the disk refuses."""
    readers: int = 4
    """Connections (and threads) that read."""
    switch_interval_s: float = 0.0001
    """Longest time a thread waits for a busy other one to yield the interpreter, in the whole process.

    The driver gives the interpreter up at each statement. Behind an event loop that is always busy, a write
    took 7..450 ms (median) with Python's own 5 ms, 3..9 ms with 0.1 ms.
    """


OUTCOME_EVERY_S = 0.25
"""Time between two questions for the outcome of a commit that was cut off."""
STANDSTILL_AFTER_S = 0.05
STANDSTILL_UNTIL_S = 5.0
"""A simulated site waits while a write has made no progress for so many wall seconds; one that takes longer
still is a fault that the site shall see.
"""


class PostRank(IntEnum):
    """Who gives way when posts pile up.

    The raw message log at half of the limit, telemetry at three quarters, audit at the limit itself.
    """

    MESSAGES = 2
    TELEMETRY = 3
    AUDIT = 4


class StoreFigures(Struct, kw_only=True):
    """Counters since the store was opened."""

    commits: int = 0
    units: int = 0
    failed_units: int = 0
    failed_posts: int = 0
    shed_posts: int = 0
    failed_commits: int = 0


class _Unit:
    """A unit of work in the queue; `future` is None for a post."""

    __slots__ = ("error", "fn", "future", "result")

    def __init__(self, fn: Callable[[Connection], Any], future: asyncio.Future[Any] | None) -> None:
        self.fn = fn
        self.future = future
        self.result: Any = None
        self.error: BaseException | None = None


class Store:
    """An open database. Make it with `open`; use it from the event loop that opened it."""

    def __init__(self, backend: Backend, clock: Clock, settings: StoreSettings) -> None:
        self.backend = backend
        self.place = backend.place
        """What messages call the database."""
        self.clock = clock
        self.settings = settings
        self.figures = StoreFigures()
        self._loop = asyncio.get_running_loop()
        self._readers = ThreadPoolExecutor(settings.readers, "store-read")
        self._queue: deque[_Unit] = deque()
        self._awaited = 0
        self._wake = threading.Condition(threading.Lock())
        self._closing = False
        self._troubled = False
        self._trouble: StoreTrouble | None = None
        self._listeners: list[Callable[[StoreTrouble], None]] = []
        self._waiting = 0
        self._progress_at = 0.0
        self._unhold = clock.hold_while(self._stands_still)
        self._thread = threading.Thread(target=self._run, name="store-write", daemon=True)
        self._thread.start()

    @classmethod
    async def open(
        cls, url: str | Path, clock: Clock, settings: StoreSettings | None = None, *, guest: bool = False
    ) -> Store:
        """Open (and where needed create and migrate) the database that `url` names.

        `url` is `sqlite:///path`, a path or `postgresql://user:password@host/database`. A `guest` changes a
        few rows and may do so beside a running node (`beside`); nodes wait for each other. Raises
        StoreUrlError, StoreUnfit, StoreNewer or StoreUnavailable, each saying what helps.
        """
        settings = settings or StoreSettings()
        backend = backend_for(url)
        sys.setswitchinterval(min(sys.getswitchinterval(), settings.switch_interval_s))
        await asyncio.to_thread(backend.open, settings.readers, guest)
        if not backend.beside:
            try:
                await asyncio.to_thread(backend.make_room, clock.now())
            except BaseException:
                backend.close_writer()
                backend.close()
                raise
        return cls(backend, clock, settings)

    async def close(self) -> None:
        """Write what is queued and close. Posts that the disk refuses now are counted as failed."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        await asyncio.to_thread(self._thread.join)
        await asyncio.to_thread(self._readers.shutdown)
        await asyncio.to_thread(self.backend.close)
        self._unhold()

    async def write(self, fn: Callable[[Connection], T]) -> T:
        """Run `fn` in the writer thread and return its result after the durable commit.

        `fn` gets a connection inside a transaction that it shares with others; if it raises, its own changes
        are undone and the error comes through. It must be quick, and must not commit. Raises StoreUnavailable
        when the database can't be written (nothing was kept) and StoreClosed.
        """
        future: asyncio.Future[T] = self._loop.create_future()
        unit = _Unit(fn, future)
        with self._wake:
            if self._closing:
                raise StoreClosed(self.place)
            self._queue.append(unit)
            self._awaited += 1
            if self._awaited == 1:
                self._wake.notify()
        if not self._waiting:
            self._progress_at = time.perf_counter()
        self._waiting += 1
        try:
            return await future
        finally:
            self._waiting -= 1

    def post(self, fn: Callable[[Connection], object], rank: PostRank = PostRank.TELEMETRY) -> None:
        """Queue `fn` without waiting. It runs after everything queued before it; its errors are logged and
        counted.

        May be shed under pressure (see PostRank) and is lost in a crash: what must not be lost goes through
        `write`.
        """
        with self._wake:
            if self._closing:
                raise StoreClosed(self.place)
            if len(self._queue) >= self.settings.post_limit * rank // 4:
                self.figures.shed_posts += 1
                return
            self._queue.append(_Unit(fn, None))
            if len(self._queue) == 1:
                self._wake.notify()

    async def flush(self) -> None:
        """Return when everything posted so far is on the disk (or has failed)."""
        await self.write(lambda connection: None)

    async def read(self, fn: Callable[[Connection], T]) -> T:
        """Run `fn` in a reader thread on a snapshot of the last commit; writing there raises."""
        if self._closing:
            raise StoreClosed(self.place)
        return await self._loop.run_in_executor(self._readers, self._read, fn)

    def on_trouble(self, callback: Callable[[StoreTrouble], None]) -> None:
        """Call `callback` in the event loop when writing stops working and when it works again."""
        self._listeners.append(callback)

    @property
    def troubled(self) -> bool:
        """Whether the last commit failed."""
        return self._troubled

    @property
    def trouble(self) -> StoreTrouble | None:
        """Why the last commit failed, and since when commits do; None while they don't."""
        return self._trouble

    @property
    def beside(self) -> bool:
        """Whether a running node is the database's writer, and this store its guest."""
        return self.backend.beside

    def _stands_still(self) -> bool:
        """Whether callers wait for a disk that is slow now."""
        if not self._waiting:
            return False
        return STANDSTILL_AFTER_S < time.perf_counter() - self._progress_at < STANDSTILL_UNTIL_S

    def _read(self, fn: Callable[[Connection], T]) -> T:
        try:
            return self.backend.read(fn)
        except Exception as error:
            unavailable = self.backend.unavailable(error)
            if unavailable is None or unavailable.kind == "read-only":  # the latter: `fn` tried to write
                raise
            raise unavailable from error

    # ------------------------------------------------------------ the writer thread

    def _run(self) -> None:
        while True:
            group = self._next_group()
            if group is None:
                self.backend.close_writer()
                return
            self._commit(group)

    def _next_group(self) -> deque[_Unit] | None:
        """Wait for work and take all of it; None when the store is closed and the queue empty."""
        with self._wake:
            self._wake.wait_for(lambda: self._queue or self._closing)
            if not self._awaited and not self._closing:
                pause = self.settings.retry_s if self._troubled else self.settings.post_s
                self._wake.wait_for(lambda: self._awaited or self._closing, pause)
            group = self._queue
            self._queue = deque()
            self._awaited = 0
            return group or None

    def _commit(self, group: deque[_Unit]) -> None:
        """Run units of `group` for at most `group_s` and commit; the rest goes back to the queue's head."""
        done: list[_Unit] = []
        wrote = True
        try:
            wrote = self._run_group(group, done)
        except BaseException as error:  # the thread must outlive whatever a unit does
            kept = self._was_kept(error)
            if not kept:
                if not done:  # it could not even begin: nobody is to wait for that
                    done.extend(group)
                    group.clear()
                self._fail(done, error)
        else:
            kept = True
        if kept:
            self.figures.commits += 1
            self.figures.units += len(done)
            # A commit that changed nothing has not touched the disk: it proves nothing of it.
            self._tell(done, recovered=self._troubled and wrote)
        if group:
            self._put_back(group)

    def _was_kept(self, error: BaseException) -> bool:
        """Whether a group whose commit failed is there all the same.

        Asked until the database can tell: a caller who is told the wrong thing repeats what is kept, or drops
        what is not. Meanwhile nobody else waits: writes are refused as in any trouble.
        """
        while (kept := self.backend.kept(error)) is None:
            with self._wake:
                if self._closing:
                    return False
                waiting = [unit for unit in self._queue if unit.future is not None]
                self._queue = deque(unit for unit in self._queue if unit.future is None)
                self._awaited = 0
            self._fail(waiting, error)
            with self._wake:
                self._wake.wait_for(lambda: self._awaited or self._closing, OUTCOME_EVERY_S)
        return kept

    def _run_group(self, group: deque[_Unit], done: list[_Unit]) -> bool:
        """Returns whether the commit wrote anything, as far as one can tell."""
        connection = self.backend.writer()
        with connection.begin():
            before = self.backend.rows_changed(connection)
            ends = time.perf_counter() + self.settings.group_s
            while group:
                unit = group.popleft()
                done.append(unit)
                if unit.future is None or not unit.future.cancelled():
                    self._run_unit(connection, unit)
                if time.perf_counter() >= ends:
                    break
            return before is None or self.backend.rows_changed(connection) != before

    def _run_unit(self, connection: Connection, unit: _Unit) -> None:
        self.backend.begin_unit(connection)
        try:
            unit.result = unit.fn(connection)
            if connection.in_transaction():
                self.backend.keep_unit(connection)
        except BaseException as error:
            # A disk error may have undone the whole transaction: the group's trouble, not the unit's.
            if self.backend.trouble_kind(error) is not None:
                raise
            unit.error = error
            self.figures.failed_units += 1
        if not connection.in_transaction():
            raise TransactionMisused from unit.error
        if unit.error is not None:
            self.backend.undo_unit(connection)

    def _fail(self, done: list[_Unit], error: BaseException) -> None:
        """Nothing of the group was kept: callers are told, posts wait for better times."""
        self.figures.failed_commits += 1
        unavailable = self.backend.unavailable(error)
        if unavailable is not None and unavailable.kind == "unreachable":
            self.backend.drop_writer()
        posts: deque[_Unit] = deque()
        told: list[_Unit] = []
        for unit in done:
            if unit.future is None and unavailable is not None and not self._closing:
                unit.result = unit.error = None
                posts.append(unit)
            else:
                unit.error = unit.error or unavailable or error
                told.append(unit)
        if posts:
            self._put_back(posts)
        known, self._troubled = self._troubled, self._troubled or unavailable is not None
        if unavailable is not None:
            since = self.clock.time() if self._trouble is None else self._trouble.at
            self._trouble = StoreTrouble(
                kind=unavailable.kind, text=str(unavailable), at=since, remedy=unavailable.remedy
            )
        # Told last: who hears that a write failed may ask at once whether the store is troubled.
        self._tell(told, trouble=None if known else unavailable)

    def _put_back(self, units: deque[_Unit]) -> None:
        with self._wake:
            units.extend(self._queue)
            self._queue = units
            self._awaited = sum(unit.future is not None for unit in units)

    def _tell(
        self, units: list[_Unit], *, trouble: StoreUnavailable | None = None, recovered: bool = False
    ) -> None:
        event: StoreTrouble | None = None
        if trouble is not None:
            event = self._trouble
        elif recovered:
            self._troubled = False
            self._trouble = None
            event = StoreTrouble(
                kind="recovered", text=f"database {self.place}: can be written again", at=self.clock.time()
            )
        try:
            self._loop.call_soon_threadsafe(self._settle, units, event)
        except RuntimeError:  # the event loop is gone: nobody waits any more
            log.debug("the event loop ended before the store")

    def _settle(self, units: list[_Unit], event: StoreTrouble | None) -> None:
        """In the event loop: let the callers go on."""
        self._progress_at = time.perf_counter()
        for unit in units:
            if unit.future is None:
                if unit.error is not None:
                    self.figures.failed_posts += 1
                    log.error("a posted write failed", exc_info=unit.error)
            elif not unit.future.done():
                if unit.error is None:
                    unit.future.set_result(unit.result)
                else:
                    unit.future.set_exception(unit.error)
        if event is not None:
            log.log(logging.INFO if event.kind == "recovered" else logging.ERROR, "%s", event.text)
            for listener in tuple(self._listeners):
                try:
                    listener(event)
                except Exception:
                    log.exception("a listener for the store's trouble failed")
