"""How steady a feeder's voltage is: its change from minute to minute, and whether it stays in the band.

Benchmark B5 looks at the *worst* bus: the standard deviation of the change of the one-minute mean voltage and
the greatest such change. EN 50160 (2010, 4.2.2) looks at ten-minute means of a week: 95 % of them within 10 %
of the nominal voltage, all of them within +10 % and -15 %; and (4.2.4) 95 % of the means of the negative over
the positive sequence up to 2 %.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

BAND: Final = 0.10
LOWEST: Final = 0.85
UNBALANCE_LIMIT: Final = 0.02
MINUTE_S: Final = 60.0
TEN_MINUTES_S: Final = 600.0


class VoltageQuality(Struct, frozen=True, kw_only=True):
    """Figures of one run. Bus and phase are indices; volts are phase to neutral."""

    change_std_v: float
    """Standard deviation of the one-minute change at the bus and phase where it is greatest."""
    change_max_v: float
    """Greatest absolute one-minute change, any bus and phase."""
    worst_bus: int
    worst_phase: int
    lowest_v: float
    highest_v: float
    outside_share: float
    """Share of ten-minute means beyond 10 % of nominal, at the bus and phase where it is greatest."""
    keeps_en_50160: bool


def means_over(voltage_v: NDArray[np.float64], step_s: float, window_s: float) -> NDArray[np.float64]:
    """Means over windows of `window_s` along the first axis; an incomplete last window is left out.

    Raises ValueError where the window isn't a whole number of steps.
    """
    per_window = round(window_s / step_s)
    if per_window < 1 or abs(per_window * step_s - window_s) > 1e-9 * window_s:
        raise ValueError(f"step {step_s!r} s: a window of {window_s:g} s must be a whole number of steps")
    windows = len(voltage_v) // per_window
    whole = voltage_v[: windows * per_window]
    means: NDArray[np.float64] = whole.reshape(windows, per_window, *voltage_v.shape[1:]).mean(axis=1)
    return means


def voltage_quality(voltage_v: NDArray[np.float64], step_s: float, nominal_v: float) -> VoltageQuality:
    """Figures of voltages [steps, buses, 3] (phase to neutral), `step_s` apart; `nominal_v` is phase to
    neutral.

    At least two minutes are needed. Where less than ten minutes are given, the band is judged by the mean of
    all.
    """
    voltage = np.asarray(voltage_v, dtype=np.float64)
    if voltage.ndim != 3 or voltage.shape[1] == 0:
        raise ValueError(f"voltages have shape {voltage.shape}: give [steps, buses, phases]")
    minutes = means_over(voltage, step_s, MINUTE_S)
    if len(minutes) < 2:
        raise ValueError(f"{len(voltage)} steps of {step_s:g} s: give at least two minutes")
    changes = np.diff(minutes, axis=0)
    spread = changes.std(axis=0)
    bus, phase = (int(k) for k in np.unravel_index(int(spread.argmax()), spread.shape))
    tens = means_over(voltage, step_s, TEN_MINUTES_S)
    if not len(tens):
        tens = voltage.mean(axis=0, keepdims=True)
    outside = (np.abs(tens / nominal_v - 1.0) > BAND).mean(axis=0)
    extremes = bool((tens >= LOWEST * nominal_v).all() and (tens <= (1.0 + BAND) * nominal_v).all())
    return VoltageQuality(
        change_std_v=float(spread[bus, phase]),
        change_max_v=float(np.abs(changes).max()),
        worst_bus=bus,
        worst_phase=phase,
        lowest_v=float(minutes.min()),
        highest_v=float(minutes.max()),
        outside_share=float(outside.max()),
        keeps_en_50160=extremes and float(outside.max()) <= 0.05,
    )


def unbalance_p95(unbalance: NDArray[np.float64], step_s: float) -> float:
    """What 95 % of the ten-minute means of an unbalance [steps, buses] don't exceed, at the worst bus.

    Compare with `UNBALANCE_LIMIT`. Where less than ten minutes are given, the mean of all counts.
    """
    tens = means_over(np.asarray(unbalance, dtype=np.float64), step_s, TEN_MINUTES_S)
    if not len(tens):
        tens = np.asarray(unbalance, dtype=np.float64).mean(axis=0, keepdims=True)
    return float(np.quantile(tens, 0.95, axis=0).max())
