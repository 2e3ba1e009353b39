"""What the decision log tells people: why an EVSE had what it had at some second, and what happened when.

Plain data with English words beside. Amperes are per phase of the circuit that is named; times are UTC.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal, TypeAlias

from msgspec import Struct

from .live import ReasonCode


class Bound(Struct, frozen=True, kw_only=True):
    """One constraint that held an EVSE, in words, and what would have given it more.

    Of a circuit's phase it tells the sum: `limit_a` (whose: `source`, until `valid_until`) is made up of
    `base_a`, `margin_a`, `reserve_a` (EVSEs that could not be steered), `grants_a` (the others) and
    `kept_back_a` (until a site is commissioned). `base_from` is how the base was known.
    """

    code: ReasonCode | str
    words: str
    more: str | None = None
    circuit_id: str | None = None
    circuit: str | None = None
    phase: int | None = None
    limit_a: float | None = None
    source: str | None = None
    valid_until: datetime | None = None
    base_a: float | None = None
    base_from: Literal["meter", "held", "worst", "reserve"] | None = None
    margin_a: float | None = None
    reserve_a: float | None = None
    grants_a: float | None = None
    kept_back_a: float | None = None


class Share(Struct, frozen=True, kw_only=True):
    """What an EVSE had of the circuit phase that bound most. `amperes` is what counted: its share, or what
    was set aside for it (`reserved`); `drawn_a` what its meter told last.
    """

    station_id: str
    evse_id: int
    label: str
    amperes: float
    drawn_a: float | None
    reserved: bool
    priority: int


Answer: TypeAlias = Literal["accepted", "under way", "refused", "unanswered", "unknown"]
"""What became of a limit that was sent. Renewed or followed by another one since: unknown."""


class Change(Struct, frozen=True, kw_only=True):
    """A limit that was sent to an EVSE before, why, and what its station said."""

    at: datetime
    kind: Literal["cut", "raise"]
    from_a: float
    to_a: float
    cause: str
    answer: Answer
    answered_at: datetime | None = None


class Input(Struct, frozen=True, kw_only=True):
    """What the law was told: a circuit's meter, an EVSE's meter, a limit, the station, the session.
    `trouble`: not as it should be.
    """

    what: Literal["meter", "evse_meter", "limit", "station", "session"]
    words: str
    circuit_id: str | None = None
    age_s: float | None = None
    trouble: bool = False


class Why(Struct, frozen=True, kw_only=True):
    """Why an EVSE had what it had at `at`, the last tick before `asked`.

    `limit_a`: the limit in force at the station, `target_a`: where the law wanted it to be (None: nothing was
    decided for it), `held_a`: the most that it may have drawn, `drawn_a`: what its meter told. `shares` are
    of `bounds[0]`'s circuit phase, where that is one. `changes` are the limits that were
    sent to it before, the last first. `actions` is what was sent to anybody in this very
    tick.
    """

    site_id: str
    station_id: str
    evse_id: int
    label: str
    time_zone: str
    asked: datetime
    at: datetime
    words: str
    limit_a: float
    target_a: float | None
    held_a: float
    drawn_a: float | None
    max_a: float
    strategy: str
    bounds: tuple[Bound, ...]
    shares: tuple[Share, ...]
    changes: tuple[Change, ...]
    inputs: tuple[Input, ...]
    actions: tuple[str, ...]
    notes: tuple[str, ...] = ()


HappeningKind: TypeAlias = Literal[
    "cut",
    "raise",
    "refused",
    "unanswered",
    "online",
    "offline",
    "session",
    "ended",
    "paused",
    "resumed",
    "meter",
    "limit",
    "overload",
    "calm",
    "strategy",
    "mode",
    "started",
    "gap",
]


class Step(Struct, frozen=True, kw_only=True):
    """An EVSE in a happening; for cuts and raises from which limit to which."""

    station_id: str
    evse_id: int
    label: str
    from_a: float | None = None
    to_a: float | None = None


class Happening(Struct, frozen=True, kw_only=True):
    """Something that happened in a tick, to one or many EVSEs or a circuit."""

    at: datetime
    kind: HappeningKind
    words: str
    evses: tuple[Step, ...] = ()
    circuit_id: str | None = None
    cause: str | None = None


class Timeline(Struct, frozen=True, kw_only=True):
    """What happened in a span, the last first. `kept_from`: the log reaches back so far. `more`: earlier ones
    of the span were left out."""

    site_id: str
    time_zone: str
    start: datetime
    end: datetime
    kept_from: datetime | None
    happenings: tuple[Happening, ...]
    more: bool
