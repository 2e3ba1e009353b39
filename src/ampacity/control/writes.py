"""How often a charging profile may be written: every write wears the flash of a station that keeps it there.

OCPP 1.6 (errata 3.37) and 2.0.1 (K01.FR.27) have stations keep every profile across a power cycle, so each
limit is a write. Cuts are never withheld; raises become rarer and larger as the budget of the last hour is
used up, and stop when it is gone. Renewals of a lease are counted apart: they can't be saved, the lease is
what makes silence safe. A car that starts from nothing is not kept waiting either.
"""

from __future__ import annotations

from collections import deque
from math import inf

HOUR_S = 3600.0

PLENTY = 0.5
"""Up to this share of its budget an EVSE is raised as if it had none."""

WIDEST_A = 4.0
"""The least raise when the last write of a budget is near."""

LONGEST_S = 300.0
"""The longest pause between two raises while there is any budget left."""


class Writes:
    """Profiles written to one EVSE, of the last hour. Times are monotonic site seconds."""

    def __init__(self) -> None:
        self._limits: deque[float] = deque()
        self._renewals: deque[float] = deque()

    def count(self, at: float, *, renewal: bool = False) -> None:
        """A profile goes out now."""
        (self._renewals if renewal else self._limits).append(at)

    def limits(self, at: float) -> int:
        """Profiles of the last hour, renewals apart."""
        return _of_last_hour(self._limits, at)

    def renewals(self, at: float) -> int:
        """Renewals of the last hour."""
        return _of_last_hour(self._renewals, at)


def thrift(used: int, budget: int | None) -> tuple[float, float]:
    """The least raise in amperes, and the least pause between raises in seconds, where `used` of `budget`
    writes are gone (0 and 0: the law's own). An infinite raise is none at all.
    """
    if budget is None or (used < budget and used <= PLENTY * budget):
        return 0.0, 0.0
    if used >= budget:
        return inf, LONGEST_S
    spent = (used - PLENTY * budget) / (budget - PLENTY * budget)
    return round(WIDEST_A * spent, 1), LONGEST_S * spent


def _of_last_hour(times: deque[float], at: float) -> int:
    while times and times[0] <= at - HOUR_S:
        times.popleft()
    return len(times)
