"""EVSEs that do not do as they are told and are set aside until a person releases them."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct, structs
from sqlalchemy import Connection, delete, select

from .statements import upsert
from .tables import evse_quarantine


class QuarantineRow(Struct, frozen=True, kw_only=True):
    """`most_a` is the most it was seen to draw, `actor` who set it aside."""

    operator_id: str
    station_id: str
    evse_id: int
    most_a: float
    why: str
    actor: str
    at: datetime


def save_quarantine(connection: Connection, row: QuarantineRow) -> None:
    """Set an EVSE aside."""
    upsert(connection, evse_quarantine, structs.asdict(row))


def remove_quarantine(connection: Connection, operator_id: str, station_id: str, evse_id: int) -> bool:
    """Release it; returns whether it was set aside."""
    column = evse_quarantine.c
    result = connection.execute(
        delete(evse_quarantine).where(
            column.operator_id == operator_id, column.station_id == station_id, column.evse_id == evse_id
        )
    )
    return result.rowcount > 0


def list_quarantines(connection: Connection, operator_id: str) -> list[QuarantineRow]:
    """All of them."""
    query = select(evse_quarantine).where(evse_quarantine.c.operator_id == operator_id)
    return [QuarantineRow(**row._mapping) for row in connection.execute(query)]
