"""Many rows at once: any number, each kind of conflict, the same as row by row."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest
from sqlalchemy import Connection, case, select

from ampacity.store import Store, postgres_driver
from ampacity.store.rows import Rows
from ampacity.store.tables import meter_reading, rollup_15min

from .conftest import OPERATOR

COLUMNS = ("operator_id", "station_id", "evse_id", "at", "transaction_id", "power_w")


def samples(first: int, count: int, value: float = 1.5) -> list[tuple[Any, ...]]:
    return [(OPERATOR, "CP", 1, number, "t", value) for number in range(first, first + count)]


def stored(connection: Connection) -> list[tuple[int, float]]:
    statement = "SELECT at, power_w FROM meter_reading ORDER BY at"
    return [(row[0], row[1]) for row in connection.exec_driver_sql(statement)]


@pytest.mark.parametrize("count", [0, 1, 7, 26, 256, 1_001])
async def test_any_number_of_rows_arrives_once(store: Store, count: int) -> None:
    rows = Rows(meter_reading, COLUMNS)
    assert await store.write(lambda connection: rows.write(connection, samples(0, count))) == count
    assert await store.read(stored) == [(number, 1.5) for number in range(count)]


async def test_a_known_key_is_an_error_of_the_whole_unit(store: Store) -> None:
    rows = Rows(meter_reading, COLUMNS)
    await store.write(lambda connection: rows.write(connection, samples(40, 1)))
    with pytest.raises(
        (sqlite3.IntegrityError, postgres_driver.IntegrityError)
    ):  # the driver's own, as of every prepared statement
        await store.write(lambda connection: rows.write(connection, samples(0, 100)))
    assert await store.read(stored) == [(40, 1.5)]


async def test_ignored_rows_are_not_counted_and_change_nothing(store: Store) -> None:
    rows = Rows(meter_reading, COLUMNS, "ignore")
    assert await store.write(lambda connection: rows.write(connection, samples(0, 100))) == 100
    assert await store.write(lambda connection: rows.write(connection, samples(90, 80, 7.0))) == 70
    kept = [(number, 1.5) for number in range(100)] + [(number, 7.0) for number in range(100, 170)]
    assert await store.read(stored) == kept


async def test_one_batch_may_hold_a_key_twice_where_conflicts_are_ignored(store: Store) -> None:
    rows = Rows(meter_reading, COLUMNS, "ignore")
    twice = samples(0, 20) + samples(10, 20, 7.0)
    assert await store.write(lambda connection: rows.write(connection, twice)) == 30


async def test_replacing_takes_the_offered_values(store: Store) -> None:
    rows = Rows(meter_reading, COLUMNS, "replace")
    await store.write(lambda connection: rows.write(connection, samples(0, 30)))
    assert await store.write(lambda connection: rows.write(connection, samples(20, 20, 2.5))) == 20
    assert await store.read(stored) == [(n, 1.5 if n < 20 else 2.5) for n in range(40)]


async def test_merging_sees_the_old_row_and_the_offered_one(store: Store) -> None:
    """The rollup's columns are named `count`, `first` and `last`: names that statements must quote or not."""

    def merge(old: Any, new: Any) -> dict[str, Any]:
        later = new.last_at > old.last_at
        return {
            "count": old["count"] + new["count"],
            "highest": case((new.highest > old.highest, new.highest), else_=old.highest),
            "last_at": case((later, new.last_at), else_=old.last_at),
            "last": case((later, new.last), else_=old["last"]),
        }

    def quarter(start: int, value: float, at: int) -> tuple[Any, ...]:
        series = (OPERATOR, "CP", 1, start, "Power.Active.Import", 0, "Outlet", "W")
        return (*series, 1, round(value * 1000), value, value, at, value, at, value)

    rows = Rows(rollup_15min, conflict=merge)
    starts = range(0, 900, 30)
    await store.write(lambda connection: rows.write(connection, [quarter(s, 5.0, s + 10) for s in starts]))
    await store.write(lambda connection: rows.write(connection, [quarter(s, 4.0, s + 20) for s in starts]))
    await store.write(lambda connection: rows.write(connection, [quarter(s, 9.0, s + 5) for s in starts]))
    column = rollup_15min.c
    told = await store.read(
        lambda connection: connection.execute(select(column["count"], column.highest, column["last"])).all()
    )
    assert [tuple(row) for row in told] == [(3, 9.0, 4.0)] * len(starts)


async def test_columns_may_be_named_in_any_order(store: Store) -> None:
    rows = Rows(meter_reading, tuple(reversed(COLUMNS)))
    turned = [tuple(reversed(row)) for row in samples(3, 9)]
    await store.write(lambda connection: rows.write(connection, turned))
    assert await store.read(stored) == [(number, 1.5) for number in range(3, 12)]
