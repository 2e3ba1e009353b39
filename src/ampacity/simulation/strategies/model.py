"""The offline optimum as a linear program: every car's power in every step, with everything known.

It minimises the cost of energy (import at `buy`, export at `sell`), the demand charge of each month, the
energy that cars could have had and did not get, at its price, and wear, where that has a price.
Constraints: what each car and its EVSE take, what it asked for, its battery (a falling curve as its concave
hull), the stationary battery. The conductors come as cuts (`planning`). All powers in kW, energies in kWh.

Left out, so that the optimum is a bound from below: steps of setpoints, the modules of cabinets, and the lag
of chargers, which only the plan knows of (`planning`).
"""

from __future__ import annotations

from itertools import pairwise
from typing import TypeAlias

import numpy as np
from msgspec import Struct

from ampacity.simulation.batch.outcome import Scene
from ampacity.simulation.batch.series import full_series
from ampacity.simulation.batch.world import B, F, I
from ampacity.simulation.metrics.possible import taper_share
from ampacity.simulation.metrics.windows import windows

from .berths import Berths
from .program import Program

EPSILON_KW = 1e-6
"""Powers below this are none."""

NEAR = 0.9
"""From this share of what the battery takes on, it is the battery that holds a power down."""

MOST_LINES = 5
"""Lines of a curve's hull that are kept; more make the program slower and the bound hardly better."""

EARLY_PRICE = 1e-5
"""What a kWh costs more at the end of the run than at its start: among equal plans the earlier one."""

Lines: TypeAlias = list[tuple[float, float]]
Bent: TypeAlias = tuple[I, I, B, B, list[Lines]]


