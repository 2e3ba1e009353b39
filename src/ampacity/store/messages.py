"""The raw message log: each OCPP frame as it passed, for people who look for a fault.

Frames gather for 200 ms and are written together without anybody waiting, a row for a station; under pressure
they are the first to be shed. Answers don't name their action, so the log remembers which call they answer.
"""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, select

from .columns import from_micros
from .database import PostRank, Store
from .rows import Rows
from .tables import message_log

WRITE_EVERY_S = 0.2
GATHERED_LIMIT = 20_000
FRAMES_AT_ONCE = 1 << 12
"""Most frames in a row, so that a frame's number can be the row's and its place in it."""


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


Gathered = tuple[float, str, str]
"""(epoch seconds, direction, frame)."""


class MessageLog:
    """Takes frames and writes them in groups. Use it from the store's event loop."""

    def __init__(self, store: Store) -> None:
        self.shed = 0
        """Frames that were not kept because the disk did not keep up."""
        self._store = store
        self._gathered: dict[tuple[str, str], list[Gathered]] = {}
        self._count = 0
        self._timer: asyncio.TimerHandle | None = None
        self._calls: dict[tuple[str, str], dict[str, str]] = {}

    def add(self, operator_id: str, station_id: str, direction: str, frame: str, at: float) -> None:
        """Keep a frame that passed at `at` (epoch seconds)."""
        if self._count >= GATHERED_LIMIT:
            self.shed += 1
            return
        self._count += 1
        key = (operator_id, station_id)
        frames = self._gathered.get(key)
        if frames is None:
            self._gathered[key] = [(at, direction, frame)]
        else:
            frames.append((at, direction, frame))
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(WRITE_EVERY_S, self.write_gathered)

    def write_gathered(self) -> None:
        """Hand what has gathered to the store's writer (before it is closed, for one)."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        gathered, self._gathered, self._count = self._gathered, {}, 0
        if gathered:
            self._store.post(lambda connection: self._write(connection, gathered), PostRank.MESSAGES)

    # ------------------------------------------------------------ in the writer thread

    def _write(self, connection: Connection, gathered: dict[tuple[str, str], list[Gathered]]) -> None:
        rows: list[tuple[Any, ...]] = []
        for key, frames in gathered.items():
            for start in range(0, len(frames), FRAMES_AT_ONCE):
                row = self._row(key, frames[start : start + FRAMES_AT_ONCE])
                rows.append(row)
        _ROWS.write(connection, rows)

    def _row(self, key: tuple[str, str], frames: list[Gathered]) -> tuple[Any, ...]:
        carried = self._calls.pop(key, None) or {}
        calls = dict(carried)
        actions: dict[str | None, None] = {}
        for _, _, frame in frames:
            actions[_name(frame, calls)[1]] = None
        if calls:
            # Calls that wait for their answer: one each way, so there are few; what is older never comes.
            self._calls[key] = dict(list(calls.items())[-16:])
        named = "\n".join([action for action in actions if action is not None])
        return (*key, int(frames[0][0] * 1e6), int(frames[-1][0] * 1e6), named, _pack((carried, frames)))


_HEAD = re.compile(r'\s*\[\s*(\d+)\s*,\s*"([^"]*)"(?:\s*,\s*"([^"\n]*)")?')


def _name(frame: str, calls: dict[str, str]) -> tuple[str | None, str | None]:
    """The frame's message id and action, without decoding it: `[2,"id","Action",...` or `[3,"id",...`.

    `calls` are those that wait for their answer; it is kept up.
    """
    head = _HEAD.match(frame)
    if head is None:
        return None, None
    kind, message_id, action = head.groups()
    if kind == "2" and action is not None:
        calls[message_id] = action
    elif kind != "6":
        action = calls.pop(message_id, None)
    return message_id, action


_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(tuple[dict[str, str], list[Gathered]]).decode
"""Calls from before that wait for their answer, and frames as they came."""

_ROWS = Rows(message_log, ("operator_id", "station_id", "at", "last_at", "actions", "frames"))


class MessageFilter(Struct, frozen=True, kw_only=True):
    """Which frames: `text` occurs in them, in whatever case; from `start` up to and without `end`."""

    station_id: str | None = None
    action: str | None = None
    direction: str | None = None
    message_id: str | None = None
    text: str | None = None
    start: datetime | None = None
    end: datetime | None = None

    def passes(self, frame: MessageRow) -> bool:
        """Whether it is one of them."""
        return (
            self.action in (None, frame.action)
            and self.direction in (None, frame.direction)
            and self.message_id in (None, frame.message_id)
            and (self.start is None or frame.at >= self.start)
            and (self.end is None or frame.at < self.end)
            and (not self.text or self.text.lower() in frame.frame.lower())
        )


class MessagesFound(Struct, frozen=True, kw_only=True):
    """A page of a search. `next` is the `before` of the following one, None where nothing is left; a page may
    be short, even empty, with more to come. `searched_to` is the time of the oldest frame looked at.
    """

    frames: list[MessageRow]
    next: int | None
    searched_to: datetime | None


SEARCH_ROWS = 5_000
"""Rows that one page looks at: a rare text in a long log is found over several pages, none of which takes
more than about 0.2 s.
"""

ORDER_SLACK = timedelta(minutes=1)
"""Rows are written in the order of their frames, but for what a slow disk mixes."""


def search(
    connection: Connection,
    operator_id: str,
    wanted: MessageFilter,
    *,
    before: int | None = None,
    limit: int = 100,
    rows: int = SEARCH_ROWS,
) -> MessagesFound:
    """Frames, newest first (of several stations to a fifth of a second)."""
    found: list[MessageRow] = []
    searched_to: datetime | None = None
    query, cursor = _within(connection, operator_id, wanted), before
    while rows > 0:
        asked = min(limit, rows)
        page = connection.execute(_before(query, cursor).limit(asked)).all()
        for row in page:
            searched_to = row.at
            for number, frame in _frames_of(row):
                if (before is None or number < before) and wanted.passes(frame):
                    if len(found) == limit:
                        last = found[-1]
                        return MessagesFound(frames=found, next=last.id, searched_to=last.at)
                    found.append(frame)
        if len(page) < asked:
            return MessagesFound(frames=found, next=None, searched_to=searched_to)
        cursor = page[-1].id * FRAMES_AT_ONCE
        rows -= asked
    return MessagesFound(frames=found, next=cursor, searched_to=searched_to)


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
    """As `search`, however long it takes. For the next page pass the last one's id as `before`."""
    wanted = MessageFilter(station_id=station_id, action=action, direction=direction, text=text)
    return search(connection, operator_id, wanted, before=before, limit=limit, rows=sys.maxsize).frames


