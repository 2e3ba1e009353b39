"""The circuits above the members: what limits each, what stays free, and the base beside the members.

As in a site (`control.base`), with two differences: members report within a second or two, so a reading of
the meter waits until they have told what they drew at that time; and a member that rises must not look like
base, so the highest that it drew around that moment is taken off. What that misses of a member that falls is
covered by the base's peaks of half a minute.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

from msgspec import Struct

from ampacity.model.site import Circuit

from .. import base, overload
from ..limits import effective_limit, effective_power, margin_a, permitted
from ..state import BaseMemory, OverloadMemory
from ..types import CircuitState
from .picture import Picture
from .types import GroupRow, Reading

ALIGN_S: Final = 3.0
"""A reading waits so long at most for what members drew at the same time."""


class Supply(Struct, frozen=True):
    """`rows` by circuit; `stages` how far each has gone against a meter above its limit (`overload`). The
    rest is memory."""

    rows: tuple[GroupRow, ...]
    stages: tuple[int, ...]
    bases: dict[str, BaseMemory]
    readings: dict[str, tuple[Reading, ...]]
    overloads: dict[int, OverloadMemory]


def look(seen: Picture) -> Supply:
    """The circuits as they stand now."""
    bases: dict[str, BaseMemory] = {}
    readings: dict[str, tuple[Reading, ...]] = {}
    rows = []
    for k, circuit in enumerate(seen.tree.circuits):
        name = circuit.circuit_id
        state = seen.bound.circuits[name]
        memory = None
        if circuit.meter is not None:
            memory, readings[name] = _observed(seen, k, circuit, state)
            if memory is not None:
                bases[name] = memory
        rows.append(_row(seen, circuit, state, memory))
    overloads = _overloads(seen, rows)
    stages = tuple(
        max((m.stage for number, m in overloads.items() if number // 4 == k), default=0)
        for k in range(len(rows))
    )
    return Supply(tuple(rows), stages, bases, readings, overloads)


def _row(seen: Picture, circuit: Circuit, state: CircuitState, memory: BaseMemory | None) -> GroupRow:
    voltage_v, interval_s = seen.group.voltage_v, None if circuit.meter is None else circuit.meter.interval_s
    limit_a, source = effective_limit(circuit, state.limits, seen.bound.epoch_s)
    if circuit.rating_va is not None and permitted(circuit.rating_va) / (3 * voltage_v) < limit_a:
        limit_a, source = permitted(circuit.rating_va) / (3 * voltage_v), "rating"
    power = effective_power(circuit, state.limits, seen.bound.epoch_s)
    limit_w, source_w = (math.inf, "") if power is None else (power[0] / voltage_v, power[1])
    worst_w = min(limit_w, 3 * limit_a)
    meter, found = base.estimate(
        memory,
        circuit,
        (*(circuit.reserve_a,) * 3, 3 * circuit.reserve_a),
        (*(limit_a,) * 3, worst_w),
        seen.at,
        seen.since,
        seen.settings.peak_hold_s,
        seen.settings,
    )
    margin_w = 3 * margin_a(limit_w / 3, interval_s) if math.isfinite(limit_w) else 0.0
    return GroupRow(
        limit=(limit_a, limit_w),
        source=(source, source_w),
        margin=(margin_a(limit_a, interval_s), margin_w),
        base=(max(found[:3]), found[3]),
        base_a=(found[0], found[1], found[2]),
        meter=meter,
    )


def _observed(
    seen: Picture, k: int, circuit: Circuit, state: CircuitState
) -> tuple[BaseMemory | None, tuple[Reading, ...]]:
    """What is known of the base below a meter, and the readings that can't be judged yet."""
    memory = seen.state.bases.get(circuit.circuit_id)
    waiting = list(seen.state.readings.get(circuit.circuit_id, ()))
    newest = waiting[-1].at if waiting else -math.inf if memory is None else memory.read_at
    if base.usable(state.metered_a, state.metered_at, seen.at, seen.settings.future_s):
        assert state.metered_a is not None
        assert state.metered_at is not None
        if state.metered_at > newest:
            waiting.append(Reading(state.metered_at, state.metered_a, state.metered_w))
    while waiting and (seen.at - waiting[0].at >= ALIGN_S or _drawn_since(seen, k, waiting[0].at)):
        one = waiting.pop(0)
        taken = CircuitState(
            circuit_id=circuit.circuit_id,
            metered_a=one.current_a,
            metered_at=one.at,
            metered_w=one.power_w,
        )
        hold_s = seen.settings.peak_hold_s
        memory = base.observe(memory, taken, _implied(seen, k, one), False, seen.at, hold_s, seen.settings)
    return memory, tuple(waiting)


def _drawn_since(seen: Picture, k: int, taken: float) -> bool:
    """Whether every member below a circuit that reports what it draws has done so for `taken` or later."""
    for i in seen.live:
        memory = seen.memories[i]
        if memory is None or k not in seen.above[i] or memory.report.drawn_a is None:
            continue
        if not memory.samples or memory.samples[-1][0] < taken:
            return False
    return True


def _implied(seen: Picture, k: int, reading: Reading) -> Callable[[bool, bool], tuple[float, ...]]:
    """The base on a circuit's phases, and of all together, that a reading implies. While the base is young,
    no more is taken off than what members drew at the least."""

    def implied(young: bool, starts: bool) -> tuple[float, ...]:
        left = list(reading.current_a)
        watts = reading.power_w
        total = sum(left) if watts is None or not math.isfinite(watts) else watts / seen.group.voltage_v
        choose = min if young else max
        for i in seen.live:
            memory = seen.memories[i]
            if memory is None or k not in seen.above[i]:
                continue
            near = [drawn for at, drawn in memory.samples if at >= reading.at - ALIGN_S]
            if not near:
                continue
            path = seen.tree.paths[seen.tree.index[seen.members[i].circuit_id]]
            depth = seen.above[i].index(k)
            for phase, line in enumerate(seen.members[i].rotation):
                left[path[line][depth] % 3] -= max(0.0, choose(drawn[phase] for drawn in near))
            total -= max(0.0, choose(sum(drawn) for drawn in near))
        return left[0], left[1], left[2], total

    return implied


def _overloads(seen: Picture, rows: list[GroupRow]) -> dict[int, OverloadMemory]:
    """Meters above their limits: rows `4 k` to `4 k + 2` are the phases of circuit `k`, `4 k + 3` its
    power."""
    readings: dict[int, tuple[float, float]] = {}
    for k, row in enumerate(rows):
        state = seen.bound.circuits[seen.tree.circuits[k].circuit_id]
        if row.meter != "fresh" or state.metered_a is None:
            continue
        readings |= {4 * k + phase: (state.metered_a[phase], row.limit[0]) for phase in range(3)}
        if math.isfinite(row.limit[1]) and state.metered_w is not None:
            readings[4 * k + 3] = state.metered_w / seen.group.voltage_v, row.limit[1]
    found, _ = overload.follow(seen.state.overloads, readings, seen.at, seen.settings)
    return found
