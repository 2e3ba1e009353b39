"""The site at work: events in, the law each second, limits out as leases.

One tick: what is known (`knowledge`) becomes a snapshot, the law turns it into a decision, cuts go out before
anything else, raises follow, leases that are two thirds over are written again. A limit counts once the
station has acknowledged it; whether it was obeyed the law sees in the meters. The controller decides nothing
itself.

When it starts it knows nothing, and every EVSE is reserved at its maximum until its station has proven its
base profile.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Coroutine
from datetime import datetime
from typing import Any, Protocol

import msgspec

from ..bus import Bus
from ..clock import Clock
from ..control import lease as leases
from ..control.check import reservation_excess
from ..control.law import step
from ..control.state import START
from ..control.types import CircuitState, Decision, Grant, Snapshot
from ..csms.vocabulary import Command, Outcome, Profile, SchedulePeriod, SetProfile
from ..model.events import (
    CircuitMetered,
    ConnectorChanged,
    MeterSampled,
    StationBooted,
    StationConnected,
    StationDisconnected,
    TransactionChanged,
)
from ..model.live import SiteHistory, SiteView
from ..model.phases import PerPhase
from ..model.site import EvseKey, LimitSource, Site, Strategy
from .commissioning import LEASE_ID, Commissioning, in_station_unit
from .history import PowerHistory
from .knowledge import LiveEvse
from .records import SiteRecords
from .view import Wiring, site_view

log = logging.getLogger(__name__)

TICK_S = 1.0
LIMIT_TIMEOUT_S = 10.0
"""Site time for a station to answer a limit (control law, section 4)."""

SETUP_TIMEOUT_S = 30.0
RETRY_SETUP_S = 60.0
SAMPLE_INTERVAL_S = 10.0
NOTIFY_WALL_S = 0.5


class Commander(Protocol):
    """Who sends commands to stations (`csms.service.Csms`)."""

    async def command(
        self,
        operator_id: str,
        station_id: str,
        command: Command,
        actor: str,
        timeout_s: float = 30.0,
        *,
        front: bool = False,
    ) -> Outcome: ...


class SiteFigures(msgspec.Struct):
    """What the controller counted: for the demo's verdict and the metrics."""

    ticks: int = 0
    limits_sent: int = 0
    renewals_sent: int = 0
    limits_refused: int = 0
    limits_unanswered: int = 0
    reservations_over: int = 0
    worst_reservation_a: float = 0.0


