"""A live limit as a lease: what is written into the charger so that silence makes it step down by itself.

The profile is absolute and starts 60 s before the *station's* own now, so that a clock that is read a little
wrong does not put its start into the future:

    {0: X}, {60 + lease: min(X, safe)}, {60 + 2 lease: safe}

The middle period keeps a station that was held *below* its safe current from stepping up when the controller
dies, until the others have stepped down as well. A station never steps up past what the others were promised,
because the budget reserves the safe current of everybody who is silent from the first moment on.

The measured skew widens every bound here. Where it is above half a lease, the lease earns no credit: X counts
for ever.

A station of OCPP 2.1 may leave a profile aside by itself once it has been offline for a while
(maxOfflineDuration). That counts from when the station notices, so it never replaces the lease; where a
firmware has shown that it does, the limit has ended so long after the line was lost, or with the lease.
"""

from __future__ import annotations

import math

from msgspec import Struct

from .settings import ControlSettings

BACKDATE_S = 60
"""Whole seconds by which a profile's start lies in the station's past."""


MOST_LEASE_S = 900.0
"""Longer than this no station keeps a limit that nobody renews."""


class Period(Struct, frozen=True, gc=False):
    """From `start_s` seconds after the schedule's start, `limit_a`."""

    start_s: int
    limit_a: float


class Lease(Struct, frozen=True, kw_only=True, gc=False):
    """A limit that a station took. `sent_at` is monotonic site time, of the *sending*; `skew_s` is how far
    the station's clock may be from where we think it is, either way. `credit` False: a probe has shown that
    its firmware does not step down by itself. `ends_offline`: the station was told to leave it aside when it
    is offline. `offline_s`: so long after the line is lost it has done so at the latest, where its firmware
    has shown that; None: only the lease ends it."""

    limit_a: float
    safe_a: float
    lease_s: float
    sent_at: float
    skew_s: float = 0.0
    credit: bool = True
    ends_offline: bool = False
    offline_s: float | None = None


def least_lease_s(settings: ControlSettings) -> float:
    """The shortest lease that the law can work with, 30 s by default.

    A lease is renewed at two thirds. The last third must hold a renewal's way (`latency_s`) and a car's lag
    (`landing_s`): after that an EVSE that is held below its safe current counts with it (`reserve`), and
    would do so in each lease. A limit must also be known to have been in force before it ends, or the car
    that lags behind its end is taken for one that never had it: an answer comes within a third as well.
    """
    return 3.0 * settings.reaction_s


def periods(limit_a: float, safe_a: float, lease_s: float) -> tuple[Period, ...]:
    """The schedule of a lease, with one decimal as OCPP allows, rounded down; equal neighbours are one
    period."""
    whole = math.floor(lease_s)
    if whole <= 0 or not math.isfinite(limit_a) or limit_a < 0 or not math.isfinite(safe_a) or safe_a < 0:
        raise ValueError(
            f"a lease of {lease_s:g} s at {limit_a:g} A, safe {safe_a:g} A: "
            "use 1 s or more, and currents from 0 up"
        )
    limit, safe = one_decimal(limit_a), one_decimal(safe_a)
    steps = (
        Period(0, limit),
        Period(BACKDATE_S + whole, min(limit, safe)),
        Period(BACKDATE_S + 2 * whole, safe),
    )
    return tuple(step for k, step in enumerate(steps) if k == 0 or step.limit_a != steps[k - 1].limit_a)


def start_s(station_clock_s: float) -> float:
    """The schedule's start as an epoch second of the station's clock."""
    return math.floor(station_clock_s) - BACKDATE_S


def one_decimal(current_a: float) -> float:
    """`current_a` rounded down to a tenth; 8.1 stays 8.1."""
    return math.floor(round(current_a * 10, 6)) / 10


def has_credit(lease: Lease) -> bool:
    """Whether the law may count on the lease to end."""
    return lease.credit and abs(lease.skew_s) <= lease.lease_s / 2


def expires_at(lease: Lease) -> float | None:
    """When the limit has ended at the station at the latest (for `EvseState.lease_until`); None: no
    credit."""
    return lease.sent_at + lease.lease_s + abs(lease.skew_s) if has_credit(lease) else None


def ends_at(lease: Lease, lost_at: float | None) -> float | None:
    """The same, where the line was lost at `lost_at` (None: it was not)."""
    until = expires_at(lease)
    if until is None or lost_at is None or lease.offline_s is None:
        return until
    return min(until, lost_at + lease.offline_s)


def valid_limit(lease: Lease, at: float) -> float:
    """The most that the station may still allow at `at`, when it has heard nothing since."""
    skew = abs(lease.skew_s)
    after = at - lease.sent_at
    if not has_credit(lease):
        return max(lease.limit_a, lease.safe_a)
    if after < lease.lease_s + skew:
        return lease.limit_a
    if after < 2 * lease.lease_s - skew:
        return min(lease.limit_a, lease.safe_a)
    return lease.safe_a


def renew_at(lease: Lease) -> float:
    """When to write the same limit again: at two thirds, earlier by the skew, so that one lost call costs
    nothing. Without credit nothing ends that could be kept: at two thirds as well, and not at once again."""
    skew = abs(lease.skew_s) if has_credit(lease) else 0.0
    return lease.sent_at + (lease.lease_s - skew) * 2 / 3
