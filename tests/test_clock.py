"""Site time: governed, in order, and the same words as the wall's."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ampacity.clock import MAX_SPEED, Clock, ScaledClock, WallClock

START = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


@contextlib.asynccontextmanager
async def ticking(speed: float = MAX_SPEED, max_step_s: float = 0.25) -> AsyncIterator[ScaledClock]:
    clock = ScaledClock(START, speed, max_step_s)
    runner = asyncio.create_task(clock.run())
    try:
        yield clock
    finally:
        runner.cancel()


@pytest.mark.parametrize("speed", [0.0, -1.0, MAX_SPEED + 1.0, float("nan")])
def test_speeds_that_are_not_possible(speed: float) -> None:
    with pytest.raises(ValueError, match="is not possible: choose more than 0 and at most"):
        ScaledClock(START, speed)


async def test_it_stands_until_it_runs() -> None:
    clock = ScaledClock(START, 10.0)
    await asyncio.sleep(0.02)
    assert (clock.now(), clock.monotonic()) == (START, 0.0)


async def test_time_now_and_monotonic_agree() -> None:
    async with ticking() as clock:
        await clock.sleep(3.0)
        assert clock.time() == START.timestamp() + clock.monotonic()
        assert clock.now().timestamp() == pytest.approx(clock.time(), abs=1e-5)
        assert clock.now().utcoffset() is not None


async def test_a_blocked_loop_slows_the_site_and_jumps_no_further_than_a_step() -> None:
    """The governor: a machine that is busy for 100 ms does not make 6 s of site time pass at once."""
    async with ticking() as clock:
        await clock.sleep(1.0)
        for _ in range(3):
            before = clock.monotonic()
            time.sleep(0.1)  # noqa: ASYNC251 (the loop is to be blocked)
            await clock.sleep(0.01)
            assert 0.0 < clock.monotonic() - before <= 0.25 + 1e-9
        assert clock.effective_speed < MAX_SPEED / 2


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(0, 40), min_size=1, max_size=20))
def test_timers_end_in_order_and_never_early(quarters: list[int]) -> None:
    """Sleeps end in the order of their times, equal ones in the order in which they began."""

    async def main() -> None:
        async with ticking() as clock:
            ended: list[tuple[int, int]] = []
            begun = clock.monotonic()

            async def sleep(number: int, quarter: int) -> None:
                await clock.sleep(quarter / 20.0)
                assert clock.monotonic() - begun >= quarter / 20.0 - 1e-9
                ended.append((quarter, number))

            await asyncio.gather(*(sleep(number, quarter) for number, quarter in enumerate(quarters)))
            assert ended == sorted(ended)

    asyncio.run(main())


async def test_a_sleep_may_be_given_up() -> None:
    async with ticking() as clock:
        sleeping = asyncio.create_task(clock.sleep(1.0))
        await asyncio.sleep(0)
        sleeping.cancel()
        await clock.sleep(2.0)  # its timer comes due and disturbs nobody
        assert sleeping.cancelled()


@pytest.fixture(params=["scaled", "wall"])
async def clock(request: pytest.FixtureRequest) -> AsyncIterator[Clock]:
    if request.param == "wall":
        yield WallClock()
        return
    async with ticking() as scaled:
        yield scaled


async def test_wait_for_returns_what_came_in_time(clock: Clock) -> None:
    async def quick() -> str:
        await clock.sleep(0.01)
        return "here"

    assert await clock.wait_for(quick(), 5.0) == "here"


async def test_wait_for_passes_errors_on(clock: Clock) -> None:
    async def failing() -> None:
        raise LookupError("no such thing")

    with pytest.raises(LookupError, match="no such thing"):
        await clock.wait_for(failing(), 5.0)


async def test_wait_for_cancels_what_is_late_and_lets_it_clean_up(clock: Clock) -> None:
    cleaned = []

    async def late() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            cleaned.append(True)

    with pytest.raises(TimeoutError):
        await clock.wait_for(late(), 0.05)
    assert cleaned


async def test_a_cancelled_wait_for_leaves_nothing_behind(clock: Clock) -> None:
    before = asyncio.all_tasks()
    work = asyncio.ensure_future(asyncio.Event().wait())
    waiting = asyncio.create_task(clock.wait_for(work, 60.0))
    await asyncio.sleep(0.01)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert work.cancelled()
    await asyncio.sleep(0)
    assert asyncio.all_tasks() <= before


async def test_a_cancellation_that_comes_with_the_result_is_not_lost(clock: Clock) -> None:
    """As asyncio.wait_for of Python 3.11 loses it: a loop around it would never end."""
    work: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    waiting = asyncio.create_task(clock.wait_for(work, 60.0))
    await asyncio.sleep(0.01)
    work.set_result(1)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_the_speed_that_was_asked_for_is_reached_where_nothing_else_runs() -> None:
    async with ticking(5.0) as clock, asyncio.timeout(30):
        await asyncio.sleep(0.3)
        # Something else may run, too; in the end it is reached.
        while clock.effective_speed < 0.6 * 5.0:  # noqa: ASYNC110 (time is what is waited for)
            await asyncio.sleep(0.1)
        assert clock.effective_speed <= 5.05


async def test_wall_time() -> None:
    clock = WallClock()
    assert abs(clock.time() - time.time()) < 1.0
    assert abs((clock.now() - datetime.now(UTC)).total_seconds()) < 1.0
    before = clock.monotonic()
    await clock.sleep(0.01)
    assert clock.monotonic() - before >= 0.009
    assert clock.speed == 1.0


async def test_site_time_waits_for_whoever_holds_it() -> None:
    async with ticking() as clock:
        await clock.sleep(1.0)
        slow = True
        end = clock.hold_while(lambda: slow)
        held_at = clock.monotonic()
        await asyncio.sleep(0.05)
        assert clock.monotonic() == held_at
        slow = False
        await clock.sleep(1.0)
        slow = True
        end()
        await asyncio.wait_for(clock.sleep(1.0), 5.0)


async def test_real_time_waits_for_nobody() -> None:
    clock = WallClock()
    before = clock.monotonic()
    end = clock.hold_while(lambda: True)
    await clock.sleep(0.01)
    assert clock.monotonic() - before >= 0.009
    end()
