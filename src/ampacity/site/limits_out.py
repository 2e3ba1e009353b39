"""Limits on their way to the stations: each is a lease, one at a time for an EVSE, renewed until the session
ends.

A limit counts once the station has acknowledged it; whether it was obeyed the law sees in the meters. An
answer that never came, or made no sense, leaves the limit in doubt: the station may have taken it.
"""

from __future__ import annotations

from datetime import datetime

from msgspec import structs

from ..control import lease as leases
from ..control.answers import PATIENCE_S
from ..control.types import Grant
from ..csms.blocks.charging_units import only_unit
from ..csms.vocabulary import Outcome, Profile, SchedulePeriod, SetProfile
from ..model.events import TransactionChanged
from .commissioning import FLOOR_ID, LEASE_ID, in_station_unit
from .conduct import OFFLINE_S
from .knowledge import LiveEvse
from .live_site import Commander, LiveSite

LIMIT_TIMEOUT_S = PATIENCE_S
"""Site time for a station to answer a limit (control law, section 4)."""


class LimitWriter:
    """Writes what the law decides."""

    def __init__(self, live_site: LiveSite, commander: Commander) -> None:
        self._live = live_site
        self._commander = commander

    def cut(self, grant: Grant, at: float, *, urgent: bool = False) -> None:
        """Send a lower limit, before anything else that waits for the station. One that was refused already
        has to keep to the write budget as well, unless it is `urgent`: a circuit is above its limit.
        """
        live = self._live.evses[grant.key]
        if not urgent and live.repeats(grant.limit_a) and live.conduct.budget_is_spent(at):
            return
        if live.may_cut(at, grant.limit_a, urgent=urgent):
            self._send(live, grant.limit_a, front=True)

    def lift(self, grant: Grant, at: float) -> None:
        """Send a higher limit."""
        live = self._live.evses[grant.key]
        if live.may_lift(at):
            self._send(live, grant.limit_a)

    def resend(self, live: LiveEvse) -> None:
        """Send the limit in force again, before anything else: it was not obeyed."""
        at = self._live.clock.monotonic()
        limit_a = live.limit_in_force_a(at)
        if live.may_cut(at, limit_a):
            self._send(live, limit_a, front=True)

    def renew(self, at: float) -> None:
        """Write the limits again whose leases are two thirds over."""
        for live in self._live.evses.values():
            if live.committed_a is None or live.transaction is None:
                continue
            if live.lease_is_over(at):
                live.lease_ended()
            elif live.may_renew(at):
                live.sent(live.committed_a)
                live.conduct.writes.count(at, renewal=True)
                self._live.figures.renewals_sent += 1
                self._live.run_beside(self._write(live, live.transaction, live.committed_a, front=False))

    async def hold_at_safe(self, live: LiveEvse) -> None:
        """Tell an EVSE with a session of which nobody knows what it was promised to do what it does
        unattended.
        """
        if live.transaction is not None and live.inflight_a is None:
            live.sent(live.evse.safe_a)
            live.conduct.writes.count(self._live.clock.monotonic())
            self._live.figures.limits_sent += 1
            await self._write(live, live.transaction, live.evse.safe_a, front=True)

    async def write_again(self, live: LiveEvse) -> bool:
        """Write the limit in force once more, with another number of phases; whether it was taken."""
        transaction = live.transaction
        limit_a = live.evse.safe_a if live.committed_a is None else live.committed_a
        if transaction is None or live.inflight_a is not None:
            return False
        live.sent(limit_a)
        live.conduct.writes.count(self._live.clock.monotonic())
        self._live.figures.limits_sent += 1
        before = live.committed_at
        await self._write(live, transaction, limit_a, front=False)
        return live.committed_at != before and live.is_of(transaction.transaction_id)

    async def write_short(self, live: LiveEvse, lease_s: float) -> bool:
        """Write the limit in force as a lease of `lease_s`, for a probe; returns whether it was taken."""
        transaction, limit_a = live.transaction, live.committed_a
        if transaction is None or limit_a is None or live.inflight_a is not None:
            return False
        live.sent(limit_a)
        live.conduct.writes.count(self._live.clock.monotonic())
        await self._write(live, transaction, limit_a, front=False, lease_s=lease_s)
        return live.lease is not None and live.lease.lease_s == lease_s

    def _send(self, live: LiveEvse, limit_a: float, *, front: bool = False) -> None:
        if live.transaction is None:
            return
        live.sent(limit_a)
        live.conduct.writes.count(self._live.clock.monotonic())
        self._live.figures.limits_sent += 1
        self._live.run_beside(self._write(live, live.transaction, limit_a, front=front))

    async def _write(
        self,
        live: LiveEvse,
        transaction: TransactionChanged,
        limit_a: float,
        *,
        front: bool,
        lease_s: float = 0.0,
    ) -> None:
        site, clock, figures = self._live.site, self._live.clock, self._live.figures
        lease_s = lease_s or site.lease_s
        promised = leases.Lease(
            limit_a=limit_a,
            safe_a=live.evse.safe_a,
            lease_s=lease_s,
            sent_at=clock.monotonic(),
            skew_s=live.clock.error_s,
            credit=live.conduct.lease_credit,
            ends_offline=_ends_offline(live, limit_a),
            offline_s=live.conduct.offline_s if _ends_offline(live, limit_a) else None,
        )
        outcome = Outcome(result="timeout", detail="nobody waited for the answer")
        try:
            for profile in self._profiles(live, transaction, limit_a, lease_s):
                outcome = await self._commander.command(
                    site.operator_id,
                    live.evse.station_id,
                    SetProfile(evse_id=live.evse.evse_id, profile=profile),
                    "controller",
                    live.patience_s,
                    front=front,
                )
                if not outcome.accepted:
                    break
        finally:
            # Also where this is cancelled: a limit that stayed "on its way" would keep all others back.
            if outcome.result == "timeout":
                figures.limits_unanswered += 1
            elif not outcome.accepted:
                figures.limits_refused += 1
            state = self._commander.station(live.evse.station_id)
            live.takes(None if state is None else only_unit(state))
            current = live.transaction
            if current is None or current.transaction_id != transaction.transaction_id:
                # The session ended meanwhile and took the profile with it.
                live.inflight_a = None
            else:
                live.answered(promised, outcome, clock.monotonic())
            self._live.wake_soon()

    def _profiles(
        self, live: LiveEvse, transaction: TransactionChanged, limit_a: float, lease_s: float
    ) -> tuple[Profile, ...]:
        """The limit as a transaction's profile that ends by itself. Where the firmware takes one period only
        it is two: what holds without end, and above it the limit for as long as the lease lives.
        """
        lease = self._profile(live, transaction, limit_a, lease_s)
        if not live.conduct.one_period:
            return (lease,)
        least = in_station_unit(live.evse, min(limit_a, live.evse.safe_a), self._live.site.voltage_v)[1]
        below = structs.replace(
            lease,
            profile_id=FLOOR_ID + live.evse.evse_id,
            periods=(SchedulePeriod(start_s=0, limit=least, number_phases=live.number_phases),),
            max_offline_s=None,
            invalid_after_offline=False,
        )
        above = structs.replace(
            lease,
            stack_level=lease.stack_level + 1,
            periods=lease.periods[:1],
            duration_s=leases.BACKDATE_S + int(lease_s),
        )
        return below, above

    def _profile(
        self, live: LiveEvse, transaction: TransactionChanged, limit_a: float, lease_s: float
    ) -> Profile:
        evse, site, clock = live.evse, self._live.site, self._live.clock
        station_clock_s = clock.time() + live.clock.skew_s
        unit = in_station_unit(evse, limit_a, site.voltage_v)[0]
        return Profile(
            profile_id=LEASE_ID + evse.evse_id,
            stack_level=1,
            purpose="TxProfile",
            kind="Absolute",
            unit="A" if unit == "A" else "W",
            periods=tuple(
                SchedulePeriod(
                    start_s=period.start_s,
                    limit=in_station_unit(evse, period.limit_a, site.voltage_v)[1],
                    number_phases=live.number_phases,
                )
                for period in leases.periods(limit_a, evse.safe_a, lease_s)
            ),
            start=datetime.fromtimestamp(leases.start_s(station_clock_s), clock.now().tzinfo),
            station_transaction_id=transaction.station_transaction_id,
            max_offline_s=OFFLINE_S if _ends_offline(live, limit_a) else None,
            invalid_after_offline=_ends_offline(live, limit_a),
        )


def _ends_offline(live: LiveEvse, limit_a: float) -> bool:
    """Whether the limit ends when the station is offline for a while. Not one below the safe current: when we
    die and all are offline, nobody may step up while others still run on what they were promised.
    """
    return live.conduct.keeps_offline and limit_a >= live.evse.safe_a
