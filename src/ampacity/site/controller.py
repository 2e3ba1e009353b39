"""The site at work: events in, the law each second, limits out as leases.

One tick: what is known (`live_site`) becomes a snapshot, the law turns it into a decision, cuts go out before
anything else, raises follow, leases that are two thirds over are written again (`limits_out`). The controller
decides nothing itself.

When it starts it knows nothing, and every EVSE is reserved at its maximum until its station has proven its
base profile (`introductions`).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from msgspec import structs

from ..bus import Bus
from ..clock import Clock
from ..control import allocate
from ..control.check import reservation_excess
from ..control.law import step
from ..control.state import START
from ..control.types import Decision, Snapshot
from ..model.events import (
    CircuitMetered,
    CircuitMeterFailed,
    ConnectorChanged,
    MeterSampled,
    TransactionChanged,
)
from ..model.live import SiteHistory, SiteView
from ..model.site import Site
from ..store import StoreError
from .assessment import Assessor
from .desk import Desk
from .devices import SiteDevices
from .devices.stops import Stops
from .drawn import cars_a
from .goals import GoalKeeper
from .groups.membership import SiteMembership
from .history import PowerHistory
from .introductions import Introductions
from .knowledge import LiveEvse
from .limits_out import LimitWriter
from .live_site import Commander, LiveSite, SiteFigures
from .meters.running import SiteMeters
from .orders import Orders
from .phase_switches import PhaseSwitches
from .prover import Prover
from .rebuilding import Builder
from .records import SiteRecords
from .safe import Safe
from .shares import Shares
from .silent_meters import SilentMeters
from .steps import Steps
from .tariff import Tariff
from .verification import Verifier
from .view import site_view

log = logging.getLogger(__name__)

TICK_S = 1.0
REST = 4.0
"""Times the length of a turn: no more than a fifth of the time is spent on what may wait a little."""
NOTIFY_WALL_S = 0.5

LARGE_SITE = 200
"""From so many EVSEs on, compiling the law's sharing is worth its seconds and memory."""


WATCHDOG_S = 10.0


class ControllerStalled(RuntimeError):
    """The law of a site has not been asked for too long."""

    def __init__(self, site_id: str, silent_s: float) -> None:
        super().__init__(
            f"the controller of site {site_id!r} has stood still for {silent_s:.0f} s: the node ends, "
            "and has to be started again"
        )
        self.site_id = site_id
        self.silent_s = silent_s


