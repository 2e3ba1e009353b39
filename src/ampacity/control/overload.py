"""A meter above its limit: what happens when the ordinary cut does not help.

The ordinary cut is immediate: the base that the reading implies leaves less, and everybody is told so in the
same step. If a phase is above its limit for a whole reaction time all the same, everybody who loads it goes
down to what they do unattended; after another one, to nothing. That stays until the phase has been below its
limit for a while.
"""

from __future__ import annotations

from collections.abc import Mapping

from .settings import ControlSettings
from .state import OverloadMemory


def follow(
    memories: Mapping[int, OverloadMemory],
    readings: Mapping[int, tuple[float, float]],
    at: float,
    settings: ControlSettings,
) -> tuple[dict[int, OverloadMemory], frozenset[int]]:
    """The rows in trouble, and those that are above their limit right now.

    `readings`: for each row with a fresh meter, what it reads and its limit. A row in trouble whose meter
    went silent stays as it is: nothing says that it is over.
    """
    memories_now: dict[int, OverloadMemory] = {}
    above: set[int] = set()
    for row, (metered_a, limit_a) in readings.items():
        before = memories.get(row)
        if metered_a > limit_a:
            above.add(row)
            memories_now[row] = _above(before, at, settings)
        elif before is not None and before.stage > 0 and at - before.above_at <= settings.calm_s:
            memories_now[row] = before
    memories_now.update({row: before for row, before in memories.items() if row not in readings})
    return memories_now, frozenset(above)


def _above(before: OverloadMemory | None, at: float, settings: ControlSettings) -> OverloadMemory:
    if before is None:
        return OverloadMemory(at, at, 0)
    lasted = at - before.since
    stage = 2 if lasted >= 2 * settings.reaction_s else 1 if lasted >= settings.reaction_s else 0
    return OverloadMemory(before.since, at, max(stage, before.stage))
