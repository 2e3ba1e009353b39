"""What a station has answered to the limits that it was sent, and what may be sent to it next.

The state machine between the law and the wire, without either: the site feeds it (`site.knowledge`), and the
model checker drives the same code through every order of loss, crash and late answer (`ampacity check-law`).

A limit that was sent is on its way until it is answered. *Accepted*: it holds, as a lease that ends by
itself. *No answer*, or nonsense: the station may have taken it, so it stays in doubt until the lease that it
would have been is over. *Refused*: what held before holds on, and is set aside for it. Who refuses or stays
silent is asked again after 10, 20, 40, 80 and then each 120 s: every try wears its memory, and a station that
said no ten times says it again. Two cuts don't wait so long: one that is clearly lower than what was refused
(at once), and one while a circuit is above its limit (10 s).
"""

from __future__ import annotations

from math import inf
from typing import Literal, TypeAlias

from msgspec import structs

from .lease import Lease, ends_at, expires_at, renew_at

AnswerKind: TypeAlias = Literal["accepted", "refused", "unclear", "silent"]
"""`unclear`: an answer that makes no sense. `silent`: none came."""

ASK_AGAIN_S, ASK_AGAIN_MOST_S = 10.0, 120.0
"""The first and the longest pause before somebody who refused is asked again: one reaction time, and the
cool-down of the ladder (`control.verification`)."""

CLEARLY_LOWER_A = 1.0
"""A cut by so much below all that was refused is a new question."""

PATIENCE_S, LONG_PATIENCE_S = 10.0, 25.0
"""How long an answer is waited for, and how long after one that did not come: the message may have been lost,
or the station is slow. One that never gets its answer through in time can't be steered at all (assumed: no
station takes longer than that)."""

REFUSING_AFTER = 3
"""So many limits that were refused or not answered in turn make a station one that refuses."""