class SiteController(Desk):
    """Runs one site (`run`), and takes the wishes of people (`Desk`); the API's `SiteRuntime`."""

    def __init__(
        self,
        site: Site,
        commander: Commander,
        records: SiteRecords,
        bus: Bus,
        clock: Clock,
        *,
        demo: bool = False,
        safe: Safe | None = None,
        meter_maps: Path | None = None,
        tariff: Tariff | None = None,
        holder: str = "this program",
    ) -> None:
        live_site = LiveSite(site, clock)
        safe = safe or Safe(None)
        meters = SiteMeters(
            lambda: live_site.site,
            lambda circuit_id: cars_a(
                live_site.wiring, live_site.evses.values(), circuit_id, clock.monotonic()
            ),
            clock,
            bus,
            safe,
            meter_maps,
        )
        self._writer = LimitWriter(live_site, commander)
        self._verifier = Verifier(live_site, commander, self._writer, records)
        self._orders = Orders(live_site, commander, records)
        self._goals = GoalKeeper(live_site, commander, records, tariff or Tariff())
        prover = Prover(live_site, commander, self._writer, records)
        devices = SiteDevices(site.devices, clock, records, holder, meter_maps)
        live_site.device_states = devices.states
        self._stops = Stops(live_site, devices, records)
        super().__init__(
            live_site, records, self._verifier, prover, self._orders, meters, safe, self._goals, devices
        )
        self._shares = Shares(live_site, records)
        self._switches = PhaseSwitches(live_site, commander, self._writer)
        for key, live in live_site.evses.items():
            if records.phases.get(key) == 1:
                live.switched_to(1)
        self._clock = clock
        self._demo = demo
        self._state = START
        self._decision: Decision | None = None
        self._ticked_at = clock.monotonic()
        self._history = PowerHistory(site.site_id, _labels(site))
        self.assessor = Assessor(live_site, records, prover, self._history.between)
        self._watchers: list[Callable[[], None]] = []
        self._log = records.decision_log(clock)
        self.on_decision: Callable[[Snapshot, Decision], None] | None = None
        self.parent: SiteMembership | None = None
        """Where the site shares a supply with others."""
        self._silent = SilentMeters(live_site, records)
        self.introductions = Introductions(live_site, commander, self._writer, records, prover, bus)
        self.builder = Builder(
            live_site,
            records,
            commander,
            self.introductions,
            self.assessor,
            prover,
            meters,
            devices,
            safe,
            self._rebuilt,
        )
        self._subscriptions = [
            bus.subscribe(ConnectorChanged, self._connector_changed),
            bus.subscribe(TransactionChanged, self._transaction_changed),
            bus.subscribe(MeterSampled, self._sampled),
            bus.subscribe(CircuitMetered, self.circuit_metered),
            bus.subscribe(CircuitMeterFailed, self.circuit_meter_failed),
            # After ours: whoever proves a station has to know its sessions.
            *self.introductions.subscriptions,
            # After ours: they are kept there.
            *(steps := Steps(live_site, bus)).subscriptions,
        ]
        self._steps = steps

    @property
    def figures(self) -> SiteFigures:
        """What was counted so far."""
        return self._live.figures

    @property
    def live_site(self) -> LiveSite:
        """What is known of the site now."""
        return self._live

    def _rebuilt(self) -> None:
        """What was decided is of a site that is no more."""
        self._steps.forget()
        self._decision = None
        self._history.follow(_labels(self.site))

    # ------------------------------------------------------------ running

    async def run(self) -> None:
        """Tick until cancelled. A failure in anything that belongs to the site ends it: a controller that is
        half dead must not keep leases alive.
        """
        for circuit_id, sources in (await self._records.limits()).items():
            if circuit_id in self._live.limits:
                # What somebody has set meanwhile is newer.
                known = {source.source: source for source in sources}
                self._live.limits[circuit_id] = known | self._live.limits[circuit_id]
        self._live.run_beside(self._notify())
        self._live.run_beside(self._log.run())
        self._live.run_beside(self.devices.run())
        if len(self.site.evses) >= LARGE_SITE:
            self._live.run_beside(_share_faster())
        try:
            while True:
                self._live.check_errands()
                began = self._clock.monotonic()
                snapshot, decision = self._decide()
                self._live.woken.clear()
                self._live.hurried.clear()
                try:
                    # Cuts are on their way before anything else is done with the decision.
                    await asyncio.sleep(0)
                finally:
                    woken = self._live.woken.is_set()
                    self._follow(snapshot, decision)
                    if not woken:
                        # What follows from a decision is no reason for the next one.
                        self._live.woken.clear()
                        self._live.hurried.clear()
                await self._next_tick(began)
        finally:
            for end in self._subscriptions:
                end()
            await self._live.end_errands()
            await self._log.close()

    async def _next_tick(self, began: float) -> None:
        """A second of site time, or less when something has changed that the law should see; after a rest in
        proportion to the last turn, but for what can't wait.
        """
        live, now = self._live, self._clock.monotonic()
        rested = now + REST * (now - began)
        with contextlib.suppress(TimeoutError):
            await self._clock.wait_for(live.woken.wait(), TICK_S)
        left_s = min(rested, now + TICK_S) - self._clock.monotonic()
        if left_s > 0 and not live.hurried.is_set():
            with contextlib.suppress(TimeoutError):
                await self._clock.wait_for(live.hurried.wait(), left_s)

    async def watch(self) -> None:
        """Run until cancelled, and fail where the law stands still for `WATCHDOG_S` although the process
        does not: who started it ends everything and starts anew, with every EVSE reserved until it has
        reported. Until then the stations' own leases run out.
        """
        self._ticked_at = self._clock.monotonic()
        while True:
            ticks = self.figures.ticks
            # Twice: after the whole process stood still, the law is as late as this is, and goes on.
            for _ in range(2):
                await self._clock.sleep(WATCHDOG_S / 2.0)
            # Before its first tick it keeps no lease alive.
            if ticks and self.figures.ticks == ticks:
                silent_s = self._clock.monotonic() - self._ticked_at
                raise ControllerStalled(self.site.site_id, silent_s)

    def tick(self) -> None:
        """One turn of the law, and all that follows from it, at once."""
        self._follow(*self._decide())

    def _decide(self) -> tuple[Snapshot, Decision]:
        """Ask the law, and send what it answers."""
        at = self._ticked_at = self._clock.monotonic()
        self._goals.follow(at)
        if self.parent is not None:
            self.parent.limit(at)
        snapshot = self._live.snapshot(at)
        self._state, decision = step(self._state, snapshot)
        self._decision = decision
        self.figures.ticks += 1
        for grant in decision.cuts:
            self._writer.cut(grant, at, urgent=decision.overloaded)
        for grant in decision.raises:
            self._writer.lift(grant, at)
        self.figures.decided_s = self._clock.monotonic() - at
        return snapshot, decision

    def _follow(self, snapshot: Snapshot, decision: Decision) -> None:
        """Everything else that a decision is for: the site goes on by it, is checked, shown and kept."""
        at = decision.at
        self._live.full_a = {
            circuit_id: ledger.limit_a - ledger.margin_a
            for circuit_id, ledger in decision.circuits.items()
            if ledger.meter_state != "none"
        }
        self.devices.follow(decision.commands)
        self._writer.renew(at)
        self._check(snapshot, decision)
        self._verifier.look(at, decision)
        self._silent.look(at)
        self._orders.look(at)
        self._stops.look(at, decision.commands)
        if self._history.due(self._clock.time()) and self._is_metered():
            self._history.record(self._clock.time(), self.view())
        self._shares.follow(decision, at)
        self._switches.follow(self._state.topology, decision, at)
        self._log.note(snapshot, decision)
        if self.parent is not None and self._state.topology is not None:
            self.parent.decided(snapshot, decision, self._state.topology)
        if self.on_decision is not None:
            self.on_decision(snapshot, decision)

    def _is_metered(self) -> bool:
        """Whether the past is worth keeping: a meter that hasn't told anything yet is no load."""
        root = self.site.root
        return root.meter is None or root.circuit_id in self._live.metered

    def _check(self, snapshot: Snapshot, decision: Decision) -> None:
        """Sums of what is promised must never exceed a limit; where they do, it is a fault of ours and
        counted. Only where reserves alone are too much (nothing that can be 0 is not) is it a state of the
        site: `overcommitted`, shown and not hidden. A site that nobody controls promises nothing.
        """
        if decision.strategy == "uncontrolled":
            return
        for (circuit_id, phase), excess_a in reservation_excess(
            snapshot, decision, self._state.topology
        ).items():
            if (circuit_id, phase) not in decision.overcommitted:
                self.figures.reservations_over += 1
                self.figures.worst_reservation_a = max(self.figures.worst_reservation_a, excess_a)
                log.error("reservations on %s L%d exceed the limit by %.2f A", circuit_id, phase, excess_a)

    # ------------------------------------------------------------ what stations tell

    def _connector_changed(self, event: ConnectorChanged) -> None:
        live = self._live.evses.get((event.station_id, event.evse_id))
        if live is not None:
            live.connector_changed(event.connector_id, event.status)
            self._live.wake_soon()

    def _transaction_changed(self, event: TransactionChanged) -> None:
        live = self._live.evses.get((event.station_id, event.evse_id))
        if live is None:
            return
        self._shares.told(event)
        live.transaction_changed(event)
        if live.transaction is not None and live.recalled != live.transaction.transaction_id:
            live.recalled = live.transaction.transaction_id
            self._live.run_beside(self._recall(live, live.transaction.transaction_id))
        self._live.wake_soon()

    async def _recall(self, live: LiveEvse, transaction_id: str) -> None:
        """What people wanted of this session before a restart of ours. Wishes don't concern safety: a store
        that can't be read is asked again with the session's next message.
        """
        told = -1
        wishes = None
        while told != live.wishes_told:
            # A wish that comes while the older ones are read must not be undone by them.
            told = live.wishes_told
            try:
                wishes = await self._records.wishes(transaction_id)
            except StoreError as problem:
                log.warning("wishes for %s can't be read: %s", transaction_id, problem)
                live.recalled = None
                return
        if wishes is not None and live.is_of(transaction_id):
            live.boosted, live.paused = wishes.boosted, wishes.paused
            live.need_wh, live.departure = wishes.need_wh, wishes.departure
            live.goals, live.goal_reached = wishes.goals, wishes.goal_reached
            self._live.wake()
        transaction = live.transaction
        if live.next_goals is not None and transaction is not None and live.is_of(transaction_id):
            await self._take_next_goals(live, transaction)

    def _sampled(self, event: MeterSampled) -> None:
        live = self._live.evses.get((event.station_id, event.evse_id))
        if live is not None:
            live.sampled(event, self._clock.monotonic())

    # ------------------------------------------------------------ what people see

    def view(self) -> SiteView:
        """The site now."""
        if self._decision is None:
            self._state, self._decision = step(self._state, self._live.snapshot(self._clock.monotonic()))
        view = site_view(
            self.site,
            self._live.wiring,
            self._live.evses,
            self._decision,
            {circuit_id: reading[0] for circuit_id, reading in self._live.metered.items()},
            self._live.meter_faults,
            self._clock.monotonic(),
            self._clock.now(),
            self._clock.speed,
            self._demo,
        )
        order = self._live.orders.get(self._live.mode)
        if order is None:
            return view
        return structs.replace(
            view,
            mode=self._live.mode,
            mode_reason=order.reason,
            mode_by=order.set_by,
            mode_since=order.set_at,
        )

    def limit_a(self, circuit_id: str) -> float:
        """A circuit's effective limit as of the last tick; its rating before the first."""
        if self._decision is not None:
            return self._decision.circuits[circuit_id].limit_a
        return next(c.rating_a for c in self.site.circuits if c.circuit_id == circuit_id)

    async def history(self, start: datetime, end: datetime) -> SiteHistory:
        """Power from `start` to `end`."""
        return self._history.between(start.timestamp(), end.timestamp())

    async def logged(self) -> None:
        """Return when the decision log holds what was decided until now. Raises StoreError."""
        await self._log.written()

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
                try:
                    watcher()
                except Exception:
                    # Who looks on must not stop the site.
                    log.exception("a watcher of site %s failed", self.site.site_id)


def _labels(site: Site) -> list[tuple[str, int, str]]:
    return [(evse.station_id, evse.evse_id, evse.label) for evse in site.evses]


async def _share_faster() -> None:
    """Compile the law's sharing beside the ticks, where that is possible; the site goes on without."""
    try:
        await asyncio.to_thread(allocate.prepare)
    except Exception:
        log.warning("the law's sharing can't be compiled: it goes on in numpy", exc_info=True)
