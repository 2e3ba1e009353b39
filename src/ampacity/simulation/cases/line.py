"""One EVSE's station in a case: what we know of its limits, what is on its way, and what it does with them.

Our side is the product's (`control.answers`, `control.lease`, `control.station_clock`). The station's is
plain: it holds one profile of the running transaction, reads it with a clock of its own, and does what its
base profile says where that one has not begun.
"""

from __future__ import annotations

import random

from msgspec import structs

from ampacity.control import lease as leases
from ampacity.control.answers import AnswerKind, Answers
from ampacity.control.lease import Lease, Period
from ampacity.control.station_clock import StationClock
from ampacity.control.types import EvseState
from ampacity.model.site import Evse

TIMEOUT_S = 10.0
"""How long we wait for an answer."""

LAG_OF_A_SAMPLE_S = 5.0
"""A reading that seems no older came at once."""


class Line:
    """The line to one EVSE. Times are the case's monotonic seconds, `epoch_s` our clock and `ahead_s` how far
    the station's is before it."""

    def __init__(self, evse: Evse, at: float) -> None:
        self.evse = evse
        self.known = Answers()
        self.clock = StationClock()
        self.clock.line_opened(at)
        self.known.line_opened(at)
        self.sent: Lease | None = None
        self.profile: tuple[float, tuple[Period, ...]] = (0.0, ())
        self.held: tuple[float, tuple[Period, ...]] | None = None
        self.arrives_at = self.answered_at = self.silent_at = 0.0

    def follow(self, at: float, *, online: bool, proven: bool, session: bool) -> None:
        """Whether it is there, was read back, and has a session."""
        if online != self.known.online:
            self.known.line_opened(at) if online else self.known.line_lost(at)
        self.known.checked(proven)
        if not session and (self.held is not None or self.known.committed_a is not None):
            self.known.session_ended()
            self.held = None

    def send(self, limit_a: float, lease_s: float, at: float, epoch_s: float, delay_s: float) -> None:
        """A limit leaves, and is answered `delay_s` later."""
        safe_a = self.evse.safe_a
        self.sent = Lease(
            limit_a=limit_a, safe_a=safe_a, lease_s=lease_s, sent_at=at, skew_s=self.clock.error_s
        )
        begins_s = leases.start_s(epoch_s + self.clock.skew_s)
        self.profile = begins_s, leases.periods(limit_a, safe_a, lease_s)
        self.known.sent(limit_a)
        self.arrives_at, self.answered_at, self.silent_at = at + delay_s / 2, at + delay_s, at + TIMEOUT_S

    def move(self, at: float, chance: random.Random, loss: float, *, online: bool, refuses: bool) -> bool:
        """Let what is under way arrive; whether the station took a limit now."""
        sent, took = self.sent, False
        if sent is None:
            return False
        if online and at >= self.arrives_at:
            self.arrives_at = float("inf")
            if chance.random() < loss:
                self.answered_at = float("inf")
            elif not refuses:
                self.held, took = self.profile, True
        if online and at >= self.answered_at:
            self.answered_at = float("inf")
            if chance.random() >= loss:
                self._answer("refused" if refuses else "accepted", at)
        if self.sent is not None and at >= self.silent_at:
            self._answer("silent", at)
        return took

    def sampled(self, at: float, ahead_s: float) -> float:
        """Its meter was read: the moment that the reading seems to be of."""
        age_s = self.clock.heard(-ahead_s, at)
        if self.clock.told_now(at):
            self.known.clock_is_off(self.clock.error_s)
        return at - (age_s if age_s > LAG_OF_A_SAMPLE_S else 0.0)

    def allowed(self, station_epoch_s: float) -> float:
        """What the station lets through at that time of its own clock."""
        if self.held is None:
            return self.evse.safe_a
        begins_s, periods = self.held
        limit_a = self.evse.safe_a
        for period in periods:
            if station_epoch_s >= begins_s + period.start_s:
                limit_a = period.limit_a
        return limit_a

    def told(self, state: EvseState, at: float) -> EvseState:
        """`state` with what is known of its limits."""
        known = self.known
        return structs.replace(
            state,
            committed_a=known.committed_a,
            committed_at=known.committed_at,
            lease_until=known.lease_until,
            skew_s=known.skew_s(self.clock.error_s),
            inflight_a=known.inflight_a,
            doubt_a=known.doubt_a(at),
            raise_after=known.lift_again_at if at < known.lift_again_at else None,
            refusing=known.refusing(at),
        )

    def _answer(self, kind: AnswerKind, at: float) -> None:
        assert self.sent is not None
        self.known.answer(self.sent, kind, at)
        self.sent = None
