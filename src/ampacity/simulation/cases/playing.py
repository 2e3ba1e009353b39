"""A case is played second by second: a site with its cars in a closed loop with the law, and what must hold.

A case is a document with a base and patches (see `world`). Its claims were written by hand and don't come
from the code. A claim is `{"what": SERIES, OPERATION: VALUE, "from": s, "until": s}` and holds at every
second of it, or at one at least with `"ever": true`. `at_most`, `at_least` and `is` take a number, a text or
another series (`{"series": SERIES}`), `has` and `lacks` a member.

| series | what it is |
|---|---|
| `flow C P`, `excess C` | true amperes of a circuit's phase 1..3; the most above its limit of any phase |
| `watts C`, `neutral C`, `unbalance C` | true power of all phases, current in the neutral, lead of a phase |
| `limit E`, `draw E`, `grant E`, `held E` | at the station, of its car, the law's target, set aside |
| `sum E ...`, `starts E ...` | the true draws together; how many of the cars draw |
| `reasons E`, `raises`, `cuts`, `reserved` | codes, or EVSEs |
| `source C`, `meter C`, `limit_of C` | whose limit is lowest, the state of the meter, the limit |
| `command D` | watts that a device is told |
| `writes` | limits sent so far |
"""

from __future__ import annotations

import cmath
import math
from typing import Any

from msgspec import Struct

from ampacity.control.types import Decision

from .world import START_S, Json, World

SLACK = 0.05


class Second(Struct):
    """What was so at one second."""

    at_s: int
    decision: Decision
    alive: bool
    flows: list[float]
    limits: dict[str, float]
    draws: dict[str, float]
    writes: int


class Course(Struct):
    """How a case went."""

    world: World
    seconds: list[Second]
    longest_over_s: float


def play(case: Json) -> Course:
    """Run a case to its end."""
    world = World(case)
    course: list[Second] = []
    decision: Decision | None = None
    for _ in range(case["seconds"]):
        new = world.second()
        decision = new or decision
        assert decision is not None, "a case begins with a living controller"
        course.append(
            Second(
                at_s=round(world.at - START_S),
                decision=decision,
                alive=new is not None,
                flows=world.flows(),
                limits={e.station_id: world.station_a(e) for e in world.site.evses},
                draws={e.station_id: world.cars[e.key].draw_a for e in world.site.evses},
                writes=world.writes,
            )
        )
    return Course(world, course, _longest(world, course))


def _longest(world: World, course: list[Second]) -> float:
    longest = now = 0
    for second in course:
        over = any(value(world, second, f"excess {c.circuit_id}") > SLACK for c in world.site.circuits)
        now = now + 1 if over else 0
        longest = max(longest, now)
    return longest


def value(world: World, second: Second, series: str) -> Any:
    """What a series is at that second."""
    kind, *names = series.split()
    decision = second.decision
    name = names[0] if names else ""
    match kind:
        case "flow" | "excess" | "watts" | "neutral" | "unbalance":
            k = world.tree.index[name]
            amperes = second.flows[3 * k : 3 * k + 3]
            if kind == "flow":
                return amperes[int(names[1]) - 1]
            if kind == "excess":
                return max(amperes) - decision.circuits[name].limit_a
            if kind == "watts":
                return sum(amperes) * world.site.voltage_v
            if kind == "unbalance":
                return max(amperes) - min(amperes)
            return abs(sum(a * cmath.rect(1, -2 * math.pi * p / 3) for p, a in enumerate(amperes)))
        case "limit":
            return second.limits[name]
        case "draw":
            return second.draws[name]
        case "sum":
            return sum(second.draws[n] for n in names)
        case "starts":
            return sum(second.draws[n] > 1 for n in names)
        case "grant":
            return decision.grants[name, 1].limit_a
        case "held":
            return decision.held_a[name, 1]
        case "reasons":
            return sorted({reason.code for reason in decision.grants[name, 1].reasons})
        case "raises" | "cuts":
            if not second.alive:
                return []
            return sorted({g.key[0] for g in (decision.raises if kind == "raises" else decision.cuts)})
        case "reserved":
            return sorted({key[0] for key in decision.reserved})
        case "source":
            return decision.circuits[name].limit_source
        case "limit_of":
            return decision.circuits[name].limit_a
        case "meter":
            return decision.circuits[name].meter_state
        case "command":
            return decision.commands[name].power_w
        case "writes":
            return second.writes
        case _:
            raise ValueError(f"no series {series!r}: see the head of playing.py")


def broken(case: Json, course: Course) -> list[str]:
    """What does not hold, in words: the invariants at each second, and the claims."""
    wrong = [f"{words} at {at_s:g} s" for at_s, words in course.world.violations]
    wrong += [line for claim in case["claims"] if (line := _broken(claim, course))]
    if course.longest_over_s > case["over_at_most_s"]:
        wrong.append(f"{course.longest_over_s:g} s above a limit, at most {case['over_at_most_s']:g}")
    return wrong


def _broken(claim: Json, course: Course) -> str | None:
    begin, end = claim.get("from", 0), claim.get("until", math.inf)
    (operation,) = (o for o in ("at_most", "at_least", "is", "has", "lacks") if o in claim)
    seconds = [s for s in course.seconds if begin <= s.at_s <= end]
    if not seconds:
        return f"{claim}: no such second"
    first = None
    for second in seconds:
        found = value(course.world, second, claim["what"])
        wanted = claim[operation]
        if isinstance(wanted, dict):
            wanted = value(course.world, second, wanted["series"])
        holds = _holds(operation, found, wanted)
        if claim.get("ever") and holds:
            return None
        if not holds and first is None:
            first = f"{claim}: {found} at {second.at_s} s"
    return first


def _holds(operation: str, found: Any, wanted: Any) -> bool:
    match operation:
        case "at_most":
            return bool(found <= wanted + SLACK)
        case "at_least":
            return bool(found >= wanted - SLACK)
        case "is":
            return abs(found - wanted) <= SLACK if isinstance(wanted, int | float) else bool(found == wanted)
        case "has":
            return wanted in found
        case _:
            return wanted not in found
