"""What is, before anything is decided: who may draw what, and what every circuit has left."""

from __future__ import annotations

from collections.abc import Callable

from ampacity.model.live import Reason
from ampacity.model.phases import PerPhase, add
from ampacity.model.site import Strategy

from . import acceptance, base, fairness, overload, waking
from .devices import DeviceRows
from .limits import effective_limit, margin_a
from .reserve import Hold, hold, safe_a
from .settings import ControlSettings
from .state import BaseMemory, ControlState, EvseMemory, OverloadMemory
from .topology import Entries, Topology
from .types import CircuitState, EvseState, MeterState, Snapshot


class Picture:
    """One instant of a site, put in order. Lists are by EVSE or circuit number of the topology; `budget` is
    per row.

    `holds`, `memories` and `entries` belong to EVSEs; `limits` (amperes and whose), `margins`, `meters` and
    `bases` to circuits. `overloads` and `above` are rows, `doubtful` the metered circuits below which a car
    rises unseen.
    """

    def __init__(
        self, state: ControlState, snapshot: Snapshot, settings: ControlSettings, topology: Topology
    ) -> None:
        self.before, self.snapshot, self.settings, self.topology = state, snapshot, settings, topology
        self.at = snapshot.at
        self.since = snapshot.at if state.since is None else state.since
        self.states: list[EvseState] = [
            snapshot.evses.get(evse.key) or EvseState(key=evse.key, online=False, proven=False)
            for evse in topology.evses
        ]
        self.holds: list[Hold] = []
        self.memories: list[EvseMemory] = []
        self.entries: list[Entries] = []
        self.limits: list[tuple[float, str]] = []
        self.margins: list[float] = []
        self.meters: list[MeterState] = []
        self.bases: list[PerPhase] = []
        self.base_memories: dict[str, BaseMemory] = {}
        self.overloads: dict[int, OverloadMemory] = {}
        self.above: frozenset[int] = frozenset()
        self.doubtful: frozenset[int] = frozenset()
        self.devices = DeviceRows(topology, snapshot.devices, self.at, settings)
        self._hold()
        self._standings = fairness.standings(
            snapshot.site.sharing.fairness, topology.evses, self.states, self.holds, settings
        )
        self._weigh_circuits()
        self.budget = self._budget()

    @property
    def strategy(self) -> Strategy:
        """The site's. In safe mode and an emergency stop nobody is left uncontrolled."""
        strategy = self.snapshot.site.strategy
        return "dynamic" if strategy == "uncontrolled" and self.snapshot.mode != "normal" else strategy

    def order(self, i: int) -> tuple[float, Reason] | None:
        """The most that EVSE `i` may have by what people ordered for the whole site."""
        if self.snapshot.mode == "stopped":
            return 0.0, Reason(code="emergency_stop")
        if self.snapshot.mode == "safe":
            return safe_a(self.topology.evses[i], self.states[i]), Reason(code="safe_mode")
        return None

    def priority(self, i: int) -> int:
        """The rank of EVSE `i`, higher first: its class (the session's, or its own), and what the site's
        fairness makes of it."""
        if self._standings is not None:
            return self._standings[i].rank
        own = self.states[i].priority
        return self.topology.evses[i].priority if own is None else own

    def weight(self, i: int) -> float:
        """The weight of EVSE `i` within its class; 1 where a weight makes no sense."""
        if self._standings is not None:
            return self._standings[i].weight
        own = self.states[i].weight
        weight = self.topology.evses[i].weight if own is None else own
        return weight if 1e-3 < weight < 1e6 else 1.0

    def kept(self, i: int) -> bool:
        """Whether the car at EVSE `i` counts as one that does not wake after a pause."""
        setting = self.snapshot.site.sharing.keep_alive
        return setting == "always" or (setting == "learnt" and self.memories[i].sleeps)

    def circuits_above(self, i: int) -> tuple[int, ...]:
        """The circuits that carry EVSE `i`, its own first."""
        return self.topology.ancestors[self.topology.circuit_of[i]]

    def _hold(self) -> None:
        """Where every EVSE stands, and the rows that it loads."""
        known = self.before.evses
        for i, (evse, now) in enumerate(zip(self.topology.evses, self.states, strict=True)):
            held, memory = hold(evse, now, known.get(evse.key), self.at, self.settings)
            age = base.sample_age(now, self.at, self.settings)
            memory = acceptance.learn(evse, now, memory, held, age, self.at, self.settings)
            self.memories.append(waking.learn(evse, now, memory, held, age, self.at, self.settings))
            self.holds.append(held)
            narrow = (
                now.phases if now.session and now.phases and set(now.phases) <= set(evse.phases) else None
            )
            self.entries.append(self.topology.entries_of(i, narrow))

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
        self.doubtful = frozenset(k for k in doubtful if self._sees_cars(k))
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

                if circuit.meter.measures == "without_evs":
                    # The cars are not in it: nothing of theirs to take off, and nothing to doubt.
                    memory = base.observe(memory, state, self._beside(k), False, self.at, held_s, settings)
                else:
                    memory = base.observe(memory, state, certain, k in doubtful, self.at, held_s, settings)
            meter, base_a = base.estimate(memory, circuit, limit, self.at, self.since, held_s, settings)
            if site.strategy == "static":
                base_a = (circuit.reserve_a,) * 3
            if memory is not None:
                self.base_memories[circuit.circuit_id] = memory
                usable = base.usable(state.metered_a, state.metered_at, self.at, settings.future_s)
                # Above its limit counts even where the reading makes no sensible base: it only ever cuts.
                age = self.at - memory.read_at
                recent = interval is not None and base.meter_state(age, interval) == "fresh"
                if recent and usable and state.metered_a is not None:
                    total_a = state.metered_a
                    if circuit.meter is not None and circuit.meter.measures == "without_evs":
                        total_a = add(total_a, _less(certain(False), self._devices_at(k)))
                    readings[k] = (total_a, limit)
            self.meters.append(meter)
            self.bases.append(base_a)
        self.overloads, self.above = overload.follow(self.before.overloads, readings, self.at, settings)

    def _certain(self, young: bool) -> list[float]:
        """Certain draw on all rows. While a base is young, old samples of falling cars would hide in it: then
        no more than the limit in force counts."""
        sums = list(self.devices.low_a)
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

    def _devices_at(self, k: int) -> PerPhase:
        """What devices draw at least on circuit `k`."""
        low_a = self.devices.low_a
        return low_a[3 * k], low_a[3 * k + 1], low_a[3 * k + 2]

    def _beside(self, k: int) -> Callable[[bool], PerPhase]:
        """What a meter that does not see the cars sees for certain, as `base.observe` asks for it."""
        devices_a = self._devices_at(k)
        return lambda young: devices_a

    def _sees_cars(self, k: int) -> bool:
        """Whether the meter of circuit `k` shows what cars draw."""
        meter = self.topology.circuits[k].meter
        return meter is not None and meter.measures == "everything"


def _less(a: PerPhase, b: PerPhase) -> PerPhase:
    return a[0] - b[0], a[1] - b[1], a[2] - b[2]
