"""Charging profiles that we installed: what each station should hold, so that ids never clash and strangers
show.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from msgspec import Struct, structs
from sqlalchemy import Connection, select, update

from .statements import upsert
from .tables import charging_profile

ProfileStatus = Literal["pending", "accepted", "cleared"]


class ProfileRow(Struct, frozen=True, kw_only=True):
    """An installed profile. `profile` is its JSON as plain data; `evse_id` 0 is the station."""

    operator_id: str
    station_id: str
    profile_id: int
    evse_id: int
    purpose: str
    stack_level: int
    station_transaction_id: str | None
    profile: Any
    status: ProfileStatus
    at: datetime


def save_profile(connection: Connection, row: ProfileRow) -> None:
    """Keep a profile, replacing the one with its id."""
    upsert(connection, charging_profile, structs.asdict(row))


def mark_profile(
    connection: Connection,
    operator_id: str,
    station_id: str,
    profile_id: int,
    status: ProfileStatus,
    at: datetime,
) -> bool:
    """Change a profile's status; returns whether it is known."""
    result = connection.execute(
        update(charging_profile)
        .where(
            charging_profile.c.operator_id == operator_id,
            charging_profile.c.station_id == station_id,
            charging_profile.c.profile_id == profile_id,
        )
        .values(status=status, at=at)
    )
    return result.rowcount > 0


def list_profiles(
    connection: Connection, operator_id: str, station_id: str | None = None, *, cleared: bool = False
) -> list[ProfileRow]:
    """Profiles of one station or of all, without the cleared ones unless asked for."""
    query = select(charging_profile).where(charging_profile.c.operator_id == operator_id)
    if station_id is not None:
        query = query.where(charging_profile.c.station_id == station_id)
    if not cleared:
        query = query.where(charging_profile.c.status != "cleared")
    query = query.order_by(charging_profile.c.station_id, charging_profile.c.profile_id)
    return [ProfileRow(**row._mapping) for row in connection.execute(query)]
