"""Safe mode and emergency stops that hold. They outlive every restart; who ended one is in the audit."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from msgspec import Struct, structs
from sqlalchemy import Connection, delete, select

from .statements import upsert
from .tables import site_mode


class ModeRow(Struct, frozen=True, kw_only=True):
    """A mode of a site that holds. Of an emergency stop: `stop_sessions` also ends what charges,
    `stop_generation` also stops inverters."""

    operator_id: str
    site_id: str
    mode: Literal["safe", "stopped"]
    reason: str
    set_by: str
    set_at: datetime
    stop_sessions: bool = False
    stop_generation: bool = False


def set_mode(connection: Connection, row: ModeRow) -> None:
    """Let it hold."""
    upsert(connection, site_mode, structs.asdict(row))


def end_mode(
    connection: Connection, operator_id: str, site_id: str, mode: Literal["safe", "stopped"]
) -> bool:
    """Let it hold no longer; returns whether it did."""
    column = site_mode.c
    done = connection.execute(
        delete(site_mode).where(
            column.operator_id == operator_id, column.site_id == site_id, column.mode == mode
        )
    )
    return done.rowcount > 0


def modes_of(connection: Connection, operator_id: str, site_id: str) -> list[ModeRow]:
    """What holds at a site."""
    query = select(site_mode).where(site_mode.c.operator_id == operator_id, site_mode.c.site_id == site_id)
    return [ModeRow(**row._mapping) for row in connection.execute(query)]
