"""What an EVSE may draw at this moment as far as anyone can prove, and whether the law can steer it.

A command that was sent is a hope. Until it was acknowledged *and* seen in the meter, the larger of old and
new counts. An EVSE that can't be steered (offline, unproven, deaf, disobeying) is set aside first, with the
most it may draw.
"""

from __future__ import annotations

import math
from typing import Literal, TypeAlias

from msgspec import Struct, structs

from ampacity.model.site import Evse

from .base import sample_age, sample_stale_s
from .settings import ControlSettings
from .state import EvseMemory
from .types import EvseState

Standing: TypeAlias = Literal[
    "steered", "paused", "idle", "offline", "unproven", "deaf", "relapsing", "disobeying", "aside"
]
"""`paused` by a person and `steered`: the law sets the limit. `deaf`: a cut was not acknowledged within the
reaction time. `relapsing`: its limit is below what it does unattended, and was not renewed for so long that
it may step up by itself before others have stepped down. `disobeying`: it measures more than the limit that
it acknowledged. `aside`: somebody knows that it does not do as told."""

EPSILON_A = 0.05
"""Half a tenth: limits travel with one decimal."""


class Hold(Struct, frozen=True, gc=False):
    """`in_force_a`: the limit that the station runs on at most. `reach_a`: the same, or a limit on its way if
    that is higher. `held_a`: the same, or what it was allowed before a decrease that nobody has seen yet, or
    what it is seen to draw where it isn't steered. `age_s`: of its meter's sample, None where there is none
    that can be used."""

    standing: Standing
    in_force_a: float
    reach_a: float
    held_a: float
    measured_a: float | None
    age_s: float | None = None


def safe_a(evse: Evse, state: EvseState) -> float:
    """What the EVSE draws when nobody talks to it."""
    return _or_worst(state.safe_a, evse.max_a) if state.safe_a is not None else evse.safe_a


def in_force(evse: Evse, state: EvseState, at: float) -> float:
    """The highest limit that the station may be running on, from what it acknowledged."""
    committed = state.committed_a if state.committed_a is None else _or_worst(state.committed_a, evse.max_a)
    if not state.proven:
        return max(evse.max_a, committed or 0.0)
    safe = safe_a(evse, state)
    if committed is None:
        return safe
    if state.lease_until is None or math.isnan(state.lease_until):
        return committed if state.online else max(committed, safe)
    return committed if at < state.lease_until else safe


def _measured(evse: Evse, state: EvseState) -> float | None:
    """What its meter shows, in amperes of its limit: the highest phase. Of an AC one that is told watts,
    which its car takes where it likes, it is the mean of its phases."""
    if state.measured_a is None:
        return None
    if state.in_watts and evse.dc_power_w is None:
        return sum(max(0.0, amperes) for amperes in state.measured_a) / len(evse.phases)
    return max(0.0, *state.measured_a)


def _or_worst(value_a: float | None, worst_a: float) -> float:
    """A limit that is not a number from 0 up tells nothing: the worst counts."""
    if value_a is None:
        return 0.0
    return value_a if 0 <= value_a < math.inf else worst_a


def hold(
    evse: Evse,
    state: EvseState,
    memory: EvseMemory | None,
    at: float,
    settings: ControlSettings,
    skew_s: float = 0.0,
) -> tuple[Hold, EvseMemory]:
    """How the EVSE stands, and its memory with what was seen since the last step. `skew_s`: how far the
    clock of any station of the site may be off."""
    now = in_force(evse, state, at)
    if memory is None or not state.session:
        # A session that ended takes its turns and what was learnt of the car with it, a decrease in flight
        # not.
        memory = EvseMemory(
            in_force_a=now if memory is None else memory.in_force_a,
            doubted_a=0.0 if memory is None else memory.doubted_a,
            settling_a=None if memory is None else memory.settling_a,
            settling_since=0.0 if memory is None else memory.settling_since,
        )
    age = sample_age(state, at, settings)
    measured = None if age is None else _measured(evse, state)
    before = memory.in_force_a
    doubted = _or_worst(state.doubt_a, evse.max_a)
    memory = _settle(state, memory, now, doubted, measured, age, at, settings)
    reach = max(now, _or_worst(state.inflight_a, evse.max_a), doubted)
    if memory.cut_since is not None:
        if reach <= memory.cut_to_a + EPSILON_A:
            memory = structs.replace(memory, cut_since=None)
        elif now < before - EPSILON_A:
            # It acknowledged an earlier cut of several: it hears us, and has its time for the next.
            memory = structs.replace(memory, cut_since=at)
    standing = _standing(evse, state, memory, at, settings, skew_s)
    held = max(reach, memory.settling_a or 0.0)
    if standing not in ("steered", "paused"):
        held = max(held, safe_a(evse, state))
        if state.aside_a is not None:
            held = max(held, _or_worst(state.aside_a, evse.max_a))
        # What it was seen to draw counts while it is news; of one that drew more than it was told, until it
        # tells better.
        if age is not None and (
            age <= sample_stale_s(state.sample_interval_s) or memory.over_since is not None
        ):
            held = max(held, measured or 0.0)
    return Hold(standing, now, reach, held, measured, age), memory