class Terms(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is asked of the solver. `wear_per_kwh`: price of a kWh through a battery, cars and storage.
    `exact`: with least currents as they are (mixed-integer: for small runs). `time_limit_s` per solution."""

    wear_per_kwh: float = 0.0
    exact: bool = False
    time_limit_s: float = 600.0
    threads: int = 1


class Model:
    """The columns and rows of one scene. Per step of a berth: `charge`, and for those in `giving` `back`; per
    step of the run `into` and `out` of the stationary battery (empty where there is none), `imports` and
    `exports`; `full_kw` and `least_kw` are the bounds of charging. `curved`: berths whose curve may bind."""

    def __init__(self, scene: Scene, places: Berths, terms: Terms) -> None:
        self.scene, self.places, self.terms = scene, places, terms
        self.world = scene.world
        self.series = full_series(self.world.series, self.world.steps)
        self.hours = self.world.step_s / 3600.0
        self.program = Program(time_limit_s=terms.time_limit_s, threads=terms.threads)
        self._cars()
        self._batteries()
        self._storage()
        self._site()
        self._pools()

    def _cars(self) -> None:
        """Charging, giving back, and what is missing at the end."""
        places, visits, program = self.places, self.world.visits, self.program
        evses = self.world.evses
        wear = self.terms.wear_per_kwh * self.hours
        self.full_kw = places.full_w / 1e3
        least_w = (places.least_a * places.per_a)[places.of] * places.share
        self.least_kw = np.minimum(least_w / 1e3, self.full_kw)
        low = self.least_kw if self.terms.exact else 0.0
        # Among equals the earlier: fewer starts and stops.
        self.early = EARLY_PRICE * self.hours * places.step / self.world.steps
        self.charge = program.columns(len(places.of), low, self.full_kw, wear + self.early)
        if self.terms.exact:
            program.semicontinuous(self.charge[self.least_kw > EPSILON_KW])
        gives_w = np.minimum(visits.discharge_w[places.visit], evses.max_a[places.evse] * places.per_a)
        self.giving = np.flatnonzero((gives_w[places.of] > 0) & (places.full_w > 0))
        gives_kw = (gives_w[places.of] * places.share)[self.giving] / 1e3
        self.back = program.columns(len(self.giving), 0.0, gives_kw, wear)
        self.missing = program.columns(len(places.visit), 0.0, np.inf, self.scene.unmet_price)
        count = len(places.visit)
        row = np.concatenate([places.of, places.of[self.giving]])
        column = np.concatenate([self.charge, self.back])
        value = np.concatenate([np.full(len(self.charge), self.hours), np.full(len(self.back), -self.hours)])
        everyone = np.arange(count)
        program.rows(
            places.possible_wh / 1e3,
            np.inf,
            np.concatenate([row, everyone]),
            np.concatenate([column, self.missing]),
            np.concatenate([value, np.ones(count)]),
        )
        program.rows(np.full(count, -np.inf), places.room_wh / 1e3, row, column, value)

    def _batteries(self) -> None:
        """The charge of the batteries that give back, or whose curve may bind."""
        places, visits = self.places, self.world.visits
        v = places.visit
        gives = visits.discharge_w[v] > 0
        self._bent: Bent | None = None
        curved, hulls = self._curves()
        self.curved = curved
        kept = (gives | curved)[places.of]
        entries = np.flatnonzero(kept)
        if not len(entries):
            return
        of = places.of[entries]
        capacity = visits.capacity_wh[v] / 1e3
        starts = places.soc * capacity
        floor = np.where(gives, np.minimum(visits.soc_floor[v], places.soc), 0.0) * capacity
        charge = self.program.columns(len(entries), floor[of], capacity[of], 0.0)
        first = np.concatenate([[True], of[1:] != of[:-1]])
        self._integrate(entries, charge, first, starts[of], visits.efficiency[v][of])
        self._net_of_those_that_give(entries[(gives & np.isfinite(visits.energy_wh[v]))[of]])
        if curved.any():
            self._bent = (entries, charge, first, curved, hulls)
            self._bend(*self._bent, at_end=0.0)

    def _net_of_those_that_give(self, entries: I) -> None:
        """A car that gives back takes again until it has what it asked for, and no more at any moment."""
        of = self.places.of[entries]
        asked_kwh = self.world.visits.energy_wh[self.places.visit[of]] / 1e3
        first = np.concatenate([np.ones(1, np.bool_), of[1:] != of[:-1]])[: len(of)]
        net = self.program.columns(len(entries), -np.inf, asked_kwh, 0.0)
        self._integrate(entries, net, first, np.zeros(len(entries)), np.ones(len(entries)))

    def _integrate(self, entries: I, level: I, first: B, start: F, efficiency: F) -> None:
        """A level that what goes in raises, and what goes out lowers by more."""
        count = len(entries)
        place = np.arange(count)
        back_at = np.full(len(self.charge), -1)
        back_at[self.giving] = self.back
        back = back_at[entries]
        gives, later = back >= 0, ~first
        self.program.rows(
            np.where(first, start, 0.0),
            np.where(first, start, 0.0),
            np.concatenate([place, place[later], place, place[gives]]),
            np.concatenate([level, level[place[later] - 1], self.charge[entries], back[gives]]),
            np.concatenate(
                [
                    np.ones(count),
                    -np.ones(int(later.sum())),
                    -self.hours * efficiency,
                    (self.hours / efficiency)[gives],
                ]
            ),
        )

    def _curves(self) -> tuple[B, list[Lines]]:
        """Whose curve may bind, and the lines (offset, slope) of the concave hull of each curve.

        Only of the part that the car can come into, and of no more power than it can have there: curves
        have a hollow below the last tenth, which a hull of all of it would lie far above.
        """
        places, visits = self.places, self.world.visits
        v = places.visit
        grid = np.linspace(0.0, 1.0, 101)
        share = taper_share(self.world, v, grid)
        full = np.zeros(len(v))
        whole = places.full_w[places.share > 0] / places.share[places.share > 0]
        np.maximum.at(full, places.of[places.share > 0], whole)
        full /= np.maximum(visits.accept_w[v] / visits.efficiency[v], 1e-9)
        self.reach = np.clip(
            places.soc + places.room_wh * visits.efficiency[v] / visits.capacity_wh[v], 0.0, 1.0
        )
        least = np.where(visits.discharge_w[v] > 0, np.minimum(visits.soc_floor[v], places.soc), places.soc)
        hulls: list[Lines] = []
        binds = np.zeros(len(v), np.bool_)
        for k, (low, high) in enumerate(zip(least.tolist(), self.reach.tolist(), strict=True)):
            at = np.unique(np.concatenate([[low, high], grid[(grid > low) & (grid < high)]]))
            line = np.minimum(np.interp(at, grid, share[k]), full[k])
            binds[k] = line.min() < full[k] - 1e-9
            hulls.append(_thinned(_hull(at, line), MOST_LINES) if len(at) > 1 else [(float(line[0]), 0.0)])
        return binds, hulls

    def _bend(self, entries: I, charge: I, first: B, curved: B, hulls: list[Lines], *, at_end: float) -> None:
        """power <= greatest * (offset + slope * charge), for every line of the hull. The charge before the
        step (`at_end` 0, on falling lines) keeps all that is possible; that in the middle (0.5) what an
        engine can follow."""
        places, visits = self.places, self.world.visits
        row, column = list[int](), list[int]()
        value, high = list[float](), list[float]()
        for at, e in enumerate(entries.tolist()):
            k = int(places.of[e])
            if not curved[k]:
                continue
            v = int(places.visit[k])
            greatest = float(visits.accept_w[v] / visits.efficiency[v]) / 1e3 * float(places.share[e])
            for offset, slope in hulls[k]:
                if greatest * (offset + slope * self.reach[k]) >= self.full_kw[e] or slope > 0.0 == at_end:
                    continue
                per_kwh = -greatest * slope / float(visits.capacity_wh[v]) * 1e3
                parts = [(int(self.charge[e]), 1.0)]
                free = greatest * offset
                if first[at]:
                    free += greatest * slope * float(places.soc[k]) * (1.0 - at_end)
                else:
                    parts.append((int(charge[at - 1]), per_kwh * (1.0 - at_end)))
                if at_end > 0.0:
                    parts.append((int(charge[at]), per_kwh * at_end))
                row += [len(high)] * len(parts)
                column += [number for number, _ in parts]
                value += [factor for _, factor in parts]
                high.append(free)
        if high:
            self.program.rows(
                np.full(len(high), -np.inf), np.array(high), np.array(row), np.array(column), np.array(value)
            )

    def _storage(self) -> None:
        """The stationary battery."""
        store, steps, hours = self.world.storage, self.world.steps, self.hours
        self.into = self.out = np.zeros(0, np.int64)
        if store.capacity_wh <= 0:
            return
        wear = self.terms.wear_per_kwh * hours
        self.into = self.program.columns(steps, 0.0, store.charge_w / 1e3, wear)
        self.out = self.program.columns(steps, 0.0, store.discharge_w / 1e3, wear)
        capacity = store.capacity_wh / 1e3
        low, high = min(store.soc_min, store.soc) * capacity, max(store.soc_max, store.soc) * capacity
        level = self.program.columns(steps, low, high, 0.0)
        start = np.zeros(steps)
        start[0] = store.soc * capacity
        each, later = np.arange(steps), np.arange(1, steps)
        self.program.rows(
            start,
            start,
            np.concatenate([each, later, each, each]),
            np.concatenate([level, level[:-1], self.into, self.out]),
            np.concatenate(
                [
                    np.ones(steps),
                    -np.ones(steps - 1),
                    np.full(steps, -hours * store.charge_efficiency),
                    np.full(steps, hours / store.discharge_efficiency),
                ]
            ),
        )

    def _site(self) -> None:
        """The grid connection: import and export of each step, and the demand of each month."""
        world, scene, places, program = self.world, self.scene, self.places, self.program
        steps, hours = world.steps, self.hours
        # Selling above the price of buying would make money from nothing but turning in circles.
        sell = np.minimum(self.series.sell, self.series.buy)
        self.imports = program.columns(steps, 0.0, np.inf, self.series.buy * hours)
        self.exports = program.columns(steps, 0.0, np.inf, -sell * hours)
        fixed = self.series.base_w - self.series.pv_w + world.evses.standby_w.sum()
        fixed = (fixed + world.storage.standby_w * (world.storage.capacity_wh > 0)) / 1e3
        efficiency = places.efficiency[places.of]
        each = np.arange(steps)
        stored = each if len(self.into) else each[:0]
        program.rows(
            fixed,
            fixed,
            np.concatenate([each, each, places.step, places.step[self.giving], stored, stored]),
            np.concatenate([self.imports, self.exports, self.charge, self.back, self.into, self.out]),
            np.concatenate(
                [
                    np.ones(steps),
                    -np.ones(steps),
                    -1.0 / efficiency,
                    efficiency[self.giving],
                    -np.ones(len(stored)),
                    np.ones(len(stored)),
                ]
            ),
        )
        if scene.demand_price <= 0.0:
            return
        stand = windows(scene)
        months, of_window = np.unique(stand.month, return_inverse=True)
        demand = program.columns(len(months), 0.0, np.inf, scene.demand_price)
        share = 1.0 / np.bincount(stand.of_step)[stand.of_step]
        count = len(stand.month)
        program.rows(
            np.zeros(count),
            np.inf,
            np.concatenate([np.arange(count), stand.of_step, stand.of_step]),
            np.concatenate([demand[of_window], self.imports, self.exports]),
            np.concatenate([np.ones(count), -share, share]),
        )

    def _pools(self) -> None:
        """Cars of an open queue use no more EVSEs than there are: a share of one each, as of their power."""
        places = self.places
        for number, free in enumerate(places.free):
            here = np.flatnonzero((places.pool[places.of] == number) & (self.full_kw > EPSILON_KW))
            if not len(here):
                continue
            whole_kw = self.full_kw[here] / places.share[here]
            times, at = np.unique(places.step[here], return_inverse=True)
            count = len(times)
            self.program.rows(np.full(count, -np.inf), free[times], at, self.charge[here], 1.0 / whole_kw)

    def cost(self, values: F) -> float:
        """What the last solution costs, without what only makes it early."""
        return self.program.objective - float((self.early * values[self.charge]).sum())

    def powers(self, values: F) -> tuple[F, F, F]:
        """Charging and giving back per step of a berth, and the stationary battery's power a step."""
        back = np.zeros(len(self.charge))
        back[self.giving] = values[self.back]
        stored = values[self.into] - values[self.out] if len(self.into) else np.zeros(self.world.steps)
        return values[self.charge], back, stored

    def taken_kw(self, charge_kw: F, back_kw: F) -> F:
        """What each battery takes at most in each step (e) on the way through its own curve that these powers
        are; what it does not take is offered again in the next step."""
        places, visits = self.places, self.world.visits
        takes = np.full(len(charge_kw), np.inf)
        starts = np.searchsorted(places.of, np.arange(len(places.visit) + 1))
        grid = np.linspace(0.0, 1.0, 101)
        for k in np.flatnonzero(self.curved).tolist():
            v = int(places.visit[k])
            share = taper_share(self.world, places.visit[k : k + 1], grid)[0]
            full = float(visits.accept_w[v] / visits.efficiency[v]) / 1e3
            per_kw = self.hours * float(visits.efficiency[v] / visits.capacity_wh[v]) * 1e3
            soc, owed = float(places.soc[k]), 0.0
            for e in range(int(starts[k]), int(starts[k + 1])):
                if charge_kw[e] <= EPSILON_KW and owed <= EPSILON_KW:
                    soc -= float(back_kw[e]) * per_kw
                    continue
                part = float(places.share[e])
                limit = full * float(np.interp(soc, grid, share))
                # The middle of the step decides.
                middle = soc + 0.5 * min(limit * part, float(charge_kw[e])) * per_kw
                takes[e] = full * part * float(np.interp(middle, grid, share))
                got = min(float(charge_kw[e]) + owed, float(takes[e]), float(self.full_kw[e]))
                owed = max(owed + float(charge_kw[e]) - got, 0.0)
                soc += got * per_kw
        return takes

    def bend_within(self) -> bool:
        """From now on let curves bind as an engine has them; whether any does."""
        if self._bent is None:
            return False
        self._bend(*self._bent, at_end=0.5)
        return True

    def tails(self, values: F) -> B:
        """Where the battery itself holds the power down: such a power may be below the least current, which
        is a matter of what is offered."""
        tail = np.zeros(len(self.charge), np.bool_)
        if self._bent is None:
            return tail
        entries, charge, first, curved, hulls = self._bent
        places, visits = self.places, self.world.visits
        for at, e in enumerate(entries.tolist()):
            k = int(places.of[e])
            if not curved[k] or values[self.charge[e]] >= self.least_kw[e]:
                continue
            v = int(places.visit[k])
            capacity = float(visits.capacity_wh[v]) / 1e3
            before = float(places.soc[k]) if first[at] else float(values[charge[at - 1]]) / capacity
            middle = 0.5 * (before + float(values[charge[at]]) / capacity)
            greatest = float(visits.accept_w[v] / visits.efficiency[v]) / 1e3 * float(places.share[e])
            limit = greatest * min(offset + slope * middle for offset, slope in hulls[k])
            tail[e] = values[self.charge[e]] > NEAR * limit
        return tail


def _hull(grid: F, share: F) -> Lines:
    """The lines of the least concave curve above these points, as (offset, slope)."""
    kept: list[int] = []
    for k in range(len(grid)):
        while len(kept) >= 2:
            a, b = kept[-2], kept[-1]
            if (share[b] - share[a]) * (grid[k] - grid[a]) <= (share[k] - share[a]) * (
                grid[b] - grid[a]
            ) + 1e-12:
                kept.pop()
            else:
                break
        kept.append(k)
    lines = []
    for a, b in pairwise(kept):
        slope = float((share[b] - share[a]) / (grid[b] - grid[a]))
        lines.append((float(share[a] - slope * grid[a]), slope))
    return lines


def _thinned(lines: Lines, most: int) -> Lines:
    """At most so many of these lines: fewer bound less, so that what is possible stays so."""
    if len(lines) <= most:
        return lines
    return [lines[k] for k in np.linspace(0, len(lines) - 1, most).round().astype(int).tolist()]
