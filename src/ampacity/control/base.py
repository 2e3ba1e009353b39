"""Base load: what flows through a circuit besides the cars.

A meter sees both. What the cars draw *for certain* is taken off: no more than a fresh sample of the EVSE's
meter, and no more than it may draw. A sample is always older than the meter's reading; a car that stopped
since makes the base look too small. So the highest estimate of the last while counts, a while longer than a
sample can be old.

A car that was just raised and has not reported makes the base look too large. Those readings count while they
are all there is, and are dropped when every raised car has reported; meanwhile what was known before does not
grow older. What a car that *starts* may draw is taken off such a reading: with less than two minima free it
would be stopped by its own draw otherwise, and pause. What was known before holds besides; so base and what
the car may draw come to no less than the reading.

Unknown is never a number. A silent meter first freezes the highest base of five minutes, then the worst base
counts, and a base further below zero than the generation that is declared is a meter that can't be trusted.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

from msgspec import structs

from ampacity.model.phases import PerPhase
from ampacity.model.site import Circuit

from .settings import ControlSettings
from .state import BaseMemory, EvseMemory, Peaks
from .types import CircuitState, EvseState, MeterState


def meter_state(age_s: float, interval_s: float) -> MeterState:
    """How far a circuit meter's reading of `age_s` can be believed when one is due every `interval_s`."""
    if age_s <= 2 * interval_s + 5:
        return "fresh"
    dead_s = 6 * interval_s + 25
    if age_s <= dead_s:
        return "stale"
    return "dead" if age_s <= 2 * dead_s else "lost"


def usable(values: PerPhase | None, taken_at: float | None, at: float, future_s: float) -> bool:
    """Whether a reading is one: complete, finite and not from the future."""
    return (
        values is not None
        and taken_at is not None
        and taken_at <= at + future_s
        and math.isfinite(taken_at)
        and math.isfinite(values[0])
        and math.isfinite(values[1])
        and math.isfinite(values[2])
    )


def certain_draw(
    state: EvseState, held_a: float, at: float, settings: ControlSettings, phases: int = 3
) -> PerPhase | None:
    """What an EVSE draws for certain, on its circuit's phases; None without a fresh sample.

    `held_a` is the most that it may draw: a sample above it is from before a cut, and counts as far as the
    cut allows. One that is told watts may take those of all its `phases` on any.
    """
    age = sample_age(state, at, settings)
    if age is None or age > sample_stale_s(state.sample_interval_s):
        return None
    return certain_part(state, held_a, phases)


def certain_part(state: EvseState, held_a: float, phases: int) -> PerPhase:
    """What of a fresh sample is certain (see `certain_draw`)."""
    assert state.measured_a is not None
    one, two, three = state.measured_a
    if state.in_watts:
        one, two, three = max(one, 0.0), max(two, 0.0), max(three, 0.0)
        share = min(1.0, held_a * phases / max(one + two + three, 1e-9))
        one, two, three = one * share, two * share, three * share
    else:
        one = 0.0 if one <= 0.0 else held_a if one > held_a else one
        two = 0.0 if two <= 0.0 else held_a if two > held_a else two
        three = 0.0 if three <= 0.0 else held_a if three > held_a else three
    if state.phases is not None:
        known = state.phases
        return one if 0 in known else 0.0, two if 1 in known else 0.0, three if 2 in known else 0.0
    return one, two, three


def sample_age(state: EvseState, at: float, settings: ControlSettings) -> float | None:
    """Seconds since the EVSE meter's sample was taken; None where there is none that can be used."""
    if not usable(state.measured_a, state.measured_at, at, settings.future_s):
        return None
    assert state.measured_at is not None
    return max(0.0, at - state.measured_at)


def sample_stale_s(interval_s: float) -> float:
    """Older than this, an EVSE meter's sample counts no more."""
    return 2 * interval_s + 5


def hold_s(interval_s: float, settings: ControlSettings) -> float:
    """How long peaks of the base must be held when samples come every `interval_s`."""
    return max(settings.peak_hold_s, sample_stale_s(interval_s) + settings.latency_s)


def rises_unseen(
    state: EvseState, raised_at: float | None, at: float, settings: ControlSettings, late_s: float = 0.0
) -> bool:
    """Whether the EVSE was raised so lately that its own meter can't have shown all of it yet. `late_s`: how
    much later than others it follows (a cabinet that moves modules)."""
    if raised_at is None:
        return False
    landed = raised_at + settings.rise_s + late_s
    if at < landed:
        return True
    if at > landed + sample_stale_s(state.sample_interval_s):
        return False
    age = sample_age(state, at, settings)
    return age is None or at - age < landed


def starts_unseen(
    state: EvseState, memory: EvseMemory, at: float, settings: ControlSettings, late_s: float = 0.0
) -> bool:
    """Whether the rise that can't have been seen yet is one from nothing."""
    started = memory.running_since is not None and memory.raised_at == memory.running_since
    return started and rises_unseen(state, memory.raised_at, at, settings, late_s)


