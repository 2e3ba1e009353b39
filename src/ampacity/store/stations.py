"""Stations: who may connect, what they said of themselves, and their connectors."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from msgspec import UNSET, Struct, UnsetType, structs
from sqlalchemy import Connection, bindparam, func, select, update

from ..model.station import ConnectorStatus, StationInfo
from .statements import Prepared, insert_or_ignore, upsert
from .tables import connector_status, station


class StationRow(Struct, frozen=True, kw_only=True):
    """A station. `version` is the OCPP version last spoken; `auto_registered`: it was let in without being
    known.
    """

    operator_id: str
    station_id: str
    site_id: str | None
    password_hash: str | None
    security_profile: int
    version: str | None
    vendor: str
    model: str
    serial: str
    firmware: str
    registered_at: datetime
    auto_registered: bool
    booted_at: datetime | None
    boot_reason: str | None
    first_seen_at: datetime | None
    last_seen_at: datetime | None

    @property
    def info(self) -> StationInfo:
        """What it told when it booted (empty before that)."""
        return StationInfo(vendor=self.vendor, model=self.model, serial=self.serial, firmware=self.firmware)


class ConnectorStatusRow(Struct, frozen=True, kw_only=True):
    """A connector's last status; `connector_id` 0 is the EVSE or, with `evse_id` 0, the station."""

    operator_id: str
    station_id: str
    evse_id: int
    connector_id: int
    status: ConnectorStatus
    error: str
    at: datetime


class Sight(Struct, frozen=True, gc=False):
    """A station was heard of at `at`, speaking `version` (None: as before)."""

    operator_id: str
    station_id: str
    version: str | None
    at: datetime


# ---------------------------------------------------------------- stations


def register_station(
    connection: Connection,
    operator_id: str,
    station_id: str,
    at: datetime,
    *,
    site_id: str | None = None,
    password_hash: str | None = None,
    security_profile: int = 0,
    auto_registered: bool = False,
) -> bool:
    """Make a station known; returns False (and changes nothing) where it is known already."""
    return insert_or_ignore(
        connection,
        station,
        {
            "operator_id": operator_id,
            "station_id": station_id,
            "site_id": site_id,
            "password_hash": password_hash,
            "security_profile": security_profile,
            "version": None,
            "vendor": "",
            "model": "",
            "serial": "",
            "firmware": "",
            "registered_at": at,
            "auto_registered": auto_registered,
        },
    )


def get_station(connection: Connection, operator_id: str, station_id: str) -> StationRow | None:
    """One station."""
    row = connection.execute(_GET, {"operator_id": operator_id, "station_id": station_id}).one_or_none()
    return None if row is None else StationRow(**row._mapping)


def list_stations(connection: Connection, operator_id: str, site_id: str | None = None) -> list[StationRow]:
    """All stations, or those of a site, by id."""
    query = select(station).where(station.c.operator_id == operator_id)
    if site_id is not None:
        query = query.where(station.c.site_id == site_id)
    return [StationRow(**row._mapping) for row in connection.execute(query.order_by(station.c.station_id))]


def change_station(
    connection: Connection,
    operator_id: str,
    station_id: str,
    *,
    site_id: str | UnsetType | None = UNSET,
    password_hash: str | UnsetType | None = UNSET,
    security_profile: int | UnsetType = UNSET,
) -> bool:
    """Change what a person decides about a station; what isn't given stays. Returns whether the station is
    known.
    """
    given = {"site_id": site_id, "password_hash": password_hash, "security_profile": security_profile}
    values = {name: value for name, value in given.items() if value is not UNSET}
    if not values:
        return get_station(connection, operator_id, station_id) is not None
    return _change(connection, operator_id, station_id, values)


def record_boot(
    connection: Connection,
    operator_id: str,
    station_id: str,
    info: StationInfo,
    reason: str,
    at: datetime,
) -> bool:
    """Keep what a BootNotification told."""
    values = structs.asdict(info) | {"booted_at": at, "boot_reason": reason, "last_seen_at": at}
    return _change(connection, operator_id, station_id, values)


def record_sights(connection: Connection, sights: Sequence[Sight]) -> None:
    """Note when stations were heard of; an unknown one is passed over."""
    _SIGHT.run_many(
        connection,
        [
            {
                "of_operator": sight.operator_id,
                "of_station": sight.station_id,
                "seen_at": sight.at,
                "first_at": sight.at,
                "spoken": sight.version,
            }
            for sight in sights
        ],
    )


def _change(connection: Connection, operator_id: str, station_id: str, values: dict[str, Any]) -> bool:
    result = connection.execute(
        update(station)
        .where(station.c.operator_id == operator_id, station.c.station_id == station_id)
        .values(values)
    )
    return result.rowcount > 0


def _note_sight(_dialect: str) -> Any:
    column = station.c
    instant = column.last_seen_at.type
    return (
        update(station)
        .where(column.operator_id == bindparam("of_operator"), column.station_id == bindparam("of_station"))
        .values(
            last_seen_at=bindparam("seen_at", type_=instant),
            first_seen_at=func.coalesce(column.first_seen_at, bindparam("first_at", type_=instant)),
            version=func.coalesce(bindparam("spoken", type_=column.version.type), column.version),
        )
    )


_SIGHT = Prepared(_note_sight)

_GET = select(station).where(
    station.c.operator_id == bindparam("operator_id"), station.c.station_id == bindparam("station_id")
)

# ---------------------------------------------------------------- connectors


def save_status(connection: Connection, row: ConnectorStatusRow) -> None:
    """Keep a connector's current status."""
    upsert(connection, connector_status, structs.asdict(row))


def list_statuses(
    connection: Connection, operator_id: str, station_id: str | None = None
) -> list[ConnectorStatusRow]:
    """The connectors' statuses of one station or of all."""
    query = select(connector_status).where(connector_status.c.operator_id == operator_id)
    if station_id is not None:
        query = query.where(connector_status.c.station_id == station_id)
    query = query.order_by(
        connector_status.c.station_id, connector_status.c.evse_id, connector_status.c.connector_id
    )
    return [ConnectorStatusRow(**row._mapping) for row in connection.execute(query)]
