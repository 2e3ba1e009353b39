"""The log as a running site writes it, in a real store: every second can be found again, what could not be
kept is said, and the tick never waits.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import pytest
from msgspec import structs
from sqlalchemy import Connection, text

from ampacity.clock import WallClock
from ampacity.control.types import Snapshot
from ampacity.site.decisions.columns import Tick
from ampacity.site.decisions.log import TICKS_WAITING, DecisionLog
from ampacity.site.decisions.reading import Logged, NothingKept
from ampacity.store import Store
from ampacity.store.operators import ensure_operator
from ampacity.store.retention import RetentionPolicy, enforce

from .world import kept, panel

OPERATOR = "stadtwerke"
T = TypeVar("T")


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = await Store.open(tmp_path / "a.db", WallClock())
    await opened.write(lambda connection: ensure_operator(connection, OPERATOR, "Stadtwerke", at(0.0)))
    yield opened
    await opened.close()


def at(epoch_s: float) -> datetime:
    return datetime.fromtimestamp(epoch_s, UTC)


def log_of(store: Store) -> DecisionLog:
    return DecisionLog(store, OPERATOR, "yard", store.clock)


def note(log: DecisionLog, ticks: list[Tick]) -> None:
    for tick in ticks:
        log.note(*tick)


async def read(store: Store, what: Callable[[Logged], T]) -> T:
    def within(connection: Connection) -> T:
        return what(Logged(connection, OPERATOR, "yard"))

    return await store.read(within)


async def test_any_second_is_found_again(store: Store) -> None:
    """Over chains, pieces and a restart of the controller."""
    plant = kept(panel())
    log = log_of(store)
    for _ in range(8):
        note(log, plant.keep(50))
        await log.written()
    again = log_of(store)
    note(again, plant.keep(20))
    await again.close()
    for tick in plant.ticks[::37]:
        for later_s in (0.0, 0.4):
            moment = await read(
                store, lambda logged, t=tick, s=later_s: logged.at(at(t.snapshot.epoch_s + s))
            )  # type: ignore[misc]
            assert moment.epoch_s == pytest.approx(tick.snapshot.epoch_s, abs=1e-3)
            assert moment.decision.grants.keys() == tick.decision.grants.keys()
    first, last = await read(store, Logged.span)
    assert first == at(plant.ticks[0].snapshot.epoch_s)
    assert last == at(plant.ticks[-1].snapshot.epoch_s)
    heads = await read(store, lambda logged: [c.reader.head.started for c in logged.chains(first, last)])
    assert heads == [True, False, True]  # the last first; 420 s are two chains


async def test_what_is_not_kept_is_said(store: Store) -> None:
    with pytest.raises(NothingKept, match="nothing is kept of site 'yard'"):
        await read(store, lambda logged: logged.at(at(0.0)))
    plant = kept(panel())
    log = log_of(store)
    note(log, plant.keep(10))
    plant.at += 120.0  # the controller stood still
    note(log, plant.keep(10))
    await log.written()
    ends = plant.epoch_s
    for when, said in (
        (ends + 31.0, "the log reaches from"),
        (ends - 300.0, "the log reaches from"),
        (ends - 60.0, "the controller stood still, the tick before was at"),
    ):
        with pytest.raises(NothingKept, match=said):
            await read(store, lambda logged, w=when: logged.at(at(w)))  # type: ignore[misc]


async def test_too_many_ticks_are_left_out_and_the_log_says_so(store: Store) -> None:
    plant = kept(panel(2))
    log = log_of(store)
    first = plant.keep(1)[0]
    for number in range(TICKS_WAITING + 50):
        log.note(_later(first, number), first.decision)
    assert log.figures.dropped == 50
    await log.written()
    log.note(_later(first, TICKS_WAITING + 50), first.decision)
    await log.written()
    logged = await read(
        store, lambda logged: [c.reader.head.gap for c in logged.chains(at(0.0), at(plant.epoch_s + 1000))]
    )
    assert [gap.ticks for gap in logged if gap is not None] == [50]
    assert logged[0] is not None
    assert logged[0].since == pytest.approx(first.snapshot.epoch_s + TICKS_WAITING)


async def test_a_disk_that_refuses_loses_nothing_that_was_noted(store: Store) -> None:
    plant = kept(panel(2))
    log = log_of(store)
    await store.write(lambda connection: connection.execute(text("ALTER TABLE decision_log RENAME TO away")))
    for _ in range(3):
        note(log, plant.keep(5))
        await log._try()  # told in the program's log, and tried again
    await store.write(lambda connection: connection.execute(text("ALTER TABLE away RENAME TO decision_log")))
    await log.written()
    for tick in plant.ticks:
        moment = await read(store, lambda logged, t=tick: logged.at(at(t.snapshot.epoch_s)))  # type: ignore[misc]
        assert moment.epoch_s == pytest.approx(tick.snapshot.epoch_s, abs=1e-3)


async def test_a_clock_that_is_set_back_begins_anew(store: Store) -> None:
    plant = kept(panel(2))
    log = log_of(store)
    ticks = plant.keep(20)
    note(log, ticks[:10])
    for tick in ticks[10:]:
        log.note(_back(tick, 3600.0), tick.decision)
    await log.written()
    moment = await read(store, lambda logged: logged.at(at(ticks[15].snapshot.epoch_s - 3600.0)))
    assert moment.snapshot.at == ticks[15].snapshot.at


async def test_old_decisions_go(store: Store) -> None:
    plant = kept(panel(2))
    log = log_of(store)
    note(log, plant.keep(10))
    old = plant.epoch_s
    plant.at += 3 * 86_400.0
    note(log, plant.keep(10))
    await log.written()
    now = at(plant.epoch_s) + timedelta(days=59)
    report = await enforce(store, RetentionPolicy(), now)
    assert report.decisions == 1
    with pytest.raises(NothingKept):
        await read(store, lambda logged: logged.at(at(old)))
    assert await read(store, lambda logged: logged.at(at(plant.epoch_s)))
    assert (await enforce(store, RetentionPolicy(decision_days=1.0), now)).decisions == 1
    with pytest.raises(NothingKept, match="nothing is kept of site"):
        await read(store, Logged.site)
    assert await store.read(lambda c: c.execute(text("SELECT count(*) FROM decision_site")).scalar()) == 0


def _later(tick: Tick, seconds: float) -> Snapshot:
    seen = tick.snapshot
    return structs.replace(seen, at=seen.at + seconds, epoch_s=seen.epoch_s + seconds)


def _back(tick: Tick, seconds: float) -> Snapshot:
    return structs.replace(tick.snapshot, epoch_s=tick.snapshot.epoch_s - seconds)
