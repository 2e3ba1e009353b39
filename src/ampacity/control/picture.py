"""What is, before anything is decided: who may draw what, and what every row has left."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from ampacity.model.live import Reason
from ampacity.model.phases import ZERO, PerPhase
from ampacity.model.site import Circuit, Strategy

from . import acceptance, base, fairness, overload, turns, waking
from .devices import DeviceRows
from .limits import effective_limit, effective_power, margin_a, permitted
from .loading import BASE_SHARE, draw_on_rows, entries_of, path_rows
from .reserve import Hold, hold, safe_a
from .settings import ControlSettings
from .state import BaseMemory, ControlState, EvseMemory, OverloadMemory
from .topology import Entries, Topology, Wires, wires_of
from .types import CircuitState, EvseState, MeterState, Snapshot


class Picture:
    """One instant of a site, put in order. Lists are by EVSE, circuit or row number of the topology.

    `holds`, `memories` and `entries` (in one list: `wires`) belong to EVSEs; `limits` (amperes and whose),
    `margins` and `meters` to circuits. `row_limits` (infinite where nothing limits the row), `row_sources`,
    `row_margins`, `row_reserves` (the worst base), `row_bases` and `budget` (what EVSEs together may take)
    are per row, as are `overloads` and `above`; `power_limited` are the circuits whose power somebody
    limits now, `doubtful` the metered circuits below which a car rises unseen.
    """

    def __init__(
        self, state: ControlState, snapshot: Snapshot, settings: ControlSettings, topology: Topology
    ) -> None:
        self.before, self.snapshot, self.settings, self.topology = state, snapshot, settings, topology
        self.at = snapshot.at
        self.since = snapshot.at if state.since is None else state.since
        self.states: list[EvseState] = [
            snapshot.evses.get(key) or EvseState(key=key, online=False, proven=False) for key in topology.keys
        ]
        self.circuit_states: list[CircuitState] = [
            snapshot.circuits.get(circuit.circuit_id) or CircuitState(circuit_id=circuit.circuit_id)
            for circuit in topology.circuits
        ]
        self.holds: list[Hold] = []
        self.memories: list[EvseMemory] = []
        self.entries: list[Entries] = []
        self.wires: Wires
        self.limits: list[tuple[float, str]] = []
        self.margins: list[float] = []
        self.meters: list[MeterState] = []
        count = topology.row_count
        self.row_limits: list[float] = [math.inf] * count
        self.row_sources: list[str] = [""] * count
        self.row_margins: list[float] = [0.0] * count
        self.row_reserves: list[float] = [0.0] * count
        self.row_bases: list[float] = [0.0] * count
        self.base_memories: dict[str, BaseMemory] = {}
        self.overloads: dict[int, OverloadMemory] = {}
        self.above: frozenset[int] = frozenset()
        self.doubtful: frozenset[int] = frozenset()
        self._turns: dict[int, turns.Turn] = {}
        self._limit()
        self.power_limited: frozenset[int] = frozenset(
            row.circuit
            for row, limit in zip(topology.rows, self.row_limits, strict=True)
            if row.kind == "watts" and limit < math.inf
        )
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

    def turn(self, i: int) -> turns.Turn:
        """The place of EVSE `i` in the order of admission."""
        known = self._turns.get(i)
        if known is None:
            known = self._turns[i] = turns.turn(
                self.states[i],
                self.memories[i],
                self.priority(i),
                i,
                self.at,
                self.settings,
                kept=self.kept(i),
            )
        return known

    def kept(self, i: int) -> bool:
        """Whether the car at EVSE `i` counts as one that does not wake after a pause. A DC session that runs
        does: at 0 its station may end it."""
        setting = self.snapshot.site.sharing.keep_alive
        memory = self.memories[i]
        runs = self.topology.evses[i].dc_power_w is not None and memory.running_since is not None
        return setting == "always" or (setting == "learnt" and (memory.sleeps or runs))

    def circuits_above(self, i: int) -> tuple[int, ...]:
        """The circuits that carry EVSE `i`, its own first."""
        return self.topology.ancestors[self.topology.circuit_of[i]]

    def on_rows(self, current_a: Sequence[float]) -> list[float]:
        """What amperes of every EVSE add to each row."""
        return self.wires.sums(current_a, self.topology.row_count)

    def base_a(self, k: int) -> PerPhase:
        """The base on the phases of circuit `k`."""
        return self.row_bases[3 * k], self.row_bases[3 * k + 1], self.row_bases[3 * k + 2]

    def _limit(self) -> None:
        """What every row may carry, whose limit that is, what stays free below it, and the worst base."""
        tree, voltage_v = self.topology, self.snapshot.site.voltage_v
        lines = len(tree.lines)
        for k, circuit in enumerate(tree.circuits):
            live = self.circuit_states[k].limits
            interval = None if circuit.meter is None else circuit.meter.interval_s
            limit, whose = effective_limit(circuit, live, self.snapshot.epoch_s)
            self.limits.append((limit, whose))
            self.margins.append(margin_a(limit, interval))
            share = BASE_SHARE if k in tree.between_lines else 1.0
            for number in tree.rows_in[k]:
                row_limit, source, across, reserve_a = limit, whose, 1, circuit.reserve_a * share
                match tree.rows[number].kind:
                    case "watts" | "va" as kind:
                        found = _power(circuit, self.circuit_states[k], kind, self.snapshot.epoch_s)
                        if found is None:
                            continue
                        row_limit, source = found[0] / voltage_v, found[1]
                        across, reserve_a = lines, circuit.reserve_a * lines
                    case "neutral":
                        row_limit, source = permitted(circuit.neutral_a or 0.0), "rating"
                        reserve_a = circuit.reserve_a
                    case "unbalance":
                        row_limit, source = permitted(circuit.unbalance_a or 0.0), "rating"
                        reserve_a = circuit.reserve_a
                self.row_limits[number], self.row_sources[number] = row_limit, source
                self.row_margins[number] = margin_a(row_limit / across, interval) * across
                self.row_reserves[number] = reserve_a
        for number, row in enumerate(tree.rows[len(tree.rows) - len(tree.cabinets) :]):
            cabinet = tree.cabinets[row.circuit]
            place = len(tree.rows) - len(tree.cabinets) + number
            self.row_limits[place], self.row_sources[place] = float(cabinet.modules), cabinet.cabinet_id

    def _hold(self) -> None:
        """Where every EVSE stands, and the rows that it loads."""
        known, tree, limited = self.before.evses, self.topology, self.power_limited
        skew_s = max((abs(now.skew_s) for now in self.states), default=0.0)
        for i, (key, evse, now) in enumerate(zip(tree.keys, tree.evses, self.states, strict=True)):
            held, memory = hold(evse, now, known.get(key), self.at, self.settings, skew_s)
            memory = acceptance.learn(evse, now, memory, held, held.age_s, self.at, self.settings)
            self.memories.append(waking.learn(evse, now, memory, held, held.age_s, self.at, self.settings))
            self.holds.append(held)
            narrow = (
                now.phases if now.session and now.phases and set(now.phases) <= set(evse.phases) else None
            )
            self.entries.append(entries_of(tree, i, narrow, in_watts=now.in_watts, power_limited=limited))
        self.wires = wires_of(tree, self.entries)

    def _weigh_circuits(self) -> None:
        """Base loads, the state of the meters, and overloads of all circuits."""
        settings, site = self.settings, self.snapshot.site
        held_s = settings.peak_hold_s
        for interval_s in {now.sample_interval_s for now in self.states if now.session}:
            longer_s = base.hold_s(interval_s, settings)
            if longer_s <= settings.stale_hold_s:
                held_s = max(held_s, longer_s)
        doubtful: set[int] = set()
        for i, (now, known) in enumerate(zip(self.states, self.memories, strict=True)):
            late_s = self.topology.late_s(i)
            if known.raised_at is not None and base.rises_unseen(
                now, known.raised_at, self.at, settings, late_s
            ):
                doubtful.update(self.topology.ancestors[self.topology.circuit_of[i]])
        self.doubtful = frozenset(k for k in doubtful if self._sees_cars(k))
        draws = _Draws(self)
        readings: dict[int, tuple[float, float]] = {}
        for k, circuit in enumerate(self.topology.circuits):
            state, rows = self.circuit_states[k], self.topology.rows_in[k]
            memory = self.before.bases.get(circuit.circuit_id)
            if circuit.meter is not None:
                # Where the cars are not in the reading, there is nothing of theirs to doubt.
                doubted = k in self.doubtful
                memory = base.observe(
                    memory, state, self._implied(k, draws), doubted, self.at, held_s, settings
                )
            meter, bases = base.estimate(
                memory,
                circuit,
                [self.row_reserves[number] for number in rows],
                [self.row_limits[number] for number in rows],
                self.at,
                self.since,
                held_s,
                settings,
            )
            for number, base_a in zip(rows, bases, strict=True):
                if self.row_limits[number] < math.inf:
                    self.row_bases[number] = (
                        self.row_reserves[number] if site.strategy == "static" else base_a
                    )
            if memory is not None:
                self.base_memories[circuit.circuit_id] = memory
                usable = base.usable(state.metered_a, state.metered_at, self.at, settings.future_s)
                # Above its limit counts even where the reading makes no sensible base: it only ever cuts.
                age = self.at - memory.read_at
                interval = None if circuit.meter is None else circuit.meter.interval_s
                recent = interval is not None and base.meter_state(age, interval) == "fresh"
                if recent and usable:
                    readings.update(self._reading(k, draws))
            self.meters.append(meter)
        self.overloads, self.above = overload.follow(self.before.overloads, readings, self.at, settings)

    def _implied(self, k: int, draws: _Draws) -> Callable[[bool, bool], tuple[float, ...]]:
        """What the reading of circuit `k` leaves for the base on each of its rows, when what cars and devices
        draw for certain is taken off, and what cars that start may draw where that is asked for."""
        tree, state = self.topology, self.circuit_states[k]
        sees_cars = self._sees_cars(k)
        share = BASE_SHARE if k in tree.between_lines else 1.0

        def implied(young: bool, starts: bool) -> tuple[float, ...]:
            assert state.metered_a is not None
            metered_a = state.metered_a
            certain = draws.certain(young) if sees_cars else self.devices.low_a
            if starts:
                certain = [sure + start for sure, start in zip(certain, draws.starting(), strict=True)]
            values: list[float] = []
            for number in tree.rows_in[k]:
                row = tree.rows[number]
                match row.kind:
                    case "watts":
                        values.append(self._power_a(state, metered_a) - certain[number])
                    case "va":
                        values.append(sum(abs(value) for value in metered_a) - certain[number])
                    case "neutral" | "unbalance":
                        line = 3 * k + (row.phase or 0)
                        leads = metered_a[row.phase or 0] * share - certain[line]
                        values.append(leads - self._least_base_a(k, metered_a, draws if sees_cars else None))
                    case _:
                        values.append(metered_a[row.phase or 0] * share - certain[number])
            return tuple(values)

        return implied

    def _least_base_a(self, k: int, metered_a: PerPhase, draws: _Draws | None) -> float:
        """The least that the base of circuit `k` draws on its least loaded phase: what the meter reads less
        the most that cars and devices may draw; below zero only by what generation may feed in."""
        least = math.inf
        for phase in self.topology.lines:
            row = 3 * k + phase
            most_a = max(0.0, self.devices.high_a[row]) if draws is None else draws.most()[row]
            least = min(least, metered_a[phase] - most_a)
        return max(-self.topology.circuits[k].generation_a, least)

    def _power_a(self, state: CircuitState, metered_a: PerPhase) -> float:
        """Metered power by the voltage to neutral: the meter's own watts, or its amperes."""
        if state.metered_w is not None and math.isfinite(state.metered_w):
            return state.metered_w / self.snapshot.site.voltage_v
        return sum(metered_a)

    def _reading(self, k: int, draws: _Draws) -> dict[int, tuple[float, float]]:
        """What flows through circuit `k` on the rows that a meter shows, and their limits."""
        state, found = self.circuit_states[k], {}
        assert state.metered_a is not None
        beside = None if self._sees_cars(k) else draws.certain(False)
        for number in self.topology.rows_in[k]:
            row = self.topology.rows[number]
            if self.row_limits[number] == math.inf:
                continue
            if row.kind == "phase":
                value = state.metered_a[row.phase or 0]
            elif row.kind == "watts":
                value = self._power_a(state, state.metered_a)
            elif row.kind == "va":
                value = sum(abs(amperes) for amperes in state.metered_a)
            else:
                continue
            if beside is not None:  # what the cars draw, without the devices, which it sees
                value += beside[number] - self.devices.low_a[number]
            found[number] = value, self.row_limits[number]
        return found

    def _budget(self) -> list[float]:
        """Per row, what all EVSEs together may draw. Before commissioning is finished, only a part of it."""
        share = 1.0 if self.snapshot.site.commissioned else self.settings.commissioning_share
        budget = []
        for row, limit, margin, base_a in zip(
            self.topology.rows, self.row_limits, self.row_margins, self.row_bases, strict=True
        ):
            room = limit - margin - base_a
            budget.append(room * share if 0 < room < math.inf and row.kind != "cabinet" else room)
        return budget

    def _sees_cars(self, k: int) -> bool:
        """Whether the meter of circuit `k` shows what cars draw."""
        meter = self.topology.circuits[k].meter
        return meter is not None and meter.measures == "everything"


