"""What a parent has promised each of its members, and the most that each may draw for that.

A grant that was sent is a hope, as with EVSEs. It counts from the moment at which it is issued; the one
before counts until the member has said that it follows the new one *and* that nobody below it may draw more
than that, or until the old one's lease is over and its EVSEs have settled. A member that is silent, or whose
lease has run out, counts with what it falls back to as well.

Levels are pairs of amperes: on each phase, and of all phases together (watts by the voltage to neutral).
Times are the parent's monotonic seconds.
"""

from __future__ import annotations

import math
from typing import TypeAlias

from msgspec import Struct, structs

from ampacity.model.groups import MemberReport
from ampacity.model.phases import PerPhase

Level: TypeAlias = tuple[float, float]

NOTHING: Level = (0.0, 0.0)
EPSILON_A = 1e-6

SAMPLES_S = 10.0


class Promise(Struct, frozen=True, gc=False):
    """A level that was granted under the numbers `first` to `seq`, whose lease ends at `until`."""

    first: int
    seq: int
    level: Level
    until: float


class MemberMemory(Struct, frozen=True, kw_only=True, gc=False):
    """One member as it was heard last, at `heard_at`.

    `limited`: what it said that our word limits it to, which counts until `limited_until`. `pending`: grants
    that it has not named yet. `unseen`: levels it was on before, and may still be. `seq`: of the last grant.
    `falls_to`: the highest fallback that it may have been told, `told` the one of the last grant.
    `samples`: `(taken at, amperes on the site's phases)` of late.
    """

    report: MemberReport
    heard_at: float
    limited: Level
    limited_until: float
    seq: int = 0
    pending: tuple[Promise, ...] = ()
    unseen: tuple[Promise, ...] = ()
    falls_to: Level = NOTHING
    told: Level = NOTHING
    samples: tuple[tuple[float, PerPhase], ...] = ()
    life_before: str = ""

    @property
    def settle_s(self) -> float:
        """How long its EVSEs may go on by themselves."""
        return math.inf if self.report.settle_s is None else self.report.settle_s


def usable(report: MemberReport) -> bool:
    """Whether a report is one: anything else is as good as silence."""
    values = (report.base_a, report.demand_a, report.held_a, report.base_w, report.demand_w, report.held_w)
    drawn = report.drawn_a or (0.0, 0.0, 0.0)
    return (
        all(math.isfinite(value) and value >= 0 for value in values)
        and all(math.isfinite(value) for value in drawn)
        and all(value is None or value >= 0 for value in (report.limit_a, report.limit_w, report.settle_s))
        and report.lease_left_s >= 0
        and report.drawn_age_s >= 0
    )


def hear(
    memory: MemberMemory | None, report: MemberReport, epoch: int, voltage_v: float, at: float
) -> MemberMemory | None:
    """The memory after a report; as it was where the report is older than what is known, or unusable."""
    if not usable(report):
        return memory
    limited = level_of(report.limit_a, report.limit_w, voltage_v)
    until = at + report.lease_left_s
    samples: tuple[tuple[float, PerPhase], ...] = ()
    if memory is not None:
        samples = tuple(sample for sample in memory.samples if sample[0] > at - SAMPLES_S)
    if report.drawn_a is not None:
        taken = at - report.drawn_age_s
        if not samples or taken > samples[-1][0]:
            samples = (*samples, (taken, report.drawn_a))
    if memory is None:
        unseen: tuple[Promise, ...] = ()
        if not _seen(report, limited, voltage_v):
            unseen = (Promise(0, 0, (report.held_a, report.held_w / voltage_v), at),)
        return MemberMemory(
            report=report,
            heard_at=at,
            limited=limited,
            limited_until=until,
            unseen=unseen,
            samples=samples,
        )
    known = memory.report
    same = report.life == known.life
    if (same and report.number <= known.number) or report.life == memory.life_before:
        return memory
    before = Promise(0, 0, memory.limited, memory.limited_until)
    heard = report.seq if same and report.epoch == epoch else 0
    if same and heard:
        left = tuple(promise for promise in memory.pending if promise.seq > heard)
        past = tuple(promise for promise in memory.pending if promise.first <= heard)
    elif same and report.epoch == known.epoch:
        left, past = memory.pending, ()
    else:
        # It has started anew, and knows nothing of what it was told; its EVSEs may follow it all the same.
        left, past = (), memory.pending
    unseen = ()
    if not _seen(report, limited, voltage_v):
        unseen = tuple(
            promise
            for promise in (*memory.unseen, before, *past)
            if promise.level[0] > limited[0] or promise.level[1] > limited[1]
        )
    return structs.replace(
        memory,
        report=report,
        heard_at=at,
        limited=limited,
        limited_until=until,
        pending=left,
        unseen=_undominated(unseen, at, memory.settle_s),
        falls_to=memory.falls_to if left else memory.told,
        samples=samples,
        life_before=memory.life_before if same else known.life,
    )


