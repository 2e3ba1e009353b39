"""Which part of a limit holds now: its piece of a schedule, its fallback, or nothing.

Dates are read with two clocks: the one that people know (`epoch_s`), and the same clock as it has run since
the limit was first seen, without its jumps. Where they disagree the lower limit holds, so that no jump of a
clock makes a permission longer or a restriction shorter.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from msgspec import Struct

from ampacity.model.site import UNLIMITED_A, LimitSource

SAME_CLOCK_S = 0.5
"""Clocks nearer than this are one."""

FALLBACK = " (fallback)"


class SourceMemory(Struct, frozen=True, gc=False):
    """A limit since it is known: epoch seconds less monotonic ones were `offset_s` then."""

    source: LimitSource
    offset_s: float


Sources = dict[tuple[str, str], SourceMemory]


def resolve(
    circuit_id: str,
    sources: Iterable[LimitSource],
    known: Mapping[tuple[str, str], SourceMemory],
    at: float,
    epoch_s: float,
) -> tuple[list[LimitSource], Sources]:
    """What holds of each source now, without dates; and the memory of those that are still there."""
    holding: list[LimitSource] = []
    memories: Sources = {}
    for number, source in enumerate(sources):
        key = circuit_id, f"{number}/{source.source}"
        memory = known.get(key)
        if memory is None or memory.source != source:
            memory = SourceMemory(source, epoch_s - at)
        memories[key] = memory
        steady_s = at + memory.offset_s
        found = part_at(source, epoch_s)
        if abs(steady_s - epoch_s) > SAME_CLOCK_S:
            found = _lower(found, part_at(source, steady_s))
        if found is not None:
            holding.append(found)
    return holding, memories


def part_at(source: LimitSource, epoch_s: float) -> LimitSource | None:
    """What holds of a source at an instant, as a limit without dates. A date that is not a number never
    comes."""
    if source.valid_until is not None and epoch_s >= source.valid_until:
        if source.fallback_a is None and source.fallback_w is None:
            return None
        return LimitSource(
            limit_a=UNLIMITED_A if source.fallback_a is None else source.fallback_a,
            limit_w=source.fallback_w,
            source=source.source + FALLBACK,
        )
    found: LimitSource | None = None
    for piece in source.pieces:
        if piece.valid_from <= epoch_s < piece.valid_until:
            part = LimitSource(
                limit_a=UNLIMITED_A if piece.limit_a is None else piece.limit_a,
                limit_w=piece.limit_w,
                source=source.source,
            )
            found = part if found is None else _lower(found, part)
    return found or LimitSource(limit_a=source.limit_a, limit_w=source.limit_w, source=source.source)


def _lower(one: LimitSource | None, other: LimitSource | None) -> LimitSource | None:
    if one is None or other is None:
        return one or other
    watts = [w for w in (one.limit_w, other.limit_w) if w is not None]
    lower = one if not one.limit_a > other.limit_a else other
    return LimitSource(
        limit_a=_least(one.limit_a, other.limit_a),
        limit_w=_least(*watts) if watts else None,
        source=lower.source,
    )


def _least(*values: float) -> float:
    """The lowest; what is not a number permits nothing."""
    return 0.0 if any(math.isnan(value) for value in values) else min(values)
