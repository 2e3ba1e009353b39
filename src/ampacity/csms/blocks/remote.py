"""Remote control: starts, stops, resets, unlocks and triggers.

Their effect is what the station then tells (a transaction, a boot, a status); an accepted command alone
changes nothing but the number by which a remotely started transaction is known again.
"""

from __future__ import annotations

import itertools

from msgspec.structs import replace

from ..vocabulary import Command, RequestStart


class Remote:
    """RequestStart and its number."""

    def __init__(self, first: int) -> None:
        # From the clock at the start: numbers of before a restart don't come again within a lifetime of
        # stations.
        self._numbers = itertools.count(first % 2**31 or 1)

    def numbered(self, command: Command) -> Command:
        """A start gets its number, if it has none."""
        if isinstance(command, RequestStart) and command.remote_start_id == 0:
            return replace(command, remote_start_id=next(self._numbers) % 2**31)
        return command