class SiteController:
    """Runs one site (`run`), and takes the wishes of people (`api.context.SiteRuntime`)."""

    def __init__(
        self,
        site: Site,
        commander: Commander,
        records: SiteRecords,
        bus: Bus,
        clock: Clock,
        *,
        demo: bool = False,
    ) -> None:
        self._site = site
        self._commander = commander
        self._records = records
        self._clock = clock
        self._demo = demo
        self._evses = {evse.key: LiveEvse(evse, site) for evse in site.evses}
        self._wiring = Wiring(site)
        self._metered: dict[str, tuple[PerPhase, float]] = {}
        self._limits: dict[str, dict[str, LimitSource]] = {
            circuit.circuit_id: {} for circuit in site.circuits
        }
        self._state = START
        self._decision: Decision | None = None
        self._history = PowerHistory(
            site.site_id,
            [(live.evse.station_id, live.evse.evse_id, live.evse.label) for live in self._evses.values()],
        )
        self._wake = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._setups: dict[str, asyncio.Task[None]] = {}
        self._watchers: list[Callable[[], None]] = []
        self.figures = SiteFigures()
        self.on_decision: Callable[[Snapshot, Decision], None] | None = None
        self._subscriptions = [
            bus.subscribe(StationConnected, self._connected),
            bus.subscribe(StationBooted, self._booted),
            bus.subscribe(StationDisconnected, self._disconnected),
            bus.subscribe(ConnectorChanged, self._connector_changed),
            bus.subscribe(TransactionChanged, self._transaction_changed),
            bus.subscribe(MeterSampled, self._sampled),
            bus.subscribe(CircuitMetered, self._circuit_metered),
        ]

    @property
    def site(self) -> Site:
        return self._site

    # ------------------------------------------------------------ running

    async def run(self) -> None:
        """Tick until cancelled."""
        for circuit_id, sources in (await self._records.limits()).items():
            if circuit_id in self._limits:
                self._limits[circuit_id] = {source.source: source for source in sources}
        notifier = asyncio.ensure_future(self._notify())
        try:
            while True:
                self.tick()
                await self._next_tick()
        finally:
            for end in self._subscriptions:
                end()
            for task in (notifier, *self._tasks, *self._setups.values()):
                task.cancel()

    async def _next_tick(self) -> None:
        """A second of site time, or less when something has changed that the law should see at once."""
        self._wake.clear()
        with contextlib.suppress(TimeoutError):
            await self._clock.wait_for(self._wake.wait(), TICK_S)

    def tick(self) -> None:
        """One step of the law, and what follows from it."""
        at = self._clock.monotonic()
        snapshot = self._snapshot(at)
        self._state, decision = step(self._state, snapshot)
        self._decision = decision
        self.figures.ticks += 1
        self._check(snapshot, decision)
        for grant in decision.cuts:
            self._send(grant, at, front=True)
        for grant in decision.raises:
            self._send(grant, at)
        self._renew(at)
        if self._history.due(self._clock.time()) and self._is_metered():
            self._history.record(self._clock.time(), self.view())
        if self.on_decision is not None:
            self.on_decision(snapshot, decision)

    def _snapshot(self, at: float) -> Snapshot:
        now = self._clock.now()
        circuits = {}
        for circuit in self._site.circuits:
            metered = self._metered.get(circuit.circuit_id)
            circuits[circuit.circuit_id] = CircuitState(
                circuit_id=circuit.circuit_id,
                limits=tuple(self._limits[circuit.circuit_id].values()),
                metered_a=metered[0] if metered is not None else None,
                metered_at=metered[1] if metered is not None else None,
            )
        return Snapshot(
            site=self._site,
            circuits=circuits,
            evses={key: live.state(now, SAMPLE_INTERVAL_S) for key, live in self._evses.items()},
            at=at,
            epoch_s=self._clock.time(),
        )

    def _is_metered(self) -> bool:
        """Whether the past is worth keeping: a meter that hasn't told anything yet is no load."""
        root = self._site.root
        return root.meter is None or root.circuit_id in self._metered

    def _check(self, snapshot: Snapshot, decision: Decision) -> None:
        """Sums of what is promised must never exceed a limit; where they do, it is a fault of ours and
        counted. Only where reserves alone are too much (nothing that can be 0 is not) is it a state of the
        site: `overcommitted`, shown and not hidden.
        """
        for (circuit_id, phase), excess_a in reservation_excess(snapshot, decision).items():
            if (circuit_id, phase) not in decision.overcommitted:
                self.figures.reservations_over += 1
                self.figures.worst_reservation_a = max(self.figures.worst_reservation_a, excess_a)
                log.error("reservations on %s L%d exceed the limit by %.2f A", circuit_id, phase, excess_a)

    # ------------------------------------------------------------ limits out

    def _send(self, grant: Grant, at: float, *, front: bool = False) -> None:
        live = self._evses[grant.key]
        if live.inflight_a is not None or live.transaction is None or not live.online:
            # One limit of an EVSE is under way at a time; the law asks again with the next tick.
            return
        if not front and at < live.refused_until:
            return
        live.sent(grant.limit_a)
        self.figures.limits_sent += 1
        self._spawn(self._write(live, grant.limit_a, front))

    def _renew(self, at: float) -> None:
        for live in self._evses.values():
            due = live.renew_at is not None and at >= live.renew_at
            if due and live.committed_a is not None and live.inflight_a is None and at >= live.refused_until:
                if live.transaction is None or not live.online:
                    continue
                live.sent(live.committed_a)
                self.figures.renewals_sent += 1
                self._spawn(self._write(live, live.committed_a, front=False))

    async def _write(self, live: LiveEvse, limit_a: float, front: bool) -> None:
        transaction = live.transaction
        assert transaction is not None
        evse = live.evse
        sent_at = self._clock.monotonic()
        promised = leases.Lease(
            limit_a=limit_a,
            safe_a=evse.safe_a,
            lease_s=self._site.lease_s,
            sent_at=sent_at,
            skew_s=live.skew_error_s,
        )
        profile = self._lease_profile(live, limit_a, transaction.station_transaction_id)
        outcome = await self._commander.command(
            self._site.operator_id,
            evse.station_id,
            SetProfile(evse_id=evse.evse_id, profile=profile),
            "controller",
            LIMIT_TIMEOUT_S,
            front=front,
        )
        if outcome.result == "timeout":
            self.figures.limits_unanswered += 1
        elif not outcome.accepted:
            self.figures.limits_refused += 1
        current = live.transaction
        if current is None or current.transaction_id != transaction.transaction_id:
            # The session ended meanwhile and took the profile with it.
            live.inflight_a = None
        else:
            live.answered(
                limit_a,
                outcome,
                self._clock.monotonic(),
                leases.expires_at(promised),
                leases.renew_at(promised),
            )
        self._wake.set()

    def _lease_profile(self, live: LiveEvse, limit_a: float, station_transaction_id: str) -> Profile:
        evse = live.evse
        station_clock_s = self._clock.time() + live.skew_s
        steps = leases.periods(limit_a, evse.safe_a, self._site.lease_s)
        unit = in_station_unit(evse, limit_a, self._site.voltage_v)[0]
        return Profile(
            profile_id=LEASE_ID + evse.evse_id,
            stack_level=1,
            purpose="TxProfile",
            kind="Absolute",
            unit="A" if unit == "A" else "W",
            periods=tuple(
                SchedulePeriod(
                    start_s=period.start_s,
                    limit=in_station_unit(evse, period.limit_a, self._site.voltage_v)[1],
                )
                for period in steps
            ),
            start=datetime.fromtimestamp(leases.start_s(station_clock_s), self._clock.now().tzinfo),
            station_transaction_id=station_transaction_id,
        )

    # ------------------------------------------------------------ stations come and go

    def _of_station(self, station_id: str) -> list[LiveEvse]:
        return [live for live in self._evses.values() if live.evse.station_id == station_id]

    def _connected(self, event: StationConnected) -> None:
        affected = self._of_station(event.station_id)
        for live in affected:
            live.connected(event.version)
        if affected:
            self._set_up(event.station_id, install=not self._records.commissioned(event.station_id))
            self._wake.set()

    def _booted(self, event: StationBooted) -> None:
        affected = self._of_station(event.station_id)
        for live in affected:
            live.vendor = event.info.vendor
            live.proven = False
        if affected:
            self._set_up(event.station_id, install=True)

    def _disconnected(self, event: StationDisconnected) -> None:
        for live in self._of_station(event.station_id):
            live.disconnected()
            self._wake.set()
        setup = self._setups.pop(event.station_id, None)
        if setup is not None:
            setup.cancel()

    def _set_up(self, station_id: str, *, install: bool) -> None:
        running = self._setups.pop(station_id, None)
        if running is not None:
            running.cancel()
        self._setups[station_id] = asyncio.ensure_future(self._commission(station_id, install=install))

    async def _commission(self, station_id: str, *, install: bool) -> None:
        """Install and read back until the station is proven; each failure is tried again after a minute."""
        evses = self._of_station(station_id)

        async def send(command: Command) -> Outcome:
            return await self._commander.command(
                self._site.operator_id, station_id, command, "controller", SETUP_TIMEOUT_S
            )

        work = Commissioning([live.evse for live in evses], self._site.voltage_v, send)
        while True:
            if install and not await work.install():
                log.warning("%s does not take its base profiles: its maximum stays reserved", station_id)
                await self._clock.sleep(RETRY_SETUP_S)
                continue
            self._records.mark_commissioned(station_id)
            for live in evses:
                if live.proven:
                    continue
                if live.transaction is not None and live.committed_a is None and live.inflight_a is None:
                    # After a restart of ours nobody knows what it was promised: it is told to be safe first.
                    live.sent(live.evse.safe_a)
                    await self._write(live, live.evse.safe_a, front=True)
                held_a = (
                    live.committed_a if live.committed_a is not None and live.transaction is not None else 0.0
                )
                live.proven = await work.read_back(live.evse, max(live.evse.safe_a, held_a))
                self._wake.set()
            if all(live.proven for live in evses):
                return
            install = True
            await self._clock.sleep(RETRY_SETUP_S)

    # ------------------------------------------------------------ what stations and meters tell

    def _connector_changed(self, event: ConnectorChanged) -> None:
        live = self._evses.get((event.station_id, event.evse_id))
        if live is not None:
            live.status = event.status
            self._wake.set()

    def _transaction_changed(self, event: TransactionChanged) -> None:
        live = self._evses.get((event.station_id, event.evse_id))
        if live is None:
            return
        known = live.transaction
        live.transaction_changed(event)
        if known is None and live.transaction is not None:
            self._spawn(self._recall(live, event.transaction_id))
        self._wake.set()

    async def _recall(self, live: LiveEvse, transaction_id: str) -> None:
        """What people wanted of this session before a restart of ours."""
        wishes = await self._records.wishes(transaction_id)
        current = live.transaction
        if wishes is not None and current is not None and current.transaction_id == transaction_id:
            live.boosted, live.paused = wishes.boosted, wishes.paused
            live.need_wh, live.departure = wishes.need_wh, wishes.departure

    def _sampled(self, event: MeterSampled) -> None:
        live = self._evses.get((event.station_id, event.evse_id))
        if live is not None:
            live.sampled(event, self._clock.monotonic())

    def _circuit_metered(self, event: CircuitMetered) -> None:
        if event.site_id == self._site.site_id and event.circuit_id in self._limits:
            age_s = max(0.0, self._clock.time() - event.at.timestamp())
            self._metered[event.circuit_id] = (event.current_a, self._clock.monotonic() - age_s)

    def record_meter(self, circuit_id: str, current_a: PerPhase, at: datetime) -> None:
        """A reading that somebody pushes. LookupError for a circuit that the site doesn't have."""
        self._circuit(circuit_id)
        self._circuit_metered(
            CircuitMetered(site_id=self._site.site_id, circuit_id=circuit_id, current_a=current_a, at=at)
        )

    # ------------------------------------------------------------ what people want

    async def set_limit(
        self,
        circuit_id: str,
        limit_a: float,
        source: str,
        valid_until: datetime | None,
        fallback_a: float | None,
        actor: str,
    ) -> None:
        """Put `source`'s limit on a circuit; in force with the tick that follows at once."""
        self._circuit(circuit_id)
        limit = LimitSource(
            limit_a=limit_a,
            source=source,
            valid_until=valid_until.timestamp() if valid_until is not None else None,
            fallback_a=fallback_a,
        )
        await self._records.set_limit(circuit_id, limit, actor)
        self._limits[circuit_id][source] = limit
        self._wake.set()

    async def withdraw_limit(self, circuit_id: str, source: str, actor: str) -> None:
        """Take `source`'s limit away. LookupError where there is none."""
        self._circuit(circuit_id)
        if source not in self._limits[circuit_id]:
            known = ", ".join(sorted(self._limits[circuit_id])) or "none"
            raise LookupError(f"circuit {circuit_id!r} has no limit of {source!r}; it has {known}")
        await self._records.withdraw_limit(circuit_id, source, actor)
        self._limits[circuit_id].pop(source, None)
        self._wake.set()

    async def set_strategy(self, strategy: Strategy, actor: str) -> None:
        """Follow another strategy."""
        await self._records.set_strategy(strategy, actor)
        self._site = msgspec.structs.replace(self._site, strategy=strategy)
        self._wake.set()

    async def boost(self, evse_key: EvseKey, on: bool, actor: str) -> None:
        """Let the session go before the others."""
        live, transaction = self._session(evse_key)
        await self._records.set_wish(transaction.transaction_id, "boost", on, actor)
        live.boosted = on
        self._wake.set()

    async def pause(self, evse_key: EvseKey, on: bool, actor: str) -> None:
        """Hold the session at zero."""
        live, transaction = self._session(evse_key)
        await self._records.set_wish(transaction.transaction_id, "pause", on, actor)
        live.paused = on
        self._wake.set()

    async def declare_need(
        self, evse_key: EvseKey, need_wh: float | None, departure: datetime | None, actor: str
    ) -> None:
        """What the driver needs, and by when."""
        live, transaction = self._session(evse_key)
        await self._records.set_need(transaction.transaction_id, need_wh, departure, actor)
        live.need_wh, live.departure = need_wh, departure
        self._wake.set()

    def _session(self, evse_key: EvseKey) -> tuple[LiveEvse, TransactionChanged]:
        live = self._evses.get(evse_key)
        if live is None:
            raise LookupError(
                f"site {self._site.site_id!r} has no EVSE {evse_key[1]} at station {evse_key[0]!r}"
            )
        if live.transaction is None:
            raise ValueError(f"nothing charges at EVSE {evse_key[1]} of station {evse_key[0]!r}")
        return live, live.transaction

    def _circuit(self, circuit_id: str) -> None:
        if circuit_id not in self._limits:
            known = ", ".join(self._limits)
            raise LookupError(f"site {self._site.site_id!r} has no circuit {circuit_id!r}; it has {known}")

    # ------------------------------------------------------------ what people see

    def view(self) -> SiteView:
        """The site now."""
        if self._decision is None:
            self._state, self._decision = step(self._state, self._snapshot(self._clock.monotonic()))
        return site_view(
            self._site,
            self._wiring,
            self._evses,
            self._decision,
            {circuit_id: reading[0] for circuit_id, reading in self._metered.items()},
            self._clock.monotonic(),
            self._clock.now(),
            self._clock.speed,
            self._demo,
        )

    def limit_a(self, circuit_id: str) -> float:
        """A circuit's effective limit as of the last tick; its rating before the first."""
        if self._decision is not None:
            return self._decision.circuits[circuit_id].limit_a
        return next(c.rating_a for c in self._site.circuits if c.circuit_id == circuit_id)

    async def history(self, start: datetime, end: datetime) -> SiteHistory:
        """Power from `start` to `end`."""
        return self._history.between(start.timestamp(), end.timestamp())

    def on_change(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call `callback` whenever the view may tell something new, at most twice a wall second."""
        self._watchers.append(callback)

        def end() -> None:
            if callback in self._watchers:
                self._watchers.remove(callback)

        return end

    async def _notify(self) -> None:
        while True:
            await asyncio.sleep(NOTIFY_WALL_S)
            for watcher in tuple(self._watchers):
                watcher()

    def _spawn(self, work: Coroutine[Any, Any, None] | Awaitable[None]) -> None:
        task: asyncio.Task[None] = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
