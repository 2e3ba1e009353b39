"""What of each station's messages had to be repaired: one counter a station and kind, bounded.

A repair tells its place, what was done and why (`ocpp.repair`). Numbers and quoted values differ with each
message, so a kind is the line without them: a station that writes a bad time each minute has one line with
its count, the newest repair as it was told, and when it first and last came.

`Csms.handle` takes what a message brings; the API lists it beside the quarantine. A kind is written to the
log when it is new. Memory is bounded: `per_station` kinds of a station and `in_all` together, the ones
unheard of for the longest go first. A restart forgets them; the raw message log keeps the frames.
"""

from __future__ import annotations

import logging
import re
from collections import OrderedDict
from collections.abc import Iterable

from msgspec import Struct

from .link import StationRef

log = logging.getLogger(__name__)

KEPT = 300
"""Characters of a line."""

_VALUES = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|\d+")


class RepairCount(Struct, kw_only=True):
    """A kind of repair of a station's messages. `newest` is the last one as it was told; times are epoch
    seconds, our clock."""

    operator_id: str
    station_id: str
    action: str
    kind: str
    newest: str
    count: int
    first_at: float
    last_at: float


class Repairs:
    """The repairs of a node's stations. For the event loop only."""

    def __init__(self, *, per_station: int = 20, in_all: int = 2_000) -> None:
        self._per_station = per_station
        self._in_all = in_all
        self._counts: OrderedDict[tuple[str, str, str, str], RepairCount] = OrderedDict()
        """The one heard of last at the end."""
        self._of_station: dict[tuple[str, str], OrderedDict[tuple[str, str, str, str], None]] = {}

    def __len__(self) -> int:
        return len(self._counts)

    def take(self, station: StationRef, action: str, repairs: Iterable[str], at: float) -> None:
        """Count what was repaired of one message that came at `at` (epoch seconds)."""
        for told in repairs:
            newest = told[:KEPT]
            kind = _VALUES.sub("#", newest)
            key = (station.operator_id, station.station_id, action, kind)
            count = self._counts.get(key)
            if count is None:
                log.warning("station %s, %s: repaired %s", station.station_id, action, kind)
                self._make_room(key[:2])
                count = self._counts[key] = RepairCount(
                    operator_id=station.operator_id,
                    station_id=station.station_id,
                    action=action,
                    kind=kind,
                    newest=newest,
                    count=0,
                    first_at=at,
                    last_at=at,
                )
            count.count += 1
            count.newest = newest
            count.last_at = at
            self._counts.move_to_end(key)
            own = self._of_station.setdefault(key[:2], OrderedDict())
            own[key] = None
            own.move_to_end(key)

    def listed(self, operator_id: str, station_id: str | None = None) -> list[RepairCount]:
        """An operator's repairs, or a station's: the one heard of last first."""
        return [
            count
            for count in reversed(self._counts.values())
            if count.operator_id == operator_id and station_id in (None, count.station_id)
        ]

    def _make_room(self, owner: tuple[str, str]) -> None:
        own = self._of_station.get(owner)
        if own is not None and len(own) >= self._per_station:
            self._drop(next(iter(own)))
        elif len(self._counts) >= self._in_all:
            self._drop(next(iter(self._counts)))

    def _drop(self, key: tuple[str, str, str, str]) -> None:
        del self._counts[key]
        own = self._of_station[key[:2]]
        del own[key]
        if not own:
            del self._of_station[key[:2]]
