"""The raw message log: each OCPP frame as it passed, for people who look for a fault.

Frames gather for 200 ms and are written together without anybody waiting; under pressure they are the first
to be shed. Answers don't name their action, so the log remembers which call they answer.
"""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any

from msgspec import Struct
from sqlalchemy import Connection, insert, select

from .database import PostRank, Store
from .tables import message_log

WRITE_EVERY_S = 0.2
GATHERED_LIMIT = 20_000
CALLS_REMEMBERED = 20_000


class MessageRow(Struct, frozen=True, kw_only=True):
    """A frame. `direction` is `in` (from the station) or `out`; an answer has its call's `action`."""

    id: int
    operator_id: str
    station_id: str
    at: datetime
    direction: str
    action: str | None
    message_id: str | None
    frame: str


class MessageLog:
    """Takes frames and writes them in groups. Use it from the store's event loop."""

    def __init__(self, store: Store) -> None:
        self.shed = 0
        """Frames that were not kept because the disk did not keep up."""
        self._store = store
        self._gathered: list[dict[str, Any]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._calls: dict[tuple[str, str, str], str] = {}

    def add(self, operator_id: str, station_id: str, direction: str, frame: str, at: datetime) -> None:
        """Keep a frame."""
        if len(self._gathered) >= GATHERED_LIMIT:
            self.shed += 1
            return
        message_id, action = self._name(operator_id, station_id, frame)
        self._gathered.append(
            {
                "operator_id": operator_id,
                "station_id": station_id,
                "at": at,
                "direction": direction,
                "action": action,
                "message_id": message_id,
                "frame": frame,
            }
        )
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(WRITE_EVERY_S, self.write_gathered)

    def write_gathered(self) -> None:
        """Hand what has gathered to the store's writer (before it is closed, for one)."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        rows, self._gathered = self._gathered, []
        if rows:
            self._store.post(lambda connection: connection.execute(_INSERT, rows), PostRank.MESSAGES)

    def _name(self, operator_id: str, station_id: str, frame: str) -> tuple[str | None, str | None]:
        """The frame's message id and action, without decoding it: `[2,"id","Action",...` or `[3,"id",...`."""
        parts = frame.split('"', 4)
        if len(parts) < 3 or not parts[0].lstrip().startswith("["):
            return None, None
        message_id = parts[1]
        key = (operator_id, station_id, message_id)
        kind = parts[0].strip(" \t\r\n[,")
        if kind in ("2", "6") and len(parts) >= 5 and parts[2].strip() == ",":
            if kind == "2":
                while len(self._calls) >= CALLS_REMEMBERED:
                    del self._calls[next(iter(self._calls))]
                self._calls[key] = parts[3]
            return message_id, parts[3]
        return message_id, self._calls.pop(key, None)


def list_messages(
    connection: Connection,
    operator_id: str,
    *,
    station_id: str | None = None,
    action: str | None = None,
    direction: str | None = None,
    text: str | None = None,
    before: int | None = None,
    limit: int = 100,
) -> list[MessageRow]:
    """Frames, newest first; `text` must occur in the frame. For the next page pass the last one's id as
    `before`.
    """
    column = message_log.c
    query = select(message_log).where(column.operator_id == operator_id)
    for wanted, value in (
        (column.station_id, station_id),
        (column.action, action),
        (column.direction, direction),
    ):
        if value is not None:
            query = query.where(wanted == value)
    if text:
        query = query.where(column.frame.contains(text, autoescape=True))
    if before is not None:
        query = query.where(column.id < before)
    return [
        MessageRow(**row._mapping)
        for row in connection.execute(query.order_by(column.id.desc()).limit(limit))
    ]


_INSERT = insert(message_log)
