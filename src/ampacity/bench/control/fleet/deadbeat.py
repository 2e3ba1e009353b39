"""The plain law beside ours: all of the headroom at once, upwards and downwards, each 5 s.

It has the product's sharing, leases and writer, so what differs is what it makes of a meter: what is told
already counts as drawn, and whatever else the meter shows as the building.
"""

from __future__ import annotations

from datetime import datetime

from ampacity.control.allocate import allocate, problem
from ampacity.control.limits import margin_a
from ampacity.control.topology import Topology
from ampacity.control.types import Grant
from ampacity.model.site import EvseKey

from ..laws import LEAST_A, PLAIN_TICK_S
from .keeper import Keeper
from .plant import Plant


class DeadBeat(Keeper):
    """Controls one plant as `Keeper` does, by the plain law."""

    def __init__(self, plant: Plant) -> None:
        super().__init__(plant)
        self._topology = Topology(self.site)
        self._told: dict[EvseKey, float] = {}

    def _control(self, now: datetime, at: float) -> None:
        self._told = {key: a for key, a in self._told.items() if self.lives[key].transaction is not None}
        if self.plant.at % PLAIN_TICK_S:
            return
        tree = self._topology
        loads = [i for i, evse in enumerate(tree.evses) if self.lives[evse.key].wants]
        evses = [tree.evses[i] for i in loads]
        if not loads:
            return
        told = [self._told.get(evse.key, evse.safe_a) for evse in evses]
        capacity = self._capacity(loads, told)
        shared = allocate(
            problem(
                capacity,
                [tree.rows_of(i) for i in loads],
                [evse.min_a for evse in evses],
                [evse.max_a for evse in evses],
            )
        )
        for evse, before_a, limit_a in zip(evses, told, shared.grant_a.tolist(), strict=True):
            live = self.lives[evse.key]
            if abs(limit_a - before_a) <= LEAST_A or live.inflight_a is not None:
                continue
            if limit_a < before_a:
                self.writer.cut(Grant(evse.key, limit_a), at)
            else:
                self.writer.lift(Grant(evse.key, limit_a), at)
            if live.inflight_a is not None:
                self._told[evse.key] = limit_a

    def _capacity(self, loads: list[int], told: list[float]) -> list[float]:
        """What all may have on each circuit phase: what is free by the meter, and what is told already; under
        the worst base where there is no meter, or nothing was read."""
        tree = self._topology
        capacity = []
        for circuit in tree.circuits:
            read = self.circuits[circuit.circuit_id].metered_a
            margin = margin_a(circuit.rating_a, None if circuit.meter is None else circuit.meter.interval_s)
            for phase in range(3):
                base_a = circuit.reserve_a if read is None else read[phase]
                capacity.append(circuit.rating_a - margin - base_a)
        capacity += [float("inf")] * (tree.row_count - len(capacity))
        for i, amperes in zip(loads, told, strict=True):
            for row in tree.rows_of(i):
                if self.circuits[tree.circuits[row // 3].circuit_id].metered_a is not None:
                    capacity[row] += amperes
        return capacity
