"""The history checker is itself checked: on databases that were doctored it must find what was done."""

from __future__ import annotations

import random
import shutil
import sqlite3
from pathlib import Path

import pytest

from ampacity.bench.durability.drive import DATABASE, drive, opened, plant
from ampacity.bench.durability.history import Checked, Depth, check
from ampacity.bench.durability.kills import now
from ampacity.bench.durability.stations import Station, fleet


@pytest.fixture
async def life(fast_folder: Path) -> tuple[Path, list[Station]]:
    """A database that stations have filled, and what they said."""
    home, stations = fast_folder / "life", fleet(7, 3)
    home.mkdir()
    async with opened(home) as store, plant(store) as built:
        await drive(built, stations, now, 60, random.Random(7))
        await built.csms.written()
    return home, stations


async def found(place: Path, stations: list[Station], depth: Depth) -> Checked:
    return await check(place, stations, now(), random.Random(7), depth)


def kinds(checked: Checked) -> set[str]:
    return {finding.kind for finding in checked.findings}


def doctor(home: Path, *statements: str) -> None:
    connection = sqlite3.connect(home / DATABASE)
    with connection:
        changed = [connection.execute(statement).rowcount for statement in statements]
    connection.close()
    assert changed[-1] > 0, "nothing was doctored"


async def test_what_was_left_alone_is_right(life: tuple[Path, list[Station]]) -> None:
    home, stations = life
    checked = await found(home, stations, "derived")
    assert checked.findings == ()
    assert checked.acknowledged >= 60


FIRST = "(SELECT min(id) FROM journal WHERE kind = 'Updated')"


@pytest.mark.parametrize(
    ("statements", "kind"),
    [
        pytest.param([f"DELETE FROM journal WHERE id = {FIRST}"], "lost", id="a message is gone"),
        pytest.param(
            [
                f"CREATE TEMP TABLE twin AS SELECT * FROM journal WHERE id = {FIRST}",
                "UPDATE twin SET id = (SELECT max(id) + 1 FROM journal)",
                "INSERT INTO journal SELECT * FROM twin",
            ],
            "repeated",
            id="a message is there twice",
        ),
        pytest.param(
            [f"UPDATE journal SET at = at + 1 WHERE id = {FIRST}"], "unsaid", id="a message of another time"
        ),
        pytest.param(
            ["UPDATE journal SET station_id = 'CP9' WHERE id = (SELECT max(id) FROM journal)"],
            "unsaid",
            id="a message of a stranger",
        ),
        pytest.param(
            ["UPDATE journal SET kind = 'Ended' WHERE id = " + FIRST],
            "unsaid",
            id="a message of another kind",
        ),
    ],
)
async def test_a_doctored_journal_is_found(
    life: tuple[Path, list[Station]], statements: list[str], kind: str
) -> None:
    home, stations = life
    doctor(home, *statements)
    assert kind in kinds(await found(home, stations, "kept"))


ENDED = "(SELECT transaction_id FROM charging_transaction WHERE state = 'ended' LIMIT 1)"


@pytest.mark.parametrize(
    ("statements", "kind"),
    [
        pytest.param(
            [f"DELETE FROM charging_transaction WHERE transaction_id = {ENDED}"],
            "transaction",
            id="a transaction is gone",
        ),
        pytest.param(
            [f"UPDATE charging_transaction SET energy_wh = energy_wh + 1000 WHERE transaction_id = {ENDED}"],
            "transaction",
            id="a watt-hour more",
        ),
        pytest.param(
            [f"UPDATE charging_transaction SET state = 'open' WHERE transaction_id = {ENDED}"],
            "transaction",
            id="a transaction open again",
        ),
        pytest.param(
            [
                "UPDATE charging_transaction SET station_transaction_id = '99' "
                "WHERE transaction_id = "
                "(SELECT min(transaction_id) FROM charging_transaction WHERE station_id = 'CP0')"
            ],
            "wire id",
            id="an id that was not told",
        ),
        pytest.param(
            [
                "UPDATE meter_reading SET register_wh = register_wh + 1 "
                "WHERE at = (SELECT max(at) FROM meter_reading WHERE register_wh IS NOT NULL)"
            ],
            "sample",
            id="a value changed",
        ),
        pytest.param(
            ["DELETE FROM meter_reading WHERE at = (SELECT min(at) FROM meter_reading)"],
            "sample",
            id="a value is gone",
        ),
        pytest.param(["DELETE FROM rollup_15min"], "rollup", id="quarters are gone"),
    ],
)
async def test_doctored_rows_are_found(
    life: tuple[Path, list[Station]], statements: list[str], kind: str
) -> None:
    home, stations = life
    doctor(home, *statements)
    assert kind in kinds(await found(home, stations, "derived"))


async def test_a_damaged_file_is_found(life: tuple[Path, list[Station]], fast_folder: Path) -> None:
    home, stations = life
    doctor(home, "DELETE FROM journal WHERE 0 OR id = -1", f"UPDATE journal SET id = id WHERE id = {FIRST}")
    damaged = fast_folder / "damaged"
    shutil.copytree(home, damaged)
    content = bytearray((damaged / DATABASE).read_bytes())
    for page in range(2, len(content) // 4096, 3):
        content[page * 4096 : page * 4096 + 64] = random.Random(page).randbytes(64)
    (damaged / DATABASE).write_bytes(content)
    assert kinds(await found(damaged, stations, "kept")) & {"unreadable", "lost"}
