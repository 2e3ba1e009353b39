"""Some cars don't wake: paused once, they draw nothing when current is offered again.

A car that drew, was held below its minimum, and draws nothing for two minutes after it was offered its
minimum again is one of them, until its session ends. It is rather kept at its minimum than paused again
(`Picture.kept`): its turn lasts two hours and not a quarter, and it waits out no pause. Not for ever: then a
car that came later would never get a turn. (That cars of some makes do this is what drivers' manuals and the
code of other chargers' controllers tell; the two minutes are an assumption.)
"""

from __future__ import annotations

from msgspec import structs

from ampacity.model.site import Evse

from .base import sample_stale_s
from .reserve import EPSILON_A, Hold
from .settings import ControlSettings
from .state import EvseMemory
from .types import EvseState


def learn(
    evse: Evse,
    state: EvseState,
    memory: EvseMemory,
    hold: Hold,
    age_s: float | None,
    at: float,
    settings: ControlSettings,
) -> EvseMemory:
    """Follow whether the car wakes. Only fresh samples tell."""
    if memory.sleeps or hold.standing not in ("steered", "paused"):
        return memory
    fresh = age_s is not None and age_s <= sample_stale_s(state.sample_interval_s)
    measured = hold.measured_a if fresh else None
    if measured is not None and measured > settings.wakes_above_a:
        if memory.drew and not memory.rested and memory.roused_at is None:
            return memory
        # What flows while it is held down is the past's; it wakes only by what it draws when it may.
        rested = memory.rested and hold.in_force_a < evse.min_a - EPSILON_A
        return structs.replace(memory, drew=True, rested=rested, roused_at=None)
    if not memory.drew:
        return memory
    if hold.in_force_a < evse.min_a - EPSILON_A:
        if memory.rested and memory.roused_at is None:
            return memory
        return structs.replace(memory, rested=True, roused_at=None)
    if memory.rested and memory.roused_at is None:
        return structs.replace(memory, roused_at=at)
    if memory.roused_at is None or measured is None:
        return memory
    # The sample has to be younger than the time in which it could have woken.
    if age_s is None or at - age_s - memory.roused_at < settings.wake_s:
        return memory
    return structs.replace(memory, sleeps=True, rested=False, roused_at=None)
