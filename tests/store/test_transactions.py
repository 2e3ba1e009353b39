"""Transactions' rows, and the transaction ids of OCPP 1.6."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import Connection, insert

from ampacity.clock import WallClock
from ampacity.store import Store, transactions
from ampacity.store.stations import register_station
from ampacity.store.tables import charging_transaction, site, wire_id
from ampacity.store.transactions import TransactionFilter, WireIdsExhausted, next_wire_ids

from .conftest import NOON, OPERATOR
from .rows import transaction_row


async def test_a_row_comes_back_as_it_went_in(store: Store) -> None:
    row = transaction_row(
        ended_at=NOON + timedelta(hours=3),
        state="ended",
        energy_wh=12345.678,
        power_w=11040.5,
        stop_reason="EVDisconnected",
        offline=True,
        seq_first=0,
        seq_last=9,
        seq_count=9,
        remote_start_id=4,
    )
    await store.write(lambda connection: transactions.save_transactions(connection, [row]))
    kept = await store.read(lambda connection: transactions.get_transaction(connection, OPERATOR, "t1"))
    assert kept == row
    assert kept.billed_energy_wh == Decimal("12345.678")
    assert kept.has_gap


async def test_an_update_replaces_one_row_only(store: Store) -> None:
    def both(connection: Connection) -> None:
        transactions.save_transactions(connection, [transaction_row(1)])
        transactions.save_transactions(connection, [transaction_row(2, token=None)])
        ended = msgspec.structs.replace(transaction_row(1), state="ended", energy_wh=5.0)
        transactions.save_transactions(connection, [ended])

    await store.write(both)
    rows = await store.read(lambda connection: transactions.list_transactions(connection, OPERATOR))
    assert [(row.transaction_id, row.state, row.energy_wh) for row in rows] == [
        ("t2", "open", 0.0),
        ("t1", "ended", 5.0),
    ]
    assert rows[0].token is None
    open_rows = await store.read(
        lambda connection: transactions.open_transactions(connection, OPERATOR, "CP1")
    )
    assert [row.transaction_id for row in open_rows] == ["t2"]


async def test_following_a_row_writes_all_that_may_change_without_an_index(store: Store) -> None:
    before = transaction_row(1)
    await store.write(lambda connection: transactions.save_transactions(connection, [before]))
    after = msgspec.structs.replace(
        before,
        energy_wh=12.5,
        power_w=None,
        charging_state=None,
        seq_last=7,
        updated_at=NOON + timedelta(hours=1),
    )
    await store.write(lambda connection: transactions.follow_transactions(connection, [after]))
    found = await store.read(lambda connection: transactions.get_transaction(connection, OPERATOR, "t1"))
    assert found == after


async def test_what_people_want_is_kept_apart_from_what_stations_tell(store: Store) -> None:
    def wish(connection: Connection) -> None:
        transactions.set_wish(connection, OPERATOR, "t1", {"boosted": True})
        transactions.save_transactions(connection, [transaction_row(1)])
        transactions.set_wish(connection, OPERATOR, "t1", {"need_wh": 5_000.0, "departure": NOON})
        transactions.save_transactions(connection, [transaction_row(1, energy_wh=7.0)])

    await store.write(wish)
    row = await store.read(lambda connection: transactions.get_transaction(connection, OPERATOR, "t1"))
    assert row is not None
    assert (row.boosted, row.paused, row.need_wh, row.departure, row.energy_wh) == (
        True,
        False,
        5_000.0,
        NOON,
        7.0,
    )
    assert await store.read(lambda connection: transactions.wish_of(connection, OPERATOR, "t9")) is None


def test_every_indexed_column_is_known_to_the_cheap_update() -> None:
    in_index = {column.name for index in charging_transaction.indexes for column in index.columns}
    assert in_index - {"operator_id", "token_key"} | {"token"} == set(transactions.FOLLOWED_BY_INDEX)


async def test_an_id_that_a_station_uses_again_means_the_newest(store: Store) -> None:
    def twice(connection: Connection) -> None:
        for number in (1, 2):
            transactions.save_transactions(connection, [transaction_row(number, station_transaction_id="1")])

    await store.write(twice)
    row = await store.read(lambda connection: transactions.by_wire_id(connection, OPERATOR, "CP1", "1"))
    assert row is not None
    assert row.transaction_id == "t2"
    missing = await store.read(lambda connection: transactions.by_wire_id(connection, "other", "CP1", "1"))
    assert missing is None


async def test_listing_filters_and_pages(store: Store) -> None:
    def fill(connection: Connection) -> None:
        connection.execute(
            insert(site),
            {
                "operator_id": OPERATOR,
                "site_id": "depot",
                "name": "Depot",
                "time_zone": "Europe/Berlin",
                "strategy": "dynamic",
                "voltage_v": 230.0,
                "lease_s": 300.0,
                "commissioned": False,
            },
        )
        register_station(connection, OPERATOR, "CP2", NOON, site_id="depot")
        for number in range(1, 8):
            station_id = "CP2" if number % 2 else "CP1"
            transactions.save_transactions(connection, [transaction_row(number, station_id=station_id)])
        other = transaction_row(9, operator_id="other", station_id="CP2")
        transactions.save_transactions(connection, [other])

    await store.write(fill)

    async def ids(wanted: TransactionFilter | None = None, **page: object) -> list[str]:
        rows = await store.read(
            lambda connection: transactions.list_transactions(connection, OPERATOR, wanted, **page)
        )
        return [row.transaction_id for row in rows]

    assert await ids() == ["t7", "t6", "t5", "t4", "t3", "t2", "t1"]
    assert await ids(TransactionFilter(site_id="depot")) == ["t7", "t5", "t3", "t1"]
    assert await ids(TransactionFilter(station_id="CP1")) == ["t6", "t4", "t2"]
    assert await ids(TransactionFilter(token="ABCD"), limit=2) == ["t7", "t6"]
    assert await ids(TransactionFilter(token="other")) == []
    assert await ids(TransactionFilter(state="ended")) == []
    started = TransactionFilter(
        started_from=NOON + timedelta(minutes=3), started_until=NOON + timedelta(minutes=5)
    )
    assert await ids(started) == ["t4", "t3"]
    assert await ids(before=(NOON + timedelta(minutes=3), "t3")) == ["t2", "t1"]


async def test_wire_ids_count_up_from_one_through_restarts(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    given: list[int] = []
    for _ in range(3):
        store = await Store.open(path, WallClock())
        given += [
            await store.write(lambda connection: next_wire_ids(connection, OPERATOR)[0]) for _ in range(3)
        ]
        await store.close()
    assert given == list(range(1, 10))


async def test_each_operator_counts_its_own_wire_ids(store: Store) -> None:
    assert await store.write(lambda connection: next_wire_ids(connection, "a")[0]) == 1
    assert await store.write(lambda connection: next_wire_ids(connection, "b")[0]) == 1


async def test_wire_ids_stay_within_31_bits(store: Store) -> None:
    last = 2**31 - 2
    await store.write(
        lambda connection: connection.execute(insert(wire_id), {"operator_id": OPERATOR, "last": last})
    )
    assert await store.write(lambda connection: next_wire_ids(connection, OPERATOR)[0]) == 2**31 - 1
    for _ in range(2):
        with pytest.raises(WireIdsExhausted, match="move its stations"):
            await store.write(lambda connection: next_wire_ids(connection, OPERATOR)[0])
