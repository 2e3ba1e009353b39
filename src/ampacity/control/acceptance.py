"""A car that takes less than it may gives the rest back, and can ask again.

When a car has left more than the gap unused for a minute, its limit comes down to what it takes and the gap
above. It asks again by using most of that gap; and every quarter of an hour the law asks by itself.
"""

from __future__ import annotations

from msgspec import structs

from ampacity.model.site import Evse

from .base import sample_stale_s
from .reserve import Hold
from .settings import ControlSettings
from .state import EvseMemory
from .types import EvseState


def learn(
    evse: Evse,
    state: EvseState,
    memory: EvseMemory,
    hold: Hold,
    age_s: float | None,
    at: float,
    settings: ControlSettings,
) -> EvseMemory:
    """Follow what the car takes. Only a fresh sample of a steered car, on a limit that it has had for a
    while, tells."""
    if memory.accepts_a is not None:
        asks = hold.measured_a is not None and hold.measured_a > memory.accepts_a - settings.accept_gap_a / 2
        if asks or at - memory.accepted_at > settings.ask_again_s:
            return structs.replace(memory, accepts_a=None, slack_since=None)
    tells = (
        hold.standing == "steered"
        and hold.measured_a is not None
        and age_s is not None
        and age_s <= sample_stale_s(state.sample_interval_s)
        and memory.settling_a is None
        and state.wants
    )
    gap = max(settings.accept_gap_a, settings.accept_gap_share * hold.in_force_a) * 1.05
    if not tells or hold.measured_a is None or hold.in_force_a - hold.measured_a <= gap:
        return memory if memory.slack_since is None else structs.replace(memory, slack_since=None)
    if memory.slack_since is None:
        return structs.replace(memory, slack_since=at)
    raised = memory.raised_at is not None and at - memory.raised_at < settings.accept_after_s
    if raised or at - memory.slack_since < settings.accept_after_s:
        return memory
    accepts = max(evse.min_a, hold.measured_a + settings.accept_gap_a)
    return structs.replace(memory, accepts_a=accepts, accepted_at=at, slack_since=None)
