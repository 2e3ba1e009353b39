"""How often somebody may try: a token bucket a name, few enough names to stay small."""

from __future__ import annotations

from collections import OrderedDict


class RateLimit:
    """`per_minute` tries on average, `burst` at once, for each of the `names` most recent names.

    A name that falls out starts with a full bucket again; with 10,000 names an attacker needs as many
    addresses.
    """

    def __init__(self, per_minute: float, burst: int, names: int = 10_000) -> None:
        if per_minute <= 0 or burst < 1:
            raise ValueError(f"rate {per_minute:g} a minute, burst {burst}: both must be positive")
        self._per_s = per_minute / 60
        self._burst = burst
        self._names = names
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, name: str, now: float) -> float:
        """Try once at `now` (seconds of any monotonic clock): 0 when allowed, else the seconds to wait."""
        left, at = self._buckets.pop(name, (float(self._burst), now))
        left = min(float(self._burst), left + max(0.0, now - at) * self._per_s)
        wait_s = 0.0
        if left >= 1:
            left -= 1
        else:
            wait_s = (1 - left) / self._per_s
        self._buckets[name] = (left, now)
        if len(self._buckets) > self._names:
            self._buckets.popitem(last=False)
        return wait_s
