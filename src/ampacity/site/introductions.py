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
from ..csms.vocabulary import Command, Outcome, SetProfile
from ..csms.wear import write_budget
from ..model.events import StationBooted, StationConnected, StationDisconnected, TransactionChanged
from .commissioning import Commissioning
from .knowledge import LiveEvse
from .limits_out import LimitWriter
from .live_site import Commander, LiveSite
from .records import SiteRecords

log = logging.getLogger(__name__)

SETUP_TIMEOUT_S = 30.0
RETRY_SETUP_S = 60.0


class Introductions:
    """Follows who is connected, and proves it."""

    def __init__(
        self, live_site: LiveSite, commander: Commander, writer: LimitWriter, records: SiteRecords, bus: Bus
    ) -> None:
        self._live = live_site
        self._commander = commander
        self._writer = writer
        self._records = records
        self._setups: dict[str, asyncio.Task[None]] = {}
        self._news: dict[str, asyncio.Event] = {}
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
            self._live.wake()

    def _booted(self, event: StationBooted) -> None:
        affected = self._live.at_station(event.station_id)
        for live in affected:
            live.vendor = event.info.vendor
            live.booted(self._live.clock.monotonic())
        if affected and affected[0].version is not None:
            self._know(event.station_id, affected[0].version)
        if affected:
            self._set_up(event.station_id, install=True)
            self._live.wake()

    def _know(self, station_id: str, version: str) -> None:
        """What its make and firmware say of the EVSEs of a station."""
        state = self._commander.station(station_id)
        if state is None:
            return
        for live in self._live.at_station(station_id):
            live.conduct.write_budget = write_budget(state.info, version)
            live.conduct.learn(self._records.probe_of(state.info, version))

    def _disconnected(self, event: StationDisconnected) -> None:
        affected = self._live.at_station(event.station_id)
        for live in affected:
            live.disconnected()
        if affected:
            self._live.wake()
        setup = self._setups.pop(event.station_id, None)
        if setup is not None:
            setup.cancel()

    def _transaction_changed(self, event: TransactionChanged) -> None:
        """A session that was unknown explains why a station draws more than its base profile: look again."""
        news = self._news.get(event.station_id)
        if news is not None:
            news.set()

    def _set_up(self, station_id: str, *, install: bool) -> None:
        running = self._setups.pop(station_id, None)
        if running is not None:
            running.cancel()
        self._news[station_id] = asyncio.Event()
        self._setups[station_id] = self._live.run_beside(self._introduce(station_id, install=install))

    async def _introduce(self, station_id: str, *, install: bool) -> None:
        """Install and read back until the station is proven; each failure is tried again after a minute, or
        when something changes there.
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
        told = False
        while True:
            news.clear()
            installed = not install or await work.install()
            if not installed:
                # Every sample of a session brings it here again: once an introduction is enough to read.
                log.log(
                    logging.DEBUG if told else logging.WARNING,
                    "%s does not take its base profiles: its maximum stays reserved",
                    station_id,
                )
                told = True
                for live in evses:
                    live.checked(False)
            else:
                if install:
                    self._records.mark_commissioned(station_id)
                for live in evses:
                    if live.checking or not live.proven:
                        await self._prove(work, live)
                if all(live.ready for live in evses):
                    return
            live_site.wake()
            if not install:
                # It may have lost what it once took.
                install = True
                continue
            with contextlib.suppress(TimeoutError):
                await live_site.clock.wait_for(news.wait(), RETRY_SETUP_S)

    async def _prove(self, work: Commissioning, live: LiveEvse) -> None:
        """Read back what the EVSE means to do, and compare it with what it was told."""
        fits = await work.read_back(live.evse, self._promised_a(live))
        if fits is False and live.transaction is not None and live.committed_a is None:
            # After a restart of ours nobody knows what it was promised: it is told to be safe. Not so one
            # that means less than that already: it may be held below its safe current because others still
            # run on what they were promised before the restart.
            await self._writer.hold_at_safe(live)
            fits = await work.read_back(live.evse, self._promised_a(live))
        live.checked(fits is True)
        self._live.wake()

    def _promised_a(self, live: LiveEvse) -> float:
        """The most that the law counts for this EVSE."""
        if live.transaction is None:
            return live.evse.safe_a
        doubt_a = live.doubt_a(self._live.clock.monotonic())
        return max(live.evse.safe_a, live.committed_a or 0.0, doubt_a or 0.0)
