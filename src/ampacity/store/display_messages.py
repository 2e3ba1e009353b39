"""Display messages: what each station should be showing for us."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Literal

from msgspec import Struct, structs
from sqlalchemy import Connection, delete, select

from .statements import upsert
from .tables import display_message

DisplayStatus = Literal["accepted", "pending"]


class DisplayMessageRow(Struct, frozen=True, kw_only=True):
    """A message of a station. `message` is it as plain data; `at` is when it was set or told last."""

    operator_id: str
    station_id: str
    message_id: int
    message: Any
    status: DisplayStatus
    at: datetime


def save_display_messages(connection: Connection, rows: Sequence[DisplayMessageRow]) -> None:
    """Keep messages, replacing those with their ids."""
    upsert(connection, display_message, [structs.asdict(row) for row in rows])


def remove_display_messages(
    connection: Connection, operator_id: str, station_id: str, message_ids: Collection[int]
) -> None:
    """Forget messages."""
    connection.execute(
        delete(display_message).where(
            display_message.c.operator_id == operator_id,
            display_message.c.station_id == station_id,
            display_message.c.message_id.in_(tuple(message_ids)),
        )
    )


def list_display_messages(connection: Connection, operator_id: str) -> list[DisplayMessageRow]:
    """All of an operator's stations."""
    query = (
        select(display_message)
        .where(display_message.c.operator_id == operator_id)
        .order_by(display_message.c.station_id, display_message.c.message_id)
    )
    return [DisplayMessageRow(**row._mapping) for row in connection.execute(query)]
