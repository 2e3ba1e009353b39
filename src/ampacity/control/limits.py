"""Whose limit holds on a circuit: the lowest of all that are valid.

The rating, the sources that are part of the site and the live ones count alike. A source whose time has
passed falls to its declared fallback, or is gone. A limit that is not a number, or below zero, is nobody's
permission: it counts as 0.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from ampacity.model.site import Circuit, LimitSource


def effective_limit(circuit: Circuit, live: Iterable[LimitSource], epoch_s: float) -> tuple[float, str]:
    """Amperes per phase that the circuit may carry now, and whose limit that is (`rating` for its own)."""
    lowest, whose = permitted(circuit.rating_a), "rating"
    for sources in (circuit.limits, live):
        for source in sources:
            if source.valid_until is None or epoch_s < source.valid_until:
                value, name = source.limit_a, source.source
            elif source.fallback_a is not None:
                value, name = source.fallback_a, f"{source.source} (fallback)"
            else:
                continue
            value = permitted(value)
            if value < lowest:
                lowest, whose = value, name
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
            if source.valid_until is None or epoch_s < source.valid_until:
                told, name = source.limit_w, source.source
            else:
                told, name = source.fallback_w, f"{source.source} (fallback)"
            if told is None:
                continue
            value = permitted(told)
            if found is None or value < found[0]:
                found = value, name
    return found


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