class _Draws:
    """What EVSEs and devices draw, on all rows; worked out when somebody asks."""

    def __init__(self, picture: Picture) -> None:
        self._picture = picture
        self._certain: dict[bool, list[float]] = {}
        self._most: list[float] | None = None
        self._starting: list[float] | None = None

    def certain(self, young: bool) -> list[float]:
        """Certain draw. While a base is young, old samples of falling cars would hide in it: then no more
        than the limit in force counts."""
        sums = self._certain.get(young)
        if sums is not None:
            return sums
        seen, tree = self._picture, self._picture.topology
        sums = self._certain[young] = list(seen.devices.low_a)
        # Added up where the EVSEs hang, and carried up from there once.
        drawn = [[0.0, 0.0, 0.0] for _ in tree.circuits]
        longest_s: dict[float, float] = {}
        for i, (now, held) in enumerate(zip(seen.states, seen.holds, strict=True)):
            age = held.age_s
            if age is None:
                continue
            interval_s = now.sample_interval_s
            stale_s = longest_s.get(interval_s)
            if stale_s is None:
                held_s = base.hold_s(interval_s, seen.settings)
                told = held_s <= seen.settings.stale_hold_s
                stale_s = longest_s[interval_s] = base.sample_stale_s(interval_s) if told else -1.0
            if age > stale_s:
                continue
            bound = held.in_force_a if young else held.held_a
            draw = base.certain_part(now, bound, len(tree.evses[i].phases))
            if i in tree.pairs:
                for row, amperes in draw_on_rows(tree, i, draw):
                    sums[row] += amperes
                continue
            there = drawn[tree.circuit_of[i]]
            there[0] += draw[0]
            there[1] += draw[1]
            there[2] += draw[2]
        for k, current_a in enumerate(drawn):
            for row, amperes in path_rows(tree, k, (current_a[0], current_a[1], current_a[2])):
                sums[row] += amperes
        return sums

    def starting(self) -> list[float]:
        """What cars may draw that start and can't have reported yet, beyond what of it is certain."""
        if self._starting is None:
            seen = self._picture
            self._starting = [0.0] * seen.topology.row_count
            for i, (now, held) in enumerate(zip(seen.states, seen.holds, strict=True)):
                late_s = seen.topology.late_s(i)
                if not base.starts_unseen(now, seen.memories[i], seen.at, seen.settings, late_s):
                    continue
                phases = len(seen.topology.evses[i].phases)
                draw = base.certain_draw(now, held.held_a, seen.at, seen.settings, phases) or ZERO
                sure = dict(draw_on_rows(seen.topology, i, draw))
                for row, coefficient in seen.entries[i].pairs():
                    self._starting[row] += max(0.0, coefficient * held.held_a - sure.get(row, 0.0))
        return self._starting

    def most(self) -> list[float]:
        """The most that may flow in every phase."""
        if self._most is None:
            seen = self._picture
            self._most = [max(0.0, high) for high in seen.devices.high_a]
            for i, held in enumerate(seen.holds):
                evse = seen.topology.evses[i]
                times = len(evse.phases) if seen.states[i].in_watts else 1
                for row in seen.topology.rows_of(i):
                    self._most[row] += min(held.held_a * times, max(evse.max_a, held.held_a))
        return self._most


def _power(circuit: Circuit, state: CircuitState, kind: str, epoch_s: float) -> tuple[float, str] | None:
    """A circuit's limit of active or apparent power in watts or VA, and whose; None without one."""
    if kind == "watts":
        return effective_power(circuit, state.limits, epoch_s)
    return None if circuit.rating_va is None else (permitted(circuit.rating_va), "rating")
