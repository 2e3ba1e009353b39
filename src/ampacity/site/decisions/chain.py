"""Ticks as bytes: a chain begins with everything, and goes on with what changed.

A chain is cut into pieces, one for each write. Together they are one zlib stream, flushed at the end of each
piece: what was said in one needs no saying in the next, and yet the last piece that reached the disk can be
read. A piece holds frames as MessagePack, one a tick:

- the first of a chain: its `Head`, then `[tenths of a second, milliseconds of the epoch, reasons, rows]`;
- any other: `[tenths of a second since the tick before, milliseconds on the wall's clock, changes...]`. A
  change is `[number of the row, bits of the columns that changed, their values...]`, numbers as the
  difference from what they were, or `[-1, reasons]` for a tuple of reasons that is new in the chain; rows
  name such tuples by number.
"""

from __future__ import annotations

import hashlib
import math
import zlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct

from ...control.types import EvseState
from ...model.live import Reason
from ...model.site import EvseKey, Site
from .columns import (
    COLUMNS,
    Columns,
    Known,
    Moment,
    Packed,
    Row,
    Tick,
    circuit_row,
    grant_part,
    moment_of,
    site_row,
    state_part,
)

REASONS = -1
"""Stands for a row's number where a change names reasons."""

LEVEL = 6

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder().decode


class ChainBroken(ValueError):
    """What was kept can't be read: a piece is missing or damaged. Names the chain and the piece."""


class Gap(Struct, frozen=True):
    """So many ticks were left out, the first at `since` (epoch seconds)."""

    ticks: int
    since: float


class Head(Struct, frozen=True, kw_only=True):
    """How a chain begins. `site` is the digest of the site as it was built. `started`: the controller began
    with it. `gap`: what was left out before it.
    """

    site: str
    columns: Columns
    started: bool = False
    gap: Gap | None = None


SECRET = frozenset({"address", "password", "secret", "token", "url", "user", "username"})
"""How to reach a meter or a device, and who may, is nothing that a decision rests on."""


def as_built(site: Site) -> Any:
    """A site as it is kept beside its chains: plain data, without what is nobody's business there."""
    return _without_secrets(msgspec.to_builtins(site))


def _without_secrets(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            name: "" if name in SECRET and isinstance(part, str) else _without_secrets(part)
            for name, part in value.items()
        }
    return [_without_secrets(part) for part in value] if isinstance(value, list | tuple) else value


def digest_of(site: Site) -> str:
    """What names a site as it is built."""
    return hashlib.sha256(msgspec.json.encode(as_built(site))).hexdigest()[:16]


class Writer:
    """Makes the pieces of one chain."""

    def __init__(self, site: Site, *, started: bool = False, gap: Gap | None = None) -> None:
        self.site = site
        self.epoch_s = 0.0
        """Of the tick that was written last."""
        self._head = Head(site=digest_of(site), columns=COLUMNS, started=started, gap=gap)
        self._zlib = zlib.compressobj(LEVEL)
        self._rows: list[Row] = []
        self._packed: list[Packed] = []
        self._states: dict[EvseKey, EvseState] = {}
        self._reasons: dict[tuple[Reason, ...], int] = {}
        self._tenths = self._millis = 0

    def piece(self, ticks: Iterable[Tick]) -> bytes:
        """The next piece."""
        frames: list[Any] = []
        for tick in ticks:
            news: list[Any] = []
            rows = self._rows_of(tick, news)
            tenths = round(tick.snapshot.at * 10)
            millis = round(tick.snapshot.epoch_s * 1000)
            if not self._rows:
                frames += [msgspec.to_builtins(self._head), [tenths, millis, news, rows]]
            else:
                for number, (row, before) in enumerate(zip(rows, self._rows, strict=True)):
                    if row != before:
                        news.append(_change(number, row, before))
                frames.append([tenths - self._tenths, millis - self._millis, *news])
            self._rows, self._tenths, self._millis = rows, tenths, millis
            self.epoch_s = tick.snapshot.epoch_s
        return self._zlib.compress(_encode(frames)) + self._zlib.flush(zlib.Z_SYNC_FLUSH)

    def _rows_of(self, tick: Tick, news: list[Any]) -> list[Row]:
        decision = tick.decision
        cuts = {grant.key: grant.limit_a for grant in decision.cuts}
        raises = {grant.key: grant.limit_a for grant in decision.raises}
        before: list[Packed | None] = [*self._packed] or [None] * (1 + len(self.site.circuits))
        self._packed = [site_row(tick, before[0])]
        self._packed += [
            circuit_row(tick, circuit.circuit_id, known)
            for circuit, known in zip(self.site.circuits, before[1:], strict=True)
        ]
        rows = [packed.row for packed in self._packed]
        states = {}
        offset = len(rows)
        width = len(COLUMNS.evse)
        for number, evse in enumerate(self.site.evses):
            key = evse.key
            state = tick.snapshot.evses.get(key) or EvseState(key=key, online=False, proven=False)
            states[key] = state
            if self._rows and self._states[key] == state:
                told = self._rows[offset + number]
            else:
                told = state_part(state)
            grant = decision.grants.get(key)
            why = None if grant is None else self._number(grant.reasons, news)
            answered = grant_part(tick, key, why, cuts, raises)
            rows.append(told[: width - len(answered)] + answered)
        self._states = states
        return rows

    def _number(self, reasons: tuple[Reason, ...], news: list[Any]) -> int:
        number = self._reasons.get(reasons)
        if number is None:
            number = self._reasons[reasons] = len(self._reasons)
            news.append([REASONS, msgspec.to_builtins(reasons)])
        return number


