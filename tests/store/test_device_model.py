"""What is kept of the device model: variables with traits, pages, monitors, events and alarms, customers'
data; how long; and how an older database comes along.
"""

from __future__ import annotations

import sqlite3
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine

from ampacity.clock import WallClock
from ampacity.store import Store, configurations, migrations, monitoring, provisioning, retention, variables
from ampacity.store.configurations import Template, WantedValue
from ampacity.store.customer_reports import CustomerReport, list_reports, save_report
from ampacity.store.monitoring import EventRow, MonitorRow
from ampacity.store.provisioning import ProvisioningRow, RefusedValue
from ampacity.store.retention import RetentionPolicy, enforce
from ampacity.store.stations import register_station
from ampacity.store.variables import StationVariable

from .conftest import NOON, OPERATOR

LATER = NOON + timedelta(minutes=5)


async def register(store: Store, *names: str) -> None:
    for name in names or ("CP1",):
        await store.write(lambda connection, name=name: register_station(connection, OPERATOR, name, NOON))


def variable(number: int, at: datetime = NOON, **more: Any) -> StationVariable:
    given = {"component": "Sensor", "variable": f"V{number:02}", "value": str(number), "seen_at": at}
    return StationVariable(**given | more)


async def known(store: Store, **wanted: Any) -> list[StationVariable]:
    return await store.read(
        lambda connection: variables.list_variables(connection, OPERATOR, "CP1", **wanted)
    )


# ---------------------------------------------------------------- variables


async def test_a_reading_leaves_what_a_report_told(store: Store) -> None:
    await register(store)
    told = variable(
        1, read_only=False, mutability="ReadWrite", data_type="decimal", unit="A", min_limit=0.5,
        max_limit=32.0, persistent=True, constant=False, supports_monitoring=True, connector_id=2, evse_id=1,
    )  # fmt: skip
    await store.write(lambda connection: variables.save_variables(connection, OPERATOR, "CP1", [told]))
    read = variable(1, LATER, value="7", evse_id=1, connector_id=2, reboot_required=True)
    other = variable(2, LATER, read_only=True)
    await store.write(lambda connection: variables.save_values(connection, OPERATOR, "CP1", [read, other]))
    first, second = await known(store)
    assert second == variable(1, LATER, **_traits(told), value="7", reboot_required=True)
    assert first == other
    assert await known(store, reboot_required=True) == [second]
    await store.write(lambda connection: variables.booted(connection, OPERATOR, "CP1"))
    assert await known(store, reboot_required=True) == []


def _traits(told: StationVariable) -> dict[str, Any]:
    names = set(told.__struct_fields__) - {"component", "variable", "value", "seen_at", "reboot_required"}
    return {name: getattr(told, name) for name in names}


async def test_variables_are_found_and_paged(store: Store) -> None:
    await register(store)
    many = [
        variable(number % 5, component=component, evse_id=evse or None, variable_instance=instance)
        for component in ("EVSE", "OCPPCommCtrlr", "OCPP16")
        for evse in range(3)
        for instance in (None, "a_b")
        for number in range(5)
    ]
    await store.write(lambda connection: variables.save_variables(connection, OPERATOR, "CP1", many))
    everything = await known(store)
    assert len(everything) == len(many) == 90
    assert len(await known(store, in_memory=True)) == 60
    assert len(await known(store, text="v03")) == 18
    assert len(await known(store, text="A_B", component="EVSE", evse_id=2)) == 5  # "_" is no wildcard
    seen: list[StationVariable] = []
    while page := await known(store, after=variables.cursor_of(seen[-1]) if seen else None, limit=7):
        seen += page
    assert seen == everything
    held = await store.read(lambda connection: variables.load_variables(connection, OPERATOR))
    assert {(station_id, row.component) for station_id, row in held} == {
        ("CP1", "OCPPCommCtrlr"),
        ("CP1", "OCPP16"),
    }
    await store.write(
        lambda connection: variables.save_values(connection, OPERATOR, "CP1", [variable(1, LATER)])
    )
    gone = await store.write(
        lambda connection: variables.forget_seen_before(connection, OPERATOR, "CP1", LATER)
    )
    assert (gone, await known(store)) == (90, [variable(1, LATER)])