def _standing(
    evse: Evse, state: EvseState, memory: EvseMemory, at: float, settings: ControlSettings, skew_s: float
) -> Standing:
    if not state.online:
        return "offline"
    if not state.proven:
        return "unproven"
    if state.aside_a is not None:
        return "aside"
    if not state.session:
        return "idle"
    if memory.cut_since is not None and at - memory.cut_since > settings.reaction_s:
        return "deaf"
    if _relapses(evse, state, at, settings, skew_s):
        return "relapsing"
    if memory.over_since is not None and at - memory.over_since > _verify_s(state, settings):
        return "disobeying"
    return "paused" if state.stands and not state.rests(evse) else "steered"


def _relapses(evse: Evse, state: EvseState, at: float, settings: ControlSettings, skew_s: float) -> bool:
    """Whether one that is held below its safe current may step up by itself while another one still draws
    what it is promised now.

    It steps up two leases after its limit was sent, as early as its clock is fast; the others step down one
    lease from now, as late as theirs are slow and their cars lag. The lease itself falls out of that.
    """
    committed, until = state.committed_a, state.lease_until
    if committed is None or until is None or not committed < safe_a(evse, state) - EPSILON_A:
        return False
    return at > until - settings.landing_s - skew_s - 2 * abs(state.skew_s)


def _settle(
    state: EvseState,
    memory: EvseMemory,
    now_a: float,
    doubted_a: float,
    measured_a: float | None,
    age_s: float | None,
    at: float,
    settings: ControlSettings,
) -> EvseMemory:
    """Follow decreases until they are seen, and mark an EVSE that draws more than it was told."""
    settling, since, over = memory.settling_a, memory.settling_since, memory.over_since
    # A limit that was never answered may have been taken: where it ends, or another one was, its car comes
    # down as after any decrease.
    before, reaches = max(memory.in_force_a, memory.doubted_a), max(now_a, doubted_a)
    if reaches < before - EPSILON_A or now_a < memory.in_force_a - EPSILON_A:
        settling = max(before, settling or 0.0)
        since = at
    elif settling is not None and now_a >= settling:
        settling = None
    allowed = now_a * (1 + settings.disobey_share) + settings.disobey_a
    stale = age_s is None or age_s > sample_stale_s(state.sample_interval_s)
    news = age_s is not None and not stale and at - age_s >= memory.settling_since
    above = measured_a is not None and news and measured_a > allowed
    # What it never answered, or not yet, it may have taken: to draw that much is no disobedience.
    told_a = max(_or_worst(state.inflight_a, 0.0), _or_worst(state.doubt_a, 0.0))
    within_a = told_a * (1 + settings.disobey_share) + settings.disobey_a
    if settling is not None:
        seen = age_s is not None and at - age_s > since and not above
        # Without samples the acknowledgement must do, after the time in which a sample would have been stale.
        trusted = stale and at - since > sample_stale_s(state.sample_interval_s) + settings.verify_s
        if seen or trusted:
            settling = None
    if news:
        disobeys = above and measured_a is not None and measured_a > within_a
        over = (at if over is None else over) if disobeys else None
    if (now_a, doubted_a, settling, over) == (
        memory.in_force_a,
        memory.doubted_a,
        memory.settling_a,
        memory.over_since,
    ):
        return memory
    return structs.replace(
        memory,
        in_force_a=now_a,
        doubted_a=doubted_a,
        settling_a=settling,
        settling_since=since,
        over_since=over,
    )


def _verify_s(state: EvseState, settings: ControlSettings) -> float:
    return max(settings.verify_s, settings.landing_s + settings.latency_s + state.sample_interval_s)
