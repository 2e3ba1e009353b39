"""Words of the displays: what a station shows beside its own, set, asked for and cleared by their ids."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, TypeAlias

from msgspec import Struct

DisplayPriority: TypeAlias = Literal["AlwaysFront", "InFront", "NormalCycle"]
DisplayState: TypeAlias = Literal[
    "Charging", "Faulted", "Idle", "Unavailable", "Suspended", "Discharging", "Preparing", "Finishing"
]  # fmt: skip
"""When a message is shown; the first four are all that 2.0.1 has."""


class DisplayMessage(Struct, frozen=True, kw_only=True):
    """A message on a station's display. Ids are the station's own; 0 is given one. Without `state` it is
    shown always, with `station_transaction_id` only as long as that transaction goes on, and from `start` to
    `end` where these are given. `language` is an RFC 5646 tag.
    """

    content: str
    priority: DisplayPriority = "NormalCycle"
    format: Literal["ASCII", "HTML", "URI", "UTF8", "QRCODE"] = "UTF8"
    language: str | None = None
    state: DisplayState | None = None
    start: datetime | None = None
    end: datetime | None = None
    station_transaction_id: str | None = None
    message_id: int = 0


class SetDisplayMessage(DisplayMessage, frozen=True, kw_only=True, tag="set_display_message"):
    """Show a message; one with the same id is replaced. Outcome data: the message with its id."""


class GetDisplayMessages(Struct, frozen=True, kw_only=True, tag="get_display_messages"):
    """Ask which messages the station has: all, or those of the ids, priority and state that are given. It
    tells them afterwards; status `Unknown` says that there are none.
    """

    message_ids: tuple[int, ...] = ()
    priority: DisplayPriority | None = None
    state: DisplayState | None = None
    request_id: int = 0


class ClearDisplayMessage(Struct, frozen=True, kw_only=True, tag="clear_display_message"):
    """Remove a message; status `Unknown` says that it was not there."""

    message_id: int


class DisplayMessagesTold(Struct, frozen=True, kw_only=True):
    """A part of the answer to GetDisplayMessages; `more` says that another one follows."""

    request_id: int
    messages: tuple[DisplayMessage, ...]
    more: bool
