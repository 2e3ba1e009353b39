"""Site time: the one clock of protocol, leases and law.

`WallClock` is production. `ScaledClock` runs a simulated site `speed` times faster than the wall, for
everything in one process alike. It is *governed*: a turn of the event loop advances site time by at most
`max_step_s`, however long the turn took. A busy machine therefore slows the simulated site down; it never
makes answers look late or a tick too long. It also waits for a disk that stands still (`hold_while`): at
speed 60 a flush of half a second would be half a minute without answers, which no site has.
`effective_speed` tells what was reached. Pings and socket deadlines belong to the wall and don't use this
clock.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Protocol, TypeVar

T = TypeVar("T")

MAX_SPEED = 60.0
"""Highest speed at which protocol, leases and law keep their timing (docs/decisions/0003-one-scaled-
clock.md).
"""


class Clock(Protocol):
    """What the rooms need of time. All values are site time."""

    @property
    def speed(self) -> float:
        """Site seconds a wall second, as asked for."""
        ...

    def time(self) -> float:
        """Epoch seconds, UTC."""
        ...

    def now(self) -> datetime:
        """The same, aware."""
        ...

    def monotonic(self) -> float:
        """Seconds that never jump: for leases and timers."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return after `seconds` of site time."""
        ...

    async def wait_for(self, awaitable: Awaitable[T], seconds: float) -> T:
        """Await with a limit of `seconds` site time; raises TimeoutError and cancels the awaitable when it
        has passed.
        """
        ...

    def hold_while(self, stands_still: Callable[[], bool]) -> Callable[[], None]:
        """Let simulated time wait while `stands_still` is true; real time waits for nobody. Returns what ends
        it.
        """
        ...


class WallClock:
    """Real time."""

    speed = 1.0

    def time(self) -> float:
        return time.time()

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def wait_for(self, awaitable: Awaitable[T], seconds: float) -> T:
        # Not asyncio.wait_for: in Python 3.11 it loses a cancellation that comes with the result.
        async with asyncio.timeout(seconds):
            return await awaitable

    def hold_while(self, stands_still: Callable[[], bool]) -> Callable[[], None]:
        return lambda: None


class ScaledClock:
    """Simulated site time, governed (see the module's text). `start` must be aware; run `run()` as a task."""

    def __init__(self, start: datetime, speed: float, max_step_s: float = 0.25) -> None:
        if not 0 < speed <= MAX_SPEED:
            raise ValueError(f"speed {speed:g} is not possible: choose more than 0 and at most {MAX_SPEED:g}")
        self.speed = speed
        self._max_step_s = max_step_s
        self._epoch = start.timestamp()
        self._elapsed_s = 0.0
        self._wall_start = time.monotonic()
        self._timers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._order = itertools.count()
        self._holds: list[Callable[[], bool]] = []

    def time(self) -> float:
        return self._epoch + self._elapsed_s

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.time(), UTC)

    def monotonic(self) -> float:
        return self._elapsed_s

    @property
    def effective_speed(self) -> float:
        """Site seconds a wall second since the start, as reached."""
        wall_s = time.monotonic() - self._wall_start
        return self._elapsed_s / wall_s if wall_s > 0 else self.speed

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._timers, (self._elapsed_s + seconds, next(self._order), future))
        await future

    async def wait_for(self, awaitable: Awaitable[T], seconds: float) -> T:
        work = asyncio.ensure_future(awaitable)
        timer = asyncio.ensure_future(self.sleep(seconds))
        try:
            await asyncio.wait({work, timer}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            timer.cancel()
            if not work.done():
                work.cancel()
                # As asyncio.wait_for does: whoever is cancelled has cleaned up when this returns.
                await asyncio.wait({work})
        if work.cancelled():
            raise TimeoutError(f"no result within {seconds:g} s")
        return work.result()

    def hold_while(self, stands_still: Callable[[], bool]) -> Callable[[], None]:
        # Wrapped: two holds by the same function are two.
        def hold() -> bool:
            return stands_still()

        self._holds.append(hold)
        return lambda: self._holds.remove(hold)

    async def run(self) -> None:
        """Advance site time until cancelled."""
        # Half a step's time a turn: a turn that takes up to twice as long is still made up for.
        turn_wall_s = min(self._max_step_s / self.speed / 2.0, 0.05)
        last = time.monotonic()
        self._wall_start = last - self._elapsed_s / self.speed
        while True:
            await asyncio.sleep(turn_wall_s)
            wall = time.monotonic()
            passed_s, last = wall - last, wall
            if any(hold() for hold in self._holds):
                continue
            self._elapsed_s += min(passed_s * self.speed, self._max_step_s)
            while self._timers and self._timers[0][0] <= self._elapsed_s:
                future = heapq.heappop(self._timers)[2]
                if not future.done():
                    future.set_result(None)