class Answers:
    """One EVSE's line and limits as the site knows them. Times are monotonic site seconds.

    `online`: the socket is open. `proven`: its base profile was read back; `checking`: connected, and not
    read back since. `committed_a` until `lease_until` is what it acknowledged last, `inflight_a` what is on
    its way. `slow`: its last answer did not come, or late.
    """

    def __init__(self) -> None:
        self.online = self.proven = self.checking = False
        self.committed_a: float | None = None
        self.committed_at: float | None = None
        self.lease_until: float | None = None
        self.renew_at: float | None = None
        self.inflight_a: float | None = None
        self.lease: Lease | None = None
        self.doubts: tuple[Lease, ...] = ()
        """Limits whose answer never came: leases like any other, which end by themselves."""
        self.lift_again_at = self.cut_again_at = self.urgent_again_at = -inf
        self.lost_at: float | None = None
        """When the line was lost, while it is."""
        self.refusals = 0
        self.refused_a = inf
        """The lowest limit of those that were refused or not answered in turn."""
        self.slow = False

    # ------------------------------------------------------------ the line

    def line_opened(self, at: float) -> None:
        """Connected. What was proven holds as long as nothing else is read back. A limit that ended while it
        was away is gone; one that did not has its whole lease again."""
        self.online = self.checking = True
        self.doubt_a(at)
        if self.lease is not None and not self.lease_is_over(at):
            self.lease_until = expires_at(self.lease)
        self.lost_at = None
        self._forget_refusals()

    def line_lost(self, at: float) -> None:
        """The socket is gone; the base profile stays where it is."""
        self.online = self.checking = False
        self.lost_at = at
        if self.lease is not None:
            self.lease_until = ends_at(self.lease, at)

    def checked(self, proven: bool) -> None:
        """It was read back, or refused what it must hold."""
        self.proven, self.checking = proven, False

    @property
    def ready(self) -> bool:
        """Connected, and proven since."""
        return self.online and self.proven and not self.checking

    @property
    def steerable(self) -> bool:
        """One that comes back and was not looked at yet is held like one that is away."""
        return self.online and not (self.checking and self.proven)

    # ------------------------------------------------------------ limits

    def may_cut(self, at: float, limit_a: float, *, urgent: bool = False) -> bool:
        """Whether the lower `limit_a` may go out now: one of an EVSE is under way at a time. `urgent`: a
        circuit is above its limit."""
        if not self.online or self.inflight_a is not None:
            return False
        again_at = self.urgent_again_at if urgent else self.cut_again_at
        return at >= again_at or self._is_news(limit_a)

    def repeats(self, limit_a: float) -> bool:
        """Whether a cut to `limit_a` asks what was refused already."""
        return self.refusals > 0 and not self._is_news(limit_a)

    def may_lift(self, at: float) -> bool:
        """Whether a higher one may."""
        return self.online and self.inflight_a is None and at >= self.lift_again_at

    def may_renew(self, at: float) -> bool:
        """Whether the limit in force is due to be written again. Only while its lease lives: once that has
        run out, the law counts the station's safe current and has given the rest to others."""
        due = self.committed_a is not None and self.renew_at is not None and at >= self.renew_at
        return due and self.ready and self.may_lift(at) and not self.lease_is_over(at)

    def skew_s(self, error_s: float) -> float:
        """How far its clock may be off, for the limit in force: as far as now, or as it was when that was
        sent."""
        return error_s if self.lease is None else max(error_s, self.lease.skew_s)

    def lease_is_over(self, at: float) -> bool:
        """Whether the committed limit has ended by itself."""
        return self.lease_until is not None and at >= self.lease_until

    @property
    def patience_s(self) -> float:
        """How long to wait for the answer to the next limit."""
        return LONG_PATIENCE_S if self.slow else PATIENCE_S

    def sent(self, limit_a: float) -> None:
        """A limit is on its way."""
        self.inflight_a = limit_a

    def answer(self, sent: Lease, kind: AnswerKind, at: float) -> None:
        """The station's answer to a limit, or none."""
        self.inflight_a = None
        # Within the half of the short time: who is near its end would go to and fro.
        self.slow = kind == "silent" or (self.slow and at - sent.sent_at > PATIENCE_S / 2)
        match kind:
            case "accepted":
                self.lease, self.committed_a, self.committed_at = sent, sent.limit_a, at
                self.lease_until, self.renew_at = expires_at(sent), renew_at(sent)
                self.doubts = ()
                self.refusals, self.refused_a = 0, inf
            case "silent" | "unclear":
                self.doubts = (*self.doubts, sent)
                self._wait_before_asking_again(sent, at)
                if kind == "silent" and self.refusals == 1:
                    # A message that was lost: the time until that was known was pause enough.
                    self.cut_again_at = self.urgent_again_at = at
            case "refused":
                self._wait_before_asking_again(sent, at)

    def clock_is_off(self, error_s: float) -> None:
        """The station's clock was found to be up to `error_s` from where it was thought to be: its leases may
        end so much later."""
        if self.lease is not None and error_s > self.lease.skew_s:
            self.lease = structs.replace(self.lease, skew_s=error_s)
            self.lease_until, self.renew_at = ends_at(self.lease, self.lost_at), renew_at(self.lease)
        self.doubts = tuple(structs.replace(d, skew_s=max(error_s, d.skew_s)) for d in self.doubts)

    def credit_is_gone(self) -> None:
        """Its leases turned out not to end by themselves: what it took counts without end."""
        if self.lease is not None:
            self.lease = structs.replace(self.lease, credit=False)
            self.lease_until = expires_at(self.lease)
        self.doubts = tuple(structs.replace(doubt, credit=False) for doubt in self.doubts)

    def only_the_lease_ends_it(self) -> None:
        """It turned out that a lost line does not end its limits earlier."""
        if self.lease is not None and self.lease.offline_s is not None:
            self.lease = structs.replace(self.lease, offline_s=None)
            self.lease_until = expires_at(self.lease)
        self.doubts = tuple(structs.replace(doubt, offline_s=None) for doubt in self.doubts)

    def lease_ended(self) -> None:
        """The limit is gone; the base profile holds from now on."""
        self.lease = self.committed_a = self.committed_at = self.lease_until = self.renew_at = None

    def session_ended(self) -> None:
        """The transaction's profile went with it."""
        self.lease_ended()
        self.doubts = ()
        self._forget_refusals()

    def doubt_a(self, at: float) -> float | None:
        """The highest limit that the station may have taken although it never said so."""
        if not self.doubts:
            return None
        left = [(doubt, ends_at(doubt, self.lost_at)) for doubt in self.doubts]
        self.doubts = tuple(doubt for doubt, until in left if until is None or at < until)
        return max((doubt.limit_a for doubt in self.doubts), default=None)

    def refusing(self, at: float) -> bool:
        """Whether it refuses, and is not asked at this moment."""
        return self.refusals >= REFUSING_AFTER and at < self.lift_again_at

    def _forget_refusals(self) -> None:
        self.lift_again_at = self.cut_again_at = self.urgent_again_at = -inf
        self.refusals, self.refused_a = 0, inf

    def _wait_before_asking_again(self, sent: Lease, at: float) -> None:
        """Each second would fill the queue; and while somebody seems to rise, nobody else may."""
        self.refusals += 1
        self.refused_a = min(self.refused_a, sent.limit_a)
        pause_s = min(ASK_AGAIN_MOST_S, ASK_AGAIN_S * 2.0 ** min(self.refusals - 1, 4))
        self.lift_again_at = self.cut_again_at = at + pause_s
        self.urgent_again_at = at + ASK_AGAIN_S

    def _is_news(self, limit_a: float) -> bool:
        return self.refused_a < inf and limit_a <= self.refused_a - CLEARLY_LOWER_A
