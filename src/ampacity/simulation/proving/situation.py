"""What is so in the small world between two ticks, as a value; and which situations are the same one.

Times are relative to `NOW_S`: after each tick everything is shifted back. Ages beyond every threshold of the
law are drawn together in their order, so that the same situation is the same state and worlds are finite.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import inf
from typing import Any, NamedTuple

from msgspec import structs

from ampacity.control.answers import Answers
from ampacity.control.lease import Lease
from ampacity.control.state import EvseMemory

from .stations import Station

NOW_S = 1_000.0
CLIP_S = 20.0
"""Longer ago is all the same to the law with the settings of these worlds."""


class Known(NamedTuple):
    """The controller's side of one EVSE. `answers`: `control.answers` as a value. `calling`: the limit whose
    answer it waits for. `proving`: `start`, `read` (sent at
    `asked_at`), `hold` (it means more than anybody knows of), `held` (told so), or nothing."""

    answers: tuple[Any, ...]
    calling: Lease | None
    proving: str
    asked_at: float
    measured: tuple[float, float] | None
    error_s: float


class State(NamedTuple):
    """All of it, as of `NOW_S`. `high`: a limit that held a while ago, and the ticks for which it still
    excuses what is drawn. `since`: the controller's start."""

    stations: tuple[Station, ...]
    known: tuple[Known, ...]
    memories: tuple[EvseMemory, ...]
    ramp: tuple[tuple[float, float], ...]
    level: int
    high: tuple[float, int]
    since: float | None
    faults: int
    changes: int


Action = tuple[str, ...]
"""What happened in a tick: to each station, and to the site."""

FIELDS = (
    "online", "proven", "checking", "committed_a", "committed_at", "lease_until", "renew_at", "inflight_a",
    "lease", "doubts", "lift_again_at", "cut_again_at", "urgent_again_at", "refusals",
    "refused_a",
)  # fmt: skip
_MEMORY_TIMES = (
    "settling_since", "cut_since", "over_since", "running_since", "stopped_at", "waiting_since", "raised_at",
    "lagging_since", "slack_since", "accepted_at",
)  # fmt: skip


def settled(state: State, tick_s: float, raise_every_s: float, lease_s: float) -> State:
    """Shift the clock back to `NOW_S`, and draw old times together in their order."""
    back = tick_s
    past: set[float] = set()
    for memory in state.memories:
        past.update(t for f in _MEMORY_TIMES if (t := getattr(memory, f)) is not None)
    for known in state.known:
        past.update(_times(known))
    edge = NOW_S + back - CLIP_S
    old = sorted(t for t in past if t < edge)
    places = {t: edge - (len(old) - k) for k, t in enumerate(old)}

    def moved(t: float | None) -> float | None:
        return None if t is None else places.get(t, t) - back

    memories = tuple(
        structs.replace(m, **{f: moved(getattr(m, f)) for f in _MEMORY_TIMES}) for m in state.memories
    )
    ramp = tuple((when - back, added) for when, added in state.ramp if NOW_S + back - when < raise_every_s)
    sides = tuple(_shifted(known, moved, back) for known in state.known)
    since = None if state.since is None else max(state.since - back, NOW_S - 2 * lease_s)
    return state._replace(memories=memories, ramp=ramp, known=sides, since=since)


def frozen(answers: Answers) -> tuple[Any, ...]:
    """`control.answers` as a value."""
    return tuple(map(vars(answers).__getitem__, FIELDS))


def _times(known: Known) -> Iterator[float]:
    committed_at = known.answers[FIELDS.index("committed_at")]
    if committed_at is not None:
        yield committed_at
    if known.measured is not None:
        yield known.measured[1]


def _shifted(known: Known, moved: Callable[[float | None], float | None], back: float) -> Known:
    values = dict(zip(FIELDS, known.answers, strict=True))
    values["committed_at"] = moved(values["committed_at"])
    for field in ("lease_until", "renew_at"):
        if values[field] is not None:
            values[field] -= back
    for field in ("lift_again_at", "cut_again_at", "urgent_again_at"):
        values[field] = -inf if values[field] <= NOW_S else values[field] - back
    values["refusals"] = min(values["refusals"], 5)
    if values["lease"] is not None:
        values["lease"] = structs.replace(values["lease"], sent_at=values["lease"].sent_at - back)
    values["doubts"] = tuple(structs.replace(d, sent_at=d.sent_at - back) for d in values["doubts"])
    calling = known.calling
    if calling is not None:
        calling = structs.replace(calling, sent_at=calling.sent_at - back)
    measured = known.measured
    if measured is not None:
        when = moved(measured[1])
        assert when is not None
        measured = (measured[0], when)
    asked_at = known.asked_at - back if known.proving == "read" else NOW_S
    return Known(
        tuple(values[field] for field in FIELDS), calling, known.proving, asked_at, measured, known.error_s
    )
