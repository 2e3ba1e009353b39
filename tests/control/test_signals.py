"""A grid operator's signal: followed while its heartbeat comes, its fail-safe when it does not."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import structs

from ampacity.control.signals import SignalMemory, SignalState, follow
from ampacity.control.types import Decision
from ampacity.model.protection import SignalSource
from ampacity.model.site import LimitSource

from .scene import GRID, PANEL, A, Scene, codes, limit, site

DSO = SignalSource(source="dso", failsafe_a=30.0)


def run(signal: SignalSource, *heard: tuple[float, float | None, float | None]) -> list[str]:
    """The states at `(at, last heartbeat, last limit)`, starting at 0."""
    memory = follow(signal, SignalState(), None, 0.0)
    states = []
    for at, beat, limit_at in heard:
        memory = follow(signal, SignalState(beat, limit_at), memory, at)
        states.append(memory.state)
    return states


@pytest.mark.parametrize(
    ("heard", "states"),
    [
        ([(60, None, None), (121, None, None)], ["waiting", "failsafe"]),
        ([(10, 9, None), (129, 9, None), (130, 9, None)], ["followed", "followed", "failsafe"]),
        # A heartbeat alone does not leave the fail-safe, and neither does a limit alone.
        ([(10, 9, 9), (200, 9, 9), (210, 209, 9)], ["followed", "failsafe", "failsafe"]),
        ([(10, 9, 9), (200, 9, 9), (210, 9, 209)], ["followed", "failsafe", "failsafe"]),
        ([(10, 9, 9), (200, 9, 9), (210, 209, 209)], ["followed", "failsafe", "followed"]),
        # A limit from before the loss is not a new one.
        ([(10, 9, 9), (200, 9, 9), (9_000, 8_999, 199)], ["followed", "failsafe", "failsafe"]),
        # A heartbeat from the future is none.
        ([(10, 9_999, None), (121, 9_999, None)], ["waiting", "failsafe"]),
    ],
)
def test_states(heard: list[tuple[float, float | None, float | None]], states: list[str]) -> None:
    assert run(DSO, *heard) == states


@pytest.mark.parametrize(
    ("resume", "state"), [("stay", "failsafe"), ("release", "released"), ("last", "followed")]
)
def test_heartbeats_without_a_new_limit_do_what_the_signal_s_specification_says(
    resume: Any, state: str
) -> None:
    signal = structs.replace(DSO, resume=resume)
    heard = [
        (10.0, 9.0, 9.0),
        (200.0, 9.0, 9.0),
        (210.0, 210.0, 9.0),
        (300.0, 300.0, 9.0),
        (331.0, 330.0, 9.0),
    ]
    assert run(signal, *heard) == ["followed", "failsafe", "failsafe", "failsafe", state]


def test_a_heartbeat_that_stops_again_starts_the_count_anew() -> None:
    signal = structs.replace(DSO, resume="release")
    memory = SignalMemory("failsafe", 0.0)
    for at, beat in ((10.0, 10.0), (131.0, 10.0), (140.0, 140.0), (200.0, 200.0)):
        memory = follow(signal, SignalState(beat, None), memory, at)
        assert memory.state == "failsafe", at


def watched(**changes: Any) -> Scene:
    scene = Scene(site(circuits=(structs.replace(GRID, signals=(structs.replace(DSO, **changes),)), PANEL)))
    scene.metered = (5.0, 5.0, 5.0)
    return scene


def beat(scene: Scene, told: bool = False) -> Decision:
    """A tick with a heartbeat just now."""
    before = scene.signals.get("dso", SignalState())
    at = scene.at + 1
    scene.signals = {"dso": SignalState(at, at if told else before.limit_at)}
    return scene.tick()


def test_failsafe_left_on_the_heartbeat_alone() -> None:
    """A mistake of shipping systems: the fail-safe ended with the first sign of life."""
    scene = watched()
    scene.limits = (LimitSource(limit_a=50.0, source="dso"),)
    beat(scene, told=True)
    scene.charge(A, 20.0)
    assert beat(scene, told=True).circuits["grid"].limit_source == "dso"
    scene.metered = (25.0, 25.0, 25.0)
    for _ in range(121):
        decision = scene.tick()
    assert (decision.circuits["grid"].limit_a, decision.circuits["grid"].limit_source) == (
        30.0,
        "dso (fail-safe)",
    )
    assert "signal" in codes(decision, A)
    for _ in range(300):
        assert beat(scene).circuits["grid"].limit_a == 30.0
    scene.limits = (LimitSource(limit_a=45.0, source="dso"),)
    assert beat(scene, told=True).circuits["grid"].limit_a == 45.0


def test_after_a_start_the_last_limit_and_the_failsafe_hold_both_until_the_sender_is_heard() -> None:
    scene = watched()
    scene.limits = (LimitSource(limit_a=50.0, source="dso"),)
    assert scene.tick().circuits["grid"].limit_a == 30.0
    assert beat(scene).circuits["grid"].limit_a == 50.0
    lower = watched(failsafe_a=80.0)
    lower.limits = (LimitSource(limit_a=50.0, source="dso"),)
    assert lower.tick().circuits["grid"].limit_a == 50.0


def test_a_lost_signal_cuts_at_once_and_others_limits_hold_beside_it() -> None:
    scene = watched()
    for _ in range(60):
        scene.charge(A, 32.0)
        scene.metered = (37.0, 37.0, 37.0)
        beat(scene, told=True)
    scene.limits = (LimitSource(limit_a=28.0, source="person"),)
    decision = scene.tick(121.0)
    assert limit(decision, A) < 28.0
    assert decision.cuts
    assert decision.circuits["grid"].limit_source == "person"
