"""What a transformer may carry so that its winding does not get too hot.

The differential equations of IEC 60076-7 (annex): top oil and the two parts of the winding's gradient, each a
first-order body, stepped exactly for a load that is held. The limit is the highest load that, held for the
horizon, keeps hot spot and top oil below their limits; so a cold transformer carries more than its rating for
a time, and a hot one less.
"""

from __future__ import annotations

import math

from msgspec import Struct

from ampacity.model.protection import HotSpotModel

_HALVINGS = 24


class HotSpotMemory(Struct, frozen=True, gc=False):
    """Top oil in C, both parts of the gradient in K, and when."""

    oil_c: float
    first_k: float
    second_k: float
    at: float

    @property
    def hot_spot_c(self) -> float:
        """The hot spot."""
        return self.oil_c + self.first_k - self.second_k


def steady(model: HotSpotModel, share: float, ambient_c: float, at: float) -> HotSpotMemory:
    """Where a load (over the rating) leads that is held for ever."""
    oil_k, gradient_k = _goals(model, share)
    return HotSpotMemory(ambient_c + oil_k, model.k21 * gradient_k, (model.k21 - 1.0) * gradient_k, at)


def after(
    model: HotSpotModel, memory: HotSpotMemory, share: float, ambient_c: float, at: float
) -> HotSpotMemory:
    """The state at `at` when the load was held since. Time that goes back changes nothing."""
    step_s = at - memory.at
    if not step_s > 0.0:
        return memory
    oil_k, gradient_k = _goals(model, share)
    return HotSpotMemory(
        _towards(memory.oil_c, ambient_c + oil_k, step_s / (model.k11 * model.oil_s)),
        _towards(memory.first_k, model.k21 * gradient_k, step_s / (model.k22 * model.winding_s)),
        _towards(memory.second_k, (model.k21 - 1.0) * gradient_k, step_s * model.k22 / model.oil_s),
        at,
    )


def permitted_share(model: HotSpotModel, memory: HotSpotMemory, ambient_c: float) -> float:
    """The highest load over the rating that may be held for the horizon (and for the first tenth of it: the
    winding is quicker than the oil, and may overshoot)."""

    def fits(share: float) -> bool:
        for part in (0.1, 0.4, 1.0):
            then = after(model, memory, share, ambient_c, memory.at + part * model.horizon_s)
            if then.hot_spot_c > model.hot_spot_c or then.oil_c > model.top_oil_c:
                return False
        return True

    low, high = 0.0, model.most_share
    if fits(high):
        return high
    for _ in range(_HALVINGS):
        middle = (low + high) / 2.0
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low


def load_share(phases_a: tuple[float, float, float], rated_a: float) -> float:
    """Three currents over the rating, as their root mean square: it has the same losses."""
    return math.sqrt(sum(amperes * amperes for amperes in phases_a) / 3.0) / rated_a


def _goals(model: HotSpotModel, share: float) -> tuple[float, float]:
    oil = model.oil_rise_k * ((1.0 + model.loss_ratio * share**2) / (1.0 + model.loss_ratio)) ** model.x
    return oil, model.gradient_k * share**model.y


def _towards(value: float, goal: float, steps: float) -> float:
    return goal + (value - goal) * math.exp(-steps)
