"""The stations of the small world, and the wires to them: what may happen to each in one tick.

A station holds one profile, the periods that the product's `control.lease` writes, and goes by its own clock.
Its car takes all that it may at once, and lets go of what it may no longer up to two ticks late: the worst of
both. The wire keeps the order of messages, as a WebSocket does; it may lose any of them, or an answer, or all
when the line breaks.

Every deviation from the ordinary way costs one fault of the run's budget.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from ampacity.control.lease import Period

LAG_TICKS = 2


class Message(NamedTuple):
    """To a station: a limit with the age of its schedule on the station's clock, or the wish to read it
    back. `awaited`: the controller still waits for the answer."""

    kind: str
    limit_a: float
    age_s: float
    awaited: bool


class Station(NamedTuple):
    """`held`: the limit of its profile, and the profile's age on its own clock; None: its base profile alone.
    `answer`: one on its way to the controller. `off_s`: how much older a new schedule is for it than for us
    (below 0: its clock is slow)."""

    online: bool
    held: tuple[float, float] | None
    draw_a: float
    lag: int
    queue: tuple[Message, ...]
    answer: str
    off_s: float


class Happening(NamedTuple):
    """What one tick did to a station, and what of it the controller gets to know. `heard`: an answer to the
    limit that it waits for. `read`: the highest limit that the station means to allow. `sampled_a`: its
    meter."""

    name: str
    cost: int
    station: Station
    dropped: bool = False
    opened: bool = False
    heard: str = ""
    read_a: float | None = None
    sampled_a: float | None = None
    stepped_s: float = 0.0


Periods = tuple[Period, ...]
Shape = Callable[[float], Periods]
"""The periods of a limit at one station."""


class Rules(NamedTuple):
    """What all stations of a world have in common. `forgets`: one that starts anew has lost its profile;
    `steps_s`: by how much a clock may jump. `oldest_s`: a schedule of that age has ended whatever happens to
    the clock. `sampled`: their meters tell."""

    tick_s: float
    forgets: bool
    steps_s: tuple[float, ...]
    oldest_s: float
    sampled: bool


def allowed_at(periods: Periods, age_s: float) -> float:
    """What a profile of that age allows; before its first period the station keeps to nothing of it."""
    limit = 0.0
    for period in periods:
        if period.start_s <= age_s:
            limit = period.limit_a
    return limit


def highest_from(periods: Periods, age_s: float) -> float:
    """The most that it will allow from that age on."""
    later = [period.limit_a for period in periods if period.start_s > age_s]
    return max([allowed_at(periods, age_s), *later])


def happenings(
    station: Station, safe_a: float, rules: Rules, budget: int, shape: Shape
) -> Iterator[Happening]:
    """Everything that one tick may do to `station` with at most `budget` faults. `shape` gives the periods of
    a limit."""
    older_s = rules.tick_s
    held = station.held
    if held is not None:
        held = held[0], min(held[1] + older_s, rules.oldest_s)
    queue = tuple(m._replace(age_s=min(m.age_s + older_s, rules.oldest_s)) for m in station.queue)
    aged = station._replace(held=held, queue=queue)
    if not station.online:
        yield from _drawing("away", 0, aged, safe_a, shape)
        opened = aged._replace(online=True)
        for each in _drawing("line opens", 0, opened, safe_a, shape):
            yield each._replace(opened=True)
        return
    if budget:
        broken = aged._replace(online=False, queue=(), answer="")
        for each in _drawing("line breaks", 1, broken, safe_a, shape):
            yield each._replace(dropped=True)
        if rules.forgets:
            blank = broken._replace(held=None, draw_a=0.0, lag=0)
            yield Happening("starts anew", 1, blank, dropped=True)
        for step_s in rules.steps_s:
            yield from _clock_steps(aged, step_s, safe_a, shape)
    for name, cost, moved, heard, read_a in _wire(aged, safe_a, shape):
        if cost > budget:
            continue
        for each in _drawing(name, cost, moved, safe_a, shape):
            told = each._replace(heard=heard, read_a=read_a)
            if not rules.sampled:
                yield told
                continue
            yield told._replace(sampled_a=told.station.draw_a)
            if cost < budget:
                yield told._replace(name=f"{name}, sample lost", cost=cost + 1)


def _clock_steps(station: Station, step_s: float, safe_a: float, shape: Shape) -> Iterator[Happening]:
    """The clock jumps, and the meter reading that shows it comes through; nothing else happens."""
    held = None if station.held is None else (station.held[0], station.held[1] + step_s)
    moved = station._replace(
        held=held,
        queue=tuple(m._replace(age_s=m.age_s + step_s) for m in station.queue),
        off_s=station.off_s + step_s,
    )
    for each in _drawing(f"clock jumps {step_s:+g} s", 1, moved, safe_a, shape):
        yield each._replace(sampled_a=each.station.draw_a, stepped_s=step_s)


def _wire(
    station: Station, safe_a: float, shape: Shape
) -> Iterator[tuple[str, int, Station, str, float | None]]:
    """What becomes of the first message and of an answer: name, faults, station, what is heard, what was
    read."""
    if station.answer:
        rest = station._replace(answer="")
        yield f"late {station.answer}", 0, rest, station.answer, None
        yield "answer waits", 1, station, "", None
        yield "answer lost", 1, rest, "", None
        return
    if not station.queue:
        yield "quiet", 0, station, "", None
        return
    head, rest = station.queue[0], station._replace(queue=station.queue[1:])
    if head.kind == "read":
        means = safe_a if rest.held is None else highest_from(shape(rest.held[0]), rest.held[1])
        yield "read back", 0, rest, "", means
        yield "reading back waits", 1, station, "", None
        yield "reading back lost", 1, rest, "", None
        return
    taken = rest._replace(held=(head.limit_a, head.age_s))
    limit = f"{head.limit_a:g} A"
    yield f"takes {limit}", 0, taken, "accepted" if head.awaited else "", None
    yield f"{limit} waits", 1, station, "", None
    yield f"{limit} lost", 1, rest, "", None
    if head.awaited:
        yield f"takes {limit}, answer waits", 1, taken._replace(answer="accepted"), "", None
        yield f"takes {limit}, answer lost", 1, taken, "", None
        yield f"refuses {limit}", 1, rest, "refused", None


def _drawing(name: str, cost: int, station: Station, safe_a: float, shape: Shape) -> Iterator[Happening]:
    """The car follows: upwards at once, downwards at once or up to `LAG_TICKS` late."""
    may = allows(station, safe_a, shape)
    if station.draw_a <= may:
        yield Happening(name, cost, station._replace(draw_a=may, lag=0))
        return
    yield Happening(name, cost, station._replace(draw_a=may, lag=0))
    if station.lag < LAG_TICKS:
        yield Happening(f"{name}, car lags", cost, station._replace(lag=station.lag + 1))


def allows(station: Station, safe_a: float, shape: Shape) -> float:
    """What the station allows now."""
    return safe_a if station.held is None else allowed_at(shape(station.held[0]), station.held[1])
