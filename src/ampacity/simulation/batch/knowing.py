"""What a controller knows of a site at one moment: rows, who wants something, how much, until when."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..compiled import inlined
from .packed import Live, Record, Site
from .world import F, I


class Tuning(NamedTuple):
    """What a strategy may be given.

    `margin_a` and `margin_share` of the limit stay free on every row. `cap_w`: the site's target for all
    EVSEs together (infinite: none), which the sorted strategies keep (tuned least-laxity is measured so).
    `increment_a`: of round robin. `by_need`: nobody gets more in a step than what it declared still takes.
    `storage_target_w`: the stationary battery discharges above it and charges below (infinite: it only keeps
    the sun's surplus).
    """

    margin_a: float = 0.0
    margin_share: float = 0.0
    cap_w: float = np.inf
    increment_a: float = 1.0
    by_need: bool = True
    storage_target_w: float = np.inf


@inlined
def capacities(site: Site, tuning: Tuning, t: int, cap_a: F) -> None:
    """What each row may carry at step `t`, margin off."""
    limits = site.limit_a[min(t, len(site.limit_a) - 1)]
    for r in range(len(limits)):
        # So that a row without a limit stays one.
        cap_a[r] = min(limits[r] - tuning.margin_a, limits[r] * (1.0 - tuning.margin_share))


@inlined
def begin_base(site: Site, live: Live, t: int, used_re: F, used_im: F) -> None:
    """The base of step `t`: what the rows carry before anybody is promised anything."""
    evses = site.evses
    used_re[:] = site.base_re[min(t, len(site.base_re) - 1)]
    used_im[:] = site.base_im[min(t, len(site.base_im) - 1)]
    for i in range(len(evses)):
        if evses[i].standby_w > 0.0:
            slots = live.evses[i].slots_used if live.evses[i].slots_used > 0 else evses[i].slots
            amperes = evses[i].standby_w / (evses[i].volt_v * slots)
            for slot in range(slots):
                for e in range(site.starts[3 * i + slot], site.starts[3 * i + slot + 1]):
                    used_re[site.entries[e].row] += amperes * site.entries[e].re
                    used_im[site.entries[e].row] += amperes * site.entries[e].im


@inlined
def wants(live: Live, i: int, now_s: float) -> bool:
    """Whether the car at EVSE `i` wants something and can have it."""
    here = live.evses[i]
    if here.visit < 0 or here.slots_used == 0 or here.broken_until_s > now_s:
        return False
    return not live.visits[here.visit].full


@inlined
def wanting(site: Site, live: Live, t: int, who: I) -> int:
    """Number of EVSEs whose car wants something; they stand first in `who`."""
    count = 0
    now_s = t * site.facts[0].step_s
    for i in range(len(live.evses)):
        if wants(live, i, now_s):
            who[count] = i
            count += 1
    return count


@inlined
def most_a(
    evse: Record, here: Record, car: Record, stay: Record, derate: float, by_need: bool, step_s: float
) -> float:
    """The most that an EVSE has a use for, as far as is known; amperes a slot."""
    rating = derate if evse.derates else 1.0
    per_a = evse.volt_v * here.slots_used * evse.efficiency
    most = min(evse.max_a * rating, here.accepts_a, evse.rating_w * rating / per_a)
    if by_need and car.declared_wh == car.declared_wh:
        left_wh = car.declared_wh - stay.energy_wh + stay.given_wh
        # A car that took more than it declared is asked no more: it gets what there is.
        if left_wh > 0.0:
            most = min(most, max(left_wh * 3600.0 / (per_a * step_s), evse.min_a))
    return most


@inlined
def slack_s(evse: Record, here: Record, car: Record, stay: Record, now_s: float) -> float:
    """Time to the declared departure less what the missing energy takes at full power; infinite when not
    known."""
    leaves_s = car.declared_depart_s
    if leaves_s != leaves_s:
        return np.inf
    full_w = min(evse.max_a, here.accepts_a) * evse.volt_v * here.slots_used * evse.efficiency
    full_w = min(full_w, evse.rating_w)
    left_wh = 0.0
    if car.declared_wh == car.declared_wh:
        left_wh = max(car.declared_wh - stay.energy_wh + stay.given_wh, 0.0)
    takes_s = left_wh * 3600.0 / full_w if full_w > 0.0 else 0.0
    return leaves_s - now_s - takes_s


@inlined
def floored(amperes: float, step: float) -> float:
    """Down to the EVSE's step."""
    if step <= 0.0:
        return amperes
    return np.floor(amperes / step + 1e-6) * step
