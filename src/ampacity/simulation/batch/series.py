"""Series that may have one value for the whole run."""

from __future__ import annotations

import numpy as np

from .world import F, Series


def per_step(values: F, steps: int) -> F:
    """A value for every step: where there are fewer, the last one holds on."""
    spread: F = values[np.minimum(np.arange(steps), len(values) - 1)]
    return spread


def full_series(series: Series, steps: int) -> Series:
    """All series with a value for every step."""
    return Series(**{name: per_step(values, steps) for name, values in series._asdict().items()})
