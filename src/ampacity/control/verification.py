"""Whether an EVSE does as it is told, and what is done when it does not: a ladder, climbed one rung at a
time.

A limit counts as obeyed when it was acknowledged, and a sample taken after lag, latency and one interval (15
s at least) shows no more than the limit, 10 % and 0.5 A. Otherwise

1. the limit is sent again, three times (`doubted`);
2. its profile is removed and sent again, five times, 120 s apart (`clearing`);
3. the station restarts as soon as nobody charges there (`awaiting_reset`, `resetting`);
4. if that does not help either it is `quarantined`: set aside with the most it was seen to draw, until a
   person releases it.

While it disobeys or refuses and a meter above it has been above its limit for a reaction time, its session
is ended, where the operator allows that. Trust comes back by obeying: at once while limits are only doubted,
after ten minutes near a limit and not above it further up.

The law reserves what a disobeying EVSE draws all the while (`reserve`); this only decides what to do about
it.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct, structs

from ampacity.model.live import Trust

from .settings import ControlSettings

Action: TypeAlias = Literal["resend", "clear", "reset", "stop", "quarantine"]
"""`resend` the limit, `clear` its profile and send it again, `reset` the station, `stop` the session,
`quarantine`: keep that it is set aside, and tell a person."""

LATEST_S = 60.0
"""A station that takes longer than that to follow a limit does not follow it."""

TELLING_SHARE = 0.5
"""A draw says that a limit is obeyed only where it is near it: a car that wants little obeys every limit."""


class Seen(Struct, frozen=True, kw_only=True, gc=False):
    """One EVSE at one instant, as far as this is concerned.

    `steerable`: online and proven. `limit_a` is the limit in force as far as we know. `measured_a` is the
    highest phase of a sample taken at `measured_at`. `refusals` counts limits in turn that were refused or
    not answered. `station_idle`: nobody charges at any EVSE of the station. `at_risk`: a meter above the EVSE
    has been above its limit for a reaction time.
    """

    steerable: bool
    session: bool
    limit_a: float
    measured_a: float | None = None
    measured_at: float | None = None
    sample_interval_s: float = 10.0
    refusals: int = 0
    station_idle: bool = False
    at_risk: bool = False


class Verification(Struct, frozen=True, kw_only=True, gc=False):
    """What is remembered of one EVSE. `since`: when it came to this rung; `acted_at`: the last action or
    decrease, after which it has its time; `tries` and `cycles`: how often the limit was sent again, and its
    profile removed. `over_since`: it measures more than it was told; `good_since`: it draws near its limit
    and not above. `most_a`: the most it drew while it disobeyed. `lowered_at`: the last decrease; `late_s`:
    the longest that it took to follow one, where that was longer than it should be.
    """

    trust: Trust = "trusted"
    since: float = 0.0
    acted_at: float = 0.0
    limit_a: float = 0.0
    tries: int = 0
    cycles: int = 0
    over_since: float | None = None
    good_since: float | None = None
    most_a: float = 0.0
    stopped_at: float | None = None
    lowered_at: float = 0.0
    late_s: float = 0.0

    @property
    def aside(self) -> bool:
        """Whether the law is to set it aside instead of steering it."""
        return self.trust in ("awaiting_reset", "quarantined")


TRUSTED = Verification()


def window_s(sample_interval_s: float, settings: ControlSettings) -> float:
    """How long an EVSE has to obey: lag, latency and one sample."""
    return max(settings.verify_s, settings.landing_s + settings.latency_s + sample_interval_s)


def verify(
    before: Verification, seen: Seen, at: float, settings: ControlSettings
) -> tuple[Verification, Action | None]:
    """The EVSE's standing at `at`, and what is to be done now (once: it counts as done)."""
    if before.trust == "quarantined":
        return _quarantined(before, seen, at, settings)
    if not seen.steerable:
        return (
            (structs.replace(before, over_since=None, good_since=None), None)
            if _has_news(before)
            else (
                before,
                None,
            )
        )
    if not seen.session:
        return _idle(before, seen, at)
    now = _look(before, seen, at, settings)
    window = window_s(seen.sample_interval_s, settings)
    over_s = 0.0 if now.over_since is None else at - max(now.over_since, now.acted_at)
    # Who is known to follow late has that time too, but not above a fuse.
    bad = over_s >= max(window, now.late_s + seen.sample_interval_s if now.late_s else 0.0)
    refused = seen.refusals >= settings.verify_retries
    if (over_s >= window or refused) and seen.at_risk and _may_stop(now, at, settings):
        return structs.replace(now, stopped_at=at), "stop"
    if bad or refused:
        return _climb(now, refused, at, settings)
    return _trust_again(now, seen, at, settings), None


def released(at: float) -> Verification:
    """A person has looked at it: it starts anew."""
    return Verification(since=at, acted_at=at)