def _within(connection: Connection, operator_id: str, wanted: MessageFilter) -> Any:
    """The rows that may hold what is wanted, newest first. Times become row ids first: the log of a busy
    month can't be walked through to find yesterday.
    """
    column = message_log.c
    query = select(message_log).where(column.operator_id == operator_id)
    if wanted.station_id is not None:
        query = query.where(column.station_id == wanted.station_id)
    if wanted.action is not None:
        line = ("\n" + column.actions + "\n").contains(f"\n{wanted.action}\n", autoescape=True)
        query = query.where(line)
    for moment, lower in ((wanted.start, True), (wanted.end, False)):
        if moment is None:
            continue
        around = moment - ORDER_SLACK if lower else moment + ORDER_SLACK
        row_id = connection.scalar(
            select(column.id)
            .where(column.operator_id == operator_id, column.at >= around)
            .order_by(column.at)
            .limit(1)
        )
        if lower:
            query = query.where(column.last_at >= moment)
        else:
            query = query.where(column.at < moment)
        if row_id is not None:
            query = query.where(column.id >= row_id if lower else column.id <= row_id)
    return query.order_by(column.id.desc())


def _before(query: Any, cursor: int | None) -> Any:
    if cursor is None:
        return query
    # The row that holds the last frame shown may hold more.
    row, place = divmod(cursor, FRAMES_AT_ONCE)
    return query.where(message_log.c.id <= row if place else message_log.c.id < row)


def _frames_of(row: Any) -> Iterator[tuple[int, MessageRow]]:
    """The frames of a row with their numbers, newest first."""
    calls, frames = _unpack(row.frames)
    names = [_name(frame, calls) for _, _, frame in frames]
    for place in range(len(frames) - 1, -1, -1):
        at, direction, frame = frames[place]
        message_id, action = names[place]
        number = row.id * FRAMES_AT_ONCE + place
        yield (
            number,
            MessageRow(
                id=number,
                operator_id=row.operator_id,
                station_id=row.station_id,
                at=from_micros(int(at * 1e6)),
                direction=direction,
                action=action,
                message_id=message_id,
                frame=frame,
            ),
        )
