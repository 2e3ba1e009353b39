"""A world small enough to go through everything that can happen in it: two or three EVSEs behind one limit.

The product's own code decides: `control.law.step`, `control.lease`, and `control.answers` (what the site
makes of answers). Around it stand the writer of limits and the introduction of stations as `site` has them,
in ticks, and stations that do the worst that they may (`stations`).

What must hold is in `holding`, what a state is in `situation`.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Hashable, Iterator
from typing import NamedTuple

from msgspec import Struct

from ampacity.control import lease as leases
from ampacity.control.answers import AnswerKind, Answers
from ampacity.control.law import step
from ampacity.control.lease import Lease, Period
from ampacity.control.settings import ControlSettings
from ampacity.control.state import ControlState
from ampacity.control.topology import Topology
from ampacity.control.types import CircuitState, Decision, EvseState, Snapshot
from ampacity.model.phases import ZERO
from ampacity.model.site import Circuit, Evse, EvseKey, LimitSource, Site

from .explore import Move
from .holding import Holding
from .situation import FIELDS, NOW_S, Action, Known, State, frozen, settled
from .stations import LAG_TICKS, Happening, Message, Periods, Rules, Station, happenings

EPOCH_S = 1_790_000_000.0
SAMPLE_S = 1.0
MOST_KEPT = 1_000_000
"""Answers of the law that are kept for the same question."""

SETTINGS = ControlSettings(
    latency_s=5.0,
    landing_s=5.0,
    verify_s=5.0,
    raise_share=1.0,
    site_raise_share=1.0,
    raise_every_s=5.0,
    deadband_a=0.0,
    deadband_share=0.0,
    keep_a=0.0,
    deadband_waived_after_s=0.0,
    minimum_run_s=0.0,
    minimum_pause_s=0.0,
    accept_after_s=1e9,
)
"""Quick raises without deadbands: what is not about promises is out of the way."""


class Size(Struct, frozen=True, kw_only=True):
    """A small world. `safe_a` of each EVSE; `levels_a`: the limits that a person may set, the first holds at
    the start. `faults`: how many deviations a run may have, `changes`: how often the limit moves."""

    name: str
    safe_a: tuple[float, ...]
    levels_a: tuple[float, ...] = (20.0, 12.0)
    min_a: float = 4.0
    max_a: float = 12.0
    step_a: float = 4.0
    tick_s: float = 5.0
    lease_s: float = 15.0
    timeout_s: float = 10.0
    error_s: float = 0.0
    steps_s: tuple[float, ...] = ()
    faults: int = 2
    changes: int = 1
    crashes: bool = True
    forgets: bool = False
    sampled: bool = True


class Parts(NamedTuple):
    """The code under proof; a test puts a wrong part in its place and wants it found."""

    step: Callable[[ControlState, Snapshot, ControlSettings], tuple[ControlState, Decision]] = step
    periods: Callable[[float, float, float], tuple[Period, ...]] = leases.periods
    lease: Callable[..., Lease] = Lease
    answers: type[Answers] = Answers


PRODUCT = Parts()


class SmallWorld:
    """Every state's moves (for `explore`)."""

    def __init__(self, size: Size, parts: Parts = PRODUCT) -> None:
        self.size, self.parts = size, parts
        self.evses = tuple(
            Evse(
                station_id="abc"[i],
                evse_id=1,
                circuit_id="grid",
                phases=(0,),
                min_a=size.min_a,
                max_a=size.max_a,
                step_a=size.step_a,
                safe_a=safe_a,
            )
            for i, safe_a in enumerate(size.safe_a)
        )
        self.site = Site(
            site_id="small",
            operator_id="proof",
            name=size.name,
            time_zone="UTC",
            circuits=(Circuit(circuit_id="grid", name="grid", rating_a=size.levels_a[0]),),
            evses=self.evses,
            lease_s=size.lease_s,
            commissioned=True,
        )
        self.topology = Topology(self.site)
        off_s = size.error_s + max((abs(s) for s in size.steps_s), default=0.0)
        oldest_s = leases.BACKDATE_S + 2 * size.lease_s + size.tick_s * (1 + 2 * off_s // size.tick_s)
        self.rules = Rules(size.tick_s, size.forgets, size.steps_s, oldest_s, size.sampled)
        lasts_s = size.lease_s + 2 * off_s + size.timeout_s
        self.to_safe = int(-(-lasts_s // size.tick_s)) + LAG_TICKS + 1
        """Ticks after which a lower limit must be kept: a lease that was renewed at the last moment, late by
        the clock's error, and the car's lag."""
        self.snapshots: list[Snapshot] | None = None
        """What the law was told, where somebody wants to know."""
        self._blank = parts.answers()
        self._periods: dict[tuple[float, float], Periods] = {}
        self._choices: dict[tuple[Station, int, int], list[Happening]] = {}
        self._turns: dict[Hashable, tuple[ControlState, Decision, str]] = {}
        self.holding = Holding(self.topology, self._shape_of, size.tick_s, self.to_safe)

    def starts(self) -> Iterator[State]:
        """Everybody connected and nothing known yet; clocks slow and fast by the error that is known."""
        signs = (-1.0, 1.0) if self.size.error_s else (0.0,)
        for off in itertools.product(signs, repeat=len(self.evses)):
            yield State(
                stations=tuple(
                    Station(False, None, e.safe_a, 0, (), "", sign * self.size.error_s)
                    for e, sign in zip(self.evses, off, strict=True)
                ),
                known=tuple(self._nothing() for _ in self.evses),
                memories=(),
                ramp=(),
                level=0,
                high=(0.0, 0),
                since=None,
                faults=self.size.faults,
                changes=self.size.changes,
            )

    def at_work(self, ticks: int) -> Iterator[State]:
        """Each start after `ticks` in which nothing out of the ordinary happened."""
        for state in self.starts():
            for _ in range(ticks):
                state = next(move.state for move in self.moves(state) if _ordinary(state, move))
            yield state

    def _nothing(self) -> Known:
        return Known(frozen(self.parts.answers()), None, "", NOW_S, None, self.size.error_s)

    # ------------------------------------------------------------ one tick

    def moves(self, state: State) -> Iterator[Move[State, Action]]:
        """Everything that the next tick may bring."""
        choices = [self._happenings(station, i, state.faults) for i, station in enumerate(state.stations)]
        events: list[tuple[str, int, int]] = [("", 0, state.level)]
        if state.changes:
            events += [(f"limit {a:g} A", 0, k) for k, a in enumerate(self.size.levels_a) if k != state.level]
        if self.size.crashes and state.faults and any(s.online for s in state.stations):
            events.append(("controller dies", 1, state.level))
        for what in itertools.product(*choices):
            cost = sum(each.cost for each in what)
            for event in events:
                if cost + event[1] <= state.faults:
                    yield self._tick(state, what, event, cost + event[1])

    def _tick(
        self, state: State, what: tuple[Happening, ...], event: tuple[str, int, int], cost: int
    ) -> Move[State, Action]:
        at = NOW_S + self.size.tick_s
        name, _, level = event
        died = name == "controller dies"
        stations = [each.station for each in what]
        if died:
            stations = [s._replace(online=False, queue=(), answer="") for s in stations]
        known = [
            (self._nothing() if died else self._learn(k, each, e, at))
            for k, each, e in zip(state.known, what, self.evses, strict=True)
        ]
        thawed = [self._thaw(k) for k in known]
        limit, before = self.size.levels_a[level], self.size.levels_a[state.level]
        high = (state.high[0], state.high[1] - 1) if state.high[1] > 1 else (0.0, 0)
        if limit < before:
            high = (max(before, high[0]), self.to_safe)
        broken = self.holding.drawn(stations, limit, high)
        control, decision, promised = self._turn(state, died, thawed, known, limit)
        broken = broken or promised
        raised = {grant.key: grant.limit_a for grant in decision.raises}
        broken = broken or self.holding.raises_fit(stations, raised, limit)
        for i, evse in enumerate(self.evses):
            known[i], stations[i] = self._send(known[i], thawed[i], stations[i], evse, decision, at)
        broken = broken or self.holding.silence(stations, limit, high)
        action: Action = tuple(each.name for each in what) + ((name,) if name else ())
        following = settled(
            State(
                stations=tuple(stations),
                known=tuple(k._replace(answers=frozen(a)) for k, a in zip(known, thawed, strict=True)),
                memories=tuple(control.evses[e.key] for e in self.evses),
                ramp=tuple((when, added[0]) for when, added in control.ramp),
                level=level,
                high=high,
                since=control.since,
                faults=state.faults - cost,
                changes=state.changes - (level != state.level),
            ),
            self.size.tick_s,
            SETTINGS.raise_every_s,
            self.size.lease_s,
        )
        return Move(action=action, state=following, broken=broken)

    def _happenings(self, station: Station, i: int, budget: int) -> list[Happening]:
        key = (station, i, budget)
        found = self._choices.get(key)
        if found is None:
            safe_a = self.evses[i].safe_a
            found = list(happenings(station, safe_a, self.rules, budget, lambda a: self._shape_of(a, safe_a)))
            self._choices[key] = found
        return found

    def _shape_of(self, limit_a: float, safe_a: float) -> Periods:
        key = (limit_a, safe_a)
        if key not in self._periods:
            self._periods[key] = self.parts.periods(limit_a, safe_a, self.size.lease_s)
        return self._periods[key]

    # ------------------------------------------------------------ the controller's side

    def _learn(self, known: Known, what: Happening, evse: Evse, at: float) -> Known:
        """What the controller gets to know of one tick."""
        answers = self._thaw(known)
        calling, proving, asked_at = known.calling, known.proving, known.asked_at
        if what.dropped:
            if calling is not None:
                answers.answer(calling, "silent", at)
            answers.line_lost(at)
            return known._replace(answers=frozen(answers), calling=None, proving="")
        if what.opened:
            answers.line_opened(at)
            proving = "start"
        error_s = known.error_s
        if what.stepped_s:
            error_s += abs(what.stepped_s)
            answers.clock_is_off(error_s)
        measured = known.measured if what.sampled_a is None else (what.sampled_a, at)
        if calling is not None:
            kind: AnswerKind | None = None
            if what.heard:
                kind = "accepted" if what.heard == "accepted" else "refused"
            elif at - calling.sent_at >= self.size.timeout_s:
                kind = "silent"
            if kind is not None:
                answers.answer(calling, kind, at)
                calling = None
                proving = "start" if proving == "held" else proving
        if proving == "read":
            allowed = max(evse.safe_a, answers.committed_a or 0.0, answers.doubt_a(at) or 0.0)
            if what.read_a is not None:
                fits = what.read_a <= allowed + 0.1
                proving = "" if fits else "hold" if answers.committed_a is None else "start"
                if fits or proving == "start":
                    answers.checked(fits)
            elif at - asked_at >= self.size.timeout_s:
                answers.checked(False)
                proving = "start"
        return Known(frozen(answers), calling, proving, asked_at, measured, error_s)

    def _send(
        self, known: Known, answers: Answers, station: Station, evse: Evse, decision: Decision, at: float
    ) -> tuple[Known, Station]:
        """The writer of limits and the introduction of one station, after the law's turn."""

        def write(limit_a: float) -> None:
            nonlocal known, station
            answers.sent(limit_a)
            promised = self.parts.lease(
                limit_a=limit_a,
                safe_a=evse.safe_a,
                lease_s=self.size.lease_s,
                sent_at=at,
                skew_s=known.error_s,
            )
            known = known._replace(calling=promised)
            age_s = leases.BACKDATE_S + station.off_s
            station = station._replace(
                queue=(*_unawaited(station.queue), Message("limit", limit_a, age_s, True))
            )

        for grant in decision.cuts:
            if grant.key == evse.key and answers.may_cut(at, grant.limit_a, urgent=decision.overloaded):
                write(grant.limit_a)
        for grant in decision.raises:
            if grant.key == evse.key and answers.may_lift(at):
                write(grant.limit_a)
        if answers.committed_a is not None:
            if answers.lease_is_over(at):
                answers.lease_ended()
            elif answers.may_renew(at):
                write(answers.committed_a)
        if station.online and answers.inflight_a is None:
            if known.proving == "hold":
                write(evse.safe_a)
                known = known._replace(proving="held")
            elif known.proving == "start":
                known = known._replace(proving="read", asked_at=at)
                station = station._replace(queue=(*station.queue, Message("read", 0.0, 0.0, True)))
        return known, station

    def _turn(
        self, state: State, died: bool, thawed: list[Answers], known: list[Known], limit: float
    ) -> tuple[ControlState, Decision, str]:
        """One step of the law; the same question has the same answer."""
        told = tuple((k.answers, k.measured, k.error_s) for k in known)
        key = (died, state.memories, state.ramp, state.since, told, limit)
        turn = None if self.snapshots is not None else self._turns.get(key)
        if turn is None:
            snapshot = self._snapshot(thawed, known, limit, NOW_S + self.size.tick_s)
            control, decision = self.parts.step(self._control(state, died), snapshot, SETTINGS)
            turn = (control, decision, self.holding.promised(snapshot, decision))
            if self.snapshots is not None:
                self.snapshots.append(snapshot)
            elif len(self._turns) < MOST_KEPT:
                self._turns[key] = turn
        return turn

    def _control(self, state: State, died: bool) -> ControlState:
        if died or not state.memories:
            return ControlState(topology=self.topology)
        return ControlState(
            topology=self.topology,
            since=state.since,
            evses={e.key: m for e, m in zip(self.evses, state.memories, strict=True)},
            ramp=tuple((when, (added, 0.0, 0.0)) for when, added in state.ramp),
        )

    def _snapshot(self, answers: list[Answers], known: list[Known], limit: float, at: float) -> Snapshot:
        evses: dict[EvseKey, EvseState] = {}
        for evse, line, k in zip(self.evses, answers, known, strict=True):
            evses[evse.key] = EvseState(
                key=evse.key,
                online=line.steerable,
                proven=line.proven,
                session=True,
                wants=True,
                measured_a=None if k.measured is None else (k.measured[0], *ZERO[1:]),
                measured_at=None if k.measured is None else k.measured[1],
                sample_interval_s=SAMPLE_S,
                committed_a=line.committed_a,
                committed_at=line.committed_at,
                lease_until=line.lease_until,
                skew_s=k.error_s,
                inflight_a=line.inflight_a,
                doubt_a=line.doubt_a(at),
                raise_after=line.lift_again_at if at < line.lift_again_at else None,
                refusing=line.refusing(at),
            )
        person = LimitSource(limit_a=limit, source="person")
        return Snapshot(
            site=self.site,
            circuits={"grid": CircuitState(circuit_id="grid", limits=(person,))},
            evses=evses,
            at=at,
            epoch_s=EPOCH_S,
        )

    def _thaw(self, known: Known) -> Answers:
        answers = copy.copy(self._blank)
        vars(answers).update(zip(FIELDS, known.answers, strict=True))
        return answers


def _ordinary(state: State, move: Move[State, Action]) -> bool:
    same = move.state.faults == state.faults and move.state.level == state.level
    return same and not any(word in name for name in move.action for word in ("away", "lags"))


def _unawaited(queue: tuple[Message, ...]) -> tuple[Message, ...]:
    return tuple(m._replace(awaited=False) if m.kind == "limit" else m for m in queue)