# ---------------------------------------------------------------- templates and provisioning


async def test_templates_come_back_as_they_went_in(store: Store) -> None:
    template = Template(
        operator_id=OPERATOR,
        name="depot",
        vendor="Amp Works",
        stations=("CP1",),
        automatic=True,
        values=(
            WantedValue(component="OCPP16", variable="HeartbeatInterval", value="60"),
            WantedValue(component="EVSE", variable="X", value="1", evse_id=2, attribute="Target"),
        ),
        changed_at=NOON,
        changed_by="user:ada",
    )
    for _ in range(2):
        await store.write(lambda connection: configurations.save_template(connection, template))
    assert await store.read(lambda c: configurations.list_templates(c, OPERATOR)) == [template]
    assert await store.read(lambda c: configurations.list_templates(c, "other")) == []
    assert await store.write(lambda c: configurations.remove_template(c, OPERATOR, "depot"))
    assert not await store.write(lambda c: configurations.remove_template(c, OPERATOR, "depot"))


async def test_how_a_station_is_let_in_is_kept_piece_by_piece(store: Store) -> None:
    await register(store)
    no = RefusedValue(component="A", variable="B", value="1", status="Rejected", firmware="1.0", evse_id=1)
    for given in ({"boot_policy": "pending"}, {"registration": "Pending", "refusals": (no,)}, {}):
        await store.write(lambda c, given=given: provisioning.save_provisioning(c, OPERATOR, "CP1", **given))
    [row] = await store.read(lambda c: provisioning.list_provisioning(c, OPERATOR))
    assert row == ProvisioningRow(
        operator_id=OPERATOR,
        station_id="CP1",
        boot_policy="pending",
        registration="Pending",
        refusals=(no,),
    )


# ---------------------------------------------------------------- monitors, events, alarms


def event(number: int, **more: Any) -> EventRow:
    given = {
        "operator_id": OPERATOR,
        "station_id": "CP1",
        "event_id": number,
        "at": NOON + timedelta(seconds=number),
        "received_at": LATER,
        "trigger": "Alerting",
        "kind": "CustomMonitor",
        "component": "EVSE",
        "variable": "Temperature",
        "evse_id": 1,
        "value": "90",
        "severity": 3,
        "monitor_id": 7,
        "alarm": True,
    }
    return EventRow(**given | more)


async def tell(store: Store, *rows: EventRow) -> int:
    return await store.write(lambda connection: monitoring.save_events(connection, rows))


async def alarms(store: Store, **wanted: Any) -> list[int]:
    rows = await store.read(
        lambda connection: monitoring.list_events(connection, OPERATOR, alarms=True, **wanted)
    )
    return [row.event_id for row in rows]


async def test_an_alarm_stands_until_it_is_cleared_or_told_anew(store: Store) -> None:
    assert await tell(store, event(1), event(2, evse_id=2), event(3, monitor_id=8)) == 3
    assert await alarms(store) == [3, 2, 1]
    assert await tell(store, event(1)) == 0  # repeated
    assert await alarms(store) == [3, 2, 1]
    await tell(store, event(4, value="95"))
    assert await alarms(store) == [4, 3, 2]
    await tell(store, event(5, cleared=True, alarm=False))
    assert await alarms(store) == [3, 2]
    # What is told late settles nothing that happened after it.
    await tell(store, event(6, evse_id=2, cleared=True, alarm=False, at=NOON))
    assert await alarms(store) == [3, 2]
    assert await alarms(store, most_severe=2) == []
    assert await alarms(store, station_id="CP2") == []
    newest = (await store.read(lambda c: monitoring.list_events(c, OPERATOR, alarms=True)))[0]
    settled = await store.write(lambda c: monitoring.acknowledge_alarm(c, OPERATOR, newest.id))
    assert settled is not None
    assert settled.event_id == 3
    assert await store.write(lambda c: monitoring.acknowledge_alarm(c, OPERATOR, newest.id)) is None
    assert await alarms(store) == [2]


