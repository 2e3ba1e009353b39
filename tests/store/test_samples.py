"""Samples and rollups: derived once, whatever is repeated or cut off, and the same after a rebuild."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, create_engine, select, update

from ampacity.store import Store, journal, samples, transactions
from ampacity.store.operators import ensure_operator
from ampacity.store.tables import journal as journal_table
from ampacity.store.tables import metadata, meter_sample, rollup_15min, watermark

from .conftest import NOON, OPERATOR
from .rows import reading, record, transaction_row

END = NOON + timedelta(days=1)


def everything(connection: Connection) -> tuple[list[object], list[object]]:
    return (
        [tuple(row) for row in connection.execute(select(meter_sample).order_by(*meter_sample.primary_key))],
        [tuple(row) for row in connection.execute(select(rollup_15min).order_by(*rollup_15min.primary_key))],
    )


async def fill(store: Store, messages: int = 40) -> None:
    """Two stations that tell a reading each minute, two at a time, the second of which comes again."""
    for number in range(messages):
        at = NOON + timedelta(minutes=number)
        told = tuple(reading(at + timedelta(minutes=step), 1000.0 + number + step) for step in (0, 1))
        for station_id in ("CP1", "CP2"):
            message = record(f"m{number}", told, station_id=station_id, at=at)
            store.post(lambda connection, message=message: journal.append(connection, message))
    await store.flush()


async def test_samples_and_quarters_are_what_was_told(store: Store) -> None:
    await fill(store)
    assert await samples.catch_up(store) == 80
    points = await store.read(
        lambda connection: samples.list_samples(
            connection, OPERATOR, "CP1", 1, NOON, END, measurand="Energy.Active.Import.Register"
        )
    )
    assert [point.at for point in points] == [NOON + timedelta(minutes=minute) for minute in range(41)]
    assert [point.value for point in points] == [1000.0 + minute for minute in range(41)]
    quarters = await store.read(
        lambda connection: samples.list_rollups(
            connection, OPERATOR, "CP1", 1, NOON, END, measurand="Energy.Active.Import.Register"
        )
    )
    assert [(quarter.start, quarter.count) for quarter in quarters] == [
        (NOON, 15),
        (NOON + timedelta(minutes=15), 15),
        (NOON + timedelta(minutes=30), 11),
    ]
    assert (quarters[0].first, quarters[0].last, quarters[0].mean) == (1000.0, 1014.0, 1007.0)
    assert (quarters[0].lowest, quarters[0].highest) == (1000.0, 1014.0)
    phases = await store.read(
        lambda connection: samples.list_rollups(
            connection, OPERATOR, "CP1", 1, NOON, END, measurand="Current.Import"
        )
    )
    assert [quarter.phase for quarter in phases] == [1] * 3 + [2] * 3 + [3] * 3


async def test_a_rebuild_gives_the_same(store: Store) -> None:
    await fill(store)
    await samples.catch_up(store)
    before = await store.read(everything)
    assert await samples.rebuild(store, OPERATOR) == 80
    assert await store.read(everything) == before
    assert len(before[0]) == 2 * 41 * 5


async def test_a_rebuild_cut_off_goes_on_by_itself(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    await fill(store)
    await samples.catch_up(store)
    before = await store.read(everything)
    monkeypatch.setattr(samples, "ROWS_DELETED_AT_ONCE", 7)
    await store.write(lambda connection: samples.begin_rebuild(connection, OPERATOR))
    for _ in range(3):  # then the program stops
        await store.write(samples.derive)
    half = await store.read(everything)
    assert 0 < len(half[0]) < len(before[0])
    await samples.catch_up(store)
    assert await store.read(everything) == before


async def test_operators_are_derived_apart(store: Store) -> None:
    await store.write(lambda connection: ensure_operator(connection, "other", "Other", NOON))
    message = record("k", (reading(NOON, 1.0),), operator_id="other")
    await store.write(lambda connection: journal.append(connection, message))
    await fill(store, 2)
    await samples.catch_up(store)
    others = await store.read(
        lambda connection: samples.list_samples(connection, "other", "CP1", 1, NOON, END)
    )
    assert len(others) == 5
    await samples.rebuild(store, OPERATOR)
    assert others == await store.read(
        lambda connection: samples.list_samples(connection, "other", "CP1", 1, NOON, END)
    )


async def test_registers_of_a_start_and_a_stop_are_samples_of_the_transaction(store: Store) -> None:
    def session(connection: Connection) -> None:
        transactions.insert_transaction(connection, transaction_row(1, evse_id=2))
        journal.append(connection, record("start", kind="Started", evse_id=2, register_wh=1000.0))
        stop = record("stop", kind="Ended", evse_id=None, register_wh=1500.0, at=NOON + timedelta(hours=1))
        journal.append(connection, stop)

    await store.write(session)
    await samples.catch_up(store)
    points = await store.read(lambda connection: samples.transaction_samples(connection, OPERATOR, "t1"))
    assert [(point.measurand, point.value, point.unit) for point in points] == [
        ("Energy.Active.Import.Register", 1000.0, "Wh"),
        ("Energy.Active.Import.Register", 1500.0, "Wh"),
    ]
    assert await store.read(lambda connection: samples.transaction_samples(connection, OPERATOR, "t9")) == []


async def test_a_row_that_can_not_be_read_stops_nothing(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    await fill(store, 3)
    await store.write(
        lambda connection: connection.execute(
            update(journal_table).where(journal_table.c.id == 2).values(payload=b"{broken")
        )
    )
    assert await samples.catch_up(store) == 6
    assert await store.read(lambda connection: connection.scalar(select(watermark.c.journal_id))) == 6
    assert "journal row 2 of operator 'stadtwerke' can't be read" in caplog.text


async def test_too_long_a_series_is_refused_with_what_helps(store: Store) -> None:
    await fill(store, 5)
    await samples.catch_up(store)
    with pytest.raises(samples.SeriesTooLong, match="ask for a shorter one, or for 15-minute values"):
        await store.read(
            lambda connection: samples.list_samples(connection, OPERATOR, "CP1", 1, NOON, END, limit=10)
        )


async def test_what_is_written_is_derived_while_the_site_runs(store: Store) -> None:
    running = asyncio.ensure_future(samples.run(store))
    await fill(store, 3)

    async def derived() -> None:
        while not (await store.read(everything))[0]:
            await store.flush()

    await asyncio.wait_for(derived(), 10)
    running.cancel()


# Few instants, so that many values come more than once.
times = st.integers(0, 20).map(lambda step: NOON + timedelta(minutes=3 * step))
values = st.floats(-1e6, 1e6, allow_nan=False).map(lambda value: round(value, 3))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(told=st.lists(st.tuples(times, values, st.integers(1, 2)), max_size=30), at_once=st.integers(1, 7))
def test_rollups_agree_with_samples_however_they_come(
    told: list[tuple[datetime, float, int]], at_once: int
) -> None:
    """Late, repeated and reordered values, derived in groups of any size, give what one look at all samples
    gives.
    """
    engine = create_engine("sqlite://")
    metadata.create_all(engine)
    with engine.begin() as connection:
        ensure_operator(connection, OPERATOR, "Stadtwerke", NOON)
        for number, (at, value, evse_id) in enumerate(told):
            journal.append(connection, record(str(number), evse_id=evse_id, register_wh=value, at=at))
        while samples.derive(connection, at_once)[1]:
            pass
        for evse_id in (1, 2):
            points = samples.list_samples(connection, OPERATOR, "CP1", evse_id, NOON, END)
            quarters = samples.list_rollups(connection, OPERATOR, "CP1", evse_id, NOON, END)
            assert len({point.at for point in points}) == len(points)
            assert {at for at, _, of in told if of == evse_id} == {point.at for point in points}
            assert sum(quarter.count for quarter in quarters) == len(points)
            for quarter in quarters:
                within = [p for p in points if quarter.start <= p.at < quarter.start + samples.ROLLUP]
                assert quarter.count == len(within)
                assert quarter.lowest == min(point.value for point in within)
                assert quarter.highest == max(point.value for point in within)
                assert (quarter.first_at, quarter.first) == (within[0].at, within[0].value)
                assert (quarter.last_at, quarter.last) == (within[-1].at, within[-1].value)
                mean = sum(point.value for point in within) / len(within)
                assert quarter.mean == pytest.approx(mean, abs=1e-6)
    engine.dispose()
