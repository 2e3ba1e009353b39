"""The raw message log: searched by page, and exported as one stream.

An export may be of any length. It is read from the database a few hundred rows at a time, as fast as the
client takes it, and nobody holds more of it than that.
"""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Annotated, Literal, TypeAlias

import msgspec
from litestar import Router, get
from litestar.params import FromPath, FromQuery, QueryParameter
from litestar.response import Stream

from ...access.principal import Principal
from ...store import audit, messages
from ...store.messages import MessageFilter, MessageRow
from ..context import ApiContext
from ..views_stations import MessageLogView, MessagePage, MessageView
from .names import Api, Limit, Who, aware, station_of

EXPORT_FRAMES = 500
"""Frames of an export that are in memory at once."""

Start: TypeAlias = Annotated[datetime | None, QueryParameter(name="from", description="Passed at or after.")]
End: TypeAlias = Annotated[datetime | None, QueryParameter(name="to", description="Passed before.")]
Text: TypeAlias = Annotated[str | None, QueryParameter(description="Must occur in the frame.")]
Direction: TypeAlias = FromQuery[Literal["in", "out"] | None]


def view_of(row: MessageRow) -> MessageView:
    """A frame as the API shows it."""
    return MessageView(
        message_log_id=row.id,
        station_id=row.station_id,
        at=row.at,
        direction="in" if row.direction == "in" else "out",
        action=row.action,
        message_id=row.message_id,
        frame=row.frame,
    )


async def _page(
    api: ApiContext, who: Principal, wanted: MessageFilter, before: int | None, limit: int
) -> MessagePage:
    if before is None:
        # Whoever follows the live tail beside it must find between the two no gap.
        await api.csms.logged()
    found = await api.store.read(
        lambda connection: messages.search(connection, who.operator_id, wanted, before=before, limit=limit)
    )
    return MessagePage(
        items=tuple(view_of(row) for row in found.frames), next=found.next, searched_to=found.searched_to
    )


@get("/messages", summary="Search in the raw messages of all stations")
async def list_messages(
    api: Api,
    who: Who,
    station_id: FromQuery[str | None] = None,
    action: FromQuery[str | None] = None,
    direction: Direction = None,
    message_id: FromQuery[str | None] = None,
    text: Text = None,
    start: Start = None,
    end: End = None,
    before: FromQuery[int | None] = None,
    limit: Limit = 100,
) -> MessagePage:
    """Newest first. A page's `next` is the `before` of the following one; a page looks at so many messages
    at most, so it may come back short and have a next one.
    """
    wanted = MessageFilter(
        station_id=station_id,
        action=action,
        direction=direction,
        message_id=message_id,
        text=text,
        start=aware("from", start),
        end=aware("to", end),
    )
    return await _page(api, who, wanted, before, limit)


@get("/stations/{station_id:str}/messages", summary="A station's raw messages")
async def list_of_station(
    api: Api,
    who: Who,
    station_id: FromPath[str],
    action: FromQuery[str | None] = None,
    direction: Direction = None,
    message_id: FromQuery[str | None] = None,
    text: Text = None,
    start: Start = None,
    end: End = None,
    before: FromQuery[int | None] = None,
    limit: Limit = 100,
) -> MessagePage:
    """As the search in those of all stations."""
    station_of(api, who, station_id)
    wanted = MessageFilter(
        station_id=station_id,
        action=action,
        direction=direction,
        message_id=message_id,
        text=text,
        start=aware("from", start),
        end=aware("to", end),
    )
    return await _page(api, who, wanted, before, limit)


@get("/messages/log", summary="For how long raw messages are kept")
async def get_log(api: Api) -> MessageLogView:
    """Set by `retention.message_log_days` and `csms.log_messages` of the node."""
    return MessageLogView(kept=api.log_messages, days=api.retention.message_log_days)


@get("/messages/export", opt={"permission": "audit"}, summary="Export raw messages")
async def export(
    api: Api,
    who: Who,
    form: Annotated[Literal["jsonl", "csv"], QueryParameter(name="format")] = "jsonl",
    station_id: FromQuery[str | None] = None,
    action: FromQuery[str | None] = None,
    direction: Direction = None,
    text: Text = None,
    start: Start = None,
    end: End = None,
) -> Stream:
    """All that the search would find, newest first, as JSON Lines or CSV. Frames hold drivers' tokens, so the
    export is in the audit with its filter and how many messages it held.
    """
    wanted = MessageFilter(
        station_id=station_id,
        action=action,
        direction=direction,
        text=text,
        start=aware("from", start),
        end=aware("to", end),
    )
    asked = {name: value for name, value in msgspec.to_builtins(wanted).items() if value is not None}
    target = "messages" if station_id is None else f"station/{station_id}"
    audit_id = await audit.record(
        api.store, who.operator_id, who.actor, "export_messages", target, {"format": form} | asked
    )
    name = f"ampacity-messages-{api.clock.now():%Y%m%dT%H%M%SZ}.{form}"
    return Stream(
        _export(api, who.operator_id, audit_id, wanted, form),
        media_type="application/jsonl" if form == "jsonl" else "text/csv; charset=utf-8; header=present",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


async def _export(
    api: ApiContext, operator_id: str, audit_id: str, wanted: MessageFilter, form: Literal["jsonl", "csv"]
) -> AsyncIterator[bytes]:
    write = _jsonl if form == "jsonl" else _csv
    count, before, outcome = 0, None, "cancelled"
    try:
        if form == "csv":
            yield _csv_line(_COLUMNS)
        while True:
            found = await api.store.read(
                lambda connection, before=before: messages.search(  # type: ignore[misc]
                    connection, operator_id, wanted, before=before, limit=EXPORT_FRAMES
                )
            )
            if found.frames:
                yield write(found.frames)
                count += len(found.frames)
            if found.next is None:
                break
            before = found.next
        outcome = "accepted"
    finally:
        audit.post_complete(api.store, operator_id, audit_id, outcome, f"{count} messages")


_encoder = msgspec.json.Encoder()
_COLUMNS = ("at", "station_id", "direction", "action", "message_id", "frame")


def _jsonl(frames: Sequence[MessageRow]) -> bytes:
    return _encoder.encode_lines([view_of(frame) for frame in frames])


def _csv(frames: Sequence[MessageRow]) -> bytes:
    return b"".join(
        _csv_line(
            (
                frame.at.isoformat(),
                frame.station_id,
                frame.direction,
                frame.action or "",
                frame.message_id or "",
                frame.frame,
            )
        )
        for frame in frames
    )


def _csv_line(cells: Sequence[str]) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerow([_harmless(cell) for cell in cells])
    return out.getvalue().encode("utf-8", "replace")


def _harmless(cell: str) -> str:
    """A station may send anything, and a spreadsheet runs what begins like a formula."""
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell


router = Router("/", tags=["messages"], route_handlers=[list_messages, list_of_station, get_log, export])
