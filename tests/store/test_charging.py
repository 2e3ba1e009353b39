"""How stations are treated in smart charging, and profiles by name: kept, changed, told apart by operator."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from ampacity.store import Store, charging
from ampacity.store.charging import StationChargingRow, TemplateRow
from ampacity.store.operators import ensure_operator

from .conftest import NOON, OPERATOR


def treated(**more: Any) -> StationChargingRow:
    notes = {"limits": [{"source": "EMS", "limit": 8.1}]}
    given = {"operator_id": OPERATOR, "station_id": "CP1", "mode": None, "rate_unit": None, "notes": notes}
    return StationChargingRow(**{**given, "at": NOON, **more})


async def test_the_last_word_on_a_station_counts(store: Store) -> None:
    await store.write(lambda c: charging.save_station_charging(c, treated()))
    changed = treated(mode="observed", rate_unit="W", notes={}, at=NOON + timedelta(hours=1))
    await store.write(lambda c: charging.save_station_charging(c, changed))
    other = treated(station_id="CP2")
    await store.write(lambda c: charging.save_station_charging(c, other))
    rows = await store.read(lambda c: charging.list_station_charging(c, OPERATOR))
    assert {row.station_id: row for row in rows} == {"CP1": changed, "CP2": other}
    assert await store.read(lambda c: charging.list_station_charging(c, "another")) == []


async def test_templates_by_name(store: Store) -> None:
    await store.write(lambda c: ensure_operator(c, "another", "Another", NOON))
    rows = [
        TemplateRow(operator_id=operator, name=name, template={"unit": unit}, at=NOON)
        for operator, name, unit in (
            (OPERATOR, "night", "A"),
            (OPERATOR, "day", "W"),
            ("another", "night", "W"),
        )
    ]
    for row in rows:
        await store.write(lambda c, row=row: charging.save_template(c, row))
    assert await store.read(lambda c: charging.list_templates(c, OPERATOR)) == [rows[1], rows[0]]
    assert await store.read(lambda c: charging.find_template(c, OPERATOR, "night")) == rows[0]
    assert await store.write(lambda c: charging.remove_template(c, OPERATOR, "night"))
    assert not await store.write(lambda c: charging.remove_template(c, OPERATOR, "night"))
    assert await store.read(lambda c: charging.find_template(c, "another", "night")) == rows[2]
