"""The connection doctor: keeps why handshakes were turned away and why connections ended, for whoever wonders
why a station doesn't appear.

What the gateway tells is gathered for a second and counted by its cause, so a storm of ten thousand
handshakes costs a dictionary entry each and no write of its own. A cause is who (the station, and of a
handshake the address), what kind, and, where words differ in more than numbers, which. Strangers can invent
causes without end, so new rows have a budget: `ROWS_AT_ONCE`, earned again at `ROWS_PER_S`.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Callable
from typing import TypeAlias

from msgspec import Struct

from ..clock import Clock
from ..store import Store
from ..store import findings as table
from ..store.findings import Finding, Outcome
from .link import HandshakeRejected, SessionEnded
from .part import Part

WRITE_EVERY_S = 1.0
ROWS_AT_ONCE = 20_000
ROWS_PER_S = 20.0

_NUMBERS = re.compile(r"\d+")
_WORDED = frozenset({"closed", "protocol", "tls", "subprotocol", "authorization", "certificate", "profile"})
"""Kinds whose reason makes a difference: their numbers too where the station closed (its code is one)."""


_Event: TypeAlias = HandshakeRejected | SessionEnded
_Told: TypeAlias = tuple[_Event, int, _Event]
"""The first, how many, the last."""


class _Cause(Struct, frozen=True):
    operator_id: str
    outcome: Outcome
    kind: str
    station_id: str | None
    address: str
    words: str


class Doctor:
    """Gathers; use it in the event loop. `owner` names the operator to whom an identity belongs."""

    def __init__(self, store: Store, clock: Clock, owner: Callable[[str | None], str]) -> None:
        self.shed = 0
        """What was not kept because too many causes were new at once."""
        self._store = store
        self._clock = clock
        self._owner = owner
        self._gathered: dict[_Cause, _Told] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._room = float(ROWS_AT_ONCE)
        self._room_at = clock.monotonic()

    @property
    def part(self) -> Part:
        """What it takes part in."""
        return Part(listens=((HandshakeRejected, self.rejected), (SessionEnded, self.ended)))

    def rejected(self, event: HandshakeRejected) -> None:
        """A handshake did not become a session."""
        self._take(
            _Cause(
                self._owner(event.identity),
                "rejected",
                event.kind,
                event.identity,
                event.peer.rpartition(":")[0],
                _words(event.kind, event.reason),
            ),
            event,
        )

    def ended(self, event: SessionEnded) -> None:
        """A station's socket is gone."""
        self._take(
            _Cause(
                event.operator_id, "ended", event.kind, event.station_id, "", _words(event.kind, event.reason)
            ),
            event,
        )

    def write_gathered(self) -> None:
        """Hand what has gathered to the store's writer (before it is closed, for one)."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        gathered, self._gathered = self._gathered, {}
        if gathered:
            self._room -= len(gathered)
            self._store.post(
                lambda connection: table.write(connection, [_finding(*item) for item in gathered.items()])
            )

    def _take(self, cause: _Cause, event: _Event) -> None:
        known = self._gathered.get(cause)
        if known is not None:
            self._gathered[cause] = (known[0], known[1] + 1, event)
            return
        if len(self._gathered) + 1 > self._earned():
            self.shed += 1
            return
        self._gathered[cause] = (event, 1, event)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(WRITE_EVERY_S, self.write_gathered)

    def _earned(self) -> float:
        """Rows that may be written now."""
        now = self._clock.monotonic()
        self._room = min(self._room + (now - self._room_at) * ROWS_PER_S, ROWS_AT_ONCE)
        self._room_at = now
        return self._room


def _words(kind: str, reason: str) -> str:
    """What of the reason tells one cause from another."""
    if kind not in _WORDED:
        return ""
    return reason[:120] if kind == "closed" else _NUMBERS.sub("#", reason[:120])


def _finding(cause: _Cause, told: _Told) -> Finding:
    first, count, last = told
    words = (
        cause.operator_id, cause.outcome, cause.kind, cause.station_id or "", cause.address, cause.words,
    )  # fmt: skip
    handshake = last if isinstance(last, HandshakeRejected) else None
    return Finding(
        operator_id=cause.operator_id,
        finding_id=hashlib.blake2b("\0".join(words).encode("utf-8", "replace"), digest_size=9).hexdigest(),
        outcome=cause.outcome,
        kind=cause.kind,
        station_id=cause.station_id,
        reason=_storable(last.reason[:500]),
        peer=last.peer,
        path="" if handshake is None else _storable(handshake.path),
        offered="" if handshake is None else _storable(handshake.offered),
        status=None if handshake is None else handshake.status,
        lasted_s=None if isinstance(last, HandshakeRejected) else last.lasted_s,
        count=count,
        first_at=first.at,
        last_at=last.at,
    )


def _storable(text: str) -> str:
    """Without what a stranger may send and a database can't keep: NUL, and bytes that are no UTF-8."""
    return text.encode("utf-8", "replace").decode().replace("\0", "\\0")
