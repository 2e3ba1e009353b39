"""Token buckets, kept as the moment up to which the tokens taken are paid for (GCRA, ITU-T I.371).

A bucket of `burst` tokens that earns `per_s` of them is empty exactly when that moment lies `burst / per_s`
seconds ahead of now. So one number is the whole state, nothing has to be refilled, and a bucket that was not
used for long is as good as none.
"""

from __future__ import annotations

_ADDRESSES = 20_000


class Bucket:
    """One bucket. Times are seconds of any clock that never goes back."""

    def __init__(self, per_s: float, burst: float) -> None:
        self._token_s = 1.0 / per_s
        self._burst_s = burst / per_s
        self._paid_until = 0.0

    def late(self, now: float) -> float:
        """Seconds until there is a token; 0: there is one."""
        return max(max(self._paid_until, now) + self._token_s - now - self._burst_s, 0.0)

    def take(self, now: float) -> float:
        """Take a token and return 0, or return the seconds until there is one."""
        late_s = self.late(now)
        if late_s == 0.0:
            self._paid_until = max(self._paid_until, now) + self._token_s
        return late_s


class Addresses:
    """A bucket for each address; the one that wasn't used for longest is forgotten first.

    Who is refused pays nothing, else a crowd behind one address (a mobile operator's) that does not wait as
    told would keep itself out for ever. What was in vain and dear is charged, whatever is there; an address
    that owes another burst is shunned.
    """

    def __init__(self, per_s: float, burst: float) -> None:
        self._token_s = 1.0 / per_s
        self._burst_s = burst / per_s
        self._paid_until: dict[str, float] = {}

    def take(self, address: str, now: float) -> float:
        """Take a token and return 0, or return the seconds until there is one."""
        late_s = max(self._paid_until.get(address, 0.0), now) + self._token_s - now - self._burst_s
        if late_s > 0.0:
            return late_s
        self.charge(address, now, 1.0)
        return 0.0

    def charge(self, address: str, now: float, tokens: float) -> None:
        """Take tokens that may not be there."""
        paid_until = max(self._paid_until.pop(address, 0.0), now) + tokens * self._token_s
        while len(self._paid_until) >= _ADDRESSES:
            del self._paid_until[next(iter(self._paid_until))]
        self._paid_until[address] = min(paid_until, now + 2.5 * self._burst_s)

    def shuns(self, address: str, now: float) -> bool:
        """Whether it owes another burst."""
        return self._paid_until.get(address, 0.0) - now > 2.0 * self._burst_s
