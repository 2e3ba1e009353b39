"""Demand windows: what may flow for the rest of the running window.

A supplier bills the mean of each window (15 minutes, most often), so that is what is steered: energy so far
and what would follow, not an average that looks back. Less in the first minutes is more in the last ones, and
a base that took too much is made up for before the window ends.

Windows begin at whole multiples of their length since 1970, which are the quarters of an hour in every time
zone. What is not known counts: a part of a window that nobody saw (we have just started, our clock jumped)
ran at the limit, or at what flows now if that is more.
"""

from __future__ import annotations

import math

from msgspec import Struct, structs

from ampacity.model.protection import DemandWindow

LAST_S = 60.0
"""In the last minute cars don't follow any more: what may flow rises no further then, or a limit without
bounds would be taken over into the next window."""

JUMP_S = 5.0


class DemandMemory(Struct, frozen=True, gc=False):
    """The window that began at `start_s` (epoch) with `energy_wh` until `epoch_s`, monotonic `at`. `most_w`:
    what may flow at most in its last minute."""

    start_s: float
    energy_wh: float
    epoch_s: float
    at: float
    most_w: float


def follow(
    window: DemandWindow, memory: DemandMemory | None, power_w: float, at: float, epoch_s: float
) -> DemandMemory:
    """Add what flowed since the last step. `power_w` is what flows now at most; what flows out counts as
    nothing."""
    power_w = max(0.0, power_w)
    start_s = math.floor(epoch_s / window.window_s) * window.window_s
    most_w = window.limit_w
    if memory is None or at < memory.at or _jumped(memory, at, epoch_s):
        unseen_w = max(window.limit_w, power_w)
        energy_wh = unseen_w * (epoch_s - start_s) / 3600.0
    elif start_s == memory.start_s:
        energy_wh = memory.energy_wh + power_w * (at - memory.at) / 3600.0
        most_w = memory.most_w
    else:
        energy_wh = power_w * min(at - memory.at, epoch_s - start_s) / 3600.0
    now = DemandMemory(start_s, energy_wh, epoch_s, at, most_w)
    if _rest_s(window, now) < LAST_S:
        return now
    return structs.replace(now, most_w=permitted_w(window, now))


def permitted_w(window: DemandWindow, memory: DemandMemory) -> float:
    """What may flow from now on, so that the window's mean ends at its limit."""
    rest_s = _rest_s(window, memory)
    left_wh = window.limit_w * window.window_s / 3600.0 - memory.energy_wh
    even_w = max(0.0, left_wh * 3600.0 / max(rest_s, 1.0))
    return even_w if rest_s >= LAST_S else min(even_w, memory.most_w)


def projected_w(window: DemandWindow, memory: DemandMemory, power_w: float) -> float:
    """The mean that the window ends with if `power_w` flows until then."""
    rest_s = _rest_s(window, memory)
    return (memory.energy_wh * 3600.0 + max(0.0, power_w) * rest_s) / window.window_s


def _rest_s(window: DemandWindow, memory: DemandMemory) -> float:
    return window.window_s - (memory.epoch_s - memory.start_s)


def _jumped(memory: DemandMemory, at: float, epoch_s: float) -> bool:
    return abs((epoch_s - memory.epoch_s) - (at - memory.at)) > JUMP_S
