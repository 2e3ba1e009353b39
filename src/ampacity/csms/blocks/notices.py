"""Notices: everything else that stations tell. Kept for people to see."""

from __future__ import annotations

from ..context import Context
from ..part import Part
from ..state import HeardNotice, StationState
from ..vocabulary import Acknowledged, Notice


class Notices:
    """Firmware and log status, security events ...

    The raw message log has them all for good.
    """

    def __init__(self, context: Context) -> None:
        self._context = context

    @property
    def part(self) -> Part:
        """What it takes part in."""
        return Part(hears={Notice: self.heard})

    async def heard(self, state: StationState, said: Notice) -> Acknowledged:
        """Keep the notice in the station's state."""
        self.take(state, said)
        return Acknowledged()

    def take(self, state: StationState, said: Notice) -> None:
        """The same without an answer."""
        state.notices.append(HeardNotice(self._context.clock.now(), said))
