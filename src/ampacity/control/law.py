"""`step`: one turn of the law, each second and on every sample, status or limit change.

In order: what everybody may draw now (`reserve`), the base under every meter (`base`), what that leaves, who
must be set aside, how the rest is shared (`allocate`), and which of the differences go out: cuts at once,
raises only on what is free already (`ramp`). Nothing here reads a clock; two calls with equal arguments give
equal results.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from msgspec import structs

from ampacity.model.live import Reason
from ampacity.model.phases import PerPhase
from ampacity.model.site import Evse, EvseKey

from . import ramp, turns
from .base import rearranged
from .bounds import apply
from .cabinets import Moving
from .commands import Commands
from .picture import Picture
from .reserve import EPSILON_A, safe_a
from .settings import DEFAULTS, ControlSettings
from .sharing import Reasons, Sharing, Targets
from .state import BaseMemory, ControlState, DeviceMemory, EvseMemory, OverloadMemory
from .topology import Entries, Row, Topology
from .types import CircuitLedger, Decision, DeviceTarget, EvseState, Grant, RowLedger, Snapshot


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
        if state.topology is not None:
            state = structs.replace(state, overloads=_moved(state, topology), bases=_bases(state, topology))
    bounds, bound = apply(state.bounds, snapshot, topology)
    after, decision = _Turn(Picture(state, bound, settings, topology)).run()
    return structs.replace(after, bounds=bounds), decision


class _Turn:
    """One step while it is being worked out; thrown away afterwards."""

    def __init__(self, picture: Picture) -> None:
        self.picture = picture
        self.strategy = picture.strategy
        self.commands: dict[str, DeviceTarget] = {}
        self.device_memories: dict[str, DeviceMemory] = {}
        self.moving = Moving(
            picture.topology,
            picture.before.cabinets,
            picture.entries,
            [held.held_a for held in picture.holds],
            picture.at,
        )

    def run(self) -> tuple[ControlState, Decision]:
        aside_a = [0.0] * len(self.picture.holds)
        steered: list[int] = []
        for i, held in enumerate(self.picture.holds):
            if held.standing == "steered":
                steered.append(i)
            elif held.standing != "paused":
                aside_a[i] = held.held_a
        devices_a = self.picture.devices.high_a
        reserved_a = [d + e for d, e in zip(devices_a, self.picture.on_rows(aside_a), strict=True)]
        capacity = [b - r for b, r in zip(self.picture.budget, reserved_a, strict=True)]
        sharing = Sharing(self.picture)
        targets, reasons = sharing.share(steered, capacity)
        self._command(sharing.wishes, capacity)
        state, decision = self._act(steered, targets, reasons, capacity, reserved_a)
        keys = self.picture.topology.keys
        return state, structs.replace(decision, wishes={keys[i]: a for i, a in sharing.wishes.items()})

    def _command(self, wishes: Targets, capacity: Sequence[float]) -> None:
        """What devices shall do, from what is left when everybody has what he wishes, or still draws."""
        site, rows = self.picture.topology.site, self.picture.devices
        if not any(device.commanded for device in site.devices):
            return
        left = list(capacity)
        for device in site.devices:
            if rows.spans[device.device_id].steered:
                for row, most_a in rows.most(device):
                    left[row] += most_a
        demand = self.picture.on_rows(
            [
                max(wishes.get(i, 0.0), held.held_a) if held.standing in ("steered", "paused") else 0.0
                for i, held in enumerate(self.picture.holds)
            ]
        )
        commands = Commands(self.picture, left, demand)
        self.commands = commands.targets()
        self.device_memories = commands.memories

    def _act(
        self,
        steered: Sequence[int],
        targets: Targets,
        reasons: Reasons,
        capacity: Sequence[float],
        reserved_a: list[float],
    ) -> tuple[ControlState, Decision]:
        risen = self._raises(steered, targets, capacity, reasons)
        grants: dict[EvseKey, Grant] = {}
        cuts: list[Grant] = []
        raises: list[Grant] = []
        cutting: dict[EvseKey, float] = {}
        memories: dict[EvseKey, EvseMemory] = {}
        ramp_a = [0.0, 0.0, 0.0]
        picture, at, controlled = self.picture, self.picture.at, self.strategy != "uncontrolled"
        tree = picture.topology
        everybody = zip(tree.keys, tree.evses, picture.states, picture.holds, picture.memories, strict=True)
        for i, (key, evse, now, held, memory) in enumerate(everybody):
            if i in targets:
                target, why = targets[i], tuple(reasons[i])
            else:
                target, why = self._unsteered(i)
            grant = grants[key] = Grant(key, target, why)
            may_cut = controlled and now.online and now.session
            told = held.reach_a
            if held.standing == "unproven":
                told = self._told_unproven(evse, now)
            wanted = may_cut and target < told - EPSILON_A
            if wanted:
                if now.inflight_a is None or now.inflight_a > target + EPSILON_A:
                    cuts.append(grant)
                if memory.cut_since is None:
                    memory = structs.replace(memory, cut_since=at, cut_to_a=target)
                elif memory.cut_to_a != target:
                    memory = structs.replace(memory, cut_to_a=target)
            elif memory.cut_since is not None:
                memory = structs.replace(memory, cut_since=None)
            if held.standing in ("steered", "paused") and target < held.held_a - EPSILON_A:
                cutting[key] = target
            level = held.in_force_a
            if i in risen:
                level = risen[i]
                raises.append(Grant(key, level, why))
                memory = structs.replace(memory, raised_at=at)
                for number, coefficient in picture.entries[i].pairs():
                    row = tree.rows[number]
                    if row.kind == "phase" and row.circuit == tree.root:
                        ramp_a[row.phase or 0] += coefficient * (level - max(held.in_force_a, 0.0))
            if held.standing == "steered":
                lags = target >= level + evse.step_a - 1e-6
                if lags != (memory.lagging_since is not None):
                    memory = structs.replace(memory, lagging_since=at if lags else None)
                memory = turns.follow(now, memory, target > 0 and max(level, held.reach_a) > 0, at)
            elif held.standing == "paused" and memory.running_since is not None:
                memory = structs.replace(memory, running_since=None, waiting_since=None)
            memories[key] = memory
        cuts.sort(key=lambda g: g.limit_a - picture.holds[tree.evse_index[g.key]].reach_a)
        granted_a = picture.on_rows([targets.get(i, 0.0) for i in range(len(tree.evses))])
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

    def _told_unproven(self, evse: Evse, now: EvseState) -> float:
        """What an unproven EVSE may have been told: its maximum where nobody knows. While leases from before
        our start may live it may also have been held *below* its safe current, because others were promised
        the rest, and is not told to be safe unless it was read back to mean more."""
        if now.committed_a is not None:
            return now.committed_a
        young = self.picture.at - self.picture.since < 2 * self.picture.snapshot.site.lease_s
        return 0.0 if young else evse.max_a

    def _raises(
        self,
        steered: Sequence[int],
        targets: Targets,
        capacity: Sequence[float],
        reasons: Reasons,
    ) -> dict[int, float]:
        """New limits of those that rise now; names for the others what they wait for."""
        settings, evses = self.picture.settings, self.picture.topology.evses
        held_a = [h.held_a if h.standing in ("steered", "paused") else 0.0 for h in self.picture.holds]
        free = [left - held for left, held in zip(capacity, self.picture.on_rows(held_a), strict=True)]
        plain = self.strategy != "dynamic"
        candidates: list[tuple[turns.Turn, ramp.Candidate]] = []
        rising_a = [0.0] * self.picture.topology.row_count
        for i in steered:
            held, evse, target = self.picture.holds[i], evses[i], targets[i]
            if target < held.in_force_a + evse.step_a - 1e-6 or target < held.in_force_a + EPSILON_A:
                continue
            now, memory = self.picture.states[i], self.picture.memories[i]
            lagging = self.picture.at - (
                self.picture.at if memory.lagging_since is None else memory.lagging_since
            )
            start = held.in_force_a < evse.min_a - EPSILON_A
            least = ramp.deadband(held.in_force_a, evse.step_a, lagging, settings)
            thrifty = least < now.raise_least_a
            least, every_s = max(least, now.raise_least_a), max(settings.raise_every_s, now.raise_every_s)
            stale = self._stale_above(i) if not plain else None
            waits = now.raise_after is not None and self.picture.at < now.raise_after
            if now.inflight_a is not None or memory.settling_a is not None or waits:
                reasons[i].append(Reason(code="in_flight"))
            elif stale is not None:
                reasons[i].append(Reason(code="stale", circuit_id=stale))
            elif plain or start:
                candidates.append(
                    (self.picture.turn(i), self._candidate(i, target if plain else None, target, 0.0, True))
                )
            elif self.picture.doubtful.intersection(self.picture.circuits_above(i)) or (
                memory.raised_at is not None and self.picture.at - memory.raised_at < every_s
            ):
                reasons[i].append(Reason(code="ramp"))
            elif target - held.in_force_a < least - 1e-6:
                detail = "little of its write budget is left" if thrifty else None
                reasons[i].append(Reason(code="deadband", detail=detail))
            else:
                candidates.append((self.picture.turn(i), self._candidate(i, target, target, least, False)))
                _add(rising_a, self.picture.entries[i], max(settings.raise_per_evse_a, least))
        if self.strategy == "uncontrolled":
            return {c.number: c.target_a for _, c in candidates}
        ordered = [c for _, c in sorted(candidates, key=lambda pair: pair[0])]
        meters = self.picture.meters
        metered = [
            row.kind != "cabinet" and meters[row.circuit] != "none" for row in self.picture.topology.rows
        ]
        allowed = ramp.allowances(free, rising_a, metered, self._ramp_left(), settings)
        held_free = list(free)
        risen = ramp.release(ordered, free, allowed)
        self._wait_for_modules(ordered, risen, reasons)
        for candidate in ordered:
            i = candidate.number
            if candidate.number not in risen:
                if any(reason.code == "cabinet" and reason.detail for reason in reasons[i]):
                    continue
                more = candidate.target_a - candidate.held_a
                short = any(held_free[row] < share * more for row, share in candidate.entries.pairs())
                reasons[i].append(Reason(code="in_flight" if short else "ramp"))
            elif risen[i] < targets[i] - evses[i].step_a / 2:
                reasons[i].append(Reason(code="ramp"))
        return risen

    def _wait_for_modules(
        self, ordered: Sequence[ramp.Candidate], risen: dict[int, float], reasons: Reasons
    ) -> None:
        """Hold back, or cap, those who would rise into modules that are on their way to another one."""
        for candidate in ordered:
            i, evse = candidate.number, self.picture.topology.evses[candidate.number]
            if evse.cabinet_id is None or i not in risen:
                continue
            most_a = self.moving.most_a(i, evse.cabinet_id, evse.key)
            if risen[i] > most_a + 1e-6:
                detail = "modules are on their way to it"
                reasons[i].append(Reason(code="cabinet", source=evse.cabinet_id, detail=detail))
                risen[i] = round(math.floor(most_a / evse.step_a + 1e-6) * evse.step_a, 9)
                worth_it = not candidate.start and risen[i] >= candidate.from_a + candidate.deadband_a - 1e-6
                if not worth_it:
                    del risen[i]
                    continue
            self.moving.take(i, evse.cabinet_id, evse.key, risen[i])

    def _candidate(
        self, i: int, to_a: float | None, target_a: float, least_a: float, start: bool
    ) -> ramp.Candidate:
        evse, held = self.picture.topology.evses[i], self.picture.holds[i]
        raised = self.picture.memories[i].raised_at
        lowest = math.ceil(evse.min_a / evse.step_a - 1e-7) * evse.step_a
        return ramp.Candidate(
            number=i,
            entries=self.picture.entries[i],
            from_a=held.in_force_a,
            held_a=held.held_a,
            target_a=min(target_a, round(lowest, 9)) if to_a is None else to_a,
            step_a=evse.step_a,
            weight=self.picture.weight(i),
            start=start,
            deadband_a=least_a,
            raised_at=-math.inf if raised is None else raised,
        )

    def _stale_above(self, i: int) -> str | None:
        for k in self.picture.circuits_above(i):
            if self.picture.meters[k] == "stale":
                return self.picture.topology.circuits[k].circuit_id
        return None

    def _ramp_left(self) -> dict[int, float]:
        """What the site's raises may still add within this half minute, on the rows of the grid
        connection."""
        tree = self.picture.topology
        root = tree.root
        most = self.picture.settings.site_raise_share * self.picture.limits[root][0]
        used = [0.0, 0.0, 0.0]
        for _, added in self._ramp():
            used = [u + a for u, a in zip(used, added, strict=True)]
        left = {3 * root + p: max(0.0, most - used[p]) for p in range(3)}
        power = tree.numbers[Row("watts", root)]
        if root in self.picture.power_limited:
            most = self.picture.settings.site_raise_share * self.picture.row_limits[power]
            left[power] = max(0.0, most - sum(used))
        return left

    def _ramp(self) -> tuple[tuple[float, PerPhase], ...]:
        return tuple(
            r
            for r in self.picture.before.ramp
            if self.picture.at - r[0] < self.picture.settings.raise_every_s
        )

    def _unsteered(self, i: int) -> tuple[float, tuple[Reason, ...]]:
        """Where an EVSE should be that the law does not share for, and why; no higher than people ordered."""
        limit, reasons = self._by_standing(i)
        ordered = self.picture.order(i)
        if ordered is None or self.picture.holds[i].standing in ("idle", "offline"):
            return limit, reasons
        return min(limit, ordered[0]), (*reasons, ordered[1])

    def _by_standing(self, i: int) -> tuple[float, tuple[Reason, ...]]:
        now, held, memory = self.picture.states[i], self.picture.holds[i], self.picture.memories[i]
        safe = safe_a(self.picture.topology.evses[i], now)
        match held.standing:
            case "paused":
                reason = Reason(code="paused") if now.paused or now.held is None else now.held
                return 0.0, (reason,)
            case "idle":
                return safe, (Reason(code="no_session"),)
            case "offline":
                return held.in_force_a, (Reason(code="offline"),)
            case "unproven":
                return safe, (Reason(code="unproven", detail="its base profile was not read back yet"),)
            case "aside":
                detail = now.aside_why or "does not do as it is told"
                limit = 0.0 if now.stands else held.in_force_a
            case "relapsing":
                detail = f"its limit of {now.committed_a or 0:g} A could not be renewed in time"
                limit = 0.0 if now.stands else held.in_force_a
            case "deaf":
                detail = f"has not confirmed the cut to {memory.cut_to_a:g} A"
                limit = 0.0 if now.stands else min(memory.cut_to_a, held.in_force_a)
            case _:
                detail = f"draws {held.measured_a or 0:.1f} A on a limit of {held.in_force_a:g} A"
                limit = 0.0 if now.stands else held.in_force_a
        stage = max(
            (m.stage for row in self.picture.entries[i].rows if (m := self.picture.overloads.get(row))),
            default=0,
        )
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
        circuits = self.picture.topology.circuits
        ledgers = {
            circuit.circuit_id: CircuitLedger(
                circuit_id=circuit.circuit_id,
                limit_a=self.picture.limits[k][0],
                limit_source=self.picture.limits[k][1],
                meter_state=self.picture.meters[k],
                margin_a=self.picture.margins[k],
                base_a=self.picture.base_a(k),
                reserve_a=_triple(reserved_a, k),
                grants_a=_triple(granted_a, k),
                others=self._other_rows(k, reserved_a, granted_a),
            )
            for k, circuit in enumerate(circuits)
        }
        overcommitted = frozenset(
            self.picture.topology.place(row)
            for row, left in enumerate(capacity)
            if left < -1e-6 and self.picture.topology.rows[row].kind != "cabinet"
        )
        notes = [
            f"{c.circuit_id}: meter {m}"
            for c, m in zip(circuits, self.picture.meters, strict=True)
            if m in ("dead", "lost")
        ]
        ramps = self._ramp() if self.strategy == "dynamic" else ()
        state = ControlState(
            topology=self.picture.topology,
            since=self.picture.since,
            bases=self.picture.base_memories,
            overloads=self.picture.overloads,
            evses=memories,
            devices=self.device_memories,
            cabinets=self.moving.memories,
            ramp=(*ramps, (self.picture.at, ramp_a)) if any(ramp_a) else ramps,
        )
        decision = Decision(
            at=self.picture.at,
            strategy=self.picture.snapshot.site.strategy,
            mode=self.picture.snapshot.mode,
            grants=grants,
            cuts=tuple(cuts),
            raises=tuple(raises),
            held_a={
                key: h.held_a for key, h in zip(self.picture.topology.keys, self.picture.holds, strict=True)
            },
            cutting=cutting,
            reserved=frozenset(
                key
                for key, h in zip(self.picture.topology.keys, self.picture.holds, strict=True)
                if h.standing not in ("steered", "paused")
            ),
            circuits=ledgers,
            overloaded=bool(self.picture.above),
            overcommitted=overcommitted,
            notes=tuple(notes),
            commands=self.commands,
            devices_a=self.picture.devices.held_a(),
        )
        return state, decision

    def _other_rows(
        self, k: int, reserved_a: Sequence[float], granted_a: Sequence[float]
    ) -> tuple[RowLedger, ...]:
        """Circuit `k`'s rows besides its phases, where they are limited."""
        seen, tree = self.picture, self.picture.topology
        rows = []
        for number in tree.rows_in[k][3:]:
            limit = seen.row_limits[number]
            if limit == math.inf:
                continue
            kind = tree.rows[number].kind
            unit = seen.snapshot.site.voltage_v if kind in ("watts", "va") else 1.0
            rows.append(
                RowLedger(
                    row=tree.rows[number].mark,
                    kind=kind,
                    limit=limit * unit,
                    limit_source=seen.row_sources[number],
                    margin=seen.row_margins[number] * unit,
                    base=seen.row_bases[number] * unit,
                    reserve=reserved_a[number] * unit,
                    grants=granted_a[number] * unit,
                )
            )
        return tuple(rows)


