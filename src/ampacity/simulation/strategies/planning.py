"""Solve the optimum's program within the limits of the conductors and the least currents of the EVSEs.

Limits come as cuts: first where all cars at full power would break them, then wherever a solution does, until
none does. Least currents make the program a mixed-integer one. That is solved when it is asked for (small
runs); else the linear one is solved again, with every power below the least put to the least or to nothing.
"""

from __future__ import annotations

import numpy as np
from msgspec import Struct

from ampacity.simulation.batch.outcome import Scene
from ampacity.simulation.batch.world import B, F, I

from .berths import Berths
from .flows import Flows, flows
from .interface import C
from .model import EARLY_PRICE, EPSILON_KW, Model, Terms
from .program import SolverError

ROUNDS = 40
"""Rounds of cuts after which something must be wrong; phasor sites need up to 15."""

BARS = (0.5, 0.25, 0.9, np.inf)
"""Shares of the least power from which on a small one is raised to it, in the order of trial."""

CLOSE = 0.005
"""No further way is tried when least currents cost no more than this share."""

TAILS = 3
"""How often the ends of charging curves are gone along."""

SLOW = 0.005
"""Shares of the full power up to which a rise that is too fast is let pass."""

RISES = 4
"""Rounds in which rises that are too fast are looked for: the last ones gain nothing."""

NONE_A = 1e-9
"""Amperes a kW that are rounding: a balanced car loads no neutral."""

TURNS = 8
"""How often powers both ways in one step are looked for."""


class Planned(Struct, frozen=True, kw_only=True):
    """Powers of the optimum: `charge_w` and `back_w` per step of a berth (e), `storage_w` a step (T), site
    power `site_w` (T). `tail` (e): where the battery holds the power down. `bound`: no plan for these
    berths costs less. `cost`: of this one. `size`: columns and rows; `rounds` of cuts."""

    charge_w: F
    back_w: F
    storage_w: F
    site_w: F
    tail: B
    bound: float
    cost: float
    size: tuple[int, int]
    rounds: int