def observe(
    memory: BaseMemory | None,
    state: CircuitState,
    implied_a: Callable[[bool, bool], tuple[float, ...]],
    doubtful: bool,
    at: float,
    held_s: float,
    settings: ControlSettings,
) -> BaseMemory | None:
    """Take in a reading, if it is a new one.

    `implied_a(young, starts)` is the base that it implies on each of the circuit's rows, the phases first;
    while the memory is younger than `held_s` it must be the more careful of two bounds, and `starts` asks for
    it less what cars that start may draw. `doubtful`: an EVSE below rises unseen.
    """
    if not usable(state.metered_a, state.metered_at, at, settings.future_s):
        return memory
    assert state.metered_a is not None
    assert state.metered_at is not None
    taken = min(state.metered_at, at)
    if memory is not None and taken <= memory.read_at:
        return memory
    known_before = memory is not None and all(memory.peaks)
    base_a = implied_a(memory is None or taken - memory.first_at < held_s, doubtful and known_before)
    first = taken if memory is None else memory.first_at
    nothing: tuple[Peaks, ...] = ((),) * len(base_a)
    known = nothing if memory is None else memory.peaks
    if doubtful:
        since = taken if memory is None or memory.doubt_since is None else memory.doubt_since
        old = memory.doubtful if memory is not None and memory.doubtful else nothing
        return BaseMemory(known, taken, first, _push(old, taken, base_a, settings.stale_hold_s), since)
    if memory is not None and memory.doubt_since is not None:
        later = min(taken - memory.doubt_since, held_s)
        known = tuple(_shift(peaks, later) for peaks in known)
    return BaseMemory(_push(known, taken, base_a, settings.stale_hold_s), taken, first)


def estimate(
    memory: BaseMemory | None,
    circuit: Circuit,
    reserves_a: Sequence[float],
    limits_a: Sequence[float],
    at: float,
    since: float,
    held_s: float,
    settings: ControlSettings,
) -> tuple[MeterState, tuple[float, ...]]:
    """The base to reckon with now on each of the circuit's rows (the phases first), never below 0, and how
    the meter stands.

    A base below zero is believed only as far as generation is declared, and counts as 0: what the sun feeds
    in raises no rating. A circuit without a meter has its static reserve. With a meter that was never read,
    or is dead, the worst base counts: the static reserve where one was given, else the whole limit. So does
    it on a row of which nothing is known yet.
    """
    if circuit.meter is None:
        return "none", tuple(reserves_a)
    worst = tuple(reserves_a if circuit.reserve_a > 0 else limits_a)
    if memory is None:
        state = meter_state(at - since, circuit.meter.interval_s)
        return ("lost" if state == "lost" else "dead"), worst
    state = meter_state(max(0.0, at - memory.read_at), circuit.meter.interval_s)
    window = held_s if state == "fresh" else settings.stale_hold_s
    known_at = memory.read_at
    if memory.doubt_since is not None:
        known_at = max(memory.doubt_since, memory.read_at - held_s)
    highest = tuple(_highest(peaks, known_at - window) for peaks in memory.peaks)
    if memory.doubtful:
        highest = tuple(
            max(known, _highest(peaks, memory.read_at - window))
            for known, peaks in zip(highest, memory.doubtful, strict=True)
        )
    if state in ("fresh", "stale") and min(highest[:3]) < -settings.negative_base_a - circuit.generation_a:
        state = "dead"
    if state in ("dead", "lost"):
        return state, tuple(max(bad, known) for bad, known in zip(worst, highest, strict=True))
    if state == "stale" and circuit.generation_a > 0:
        # The sun may have gone since: what it fed in at most comes back as base, up to the base without sun.
        highest = tuple(
            known if known == -math.inf else max(known, min(bad, known + circuit.generation_a * phases))
            for bad, known, phases in zip(worst, highest, _phases_of(len(highest)), strict=True)
        )
    return state, tuple(
        bad if known == -math.inf else max(0.0, known) for bad, known in zip(worst, highest, strict=True)
    )


def _phases_of(rows: int) -> Iterator[int]:
    """Of how many phases each row of a circuit may take generation: the conductors of one, all others of
    three."""
    return (1 if number < 3 else 3 for number in range(rows))


def rearranged(memory: BaseMemory, places: Sequence[int | None]) -> BaseMemory:
    """The memory of a circuit whose rows are others now: row `n` was number `places[n]`, None for a new
    one."""
    peaks = tuple(() if place is None else memory.peaks[place] for place in places)
    doubtful: tuple[Peaks, ...] = ()
    if memory.doubtful:
        doubtful = tuple(() if place is None else memory.doubtful[place] for place in places)
    return structs.replace(memory, peaks=peaks, doubtful=doubtful)


def _push(peaks: tuple[Peaks, ...], at: float, base_a: tuple[float, ...], keep_s: float) -> tuple[Peaks, ...]:
    return tuple(
        (*(p for p in known if p[1] > value and p[0] >= at - keep_s), (at, value))
        for known, value in zip(peaks, base_a, strict=True)
    )


def _shift(peaks: Peaks, later_s: float) -> Peaks:
    return tuple((at + later_s, value) for at, value in peaks)


def _highest(peaks: Peaks, since: float) -> float:
    for at, value in peaks:
        if at >= since:
            return value
    return peaks[-1][1] if peaks else -math.inf