def _change(number: int, row: Row, before: Row) -> list[Any]:
    bits = 0
    values = []
    for place, (value, old) in enumerate(zip(row, before, strict=True)):
        if value != old or type(value) is not type(old):
            bits |= 1 << place
            values.append(_less(value, old))
    return [number, bits, *values]


def _less(value: Any, old: Any) -> Any:
    """Numbers as differences, which are small; anything else as it is."""
    if type(value) is int and type(old) is int:
        return value - old
    if type(value) is list and type(old) is list and len(value) == len(old):
        return [_less(part, before) for part, before in zip(value, old, strict=True)]
    return value


def _more(value: Any, old: Any) -> Any:
    """The way back."""
    if type(value) is int and type(old) is int:
        return old + value
    if type(value) is list and type(old) is list and len(value) == len(old):
        return [_more(part, before) for part, before in zip(value, old, strict=True)]
    return value


class Link(NamedTuple):
    """A tick of a chain as it is read: when, and which rows changed with it (all in the first)."""

    at: float
    epoch_s: float
    changed: frozenset[int]


class Reader:
    """Reads a chain, tick by tick. `rows` and `reasons` stand at the tick that `links` gave last."""

    def __init__(self, chain: datetime, bodies: Sequence[bytes]) -> None:
        """`bodies` are the chain's pieces from the first on."""
        self._chain = chain
        self._zlib = zlib.decompressobj()
        self._bodies = bodies
        first = self._frames(0)
        if len(first) < 2:
            raise ChainBroken(f"the chain of {chain.isoformat()} has no beginning")
        self.head = msgspec.convert(first[0], Head)
        self._first = first[1:]
        self.rows: list[list[Any]] = []
        self.reasons: list[tuple[Reason, ...]] = []
        self.known: Known = {}
        self.at = self.epoch_s = 0.0

    def _frames(self, number: int) -> list[Any]:
        try:
            frames: list[Any] = _decode(self._zlib.decompress(self._bodies[number]))
        except (zlib.error, msgspec.DecodeError) as problem:
            raise ChainBroken(
                f"piece {number} of the chain of {self._chain.isoformat()}: {problem}"
            ) from None
        return frames

    def links(self, until_s: float = math.inf) -> Iterator[Link]:
        """All ticks in order, up to that epoch second."""
        tenths, millis, news, rows = self._first[0]
        if millis / 1000 > until_s + 1e-3:
            return
        for change in news:
            self._learn(change[1])
        self.rows = [list(row) for row in rows]
        yield self._link(tenths, millis, frozenset(range(len(rows))))
        for number in range(len(self._bodies)):
            for since, later, *changes in self._frames(number) if number else self._first[1:]:
                tenths, millis = tenths + since, millis + later
                if millis / 1000 > until_s + 1e-3:
                    return
                changed = set()
                for change in changes:
                    if change[0] == REASONS:
                        self._learn(change[1])
                        continue
                    row, bits, *values = change
                    changed.add(row)
                    self._apply(self.rows[row], bits, values)
                yield self._link(tenths, millis, frozenset(changed))

    def _link(self, tenths: int, millis: int, changed: frozenset[int]) -> Link:
        self.at, self.epoch_s = tenths / 10, millis / 1000
        return Link(self.at, self.epoch_s, changed)

    def _learn(self, reasons: Any) -> None:
        self.reasons.append(msgspec.convert(reasons, tuple[Reason, ...]))

    @staticmethod
    def _apply(row: list[Any], bits: int, values: Sequence[Any]) -> None:
        place = 0
        rest = iter(values)
        while bits:
            if bits & 1:
                row[place] = _more(next(rest), row[place])
            bits >>= 1
            place += 1

    def moment(self, site: Site) -> Moment:
        """The tick that `links` gave last. `site` is the one that the head names."""
        return moment_of(site, self.at, self.epoch_s, self.head.columns, self.rows, self.reasons, self.known)