def _has_news(before: Verification) -> bool:
    return before.over_since is not None or before.good_since is not None


def _idle(before: Verification, seen: Seen, at: float) -> tuple[Verification, Action | None]:
    """Nobody charges: a session's doubts end with it; a restart that waited can go ahead."""
    if before.trust == "awaiting_reset" and seen.station_idle:
        return (
            structs.replace(
                before, trust="resetting", since=at, acted_at=at, tries=0, over_since=None, good_since=None
            ),
            "reset",
        )
    if before.trust == "doubted":
        return Verification(since=at, acted_at=at, late_s=before.late_s), None
    if before.tries or _has_news(before) or before.stopped_at is not None:
        return structs.replace(before, tries=0, over_since=None, good_since=None, stopped_at=None), None
    return before, None


def _look(before: Verification, seen: Seen, at: float, settings: ControlSettings) -> Verification:
    """What the newest sample says of the limit."""
    changes: dict[str, float | None] = {}
    acted_at = before.acted_at
    if seen.limit_a != before.limit_a:
        changes["limit_a"] = seen.limit_a
        if seen.limit_a < before.limit_a:
            changes["acted_at"] = changes["lowered_at"] = acted_at = at
    fresh = (
        seen.measured_a is not None
        and seen.measured_at is not None
        and seen.measured_at >= acted_at
        and at - seen.measured_at <= 2 * seen.sample_interval_s + 5.0
    )
    if fresh and seen.measured_a is not None:
        allowed = seen.limit_a * (1 + settings.disobey_share) + settings.disobey_a
        over = seen.measured_a > allowed
        if over and before.over_since is None:
            changes["over_since"] = at
        elif not over and before.over_since is not None:
            changes["over_since"] = None
            took_s = at - before.lowered_at
            if window_s(seen.sample_interval_s, settings) < took_s <= LATEST_S:
                changes["late_s"] = max(before.late_s, took_s)
        if over and seen.measured_a > before.most_a:
            changes["most_a"] = seen.measured_a
        telling = not over and seen.limit_a > 0 and seen.measured_a >= TELLING_SHARE * seen.limit_a
        if telling and before.good_since is None:
            changes["good_since"] = at
        elif over and before.good_since is not None:
            changes["good_since"] = None
    return structs.replace(before, **changes) if changes else before


def _climb(
    now: Verification, refused: bool, at: float, settings: ControlSettings
) -> tuple[Verification, Action | None]:
    """It had its time and did not obey."""
    if now.trust == "awaiting_reset":
        return now, None
    # Who refuses was asked again by whoever sends limits: that were its tries.
    tries = settings.verify_retries if refused else now.tries
    if tries < settings.verify_retries:
        trust: Trust = "doubted" if now.trust == "trusted" else now.trust
        since = at if trust != now.trust else now.since
        return structs.replace(now, trust=trust, since=since, tries=tries + 1, acted_at=at), "resend"
    if now.trust == "resetting":
        return structs.replace(now, trust="quarantined", since=at, acted_at=at), "quarantine"
    if now.cycles == 0 or at - now.acted_at >= settings.verify_cool_down_s:
        if now.cycles >= settings.verify_cycles:
            return structs.replace(now, trust="awaiting_reset", since=at, acted_at=at), None
        since = now.since if now.trust == "clearing" else at
        return (
            structs.replace(
                now, trust="clearing", since=since, tries=tries, cycles=now.cycles + 1, acted_at=at
            ),
            "clear",
        )
    return now, None


def _trust_again(now: Verification, seen: Seen, at: float, settings: ControlSettings) -> Verification:
    if now.trust == "trusted" or now.over_since is not None:
        return now
    if now.trust == "doubted":
        looked = seen.measured_at is not None and seen.measured_at > now.acted_at
        return _trusted(now, at) if looked else now
    if now.good_since is not None and at - now.good_since >= settings.trust_after_s:
        return _trusted(now, at)
    return now


def _trusted(now: Verification, at: float) -> Verification:
    return Verification(
        since=at, acted_at=now.acted_at, limit_a=now.limit_a, lowered_at=now.lowered_at, late_s=now.late_s
    )


def _quarantined(
    before: Verification, seen: Seen, at: float, settings: ControlSettings
) -> tuple[Verification, Action | None]:
    """Nothing is tried any more; what it draws counts, and a fuse at risk does."""
    if not (seen.steerable and seen.session):
        if before.stopped_at is not None:
            return structs.replace(before, stopped_at=None), None
        return before, None
    now = _look(before, seen, at, settings)
    if now.over_since is not None and seen.at_risk and _may_stop(now, at, settings):
        return structs.replace(now, stopped_at=at), "stop"
    return now, None


def _may_stop(now: Verification, at: float, settings: ControlSettings) -> bool:
    """Asked to end its session, a station has its time as well."""
    return now.stopped_at is None or at - now.stopped_at >= settings.stop_again_s
