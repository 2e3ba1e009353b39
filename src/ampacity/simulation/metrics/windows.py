"""The demand charge: the highest mean of a window (15 min) in each calendar month, times a price.

Windows stand at whole multiples of their length from the epoch, as meters have them (zones are whole quarters
of an hour apart); months are those of the site's own time. A step longer than the window is a window itself.
"""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

import numpy as np
from msgspec import Struct

from ampacity.simulation.batch.outcome import Scene
from ampacity.simulation.batch.world import F, I


class Windows(Struct, frozen=True, kw_only=True):
    """Which window each step counts for (`of_step`, T), and the month of each window (`month`, as year times
    twelve plus month)."""

    of_step: I
    month: I


def windows(scene: Scene) -> Windows:
    """The demand windows of a run. A step belongs to the window that holds its middle."""
    world = scene.world
    length_s = max(scene.demand_window_s, world.step_s)
    begin_s = scene.starts_at.timestamp()
    middle_s = begin_s + (np.arange(world.steps) + 0.5) * world.step_s
    if world.step_s >= scene.demand_window_s:
        number = np.arange(world.steps)
    else:
        number = np.floor(middle_s / length_s).astype(np.int64)
    _, first, of_step = np.unique(number, return_index=True, return_inverse=True)
    zone = ZoneInfo(scene.time_zone)
    month = np.empty(len(first), np.int64)
    for window, step in enumerate(first):
        local = (scene.starts_at + timedelta(seconds=float(step + 0.5) * world.step_s)).astimezone(zone)
        month[window] = local.year * 12 + local.month
    return Windows(of_step=of_step.astype(np.int64), month=month)


def window_means_w(power_w: F, stand: Windows) -> F:
    """The mean of each window, over the steps of the run that fall into it."""
    count = len(stand.month)
    steps = np.bincount(stand.of_step, minlength=count)
    means: F = np.bincount(stand.of_step, power_w, count) / steps
    return means


def demand_kw(power_w: F, stand: Windows) -> dict[int, float]:
    """The kilowatts that each month is charged for, never below zero."""
    means = window_means_w(power_w, stand)
    return {int(m): max(float(means[stand.month == m].max()), 0.0) / 1e3 for m in np.unique(stand.month)}
