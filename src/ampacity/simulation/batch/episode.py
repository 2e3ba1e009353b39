"""A whole run in one compiled loop, and the names by which people ask for it."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence

import numpy as np

from ..compiled import compiled, inlined
from .arriving import arrive
from .deciding import CODES, Tuning, decide, fixed_shares
from .outcome import Run, Scene
from .packed import Live, Log, Site, pack, pack_state, pack_trace
from .physics import settle
from .state import blank, fresh
from .world import F

DEFAULT = Tuning()


class UnknownStrategyError(ValueError):
    """There is no compiled strategy of that name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"there is no built-in strategy {name!r}: choose one of {', '.join(CODES)}")
        self.name = name


@inlined
def storage_order_w(site: Site, live: Live, tuning: Tuning, t: int, orders_a: F) -> float:
    """What the stationary battery is told: keep the sun's surplus; above the target give, below it take.

    The site's power is foreseen as what the cars were ordered, at most.
    """
    if site.storage[0].capacity_wh <= 0.0:
        return 0.0
    evses = site.evses
    site_w = site.moments[t].base_w - site.moments[t].pv_w
    for i in range(len(orders_a)):
        site_w += evses[i].standby_w
        if orders_a[i] != 0.0:
            drawn_a = min(orders_a[i], live.evses[i].accepts_a)
            site_w += drawn_a * evses[i].volt_v * live.evses[i].slots_used
    if site_w < 0.0:
        return -site_w
    if not math.isfinite(tuning.storage_target_w):
        return -site_w if live.store[0] > site.storage[0].soc_min else 0.0
    return tuning.storage_target_w - site_w


@compiled
def play(site: Site, live: Live, log: Log, code: int, tuning: Tuning, shares_a: F) -> None:
    """All steps of a world under compiled strategy `code`."""
    orders_a = np.zeros(len(live.evses))
    for t in range(len(log.steps)):
        arrive(site, live, t)
        decide(code, site, live, tuning, shares_a, t, orders_a)
        storage_w = storage_order_w(site, live, tuning, t, orders_a)
        settle(site, live, log, t, orders_a, storage_w)


def run(scene: Scene, strategy: str, tuning: Tuning = DEFAULT, *, each_evse: bool = False) -> Run:
    """Run `scene` under a built-in strategy. Raises UnknownStrategyError."""
    if strategy not in CODES:
        raise UnknownStrategyError(strategy)
    site = pack(scene.world)
    live, state = pack_state(fresh(scene.world))
    log, trace = pack_trace(blank(scene.world, each_evse=each_evse))
    began = time.perf_counter()
    shares_a = fixed_shares(site, live, tuning) if strategy == "static" else np.zeros(len(live.evses))
    play(site, live, log, CODES[strategy], tuning, shares_a)
    return Run(scene=scene, strategy=strategy, state=state, trace=trace, wall_s=time.perf_counter() - began)


def strategies() -> Sequence[str]:
    """Names of the compiled strategies."""
    return tuple(CODES)
