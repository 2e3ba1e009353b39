"""B1 and B2: what a month costs (energy and demand charge) against charging at full rate from the plug on.

Strategies: `uncontrolled` (the baseline), `least-laxity` under a cap on the site's power, and the offline
optimum beside. The cap of a month is the one that was cheapest in the month before: no month is tuned on
itself. The first month of a file is for tuning only. Costs hold energy and demand; unmet energy is told and
priced apart (1 a kWh), and the tuning minimises all three.
"""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Final

import numpy as np
from msgspec import Struct

from ...simulation.batch.deciding import Tuning
from ...simulation.batch.episode import run
from ...simulation.batch.outcome import Run
from ...simulation.batch.world import F
from ...simulation.metrics.measure import measure
from ...simulation.strategies.optimum import optimum
from .garage import STEP_S, Sessions, month_scene, months, week_of
from .weeks import Weeks, between

BASE: Final = "uncontrolled"
BEST: Final = "optimum"
OURS: Final = "least-laxity"
KNOWN: Final = "least-laxity, true departures"

FREE_W: Final = 1e6
"""No limit of the connection binds."""

CAPS: Final = tuple(np.round(np.arange(0.8, 1.81, 0.05), 2).tolist())
"""Caps that are tried in tuning, as multiples of the optimum's peak."""


class Bill(Struct, frozen=True, kw_only=True):
    """One strategy's month by week: energy cost, highest quarter of an hour (kW), energy asked for that could
    have been had and was not (kWh), energy delivered (kWh)."""

    energy: F
    peak_kw: F
    unmet_kwh: F
    delivered_kwh: F
    demand_price: float

    def cost(self, weeks: Weeks) -> float:
        """Energy and demand of these weeks taken as a month."""
        return float(self.energy[weeks].sum() + self.demand(weeks))

    def demand(self, weeks: Weeks) -> float:
        """The demand charge of these weeks taken as a month."""
        return float(self.peak_kw[weeks].max() * self.demand_price)


def bill(done: Run, possible_wh: F) -> Bill:
    """Divide a run's account by weeks."""
    scene = done.scene
    of_step, of_visit, count = week_of(scene)
    cost = done.trace.site_w / 1000.0 * (STEP_S / 3600.0) * scene.world.series.buy
    peaks = np.zeros(count)
    np.maximum.at(peaks, of_step, done.trace.site_w / 1000.0)
    short_wh = np.maximum(possible_wh - done.state.energy_wh, 0.0)
    return Bill(
        energy=np.bincount(of_step, cost, count).astype(np.float64),
        peak_kw=peaks,
        unmet_kwh=np.bincount(of_visit, short_wh, count) / 1000.0,
        delivered_kwh=np.bincount(of_visit, done.state.energy_wh, count) / 1000.0,
        demand_price=scene.demand_price,
    )


class Month(Struct, frozen=True, kw_only=True):
    """The bills of one month by strategy, and the cap (W) that was tuned on it for the next."""

    name: str
    bills: dict[str, Bill]
    best_cap_w: float


def month(sessions: Sessions, begins: datetime, cap_w: float | None) -> Month:
    """Run a month; `cap_w` is last month's best (None: this one is for tuning only)."""
    known = month_scene(sessions, begins, FREE_W, declared=False)
    told = month_scene(sessions, begins, FREE_W, declared=True)
    plain = run(known, "uncontrolled")
    possible_wh = plain.state.energy_wh
    best = optimum(known)
    bills = {BASE: bill(plain, possible_wh), BEST: bill(best.run, possible_wh)}
    if cap_w is not None:
        bills[KNOWN] = bill(run(known, "least-laxity", Tuning(cap_w=cap_w)), possible_wh)
        bills[OURS] = bill(run(told, "least-laxity", Tuning(cap_w=cap_w)), possible_wh)
    peak_w = float(best.run.trace.site_w.max())
    costs = []
    for share in CAPS:
        tried = measure(run(told, "least-laxity", Tuning(cap_w=share * peak_w)))
        costs.append(tried.operating_cost + tried.unmet_cost)
    best_cap_w = float(CAPS[int(np.argmin(costs))]) * peak_w
    return Month(name=known.name, bills=bills, best_cap_w=best_cap_w)


def costs(
    sessions: Sessions, seed: int, most_months: int | None = None
) -> tuple[dict[str, float], list[str]]:
    """Figures of B1 and B2 over all months but the first."""
    cap_w: float | None = None
    told: list[Month] = []
    for begins in months(sessions)[:most_months]:
        this = month(sessions, begins, cap_w)
        if cap_w is not None:
            told.append(this)
        cap_w = this.best_cap_w
    groups = [len(each.bills[BASE].energy) for each in told]

    def money(name: str, weeks: list[Weeks], *, demand_only: bool = False) -> float:
        bills = [(month.bills[name], mine) for month, mine in zip(told, weeks, strict=True)]
        return sum(b.demand(mine) if demand_only else b.cost(mine) for b, mine in bills)

    def kwh(name: str, weeks: list[Weeks], *, unmet: bool) -> float:
        bills = [(month.bills[name], mine) for month, mine in zip(told, weeks, strict=True)]
        return sum(float((b.unmet_kwh if unmet else b.delivered_kwh)[mine].sum()) for b, mine in bills)

    def saving(name: str, weeks: list[Weeks]) -> float:
        return 100.0 * (1.0 - money(name, weeks) / money(BASE, weeks))

    def demand_saving(name: str, weeks: list[Weeks]) -> float:
        return 100.0 * (1.0 - money(name, weeks, demand_only=True) / money(BASE, weeks, demand_only=True))

    def unmet(name: str, weeks: list[Weeks]) -> float:
        return 100.0 * kwh(name, weeks, unmet=True) / kwh(BASE, weeks, unmet=False)

    def gap_closed(name: str, weeks: list[Weeks]) -> float:
        base = money(BASE, weeks)
        return 100.0 * (base - money(name, weeks)) / (base - money(BEST, weeks))

    figures: dict[str, float] = {"months": float(len(told))}
    asked = {"cost_saving": saving, "demand_saving": demand_saving, "unmet": unmet, "gap_closed": gap_closed}
    for prefix, name in (("", OURS), ("known_", KNOWN), ("optimum_", BEST)):
        for what, figure in asked.items():
            found = between(groups, partial(figure, name), seed)
            key = f"{prefix}{what}_pct"
            figures[key], figures[f"{key}_low"], figures[f"{key}_high"] = found.value, found.low, found.high
    figures["uncontrolled_cost"] = money(BASE, [np.arange(count) for count in groups])
    return figures, [each.name for each in told]
