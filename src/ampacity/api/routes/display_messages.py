"""Messages on stations' displays: listed as they stand, set and cleared by commands to the station."""

from __future__ import annotations

import msgspec
from litestar import Router, delete, get, post
from litestar.params import FromPath, JSONBody

from ...csms.vocabulary import ClearDisplayMessage, DisplayMessage, Outcome, SetDisplayMessage
from ...store.display_messages import DisplayMessageRow
from ..views_display import DisplayMessageView
from .commands import send
from .names import Api, Who, station_of

_HERE = "/{station_id:str}/display-messages"


def view_of(row: DisplayMessageRow) -> DisplayMessageView:
    """A message as the API shows it."""
    return DisplayMessageView(
        message=msgspec.convert(row.message, DisplayMessage), status=row.status, at=row.at
    )


@get(_HERE, summary="List a station's display messages")
async def list_display_messages(api: Api, who: Who, station_id: FromPath[str]) -> list[DisplayMessageView]:
    """As they were set and told last, by id; the command get_display_messages asks anew. A station drops a
    message by itself when its end has come, or its transaction's.
    """
    known = station_of(api, who, station_id).display_messages
    views = [view_of(row) for _, row in sorted(known.items())]
    now = api.clock.now()
    return [view for view in views if view.message.end is None or view.message.end > now]


@post(_HERE, opt={"permission": "operate"}, status_code=200, summary="Show a message")
async def set_display_message(
    api: Api, who: Who, station_id: FromPath[str], data: JSONBody[SetDisplayMessage]
) -> Outcome:
    """The same as the command set_display_message; the outcome's data has the message with its id."""
    station_of(api, who, station_id)
    return await send(api, who, station_id, data)


@delete(
    _HERE + "/{message_id:int}",
    opt={"permission": "operate"},
    status_code=200,
    summary="Clear a display message",
)
async def clear_display_message(
    api: Api, who: Who, station_id: FromPath[str], message_id: FromPath[int]
) -> Outcome:
    """Status `Unknown` says that the station did not have it."""
    station_of(api, who, station_id)
    return await send(api, who, station_id, ClearDisplayMessage(message_id=message_id))


router = Router(
    "/stations",
    tags=["display messages"],
    route_handlers=[list_display_messages, set_display_message, clear_display_message],
)