async def test_monitors_are_kept_by_their_ids(store: Store) -> None:
    await register(store, "CP1", "CP2")
    rows = [
        MonitorRow(monitor_id=number, component="EVSE", variable="Power", kind="Delta", value=1.5,
                   severity=8, seen_at=NOON + timedelta(minutes=number))
        for number in range(3)
    ]  # fmt: skip
    await store.write(lambda c: monitoring.save_monitors(c, OPERATOR, "CP1", rows))
    assert await store.read(lambda c: monitoring.stations_with_monitors(c, OPERATOR)) == ["CP1"]
    await store.write(lambda c: monitoring.remove_monitors(c, OPERATOR, "CP1", [2]))
    assert await store.read(lambda c: monitoring.list_monitors(c, OPERATOR, "CP1")) == rows[:2]
    before = NOON + timedelta(minutes=1)
    await store.write(lambda c: monitoring.forget_monitors_seen_before(c, OPERATOR, "CP1", before))
    assert await store.read(lambda c: monitoring.list_monitors(c, OPERATOR, "CP1")) == rows[1:2]


async def test_events_and_personal_data_go_in_time(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "ROWS_AT_ONCE", 3)
    monkeypatch.setattr(retention, "EVENTS_OF_A_STATION", 6)
    await tell(store, *(event(number, at=NOON - timedelta(days=number)) for number in range(20)))
    await tell(store, event(99, station_id="CP2"))
    for day in range(4):
        report = CustomerReport(
            operator_id=OPERATOR, station_id="CP1", request_id=day, asked_at=NOON - timedelta(days=day),
            asked_by="user:ada", reported=True, cleared=False, state="complete", parts=((0, "secret"),),
        )  # fmt: skip
        await store.write(lambda c, report=report: save_report(c, report))
    done = await enforce(store, RetentionPolicy(event_days=9.5, customer_report_days=1.5), NOON)
    # Ten were too old; of the other ten of one station the last told are kept.
    assert (done.events, done.customer_reports) == (14, 2)
    left = await store.read(lambda c: monitoring.list_events(c, OPERATOR))
    assert [row.event_id for row in left] == [99, 9, 8, 7, 6, 5, 4]
    kept = await store.read(lambda c: list_reports(c, OPERATOR, "CP1"))
    assert [row.text for row in kept] == ["secret", "secret"]


# ---------------------------------------------------------------- from before


async def test_an_older_database_keeps_its_variables_and_its_stations_are_accepted(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0002")
    engine.dispose()
    with sqlite3.connect(path) as old:
        old.execute("INSERT INTO operator VALUES (?, 'Stadtwerke', 0)", (OPERATOR,))
        for name, booted in (("CP1", 1_000_000), ("CP2", None)):
            old.execute(
                "INSERT INTO station (operator_id, station_id, security_profile, vendor, model, serial,"
                " firmware, registered_at, auto_registered, booted_at) VALUES (?,?,0,'','','','',0,0,?)",
                (OPERATOR, name, booted),
            )
        old.execute(
            "INSERT INTO variable VALUES (?,'CP1','OCPP16','','HeartbeatInterval','',0,'Actual','60',0,7)",
            (OPERATOR,),
        )
    old.close()
    store = await Store.open(path, WallClock())
    [row] = await known(store)
    assert (row.variable, row.value, row.read_only, row.connector_id) == (
        "HeartbeatInterval",
        "60",
        False,
        None,
    )
    rows = await store.read(lambda c: provisioning.list_provisioning(c, OPERATOR))
    assert [(row.station_id, row.registration) for row in rows] == [("CP1", "Accepted")]
    await store.close()
