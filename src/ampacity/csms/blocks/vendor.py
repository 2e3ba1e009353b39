"""Data transfer: vendors' own messages.

Each vendor id has a handler, or the station is told that nobody knows it.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from ..part import Part
from ..state import StationState
from ..vocabulary import VendorAnswer, VendorData

log = logging.getLogger(__name__)

VendorHandler: TypeAlias = Callable[[StationState, VendorData], Awaitable[VendorAnswer]]


class Vendor:
    """DataTransfer from stations."""

    def __init__(self) -> None:
        self._handlers: dict[str, VendorHandler] = {}

    @property
    def part(self) -> Part:
        """What it takes part in."""
        return Part(hears={VendorData: self.transferred})

    def serve(self, vendor_id: str, handler: VendorHandler) -> None:
        """Let `handler` answer the messages of a vendor."""
        self._handlers[vendor_id] = handler

    async def transferred(self, state: StationState, said: VendorData) -> VendorAnswer:
        """Answer a vendor's message; a handler that fails rejects, it never breaks the protocol."""
        handler = self._handlers.get(said.vendor_id)
        if handler is None:
            return VendorAnswer(status="UnknownVendorId")
        try:
            return await handler(state, said)
        except Exception:
            log.exception("vendor %s: message %s failed", said.vendor_id, said.message_id)
            return VendorAnswer(status="Rejected")