def _moved(state: ControlState, topology: Topology) -> dict[int, OverloadMemory]:
    """Overloads by the rows of a site that was changed: a circuit may have another number now, or be gone."""
    old = state.topology
    if old is None:
        return {}
    kept: dict[int, OverloadMemory] = {}
    for number, memory in state.overloads.items():
        row = old.rows[number]
        k = topology.index.get(old.circuits[row.circuit].circuit_id)
        if k is None:
            continue
        now = topology.numbers.get(structs.replace(row, circuit=k))
        if now is not None:
            kept[now] = memory
    return kept


def _bases(state: ControlState, topology: Topology) -> dict[str, BaseMemory]:
    """Bases by the rows of a site that was changed."""
    old = state.topology
    if old is None:
        return state.bases
    kept: dict[str, BaseMemory] = {}
    for circuit_id, memory in state.bases.items():
        k, before = topology.index.get(circuit_id), old.index.get(circuit_id)
        if k is None or before is None:
            continue
        known = {old.rows[number].mark: place for place, number in enumerate(old.rows_in[before])}
        places = [known.get(topology.rows[number].mark) for number in topology.rows_in[k]]
        kept[circuit_id] = rearranged(memory, places)
    return kept


def _add(sums: list[float], entries: Entries, current_a: float) -> None:
    for row, coefficient in zip(entries.rows, entries.coefficients, strict=True):
        sums[row] += coefficient * current_a


def _triple(values: Sequence[float], k: int) -> PerPhase:
    return values[3 * k], values[3 * k + 1], values[3 * k + 2]
