"""A case is played second by second, and what must hold is looked at: the invariants at every decision, and
the case's own claims.

In its world the law is in a loop with stations, cars and meters (`world`); what it was told is told again
(`told`). A claim is `{"what": SERIES, OPERATION: VALUE, "from": s, "until": s}` and holds at every second of
it, or at one at least with `"ever": true`. `at_most`, `at_least` and `is` take a number, a text or another
series (`{"series": SERIES}`), `has` and `lacks` a member. Claims are written by hand and don't come from the
code.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from msgspec import Struct

from ampacity.control.law import step
from ampacity.control.settings import ControlSettings
from ampacity.control.state import START
from ampacity.control.topology import Topology
from ampacity.control.types import Decision, Snapshot

from .document import OPERATIONS, Json, name_of, settings_of
from .invariants import violations
from .series import Second, value
from .told import snapshots_of
from .world import START_S, World

SLACK = 0.05


class Course(Struct):
    """How a case went. `violations` of the invariants: the second, and what was wrong."""

    seconds: list[Second]
    longest_over_s: float
    violations: list[tuple[float, str]]


def play(case: Json) -> Course:
    """Run a case to its end. Raises `CaseError` where it turns out to be none."""
    return _in_its_world(case) if "world" in case else _as_told(case)


def _in_its_world(case: Json) -> Course:
    world = World(case)
    course = list(seconds_of(world, case["seconds"]))
    return Course(course, _longest(course), world.violations)


def seconds_of(world: World, seconds: int) -> Iterator[Second]:
    """Play a world on, second by second."""
    decision: Decision | None = None
    energy_wh = {c.circuit_id: 0.0 for c in world.site.circuits}
    for _ in range(seconds):
        new = world.second()
        decision = new or decision
        assert decision is not None, "a case begins with a living controller"
        flows = world.flows()
        for k, name in enumerate(energy_wh):
            energy_wh[name] += sum(flows[3 * k : 3 * k + 3]) * world.site.voltage_v / 3600.0
        yield Second(
            at_s=round(world.at - START_S),
            tree=world.tree,
            decision=decision,
            alive=new is not None,
            flows=flows,
            limits={name_of(e.key): world.station_a(e) for e in world.site.evses},
            draws={name_of(e.key): world.cars[e.key].draw_a for e in world.site.evses},
            writes=world.writes,
            energy_wh=dict(energy_wh),
        )


def _as_told(case: Json) -> Course:
    settings: ControlSettings = settings_of(case)
    state, writes = START, 0
    course: list[Second] = []
    wrong: list[tuple[float, str]] = []
    began: float | None = None
    for tick, snapshot in zip(case["told"], snapshots_of(case), strict=True):
        began = snapshot.at if began is None else began
        state, decision = step(state, snapshot, settings)
        tree = state.topology
        assert tree is not None
        writes += len(decision.cuts) + len(decision.raises)
        at_s = snapshot.at - began
        wrong.extend((at_s, words) for words in violations(snapshot, decision, tree))
        course.append(_told_second(at_s, snapshot, decision, tree, writes, tick.get("happened", ())))
    return Course(course, 0.0, wrong)


def _told_second(
    at_s: float,
    snapshot: Snapshot,
    decision: Decision,
    tree: Topology,
    writes: int,
    happened: Sequence[str],
) -> Second:
    unknown = (math.nan, math.nan, math.nan)
    flows: list[float] = []
    for circuit in tree.circuits:
        state = snapshot.circuits.get(circuit.circuit_id)
        flows += unknown if state is None or state.metered_a is None else state.metered_a
    limits, draws = {}, {}
    for evse in tree.evses:
        now = snapshot.evses.get(evse.key)
        told_a = None if now is None else now.committed_a
        measured = None if now is None else now.measured_a
        limits[name_of(evse.key)] = math.nan if told_a is None else told_a
        draws[name_of(evse.key)] = math.nan if measured is None else max(measured)
    return Second(at_s, tree, decision, True, flows, limits, draws, writes, tuple(happened))


def _longest(course: list[Second]) -> float:
    longest = now = 0
    for second in course:
        circuits = second.tree.circuits
        over = any(value(second, f"excess {c.circuit_id}") > SLACK for c in circuits)
        now = now + 1 if over else 0
        longest = max(longest, now)
    return longest


def broken(case: Json, course: Course) -> list[str]:
    """What does not hold, in words: the invariants at each second, and the claims."""
    wrong = [f"{words}, at {at_s:g} s" for at_s, words in course.violations]
    wrong += [line for claim in case.get("claims", ()) if (line := broken_claim(claim, course))]
    most_s = case.get("over_at_most_s")
    if most_s is not None and course.longest_over_s > most_s:
        wrong.append(f"{course.longest_over_s:g} s above a limit, at most {most_s:g}")
    return wrong


def broken_claim(claim: Json, course: Course) -> str | None:
    """Where a claim does not hold first, in words; None where it holds. Raises ValueError for a series that
    there is not."""
    begin, end = claim.get("from", 0), claim.get("until", math.inf)
    (operation,) = (o for o in OPERATIONS if o in claim)
    seconds = [s for s in course.seconds if begin <= s.at_s <= end]
    if not seconds:
        return f"{claim}: no such second"
    first = None
    for second in seconds:
        found = value(second, claim["what"])
        wanted = claim[operation]
        if isinstance(wanted, dict):
            wanted = value(second, wanted["series"])
        holds = _holds(operation, found, wanted)
        if claim.get("ever") and holds:
            return None
        if not holds and first is None:
            first = f"{claim}: {found} at {second.at_s:g} s"
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
