"""Remote control: starts, stops, resets, unlocks and triggers.

Their effect is what the station then tells (a transaction, a boot, a status); an accepted command alone
changes nothing but the number by which a remotely started transaction is known again.
"""

from __future__ import annotations

import itertools

from msgspec.structs import replace

from ..part import Part
from ..state import StationState
from ..vocabulary import RequestStart


class Remote:
    """RequestStart and its number."""

    def __init__(self, first: int) -> None:
        # From the clock at the start: numbers of before a restart don't come again within a lifetime of
        # stations.
        self._numbers = itertools.count(first % 2**31 or 1)

    @property
    def part(self) -> Part:
        """What it takes part in."""
        return Part(completes={RequestStart: self.numbered})

    def numbered(self, state: StationState | None, command: RequestStart) -> RequestStart:
        """A start gets its number, if it has none."""
        return replace(command, remote_start_id=command.remote_start_id or next(self._numbers) % 2**31)
