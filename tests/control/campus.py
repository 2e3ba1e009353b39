"""A group in a world of numbers: sites that follow the member's side of the law, a coordinator, and a network
that loses and delays. Time goes by seconds; nothing here waits.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable

from msgspec import Struct

from ampacity.control.groups import law, member
from ampacity.control.groups.types import GroupDecision, GroupSnapshot, GroupState
from ampacity.control.types import CircuitState
from ampacity.model.groups import GroupMember, MemberAnswer, MemberReport, SiteGroup
from ampacity.model.phases import PerPhase
from ampacity.model.site import Circuit, LimitSource, MeterConfig

NOON = 1_750_000_000.0


def campus(
    *members: GroupMember,
    limit_a: float = 100.0,
    reserve_a: float = 0.0,
    metered: bool = False,
    lease_s: float = 10.0,
    settle_s: float = 20.0,
    more: tuple[Circuit, ...] = (),
    rating_w: float | None = None,
) -> SiteGroup:
    """A supply with these members; without any, a hospital before a car park."""
    hospital = GroupMember(site_id="hospital", circuit_id="supply", guaranteed_a=60.0, priority=2)
    park = GroupMember(site_id="park", circuit_id="supply", guaranteed_a=20.0)
    return SiteGroup(
        group_id="campus",
        operator_id="default",
        name="Campus",
        circuits=(
            Circuit(
                circuit_id="supply",
                name="Supply",
                rating_a=limit_a,
                reserve_a=reserve_a,
                rating_w=rating_w,
                meter=MeterConfig(protocol="push", interval_s=1.0) if metered else None,
            ),
            *more,
        ),
        members=members or (hospital, park),
        lease_s=lease_s,
        settle_s=settle_s,
    )


class Place(Struct):
    """A site: its base, what its cars would take, and what they may draw (`cars_a`), of which they draw the
    share `takes`. A cut reaches them `lag_s` later, a raise at once. Without its controller they go on for
    `settle_s` and then draw `safe_a`."""

    name: str
    membership: member.Membership
    base_a: float = 0.0
    wish_a: float = 0.0
    safe_a: float = 0.0
    settle_s: float = 20.0
    lag_s: float = 2.0
    takes: float = 1.0
    cars_a: float = 0.0
    alive: bool = True
    silent_since: float = 0.0
    cut_at: float | None = None
    life: int = 0
    number: int = 0
    limit_a: float = math.inf

    @property
    def draws_a(self) -> float:
        """The most that it may draw."""
        return self.base_a + self.cars_a

    def tick(self, at: float) -> None:
        """Follow what holds, or what is left when nobody does."""
        if not self.alive:
            if at >= self.silent_since + self.settle_s:
                self.cars_a = min(self.cars_a, self.safe_a)
            if at >= self.silent_since + 2 * self.settle_s:
                self.cars_a = self.safe_a
            return
        now = member.limited(self.membership, at)
        self.limit_a = math.inf if now.limit_a is None else now.limit_a
        target = max(0.0, min(self.wish_a, self.limit_a - self.base_a))
        if target >= self.cars_a:
            self.cars_a, self.cut_at = target, None
        elif self.cut_at is None:
            self.cut_at = at
        elif at >= self.cut_at + self.lag_s:
            self.cars_a, self.cut_at = target, None

    def report(self, at: float) -> MemberReport:
        """What it tells."""
        self.number += 1
        now, lease = member.limited(self.membership, at), self.membership.lease
        return MemberReport(
            site_id=self.name,
            life=str(self.life),
            number=self.number,
            epoch=0 if lease is None else lease.grant.epoch,
            seq=0 if lease is None else lease.grant.seq,
            limit_a=now.limit_a,
            limit_w=now.limit_w,
            lease_left_s=now.left_s,
            base_a=self.base_a,
            demand_a=self.base_a + self.wish_a,
            held_a=self.draws_a,
            base_w=3 * 230.0 * self.base_a,
            demand_w=3 * 230.0 * (self.base_a + self.wish_a),
            held_w=3 * 230.0 * self.draws_a,
            drawn_a=(self.base_a + self.takes * self.cars_a,) * 3,
            settle_s=self.settle_s,
        )


class Campus:
    """The group at work. `network` is asked for each message's delay in seconds (None: lost)."""

    def __init__(self, group: SiteGroup, network: Callable[[], float | None] = lambda: 0.0) -> None:
        self.group = group
        self.network = network
        self.at = 0.0
        self.places = {
            m.site_id: Place(
                m.site_id,
                member.start(m.guaranteed_a, group.voltage_v, group.lease_s, group.settle_s, 0.0),
            )
            for m in group.members
        }
        self.state = GroupState(epoch=1)
        self.runs = True
        self.decision: GroupDecision | None = None
        self.limits: tuple[LimitSource, ...] = ()
        self.metered: Callable[[], PerPhase | None] | None = None
        self._mail: list[tuple[float, Callable[[], None]]] = []
        self._read: tuple[PerPhase, float] | None = None

    def __getitem__(self, name: str) -> Place:
        return self.places[name]

    @property
    def total_a(self) -> float:
        """What may flow through the supply."""
        return sum(place.draws_a for place in self.places.values())

    def granted_a(self, name: str) -> float:
        """The limit of a member that runs now."""
        return self.places[name].limit_a

    def step(self) -> GroupDecision:
        """Let the law look."""
        reading = self.metered() if self.metered is not None else None
        if reading is not None:
            self._read = reading, self.at
        root = self.group.root.circuit_id
        circuits = {
            circuit.circuit_id: CircuitState(
                circuit_id=circuit.circuit_id,
                limits=self.limits if circuit.circuit_id == root else (),
                metered_a=self._read[0] if self._read and circuit.circuit_id == root else None,
                metered_at=self._read[1] if self._read and circuit.circuit_id == root else None,
            )
            for circuit in self.group.circuits
        }
        snapshot = GroupSnapshot(group=self.group, circuits=circuits, at=self.at, epoch_s=NOON + self.at)
        self.state, self.decision = law.step(self.state, snapshot)
        return self.decision

    def hear(self, report: MemberReport) -> MemberAnswer:
        """What the coordinator does with a report."""
        self.state = law.hear(self.state, self.group, report, self.at)
        decision = self.step()
        self.state, grant = law.issue(self.state, self.group, decision, report.site_id, self.at)
        return MemberAnswer(grant=grant)

    def tick(self) -> None:
        """One second: everybody follows, then tells."""
        self.at += 1.0
        due = [work for when, work in self._mail if when <= self.at]
        self._mail = [(when, work) for when, work in self._mail if when > self.at]
        for work in due:
            work()
        for place in self.places.values():
            place.tick(self.at)
        for place in self.places.values():
            if place.alive:
                self._send(place)

    def run(self, seconds: float) -> None:
        """Let so much time pass."""
        for _ in range(int(seconds)):
            self.tick()

    def kill(self, name: str) -> None:
        """A member's controller dies."""
        place = self.places[name]
        place.alive, place.silent_since = False, self.at

    def revive(self, name: str) -> None:
        """It starts again, and knows nothing."""
        place, m = self.places[name], next(m for m in self.group.members if m.site_id == name)
        place.alive, place.life, place.number, place.cut_at = True, place.life + 1, 0, None
        place.membership = member.start(
            m.guaranteed_a, self.group.voltage_v, self.group.lease_s, self.group.settle_s, self.at
        )

    def restart(self) -> None:
        """A coordinator that knows nothing, in the place of the former one."""
        self.state = GroupState(epoch=self.state.epoch + 1)
        self.runs = True

    def _send(self, place: Place) -> None:
        report, sent_at, life = place.report(self.at), self.at, place.life

        def arrive() -> None:
            if not self.runs:
                return
            answer = self.hear(report)

            def back() -> None:
                if answer.grant is not None and place.alive and place.life == life:
                    place.membership = member.accept(place.membership, answer.grant, sent_at)
                    place.tick(self.at)

            self._later(back)

        self._later(arrive)

    def _later(self, work: Callable[[], None]) -> None:
        delay = self.network()
        if delay is None:
            return
        if delay == 0:
            work()
        else:
            self._mail.append((self.at + delay, work))


def poor_network(rng: random.Random, loss: float, slowest_s: int) -> Callable[[], float | None]:
    """One that loses a share of its messages and keeps each for some seconds."""
    return lambda: None if rng.random() < loss else float(rng.randint(0, slowest_s))
