"""What the API tells of stations' displays."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from msgspec import Struct

from ..csms.vocabulary import DisplayMessage


class DisplayMessageView(Struct, frozen=True, kw_only=True):
    """A message on a station's display. `pending`: it was sent, but the station never answered; it may or may
    not be there. `at` is when it was set or told last.
    """

    message: DisplayMessage
    status: Literal["accepted", "pending"]
    at: datetime
