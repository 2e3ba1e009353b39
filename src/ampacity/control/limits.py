"""Whose limit holds on a circuit: the lowest of all that are valid.

The rating, the sources that are part of the site and the live ones count alike. A source whose time has
passed falls to its declared fallback, or is gone. A limit that is not a number, or below zero, is nobody's
permission: it counts as 0.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from ampacity.model.live import ReasonCode
from ampacity.model.site import Circuit, LimitSource

from .signals import FAILSAFE
from .sources import part_at


def effective_limit(circuit: Circuit, live: Iterable[LimitSource], epoch_s: float) -> tuple[float, str]:
    """Amperes per phase that the circuit may carry now, and whose limit that is (`rating` for its own)."""
    lowest, whose = permitted(circuit.rating_a), "rating"
    for sources in (circuit.limits, live):
        for source in sources:
            part = part_at(source, epoch_s)
            if part is None:
                continue
            value = permitted(part.limit_a)
            if value < lowest:
                lowest, whose = value, part.source
    return lowest, whose


def effective_power(
    circuit: Circuit, live: Iterable[LimitSource], epoch_s: float
) -> tuple[float, str] | None:
    """Watts that all phases of the circuit together may carry now, and whose limit that is; None where nobody
    limits the power."""
    found: tuple[float, str] | None = None
    if circuit.rating_w is not None:
        found = permitted(circuit.rating_w), "rating"
    for sources in (circuit.limits, live):
        for source in sources:
            part = part_at(source, epoch_s)
            if part is None or part.limit_w is None:
                continue
            value = permitted(part.limit_w)
            if found is None or value < found[0]:
                found = value, part.source
    return found


def expired(until: float | None, at: float) -> bool:
    """Whether something that counts until then is over. A time that is not a number never comes."""
    return until is not None and at >= until


def plan_until(made_at: float, slot_s: float) -> float:
    """Until when the ceilings of a plan count: one older than two slots is ignored, and the fair share takes
    over."""
    return made_at + 2.0 * slot_s


def code_of(source: str, code: ReasonCode) -> ReasonCode:
    """The reason's code for a limit that the law itself has put on a circuit; `code` for all others."""
    if source.endswith(FAILSAFE):
        return "signal"
    return next((own for start, own in _OWN if source.startswith(start)), code)


_OWN: tuple[tuple[str, ReasonCode], ...] = (
    ("temperature of ", "thermal"),
    ("hot spot", "thermal"),
    ("demand window", "demand"),
)


def permitted(limit_a: float) -> float:
    """A limit as the law may use it: anything that is not a number from 0 up permits nothing."""
    return limit_a if limit_a > 0 and not math.isnan(limit_a) else 0.0


def margin_a(limit_a: float, interval_s: float | None) -> float:
    """What is kept free under the limit for what the meter tells too late.

    `interval_s` is the meter's; without a meter the static reserve is the worst case already, and the margin
    is 0.
    """
    if interval_s is None:
        return 0.0
    if interval_s <= 2.0:
        return max(2.0, 0.02 * limit_a)
    if interval_s <= 5.0:
        return max(3.0, 0.03 * limit_a)
    return max(5.0, 0.05 * limit_a)
