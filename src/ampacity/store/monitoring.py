"""Monitors of variables as stations hold them, and the events they tell.

An event is kept once, however often its station tells it (the station's id and its time). An alert is an
alarm until it is cleared, or told anew by the same monitor of the same variable.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct, structs
from sqlalchemy import ColumnElement, Connection, and_, delete, select, update

from .statements import insert_for, upsert
from .tables import monitor, station_event


class MonitorRow(Struct, frozen=True, kw_only=True):
    """A monitor as its station told it, or accepted it. `kind` is one of `UpperThreshold LowerThreshold Delta
    Periodic PeriodicClockAligned`, `severity` 0 (danger) to 9 (debug).
    """

    monitor_id: int
    component: str
    variable: str
    component_instance: str | None = None
    variable_instance: str | None = None
    evse_id: int | None = None
    connector_id: int | None = None
    kind: str
    value: float
    severity: int
    in_transaction_only: bool = False
    seen_at: datetime


class EventRow(Struct, frozen=True, kw_only=True):
    """An event. `id` is ours and counts up (0: not written yet), `event_id` the station's; `severity` is its
    monitor's, None where that is not known.
    """

    id: int = 0
    operator_id: str
    station_id: str
    event_id: int
    at: datetime
    received_at: datetime
    trigger: str
    kind: str
    component: str
    variable: str
    component_instance: str | None = None
    variable_instance: str | None = None
    evse_id: int | None = None
    connector_id: int | None = None
    value: str | None = None
    severity: int | None = None
    monitor_id: int | None = None
    cause: int | None = None
    cleared: bool = False
    alarm: bool = False
    tech_code: str | None = None
    tech_info: str | None = None
    station_transaction_id: str | None = None


# ---------------------------------------------------------------- monitors


def save_monitors(
    connection: Connection, operator_id: str, station_id: str, rows: Sequence[MonitorRow]
) -> None:
    """Keep monitors as seen; those not named stay."""
    upsert(
        connection,
        monitor,
        [structs.asdict(row) | {"operator_id": operator_id, "station_id": station_id} for row in rows],
    )


def list_monitors(connection: Connection, operator_id: str, station_id: str) -> list[MonitorRow]:
    """A station's monitors, by id."""
    column = monitor.c
    query = (
        select(monitor)
        .where(column.operator_id == operator_id, column.station_id == station_id)
        .order_by(column.monitor_id)
    )
    return [_monitor(dict(row._mapping)) for row in connection.execute(query)]


def stations_with_monitors(connection: Connection, operator_id: str) -> list[str]:
    """The stations that have any."""
    query = select(monitor.c.station_id).where(monitor.c.operator_id == operator_id).distinct()
    return [station_id for (station_id,) in connection.execute(query)]


def remove_monitors(
    connection: Connection, operator_id: str, station_id: str, monitor_ids: Sequence[int]
) -> None:
    """Forget monitors that the station has not any more."""
    column = monitor.c
    connection.execute(
        delete(monitor).where(
            column.operator_id == operator_id,
            column.station_id == station_id,
            column.monitor_id.in_(monitor_ids),
        )
    )


def forget_monitors_seen_before(
    connection: Connection, operator_id: str, station_id: str, before: datetime
) -> int:
    """Forget monitors that a complete report did not name; returns how many."""
    column = monitor.c
    return connection.execute(
        delete(monitor).where(
            column.operator_id == operator_id, column.station_id == station_id, column.seen_at < before
        )
    ).rowcount


def _monitor(values: dict[str, Any]) -> MonitorRow:
    del values["operator_id"], values["station_id"]
    return MonitorRow(**values)


# ---------------------------------------------------------------- events


def save_events(connection: Connection, rows: Sequence[EventRow]) -> int:
    """Keep events in the order told; returns how many are new. Alarms of before are settled by them."""
    new = 0
    for row in rows:
        values = structs.asdict(row)
        del values["id"]
        statement = insert_for(connection.dialect.name, station_event).on_conflict_do_nothing(
            index_elements=["operator_id", "station_id", "event_id", "at"]
        )
        if row.alarm or row.cleared:
            _settle(connection, row)
        new += connection.execute(statement, values).rowcount
    return new


def _settle(connection: Connection, row: EventRow) -> None:
    column = station_event.c
    wanted: list[ColumnElement[bool]] = [
        column.operator_id == row.operator_id,
        column.alarm.is_(True),
        column.station_id == row.station_id,
        column.component == row.component,
        column.variable == row.variable,
        # What is told late does not settle what happened after it.
        column.at <= row.at,
    ]
    for asked, value in (
        (column.component_instance, row.component_instance),
        (column.variable_instance, row.variable_instance),
        (column.evse_id, row.evse_id),
        (column.connector_id, row.connector_id),
        (column.monitor_id, row.monitor_id),
    ):
        wanted.append(asked.is_(None) if value is None else asked == value)
    # The same event told again is no newer one.
    wanted.append(~and_(column.event_id == row.event_id, column.at == row.at))
    connection.execute(update(station_event).where(*wanted).values(alarm=False))


def list_events(
    connection: Connection,
    operator_id: str,
    *,
    station_id: str | None = None,
    most_severe: int | None = None,
    alarms: bool = False,
    before: int | None = None,
    limit: int = 100,
) -> list[EventRow]:
    """Events, newest first. `most_severe` n: those of severity 0 to n; `alarms`: those that are alarms now;
    for the next page pass the last one's id as `before`.
    """
    column = station_event.c
    query = select(station_event).where(column.operator_id == operator_id)
    if station_id is not None:
        query = query.where(column.station_id == station_id)
    if alarms:
        query = query.where(column.alarm.is_(True))
    if most_severe is not None:
        query = query.where(column.severity <= most_severe)
    if before is not None:
        query = query.where(column.id < before)
    return [
        EventRow(**row._mapping) for row in connection.execute(query.order_by(column.id.desc()).limit(limit))
    ]


def acknowledge_alarm(connection: Connection, operator_id: str, event_key: int) -> EventRow | None:
    """Settle an alarm by hand; returns the event, None where there is no such alarm."""
    column = station_event.c
    chosen = (column.operator_id == operator_id, column.id == event_key, column.alarm.is_(True))
    row = connection.execute(select(station_event).where(*chosen)).one_or_none()
    if row is None:
        return None
    connection.execute(update(station_event).where(*chosen).values(alarm=False))
    return EventRow(**row._mapping)
