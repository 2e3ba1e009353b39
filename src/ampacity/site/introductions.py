"""Stations come and go; each is looked at before it counts as controlled.

A station that was never proven reserves its maximum. One that was and comes back is held like one that is
still away, until its base profiles were read back again: the law promised others no more than that while it
was gone.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging

from ..bus import Bus
from ..csms.blocks.charging_units import only_unit
from ..csms.offline import habits
from ..csms.vocabulary import Command, Outcome, SetProfile
from ..csms.wear import write_budget
from ..model.events import StationBooted, StationConnected, StationDisconnected, TransactionChanged
from ..model.site import EvseKey
from .commissioning import Commissioning, within
from .knowledge import LiveEvse
from .limits_out import LimitWriter
from .live_site import Commander, LiveSite
from .outages import Outages
from .prover import Prover
from .records import SiteRecords

log = logging.getLogger(__name__)

SETUP_TIMEOUT_S = 30.0
RETRY_SETUP_S = 60.0
MOST_RETRY_SETUP_S = 960.0
"""A station that refuses its base profiles, or can't show them, is sent them again after one minute, two,
four and so on, and then so rarely: each try is a write, and its maximum is kept free meanwhile."""


class Introductions:
    """Follows who is connected, and proves it."""

    def __init__(
        self,
        live_site: LiveSite,
        commander: Commander,
        writer: LimitWriter,
        records: SiteRecords,
        prover: Prover,
        bus: Bus,
    ) -> None:
        self._live = live_site
        self._commander = commander
        self._writer = writer
        self._records = records
        self._outages = Outages(live_site, commander, prover)
        self._setups: dict[str, asyncio.Task[None]] = {}
        self._news: dict[str, asyncio.Event] = {}
        self._sessions: dict[EvseKey, str] = {}
        """The newest transaction of each EVSE that was heard of."""
        self._tries: dict[str, int] = {}
        """How often each station was sent its base profiles since it booted or was proven."""
        self._install_at: dict[str, float] = {}
        """Before which it is not sent them again."""
        self.subscriptions = [
            bus.subscribe(StationConnected, self._connected),
            bus.subscribe(StationBooted, self._booted),
            bus.subscribe(StationDisconnected, self._disconnected),
            bus.subscribe(TransactionChanged, self._transaction_changed),
        ]

    def _connected(self, event: StationConnected) -> None:
        affected = self._live.at_station(event.station_id)
        for live in affected:
            live.connected(event.version, self._live.clock.monotonic())
        self._know(event.station_id, event.version)
        if affected:
            self._set_up(event.station_id, install=not self._records.commissioned(event.station_id))
            self._live.wake_soon()

    def _booted(self, event: StationBooted) -> None:
        affected = self._live.at_station(event.station_id)
        for live in affected:
            live.vendor = event.info.vendor
            live.booted(self._live.clock.monotonic())
        self._forget_tries(event.station_id)
        if affected and affected[0].version is not None:
            self._know(event.station_id, affected[0].version)
        if affected:
            self._set_up(event.station_id, install=True)
            self._live.wake_soon()

    def look_again(self, station_id: str) -> None:
        """The site was built anew: what the station holds is no longer what it should, or an EVSE of it is
        new here. One that is away is looked at when it comes.
        """
        self._records.forget_commissioned(station_id)
        self._forget_tries(station_id)
        state = self._commander.station(station_id)
        if not self._live.at_station(station_id):
            setup = self._setups.pop(station_id, None)
            if setup is not None:
                setup.cancel()
            return
        if state is None or not state.online or state.version is None:
            return
        for live in self._live.at_station(station_id):
            if not live.online:
                live.connected(state.version, self._live.clock.monotonic())
                live.vendor = state.info.vendor or None
                for connector in state.connectors.values():
                    if connector.evse_id == live.evse.evse_id:
                        live.connector_changed(connector.connector_id, connector.status)
        self._know(station_id, state.version)
        self._set_up(station_id, install=True)

    def _know(self, station_id: str, version: str) -> None:
        """What its make and firmware say of the EVSEs of a station."""
        state = self._commander.station(station_id)
        if state is None:
            return
        for live in self._live.at_station(station_id):
            live.conduct.write_budget = write_budget(state.info, version)
            live.conduct.learn(self._records.probe_of(state.info, version))
            live.conduct.learn_habits(habits(state))
            live.takes(only_unit(state))

    def _disconnected(self, event: StationDisconnected) -> None:
        affected = self._live.at_station(event.station_id)
        for live in affected:
            live.disconnected(self._live.clock.monotonic())
        if affected:
            self._live.wake_soon()
        setup = self._setups.pop(event.station_id, None)
        if setup is not None:
            setup.cancel()

    def _transaction_changed(self, event: TransactionChanged) -> None:
        """A session that was unknown explains why a station draws more than its base profile: look again."""
        key, news = (event.station_id, event.evse_id), self._news.get(event.station_id)
        known = self._sessions.get(key) == event.transaction_id and event.phase != "Ended"
        self._sessions[key] = event.transaction_id
        if news is not None and not known:
            news.set()

    def _set_up(self, station_id: str, *, install: bool) -> None:
        running = self._setups.pop(station_id, None)
        if running is not None:
            running.cancel()
        self._news[station_id] = asyncio.Event()
        self._setups[station_id] = self._live.run_beside(self._introduce(station_id, install=install))

    async def _introduce(self, station_id: str, *, install: bool) -> None:
        """Install and read back until the station is proven; each failure is looked at again after a minute,
        or when something changes there.
        """
        live_site, evses, news = self._live, self._live.at_station(station_id), self._news[station_id]

        async def send(command: Command) -> Outcome:
            if isinstance(command, SetProfile):
                for live in evses:
                    if command.evse_id in (0, live.evse.evse_id):
                        live.conduct.writes.count(live_site.clock.monotonic())
            return await self._commander.command(
                live_site.site.operator_id, station_id, command, "controller", SETUP_TIMEOUT_S
            )

        work = Commissioning(
            [live.evse for live in evses],
            live_site.site.voltage_v,
            send,
            lambda evse: live_site.evse(evse.key).number_phases,
        )
        holds = not install
        while True:
            news.clear()
            if install and live_site.clock.monotonic() >= self._install_at.get(station_id, 0.0):
                holds = await self._install(work, station_id)
            if holds:
                for live in evses:
                    if live.checking or not live.proven:
                        await self._prove(work, live)
                if all(live.ready for live in evses):
                    self._forget_tries(station_id)
                    await self._outages.ask(station_id)
                    return
            live_site.wake_soon()
            if not install:
                # It may have lost what it once took.
                install = True
                continue
            with contextlib.suppress(TimeoutError):
                await live_site.clock.wait_for(news.wait(), RETRY_SETUP_S)

    async def _install(self, work: Commissioning, station_id: str) -> bool:
        """Write the base profiles; whether the station took them all. The more often that was tried in vain,
        the longer it is not tried again."""
        tries = self._tries.get(station_id, 0)
        taken = await work.install()
        state = self._commander.station(station_id)
        for live in self._live.at_station(station_id):
            # It may have been tried with amperes and then with watts.
            live.takes(None if state is None else only_unit(state))
        self._tries[station_id] = tries + 1
        pause_s = min(MOST_RETRY_SETUP_S, RETRY_SETUP_S * 2.0 ** min(tries, 10))
        self._install_at[station_id] = self._live.clock.monotonic() + pause_s
        if taken:
            self._records.mark_commissioned(station_id)
            return True
        if tries == 0:
            log.warning("%s does not take its base profiles: its maximum stays reserved", station_id)
        for live in self._live.at_station(station_id):
            live.checked(False)
        return False

    def _forget_tries(self, station_id: str) -> None:
        self._tries.pop(station_id, None)
        self._install_at.pop(station_id, None)

    async def _prove(self, work: Commissioning, live: LiveEvse) -> None:
        """Read back what the EVSE means to do, and compare it with what it was told."""
        means_a = await work.means_a(live.evse)
        self._outages.judge(live, means_a)
        fits = within(live.evse, means_a, self._promised_a(live))
        if fits is False and live.transaction is not None and live.committed_a is None:
            # After a restart of ours nobody knows what it was promised: it is told to be safe. Not so one
            # that means less than that already: it may be held below its safe current because others still
            # run on what they were promised before the restart.
            await self._writer.hold_at_safe(live)
            fits = within(live.evse, await work.means_a(live.evse), self._promised_a(live))
        live.checked(fits is True)
        self._live.wake_soon()

    def _promised_a(self, live: LiveEvse) -> float:
        """The most that the law counts for this EVSE."""
        if live.transaction is None:
            return live.evse.safe_a
        doubt_a = live.doubt_a(self._live.clock.monotonic())
        return max(live.evse.safe_a, live.committed_a or 0.0, doubt_a or 0.0)
