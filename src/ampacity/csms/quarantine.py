"""Messages that could not be taken: kept to be looked at, bounded, one entry for a fault and not one for each
repetition.

A station that is refused says the same again, some for ever. What helps is a person who sees the frame, the
fault and how often it came; so a fault is kept once with its count and its newest frame. Faults are the same
when kind, action, error code and reason are, numbers aside: places (`$.meterValue[3]`) and ids differ with
each repetition.

`Csms.broken` calls `take` for each violation; the API lists and removes. Memory is bounded: at most
`per_station` faults of a station and `in_all` together, the ones unheard of for the longest go first, and a
frame is cut. A restart forgets them; the raw message log keeps the frames for its own retention.
"""

from __future__ import annotations

import hashlib
import re
from collections import OrderedDict

from msgspec import Struct
from msgspec.structs import replace

from ..ocpp.events import ProtocolViolation
from .link import StationRef

FRAME_KEPT = 2_000
"""Characters of a frame: a MeterValues of eight samples has 1,100."""

REASON_KEPT = 500

_NUMBERS = re.compile(r"\d+")
_NEVER_ANSWERED = re.compile(r"\s*\[\s*[3-6]\s*,")


class RefusedMessage(Struct, frozen=True, kw_only=True):
    """A fault of a station's messages, `count` times since `first_at` (epoch seconds, our clock).

    `reason`, `frame` (cut) and `message_id` are the newest one's. `answered` is the CALLERROR's code in 2.x's
    spelling, None where nothing may be answered.
    """

    refusal_id: str
    operator_id: str
    station_id: str
    kind: str
    action: str
    code: str
    reason: str
    answered: str | None
    message_id: str
    frame: str
    count: int
    first_at: float
    last_at: float


class Quarantine:
    """The refused messages of a node's stations. For the event loop only."""

    def __init__(self, *, per_station: int = 20, in_all: int = 2_000) -> None:
        self._per_station = per_station
        self._in_all = in_all
        self._faults: OrderedDict[str, RefusedMessage] = OrderedDict()
        """By their id, the one heard of last at the end."""
        self._of_station: dict[tuple[str, str], OrderedDict[str, None]] = {}

    def __len__(self) -> int:
        return len(self._faults)

    def take(self, station: StationRef, violation: ProtocolViolation, at: float) -> RefusedMessage:
        """Count a violation of a station at `at` (epoch seconds); returns its fault as it is now known."""
        refusal_id = _identify(station, violation)
        known = self._faults.get(refusal_id)
        if known is None:
            self._make_room(station)
            fault = RefusedMessage(
                refusal_id=refusal_id,
                operator_id=station.operator_id,
                station_id=station.station_id,
                kind=violation.kind,
                action=violation.action[:100],
                code=violation.code,
                reason=violation.reason[:REASON_KEPT],
                answered=_answered(station, violation),
                message_id=violation.message_id[:100],
                frame=violation.raw[:FRAME_KEPT],
                count=1,
                first_at=at,
                last_at=at,
            )
        else:
            fault = replace(
                known,
                reason=violation.reason[:REASON_KEPT],
                message_id=violation.message_id[:100],
                frame=violation.raw[:FRAME_KEPT],
                count=known.count + 1,
                last_at=at,
            )
        self._faults[refusal_id] = fault
        self._faults.move_to_end(refusal_id)
        own = self._of_station.setdefault((station.operator_id, station.station_id), OrderedDict())
        own[refusal_id] = None
        own.move_to_end(refusal_id)
        return fault

    def listed(self, operator_id: str, station_id: str | None = None) -> list[RefusedMessage]:
        """An operator's faults, or a station's: the one heard of last first."""
        return [
            fault
            for fault in reversed(self._faults.values())
            if fault.operator_id == operator_id and station_id in (None, fault.station_id)
        ]

    def get(self, operator_id: str, refusal_id: str) -> RefusedMessage | None:
        """One fault, None where the operator has none of this id."""
        fault = self._faults.get(refusal_id)
        return fault if fault is not None and fault.operator_id == operator_id else None

    def remove(self, operator_id: str, refusal_id: str) -> RefusedMessage | None:
        """Forget a fault; should it come again, it is new. Returns what was forgotten, None for nothing."""
        fault = self.get(operator_id, refusal_id)
        if fault is not None:
            self._drop(fault)
        return fault

    def _make_room(self, station: StationRef) -> None:
        own = self._of_station.get((station.operator_id, station.station_id), OrderedDict())
        if len(own) >= self._per_station:
            self._drop(self._faults[next(iter(own))])
        elif len(self._faults) >= self._in_all:
            self._drop(next(iter(self._faults.values())))

    def _drop(self, fault: RefusedMessage) -> None:
        del self._faults[fault.refusal_id]
        owner = (fault.operator_id, fault.station_id)
        own = self._of_station[owner]
        del own[fault.refusal_id]
        if not own:
            del self._of_station[owner]


def _identify(station: StationRef, violation: ProtocolViolation) -> str:
    same = _NUMBERS.sub("#", violation.reason[:REASON_KEPT])
    words = (
        station.operator_id, station.station_id, violation.kind, violation.action, violation.code, same,
    )  # fmt: skip
    return hashlib.blake2b("\0".join(words).encode("utf-8", "replace"), digest_size=9).hexdigest()


def _answered(station: StationRef, violation: ProtocolViolation) -> str | None:
    """An answer or an unconfirmed message is never answered: that would never end."""
    if violation.kind == "message type":
        answered = station.version == "2.0.1"  # the others want it ignored
    else:
        answered = violation.kind != "unexpected answer" and not _NEVER_ANSWERED.match(violation.raw)
    return violation.code if answered and violation.code else None
