"""The protocol in its small worlds; a fault becomes a case that `ampacity simulate` plays."""

from __future__ import annotations

import time
from collections.abc import Iterator

from msgspec import Struct, structs

from ampacity.control.types import Snapshot
from ampacity.simulation.cases.document import Json
from ampacity.simulation.cases.told import told_case

from .explore import Explored, explore
from .situation import Action, State
from .small_world import PRODUCT, SETTINGS, Parts, Size, SmallWorld

PLAIN = Size(name="two EVSEs, one fault", safe_a=(0.0, 4.0), faults=1, changes=0)
TIGHT = structs.replace(
    PLAIN,
    name="each could take all, the limit halves",
    levels_a=(16.0, 8.0),
    max_a=16.0,
    changes=1,
    crashes=False,
)
BLIND = structs.replace(TIGHT, name="stations without meters, the limit halves", sampled=False, lease_s=30.0)
SLOW = structs.replace(
    PLAIN,
    name="clocks half a lease off",
    levels_a=(16.0,),
    max_a=16.0,
    error_s=15.0,
    lease_s=30.0,
    crashes=False,
)
HELD = structs.replace(
    PLAIN, name="held below its safe current", levels_a=(12.0,), safe_a=(4.0, 8.0), step_a=2.0, lease_s=30.0
)
SLOW_AND_HELD = structs.replace(
    HELD, name="held below its safe current, clocks off", error_s=5.0, crashes=False
)
JUMPS = structs.replace(PLAIN, name="a clock jumps", steps_s=(-5.0, 5.0), crashes=False)
FORGETS = structs.replace(PLAIN, name="profiles lost at a restart", safe_a=(0.0, 0.0), forgets=True)
QUICK: tuple[Size, ...] = (
    structs.replace(TIGHT, name="no fault, the limit moves", faults=0, changes=3),
    PLAIN,
    HELD,
    JUMPS,
    FORGETS,
)
"""Seconds each."""

LONG: tuple[Size, ...] = (
    *QUICK,
    TIGHT,
    BLIND,
    SLOW,
    SLOW_AND_HELD,
    structs.replace(PLAIN, name="two EVSEs, one fault, the limit moves", changes=1),
    structs.replace(PLAIN, name="two EVSEs, two faults", faults=2),
    structs.replace(PLAIN, name="three EVSEs, one fault", safe_a=(0.0, 0.0, 4.0), crashes=False),
    structs.replace(TIGHT, name="two EVSEs, two faults, the limit halves", faults=2),
)
"""Minutes to hours each."""


class Verdict(Struct, frozen=True, kw_only=True):
    """What was found in one world. `case`: the way to a fault, empty where there is none."""

    size: Size
    explored: Explored[State, Action]
    seconds: float
    case: Json = {}


def check(
    size: Size,
    parts: Parts = PRODUCT,
    *,
    most_states: int = 2_000_000,
    most_s: float = 1e9,
    ordinary_ticks: int = 0,
) -> Verdict:
    """Everything that can happen in one world, as far as `most_states` and `most_s` reach, from the start or
    from how it is after `ordinary_ticks` without a fault."""
    world = SmallWorld(size, parts)
    began = time.perf_counter()
    explored = explore(
        world.at_work(ordinary_ticks),
        world.moves,
        most_states=most_states,
        going_on=lambda states, depth: time.perf_counter() - began < most_s,
    )
    case = case_of(world, explored) if explored.broken else {}
    return Verdict(size=size, explored=explored, seconds=time.perf_counter() - began, case=case)


def case_of(world: SmallWorld, explored: Explored[State, Action]) -> Json:
    """The way to a fault once more, with what the law was told at each tick."""
    return told_case(
        _shifted(_told(world, explored), world.size.tick_s),
        SETTINGS,
        title=world.size.name,
        broken=explored.broken,
        happened=explored.way,
    )


def _told(world: SmallWorld, explored: Explored[State, Action]) -> Iterator[Snapshot]:
    state = explored.start
    assert state is not None
    for action in explored.way:
        world.snapshots = []
        for move in world.moves(state):
            told = world.snapshots[-1]
            if move.action == action:
                state = move.state
                yield told
                break
        else:  # what was found once is found again: the world has no chance in it
            raise RuntimeError(f"{action} can't happen a second time")


def _shifted(snapshots: Iterator[Snapshot], tick_s: float) -> Iterator[Snapshot]:
    """Every state's clock stands still; a recording's goes on."""
    for number, told in enumerate(snapshots):
        later = number * tick_s
        evses = {
            key: structs.replace(
                evse,
                **{
                    field: value + later
                    for field in ("measured_at", "committed_at", "lease_until", "raise_after")
                    if (value := getattr(evse, field)) is not None
                },
            )
            for key, evse in told.evses.items()
        }
        yield structs.replace(told, at=told.at + later, epoch_s=told.epoch_s + later, evses=evses)