def issue(memory: MemberMemory, level: Level, until: float, fallback: Level) -> MemberMemory:
    """The memory after a grant of `level` was sent; its number is `memory.seq`."""
    seq = memory.seq + 1
    covered = [p for p in memory.pending if _within(p.level, level) and p.until <= until]
    first = min([seq, *(promise.first for promise in covered)])
    others = tuple(promise for promise in memory.pending if promise not in covered)
    return structs.replace(
        memory,
        seq=seq,
        pending=(*others, Promise(first, seq, level, until)),
        falls_to=_highest(memory.falls_to, fallback),
        told=fallback,
    )


def running(memory: MemberMemory) -> Level:
    """The highest level that a member that reports may be on: what it said, or what is on its way."""
    return _highest(memory.limited, *(promise.level for promise in memory.pending))


def allowed(memory: MemberMemory, at: float, voltage_v: float, *, silent: bool) -> Level:
    """The most that a member may draw by what it was granted, and by what nobody can take from it."""
    ends = at - memory.settle_s
    levels = [p.level for p in (*memory.pending, *memory.unseen) if p.until > ends]
    if not silent or memory.limited_until > ends:
        levels.append(memory.limited)
    capped = [(a, min(w, 3 * a)) for a, w in levels]
    recent = not silent or memory.heard_at > ends
    return _highest(own(memory, voltage_v) if recent else base_of(memory, voltage_v), *capped)


def counted(memory: MemberMemory, fallback: Level, at: float, voltage_v: float, *, silent: bool) -> Level:
    """The same, and what it may fall back to while we do not reach it: as configured, or as it was told."""
    most = allowed(memory, at, voltage_v, silent=silent)
    return _highest(most, fallback, memory.falls_to) if silent or at >= memory.limited_until else most


def own(memory: MemberMemory, voltage_v: float) -> Level:
    """What nobody can take from a member: its base, and what it was seen to draw last."""
    base = base_of(memory, voltage_v)
    drawn = memory.samples[-1][1] if memory.samples else memory.report.drawn_a
    if drawn is None:
        return base
    return _highest(base, (max(drawn), sum(drawn)))


def base_of(memory: MemberMemory, voltage_v: float) -> Level:
    """What flows at a member beside what anybody steers."""
    return memory.report.base_a, memory.report.base_w / voltage_v


def level_of(limit_a: float | None, limit_w: float | None, voltage_v: float) -> Level:
    """A limit as a level; infinite where there is none."""
    return (
        math.inf if limit_a is None else limit_a,
        math.inf if limit_w is None else limit_w / voltage_v,
    )


def _seen(report: MemberReport, limited: Level, voltage_v: float) -> bool:
    """Whether nobody below the member may draw more than it is limited to."""
    held, base = (report.held_a, report.held_w), (report.base_a, report.base_w)
    return all(
        held[q] / unit <= max(limited[q], base[q] / unit) + EPSILON_A
        for q, unit in enumerate((1.0, voltage_v))
    )


def _within(level: Level, other: Level) -> bool:
    return level[0] <= other[0] and level[1] <= other[1]


def _highest(*levels: Level) -> Level:
    return max(level[0] for level in levels), max(level[1] for level in levels)


def _undominated(promises: tuple[Promise, ...], at: float, settle_s: float) -> tuple[Promise, ...]:
    """Those that still say something."""
    kept: list[Promise] = []
    for promise in promises:
        if promise.until <= at - settle_s:
            continue
        if any(_within(promise.level, other.level) and promise.until <= other.until for other in kept):
            continue
        kept = [o for o in kept if not (_within(o.level, promise.level) and o.until <= promise.until)]
        kept.append(promise)
    return tuple(kept)
