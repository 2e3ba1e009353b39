"""What a station has answered to the limits that it was sent, and what may be sent to it next.

The state machine between the law and the wire, without either: the site feeds it (`site.knowledge`), and the
model checker drives the same code through every order of loss, crash and late answer (`ampacity check-law`).

A limit that was sent is on its way until it is answered. *Accepted*: it holds, as a lease that ends by
itself. *No answer*, or nonsense: the station may have taken it, so it stays in doubt until the lease that it
would have been is over. *Refused*: what held before holds on. Who refuses or stays silent is asked again
after 5, 10, 20, 40 and then each 60 s, for a cut after 10 s at most.
"""

from __future__ import annotations

from math import inf
from typing import Literal, TypeAlias

from msgspec import structs

from .lease import Lease, expires_at, renew_at

AnswerKind: TypeAlias = Literal["accepted", "refused", "unclear", "silent"]
"""`unclear`: an answer that makes no sense. `silent`: none came."""

CUT_AGAIN_S = 10.0
"""A cut that was refused goes out again after this long at most: one reaction time."""

REFUSING_AFTER = 3
"""So many limits that were refused or not answered in turn make a station one that refuses."""


class Answers:
    """One EVSE's line and limits as the site knows them. Times are monotonic site seconds.

    `online`: the socket is open. `proven`: its base profile was read back; `checking`: connected, and not
    read back since. `committed_a` until `lease_until` is what it acknowledged last, `inflight_a` what is on
    its way.
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
        self.lift_again_at = self.cut_again_at = -inf
        self.refusals = 0

    # ------------------------------------------------------------ the line

    def line_opened(self) -> None:
        """Connected. What was proven holds as long as nothing else is read back."""
        self.online = self.checking = True
        self._forget_refusals()

    def line_lost(self) -> None:
        """The socket is gone; the base profile stays where it is."""
        self.online = self.checking = False

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

    def may_cut(self, at: float) -> bool:
        """Whether a lower limit may go out now: one of an EVSE is under way at a time."""
        return self.online and self.inflight_a is None and at >= self.cut_again_at

    def may_lift(self, at: float) -> bool:
        """Whether a higher one may."""
        return self.online and self.inflight_a is None and at >= self.lift_again_at

    def may_renew(self, at: float) -> bool:
        """Whether the limit in force is due to be written again. Only while its lease lives: once that has
        run out, the law counts the station's safe current and has given the rest to others."""
        due = self.committed_a is not None and self.renew_at is not None and at >= self.renew_at
        return due and self.ready and self.may_lift(at) and not self.lease_is_over(at)

    def lease_is_over(self, at: float) -> bool:
        """Whether the committed limit has ended by itself."""
        return self.lease_until is not None and at >= self.lease_until

    def sent(self, limit_a: float) -> None:
        """A limit is on its way."""
        self.inflight_a = limit_a

    def answer(self, sent: Lease, kind: AnswerKind, at: float) -> None:
        """The station's answer to a limit, or none."""
        self.inflight_a = None
        match kind:
            case "accepted":
                self.lease, self.committed_a, self.committed_at = sent, sent.limit_a, at
                self.lease_until, self.renew_at = expires_at(sent), renew_at(sent)
                self.doubts = ()
                self.refusals = 0
            case "silent" | "unclear":
                self.doubts = (*self.doubts, sent)
                self._wait_before_asking_again(at, 0.0 if kind == "silent" else CUT_AGAIN_S)
            case "refused":
                self._wait_before_asking_again(at, CUT_AGAIN_S)

    def clock_is_off(self, error_s: float) -> None:
        """The station's clock was found to be up to `error_s` from where it was thought to be: its leases may
        end so much later."""
        if self.lease is not None and error_s > self.lease.skew_s:
            self.lease = structs.replace(self.lease, skew_s=error_s)
            self.lease_until, self.renew_at = expires_at(self.lease), renew_at(self.lease)
        self.doubts = tuple(structs.replace(d, skew_s=max(error_s, d.skew_s)) for d in self.doubts)

    def credit_is_gone(self) -> None:
        """Its leases turned out not to end by themselves: what it took counts without end."""
        if self.lease is not None:
            self.lease = structs.replace(self.lease, credit=False)
            self.lease_until = expires_at(self.lease)
        self.doubts = tuple(structs.replace(doubt, credit=False) for doubt in self.doubts)

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
        self.doubts = tuple(d for d in self.doubts if at < (inf if (e := expires_at(d)) is None else e))
        return max((doubt.limit_a for doubt in self.doubts), default=None)

    def refusing(self, at: float) -> bool:
        """Whether it refuses, and is not asked at this moment."""
        return self.refusals >= REFUSING_AFTER and at < self.lift_again_at

    def _forget_refusals(self) -> None:
        self.lift_again_at = self.cut_again_at = -inf
        self.refusals = 0

    def _wait_before_asking_again(self, at: float, cut_again_s: float) -> None:
        """Each second would fill the queue; and while somebody seems to rise, nobody else may."""
        self.refusals += 1
        self.lift_again_at = at + min(60.0, 5.0 * 2 ** min(self.refusals - 1, 4))
        self.cut_again_at = at + min(cut_again_s, self.lift_again_at - at)
