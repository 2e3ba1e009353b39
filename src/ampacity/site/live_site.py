"""What the controller's parts share: the site as it is configured, what is known of it now, and the work that
runs beside the ticks.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, Protocol

import msgspec
from msgspec import structs

from ..clock import Clock
from ..control.signals import SignalState
from ..control.thermal import Reading
from ..control.types import CircuitState, DeviceState, Snapshot
from ..csms.state import StationState
from ..csms.vocabulary import Command, Outcome
from ..model.events import CircuitMetered, CircuitMeterFailed, TransactionChanged
from ..model.phases import PerPhase
from ..model.protection import SiteMode
from ..model.site import EvseKey, LimitSource, SharingRules, Site, Strategy
from ..store.site_modes import ModeRow
from .knowledge import LiveEvse
from .wiring import Wiring

SAMPLE_INTERVAL_S = 10.0


class Commander(Protocol):
    """Who sends commands to stations (`csms.service.Csms`)."""

    def station(self, station_id: str) -> StationState | None:
        """What is known of a station."""
        ...

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

    def settle(self, site: Site, gone: Iterable[str]) -> None:
        """Know which stations stand at a site now; those that are `gone` stand nowhere."""
        ...


class SiteFigures(msgspec.Struct):
    """What the controller counted: for the demo's verdict and the metrics."""

    ticks: int = 0
    decided_s: float = 0.0
    """How long the last turn took from its start until its cuts were handed over."""
    limits_sent: int = 0
    renewals_sent: int = 0
    limits_refused: int = 0
    limits_unanswered: int = 0
    reservations_over: int = 0
    worst_reservation_a: float = 0.0


