"""`step`: one turn of the law, each second and on every sample, status or limit change.

In order: what everybody may draw now (`reserve`), the base under every meter (`base`), what that leaves, who
must be set aside, how the rest is shared (`allocate`), and which of the differences go out: cuts at once,
raises only on what is free already (`ramp`). Nothing here reads a clock; two calls with equal arguments give
equal results.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from msgspec import structs

from ampacity.model.live import Reason
from ampacity.model.phases import PerPhase
from ampacity.model.site import EvseKey

from . import acceptance, base, overload, ramp, turns
from .allocate import Allocation, Problem, allocate, problem
from .explain import Explainer
from .limits import effective_limit, margin_a, permitted
from .reserve import EPSILON_A, Hold, hold, safe_a
from .settings import DEFAULTS, ControlSettings
from .state import BaseMemory, ControlState, EvseMemory, OverloadMemory
from .strategies import fixed_shares
from .topology import Rows, Topology
from .types import CircuitLedger, CircuitState, Decision, EvseState, Grant, MeterState, Snapshot


def step(
    state: ControlState, snapshot: Snapshot, settings: ControlSettings = DEFAULTS
) -> tuple[ControlState, Decision]:
    """Decide what every EVSE of the site may draw (see the head of the file).

    Raises `TopologyError` when the site is not a tree. `snapshot.at` must not go back; if it does, nothing is
    learnt until it has caught up.
    """
    topology = state.topology
    if topology is None or topology.site is not snapshot.site:
        topology = Topology(snapshot.site)
    return _Turn(state, snapshot, settings, topology).run()


class _Turn:
    """One step while it is being worked out; thrown away afterwards."""

    def __init__(
        self, state: ControlState, snapshot: Snapshot, settings: ControlSettings, topology: Topology
    ) -> None:
        self.before, self.snapshot, self.settings, self.topology = state, snapshot, settings, topology
        self.at = snapshot.at
        self.since = snapshot.at if state.since is None else state.since
        self.strategy = snapshot.site.strategy
        self.states: list[EvseState] = [
            snapshot.evses.get(evse.key) or EvseState(key=evse.key, online=False, proven=False)
            for evse in topology.evses
        ]
        self.holds: list[Hold] = []
        self.memories: list[EvseMemory] = []
        self.rows: list[Rows] = []
        self.limits: list[tuple[float, str]] = []
        self.margins: list[float] = []
        self.meters: list[MeterState] = []
        self.bases: list[PerPhase] = []
        self.base_memories: dict[str, BaseMemory] = {}
        self.overloads: dict[int, OverloadMemory] = {}
        self.above: frozenset[int] = frozenset()
        self.doubtful: frozenset[int] = frozenset()

    def run(self) -> tuple[ControlState, Decision]:
        self._hold()
        self._weigh_circuits()
        budget = self._budget()
        reserved_a = [0.0] * self.topology.row_count
        steered: list[int] = []
        for i, held in enumerate(self.holds):
            if held.standing == "steered":
                steered.append(i)
            elif held.standing != "paused":
                _add(reserved_a, self.rows[i], held.held_a)
        capacity = [b - r for b, r in zip(budget, reserved_a, strict=True)]
        explainer = Explainer(self.topology, self.limits, self.meters)
        if self.strategy == "uncontrolled":
            targets = {i: self.topology.evses[i].max_a for i in steered}
            reasons = {i: explainer.uncontrolled() for i in steered}
        else:
            targets, reasons = self._share(steered, capacity, explainer)
        return self._act(steered, targets, reasons, capacity, reserved_a, explainer)

    # What is

    def _hold(self) -> None:
        """Where every EVSE stands, and the rows that it loads."""
        known = self.before.evses
        for i, (evse, now) in enumerate(zip(self.topology.evses, self.states, strict=True)):
            held, memory = hold(evse, now, known.get(evse.key), self.at, self.settings)
            age = base.sample_age(now, self.at, self.settings)
            self.memories.append(acceptance.learn(evse, now, memory, held, age, self.at, self.settings))
            self.holds.append(held)
            narrow = (
                now.phases if now.session and now.phases and set(now.phases) <= set(evse.phases) else None
            )
            self.rows.append(self.topology.rows_of(i, narrow))

    def _weigh_circuits(self) -> None:
        """Limits, margins, base loads and overloads of all circuits."""
        settings, site = self.settings, self.snapshot.site
        sums: dict[bool, list[float]] = {}
        held_s = settings.peak_hold_s
        for now in self.states:
            if now.session and base.hold_s(now.sample_interval_s, settings) <= settings.stale_hold_s:
                held_s = max(held_s, base.hold_s(now.sample_interval_s, settings))
        doubtful: set[int] = set()
        for i, (now, known) in enumerate(zip(self.states, self.memories, strict=True)):
            if base.rises_unseen(now, known.raised_at, self.at, settings):
                doubtful.update(self.topology.ancestors[self.topology.circuit_of[i]])
        self.doubtful = frozenset(k for k in doubtful if self.topology.circuits[k].meter is not None)
        readings: dict[int, tuple[PerPhase, float]] = {}
        for k, circuit in enumerate(self.topology.circuits):
            state = self.snapshot.circuits.get(circuit.circuit_id) or CircuitState(
                circuit_id=circuit.circuit_id
            )
            limit, whose = effective_limit(circuit, state.limits, self.snapshot.epoch_s)
            self.limits.append((limit, whose))
            interval = None if circuit.meter is None else circuit.meter.interval_s
            self.margins.append(margin_a(limit, interval))
            memory = self.before.bases.get(circuit.circuit_id)
            if circuit.meter is not None:

                def certain(young: bool, k: int = k) -> PerPhase:
                    rows = sums.get(young)
                    if rows is None:
                        rows = sums[young] = self._certain(young)
                    return rows[3 * k], rows[3 * k + 1], rows[3 * k + 2]

                memory = base.observe(memory, state, certain, k in doubtful, self.at, held_s, settings)
            meter, base_a = base.estimate(memory, circuit, limit, self.at, self.since, held_s, settings)
            if site.strategy == "static":
                base_a = (circuit.reserve_a,) * 3
            if memory is not None:
                self.base_memories[circuit.circuit_id] = memory
                usable = base.usable(state.metered_a, state.metered_at, self.at, settings.future_s)
                if meter == "fresh" and usable and state.metered_a is not None:
                    readings[k] = (state.metered_a, limit)
            self.meters.append(meter)
            self.bases.append(base_a)
        self.overloads, self.above = overload.follow(self.before.overloads, readings, self.at, settings)

    def _certain(self, young: bool) -> list[float]:
        """Certain draw on all rows. While a base is young, old samples of falling cars would hide in it: then
        no more than the limit in force counts."""
        sums = [0.0] * self.topology.row_count
        for i, (now, held) in enumerate(zip(self.states, self.holds, strict=True)):
            if base.hold_s(now.sample_interval_s, self.settings) > self.settings.stale_hold_s:
                continue
            bound = held.in_force_a if young else held.held_a
            draw = base.certain_draw(now, bound, self.at, self.settings)
            if draw is not None:
                self.topology.spread(sums, i, draw)
        return sums

    def _budget(self) -> list[float]:
        """Per row, what all EVSEs together may draw. Before commissioning is finished, only a part of it."""
        share = 1.0 if self.snapshot.site.commissioned else self.settings.commissioning_share
        budget = []
        for (limit, _), margin, base_a in zip(self.limits, self.margins, self.bases, strict=True):
            for phase in range(3):
                room = limit - margin - base_a[phase]
                budget.append(room * share if room > 0 else room)
        return budget

    # What should be

    def _share(
        self, steered: Sequence[int], capacity: Sequence[float], explainer: Explainer
    ) -> tuple[dict[int, float], dict[int, list[Reason]]]:
        """Targets of the steered EVSEs, and what keeps each from more."""
        evses, settings = self.topology.evses, self.settings
        shares = (
            fixed_shares(self.topology, [limit for limit, _ in self.limits])
            if self.strategy == "static"
            else None
        )
        caps: list[tuple[float, list[tuple[float, Reason]]]] = []
        keys = []
        for i in steered:
            now, memory, evse = self.states[i], self.memories[i], evses[i]
            named = self._caps(i, None if shares is None else shares[evse.key])
            caps.append((min([evse.max_a, *(value for value, _ in named)]), named))
            priority = evse.priority if now.priority is None else now.priority
            keys.append((turns.turn(now, memory, priority, i, self.at, settings), i))
        rank = {i: place for place, (_, i) in enumerate(sorted(keys))}
        task = problem(
            capacity,
            [self.rows[i] for i in steered],
            [evses[i].min_a for i in steered],
            [cap for cap, _ in caps],
            weight=[self._weight(i) for i in steered],
            step_a=[evses[i].step_a for i in steered],
            priority=[_class(self.states[i], evses[i].priority) for i in steered],
            order=[rank[i] for i in steered],
        )
        task, result = self._keep(steered, capacity, task, allocate(task))
        targets = {i: float(x) for i, x in zip(steered, result.grant_a, strict=True)}
        return targets, self._name(steered, targets, caps, task, result, explainer)

    def _keep(
        self, steered: Sequence[int], capacity: Sequence[float], task: Problem, result: Allocation
    ) -> tuple[Problem, Allocation]:
        """Nobody is cut by a few tenths only to be equal: where all limits in force fit, they stay and the
        rest is shared around them. (A raise of 0.1 A that shows as base for a moment would otherwise be taken
        back.)"""
        reach = np.array([self.holds[i].reach_a for i in steered])
        kept = (result.grant_a > 0) & (result.grant_a < reach - 1e-6) & (reach <= task.maximum_a + 1e-9)
        kept &= reach - result.grant_a <= self.settings.keep_a + 1e-6
        if not kept.any():
            return task, result
        going = np.where(result.grant_a > 0, reach, 0.0)
        used = np.bincount(task.entry_row, going[task.entry_load], len(capacity))
        if (used > np.maximum(task.capacity_a, 0.0) + 1e-6).any():
            return task, result
        around = structs.replace(
            task,
            minimum_a=np.where(kept, reach, task.minimum_a),
            maximum_a=np.where(kept, reach, task.maximum_a),
            step_a=np.where(kept, 1e-3, task.step_a),
        )
        again = allocate(around)
        same = bool((again.admitted == result.admitted).all())
        return (around, again) if same else (task, result)

    def _caps(self, i: int, share_a: float | None) -> list[tuple[float, Reason]]:
        """Everything but other EVSEs that keeps this one below its own maximum."""
        now, memory, evse = self.states[i], self.memories[i], self.topology.evses[i]
        safe = safe_a(evse, now)
        named: list[tuple[float, Reason]] = []
        if now.learned_max_a is not None and now.learned_max_a >= 0:
            named.append((now.learned_max_a, Reason(code="car")))
        if memory.accepts_a is not None:
            named.append((memory.accepts_a, Reason(code="car", detail="takes no more")))
        if not now.wants:
            named.append((evse.min_a, Reason(code="car", detail="stopped by itself")))
        if now.ceiling_a is not None:
            named.append((permitted(now.ceiling_a), Reason(code="strategy", source=now.ceiling_source)))
        if share_a is not None:
            named.append((share_a, Reason(code="strategy", source="static", detail="its fixed share")))
        if not turns.may_start(memory, self.at, self.settings):
            named.append((0.0, Reason(code="minimum", detail="pauses for a while before the next turn")))
        for k in self.topology.ancestors[self.topology.circuit_of[i]]:
            if self.meters[k] == "lost":
                reason = Reason(code="dead", circuit_id=self.topology.circuits[k].circuit_id)
                named.append((safe, reason))
        for row in self.rows[i]:
            trouble = self.overloads.get(row)
            if trouble is not None and trouble.stage > 0:
                circuit = self.topology.circuits[row // 3].circuit_id
                reason = Reason(code="overload", circuit_id=circuit, phase=row % 3 + 1)
                named.append((safe if trouble.stage == 1 else 0.0, reason))
        return named

    def _weight(self, i: int) -> float:
        weight = self.states[i].weight
        if weight is None:
            weight = self.topology.evses[i].weight
        return weight if 1e-3 < weight < 1e6 else 1.0

    def _name(
        self,
        steered: Sequence[int],
        targets: dict[int, float],
        caps: Sequence[tuple[float, list[tuple[float, Reason]]]],
        task: Problem,
        result: Allocation,
        explainer: Explainer,
    ) -> dict[int, list[Reason]]:
        bound: dict[int, list[int]] = {}
        at = np.flatnonzero(result.binding)
        for load, row in zip(task.entry_load[at].tolist(), task.entry_row[at].tolist(), strict=True):
            bound.setdefault(load, []).append(row)
        reasons: dict[int, list[Reason]] = {}
        for load, (i, (_, named)) in enumerate(zip(steered, caps, strict=True)):
            evse = self.topology.evses[i]
            ceiling = targets[i] + evse.step_a if result.admitted[load] else evse.min_a
            mine = [reason for value, reason in named if value < ceiling - 1e-6]
            mine += explainer.rows(bound.get(load, ()), bool(result.admitted[load]))
            if not mine:
                mine.append(Reason(code="evse_max"))
            reasons[i] = mine
        return reasons

    # What goes out

    def _act(
        self,
        steered: Sequence[int],
        targets: dict[int, float],
        reasons: dict[int, list[Reason]],
        capacity: Sequence[float],
        reserved_a: list[float],
        explainer: Explainer,
    ) -> tuple[ControlState, Decision]:
        risen = self._raises(steered, targets, capacity, reasons)
        grants: dict[EvseKey, Grant] = {}
        cuts: list[Grant] = []
        raises: list[Grant] = []
        cutting: dict[EvseKey, float] = {}
        granted_a = [0.0] * self.topology.row_count
        memories: dict[EvseKey, EvseMemory] = {}
        ramp_a = [0.0, 0.0, 0.0]
        for i, evse in enumerate(self.topology.evses):
            now, held, memory = self.states[i], self.holds[i], self.memories[i]
            if i in targets:
                target, why = targets[i], tuple(reasons[i])
                _add(granted_a, self.rows[i], target)
            else:
                target, why = self._unsteered(i)
            grant = grants[evse.key] = Grant(evse.key, target, why)
            may_cut = now.online and now.session and self.strategy != "uncontrolled"
            told = held.reach_a
            if held.standing == "unproven":
                told = evse.max_a if now.committed_a is None else now.committed_a
            wanted = may_cut and target < told - EPSILON_A
            if wanted:
                if now.inflight_a is None or now.inflight_a > target + EPSILON_A:
                    cuts.append(grant)
                if memory.cut_since is None:
                    memory = structs.replace(memory, cut_since=self.at, cut_to_a=target)
                elif memory.cut_to_a != target:
                    memory = structs.replace(memory, cut_to_a=target)
            elif memory.cut_since is not None:
                memory = structs.replace(memory, cut_since=None)
            if held.standing in ("steered", "paused") and target < held.held_a - EPSILON_A:
                cutting[evse.key] = target
            level = held.in_force_a
            if i in risen:
                level = risen[i]
                raises.append(Grant(evse.key, level, why))
                memory = structs.replace(memory, raised_at=self.at)
                for row in self.rows[i]:
                    if row // 3 == self.topology.root:
                        ramp_a[row % 3] += level - max(held.in_force_a, 0.0)
            if held.standing == "steered":
                lags = target >= level + evse.step_a - 1e-6
                if lags != (memory.lagging_since is not None):
                    memory = structs.replace(memory, lagging_since=self.at if lags else None)
                memory = turns.follow(now, memory, target > 0 and max(level, held.reach_a) > 0, self.at)
            elif held.standing == "paused" and memory.running_since is not None:
                memory = structs.replace(memory, running_since=None, waiting_since=None)
            memories[evse.key] = memory
        cuts.sort(key=lambda g: g.limit_a - self.holds[self.topology.evse_index[g.key]].reach_a)
        return self._conclude(
            grants,
            cuts,
            raises,
            cutting,
            granted_a,
            reserved_a,
            capacity,
            memories,
            (ramp_a[0], ramp_a[1], ramp_a[2]),
        )

    def _raises(
        self,
        steered: Sequence[int],
        targets: dict[int, float],
        capacity: Sequence[float],
        reasons: dict[int, list[Reason]],
    ) -> dict[int, float]:
        """New limits of those that rise now; names for the others what they wait for."""
        settings, evses = self.settings, self.topology.evses
        free = list(capacity)
        for i, held in enumerate(self.holds):
            if held.standing in ("steered", "paused"):
                _add(free, self.rows[i], -held.held_a)
        plain = self.strategy != "dynamic"
        candidates: list[tuple[turns.Turn, ramp.Candidate]] = []
        rising_a = [0.0] * self.topology.row_count
        for i in steered:
            now, held, memory, evse = self.states[i], self.holds[i], self.memories[i], evses[i]
            target = targets[i]
            if target < held.in_force_a + evse.step_a - 1e-6 or target < held.in_force_a + EPSILON_A:
                continue
            lagging = self.at - (self.at if memory.lagging_since is None else memory.lagging_since)
            start = held.in_force_a < evse.min_a - EPSILON_A
            least = ramp.deadband(held.in_force_a, evse.step_a, lagging, settings)
            stale = self._stale_above(i) if not plain else None
            if now.inflight_a is not None or memory.settling_a is not None:
                reasons[i].append(Reason(code="in_flight"))
            elif stale is not None:
                reasons[i].append(Reason(code="stale", circuit_id=stale))
            elif plain or start:
                candidates.append(
                    (self._turn(i), self._candidate(i, target if plain else None, target, 0.0, True))
                )
            elif self.doubtful.intersection(self.topology.ancestors[self.topology.circuit_of[i]]) or (
                memory.raised_at is not None and self.at - memory.raised_at < settings.raise_every_s
            ):
                reasons[i].append(Reason(code="ramp"))
            elif target - held.in_force_a < least - 1e-6:
                reasons[i].append(Reason(code="deadband"))
            else:
                candidates.append((self._turn(i), self._candidate(i, target, target, least, False)))
                for row in self.rows[i]:
                    rising_a[row] += max(settings.raise_per_evse_a, least)
        if self.strategy == "uncontrolled":
            return {c.number: c.target_a for _, c in candidates}
        ordered = [c for _, c in sorted(candidates, key=lambda pair: pair[0])]
        metered = [self.meters[row // 3] != "none" for row in range(self.topology.row_count)]
        allowed = ramp.allowances(free, rising_a, metered, self._ramp_left(), settings)
        held_free = list(free)
        risen = ramp.release(ordered, free, allowed)
        for candidate in ordered:
            i = candidate.number
            if candidate.number not in risen:
                short = any(held_free[row] < candidate.target_a - candidate.held_a for row in candidate.rows)
                reasons[i].append(Reason(code="in_flight" if short else "ramp"))
            elif risen[i] < targets[i] - evses[i].step_a / 2:
                reasons[i].append(Reason(code="ramp"))
        return risen

    def _candidate(
        self, i: int, to_a: float | None, target_a: float, least_a: float, start: bool
    ) -> ramp.Candidate:
        evse, held = self.topology.evses[i], self.holds[i]
        raised = self.memories[i].raised_at
        lowest = math.ceil(evse.min_a / evse.step_a - 1e-7) * evse.step_a
        return ramp.Candidate(
            number=i,
            rows=self.rows[i],
            from_a=held.in_force_a,
            held_a=held.held_a,
            target_a=min(target_a, round(lowest, 9)) if to_a is None else to_a,
            step_a=evse.step_a,
            weight=self._weight(i),
            start=start,
            deadband_a=least_a,
            raised_at=-math.inf if raised is None else raised,
        )

    def _turn(self, i: int) -> turns.Turn:
        now, evse = self.states[i], self.topology.evses[i]
        return turns.turn(now, self.memories[i], _class(now, evse.priority), i, self.at, self.settings)

    def _stale_above(self, i: int) -> str | None:
        for k in self.topology.ancestors[self.topology.circuit_of[i]]:
            if self.meters[k] == "stale":
                return self.topology.circuits[k].circuit_id
        return None

    def _ramp_left(self) -> dict[int, float]:
        """What the site's raises may still add within this half minute, on the rows of the grid
        connection."""
        most = self.settings.site_raise_share * self.limits[self.topology.root][0]
        used = [0.0, 0.0, 0.0]
        for _, added in self._ramp():
            used = [u + a for u, a in zip(used, added, strict=True)]
        return {3 * self.topology.root + p: max(0.0, most - used[p]) for p in range(3)}

    def _ramp(self) -> tuple[tuple[float, PerPhase], ...]:
        return tuple(r for r in self.before.ramp if self.at - r[0] < self.settings.raise_every_s)

    def _unsteered(self, i: int) -> tuple[float, tuple[Reason, ...]]:
        """Where an EVSE should be that the law does not share for, and why."""
        now, held, memory = self.states[i], self.holds[i], self.memories[i]
        safe = safe_a(self.topology.evses[i], now)
        match held.standing:
            case "paused":
                return 0.0, (Reason(code="paused"),)
            case "idle":
                return safe, (Reason(code="no_session"),)
            case "offline":
                return held.in_force_a, (Reason(code="offline"),)
            case "unproven":
                return safe, (Reason(code="unproven", detail="its base profile was not read back yet"),)
            case "deaf":
                detail = f"has not confirmed the cut to {memory.cut_to_a:g} A"
                limit = 0.0 if now.paused else min(memory.cut_to_a, held.in_force_a)
            case _:
                detail = f"draws {held.measured_a or 0:.1f} A on a limit of {held.in_force_a:g} A"
                limit = 0.0 if now.paused else held.in_force_a
        stage = max((m.stage for row in self.rows[i] if (m := self.overloads.get(row))), default=0)
        limit = 0.0 if stage == 2 else min(limit, safe) if stage == 1 else limit
        return limit, (Reason(code="unproven", detail=detail),)

    def _conclude(
        self,
        grants: dict[EvseKey, Grant],
        cuts: list[Grant],
        raises: list[Grant],
        cutting: dict[EvseKey, float],
        granted_a: list[float],
        reserved_a: list[float],
        capacity: Sequence[float],
        memories: dict[EvseKey, EvseMemory],
        ramp_a: PerPhase,
    ) -> tuple[ControlState, Decision]:
        circuits = self.topology.circuits
        ledgers = {
            circuit.circuit_id: CircuitLedger(
                circuit_id=circuit.circuit_id,
                limit_a=self.limits[k][0],
                limit_source=self.limits[k][1],
                meter_state=self.meters[k],
                margin_a=self.margins[k],
                base_a=self.bases[k],
                reserve_a=_triple(reserved_a, k),
                grants_a=_triple(granted_a, k),
            )
            for k, circuit in enumerate(circuits)
        }
        overcommitted = frozenset(
            (circuits[row // 3].circuit_id, row % 3 + 1) for row, left in enumerate(capacity) if left < -1e-6
        )
        notes = [
            f"{c.circuit_id}: meter {m}"
            for c, m in zip(circuits, self.meters, strict=True)
            if m in ("dead", "lost")
        ]
        ramps = self._ramp() if self.strategy == "dynamic" else ()
        state = ControlState(
            topology=self.topology,
            since=self.since,
            bases=self.base_memories,
            overloads=self.overloads,
            evses=memories,
            ramp=(*ramps, (self.at, ramp_a)) if any(ramp_a) else ramps,
        )
        decision = Decision(
            at=self.at,
            strategy=self.strategy,
            grants=grants,
            cuts=tuple(cuts),
            raises=tuple(raises),
            held_a={e.key: h.held_a for e, h in zip(self.topology.evses, self.holds, strict=True)},
            cutting=cutting,
            reserved=frozenset(
                e.key
                for e, h in zip(self.topology.evses, self.holds, strict=True)
                if h.standing not in ("steered", "paused")
            ),
            circuits=ledgers,
            overloaded=bool(self.above),
            overcommitted=overcommitted,
            notes=tuple(notes),
        )
        return state, decision


def _class(state: EvseState, priority: int) -> int:
    return priority if state.priority is None else state.priority


def _add(sums: list[float], rows: Rows, current_a: float) -> None:
    for row in rows:
        sums[row] += current_a


def _triple(values: Sequence[float], k: int) -> PerPhase:
    return values[3 * k], values[3 * k + 1], values[3 * k + 2]
