"""Units in which devices tell their values, as factors to ours (A, W, V, Wh, s, %)."""

from __future__ import annotations

from typing import Final

FACTORS: Final[dict[str, float]] = {
    "": 1.0,
    "A": 1.0,
    "mA": 1e-3,
    "W": 1.0,
    "kW": 1e3,
    "MW": 1e6,
    "V": 1.0,
    "mV": 1e-3,
    "kV": 1e3,
    "Wh": 1.0,
    "kWh": 1e3,
    "MWh": 1e6,
    "s": 1.0,
    "ms": 1e-3,
    "%": 1.0,
}


def factor(unit: str) -> float:
    """What a value in `unit` is multiplied with. Raises ValueError for a unit that is not known."""
    try:
        return FACTORS[unit]
    except KeyError:
        known = ", ".join(name for name in FACTORS if name)
        raise ValueError(f"unit {unit!r} is not known: {known} are") from None