class LiveSite:
    """One site now. Whoever changes something that the law should see before its next second calls `wake` or
    `wake_soon`."""

    def __init__(self, site: Site, clock: Clock) -> None:
        # Limits live beside the site, where they can be changed and withdrawn: one that stayed in the circuit
        # as well would hold for ever.
        self.site = _bare(site)
        self.wiring = Wiring(self.site)
        self.clock = clock
        self.changing = asyncio.Lock()
        """Held by who changes the site's form: what is read of it before must still be so afterwards."""
        self.evses = {evse.key: LiveEvse(evse, site) for evse in site.evses}
        self._at_station = _by_station(self.evses)
        self.metered: dict[str, tuple[PerPhase, float]] = {}
        """By circuit: the last reading and its monotonic time."""
        self.told: dict[str, CircuitMetered] = {}
        """By circuit: all that its meter told then."""
        self.meter_faults: dict[str, CircuitMeterFailed] = {}
        """By circuit: why its meter's last word can't be used."""
        self.limits: dict[str, dict[str, LimitSource]] = {
            circuit.circuit_id: {limit.source: limit for limit in circuit.limits} for circuit in site.circuits
        }
        self.signals: dict[str, dict[str, SignalState]] = {c.circuit_id: {} for c in site.circuits}
        """By circuit and source: when its heartbeat and its limit were heard."""
        self.temperatures: dict[str, dict[str, Reading]] = {c.circuit_id: {} for c in site.circuits}
        """By circuit and sensor."""
        self.orders: dict[SiteMode, ModeRow] = {}
        """What people ordered of the whole site and holds."""
        self.device_states: Callable[[], dict[str, DeviceState]] = dict
        """How batteries, inverters and heat loads stand."""
        self.figures = SiteFigures()
        self.woken = asyncio.Event()
        self.hurried = asyncio.Event()
        self.full_a: dict[str, float] = {}
        """By metered circuit: its limit less the margin, as of the last turn of the law."""
        self._errands: set[asyncio.Task[Any]] = set()
        self._failure: BaseException | None = None

    def wake(self) -> None:
        """Have the law look at once."""
        self.hurried.set()
        self.woken.set()

    def wake_soon(self) -> None:
        """Have the law look before its next second, but not more often than it rests: for what stations tell,
        of which a thousand may come at a time.
        """
        self.woken.set()

    @property
    def mode(self) -> SiteMode:
        """The strictest of what people ordered."""
        return "stopped" if "stopped" in self.orders else "safe" if "safe" in self.orders else "normal"

    def at_station(self, station_id: str) -> list[LiveEvse]:
        """The EVSEs of a station."""
        return self._at_station.get(station_id, [])

    def follow(self, strategy: Strategy) -> None:
        """Share by another strategy from now on."""
        self.site = msgspec.structs.replace(self.site, strategy=strategy)
        self.wake()

    def share_by(self, rules: SharingRules) -> None:
        """Give what is scarce by other rules from now on."""
        self.site = msgspec.structs.replace(self.site, sharing=rules)
        self.wake()

    def rebuild(self, site: Site) -> list[str]:
        """Take another form. What stays keeps what is known of it; returns the stations that have to be
        looked at again: they hold other profiles than they should, or have EVSEs that are new here.
        """
        before, self.site = {c.circuit_id: c for c in self.site.circuits}, _bare(site)
        self.wiring = Wiring(self.site)
        circuits = {circuit.circuit_id: circuit for circuit in site.circuits}
        for circuit_id in before.keys() | circuits.keys():
            circuit = circuits.get(circuit_id)
            if circuit is None or circuit_id not in before or circuit.meter != before[circuit_id].meter:
                for kept in (self.metered, self.told, self.meter_faults):
                    kept.pop(circuit_id, None)
            for by_circuit in (self.limits, self.signals, self.temperatures):
                if circuit is None:
                    by_circuit.pop(circuit_id, None)
                else:
                    by_circuit.setdefault(circuit_id, {})
            if circuit is not None:
                self.limits[circuit_id] |= {limit.source: limit for limit in circuit.limits}
        anew: dict[str, None] = {}
        kept_evses, self.evses = self.evses, {}
        for evse in site.evses:
            live = kept_evses.get(evse.key)
            if live is None:
                live = LiveEvse(evse, site)
                anew[evse.station_id] = None
            elif live.rebuilt(evse, site.voltage_v):
                anew[evse.station_id] = None
            self.evses[evse.key] = live
        self._at_station = _by_station(self.evses)
        # A station that has lost an EVSE has another rating.
        return list(anew | {station_id: None for station_id, _ in kept_evses.keys() - self.evses.keys()})

    def snapshot(self, at: float) -> Snapshot:
        """As the law sees it."""
        now = self.clock.now()
        circuits = {}
        for circuit in self.site.circuits:
            reading, told = self.metered.get(circuit.circuit_id), self.told.get(circuit.circuit_id)
            circuits[circuit.circuit_id] = CircuitState(
                circuit_id=circuit.circuit_id,
                limits=tuple(self.limits[circuit.circuit_id].values()),
                metered_a=reading[0] if reading is not None else None,
                metered_at=reading[1] if reading is not None else None,
                metered_w=told.power_w if told is not None else None,
                signals=dict(self.signals[circuit.circuit_id]),
                temperatures=dict(self.temperatures[circuit.circuit_id]),
            )
        return Snapshot(
            site=self.site,
            circuits=circuits,
            evses={key: live.state(now, at, SAMPLE_INTERVAL_S) for key, live in self.evses.items()},
            at=at,
            epoch_s=self.clock.time(),
            mode=self.mode,
            stop_generation="stopped" in self.orders and self.orders["stopped"].stop_generation,
            devices=self.device_states(),
        )

    # ------------------------------------------------------------ what people name

    def check_circuit(self, circuit_id: str) -> None:
        """LookupError for a circuit that the site doesn't have."""
        if circuit_id not in self.limits:
            known = ", ".join(self.limits)
            raise LookupError(f"site {self.site.site_id!r} has no circuit {circuit_id!r}; it has {known}")

    def evse(self, key: EvseKey) -> LiveEvse:
        """One EVSE; LookupError for an unknown one."""
        live = self.evses.get(key)
        if live is None:
            raise LookupError(f"site {self.site.site_id!r} has no EVSE {key[1]} at station {key[0]!r}")
        return live

    def session(self, key: EvseKey) -> tuple[LiveEvse, TransactionChanged]:
        """An EVSE with its car. LookupError for an unknown EVSE, ValueError where nothing charges."""
        live = self.evse(key)
        if live.transaction is None:
            raise ValueError(f"nothing charges at EVSE {key[1]} of station {key[0]!r}")
        return live, live.transaction

    # ------------------------------------------------------------ errands

    def run_beside(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run `work` beside the ticks. Its failure is the controller's and ends the site."""
        task = asyncio.ensure_future(work)
        self._errands.add(task)
        task.add_done_callback(self._errand_ended)
        return task

    def _errand_ended(self, task: asyncio.Task[Any]) -> None:
        self._errands.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self._failure = self._failure or task.exception()
            self.wake()

    def check_errands(self) -> None:
        """Raise what an errand has failed with."""
        if self._failure is not None:
            raise self._failure

    async def end_errands(self) -> None:
        """Cancel what still runs beside, and wait for it."""
        errands = tuple(self._errands)
        for task in errands:
            task.cancel()
        await asyncio.gather(*errands, return_exceptions=True)


def _bare(site: Site) -> Site:
    """Without the limits of its circuits."""
    circuits = tuple(structs.replace(circuit, limits=()) for circuit in site.circuits)
    return structs.replace(site, circuits=circuits)


def _by_station(evses: dict[EvseKey, LiveEvse]) -> dict[str, list[LiveEvse]]:
    found: dict[str, list[LiveEvse]] = {}
    for (station_id, _), live in evses.items():
        found.setdefault(station_id, []).append(live)
    return found
