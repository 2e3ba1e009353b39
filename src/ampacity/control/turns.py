"""Who is admitted first when there is not a minimum for everybody.

Order: who must not be paused now (it has run for less than the minimum run, or its slack is smaller than a
pause), then the priority class, then the deadline slack in slots of a quarter of an hour, then the turn:
those whose quarter of an hour is not over, then by who has waited longest. Cars that stopped by themselves
share what those leave, and get the minimum only, so that they can ask again.
"""

from __future__ import annotations

from typing import TypeAlias

from msgspec import structs

from .settings import ControlSettings
from .state import EvseMemory
from .types import EvseState

Turn: TypeAlias = tuple[bool, bool, int, int, float, int]

_NO_DEADLINE = 1 << 30


def turn(
    state: EvseState,
    memory: EvseMemory,
    priority: int,
    number: int,
    at: float,
    settings: ControlSettings,
    *,
    kept: bool = False,
) -> Turn:
    """Sort key of admission, lowest first. `number` is the EVSE's place in the site and only breaks ties.
    `kept`: the car may not wake after a pause (`waking`), so its turn is longer.
    """
    slack = state.slack_s
    slot = _NO_DEADLINE if slack is None else int(max(0.0, slack) // settings.slack_slot_s)
    since = memory.running_since
    if since is None:
        waiting = memory.waiting_since if state.waiting_since is None else state.waiting_since
        return not state.wants, True, -priority, slot, at if waiting is None else waiting, number
    ran = at - since
    protected = state.wants and (ran < settings.minimum_run_s or is_hurried(state, settings))
    lasts_s = settings.kept_turn_s if kept else settings.turn_s
    queue = float("-inf") if ran < lasts_s else since + lasts_s
    return not state.wants, not protected, -priority, slot, queue, number


def is_hurried(state: EvseState, settings: ControlSettings) -> bool:
    """Whether a pause would cost the car more time than it has."""
    return state.slack_s is not None and state.slack_s < settings.minimum_pause_s


def may_start(
    state: EvseState, memory: EvseMemory, at: float, settings: ControlSettings, *, kept: bool = False
) -> bool:
    """Whether a pause has lasted long enough. An EVSE that never ran, or runs, may; so may one whose car has
    no time for the pause: it was interrupted by a fault (its lease ran out, its station was away) or by an
    overload, and is not to wait out the rest for form's sake. A car that falls asleep (`kept`) neither.
    """
    return (
        kept
        or memory.running_since is not None
        or memory.stopped_at is None
        or is_hurried(state, settings)
        or at - memory.stopped_at >= settings.minimum_pause_s
    )


def follow(state: EvseState, memory: EvseMemory, running: bool, at: float) -> EvseMemory:
    """Keep the turn after a decision: `running` is whether the EVSE has, or is given, more than nothing."""
    if running:
        if memory.running_since is not None:
            return memory
        return structs.replace(memory, running_since=at, stopped_at=None, waiting_since=None)
    stopped = at if memory.running_since is not None else memory.stopped_at
    waiting = (at if memory.waiting_since is None else memory.waiting_since) if state.wants else None
    if (None, stopped, waiting) == (memory.running_since, memory.stopped_at, memory.waiting_since):
        return memory
    return structs.replace(memory, running_since=None, stopped_at=stopped, waiting_since=waiting)
