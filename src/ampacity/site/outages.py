"""What an outage shows of a station: whether it left its limit aside by itself when its line was lost.

A station of OCPP 2.1 may say that it knows maxOfflineDuration. Then each limit tells it to stop counting
`OFFLINE_S` after the station has noticed that nobody is there, and for good. What it says is not believed:
the budget counts on it once an outage of one of its firmware has shown it. An outage shows it where it was
longer than that and the lease had not run out, the session went on, and the station means its safe current
afterwards.
"""

from __future__ import annotations

import logging

from ..control.lease import Lease
from ..csms.offline import habits, questions
from ..csms.vocabulary import GetVariables
from ..model.proving import Finding
from ..store import StoreError
from .commissioning import TOLERANCE_A
from .knowledge import LiveEvse
from .live_site import Commander, LiveSite
from .prover import Prover

log = logging.getLogger(__name__)

ENDS_OFFLINE = "offline_ends"
"""The finding's name in what is known of a firmware."""

TELLING_A = 1.0
"""A limit so little above the safe current shows nothing."""

GOES_ON_S = 60.0
"""So long a sample may take that shows that the session outlived the outage: one that ended took its limit
with it, and would look the same."""

ASK_TIMEOUT_S = 10.0


class Outages:
    """Asks stations how they learn of an outage, and judges what they did in one."""

    def __init__(self, live_site: LiveSite, commander: Commander, prover: Prover) -> None:
        self._live = live_site
        self._commander = commander
        self._prover = prover

    async def ask(self, station_id: str) -> None:
        """Read what the station says of it, once."""
        state = self._commander.station(station_id)
        if state is None:
            return
        unread = questions(state)
        if unread:
            await self._commander.command(
                self._live.site.operator_id,
                station_id,
                GetVariables(variables=unread),
                "controller",
                ASK_TIMEOUT_S,
            )
        for live in self._live.at_station(station_id):
            live.conduct.learn_habits(habits(state))

    def judge(self, live: LiveEvse, means_a: float | None) -> None:
        """The station is back, and means to draw `means_a` now."""
        outage, live.outage = live.outage, None
        if outage is None or means_a is None or live.transaction is None:
            return
        lease, away_s = outage
        promised_s = live.conduct.offline_may_s
        if promised_s is None or not _tells(lease, live.evse.safe_a, self._live.clock.monotonic()):
            return
        if means_a > live.evse.safe_a + TOLERANCE_A:
            if away_s > promised_s:
                self._live.run_beside(self._keep(live, away_s, means_a, ended=False))
        elif live.conduct.offline_shown is None:
            self._live.run_beside(self._if_it_goes_on(live, away_s, means_a))

    async def _if_it_goes_on(self, live: LiveEvse, away_s: float, means_a: float) -> None:
        clock, transaction = self._live.clock, live.transaction
        assert transaction is not None
        since = clock.monotonic()
        while clock.monotonic() - since < GOES_ON_S and live.is_of(transaction.transaction_id):
            if live.online and live.measured_at is not None and live.measured_at > since:
                await self._keep(live, away_s, means_a, ended=True)
                return
            await clock.sleep(1.0)

    async def _keep(self, live: LiveEvse, away_s: float, means_a: float, *, ended: bool) -> None:
        words = f"away for {away_s:.0f} s within its lease, then means {means_a:.1f} A"
        finding = Finding(name=ENDS_OFFLINE, passed=ended, evidence=words)
        try:
            await self._prover.found(live.evse.station_id, finding, "controller")
        except StoreError as problem:
            log.warning("what an outage of %s showed can't be kept: %s", live.evse.station_id, problem)


def _tells(lease: Lease, safe_a: float, at: float) -> bool:
    """Whether the lease alone would still hold the limit up."""
    living = at < lease.sent_at + lease.lease_s - abs(lease.skew_s)
    return living and lease.ends_offline and lease.limit_a > safe_a + TELLING_A
