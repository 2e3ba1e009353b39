"""What the API tells of OCPP's own messages."""

from __future__ import annotations

from typing import Any

from msgspec import Struct


class ActionView(Struct, frozen=True, kw_only=True):
    """An action that can be sent to a station, and the JSON Schema (2020-12) of its payload."""

    action: str
    schema: dict[str, Any]
