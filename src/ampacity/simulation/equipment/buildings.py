"""The building beside the cars, as a course over a run: amperes per conductor and watts, by the local clock.

`simulation.building` is the model (an assumption: an office with heat pump, lift and canteen); here it is
asked for all steps at once, with the changes of the clock right.
"""

from __future__ import annotations

from datetime import tzinfo
from typing import NamedTuple

import numpy as np

from ..batch.world import F
from ..building import BuildingLoad
from .local_time import local_time


class BuildingCourse(NamedTuple):
    """Amperes on L1, L2, L3 (T, 3) and watts of all three together (T), both means of the steps."""

    current_a: F
    power_w: F


def building_course(
    load: BuildingLoad, begins_s: F, step_s: float, zone: tzinfo, *, voltage_v: float = 230.0, looks: int = 4
) -> BuildingCourse:
    """The load in the steps that begin at these epoch seconds, each the mean of `looks` moments within it
    (steps of a minute or less have one: the load's unrest is slower). `voltage_v` is to neutral."""
    moments = 1 if step_s <= 60.0 else looks
    total = np.zeros((len(begins_s), 3))
    for k in range(moments):
        at_s = np.asarray(begins_s, float) + step_s * (k + 0.5) / moments
        # The load counts from the local clock; its own offset must not come on top.
        total += load.currents_a(local_time(at_s, zone).clock_s, utc_offset_s=0.0)
    current_a = total / moments
    return BuildingCourse(current_a, current_a.sum(axis=1) * voltage_v)
