"""Two engines over a network that loses, repeats, delays and reorders, as a state machine."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from ampacity.ocpp.version import Role, Version
from tests.ocpp.network import TIMEOUT_S, World

roles = st.sampled_from(list(Role))
where = st.floats(min_value=0, max_value=1, exclude_max=True)


class BadNetwork(RuleBasedStateMachine):
    """Any order of calls, answers, losses, repetitions, reorderings, pauses and reconnections."""

    @initialize(version=st.sampled_from(list(Version)))
    def begin(self, version: Version) -> None:
        self.world = World(version)

    def _frames(self) -> list[tuple[Role, int]]:
        return [(role, index) for role, wire in self.world.wires.items() for index in range(len(wire))]

    def _open(self) -> list[tuple[Role, int]]:
        return [(role, i) for role, side in self.world.sides.items() for i in range(len(side.open))]

    @rule(role=roles, front=st.booleans())
    def call(self, role: Role, front: bool) -> None:
        self.world.sides[role].call(front=front)

    @rule(role=roles, at=where)
    def repeat(self, role: Role, at: float) -> None:
        if ended := self.world.sides[role].repeatable():
            self.world.sides[role].repeat(ended[int(at * len(ended))])

    @precondition(_frames)
    @rule(at=where, keep=st.booleans())
    def deliver(self, at: float, keep: bool) -> None:
        """Frames arrive in any order, once or several times."""
        frames = self._frames()
        self.world.deliver(*frames[int(at * len(frames))], keep=keep)

    @precondition(_frames)
    @rule(at=where)
    def lose(self, at: float) -> None:
        frames = self._frames()
        role, index = frames[int(at * len(frames))]
        self.world.wires[role].pop(index)

    @precondition(_open)
    @rule(at=where, refuse=st.booleans())
    def finish(self, at: float, refuse: bool) -> None:
        calls = self._open()
        role, index = calls[int(at * len(calls))]
        self.world.sides[role].finish(index, refuse=refuse)

    @rule(seconds=st.sampled_from([0.1, TIMEOUT_S / 2, TIMEOUT_S]))
    def wait(self, seconds: float) -> None:
        self.world.pass_time(seconds)

    @rule(abandon=st.booleans())
    def reconnect(self, abandon: bool) -> None:
        self.world.reconnect(abandon=abandon)

    @invariant()
    def each_try_has_at_most_one_outcome(self) -> None:
        for side in self.world.sides.values():
            assert all(side.outcomes[key] <= tries for key, tries in side.tries.items())
            assert side.outcomes.keys() <= side.tries.keys()

    @invariant()
    def a_waiting_call_has_a_deadline(self) -> None:
        for side in self.world.sides.values():
            deadline = side.engine.next_timeout()
            assert (deadline is None) == (side.engine.in_flight is None)
            assert deadline is None or deadline <= self.world.now + TIMEOUT_S
            assert side.engine.in_flight is not None or side.engine.queued == 0

    def teardown(self) -> None:
        """Whatever happened: with no frame delivered any more, every try ends by its time-out."""
        if not hasattr(self, "world"):
            return
        for side in self.world.sides.values():
            for _ in range(side.tries.total()):
                self.world.pass_time(TIMEOUT_S)
            assert side.outcomes == side.tries


def test_two_engines_over_a_bad_network() -> None:
    run_state_machine_as_test(
        BadNetwork,
        settings=settings(
            max_examples=50,
            stateful_step_count=40,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )


MIX = {"deliver": 8, "finish": 6, "call": 3, "repeat": 2, "lose": 1, "wait": 1, "reconnect": 0.5}


@pytest.mark.parametrize("version", list(Version))
def test_long_walks_over_a_bad_network(version: Version) -> None:
    """The same rules by seeded dice with the mix of a busy, bad line: walks that go deep."""
    seen: Counter[str] = Counter()
    for seed in range(25):
        dice = Random(f"{version} {seed}")
        machine = BadNetwork()
        machine.begin(version)
        for _ in range(150):
            step = dice.choices(list(MIX), list(MIX.values()))[0]
            role, at, yes = dice.choice(list(Role)), dice.random(), dice.random() < 0.3
            if (step in ("deliver", "lose") and not machine._frames()) or (
                step == "finish" and not machine._open()
            ):
                continue
            try:
                match step:
                    case "call":
                        machine.call(role, front=yes)
                    case "repeat":
                        machine.repeat(role, at)
                    case "deliver":
                        machine.deliver(at, keep=yes)
                    case "lose":
                        machine.lose(at)
                    case "finish":
                        machine.finish(at, refuse=yes)
                    case "wait":
                        machine.wait(dice.choice((0.1, TIMEOUT_S / 2, TIMEOUT_S)))
                    case "reconnect":
                        machine.reconnect(abandon=yes)
                machine.each_try_has_at_most_one_outcome()
                machine.a_waiting_call_has_a_deadline()
            except AssertionError as fault:
                raise AssertionError(f"{version}, seed {seed}: {fault}") from fault
        machine.teardown()
        for side in machine.world.sides.values():
            seen.update(side.seen)
    # The walks are worth something only when the rare things happened in them.
    assert (
        min(seen[name] for name in ("CallReceived", "ResultReceived", "ErrorReceived", "CallTimedOut")) > 50
    )
    assert seen["CallLost"] > 20
    assert seen["answered again"] > 50
