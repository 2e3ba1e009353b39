"""Readings and rollups: each value once, whatever is repeated, late or told in parts."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine

from ampacity.model.station import MeterReading, Sample
from ampacity.store import Store, samples, transactions
from ampacity.store.operators import ensure_operator
from ampacity.store.samples import REGISTER, ReadingWriter, Told
from ampacity.store.tables import metadata

from .conftest import NOON, OPERATOR
from .rows import reading, transaction_row

END = NOON + timedelta(days=1)
EVSE = (OPERATOR, "CP1", 1)


async def fill(store: Store, messages: int = 40) -> None:
    """Two stations that tell a reading each minute, two at a time, the second of which comes again."""
    writer = ReadingWriter()
    for number in range(messages):
        at = NOON + timedelta(minutes=number)
        told = tuple(reading(at + timedelta(minutes=step), 1000.0 + number + step) for step in (0, 1))
        both = [Told((OPERATOR, station_id, 1), "t1", told) for station_id in ("CP1", "CP2")]
        await store.write(lambda connection, both=both: writer.write(connection, both))


async def test_samples_and_quarters_are_what_was_told(store: Store) -> None:
    await fill(store)
    points = await store.read(
        lambda connection: samples.list_samples(connection, OPERATOR, "CP1", 1, NOON, END, measurand=REGISTER)
    )
    assert [point.at for point in points] == [NOON + timedelta(minutes=minute) for minute in range(41)]
    assert [point.value for point in points] == [1000.0 + minute for minute in range(41)]
    quarters = await store.read(
        lambda connection: samples.list_rollups(connection, OPERATOR, "CP1", 1, NOON, END, measurand=REGISTER)
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


async def test_an_instant_told_in_parts_becomes_whole_and_the_first_word_counts(store: Store) -> None:
    parts = (
        Sample(REGISTER, 1000.0, "Wh"),
        Sample("SoC", 40.0, "Percent", location="EV"),
        Sample("Temperature", 21.0, "Celsius"),
        Sample(REGISTER, 9999.0, "Wh"),
        Sample("Temperature", 99.0, "Celsius"),
    )
    writer = ReadingWriter()
    for part in parts:
        told = [Told(EVSE, "t1", (MeterReading.of(NOON, (part,)),))]
        await store.write(lambda connection, told=told: writer.write(connection, told))
    points = await store.read(
        lambda connection: samples.list_samples(connection, OPERATOR, "CP1", 1, NOON, END)
    )
    assert {(point.measurand, point.location, point.value) for point in points} == {
        (REGISTER, "Outlet", 1000.0),
        ("SoC", "EV", 40.0),
        ("Temperature", "Outlet", 21.0),
    }
    quarters = await store.read(
        lambda connection: samples.list_rollups(connection, OPERATOR, "CP1", 1, NOON, END)
    )
    assert [(quarter.count, quarter.highest) for quarter in quarters] == [(1, 1000.0), (1, 40.0), (1, 21.0)]


async def test_the_samples_of_a_transaction(store: Store) -> None:
    await fill(store, 2)
    row = transaction_row(1)
    await store.write(lambda connection: transactions.save_transactions(connection, [row]))
    points = await store.read(
        lambda connection: samples.transaction_samples(connection, OPERATOR, "t1", measurand=REGISTER)
    )
    assert [point.value for point in points] == [1000.0, 1001.0, 1002.0]
    assert await store.read(lambda connection: samples.transaction_samples(connection, OPERATOR, "t9")) == []


async def test_too_long_a_series_is_refused_with_what_helps(store: Store) -> None:
    await fill(store, 5)
    with pytest.raises(samples.SeriesTooLong, match="ask for a shorter one, or for 15-minute values"):
        await store.read(
            lambda connection: samples.list_samples(connection, OPERATOR, "CP1", 1, NOON, END, limit=10)
        )


# Few instants, so that many values come more than once.
times = st.integers(0, 20).map(lambda step: NOON + timedelta(minutes=3 * step))
values = st.floats(-1e6, 1e6, allow_nan=False).map(lambda value: round(value, 3))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    told=st.lists(st.tuples(times, values, st.integers(1, 2)), max_size=30),
    at_once=st.integers(1, 7),
    forgets=st.booleans(),
)
def test_rollups_agree_with_samples_however_they_come(
    told: list[tuple[datetime, float, int]], at_once: int, forgets: bool
) -> None:
    """Late, repeated and reordered values, written in groups of any size, by a writer that was restarted or
    not, give what one look at all samples gives.
    """
    engine = create_engine("sqlite://")
    metadata.create_all(engine)
    with engine.begin() as connection:
        ensure_operator(connection, OPERATOR, "Stadtwerke", NOON)
        writer = ReadingWriter()
        for start in range(0, len(told), at_once):
            writer.write(
                connection,
                [
                    Told(
                        (OPERATOR, "CP1", evse_id),
                        None,
                        (MeterReading.of(at, (Sample(REGISTER, value, "Wh"),)),),
                    )
                    for at, value, evse_id in told[start : start + at_once]
                ],
            )
            if forgets:
                writer.forget()
        for evse_id in (1, 2):
            points = samples.list_samples(connection, OPERATOR, "CP1", evse_id, NOON, END)
            quarters = samples.list_rollups(connection, OPERATOR, "CP1", evse_id, NOON, END)
            first: dict[datetime, float] = {}
            for at, value, of in told:
                if of == evse_id:
                    first.setdefault(at, value)
            assert {point.at: point.value for point in points} == first
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
