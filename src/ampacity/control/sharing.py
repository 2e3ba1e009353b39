"""What should be: one allocation over everybody whom the law steers, and the names of what binds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from msgspec import structs

from ampacity.model.live import Reason
from ampacity.model.site import EvseKey

from . import turns
from .allocate import Allocation, Problem, allocate
from .cabinets import whole_modules
from .explain import Explainer
from .limits import expired, permitted
from .picture import Picture
from .reserve import safe_a
from .strategies import fixed_shares

Targets = dict[int, float]
Reasons = dict[int, list[Reason]]
Caps = list[tuple[float, Reason]]


class Sharing:
    """Targets of the `steered` EVSEs (by number) within `capacity`, amperes per row."""

    def __init__(self, picture: Picture) -> None:
        self.picture = picture
        self.strategy = picture.strategy
        self.wishes: Targets = {}
        """What each that wants to charge would get if no circuit held it back."""
        self._lost = "lost" in picture.meters
        self._troubled = any(trouble.stage > 0 for trouble in picture.overloads.values())
        self.explainer = Explainer(picture.topology, picture.row_sources, picture.meters)

    def share(self, steered: Sequence[int], capacity: Sequence[float]) -> tuple[Targets, Reasons]:
        """Targets of the steered EVSEs, and what keeps each from more."""
        evses = self.picture.topology.evses
        if self.strategy == "uncontrolled":
            self.wishes = {i: evses[i].max_a for i in steered}
            return {i: evses[i].max_a for i in steered}, {i: self.explainer.uncontrolled() for i in steered}
        shares = (
            fixed_shares(
                self.picture.topology,
                self.picture.row_limits,
                self.picture.row_reserves,
                self.picture.power_limited,
            )
            if self.strategy == "static"
            else None
        )
        wanting = [i for i in steered if self._wants(i)]
        resting = [i for i in steered if not self._wants(i)]
        targets, reasons = self._among(wanting, capacity, shares)
        if not resting:
            return targets, reasons
        # A car that stopped by itself keeps its minimum only from what nobody else has a use for: five full
        # cars on three phases would hold 30 A of each. It is offered the minimum again when there is room.
        left = list(capacity)
        for i in wanting:
            for row, coefficient in self.picture.entries[i].pairs():
                left[row] -= coefficient * targets[i]
        more, why = self._among(resting, left, shares)
        return targets | more, reasons | why

    def _wants(self, i: int) -> bool:
        """Whether it has a right to a share, and not only to what nobody else has a use for."""
        now = self.picture.states[i]
        return now.wants and not now.rests(self.picture.topology.evses[i])

    def _among(
        self, loads: Sequence[int], capacity: Sequence[float], shares: dict[EvseKey, float] | None
    ) -> tuple[Targets, Reasons]:
        """One allocation among `loads`."""
        evses = self.picture.topology.evses
        picture = self.picture
        caps: list[tuple[float, Caps]] = []
        for i in loads:
            evse = evses[i]
            named = self._caps(i, None if shares is None else shares[evse.key])
            cap_a = evse.max_a
            for value, _ in named:
                cap_a = min(cap_a, value)
            caps.append((cap_a, named))
            if self._wants(i):
                self.wishes[i] = cap_a
        queue = [picture.turn(i) for i in loads]
        order = np.empty(len(loads), np.intp)
        order[sorted(range(len(loads)), key=queue.__getitem__)] = np.arange(len(loads))
        wires = picture.wires.of(loads)
        task = Problem(
            capacity_a=np.asarray(capacity, np.float64),
            entry_load=wires.load,
            entry_row=wires.row,
            entry_coefficient=wires.coefficient,
            minimum_a=np.array([evses[i].min_a for i in loads], np.float64),
            maximum_a=np.array([cap for cap, _ in caps], np.float64),
            weight=np.array([picture.weight(i) for i in loads], np.float64),
            step_a=np.array([evses[i].step_a for i in loads], np.float64),
            priority=np.array([picture.priority(i) for i in loads], np.intp),
            order=order,
        )
        result = allocate(task)
        modules = whole_modules(self.picture.topology, loads, task, result)
        if modules:
            most = task.maximum_a.copy()
            for load, (most_a, cabinet_id) in modules.items():
                most[load] = min(most[load], most_a)
                caps[load][1].append((most_a, Reason(code="cabinet", source=cabinet_id)))
            task = structs.replace(task, maximum_a=most)
            result = allocate(task)
        task, result = self._keep(loads, capacity, task, result)
        targets: Targets = dict(zip(loads, result.grant_a.tolist(), strict=True))
        return targets, self._name(loads, targets, caps, task, result)

    def _keep(
        self, steered: Sequence[int], capacity: Sequence[float], task: Problem, result: Allocation
    ) -> tuple[Problem, Allocation]:
        """Nobody is cut by a few tenths only to be equal: where all limits in force fit, they stay and the
        rest is shared around them. (A raise of 0.1 A that shows as base for a moment would otherwise be taken
        back.)"""
        reach = np.array([self.picture.holds[i].reach_a for i in steered])
        kept = (result.grant_a > 0) & (result.grant_a < reach - 1e-6) & (reach <= task.maximum_a + 1e-9)
        kept &= reach - result.grant_a <= self.picture.settings.keep_a + 1e-6
        # One that was set before the EVSE had these steps is no limit for it.
        steps = reach / task.step_a
        kept &= np.abs(steps - np.round(steps)) < 1e-6
        if not kept.any():
            return task, result
        going = np.where(result.grant_a > 0, reach, 0.0)
        used = np.bincount(task.entry_row, task.entry_coefficient * going[task.entry_load], len(capacity))
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
        if not same:
            return task, result
        # What is kept is held by nothing in this second sharing: its reasons are those of the first.
        binding = again.binding | (result.binding & kept[task.entry_load])
        return around, structs.replace(again, binding=binding)

    def _caps(self, i: int, share_a: float | None) -> Caps:
        """Everything but other EVSEs that keeps this one below its own maximum."""
        now, memory, evse = self.picture.states[i], self.picture.memories[i], self.picture.topology.evses[i]
        named: Caps = []
        ordered = self.picture.order(i)
        if ordered is not None:
            named.append(ordered)
        if now.learned_max_a is not None and now.learned_max_a >= 0:
            named.append((now.learned_max_a, Reason(code="car")))
        if memory.accepts_a is not None:
            named.append((memory.accepts_a, Reason(code="car", detail="takes no more")))
        if now.refusing:
            # A raise that can't be sent must not keep from others what it would need.
            detail = "does not take its limits"
            named.append((self.picture.holds[i].reach_a, Reason(code="unproven", detail=detail)))
        if now.rests(evse):
            named.append((evse.min_a, Reason(code="paused", detail="at 0 a DC session may end")))
        elif not now.wants:
            named.append((evse.min_a, Reason(code="car", detail="stopped by itself")))
        if now.thermal_a is not None:
            named.append((permitted(now.thermal_a), Reason(code="thermal", detail=now.thermal_at)))
        if now.ceiling_a is not None and not expired(now.ceiling_until, self.picture.at):
            named.append((permitted(now.ceiling_a), Reason(code="strategy", source=now.ceiling_source)))
        if now.external_a is not None:
            reason = Reason(code="external", source=now.external_source)
            named.append((permitted(now.external_a), reason))
        if share_a is not None:
            named.append((share_a, Reason(code="strategy", source="static", detail="its fixed share")))
        if memory.running_since is None and not turns.may_start(
            now, memory, self.picture.at, self.picture.settings, kept=self.picture.kept(i)
        ):
            named.append((0.0, Reason(code="minimum", detail="pauses for a while before the next turn")))
        if self._lost or self._troubled:
            named += self._caps_of_rows(i)
        return named

    def _caps_of_rows(self, i: int) -> Caps:
        """What holds it down because of the state of what carries it: a meter that is lost, an overload."""
        safe = safe_a(self.picture.topology.evses[i], self.picture.states[i])
        named: Caps = []
        for k in self.picture.circuits_above(i):
            if self.picture.meters[k] == "lost":
                reason = Reason(code="dead", circuit_id=self.picture.topology.circuits[k].circuit_id)
                named.append((safe, reason))
        for number in self.picture.entries[i].rows:
            trouble = self.picture.overloads.get(number)
            if trouble is not None and trouble.stage > 0:
                row = self.picture.topology.rows[number]
                circuit = self.picture.topology.circuits[row.circuit].circuit_id
                phase = None if row.phase is None else row.phase + 1
                reason = Reason(code="overload", circuit_id=circuit, phase=phase)
                named.append((safe if trouble.stage == 1 else 0.0, reason))
        return named

    def _name(
        self,
        steered: Sequence[int],
        targets: Targets,
        caps: Sequence[tuple[float, Caps]],
        task: Problem,
        result: Allocation,
    ) -> Reasons:
        bound: dict[int, list[int]] = {}
        at = np.flatnonzero(result.binding)
        for load, row in zip(task.entry_load[at].tolist(), task.entry_row[at].tolist(), strict=True):
            bound.setdefault(load, []).append(row)
        reasons: Reasons = {}
        admitted = result.admitted.tolist()
        for load, (i, (_, named)) in enumerate(zip(steered, caps, strict=True)):
            evse = self.picture.topology.evses[i]
            ceiling = targets[i] + evse.step_a if admitted[load] else evse.min_a
            mine = [reason for value, reason in named if value < ceiling - 1e-6]
            if load in bound:
                mine += self.explainer.rows(bound[load], admitted[load])
            if not mine:
                mine.append(Reason(code="evse_max"))
            reasons[i] = mine
        return reasons