class Planner:
    """Solves the program of one scene."""

    def __init__(self, scene: Scene, places: Berths, terms: Terms) -> None:
        self.scene, self.places, self.terms = scene, places, terms
        self.model = Model(scene, places, terms)
        self.program = self.model.program
        self.flows: Flows = flows(scene.world, places)
        self.most_kw: F = self.model.full_kw.copy()
        # Which entries have a row for their rise; None while the bound is sought, which knows of no lag.
        self._rises: B | None = None

    def bound(self) -> float:
        """No run costs less. Raises SolverError."""
        self._within_bound()
        return self._bound

    def _within_bound(self) -> tuple[F, int]:
        """The first solution, which knows nothing of least currents and lag."""
        model, nothing = self.model, np.zeros(len(self.places.of))
        idle = np.zeros(self.scene.world.steps)
        self._cut(*self._new(*self.flows.above(self.flows.sums(self.places, model.full_kw, nothing, idle))))
        values, rounds = self._within_limits(self.program.solve())
        room_wh = self.places.room_wh[np.isfinite(self.places.room_wh)]
        early = EARLY_PRICE * float(room_wh.sum()) / 1e3
        self._bound = self.program.objective - early + self.scene.unmet_price * self.places.lost_wh / 1e3
        return values, rounds

    def solve(self) -> Planned:
        """The optimum. Raises SolverError."""
        model = self.model
        values, rounds = self._within_bound()
        self._rises = np.zeros(len(self.places.of), np.bool_)
        if model.bend_within():
            values = self.program.again()
        values, more = self._within_limits(values)
        rounds += more
        values, more = self._one_way(values)
        rounds += more
        for _ in range(TAILS):
            if not self._lower_tails(values):
                break
            values, more = self._within_limits(self.program.go_on())
            rounds += more
        cost, tail = model.cost(values), model.tails(values)
        if not self.terms.exact and (self._below(values, tail) > 0).any():
            values, cost, more = self._least_or_nothing(values, tail, cost)
            rounds += more
            tail |= model.tails(values)
        lost = self.scene.unmet_price * self.places.lost_wh / 1e3
        charge, back, stored = model.powers(values)
        both = np.minimum(charge, back)
        return Planned(
            charge_w=(charge - both) * 1e3,
            back_w=(back - both) * 1e3,
            storage_w=stored * 1e3,
            site_w=(values[model.imports] - values[model.exports]) * 1e3,
            tail=tail,
            bound=self._bound,
            cost=cost + lost,
            size=self.program.size,
            rounds=rounds,
        )

    def _lower_tails(self, values: F) -> bool:
        """Lower what a battery can be given to what it takes on the way of this plan, where that is less than
        the hull of its curve; whether that was anywhere."""
        if not self.model.curved.any():
            return False
        power, back, _ = self.model.powers(values)
        takes = self.model.taken_kw(power, back)
        lower = power > takes * (1.0 + SLOW) + EPSILON_KW
        self.most_kw = np.where(lower, np.minimum(self.most_kw, takes), self.most_kw)
        if lower.any():
            self.program.bound(self.model.charge[lower], np.zeros(int(lower.sum())), self.most_kw[lower])
        return bool(lower.any())

    def _one_way(self, values: F) -> tuple[F, int]:
        """No car charges and gives back in one step, which only wastes energy: the smaller one is
        forbidden."""
        model, rounds = self.model, 0
        for _ in range(TURNS):
            charge, back, _ = model.powers(values)
            both = np.flatnonzero(np.minimum(charge, back) > EPSILON_KW)
            if not len(both):
                break
            number = np.full(len(charge), -1)
            number[model.giving] = model.back
            smaller = np.where(charge[both] < back[both], model.charge[both], number[both])
            self.program.bound(smaller, np.zeros(len(both)), np.zeros(len(both)))
            values, more = self._within_limits(self.program.go_on())
            rounds += more
        return values, rounds

    def _cut(self, step: I, row: I, direction: C) -> int:
        """One tangent for each of these rows and steps; returns how many."""
        places, model, count = self.places, self.model, len(step)
        rows, columns, values = list[I](), list[I](), list[F]()
        entries = 0
        back_at = np.full(len(model.charge), -1)
        back_at[model.giving] = model.back
        by_step = np.argsort(places.step, kind="stable")
        starts = np.searchsorted(places.step[by_step], np.arange(self.scene.world.steps + 1))
        for cut in range(count):
            t, r, along = int(step[cut]), int(row[cut]), complex(direction[cut]).conjugate()
            here = by_step[starts[t] : starts[t + 1]]
            of = places.of[here]
            charging = (self.flows.per_kw[r, of] * along).real
            giving = -(self.flows.back_per_kw[r, of] * along).real
            some, gives = np.abs(charging) > NONE_A, (back_at[here] >= 0) & (np.abs(giving) > NONE_A)
            columns += [model.charge[here][some], back_at[here][gives]]
            values += [charging[some], giving[gives]]
            if len(model.into):
                stored = float((self.flows.storage_per_kw[r] * along).real)
                columns.append(np.array([model.into[t], model.out[t]]))
                values.append(np.array([stored, -stored]))
            now = sum(len(x) for x in columns[entries:])
            entries = len(columns)
            rows.append(np.full(now, cut))
        if count:
            free = self.flows.room(step, row, direction)
            self.program.rows(
                np.full(count, -np.inf),
                free,
                np.concatenate(rows),
                np.concatenate(columns),
                np.concatenate(values),
            )
        return count

    def _within_limits(self, values: F) -> tuple[F, int]:
        """Cut and solve again until no row is above its limit. Raises SolverError when that does not end."""
        for turn in range(ROUNDS):
            sums = self.flows.sums(self.places, *self.model.powers(values))
            cuts = self._cut(*self._new(*self.flows.above(sums)))
            if not cuts + (self._rise(values) if turn < RISES else 0):
                return values, turn
            values = self.program.again()
        raise SolverError(f"rows are still above their limits after {ROUNDS} rounds of cuts: raise TOLERANCE")

    def _rise(self, values: F) -> int:
        """More rows, where a charger would have to rise faster than it can: how many.

        A charger that stood at `p` and may have `full` reaches `full` less `behind` of the difference in
        the mean of a step (`following.Lag`).
        """
        if self._rises is None or self.terms.exact:
            return 0
        places, model, world = self.places, self.model, self.scene.world
        tau = np.maximum(world.visits.up_s[places.visit[places.of]], 1e-9)
        seconds = np.maximum(places.share * world.step_s, 1e-9)
        behind = np.where(places.share > 0, tau / seconds * (1.0 - np.exp(-seconds / tau)), 0.0)
        most = np.maximum((1.0 - behind) * model.full_kw, model.least_kw)
        later = np.concatenate([np.zeros(1, np.bool_), places.of[1:] == places.of[:-1]])[: len(behind)]
        before = np.maximum(np.arange(len(behind)) - 1, 0)
        from_before = np.where(later & (places.share[before] > 0), behind, 0.0)
        from_before = from_before * places.share / np.maximum(places.share[before], 1e-9)
        power = values[model.charge]
        fast = power > most + from_before * power[before] + SLOW * model.full_kw + EPSILON_KW
        # Who is held back in one step would rise as fast in the next.
        fast[1:] |= fast[:-1] & later[1:]
        new = np.flatnonzero(fast & ~self._rises & (behind > SLOW))
        self._rises[new] = True
        if not len(new):
            return 0
        each, some = np.arange(len(new)), from_before[new] > 0
        self.program.rows(
            np.full(len(new), -np.inf),
            most[new],
            np.concatenate([each, each[some]]),
            np.concatenate([model.charge[new], model.charge[before[new][some]]]),
            np.concatenate([np.ones(len(new)), -from_before[new][some]]),
        )
        return len(new)

    def _new(self, step: I, row: I, direction: C) -> tuple[I, I, C]:
        """Those that a cut can help: not where the base alone is too much."""
        base = np.abs(self.flows.base[step, row])
        helps = base < self.flows.limit_a[step, row]
        return step[helps], row[helps], direction[helps]

    def _below(self, values: F, tail: B) -> F:
        """The powers that no EVSE can give: above nothing, below the least (0 elsewhere)."""
        power = values[self.model.charge]
        small = (power > EPSILON_KW) & (power < self.model.least_kw - EPSILON_KW) & ~tail
        return np.where(small, power, 0.0)

    def _least_or_nothing(self, values: F, tail: B, cost: float) -> tuple[F, float, int]:
        """Plan again with no small powers; where that costs much, the best of several ways to be rid of
        them."""
        best, best_cost, rounds = values, np.inf, 0
        for bar in BARS:
            self._without_small(values, tail, bar)
            try:
                plan, more = self._within_limits(self.program.go_on())
            except SolverError:
                # Too much was raised. With nothing raised there is always a plan.
                if bar == BARS[-1]:
                    raise
                continue
            rounds += more
            if self.model.cost(plan) < best_cost:
                best, best_cost = plan, self.model.cost(plan)
            if best_cost <= cost + CLOSE * max(abs(cost), 1.0):
                break
        return best, best_cost, rounds

    def _without_small(self, values: F, tail: B, bar: float) -> None:
        """Each small power becomes the least (from `bar` of it on) or nothing, what is left over is carried
        to the next of its car; everything else may be planned anew."""
        places = self.places
        small, power = self._below(values, tail), values[self.model.charge]
        on = (power >= self.model.least_kw - EPSILON_KW) & (power > EPSILON_KW)
        carried, last = 0.0, -1
        raised = np.zeros(len(on), np.bool_)
        for e in np.flatnonzero(small > 0).tolist():
            if places.of[e] != last:
                carried, last = 0.0, int(places.of[e])
            carried += float(power[e])
            if carried >= self.model.least_kw[e] * bar:
                raised[e] = True
                carried -= float(self.model.least_kw[e])
        on |= self._that_fit(on, raised, power)
        # Where a curve may bind, the least is a matter of the offer.
        low = np.where(on & ~self.model.curved[places.of], self.model.least_kw, 0.0)
        high = np.where(on | tail, self.most_kw, 0.0)
        # The last of what a car wants may be less than a step of its least current: it stops by itself.
        forced_kwh = np.bincount(places.of, low, len(places.visit)) * self.model.hours
        for k in np.flatnonzero(forced_kwh > places.room_wh / 1e3).tolist():
            for e in np.flatnonzero((places.of == k) & (low > 0))[::-1].tolist():
                if forced_kwh[k] <= places.room_wh[k] / 1e3:
                    break
                forced_kwh[k] -= low[e] * self.model.hours
                low[e] = 0.0
        self.program.bound(self.model.charge, low, high)

    def _that_fit(self, on: B, raised: B, power: F) -> B:
        """Of those to be raised, all but the smallest where their least powers don't fit on a row."""
        raised = raised.copy()
        nothing, idle = np.zeros(len(on)), np.zeros(self.scene.world.steps)
        for _ in range(len(self.scene.world.evses.min_a)):
            least = np.where(on | raised, self.model.least_kw, 0.0)
            step, row, _ = self._new(*self.flows.above(self.flows.sums(self.places, least, nothing, idle)))
            if not len(step):
                break
            for t, r in zip(step.tolist(), row.tolist(), strict=True):
                here = np.flatnonzero(raised & (self.places.step == t))
                here = here[np.abs(self.flows.per_kw[r, self.places.of[here]]) > 0]
                if len(here):
                    raised[here[np.argmin(power[here])]] = False
        return raised
