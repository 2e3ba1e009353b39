"""How each station is treated in smart charging and what it told of it, and profiles by name."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from msgspec import Struct, structs
from sqlalchemy import Connection, delete, select

from .statements import upsert
from .tables import evse, profile_template, station_charging

ChargingMode = Literal["managed", "observed", "off"]
RateUnit = Literal["A", "W"]


class StationChargingRow(Struct, frozen=True, kw_only=True):
    """A station. `notes` is plain data."""

    operator_id: str
    station_id: str
    mode: ChargingMode | None
    rate_unit: RateUnit | None
    notes: Any
    at: datetime


class TemplateRow(Struct, frozen=True, kw_only=True):
    """A profile by its name. `template` is plain data."""

    operator_id: str
    name: str
    template: Any
    at: datetime


def save_station_charging(connection: Connection, row: StationChargingRow) -> None:
    """Keep it in place of what was known."""
    upsert(connection, station_charging, structs.asdict(row))


def list_station_charging(connection: Connection, operator_id: str) -> list[StationChargingRow]:
    """Of all stations that have any."""
    query = select(station_charging).where(station_charging.c.operator_id == operator_id)
    return [StationChargingRow(**row._mapping) for row in connection.execute(query)]


def phases_of_evses(connection: Connection, operator_id: str) -> list[tuple[str, int, int]]:
    """(station, EVSE, how many phases feed it) of the AC EVSEs of all sites."""
    query = select(evse.c.station_id, evse.c.evse_id, evse.c.phases).where(
        evse.c.operator_id == operator_id, evse.c.dc_power_w.is_(None)
    )
    return [(station_id, evse_id, len(phases)) for station_id, evse_id, phases in connection.execute(query)]


def save_template(connection: Connection, row: TemplateRow) -> None:
    """Keep a template in place of the one of this name."""
    upsert(connection, profile_template, structs.asdict(row))


def list_templates(connection: Connection, operator_id: str) -> list[TemplateRow]:
    """All, by name."""
    query = (
        select(profile_template)
        .where(profile_template.c.operator_id == operator_id)
        .order_by(profile_template.c.name)
    )
    return [TemplateRow(**row._mapping) for row in connection.execute(query)]


def find_template(connection: Connection, operator_id: str, name: str) -> TemplateRow | None:
    """A template by its name."""
    query = select(profile_template).where(
        profile_template.c.operator_id == operator_id, profile_template.c.name == name
    )
    row = connection.execute(query).first()
    return None if row is None else TemplateRow(**row._mapping)


def remove_template(connection: Connection, operator_id: str, name: str) -> bool:
    """Forget a template; returns whether there was one."""
    result = connection.execute(
        delete(profile_template).where(
            profile_template.c.operator_id == operator_id, profile_template.c.name == name
        )
    )
    return result.rowcount > 0
