"""A site as a member of a group: its parent's grants are limits of its grid connection, and after each step
of its law it tells what it needs.

Which grant holds for how long is decided in `control.groups.member`; here it is put among the site's limits,
and messages are sent, one at a time.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Awaitable, Callable
from typing import Final, Protocol, TypeAlias

from msgspec import structs

from ...clock import Clock
from ...control.groups import member
from ...control.groups.law import TRANSIT_S
from ...control.sources import FALLBACK
from ...control.topology import Topology
from ...control.types import Decision, Snapshot
from ...model.groups import GROUP, GroupStop, MemberAnswer, MemberReport
from ...model.site import LimitSource
from ...store import StoreError
from ..live_site import LiveSite

log = logging.getLogger(__name__)

REPORT_S: Final = 1.0
ANSWER_S: Final = TRANSIT_S / 2
"""A parent that has not answered for so long is asked anew; what it says then comes too late."""

Ask: TypeAlias = Callable[[MemberReport], Awaitable[MemberAnswer]]
"""Asks the parent. ConnectionError, TimeoutError and LookupError mean that it has nothing to say."""


class Stoppable(Protocol):
    """The site's part in an emergency stop of its group (`site.desk`)."""

    async def emergency_stop(
        self, reason: str, stop_sessions: bool, actor: str, *, stop_generation: bool = False
    ) -> None: ...

    async def release_emergency_stop(self, reason: str, actor: str) -> None: ...


class SiteMembership:
    """`limit` before each step of the site's law, `decided` after it; `leave` when it is a member no more."""

    def __init__(
        self,
        live_site: LiveSite,
        desk: Stoppable,
        clock: Clock,
        ask: Ask,
        group_id: str,
        guaranteed_a: float,
        lease_s: float,
        settle_s: float,
        *,
        joins: bool = False,
    ) -> None:
        self.group_id = group_id
        self._live, self._desk, self._clock, self._ask = live_site, desk, clock, ask
        self._source = f"{GROUP}{group_id}"
        self._life = secrets.token_hex(6)
        self._number = 0
        self._asking = False
        self._asked_at = -REPORT_S
        self._told: tuple[float | None, float | None] = (None, None)
        self._shown: LimitSource | None = None
        self.state = member.start(
            guaranteed_a, live_site.site.voltage_v, lease_s, settle_s, clock.monotonic(), joins=joins
        )
        # What the law went by last; an answer may have come since.
        self._applied = self.state

    def limited(self) -> member.Limited:
        """What holds now, and why."""
        return member.limited(self.state, self._clock.monotonic())

    def limit(self, at: float) -> None:
        """Put what holds now among the site's limits."""
        self._applied = self.state
        now = member.limited(self._applied, at)
        root = self._live.site.root.circuit_id
        for circuit_id, sources in self._live.limits.items():
            if circuit_id != root:
                sources.pop(self._source, None)
        if now.limit_a is None and now.limit_w is None:
            self._live.limits[root].pop(self._source, None)
            return
        wanted = self._limit(now)
        if self._shown is None or not self._same(self._shown, wanted, now.left_s):
            self._shown = wanted
        self._live.limits[root][self._source] = self._shown

    def leave(self) -> None:
        """Nothing of the group holds here any more."""
        for sources in self._live.limits.values():
            sources.pop(self._source, None)
        self._live.wake()

    def guarantee(self, guaranteed_a: float) -> None:
        """The group guarantees it so much from now on; counts while no grant is known."""
        self.state = structs.replace(
            self.state,
            guaranteed_a=guaranteed_a,
            guaranteed_w=3 * guaranteed_a * self._live.site.voltage_v,
        )

    def hurry(self) -> None:
        """Ask the parent at once."""
        self._asked_at = -REPORT_S
        self._live.wake()

    def decided(self, snapshot: Snapshot, decision: Decision, tree: Topology) -> None:
        """Tell the parent, each second and when it has just limited us otherwise."""
        now = member.limited(self._applied, snapshot.at)
        changed = (now.limit_a, now.limit_w) != self._told
        if self._asking or (snapshot.at - self._asked_at < REPORT_S - 0.05 and not changed):
            return
        self._asking, self._asked_at = True, snapshot.at
        self._told = now.limit_a, now.limit_w
        self._number += 1
        report = member.report_of(self._applied, self._life, self._number, snapshot, decision, tree)
        self._live.run_beside(self._exchange(report, snapshot.at))

    async def _exchange(self, report: MemberReport, sent_at: float) -> None:
        try:
            answer = await self._clock.wait_for(self._ask(report), ANSWER_S)
        except (ConnectionError, TimeoutError, LookupError) as problem:
            log.debug("group %s did not answer site %s: %s", self.group_id, report.site_id, problem)
            return
        except Exception:
            # For the site it is silence all the same, and a lease that goes on to its end.
            log.exception("group %s failed to answer site %s", self.group_id, report.site_id)
            return
        finally:
            self._asking = False
        if answer.grant is not None:
            before = self.limited().limit_a
            self.state = member.accept(self.state, answer.grant, sent_at)
            if self.limited().limit_a != before:
                self._live.wake()
        await self._follow(answer.stop)

    async def _follow(self, stop: GroupStop | None) -> None:
        """Stop when the group is stopped, and go on when a person has released it."""
        order = self._live.orders.get("stopped")
        ours = order is not None and order.set_by.startswith(self._source)
        try:
            if stop is not None and order is None:
                actor = f"{self._source} ({stop.by})"
                await self._desk.emergency_stop(
                    stop.reason, stop.stop_sessions, actor, stop_generation=stop.stop_generation
                )
            elif stop is None and ours:
                await self._desk.release_emergency_stop("the group was released", self._source)
        except StoreError as problem:
            log.error("the stop of group %s can't be kept: %s", self.group_id, problem)

    def _limit(self, now: member.Limited) -> LimitSource:
        lease = self.state.lease
        if now.stage != "granted" or lease is None:
            return LimitSource(
                limit_a=0.0 if now.limit_a is None else now.limit_a,
                limit_w=now.limit_w,
                source=self._source + FALLBACK,
            )
        grant = lease.grant
        watts = [w for w in (grant.limit_w, grant.fallback_w) if w is not None]
        return LimitSource(
            limit_a=grant.limit_a,
            limit_w=grant.limit_w,
            source=self._source,
            valid_until=self._clock.time() + now.left_s,
            fallback_a=min(grant.limit_a, grant.fallback_a),
            fallback_w=min(watts) if watts else None,
        )

    def _same(self, shown: LimitSource, wanted: LimitSource, left_s: float) -> bool:
        """Whether what is there says the same, and for long enough: a limit that changes each second with its
        date would fill the decision log with nothing."""
        if shown.valid_until is None or wanted.valid_until is None:
            return shown == wanted
        levels = (shown.limit_a, shown.limit_w, shown.fallback_a, shown.fallback_w)
        same = levels == (wanted.limit_a, wanted.limit_w, wanted.fallback_a, wanted.fallback_w)
        shown_s = shown.valid_until - self._clock.time()
        return same and left_s / 2 <= shown_s <= left_s + 1.0
