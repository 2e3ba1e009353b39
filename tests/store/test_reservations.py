"""Reservations and local lists in the tables, on both databases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from msgspec.structs import replace

from ampacity.clock import WallClock
from ampacity.model.station import IdToken
from ampacity.store import Store, operators, reservations, stations
from ampacity.store.local_lists import Held, LocalListRow, list_local_lists, save_local_list
from ampacity.store.reservations import LIVE, ReservationFilter, ReservationRow
from ampacity.store.retention import RetentionPolicy, enforce

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def row(number: int, **more: Any) -> ReservationRow:
    known: dict[str, Any] = {
        "operator_id": "o",
        "reservation_id": number,
        "station_id": "CP1",
        "evse_id": 1,
        "connector_type": None,
        "token": IdToken("Tag", "Central"),
        "group": "G",
        "expires_at": NOW + timedelta(hours=number),
        "state": "active",
        "created_by": "user:ada",
        "created_at": NOW,
        "changed_at": NOW,
    }
    return ReservationRow(**known | more)


async def test_reservations_are_kept_found_and_used(address: str) -> None:
    store = await Store.open(address, WallClock())

    def fill(connection: Any) -> int:
        first = reservations.next_reservation_id(connection, "o")
        for made in (row(1), row(2, state="expired", no_show=True), row(3, station_id="CP2", evse_id=None)):
            reservations.save_reservation(connection, made)
        reservations.save_reservation(connection, row(9, operator_id="other"))
        assert reservations.next_reservation_id(connection, "o") == 4
        assert reservations.use_reservation(connection, "o", "CP1", 2, "tx", NOW)
        assert not reservations.use_reservation(connection, "o", "CP1", 2, "again", NOW)
        assert not reservations.use_reservation(connection, "o", "CP1", 3, "tx", NOW)
        return first

    def numbers(connection: Any, *, states: Any = (), **wanted: Any) -> list[int]:
        found = reservations.list_reservations(connection, "o", ReservationFilter(**wanted), states=states)
        return [item.reservation_id for item in found]

    assert await store.write(fill) == 1
    assert await store.read(lambda c: reservations.get_reservation(c, "o", 1)) == row(1)
    used = await store.read(lambda c: reservations.get_reservation(c, "o", 2))
    assert used == replace(row(2), state="used", transaction_id="tx")
    assert await store.read(lambda c: reservations.get_reservation(c, "o", 9)) is None
    assert await store.read(lambda c: numbers(c)) == [3, 2, 1]
    assert await store.read(lambda c: numbers(c, states=LIVE)) == [3, 1]
    assert await store.read(lambda c: numbers(c, station_id="CP1", state="active")) == [1]
    assert await store.read(lambda c: numbers(c, token="tAG", expires_until=NOW + timedelta(hours=2))) == [1]
    await store.close()


async def test_old_ones_go_and_no_number_comes_again(address: str) -> None:
    store = await Store.open(address, WallClock())

    def fill(connection: Any) -> None:
        for operator_id in ("o", "other"):
            operators.ensure_operator(connection, operator_id, "O", NOW)
            for number in (1, 2, 3):
                made = row(number, operator_id=operator_id, expires_at=NOW - timedelta(days=11 - number))
                reservations.save_reservation(connection, made)

    await store.write(fill)
    policy = RetentionPolicy(reservation_days=8.5)
    assert (await enforce(store, policy, NOW)).reservations == 2 * 2
    assert (await enforce(store, RetentionPolicy(reservation_days=0), NOW)).reservations == 0
    assert await store.read(lambda c: reservations.next_reservation_id(c, "o")) == 4
    await store.close()


async def test_a_station_s_list_comes_back_and_goes_with_its_station(address: str) -> None:
    store = await Store.open(address, WallClock())
    kept = LocalListRow(
        operator_id="o",
        station_id="CP1",
        enabled=True,
        version=3,
        seen_version=2,
        seen_at=NOW,
        state="behind",
        detail="drift",
        held={"tag": Held("Tag", "ISO14443", "ab12")},
        changed_at=NOW,
    )

    def fill(connection: Any) -> None:
        operators.ensure_operator(connection, "o", "O", NOW)
        stations.register_station(connection, "o", "CP1", NOW)
        save_local_list(connection, replace(kept, version=1, held={}))
        save_local_list(connection, kept)

    await store.write(fill)
    assert await store.read(lambda c: list_local_lists(c, "o")) == [kept]
    assert await store.read(lambda c: list_local_lists(c, "other")) == []
    await store.close()
