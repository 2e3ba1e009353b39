"""A site that obeys as slowly as real ones do: messages take time or get lost, cars lag, meters tick, samples
are late.

It knows the truth (`base`, what every station *may* draw) and hands the law only what a controller would
know.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from ampacity.control.law import step
from ampacity.control.lease import Lease, expires_at, valid_limit
from ampacity.control.settings import DEFAULTS, ControlSettings
from ampacity.control.state import START, ControlState
from ampacity.control.topology import Topology
from ampacity.control.types import CircuitState, Decision, EvseState, Snapshot
from ampacity.model.phases import PerPhase, on_phases
from ampacity.model.site import Evse, EvseKey, LimitSource, Site

EPOCH_S = 1_790_000_000.0


@dataclass
class Car:
    """`takes_a`: the most that it takes. `lag_s`: how long it takes to follow. `online`, `proven`, `obeys`:
    its station."""

    takes_a: float = 32.0
    session: bool = True
    wants: bool = True
    paused: bool = False
    online: bool = True
    proven: bool = True
    obeys: bool = True
    priority: int = 0
    weight: float = 1.0
    slack_s: float | None = None
    missing_wh: float | None = None
    session_at: float | None = None
    wakes: bool = True
    draw_a: float = 0.0
    lease: Lease | None = None
    acknowledged: Lease | None = None
    acknowledged_at: float | None = None
    inflight: Lease | None = None
    arrives: float = 0.0
    answers: float = 0.0
    doubt_a: float | None = None
    sample: tuple[float, float] | None = None
    next_sample: float = 0.0


@dataclass
class Plant:
    """`base` gives a circuit's own load at a time, per phase. `lag_s`: a car's, `latency_s`: a message's;
    `loss`: the share of messages that are lost, each way. `over_s`: how long a circuit was above a limit."""

    site: Site
    base: Callable[[str, float], PerPhase]
    cars: dict[EvseKey, Car]
    seed: int = 0
    lag_s: float = 3.0
    latency_s: float = 1.0
    sample_s: float = 10.0
    loss: float = 0.0
    lease_s: float = 300.0
    settings: ControlSettings = DEFAULTS
    at: float = 1000.0
    state: ControlState = START
    limits: dict[str, tuple[LimitSource, ...]] = field(default_factory=dict)
    dead_meters: set[str] = field(default_factory=set)
    writes: int = 0
    decision: Decision | None = None
    log: list[Decision] = field(default_factory=list)
    over_s: float = 0.0
    longest_over_s: float = 0.0
    _over: float = 0.0

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.tree = Topology(self.site)
        self.readings: dict[str, tuple[PerPhase, float]] = {}
        for evse in self.site.evses:
            self.cars.setdefault(evse.key, Car(session=False, wants=False))
            self.cars[evse.key].next_sample = self.at + self.random.uniform(0, self.sample_s)

    def allowed(self, evse: Evse, car: Car) -> float:
        """What the station lets through now, by its own leases."""
        return evse.safe_a if car.lease is None else valid_limit(car.lease, self.at)

    def takes(self, evse: Evse, car: Car) -> float:
        """The most that its car takes now."""
        return car.takes_a

    def flows(self, draws: dict[EvseKey, float] | None = None) -> list[float]:
        rows = [0.0] * self.tree.row_count
        for circuit in self.site.circuits:
            own = self.base(circuit.circuit_id, self.at)
            for phase in range(3):
                for row in self.tree.paths[self.tree.index[circuit.circuit_id]][phase]:
                    rows[row] += own[phase]
        for i, evse in enumerate(self.site.evses):
            amperes = self.cars[evse.key].draw_a if draws is None else draws[evse.key]
            for row in self.tree.rows_of(i):
                rows[row] += amperes
        return rows

    def snapshot(self) -> Snapshot:
        evses: dict[EvseKey, EvseState] = {}
        for evse in self.site.evses:
            car = self.cars[evse.key]
            known = car.acknowledged if car.session else None
            evses[evse.key] = EvseState(
                key=evse.key,
                online=car.online,
                proven=car.proven,
                session=car.session,
                wants=car.wants,
                paused=car.paused,
                priority=car.priority,
                weight=car.weight,
                slack_s=car.slack_s,
                missing_wh=car.missing_wh,
                session_at=car.session_at,
                measured_a=None if car.sample is None else on_phases(car.sample[1], evse.phases),
                measured_at=None if car.sample is None else car.sample[0],
                sample_interval_s=self.sample_s,
                committed_a=None if known is None else known.limit_a,
                committed_at=car.acknowledged_at,
                lease_until=None if known is None else expires_at(known),
                inflight_a=None if car.inflight is None else car.inflight.limit_a,
                doubt_a=car.doubt_a,
            )
        circuits = {
            circuit.circuit_id: CircuitState(
                circuit_id=circuit.circuit_id,
                limits=self.limits.get(circuit.circuit_id, ()),
                metered_a=self.readings.get(circuit.circuit_id, (None, None))[0],
                metered_at=self.readings.get(circuit.circuit_id, (None, None))[1],
            )
            for circuit in self.site.circuits
        }
        return Snapshot(site=self.site, circuits=circuits, evses=evses, at=self.at, epoch_s=EPOCH_S + self.at)

    def tick(self, dt: float = 1.0) -> Decision:
        """One second: the world moves, the law decides, its messages leave."""
        self.at += dt
        for evse in self.site.evses:
            self._move(evse, self.cars[evse.key], dt)
        flows = self.flows()
        for circuit in self.site.circuits:
            k = self.tree.index[circuit.circuit_id]
            if circuit.meter is not None and circuit.circuit_id not in self.dead_meters:
                self.readings[circuit.circuit_id] = (
                    (flows[3 * k], flows[3 * k + 1], flows[3 * k + 2]),
                    self.at,
                )
        snapshot = self.snapshot()
        self.before(snapshot)
        self.state, decision = step(self.state, snapshot, self.settings)
        self.judge(snapshot, decision)
        self._speak(decision)
        over = any(
            flows[3 * k + p] > decision.circuits[c.circuit_id].limit_a + 1e-6
            for k, c in enumerate(self.site.circuits)
            for p in range(3)
        )
        self._over = self._over + dt if over else 0.0
        self.over_s += dt if over else 0.0
        self.longest_over_s = max(self.longest_over_s, self._over)
        self.decision = decision
        self.log.append(decision)
        return decision

    def before(self, snapshot: Snapshot) -> None:
        """The law is about to be told this."""

    def judge(self, snapshot: Snapshot, decision: Decision) -> None:
        """What it said."""

    def _speak(self, decision: Decision) -> None:
        """What the decision says leaves, and leases that are due are renewed."""
        for grant in (*decision.cuts, *decision.raises):
            self._send(grant.key, grant.limit_a)
        for key, car in self.cars.items():
            lease = car.acknowledged
            if (
                lease
                and car.session
                and car.online
                and car.inflight is None
                and self.at > lease.sent_at + self.lease_s * 2 / 3
            ):
                self._send(key, lease.limit_a)

    def run(self, seconds: float) -> Decision:
        for _ in range(round(seconds)):
            decision = self.tick()
        return decision

    def _send(self, key: EvseKey, limit_a: float) -> None:
        car = self.cars[key]
        if car.inflight is not None:
            if car.inflight.limit_a == limit_a:
                return
            # One call outstanding: a newer one waits; the law sends it again when this one is answered.
            return
        evse = self.site.evses[self.tree.evse_index[key]]
        self.writes += 1
        car.inflight = Lease(limit_a=limit_a, safe_a=evse.safe_a, lease_s=self.lease_s, sent_at=self.at)
        delay = self.latency_s * self.random.uniform(0.5, 1.5)
        car.arrives = self.at + delay / 2
        car.answers = self.at + delay

    def _move(self, evse: Evse, car: Car, dt: float) -> None:
        if car.inflight is not None:
            if car.online and car.arrives <= self.at and car.arrives >= 0:
                if self.random.random() >= self.loss:
                    car.lease = car.inflight
                else:
                    car.answers = float("inf")
                car.arrives = -1.0
            if car.answers <= self.at and car.online:
                if self.random.random() >= self.loss:
                    car.acknowledged, car.acknowledged_at, car.doubt_a = car.inflight, self.at, None
                    car.inflight = None
                else:
                    car.answers = float("inf")
            if car.inflight is not None and self.at - car.inflight.sent_at > self.settings.latency_s:
                car.doubt_a = max(car.doubt_a or 0.0, car.inflight.limit_a)
                car.inflight = None
        if not car.session:
            car.draw_a = 0.0
            car.lease = car.acknowledged = None
        else:
            takes_a = self.takes(evse, car)
            goal = min(takes_a, self.allowed(evse, car)) if car.obeys else takes_a
            if not car.wants:
                goal = 0.0
            if goal < evse.min_a:
                goal = 0.0
            rate = dt / self.lag_s
            car.draw_a += (
                (goal - car.draw_a) * min(1.0, rate) if abs(goal - car.draw_a) > 0.05 else goal - car.draw_a
            )
        if self.at >= car.next_sample:
            car.next_sample += self.sample_s
            if car.online:
                car.sample = (self.at, car.draw_a)
