"""Limits of somebody far away who says again and again that he is there.

| state | what holds | left |
|---|---|---|
| waiting (just started) | his last limit and his fail-safe | on a heartbeat; fail-safe where none comes |
| followed | his limit | fail-safe when the heartbeat is missing for `lost_s` |
| fail-safe | the fail-safe limit alone | on a heartbeat *and* a limit that is newer than the loss |
| released | nothing | on a new limit; fail-safe when the heartbeat is missing |

A heartbeat without a new limit leaves the fail-safe only as `SignalSource.resume` says, after `resume_s` of
heartbeats. (The use case "limitation of power consumption" of EEBUS has these states; its default then is to
release.)
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct, structs

from ampacity.model.protection import SignalSource
from ampacity.model.site import UNLIMITED_A, LimitSource

State: TypeAlias = Literal["waiting", "followed", "failsafe", "released"]

FAILSAFE = " (fail-safe)"
FUTURE_S = 2.0
"""A heartbeat from later than this is none."""


class SignalState(Struct, frozen=True, gc=False):
    """What was heard: monotonic seconds of the last heartbeat, and of the last limit."""

    heartbeat_at: float | None = None
    limit_at: float | None = None


SILENT = SignalState()


class SignalMemory(Struct, frozen=True, gc=False):
    """`since` when the state holds; `back_at`: the first heartbeat after a loss."""

    state: State
    since: float
    back_at: float | None = None


def follow(signal: SignalSource, heard: SignalState, memory: SignalMemory | None, at: float) -> SignalMemory:
    """The state now."""
    if memory is None:
        memory = SignalMemory("waiting", at)
    beat = (
        heard.heartbeat_at if heard.heartbeat_at is not None and heard.heartbeat_at <= at + FUTURE_S else None
    )
    alive = beat is not None and at - beat <= signal.lost_s
    fresh = heard.limit_at is not None and memory.since < heard.limit_at <= at + FUTURE_S
    match memory.state:
        case "waiting":
            if alive:
                return SignalMemory("followed", at)
            return SignalMemory("failsafe", at) if at - memory.since > signal.lost_s else memory
        case "followed":
            return memory if alive else SignalMemory("failsafe", at)
        case "released":
            if not alive:
                return SignalMemory("failsafe", at)
            return SignalMemory("followed", at) if fresh else memory
    if not alive or beat is None or beat <= memory.since:
        return memory if memory.back_at is None else structs.replace(memory, back_at=None)
    if fresh:
        return SignalMemory("followed", at)
    if memory.back_at is None:
        return structs.replace(memory, back_at=at)
    if signal.resume == "stay" or at - memory.back_at < signal.resume_s:
        return memory
    return SignalMemory("released" if signal.resume == "release" else "followed", at)


def limits(signal: SignalSource, state: State, told: list[LimitSource]) -> list[LimitSource]:
    """What holds of a signal. `told` are the limits that came from it, resolved."""
    if state == "followed":
        return told
    if state == "released":
        return []
    if signal.failsafe_a is None and signal.failsafe_w is None:
        return told
    failsafe = LimitSource(
        limit_a=UNLIMITED_A if signal.failsafe_a is None else signal.failsafe_a,
        limit_w=signal.failsafe_w,
        source=signal.source + FAILSAFE,
    )
    return [*told, failsafe] if state == "waiting" else [failsafe]
