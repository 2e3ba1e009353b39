"""A feeder as a matrix: how much each consumer's voltage moves with each consumer's power.

Inside a loop of seconds, where converters answer the voltage that they make, a full power flow would take
hours. Around a state the voltages are nearly linear in the loads, so the slopes are taken from the exact
power flow (a kilowatt more of each consumer in turn), and only the loop uses them: what is reported is solved
exactly afterwards (`ampacity.bench.strategies.voltage`), and the difference is a figure of its own.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import numpy as np

from ..batch.world import F
from ..electrical.feeder import FeederModel, consumer_loads

_STEP_VA: Final = 1_000.0


class LinearFeeder(NamedTuple):
    """Voltages (V, phase to neutral) of n consumers at the state `at_w`, and their slopes [n, n]: row the
    voltage, column the consumer whose load grows. `per_house_w` is a watt at the houses' power factor."""

    at_w: F
    volt_v: F
    per_w: F
    per_var: F
    per_house_w: F
    nominal_v: float


def linearised(model: FeederModel, at_w: F, power_factor: float) -> LinearFeeder:
    """Slopes around houses that take `at_w` (n) at `power_factor`, lagging. Raises FeederCollapsed."""
    feeder = model.feeder
    n = len(feeder.consumers)
    active, reactive = consumer_loads(feeder, np.tile(at_w, (2 * n + 1, 1)), power_factor)
    for j, consumer in enumerate(feeder.consumers):
        active[1 + j, consumer.bus, consumer.phase] += _STEP_VA
        reactive[1 + n + j, consumer.bus, consumer.phase] += _STEP_VA
    buses = [consumer.bus for consumer in feeder.consumers]
    phases = [consumer.phase for consumer in feeder.consumers]
    volts = model.solve(active, reactive, branches=False).voltage_v[:, buses, phases]
    slopes = np.ascontiguousarray(((volts[1:] - volts[0]) / _STEP_VA).T)
    per_w, per_var = np.ascontiguousarray(slopes[:, :n]), np.ascontiguousarray(slopes[:, n:])
    return LinearFeeder(
        at_w=np.asarray(at_w, dtype=np.float64),
        volt_v=np.ascontiguousarray(volts[0]),
        per_w=per_w,
        per_var=per_var,
        per_house_w=per_w + math.tan(math.acos(power_factor)) * per_var,
        nominal_v=feeder.phase_v,
    )
